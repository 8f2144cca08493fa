/* Which operators on vectors, other than FULLY_CONNECTED, run on the Edge TPU. */
#include "compiler/numerics.h"
#include "compiler/rule.h"
#include "compiler/operators.h"

enum {
    SOFTMAX_LIMIT = 32768, /* elements: their 16-bit numbers are walked by loops of 14 bits (emit_softmax.c) */
    PIXEL_SOFTMAX_LIMIT = 1024, /* channels of an image: of a matrix that repeats the largest */
    NORM_LIMIT = 16384, /* loops of 14 bits; their squares' sum has 31 bits */
    JOIN_LIMIT = 1 << 16,  /* elements of a vector, as everywhere */
    SELECT_LIMIT = 1024,   /* elements that are moved one by one, by a matrix of at most 4 bytes for each pair */
};

/* Narrow words of the largest tile while its pixels are normalised: x, what the step reads and what it makes, all with
 * 16 bits, and what each pixel has beside (emit_pixel_norm.c). */
static int64_t pixel_norm_words(const struct shape4 *s)
{
    enum { BESIDE = 7 };
    struct grid g = grid_of(s->y, s->x, s->z);
    return grid_words(&g) / g.words * (5LL * g.words + BESIDE);
}

static struct verdict too_large(const struct support *s, uint32_t op, const struct tfl_tensor *in,
                                const struct shape4 *shape)
{
    return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) takes %lld bytes of a tile, %d are there: "
                  "normalise it before it is resized, or less of it", op_name(s, op), in->name,
                  tfl_shape_text(s->arena, in), 4 * (long long)pixel_norm_words(shape), 4 * NARROW_WORDS);
}

struct verdict support_softmax(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    bool vector = is_pixel(in);
    int64_t n = in->rank ? in->shape[in->rank - 1] : 1, most = vector ? SOFTMAX_LIMIT : PIXEL_SOFTMAX_LIMIT;
    struct shape4 shape;
    if (in->rank == 0 || !shape4_of(in, &shape) || (vector && !s->made_flat[o->inputs[0]]))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) is neither a vector nor an image", op_name(s, op),
                      in->name, tfl_shape_text(s->arena, in));
    if (!vector && s->form[o->inputs[0]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) lies on the chip as a vector; this version "
                      "normalises the pixels of images", op_name(s, op), in->name, tfl_shape_text(s->arena, in));
    if (!vector && pixel_norm_words(&shape) > NARROW_WORDS)
        return too_large(s, op, in, &shape);
    if (n > most)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %lld elements; %lld are possible", op_name(s, op), (long long)n,
                      (long long)most);
    if (out->quant.scale[0] != 1.0f / 256 || unsigned_zero_point(out) != 0)
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: output \"%s\" has scale %g and zero point %lld; TFLite's SOFTMAX has 1/256 and the "
                      "lowest value",
                      op_name(s, op), out->name, (double)out->quant.scale[0], (long long)out->quant.zero_point[0]);
    return MAPPED;
}

struct verdict support_l2_norm(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    struct shape4 shape;
    bool vector = is_pixel(in);
    if (in->data.size || in->rank == 0 || !shape4_of(in, &shape) || tfl_elements(in) != tfl_elements(out) ||
        (vector && !s->made_flat[o->inputs[0]]))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) is neither a vector nor an image", op_name(s, op),
                      in->name, tfl_shape_text(s->arena, in));
    if (!vector && s->form[o->inputs[0]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) lies on the chip as a vector; this version "
                      "normalises the pixels of images", op_name(s, op), in->name, tfl_shape_text(s->arena, in));
    if (shape.z > NORM_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) has %d channels; %d are possible", op_name(s, op),
                      in->name, tfl_shape_text(s->arena, in), shape.z, NORM_LIMIT);
    if (pixel_norm_words(&shape) > NARROW_WORDS)
        return too_large(s, op, in, &shape);
    return MAPPED;
}

struct verdict support_concatenation(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    int64_t n = tfl_elements(out);
    bool words = true;
    if (o->options.concatenation.activation != TFL_ACT_NONE)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)o->options.concatenation.activation);
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        const struct tfl_tensor *t = op_input(s->graph->source, o, k);
        if (t->data.size)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" is a constant", op_name(s, op), t->name);
        if (!same_numbers(t, out))
            return REFUSE(s, SUPPORT_LIMITATION,
                          "%s: input \"%s\" has another scale or zero point than the output; requantise it first",
                          op_name(s, op), t->name);
        if (t->rank == 0 || tfl_elements(t) != t->shape[t->rank - 1] || !s->made_flat[o->inputs[k]])
            return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) is not one vector; this version joins vectors",
                          op_name(s, op), t->name, tfl_shape_text(s->arena, t));
        words = words && (k + 1 == o->n_inputs || tfl_elements(t) % 4 == 0);
    }
    if (out->shape[out->rank - 1] != n)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: output \"%s\" (%s) is not one vector", op_name(s, op), out->name,
                      tfl_shape_text(s->arena, out));
    if (n > (words ? JOIN_LIMIT : SELECT_LIMIT))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %lld elements; %d are possible, %d where a part is no multiple of 4",
                      op_name(s, op), (long long)n, JOIN_LIMIT, SELECT_LIMIT);
    return MAPPED;
}

/* Which operators work on elements one by one: on images and on vectors. */
#include "compiler/numerics.h"
#include "compiler/rule.h"
#include "compiler/operators.h"

enum { FILL_LIMIT = 1024 /* channels of a constant operand: an instruction for four of them */ };

static bool known_activation(enum tfl_activation act)
{
    return act == TFL_ACT_NONE || act == TFL_ACT_RELU || act == TFL_ACT_RELU6 || act == TFL_ACT_RELU_N1_TO_1;
}

static bool same_shape(const struct tfl_tensor *a, const struct tfl_tensor *b)
{
    struct shape4 x, y;
    return shape4_of(a, &x) && shape4_of(b, &y) && x.n == y.n && x.y == y.y && x.x == y.x && x.z == y.z;
}

/* The operand is as large as the result, or is repeated along channels, or along rows and columns, or along all. */
static bool repeats(const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    struct shape4 x, y;
    return shape4_of(t, &x) && shape4_of(out, &y) && x.n == 1 && y.n == 1 && (x.z == y.z || x.z == 1) &&
           ((x.y == y.y && x.x == y.x) || (x.y == 1 && x.x == 1));
}

/* A repeated operand may lie anyhow if it is a pixel; all others are images if one is. */
static struct verdict variable_operand(const struct support *s, uint32_t op, uint32_t k, const struct tfl_tensor *out)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *t = op_input(s->graph->source, o, k), *other = op_input(s->graph->source, o, 1 - k);
    if (!repeats(t, out))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: input \"%s\" (%s) is repeated to %s; this version repeats one value or one pixel for all, or "
                      "one channel for all",
                      op_name(s, op), t->name, tfl_shape_text(s->arena, t), tfl_shape_text(s->arena, out));
    if (other->data.size && !same_shape(t, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) is repeated for the constant \"%s\" (%s); this "
                      "version repeats constants only", op_name(s, op), t->name, tfl_shape_text(s->arena, t),
                      other->name, tfl_shape_text(s->arena, other));
    bool beside_repeated = !same_shape(t, out) || (other->data.size == 0 && !same_shape(other, out));
    if (beside_repeated && !is_pixel(out) && !is_pixel(t) && s->form[o->inputs[k]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) lies on the chip as a vector, where this version "
                      "repeats nothing", op_name(s, op), t->name, tfl_shape_text(s->arena, t));
    return MAPPED;
}

/* One value, or one for each channel. */
static struct verdict constant_operand(const struct support *s, uint32_t op, const struct tfl_tensor *t,
                                       const struct tfl_tensor *out)
{
    int64_t n = tfl_elements(t), channels = out->rank ? out->shape[out->rank - 1] : 1;
    if (t->quant.count != 1 || t->type != out->type)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: constant \"%s\" must have one scale and the type of the output",
                      op_name(s, op), t->name);
    if (n != 1 && !(is_pixel(t) && n == channels))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: constant \"%s\" (%s) is neither one value nor one for each of %lld channels",
                      op_name(s, op), t->name, tfl_shape_text(s->arena, t), (long long)channels);
    if (n > FILL_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: constant \"%s\" has %lld channels; %d are possible", op_name(s, op),
                      t->name, (long long)n, FILL_LIMIT);
    return MAPPED;
}

struct verdict support_binary(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    enum tfl_activation act = fused_activation(o);
    struct shape4 shape;
    unsigned constants = 0;
    if (!known_activation(act))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)act);
    if (!shape4_of(out, &shape))
        return REFUSE(s, SUPPORT_RANK, "%s: output \"%s\" (%s) has more than three dimensions", op_name(s, op),
                      out->name, tfl_shape_text(s->arena, out));
    for (uint32_t k = 0; k < 2; k++) {
        const struct tfl_tensor *t = op_input(s->graph->source, o, k);
        struct verdict v = t->data.size ? constant_operand(s, op, t, out) : variable_operand(s, op, k, out);
        constants += t->data.size != 0;
        if (v.why)
            return v;
    }
    if (constants == 2)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: both inputs are constants; fold them", op_name(s, op));
    return MAPPED;
}

struct verdict support_unary(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    if (!in || !out || in->data.size || !same_shape(in, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: the input must be an activation of the output's shape",
                      op_name(s, op));
    return MAPPED;
}

/* MAXIMUM and MINIMUM with one constant are a clamp; of two tensors the chip has no known form. */
struct verdict support_limit(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *limit = op_input(s->graph->source, o, 1),
                            *out = op_output(s->graph->source, o, 0);
    if (in->data.size || limit->data.size == 0 || tfl_elements(limit) != 1)
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: the second input must be one constant; this version has no form for two tensors",
                      op_name(s, op));
    if (limit->type != out->type || limit->quant.count != 1 || !same_numbers(in, out) || !same_numbers(limit, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input, constant and output must have one scale and zero point",
                      op_name(s, op));
    if (!same_shape(in, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: the output is not of the input's shape", op_name(s, op));
    return MAPPED;
}

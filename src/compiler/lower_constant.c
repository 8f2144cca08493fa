/* A constant operand with a number of its own for each element.  The chip keeps constants only as weights and biases:
 * so the elements are the biases of a product with zeroes, and the vector that comes out is rearranged to the image.
 * No official program is known to us in its instructions (movenet has one, in a program of an older compiler). */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/numerics.h"
#include "compiler/operators.h"
#include "compiler/rearrange.h"

enum { INPUTS = 4 /* of the product: one word of zeroes */ };

/* Element i of `out` as the constant has it: its dimensions are those of `out`, or 1 and repeated. */
size_t constant_index(const struct tfl_tensor *t, const struct tfl_tensor *out, size_t i)
{
    size_t at = 0, step = 1;
    for (uint32_t k = 1; k <= t->rank && k <= out->rank; k++) {
        size_t n = (size_t)out->shape[out->rank - k], have = (size_t)t->shape[t->rank - k];
        at += have == 1 ? 0 : i % n * step;
        step *= have;
        i /= n;
    }
    return at;
}

static struct tfl_quant unit(struct arena *a)
{
    struct tfl_quant q = {.scale = ARENA_NEW(a, float), .zero_point = ARENA_NEW(a, int64_t), .count = 1};
    q.scale[0] = 1;
    return q;
}

static int32_t channels_of(const struct tfl_tensor *t) { return t->rank ? t->shape[t->rank - 1] : 1; }

/* All pixels have the channels that repeat so. */
static bool repeats_after(const struct tfl_tensor *t, const struct tfl_tensor *out, size_t n)
{
    size_t z = (size_t)channels_of(out), all = (size_t)tfl_elements(out);
    for (size_t i = 0; i < all; i++)
        if (i % z >= n && t->data.data[constant_index(t, out, i)] != t->data.data[constant_index(t, out, i - n)])
            return false;
    return true;
}

struct constant_form constant_form_of(const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    enum { SEARCH_LIMIT = 1 << 20, FILL_LIMIT = 1024 }; /* elements; channels, an instruction for four of them */
    int32_t z = channels_of(out), n = 1;
    size_t all = (size_t)tfl_elements(out);
    struct constant_form f = {.channels = z, .alike = z <= FILL_LIMIT};
    if (all > SEARCH_LIMIT)
        return (struct constant_form){.channels = z};
    for (size_t i = (size_t)z; i < all && f.alike; i++)
        f.alike = t->data.data[constant_index(t, out, i)] == t->data.data[constant_index(t, out, i - (size_t)z)];
    while (!f.alike && (z % n || !repeats_after(t, out, (size_t)n)))
        n++;
    f.channels = f.alike ? z : n;
    return f;
}

/* Outputs that are the constant's first channels of each pixel, whatever comes in. */
static const struct weighted *biases(struct arena *a, const struct tfl_tensor *t, const struct tfl_tensor *out,
                                     int32_t outputs, int32_t channels)
{
    size_t n = (size_t)outputs, few = (size_t)channels, z = (size_t)channels_of(out);
    struct tfl_tensor *w = ARENA_NEW(a, struct tfl_tensor), *bias = ARENA_NEW(a, struct tfl_tensor);
    uint8_t *sums = arena_alloc(a, 4 * n);
    int32_t shape[2] = {(int32_t)n, INPUTS};
    *w = (struct tfl_tensor){.name = t->name, .type = TFL_UINT8, .rank = 2, .quant = unit(a),
                             .shape = arena_copy(a, shape, sizeof shape),
                             .data = bytes_of(arena_alloc(a, INPUTS * n), INPUTS * n)};
    *bias = (struct tfl_tensor){.name = t->name, .type = TFL_INT32, .rank = 1, .quant = unit(a), .shape = w->shape,
                                .data = bytes_of(sums, 4 * n)};
    for (size_t i = 0; i < n; i++) {
        uint8_t raw = t->data.data[constant_index(t, out, i / few * z + i % few)];
        int32_t q = t->type == TFL_INT8 ? (int8_t)raw : raw;
        put_le32(sums + 4 * i, (uint32_t)(q - (int32_t)t->quant.zero_point[0]));
    }
    struct weighted *op = ARENA_NEW(a, struct weighted);
    *op = (struct weighted){.in = t, .weights = w, .bias = bias, .out = t, .activation = TFL_ACT_NONE};
    return op;
}

static uint32_t zeroes(struct plan *p, uint32_t op, const struct tfl_tensor *t)
{
    uint8_t *zero = arena_alloc(p->arena, 1);
    struct fixed_detail *d = ARENA_NEW(p->arena, struct fixed_detail);
    *zero = (uint8_t)unsigned_zero_point(t);
    *d = (struct fixed_detail){.bytes = zero, .channels = 1};
    uint32_t v = plan_value(p, t, LAYOUT_SLICES, 1, 1, INPUTS);
    struct step *s = plan_step(p, &family_fixed, op);
    s->detail = d;
    step_makes(p, s, v);
    return v;
}

/* The first channels of all pixels, as a vector. */
static uint32_t elements(struct plan *p, uint32_t op, const struct tfl_tensor *t, const struct tfl_tensor *out,
                         int32_t channels)
{
    int32_t n = (int32_t)(tfl_elements(out) / channels_of(out)) * channels;
    uint32_t whole = lower_whole(p, zeroes(p, op, t), (1 << slices_of(n).tiles) - 1, op);
    uint32_t vector = plan_value(p, t, LAYOUT_SLICES, 1, 1, n);
    struct step *s = plan_step(p, &family_fully_connected, op);
    s->detail = biases(p->arena, t, out, n, channels);
    step_reads(p, s, whole);
    step_makes(p, s, vector);
    return vector;
}

uint32_t lower_constant_pixel(struct plan *p, uint32_t op, const struct tfl_tensor *t, const uint8_t *data,
                              int32_t channels, uint32_t model)
{
    struct fixed_detail *d = ARENA_NEW(p->arena, struct fixed_detail);
    uint8_t *bytes = arena_alloc(p->arena, (size_t)channels);
    for (int32_t i = 0; i < channels; i++)
        bytes[i] = data[i] ^ (t->type == TFL_INT8 ? 0x80 : 0);
    *d = (struct fixed_detail){.bytes = bytes, .channels = channels};
    uint32_t v = lower_like(p, t, model);
    struct step *s = plan_step(p, &family_fixed, op);
    s->detail = d;
    step_makes(p, s, v);
    return v;
}

/* Channels of the image that are those of `few`, again and again. */
static uint32_t repeat_channels(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t few, uint32_t model)
{
    int32_t z = p->values[model].z, *from = ARENA_ARRAY(p->arena, int32_t, (size_t)z);
    for (int32_t i = 0; i < z; i++)
        from[i] = i % p->values[few].z;
    uint32_t image = lower_like(p, t, model);
    lower_select_channels(p, op, t, few, image, from);
    return image;
}

uint32_t lower_constant(struct plan *p, uint32_t op, const struct tfl_tensor *t, const struct tfl_tensor *out,
                        uint32_t model)
{
    struct value v = p->values[model];
    if (v.layout != LAYOUT_GRID)
        return elements(p, op, t, out, channels_of(out));
    struct constant_form form = constant_form_of(t, out);
    if (form.alike) {
        uint8_t *pixel = arena_alloc(p->arena, (size_t)v.z);
        for (int32_t i = 0; i < v.z; i++)
            pixel[i] = t->data.data[constant_index(t, out, (size_t)i)];
        return lower_constant_pixel(p, op, t, pixel, v.z, model);
    }
    uint32_t vector = elements(p, op, t, out, form.channels);
    uint32_t image = plan_value(p, t, LAYOUT_GRID, v.y, v.x, form.channels);
    lower_elements(p, op, vector, image);
    return form.channels == v.z ? image : repeat_channels(p, op, t, image, model);
}

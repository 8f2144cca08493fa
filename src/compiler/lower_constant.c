/* A constant operand with a number of its own for each element.  The chip keeps constants only as weights and biases:
 * so the elements are the biases of a product with zeroes, and the vector that comes out is rearranged to the image.
 * No official program is known to us in its instructions (movenet has one, in a program of an older compiler). */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/numerics.h"
#include "compiler/rearrange.h"

enum { INPUTS = 4 /* of the product: one word of zeroes */ };

/* Element i of `out` as the constant has it: its dimensions are those of `out`, or 1 and repeated. */
static size_t repeated(const struct tfl_tensor *t, const struct tfl_tensor *out, size_t i)
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

/* Outputs that are the constant's bytes whatever comes in. */
static const struct weighted *biases(struct arena *a, const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    size_t n = (size_t)tfl_elements(out);
    struct tfl_tensor *w = ARENA_NEW(a, struct tfl_tensor), *bias = ARENA_NEW(a, struct tfl_tensor);
    uint8_t *sums = arena_alloc(a, 4 * n);
    int32_t shape[2] = {(int32_t)n, INPUTS};
    *w = (struct tfl_tensor){.name = t->name, .type = TFL_UINT8, .rank = 2, .quant = unit(a),
                             .shape = arena_copy(a, shape, sizeof shape),
                             .data = bytes_of(arena_alloc(a, INPUTS * n), INPUTS * n)};
    *bias = (struct tfl_tensor){.name = t->name, .type = TFL_INT32, .rank = 1, .quant = unit(a), .shape = w->shape,
                                .data = bytes_of(sums, 4 * n)};
    for (size_t i = 0; i < n; i++) {
        uint8_t raw = t->data.data[repeated(t, out, i)];
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

uint32_t lower_constant(struct plan *p, uint32_t op, const struct tfl_tensor *t, const struct tfl_tensor *out,
                        uint32_t model)
{
    int32_t n = (int32_t)tfl_elements(out);
    uint32_t whole = lower_whole(p, zeroes(p, op, t), (1 << slices_of(n).tiles) - 1, op);
    uint32_t vector = plan_value(p, t, LAYOUT_SLICES, 1, 1, n);
    struct step *s = plan_step(p, &family_fully_connected, op);
    s->detail = biases(p->arena, t, out);
    step_reads(p, s, whole);
    step_makes(p, s, vector);
    if (p->values[model].layout != LAYOUT_GRID)
        return vector;
    uint32_t image = lower_like(p, t, model);
    lower_elements(p, op, vector, image);
    return image;
}

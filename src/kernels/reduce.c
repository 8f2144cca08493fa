/* MEAN, SUM, REDUCE_MAX, REDUCE_MIN over some dimensions; ARG_MAX, ARG_MIN over one. */
#include "kernels/requant.h"

struct reduction {
    kern_in x;
    bool gone[KERN_MAX_RANK];
    size_t step[KERN_MAX_RANK]; /* of the output; 0 for dimensions that are gone */
    size_t count;               /* elements behind each output */
};

static bool reduction_init(struct kern_ctx *c, bool keep_dims, kern_in x, kern_in axes, kern_out y,
                           struct reduction *r)
{
    *r = (struct reduction){.x = x, .count = 1};
    if (!need_ints(c, axes) || !need_same_type(c, x, y))
        return false;
    for (size_t i = 0, n = kern_elements(axes); i < n; i++) {
        uint32_t at;
        if (!normal_axis(c, int_at(axes, i), x->rank, &at))
            return false;
        r->gone[at] = true;
    }
    int32_t dim[KERN_MAX_RANK];
    uint32_t rank = 0;
    size_t step = 1;
    for (uint32_t i = x->rank; i-- > 0;) {
        r->step[i] = r->gone[i] ? 0 : step;
        *(r->gone[i] ? &r->count : &step) *= (size_t)x->dim[i];
    }
    for (uint32_t i = 0; i < x->rank; i++)
        if (!r->gone[i] || keep_dims)
            dim[rank++] = r->gone[i] ? 1 : x->dim[i];
    return shape_output(c, y, dim, rank);
}

/* Output element that belongs to input row `row` (all but the last dimension). */
static size_t output_of(const struct reduction *r, size_t row)
{
    size_t at = 0;
    for (uint32_t i = r->x->rank ? r->x->rank - 1 : 0; i-- > 0; row /= (size_t)r->x->dim[i])
        at += row % (size_t)r->x->dim[i] * r->step[i];
    return at;
}

/* Rows of the last dimension in order: `row` and, for each element i of it, output `at + i * step`. */
#define FOR_EACH_ROW(r, length, row, at)                                                                               \
    for (size_t row = 0, length = (r).x->rank ? (size_t)(r).x->dim[(r).x->rank - 1] : 1,                               \
                rows = kern_elements((r).x) / length, at = 0;                                                          \
         row < rows && (at = output_of(&(r), row), true); row++)

static size_t last_step(const struct reduction *r)
{
    return r->x->rank ? r->step[r->x->rank - 1] : 0;
}

static int64_t combine(enum kern_reduce op, int64_t a, int64_t b)
{
    return op == KERN_REDUCE_MAX ? (a > b ? a : b) : op == KERN_REDUCE_MIN ? (a < b ? a : b) : a + b;
}

static int64_t start_of(enum kern_reduce op)
{
    return op == KERN_REDUCE_MAX ? INT64_MIN : op == KERN_REDUCE_MIN ? INT64_MAX : 0;
}

/* TFLite divides the mantissa of the factor by the count, with as many bits more as fit. */
static struct fixed_multiplier divided(struct fixed_multiplier m, size_t count)
{
    int shift = 63 - __builtin_clzll((unsigned long long)count);
    shift = shift < 32 ? shift : 32;
    shift = shift < 31 + m.shift ? shift : 31 + m.shift;
    shift = shift > 0 ? shift : 0;
    return (struct fixed_multiplier){(int32_t)(((int64_t)m.mantissa << shift) / (int64_t)count), m.shift - shift};
}

static bool finish_sums(struct kern_ctx *c, enum kern_reduce op, const struct reduction *r, const int64_t *acc,
                        kern_out y)
{
    struct requant q;
    float sx = r->x->scale[0], sy = y->scale[0];
    float mult = (op == KERN_MEAN ? sx * (1.0f / (float)r->count) : sx) * (1.0f / sy);
    if (!requant_init(c, &q, y, KERN_ACT_NONE, 1, mult))
        return false;
    struct fixed_multiplier m = fixed_multiplier((double)sx / (double)sy);
    m = op == KERN_MEAN ? divided(m, r->count) : m;
    q.fixed = &m;
    for (size_t i = 0, n = kern_elements(y); i < n; i++) {
        int32_t v = requant(&q, wrap32(acc[i] - (int64_t)r->count * zero_of(r->x)), 0);
        store_row(y, i, 1, &v);
    }
    return true;
}

static bool reduce_integers(struct kern_ctx *c, enum kern_reduce op, const struct reduction *r, kern_out y)
{
    size_t n = kern_elements(y), step = last_step(r);
    int64_t *acc = ARENA_ARRAY(c->scratch, int64_t, n);
    for (size_t i = 0; i < n; i++)
        acc[i] = start_of(op);
    FOR_EACH_ROW(*r, length, row, at)
    for (size_t i = 0; i < length; i++) {
        int32_t v;
        load_row(r->x, row * length + i, 1, &v);
        acc[at + i * step] = combine(op, acc[at + i * step], v);
    }
    if (is_quant8(y) && (op == KERN_MEAN || op == KERN_SUM))
        return finish_sums(c, op, r, acc, y);
    for (size_t i = 0; i < n; i++) {
        int32_t v = wrap32(op == KERN_MEAN ? acc[i] / (int64_t)r->count : acc[i]);
        store_row(y, i, 1, &v);
    }
    return true;
}

static float combine_f32(enum kern_reduce op, float a, float b)
{
    return op == KERN_REDUCE_MAX ? (a > b ? a : b) : op == KERN_REDUCE_MIN ? (a < b ? a : b) : a + b;
}

static void reduce_floats(enum kern_reduce op, const struct reduction *r, kern_out y)
{
    size_t n = kern_elements(y), step = last_step(r);
    float *acc = y->data;
    for (size_t i = 0; i < n; i++)
        acc[i] = op == KERN_REDUCE_MAX ? -INFINITY : op == KERN_REDUCE_MIN ? INFINITY : 0;
    FOR_EACH_ROW(*r, length, row, at)
    for (size_t i = 0; i < length; i++)
        acc[at + i * step] = combine_f32(op, acc[at + i * step], ((const float *)r->x->data)[row * length + i]);
    for (size_t i = 0; op == KERN_MEAN && i < n; i++)
        acc[i] /= (float)r->count;
}

bool kern_reduce(struct kern_ctx *c, enum kern_reduce op, bool keep_dims, kern_in x, kern_in axes, kern_out y)
{
    struct reduction r;
    if (x->type != KERN_F32 && x->type != KERN_I32 && !is_quant8(x))
        return unsupported_types(c, x, y);
    if (!reduction_init(c, keep_dims, x, axes, y, &r) ||
        (is_quant8(x) && (!need_quant(c, x) || !need_quant(c, y))))
        return false;
    if (x->type != KERN_F32)
        return reduce_integers(c, op, &r, y);
    reduce_floats(op, &r, y);
    return true;
}

/* ---- ARG_MAX, ARG_MIN ---- */

static bool before(bool smallest, kern_in x, size_t i, size_t j)
{
    if (x->type == KERN_F32) {
        float a = ((const float *)x->data)[i], b = ((const float *)x->data)[j];
        return smallest ? a < b : a > b;
    }
    int32_t a, b;
    load_row(x, i, 1, &a);
    load_row(x, j, 1, &b);
    return smallest ? a < b : a > b;
}

bool kern_arg_max(struct kern_ctx *c, bool smallest, kern_in x, kern_in axis, kern_out y)
{
    uint32_t at;
    if (x->type == KERN_I64)
        return unsupported_types(c, x, y);
    if (!need_ints(c, axis) || !need(c, kern_elements(axis) == 1, "'%s' must be one element", axis->name) ||
        !need_ints(c, y) || !normal_axis(c, int_at(axis, 0), x->rank, &at))
        return false;
    int32_t dim[KERN_MAX_RANK];
    for (uint32_t i = 0; i + 1 < x->rank; i++)
        dim[i] = x->dim[i < at ? i : i + 1];
    if (!shape_output(c, y, dim, x->rank - 1))
        return false;
    size_t inner = span(x->dim, at + 1, x->rank), n = (size_t)x->dim[at];
    for (size_t i = 0, total = kern_elements(y); i < total; i++) {
        size_t first = i / inner * n * inner + i % inner, best = 0;
        for (size_t j = 1; j < n; j++)
            if (before(smallest, x, first + j * inner, first + best * inner))
                best = j;
        if (y->type == KERN_I64)
            ((int64_t *)y->data)[i] = (int64_t)best;
        else
            ((int32_t *)y->data)[i] = (int32_t)best;
    }
    return true;
}

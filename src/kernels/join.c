/* CONCATENATION, PACK, UNPACK, SPLIT: tensors joined and cut along one dimension. */
#include "kernels/requant.h"
#include "kernels/view.h"

/* Copies part i of n along `axis`: `part` holds `size` of y's `whole` positions, from `from` on. */
static void copy_part(kern_in part, size_t outer, size_t size, size_t from, size_t whole, kern_out y)
{
    size_t bytes = kern_elements(part) / outer * kern_type_size(y->type), unit = bytes / size;
    for (size_t o = 0; o < outer; o++)
        memcpy((uint8_t *)y->data + (o * whole + from) * unit, (const uint8_t *)part->data + o * bytes, bytes);
}

/* ---- inputs of CONCATENATION whose scale is not the output's ---- */

static bool same_scale(kern_in x, kern_in y)
{
    return !is_quant8(x) || (x->scale[0] == y->scale[0] && x->zero[0] == y->zero[0]);
}

/* TFLite's kernel for uint8: one float product and one rounding. */
static int32_t tflite_rescale(int32_t v, float scale, float bias, const struct requant *q)
{
    float r = roundf((float)v * scale + bias) + (float)q->zero;
    return r >= (float)q->type_hi ? q->type_hi : r > (float)q->type_lo ? (int32_t)r : q->type_lo;
}

/* x in y's units. */
static bool rescale(struct kern_ctx *c, kern_in x, kern_in y, struct kern_tensor *out)
{
    struct requant q;
    float inverse = 1.0f / y->scale[0], scale = x->scale[0] * inverse, bias = -(float)zero_of(x) * scale;
    if (!requant_init(c, &q, y, KERN_ACT_NONE, 1, scale))
        return false;
    *out = *x;
    out->data = arena_alloc(c->scratch, kern_elements(x));
    for (size_t i = 0, n = kern_elements(x); i < n; i++) {
        int32_t v;
        load_row(x, i, 1, &v);
        v = c->numerics == KERN_EDGETPU ? requant(&q, v - zero_of(x), 0) : tflite_rescale(v, scale, bias, &q);
        store_row(out, i, 1, &v);
    }
    return true;
}

static bool concatenation_shape(struct kern_ctx *c, uint32_t axis, kern_in *x, uint32_t n, kern_out y)
{
    int32_t dim[KERN_MAX_RANK];
    int64_t total = 0;
    memcpy(dim, x[0]->dim, sizeof dim);
    for (uint32_t j = 0; j < n; j++) {
        if (!need_same_type(c, x[j], y) || !need_rank(c, x[j], x[0]->rank) ||
            (is_quant8(y) && !need_quant(c, x[j])))
            return false;
        for (uint32_t i = 0; i < x[0]->rank; i++)
            if (!need(c, i == axis || x[j]->dim[i] == dim[i], "'%s' and '%s' differ in dimension %u", x[0]->name,
                      x[j]->name, i))
                return false;
        total += x[j]->dim[axis];
    }
    if (!need(c, total <= INT32_MAX, "'%s' would be too large", y->name))
        return false;
    dim[axis] = (int32_t)total;
    return (!is_quant8(y) || need_quant(c, y)) && shape_output(c, y, dim, x[0]->rank);
}

bool kern_concatenation(struct kern_ctx *c, int32_t axis, enum kern_activation act, kern_in *x, uint32_t n, kern_out y)
{
    uint32_t at;
    if (act != KERN_ACT_NONE)
        return status_fail(c->st, STATUS_UNSUPPORTED, "fused activation %d is not handled", (int)act);
    if (!normal_axis(c, axis, x[0]->rank, &at) || !concatenation_shape(c, at, x, n, y))
        return false;
    size_t outer = span(y->dim, 0, at), from = 0;
    for (uint32_t j = 0; j < n; j++) {
        struct kern_tensor part = *x[j];
        if (!same_scale(x[j], y) && !rescale(c, x[j], y, &part))
            return false;
        copy_part(&part, outer, (size_t)part.dim[at], from, (size_t)y->dim[at], y);
        from += (size_t)part.dim[at];
    }
    return true;
}

bool kern_pack(struct kern_ctx *c, int32_t axis, kern_in *x, uint32_t n, kern_out y)
{
    uint32_t at;
    int32_t dim[KERN_MAX_RANK];
    if (!need(c, x[0]->rank < KERN_MAX_RANK, "'%s' has %u dimensions", x[0]->name, x[0]->rank) ||
        !normal_axis(c, axis, x[0]->rank + 1, &at))
        return false;
    for (uint32_t j = 0; j < n; j++)
        if (!need_same_type(c, x[j], y) ||
            !need(c, x[j]->rank == x[0]->rank && memcmp(x[j]->dim, x[0]->dim, x[0]->rank * sizeof *dim) == 0,
                  "'%s' and '%s' have different shapes", x[0]->name, x[j]->name))
            return false;
    for (uint32_t i = 0; i <= x[0]->rank; i++)
        dim[i] = i < at ? x[0]->dim[i] : i == at ? (int32_t)n : x[0]->dim[i - 1];
    if (!shape_output(c, y, dim, x[0]->rank + 1))
        return false;
    for (uint32_t j = 0; j < n; j++)
        copy_part(x[j], span(dim, 0, at), 1, j, n, y);
    return true;
}

/* Positions [from, from + size) of x along `axis`, with the shape given. */
static bool cut(struct kern_ctx *c, kern_in x, uint32_t axis, int64_t from, int32_t size, const int32_t *dim,
                uint32_t rank, kern_out y)
{
    struct view v = view_of(x);
    v.offset = from * v.step[axis];
    v.dim[axis] = size;
    if (!need_same_type(c, x, y) || !shape_output(c, y, dim, rank))
        return false;
    view_copy(x, &v, y->data);
    return true;
}

bool kern_unpack(struct kern_ctx *c, int32_t axis, kern_in x, kern_out *y, uint32_t n)
{
    uint32_t at;
    int32_t dim[KERN_MAX_RANK];
    if (!normal_axis(c, axis, x->rank, &at) ||
        !need(c, x->dim[at] == (int32_t)n, "'%s' has %d parts, the operator %u outputs", x->name, x->dim[at], n))
        return false;
    for (uint32_t i = 0; i + 1 < x->rank; i++)
        dim[i] = x->dim[i < at ? i : i + 1];
    for (uint32_t j = 0; j < n; j++)
        if (!cut(c, x, at, j, 1, dim, x->rank - 1, y[j]))
            return false;
    return true;
}

/* Sizes of the n parts of SPLIT_V; one may be -1: what is left. */
static bool split_sizes(struct kern_ctx *c, kern_in sizes, int64_t whole, uint32_t n, int32_t *out)
{
    int64_t sum = 0, open = -1;
    if (!need_ints(c, sizes) || !need(c, kern_elements(sizes) == n, "'%s' must have %u elements", sizes->name, n))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        int64_t v = int_at(sizes, i);
        if (!need(c, (v > 0 && v <= whole) || (v == -1 && open < 0), "'%s'[%u] = %lld", sizes->name, i, (long long)v))
            return false;
        open = v == -1 ? i : open;
        sum += v == -1 ? 0 : v;
        out[i] = (int32_t)v;
    }
    if (open >= 0 && sum < whole) {
        out[open] = (int32_t)(whole - sum);
        sum = whole;
    }
    return need(c, sum == whole, "the parts have %lld positions, the tensor %lld", (long long)sum, (long long)whole);
}

bool kern_split(struct kern_ctx *c, kern_in axis, kern_in sizes, kern_in x, kern_out *y, uint32_t n)
{
    uint32_t at;
    if (!need_ints(c, axis) || !need(c, kern_elements(axis) == 1, "'%s' must be one element", axis->name) ||
        !normal_axis(c, int_at(axis, 0), x->rank, &at) ||
        !need(c, sizes || x->dim[at] % (int32_t)n == 0, "'%s' has %d positions, no multiple of %u", x->name,
              x->dim[at], n))
        return false;
    int32_t *size = ARENA_ARRAY(c->scratch, int32_t, n), dim[KERN_MAX_RANK];
    for (uint32_t j = 0; j < n; j++)
        size[j] = x->dim[at] / (int32_t)n;
    if (sizes && !split_sizes(c, sizes, x->dim[at], n, size))
        return false;
    memcpy(dim, x->dim, sizeof dim);
    int64_t from = 0;
    for (uint32_t j = 0; j < n; from += size[j++]) {
        dim[at] = size[j];
        if (!cut(c, x, at, from, size[j], dim, x->rank, y[j]))
            return false;
    }
    return true;
}

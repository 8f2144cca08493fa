#include "kernels/internal.h"

#include <stdarg.h>
#include <stdio.h>

size_t kern_type_size(enum kern_type type)
{
    static const uint8_t size[] = {[KERN_F32] = 4, [KERN_I8] = 1,  [KERN_U8] = 1,  [KERN_I16] = 2,
                                   [KERN_I32] = 4, [KERN_I64] = 8, [KERN_BOOL] = 1};
    return size[type];
}

const char *kern_type_name(enum kern_type type)
{
    static const char *const name[] = {[KERN_F32] = "float32", [KERN_I8] = "int8",   [KERN_U8] = "uint8",
                                       [KERN_I16] = "int16",   [KERN_I32] = "int32", [KERN_I64] = "int64",
                                       [KERN_BOOL] = "bool"};
    return name[type];
}

size_t span(const int32_t *dim, uint32_t from, uint32_t to)
{
    size_t n = 1;
    for (uint32_t i = from; i < to; i++)
        n *= (size_t)dim[i];
    return n;
}

size_t kern_elements(const struct kern_tensor *t)
{
    return span(t->dim, 0, t->rank);
}

bool need(struct kern_ctx *c, bool condition, const char *format, ...)
{
    if (condition)
        return true;
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return status_fail(c->st, STATUS_INVALID, "%s", text);
}

bool need_type(struct kern_ctx *c, kern_in t, enum kern_type type)
{
    return need(c, t->type == type, "tensor '%s' is %s, expected %s", t->name, kern_type_name(t->type),
                kern_type_name(type));
}

bool need_rank(struct kern_ctx *c, kern_in t, uint32_t rank)
{
    return need(c, t->rank == rank, "tensor '%s' has %u dimensions, expected %u", t->name, t->rank, rank);
}

bool need_same_type(struct kern_ctx *c, kern_in a, kern_in b)
{
    return need(c, a->type == b->type, "tensors '%s' (%s) and '%s' (%s) must have one type", a->name,
                kern_type_name(a->type), b->name, kern_type_name(b->type));
}

bool unsupported_types(struct kern_ctx *c, kern_in x, kern_in y)
{
    return status_fail(c->st, STATUS_UNSUPPORTED, "no kernel for %s ('%s') -> %s ('%s')", kern_type_name(x->type),
                       x->name, kern_type_name(y->type), y->name);
}

int32_t type_min(enum kern_type type)
{
    return type == KERN_I8 ? INT8_MIN : type == KERN_U8 ? 0 : type == KERN_I16 ? INT16_MIN : INT32_MIN;
}

int32_t type_max(enum kern_type type)
{
    return type == KERN_I8 ? INT8_MAX : type == KERN_U8 ? UINT8_MAX : type == KERN_I16 ? INT16_MAX : INT32_MAX;
}

bool need_quant(struct kern_ctx *c, kern_in t)
{
    return need(c, t->n_scales == 1, "tensor '%s' must have one scale, has %u", t->name, t->n_scales) &&
           need(c, isfinite(t->scale[0]) && t->scale[0] > 0, "tensor '%s' has scale %g", t->name, t->scale[0]) &&
           need(c, t->zero[0] >= type_min(t->type) && t->zero[0] <= type_max(t->type),
                "tensor '%s' has zero point %lld, outside %s", t->name, (long long)t->zero[0],
                kern_type_name(t->type));
}

bool normal_axis(struct kern_ctx *c, int64_t axis, uint32_t rank, uint32_t *out)
{
    if (!need(c, axis >= -(int64_t)rank && axis < (int64_t)rank, "axis %lld outside %u dimensions", (long long)axis,
              rank))
        return false;
    *out = (uint32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

int64_t int_at(kern_in t, size_t i)
{
    return t->type == KERN_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

bool need_ints(struct kern_ctx *c, kern_in t)
{
    return need(c, t->type == KERN_I32 || t->type == KERN_I64, "tensor '%s' is %s, expected int32 or int64", t->name,
                kern_type_name(t->type));
}

bool shape_output(struct kern_ctx *c, kern_out y, const int32_t *dim, uint32_t rank)
{
    if (!need(c, rank <= KERN_MAX_RANK, "tensor '%s' would have %u dimensions, at most %d are handled", y->name, rank,
              KERN_MAX_RANK))
        return false;
    uint64_t n = 1;
    for (uint32_t i = 0; i < rank; i++) {
        if (!need(c, dim[i] > 0, "tensor '%s' would have size %d in dimension %u", y->name, dim[i], i))
            return false;
        n *= (uint64_t)dim[i];
        if (n > INT32_MAX)
            return status_fail(c->st, STATUS_LIMIT, "tensor '%s' would have 2^31 elements or more", y->name);
    }
    y->rank = rank;
    memcpy(y->dim, dim, rank * sizeof *dim);
    y->data = c->alloc(c->owner, n * kern_type_size(y->type));
    return y->data || status_fail(c->st, STATUS_LIMIT, "no memory left for tensor '%s' (%llu elements)", y->name,
                                  (unsigned long long)n);
}

bool shape_like(struct kern_ctx *c, kern_out y, kern_in x)
{
    return shape_output(c, y, x->dim, x->rank);
}

#define LOAD(type)                                                                                                     \
    for (size_t i = 0; i < n; i++)                                                                                     \
        row[i] = ((const type *)t->data + at)[i]
#define STORE(type)                                                                                                    \
    for (size_t i = 0; i < n; i++)                                                                                     \
        ((type *)t->data + at)[i] = (type)row[i]

void load_row(kern_in t, size_t at, size_t n, int32_t *row)
{
    switch (t->type) {
    case KERN_I8: LOAD(int8_t); break;
    case KERN_U8: LOAD(uint8_t); break;
    case KERN_I16: LOAD(int16_t); break;
    default: memcpy(row, (const int32_t *)t->data + at, n * sizeof *row); break;
    }
}

void store_row(kern_out t, size_t at, size_t n, const int32_t *row)
{
    switch (t->type) {
    case KERN_I8: STORE(int8_t); break;
    case KERN_U8: STORE(uint8_t); break;
    case KERN_I16: STORE(int16_t); break;
    default: memcpy((int32_t *)t->data + at, row, n * sizeof *row); break;
    }
}

void load_row16(kern_in t, size_t at, size_t n, int32_t zero, int16_t *row)
{
    int16_t z = (int16_t)zero;
    if (t->type == KERN_I8)
        for (size_t i = 0; i < n; i++)
            row[i] = (int16_t)(((const int8_t *)t->data + at)[i] - z);
    else
        for (size_t i = 0; i < n; i++)
            row[i] = (int16_t)(((const uint8_t *)t->data + at)[i] - z);
}

bool need_activation(struct kern_ctx *c, enum kern_activation act)
{
    return act <= KERN_ACT_RELU6 ||
           status_fail(c->st, STATUS_UNSUPPORTED, "fused activation %d is not handled", (int)act);
}

/* z + round(f / s), kept inside int32 for absurd scales. */
static int32_t quantised(float f, kern_in y)
{
    double q = (double)zero_of(y) + (double)roundf(f / y->scale[0]);
    return q > 1e9 ? 1000000000 : q < -1e9 ? -1000000000 : (int32_t)q;
}

void activation_range(kern_in y, enum kern_activation act, int32_t *lo, int32_t *hi)
{
    float flo, fhi;
    activation_range_f32(act, &flo, &fhi);
    *lo = type_min(y->type), *hi = type_max(y->type);
    if (act != KERN_ACT_NONE && quantised(flo, y) > *lo)
        *lo = quantised(flo, y);
    if (act > KERN_ACT_RELU && quantised(fhi, y) < *hi)
        *hi = quantised(fhi, y);
}

void activation_range_f32(enum kern_activation act, float *lo, float *hi)
{
    *lo = act == KERN_ACT_NONE ? -INFINITY : act == KERN_ACT_RELU_N1_TO_1 ? -1 : 0;
    *hi = act == KERN_ACT_RELU_N1_TO_1 ? 1 : act == KERN_ACT_RELU6 ? 6 : INFINITY;
}

bool window_output(struct kern_ctx *c, bool same, int32_t in, int32_t filter, int32_t stride, int32_t dilation,
                   int32_t *out, int32_t *before)
{
    enum { LIMIT = 1 << 24 }; /* keeps the sums below inside int64 and the results inside int32 */
    if (!need(c, filter > 0 && filter < LIMIT && stride > 0 && stride < LIMIT && dilation > 0 && dilation < LIMIT,
              "window of %d with stride %d, dilation %d", filter, stride, dilation))
        return false;
    int64_t reach = (int64_t)(filter - 1) * dilation + 1;
    int64_t n = same ? ((int64_t)in + stride - 1) / stride : ((int64_t)in + stride - reach) / stride;
    if (!need(c, n > 0, "window of %lld is larger than its input of %d", (long long)reach, in))
        return false;
    int64_t total = (n - 1) * stride + reach - in;
    if (!need(c, total < INT32_MAX, "window of %lld needs too much padding", (long long)reach))
        return false;
    *out = (int32_t)n;
    *before = total > 0 ? (int32_t)(total / 2) : 0;
    return true;
}

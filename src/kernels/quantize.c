/* QUANTIZE, DEQUANTIZE and CAST: the same values in another type. */
#include "kernels/requant.h"

enum { CHUNK = 1024 };

static bool quantise_floats(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (!is_quant8(y) && y->type != KERN_I16)
        return unsupported_types(c, x, y);
    if (!need_quant(c, y) || !shape_like(c, y, x))
        return false;
    const float *in = x->data;
    double lo = type_min(y->type), hi = type_max(y->type), zero = zero_of(y);
    for (size_t i = 0, n = kern_elements(x); i < n; i++) {
        double q = (double)roundf(in[i] / y->scale[0]) + zero;
        int32_t v = (int32_t)(q >= lo ? q <= hi ? q : hi : lo); /* NaN: lo */
        store_row(y, i, 1, &v);
    }
    return true;
}

static bool requantise(struct kern_ctx *c, kern_in x, kern_out y)
{
    struct requant q;
    if (!need_quant(c, x) || !need_quant(c, y))
        return false;
    float sx = x->scale[0], sy = y->scale[0];
    if (!requant_init(c, &q, y, KERN_ACT_NONE, (double)sx / (double)sy, sx * (1.0f / sy)) || !shape_like(c, y, x))
        return false;
    int32_t row[CHUNK];
    for (size_t at = 0, total = kern_elements(x); at < total; at += CHUNK) {
        size_t n = total - at < CHUNK ? total - at : CHUNK;
        load_row(x, at, n, row);
        for (size_t i = 0; i < n; i++)
            row[i] = wrap32((int64_t)row[i] - zero_of(x));
        requant_all(&q, n, row);
        store_row(y, at, n, row);
    }
    return true;
}

bool kern_quantize(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (x->type == KERN_F32)
        return quantise_floats(c, x, y);
    bool from = is_quant8(x) || x->type == KERN_I16 || x->type == KERN_I32;
    bool to = is_quant8(y) || y->type == KERN_I16;
    return from && to ? requantise(c, x, y) : unsupported_types(c, x, y);
}

static bool dequantise_channels(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (!need(c, x->channel >= 0 && x->channel < (int32_t)x->rank && x->dim[x->channel] == (int32_t)x->n_scales,
              "tensor '%s' has %u scales along dimension %d", x->name, x->n_scales, x->channel) ||
        !shape_like(c, y, x))
        return false;
    for (uint32_t i = 0; i < x->n_scales; i++)
        if (!need(c, x->zero[i] >= type_min(x->type) && x->zero[i] <= type_max(x->type),
                  "tensor '%s' has zero point %lld", x->name, (long long)x->zero[i]))
            return false;
    size_t inner = span(x->dim, (uint32_t)x->channel + 1, x->rank);
    float *out = y->data;
    for (size_t i = 0, n = kern_elements(x); i < n; i++) {
        size_t channel = i / inner % x->n_scales;
        int32_t v;
        load_row(x, i, 1, &v);
        out[i] = x->scale[channel] * (float)(v - x->zero[channel]);
    }
    return true;
}

bool kern_dequantize(struct kern_ctx *c, kern_in x, kern_out y)
{
    if ((!is_quant8(x) && x->type != KERN_I16) || y->type != KERN_F32)
        return unsupported_types(c, x, y);
    if (x->n_scales > 1)
        return dequantise_channels(c, x, y);
    if (!need_quant(c, x) || !shape_like(c, y, x))
        return false;
    float *out = y->data;
    double scale = x->scale[0];
    int32_t row[CHUNK];
    for (size_t at = 0, total = kern_elements(x); at < total; at += CHUNK) {
        size_t n = total - at < CHUNK ? total - at : CHUNK;
        load_row(x, at, n, row);
        for (size_t i = 0; i < n; i++)
            out[at + i] = (float)(scale * (row[i] - zero_of(x)));
    }
    return true;
}

/* Exact for every type but int64 beyond 2^53, which CAST to a narrower type truncates anyway. */
static double read_number(kern_in t, size_t i)
{
    switch (t->type) {
    case KERN_F32: return ((const float *)t->data)[i];
    case KERN_I8: return ((const int8_t *)t->data)[i];
    case KERN_U8:
    case KERN_BOOL: return ((const uint8_t *)t->data)[i];
    case KERN_I16: return ((const int16_t *)t->data)[i];
    case KERN_I32: return ((const int32_t *)t->data)[i];
    case KERN_I64: return (double)((const int64_t *)t->data)[i];
    }
    return 0;
}

static double limit(double v, double lo, double hi)
{
    return v >= lo ? v <= hi ? v : hi : lo;
}

static void write_number(kern_out t, size_t i, double v)
{
    switch (t->type) {
    case KERN_F32: ((float *)t->data)[i] = (float)v; break;
    case KERN_I8: ((int8_t *)t->data)[i] = (int8_t)limit(v, INT8_MIN, INT8_MAX); break;
    case KERN_U8: ((uint8_t *)t->data)[i] = (uint8_t)limit(v, 0, UINT8_MAX); break;
    case KERN_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case KERN_I16: ((int16_t *)t->data)[i] = (int16_t)limit(v, INT16_MIN, INT16_MAX); break;
    case KERN_I32: ((int32_t *)t->data)[i] = (int32_t)limit(v, INT32_MIN, INT32_MAX); break;
    case KERN_I64: ((int64_t *)t->data)[i] = (int64_t)limit(v, -0x1p63, 0x1.fffffffffffffp62); break;
    }
}

bool kern_cast(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (!shape_like(c, y, x))
        return false;
    for (size_t i = 0, n = kern_elements(x); i < n; i++)
        write_number(y, i, read_number(x, i));
    return true;
}

/* L2_NORMALIZATION over the last dimension. */
#include "kernels/lut.h"
#include "kernels/requant.h"

/* The chip: squares and their sum are exact; the inverse root comes from the table of SOFTMAX and has 16 bits, in steps
 * (lut_root_steps) that leave 8 bits to the largest sum that there can be; then one product. */
static void edgetpu_row(const struct requant *q, const struct lut *root, float steps, float s_out, size_t n,
                        int32_t *row)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = wrap32((int64_t)sum + row[i] * row[i]);
    int32_t r = clamp32(edgetpu_round(lut_rsqrt(root, (float)sum)), 0, UINT16_MAX);
    float mult = 1.0f / steps * (1.0f / s_out);
    for (size_t i = 0; i < n; i++)
        row[i] = edgetpu_finish(q, (float)(row[i] * r) * mult);
}

/* TFLite multiplies by a fixed-point inverse square root. */
static void tflite_row(const struct requant *q, size_t n, int32_t *row)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = wrap32((int64_t)sum + row[i] * row[i]);
    struct fixed_multiplier inverse = fixed_inverse_sqrt(sum);
    bool is_signed = q->type_lo < 0; /* the two kernels of TFLite place the factor 128 differently */
    inverse.shift += is_signed ? 7 : 0;
    for (size_t i = 0; i < n; i++)
        row[i] = clamp32(is_signed ? fixed_scale(row[i], inverse) : fixed_scale(128 * row[i], inverse) + 128,
                         q->type_lo, q->type_hi);
}

bool kern_l2_normalization(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (!need_same_type(c, x, y) || !need(c, x->rank > 0, "'%s' is a scalar", x->name))
        return false;
    size_t n = (size_t)x->dim[x->rank - 1], rows = kern_elements(x) / n;
    if (x->type == KERN_F32) {
        if (!shape_like(c, y, x))
            return false;
        const float *in = x->data;
        float *out = y->data;
        for (size_t r = 0; r < rows; r++, in += n, out += n) {
            float sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += in[i] * in[i];
            float norm = sqrtf(sum);
            norm = norm > 1e-6f ? norm : 1e-6f;
            for (size_t i = 0; i < n; i++)
                out[i] = in[i] / norm;
        }
        return true;
    }
    if (!is_quant8(x))
        return unsupported_types(c, x, y);
    struct requant q;
    if (!need_quant(c, x) || !need_quant(c, y) || !shape_like(c, y, x))
        return false;
    requant_range(&q, y, KERN_ACT_NONE);
    int32_t *row = ARENA_ARRAY(c->scratch, int32_t, n);
    float steps = lut_root_steps(n, zero_of(x) - type_min(x->type));
    struct lut root = lut_make(LUT_RSQRT, steps);
    for (size_t r = 0; r < rows; r++) {
        load_row(x, r * n, n, row);
        for (size_t i = 0; i < n; i++)
            row[i] -= zero_of(x);
        if (c->numerics == KERN_EDGETPU)
            edgetpu_row(&q, &root, steps, y->scale[0], n, row);
        else
            tflite_row(&q, n, row);
        store_row(y, r * n, n, row);
    }
    return true;
}

/* L2_NORMALIZATION over the last dimension. */
#include "kernels/requant.h"

/* TFLite multiplies by a fixed-point inverse square root.  For the chip there is no example; a float product with one
 * rounding stands in until there is. */
static void normalise_row(enum kern_numerics numerics, const struct requant *q, float s_out, size_t n, int32_t *row)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = wrap32((int64_t)sum + row[i] * row[i]);
    struct fixed_multiplier inverse = fixed_inverse_sqrt(sum);
    bool is_signed = q->type_lo < 0; /* the two kernels of TFLite place the factor 128 differently */
    inverse.shift += is_signed ? 7 : 0;
    float mult = 1.0f / sqrtf((float)(sum > 0 ? sum : 1)) * (1.0f / s_out);
    for (size_t i = 0; i < n; i++)
        row[i] = numerics == KERN_EDGETPU
                     ? edgetpu_finish(q, (float)row[i] * mult)
                     : clamp32(is_signed ? fixed_scale(row[i], inverse) : fixed_scale(128 * row[i], inverse) + 128,
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
    for (size_t r = 0; r < rows; r++) {
        load_row(x, r * n, n, row);
        for (size_t i = 0; i < n; i++)
            row[i] -= zero_of(x);
        normalise_row(c->numerics, &q, y->scale[0], n, row);
        store_row(y, r * n, n, row);
    }
    return true;
}

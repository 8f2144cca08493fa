#include "kernels/weights.h"

static bool check_scales(struct kern_ctx *c, kern_in w, uint32_t dim)
{
    uint32_t channels = (uint32_t)w->dim[dim];
    if (!need(c, w->n_scales == 1 || (w->n_scales == channels && w->channel == (int32_t)dim),
              "weights '%s' have %u scales along dimension %d, expected 1 or %u along %u", w->name, w->n_scales,
              w->channel, channels, dim))
        return false;
    for (uint32_t i = 0; i < w->n_scales; i++)
        if (!need(c, isfinite(w->scale[i]) && w->scale[i] >= 0, "weights '%s' have scale %g", w->name, w->scale[i]) ||
            !need(c, w->zero[i] >= type_min(w->type) && w->zero[i] <= type_max(w->type),
                  "weights '%s' have zero point %lld", w->name, (long long)w->zero[i]))
            return false;
    return true;
}

bool weights_check(struct kern_ctx *c, kern_in x, kern_in w, kern_in bias, kern_in y, uint32_t dim)
{
    bool floats = x->type == KERN_F32;
    if (!floats && !is_quant8(x))
        return unsupported_types(c, x, y);
    if (!need_same_type(c, x, w) || !need_same_type(c, x, y))
        return false;
    if (bias && (!need_type(c, bias, floats ? KERN_F32 : KERN_I32) ||
                 !need(c, kern_elements(bias) == (size_t)w->dim[dim], "bias '%s' has %zu elements, expected %d",
                       bias->name, kern_elements(bias), w->dim[dim])))
        return false;
    return floats || check_scales(c, w, dim);
}

int16_t *weights_i16(struct kern_ctx *c, kern_in w, uint32_t dim)
{
    int16_t *out = ARENA_ARRAY(c->scratch, int16_t, kern_elements(w));
    size_t outer = span(w->dim, 0, dim), channels = (size_t)w->dim[dim], inner = span(w->dim, dim + 1, w->rank);
    if (w->n_scales == 1) {
        load_row16(w, 0, kern_elements(w), zero_of(w), out);
        return out;
    }
    for (size_t i = 0; i < outer * channels; i++)
        load_row16(w, i * inner, inner, (int32_t)w->zero[i % channels], out + i * inner);
    return out;
}

void weights_finish(const struct requant *q, kern_in bias, int32_t *sums, size_t pixels, size_t channels, kern_out y,
                    size_t at)
{
    for (size_t i = 0; i < pixels; i++)
        requant_row(q, bias ? bias->data : NULL, channels, sums + i * channels);
    store_row(y, at, pixels * channels, sums);
}

void weights_finish_f32(enum kern_activation act, kern_in bias, const float *sums, size_t pixels, size_t channels,
                        float *y)
{
    const float *b = bias ? bias->data : NULL;
    float lo, hi;
    activation_range_f32(act, &lo, &hi);
    for (size_t i = 0; i < pixels * channels; i++) {
        float v = b ? sums[i] + b[i % channels] : sums[i];
        v = v < lo ? lo : v;
        y[i] = v > hi ? hi : v;
    }
}

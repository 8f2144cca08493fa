/* DEPTHWISE_CONV_2D: output channel i * multiplier + j sees input channel i only. */
#include "kernels/weights.h"

struct depthwise {
    const struct kern_window *p;
    kern_in x, w;
    int32_t multiplier, out_h, out_w, before_h, before_w;
};

/* Place in the input of one tap, -1 where it is padding. */
static int64_t tap_offset(const struct depthwise *v, int32_t batch, int32_t oy, int32_t ox, int32_t fy, int32_t fx)
{
    int64_t iy = (int64_t)oy * v->p->stride_h - v->before_h + (int64_t)fy * v->p->dilation_h;
    int64_t ix = (int64_t)ox * v->p->stride_w - v->before_w + (int64_t)fx * v->p->dilation_w;
    if (iy < 0 || iy >= v->x->dim[1] || ix < 0 || ix >= v->x->dim[2])
        return -1;
    return (((int64_t)batch * v->x->dim[1] + iy) * v->x->dim[2] + ix) * v->x->dim[3];
}

/* sums[i * multiplier + j] += x[i] * w[i * multiplier + j], wrapping. */
static void add_tap(const int16_t *restrict x, const int16_t *restrict w, size_t depth, size_t multiplier,
                    uint32_t *restrict sums)
{
    if (multiplier == 1) {
        for (size_t i = 0; i < depth; i++)
            sums[i] += (uint32_t)(x[i] * w[i]);
        return;
    }
    for (size_t i = 0; i < depth; i++, w += multiplier, sums += multiplier)
        for (size_t j = 0; j < multiplier; j++)
            sums[j] += (uint32_t)(x[i] * w[j]);
}

static void depthwise_quantised(struct kern_ctx *c, const struct depthwise *v, const struct requant *q, kern_in bias,
                                kern_out y)
{
    size_t depth = (size_t)v->x->dim[3], channels = (size_t)y->dim[3], at = 0;
    const int16_t *weights = weights_i16(c, v->w, 3);
    int16_t *all = ARENA_ARRAY(c->scratch, int16_t, kern_elements(v->x));
    load_row16(v->x, 0, kern_elements(v->x), zero_of(v->x), all);
    int32_t *sums = ARENA_ARRAY(c->scratch, int32_t, channels);
    for (int32_t batch = 0; batch < y->dim[0]; batch++)
        for (int32_t oy = 0; oy < v->out_h; oy++)
            for (int32_t ox = 0; ox < v->out_w; ox++, at += channels) {
                memset(sums, 0, channels * sizeof *sums);
                for (int32_t fy = 0; fy < v->w->dim[1]; fy++)
                    for (int32_t fx = 0; fx < v->w->dim[2]; fx++) {
                        int64_t in = tap_offset(v, batch, oy, ox, fy, fx);
                        if (in >= 0)
                            add_tap(all + in, weights + (size_t)(fy * v->w->dim[2] + fx) * channels, depth,
                                    (size_t)v->multiplier, (uint32_t *)sums);
                    }
                weights_finish(q, bias, sums, 1, channels, y, at);
            }
}

static void depthwise_float(struct kern_ctx *c, const struct depthwise *v, kern_in bias, kern_out y)
{
    size_t depth = (size_t)v->x->dim[3], channels = (size_t)y->dim[3], m = (size_t)v->multiplier;
    float *sums = ARENA_ARRAY(c->scratch, float, channels), *out = y->data;
    for (int32_t batch = 0; batch < y->dim[0]; batch++)
        for (int32_t oy = 0; oy < v->out_h; oy++)
            for (int32_t ox = 0; ox < v->out_w; ox++, out += channels) {
                memset(sums, 0, channels * sizeof *sums);
                for (int32_t fy = 0; fy < v->w->dim[1]; fy++)
                    for (int32_t fx = 0; fx < v->w->dim[2]; fx++) {
                        int64_t in = tap_offset(v, batch, oy, ox, fy, fx);
                        if (in < 0)
                            continue;
                        const float *x = (const float *)v->x->data + in;
                        const float *w = (const float *)v->w->data + (size_t)(fy * v->w->dim[2] + fx) * channels;
                        for (size_t i = 0; i < depth * m; i++)
                            sums[i] += x[i / m] * w[i];
                    }
                weights_finish_f32(v->p->act, bias, sums, 1, channels, out);
            }
}

bool kern_depthwise_conv_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_in w, kern_in bias,
                            kern_out y)
{
    if (!need_rank(c, x, 4) || !need_rank(c, w, 4) || !weights_check(c, x, w, bias, y, 3) ||
        !need_activation(c, p->act))
        return false;
    struct depthwise v = {.p = p, .x = x, .w = w, .multiplier = w->dim[3] / x->dim[3]};
    if (!need(c, w->dim[0] == 1 && w->dim[3] % x->dim[3] == 0, "'%s' has %d channels, weights '%s' are %dx..x%d",
              x->name, x->dim[3], w->name, w->dim[0], w->dim[3]) ||
        !window_output(c, p->same, x->dim[1], w->dim[1], p->stride_h, p->dilation_h, &v.out_h, &v.before_h) ||
        !window_output(c, p->same, x->dim[2], w->dim[2], p->stride_w, p->dilation_w, &v.out_w, &v.before_w) ||
        !shape_output(c, y, (int32_t[]){x->dim[0], v.out_h, v.out_w, w->dim[3]}, 4))
        return false;
    if (x->type == KERN_F32) {
        depthwise_float(c, &v, bias, y);
        return true;
    }
    struct requant q;
    if (!requant_init_weights(c, &q, x, w, y, p->act, x->type == KERN_U8))
        return false;
    depthwise_quantised(c, &v, &q, bias, y);
    return true;
}

/* TRANSPOSE_CONV: each input pixel adds its filter to the output around stride * its place. */
#include "kernels/matmul.h"
#include "kernels/weights.h"

struct transpose {
    const struct kern_window *p;
    kern_in x, w;
    int32_t before_h, before_w;
};

/* taps[oc][fy][fx] of input pixel `pixel`, added where they fall inside the output. */
static void scatter(const struct transpose *v, kern_in y, size_t pixel, const int32_t *taps, uint32_t *sums)
{
    int32_t kh = v->w->dim[1], kw = v->w->dim[2], channels = v->w->dim[0];
    int64_t ix = (int64_t)(pixel % (size_t)v->x->dim[2]), row = (int64_t)(pixel / (size_t)v->x->dim[2]);
    int64_t iy = row % v->x->dim[1], batch = row / v->x->dim[1];
    for (int32_t fy = 0; fy < kh; fy++)
        for (int32_t fx = 0; fx < kw; fx++) {
            int64_t oy = iy * v->p->stride_h - v->before_h + fy, ox = ix * v->p->stride_w - v->before_w + fx;
            if (oy < 0 || oy >= y->dim[1] || ox < 0 || ox >= y->dim[2])
                continue;
            uint32_t *out = sums + ((batch * y->dim[1] + oy) * y->dim[2] + ox) * channels;
            for (int32_t oc = 0; oc < channels; oc++)
                out[oc] += (uint32_t)taps[((int64_t)oc * kh + fy) * kw + fx];
        }
}

static void transpose_quantised(struct kern_ctx *c, const struct transpose *v, const struct requant *q, kern_in bias,
                                kern_out y)
{
    size_t depth = (size_t)v->x->dim[3], taps = kern_elements(v->w) / depth, pixels = kern_elements(v->x) / depth;
    const int16_t *weights = weights_i16(c, v->w, 0);
    int16_t *row = ARENA_ARRAY(c->scratch, int16_t, depth);
    int32_t *part = ARENA_ARRAY(c->scratch, int32_t, taps), *sums = ARENA_ARRAY(c->scratch, int32_t, kern_elements(y));
    for (size_t i = 0; i < pixels; i++) {
        load_row16(v->x, i * depth, depth, zero_of(v->x), row);
        matmul_i16(row, 1, weights, taps, depth, part);
        scatter(v, y, i, part, (uint32_t *)sums);
    }
    weights_finish(q, bias, sums, kern_elements(y) / (size_t)y->dim[3], (size_t)y->dim[3], y, 0);
}

bool kern_transpose_conv(struct kern_ctx *c, const struct kern_window *p, kern_in shape, kern_in w, kern_in x,
                         kern_in bias, kern_out y)
{
    struct transpose v = {.p = p, .x = x, .w = w};
    int32_t unused;
    if (x->type == KERN_F32)
        return unsupported_types(c, x, y);
    if (!need_rank(c, x, 4) || !need_rank(c, w, 4) || !weights_check(c, x, w, bias, y, 0) ||
        !need_activation(c, p->act) || !need_type(c, shape, KERN_I32) ||
        !need(c, kern_elements(shape) == 4, "'%s' must have 4 elements", shape->name) ||
        !need(c, w->dim[3] == x->dim[3], "'%s' has %d channels, weights '%s' are for %d", x->name, x->dim[3], w->name,
              w->dim[3]))
        return false;
    const int32_t *dim = shape->data;
    if (!need(c, dim[0] == x->dim[0] && dim[3] == w->dim[0], "shape '%s' does not fit the inputs", shape->name) ||
        !shape_output(c, y, dim, 4) ||
        !window_output(c, p->same, dim[1], w->dim[1], p->stride_h, 1, &unused, &v.before_h) ||
        !window_output(c, p->same, dim[2], w->dim[2], p->stride_w, 1, &unused, &v.before_w))
        return false;
    struct requant q;
    if (!requant_init_weights(c, &q, x, w, y, p->act, x->type == KERN_U8))
        return false;
    transpose_quantised(c, &v, &q, bias, y);
    return true;
}

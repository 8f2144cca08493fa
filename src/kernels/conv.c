/* CONV_2D: patches of the input as rows of a matrix, times the weights. */
#include "kernels/matmul.h"
#include "kernels/weights.h"

struct conv {
    const struct kern_window *p;
    kern_in x;
    int32_t kh, kw, in_h, in_w, depth; /* depth: channels that one filter sees */
    int32_t out_h, out_w, before_h, before_w;
    size_t patch; /* elements */
};

/* Place in the input of one tap of output pixel `pixel`, from channel `channel` on; -1 where it is padding. */
static int64_t tap_offset(const struct conv *v, size_t pixel, int32_t fy, int32_t fx, int32_t channel)
{
    int64_t ox = (int64_t)(pixel % (size_t)v->out_w), row = (int64_t)(pixel / (size_t)v->out_w);
    int64_t oy = row % v->out_h, batch = row / v->out_h;
    int64_t iy = oy * v->p->stride_h - v->before_h + (int64_t)fy * v->p->dilation_h;
    int64_t ix = ox * v->p->stride_w - v->before_w + (int64_t)fx * v->p->dilation_w;
    if (iy < 0 || iy >= v->in_h || ix < 0 || ix >= v->in_w)
        return -1;
    return ((batch * v->in_h + iy) * v->in_w + ix) * v->x->dim[3] + channel;
}

static void patch_i16(const struct conv *v, size_t pixel, int32_t channel, int16_t *out)
{
    for (int32_t fy = 0; fy < v->kh; fy++)
        for (int32_t fx = 0; fx < v->kw; fx++, out += v->depth) {
            int64_t at = tap_offset(v, pixel, fy, fx, channel);
            if (at < 0)
                memset(out, 0, (size_t)v->depth * sizeof *out);
            else
                load_row16(v->x, (size_t)at, (size_t)v->depth, zero_of(v->x), out);
        }
}

static void patch_f32(const struct conv *v, size_t pixel, int32_t channel, float *out)
{
    for (int32_t fy = 0; fy < v->kh; fy++)
        for (int32_t fx = 0; fx < v->kw; fx++, out += v->depth) {
            int64_t at = tap_offset(v, pixel, fy, fx, channel);
            if (at < 0)
                memset(out, 0, (size_t)v->depth * sizeof *out);
            else
                memcpy(out, (const float *)v->x->data + at, (size_t)v->depth * sizeof *out);
        }
}

/* Pixels at a time: patches stay in the second-level cache. */
static size_t pixels_at_once(size_t patch, size_t pixels)
{
    size_t n = patch < 65536 ? 65536 / patch : 1;
    return n < pixels ? n : pixels;
}

static void copy_group(const int32_t *sums, size_t pixels, size_t group, size_t n, size_t channels, int32_t *all)
{
    for (size_t i = 0; i < pixels; i++)
        memcpy(all + i * channels + group * n, sums + i * n, n * sizeof *sums);
}

static void conv_quantised(struct kern_ctx *c, const struct conv *v, const struct requant *q, kern_in w, kern_in bias,
                           kern_out y)
{
    size_t channels = (size_t)w->dim[0], groups = (size_t)(v->x->dim[3] / v->depth), n = channels / groups;
    size_t pixels = kern_elements(y) / channels, chunk = pixels_at_once(v->patch, pixels);
    const int16_t *weights = weights_i16(c, w, 0);
    int16_t *patches = ARENA_ARRAY(c->scratch, int16_t, chunk * v->patch);
    int32_t *sums = ARENA_ARRAY(c->scratch, int32_t, chunk * channels);
    int32_t *part = groups > 1 ? ARENA_ARRAY(c->scratch, int32_t, chunk * n) : sums;
    for (size_t at = 0; at < pixels; at += chunk) {
        size_t count = pixels - at < chunk ? pixels - at : chunk;
        for (size_t g = 0; g < groups; g++) {
            for (size_t i = 0; i < count; i++)
                patch_i16(v, at + i, (int32_t)g * v->depth, patches + i * v->patch);
            matmul_i16(patches, count, weights + g * n * v->patch, n, v->patch, part);
            if (groups > 1)
                copy_group(part, count, g, n, channels, sums);
        }
        weights_finish(q, bias, sums, count, channels, y, at * channels);
    }
}

static void conv_float(struct kern_ctx *c, const struct conv *v, kern_in w, kern_in bias, kern_out y)
{
    size_t channels = (size_t)w->dim[0], groups = (size_t)(v->x->dim[3] / v->depth), n = channels / groups;
    size_t pixels = kern_elements(y) / channels;
    float *patch = ARENA_ARRAY(c->scratch, float, v->patch), *sums = ARENA_ARRAY(c->scratch, float, channels);
    for (size_t i = 0; i < pixels; i++) {
        for (size_t g = 0; g < groups; g++) {
            patch_f32(v, i, (int32_t)g * v->depth, patch);
            matmul_f32(patch, 1, (const float *)w->data + g * n * v->patch, n, v->patch, sums + g * n);
        }
        weights_finish_f32(v->p->act, bias, sums, 1, channels, (float *)y->data + i * channels);
    }
}

bool kern_conv_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_in w, kern_in bias, kern_out y)
{
    if (!need_rank(c, x, 4) || !need_rank(c, w, 4) || !weights_check(c, x, w, bias, y, 0) ||
        !need_activation(c, p->act))
        return false;
    struct conv v = {.p = p, .x = x, .kh = w->dim[1], .kw = w->dim[2], .in_h = x->dim[1], .in_w = x->dim[2],
                     .depth = w->dim[3], .patch = span(w->dim, 1, 4)};
    if (!need(c, x->dim[3] % v.depth == 0 && w->dim[0] % (x->dim[3] / v.depth) == 0,
              "'%s' has %d channels, weights '%s' are for %d -> %d", x->name, x->dim[3], w->name, v.depth, w->dim[0]) ||
        !window_output(c, p->same, v.in_h, v.kh, p->stride_h, p->dilation_h, &v.out_h, &v.before_h) ||
        !window_output(c, p->same, v.in_w, v.kw, p->stride_w, p->dilation_w, &v.out_w, &v.before_w) ||
        !shape_output(c, y, (int32_t[]){x->dim[0], v.out_h, v.out_w, w->dim[0]}, 4))
        return false;
    if (x->type == KERN_F32) {
        conv_float(c, &v, w, bias, y);
        return true;
    }
    struct requant q;
    if (!requant_init_weights(c, &q, x, w, y, p->act, x->type == KERN_U8))
        return false;
    conv_quantised(c, &v, &q, w, bias, y);
    return true;
}

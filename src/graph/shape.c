#include "graph/graph.h"

bool shape4_of(const struct tfl_tensor *t, struct shape4 *out)
{
    int32_t d[4] = {1, 1, 1, 1}; /* n y x z */
    uint32_t first = t->rank > 4 ? t->rank - 4 : 0, used = t->rank - first;
    for (uint32_t i = 0; i < first; i++)
        if (t->shape[i] != 1)
            return false;
    for (uint32_t i = 0; i < used; i++)
        d[4 - used + i] = t->shape[first + i];
    if ((t->rank == 2 || t->rank == 3) && t->shape[0] == 1) { /* their first dimension is the batch */
        d[0] = t->shape[0];
        d[4 - used] = 1;
    }
    *out = (struct shape4){d[0], d[1], d[2], d[3]};
    return true;
}

int32_t same_padding(int32_t in, int32_t out, int32_t filter, int32_t stride, int32_t dilation)
{
    int64_t pad = (int64_t)(out - 1) * stride + (int64_t)(filter - 1) * dilation + 1 - in;
    return pad > 0 ? (int32_t)pad : 0;
}

/* Border along one axis.  VALID: none on top; what the window does not reach at the end is not counted. */
static void set_border(enum tfl_padding padding, int32_t total, int32_t *before, int32_t *after)
{
    *before = padding == TFL_PAD_SAME ? total / 2 : 0;
    *after = padding == TFL_PAD_SAME ? total - total / 2 : 0;
}

static void set_borders(struct window *w, enum tfl_padding padding, const struct tfl_tensor *in,
                        const struct tfl_tensor *out)
{
    set_border(padding, same_padding(in->shape[1], out->shape[1], w->filter_h, w->stride_h, w->dilation_h), &w->top,
               &w->bottom);
    set_border(padding, same_padding(in->shape[2], out->shape[2], w->filter_w, w->stride_w, w->dilation_w), &w->left,
               &w->right);
}

bool window_of(const struct tfl_subgraph *g, const struct tfl_operator *o, struct window *out)
{
    const struct tfl_tensor *in = op_input(g, o, 0), *weights = op_input(g, o, 1), *y = op_output(g, o, 0);
    switch (o->code) {
    case TFL_OP_CONV_2D: {
        const struct tfl_conv_2d_options *p = &o->options.conv_2d;
        *out = (struct window){weights->shape[1], weights->shape[2], p->stride_h, p->stride_w,
                               p->dilation_h, p->dilation_w, 0, 0, 0, 0};
        set_borders(out, p->padding, in, y);
        return true;
    }
    case TFL_OP_DEPTHWISE_CONV_2D: {
        const struct tfl_depthwise_conv_2d_options *p = &o->options.depthwise_conv_2d;
        *out = (struct window){weights->shape[1], weights->shape[2], p->stride_h, p->stride_w,
                               p->dilation_h, p->dilation_w, 0, 0, 0, 0};
        set_borders(out, p->padding, in, y);
        return true;
    }
    case TFL_OP_AVERAGE_POOL_2D: case TFL_OP_MAX_POOL_2D: case TFL_OP_L2_POOL_2D: {
        const struct tfl_pool_2d_options *p = &o->options.pool_2d;
        *out = (struct window){p->filter_h, p->filter_w, p->stride_h, p->stride_w, 1, 1, 0, 0, 0, 0};
        set_borders(out, p->padding, in, y);
        return true;
    }
    case TFL_OP_TRANSPOSE_CONV: { /* the convolution whose gradient this is runs from the output to the input */
        const struct tfl_transpose_conv_options *p = &o->options.transpose_conv;
        *out = (struct window){weights->shape[1], weights->shape[2], p->stride_h, p->stride_w, 1, 1, 0, 0, 0, 0};
        set_borders(out, p->padding, y, op_input(g, o, 2));
        return true;
    }
    default:
        return false;
    }
}

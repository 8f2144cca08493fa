/* graph_check: one rule for each operator family.  A rule checks options and inputs and says which shape output k must
 * have; the comparison with the file is the same for all.  Source of the shapes: TFLite's kernels (Prepare). */
#include "graph/graph.h"

struct dims {
    uint32_t rank;
    int64_t d[TFL_MAX_RANK];
    bool unknown; /* depends on values that are not constant, or on options that we do not model */
};

struct check {
    struct arena *a;
    const struct tfl_subgraph *g;
    const struct tfl_operator *o;
    struct status *st;
};

#define NEED(condition, ...)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return status_fail(c->st, STATUS_INVALID, __VA_ARGS__);                                                    \
    } while (0)

static const struct tfl_tensor *in(const struct check *c, uint32_t i)
{
    return op_input(c->g, c->o, i);
}

static struct dims dims_of(const struct tfl_tensor *t)
{
    struct dims d = {.rank = t->rank};
    for (uint32_t i = 0; i < t->rank; i++)
        d.d[i] = t->shape[i];
    return d;
}

static bool equal_dims(const struct tfl_tensor *t, const struct dims *d)
{
    bool equal = t->rank == d->rank;
    for (uint32_t i = 0; equal && i < t->rank; i++)
        equal = t->shape[i] == d->d[i];
    return equal;
}

/* An index along rank dimensions, counted from the end where negative; -1: out of range. */
static int32_t axis_of(int32_t axis, uint32_t rank)
{
    int32_t a = axis < 0 ? axis + (int32_t)rank : axis;
    return a >= 0 && a < (int32_t)rank ? a : -1;
}

/* Input i as numbers; *list NULL where it is not constant. */
static bool numbers(const struct check *c, uint32_t i, int32_t **list, uint32_t *n)
{
    *list = NULL, *n = 0;
    return !in(c, i)->data.size || constant_i32(c->a, in(c, i), list, n, c->st);
}

static bool unknown(struct dims *out)
{
    out->unknown = true;
    return true;
}

/* ---- sliding windows ---- */

struct axis_window {
    int32_t filter, stride, dilation;
};

static bool window_output(const struct check *c, int64_t size, struct axis_window w, enum tfl_padding padding,
                          int64_t *out)
{
    NEED(w.filter > 0 && w.stride > 0 && w.dilation > 0, "filter %d, stride %d, dilation %d; all must be positive",
         w.filter, w.stride, w.dilation);
    int64_t reach = (int64_t)(w.filter - 1) * w.dilation + 1;
    NEED(padding == TFL_PAD_SAME || size >= reach, "a window of %lld pixels over %lld with padding VALID",
         (long long)reach, (long long)size);
    *out = padding == TFL_PAD_SAME ? ceil_div(size, w.stride) : (size - reach) / w.stride + 1;
    return true;
}

static bool window_shape(const struct check *c, const struct tfl_tensor *x, struct axis_window h, struct axis_window w,
                         enum tfl_padding padding, int64_t channels, struct dims *out)
{
    *out = (struct dims){.rank = 4, .d = {x->shape[0], 0, 0, channels}};
    return window_output(c, x->shape[1], h, padding, &out->d[1]) &&
           window_output(c, x->shape[2], w, padding, &out->d[2]);
}

/* Weights and bias of a quantised operator; channels: of the output, along dimension `dim` of the weights. */
static bool weighted_types(const struct check *c, const struct tfl_tensor *x, const struct tfl_tensor *w,
                           const struct tfl_tensor *bias, int32_t channels, int32_t dim)
{
    NEED(!bias || tfl_elements(bias) == channels, "a bias of %lld elements for %d output channels",
         (long long)tfl_elements(bias), channels);
    if (x->type != TFL_INT8 && x->type != TFL_UINT8)
        return true;
    NEED(w->type == TFL_INT8 || w->type == TFL_UINT8 || w->type == TFL_INT4, "%s weights with %s input",
         tfl_type_name(w->type), tfl_type_name(x->type));
    NEED(w->quant.count == 1 || (w->quant.count == (uint32_t)channels && w->quant.dim == dim),
         "weights \"%s\" have %u scales along dimension %d", w->name, w->quant.count, w->quant.dim);
    NEED(!bias || bias->type == TFL_INT32, "%s bias with %s input", tfl_type_name(bias->type), tfl_type_name(x->type));
    return true;
}

static bool conv_2d(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_conv_2d_options *p = &c->o->options.conv_2d;
    const struct tfl_tensor *x = in(c, 0), *w = in(c, 1);
    NEED(x->rank == 4 && w->rank == 4, "input and weights have %u and %u dimensions, not 4", x->rank, w->rank);
    NEED(w->shape[3] > 0 && x->shape[3] % w->shape[3] == 0, "weights for %d channels, input has %d", w->shape[3],
         x->shape[3]);
    return weighted_types(c, x, w, in(c, 2), w->shape[0], 0) &&
           window_shape(c, x, (struct axis_window){w->shape[1], p->stride_h, p->dilation_h},
                        (struct axis_window){w->shape[2], p->stride_w, p->dilation_w}, p->padding, w->shape[0], out);
}

static bool depthwise_conv_2d(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_depthwise_conv_2d_options *p = &c->o->options.depthwise_conv_2d;
    const struct tfl_tensor *x = in(c, 0), *w = in(c, 1);
    NEED(x->rank == 4 && w->rank == 4 && w->shape[0] == 1, "input %s, weights %s", tfl_shape_text(c->a, x),
         tfl_shape_text(c->a, w));
    NEED(x->shape[3] > 0 && w->shape[3] % x->shape[3] == 0, "weights for %d channels, input has %d", w->shape[3],
         x->shape[3]);
    return weighted_types(c, x, w, in(c, 2), w->shape[3], 3) &&
           window_shape(c, x, (struct axis_window){w->shape[1], p->stride_h, p->dilation_h},
                        (struct axis_window){w->shape[2], p->stride_w, p->dilation_w}, p->padding, w->shape[3], out);
}

static bool transpose_conv(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_transpose_conv_options *p = &c->o->options.transpose_conv;
    const struct tfl_tensor *w = in(c, 1), *x = in(c, 2);
    int32_t *shape;
    uint32_t n;
    NEED(x && x->rank == 4 && w->rank == 4 && w->shape[3] == x->shape[3], "input or weights do not fit");
    if (!weighted_types(c, x, w, in(c, 3), w->shape[0], 0) || !numbers(c, 0, &shape, &n))
        return false;
    if (!shape)
        return unknown(out);
    NEED(n == 4, "output_shape has %u numbers, not 4", n);
    NEED(shape[3] == w->shape[0], "%d output channels, weights for %d", shape[3], w->shape[0]);
    int64_t y, z;
    if (!window_output(c, shape[1], (struct axis_window){w->shape[1], p->stride_h, 1}, p->padding, &y) ||
        !window_output(c, shape[2], (struct axis_window){w->shape[2], p->stride_w, 1}, p->padding, &z))
        return false;
    NEED(y == x->shape[1] && z == x->shape[2], "an output of %dx%d comes from %lldx%lld, the input is %s", shape[1],
         shape[2], (long long)y, (long long)z, tfl_shape_text(c->a, x));
    *out = (struct dims){.rank = 4, .d = {shape[0], shape[1], shape[2], shape[3]}};
    return true;
}

static bool pool_2d(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_pool_2d_options *p = &c->o->options.pool_2d;
    const struct tfl_tensor *x = in(c, 0);
    NEED(x->rank == 4, "input has %u dimensions, not 4", x->rank);
    return window_shape(c, x, (struct axis_window){p->filter_h, p->stride_h, 1},
                        (struct axis_window){p->filter_w, p->stride_w, 1}, p->padding, x->shape[3], out);
}

static bool fully_connected(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_tensor *x = in(c, 0), *w = in(c, 1);
    NEED(x->rank >= 1 && w->rank == 2 && w->shape[1] > 0, "input %s, weights %s", tfl_shape_text(c->a, x),
         tfl_shape_text(c->a, w));
    NEED(tfl_elements(x) % w->shape[1] == 0, "%lld inputs, weights for %d", (long long)tfl_elements(x), w->shape[1]);
    *out = (struct dims){.rank = 2, .d = {tfl_elements(x) / w->shape[1], w->shape[0]}};
    if (c->o->options.fully_connected.keep_num_dims) {
        NEED(x->shape[x->rank - 1] == w->shape[1], "the last of %s is not %d", tfl_shape_text(c->a, x), w->shape[1]);
        *out = dims_of(x);
        out->d[x->rank - 1] = w->shape[0];
    }
    return weighted_types(c, x, w, in(c, 2), w->shape[0], 0);
}

/* ---- element by element ---- */

static bool same_shape(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    *out = dims_of(in(c, 0));
    return true;
}

static bool softmax(const struct check *c, uint32_t k, struct dims *out)
{
    float beta = c->o->options.softmax.beta;
    NEED(c->o->code != TFL_OP_SOFTMAX || beta > 0, "beta is %g", (double)beta);
    NEED(in(c, 0)->rank >= 1, "input is a scalar");
    return same_shape(c, k, out);
}

static bool broadcast(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_tensor *x = in(c, 0), *y = in(c, 1);
    const struct tfl_tensor *longer = x->rank >= y->rank ? x : y, *shorter = longer == x ? y : x;
    uint32_t skip = longer->rank - shorter->rank;
    *out = dims_of(longer);
    for (uint32_t i = 0; i < shorter->rank; i++) {
        int64_t p = longer->shape[skip + i], q = shorter->shape[i];
        NEED(p == q || p == 1 || q == 1, "shapes %s and %s do not broadcast", tfl_shape_text(c->a, x),
             tfl_shape_text(c->a, y));
        out->d[skip + i] = p == 1 ? q : p;
    }
    return true;
}

/* ---- shapes ---- */

static bool concatenation(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    *out = dims_of(in(c, 0));
    int32_t axis = axis_of(c->o->options.concatenation.axis, out->rank);
    NEED(axis >= 0, "axis %d of %u dimensions", c->o->options.concatenation.axis, out->rank);
    for (uint32_t i = 1; i < c->o->n_inputs; i++) {
        const struct tfl_tensor *t = in(c, i);
        NEED(t && t->rank == out->rank, "input %u has another number of dimensions", i);
        for (uint32_t d = 0; d < t->rank; d++)
            NEED((int32_t)d == axis || t->shape[d] == out->d[d], "input %u is %s, input 0 %s", i,
                 tfl_shape_text(c->a, t), tfl_shape_text(c->a, in(c, 0)));
        out->d[axis] += t->shape[axis];
    }
    return true;
}

/* The file's own output shape, if it has as many elements. */
static bool same_elements(const struct check *c, uint32_t k, struct dims *out)
{
    const struct tfl_tensor *y = op_output(c->g, c->o, k);
    NEED(tfl_elements(in(c, 0)) == tfl_elements(y), "%s becomes %s", tfl_shape_text(c->a, in(c, 0)),
         tfl_shape_text(c->a, y));
    *out = dims_of(y);
    return true;
}

static bool reshape(const struct check *c, uint32_t k, struct dims *out)
{
    int32_t *shape = NULL;
    uint32_t n = 0;
    if (!same_elements(c, k, out) || (in(c, 1) && !numbers(c, 1, &shape, &n)))
        return false;
    bool fits = !shape || n == out->rank;
    for (uint32_t i = 0; shape && fits && i < n; i++)
        fits = shape[i] == out->d[i] || shape[i] == -1;
    NEED(fits, "the new shape and the output's do not agree");
    return true;
}

static bool reduce(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *axes;
    uint32_t n;
    if (!numbers(c, 1, &axes, &n))
        return false;
    if (!axes)
        return unknown(out);
    struct dims x = dims_of(in(c, 0));
    bool gone[TFL_MAX_RANK] = {0};
    for (uint32_t i = 0; i < n; i++) {
        int32_t axis = axis_of(axes[i], x.rank);
        NEED(axis >= 0, "axis %d of %u dimensions", axes[i], x.rank);
        gone[axis] = true;
    }
    for (uint32_t d = 0; d < x.rank; d++)
        if (!gone[d] || c->o->options.reducer.keep_dims)
            out->d[out->rank++] = gone[d] ? 1 : x.d[d];
    return true;
}

static bool pad(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *pads;
    uint32_t n;
    if (!numbers(c, 1, &pads, &n))
        return false;
    if (!pads)
        return unknown(out);
    *out = dims_of(in(c, 0));
    NEED(n == 2 * out->rank, "%u paddings for %u dimensions", n, out->rank);
    for (uint32_t d = 0; d < out->rank; d++) {
        NEED(pads[2 * d] >= 0 && pads[2 * d + 1] >= 0, "negative padding of dimension %u", d);
        out->d[d] += (int64_t)pads[2 * d] + pads[2 * d + 1];
    }
    return true;
}

static bool resize(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *size;
    uint32_t n;
    NEED(in(c, 0)->rank == 4, "input has %u dimensions, not 4", in(c, 0)->rank);
    if (!numbers(c, 1, &size, &n))
        return false;
    if (!size)
        return unknown(out);
    NEED(n == 2 && size[0] > 0 && size[1] > 0, "the size is not two positive numbers");
    *out = dims_of(in(c, 0));
    out->d[1] = size[0], out->d[2] = size[1];
    return true;
}

static bool transpose(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *order;
    uint32_t n, seen = 0;
    if (!numbers(c, 1, &order, &n))
        return false;
    if (!order)
        return unknown(out);
    struct dims x = dims_of(in(c, 0));
    out->rank = x.rank;
    NEED(n == x.rank, "an order of %u for %u dimensions", n, x.rank);
    for (uint32_t i = 0; i < n; i++) {
        int32_t axis = axis_of(order[i], n);
        NEED(axis >= 0 && !(seen >> axis & 1), "not an order of dimensions");
        seen |= 1u << axis;
        out->d[i] = x.d[axis];
    }
    return true;
}

static bool slice(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *begin, *size;
    uint32_t n, m;
    if (!numbers(c, 1, &begin, &n) || !numbers(c, 2, &size, &m))
        return false;
    if (!begin || !size)
        return unknown(out);
    struct dims x = dims_of(in(c, 0));
    out->rank = x.rank;
    NEED(n == x.rank && m == x.rank, "begin and size have %u and %u numbers for %u dimensions", n, m, x.rank);
    for (uint32_t d = 0; d < x.rank; d++) {
        out->d[d] = size[d] == -1 ? x.d[d] - begin[d] : size[d];
        NEED(begin[d] >= 0 && out->d[d] >= 0 && begin[d] + out->d[d] <= x.d[d], "%d + %lld leaves dimension %u of %lld",
             begin[d], (long long)out->d[d], d, (long long)x.d[d]);
    }
    return true;
}

/* Start or end of a slice: counted from the end where negative, moved into the range that the direction allows. */
static int64_t slice_bound(int64_t at, int64_t size, bool forwards)
{
    at += at < 0 ? size : 0;
    int64_t low = forwards ? 0 : -1, high = forwards ? size : size - 1;
    return at < low ? low : at > high ? high : at;
}

static bool strided_slice(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    const struct tfl_strided_slice_options *p = &c->o->options.strided_slice;
    int32_t *begin, *end, *stride;
    uint32_t n, m, l;
    if (!numbers(c, 1, &begin, &n) || !numbers(c, 2, &end, &m) || !numbers(c, 3, &stride, &l))
        return false;
    if (!begin || !end || !stride || p->ellipsis_mask || p->new_axis_mask || p->offset)
        return unknown(out);
    struct dims x = dims_of(in(c, 0));
    NEED(n == m && n == l && n <= x.rank, "begin, end and strides have %u, %u and %u numbers for %u dimensions", n, m,
         l, x.rank);
    for (uint32_t d = 0; d < x.rank; d++) {
        if (d >= n) {
            out->d[out->rank++] = x.d[d];
            continue;
        }
        NEED(stride[d] != 0, "stride 0");
        bool forwards = stride[d] > 0;
        int64_t from = p->begin_mask >> d & 1 ? (forwards ? 0 : x.d[d] - 1) : slice_bound(begin[d], x.d[d], forwards);
        int64_t to = p->end_mask >> d & 1 ? (forwards ? x.d[d] : -1) : slice_bound(end[d], x.d[d], forwards);
        int64_t count = forwards ? ceil_div(to - from, stride[d]) : ceil_div(from - to, -(int64_t)stride[d]);
        if (!(p->shrink_axis_mask >> d & 1))
            out->d[out->rank++] = count > 0 ? count : 0;
    }
    return true;
}

static bool split(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *axes;
    uint32_t n;
    const struct tfl_tensor *x = in(c, 1);
    NEED(c->o->options.split.num_splits == (int32_t)c->o->n_outputs && c->o->n_outputs > 0,
         "num_splits is %d, there are %u outputs", c->o->options.split.num_splits, c->o->n_outputs);
    if (!numbers(c, 0, &axes, &n))
        return false;
    if (!axes)
        return unknown(out);
    *out = dims_of(x);
    int32_t axis = n == 1 ? axis_of(axes[0], x->rank) : -1;
    NEED(axis >= 0, "axis of %u dimensions out of range", x->rank);
    NEED(out->d[axis] % c->o->n_outputs == 0, "dimension %d of %s in %u parts", axis, tfl_shape_text(c->a, x),
         c->o->n_outputs);
    out->d[axis] /= c->o->n_outputs;
    return true;
}

static bool split_v(const struct check *c, uint32_t k, struct dims *out)
{
    int32_t *sizes, *axes;
    uint32_t n, m;
    if (!numbers(c, 1, &sizes, &n) || !numbers(c, 2, &axes, &m))
        return false;
    if (!sizes || !axes)
        return unknown(out);
    *out = dims_of(in(c, 0));
    int32_t axis = m == 1 ? axis_of(axes[0], out->rank) : -1;
    NEED(axis >= 0 && n == c->o->n_outputs, "%u sizes for %u outputs, or axis out of range", n, c->o->n_outputs);
    int64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += sizes[i] == -1 ? 0 : sizes[i];
    int64_t rest = out->d[axis] - sum;
    NEED(rest >= 0, "the parts are larger than dimension %d", axis);
    out->d[axis] = sizes[k] == -1 ? rest : sizes[k];
    return true;
}

static bool pack(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    struct dims x = dims_of(in(c, 0));
    NEED(x.rank < TFL_MAX_RANK, "too many dimensions");
    int32_t axis = axis_of(c->o->options.pack.axis, x.rank + 1);
    NEED(axis >= 0 && c->o->options.pack.values_count == (int32_t)c->o->n_inputs, "axis %d, %d values of %u inputs",
         c->o->options.pack.axis, c->o->options.pack.values_count, c->o->n_inputs);
    for (uint32_t i = 1; i < c->o->n_inputs; i++)
        NEED(in(c, i) && equal_dims(in(c, i), &x), "input %u has another shape", i);
    out->rank = x.rank + 1;
    for (uint32_t d = 0, s = 0; d < out->rank; d++)
        out->d[d] = (int32_t)d == axis ? c->o->n_inputs : x.d[s++];
    return true;
}

enum { MAX_BLOCK = 1 << 15 }; /* far beyond sense; keeps the products below 2^63 */

static bool space_to_depth(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t block = c->o->options.space_to_depth.block_size;
    const struct tfl_tensor *x = in(c, 0);
    NEED(x->rank == 4 && block > 0 && block <= MAX_BLOCK && x->shape[1] % block == 0 && x->shape[2] % block == 0,
         "block %d of %s", block, tfl_shape_text(c->a, x));
    *out = (struct dims){.rank = 4, .d = {x->shape[0], x->shape[1] / block, x->shape[2] / block,
                                          (int64_t)x->shape[3] * block * block}};
    return true;
}

static bool depth_to_space(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int64_t block = c->o->options.depth_to_space.block_size;
    const struct tfl_tensor *x = in(c, 0);
    NEED(x->rank == 4 && block > 0 && block <= MAX_BLOCK && x->shape[3] % (block * block) == 0, "block %lld of %s",
         (long long)block, tfl_shape_text(c->a, x));
    *out = (struct dims){.rank = 4, .d = {x->shape[0], x->shape[1] * block, x->shape[2] * block,
                                          x->shape[3] / (block * block)}};
    return true;
}

static bool tile(const struct check *c, uint32_t k, struct dims *out)
{
    (void)k;
    int32_t *times;
    uint32_t n;
    if (!numbers(c, 1, &times, &n))
        return false;
    if (!times)
        return unknown(out);
    *out = dims_of(in(c, 0));
    NEED(n == out->rank, "%u multiples for %u dimensions", n, out->rank);
    for (uint32_t d = 0; d < n; d++) {
        NEED(times[d] >= 0, "a negative multiple");
        out->d[d] *= times[d];
    }
    return true;
}

/* ---- the table ---- */

enum { ANY = 255 };

static const struct rule {
    enum tfl_builtin code;
    bool (*shape)(const struct check *c, uint32_t k, struct dims *out);
    uint8_t min_in, max_in, outputs; /* ANY: no limit.  The first min_in inputs must be there. */
    uint8_t data;                    /* input whose type the outputs have; ANY: none */
} rules[] = {
    {TFL_OP_CONV_2D, conv_2d, 2, 3, 1, 0},
    {TFL_OP_DEPTHWISE_CONV_2D, depthwise_conv_2d, 2, 3, 1, 0},
    {TFL_OP_TRANSPOSE_CONV, transpose_conv, 3, 4, 1, 2},
    {TFL_OP_FULLY_CONNECTED, fully_connected, 2, 3, 1, 0},
    {TFL_OP_AVERAGE_POOL_2D, pool_2d, 1, 1, 1, 0},
    {TFL_OP_MAX_POOL_2D, pool_2d, 1, 1, 1, 0},
    {TFL_OP_L2_POOL_2D, pool_2d, 1, 1, 1, 0},
    {TFL_OP_ADD, broadcast, 2, 2, 1, 0},
    {TFL_OP_SUB, broadcast, 2, 2, 1, 0},
    {TFL_OP_MUL, broadcast, 2, 2, 1, 0},
    {TFL_OP_DIV, broadcast, 2, 2, 1, 0},
    {TFL_OP_MAXIMUM, broadcast, 2, 2, 1, 0},
    {TFL_OP_MINIMUM, broadcast, 2, 2, 1, 0},
    {TFL_OP_SQUARED_DIFFERENCE, broadcast, 2, 2, 1, 0},
    {TFL_OP_PRELU, broadcast, 2, 2, 1, 0},
    {TFL_OP_RELU, same_shape, 1, 1, 1, 0},
    {TFL_OP_RELU6, same_shape, 1, 1, 1, 0},
    {TFL_OP_RELU_N1_TO_1, same_shape, 1, 1, 1, 0},
    {TFL_OP_RELU_0_TO_1, same_shape, 1, 1, 1, 0},
    {TFL_OP_LEAKY_RELU, same_shape, 1, 1, 1, 0},
    {TFL_OP_ELU, same_shape, 1, 1, 1, 0},
    {TFL_OP_GELU, same_shape, 1, 1, 1, 0},
    {TFL_OP_HARD_SWISH, same_shape, 1, 1, 1, 0},
    {TFL_OP_LOGISTIC, same_shape, 1, 1, 1, 0},
    {TFL_OP_TANH, same_shape, 1, 1, 1, 0},
    {TFL_OP_ABS, same_shape, 1, 1, 1, 0},
    {TFL_OP_NEG, same_shape, 1, 1, 1, 0},
    {TFL_OP_EXP, same_shape, 1, 1, 1, 0},
    {TFL_OP_SQRT, same_shape, 1, 1, 1, 0},
    {TFL_OP_RSQRT, same_shape, 1, 1, 1, 0},
    {TFL_OP_L2_NORMALIZATION, same_shape, 1, 1, 1, 0},
    {TFL_OP_SOFTMAX, softmax, 1, 1, 1, 0},
    {TFL_OP_LOG_SOFTMAX, softmax, 1, 1, 1, 0},
    {TFL_OP_QUANTIZE, same_shape, 1, 1, 1, ANY},
    {TFL_OP_DEQUANTIZE, same_shape, 1, 1, 1, ANY},
    {TFL_OP_CAST, same_shape, 1, 1, 1, ANY},
    {TFL_OP_CONCATENATION, concatenation, 1, ANY, 1, 0},
    {TFL_OP_RESHAPE, reshape, 1, 2, 1, 0},
    {TFL_OP_SQUEEZE, same_elements, 1, 1, 1, 0},
    {TFL_OP_EXPAND_DIMS, same_elements, 2, 2, 1, 0},
    {TFL_OP_MEAN, reduce, 2, 2, 1, 0},
    {TFL_OP_SUM, reduce, 2, 2, 1, 0},
    {TFL_OP_REDUCE_MAX, reduce, 2, 2, 1, 0},
    {TFL_OP_REDUCE_MIN, reduce, 2, 2, 1, 0},
    {TFL_OP_PAD, pad, 2, 2, 1, 0},
    {TFL_OP_PADV2, pad, 3, 3, 1, 0},
    {TFL_OP_MIRROR_PAD, pad, 2, 2, 1, 0},
    {TFL_OP_RESIZE_BILINEAR, resize, 2, 2, 1, 0},
    {TFL_OP_RESIZE_NEAREST_NEIGHBOR, resize, 2, 2, 1, 0},
    {TFL_OP_TRANSPOSE, transpose, 2, 2, 1, 0},
    {TFL_OP_SLICE, slice, 3, 3, 1, 0},
    {TFL_OP_STRIDED_SLICE, strided_slice, 4, 4, 1, 0},
    {TFL_OP_SPLIT, split, 2, 2, ANY, 1},
    {TFL_OP_SPLIT_V, split_v, 3, 3, ANY, 0},
    {TFL_OP_PACK, pack, 1, ANY, 1, 0},
    {TFL_OP_SPACE_TO_DEPTH, space_to_depth, 1, 1, 1, 0},
    {TFL_OP_DEPTH_TO_SPACE, depth_to_space, 1, 1, 1, 0},
    {TFL_OP_TILE, tile, 2, 2, 1, 0},
};

static const struct rule *rule_of(enum tfl_builtin code)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].code == code)
            return &rules[i];
    return NULL;
}

bool graph_has_check(enum tfl_builtin code)
{
    return rule_of(code) != NULL;
}

static bool check_counts(const struct check *c, const struct rule *r)
{
    const struct tfl_operator *o = c->o;
    NEED(o->n_inputs >= r->min_in && (r->max_in == ANY || o->n_inputs <= r->max_in), "it has %u inputs", o->n_inputs);
    NEED(r->outputs == ANY ? o->n_outputs > 0 : o->n_outputs == r->outputs, "it has %u outputs", o->n_outputs);
    for (uint32_t i = 0; i < r->min_in; i++)
        NEED(in(c, i), "input %u is left out", i);
    return true;
}

static bool check_output(const struct check *c, const struct rule *r, uint32_t k)
{
    const struct tfl_tensor *y = op_output(c->g, c->o, k);
    NEED(r->data == ANY || y->type == in(c, r->data)->type, "input is %s, output \"%s\" %s",
         tfl_type_name(in(c, r->data)->type), y->name, tfl_type_name(y->type));
    struct dims want = {0};
    if (!r->shape(c, k, &want))
        return false;
    if (want.unknown || equal_dims(y, &want))
        return true;
    const char *text = want.rank ? arena_text(c->a, "%lld", (long long)want.d[0]) : "scalar";
    for (uint32_t d = 1; d < want.rank; d++)
        text = arena_text(c->a, "%sx%lld", text, (long long)want.d[d]);
    NEED(false, "output \"%s\" is %s in the file, its inputs give %s", y->name, tfl_shape_text(c->a, y), text);
}

bool graph_check(struct arena *a, const struct tfl_subgraph *g, uint32_t op, struct status *st)
{
    struct check c = {a, g, &g->operators[op], st};
    const struct rule *r = rule_of(c.o->code);
    if (!r)
        return true;
    bool ok = check_counts(&c, r);
    for (uint32_t k = 0; ok && k < c.o->n_outputs; k++)
        ok = check_output(&c, r, k);
    return ok || status_context(st, "%s: ", graph_op_text(a, g, op));
}

/* Whole networks: random chains of the blocks that published networks are made of, with one or two heads, compiled and
 * run on the simulated chip, give exactly the kernels' bytes.  What steps leave behind for each other (rows of wide
 * memory, counters, borders, layouts) shows only where many of them are put together.  SEEDS, FIRST, VERBOSE as in
 * judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "darwinn/package.h"
#include "isa/isa.h"
#include "support/corpus.h"
#include "support/make_model.h"
#include "support/twin.h"

#define ANY(d, list) (list)[up_to(d, sizeof(list) / sizeof *(list))]

enum { MOST_SKIPS = 3, MOST_ELEMENTS = 20000, MOST_CHANNELS = 160 };

static const int32_t channels[] = {1, 2, 3, 5, 8, 12, 16, 16, 24, 31, 32, 40, 64, 72, 130};
static const enum tfl_activation activations[] = {TFL_ACT_NONE,  TFL_ACT_RELU,  TFL_ACT_RELU,
                                                  TFL_ACT_RELU6, TFL_ACT_RELU6, TFL_ACT_RELU_N1_TO_1};

struct draw {
    struct maker *k;
    uint64_t s;
    int skips[MOST_SKIPS]; /* images from which a later head may begin */
    uint32_t n_skips;
};

static int32_t up_to(struct draw *d, uint64_t n) { return (int32_t)(random_next(&d->s) % n); } /* 0 .. n-1 */
static bool maybe(struct draw *d) { return random_next(&d->s) & 1; }

static int32_t height(const struct draw *d, int x) { return maker_tensor(d->k, x)->shape[1]; }
static int32_t width(const struct draw *d, int x) { return maker_tensor(d->k, x)->shape[2]; }
static int32_t depth(const struct draw *d, int x) { return maker_tensor(d->k, x)->shape[3]; }
static bool roomy(const struct draw *d, int x, int32_t times)
{
    return height(d, x) * width(d, x) * depth(d, x) * times <= MOST_ELEMENTS;
}

static int conv(struct draw *d, int x, int32_t size, int32_t stride, int32_t c)
{
    return make_conv_2d(d->k, x, &(struct make_window){.channels = c, .size = size, .stride = stride,
                                                       .activation = ANY(d, activations)});
}

static int linear(struct draw *d, int x, int32_t c)
{
    return make_conv_2d(d->k, x, &(struct make_window){.channels = c, .size = 1});
}

static int depthwise(struct draw *d, int x, int32_t size, int32_t stride)
{
    return make_depthwise_conv_2d(d->k, x, &(struct make_window){.channels = 1, .size = size, .stride = stride,
                                                                 .activation = ANY(d, activations)});
}

static int pooled(struct draw *d, int x, int32_t size, int32_t stride)
{
    return make_pool(d->k, maybe(d) ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, x,
                     &(struct make_window){.size = size, .stride = stride});
}

/* y with the type and scale of x. */
static int scaled_as(struct draw *d, int y, int x)
{
    int z = make_quantize(d->k, y, maker_tensor(d->k, x)->type);
    maker_tensor(d->k, z)->quant = maker_tensor(d->k, x)->quant;
    return z;
}

/* ---- blocks: an image to an image ---- */

static int plain(struct draw *d, int x)
{
    static const int32_t sizes[] = {1, 1, 3, 3, 3, 5};
    return conv(d, x, ANY(d, sizes), 1 + !up_to(d, 3), ANY(d, channels));
}

static int dilated(struct draw *d, int x)
{
    return make_conv_2d(
        d->k, x,
        &(struct make_window){
            .channels = ANY(d, channels), .size = 3, .dilation = 2 + up_to(d, 2), .activation = ANY(d, activations)});
}

static int padded(struct draw *d, int x)
{
    bool even = maybe(d);
    x = make_pad(d->k, x, (int32_t[]){0, 0, even, 1, even, 1, 0, 0});
    struct make_window w = {.channels = ANY(d, channels), .size = 2 + even, .stride = 1 + up_to(d, 2),
                            .padding = TFL_PAD_VALID, .activation = ANY(d, activations)};
    return make_conv_2d(d->k, x, &w);
}

static int separable(struct draw *d, int x)
{
    return conv(d, depthwise(d, x, maybe(d) ? 3 : 5, 1 + !up_to(d, 3)), 1, 1, ANY(d, channels));
}

/* x times a factor for each channel, from a pool of the whole image. */
static int excited(struct draw *d, int x)
{
    int32_t c = depth(d, x);
    struct make_window whole = {.size = height(d, x), .width = width(d, x), .padding = TFL_PAD_VALID};
    int y = maybe(d) ? make_reduce(d->k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, true)
                     : make_pool(d->k, TFL_OP_AVERAGE_POOL_2D, x, &whole);
    if (maybe(d)) {
        y = linear(d, conv(d, y, 1, 1, 1 + c / 4), c);
    } else {
        y = make_fully_connected(d->k, make_flatten(d->k, y), 1 + c / 4, TFL_ACT_RELU);
        y = make_reshape(d->k, make_fully_connected(d->k, y, c, TFL_ACT_NONE), 4, (int32_t[]){1, 1, 1, c});
    }
    y = make_unary(d->k, TFL_OP_LOGISTIC, y);
    bool first = maybe(d);
    return make_binary(d->k, TFL_OP_MUL, first ? x : y, first ? y : x, TFL_ACT_NONE);
}

static int inverted(struct draw *d, int x)
{
    int32_t c = depth(d, x), wide = c * (1 + up_to(d, 5));
    bool same = maybe(d);
    int y = roomy(d, x, wide / c) && wide <= MOST_CHANNELS ? conv(d, x, 1, 1, wide) : x;
    y = depthwise(d, y, maybe(d) ? 3 : 5, same ? 1 : 2);
    if (!up_to(d, 3))
        y = excited(d, y);
    y = linear(d, y, same ? c : ANY(d, channels));
    if (!same)
        return y;
    bool first = maybe(d);
    return make_binary(d->k, TFL_OP_ADD, first ? x : y, first ? y : x, TFL_ACT_NONE);
}

static int residual(struct draw *d, int x)
{
    static const enum tfl_builtin codes[] = {TFL_OP_ADD, TFL_OP_ADD, TFL_OP_ADD, TFL_OP_SUB, TFL_OP_MUL,
                                             TFL_OP_MAXIMUM, TFL_OP_MINIMUM, TFL_OP_SQUARED_DIFFERENCE};
    enum tfl_builtin code = ANY(d, codes);
    int32_t stride = 1 + !up_to(d, 3), c = stride == 1 && maybe(d) ? depth(d, x) : ANY(d, channels);
    int y = linear(d, conv(d, x, 3, stride, ANY(d, channels)), c);
    int z = stride == 1 && c == depth(d, x) ? x : make_conv_2d(d->k, x, &(struct make_window){.channels = c, .size = 1,
                                                                                              .stride = stride});
    bool limit = code == TFL_OP_MAXIMUM || code == TFL_OP_MINIMUM;
    if (limit)
        y = scaled_as(d, y, z);
    return make_binary(d->k, code, z, y,
                       limit || code == TFL_OP_SQUARED_DIFFERENCE ? TFL_ACT_NONE : ANY(d, activations));
}

/* Branches of the same size, joined in channels: Inception, SqueezeNet's fire, pyramids of dilations. */
static int inception(struct draw *d, int x)
{
    int parts[4];
    uint32_t n = 2 + (uint32_t)up_to(d, 3);
    for (uint32_t i = 0; i < n; i++)
        switch (up_to(d, 6)) {
        case 0: parts[i] = conv(d, x, 1, 1, 1 + up_to(d, 24)); break;
        case 1: parts[i] = conv(d, conv(d, x, 1, 1, 1 + up_to(d, 16)), 3, 1, 1 + up_to(d, 24)); break;
        case 2: parts[i] = conv(d, conv(d, x, 1, 1, 8), 5, 1, 8); break;
        case 3: parts[i] = conv(d, pooled(d, x, 3, 1), 1, 1, 4 * (1 + up_to(d, 4))); break;
        case 4: parts[i] = dilated(d, linear(d, x, 8)); break;
        default: parts[i] = i ? depthwise(d, parts[i - 1], 3, 1) : x; break;
        }
    return make_concatenation(d->k, n, parts, 3);
}

/* Half of the channels goes past a convolution, as in CSP and ShuffleNet. */
static int split(struct draw *d, int x)
{
    int32_t c = depth(d, x), half = c / 2;
    if (c % 2)
        return inception(d, x);
    int part[2];
    make_split(d->k, x, 3, 2, part);
    int joined[3] = {part[0], part[1], conv(d, part[1], 3, 1, half)};
    return maybe(d) ? make_concatenation(d->k, 3, joined, 3)
                    : make_concatenation(d->k, 2, (int[]){part[0], joined[2]}, 3);
}

/* Down, something, up again, joined with what was before. */
static int hourglass(struct draw *d, int x)
{
    int32_t h = height(d, x), w = width(d, x), c = depth(d, x);
    if (h % 2 || w % 2)
        return pooled(d, x, 2 + up_to(d, 2), 2);
    int y = conv(d, maybe(d) ? pooled(d, x, 2, 2) : conv(d, x, 3, 2, c), 3, 1, c);
    if (!up_to(d, 3) && roomy(d, y, 1))
        y = hourglass(d, y);
    if (height(d, y) != h / 2 || width(d, y) != w / 2)
        return y;
    switch (up_to(d, 3)) {
    case 0:
        y = make_transpose_conv(d->k, y, &(struct make_window){.channels = c, .size = 2 + up_to(d, 3), .stride = 2});
        break;
    case 1: y = make_resize(d->k, TFL_OP_RESIZE_NEAREST_NEIGHBOR, y, h, w, false, maybe(d)); break;
    default:
        y = make_resize(d->k, h < 8 || w < 8 ? TFL_OP_RESIZE_NEAREST_NEIGHBOR : TFL_OP_RESIZE_BILINEAR, y, h, w, false,
                        true);
    }
    if (height(d, y) != h || depth(d, y) != c)
        return y;
    return maybe(d) ? make_concatenation(d->k, 2, (int[]){x, y}, 3)
                    : make_binary(d->k, TFL_OP_ADD, x, y, ANY(d, activations));
}

/* One operator that has no weights. */
static int bare(struct draw *d, int x)
{
    static const enum tfl_builtin unary[] = {TFL_OP_LOGISTIC, TFL_OP_TANH, TFL_OP_RELU, TFL_OP_RELU6,
                                             TFL_OP_RELU_N1_TO_1};
    static const enum tfl_builtin binary[] = {TFL_OP_ADD, TFL_OP_MUL, TFL_OP_SUB};
    int32_t h = height(d, x), w = width(d, x), c = depth(d, x);
    switch (up_to(d, 16)) {
    case 0: return make_prelu(d->k, x);
    case 1: return make_unary(d->k, TFL_OP_L2_NORMALIZATION, x);
    case 2: return make_softmax(d->k, x);
    case 3: return make_binary(d->k, TFL_OP_MUL, x, make_unary(d->k, TFL_OP_LOGISTIC, x), TFL_ACT_NONE); /* SiLU */
    case 4: return make_binary(d->k, ANY(d, binary), x, make_random(d->k, 1, &c), ANY(d, activations));
    case 5: return make_binary(d->k, ANY(d, binary), x, make_random(d->k, 0, NULL), ANY(d, activations));
    case 6: return h % 2 || w % 2 || c > 40 ? x : make_space_to_depth(d->k, x, 2);
    case 7: return make_pad(d->k, x, (int32_t[]){0, 0, up_to(d, 3), up_to(d, 3), up_to(d, 3), up_to(d, 3), 0, 0});
    case 8: return h < 3 || w < 3 ? x : make_slice(d->k, x, (int32_t[]){0, 1, up_to(d, 2), 0},
                                                   (int32_t[]){1, h - 1 - up_to(d, 2), w - 1, c});
    case 9: return make_transpose(d->k, x, (int32_t[]){0, 2, 1, 3});
    case 10: return make_reduce(d->k, TFL_OP_MEAN, x, 1, (int32_t[]){3}, true);
    case 11: return scaled_as(d, linear(d, x, c), x);
    case 12: return excited(d, x);
    case 13: return c > 4 ? make_slice(d->k, x, (int32_t[]){0, 0, 0, 2}, (int32_t[]){1, h, w, c - 3}) : x;
    default: return make_unary(d->k, ANY(d, unary), x);
    }
}

/* One pixel or one channel, repeated for the whole image. */
static int repeated(struct draw *d, int x)
{
    static const enum tfl_builtin reductions[] = {TFL_OP_MEAN, TFL_OP_SUM, TFL_OP_REDUCE_MAX};
    static const enum tfl_builtin binary[] = {TFL_OP_ADD, TFL_OP_MUL, TFL_OP_SUB};
    enum tfl_builtin code = ANY(d, reductions), how = ANY(d, binary);
    int y = maybe(d) ? make_reduce(d->k, code, x, 2, (int32_t[]){1, 2}, true)
                     : make_reduce(d->k, code, x, 1, (int32_t[]){3}, true);
    bool first = maybe(d);
    return make_binary(d->k, how, first ? x : y, first ? y : x, TFL_ACT_NONE);
}

/* Pixels taken apart and put together again in another order. */
static int shuffled(struct draw *d, int x)
{
    const struct tfl_tensor t = *maker_tensor(d->k, x);
    int32_t h = t.shape[1], w = t.shape[2], c = t.shape[3];
    switch (up_to(d, 5)) {
    case 0: /* YOLO's focus */
        if (h % 2 || w % 2 || c > 32)
            return x;
        int parts[4];
        for (int i = 0; i < 4; i++)
            parts[i] = make_strided_slice(d->k, x, (int32_t[]){0, i % 2, i / 2, 0}, (int32_t[]){1, h, w, c},
                                          (int32_t[]){1, 2, 2, 1});
        return make_concatenation(d->k, 4, parts, 3);
    case 1: /* channels in groups change places: ShuffleNet */
        if (c % 2 || h * w * c > 4000)
            return x;
        int y = make_reshape(d->k, x, 4, (int32_t[]){1, h * w, 2, c / 2});
        return make_reshape(d->k, make_transpose(d->k, y, (int32_t[]){0, 1, 3, 2}), 4, t.shape);
    case 2:
        if (c % 4)
            return x;
        int z = make_like(d->k, x, 4, (int32_t[]){1, 2 * h, 2 * w, c / 4});
        make_operator(d->k, TFL_OP_DEPTH_TO_SPACE, 1, &x, 1, &z)->options.depth_to_space.block_size = 2;
        return z;
    case 3: return make_pad(d->k, x, (int32_t[]){0, 0, 0, maybe(d), 0, 0, up_to(d, 3), up_to(d, 5)});
    default: {
        int halves[2];
        int32_t axis = 1 + up_to(d, 2);
        if (t.shape[axis] % 2)
            return x;
        make_split(d->k, x, axis, 2, halves);
        return make_concatenation(d->k, 2, (int[]){halves[1], conv(d, halves[0], 1, 1, c)}, axis);
    }
    }
}

static int block(struct draw *d, int x)
{
    static int (*const blocks[])(struct draw *, int) = {plain,    plain,     dilated,   padded,   separable, separable,
                                                        inverted, inverted,  inverted,  residual, residual,  inception,
                                                        split,    hourglass, hourglass, bare,     bare,      bare,
                                                        excited,  repeated,  shuffled};
    int y = ANY(d, blocks)(d, x);
    while (!roomy(d, y, 1) || depth(d, y) > MOST_CHANNELS)
        y = conv(d, y, 1, 2, 16);
    if (d->n_skips < MOST_SKIPS && !up_to(d, 3))
        d->skips[d->n_skips++] = y;
    return y;
}

/* ---- heads: an image to outputs ---- */

/* A dense layer, and now and then another beside it: added, multiplied, joined with it, or with numbers from outside.
 */
static int dense(struct draw *d, int x, int32_t units)
{
    enum tfl_activation act = ANY(d, activations);
    int y = make_fully_connected(d->k, x, units, act);
    switch (up_to(d, 10)) {
    case 0: return make_binary(d->k, TFL_OP_ADD, y, make_fully_connected(d->k, x, units, act), ANY(d, activations));
    case 1: return make_binary(d->k, TFL_OP_MUL, y, make_unary(d->k, TFL_OP_LOGISTIC, y), TFL_ACT_NONE);
    case 2: {
        int z = make_fully_connected(d->k, x, 1 + up_to(d, 80), act);
        maker_tensor(d->k, z)->quant = maker_tensor(d->k, y)->quant;
        return make_concatenation(d->k, 2, (int[]){z, y}, 1);
    }
    case 3: {
        int z = make_input(d->k, 1, (int32_t[]){1 + up_to(d, 70)});
        maker_tensor(d->k, z)->quant = maker_tensor(d->k, y)->quant;
        return make_concatenation(d->k, 2, (int[]){y, z}, 1);
    }
    case 4: return units < 2 ? y : make_slice(d->k, y, (int32_t[]){0, up_to(d, units - 1)}, (int32_t[]){1, 1});
    default: return y;
    }
}

static void classifier(struct draw *d, int x)
{
    static const int32_t units[] = {1, 2, 10, 64, 100, 257};
    struct make_window whole = {.size = height(d, x), .width = width(d, x), .padding = TFL_PAD_VALID};
    switch (up_to(d, 4)) {
    case 0: x = make_reduce(d->k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, false); break;
    case 1: x = make_flatten(d->k, make_pool(d->k, TFL_OP_AVERAGE_POOL_2D, x, &whole)); break;
    case 2: x = make_flatten(d->k, linear(d, make_pool(d->k, TFL_OP_MAX_POOL_2D, x, &whole), ANY(d, units))); break;
    default: x = make_flatten(d->k, x);
    }
    for (int32_t n = up_to(d, 3); n > 0; n--)
        x = dense(d, x, ANY(d, units));
    switch (up_to(d, 5)) {
    case 0: x = make_unary(d->k, TFL_OP_LOGISTIC, x); break;
    case 1: x = make_unary(d->k, TFL_OP_L2_NORMALIZATION, x); break;
    case 2: x = make_unary(d->k, TFL_OP_TANH, x); break;
    case 3: x = make_softmax(d->k, x); break;
    default: break;
    }
    make_output(d->k, x);
}

static void segmentation(struct draw *d, int x)
{
    x = linear(d, x, 1 + up_to(d, 22));
    if (roomy(d, x, 4) && height(d, x) >= 4 && width(d, x) >= 4)
        x = make_resize(d->k, maybe(d) ? TFL_OP_RESIZE_BILINEAR : TFL_OP_RESIZE_NEAREST_NEIGHBOR, x, 2 * height(d, x),
                        2 * width(d, x), false, true);
    if (maybe(d))
        x = maybe(d) ? make_softmax(d->k, x) : make_unary(d->k, TFL_OP_LOGISTIC, x);
    make_output(d->k, x);
}

/* Rows of numbers from this image and from those kept, one behind another. */
static void detection(struct draw *d, int x)
{
    int32_t per_row = 1 + up_to(d, 6), per_pixel = 1 + up_to(d, 3);
    int rows[1 + MOST_SKIPS];
    uint32_t n = 0;
    for (uint32_t i = 0; i <= d->n_skips; i++) {
        int from = i ? d->skips[i - 1] : x;
        int y = make_conv_2d(d->k, from,
                             &(struct make_window){.channels = per_row * per_pixel, .size = maybe(d) ? 1 : 3});
        if (n)
            maker_tensor(d->k, y)->quant = maker_tensor(d->k, rows[0])->quant;
        rows[n++] = make_reshape(d->k, y, 3, (int32_t[]){1, height(d, y) * width(d, y) * per_pixel, per_row});
    }
    int all = n > 1 ? make_concatenation(d->k, n, rows, 1) : rows[0];
    make_output(d->k, maybe(d) ? make_unary(d->k, TFL_OP_LOGISTIC, all) : all);
}

static void image(struct draw *d, int x) { make_output(d->k, x); }

static void head(struct draw *d, int x)
{
    static void (*const heads[])(struct draw *, int) = {classifier,   classifier, classifier,
                                                        segmentation, detection,  image};
    ANY(d, heads)(d, x);
}

/* ---- networks ---- */

static int input(struct draw *d, int32_t h, int32_t w)
{
    static const int32_t depths[] = {1, 3, 3, 3, 4, 5, 8, 17};
    return make_input(d->k, 3, (int32_t[]){h, w, ANY(d, depths)});
}

static const struct tfl_model *network(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {4, 6, 7, 8, 9, 12, 14, 16, 16, 17, 20, 24, 28, 32, 33, 50, 64};
    struct draw d = {.s = seed * 2654435761u};
    d.k = maker_new(a, maybe(&d) ? TFL_INT8 : TFL_UINT8, seed);
    int32_t h = ANY(&d, sizes), w = maybe(&d) ? h : ANY(&d, sizes);
    int x = input(&d, h, w);
    if (!up_to(&d, 5))
        x = make_concatenation(d.k, 2, (int[]){conv(&d, x, 3, 1, 8), conv(&d, input(&d, h, w), 1, 1, 5)}, 3);
    for (int32_t blocks = 2 + up_to(&d, 5); blocks > 0; blocks--)
        x = block(&d, x);
    head(&d, x);
    if (!up_to(&d, 4) && d.n_skips && d.skips[0] != x)
        classifier(&d, d.skips[0]);
    return maker_finish(d.k);
}

static void networks(void **state) { (void)state, judge_draws(network, 60, 50); }

/* ---- what the random networks found ---- */

/* PAD before a convolution without padding.  The border of a small image is put on byte by byte, and was added to the
 * convolution's own once more; that of channels was left out. */
static void borders(void **state)
{
    (void)state;
    static const int32_t cases[][4] = {{2, 3, 0, 0}, {3, 7, 0, 0}, {8, 8, 0, 0}, {8, 8, 4, 8}, {5, 6, 1, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int32_t *n = cases[i];
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_UINT8 : TFL_INT8, i);
        int x = make_pad(k, make_input(k, 3, (int32_t[]){n[0], n[1], 4}), (int32_t[]){0, 0, 1, 1, 1, 1, n[2], n[3]});
        make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 16, .size = 3, .padding = TFL_PAD_VALID}));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* A pool of a whole image, then a branch of its own, then what reads the pool: tiles that had a part in the branch
 * count otherwise than those that had none. */
static void branch_behind_a_pool(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int image = make_input(k, 3, (int32_t[]){2, 17, 12}), pixel = make_input(k, 3, (int32_t[]){1, 1, 12});
    struct make_window whole = {.size = 2, .width = 17, .padding = TFL_PAD_VALID};
    int x = make_conv_2d(k, image, &(struct make_window){.channels = 12, .size = 1});
    x = make_binary(k, TFL_OP_ADD, x, image, TFL_ACT_NONE);
    x = make_flatten(k, make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &whole));
    x = make_fully_connected(k, make_fully_connected(k, x, 257, TFL_ACT_NONE), 2, TFL_ACT_NONE);
    make_output(k, make_unary(k, TFL_OP_L2_NORMALIZATION, x));
    int y = make_flatten(k, make_conv_2d(k, pixel, &(struct make_window){.channels = 2, .size = 1}));
    y = make_fully_connected(k, y, 2, TFL_ACT_NONE);
    make_output(k, make_unary(k, TFL_OP_L2_NORMALIZATION, y));
    assert_true(judge_exact(a, maker_finish(k)));
    arena_free(a);
}

static struct judgement exact(struct arena *a, struct maker *k)
{
    struct judgement j = judge(a, maker_finish(k));
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
    return j;
}

static uint32_t opcodes(struct arena *a, struct judgement j, enum isa_opcode op)
{
    struct twin_facts facts;
    struct status st = {0};
    assert_true(twin_facts(a, j.compiled.file, &facts, &st));
    return facts.opcodes[op];
}

/* Of an image with `z` channels: a convolution, a pool of the whole image, a dense layer. */
static uint32_t to_wide_of_pool(int32_t z)
{
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){7, 7, z});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 64, .size = 1});
    const struct make_window whole = {.size = 7, .padding = TFL_PAD_VALID};
    x = make_flatten(k, make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &whole));
    make_output(k, make_fully_connected(k, x, 64, TFL_ACT_NONE));
    uint32_t n = opcodes(a, exact(a, k), ISA_TO_WIDE);
    arena_free(a);
    return n;
}

/* The identity matrix of an image of whole words serves the exchange before the pool too; that of other images has two
 * rows, and the exchange writes its own (catalogue P182, P228). */
static void pool_finds_the_identity_of_the_infeed(void **state)
{
    (void)state;
    assert_int_equal(to_wide_of_pool(32) + 1, to_wide_of_pool(30));
}

/* 5x5 pixels: tiles with 2x2, 1x2, 2x1 and one, each with an instruction of its own (catalogue P185). */
static void lines_leave_apart(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){5, 5, 8});
    make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 1}));
    assert_int_equal(opcodes(a, exact(a, k), ISA_TO_WIDE), 1 + 4);
    arena_free(a);
}

static bool leaves_before_the_last_product(struct bytes options, void *arg, struct status *st)
{
    struct arena *a = arena_new();
    struct dwn_package *p;
    struct isa_program program;
    bool out = false, ok = dwn_from_custom_options(a, options, &p, st);
    for (uint32_t e = 0; ok && e < p->n_executables; e++) {
        ok = isa_decode_stream(a, p->executables[e].streams[0].code, &program, st);
        for (size_t i = 0; ok && i < program.count; i++) {
            out = out || program.inst[i].op == ISA_OUTFEED;
            *(bool *)arg = *(bool *)arg || (out && program.inst[i].op == ISA_MAC);
        }
    }
    arena_free(a);
    return ok;
}

/* An output that is read too leaves as soon as it is made (catalogue P428). */
static void outputs_leave_when_made(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    struct status st = {0};
    bool early = false;
    int x = make_conv_2d(k, make_input(k, 3, (int32_t[]){19, 19, 8}), &(struct make_window){.channels = 16, .size = 1});
    make_output(k, x);
    make_output(k, make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3, .stride = 2}));
    struct judgement j = exact(a, k);
    assert_true(corpus_packages(a, j.compiled.file, leaves_before_the_last_product, &early, &st));
    assert_true(early);
    arena_free(a);
}

static bool whole_pairs_of_words(struct bytes options, void *arg, struct status *st)
{
    struct arena *a = arena_new();
    struct dwn_package *p;
    bool ok = dwn_from_custom_options(a, options, &p, st);
    (void)arg;
    for (uint32_t e = 0; ok && e < p->n_executables; e++)
        for (uint32_t k = 0; k < p->executables[e].n_hints; k++)
            if (p->executables[e].hints[k].desc == DWN_OUTPUT)
                assert_int_equal(p->executables[e].hints[k].size % 8, 0);
    arena_free(a);
    return ok;
}

/* Tiles with an odd number of words, more than scalar memory holds: what leaves it is always pairs of words. */
static void odd_words_leave_in_pairs(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    struct status st = {0};
    int x = make_input(k, 3, (int32_t[]){148, 148, 4});
    make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 1}));
    struct judgement j = exact(a, k);
    assert_true(corpus_packages(a, j.compiled.file, whole_pairs_of_words, NULL, &st));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(borders), cmocka_unit_test(branch_behind_a_pool),
                                       cmocka_unit_test(pool_finds_the_identity_of_the_infeed),
                                       cmocka_unit_test(lines_leave_apart), cmocka_unit_test(outputs_leave_when_made),
                                       cmocka_unit_test(odd_words_leave_in_pairs),
                                       cmocka_unit_test(networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

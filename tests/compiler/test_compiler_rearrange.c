/* Operators that move elements one by one: random shapes from the host, from images and from vectors, to the host, to
 * convolutions and to matrices, give exactly the kernels' bytes.  SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static const int32_t sizes[] = {1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17};
static const int32_t channels[] = {1, 2, 3, 4, 5, 8, 12, 16, 21, 64, 66};

struct draw {
    struct maker *k;
    uint64_t s;
};

static int32_t below(struct draw *d, int32_t n) { return (int32_t)(random_next(&d->s) % (uint64_t)n); }

static int conv(struct draw *d, int x, int32_t size, int32_t c)
{
    return make_conv_2d(d->k, x, &(struct make_window){.channels = c, .size = size, .activation = TFL_ACT_RELU6});
}

/* An image of the host or of a convolution, or an image that was a vector. */
static int source(struct draw *d)
{
    int32_t y = ANY(&d->s, sizes), x = ANY(&d->s, sizes), z = ANY(&d->s, channels);
    switch (below(d, 4)) {
    case 0: return make_input(d->k, 3, (int32_t[]){y, x, z});
    case 1: {
        int t = make_fully_connected(d->k, make_input(d->k, 1, (int32_t[]){24}), y * x * z, TFL_ACT_NONE);
        return make_reshape(d->k, t, 4, (int32_t[]){1, y, x, z});
    }
    default: return conv(d, make_input(d->k, 3, (int32_t[]){y, x, 3}), below(d, 2) ? 3 : 1, z);
    }
}

/* A tensor that has the numbers of x. */
static int like(struct draw *d, int x, uint32_t rank, const int32_t *shape)
{
    struct tfl_tensor t = *maker_tensor(d->k, x);
    int y = make_tensor(d->k, t.type, rank, shape, t.quant.scale[0], t.quant.zero_point[0], 1);
    return y;
}

/* ---- one operator each ---- */

static int reshaped(struct draw *d, int t)
{
    int32_t n = (int32_t)tfl_elements(maker_tensor(d->k, t)), shape[4] = {1, 1, 1, 1};
    for (int32_t p = 2; n > 1; p++)
        for (; n % p == 0; n /= p)
            shape[1 + below(d, 3)] *= p;
    uint32_t drop = (uint32_t)below(d, 3);
    if (drop && shape[1] == 1)
        return make_reshape(d->k, t, 3, (int32_t[]){1, shape[2], shape[3]});
    return make_reshape(d->k, t, 4, shape);
}

static int transposed(struct draw *d, int t)
{
    static const int32_t orders[][4] = {{0, 3, 1, 2}, {0, 2, 1, 3}, {0, 3, 2, 1}, {0, 1, 3, 2}, {0, 2, 3, 1}};
    return make_transpose(d->k, t, ANY(&d->s, orders));
}

static int packed(struct draw *d, int t)
{
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    int32_t n = 1 + below(d, 4), axis = 1 + below(d, 3), from[4] = {1, in.shape[1], in.shape[2] * in.shape[3]};
    int parts[4], flat = make_reshape(d->k, t, 3, from);
    for (int32_t i = 0; i < n; i++)
        parts[i] = i % 2 ? flat : make_unary(d->k, TFL_OP_RELU, flat);
    for (int32_t i = 0; i < n; i++)
        maker_tensor(d->k, parts[i])->quant = in.quant;
    int32_t shape[4];
    for (int32_t i = 0, k = 0; i < 4; i++)
        shape[i] = i == axis ? n : from[k++];
    int y = like(d, t, 4, shape);
    struct tfl_operator *o = make_operator(d->k, TFL_OP_PACK, (uint32_t)n, parts, 1, &y);
    o->options.pack.axis = below(d, 2) ? axis : axis - 4;
    o->options.pack.values_count = n;
    return y;
}

static int unpacked(struct draw *d, int t)
{
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    int32_t axis = 1 + below(d, 3), n = in.shape[axis], shape[3], rest = 0;
    if (n > 8)
        return transposed(d, t);
    int parts[8];
    for (int32_t i = 0; i < 4; i++)
        if (i != axis)
            shape[rest++] = in.shape[i];
    for (int32_t i = 0; i < n; i++)
        parts[i] = like(d, t, 3, shape);
    struct tfl_operator *o = make_operator(d->k, TFL_OP_UNPACK, 1, &t, (uint32_t)n, parts);
    o->options.unpack.axis = axis;
    o->options.unpack.num = n;
    for (int32_t i = 1; i < n; i++)
        make_output(d->k, parts[i]);
    return parts[0];
}

static int tiled(struct draw *d, int t)
{
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    int32_t times[4] = {1, 1 + below(d, 3), 1 + below(d, 3), 1 + below(d, 3)}, shape[4];
    for (int i = 0; i < 4; i++)
        shape[i] = in.shape[i] * times[i];
    int m = make_int32s(d->k, 4, times), y = like(d, t, 4, shape);
    make_operator(d->k, TFL_OP_TILE, 2, (int[]){t, m}, 1, &y);
    return y;
}

/* Any strides, backwards too, and perhaps one axis dropped. */
static int strided(struct draw *d, int t)
{
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    int32_t begin[4] = {0}, end[4] = {1}, step[4] = {1}, shape[4] = {1}, drop = below(d, 2) ? 1 + below(d, 3) : 0;
    uint32_t rank = 1;
    for (int i = 1; i < 4; i++) {
        bool back = below(d, 2);
        int32_t n = in.shape[i], first = below(d, n), stride = 1 + below(d, 3);
        step[i] = back ? -stride : stride;
        begin[i] = back ? -1 - first : first;
        end[i] = back ? -n - 1 : n;
        if (i == drop)
            begin[i] = first, end[i] = first + 1, step[i] = 1;
        else
            shape[rank++] = (n - first + stride - 1) / stride;
    }
    int b = make_int32s(d->k, 4, begin), e = make_int32s(d->k, 4, end), s = make_int32s(d->k, 4, step);
    int y = like(d, t, rank, shape);
    struct tfl_operator *o = make_operator(d->k, TFL_OP_STRIDED_SLICE, 4, (int[]){t, b, e, s}, 1, &y);
    o->options.strided_slice.shrink_axis_mask = drop ? 1 << drop : 0;
    return y;
}

static int padded(struct draw *d, int t)
{
    int32_t pads[8] = {0};
    for (int i = 2; i < 8; i++)
        pads[i] = below(d, 4);
    return make_pad(d->k, t, pads);
}

static int resized(struct draw *d, int t)
{
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    bool corners = below(d, 2);
    return make_resize(d->k, TFL_OP_RESIZE_NEAREST_NEIGHBOR, t, 1 + below(d, 2 * in.shape[1] + 3),
                       1 + below(d, 2 * in.shape[2] + 3), corners, !corners && below(d, 2));
}

static int depth_and_space(struct draw *d, int t)
{
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    if (in.shape[1] % 2 == 0 && in.shape[2] % 2 == 0)
        return make_space_to_depth(d->k, t, 2);
    return reshaped(d, t);
}

static int split(struct draw *d, int t)
{
    int32_t axis = 1 + below(d, 3), n = maker_tensor(d->k, t)->shape[axis];
    int parts[8];
    if (n > 8)
        return strided(d, t);
    make_split(d->k, t, axis, (uint32_t)n, parts);
    for (int32_t i = 1; i < n; i++)
        make_output(d->k, parts[i]);
    return parts[0];
}

/* A constant of the image's shape, or of a part of its dimensions. */
static int with_constant(struct draw *d, int t)
{
    static const enum tfl_builtin codes[] = {TFL_OP_ADD, TFL_OP_SUB, TFL_OP_MUL, TFL_OP_MAXIMUM};
    const struct tfl_tensor in = *maker_tensor(d->k, t);
    enum tfl_builtin code = ANY(&d->s, codes);
    int32_t shape[4] = {1, in.shape[1], in.shape[2], in.shape[3]};
    if (in.rank != 4)
        return t;
    for (int i = 1; i < 4; i++)
        shape[i] = below(d, 4) ? shape[i] : 1;
    bool batch = below(d, 2), swap = below(d, 2);
    int c = make_random(d->k, batch ? 4 : 3, batch ? shape : shape + 1);
    int y = swap ? make_binary(d->k, code, c, t, TFL_ACT_NONE) : make_binary(d->k, code, t, c, TFL_ACT_NONE);
    if (code == TFL_OP_MAXIMUM) {
        maker_tensor(d->k, c)->quant = in.quant;
        maker_tensor(d->k, y)->quant = in.quant;
    }
    return y;
}

/* ---- what goes on with the result ---- */

static void finish(struct draw *d, int t)
{
    const struct tfl_tensor r = *maker_tensor(d->k, t);
    uint64_t how = random_next(&d->s) % 4;
    if (how == 0 && r.rank == 4)
        t = conv(d, t, r.shape[1] >= 3 && r.shape[2] >= 3 ? 3 : 1, 8);
    if (how == 1 && tfl_elements(&r) <= 4096)
        t = make_fully_connected(d->k, make_flatten(d->k, t), 10, TFL_ACT_NONE);
    if (how == 2 && r.rank == 4)
        t = transposed(d, t);
    make_output(d->k, t);
}

typedef int one_operator(struct draw *d, int t);

static const struct tfl_model *network(struct arena *a, uint64_t seed, one_operator *one)
{
    struct draw d = {maker_new(a, seed % 2 ? TFL_INT8 : TFL_UINT8, seed), seed * 977};
    finish(&d, one(&d, source(&d)));
    return maker_finish(d.k);
}

static const struct tfl_model *with_reshape(struct arena *a, uint64_t s) { return network(a, s, reshaped); }
static const struct tfl_model *with_transpose(struct arena *a, uint64_t s) { return network(a, s, transposed); }
static const struct tfl_model *with_pack(struct arena *a, uint64_t s) { return network(a, s, packed); }
static const struct tfl_model *with_unpack(struct arena *a, uint64_t s) { return network(a, s, unpacked); }
static const struct tfl_model *with_tile(struct arena *a, uint64_t s) { return network(a, s, tiled); }
static const struct tfl_model *with_strides(struct arena *a, uint64_t s) { return network(a, s, strided); }
static const struct tfl_model *with_pad(struct arena *a, uint64_t s) { return network(a, s, padded); }
static const struct tfl_model *with_resize(struct arena *a, uint64_t s) { return network(a, s, resized); }
static const struct tfl_model *with_depth(struct arena *a, uint64_t s) { return network(a, s, depth_and_space); }
static const struct tfl_model *with_split(struct arena *a, uint64_t s) { return network(a, s, split); }
static const struct tfl_model *with_constants(struct arena *a, uint64_t s) { return network(a, s, with_constant); }

/* Channels around an image that is too large to come whole to every tile. */
static void many_channels(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct arena *a = arena_new();
        struct draw d = {maker_new(a, i % 2 ? TFL_INT8 : TFL_UINT8, 1), 1};
        int t = conv(&d, make_input(d.k, 3, (int32_t[]){62, 60, 3}), 3, 24);
        t = make_pad(d.k, t, (int32_t[]){0, 0, i / 2, 1, 0, i / 2, i % 2 ? 3 : 0, i == 2 ? 8 : 5});
        make_output(d.k, i ? conv(&d, t, 3, 8) : t);
        assert_true(judge_exact(a, maker_finish(d.k)));
        arena_free(a);
    }
}

enum { MODELS = 40 };

static void reshapes(void **state) { (void)state, judge_draws(with_reshape, MODELS, 90); }
static void transposes(void **state) { (void)state, judge_draws(with_transpose, MODELS, 90); }
static void packs(void **state) { (void)state, judge_draws(with_pack, MODELS, 90); }
static void unpacks(void **state) { (void)state, judge_draws(with_unpack, MODELS, 90); }
static void tiles(void **state) { (void)state, judge_draws(with_tile, MODELS, 80); }
static void strided_slices(void **state) { (void)state, judge_draws(with_strides, MODELS, 90); }
static void pads(void **state) { (void)state, judge_draws(with_pad, MODELS, 90); }
static void resizes(void **state) { (void)state, judge_draws(with_resize, MODELS, 90); }
static void depths(void **state) { (void)state, judge_draws(with_depth, MODELS, 90); }
static void splits(void **state) { (void)state, judge_draws(with_split, MODELS, 90); }
static void constants(void **state) { (void)state, judge_draws(with_constants, MODELS, 90); }

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reshapes), cmocka_unit_test(transposes),
                                       cmocka_unit_test(packs), cmocka_unit_test(unpacks),
                                       cmocka_unit_test(tiles), cmocka_unit_test(strided_slices),
                                       cmocka_unit_test(pads), cmocka_unit_test(resizes),
                                       cmocka_unit_test(depths), cmocka_unit_test(splits),
                                       cmocka_unit_test(constants), cmocka_unit_test(many_channels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

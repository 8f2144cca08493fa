/* Images that become vectors: convolutions, then RESHAPE, FULLY_CONNECTED, SOFTMAX or the host; run on the simulated
 * chip. Random graphs: SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

static int32_t pick(uint64_t *s, int32_t low, int32_t high)
{
    return low + (int32_t)(random_next(s) % (uint64_t)(high - low + 1));
}

static int image_of(struct maker *k, int32_t h, int32_t w, int32_t channels, int32_t size)
{
    int x = make_input(k, 3, (int32_t[]){h, w, 3});
    return make_conv_2d(k, x, &(struct make_window){.channels = channels, .size = size, .activation = TFL_ACT_RELU});
}

/* One channel, RESHAPE, SOFTMAX, two values: the shape of color_*, in other sizes. */
static void one_channel_and_softmax(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{32, 32}, {64, 32}, {96, 64}, {16, 64}, {128, 160}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, i);
        int x = image_of(k, sizes[i][0], sizes[i][1], 1, i % 2 ? 3 : 1);
        x = make_softmax(k, make_flatten(k, x));
        int parts[] = {make_fully_connected(k, x, 1, TFL_ACT_NONE), make_fully_connected(k, x, 1, TFL_ACT_NONE)};
        struct tfl_quant one = maker_tensor(k, parts[0])->quant;
        *maker_tensor(k, parts[1])->quant.scale = one.scale[0];
        maker_tensor(k, parts[1])->quant.zero_point[0] = one.zero_point[0];
        int y = make_concatenation(k, 2, parts, 1);
        *maker_tensor(k, y)->quant.scale = one.scale[0];
        maker_tensor(k, y)->quant.zero_point[0] = one.zero_point[0];
        make_output(k, y);
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* The head of a classifier: one pixel of classes. */
static void one_pixel(void **state)
{
    (void)state;
    static const int32_t classes[] = {1, 2, 10, 64, 100, 1001};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_UINT8 : TFL_INT8, i);
        int x = image_of(k, 6, 6, 8, 3);
        x = make_conv_2d(k, x, &(struct make_window){.channels = classes[i], .size = 6, .padding = TFL_PAD_VALID});
        make_output(k, make_softmax(k, i % 3 ? make_flatten(k, x) : x));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* What cannot be mapped stays on the CPU, with a reason, and the rest runs. */
static void too_large_or_too_odd(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = image_of(k, 240, 240, 1, 3);
    make_output(k, make_fully_connected(k, make_flatten(k, x), 2, TFL_ACT_NONE));
    struct judgement j = judge(a, maker_finish(k));
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 1);
    assert_non_null(strstr(j.compiled.ops[1].why, "as a vector it has"));
    k = maker_new(a, TFL_INT8, 2);
    make_output(k, make_softmax(k, make_flatten(k, image_of(k, 192, 192, 1, 1))));
    j = judge(a, maker_finish(k));
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 2);
    assert_non_null(strstr(j.compiled.ops[2].why, "32768 are possible"));
    k = maker_new(a, TFL_INT8, 3);
    make_output(k, make_softmax(k, make_flatten(k, image_of(k, 20, 20, 3, 3)))); /* byte by byte */
    assert_true(judge_exact(a, maker_finish(k)));
    arena_free(a);
}

/* Convolutions, then a dense head, with and without a RESHAPE; the vector alone as a result. */
static const struct tfl_model *random_graph(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int32_t h = pick(&s, 4, 40), w = pick(&s, 4, 40), channels = pick(&s, 1, 20);
    int x = image_of(k, h, w, channels, random_next(&s) % 2 ? 3 : 1);
    if (random_next(&s) % 2)
        x = make_conv_2d(k, x, &(struct make_window){.channels = channels = pick(&s, 1, 40), .size = 1, .stride = 1});
    switch (random_next(&s) % 4) {
    case 0:
        x = make_fully_connected(k, make_flatten(k, x), pick(&s, 1, 100), TFL_ACT_NONE);
        break;
    case 1:
        x = make_fully_connected(k, make_fully_connected(k, make_flatten(k, x), pick(&s, 1, 100), TFL_ACT_RELU),
                                 4 * pick(&s, 1, 100), TFL_ACT_NONE);
        x = make_softmax(k, x);
        break;
    default:
        if (random_next(&s) % 2) {
            x = make_flatten(k, x);
            break;
        }
        if (channels % 4)
            x = make_conv_2d(k, x, &(struct make_window){.channels = 4 * pick(&s, 1, 8), .size = 1, .stride = 1});
        x = make_softmax(k, make_flatten(k, x));
    }
    make_output(k, x);
    return maker_finish(k);
}

static void random_graphs_run_exactly(void **state)
{
    (void)state;
    judge_draws(random_graph, 25, 100);
}

/* A row of pixels, as it comes or made by a convolution, and a dense layer. */
static const struct tfl_model *random_line(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    struct maker *k = maker_new(a, seed % 2 ? TFL_UINT8 : TFL_INT8, seed);
    int32_t x = pick(&s, 2, 40), c = 4 * pick(&s, 1, 30);
    bool made = pick(&s, 0, 2) == 0, twice = pick(&s, 0, 3) == 0, image = pick(&s, 0, 1);
    int t = image || made ? make_input(k, 3, (int32_t[]){1, x, c}) : make_input(k, 2, (int32_t[]){x, c});
    if (made)
        t = make_conv_2d(k, t, &(struct make_window){.channels = c, .size = 1, .width = 3});
    int y = make_fully_connected(k, make_flatten(k, t), pick(&s, 1, 200), TFL_ACT_NONE);
    make_output(k, y);
    if (made && twice) /* whose plane has a border */
        make_output(k, make_conv_2d(k, t, &(struct make_window){.channels = 8, .size = 1, .width = 3}));
    return maker_finish(k);
}

static void random_lines(void **state)
{
    (void)state;
    judge_draws(random_line, 60, 100);
}

/* Pixels of whole words over the whole grid, and a dense layer: strips that begin and end inside tiles' rows, inside
 * pixels, or that a row of tiles has nothing of. */
static const struct tfl_model *random_raster(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    struct maker *k = maker_new(a, seed % 2 ? TFL_UINT8 : TFL_INT8, seed);
    int32_t h = pick(&s, 2, 14), w = pick(&s, 1, 14), c = 4 * pick(&s, 1, 24);
    bool twice = pick(&s, 0, 3) == 0, pooled = pick(&s, 0, 2) == 0;
    int t = make_input(k, 3, (int32_t[]){pooled ? 2 * h : h, pooled ? 2 * w : w, 4});
    t = make_conv_2d(k, t, &(struct make_window){.channels = c, .size = pick(&s, 0, 1) ? 3 : 1});
    if (pooled)
        t = make_pool(k, TFL_OP_MAX_POOL_2D, t, &(struct make_window){.size = 2, .stride = 2});
    int y = make_fully_connected(k, make_flatten(k, t), pick(&s, 1, 200), TFL_ACT_NONE);
    if (pick(&s, 0, 2) == 0)
        y = make_fully_connected(k, y, pick(&s, 1, 40), TFL_ACT_NONE);
    make_output(k, y);
    if (twice) /* whose plane has a border */
        make_output(k, make_conv_2d(k, t, &(struct make_window){.channels = 8, .size = 3}));
    return maker_finish(k);
}

static void random_rasters(void **state)
{
    (void)state;
    judge_draws(random_raster, 40, 100);
}

/* Weights that only the host has room for, on two tiles of which the last may make fewer outputs. */
static void a_raster_and_streamed_weights(void **state)
{
    (void)state;
    static const int32_t outputs[] = {100, 128, 70};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_UINT8 : TFL_INT8, i);
        int x = image_of(k, 17, 9, 64, 1);
        make_output(k, make_fully_connected(k, make_flatten(k, x), outputs[i], TFL_ACT_NONE));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* More than 64 KiB; LOGISTIC behind it, which makes an identity matrix of its own (catalogue P245). */
static void a_large_image(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{118, 100, 8}, {63, 64, 32}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_UINT8 : TFL_INT8, i);
        int x = image_of(k, sizes[i][0], sizes[i][1], sizes[i][2], 1);
        x = make_fully_connected(k, make_flatten(k, x), 1 + (int32_t)i, TFL_ACT_NONE);
        make_output(k, make_unary(k, TFL_OP_LOGISTIC, x));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lines),
        cmocka_unit_test(random_rasters),
        cmocka_unit_test(a_large_image),
        cmocka_unit_test(a_raster_and_streamed_weights),
        cmocka_unit_test(one_channel_and_softmax),
        cmocka_unit_test(one_pixel),
        cmocka_unit_test(too_large_or_too_odd),
        cmocka_unit_test(random_graphs_run_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A grid of convolutions, compiled and run on the simulated chip: each compiles, or says why not; what compiles gives
 * exactly the kernels' bytes. LARGE=1  sizes and channels up to 224 and 256    SEEDS, FIRST, VERBOSE as
 * in judge.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static int32_t same_or_valid(int32_t in, const struct make_window *w)
{
    int32_t reach = (w->size - 1) * (w->dilation ? w->dilation : 1) + 1;
    return w->padding == TFL_PAD_SAME || in >= reach;
}

static const struct tfl_model *random_model(struct arena *a, uint64_t seed)
{
    bool large = getenv("LARGE");
    static const int32_t kernels[] = {1, 3, 5, 7}, strides[] = {1, 1, 2, 3},
                         channels[] = {1, 3, 4, 16, 31, 64, 65, 256};
    static const int32_t sizes[] = {1, 5, 8, 17, 28, 56, 112, 224};
    static const enum tfl_activation acts[] = {TFL_ACT_NONE, TFL_ACT_RELU, TFL_ACT_RELU6};
    uint64_t s = seed;
    enum tfl_type type = random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8;
    struct maker *k = maker_new(a, type, seed);
    int32_t y = ANY(&s, sizes), x = random_next(&s) % 4 ? y : ANY(&s, sizes), c = ANY(&s, channels);
    if (!large) {
        y = y > 28 ? 24 : y, x = x > 28 ? 20 : x, c = c > 65 ? 70 : c;
    }
    uint64_t layers = 1 + random_next(&s) % 2;
    int t = make_input(k, 3, (int32_t[]){y, x, c});
    for (uint64_t i = 0; i < layers; i++) {
        struct make_window w = {.size = ANY(&s, kernels),
                                .stride = ANY(&s, strides),
                                .dilation = random_next(&s) % 4 ? 1 : 2,
                                .padding = random_next(&s) % 2 ? TFL_PAD_SAME : TFL_PAD_VALID,
                                .activation = ANY(&s, acts),
                                .channels = ANY(&s, channels)};
        bool depthwise = random_next(&s) % 3 == 0;
        if (!large && w.channels > 65)
            w.channels = 70;
        if (w.stride > 1)
            w.dilation = 1;
        if (!same_or_valid(y, &w) || !same_or_valid(x, &w))
            w.padding = TFL_PAD_SAME;
        if (depthwise)
            w.channels = 1;
        t = depthwise ? make_depthwise_conv_2d(k, t, &w) : make_conv_2d(k, t, &w);
        const struct tfl_tensor *out = maker_tensor(k, t);
        y = out->shape[1], x = out->shape[2], c = out->shape[3];
    }
    make_output(k, t);
    return maker_finish(k);
}

static void grid_of_convolutions(void **state)
{
    (void)state;
    judge_draws(random_model, 100, 25);
}

/* One convolution of an image of y x x pixels with `in` channels. */
static void one_convolution(enum tfl_type type, int32_t y, int32_t x, int32_t in, struct make_window w)
{
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, type, 1);
    int t = make_input(k, 3, (int32_t[]){y, x, in});
    make_output(k, w.channels ? make_conv_2d(k, t, &w)
                              : make_depthwise_conv_2d(k, t, &(struct make_window){.channels = 1, .size = w.size}));
    assert_true(judge_exact(a, maker_finish(k)));
    arena_free(a);
}

/* Weights that wide memory does not hold twice: they come when those before are used up. */
static void large_kernels(void **state)
{
    (void)state;
    one_convolution(TFL_UINT8, 30, 24, 1, (struct make_window){.channels = 1, .size = 40});
    one_convolution(TFL_INT8, 20, 17, 1, (struct make_window){.channels = 70, .size = 41});
    one_convolution(TFL_INT8, 24, 24, 5, (struct make_window){.size = 41});
    one_convolution(TFL_INT8, 17, 20, 7, (struct make_window){.channels = 70, .size = 40});
}

/* Sums that wide memory does not hold for all pixels of a tile: it makes some of them, then the next. */
static void sums_of_a_part(void **state)
{
    (void)state;
    one_convolution(TFL_INT8, 63, 62, 12, (struct make_window){.channels = 3, .size = 30});
    one_convolution(TFL_UINT8, 33, 50, 7, (struct make_window){.channels = 9, .size = 44}); /* one block at a time */
    one_convolution(TFL_INT8, 4, 450, 7, (struct make_window){.channels = 4, .size = 44}); /* a part of a row */
}

/* More pixels of a tile than a loop has iterations. */
static void many_pixels(void **state)
{
    (void)state;
    one_convolution(TFL_UINT8, 530, 510, 1, (struct make_window){.channels = 1, .size = 1});
    one_convolution(TFL_INT8, 517, 520, 1, (struct make_window){.channels = 2, .size = 3});
    one_convolution(TFL_UINT8, 520, 517, 2, (struct make_window){.size = 3});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(large_kernels), cmocka_unit_test(sums_of_a_part),
                                       cmocka_unit_test(many_pixels), cmocka_unit_test(grid_of_convolutions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

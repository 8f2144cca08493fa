/* TRANSPOSE_CONV: kernels smaller and larger than the stride, strides that differ, both paddings, with and without
 * bias, few and many channels, alone, from one pixel on and in decoders with skip connections.
 * SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static int32_t up_to(uint64_t *s, int32_t n) { return 1 + (int32_t)(random_next(s) % (uint64_t)n); }

static int up(struct maker *k, uint64_t *s, int x)
{
    static const int32_t channels[] = {1, 3, 4, 8, 16, 31, 64, 65};
    struct make_window w = {.channels = ANY(s, channels), .size = up_to(s, 5), .width = up_to(s, 5),
                            .stride = up_to(s, 4), .padding = random_next(s) % 2 ? TFL_PAD_SAME : TFL_PAD_VALID,
                            .no_bias = random_next(s) % 2};
    return make_transpose_conv(k, x, &w);
}

static const struct tfl_model *alone(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 13}, channels[] = {1, 3, 8, 16, 33, 64};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int x = make_input(k, 3, (int32_t[]){ANY(&s, sizes), ANY(&s, sizes), ANY(&s, channels)});
    make_output(k, up(k, &s, x));
    return maker_finish(k);
}

/* Down, up, joined with what was there before, as in a U-Net. */
static const struct tfl_model *decoder(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {8, 12, 16, 20}, channels[] = {4, 8, 16, 24};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int32_t c = ANY(&s, channels), size = 2 + (int32_t)(random_next(&s) % 3);
    int x = make_input(k, 3, (int32_t[]){ANY(&s, sizes), ANY(&s, sizes), 3});
    int high = make_conv_2d(k, x, &(struct make_window){.channels = c, .size = 3, .activation = TFL_ACT_RELU6});
    int low = make_conv_2d(k, high, &(struct make_window){.channels = 2 * c, .size = 3, .stride = 2});
    low = make_transpose_conv(k, low, &(struct make_window){.channels = c, .size = size, .stride = 2});
    int both = random_next(&s) % 2 ? make_concatenation(k, 2, (int[]){low, high}, 3)
                                   : make_binary(k, TFL_OP_ADD, low, high, TFL_ACT_RELU);
    make_output(k, make_conv_2d(k, both, &(struct make_window){.channels = c, .size = 3}));
    return maker_finish(k);
}

/* Strides of rows and columns that differ: a quarter of the rows, if the model is read so. */
static void different_strides(void **state)
{
    (void)state;
    for (int32_t tall = 0; tall < 2; tall++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, 7);
        int32_t shape[4] = {1, tall ? 18 : 6, tall ? 5 : 15, 8};
        int x = make_input(k, 3, (int32_t[]){6, 5, 8});
        int y = make_transpose_conv(k, x, &(struct make_window){.channels = 8, .size = 3, .stride = 3});
        struct tfl_model *m;
        make_output(k, y);
        m = maker_finish(k);
        struct tfl_subgraph *g = &m->subgraphs[0];
        struct tfl_operator *o = &g->operators[0];
        *(tall ? &o->options.transpose_conv.stride_w : &o->options.transpose_conv.stride_h) = 1;
        for (int i = 0; i < 4; i++) {
            g->tensors[o->outputs[0]].shape[i] = shape[i];
            put_le32((uint8_t *)(uintptr_t)g->tensors[o->inputs[0]].data.data + 4 * i, (uint32_t)shape[i]);
        }
        assert_true(judge_exact(a, m));
        arena_free(a);
    }
}

/* From one pixel, as a FULLY_CONNECTED or a pool leaves it, to an image. */
static const struct tfl_model *generator(struct arena *a, uint64_t seed)
{
    static const int32_t channels[] = {3, 8, 16, 40};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int x = make_input(k, 3, (int32_t[]){random_next(&s) % 2 ? 1 : 6, 1, 8});
    if (maker_tensor(k, x)->shape[1] > 1)
        x = make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, true);
    if (random_next(&s) % 2) {
        x = make_fully_connected(k, make_flatten(k, x), 16, TFL_ACT_RELU);
        x = make_reshape(k, x, 4, (int32_t[]){1, 1, 1, 16});
    }
    for (int i = 0; i < 3; i++)
        x = make_transpose_conv(k, x, &(struct make_window){.channels = ANY(&s, channels), .size = 2 + up_to(&s, 3),
                                                            .stride = 2, .padding = i ? TFL_PAD_SAME : TFL_PAD_VALID});
    make_output(k, x);
    return maker_finish(k);
}

static void all_alone(void **state) { (void)state, judge_draws(alone, 60, 95); }
static void generators(void **state) { (void)state, judge_draws(generator, 20, 95); }
static void decoders(void **state) { (void)state, judge_draws(decoder, 20, 95); }

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_alone), cmocka_unit_test(decoders),
                                       cmocka_unit_test(different_strides), cmocka_unit_test(generators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SOFTMAX and L2_NORMALIZATION of every pixel over its channels: whole words of channels and not, odd numbers, tiles of
 * different shape, as the end of a segmentation network and inside one.  SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static const struct tfl_model *segmentation(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {2, 4, 5, 8, 9, 13, 16, 21};
    static const int32_t channels[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 19, 21, 33, 64, 65};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int32_t z = ANY(&s, channels);
    bool first = random_next(&s) % 3 == 0;
    int x = make_input(k, 3, (int32_t[]){ANY(&s, sizes), ANY(&s, sizes), first ? z : 3});
    if (!first)
        x = make_conv_2d(k, x, &(struct make_window){.channels = z, .size = 3});
    int y = make_softmax(k, x);
    if (random_next(&s) % 4 == 0)
        make_output(k, x);
    if (random_next(&s) % 4 == 0)
        y = make_conv_2d(k, y, &(struct make_window){.channels = 8, .size = 3});
    make_output(k, y);
    return maker_finish(k);
}

/* Of images, and of vectors as they come from a convolution, a pool, a FULLY_CONNECTED or the host. */
static const struct tfl_model *embedding(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {1, 1, 2, 5, 8, 13}, channels[] = {1, 2, 3, 5, 7, 16, 33, 64, 128, 200, 512};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int32_t z = ANY(&s, channels);
    int x = make_input(k, 3, (int32_t[]){ANY(&s, sizes), ANY(&s, sizes), z});
    switch (random_next(&s) % 4) {
    case 0: x = make_conv_2d(k, x, &(struct make_window){.channels = z, .size = 1}); break;
    case 1: x = make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, random_next(&s) % 2); break;
    case 2:
        x = make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, false);
        x = make_fully_connected(k, x, z, TFL_ACT_NONE);
        break;
    default: break;
    }
    int y = make_unary(k, TFL_OP_L2_NORMALIZATION, x);
    if (maker_tensor(k, y)->rank == 2 && random_next(&s) % 2)
        y = make_fully_connected(k, y, 10, TFL_ACT_NONE);
    make_output(k, y);
    return maker_finish(k);
}

static void embeddings(void **state) { (void)state, judge_draws(embedding, 60, 95); }

static void segmentations(void **state) { (void)state, judge_draws(segmentation, 60, 95); }

static void large_stays_on_the_cpu(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_conv_2d(k, make_input(k, 3, (int32_t[]){96, 96, 3}), &(struct make_window){.channels = 64, .size = 1});
    make_output(k, make_softmax(k, x));
    struct judgement j = judge(a, maker_finish(k));
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 1);
    assert_non_null(strstr(j.compiled.ops[1].why, "bytes of a tile"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(segmentations), cmocka_unit_test(embeddings),
                                       cmocka_unit_test(large_stays_on_the_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* RESIZE_BILINEAR to twice the size: even and unequal tiles, channels that are no whole words, alone, twice, between
 * convolutions and with other readers of the same tensor; what else there is stays on the CPU and says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

enum { BARE, AFTER_CONV, BETWEEN, TWICE, SHARED_CONV, SHARED_OUTPUT, AFTER_POOL, SHAPES };

static int twice(struct maker *k, int x)
{
    const int32_t *d = maker_tensor(k, x)->shape;
    return make_resize(k, TFL_OP_RESIZE_BILINEAR, x, 2 * d[1], 2 * d[2], false, true);
}

static int conv(struct maker *k, int x, int32_t size, int32_t channels)
{
    return make_conv_2d(k, x, &(struct make_window){.size = size, .channels = channels, .activation = TFL_ACT_RELU6});
}

static const struct tfl_model *network(struct arena *a, enum tfl_type type, int how, int32_t y, int32_t x, int32_t z)
{
    struct maker *k = maker_new(a, type, (uint64_t)(100 * y + x + z));
    int t = make_input(k, 3, (int32_t[]){y, x, how == BARE ? z : 3});
    if (how != BARE)
        t = conv(k, t, how == AFTER_CONV ? 1 : 3, z);
    if (how == AFTER_POOL)
        t = make_pool(k, TFL_OP_AVERAGE_POOL_2D, t, &(struct make_window){.size = 2, .stride = 1});
    int up = twice(k, t);
    if (how == TWICE)
        up = twice(k, up);
    if (how == BETWEEN || how == AFTER_POOL)
        up = conv(k, up, 3, 8);
    make_output(k, up);
    if (how == SHARED_CONV) /* reads padding where the resize repeats the edge */
        make_output(k, conv(k, t, 5, 8));
    if (how == SHARED_OUTPUT)
        make_output(k, t);
    return maker_finish(k);
}

static void exact(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{4, 4, 4},   {5, 5, 3},   {6, 7, 8},   {8, 8, 16},    {9, 10, 64},  {11, 6, 65},
                                       {7, 13, 24}, {14, 15, 1}, {19, 5, 40}, {12, 12, 128}, {24, 24, 128}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int how = 0; how < SHAPES; how++) {
            struct arena *a = arena_new();
            const int32_t *d = sizes[i];
            enum tfl_type type = (i + (size_t)how) % 2 ? TFL_INT8 : TFL_UINT8;
            struct judgement j = judge(a, network(a, type, how, d[0], d[1], d[2]));
            if (j.fault)
                fail_msg("%dx%dx%d, network %d: %s", d[0], d[1], d[2], how, j.fault);
            for (uint32_t k = 0; k < j.compiled.n_ops; k++)
                if (j.compiled.ops[k].why)
                    fail_msg("%dx%dx%d, network %d: %s", d[0], d[1], d[2], how, j.compiled.ops[k].why);
            assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
            arena_free(a);
        }
}

/* More results on a tile than one loop of unit P can count. */
static void large(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct judgement j = judge(a, network(a, TFL_INT8, BARE, 64, 60, 128));
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_int_equal(j.compiled.n_mapped, 1);
    arena_free(a);
}

/* Nothing is to be done, whatever the centres are. */
static void same_size(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_INT8 : TFL_UINT8, (uint64_t)i);
        int t = conv(k, make_input(k, 3, (int32_t[]){9, i < 3 ? 3 : 33, 4}), 1, 19);
        t = make_resize(k, TFL_OP_RESIZE_BILINEAR, t, 9, i < 3 ? 3 : 33, i % 3 == 1, i % 3 == 2);
        make_output(k, i % 2 ? conv(k, t, 3, 8) : t);
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

static void stays_on_the_cpu(void **state)
{
    (void)state;
    static const struct {
        int32_t y, x, to_y, to_x;
        bool corners, centers;
        const char *reason;
    } refused[] = {
        {8, 8, 24, 24, false, true, "twice the rows"},      {8, 8, 16, 8, false, true, "twice the rows"},
        {8, 8, 4, 4, false, true, "twice the rows"},        {8, 8, 16, 16, true, false, "half_pixel_centers"},
        {8, 8, 16, 16, false, false, "half_pixel_centers"}, {3, 8, 6, 16, false, true, "fewer than 4 rows"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, i);
        int t = conv(k, make_input(k, 3, (int32_t[]){refused[i].y, refused[i].x, 4}), 1, 8);
        t = make_resize(k, TFL_OP_RESIZE_BILINEAR, t, refused[i].to_y, refused[i].to_x, refused[i].corners,
                        refused[i].centers);
        make_output(k, t);
        struct judgement j = judge(a, maker_finish(k));
        assert_null(j.fault);
        assert_int_equal(j.compiled.n_ops, 2);
        assert_int_equal(j.compiled.n_mapped, 1);
        assert_non_null(j.compiled.ops[1].why);
        assert_non_null(strstr(j.compiled.ops[1].why, refused[i].reason));
        arena_free(a);
    }
}

/* RESIZE_NEAREST_NEIGHBOR to twice the size: alone, in its place in a CONCATENATION behind or before an image that is
 * read elsewhere too, and as a CONCATENATION's input whose other readers keep it where it is. */
enum { ALONE, JOINED_FIRST, JOINED_LAST, JOINED_SHARED, NEAREST_SHAPES };

static const struct tfl_model *nearest(struct arena *a, int how, int32_t y, int32_t x, int32_t z)
{
    struct maker *k = maker_new(a, how % 2 ? TFL_UINT8 : TFL_INT8, (uint64_t)(100 * y + x + z));
    int large = conv(k, make_input(k, 3, (int32_t[]){2 * y, 2 * x, 3}), 3, 24);
    int t = make_conv_2d(k, large, &(struct make_window){.size = 3, .stride = 2, .channels = z});
    int up = make_resize(k, TFL_OP_RESIZE_NEAREST_NEIGHBOR, t, 2 * y, 2 * x, false, how % 2);
    int joined = up;
    if (how != ALONE)
        joined = make_concatenation(k, 2, how == JOINED_LAST ? (int[]){large, up} : (int[]){up, large}, 3);
    make_output(k, conv(k, joined, 3, 8));
    make_output(k, conv(k, large, 1, 5));
    if (how == JOINED_SHARED)
        make_output(k, conv(k, up, 1, 4));
    return maker_finish(k);
}

static void nearest_neighbour(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{4, 4, 4}, {5, 7, 8}, {8, 8, 64}, {9, 5, 65}, {13, 6, 3}, {16, 16, 128}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int how = 0; how < NEAREST_SHAPES; how++) {
            struct arena *a = arena_new();
            const int32_t *d = sizes[i];
            assert_true(judge_exact(a, nearest(a, how, d[0], d[1], d[2])));
            arena_free(a);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact), cmocka_unit_test(large), cmocka_unit_test(same_size),
                                       cmocka_unit_test(nearest_neighbour), cmocka_unit_test(stays_on_the_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SOFTMAX, CONCATENATION and FULLY_CONNECTED on vectors, alone and mixed, compiled and run on the simulated chip:
 * exactly the kernels' bytes. Random graphs: SEEDS, FIRST, VERBOSE as in judge.h. */
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

static int add_softmax(struct maker *k, int x, float scale)
{
    struct tfl_tensor *t = maker_tensor(k, x);
    if (scale > 0)
        t->quant.scale[0] = scale;
    return make_softmax(k, x);
}

/* ---- SOFTMAX of every kind of length ---- */

static void lengths(void **state)
{
    (void)state;
    static const int32_t sizes[] = {1,   2,   3,   5,    10,   21,   63,   65,   66,    131,   833,  961,
                                    962, 965, 1001, 1026, 4099, 4,    8,    12,   60,    64,    68,   100,
                                    128, 192, 256, 260,  1000, 1024, 1028, 2048, 4004,  10000, 32767, 32768};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_UINT8 : TFL_INT8, i);
        make_output(k, add_softmax(k, make_input(k, 1, &sizes[i]), i % 3 ? 0.04f : 1));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* Tables of 1001 classes beside layers on fewer tiles, so that their rows differ from tile to tile; then without room
 * on all tiles (a layer takes 1900 rows and more of each), so that they come over a ring; then from the host. */
static void tables_wherever_there_is_room(void **state)
{
    (void)state;
    static const int32_t hidden[][2] = {{64, 130}, {7900, 832}, {7800, 1024}};
    for (int i = 0; i < 3; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_UINT8, 9);
        int x = make_fully_connected(k, make_input(k, 1, &hidden[i][0]), hidden[i][1], TFL_ACT_NONE);
        make_output(k, make_softmax(k, make_fully_connected(k, x, 1001, TFL_ACT_NONE)));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* Logits that are also a result: the vector stays where it is. */
static void logits_that_are_read_twice(void **state)
{
    (void)state;
    for (int type = 0; type < 2; type++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, type ? TFL_UINT8 : TFL_INT8, 5);
        int x = make_fully_connected(k, make_input(k, 1, (int32_t[]){64}), 200, TFL_ACT_NONE);
        make_output(k, make_softmax(k, x));
        make_output(k, x);
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* ---- CONCATENATION ---- */

/* The numbers of tensor x become those of y. */
static void like(struct maker *k, int x, int y)
{
    struct tfl_quant q = maker_tensor(k, y)->quant;
    maker_tensor(k, x)->quant.scale[0] = q.scale[0];
    maker_tensor(k, x)->quant.zero_point[0] = q.zero_point[0];
}

static void parts_of_any_length(void **state)
{
    (void)state;
    static const int32_t sizes[][4] = {{1, 1, 1, 1},    {3, 2, 5, 1},     {64, 64, 128, 4},
                                       {100, 60, 7, 0}, {65, 65, 65, 65}, {1000, 24, 0, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_UINT8 : TFL_INT8, i);
        int x = make_input(k, 1, (int32_t[]){96}), parts[4];
        uint32_t n = 0;
        for (int p = 0; p < 4 && sizes[i][p]; p++) {
            parts[n] = make_fully_connected(k, x, sizes[i][p], TFL_ACT_NONE);
            like(k, parts[n], parts[0]);
            n++;
        }
        int y = make_concatenation(k, n, parts, 1);
        like(k, y, parts[0]);
        make_output(k, y);
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* Single values lie side by side where they are made; that one of them is also a result must not hurt. */
static void a_part_that_is_a_result(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 9);
    int x = make_input(k, 1, (int32_t[]){300}), parts[3];
    for (int i = 0; i < 3; i++) {
        parts[i] = make_fully_connected(k, x, 1 + i, TFL_ACT_NONE);
        like(k, parts[i], parts[0]);
    }
    int y = make_concatenation(k, 3, parts, 1);
    like(k, y, parts[0]);
    make_output(k, make_fully_connected(k, y, 500, TFL_ACT_NONE));
    make_output(k, parts[1]);
    make_output(k, make_softmax(k, parts[2]));
    assert_true(judge_exact(a, maker_finish(k)));
    arena_free(a);
}

/* ---- everything mixed ---- */

static const struct tfl_model *random_graph(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    enum tfl_type type = random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8;
    struct maker *k = maker_new(a, type, seed);
    int32_t n = pick(&s, 1, 1 << pick(&s, 2, 11));
    int x = make_input(k, 1, &n);
    for (int32_t i = pick(&s, 1, 3); i > 0; i--) {
        switch (random_next(&s) % 3) {
        case 0:
            x = add_softmax(k, x, 0);
            break;
        case 1:
            n = pick(&s, 1, 240);
            x = make_fully_connected(k, x, n, TFL_ACT_RELU);
            break;
        default: {
            int32_t p = pick(&s, 1, 5), q = pick(&s, 1, 100);
            n = p + q;
            int parts[] = {make_fully_connected(k, x, p, TFL_ACT_NONE),
                           make_fully_connected(k, x, n - p, TFL_ACT_NONE)};
            like(k, parts[1], parts[0]);
            x = make_concatenation(k, 2, parts, 1);
            like(k, x, parts[0]);
        }
        }
    }
    make_output(k, x);
    return maker_finish(k);
}

static void random_graphs_run_exactly(void **state)
{
    (void)state;
    judge_draws(random_graph, 100, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(tables_wherever_there_is_room),
        cmocka_unit_test(logits_that_are_read_twice),
        cmocka_unit_test(parts_of_any_length),
        cmocka_unit_test(a_part_that_is_a_result),
        cmocka_unit_test(random_graphs_run_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

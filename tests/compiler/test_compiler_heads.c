/* Heads of networks, random ones, compiled and run on the simulated chip, give exactly the kernels' bytes: of
 * detection, rows of several images one behind another for the host (support_parts.c), and of classification, a pool
 * and dense layers.  SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "compiler/order.h"
#include "support/make_model.h"
#include "support/twin.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static const int32_t row_lengths[] = {1, 2, 3, 4, 5, 8, 21, 91};
static const int32_t sizes[] = {1, 2, 3, 4, 5, 7, 10, 19};

enum { HEADS = 6 };

/* Images of size x size pixels with k rows of c channels each, from one map of features. */
static int rows_of(struct maker *k, uint64_t *s, int features, int32_t c, struct tfl_quant *numbers)
{
    int32_t in = maker_tensor(k, features)->shape[1], per_pixel = 1 + (int32_t)(random_next(s) % 4);
    int x = make_conv_2d(k, features, &(struct make_window){.channels = c * per_pixel, .size = 1});
    if (numbers->count == 0)
        *numbers = maker_tensor(k, x)->quant;
    bool rescaled = random_next(s) % 4 == 0;
    if (!rescaled)
        maker_tensor(k, x)->quant = *numbers;
    const struct tfl_quant own = maker_tensor(k, x)->quant;
    int rows = make_reshape(k, x, 3, (int32_t[]){1, in * in * per_pixel, c});
    maker_tensor(k, rows)->quant = own;
    if (rescaled)
        rows = make_quantize(k, rows, maker_tensor(k, rows)->type);
    maker_tensor(k, rows)->quant = *numbers;
    return rows;
}

static const struct tfl_model *random_heads(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int inputs[HEADS], rows[HEADS];
    uint32_t n = 2 + (uint32_t)(random_next(&s) % (HEADS - 1)), outputs = 1 + (uint32_t)(random_next(&s) % 2);
    for (uint32_t i = 0; i < n; i++) {
        int32_t size = ANY(&s, sizes);
        inputs[i] = make_input(k, 3, (int32_t[]){size, size, 4 + 4 * (int32_t)(random_next(&s) % 4)});
    }
    for (uint32_t o = 0; o < outputs; o++) {
        struct tfl_quant numbers = {0};
        int32_t c = ANY(&s, row_lengths);
        for (uint32_t i = 0; i < n; i++)
            rows[i] = rows_of(k, &s, inputs[i], c, &numbers);
        int joined = make_concatenation(k, n, rows, 1);
        maker_tensor(k, joined)->quant = numbers;
        make_output(k, random_next(&s) % 2 ? make_unary(k, TFL_OP_LOGISTIC, joined) : joined);
    }
    return maker_finish(k);
}

static void heads(void **state)
{
    (void)state;
    judge_draws(random_heads, 25, 75);
}

/* Two images of rows as the boxes and classes of SSD: [1,N,1,c] joined and made [1,N,c], or [1,N,c] joined. */
static const struct tfl_model *two_heads(struct arena *a, int32_t size, int32_t c, int32_t per_pixel, bool column)
{
    struct maker *k = maker_new(a, TFL_INT8, (uint64_t)(size * 1000 + c * 10 + per_pixel));
    int32_t n[2], total = 0;
    int rows[2];
    for (int i = 0; i < 2; i++) {
        int32_t side = i ? (size + 1) / 2 : size;
        int in = make_input(k, 3, (int32_t[]){side, side, 8});
        int x = make_conv_2d(k, in, &(struct make_window){.channels = c * per_pixel, .size = 1});
        if (i)
            maker_tensor(k, x)->quant = maker_tensor(k, rows[0])->quant;
        const struct tfl_quant own = maker_tensor(k, x)->quant;
        n[i] = side * side * per_pixel;
        total += n[i];
        rows[i] = column ? make_reshape(k, x, 4, (int32_t[]){1, n[i], 1, c})
                         : make_reshape(k, x, 3, (int32_t[]){1, n[i], c});
        maker_tensor(k, rows[i])->quant = own;
    }
    const struct tfl_quant numbers = maker_tensor(k, rows[0])->quant;
    int x = make_concatenation(k, 2, rows, 1);
    maker_tensor(k, x)->quant = numbers;
    if (column)
        x = make_reshape(k, x, 3, (int32_t[]){1, total, c});
    maker_tensor(k, x)->quant = numbers;
    make_output(k, x);
    return maker_finish(k);
}

static uint64_t cached_bytes(struct arena *a, const struct tfl_model *m)
{
    struct compile_result r;
    struct status st = {0};
    assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    return r.cached_bytes;
}

/* Splits over all and over few tiles, moves to neighbours and beyond, parts of rows, of pixels and of a pixel's words.
 */
static void rows_on_tiles(void **state)
{
    (void)state;
    static const int32_t lengths[] = {4, 5, 12}, sides[] = {1, 2, 3, 5, 6, 10};
    struct arena *a = arena_new();
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
        for (size_t c = 0; c < sizeof lengths / sizeof *lengths; c++)
            for (int column = 0; column < 2; column++)
                assert_true(judge_exact(a, two_heads(a, sides[s], lengths[c], 3, column)));
    arena_free(a);
}

/* Rows of 91 channels have whole words because the weights say so, not by a product with zeroes and ones behind. */
static void rows_are_padded_by_weights(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_true(cached_bytes(a, two_heads(a, 4, 91, 6, false)) <= cached_bytes(a, two_heads(a, 4, 92, 6, false)));
    arena_free(a);
}

/* Written for the first input and found by all that need it later: the other instruction is of the output. */
static void one_identity_matrix(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct tfl_model *m = two_heads(a, 4, 4, 3, false);
    struct compile_result r;
    struct twin_facts facts;
    struct status st = {0};
    assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    assert_true(twin_facts(a, r.file, &facts, &st));
    assert_int_equal(facts.opcodes[ISA_TO_WIDE], 2);
    arena_free(a);
}

/* The network before them runs on strips: their rows are still brought into order on the tiles, not on the way to the
 * host, which takes a transfer for each row of pixels of a tile. */
static void rows_behind_strips(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 9);
    int x = make_input(k, 3, (int32_t[]){160, 160, 3}), rows[2];
    x = make_conv_2d(k, x, &(struct make_window){.channels = 128, .size = 1});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 2, .stride = 8});
    struct tfl_quant numbers = {0};
    for (int i = 0; i < 2; i++) {
        int32_t side = i ? 10 : 20;
        x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3, .stride = i + 1});
        rows[i] = make_conv_2d(k, x, &(struct make_window){.channels = 24, .size = 1});
        numbers = i ? numbers : maker_tensor(k, rows[0])->quant;
        maker_tensor(k, rows[i])->quant = numbers;
        rows[i] = make_reshape(k, rows[i], 3, (int32_t[]){1, side * side * 6, 4});
        maker_tensor(k, rows[i])->quant = numbers;
    }
    x = make_concatenation(k, 2, rows, 1);
    maker_tensor(k, x)->quant = numbers;
    make_output(k, x);
    const struct tfl_model *m = maker_finish(k);
    struct compile_result r;
    struct twin_facts facts;
    struct status st = {0};
    assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    assert_true(twin_facts(a, r.file, &facts, &st));
    assert_in_range(facts.opcodes[ISA_OUTFEED], 1, 24);
    assert_true(judge_exact(a, m));
    arena_free(a);
}

/* Of three convolutions the last adds least: its input is small.  Of the two that read one large input, the second
 * lets it go. */
static void cheapest_operator_first(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct status st = {0};
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int large = make_input(k, 3, (int32_t[]){16, 16, 64}), small = make_input(k, 3, (int32_t[]){4, 4, 8});
    make_output(k, make_conv_2d(k, large, &(struct make_window){.channels = 8, .size = 1}));
    make_output(k, make_conv_2d(k, large, &(struct make_window){.channels = 4, .size = 1}));
    make_output(k, make_conv_2d(k, small, &(struct make_window){.channels = 64, .size = 1}));
    const struct tfl_subgraph *g = &maker_finish(k)->subgraphs[0];
    struct plan p;
    struct partition set = {.operators = (uint32_t[]){0, 1, 2}, .n_operators = 3,
                            .inputs = (uint32_t[]){(uint32_t)large, (uint32_t)small}, .n_inputs = 2};
    bool done[3] = {false};
    static const uint32_t expected[] = {2, 1, 0, 3};
    plan_init(&p, a, g, &st);
    for (int i = 0; i < 4; i++) {
        uint32_t next = order_next(&p, &set, done);
        assert_int_equal(next, expected[i]);
        if (next < 3)
            done[next] = true;
    }
    arena_free(a);
}

/* The image on one tile would need 57x57x16 words: rows are put into order on the way to the host. */
static void rows_too_large_for_a_tile(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_true(judge_exact(a, two_heads(a, 57, 29, 2, false)));
    arena_free(a);
}

/* A pool and dense layers, a table now and then between: each finds in wide memory what the one before has left
 * (mobilenet_v2_mask_classification: a gather wrote over the identity matrix that its LOGISTIC looked for). */
static const struct tfl_model *random_classifier(struct arena *a, uint64_t seed)
{
    static const int32_t units[] = {1, 3, 10, 63, 65, 130, 300};
    static const enum tfl_builtin tables[] = {TFL_OP_LOGISTIC, TFL_OP_TANH};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int32_t size = ANY(&s, sizes);
    int x = make_input(k, 3, (int32_t[]){size, size, 4 + (int32_t)(random_next(&s) % 90)});
    if (random_next(&s) % 2)
        x = make_conv_2d(k, x, &(struct make_window){.channels = ANY(&s, units), .size = 1});
    if (random_next(&s) % 2)
        x = make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, false);
    else
        x = make_flatten(k, make_pool(k, TFL_OP_AVERAGE_POOL_2D, x,
                                      &(struct make_window){.size = size, .padding = TFL_PAD_VALID}));
    for (uint64_t layers = 1 + random_next(&s) % 3; layers > 0; layers--) {
        x = make_fully_connected(k, x, ANY(&s, units), random_next(&s) % 2 ? TFL_ACT_RELU : TFL_ACT_NONE);
        if (random_next(&s) % 3 == 0)
            x = make_unary(k, ANY(&s, tables), x);
    }
    make_output(k, random_next(&s) % 3 ? x : make_softmax(k, x));
    return maker_finish(k);
}

static void classifiers(void **state)
{
    (void)state;
    judge_draws(random_classifier, 60, 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(rows_on_tiles),
                                       cmocka_unit_test(rows_are_padded_by_weights),
                                       cmocka_unit_test(rows_too_large_for_a_tile),
                                       cmocka_unit_test(one_identity_matrix), cmocka_unit_test(rows_behind_strips),
                                       cmocka_unit_test(cheapest_operator_first), cmocka_unit_test(classifiers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

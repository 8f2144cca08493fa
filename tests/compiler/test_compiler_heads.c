/* Heads of networks, random ones, compiled and run on the simulated chip, give exactly the kernels' bytes: of detection,
 * rows of several images one behind another for the host (support_parts.c), and of classification, a pool and dense
 * layers.  SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(classifiers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Image strips: networks whose first layers do not fit narrow memory compile, run on the simulated chip in strict mode and
 * give exactly the kernels' bytes.
 *   SEEDS=n  how many random models (12)    FIRST=n  number of the first    VERBOSE=1  prints each */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

static void check(struct arena *a, struct maker *k, int x)
{
    make_output(k, x);
    struct judgement j = judge(a, maker_finish(k));
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
}

/* The image behind the strips stays: 40x40x16 in two parts. */
static void stem(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){160, 160, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 128, .size = 3, .stride = 1, .activation = TFL_ACT_RELU6});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 16, .size = 3, .stride = 4});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3});
    check(a, k, x);
    arena_free(a);
}

/* The output itself does not fit. */
static void output_in_passes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 2);
    int x = make_input(k, 3, (int32_t[]){112, 112, 4});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 256, .size = 1});
    check(a, k, x);
    arena_free(a);
}

/* Operands of an ADD and a MUL with other rows than the result, because a 3x3 convolution reads them too; a pool. */
static void residual(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 3);
    const struct make_window one = {.channels = 24, .size = 1, .activation = TFL_ACT_RELU6}, three = {.channels = 1, .size = 3};
    int x = make_input(k, 3, (int32_t[]){200, 200, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 24, .size = 3, .stride = 2});
    int y = make_depthwise_conv_2d(k, make_conv_2d(k, x, &one), &three);
    x = make_binary(k, TFL_OP_ADD, x, y, TFL_ACT_NONE);
    y = make_unary(k, TFL_OP_LOGISTIC, make_depthwise_conv_2d(k, x, &three));
    x = make_binary(k, TFL_OP_MUL, x, y, TFL_ACT_NONE);
    x = make_conv_2d(k, x, &(struct make_window){.channels = 96, .size = 1});
    x = make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &(struct make_window){.size = 3, .stride = 4});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3});
    check(a, k, x);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stem), cmocka_unit_test(output_in_passes), cmocka_unit_test(residual)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

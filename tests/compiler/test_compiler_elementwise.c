/* Operators on two tensors beyond ADD, SUB and MUL of one shape (test_compiler_graphs.c): operands that are repeated.
 * SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static const enum tfl_activation activations[] = {TFL_ACT_NONE, TFL_ACT_RELU, TFL_ACT_RELU6, TFL_ACT_RELU_N1_TO_1};

static struct maker *maker_of(struct arena *a, uint64_t *s)
{
    return maker_new(a, random_next(s) % 2 ? TFL_INT8 : TFL_UINT8, *s);
}

/* How an operand lies: as the input of the model or made by a convolution. */
static int operand(struct maker *k, uint64_t *s, int32_t y, int32_t x, int32_t z)
{
    int t = make_input(k, 3, (int32_t[]){y, x, z});
    return random_next(s) % 2 ? make_conv_2d(k, t, &(struct make_window){.channels = z, .size = 1}) : t;
}

/* [1,y,x,z] and one value, one pixel or one channel; or a pixel and a channel. */
static const struct tfl_model *repeated(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {1, 2, 4, 5, 8, 11, 17}, channels[] = {1, 3, 4, 7, 16, 33, 64, 130};
    static const enum tfl_builtin codes[] = {TFL_OP_ADD, TFL_OP_SUB, TFL_OP_MUL};
    uint64_t s = seed;
    struct maker *k = maker_of(a, &s);
    int32_t y = ANY(&s, sizes), x = ANY(&s, sizes), z = ANY(&s, channels);
    uint64_t form = random_next(&s) % 4;
    int small = form == 0 ? operand(k, &s, 1, 1, 1) : form == 1 ? operand(k, &s, y, x, 1) : operand(k, &s, 1, 1, z);
    int large = form == 3 ? operand(k, &s, y, x, 1) : operand(k, &s, y, x, z);
    if (form == 2 && random_next(&s) % 2) /* squeeze and excitation */
        small = make_unary(k, TFL_OP_LOGISTIC,
                           make_reduce(k, TFL_OP_MEAN, large, 2, (int32_t[]){1, 2}, random_next(&s) % 2));
    bool swap = random_next(&s) % 2;
    int out = make_binary(k, ANY(&s, codes), swap ? small : large, swap ? large : small, ANY(&s, activations));
    if (random_next(&s) % 2)
        out = make_conv_2d(k, out, &(struct make_window){.channels = 8, .size = 3});
    make_output(k, out);
    return maker_finish(k);
}

static void repeated_operands(void **state) { (void)state, judge_draws(repeated, 100, 85); }

/* The squeeze and excitation of MobileNet v3 and EfficientNet, behind a FULLY_CONNECTED. */
static void excitation(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){14, 14, 24});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 72, .size = 3, .activation = TFL_ACT_RELU});
    int e = make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, false);
    e = make_fully_connected(k, e, 24, TFL_ACT_RELU);
    e = make_unary(k, TFL_OP_LOGISTIC, make_fully_connected(k, e, 72, TFL_ACT_NONE));
    e = make_reshape(k, e, 4, (int32_t[]){1, 1, 1, 72});
    x = make_binary(k, TFL_OP_MUL, x, e, TFL_ACT_NONE);
    make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 40, .size = 1}));
    assert_true(judge_exact(a, maker_finish(k)));
    arena_free(a);
}

static void stays_on_the_cpu(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_conv_2d(k, make_input(k, 3, (int32_t[]){6, 5, 4}), &(struct make_window){.channels = 8, .size = 1});
    make_output(k, make_binary(k, TFL_OP_ADD, x, make_input(k, 3, (int32_t[]){6, 1, 8}), TFL_ACT_NONE));
    struct judgement j = judge(a, maker_finish(k));
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 1);
    assert_non_null(strstr(j.compiled.ops[1].why, "is repeated to 1x6x5x8"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(repeated_operands), cmocka_unit_test(excitation),
                                       cmocka_unit_test(stays_on_the_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

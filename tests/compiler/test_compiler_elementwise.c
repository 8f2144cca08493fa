/* Element-wise operators beyond those of test_compiler_graphs.c: operands that are repeated, MAXIMUM, MINIMUM and
 * SQUARED_DIFFERENCE of two tensors, PRELU, EXP, RSQRT; on images, on vectors, alone and between convolutions.
 * SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "kernels/lut.h"
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

/* TFLite wants one scale and zero point on all three. */
static void same_quant(struct maker *k, int x, int y)
{
    const struct tfl_quant q = maker_tensor(k, x)->quant;
    maker_tensor(k, y)->quant = q;
}

static int32_t up_to(uint64_t *s, int32_t n) { return 1 + (int32_t)(random_next(s) % (uint64_t)n); }

/* MAXIMUM, MINIMUM, SQUARED_DIFFERENCE of two tensors, of one and a pixel, of one and a constant. */
static const struct tfl_model *compared(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {1, 1, 4, 5, 8, 11, 17}, channels[] = {1, 3, 4, 7, 16, 33, 64, 130};
    static const enum tfl_builtin codes[] = {TFL_OP_MAXIMUM, TFL_OP_MINIMUM, TFL_OP_SQUARED_DIFFERENCE};
    uint64_t s = seed;
    struct maker *k = maker_of(a, &s);
    int32_t y = ANY(&s, sizes), x = ANY(&s, sizes), z = ANY(&s, channels);
    enum tfl_builtin code = ANY(&s, codes);
    int large = operand(k, &s, y, x, z), small;
    switch (random_next(&s) % 6) {
    case 0: small = make_random(k, 1, &z); break;
    case 1: small = make_random(k, 0, NULL); break;
    case 2: small = operand(k, &s, 1, 1, z); break;
    case 3: small = large; break;
    default: small = operand(k, &s, y, x, z); break;
    }
    if (code != TFL_OP_SQUARED_DIFFERENCE)
        same_quant(k, large, small);
    bool swap = random_next(&s) % 2;
    int out = make_binary(k, code, swap ? small : large, swap ? large : small, TFL_ACT_NONE);
    if (random_next(&s) % 2)
        out = make_conv_2d(k, out, &(struct make_window){.channels = 8, .size = 3});
    make_output(k, out);
    return maker_finish(k);
}

/* Negative factors too, another scale, and one factor for all. */
static const struct tfl_model *with_prelu(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    struct maker *k = maker_of(a, &s);
    int32_t z = up_to(&s, 70), size = random_next(&s) % 4 ? up_to(&s, 12) : 1;
    int x = operand(k, &s, size, size, z);
    if (size == 1 && random_next(&s) % 2)
        x = make_fully_connected(k, make_flatten(k, x), z, TFL_ACT_NONE);
    if (random_next(&s) % 3) {
        x = make_prelu(k, x);
    } else {
        int alpha = make_random(k, 0, NULL), out = make_tensor(k, maker_tensor(k, x)->type, maker_tensor(k, x)->rank,
                                                               maker_tensor(k, x)->shape, 0.03f, 7, 1);
        make_operator(k, TFL_OP_PRELU, 2, (int[]){x, alpha}, 1, &out);
        x = out;
    }
    if (maker_tensor(k, x)->rank == 4 && random_next(&s) % 2)
        x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3});
    make_output(k, x);
    return maker_finish(k);
}

/* EXP and RSQRT of inputs and outputs of many scales. */
static const struct tfl_model *by_table(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    struct maker *k = maker_of(a, &s);
    bool root = random_next(&s) % 2;
    int32_t z = up_to(&s, 70), size = random_next(&s) % 4 ? up_to(&s, 12) : 1;
    int x = operand(k, &s, size, size, z), y = make_unary(k, root ? TFL_OP_RSQRT : TFL_OP_EXP, x);
    struct tfl_tensor *in = maker_tensor(k, x), *out = maker_tensor(k, y);
    in->quant.scale = ARENA_NEW(a, float), in->quant.zero_point = ARENA_NEW(a, int64_t);
    out->quant.scale = ARENA_NEW(a, float), out->quant.zero_point = ARENA_NEW(a, int64_t);
    int32_t low = in->type == TFL_INT8 ? -128 : 0;
    float scale = 0.001f * (float)up_to(&s, 30);
    in->quant.scale[0] = scale;
    in->quant.zero_point[0] = low + (root ? up_to(&s, 8) - 1 : up_to(&s, 255));
    out->quant.scale[0] = (root ? 1 / sqrtf(scale) : 1) / (float)(10 * up_to(&s, 40));
    out->quant.zero_point[0] = low + up_to(&s, 20);
    make_output(k, y);
    return maker_finish(k);
}

static void comparisons(void **state) { (void)state, judge_draws(compared, 60, 95); }
static void prelus(void **state) { (void)state, judge_draws(with_prelu, 40, 95); }
static void tables(void **state) { (void)state, judge_draws(by_table, 40, 95); }

/* The chip's tables against the functions: half a step and what the polynomials miss. */
static void near_the_functions(void **state)
{
    (void)state;
    for (int32_t i = 1; i <= 30; i++) {
        float scale = 0.001f * (float)i, step = 1 / sqrtf(scale) / 200;
        struct lut root = lut_rsqrt_8bit(scale, step), grow = lut_exp_8bit(255 * scale, expf(255 * scale) / 250);
        struct lut square = lut_square(step);
        for (int32_t q = 0; q < 256; q++) {
            float x = (float)q * scale, below = (float)(q - 255) * scale;
            double e = 250 * exp((double)below);
            if (q == 0)
                assert_true(lut_apply(&root, x) > 255);
            else
                assert_true(fabs((double)lut_apply(&root, x) - 1 / sqrt((double)x) / (double)step) < 0.02);
            assert_true(fabs((double)lut_apply(&grow, below) - e) < 0.01);
            assert_true(fabs((double)lut_apply(&square, x) - (double)x * (double)x / (double)step) < 0.01);
        }
    }
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
                                       cmocka_unit_test(comparisons), cmocka_unit_test(prelus),
                                       cmocka_unit_test(tables), cmocka_unit_test(near_the_functions),
                                       cmocka_unit_test(stays_on_the_cpu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* `edgetpu` numerics: the rules of isa/numerics.md worked out a second time, and how far they are from TFLite's. */
#include "kern_test.h"

#include <math.h>

#include "kernels/lut.h"

/* ---- one rule for int8 and uint8: the sign bit flipped ---- */

static struct kern_tensor *flipped(struct bench *b, const struct kern_tensor *t)
{
    struct kern_tensor u = *t;
    size_t n = kern_elements(t);
    uint8_t *data = arena_copy(b->a, t->data, n);
    int64_t zero = t->zero[0] + 128;
    for (size_t i = 0; i < n; i++)
        data[i] ^= 0x80;
    u.type = KERN_U8;
    u.data = data;
    u.zero = arena_copy(b->a, &zero, sizeof zero);
    return arena_copy(b->a, &u, sizeof u);
}

static void signedness_does_not_matter(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, KERN_EDGETPU, 5);
    struct kern_window w = {.same = true, .stride_h = 2, .stride_w = 1, .dilation_h = 1, .dilation_w = 1,
                            .act = KERN_ACT_RELU6};
    struct kern_tensor *x = random_tensor(&b, KERN_I8, DIMS(1, 9, 8, 5), 0.02f, -7);
    struct kern_tensor *k = random_tensor(&b, KERN_I8, DIMS(6, 3, 3, 5), 0.01f, 0);
    struct kern_tensor *bias = random_tensor(&b, KERN_I32, DIMS(6), 0, 0);
    struct kern_tensor *y = tensor(&b, KERN_I8, 0, NULL, 0.04f, -20), *v = tensor(&b, KERN_U8, 0, NULL, 0.04f, 108);
    RUN(&b, kern_conv_2d(&b.c, &w, x, k, bias, y));
    RUN(&b, kern_conv_2d(&b.c, &w, flipped(&b, x), flipped(&b, k), bias, v));
    for (size_t i = 0; i < kern_elements(y); i++)
        assert_int_equal(at(y, i) + 128, at(v, i));
    bench_close(&b);
}

/* ---- the general formula ---- */

static int32_t by_formula(int64_t acc, float mult, float s, int32_t zero, float act_lo, float act_hi)
{
    float k = 1 / s, lo = (float)(0 - zero) * s, hi = (float)(255 - zero) * s;
    lo = (lo > act_lo ? lo : act_lo) * k;
    hi = (hi < act_hi ? hi : act_hi) * k;
    float r = (float)acc * mult;
    r = r > hi ? hi : r < lo ? lo : r;
    int32_t q = (int32_t)nearbyintf(r) + zero;
    return q < 0 ? 0 : q > 255 ? 255 : q;
}

static void fully_connected_is_the_formula(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bench b;
        bench_open(&b, KERN_EDGETPU, seed);
        float sx = uniform(&b, 0.01f, 0.1f), sw = uniform(&b, 0.001f, 0.01f), sy = uniform(&b, 0.02f, 0.4f);
        struct kern_tensor *x = random_tensor(&b, KERN_U8, DIMS(1, 37), sx, 100);
        struct kern_tensor *w = random_tensor(&b, KERN_U8, DIMS(23, 37), sw, 131);
        struct kern_tensor *y = tensor(&b, KERN_U8, 0, NULL, sy, 60);
        RUN(&b, kern_fully_connected(&b.c, KERN_ACT_RELU6, false, x, w, NULL, y));
        float mult = sx * sw;
        mult = mult * (1 / sy);
        for (size_t i = 0; i < 23; i++) {
            int64_t acc = 0;
            for (size_t j = 0; j < 37; j++)
                acc += (at(x, j) - 100) * (at(w, i * 37 + j) - 131);
            assert_int_equal(at(y, i), by_formula(acc, mult, sy, 60, 0, 6));
        }
        bench_close(&b);
    }
}

/* ---- ADD: the ratio of the scales as the best fraction with denominators up to 32767 ---- */

static void best_fraction(double ratio, int32_t *p, int32_t *q)
{
    double best = 2;
    *p = 0, *q = 1;
    for (int32_t d = 1; d <= 32767; d++) {
        double n = floor(ratio * d + 0.5), error = fabs(ratio - n / d);
        if (error < best)
            best = error, *p = (int32_t)n, *q = d;
    }
}

static void add_uses_the_best_fraction(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct bench b;
        bench_open(&b, KERN_EDGETPU, seed + 50);
        float s1 = uniform(&b, 0.001f, 0.1f), s2 = seed == 0 ? s1 : uniform(&b, 0.001f, 0.1f);
        float sy = uniform(&b, 0.05f, 0.2f);
        float large = s1 > s2 ? s1 : s2, small = s1 > s2 ? s2 : s1;
        int32_t p, q;
        best_fraction((double)small / (double)large, &p, &q);
        int32_t m1 = s1 >= s2 ? q : p, m2 = s1 >= s2 ? p : q;
        struct kern_tensor *x1 = random_tensor(&b, KERN_U8, DIMS(1, 500), s1, 128);
        struct kern_tensor *x2 = random_tensor(&b, KERN_U8, DIMS(1, 500), s2, 90);
        struct kern_tensor *y = tensor(&b, KERN_U8, 0, NULL, sy, 117), *z = tensor(&b, KERN_U8, 0, NULL, sy, 117);
        RUN(&b, kern_add(&b.c, KERN_ACT_NONE, x1, x2, y));
        RUN(&b, kern_sub(&b.c, KERN_ACT_NONE, x1, x2, z));
        float mult = large / (float)q * (1 / sy);
        for (size_t i = 0; i < 500; i++) {
            int64_t a = (int64_t)m1 * (at(x1, i) - 128), c = (int64_t)m2 * (at(x2, i) - 90);
            assert_int_equal(at(y, i), by_formula(a + c, mult, sy, 117, -INFINITY, INFINITY));
            assert_int_equal(at(z, i), by_formula(a - c, mult, sy, 117, -INFINITY, INFINITY));
        }
        bench_close(&b);
    }
}

/* ---- constants are folded: a factor per channel, a bias in input steps ---- */

static void constants_are_folded(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, KERN_EDGETPU, 8);
    float s1 = 0.031f, s2 = 0.007f, sy = 0.05f, mult = s1 * (1 / sy);
    struct kern_tensor *x = random_tensor(&b, KERN_U8, DIMS(1, 50, 3), s1, 128);
    struct kern_tensor *k = random_tensor(&b, KERN_U8, DIMS(3), s2, 20);
    struct kern_tensor *sum = tensor(&b, KERN_U8, 0, NULL, sy, 117), *product = tensor(&b, KERN_U8, 0, NULL, sy, 117);
    k->constant = true;
    RUN(&b, kern_sub(&b.c, KERN_ACT_NONE, x, k, sum));
    RUN(&b, kern_mul(&b.c, KERN_ACT_RELU, k, x, product));
    for (size_t i = 0; i < 150; i++) {
        int32_t c = at(k, i % 3) - 20, v = at(x, i) - 128;
        int64_t steps = llround(-c * (double)s2 / (double)s1);
        float factor = s1 * ((float)c * s2);
        factor = factor * (1 / sy);
        assert_int_equal(at(sum, i), by_formula(v + steps, mult, sy, 117, -INFINITY, INFINITY));
        assert_int_equal(at(product, i), by_formula(v, factor, sy, 117, 0, INFINITY));
    }
    /* MoveNet's `x - 1.0`: 127.5 input steps, of which the official stream makes 128 (docs/sim.md). */
    struct kern_tensor *pixel = random_tensor(&b, KERN_I8, DIMS(1, 9), 0.007843137718737125f, -128);
    struct kern_tensor *one = random_tensor(&b, KERN_I8, DIMS(1), 0.003921568859368563f, -128);
    struct kern_tensor *y = tensor(&b, KERN_I8, 0, NULL, 0.007843137718737125f, -1);
    one->constant = true;
    *(int8_t *)one->data = 127;
    RUN(&b, kern_sub(&b.c, KERN_ACT_NONE, pixel, one, y));
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(at(y, i), at(pixel, i) == -128 ? -128 : at(pixel, i) - 1);
    bench_close(&b);
}

/* ---- tables ---- */

static void tables_follow_their_functions(void **state)
{
    (void)state;
    struct lut e = lut_make(LUT_EXP, 1), l = lut_make(LUT_LOGISTIC, 1), t = lut_make(LUT_TANH, 1),
               r = lut_make(LUT_RSQRT, 1);
    for (float x = -14; x <= 14; x += 0.01f) {
        assert_true(fabs(lut_apply(&l, x) - 1 / (1 + exp(-(double)x))) < 7e-5); /* 3e-5 of it where the domain ends */
        assert_true(fabs(lut_apply(&t, x) - tanh((double)x)) < 5e-6);
        if (x < 0)
            assert_true(fabs(lut_apply(&e, x) - exp((double)x)) < 6e-6);
    }
    for (float x = 1; x < 20000; x *= 1.01f)
        assert_true(fabs(lut_rsqrt(&r, x) * sqrt((double)x) - 1) < 2e-6);
    /* One coefficient of a table that the official compiler wrote for steps of f32(1/255). */
    assert_int_equal(f32_bits(lut_make(LUT_LOGISTIC, 254.99998474121094f).c[7][0]),
                     f32_bits(f32_of(0x3f74cc57) * 254.99998474121094f));
}

/* ---- how far from TFLite: numerics.md section 5 allows 1 ---- */

typedef bool one_op(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y);

static bool logistic(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    return kern_unary(c, KERN_LOGISTIC, x, y);
}

static bool hyperbolic(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    return kern_unary(c, KERN_TANH, x, y);
}

static bool softmax(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    return kern_softmax(c, 1, x, y);
}

static bool l2(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    return kern_l2_normalization(c, x, y);
}

static bool pool(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    struct kern_window w = {.stride_h = 1, .stride_w = 1, .filter_h = 1, .filter_w = 4};
    struct kern_tensor flat = *x;
    flat.rank = 4;
    memcpy(flat.dim, (int32_t[]){1, x->dim[0], x->dim[1] / 4, 4}, 16);
    return kern_average_pool_2d(c, &w, &flat, y);
}

static bool requantise(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    return kern_quantize(c, x, y);
}

static bool mean(struct kern_ctx *c, const struct kern_tensor *x, struct kern_tensor *y)
{
    int32_t axis = 1;
    struct kern_tensor axes = {.name = "axes", .type = KERN_I32, .rank = 1, .dim = {1}, .data = &axis};
    return kern_reduce(c, KERN_MEAN, true, x, &axes, y);
}

static void at_most_one_from_tflite(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        one_op *op;
        float s_out;
        int z_out;
    } ops[] = {{"logistic", logistic, 0x1p-8f, -128}, {"tanh", hyperbolic, 0x1p-7f, 0},
               {"softmax", softmax, 0x1p-8f, -128},   {"l2", l2, 0x1p-7f, 0},
               {"pool", pool, 0.05f, 3},              {"requantise", requantise, 0.07f, 9},
               {"mean", mean, 0.02f, -5}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (uint64_t seed = 0; seed < 10; seed++) {
            struct bench b, c;
            bench_open(&b, KERN_TFLITE, seed);
            bench_open(&c, KERN_EDGETPU, seed);
            float s = ops[i].op == pool ? 0.05f : uniform(&b, 0.01f, 0.2f);
            struct kern_tensor *x = random_tensor(&b, KERN_I8, DIMS(5, 40), s, ops[i].op == pool ? 3 : -9);
            struct kern_tensor *y = tensor(&b, KERN_I8, 0, NULL, ops[i].s_out, ops[i].z_out);
            struct kern_tensor *z = tensor(&b, KERN_I8, 0, NULL, ops[i].s_out, ops[i].z_out);
            RUN(&b, ops[i].op(&b.c, x, y));
            RUN(&c, ops[i].op(&c.c, x, z));
            if (largest_difference(y, z) > 1)
                fail_msg("%s, seed %u: differs by %d", ops[i].name, (unsigned)seed, largest_difference(y, z));
            bench_close(&b);
            bench_close(&c);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signedness_does_not_matter),   cmocka_unit_test(fully_connected_is_the_formula),
        cmocka_unit_test(add_uses_the_best_fraction),   cmocka_unit_test(constants_are_folded),
        cmocka_unit_test(tables_follow_their_functions),
        cmocka_unit_test(at_most_one_from_tflite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

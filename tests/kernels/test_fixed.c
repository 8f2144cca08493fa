/* The fixed-point functions against double arithmetic: right to within the precision that they have. */
#include "kern_test.h"

#include <math.h>

#include "kernels/fixed.h"
#include "kernels/ratio.h"

static void multipliers_are_the_factor(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 2000; i++) {
        double d = ldexp(0.5 + (double)(random_next(&seed) >> 11) * 0x1p-54, (int)(random_next(&seed) % 40) - 25);
        struct fixed_multiplier m = fixed_multiplier(d);
        assert_true(fabs(ldexp(m.mantissa, m.shift - 31) - d) <= d * 0x1p-31);
    }
    assert_int_equal(fixed_multiplier(0).mantissa, 0);
    assert_int_equal(fixed_multiplier(0x1p-40).mantissa, 0); /* too small to matter: TFLite makes it 0 */
    assert_int_equal(fixed_multiplier(1).mantissa, 1 << 30);
    assert_int_equal(fixed_multiplier(1).shift, 1);
}

static void halves_round_away_from_zero(void **state)
{
    (void)state;
    struct fixed_multiplier half = fixed_multiplier(0.5);
    assert_int_equal(fixed_scale(3, half), 2);
    assert_int_equal(fixed_scale(5, half), 3);
    assert_int_equal(fixed_shift_right(-3, 1), -2);
    assert_int_equal(fixed_shift_right(-5, 1), -3);
    assert_int_equal(fixed_shift_right(7, 0), 7);
    assert_int_equal(fixed_high_mul(INT32_MIN, INT32_MIN), INT32_MAX);
}

static void exp_and_reciprocal(void **state)
{
    (void)state;
    for (int i = 0; i <= 4000; i++) {
        int32_t a = -(int32_t)(i * (31.9 / 4000) * (1 << 26));
        assert_true(fabs(ldexp(fixed_exp(a), -31) - exp(ldexp(a, -26))) < 1e-6);
    }
    for (int32_t x = 1 << 19; x > 0 && x < 1 << 30; x += x / 7) {
        int bits;
        int32_t r = fixed_reciprocal(x, &bits);
        assert_true(fabs(ldexp(r, -31 - bits) * ldexp(x, -19) - 1) < 1e-6);
    }
}

static void inverse_square_root(void **state)
{
    (void)state;
    for (int32_t x = 2; x > 0 && x < 1 << 30; x += x / 9 + 1) {
        struct fixed_multiplier m = fixed_inverse_sqrt(x);
        assert_true(fabs(ldexp(m.mantissa, m.shift - 31) * sqrt(x) - 1) < 1e-5);
    }
    assert_int_equal(fixed_inverse_sqrt(0).mantissa, INT32_MAX);
}

static void sixteen_bit_logistic_and_tanh(void **state)
{
    (void)state;
    for (int bits = 0; bits <= 5; bits++)
        for (int32_t a = -32768; a < 32768; a += 37) {
            double x = ldexp(a, bits - 15);
            assert_true(fabs(ldexp(fixed_logistic16(a, bits), -15) - 1 / (1 + exp(-x))) < 3e-3);
            if (bits < 5)
                assert_true(fabs(ldexp(fixed_tanh16(a, bits), -15) - tanh(x)) < 3e-3);
        }
    assert_int_equal(fixed_logistic16(0, 3), 1 << 14);
    assert_int_equal(fixed_tanh16(0, 3), 0);
}

/* Every denominator tried.  Distances are exact enough in double: fractions differ by 2^-30 at the least. */
static void ratios_are_the_closest_fractions(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int i = 0; i < 200; i++) {
        float a = ldexpf((float)(random_next(&seed) >> 40), (int)(random_next(&seed) % 30)),
              b = ldexpf((float)(random_next(&seed) >> 40), (int)(random_next(&seed) % 30)), low = fminf(a, b),
              high = fmaxf(a, b);
        double x = (double)low / high, best = 1;
        int32_t p, q;
        edgetpu_ratio(low, high, &p, &q);
        assert_in_range(p, 0, q);
        assert_in_range(q, 1, 32767);
        for (int d = 1; d <= 32767; d++)
            best = fmin(best, fabs(x - rint(x * d) / d));
        assert_true(fabs(x - (double)p / q) <= best + 0x1p-50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multipliers_are_the_factor), cmocka_unit_test(halves_round_away_from_zero),
        cmocka_unit_test(exp_and_reciprocal),         cmocka_unit_test(inverse_square_root),
        cmocka_unit_test(sixteen_bit_logistic_and_tanh),
        cmocka_unit_test(ratios_are_the_closest_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Functions in fixed point, step by step as TFLite's reference kernels compute them with gemmlowp: their results are
 * part of what a TFLite kernel is, so the order and rounding of every step matters. */
#include "kernels/fixed.h"

static int leading_zeros(uint32_t x)
{
    return x ? __builtin_clz(x) : 32;
}

struct fixed_multiplier fixed_inverse_sqrt(int32_t x)
{
    enum { HALF_SQRT_2 = 1518500250, THREE_HALVES = (1 << 28) + (1 << 27), ONE = 1 << 28 };
    if (x <= 1)
        return (struct fixed_multiplier){INT32_MAX, 0};
    int shift = 11;
    while (x >= 1 << 29)
        x /= 4, shift++;
    int pairs = (leading_zeros((uint32_t)x) - 1) / 2 - 1;
    shift -= pairs;
    x <<= 2 * pairs;
    int32_t half = fixed_shift(x >> 1, -1), r = ONE; /* 3 integer bits from here on: Newton's iteration */
    for (int i = 0; i < 5; i++) {
        int32_t cube = fixed_shift(fixed_high_mul(fixed_high_mul(r, r), r), 6);
        r = fixed_shift(fixed_high_mul(THREE_HALVES, r) - fixed_high_mul(half, cube), 3);
    }
    int32_t m = fixed_high_mul(r, HALF_SQRT_2);
    if (shift < 0)
        m = (int32_t)((uint32_t)m << -shift), shift = 0;
    return (struct fixed_multiplier){m, -shift};
}

/* exp(a) for a in [-1/4, 0), no integer bits: a Taylor polynomial around -1/8. */
static int32_t exp_near_zero(int32_t a)
{
    enum { EXP_MINUS_EIGHTH = 1895147668, THIRD = 715827883 };
    int32_t x = a + (1 << 28), x2 = fixed_high_mul(x, x), x3 = fixed_high_mul(x2, x), x4 = fixed_high_mul(x2, x2);
    int32_t tail = fixed_shift(fixed_high_mul(fixed_shift(x4, -2) + x3, THIRD) + x2, -1);
    return EXP_MINUS_EIGHTH + fixed_high_mul(EXP_MINUS_EIGHTH, x + tail);
}

int32_t fixed_exp(int32_t a)
{
    enum { FRACTION = 26, QUARTER = 1 << (FRACTION - 2) };
    static const struct {
        int exponent;
        int32_t factor; /* exp(-2^exponent) */
    } steps[] = {{-2, 1672461947}, {-1, 1302514674}, {0, 790015084}, {1, 290630308},
                 {2, 39332535},    {3, 720401},      {4, 242}};
    if (a == 0)
        return INT32_MAX;
    int32_t rest = (a & (QUARTER - 1)) - QUARTER;
    int32_t r = exp_near_zero(fixed_shift(rest, 5)), quarters = wrap32((int64_t)rest - a);
    for (int i = 0; i < 7; i++)
        if (quarters & 1 << (FRACTION + steps[i].exponent))
            r = fixed_high_mul(r, steps[i].factor);
    return r;
}

/* 1 / (1 + a) for a in [0, 1), no integer bits: Newton's division. */
static int32_t one_over_one_plus(int32_t a)
{
    enum { C48_17 = 1515870810, MINUS_C32_17 = -1010580540, ONE = 1 << 29 }; /* 2 integer bits */
    int64_t sum = (int64_t)a + INT32_MAX;
    int32_t half = (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
    int32_t x = C48_17 + fixed_high_mul(half, MINUS_C32_17);
    for (int i = 0; i < 3; i++)
        x += fixed_shift(fixed_high_mul(x, ONE - fixed_high_mul(half, x)), 2);
    return fixed_shift(x, 1);
}

int32_t fixed_reciprocal(int32_t x, int *bits)
{
    int zeros = leading_zeros((uint32_t)x);
    *bits = 12 - zeros;
    return one_over_one_plus((int32_t)(((uint32_t)x << zeros) - (UINT32_C(1) << 31)));
}

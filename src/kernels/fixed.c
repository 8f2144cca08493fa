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

/* ---- functions for numbers of 32 or 16 bits: `w` bits, of which 1 is the sign ---- */

/* A constant that gemmlowp states for 32 bits. */
static int32_t constant(int w, int32_t c)
{
    return w == 32 ? c : fixed_shift_right(c, 16);
}

static int32_t one(int w)
{
    return w == 32 ? INT32_MAX : INT16_MAX;
}

static int32_t saturate(int w, int32_t x)
{
    return w == 32 ? x : clamp32(x, INT16_MIN, INT16_MAX);
}

static int32_t mul(int w, int32_t a, int32_t b)
{
    if (w == 32)
        return fixed_high_mul(a, b);
    if (a == INT16_MIN && b == INT16_MIN)
        return INT16_MAX;
    int32_t ab = a * b;
    return (ab + (ab >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
}

static int32_t shift(int w, int32_t x, int n)
{
    return saturate(w, fixed_shift(x, n));
}

/* exp(a) for a in [-1/4, 0), no integer bits: a Taylor polynomial around -1/8. */
static int32_t exp_near_zero(int w, int32_t a)
{
    int32_t middle = constant(w, 1895147668), third = constant(w, 715827883); /* exp(-1/8), 1/3 */
    int32_t x = a + (1 << (w - 4)), x2 = mul(w, x, x), x3 = mul(w, x2, x), x4 = mul(w, x2, x2);
    int32_t tail = fixed_shift(mul(w, fixed_shift(x4, -2) + x3, third) + x2, -1);
    return saturate(w, middle + mul(w, middle, x + tail));
}

/* exp(a) for a <= 0 with `bits` integer bits, at most 5. */
static int32_t exp_negative(int w, int32_t a, int bits)
{
    static const int32_t factor[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    enum { FIRST = -2 }; /* factor[i] = exp(-2^(i + FIRST)) */
    int fraction = w - 1 - bits;
    int32_t quarter = 1 << (fraction - 2);
    if (a == 0)
        return one(w);
    int32_t rest = (a & (quarter - 1)) - quarter;
    int32_t r = exp_near_zero(w, shift(w, rest, bits)), quarters = wrap32((int64_t)rest - a);
    for (int i = 0; i + FIRST < bits; i++)
        if (quarters & 1 << (fraction + i + FIRST))
            r = mul(w, r, constant(w, factor[i]));
    return r;
}

/* 1 / half for half in [1/2, 1), 2 integer bits in the result: Newton's division. */
static int32_t inverse(int w, int32_t half)
{
    int32_t first = constant(w, 1515870810), slope = constant(w, -1010580540); /* 48/17, -32/17 */
    int32_t unit = 1 << (w - 3), x = first + mul(w, half, slope);
    for (int i = 0; i < 3; i++)
        x += shift(w, mul(w, x, unit - mul(w, half, x)), 2);
    return x;
}

/* (a + 1) / 2, halves up. */
static int32_t half_of_sum(int w, int32_t a)
{
    int64_t sum = (int64_t)a + one(w);
    return (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
}

int32_t fixed_exp(int32_t a)
{
    return exp_negative(32, a, 5);
}

int32_t fixed_reciprocal(int32_t x, int *bits)
{
    int zeros = leading_zeros((uint32_t)x);
    *bits = 12 - zeros;
    int32_t above_one = (int32_t)(((uint32_t)x << zeros) - (UINT32_C(1) << 31));
    return fixed_shift(inverse(32, half_of_sum(32, above_one)), 1);
}

int32_t fixed_logistic16(int32_t a, int bits)
{
    if (a == 0)
        return 1 << 14;
    int32_t e = exp_negative(16, a > 0 ? -a : saturate(16, a), bits);
    int32_t r = shift(16, inverse(16, half_of_sum(16, e)), 1);
    return a > 0 ? r : INT16_MAX - r;
}

int32_t fixed_tanh16(int32_t a, int bits)
{
    if (a == 0)
        return 0;
    int32_t e = exp_negative(16, a > 0 ? -a : a, bits + 1); /* exp(2a): the same bits with one integer bit more */
    int32_t r = shift(16, inverse(16, half_of_sum(16, e)) - (1 << 13), 2);
    return a > 0 ? r : -r;
}

/* Fixed-point arithmetic as TFLite's reference kernels do it (isa/numerics.md section 5).
 * Results that overflow int32 wrap, as they do there in practice. */
#ifndef KERNELS_FIXED_H
#define KERNELS_FIXED_H

#include <math.h>
#include <stdint.h>

/* A real factor as mantissa / 2^31 * 2^shift, mantissa in [2^30, 2^31) or 0. */
struct fixed_multiplier {
    int32_t mantissa;
    int shift;
};

static inline struct fixed_multiplier fixed_multiplier(double d)
{
    struct fixed_multiplier m = {0, 0};
    if (!(d > 0) || !isfinite(d))
        return m;
    int64_t q = llround(frexp(d, &m.shift) * 2147483648.0);
    if (q == INT64_C(1) << 31)
        q /= 2, m.shift++;
    if (m.shift < -31)
        return (struct fixed_multiplier){0, 0};
    m.mantissa = (int32_t)q;
    return m;
}

static inline int32_t wrap32(int64_t x)
{
    return (int32_t)(uint32_t)(uint64_t)x;
}

/* High half of 2ab, halves up: gemmlowp's SaturatingRoundingDoublingHighMul in one shift. */
static inline int32_t fixed_high_mul(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN)
        return INT32_MAX;
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^n, halves away from zero; n 0..31. */
static inline int32_t fixed_shift_right(int32_t x, int n)
{
    int64_t half = n > 0 ? (INT64_C(1) << (n - 1)) - (x < 0) : 0;
    return (int32_t)((x + half) >> n);
}

/* x * m, rounded twice.  A mantissa is never negative, so the product needs no saturation. */
static inline int32_t fixed_scale(int32_t x, struct fixed_multiplier m)
{
    int left = m.shift > 0 ? m.shift : 0, right = m.shift < 0 ? -m.shift : 0;
    int32_t shifted = left > 31 ? 0 : (int32_t)((uint32_t)x << left);
    return fixed_shift_right((int32_t)(((int64_t)shifted * m.mantissa + (INT64_C(1) << 30)) >> 31), right);
}

static inline int32_t clamp32(int32_t x, int32_t lo, int32_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* ---- numbers with n integer bits and 31 - n fractional bits, as gemmlowp has them ---- */

/* x * 2^n, saturated; n may be negative (then halves away from zero). */
static inline int32_t fixed_shift(int32_t x, int n)
{
    if (n <= 0)
        return fixed_shift_right(x, -n);
    int64_t wide = (int64_t)x * (INT64_C(1) << n);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* 1 / sqrt(x) as mantissa / 2^31 * 2^shift (TFLite's GetInvSqrtQuantizedMultiplierExp with reverse shift -1). */
struct fixed_multiplier fixed_inverse_sqrt(int32_t x);
/* exp(a) for a <= 0 with 5 integer bits; the result has none. */
int32_t fixed_exp(int32_t a);
/* 1 / x for x > 0 with 12 integer bits: result / 2^31 / 2^*bits. */
int32_t fixed_reciprocal(int32_t x, int *bits);
/* logistic(a) and tanh(a) for 16-bit a with `bits` integer bits, 0..5; the result has none. */
int32_t fixed_logistic16(int32_t a, int bits);
int32_t fixed_tanh16(int32_t a, int bits);

#endif

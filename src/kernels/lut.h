/* The chip's lookup tables: piecewise polynomials of degree 4 (numerics.md section 3). */
#ifndef KERNELS_LUT_H
#define KERNELS_LUT_H

#include <stddef.h>
#include <stdint.h>

enum lut_function { LUT_EXP, LUT_RSQRT, LUT_LOGISTIC, LUT_TANH };

struct lut {
    float c[8][5], limit[7];
    float min, max; /* domain */
    int odd;        /* the polynomial is for |x|; the sign comes back afterwards */
};

/* The table whose results are in steps of 1/k. */
struct lut lut_make(enum lut_function f, float k);
/* Tables of our own, which no official program has (the coefficients of the instruction are free): for 8-bit inputs
 * x = (q - zero) * s_in, results in steps of s_out. */
struct lut lut_square(float s_out);                     /* of any x */
struct lut lut_rsqrt_8bit(float s_in, float s_out);     /* for q >= zero; at x = 0 and below it exceeds 8 bits */
/* The official exponential: for inputs relative to the largest, x_max, which is <= 0. */
struct lut lut_exp_8bit(float x_max, float s_out);
/* Steps of 1/sqrt(S) in 16 bits for sums S of n squares of bytes less `zero`: 256 are left for the largest S; an S that
 * is more than 65536 times smaller is taken as that. */
float lut_root_steps(size_t n, int32_t zero);
/* x is clamped to the domain. */
float lut_apply(const struct lut *t, float x);
/* k / sqrt(s) for s >= 1 by the table of LUT_RSQRT, which covers [1, 4): s = m * 4^e. */
float lut_rsqrt(const struct lut *t, float s);

#endif

/* The chip's lookup tables: piecewise polynomials of degree 4 (numerics.md section 3). */
#ifndef KERNELS_LUT_H
#define KERNELS_LUT_H

enum lut_function { LUT_EXP, LUT_RSQRT, LUT_LOGISTIC, LUT_TANH };

struct lut {
    float c[8][5], limit[7];
    float min, max; /* domain */
    int odd;        /* the polynomial is for |x|; the sign comes back afterwards */
};

/* The table whose results are in steps of 1/k. */
struct lut lut_make(enum lut_function f, float k);
/* x is clamped to the domain. */
float lut_apply(const struct lut *t, float x);
/* k / sqrt(s) for s >= 1 by the table of LUT_RSQRT, which covers [1, 4): s = m * 4^e. */
float lut_rsqrt(const struct lut *t, float s);

#endif

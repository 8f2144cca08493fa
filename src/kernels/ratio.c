#include "kernels/ratio.h"

#include <math.h>
#include <stdbool.h>

/* Continued fraction, then the better of the last convergent and the semiconvergent. */
void edgetpu_ratio(float small, float large, int32_t *p, int32_t *q)
{
    enum { BOUND = 32767 };
    int e_small, e_large;
    uint64_t n = (uint64_t)ldexpf(frexpf(small, &e_small), 24), d = (uint64_t)ldexpf(frexpf(large, &e_large), 24);
    *p = 0, *q = 1;
    if (e_large - e_small > 39) /* closer to 0 than to 1 / 32767 */
        return;
    d <<= e_large - e_small;
    uint64_t whole = d, p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    while (d) {
        uint64_t a = n / d, q2 = q0 + a * q1, rest = n - a * d;
        if (q2 > BOUND)
            break;
        uint64_t p2 = p0 + a * p1;
        p0 = p1, q0 = q1, p1 = p2, q1 = q2;
        n = d, d = rest;
    }
    uint64_t k = d ? (BOUND - q0) / q1 : 0;
    bool semiconvergent = d && d > whole / (2 * (q0 + k * q1)); /* 2 d (..) > whole, in 64 bits */
    *p = (int32_t)(semiconvergent ? p0 + k * p1 : p1);
    *q = (int32_t)(semiconvergent ? q0 + k * q1 : q1);
}

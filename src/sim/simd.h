/* The inner loops of the fast path: for x86 with intrinsics (SSE2; AVX2 where the machine has it), else in plain C.
 * All arithmetic is modulo 2^32, as in the step by step path. */
#ifndef SIM_SIMD_H
#define SIM_SIMD_H

#include <stdint.h>

enum { SIMD_LANES = 64 };

/* Several sums side by side, each over the same steps with the same weights; four products of bytes per lane and
 * step:
 *   acc[p][lane] += sum over s, k < 4 of
 *                   a[p * a_stride + at_a[s] + k] * (w[at_w[s] + 4 * lane + k] - zero[lane][k % 2]) */
struct simd_dot {
    const uint8_t *a, *w;
    int64_t a_stride;
    const int32_t *at_a, *at_w;
    const int16_t (*zero)[2]; /* per lane, twice the same; within +-32000 */
    const int32_t *start;     /* of every sum, per lane; NULL: what stands in acc */
    unsigned steps, lanes;    /* lanes: a multiple of 4 */
};
void simd_dot(const struct simd_dot *d, int32_t (*acc)[SIMD_LANES], unsigned positions);

/* acc[lane] += sum over k < n of a[k] * w[k][lane]; lanes: a multiple of 4. */
void simd_multiply(int32_t *acc, const int32_t *a, const int32_t *w, unsigned n, unsigned lanes);

/* out[p * lanes + lane] = saturate(round(clamp(float(acc[p][lane] + bias[lane]) * scale[lane])) + zero_point), as
 * requantize() does; lanes a multiple of 4. */
struct simd_requant {
    float min, max;
    int32_t zero_point;
    const int32_t *bias;
    const float *scale;
};
void simd_requantize(const struct simd_requant *q, const int32_t (*acc)[SIMD_LANES], unsigned positions,
                     unsigned lanes, uint8_t *out);

#endif

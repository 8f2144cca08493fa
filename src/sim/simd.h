/* The two inner loops of the fast path, for x86 (SSE2, AVX2 where the machine has it) and in plain C. */
#ifndef SIM_SIMD_H
#define SIM_SIMD_H

#include <stdbool.h>
#include <stdint.h>

/* acc[lane] += sum over n steps of the four products of a step.
 * a: n steps of 4 int16; w: n steps of [2 halves][lanes][2] int16; lanes a multiple of 4. */
void simd_dot(int32_t *acc, const int16_t *a, const int16_t *w, unsigned n, unsigned lanes);

/* out[lane] = saturate(round(clamp(float(acc + bias) * scale)) + zero_point), as requantize() does;
 * n a multiple of 4, all arrays of n. */
struct simd_requant {
    float min, max;
    int32_t zero_point, limit; /* limit 255 */
};
void simd_requantize(const struct simd_requant *q, const int32_t *acc, const int32_t *bias, const float *scale,
                     uint8_t *out, unsigned n);

#endif

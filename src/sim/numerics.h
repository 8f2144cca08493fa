/* From an accumulator to an output element: the float32 path of the tensor unit.
 * Source: ../shared/isa/numerics.md section 1; what a stream cannot tell is settled in docs/sim.md. */
#ifndef SIM_NUMERICS_H
#define SIM_NUMERICS_H

#include <stdint.h>

#include "sim/chip.h"

struct requant {
    float scale, min, max; /* scale: where there is no multiplier per channel */
    int32_t zero_point;    /* of the output, unsigned domain */
    int32_t limit;         /* 255 or 65535 */
    bool lut, norm, odd;
    const struct table *table;
};

/* Nearest integer, ties to even, for any finite value that fits after saturation. */
static inline int32_t round_even(float r)
{
    if (r >= 8388608.0f || r <= -8388608.0f) /* already whole; keep it in range */
        return r >= 1073741824.0f ? 1073741824 : r <= -1073741824.0f ? -1073741824 : (int32_t)r;
    const float unit = 8388608.0f; /* 2^23, above which float32 has no fraction: the sum is rounded */
    float magnitude = r < 0 ? -r : r;
    magnitude = magnitude + unit - unit;
    return (int32_t)(r < 0 ? -magnitude : magnitude);
}

float table_evaluate(const struct table *t, float x);

/* acc already holds the bias. */
int32_t requantize(const struct requant *q, float scale, int32_t acc);

#endif

/* The ratio of two scales as 16-bit integers, as ADD on the chip has it (../shared/isa/numerics.md section 2.1). */
#ifndef KERNELS_RATIO_H
#define KERNELS_RATIO_H

#include <stdint.h>

/* The fraction p/q <= 1 closest to small/large with q <= 32767.  The floats are taken exactly. */
void edgetpu_ratio(float small, float large, int32_t *p, int32_t *q);

#endif

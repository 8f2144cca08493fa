/* Integer reference kernels of the TFLite operators, in two numerics. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "base/bytes.h"
#include "base/status.h"

enum kern_numerics {
    KERN_TFLITE,  /* TFLite's reference kernels: fixed-point multipliers                   */
    KERN_EDGETPU, /* what the chip computes: float32 requantisation (../shared/isa/numerics.md) */
};

#endif

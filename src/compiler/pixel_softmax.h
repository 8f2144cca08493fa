/* SOFTMAX of every pixel over its channels: the two steps of emit_pixel_softmax.c. */
#ifndef COMPILER_PIXEL_SOFTMAX_H
#define COMPILER_PIXEL_SOFTMAX_H

#include "compiler/plan.h"

/* grid -> grid of one channel: the largest of each pixel.  detail: the tensor with the numbers of both. */
extern const struct family family_channel_max;

enum pixel_softmax_buffer { PIXEL_E, PIXEL_SQUARES, PIXEL_INVERSE, PIXEL_IDENTITY, PIXEL_SOFTMAX_BUFFERS };

struct pixel_softmax {
    const struct tfl_tensor *in, *out; /* of the operator */
    float beta;
    uint32_t buffer[PIXEL_SOFTMAX_BUFFERS]; /* narrow; set by size */
};

/* grid of bytes 255 + x - (the largest of the pixel) -> grid.  detail: struct pixel_softmax. */
extern const struct family family_pixel_softmax;

#endif

/* SOFTMAX and L2_NORMALIZATION of every pixel over its channels: the steps of emit_pixel_norm.c. */
#ifndef COMPILER_PIXEL_NORM_H
#define COMPILER_PIXEL_NORM_H

#include "compiler/plan.h"

/* grid -> grid of one channel: the largest of each pixel.  detail: the tensor with the numbers of both. */
extern const struct family family_channel_max;

/* WIDE: 16-bit numbers of all channels. */
enum pixel_norm_buffer { PIXEL_WIDE, PIXEL_SQUARES, PIXEL_INVERSE, PIXEL_IDENTITY, PIXEL_BUFFERS };

struct pixel_norm {
    const struct tfl_tensor *in, *out; /* of the operator */
    float beta;
    uint32_t buffer[PIXEL_BUFFERS]; /* narrow; set by size */
};

/* grid of bytes 255 + x - (the largest of the pixel) -> grid.  detail: struct pixel_norm. */
extern const struct family family_pixel_softmax;
/* grid -> grid, or whole -> whole on the first tile.  detail: struct pixel_norm. */
extern const struct family family_l2_norm;

#endif

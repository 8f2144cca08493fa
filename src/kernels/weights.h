/* What CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED share. */
#ifndef KERNELS_WEIGHTS_H
#define KERNELS_WEIGHTS_H

#include "kernels/requant.h"

/* Checks types (8-bit x, w, y of one type, int32 bias; or all float32), scales along dimension `dim` of w and the
 * number of biases. */
bool weights_check(struct kern_ctx *c, kern_in x, kern_in w, kern_in bias, kern_in y, uint32_t dim);
/* 8-bit weights less their zero points, in scratch memory, in their own order. */
int16_t *weights_i16(struct kern_ctx *c, kern_in w, uint32_t dim);
/* sums[i][channel] + bias, requantised, to elements [at, at + pixels * channels) of y. */
void weights_finish(const struct requant *q, kern_in bias, int32_t *sums, size_t pixels, size_t channels, kern_out y,
                    size_t at);
void weights_finish_f32(enum kern_activation act, kern_in bias, const float *sums, size_t pixels, size_t channels,
                        float *y);

#endif

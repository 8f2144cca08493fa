/* Matrix products, the inner loops of convolutions. */
#ifndef KERNELS_MATMUL_H
#define KERNELS_MATMUL_H

#include <stddef.h>
#include <stdint.h>

/* out[i][j] = sum over k of a[i][k] * b[j][k]; elements lie in -255..255.  Sums wrap at 32 bits. */
void matmul_i16(const int16_t *a, size_t m, const int16_t *b, size_t n, size_t k, int32_t *out);
/* The same for floats, each sum taken in order of k. */
void matmul_f32(const float *a, size_t m, const float *b, size_t n, size_t k, float *out);

#endif

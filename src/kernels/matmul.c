#include "kernels/matmul.h"

enum { BLOCK = 32768 }; /* 32768 * 255 * 255 < 2^31 */

/* Written so that compilers turn it into pmaddwd, smlal and the like. */
static int32_t dot(const int16_t *restrict a, const int16_t *restrict b, size_t k)
{
    int32_t sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Four rows of b at once, so that a is loaded once. */
static void dot4(const int16_t *restrict a, const int16_t *restrict b, size_t stride, size_t k, uint32_t *out)
{
    const int16_t *restrict b1 = b + stride, *restrict b2 = b1 + stride, *restrict b3 = b2 + stride;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t i = 0; i < k; i++) {
        s0 += a[i] * b[i];
        s1 += a[i] * b1[i];
        s2 += a[i] * b2[i];
        s3 += a[i] * b3[i];
    }
    out[0] += (uint32_t)s0;
    out[1] += (uint32_t)s1;
    out[2] += (uint32_t)s2;
    out[3] += (uint32_t)s3;
}

void matmul_i16(const int16_t *a, size_t m, const int16_t *b, size_t n, size_t k, int32_t *out)
{
    for (size_t i = 0; i < m * n; i++)
        out[i] = 0;
    for (size_t from = 0; from < k; from += BLOCK) {
        size_t length = k - from < BLOCK ? k - from : BLOCK;
        for (size_t i = 0; i < m; i++) {
            uint32_t *row = (uint32_t *)out + i * n;
            size_t j = 0;
            for (; j + 4 <= n; j += 4)
                dot4(a + i * k + from, b + j * k + from, k, length, row + j);
            for (; j < n; j++)
                row[j] += (uint32_t)dot(a + i * k + from, b + j * k + from, length);
        }
    }
}

void matmul_f32(const float *a, size_t m, const float *b, size_t n, size_t k, float *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += a[i * k + l] * b[j * k + l];
            out[i * n + j] = sum;
        }
}

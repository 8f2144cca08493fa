#include "sim/simd.h"

#include "sim/numerics.h"

/* Vectors of the compiler's own: every target has them, in one instruction or in several. */
typedef uint32_t lanes4 __attribute__((vector_size(16), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))

/* ---- products of any size ---- */

INLINE void multiply(int32_t *acc, const int32_t *a, const int32_t *w, unsigned n, unsigned lanes)
{
    for (unsigned lane = 0; lane < lanes; lane += 4) {
        lanes4 sum = *(lanes4 *)(acc + lane);
        const int32_t *p = w + lane;
        for (unsigned k = 0; k < n; k++, p += lanes) {
            uint32_t x = (uint32_t)a[k];
            sum += (lanes4){x, x, x, x} * *(const lanes4 *)p;
        }
        *(lanes4 *)(acc + lane) = sum;
    }
}

#if defined(__SSE2__)
#include <immintrin.h>

__attribute__((target("avx2"))) static void multiply_avx2(int32_t *acc, const int32_t *a, const int32_t *w, unsigned n,
                                                          unsigned lanes)
{
    multiply(acc, a, w, n, lanes);
}

void simd_multiply(int32_t *acc, const int32_t *a, const int32_t *w, unsigned n, unsigned lanes)
{
    (__builtin_cpu_supports("avx2") ? multiply_avx2 : multiply)(acc, a, w, n, lanes);
}

/* ---- products of bytes ----
 *
 * madd multiplies pairs of 16 bits and adds them.  Bytes 0, 2 and 1, 3 of a cell make such pairs by mask and shift,
 * of the weights as of the activations. */

static inline uint32_t load4(const uint8_t *p)
{
    uint32_t x;
    __builtin_memcpy(&x, p, 4);
    return x;
}

/* `count` positions (a constant) times 4 lanes. */
INLINE void dot4(const struct simd_dot *d, int32_t (*acc)[SIMD_LANES], unsigned lane, const uint8_t *a, unsigned count)
{
    const __m128i mask = _mm_set1_epi32(0x00ff00ff), zero = _mm_loadu_si128((const __m128i *)(d->zero + lane));
    __m128i sum[4];
    for (unsigned p = 0; p < count; p++)
        sum[p] = _mm_loadu_si128((const __m128i *)((d->start ? d->start : acc[p]) + lane));
    for (unsigned s = 0; s < d->steps; s++) {
        __m128i w = _mm_loadu_si128((const __m128i *)(d->w + d->at_w[s] + 4 * lane));
        __m128i even = _mm_sub_epi16(_mm_and_si128(w, mask), zero), odd = _mm_sub_epi16(_mm_srli_epi16(w, 8), zero);
        for (unsigned p = 0; p < count; p++) {
            __m128i x = _mm_set1_epi32((int32_t)load4(a + p * d->a_stride + d->at_a[s]));
            sum[p] = _mm_add_epi32(sum[p], _mm_madd_epi16(_mm_and_si128(x, mask), even));
            sum[p] = _mm_add_epi32(sum[p], _mm_madd_epi16(_mm_srli_epi16(x, 8), odd));
        }
    }
    for (unsigned p = 0; p < count; p++)
        _mm_storeu_si128((__m128i *)(acc[p] + lane), sum[p]);
}

/* `count` positions times `width` times 8 lanes (constants). */
__attribute__((target("avx2"))) INLINE void dot8(const struct simd_dot *d, int32_t (*acc)[SIMD_LANES], unsigned lane,
                                                 const uint8_t *a, unsigned count, unsigned width)
{
    const __m256i mask = _mm256_set1_epi32(0x00ff00ff);
    __m256i sum[4][2], zero[2];
    for (unsigned v = 0; v < width; v++) {
        zero[v] = _mm256_loadu_si256((const __m256i *)(d->zero + lane + 8 * v));
        for (unsigned p = 0; p < count; p++)
            sum[p][v] = _mm256_loadu_si256((const __m256i *)((d->start ? d->start : acc[p]) + lane + 8 * v));
    }
    for (unsigned s = 0; s < d->steps; s++) {
        __m256i even[2], odd[2];
        for (unsigned v = 0; v < width; v++) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(d->w + d->at_w[s] + 4 * (lane + 8 * v)));
            even[v] = _mm256_sub_epi16(_mm256_and_si256(w, mask), zero[v]);
            odd[v] = _mm256_sub_epi16(_mm256_srli_epi16(w, 8), zero[v]);
        }
        for (unsigned p = 0; p < count; p++) {
            __m256i x = _mm256_set1_epi32((int32_t)load4(a + p * d->a_stride + d->at_a[s]));
            __m256i x_even = _mm256_and_si256(x, mask), x_odd = _mm256_srli_epi16(x, 8);
            for (unsigned v = 0; v < width; v++) {
                sum[p][v] = _mm256_add_epi32(sum[p][v], _mm256_madd_epi16(x_even, even[v]));
                sum[p][v] = _mm256_add_epi32(sum[p][v], _mm256_madd_epi16(x_odd, odd[v]));
            }
        }
    }
    for (unsigned v = 0; v < width; v++)
        for (unsigned p = 0; p < count; p++)
            _mm256_storeu_si256((__m256i *)(acc[p] + lane + 8 * v), sum[p][v]);
}

/* The first lanes, those that fill whole vectors; tells how many. */
__attribute__((target("avx2"))) static unsigned dot_avx2(const struct simd_dot *d, int32_t (*acc)[SIMD_LANES],
                                                         unsigned positions)
{
    unsigned lane = 0;
    for (; lane + 8 <= d->lanes; lane += lane + 16 <= d->lanes ? 16 : 8) {
        bool wide = lane + 16 <= d->lanes;
        const uint8_t *a = d->a;
        unsigned p = 0;
        for (; p + 4 <= positions; p += 4, a += 4 * d->a_stride)
            if (wide)
                dot8(d, acc + p, lane, a, 4, 2);
            else
                dot8(d, acc + p, lane, a, 4, 1);
        for (; p < positions; p++, a += d->a_stride)
            if (wide)
                dot8(d, acc + p, lane, a, 1, 2);
            else
                dot8(d, acc + p, lane, a, 1, 1);
    }
    return lane;
}

void simd_dot(const struct simd_dot *d, int32_t (*acc)[SIMD_LANES], unsigned positions)
{
    unsigned lane = d->lanes >= 8 && __builtin_cpu_supports("avx2") ? dot_avx2(d, acc, positions) : 0;
    for (; lane < d->lanes; lane += 4) {
        const uint8_t *a = d->a;
        unsigned p = 0;
        for (; p + 4 <= positions; p += 4, a += 4 * d->a_stride)
            dot4(d, acc + p, lane, a, 4);
        for (; p < positions; p++, a += d->a_stride)
            dot4(d, acc + p, lane, a, 1);
    }
}

/* ---- requantisation ---- */

void simd_requantize(const struct simd_requant *q, const int32_t (*acc)[SIMD_LANES], unsigned positions,
                     unsigned lanes, uint8_t *out)
{
    const float far = 1073741824.0f; /* beyond it every result saturates */
    __m128 max = _mm_set1_ps(q->max < far ? q->max : far), min = _mm_set1_ps(q->min > -far ? q->min : -far);
    __m128i zero = _mm_set1_epi32(q->zero_point);
    for (unsigned lane = 0; lane < lanes; lane += 4) {
        __m128i bias = _mm_loadu_si128((const __m128i *)(q->bias + lane));
        __m128 scale = _mm_loadu_ps(q->scale + lane);
        for (unsigned p = 0; p < positions; p++) {
            __m128i sum = _mm_add_epi32(_mm_loadu_si128((const __m128i *)(acc[p] + lane)), bias);
            __m128 r = _mm_max_ps(_mm_min_ps(_mm_mul_ps(_mm_cvtepi32_ps(sum), scale), max), min);
            __m128i v = _mm_add_epi32(_mm_cvtps_epi32(r), zero); /* to nearest, ties to even */
            v = _mm_packus_epi16(_mm_packs_epi32(v, v), v);
            int32_t bytes = _mm_cvtsi128_si32(v);
            __builtin_memcpy(out + p * lanes + lane, &bytes, 4);
        }
    }
}

#else

void simd_multiply(int32_t *acc, const int32_t *a, const int32_t *w, unsigned n, unsigned lanes)
{
    multiply(acc, a, w, n, lanes);
}

void simd_dot(const struct simd_dot *d, int32_t (*acc)[SIMD_LANES], unsigned positions)
{
    for (unsigned p = 0; p < positions; p++) {
        if (d->start)
            memcpy(acc[p], d->start, d->lanes * sizeof acc[p][0]);
        for (unsigned s = 0; s < d->steps; s++) {
            const uint8_t *a = d->a + p * d->a_stride + d->at_a[s], *w = d->w + d->at_w[s];
            for (unsigned lane = 0; lane < d->lanes; lane++, w += 4) {
                int32_t zero = d->zero[lane][0];
                acc[p][lane] = (int32_t)((uint32_t)acc[p][lane] +
                                         (uint32_t)(a[0] * (w[0] - zero) + a[1] * (w[1] - zero)) +
                                         (uint32_t)(a[2] * (w[2] - zero) + a[3] * (w[3] - zero)));
            }
        }
    }
}

void simd_requantize(const struct simd_requant *q, const int32_t (*acc)[SIMD_LANES], unsigned positions,
                     unsigned lanes, uint8_t *out)
{
    struct requant r = {.min = q->min, .max = q->max, .zero_point = q->zero_point, .limit = 255};
    for (unsigned p = 0; p < positions; p++)
        for (unsigned lane = 0; lane < lanes; lane++)
            *out++ = (uint8_t)requantize(&r, q->scale[lane],
                                         (int32_t)((uint32_t)acc[p][lane] + (uint32_t)q->bias[lane]));
}

#endif

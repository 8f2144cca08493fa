#include "sim/simd.h"

#include "sim/numerics.h"

#if defined(__SSE2__)
#include <immintrin.h>

static void dot4(int32_t *acc, const int16_t *a, const int16_t *w, unsigned n, unsigned lanes, unsigned lane)
{
    __m128i sum = _mm_loadu_si128((const __m128i *)(acc + lane));
    const int16_t *p = w + 2 * lane;
    for (unsigned k = 0; k < n; k++, p += 4 * lanes) {
        __m128i x = _mm_loadl_epi64((const __m128i *)(a + 4 * k));
        __m128i low = _mm_shuffle_epi32(x, 0x00), high = _mm_shuffle_epi32(x, 0x55);
        sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_loadu_si128((const __m128i *)p), low));
        sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(p + 2 * lanes)), high));
    }
    _mm_storeu_si128((__m128i *)(acc + lane), sum);
}

__attribute__((target("avx2"))) static void dot32(int32_t *acc, const int16_t *a, const int16_t *w, unsigned n,
                                                  unsigned lanes, unsigned lane)
{
    __m256i *sums = (__m256i *)(acc + lane);
    __m256i s0 = _mm256_loadu_si256(sums), s1 = _mm256_loadu_si256(sums + 1);
    __m256i s2 = _mm256_loadu_si256(sums + 2), s3 = _mm256_loadu_si256(sums + 3);
    const int16_t *p = w + 2 * lane;
    for (unsigned k = 0; k < n; k++)
        for (unsigned half = 0; half < 2; half++, p += 2 * lanes) {
            int32_t pair;
            __builtin_memcpy(&pair, a + 4 * k + 2 * half, 4);
            __m256i x = _mm256_set1_epi32(pair);
            s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)p), x));
            s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(p + 16)), x));
            s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(p + 32)), x));
            s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(p + 48)), x));
        }
    _mm256_storeu_si256(sums, s0), _mm256_storeu_si256(sums + 1, s1);
    _mm256_storeu_si256(sums + 2, s2), _mm256_storeu_si256(sums + 3, s3);
}

void simd_dot(int32_t *acc, const int16_t *a, const int16_t *w, unsigned n, unsigned lanes)
{
    unsigned lane = 0;
    if (lanes >= 32 && __builtin_cpu_supports("avx2"))
        for (; lane + 32 <= lanes; lane += 32)
            dot32(acc, a, w, n, lanes, lane);
    for (; lane < lanes; lane += 4)
        dot4(acc, a, w, n, lanes, lane);
}

void simd_requantize(const struct simd_requant *q, const int32_t *acc, const int32_t *bias, const float *scale,
                     uint8_t *out, unsigned n)
{
    const float far = 1073741824.0f; /* beyond it every result saturates */
    __m128 max = _mm_set1_ps(q->max < far ? q->max : far), min = _mm_set1_ps(q->min > -far ? q->min : -far);
    __m128i zero = _mm_set1_epi32(q->zero_point);
    for (unsigned k = 0; k < n; k += 4) {
        __m128i sum = _mm_loadu_si128((const __m128i *)(acc + k));
        sum = _mm_add_epi32(sum, _mm_loadu_si128((const __m128i *)(bias + k)));
        __m128 r = _mm_mul_ps(_mm_cvtepi32_ps(sum), _mm_loadu_ps(scale + k));
        r = _mm_max_ps(_mm_min_ps(r, max), min);
        __m128i v = _mm_add_epi32(_mm_cvtps_epi32(r), zero); /* to nearest, ties to even */
        v = _mm_packus_epi16(_mm_packs_epi32(v, v), v);
        int32_t bytes = _mm_cvtsi128_si32(v);
        __builtin_memcpy(out + k, &bytes, 4);
    }
}

#else

void simd_dot(int32_t *acc, const int16_t *a, const int16_t *w, unsigned n, unsigned lanes)
{
    for (unsigned k = 0; k < n; k++, a += 4, w += 4 * lanes)
        for (unsigned lane = 0; lane < lanes; lane++)
            acc[lane] = (int32_t)((uint32_t)acc[lane] +
                                  (uint32_t)(a[0] * w[2 * lane] + a[1] * w[2 * lane + 1]) +
                                  (uint32_t)(a[2] * w[2 * (lanes + lane)] + a[3] * w[2 * (lanes + lane) + 1]));
}

void simd_requantize(const struct simd_requant *q, const int32_t *acc, const int32_t *bias, const float *scale,
                     uint8_t *out, unsigned n)
{
    struct requant r = {.min = q->min, .max = q->max, .zero_point = q->zero_point, .limit = q->limit};
    for (unsigned k = 0; k < n; k++)
        out[k] = (uint8_t)requantize(&r, scale[k], (int32_t)((uint32_t)acc[k] + (uint32_t)bias[k]));
}

#endif

/* Byte ranges, growable buffers, little-endian access, bit fields. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A range of bytes that somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* A growable buffer; zero-initialise, free with buf_free(). */
struct buf {
    uint8_t *data;
    size_t size, capacity;
};

void buf_free(struct buf *b);
void buf_reserve(struct buf *b, size_t extra);
uint8_t *buf_zero(struct buf *b, size_t n); /* appends n zeroes, returns the first */
void buf_put(struct buf *b, const void *data, size_t n);
void buf_text(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Little-endian loads and stores at any alignment (the host may be of either kind). */
static inline uint16_t le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t le64(const uint8_t *p) { return le32(p) | (uint64_t)le32(p + 4) << 32; }
static inline void put_le16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static inline void put_le32(uint8_t *p, uint32_t v)
{
    put_le16(p, (uint16_t)v), put_le16(p + 2, (uint16_t)(v >> 16));
}
static inline void put_le64(uint8_t *p, uint64_t v) { put_le32(p, (uint32_t)v), put_le32(p + 4, (uint32_t)(v >> 32)); }

/* n words between memory and an array of integers. */
static inline void le32_get(uint32_t *to, const uint8_t *from, size_t n)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(to, from, 4 * n);
#else
    for (size_t k = 0; k < n; k++)
        to[k] = le32(from + 4 * k);
#endif
}
static inline void le32_put(uint8_t *to, const uint32_t *from, size_t n)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(to, from, 4 * n);
#else
    for (size_t k = 0; k < n; k++)
        put_le32(to + 4 * k, from[k]);
#endif
}

static inline float f32_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
static inline uint32_t f32_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

/* Bits [at, at + width) of a little-endian bit string, width 1..64. */
uint64_t bits_get(const uint8_t *p, unsigned at, unsigned width);
void bits_put(uint8_t *p, unsigned at, unsigned width, uint64_t value);
int64_t bits_sign(uint64_t value, unsigned width); /* sign-extends */

/* Integer helpers used everywhere. */
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

/* A small seeded generator (splitmix64) for reproducible data; not for secrets. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif

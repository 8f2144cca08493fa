#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_reserve(struct buf *b, size_t extra)
{
    if (extra <= b->capacity - b->size)
        return;
    size_t want = b->capacity < 256 ? 256 : b->capacity;
    while (want - b->size < extra) {
        if (want > SIZE_MAX / 2) {
            want = SIZE_MAX;
            break;
        }
        want *= 2;
    }
    uint8_t *p = realloc(b->data, want);
    if (!p) {
        fprintf(stderr, "edgetpu: out of memory (asked for %zu bytes)\n", want);
        exit(70);
    }
    b->data = p;
    b->capacity = want;
}

uint8_t *buf_zero(struct buf *b, size_t n)
{
    buf_reserve(b, n);
    uint8_t *p = b->data + b->size;
    if (n)
        memset(p, 0, n);
    b->size += n;
    return p;
}

void buf_put(struct buf *b, const void *data, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->data + b->size, data, n);
    b->size += n;
}

void buf_text(struct buf *b, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n > 0) {
        buf_reserve(b, (size_t)n + 1); /* vsnprintf writes a NUL behind the text; it is not counted */
        vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

uint64_t bits_get(const uint8_t *p, unsigned at, unsigned width)
{
    uint64_t v = 0;
    for (unsigned done = 0; done < width;) {
        unsigned bit = (at + done) % 8, take = 8 - bit;
        if (take > width - done)
            take = width - done;
        uint64_t part = (uint64_t)(p[(at + done) / 8] >> bit) & ((1u << take) - 1);
        v |= part << done;
        done += take;
    }
    return v;
}

void bits_put(uint8_t *p, unsigned at, unsigned width, uint64_t value)
{
    for (unsigned done = 0; done < width;) {
        unsigned bit = (at + done) % 8, take = 8 - bit;
        if (take > width - done)
            take = width - done;
        unsigned mask = ((1u << take) - 1) << bit;
        uint8_t *byte = &p[(at + done) / 8];
        *byte = (uint8_t)((*byte & ~mask) | ((unsigned)(value >> done) << bit & mask));
        done += take;
    }
}

int64_t bits_sign(uint64_t value, unsigned width)
{
    if (width < 64 && value >> (width - 1) & 1)
        value |= ~(uint64_t)0 << width;
    return (int64_t)value;
}

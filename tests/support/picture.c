#include "support/picture.h"

#include <math.h>

enum { HEADER = 54, MAX_SIDE = 1 << 13 };

static bool check(struct bytes file, uint32_t pixels, int32_t width, int32_t rows, unsigned bits, uint32_t colours,
                  struct status *st)
{
    if (width < 1 || width > MAX_SIDE || rows < 1 || rows > MAX_SIDE)
        return status_fail(st, STATUS_LIMIT, "BMP: %d x %d pixels", rows, width);
    if ((bits != 8 && bits != 24 && bits != 32) || le32(file.data + 30))
        return status_fail(st, STATUS_UNSUPPORTED, "BMP: %u bits per pixel, compression %u", bits,
                           le32(file.data + 30));
    uint64_t palette = bits == 8 ? (uint64_t)14 + le32(file.data + 14) + 4ull * colours : HEADER;
    uint64_t stride = (uint64_t)round_up((int64_t)width * bits / 8, 4);
    if (colours > 256 || palette > file.size || pixels + stride * (uint64_t)rows > file.size)
        return status_fail(st, STATUS_INVALID, "BMP: cut off");
    return true;
}

bool picture_from_bmp(struct arena *a, struct bytes file, struct picture *out, struct status *st)
{
    const uint8_t *d = file.data;
    if (file.size < HEADER || d[0] != 'B' || d[1] != 'M')
        return status_fail(st, STATUS_INVALID, "not a BMP file");
    uint32_t pixels = le32(d + 10), colours = le32(d + 46);
    int32_t width = (int32_t)le32(d + 18), rows = (int32_t)le32(d + 22);
    unsigned bits = le16(d + 28);
    bool upwards = rows > 0;
    if (rows < 0 && rows > -MAX_SIDE)
        rows = -rows;
    if (bits == 8 && !colours)
        colours = 256;
    if (!check(file, pixels, width, rows, bits, bits == 8 ? colours : 0, st))
        return false;
    const uint8_t *palette = d + 14 + (bits == 8 ? le32(d + 14) : 0);
    size_t stride = (size_t)round_up((int64_t)width * bits / 8, 4);
    *out = (struct picture){rows, width, arena_alloc(a, (size_t)rows * (size_t)width * 3)};
    uint8_t *to = out->rgb;
    for (int32_t y = 0; y < rows; y++) {
        const uint8_t *row = d + pixels + stride * (size_t)(upwards ? rows - 1 - y : y);
        for (int32_t x = 0; x < width; x++, to += 3) {
            const uint8_t *bgr = row + (size_t)x * bits / 8;
            if (bits == 8 && *bgr >= colours)
                return status_fail(st, STATUS_INVALID, "BMP: colour %u of %u", *bgr, colours);
            if (bits == 8)
                bgr = palette + 4 * *bgr;
            to[0] = bgr[2], to[1] = bgr[1], to[2] = bgr[0];
        }
    }
    return true;
}

/* Between which input elements output element i lies, and how far from the first. */
struct place {
    int32_t low, high;
    float part;
};

static struct place place_of(int32_t i, int32_t in, int32_t out)
{
    float at = ((float)i + 0.5f) * ((float)in / (float)out) - 0.5f;
    int32_t low = (int32_t)floorf(at), high = (int32_t)ceilf(at);
    low = low < 0 ? 0 : low;
    high = high > in - 1 ? in - 1 : high;
    return (struct place){low, high, at - (float)low};
}

struct picture picture_resize(struct arena *a, const struct picture *p, int32_t height, int32_t width)
{
    if (p->height == height && p->width == width)
        return *p;
    struct picture q = {height, width, arena_alloc(a, (size_t)height * (size_t)width * 3)};
    uint8_t *to = q.rgb;
    for (int32_t i = 0; i < height; i++) {
        struct place y = place_of(i, p->height, height);
        const uint8_t *row0 = p->rgb + (size_t)y.low * (size_t)p->width * 3;
        const uint8_t *row1 = p->rgb + (size_t)y.high * (size_t)p->width * 3;
        for (int32_t j = 0; j < width; j++) {
            struct place x = place_of(j, p->width, width);
            float w00 = (1 - y.part) * (1 - x.part), w01 = (1 - y.part) * x.part;
            float w10 = y.part * (1 - x.part), w11 = y.part * x.part;
            for (int32_t k = 0; k < 3; k++) {
                float v = (float)row0[3 * x.low + k] * w00;
                v += (float)row0[3 * x.high + k] * w01;
                v += (float)row1[3 * x.low + k] * w10;
                v += (float)row1[3 * x.high + k] * w11;
                *to++ = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    }
    return q;
}

/* Pictures as the device tests of google-coral/libcoral feed them to models. */
#ifndef SUPPORT_PICTURE_H
#define SUPPORT_PICTURE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct picture {
    int32_t height, width;
    uint8_t *rgb; /* height x width x 3, rows from the top */
};

/* An uncompressed BMP with 8 (palette), 24 or 32 bits per pixel; at most 64 Mi pixels. */
bool picture_from_bmp(struct arena *a, struct bytes file, struct picture *out, struct status *st);

/* RESIZE_BILINEAR with half_pixel_centers in float32, then truncation: what TFLite's optimised kernel gives without
 * fused multiply-add (weights multiplied first; corners y0x0, y0x1, y1x0, y1x1).  The same picture if the size is. */
struct picture picture_resize(struct arena *a, const struct picture *p, int32_t height, int32_t width);

#endif

/* RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. */
#include "kernels/requant.h"

static bool resize_shape(struct kern_ctx *c, kern_in x, kern_in size, kern_out y)
{
    return need_rank(c, x, 4) && need_same_type(c, x, y) && need_type(c, size, KERN_I32) &&
           need(c, kern_elements(size) == 2, "'%s' must have 2 elements", size->name) &&
           shape_output(c, y, (int32_t[]){x->dim[0], (int32_t)int_at(size, 0), (int32_t)int_at(size, 1), x->dim[3]}, 4);
}

static const uint8_t *pixel(kern_in x, int32_t batch, int32_t y, int32_t xx)
{
    size_t at = (((size_t)batch * (size_t)x->dim[1] + (size_t)y) * (size_t)x->dim[2] + (size_t)xx) * (size_t)x->dim[3];
    return (const uint8_t *)x->data + at * kern_type_size(x->type);
}

/* ---- nearest ---- */

int32_t kern_resize_nearest_index(const struct kern_resize *p, int32_t i, int32_t in, int32_t out)
{
    bool corners = p->align_corners && out > 1;
    float scale = corners ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
    float at = ((float)i + (p->half_pixel_centers ? 0.5f : 0)) * scale;
    return clamp32((int32_t)(p->align_corners ? roundf(at) : floorf(at)), 0, in - 1);
}

bool kern_resize_nearest(struct kern_ctx *c, const struct kern_resize *p, kern_in x, kern_in size, kern_out y)
{
    if (!resize_shape(c, x, size, y))
        return false;
    size_t bytes = (size_t)x->dim[3] * kern_type_size(x->type);
    uint8_t *out = y->data;
    for (int32_t b = 0; b < y->dim[0]; b++)
        for (int32_t i = 0; i < y->dim[1]; i++) {
            int32_t iy = kern_resize_nearest_index(p, i, x->dim[1], y->dim[1]);
            for (int32_t j = 0; j < y->dim[2]; j++, out += bytes)
                memcpy(out, pixel(x, b, iy, kern_resize_nearest_index(p, j, x->dim[2], y->dim[2])), bytes);
        }
    return true;
}

/* ---- bilinear ---- */

/* Where output position i lies between two input positions. */
struct between {
    int32_t low, high;
    float fraction;  /* 0: at low */
    int64_t units;   /* the same in 1/1024 */
};

static float float_scale(const struct kern_resize *p, int32_t in, int32_t out)
{
    return p->align_corners && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}

static struct between between_f32(const struct kern_resize *p, int32_t i, int32_t in, int32_t out)
{
    float scale = float_scale(p, in, out);
    float at = p->half_pixel_centers ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale;
    int32_t low = (int32_t)floorf(at), high = (int32_t)ceilf(at);
    low = low < 0 ? 0 : low < in ? low : in - 1;
    high = high < in ? high : in - 1;
    return (struct between){.low = low, .high = high < 0 ? 0 : high, .fraction = at - (float)low};
}

/* TFLite's integer kernel: 10-bit fractions. */
static struct between between_fixed(const struct kern_resize *p, int32_t i, int32_t in, int32_t out)
{
    enum { ONE = 1 << 10 };
    bool corners = p->align_corners && out > 1;
    int64_t from = corners ? in - 1 : in, to = corners ? out - 1 : out;
    int64_t scale = (ONE * from + to / 2) / to;
    int64_t at = p->half_pixel_centers ? i * scale + scale / 2 - ONE / 2 : i * scale;
    int64_t low = at / ONE, high = (at + ONE - 1) / ONE;
    low = low < 0 ? 0 : low < in ? low : in - 1;
    high = high < in ? high : in - 1;
    return (struct between){.low = (int32_t)low, .high = (int32_t)(high < 0 ? 0 : high), .units = at - ONE * low};
}

static float blend_f32(const float v[4], struct between y, struct between x)
{
    float dy = y.fraction, dx = x.fraction;
    return v[0] * (1 - dy) * (1 - dx) + v[2] * dy * (1 - dx) + v[1] * (1 - dy) * dx + v[3] * dy * dx;
}

static int32_t blend_fixed(const int32_t v[4], struct between y, struct between x)
{
    enum { ONE = 1 << 10, HALF = 1 << 19 };
    int64_t sum = v[0] * (ONE - y.units) * (ONE - x.units) + v[2] * y.units * (ONE - x.units) +
                  v[1] * (ONE - y.units) * x.units + v[3] * y.units * x.units;
    return (int32_t)((sum + (sum > 0 ? HALF : -HALF)) / (1 << 20));
}

/* The chip's factor of 2^-14 says two fractions of 7 bits (numerics.md section 2); how they are rounded is a guess. */
static int32_t blend_edgetpu(const int32_t v[4], struct between y, struct between x)
{
    int32_t dy = edgetpu_round(y.fraction * 128), dx = edgetpu_round(x.fraction * 128);
    int32_t sum = v[0] * (128 - dy) * (128 - dx) + v[2] * dy * (128 - dx) + v[1] * (128 - dy) * dx + v[3] * dy * dx;
    return edgetpu_round((float)sum * 0x1p-14f);
}

enum blending { BLEND_F32, BLEND_FIXED, BLEND_EDGETPU };

/* TFLite blends int8 in integers and uint8 in floats. */
static int32_t blend(enum blending how, const int32_t v[4], struct between y, struct between x)
{
    if (how == BLEND_FIXED)
        return blend_fixed(v, y, x);
    if (how == BLEND_EDGETPU)
        return blend_edgetpu(v, y, x);
    return (int32_t)(blend_f32((float[]){(float)v[0], (float)v[1], (float)v[2], (float)v[3]}, y, x) + 0.5f);
}

/* One output pixel; row: five rows of as many elements as there are channels, for the four corners and the result. */
static void bilinear_pixel(enum blending how, kern_in x, int32_t b, struct between y, struct between xx, int32_t *row,
                           kern_out out, size_t at)
{
    size_t depth = (size_t)x->dim[3];
    struct kern_tensor corner = *x;
    for (int i = 0; i < 4; i++) {
        corner.data = (void *)(uintptr_t)pixel(x, b, i < 2 ? y.low : y.high, i % 2 ? xx.high : xx.low);
        load_row(&corner, 0, depth, row + (size_t)i * depth);
    }
    int32_t *result = row + 4 * depth, lo = type_min(x->type), hi = type_max(x->type);
    for (size_t ch = 0; ch < depth; ch++) {
        int32_t v[4] = {row[ch], row[depth + ch], row[2 * depth + ch], row[3 * depth + ch]};
        if (x->type == KERN_F32)
            result[ch] = (int32_t)f32_bits(blend_f32((float[]){f32_of((uint32_t)v[0]), f32_of((uint32_t)v[1]),
                                                               f32_of((uint32_t)v[2]), f32_of((uint32_t)v[3])}, y, xx));
        else
            result[ch] = clamp32(blend(how, v, y, xx), lo, hi);
    }
    store_row(out, at, depth, result);
}

bool kern_resize_bilinear(struct kern_ctx *c, const struct kern_resize *p, kern_in x, kern_in size, kern_out y)
{
    if (x->type != KERN_F32 && !is_quant8(x))
        return unsupported_types(c, x, y);
    if (!need(c, !p->align_corners || !p->half_pixel_centers, "align_corners excludes half_pixel_centers") ||
        !resize_shape(c, x, size, y))
        return false;
    bool chip = c->numerics == KERN_EDGETPU;
    enum blending how = chip ? BLEND_EDGETPU : x->type == KERN_I8 ? BLEND_FIXED : BLEND_F32;
    struct between (*place)(const struct kern_resize *, int32_t, int32_t, int32_t) =
        how == BLEND_FIXED ? between_fixed : between_f32;
    int32_t *row = ARENA_ARRAY(c->scratch, int32_t, 5 * (size_t)x->dim[3]);
    struct between *columns = ARENA_ARRAY(c->scratch, struct between, (size_t)y->dim[2]);
    for (int32_t j = 0; j < y->dim[2]; j++)
        columns[j] = place(p, j, x->dim[2], y->dim[2]);
    size_t at = 0;
    for (int32_t b = 0; b < y->dim[0]; b++)
        for (int32_t i = 0; i < y->dim[1]; i++) {
            struct between line = place(p, i, x->dim[1], y->dim[1]);
            for (int32_t j = 0; j < y->dim[2]; j++, at += (size_t)y->dim[3])
                bilinear_pixel(how, x, b, line, columns[j], row, y, at);
        }
    return true;
}

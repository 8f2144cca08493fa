/* AVERAGE_POOL_2D and MAX_POOL_2D. */
#include "kernels/requant.h"

struct pool {
    const struct kern_window *p;
    kern_in x;
    int32_t out_h, out_w, before_h, before_w;
};

/* The part of a window that lies inside the input. */
struct region {
    int32_t y0, y1, x0, x1;
};

static int32_t inside(int64_t v, int32_t size)
{
    return v < 0 ? 0 : v > size ? size : (int32_t)v;
}

static struct region region_of(const struct pool *v, int32_t oy, int32_t ox)
{
    int64_t y = (int64_t)oy * v->p->stride_h - v->before_h, x = (int64_t)ox * v->p->stride_w - v->before_w;
    int32_t h = v->x->dim[1], w = v->x->dim[2];
    return (struct region){inside(y, h), inside(y + v->p->filter_h, h), inside(x, w), inside(x + v->p->filter_w, w)};
}

static size_t offset_of(const struct pool *v, int32_t batch, int32_t y, int32_t x)
{
    return (((size_t)batch * (size_t)v->x->dim[1] + (size_t)y) * (size_t)v->x->dim[2] + (size_t)x) *
           (size_t)v->x->dim[3];
}

static bool pool_init(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_out y, struct pool *v)
{
    *v = (struct pool){.p = p, .x = x};
    if (!need_rank(c, x, 4) || !need_same_type(c, x, y) || !need_activation(c, p->act) ||
        !window_output(c, p->same, x->dim[1], p->filter_h, p->stride_h, 1, &v->out_h, &v->before_h) ||
        !window_output(c, p->same, x->dim[2], p->filter_w, p->stride_w, 1, &v->out_w, &v->before_w))
        return false;
    if (x->type != KERN_F32 && !is_quant8(x))
        return unsupported_types(c, x, y);
    if (is_quant8(x) && (!need_quant(c, x) || !need_quant(c, y)))
        return false;
    return shape_output(c, y, (int32_t[]){x->dim[0], v->out_h, v->out_w, x->dim[3]}, 4);
}

/* Output pixels in order, as `batch`, `oy`, `ox`. */
#define FOR_EACH_WINDOW(v, y)                                                                                          \
    for (int32_t batch = 0; batch < (y)->dim[0]; batch++)                                                              \
        for (int32_t oy = 0; oy < (v).out_h; oy++)                                                                     \
            for (int32_t ox = 0; ox < (v).out_w; ox++)

static void sum_region(const struct pool *v, int32_t batch, struct region r, int32_t *row, int32_t *sum)
{
    size_t depth = (size_t)v->x->dim[3];
    memset(sum, 0, depth * sizeof *sum);
    for (int32_t y = r.y0; y < r.y1; y++)
        for (int32_t x = r.x0; x < r.x1; x++) {
            load_row(v->x, offset_of(v, batch, y, x), depth, row);
            for (size_t i = 0; i < depth; i++)
                sum[i] = wrap32((int64_t)sum[i] + row[i]);
        }
}

/* TFLite: an integer division that rounds halves away from zero. */
static int32_t divide(int32_t sum, int32_t n)
{
    return sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n;
}

/* The chip multiplies by a rounded reciprocal (numerics.md 2.2).  How it divides a window that padding cuts is not
 * known: no example.  Here by the elements inside, as TFLite means it. */
static float edgetpu_average(int32_t sum, int32_t n, int32_t zero, float s_in, float s_out)
{
    float mult = s_in * (1.0f / (float)n) * (1.0f / s_out);
    return (float)(sum - n * zero) * mult;
}

static void average_quantised(struct kern_ctx *c, const struct pool *v, kern_out y)
{
    size_t depth = (size_t)v->x->dim[3], at = 0;
    int32_t *row = ARENA_ARRAY(c->scratch, int32_t, depth), *sum = ARENA_ARRAY(c->scratch, int32_t, depth);
    struct requant q;
    requant_range(&q, y, v->p->act);
    FOR_EACH_WINDOW(*v, y)
    {
        struct region r = region_of(v, oy, ox);
        int32_t n = (r.y1 - r.y0) * (r.x1 - r.x0);
        sum_region(v, batch, r, row, sum);
        for (size_t i = 0; i < depth; i++)
            row[i] = c->numerics == KERN_TFLITE
                         ? clamp32(divide(sum[i], n), q.lo, q.hi)
                         : edgetpu_finish(&q, edgetpu_average(sum[i], n, zero_of(v->x), v->x->scale[0], y->scale[0]));
        store_row(y, at, depth, row);
        at += depth;
    }
}

static void pool_float(const struct pool *v, kern_out y, bool largest)
{
    size_t depth = (size_t)v->x->dim[3];
    float *out = y->data, lo, hi;
    activation_range_f32(v->p->act, &lo, &hi);
    FOR_EACH_WINDOW(*v, y)
    {
        struct region r = region_of(v, oy, ox);
        for (size_t i = 0; i < depth; i++) {
            float value = largest ? -INFINITY : 0;
            for (int32_t iy = r.y0; iy < r.y1; iy++)
                for (int32_t ix = r.x0; ix < r.x1; ix++) {
                    float x = ((const float *)v->x->data)[offset_of(v, batch, iy, ix) + i];
                    value = !largest ? value + x : x > value ? x : value;
                }
            value = largest ? value : value / (float)((r.y1 - r.y0) * (r.x1 - r.x0));
            value = value < lo ? lo : value;
            *out++ = value > hi ? hi : value;
        }
    }
}

bool kern_average_pool_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_out y)
{
    struct pool v;
    if (!need(c, (int64_t)p->filter_h * p->filter_w < 1 << 22, "window of %dx%d is too large", p->filter_h,
              p->filter_w) ||
        !pool_init(c, p, x, y, &v))
        return false;
    if (x->type == KERN_F32)
        pool_float(&v, y, false);
    else
        average_quantised(c, &v, y);
    return true;
}

static void max_quantised(struct kern_ctx *c, const struct pool *v, kern_out y)
{
    size_t depth = (size_t)v->x->dim[3], at = 0;
    int32_t *row = ARENA_ARRAY(c->scratch, int32_t, depth), *best = ARENA_ARRAY(c->scratch, int32_t, depth), lo, hi;
    activation_range(y, v->p->act, &lo, &hi);
    FOR_EACH_WINDOW(*v, y)
    {
        struct region r = region_of(v, oy, ox);
        for (size_t i = 0; i < depth; i++)
            best[i] = type_min(v->x->type);
        for (int32_t iy = r.y0; iy < r.y1; iy++)
            for (int32_t ix = r.x0; ix < r.x1; ix++) {
                load_row(v->x, offset_of(v, batch, iy, ix), depth, row);
                for (size_t i = 0; i < depth; i++)
                    best[i] = row[i] > best[i] ? row[i] : best[i];
            }
        for (size_t i = 0; i < depth; i++)
            best[i] = clamp32(best[i], lo, hi);
        store_row(y, at, depth, best);
        at += depth;
    }
}

bool kern_max_pool_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_out y)
{
    struct pool v;
    if (!pool_init(c, p, x, y, &v))
        return false;
    if (x->type == KERN_F32)
        pool_float(&v, y, true);
    else
        max_quantised(c, &v, y);
    return true;
}

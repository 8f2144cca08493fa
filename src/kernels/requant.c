#include "kernels/requant.h"

/* The detour by real values gives the odd last bits of the official clamps (numerics.md section 1). */
static void edgetpu_range(struct requant *q, kern_in y, enum kern_activation act)
{
    float s = y->scale[0], k = 1.0f / s, zero = (float)zero_of(y);
    float lo = ((float)q->type_lo - zero) * s, hi = ((float)q->type_hi - zero) * s, act_lo, act_hi;
    activation_range_f32(act, &act_lo, &act_hi);
    lo = lo < act_lo ? act_lo : lo;
    hi = hi > act_hi ? act_hi : hi;
    q->flo = lo * k;
    q->fhi = hi * k;
}

void requant_range(struct requant *q, kern_in y, enum kern_activation act)
{
    q->zero = zero_of(y);
    q->type_lo = type_min(y->type);
    q->type_hi = type_max(y->type);
    activation_range(y, act, &q->lo, &q->hi);
    edgetpu_range(q, y, act);
}

bool requant_init(struct kern_ctx *c, struct requant *q, kern_in y, enum kern_activation act, double real, float mult)
{
    if (!need_quant(c, y) || !need_activation(c, act))
        return false;
    struct fixed_multiplier f = fixed_multiplier(real);
    *q = (struct requant){.numerics = c->numerics,
                          .fixed = arena_copy(c->scratch, &f, sizeof f),
                          .mult = arena_copy(c->scratch, &mult, sizeof mult)};
    requant_range(q, y, act);
    return true;
}

bool requant_init_weights(struct kern_ctx *c, struct requant *q, kern_in x, kern_in w, kern_in y,
                          enum kern_activation act, bool product_in_float)
{
    if (!need_quant(c, x) || !need_quant(c, y) || !need_activation(c, act))
        return false;
    struct fixed_multiplier *fixed = ARENA_ARRAY(c->scratch, struct fixed_multiplier, w->n_scales);
    float *mult = ARENA_ARRAY(c->scratch, float, w->n_scales);
    float sx = x->scale[0], sy = y->scale[0];
    for (uint32_t i = 0; i < w->n_scales; i++) {
        float sw = w->scale[i];
        fixed[i] = fixed_multiplier((product_in_float ? (double)(sx * sw) : (double)sx * (double)sw) / (double)sy);
        mult[i] = sx * sw * (1.0f / sy);
    }
    *q = (struct requant){.numerics = c->numerics, .step = w->n_scales > 1, .fixed = fixed, .mult = mult};
    requant_range(q, y, act);
    return true;
}

/* ---- rows ---- */

/* Adding and taking away 1.5 * 2^23 leaves the nearest integer, ties to even, of any |r| below 2^22: edgetpu_round() in
 * a form that vectorises. */
static bool rounds_by_adding(const struct requant *q)
{
    return q->flo > -0x1p22f && q->fhi < 0x1p22f && q->flo <= q->fhi;
}

static inline int32_t finish_small(const struct requant *q, float r)
{
    const float big = 0x1.8p23f;
    r = r > q->fhi ? q->fhi : r;
    r = r >= q->flo ? r : q->flo;
    return clamp32((int32_t)(r + big - big) + q->zero, q->type_lo, q->type_hi);
}

static void edgetpu_row(const struct requant *q, size_t n, int32_t *row)
{
    const float *mult = q->mult;
    const struct requant r = *q;
    if (!rounds_by_adding(q))
        for (size_t i = 0; i < n; i++)
            row[i] = edgetpu_finish(&r, (float)row[i] * mult[i * r.step]);
    else if (r.step)
        for (size_t i = 0; i < n; i++)
            row[i] = finish_small(&r, (float)row[i] * mult[i]);
    else
        for (size_t i = 0; i < n; i++)
            row[i] = finish_small(&r, (float)row[i] * mult[0]);
}

static void tflite_row(const struct requant *q, size_t n, int32_t *row)
{
    const struct requant r = *q;
    for (size_t i = 0; i < n; i++) {
        int64_t v = (int64_t)fixed_scale(row[i], r.fixed[i * r.step]) + r.zero;
        row[i] = v < r.lo ? r.lo : v > r.hi ? r.hi : (int32_t)v;
    }
}

void requant_row(const struct requant *q, const int32_t *bias, size_t n, int32_t *row)
{
    for (size_t i = 0; bias && i < n; i++)
        row[i] = (int32_t)((uint32_t)row[i] + (uint32_t)bias[i]);
    if (q->numerics == KERN_EDGETPU)
        edgetpu_row(q, n, row);
    else
        tflite_row(q, n, row);
}

void requant_all(const struct requant *q, size_t n, int32_t *row)
{
    struct requant one = *q;
    one.step = 0;
    requant_row(&one, NULL, n, row);
}

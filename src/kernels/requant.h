/* Requantisation: the int32 sum of a product becomes an element of the output. */
#ifndef KERNELS_REQUANT_H
#define KERNELS_REQUANT_H

#include "kernels/internal.h"

struct requant {
    enum kern_numerics numerics;
    size_t step;                         /* 1: one factor per channel; 0: one for all */
    const struct fixed_multiplier *fixed; /* KERN_TFLITE  */
    const float *mult;                    /* KERN_EDGETPU */
    int32_t zero, lo, hi;                 /* lo, hi: activation range, KERN_TFLITE */
    float flo, fhi;                       /* the same relative to zero, in output steps, KERN_EDGETPU */
    int32_t type_lo, type_hi;
};

/* Rounding of the chip's float result: nearest, ties to even.  Streams cannot show the rule for ties; that the outputs
 * of the official executables come out the same on the simulator, which rounds so too, is all that is known
 * (numerics.md section 1).  This is the one place that has the rule.  NaN and what is too large end at the limits. */
static inline int32_t edgetpu_round(float r)
{
    r = rintf(r);
    return r >= 0x1p30f ? 1 << 30 : r > -0x1p30f ? (int32_t)r : -(1 << 30);
}

/* The chip's last steps: clamp in float, round, add the zero point, saturate.  NaN becomes the lower bound. */
static inline int32_t edgetpu_finish(const struct requant *q, float r)
{
    r = r > q->fhi ? q->fhi : r;
    r = r >= q->flo ? r : q->flo;
    return clamp32(edgetpu_round(r) + q->zero, q->type_lo, q->type_hi);
}

static inline int32_t requant(const struct requant *q, int32_t acc, size_t channel)
{
    if (q->numerics == KERN_EDGETPU)
        return edgetpu_finish(q, (float)acc * q->mult[channel * q->step]);
    int64_t r = (int64_t)fixed_scale(acc, q->fixed[channel * q->step]) + q->zero;
    return r < q->lo ? q->lo : r > q->hi ? q->hi : (int32_t)r;
}

/* row[i] = requant(row[i] + bias[i]) for the n channels of a row; bias NULL = none.  Sums wrap. */
void requant_row(const struct requant *q, const int32_t *bias, size_t n, int32_t *row);
/* row[i] = requant(row[i]) by the first factor. */
void requant_all(const struct requant *q, size_t n, int32_t *row);

/* For an output y with one scale: range and zero point; the factor is `real` in TFLite's numerics, `mult` on the
 * chip. */
bool requant_init(struct kern_ctx *c, struct requant *q, kern_in y, enum kern_activation act, double real, float mult);
/* For convolutions: factors x.scale * w.scale[channel] / y.scale.  `product_in_float`: TFLite's older rule for
 * s_x * s_w, still used where weights have one scale in FULLY_CONNECTED and for uint8. */
bool requant_init_weights(struct kern_ctx *c, struct requant *q, kern_in x, kern_in w, kern_in y,
                          enum kern_activation act, bool product_in_float);
/* Range and zero point only. */
void requant_range(struct requant *q, kern_in y, enum kern_activation act);

#endif

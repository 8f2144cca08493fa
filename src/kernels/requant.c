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

/* Operators on one tensor, element by element. */
#include "kernels/lut.h"
#include "kernels/requant.h"

/* ---- 8-bit inputs have 256 values: a table ---- */

typedef int32_t value_fn(const void *params, int32_t stored);

static bool by_table(struct kern_ctx *c, kern_in x, kern_out y, value_fn *fn, const void *params)
{
    int32_t table[256], lo = type_min(x->type);
    if (!shape_like(c, y, x))
        return false;
    for (int32_t i = 0; i < 256; i++)
        table[i] = fn(params, lo + i);
    for (size_t i = 0, n = kern_elements(x); i < n; i++) {
        int32_t v;
        load_row(x, i, 1, &v);
        store_row(y, i, 1, &table[v - lo]);
    }
    return true;
}

static float float_op(enum kern_unary op, float x)
{
    switch (op) {
    case KERN_LOGISTIC: return 1.0f / (1.0f + expf(-x));
    case KERN_TANH: return tanhf(x);
    case KERN_EXP: return expf(x);
    case KERN_LOG: return logf(x);
    case KERN_SQRT: return sqrtf(x);
    case KERN_RSQRT: return 1.0f / sqrtf(x);
    case KERN_SQUARE: return x * x;
    case KERN_ABS: return fabsf(x);
    case KERN_NEG: return -x;
    case KERN_FLOOR: return floorf(x);
    case KERN_CEIL: return ceilf(x);
    case KERN_ROUND: return rintf(x); /* halves to even */
    case KERN_SIN: return sinf(x);
    case KERN_COS: return cosf(x);
    case KERN_RELU: return x > 0 ? x : 0;
    case KERN_RELU_N1_TO_1: return x > 1 ? 1 : x < -1 ? -1 : x;
    case KERN_RELU6: return x > 6 ? 6 : x < 0 ? 0 : x;
    }
    return x;
}

struct function {
    enum kern_unary op;
    struct requant q;
    float s_in, s_out;
    int32_t z_in;
    struct lut lut;
};

/* TFLite's tables: LOGISTIC, TANH, EXP, LOG. */
static int32_t tflite_value(const void *params, int32_t stored)
{
    const struct function *f = params;
    float v = float_op(f->op, f->s_in * (float)(stored - f->z_in));
    float r = roundf(v * (1.0f / f->s_out)) + (float)f->q.zero;
    return r >= (float)f->q.type_hi ? f->q.type_hi : r > (float)f->q.type_lo ? (int32_t)r : f->q.type_lo;
}

static int32_t edgetpu_value(const void *params, int32_t stored)
{
    const struct function *f = params;
    float y = lut_apply(&f->lut, (float)(stored - f->z_in) * f->s_in);
    return clamp32(edgetpu_round(y) + f->q.zero, f->q.type_lo, f->q.type_hi);
}

static bool function(struct kern_ctx *c, enum kern_unary op, kern_in x, kern_out y)
{
    if (!need_quant(c, x) || !need_quant(c, y))
        return false;
    struct function f = {.op = op, .s_in = x->scale[0], .s_out = y->scale[0], .z_in = zero_of(x)};
    requant_range(&f.q, y, KERN_ACT_NONE);
    if (c->numerics == KERN_TFLITE || op == KERN_LOG)
        return by_table(c, x, y, tflite_value, &f);
    if (op == KERN_EXP) { /* relative to the largest input: the chip's table is for x <= 0 */
        f.lut = lut_exp_8bit((float)(type_max(x->type) - f.z_in) * f.s_in, f.s_out);
        f.z_in = type_max(x->type);
    } else {
        f.lut = lut_make(op == KERN_TANH ? LUT_TANH : LUT_LOGISTIC, 1.0f / f.s_out);
    }
    return by_table(c, x, y, edgetpu_value, &f);
}

/* ---- RELU and its kin: requantisation with a range ---- */

static int32_t requant_value(const void *params, int32_t stored)
{
    const struct function *f = params;
    return requant(&f->q, stored - f->z_in, 0);
}

static bool relu(struct kern_ctx *c, enum kern_activation act, kern_in x, kern_out y)
{
    if (!need_quant(c, x) || !need_quant(c, y))
        return false;
    struct function f = {.z_in = zero_of(x)};
    float sx = x->scale[0], sy = y->scale[0];
    return requant_init(c, &f.q, y, act, (double)(sx / sy), sx * (1.0f / sy)) &&
           by_table(c, x, y, requant_value, &f);
}

/* ---- RSQRT ---- */

/* Negative inputs have no root; TFLite refuses them, the chip takes them as 0. */
static int32_t rsqrt_value(const void *params, int32_t stored)
{
    enum { SHIFT = 20 };
    const struct function *f = params;
    int32_t x = stored - f->z_in;
    if (x <= 0)
        return f->q.type_hi;
    struct fixed_multiplier root = fixed_inverse_sqrt(x), out = f->q.fixed[0];
    root.shift += SHIFT;
    out.shift -= SHIFT;
    int64_t r = (int64_t)fixed_scale(fixed_scale(1, root), out) + f->q.zero;
    return r < f->q.type_lo ? f->q.type_lo : r > f->q.type_hi ? f->q.type_hi : (int32_t)r;
}

static bool rsqrt(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (!need_quant(c, x) || !need_quant(c, y))
        return false;
    if (c->numerics == KERN_EDGETPU) {
        struct function f = {.s_in = x->scale[0], .s_out = y->scale[0], .z_in = zero_of(x)};
        requant_range(&f.q, y, KERN_ACT_NONE);
        f.lut = lut_rsqrt_8bit(f.s_in, f.s_out);
        return by_table(c, x, y, edgetpu_value, &f);
    }
    for (size_t i = 0, n = kern_elements(x); i < n; i++) {
        int32_t v;
        load_row(x, i, 1, &v);
        if (!need(c, v >= zero_of(x), "'%s' has a negative element", x->name))
            return false;
    }
    struct function f = {.z_in = zero_of(x)};
    return requant_init(c, &f.q, y, KERN_ACT_NONE, 1. / (double)(sqrtf(x->scale[0]) * y->scale[0]), 0) &&
           by_table(c, x, y, rsqrt_value, &f);
}

static bool floats(struct kern_ctx *c, enum kern_unary op, kern_in x, kern_out y)
{
    if (!shape_like(c, y, x))
        return false;
    const float *in = x->data;
    float *out = y->data;
    for (size_t i = 0, n = kern_elements(x); i < n; i++)
        out[i] = float_op(op, in[i]);
    return true;
}

static bool integers(struct kern_ctx *c, enum kern_unary op, kern_in x, kern_out y)
{
    if (!shape_like(c, y, x))
        return false;
    const int32_t *in = x->data;
    int32_t *out = y->data;
    for (size_t i = 0, n = kern_elements(x); i < n; i++)
        out[i] = op == KERN_ABS && in[i] >= 0 ? in[i] : wrap32(-(int64_t)in[i]);
    return true;
}

bool kern_unary(struct kern_ctx *c, enum kern_unary op, kern_in x, kern_out y)
{
    if (!need_same_type(c, x, y))
        return false;
    if (x->type == KERN_F32)
        return floats(c, op, x, y);
    if (x->type == KERN_I32 && (op == KERN_ABS || op == KERN_NEG))
        return integers(c, op, x, y);
    if (!is_quant8(x))
        return unsupported_types(c, x, y);
    switch (op) {
    case KERN_LOGISTIC:
    case KERN_TANH:
    case KERN_EXP:
    case KERN_LOG: return function(c, op, x, y);
    case KERN_RELU: return relu(c, KERN_ACT_RELU, x, y);
    case KERN_RELU_N1_TO_1: return relu(c, KERN_ACT_RELU_N1_TO_1, x, y);
    case KERN_RELU6: return relu(c, KERN_ACT_RELU6, x, y);
    case KERN_RSQRT: return rsqrt(c, x, y);
    default: return unsupported_types(c, x, y);
    }
}

/* ---- LEAKY_RELU and PRELU: another factor below zero ---- */

struct leaky {
    struct requant positive, negative;
    int32_t z_in;
};

static int32_t leaky_value(const void *params, int32_t stored)
{
    const struct leaky *p = params;
    int32_t x = stored - p->z_in;
    return requant(x >= 0 ? &p->positive : &p->negative, x, 0);
}

bool kern_leaky_relu(struct kern_ctx *c, float alpha, kern_in x, kern_out y)
{
    if (!need_same_type(c, x, y))
        return false;
    if (x->type == KERN_F32) {
        if (!shape_like(c, y, x))
            return false;
        for (size_t i = 0, n = kern_elements(x); i < n; i++) {
            float v = ((const float *)x->data)[i];
            ((float *)y->data)[i] = v > 0 ? v : v * alpha;
        }
        return true;
    }
    if (!is_quant8(x))
        return unsupported_types(c, x, y);
    if (!need_quant(c, x) || !need_quant(c, y) || !need(c, alpha >= 0 && isfinite(alpha), "alpha is %g", alpha))
        return false;
    struct leaky p = {.z_in = zero_of(x)};
    float sx = x->scale[0], sy = y->scale[0];
    return requant_init(c, &p.positive, y, KERN_ACT_NONE, (double)(sx / sy), sx * (1.0f / sy)) &&
           requant_init(c, &p.negative, y, KERN_ACT_NONE, (double)(sx * alpha / sy), sx * alpha * (1.0f / sy)) &&
           by_table(c, x, y, leaky_value, &p);
}

/* On the chip alpha becomes a factor for each element, as in MUL by a constant. */
static bool prelu_quantised(struct kern_ctx *c, kern_in x, kern_in alpha, kern_out y)
{
    struct requant positive, negative;
    if (!need_quant(c, x) || !need_quant(c, alpha) || !need_quant(c, y))
        return false;
    float sx = x->scale[0], sa = alpha->scale[0], sy = y->scale[0];
    if (!requant_init(c, &positive, y, KERN_ACT_NONE, (double)(sx / sy), sx * (1.0f / sy)) ||
        !requant_init(c, &negative, y, KERN_ACT_NONE, (double)(sx * sa / sy), 1))
        return false;
    size_t period = kern_elements(alpha);
    int32_t *factor = ARENA_ARRAY(c->scratch, int32_t, period);
    float *mult = ARENA_ARRAY(c->scratch, float, period);
    load_row(alpha, 0, period, factor);
    for (size_t i = 0; i < period; i++) {
        factor[i] -= zero_of(alpha);
        mult[i] = sx * ((float)factor[i] * sa) * (1.0f / sy);
    }
    negative.mult = mult, negative.step = 1;
    for (size_t i = 0, n = kern_elements(x); i < n; i++) {
        int32_t v;
        load_row(x, i, 1, &v);
        v -= zero_of(x);
        if (v >= 0)
            v = requant(&positive, v, 0);
        else if (c->numerics == KERN_EDGETPU)
            v = requant(&negative, v, i % period);
        else
            v = requant(&negative, v * factor[i % period], 0);
        store_row(y, i, 1, &v);
    }
    return true;
}

/* alpha's dimensions are the last ones of x: the only form the chip has, and the one that converters write. */
static bool repeats_at_the_end(kern_in x, kern_in alpha)
{
    uint32_t skip = 0;
    while (skip < alpha->rank && alpha->dim[skip] == 1)
        skip++;
    if (alpha->rank - skip > x->rank)
        return false;
    for (uint32_t i = skip; i < alpha->rank; i++)
        if (alpha->dim[i] != x->dim[x->rank - alpha->rank + i])
            return false;
    return true;
}

bool kern_prelu(struct kern_ctx *c, kern_in x, kern_in alpha, kern_out y)
{
    if (!need_same_type(c, x, y) || !need_same_type(c, x, alpha) ||
        !need(c, repeats_at_the_end(x, alpha), "alpha '%s' does not have the last dimensions of '%s'", alpha->name,
              x->name) ||
        !shape_like(c, y, x))
        return false;
    if (is_quant8(x))
        return prelu_quantised(c, x, alpha, y);
    if (x->type != KERN_F32)
        return unsupported_types(c, x, y);
    const float *in = x->data, *a = alpha->data;
    size_t period = kern_elements(alpha);
    for (size_t i = 0, n = kern_elements(x); i < n; i++)
        ((float *)y->data)[i] = in[i] >= 0 ? in[i] : in[i] * a[i % period];
    return true;
}

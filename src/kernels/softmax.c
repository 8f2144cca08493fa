/* SOFTMAX over the last dimension. */
#include "kernels/lut.h"
#include "kernels/requant.h"

/* ---- TFLite: fixed point, 5 integer bits for differences, 12 for the sum ---- */

struct tflite_softmax {
    struct fixed_multiplier factor; /* difference -> 5 integer bits */
    int32_t smallest;               /* differences below it count as exp = 0 */
};

static struct tflite_softmax tflite_scaling(float scale, float beta)
{
    double real = (double)beta * (double)scale * (double)(1 << 26), most = (double)INT32_MAX;
    struct tflite_softmax s = {.factor = fixed_multiplier(real < most ? real : most)};
    double radius = 31.0 * (double)(1 << 26) / ldexp(1, s.factor.shift);
    s.smallest = radius < 1e6 ? -(int32_t)floor(radius) : -1000000;
    return s;
}

static int32_t tflite_exp(const struct tflite_softmax *s, int32_t difference)
{
    int left = s->factor.shift > 0 ? s->factor.shift : 0;
    int32_t shifted = left > 31 ? 0 : (int32_t)((uint32_t)difference << left);
    return fixed_exp(fixed_high_mul(shifted, s->factor.mantissa));
}

static void tflite_row(const struct tflite_softmax *s, const int32_t *exps, int32_t max, int32_t lo, size_t n,
                       int32_t *row)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (row[i] - max >= s->smallest)
            sum = wrap32((int64_t)sum + fixed_shift_right(exps[max - row[i]], 12));
    int bits;
    int32_t scale = fixed_reciprocal(sum, &bits);
    for (size_t i = 0; i < n; i++) {
        int shift = bits + 31 - 8;
        bool counts = row[i] - max >= s->smallest && shift <= 31;
        int32_t v = counts ? fixed_shift_right(fixed_high_mul(scale, exps[max - row[i]]), shift) : 0;
        row[i] = clamp32(v + lo, lo, lo + 255);
    }
}

/* ---- the chip: tables for exp and 1/sqrt (numerics.md section 3, steps 4 to 8) ---- */

struct edgetpu_softmax {
    int32_t exps[256]; /* 65535 * exp((v - 255) * s), 16 bits */
    struct lut rsqrt;
    struct requant q;
};

static int32_t to_u16(float r)
{
    return clamp32(edgetpu_round(r), 0, 65535);
}

static void edgetpu_init(struct edgetpu_softmax *s, float scale)
{
    struct lut e = lut_make(LUT_EXP, 65535);
    for (int i = 0; i < 256; i++)
        s->exps[i] = to_u16(lut_apply(&e, (float)(i - 255) * scale));
    s->rsqrt = lut_make(LUT_RSQRT, 46340);
}

static void edgetpu_row(const struct edgetpu_softmax *s, int32_t max, float s_out, size_t n, int32_t *row)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s->exps[255 + row[i] - max];
    const float unit = 1.0f / 65535, k = 1.0f / 46340;
    int32_t root = to_u16(lut_rsqrt(&s->rsqrt, (float)sum * unit));
    float square = (float)((int64_t)root * root) * unit;
    int64_t inverse = to_u16(square > 32768 ? 32768 : square);
    float mult = k * k * (1.0f / s_out);
    for (size_t i = 0; i < n; i++)
        row[i] = edgetpu_finish(&s->q, (float)(s->exps[255 + row[i] - max] * inverse) * mult);
}

static bool softmax_quantised(struct kern_ctx *c, float beta, kern_in x, kern_out y, size_t rows, size_t n)
{
    struct tflite_softmax t = tflite_scaling(x->scale[0], beta);
    struct edgetpu_softmax e;
    int32_t *row = ARENA_ARRAY(c->scratch, int32_t, n), exps[256];
    for (int i = 0; i < 256; i++)
        exps[i] = tflite_exp(&t, -i);
    edgetpu_init(&e, x->scale[0] * beta);
    requant_range(&e.q, y, KERN_ACT_NONE);
    for (size_t r = 0; r < rows; r++) {
        load_row(x, r * n, n, row);
        int32_t max = row[0];
        for (size_t i = 1; i < n; i++)
            max = row[i] > max ? row[i] : max;
        if (c->numerics == KERN_EDGETPU)
            edgetpu_row(&e, max, y->scale[0], n, row);
        else
            tflite_row(&t, exps, max, type_min(y->type), n, row);
        store_row(y, r * n, n, row);
    }
    return true;
}

static void softmax_float(float beta, size_t rows, size_t n, const float *x, float *y)
{
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        float max = x[0], sum = 0;
        for (size_t i = 1; i < n; i++)
            max = x[i] > max ? x[i] : max;
        for (size_t i = 0; i < n; i++)
            sum += y[i] = expf((x[i] - max) * beta);
        for (size_t i = 0; i < n; i++)
            y[i] /= sum;
    }
}

bool kern_softmax(struct kern_ctx *c, float beta, kern_in x, kern_out y)
{
    if (!need_same_type(c, x, y) || !need(c, x->rank > 0, "'%s' is a scalar", x->name) ||
        !need(c, isfinite(beta) && beta >= 0, "beta is %g", beta))
        return false;
    size_t n = (size_t)x->dim[x->rank - 1], rows = kern_elements(x) / n;
    if (x->type != KERN_F32 && !is_quant8(x))
        return unsupported_types(c, x, y);
    if (is_quant8(x) && (!need_quant(c, x) || !need_quant(c, y)))
        return false;
    if (!shape_like(c, y, x))
        return false;
    if (is_quant8(x))
        return softmax_quantised(c, beta, x, y, rows, n);
    softmax_float(beta, rows, n, x->data, y->data);
    return true;
}

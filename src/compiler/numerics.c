#include "compiler/numerics.h"

#include "compiler/params.h"
#include "kernels/lut.h"
#include "kernels/ratio.h"

#include <math.h>

int32_t unsigned_zero_point(const struct tfl_tensor *t)
{
    return (int32_t)t->quant.zero_point[0] + (t->type == TFL_INT8 ? 128 : t->type == TFL_INT16 ? 32768 : 0);
}

bool same_numbers(const struct tfl_tensor *a, const struct tfl_tensor *b)
{
    return a->quant.count && b->quant.count && a->quant.scale[0] == b->quant.scale[0] &&
           unsigned_zero_point(a) == unsigned_zero_point(b);
}

float largest_input(const struct tfl_tensor *t)
{
    return (float)(255 - unsigned_zero_point(t)) * t->quant.scale[0];
}

bool equal_scales(const struct tfl_tensor *t)
{
    for (uint32_t i = 1; i < t->quant.count; i++)
        if (t->quant.scale[i] != t->quant.scale[0])
            return false;
    return true;
}

float weighted_multiplier(float s_in, float s_w, float s_out)
{
    float product = s_in * s_w;
    return product * (1.0f / s_out);
}

float rescale_multiplier(float s_in, float s_out) { return s_in * (1.0f / s_out); }

struct common_step common_step_of(float s1, float s2)
{
    struct common_step c;
    float large = s1 > s2 ? s1 : s2, small = s1 > s2 ? s2 : s1;
    int32_t p, q;
    edgetpu_ratio(small, large, &p, &q);
    c.m[0] = s1 >= s2 ? q : p;
    c.m[1] = s1 >= s2 ? p : q;
    c.step = large / (float)q;
    return c;
}

void set_clamp(struct isa_tensor *i, const struct tfl_tensor *out, enum tfl_activation act)
{
    float scale = out->quant.scale[0], steps = 1.0f / scale;
    int32_t zero = unsigned_zero_point(out);
    float high = (float)(255 - zero) * scale, low = (float)-zero * scale;
    if (act == TFL_ACT_RELU || act == TFL_ACT_RELU6)
        low = low > 0 ? low : 0;
    if (act == TFL_ACT_RELU6)
        high = high < 6 ? high : 6;
    if (act == TFL_ACT_RELU_N1_TO_1) { /* no official instance; the same road through real values */
        low = low > -1 ? low : -1;
        high = high < 1 ? high : 1;
    }
    /* Multiplying by 1/scale, not dividing: dividing is one ulp off in a fifth of the official instructions. */
    i->max = (int32_t)f32_bits(high * steps);
    i->min = (int32_t)f32_bits(low * steps);
    i->ozp = zero;
}

void set_weighted_numerics(struct isa_tensor *i, const struct weighted *op, const struct segment *segment)
{
    set_clamp(i, op->out, op->activation);
    i->azp = unsigned_zero_point(op->in);
    i->wzp = segment->zeros ? 0 : unsigned_zero_point(op->weights);
    i->perch = segment->zeros;
    i->mem_bias = segment->bias;
    i->mem_mult = segment->multipliers;
    float multiplier =
        weighted_multiplier(op->in->quant.scale[0], op->weights->quant.scale[0], op->out->quant.scale[0]);
    i->scale = (int32_t)f32_bits(segment->multipliers ? 1.0f : multiplier);
}

void set_rescale_numerics(struct isa_tensor *i, const struct tfl_tensor *in, const struct tfl_tensor *out,
                          enum tfl_activation act)
{
    set_clamp(i, out, act);
    i->azp = unsigned_zero_point(in);
    i->scale = (int32_t)f32_bits(rescale_multiplier(in->quant.scale[0], out->quant.scale[0]));
}

void set_table_numerics(struct isa_tensor *i, const struct tfl_tensor *out, const struct lut *t)
{
    i->ozp = unsigned_zero_point(out);
    i->lut = 1;
    i->odd = t->odd ? 3 : 0;
    i->min = (int32_t)f32_bits(t->min);
    i->max = (int32_t)f32_bits(t->max);
}

void set_copy_numerics(struct isa_tensor *i)
{
    i->scale = (int32_t)f32_bits(1.0f);
    i->max = (int32_t)f32_bits(INFINITY);
    i->min = (int32_t)f32_bits(-INFINITY);
}

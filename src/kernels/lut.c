#include "kernels/lut.h"

#include "base/bytes.h"

#include <math.h>

/* Coefficients for results in units of 1, and the limits between segments, as bits of float32; from tables that the
 * official compiler wrote (numerics.md section 3). */
static const struct {
    uint32_t u[8][5], t[7];
} base[] = {
    [LUT_EXP] = {
        {
            {0x3ce5f642, 0x3c1d8e67, 0x3aa2b04b, 0x3895cb4a, 0x35cf4691},
            {0x3e59a242, 0x3dd555cb, 0x3ca041ca, 0x3ad9b65f, 0x3860d900},
            {0x3f01223f, 0x3ea240b9, 0x3d9fea04, 0x3c11304f, 0x39cb5e9e},
            {0x3f44a0b5, 0x3f15e558, 0x3e39c184, 0x3cda37cb, 0x3aca1e57},
            {0x3f6d9ce6, 0x3f51c5fe, 0x3e9f0a66, 0x3d702f7d, 0x3b94bab2},
            {0x3f7d4b54, 0x3f74d689, 0x3edaa781, 0x3dd37331, 0x3c34d3f2},
            {0x3f7ff761, 0x3f7f9534, 0x3efc2b0d, 0x3e1a06db, 0x3cc72bb1},
            {0x3f800000, 0x3f7ffff3, 0x3efffb9e, 0x3e2a2126, 0x3d1c7cff},
        },
        {0xc0ff9475, 0xc0af6050, 0xc07bb089, 0xc02cb4ec, 0xbfe0f9a9, 0xbf6abd95, 0xbe32671f},
    },
    [LUT_RSQRT] = {
        {
            {0x401774aa, 0xc03aa03e, 0x401b19a9, 0xbf884aed, 0x3e4375ff},
            {0x4009d075, 0xc00c8cff, 0x3fc141fd, 0xbf0c6a0b, 0x3da66a68},
            {0x3ff7d508, 0xbfcc5845, 0x3f632953, 0xbe856fdc, 0x3cffb721},
            {0x3fde2544, 0xbf9325ab, 0x3f0363d0, 0xbdf7eecc, 0x3c3ec282},
            {0x3fc6d5cf, 0xbf530bc4, 0x3e96feed, 0xbd64530c, 0x3b8cc91c},
            {0x3fb2da7d, 0xbf199e29, 0x3e31e7c5, 0xbcd9c230, 0x3ad968d0},
            {0x3fa395cf, 0xbeeb2d05, 0x3de41050, 0xbc69e220, 0x3a43bfa8},
            {0x3fa395cf, 0xbeeb2d05, 0x3de41050, 0xbc69e220, 0x3a43bfa8},
        },
        {0x3f96545a, 0x3fb9f21d, 0x3fe5fda8, 0x401006eb, 0x40332a53, 0x405bff99, 0x7f800000},
    },
    [LUT_LOGISTIC] = {
        {
            {0x3e00549c, 0x3d5db7c6, 0x3c111a70, 0x3a29f7bb, 0x3795f260},
            {0x3f04a187, 0x3eab6803, 0x3daee024, 0x3c251eb8, 0x39f136b6},
            {0x3f077562, 0x3ea46b63, 0x3d8371fd, 0x3b05681a, 0xba04c80f},
            {0x3f00006a, 0x3e7fe396, 0xbaa8c7fe, 0xbcc9f57d, 0xbb94c0e4},
            {0x3f0000b8, 0x3e7fb331, 0x3af2682d, 0xbccf35b5, 0x3b9cb2b2},
            {0x3eddc7c6, 0x3ec56c6f, 0xbdd72011, 0x3c5be5c6, 0xba2ff6d3},
            {0x3f43d750, 0x3defbc0b, 0xbcb6a9cd, 0x3afb0c86, 0xb882c2d7},
            {0x3f74cc57, 0x3c85560c, 0xbb168355, 0x39187e2a, 0xb669a584},
        },
        {0xc0b479b1, 0xc03dc92e, 0xbfaba1f5, 0x3db069f8, 0x3fe71fbc, 0x4099a343, 0x41078f0a},
    },
    [LUT_TANH] = {
        {
            {0xa4900000, 0x3f7ff70c, 0x3b680451, 0xbeba0904, 0x3dd5f798},
            {0xba573b0b, 0x3f8093c1, 0x3adbd5c7, 0xbec90026, 0x3e18f5d1},
            {0xbd3ca9f0, 0x3f9d4c4a, 0xbed767c2, 0xbd0dc79e, 0x3d0ba428},
            {0xbe1a30e6, 0x3fcafa1b, 0xbf619bbb, 0x3e6d2b1d, 0xbcc4f1f0},
            {0x3db3d973, 0x3f8fbe7e, 0xbf0af73c, 0x3df7f011, 0xbc2af5e5},
            {0x3ef8c2c6, 0x3f07de5d, 0xbe581426, 0x3d1c1331, 0xbb2c17e8},
            {0x3f542a99, 0x3e103ad2, 0xbd346efe, 0x3bcae85e, 0xb9acb424},
            {0x3f7a3662, 0x3c65a31f, 0xbb56a9c4, 0x39b319ae, 0xb760dafc},
        },
        {0x3eb83694, 0x3f47de0b, 0x3f965533, 0x4001ec93, 0x402bcf21, 0x40630652, 0x409ac3f4},
    },
};

static const struct {
    float min, max;
    int odd;
} domain[] = {
    [LUT_EXP] = {-13.038098335266113f, 0, 0},
    [LUT_RSQRT] = {1, 4, 0},
    [LUT_LOGISTIC] = {-10.396732330322266f, 10.396732330322266f, 0},
    [LUT_TANH] = {-6.874806880950928f, 6.874806880950928f, 1},
};

struct lut lut_make(enum lut_function f, float k)
{
    struct lut t = {.min = domain[f].min, .max = domain[f].max, .odd = domain[f].odd};
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 5; j++)
            t.c[i][j] = f32_of(base[f].u[i][j]) * k;
    for (int i = 0; i < 7; i++)
        t.limit[i] = f32_of(base[f].t[i]);
    return t;
}

static struct lut no_lut(float min, float max)
{
    struct lut t = {.min = min, .max = max};
    for (int i = 0; i < 7; i++)
        t.limit[i] = INFINITY;
    return t;
}

struct lut lut_square(float s_out)
{
    struct lut t = no_lut(-INFINITY, INFINITY);
    t.c[0][2] = 1.0f / s_out;
    return t;
}

/* One segment for 0 and 1 steps of the input, a line from beyond the range of 8 bits; then one for each octave, all
 * with the polynomial for 1/sqrt(m), 1 <= m < 2, which has the least maximum of the relative error, 7.4e-5. */
struct lut lut_rsqrt_8bit(float s_in, float s_out)
{
    enum { BEYOND = 512, OCTAVES = 7 };
    static const float octave[5] = {0x1.09372cp+1f, -0x1.efa904p+0f, 0x1.33f532p+0f, -0x1.8f069ep-2f, 0x1.a0490ap-5f};
    struct lut t = no_lut(0, 255 * s_in);
    float k = 1.0f / s_out;
    t.c[0][0] = BEYOND;
    t.c[0][1] = (k / sqrtf(s_in) - BEYOND) / s_in;
    for (int i = 0; i < OCTAVES; i++) {
        float first = s_in * (float)(2 << i), power = k / sqrtf(first);
        t.limit[i] = first - 0.5f * s_in;
        for (int j = 0; j < 5; j++, power /= first)
            t.c[i + 1][j] = octave[j] * power;
    }
    return t;
}

/* Plain arithmetic, so that every machine gets the same bits. */
static double exponential(double x)
{
    enum { HALVINGS = 8, TERMS = 12 };
    double y = 1, term = 1, z = x / (1 << HALVINGS);
    for (int i = 1; i < TERMS; i++) {
        term *= z / i;
        y += term;
    }
    for (int i = 0; i < HALVINGS; i++)
        y *= y;
    return y;
}

struct lut lut_exp_8bit(float x_max, float s_out)
{
    return lut_make(LUT_EXP, (float)(exponential((double)x_max) / (double)s_out));
}

float lut_root_steps(size_t n, int32_t zero)
{
    float most = (float)(zero > 127 ? zero : 255 - zero);
    return 256 * sqrtf((float)n * (most * most));
}

/* The order of the float operations, and the segment of an x that equals a limit, cannot be read from a stream; this
 * is the one place that knows them. */
static float evaluate(const struct lut *t, float x)
{
    int segment = 0;
    while (segment < 7 && t->limit[segment] <= x)
        segment++;
    const float *c = t->c[segment];
    float y = c[4];
    for (int i = 3; i >= 0; i--)
        y = y * x + c[i];
    return y;
}

float lut_apply(const struct lut *t, float x)
{
    x = x > t->max ? t->max : x;
    x = x >= t->min ? x : t->min;
    if (t->odd && x < 0)
        return -evaluate(t, -x);
    return evaluate(t, x);
}

float lut_rsqrt(const struct lut *t, float s)
{
    float scale = 1;
    while (s >= 4)
        s *= 0.25f, scale *= 0.5f;
    return evaluate(t, s) * scale;
}

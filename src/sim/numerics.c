/* Requantisation and the piecewise polynomial of opcode 0x19. */
#include "sim/numerics.h"

#include <math.h>

float table_evaluate(const struct table *t, float x)
{
    unsigned segment = 0;
    while (segment < 7 && t->limit[segment] <= x)
        segment++;
    const float *c = t->coef[segment];
    return (((c[4] * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0];
}

/* 1/sqrt over the whole range from a table for [1, 4): x = m * 4^k, f(x) = f(m) / 2^k. */
static float table_normalized(const struct table *t, float x)
{
    if (!(x > 0))
        return table_evaluate(t, x);
    int exponent;
    frexpf(x, &exponent); /* x = f * 2^exponent, 0.5 <= f < 1 */
    int k = (exponent - 1) >> 1;
    return ldexpf(table_evaluate(t, ldexpf(x, -2 * k)), -k);
}

static float lookup(const struct requant *q, float x)
{
    if (q->norm)
        return table_normalized(q->table, x);
    if (q->odd && x < 0)
        return -table_evaluate(q->table, -x);
    return table_evaluate(q->table, x);
}

int32_t requantize(const struct requant *q, float scale, int32_t acc)
{
    float r = (float)acc * scale;
    r = r < q->max ? r : q->max;
    r = r > q->min ? r : q->min;
    if (q->lut)
        r = lookup(q, r);
    int32_t out = (r == r ? round_even(r) : 0) + q->zero_point;
    return out < 0 ? 0 : out > q->limit ? q->limit : out;
}

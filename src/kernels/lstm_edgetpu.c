/* The LSTM as the chip computes it, read off the only official stream that has one, keras_lstm_mnist (docs/sim.md,
 * "LSTM"): everything in unsigned numbers, each step requantised in float32 as in numerics.md. */
#include "kernels/lstm.h"
#include "kernels/lut.h"
#include "kernels/matmul.h"
#include "kernels/ratio.h"
#include "kernels/requant.h"

/* round(v) + zero in 0 .. limit */
static int32_t quantise(float v, int32_t zero, int32_t limit)
{
    return clamp32(edgetpu_round(v) + zero, 0, limit);
}

/* W x + bias or R h of a gate in uint8 of the hidden state's scale: what lies beyond +-127 steps saturates. */
static void product_u8(const struct product *p, const int16_t *v, size_t n, size_t cells, const int32_t *bias,
                       int32_t zero, int32_t *out)
{
    matmul_i16(v, 1, p->w, cells, n, out);
    for (size_t i = 0; i < cells; i++)
        out[i] = quantise((float)wrap32((int64_t)out[i] + (bias ? bias[i] : 0)) * p->mult, zero, 255);
}

/* Both parts of the new cell state in common steps, as ADD has them (numerics.md section 2.1): for the only cell scale
 * seen, 2^-12, this gives the official 32767 and 8192. */
struct sum16 {
    int32_t kept, added;
    float step;
};

static struct sum16 sum_of(float kept, float added)
{
    int32_t p, q;
    bool first = kept >= added;
    edgetpu_ratio(first ? added : kept, first ? kept : added, &p, &q);
    return (struct sum16){first ? q : p, first ? p : q, (first ? kept : added) / (float)q};
}

void lstm_step_edgetpu(const struct lstm *l, struct arena *a, const int16_t *x, const int16_t *h, int16_t *cell,
                       int8_t *state)
{
    const struct lut logistic = lut_make(LUT_LOGISTIC, 255), tanh8 = lut_make(LUT_TANH, 127.5f),
                     tanh16 = lut_make(LUT_TANH, 16383.5f);
    const float s = l->state_scale, unit = ldexpf(1, l->cell_exponent);
    const int32_t zero = l->state_zero + 128;
    const struct sum16 sum16 = sum_of(unit, 2.0f / 32767);
    int32_t *gate[GATES], *part = ARENA_ARRAY(a, int32_t, l->n_cell);
    for (int g = 0; g < GATES; g++) {
        gate[g] = ARENA_ARRAY(a, int32_t, l->n_cell);
        product_u8(&l->x[g], x, l->n_input, l->n_cell, l->bias[g], zero, gate[g]);
        product_u8(&l->h[g], h, l->n_cell, l->n_cell, NULL, zero, part);
        for (size_t i = 0; i < l->n_cell; i++) {
            float v = (float)(gate[g][i] + part[i] - 2 * zero) * s;
            gate[g][i] = g == CELL ? quantise(lut_apply(&tanh8, v), 128, 255)
                                   : quantise(lut_apply(&logistic, v), 0, 255);
        }
    }
    for (size_t i = 0; i < l->n_cell; i++) {
        const float gate_unit = 1.0f / 255, tanh_unit = 2.0f / 255, fine_unit = 2.0f / 32767;
        int32_t both = gate[INPUT][i] * (gate[CELL][i] - 128);
        int32_t added = quantise((float)both * (gate_unit * tanh_unit * (1.0f / fine_unit)), 16384, 65535);
        int32_t kept = quantise((float)(gate[FORGET][i] * cell[i]) * gate_unit, 32768, 65535);
        int32_t sum = wrap32((int64_t)sum16.kept * (kept - 32768) + (int64_t)sum16.added * (added - 16384));
        cell[i] = (int16_t)(quantise((float)sum * (sum16.step * (1.0f / unit)), 32768, 65535) - 32768);
        int32_t shown = quantise(lut_apply(&tanh16, (float)sum * sum16.step), 16384, 65535) - 16384;
        float out = (float)(gate[OUTPUT][i] * shown) * (gate_unit * fine_unit * (1.0f / s));
        state[i] = (int8_t)(quantise(out, zero, 255) - 128);
    }
}

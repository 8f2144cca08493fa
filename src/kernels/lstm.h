/* What both numerics of the LSTM share. */
#ifndef KERNELS_LSTM_H
#define KERNELS_LSTM_H

#include "kernels/internal.h"

enum lstm_gate { INPUT, FORGET, CELL, OUTPUT, GATES };
/* One matrix of a gate: sum over w * (x - zero), scaled into the gate's units. */
struct product {
    const int16_t *w;
    struct fixed_multiplier factor; /* KERN_TFLITE: to a gate's unit, 2^-12                         */
    float mult;                     /* KERN_EDGETPU: to the hidden state's scale, in which it also is 8 bits */
};

struct lstm {
    size_t batch, steps, n_input, n_cell;
    struct product x[GATES], h[GATES];
    const int32_t *bias[GATES];
    int cell_exponent; /* the cell state's scale is 2^cell_exponent */
    int32_t cell_clip; /* 0: none */
    struct fixed_multiplier hidden;
    int32_t hidden_zero;
    int16_t *cell;
    int8_t *state;
    int32_t state_zero, x_zero;
    float state_scale;
};

/* One step of one batch element in the chip's numerics: x and h are inputs and hidden state less their zero points. */
void lstm_step_edgetpu(const struct lstm *l, struct arena *a, const int16_t *x, const int16_t *h, int16_t *cell,
                       int8_t *state);

#endif

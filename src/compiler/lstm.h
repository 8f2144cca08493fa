/* UNIDIRECTIONAL_SEQUENCE_LSTM: what its rule, its lowering and its instructions share. */
#ifndef COMPILER_LSTM_H
#define COMPILER_LSTM_H

#include "compiler/numerics.h"

/* Inputs of the operator, in the schema's order. */
enum {
    LSTM_X,
    LSTM_W,             /* four gates: input, forget, cell, output */
    LSTM_R = 5,         /* four */
    LSTM_PEEPHOLE = 9,  /* three */
    LSTM_BIAS = 12,     /* four */
    LSTM_PROJECTION = 16, /* matrix and bias */
    LSTM_HIDDEN = 18,
    LSTM_CELL,
    LSTM_NORM,          /* four */
    LSTM_INPUTS = 24
};
enum { LSTM_GATES = 4 };

struct lstm_detail {
    struct weighted from_x[LSTM_GATES], from_h[LSTM_GATES]; /* W x + bias, R h; results in the hidden state's numbers */
    const struct tfl_tensor *hidden, *cell;
    int32_t steps, inputs, cells;
};

/* Narrow words of a step's own, and wide rows that it uses below the top. */
int32_t lstm_words(int32_t steps, int32_t inputs, int32_t cells);
enum { LSTM_WIDE_ROWS = 15 };

#endif

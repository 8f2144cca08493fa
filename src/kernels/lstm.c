/* UNIDIRECTIONAL_SEQUENCE_LSTM, integers: gates in 16 bits with 3 integer bits, states of 8 and 16 bits. */
#include "kernels/lstm.h"

#include "kernels/matmul.h"

enum { /* inputs in the schema's order */
    IN_X = 0, IN_W = 1, IN_R = 5, IN_PEEPHOLE = 9, IN_BIAS = 12, IN_PROJECTION = 16, IN_HIDDEN_STATE = 18,
    IN_CELL_STATE = 19, IN_NORM = 20, N_INPUTS = 24,
};
enum { GATE_BITS = 3 };

static bool need_shape(struct kern_ctx *c, kern_in t, int32_t rows, int32_t columns)
{
    size_t n = (size_t)rows * (size_t)columns;
    return need(c, kern_elements(t) == n, "'%s' has %zu elements, expected %d x %d", t->name, kern_elements(t), rows,
                columns);
}

static bool load_product(struct kern_ctx *c, kern_in w, size_t rows, size_t columns, float s_in, float s_out,
                         struct product *p)
{
    if (!need_type(c, w, KERN_I8) || !need_quant(c, w) ||
        !need(c, w->zero[0] == 0, "weights '%s' have zero point %lld", w->name, (long long)w->zero[0]) ||
        !need_shape(c, w, (int32_t)rows, (int32_t)columns))
        return false;
    int16_t *data = ARENA_ARRAY(c->scratch, int16_t, kern_elements(w));
    load_row16(w, 0, kern_elements(w), 0, data);
    p->w = data;
    p->mult = s_in * w->scale[0] * (1.0f / s_out);
    p->factor = fixed_multiplier((double)(w->scale[0] * s_in / (1.0f / 4096))); /* a gate's unit is 2^-12 */
    return true;
}

static bool load_gate(struct kern_ctx *c, struct lstm *l, struct kern_tensor **in, int g, float s_x, float s_h)
{
    kern_in w = in[IN_W + g], r = in[IN_R + g], b = in[IN_BIAS + g];
    if (!need(c, w && r && b, "coupled gates and gates without bias are not handled") || !need_type(c, b, KERN_I32) ||
        !need_shape(c, b, (int32_t)l->n_cell, 1))
        return false;
    l->bias[g] = b->data;
    return load_product(c, w, l->n_cell, l->n_input, s_x, s_h, &l->x[g]) &&
           load_product(c, r, l->n_cell, l->n_cell, s_h, s_h, &l->h[g]);
}

static bool load_states(struct kern_ctx *c, const struct kern_lstm *p, struct kern_tensor **in, struct lstm *l)
{
    kern_in h = in[IN_HIDDEN_STATE], s = in[IN_CELL_STATE];
    int32_t batch = (int32_t)l->batch, cells = (int32_t)l->n_cell;
    if (!need(c, h && s, "has no state") || !need_type(c, h, KERN_I8) || !need_type(c, s, KERN_I16) ||
        !need_quant(c, h) || !need_quant(c, s) || !need_shape(c, h, batch, cells) || !need_shape(c, s, batch, cells))
        return false;
    int exponent;
    if (!need(c, frexpf(s->scale[0], &exponent) == 0.5f && exponent <= -8 && exponent >= -14,
              "cell state '%s' has scale %g, not a power of 2 from 2^-15 to 2^-9", s->name, s->scale[0]) ||
        !need(c, isfinite(p->hidden_scale) && p->hidden_scale > 0, "the hidden state has no scale") ||
        !need(c, p->hidden_zero >= INT8_MIN && p->hidden_zero <= INT8_MAX, "hidden zero point %d", p->hidden_zero))
        return false;
    l->cell_exponent = exponent - 1;
    float clip = p->cell_clip / s->scale[0];
    l->cell_clip = p->cell_clip > 0 ? (clip < INT16_MAX ? (int32_t)clip : INT16_MAX) : 0;
    l->hidden = fixed_multiplier(0x1p-15 / (double)p->hidden_scale * 0x1p-15);
    l->hidden_zero = p->hidden_zero;
    l->state = h->data;
    l->state_zero = zero_of(h);
    l->state_scale = h->scale[0];
    l->cell = s->data;
    return true;
}

static int32_t clamp16(int64_t v)
{
    return v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : (int32_t)v;
}

/* A gate's sums for one batch element, before its function. */
static void gate_sums(const struct lstm *l, int g, const int16_t *x, const int16_t *h, int32_t *sums, int32_t *part)
{
    matmul_i16(x, 1, l->x[g].w, l->n_cell, l->n_input, sums);
    matmul_i16(h, 1, l->h[g].w, l->n_cell, l->n_cell, part);
    for (size_t i = 0; i < l->n_cell; i++) {
        int32_t from_x = fixed_scale(wrap32((int64_t)sums[i] + l->bias[g][i]), l->x[g].factor);
        sums[i] = clamp16((int64_t)clamp16(from_x) + fixed_scale(part[i], l->h[g].factor));
    }
}

/* New cell state and output of one cell from its four gates. */
static void update_cell(const struct lstm *l, const int32_t gate[GATES], int16_t *cell, int8_t *state)
{
    int32_t kept = (int16_t)fixed_shift_right(gate[FORGET] * *cell, 15);
    int32_t added = (int16_t)fixed_shift_right(gate[INPUT] * gate[CELL], 30 + l->cell_exponent);
    int32_t c = clamp16((int64_t)kept + added);
    c = l->cell_clip ? clamp32(c, -l->cell_clip, l->cell_clip) : c;
    *cell = (int16_t)c;
    int32_t shown = gate[OUTPUT] * fixed_tanh16(c, 15 + l->cell_exponent);
    *state = (int8_t)clamp32(fixed_scale(shown, l->hidden) + l->hidden_zero, INT8_MIN, INT8_MAX);
}

static void step(const struct lstm *l, enum kern_numerics numerics, size_t batch, kern_in x, size_t at, int8_t *out)
{
    struct arena *a = arena_new();
    int16_t *row = ARENA_ARRAY(a, int16_t, l->n_input), *h = ARENA_ARRAY(a, int16_t, l->n_cell);
    int32_t *sums[GATES], *part = ARENA_ARRAY(a, int32_t, l->n_cell);
    int8_t *state = l->state + batch * l->n_cell;
    load_row16(x, at, l->n_input, l->x_zero, row);
    for (size_t i = 0; i < l->n_cell; i++)
        h[i] = (int16_t)(state[i] - l->state_zero);
    if (numerics == KERN_EDGETPU)
        lstm_step_edgetpu(l, a, row, h, l->cell + batch * l->n_cell, state);
    for (int g = 0; g < GATES && numerics == KERN_TFLITE; g++) {
        sums[g] = ARENA_ARRAY(a, int32_t, l->n_cell);
        gate_sums(l, g, row, h, sums[g], part);
    }
    for (size_t i = 0; i < l->n_cell && numerics == KERN_TFLITE; i++) {
        int32_t gate[GATES];
        for (int g = 0; g < GATES; g++)
            gate[g] = g == CELL ? fixed_tanh16(sums[g][i], GATE_BITS) : fixed_logistic16(sums[g][i], GATE_BITS);
        update_cell(l, gate, &l->cell[batch * l->n_cell + i], &state[i]);
    }
    memcpy(out, state, l->n_cell);
    arena_free(a);
}

static bool only_basic(struct kern_ctx *c, struct kern_tensor **in, uint32_t n_in)
{
    for (uint32_t i = 0; i < n_in; i++) {
        bool extra = (i >= IN_PEEPHOLE && i < IN_BIAS) || i == IN_PROJECTION || i == IN_PROJECTION + 1 || i >= IN_NORM;
        if (extra && in[i])
            return status_fail(c->st, STATUS_UNSUPPORTED, "input %u ('%s') is not handled", i, in[i]->name);
    }
    return need(c, n_in == IN_NORM || n_in == N_INPUTS, "%u inputs", n_in);
}

bool kern_lstm(struct kern_ctx *c, const struct kern_lstm *p, struct kern_tensor **in, uint32_t n_in, kern_out y)
{
    kern_in x = in[IN_X];
    if (x->type != KERN_I8 || y->type != KERN_I8)
        return unsupported_types(c, x, y);
    if (!only_basic(c, in, n_in) || !need_rank(c, x, 3) || !need_quant(c, x) || !need_quant(c, y) ||
        !need(c, in[IN_BIAS + OUTPUT] && in[IN_BIAS + OUTPUT]->rank == 1, "has no output gate bias"))
        return false;
    struct lstm l = {.batch = (size_t)x->dim[p->time_major ? 1 : 0], .steps = (size_t)x->dim[p->time_major ? 0 : 1],
                     .n_input = (size_t)x->dim[2], .n_cell = (size_t)in[IN_BIAS + OUTPUT]->dim[0],
                     .x_zero = zero_of(x)};
    if (!load_states(c, p, in, &l))
        return false;
    for (int g = 0; g < GATES; g++)
        if (!load_gate(c, &l, in, g, x->scale[0], in[IN_HIDDEN_STATE]->scale[0]))
            return false;
    if (!shape_output(c, y, (int32_t[]){x->dim[0], x->dim[1], (int32_t)l.n_cell}, 3))
        return false;
    for (size_t t = 0; t < l.steps; t++)
        for (size_t b = 0; b < l.batch; b++) {
            size_t i = p->time_major ? t * l.batch + b : b * l.steps + t;
            step(&l, c->numerics, b, x, i * l.n_input, (int8_t *)y->data + i * l.n_cell);
        }
    return true;
}

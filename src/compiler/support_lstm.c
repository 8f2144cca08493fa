/* Which UNIDIRECTIONAL_SEQUENCE_LSTM run on the Edge TPU: 8 bits, 16 for the cell state, one sequence at a time. */
#include "compiler/geometry.h"
#include "compiler/lstm.h"
#include "compiler/operators.h"
#include "compiler/plan.h"
#include "compiler/rule.h"

#include <math.h>

enum {
    CELL_LIMIT = 1024,  /* 16 tiles of 64 */
    STEP_LIMIT = 16384, /* passes of one loop of a tensor instruction (emit_lstm.c moves the results) */
    ROW_LIMIT = 1024,   /* wide rows of weights on a tile: they must stay there during the loop */
};

struct shapes {
    int32_t steps, inputs, cells;
};

static const struct tfl_tensor *input(const struct support *s, uint32_t op, uint32_t k)
{
    return op_input(s->graph->source, &s->graph->source->operators[op], k);
}

static bool has_shape(const struct tfl_tensor *t, int32_t rows, int32_t columns)
{
    return t->rank == 2 ? t->shape[0] == rows && t->shape[1] == columns
                        : t->rank == 1 && rows == 1 && t->shape[0] == columns;
}

static bool is_number(const struct tfl_tensor *t, enum tfl_type type, int64_t zero)
{
    return t->type == type && t->quant.count == 1 && t->quant.zero_point[0] == zero;
}

/* Inputs that a plain LSTM does not have, and those that it must have. */
static struct verdict judge_form(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    static const struct {
        uint32_t first, count;
        const char *what;
    } extras[] = {{LSTM_PEEPHOLE, 3, "peephole connections"},
                  {LSTM_PROJECTION, 2, "a projection"},
                  {LSTM_NORM, 4, "layer normalisation"}};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        for (uint32_t k = extras[i].first; k < extras[i].first + extras[i].count; k++)
            if (k < o->n_inputs && o->inputs[k] >= 0)
                return REFUSE(s, SUPPORT_LIMITATION, "%s: has %s (input %u); convert a plain LSTM", op_name(s, op),
                              extras[i].what, k);
    if (o->n_inputs < LSTM_NORM)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: has %u inputs, not %d", op_name(s, op), o->n_inputs, LSTM_INPUTS);
    for (uint32_t k = 0; k < LSTM_NORM; k++) {
        bool extra = (k >= LSTM_PEEPHOLE && k < LSTM_BIAS) || k == LSTM_PROJECTION || k == LSTM_PROJECTION + 1;
        bool constant = k != LSTM_X && k != LSTM_HIDDEN && k != LSTM_CELL;
        const struct tfl_tensor *t = input(s, op, k);
        if (!extra && !t)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: input %u is left out (coupled gates?); all four gates are needed",
                          op_name(s, op), k);
        if (t && constant && t->data.size == 0)
            return REFUSE(s, SUPPORT_NOT_CONSTANT, "%s: \"%s\" must be a constant", op_name(s, op), t->name);
        if (t && !constant && t->data.size != 0)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: \"%s\" is a constant", op_name(s, op), t->name);
    }
    const struct tfl_unidirectional_sequence_lstm_options *p = &o->options.unidirectional_sequence_lstm;
    if (p->activation != TFL_ACT_TANH || p->proj_clip != 0)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: activation %d, projection clip %g; TANH without projection is "
                      "possible", op_name(s, op), (int)p->activation, (double)p->proj_clip);
    return MAPPED;
}

static struct verdict judge_states(const struct support *s, uint32_t op, struct shapes d)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *h = input(s, op, LSTM_HIDDEN), *c = input(s, op, LSTM_CELL),
                            *y = op_output(s->graph->source, o, 0);
    if (!h->is_variable || !c->is_variable || h == c || !has_shape(h, 1, d.cells) || !has_shape(c, 1, d.cells))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: states \"%s\" and \"%s\" must be variables of [1,%d]", op_name(s, op),
                      h->name, c->name, d.cells);
    for (uint32_t i = 0; i < 2; i++) {
        const struct graph_tensor *t = &s->graph->tensors[o->inputs[i ? LSTM_CELL : LSTM_HIDDEN]];
        if (t->n_consumers != 1 || t->is_output)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: state \"%s\" is read elsewhere too", op_name(s, op),
                          t->info->name);
    }
    int exponent = 0;
    if (!is_number(c, TFL_INT16, 0) || frexpf(c->quant.scale[0], &exponent) != 0.5f || exponent < -14 || exponent > -8)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: cell state \"%s\" (%s) must be int16 with a scale of 2^-15 to 2^-9",
                      op_name(s, op), c->name, tfl_type_name(c->type));
    if (h->type != TFL_INT8 || y->type != TFL_INT8 || h->quant.count != 1 || h->quant.zero_point[0] < -128 ||
        h->quant.zero_point[0] > 127 || !same_numbers(h, y))
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: hidden state \"%s\" and output \"%s\" must be int8 of one scale and "
                      "zero point", op_name(s, op), h->name, y->name);
    float clip = o->options.unidirectional_sequence_lstm.cell_clip;
    if (!(clip == 0 || clip >= 32767 * c->quant.scale[0]))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: cell clip %g is inside the range of the cell state; leave it out",
                      op_name(s, op), (double)clip);
    return MAPPED;
}

static struct verdict judge_weights(const struct support *s, uint32_t op, struct shapes d)
{
    for (uint32_t g = 0; g < LSTM_GATES; g++) {
        const struct tfl_tensor *b = input(s, op, LSTM_BIAS + g);
        for (uint32_t k = 0; k < 2; k++) {
            const struct tfl_tensor *w = input(s, op, (k ? LSTM_R : LSTM_W) + g);
            if (!is_number(w, TFL_INT8, 0) || !has_shape(w, d.cells, k ? d.cells : d.inputs) || w->rank != 2)
                return REFUSE(s, SUPPORT_DATA_TYPE, "%s: weights \"%s\" (%s %s) must be int8 [%d,%d] with one scale "
                              "and zero point 0", op_name(s, op), w->name, tfl_type_name(w->type),
                              tfl_shape_text(s->arena, w), d.cells, k ? d.cells : d.inputs);
        }
        if (b->type != TFL_INT32 || !has_shape(b, 1, d.cells))
            return REFUSE(s, SUPPORT_DATA_TYPE, "%s: bias \"%s\" must be int32 [%d]", op_name(s, op), b->name, d.cells);
    }
    return MAPPED;
}

/* Parameters stay in wide memory; input, as it comes and gathered, and results lie in narrow memory. */
static struct verdict judge_room(const struct support *s, uint32_t op, struct shapes d)
{
    int64_t quads = ceil_div(d.inputs, 4), rows = LSTM_GATES * (1 + quads + ceil_div(d.cells, 4));
    if (d.cells > CELL_LIMIT || rows > ROW_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %d cells of %d inputs take %lld rows of a tile's parameter memory; "
                      "up to %d cells and %d rows (4 * (1 + inputs / 4 + cells / 4)) are possible", op_name(s, op),
                      d.cells, d.inputs, (long long)rows, CELL_LIMIT, ROW_LIMIT);
    if (d.steps < 1 || d.inputs < 1 || d.cells < 1 || d.steps > STEP_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %d steps of %d inputs and %d cells; 1 to %d steps are possible",
                      op_name(s, op), d.steps, d.inputs, d.cells, STEP_LIMIT);
    int64_t share = ceil_div(d.steps, 4), x = d.steps * quads, y = share * ceil_div(d.cells, 4),
            own = (int64_t)d.steps * ceil_div(d.cells, 4); /* lstm_words must not overflow */
    int64_t collect = 2 * share * quads + x,
            run = x + y + (own > NARROW_WORDS ? own : lstm_words(d.steps, d.inputs, d.cells));
    int64_t need = (collect > run ? collect : run) + 64;
    if (need > NARROW_WORDS)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %d steps of %d inputs and %d cells take %lld bytes of a tile's "
                      "memory, %d are there: make the sequence shorter", op_name(s, op), d.steps, d.inputs, d.cells,
                      (long long)need * 4, 4 * NARROW_WORDS);
    return MAPPED;
}

struct verdict support_lstm(const struct support *s, uint32_t op)
{
    struct verdict v = judge_form(s, op);
    if (v.why)
        return v;
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *x = input(s, op, LSTM_X), *y = op_output(s->graph->source, o, 0);
    bool time_major = o->options.unidirectional_sequence_lstm.time_major;
    if (x->type != TFL_INT8)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: input \"%s\" is %s; int8 is possible", op_name(s, op), x->name,
                      tfl_type_name(x->type));
    if (x->rank != 3 || y->rank != 3 || x->shape[time_major ? 1 : 0] != 1 || x->shape[0] != y->shape[0] ||
        x->shape[1] != y->shape[1])
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s), output %s: one sequence at a time is possible, "
                      "batch 1", op_name(s, op), x->name, tfl_shape_text(s->arena, x), tfl_shape_text(s->arena, y));
    struct shapes d = {x->shape[0] * x->shape[1], x->shape[2], y->shape[2]};
    v = judge_states(s, op, d);
    v = v.why ? v : judge_weights(s, op, d);
    return v.why ? v : judge_room(s, op, d);
}

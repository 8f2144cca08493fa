/* UNIDIRECTIONAL_SEQUENCE_LSTM.  Its states are inputs of the executable that the step changes in place; their values
 * go back to the host behind the results (lower.c). */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/lstm.h"
#include "compiler/operators.h"
#include "graph/graph.h"

bool lower_lstm(struct plan *p, uint32_t op)
{
    enum { FIRST_TILE = 1 };
    const struct tfl_subgraph *g = p->graph;
    const struct tfl_operator *o = &g->operators[op];
    const struct tfl_tensor *x = op_input(g, o, LSTM_X), *out = op_output(g, o, 0), *h = op_input(g, o, LSTM_HIDDEN);
    struct lstm_detail *d = ARENA_NEW(p->arena, struct lstm_detail);
    struct shape4 to;
    d->hidden = h;
    d->cell = op_input(g, o, LSTM_CELL);
    d->inputs = x->shape[x->rank - 1];
    d->cells = out->shape[out->rank - 1];
    d->steps = (int32_t)(tfl_elements(x) / d->inputs);
    for (uint32_t k = 0; k < LSTM_GATES; k++) {
        d->from_x[k] = (struct weighted){
            .in = x, .weights = op_input(g, o, LSTM_W + k), .bias = op_input(g, o, LSTM_BIAS + k), .out = h};
        d->from_h[k] = (struct weighted){.in = h, .weights = op_input(g, o, LSTM_R + k), .out = h};
    }
    uint32_t whole = lower_whole(p, lower_value(p, (uint32_t)o->inputs[LSTM_X]), FIRST_TILE, op);
    shape4_of(out, &to);
    uint32_t y = d->steps > 1 ? plan_value(p, out, LAYOUT_GRID, to.y, to.x, to.z)
                              : plan_value(p, out, LAYOUT_SLICES, 1, 1, d->cells);
    struct step *s = plan_step(p, &family_lstm, op);
    s->detail = d;
    step_reads(p, s, whole);
    step_reads(p, s, lower_value(p, (uint32_t)o->inputs[LSTM_HIDDEN]));
    step_reads(p, s, lower_value(p, (uint32_t)o->inputs[LSTM_CELL]));
    step_makes(p, s, y);
    p->value_of[o->outputs[0]] = y;
    return true;
}

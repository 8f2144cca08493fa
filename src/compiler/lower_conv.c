#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "graph/graph.h"

static bool lower_windows(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct conv_detail *d = ARENA_NEW(p->arena, struct conv_detail);
    struct window w;
    struct shape4 to;
    if (!window_of(p->graph, o, &w) || !shape4_of(op_output(p->graph, o, 0), &to))
        return status_fail(p->st, STATUS_INTERNAL, "%s has no window", plan_op_text(p, op));
    d->op = (struct weighted){.in = op_input(p->graph, o, 0), .weights = op_input(p->graph, o, 1),
                              .bias = op_input(p->graph, o, 2),
                              .out = op_output(p->graph, o, 0), .activation = fused_activation(o)};
    d->depthwise = o->code == TFL_OP_DEPTHWISE_CONV_2D;
    d->y = (struct axis_window){w.filter_h, w.stride_h, w.dilation_h, w.top};
    d->x = (struct axis_window){w.filter_w, w.stride_w, w.dilation_w, w.left};
    int32_t top, left;
    lower_padding(p, o->inputs[0], &top, &left);
    d->y.before += top;
    d->x.before += left;
    if (!d->depthwise)
        d->op.row = lower_row_channels(p, o->outputs[0]);
    if (d->op.row)
        to.z = to.z / d->op.row * (int32_t)round_up(d->op.row, 4);
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]), out = plan_value(p, d->op.out, LAYOUT_GRID, to.y, to.x, to.z);
    grid_claim(&p->values[in].grid, to.y, to.x, &d->y, &d->x);
    struct step *s = plan_step(p, &family_conv, op);
    s->detail = d;
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

bool conv_is_product(const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    const struct tfl_tensor *in = op_input(g, o, 0), *w = op_input(g, o, 1);
    return o->code == TFL_OP_CONV_2D && w->rank == 4 && w->shape[1] == 1 && w->shape[2] == 1 &&
        tfl_elements(in) == w->shape[3];
}

bool lower_conv(struct plan *p, uint32_t op)
{
    const struct value *from = &p->values[lower_value(p, (uint32_t)p->graph->operators[op].inputs[0])];
    bool pixel = from->layout != LAYOUT_GRID || p->steps[from->first].family == &family_global_pool;
    bool product = pixel && conv_is_product(p->graph, &p->graph->operators[op]);
    return product ? lower_fully_connected(p, op) : lower_windows(p, op);
}

/* RESIZE_BILINEAR. */
#include "compiler/lower.h"
#include "compiler/resize.h"

/* The step spoils the border of the plane: only it may read the value, under this name. */
static bool is_alone(const struct plan *p, const struct value *in, int32_t tensor)
{
    uint32_t readers = 0;
    for (uint32_t i = 0; i < p->graph->n_operators; i++)
        for (uint32_t k = 0; k < p->graph->operators[i].n_inputs; k++)
            readers += p->graph->operators[i].inputs[k] == tensor;
    return readers == 1 && in->tensor == &p->graph->tensors[tensor];
}

bool lower_resize(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = &p->graph->tensors[o->outputs[0]];
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]);
    struct shape4 from, to;
    if (shape4_of(op_input(p->graph, o, 0), &from) && shape4_of(t, &to) && from.y == to.y && from.x == to.x) {
        p->value_of[o->outputs[0]] = in;
        return true;
    }
    if (!is_alone(p, &p->values[in], o->inputs[0]))
        in = lower_plain(p, in, op);
    struct value v = p->values[in];
    uint32_t out = plan_value(p, t, LAYOUT_GRID, RESIZE_FACTOR * v.y, RESIZE_FACTOR * v.x, v.z);
    resize_claim(&p->values[in].grid);
    struct step *s = plan_step(p, &family_resize, op);
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

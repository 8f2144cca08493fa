#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/numerics.h"
#include "compiler/operators.h"
#include "graph/graph.h"

bool lower_fully_connected(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct weighted *w = ARENA_NEW(p->arena, struct weighted);
    *w = (struct weighted){.in = op_input(p->graph, o, 0),
                           .weights = op_input(p->graph, o, 1),
                           .bias = op_input(p->graph, o, 2),
                           .out = op_output(p->graph, o, 0),
                           .activation = fused_activation(o)};
    struct slices c = slices_of(w->weights->shape[0]);
    uint32_t in = lower_whole(p, lower_value(p, (uint32_t)o->inputs[0]), (1 << c.tiles) - 1, op);
    const struct value *image = &p->values[lower_value(p, (uint32_t)o->inputs[0])];
    if (image->layout == LAYOUT_GRID && image->z % 4 && image->y * image->x > 1)
        w->pixel = image->z;
    uint32_t out = plan_value(p, w->out, LAYOUT_SLICES, 1, 1, w->weights->shape[0]);
    struct step *s = plan_step(p, &family_fully_connected, op);
    s->detail = w;
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

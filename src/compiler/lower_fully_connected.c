#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/numerics.h"
#include "compiler/operators.h"

bool lower_fully_connected(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = p->graph->tensors;
    struct weighted *w = ARENA_NEW(p->arena, struct weighted);
    *w = (struct weighted){.in = &t[o->inputs[0]], .weights = &t[o->inputs[1]], .out = &t[o->outputs[0]],
                           .activation = o->options.fully_connected.activation};
    if (o->n_inputs > 2 && o->inputs[2] >= 0)
        w->bias = &t[o->inputs[2]];
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

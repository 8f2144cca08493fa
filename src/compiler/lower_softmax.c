#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"

bool lower_softmax(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = p->graph->tensors;
    struct softmax_detail *d = ARENA_NEW(p->arena, struct softmax_detail);
    *d = (struct softmax_detail){.in = &t[o->inputs[0]], .out = &t[o->outputs[0]], .beta = o->options.softmax.beta};
    uint32_t in = lower_slices(p, lower_value(p, (uint32_t)o->inputs[0]), op);
    uint32_t out = plan_value(p, d->out, LAYOUT_SLICES, 1, 1, p->values[in].z);
    struct step *s = plan_step(p, &family_softmax, op);
    s->detail = d;
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

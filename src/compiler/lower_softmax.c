#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"

bool lower_softmax(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = p->graph->tensors;
    uint32_t in = lower_slices(p, lower_value(p, (uint32_t)o->inputs[0]), op);
    uint32_t out = plan_value(p, &t[o->outputs[0]], LAYOUT_SLICES, 1, 1, p->values[in].z);
    struct step *s = plan_step(p, &family_softmax, op);
    s->detail = softmax_detail(p->arena, &t[o->inputs[0]], &t[o->outputs[0]], o->options.softmax.beta);
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"

/* A vector keeps its words under any shape.  An image of one channel is flattened here; any other stays an image until
 * a reader asks for a vector (lower_whole). */
bool lower_reshape(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = &p->graph->tensors[o->outputs[0]];
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]), out = in;
    if (p->values[in].layout == LAYOUT_GRID && p->values[in].z == 1 && flatten_fits(&p->values[in].grid)) {
        out = plan_value(p, t, LAYOUT_SLICES, 1, 1, (int32_t)tfl_elements(t));
        struct step *s = plan_step(p, &family_flatten, op);
        s->detail = flatten_detail(p->arena, t);
        step_reads(p, s, in);
        step_makes(p, s, out);
    }
    p->value_of[o->outputs[0]] = out;
    return true;
}

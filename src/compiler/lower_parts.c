/* Rows of several images, one behind another (support_parts.c): a value that only names its parts. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/select.h"

static uint32_t parts_value(struct plan *p, const struct tfl_tensor *t, const uint32_t *parts, uint32_t n)
{
    struct shape4 s = {0};
    shape4_of(t, &s);
    uint32_t v = plan_value(p, t, LAYOUT_PARTS, s.y, s.x, s.z);
    p->values[v].parts = arena_copy(p->arena, parts, n * sizeof *parts);
    p->values[v].n_parts = n;
    p->values[v].first = p->n_steps;
    return v;
}

/* Every row of c channels begins with a word. */
static uint32_t whole_words(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t in, int32_t c)
{
    struct value v = p->values[in];
    int32_t room = (int32_t)round_up(c, 4), rows = v.z / c,
            *from = ARENA_ARRAY(p->arena, int32_t, (size_t)room * (size_t)rows);
    if (room == c)
        return in;
    for (int32_t i = 0; i < room * rows; i++)
        from[i] = i % room < c ? i / room * c + i % room : 0;
    uint32_t out = plan_value(p, t, LAYOUT_GRID, v.y, v.x, room * rows);
    lower_select_channels(p, op, t, in, out, from);
    return out;
}

void lower_join_parts(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = op_output(p->graph, o, 0);
    uint32_t parts[MAX_INPUTS];
    for (uint32_t k = 0; k < o->n_inputs; k++)
        parts[k] = whole_words(p, op, op_input(p->graph, o, k), lower_value(p, (uint32_t)o->inputs[k]),
                               t->shape[t->rank - 1]);
    p->value_of[o->outputs[0]] = parts_value(p, t, parts, o->n_inputs);
}

void lower_rename_parts(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct value v = p->values[lower_value(p, (uint32_t)o->inputs[0])];
    p->value_of[o->outputs[0]] = parts_value(p, op_output(p->graph, o, 0), v.parts, v.n_parts);
}

void lower_unary_parts(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct value v = p->values[lower_value(p, (uint32_t)o->inputs[0])];
    uint32_t parts[MAX_INPUTS];
    for (uint32_t k = 0; k < v.n_parts; k++)
        parts[k] = lower_unary_value(p, op, v.parts[k]);
    p->value_of[o->outputs[0]] = parts_value(p, op_output(p->graph, o, 0), parts, v.n_parts);
}

void lower_parts_to_host(struct plan *p, uint32_t tensor)
{
    struct value v = p->values[lower_value(p, tensor)];
    struct step *s = plan_step(p, &family_outfeed_parts, NO_OPERATOR);
    for (uint32_t k = 0; k < v.n_parts; k++)
        step_reads(p, s, v.parts[k]);
    s->detail = &p->graph->tensors[tensor];
}

#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/pixel_norm.h"

/* x - M in steps of x, 255 for the largest. */
static uint32_t lower_difference(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t x)
{
    struct value v = p->values[x];
    struct tfl_tensor *below = arena_copy(p->arena, t, sizeof *t);
    int64_t highest = t->type == TFL_INT8 ? 127 : 255;
    below->quant.zero_point = arena_copy(p->arena, &highest, sizeof highest);
    uint32_t largest = plan_value(p, t, LAYOUT_GRID, v.y, v.x, 1), all = plan_value(p, t, LAYOUT_GRID, v.y, v.x, v.z);
    struct step *s = plan_step(p, &family_channel_max, op);
    s->detail = t;
    step_reads(p, s, x);
    step_makes(p, s, largest);
    lower_select_channels(p, op, t, largest, all, ARENA_ARRAY(p->arena, int32_t, (size_t)v.z)); /* all 0 */
    uint32_t difference = lower_like(p, below, x);
    lower_pair(p, op, &(struct binary_detail){.code = TFL_OP_SUB, .in = {t, t}, .out = below}, x, all, difference);
    return difference;
}

static bool lower_pixels(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *in = op_input(p->graph, o, 0), *out = op_output(p->graph, o, 0);
    struct pixel_norm *d = ARENA_NEW(p->arena, struct pixel_norm);
    *d = (struct pixel_norm){.in = in, .out = out, .beta = o->options.softmax.beta};
    uint32_t difference = lower_difference(p, op, in, lower_value(p, (uint32_t)o->inputs[0]));
    uint32_t to = lower_like(p, out, difference);
    struct step *s = plan_step(p, &family_pixel_softmax, op);
    s->detail = d;
    step_reads(p, s, difference);
    step_makes(p, s, to);
    p->value_of[o->outputs[0]] = to;
    return true;
}

bool lower_softmax(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = p->graph->tensors;
    if (!is_pixel(&t[o->inputs[0]]))
        return lower_pixels(p, op);
    uint32_t in = lower_slices(p, lower_value(p, (uint32_t)o->inputs[0]), op);
    uint32_t out = plan_value(p, &t[o->outputs[0]], LAYOUT_SLICES, 1, 1, p->values[in].z);
    struct step *s = plan_step(p, &family_softmax, op);
    s->detail = softmax_detail(p->arena, &t[o->inputs[0]], &t[o->outputs[0]], o->options.softmax.beta);
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

bool lower_l2_norm(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct pixel_norm *d = ARENA_NEW(p->arena, struct pixel_norm);
    *d = (struct pixel_norm){.in = op_input(p->graph, o, 0), .out = op_output(p->graph, o, 0)};
    bool vector = is_pixel(d->in);
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]);
    if (vector)
        in = lower_whole(p, in, 1, op);
    uint32_t to = lower_like(p, d->out, in);
    p->values[to].tiles = vector;
    struct step *s = plan_step(p, &family_l2_norm, op);
    s->detail = d;
    step_reads(p, s, in);
    step_makes(p, s, to);
    p->value_of[o->outputs[0]] = vector ? lower_slices(p, to, op) : to;
    return true;
}

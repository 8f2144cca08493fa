/* RESIZE_BILINEAR, and RESIZE_NEAREST_NEIGHBOR to twice the size. */
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/resize.h"
#include "kernels/kernels.h"

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
    const struct resize_detail d = {.nearest = o->code == TFL_OP_RESIZE_NEAREST_NEIGHBOR, .words = v.grid.words};
    s->detail = arena_copy(p->arena, &d, sizeof d);
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = out;
    return true;
}

void resize_into(struct plan *p, struct step *s, uint32_t to, int32_t at)
{
    struct resize_detail d = *(const struct resize_detail *)s->detail;
    d.to = at;
    s->detail = arena_copy(p->arena, &d, sizeof d);
    s->channels = (struct span){at, at + d.words};
    step_makes(p, s, to);
}

/* Every pixel twice, whatever the centres are. */
static bool doubles(const struct kern_resize *r, int32_t in, int32_t out)
{
    for (int32_t i = 0; i < out; i++)
        if (kern_resize_nearest_index(r, i, in, out) != i / RESIZE_FACTOR)
            return false;
    return out == RESIZE_FACTOR * (int64_t)in && in >= GRID;
}

bool resize_is_nearest(const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    const struct tfl_resize_nearest_neighbor_options *options = &o->options.resize_nearest_neighbor;
    const struct kern_resize r = {options->align_corners, options->half_pixel_centers};
    struct shape4 from, to;
    if (o->code != TFL_OP_RESIZE_NEAREST_NEIGHBOR || !shape4_of(op_input(g, o, 0), &from) ||
        !shape4_of(op_output(g, o, 0), &to) || from.n != 1 || !doubles(&r, from.y, to.y) || !doubles(&r, from.x, to.x))
        return false;
    struct grid plane = grid_of(from.y, from.x, from.z);
    resize_claim(&plane);
    return resize_border_words(&plane) <= RESIZE_BORDER_LIMIT;
}

bool lower_resize_nearest(struct plan *p, uint32_t op)
{
    bool chip = p->resizes && lower_is_image(p, (uint32_t)p->graph->operators[op].inputs[0]) &&
                resize_is_nearest(p->graph, &p->graph->operators[op]);
    return chip ? lower_resize(p, op) : lower_move(p, op);
}

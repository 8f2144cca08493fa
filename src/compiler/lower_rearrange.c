/* Elements in any order: the inputs whole on every tile, then one step that takes from them (rearrange.h). */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/numerics.h"
#include "compiler/rearrange.h"

struct arranging {
    struct plan *p;
    uint32_t op;
    const struct tfl_operator *o;
};

static struct rearrange_source source_of(const struct plan *p, uint32_t value)
{
    const struct value *v = &p->values[value];
    int32_t n = v->y * v->x * v->z;
    if (v->layout == LAYOUT_GRID && v->y * v->x > 1)
        return (struct rearrange_source){.elements = n, .z = v->z, .pitch = 4 * v->grid.words};
    return (struct rearrange_source){.elements = n, .z = n, .pitch = n};
}

static void add_step(const struct arranging *m, const struct rearrange_detail *d, uint32_t from, uint32_t to)
{
    struct step *s = plan_step(m->p, &family_rearrange, m->op);
    s->detail = arena_copy(m->p->arena, d, sizeof *d);
    step_reads(m->p, s, from);
    step_makes(m->p, s, to);
}

/* The inputs one behind another on every tile. */
static uint32_t join_inputs(const struct arranging *m, const struct tfl_tensor *t, struct rearrange_source *sources)
{
    struct plan *p = m->p;
    uint32_t part[MAX_INPUTS];
    int32_t words = 0;
    for (uint32_t k = 0; k < m->o->n_inputs; k++) {
        part[k] = lower_value(p, (uint32_t)m->o->inputs[k]);
        sources[k] = source_of(p, part[k]);
        sources[k].at = 4 * words;
        if (p->values[part[k]].layout != LAYOUT_SLICES)
            part[k] = lower_whole(p, part[k], 1, m->op);
        words += (int32_t)ceil_div(p->values[part[k]].z, 4);
    }
    uint32_t all = plan_value(p, t, LAYOUT_WHOLE, 1, 1, 4 * words);
    p->values[all].tiles = ALL_TILES;
    for (uint32_t k = 0; k < m->o->n_inputs; k++) {
        struct join_detail *d = ARENA_NEW(p->arena, struct join_detail);
        *d = (struct join_detail){
            .at = sources[k].at / 4, .first = k == 0, .last = k + 1 == m->o->n_inputs};
        struct step *s = plan_step(p, &family_join, m->op);
        s->detail = d;
        step_reads(p, s, part[k]);
        step_makes(p, s, all);
    }
    return all;
}

void lower_elements(struct plan *p, uint32_t op, uint32_t from, uint32_t to)
{
    struct value v = p->values[to];
    struct rearrange_source source = source_of(p, from);
    struct rearrangement r = {.out = {1, v.y, v.x, v.z}};
    int32_t **axis[3] = {&r.z, &r.x, &r.y}, size[3] = {v.z, v.x, v.y}, step = 1;
    struct rearrange_detail d;
    for (int k = 0; k < 3; step *= size[k++]) {
        *axis[k] = ARENA_ARRAY(p->arena, int32_t, (size_t)size[k]);
        for (int32_t i = 0; i < size[k]; i++)
            (*axis[k])[i] = i * step;
    }
    rearrange_bytes(p->arena, &r, &source, 0, &d); /* one side is a vector: always a sum */
    d.scattered = rearrange_is_scattered(&d);
    uint32_t whole = lower_whole(p, from, ALL_TILES, op);
    add_step(&(struct arranging){.p = p, .op = op}, &d, whole, to);
}

/* The elements of an image one behind another. */
static uint32_t lower_dense(const struct arranging *m, uint32_t image)
{
    struct value v = m->p->values[image];
    uint32_t slices = plan_value(m->p, v.tensor, LAYOUT_SLICES, 1, 1, v.y * v.x * v.z);
    lower_elements(m->p, m->op, image, slices);
    return slices;
}

static bool lower_output(const struct arranging *m, uint32_t output)
{
    struct plan *p = m->p;
    const struct tfl_tensor *t = op_output(p->graph, m->o, output);
    const char *why;
    const struct rearrangement *r = rearrangement_of(p->arena, p->graph, m->o, output, &why);
    struct rearrange_source sources[MAX_INPUTS];
    struct rearrange_detail d;
    uint32_t whole, fill = (uint32_t)unsigned_zero_point(t), to;
    bool summed = false;
    if (r && m->o->code == TFL_OP_PACK) {
        whole = join_inputs(m, t, sources);
        summed = rearrange_bytes(p->arena, r, sources, (int32_t)fill, &d);
    } else if (r) {
        uint32_t in = lower_value(p, (uint32_t)m->o->inputs[m->o->code == TFL_OP_SPLIT ? 1 : 0]);
        sources[0] = source_of(p, in);
        summed = rearrange_bytes(p->arena, r, sources, (int32_t)fill, &d);
        if (!summed) {
            in = lower_dense(m, in);
            sources[0] = source_of(p, in);
            summed = rearrange_bytes(p->arena, r, sources, (int32_t)fill, &d);
        }
        whole = lower_whole(p, in, ALL_TILES, m->op);
    }
    if (!summed)
        return status_fail(p->st, STATUS_INTERNAL, "%s cannot be rearranged", plan_op_text(p, m->op));
    d.scattered = rearrange_is_scattered(&d);
    if (r->out.y * r->out.x == 1)
        to = plan_value(p, t, LAYOUT_SLICES, 1, 1, r->out.z);
    else
        to = plan_value(p, t, LAYOUT_GRID, r->out.y, r->out.x, r->out.z);
    add_step(m, &d, whole, to);
    p->value_of[m->o->outputs[output]] = to;
    return true;
}

bool lower_rearrange(struct plan *p, uint32_t op)
{
    const struct arranging m = {p, op, &p->graph->operators[op]};
    for (uint32_t k = 0; k < m.o->n_outputs; k++)
        if (!lower_output(&m, k))
            return false;
    return true;
}

#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/pool.h"

bool is_reduction(const struct tfl_operator *o)
{
    return o->code == TFL_OP_MEAN || o->code == TFL_OP_SUM || o->code == TFL_OP_REDUCE_MAX ||
           o->code == TFL_OP_REDUCE_MIN;
}

bool reduced_axes(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, bool gone[4])
{
    const struct tfl_tensor *axes = op_input(g, o, 1);
    const struct tfl_tensor *in = op_input(g, o, 0);
    int32_t *list, rank = (int32_t)in->rank;
    uint32_t n;
    struct status st = {0};
    memset(gone, 0, 4 * sizeof *gone);
    if (!axes || axes->data.size == 0 || rank == 0 || rank > 4 || !constant_i32(a, axes, &list, &n, &st))
        return false;
    for (uint32_t k = 0; k < n; k++)
        gone[4 - rank + (list[k] < 0 ? list[k] + rank : list[k])] = true;
    if ((rank == 2 || rank == 3) && in->shape[0] == 1) /* the batch stands first */
        gone[0] = gone[4 - rank], gone[4 - rank] = false;
    return true;
}

/* Rows and columns that a reduction takes together, as one window. */
static bool reduction_of(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o,
                         struct pool_detail *d,
                         const struct shape4 *from, const char **why)
{
    bool gone[4]; /* n, y, x, z */
    *why = "its axes are not constant";
    if (!reduced_axes(a, g, o, gone))
        return false;
    *why = "it reduces channels together with rows or columns; do that in two steps";
    if (gone[3])
        return false;
    d->y = (struct axis_window){gone[1] ? from->y : 1, gone[1] ? from->y : 1, 1, 0};
    d->x = (struct axis_window){gone[2] ? from->x : 1, gone[2] ? from->x : 1, 1, 0};
    d->kind = o->code == TFL_OP_MEAN ? POOL_MEAN : o->code == TFL_OP_SUM ? POOL_SUM : POOL_MAX;
    return true;
}

bool pool_of(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, struct pool_detail *d,
             struct shape4 *from,
             struct shape4 *to, const char **why)
{
    struct window w;
    *d = (struct pool_detail){.in = op_input(g, o, 0), .out = op_output(g, o, 0), .activation = fused_activation(o)};
    *why = "its tensors have more than three dimensions beside the batch";
    if (!shape4_of(d->in, from) || !shape4_of(d->out, to))
        return false;
    if (window_of(g, o, &w)) {
        d->kind = o->code == TFL_OP_MAX_POOL_2D ? POOL_MAX : POOL_MEAN;
        d->y = (struct axis_window){w.filter_h, w.stride_h, 1, w.top};
        d->x = (struct axis_window){w.filter_w, w.stride_w, 1, w.left};
        return true;
    }
    if (!reduction_of(a, g, o, d, from, why))
        return false;
    *why = "its result has not the order rows, columns, channels; keep_dims makes it so";
    bool pixel = from->y == d->y.kernel && from->x == d->x.kernel;
    if (pixel)
        return tfl_elements(d->out) == from->z;
    return to->y == from->y / d->y.kernel && to->x == from->x / d->x.kernel && to->z == from->z;
}

bool pool_is_global(const struct pool_detail *d, const struct shape4 *from, const struct shape4 *to)
{
    struct span first = {0, 1}, y = pool_covered(first, &d->y, from->y), x = pool_covered(first, &d->x, from->x);
    return to->y == 1 && to->x == 1 && span_size(y) == from->y && span_size(x) == from->x;
}

/* An operator that takes a vector of any layout. */
static bool takes_vector(const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    switch (o->code) {
    case TFL_OP_FULLY_CONNECTED: case TFL_OP_SOFTMAX: case TFL_OP_CONCATENATION:
    case TFL_OP_RESHAPE: case TFL_OP_SQUEEZE: case TFL_OP_EXPAND_DIMS:
        return true;
    default:
        return conv_is_product(g, o);
    }
}

/* The input's plane has no halo, for nobody else reads it; who reads the result needs no image. */
static bool can_exchange(const struct plan *p, const struct tfl_operator *pool, const struct value *in,
                         const struct shape4 *from)
{
    const struct tfl_subgraph *g = p->graph;
    if (!channel_pool_fits(from) || in->tensor != &g->tensors[pool->inputs[0]])
        return false;
    for (uint32_t i = 0; i < g->n_operators; i++) {
        const struct tfl_operator *o = &g->operators[i];
        for (uint32_t k = 0; k < o->n_inputs; k++)
            if ((o->inputs[k] == pool->inputs[0] && o != pool) ||
                (o->inputs[k] == pool->outputs[0] && !takes_vector(g, o)))
                return false;
    }
    return true;
}

static void lower_exchange(struct plan *p, uint32_t op, const struct pool_detail *d, uint32_t in)
{
    const void *detail = channel_pool_detail(p->arena, d);
    int32_t z = p->values[in].z;
    uint32_t channels = plan_value(p, d->in, LAYOUT_SLICES, 1, 1, z);
    uint32_t out = plan_value(p, d->out, LAYOUT_SLICES, 1, 1, z);
    struct step *s = plan_step(p, &family_exchange, op);
    s->detail = detail;
    step_reads(p, s, in);
    step_makes(p, s, channels);
    s = plan_step(p, &family_channel_pool, op);
    s->detail = detail;
    step_reads(p, s, channels);
    step_makes(p, s, out);
    p->value_of[p->graph->operators[op].outputs[0]] = out;
}

bool lower_pool(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct pool_detail *d = ARENA_NEW(p->arena, struct pool_detail);
    struct shape4 from, to;
    const char *why;
    if (reduction_of_channels(p->arena, p->graph, o))
        return lower_channel_reduction(p, op);
    if (!pool_of(p->arena, p->graph, o, d, &from, &to, &why))
        return status_fail(p->st, STATUS_INTERNAL, "%s: %s", plan_op_text(p, op), why);
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]);
    bool least = o->code == TFL_OP_REDUCE_MIN; /* the largest of the complements */
    if (least) {
        in = lower_complement(p, op, d->in, in);
        d->in = d->out = p->values[in].tensor;
    }
    bool global = pool_is_global(d, &from, &to);
    if (global && can_exchange(p, o, &p->values[in], &from)) {
        lower_exchange(p, op, d, in);
        return true;
    }
    uint32_t out = plan_value(p, d->out, LAYOUT_GRID, to.y, to.x, to.z);
    if (!global)
        grid_claim_inside(&p->values[in].grid, to.y, to.x, &d->y, &d->x);
    struct step *s = plan_step(p, global ? &family_global_pool : &family_pool, op);
    s->detail = d;
    step_reads(p, s, in);
    step_makes(p, s, out);
    p->value_of[o->outputs[0]] = least ? lower_complement(p, op, d->out, out) : out;
    return true;
}

static bool is_maximum(const struct step *s)
{
    return s->family == &family_pool && ((const struct pool_detail *)s->detail)->kind == POOL_MAX;
}

/* Some tile needs pixels outside the image. */
static bool reads_padding(const struct grid *g)
{
    bool any = false;
    for (int i = 0; i < GRID; i++) {
        any = any || (span_size(g->need_y[i]) > 0 && (g->need_y[i].first < 0 || g->need_y[i].end > g->y));
        any = any || (span_size(g->need_x[i]) > 0 && (g->need_x[i].first < 0 || g->need_x[i].end > g->x));
    }
    return any;
}

void lower_pad_maxima(struct plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (is_maximum(&p->steps[i])) {
            struct value *v = &p->values[p->steps[i].in[0]];
            v->padded_least = !reads_padding(&v->grid);
        }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        struct step *s = &p->steps[i];
        struct value *v = is_maximum(s) ? &p->values[s->in[0]] : NULL;
        if (!v || !v->padded_least)
            continue;
        struct pool_detail *d = ARENA_NEW(p->arena, struct pool_detail);
        *d = *(const struct pool_detail *)s->detail;
        d->padded = true;
        s->detail = d;
        grid_claim(&v->grid, plan_out(p, s)->y, plan_out(p, s)->x, &d->y, &d->x);
    }
}

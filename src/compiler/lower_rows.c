/* Detection heads whose rows are brought into order on the tiles (rows.h). */
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/rows.h"
#include "compiler/view.h"

static bool is_mapped(const struct plan *p, uint32_t op)
{
    for (uint32_t i = 0; i < p->set->n_operators; i++)
        if (p->set->operators[i] == op)
            return true;
    return false;
}

/* CONCATENATION of rows: [1,N,1,c] or [1,N,c] along N. */
static bool is_joining(const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    struct shape4 s;
    if (o->code != TFL_OP_CONCATENATION || o->options.concatenation.activation != TFL_ACT_NONE ||
        !shape4_of(op_output(g, o, 0), &s))
        return false;
    const struct tfl_tensor *t = op_output(g, o, 0);
    int32_t axis = o->options.concatenation.axis;
    axis = axis < 0 ? axis + (int32_t)t->rank : axis;
    return axis == 1 && s.n == 1 && (t->rank == 3 || (t->rank == 4 && s.x == 1));
}

/* Only such, perhaps behind a QUANTIZE, read the tensor on the chip. */
static bool is_only_joined(const struct plan *p, int32_t tensor)
{
    bool any = false;
    for (uint32_t i = 0; i < p->set->n_operators; i++) {
        const struct tfl_operator *o = &p->graph->operators[p->set->operators[i]];
        for (uint32_t k = 0; k < o->n_inputs; k++) {
            if (o->inputs[k] != tensor)
                continue;
            if (!is_joining(p->graph, o) && !(o->code == TFL_OP_QUANTIZE && is_only_joined(p, o->outputs[0])))
                return false;
            any = true;
        }
    }
    return any;
}

static bool is_rename(const struct tfl_operator *o)
{
    return o->code == TFL_OP_RESHAPE || o->code == TFL_OP_SQUEEZE || o->code == TFL_OP_EXPAND_DIMS;
}

/* Channels of the rows that a renaming operator makes of the pixels of an image; 0: it makes none. */
static int32_t rows_made(const struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct shape4 in, out;
    if (!p->rows || p->rearranged[op] || !is_rename(o) || !shape4_of(op_input(p->graph, o, 0), &in) ||
        !shape4_of(op_output(p->graph, o, 0), &out) || in.n != 1 || out.n != 1)
        return 0;
    bool rows = (out.y == 1 || out.x == 1) && in.z % out.z == 0 && is_only_joined(p, o->outputs[0]);
    return rows ? out.z : 0;
}

int32_t lower_row_channels(const struct plan *p, int32_t tensor)
{
    int32_t channels = 0;
    if (p->views->blocks[tensor]) /* no weights make it that could */
        return 0;
    for (uint32_t op = 0; op < p->graph->n_operators; op++) {
        const struct tfl_operator *o = &p->graph->operators[op];
        for (uint32_t k = 0; k < o->n_inputs; k++) {
            if (o->inputs[k] != tensor)
                continue;
            int32_t c = is_mapped(p, op) ? rows_made(p, op) : 0;
            if (c == 0 || (channels && channels != c))
                return 0;
            channels = c;
        }
    }
    for (uint32_t i = 0; i < p->graph->n_outputs; i++)
        if (p->graph->outputs[i] == tensor)
            return 0;
    return channels;
}

static uint32_t add_step(struct plan *p, uint32_t op, const struct family *f, const uint32_t *in, uint32_t n)
{
    const struct tfl_tensor *t = op_output(p->graph, &p->graph->operators[op], 0);
    struct shape4 s = {0};
    shape4_of(t, &s);
    uint32_t out = plan_value(p, t, LAYOUT_GRID, s.y, s.x, s.z);
    struct step *step = plan_step(p, f, op);
    step->detail = rows_detail(p->arena, s.y == 1 && t->rank == 3);
    for (uint32_t k = 0; k < n; k++)
        step_reads(p, step, in[k]);
    step_makes(p, step, out);
    p->value_of[p->graph->operators[op].outputs[0]] = out;
    return out;
}

/* A column of rows becomes a row of them: [1,N,1,c] to [1,N,c]. */
static bool turns_rows(const struct plan *p, uint32_t op, const struct value *v)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = op_output(p->graph, o, 0);
    struct shape4 s;
    return p->rows && is_rename(o) && v->first < p->n_steps && p->steps[v->first].family == &family_join_rows &&
           shape4_of(t, &s) && s.n == 1 && s.z == v->z && t->rank == 3 && s.y == 1 && s.x == v->y && v->x == 1;
}

bool lower_rows(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]);
    const struct value *v = &p->values[in];
    if (v->layout != LAYOUT_GRID)
        return false;
    int32_t c = rows_made(p, op);
    struct shape4 s;
    bool padded = c % 4 == 0 || lower_row_channels(p, o->inputs[0]) == c;
    if (!turns_rows(p, op, v) && (c == 0 || !padded || !shape4_of(op_output(p->graph, o, 0), &s) ||
                                  (int64_t)s.y * s.x * (int64_t)ceil_div(c, 4) != (int64_t)v->y * v->x * v->grid.words))
        return false;
    add_step(p, op, &family_rows, &in, 1);
    return true;
}

bool lower_join_rows(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t in[MAX_INPUTS];
    if (!p->rows || o->n_inputs > MAX_INPUTS || !is_joining(p->graph, o))
        return false;
    bool any = false;
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        in[k] = lower_value(p, (uint32_t)o->inputs[k]);
        const struct value *v = &p->values[in[k]];
        if (v->layout != LAYOUT_GRID || !lower_is_image(p, (uint32_t)o->inputs[k]))
            return false;
        any = any || p->steps[v->first].family == &family_rows;
    }
    if (any)
        add_step(p, op, &family_join_rows, in, o->n_inputs);
    return any;
}

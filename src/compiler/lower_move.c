/* Operators that move values and compute nothing. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/resize.h"
#include "compiler/select.h"
#include "compiler/view.h"

/* Pixels and channel words of one part; `shift`: added to its first channel of the output. */
static void copy_part(struct plan *p, uint32_t op, uint32_t from, uint32_t to, const struct move_part *part,
                      const struct isa_tensor *numbers)
{
    struct pointwise_detail *d = ARENA_NEW(p->arena, struct pointwise_detail);
    int32_t first = part->from / 4;
    *d = (struct pointwise_detail){.numbers = *numbers,
                                   .y = part->y,
                                   .x = part->x,
                                   .from = first,
                                   .to = part->to / 4,
                                   .words = (int32_t)ceil_div(part->from + part->count, 4) - first};
    grid_claim_map(&p->values[from].grid, p->values[to].y, p->values[to].x, &part->y, &part->x);
    struct step *s = plan_step(p, &family_pointwise, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

/* ---- channels that are not whole words: a product with zeroes and ones (select.h) ---- */

const struct tfl_tensor *lower_shaped(struct plan *p, const struct tfl_tensor *like, const struct value *v)
{
    struct tfl_tensor *t = arena_copy(p->arena, like, sizeof *like);
    t->rank = 4;
    t->shape = arena_copy(p->arena, (int32_t[]){1, v->y, v->x, v->z}, 4 * sizeof(int32_t));
    return t;
}

void lower_select_channels(struct plan *p, uint32_t op, const struct tfl_tensor *like, uint32_t in, uint32_t to,
                           const int32_t *from)
{
    const struct value *a = &p->values[in], *b = &p->values[to];
    struct conv_detail *d = ARENA_NEW(p->arena, struct conv_detail);
    *d = (struct conv_detail){
        .op = *select_make(p->arena, like, b->z, a->z, from), .y = {1, 1, 1, 0}, .x = {1, 1, 1, 0}};
    d->op.in = lower_shaped(p, like, a);
    d->op.out = lower_shaped(p, like, b);
    struct step *s = plan_step(p, &family_conv, op);
    s->detail = d;
    step_reads(p, s, in);
    step_makes(p, s, to);
}

/* ---- images ---- */

struct moving {
    struct plan *p;
    uint32_t op;
    const struct tfl_operator *o;
    const struct tfl_tensor *t; /* the output */
    struct move_part *parts;
    uint32_t count, out;
};

static uint32_t input_of(const struct moving *m, uint32_t k)
{
    return lower_value(m->p, (uint32_t)m->o->inputs[m->parts[k].input]);
}

/* Only CONCATENATION joins tensors of different numbers. */
static bool is_rescaled(const struct moving *m, uint32_t k)
{
    return m->o->code == TFL_OP_CONCATENATION &&
           !same_numbers(op_input(m->p->graph, m->o, m->parts[k].input), m->t);
}

static struct isa_tensor copy_numerics(const struct moving *m, uint32_t k)
{
    struct isa_tensor numbers = {0};
    if (is_rescaled(m, k))
        set_rescale_numerics(&numbers, op_input(m->p->graph, m->o, m->parts[k].input), m->t, TFL_ACT_NONE);
    else
        set_copy_numerics(&numbers);
    return numbers;
}

static bool is_whole_axis(const struct axis_map *m, int32_t n)
{
    return m->first == 0 && m->from == 0 && m->step == 1 && m->stride == 1 && m->end == n;
}

/* A part of channel words of whole pixels, which only this part of a CONCATENATION makes: its borders need not wait for
 * those of the others (lane detection). */
static bool is_own_part(const struct moving *m, const struct move_part *part)
{
    const struct value *v = &m->p->values[m->out];
    return m->o->code == TFL_OP_CONCATENATION && is_whole_axis(&part->y, v->y) && is_whole_axis(&part->x, v->x);
}

/* A resized image that nobody else reads is made in its place among the parts (lane detection). */
static bool makes_in_place(const struct moving *m, uint32_t k, uint32_t to)
{
    uint32_t readers = 0, value = input_of(m, k);
    int32_t tensor = m->o->inputs[m->parts[k].input];
    for (uint32_t i = 0; i < m->p->graph->n_operators; i++)
        for (uint32_t j = 0; j < m->p->graph->operators[i].n_inputs; j++)
            readers += m->p->graph->operators[i].inputs[j] == tensor;
    for (uint32_t i = 0; i < m->p->set->n_outputs; i++)
        readers += (int32_t)m->p->set->outputs[i] == tensor;
    struct step *s = &m->p->steps[m->p->values[value].first];
    if (to != m->out || readers != 1 || s->family != &family_resize || s->out != value ||
        m->p->values[value].tensor != &m->p->graph->tensors[tensor])
        return false;
    resize_into(m->p, s, to, m->parts[k].to / 4);
    return true;
}

static void copy_parts(const struct moving *m, uint32_t to)
{
    for (uint32_t k = 0; k < m->count; k++) {
        const struct move_part *part = &m->parts[k];
        struct isa_tensor numbers = copy_numerics(m, k);
        int32_t words = (int32_t)ceil_div(part->count, 4), at = part->to / 4;
        uint32_t from = input_of(m, k);
        if (is_own_part(m, part) && !is_rescaled(m, k) && makes_in_place(m, k, to))
            continue;
        if (is_own_part(m, part) && part->from == 0 && !is_rescaled(m, k) &&
            plane_fits(&m->p->values[to].grid, words))
            lower_plane(m->p, m->op, from, to, (struct plane_detail){.to = at, .words = words});
        else
            copy_part(m->p, m->op, from, to, part, &numbers);
        if (is_own_part(m, part) && part->to % 4 == 0)
            m->p->steps[m->p->n_steps - 1].channels = (struct span){at, at + words};
    }
}

/* The blocks of channels apart, each beginning with a word; then they are moved. */
static void spread_blocks(struct moving *m)
{
    int32_t z = m->parts[0].count, room = (int32_t)round_up(z, 4);
    uint32_t in = input_of(m, 0);
    struct value v = m->p->values[in];
    int32_t *from = ARENA_ARRAY(m->p->arena, int32_t, (size_t)room * m->count);
    uint32_t spread = plan_value(m->p, m->t, LAYOUT_GRID, v.y, v.x, room * (int32_t)m->count);
    struct isa_tensor numbers = {0};
    set_copy_numerics(&numbers);
    for (uint32_t k = 0; k < m->count; k++)
        for (int32_t i = 0; i < z; i++)
            from[(int32_t)k * room + i] = (int32_t)k * z + i;
    lower_select_channels(m->p, m->op, m->t, in, spread, from);
    for (uint32_t k = 0; k < m->count; k++) {
        struct move_part part = m->parts[k];
        part.from = (int32_t)k * room;
        copy_part(m->p, m->op, spread, m->out, &part, &numbers);
    }
}

/* The words that hold the parts side by side; then their channels are picked. */
static void gather_words(struct moving *m)
{
    struct value v = m->p->values[m->out], in = m->p->values[input_of(m, 0)];
    int32_t *from = ARENA_ARRAY(m->p->arena, int32_t, (size_t)v.z), words = 0;
    for (int32_t i = 0; i < v.z; i++)
        from[i] = -1; /* PAD */
    for (uint32_t k = 0; k < m->count; k++) {
        struct move_part *part = &m->parts[k];
        int32_t inside = part->from % 4;
        for (int32_t i = 0; i < part->count; i++)
            from[part->to + i] = 4 * words + inside + i;
        part->to = 4 * words;
        words += (int32_t)ceil_div(inside + part->count, 4);
    }
    uint32_t beside = input_of(m, 0);
    bool pads = m->o->code == TFL_OP_PAD || m->o->code == TFL_OP_PADV2;
    if (!pads || in.y != v.y || in.x != v.x) {
        beside = plan_value(m->p, m->t, LAYOUT_GRID, v.y, v.x, 4 * words);
        copy_parts(m, beside);
    }
    lower_select_channels(m->p, m->op, m->t, beside, m->out, from);
}

/* Blocks of a view (view.h) are picked from the whole pixels of all inputs side by side. */
static void pick_blocks(const struct moving *m, uint32_t blocks)
{
    struct value v = m->p->values[m->out];
    uint32_t inputs = m->count / blocks, beside = input_of(m, 0);
    int32_t *from = ARENA_ARRAY(m->p->arena, int32_t, (size_t)v.z);
    int32_t *at = ARENA_ARRAY(m->p->arena, int32_t, inputs + 1);
    for (uint32_t k = 0; k < inputs; k++)
        at[k + 1] = at[k] + (int32_t)round_up(m->p->values[input_of(m, k)].z, 4);
    if (m->o->code == TFL_OP_CONCATENATION) {
        beside = plan_value(m->p, m->t, LAYOUT_GRID, v.y, v.x, at[inputs]);
        for (uint32_t k = 0; k < inputs; k++) {
            struct isa_tensor numbers = copy_numerics(m, k);
            const struct move_part whole = {
                .y = axis_same(v.y), .x = axis_same(v.x), .to = at[k], .count = m->p->values[input_of(m, k)].z};
            copy_part(m->p, m->op, input_of(m, k), beside, &whole, &numbers);
        }
    }
    for (uint32_t k = 0; k < m->count; k++)
        for (int32_t i = 0; i < m->parts[k].count; i++)
            from[m->parts[k].to + i] = at[k % inputs] + m->parts[k].from + i;
    lower_select_channels(m->p, m->op, m->t, beside, m->out, from);
}

/* ---- vectors: SLICE and SPLIT ---- */

uint32_t lower_select_vector(struct plan *p, uint32_t op, const struct tfl_tensor *like, uint32_t in, int32_t z,
                             const int32_t *from)
{
    uint32_t whole = lower_whole(p, in, (1 << slices_of(z).tiles) - 1, op);
    uint32_t out = plan_value(p, like, LAYOUT_SLICES, 1, 1, z);
    struct step *s = plan_step(p, &family_fully_connected, op);
    s->detail = select_make(p->arena, like, z, p->values[whole].z, from);
    step_reads(p, s, whole);
    step_makes(p, s, out);
    return out;
}

static uint32_t select_from_vector(const struct moving *m)
{
    int32_t z = m->parts[0].count, *from = ARENA_ARRAY(m->p->arena, int32_t, (size_t)z);
    for (int32_t i = 0; i < z; i++)
        from[i] = m->parts[0].from + i;
    return lower_select_vector(m->p, m->op, m->t, input_of(m, 0), z, from);
}

static bool lower_output(struct plan *p, uint32_t op, uint32_t output)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct moving m = {.p = p, .op = op, .o = o, .t = op_output(p->graph, o, output)};
    struct shape4 s;
    const char *why;
    const struct move_part *parts = view_parts(p->arena, p->views, op, output, &m.count, &why);
    if (!parts || !shape4_of(m.t, &s))
        return status_fail(p->st, STATUS_INTERNAL, "%s cannot be taken apart", plan_op_text(p, op));
    m.parts = arena_copy(p->arena, parts, m.count * sizeof *parts);
    if (!lower_is_image(p, (uint32_t)o->inputs[m.parts[0].input])) {
        p->value_of[o->outputs[output]] = select_from_vector(&m);
        return true;
    }
    m.out = plan_value(p, m.t, LAYOUT_GRID, s.y, s.x, s.z);
    p->value_of[o->outputs[output]] = m.out;
    if (move_is_by_words(m.parts, m.count, s.z)) {
        copy_parts(&m, m.out);
        if (o->code == TFL_OP_CONCATENATION && p->early)
            plan_step(p, &family_joined, op);
    } else if (p->views->blocks[o->outputs[output]])
        pick_blocks(&m, (uint32_t)p->views->blocks[o->outputs[output]]);
    else if (o->code == TFL_OP_DEPTH_TO_SPACE)
        spread_blocks(&m);
    else
        gather_words(&m);
    return true;
}

bool lower_move(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    for (uint32_t k = 0; k < o->n_outputs; k++)
        if (!lower_output(p, op, k))
            return false;
    return true;
}

/* RESHAPE of an image to rows has left it as it is (support_parts.c). */
static bool joins_rows(struct plan *p, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (p->values[lower_value(p, (uint32_t)o->inputs[k])].layout == LAYOUT_GRID &&
            !lower_is_image(p, (uint32_t)o->inputs[k]))
            return true;
    return false;
}

bool lower_join(struct plan *p, uint32_t op)
{
    if (lower_join_rows(p, op))
        return true;
    if (joins_rows(p, &p->graph->operators[op])) {
        lower_join_parts(p, op);
        return true;
    }
    return is_pixel(op_output(p->graph, &p->graph->operators[op], 0)) ? lower_concatenation(p, op)
                                                                      : lower_move(p, op);
}

/* ---- PAD ---- */

/* All who read the tensor are convolutions of the set without padding of their own. */
static bool only_valid_windows(const struct plan *p, int32_t tensor)
{
    for (uint32_t i = 0; i < p->set->n_outputs; i++)
        if ((int32_t)p->set->outputs[i] == tensor)
            return false;
    for (uint32_t i = 0; i < p->set->n_operators; i++) {
        const struct tfl_operator *o = &p->graph->operators[p->set->operators[i]];
        bool conv = o->code == TFL_OP_CONV_2D && o->options.conv_2d.padding == TFL_PAD_VALID;
        bool depthwise = o->code == TFL_OP_DEPTHWISE_CONV_2D && o->options.depthwise_conv_2d.padding == TFL_PAD_VALID;
        for (uint32_t k = 0; k < o->n_inputs; k++)
            if (o->inputs[k] == tensor && !conv && !depthwise)
                return false;
    }
    return true;
}

/* A PAD of rows and columns that the convolutions behind it make as their own padding. */
static bool is_free(const struct plan *p, uint32_t op, int32_t *top, int32_t *left)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    return (o->code == TFL_OP_PAD || o->code == TFL_OP_PADV2) && !p->rearranged[op] &&
           only_valid_windows(p, o->outputs[0]) && move_padding(p->arena, p->graph, o, top, left);
}

bool lower_pad(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    int32_t top, left;
    if (!is_free(p, op, &top, &left))
        return lower_move(p, op);
    p->value_of[o->outputs[0]] = lower_value(p, (uint32_t)o->inputs[0]);
    return true;
}

void lower_padding(const struct plan *p, int32_t tensor, int32_t *top, int32_t *left)
{
    *top = *left = 0;
    for (uint32_t i = 0; i < p->set->n_operators; i++)
        if (p->graph->operators[p->set->operators[i]].outputs[0] == tensor)
            is_free(p, p->set->operators[i], top, left);
}

#include "compiler/lower.h"

#include "compiler/families.h"
#include "compiler/layers.h"
#include "compiler/operators.h"
#include "compiler/order.h"
#include "compiler/rearrange.h"

uint32_t lower_value(struct plan *p, uint32_t tensor) { return p->value_of[tensor]; }

bool lower_is_image(const struct plan *p, uint32_t tensor)
{
    const struct value *v = &p->values[p->value_of[tensor]];
    struct shape4 s;
    return v->layout == LAYOUT_GRID && shape4_of(&p->graph->tensors[tensor], &s) && s.y == v->y && s.x == v->x &&
           s.z == v->z;
}

/* What a step of this kind has made of `value` already, if any. */
static uint32_t made_by(const struct plan *p, const struct family *f, uint32_t value)
{
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].family == f && p->steps[i].in[0] == value)
            return p->steps[i].out;
    return NO_VALUE;
}

uint32_t lower_whole(struct plan *p, uint32_t value, int32_t tiles, uint32_t op)
{
    struct value v = p->values[value];
    const struct family *f = v.layout == LAYOUT_GRID ? &family_collect : &family_gather;
    uint32_t whole = v.layout == LAYOUT_WHOLE ? value : made_by(p, f, value);
    if (whole == NO_VALUE) {
        int32_t pixels = v.y * v.x, z = pixels == 1 ? v.z : pixels * 4 * v.grid.words; /* pixels are whole words */
        whole = plan_value(p, v.tensor, LAYOUT_WHOLE, 1, 1, z);
        struct step *s = plan_step(p, f, op);
        step_reads(p, s, value);
        step_makes(p, s, whole);
    }
    p->values[whole].tiles |= tiles;
    return whole;
}

uint32_t lower_slices(struct plan *p, uint32_t value, uint32_t op)
{
    static const struct join_detail alone = {.first = true, .last = true};
    if (p->values[value].layout == LAYOUT_SLICES)
        return value;
    uint32_t whole = lower_whole(p, value, 1, op);
    struct value v = p->values[whole];
    uint32_t slices = plan_value(p, v.tensor, LAYOUT_SLICES, 1, 1, v.z);
    struct step *s = plan_step(p, &family_join, op);
    s->detail = &alone;
    step_reads(p, s, whole);
    step_makes(p, s, slices);
    return slices;
}

enum reading { READ_AS_IMAGE = 1, READ_AS_VECTOR = 2 };

/* How the operators of the set take the tensor, perhaps under another name.  0: it only passes through. */
static int readings(const struct plan *p, const struct partition *set, int32_t tensor)
{
    int how = 0;
    for (uint32_t i = 0; i < set->n_operators; i++) {
        const struct tfl_operator *o = &p->graph->operators[set->operators[i]];
        const struct operator_rule *rule = operator_rule_of(o->code);
        for (uint32_t k = 0; rule && k < o->n_inputs; k++) {
            if (o->inputs[k] != tensor)
                continue;
            bool renamed = support_is_alias(p->graph, o) && !p->rearranged[set->operators[i]];
            if (rule->either && !renamed && !is_pixel(&p->graph->tensors[tensor]))
                how |= READ_AS_IMAGE;
            else if (p->rearranged[set->operators[i]])
                how |= READ_AS_VECTOR;
            else if (rule->either && !rule->vectors)
                how |= readings(p, set, o->outputs[0]);
            else
                how |= rule->image ? READ_AS_IMAGE : READ_AS_VECTOR;
        }
    }
    return how;
}

/* All that is done with the tensor, perhaps after QUANTIZE, is a RESHAPE of one row of pixels: it comes as an image, as
 * officially (catalogue: dense layers on 28x28 digits). */
static bool is_line(const struct plan *p, const struct partition *set, int32_t tensor)
{
    struct shape4 s;
    bool any = false, one_row = shape4_of(&p->graph->tensors[tensor], &s) && s.y == 1;
    for (uint32_t i = 0; i < set->n_operators; i++) {
        const struct tfl_operator *o = &p->graph->operators[set->operators[i]];
        for (uint32_t k = 0; k < o->n_inputs; k++) {
            if (o->inputs[k] != tensor)
                continue;
            if (!(one_row && reshapes_raster(p->graph, o)) &&
                !(o->code == TFL_OP_QUANTIZE && is_line(p, set, o->outputs[0])))
                return false;
            any = true;
        }
    }
    return any;
}

/* Images that only pass through come and go as images: a vector of their size need not fit. */
static void lower_input(struct plan *p, const struct partition *set, uint32_t tensor)
{
    const struct tfl_tensor *t = &p->graph->tensors[tensor];
    struct shape4 s;
    int how = readings(p, set, (int32_t)tensor);
    bool image = !t->is_variable && shape4_of(t, &s) &&
                 (how & READ_AS_IMAGE || (how == 0 && s.y * s.x > 1) || is_line(p, set, (int32_t)tensor));
    uint32_t v = image ? plan_value(p, t, LAYOUT_GRID, s.y, s.x, s.z)
                       : plan_value(p, t, LAYOUT_SLICES, 1, 1, (int32_t)tfl_elements(t));
    struct step *step = plan_step(p, image ? &family_infeed_image : &family_infeed_vector, NO_OPERATOR);
    if (image)
        step->detail = infeed_image_detail(p->arena);
    p->value_of[tensor] = v;
    step_makes(p, step, v);
}

static bool lower_operator(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct operator_rule *rule = operator_rule_of(o->code);
    if (!rule)
        return status_fail(p->st, STATUS_INTERNAL, "%s has no lowering", plan_op_text(p, op));
    return p->rearranged[op] ? lower_rearrange(p, op) : rule->lower(p, op);
}

/* What is read outside the set is not ready for an operator before it is made inside. */
static bool is_ready(const struct plan *p, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (o->inputs[k] >= 0 && p->graph->tensors[o->inputs[k]].data.size == 0 &&
            p->value_of[o->inputs[k]] == NO_VALUE)
            return false;
    return true;
}

/* The product of a tensor with itself follows its maker at once (looming_*): it comes to stand at `next`. */
static void next_square(const struct plan *p, const struct partition *set, uint32_t *queue, bool *queued,
                        uint32_t next, uint32_t *n)
{
    for (uint32_t i = 0; i < set->n_operators; i++) {
        const struct tfl_operator *o = &p->graph->operators[set->operators[i]];
        if (queued[i] || o->code != TFL_OP_MUL || o->inputs[0] != o->inputs[1] || !is_ready(p, o))
            continue;
        queued[i] = true;
        memmove(queue + next + 1, queue + next, (*n - next) * sizeof *queue);
        queue[next] = set->operators[i];
        ++*n;
    }
}

static bool is_made_here(const struct plan *p, const struct partition *set, uint32_t tensor)
{
    for (uint32_t i = 0; i < set->n_operators; i++)
        for (uint32_t k = 0; k < p->graph->operators[set->operators[i]].n_outputs; k++)
            if (p->graph->operators[set->operators[i]].outputs[k] == (int32_t)tensor)
                return true;
    return false;
}

static void lower_output(struct plan *p, uint32_t tensor)
{
    uint32_t v = lower_value(p, tensor);
    if (p->values[v].layout == LAYOUT_PARTS) {
        lower_parts_to_host(p, tensor);
        return;
    }
    bool image = p->values[v].layout == LAYOUT_GRID;
    struct step *s = plan_step(p, image ? &family_outfeed_image : &family_outfeed_vector, NO_OPERATOR);
    step_reads(p, s, v);
    s->detail = &p->graph->tensors[tensor];
}

/* What the operator has made for the host. */
static void lower_outputs_of(struct plan *p, const struct partition *set, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    for (uint32_t k = 0; k < o->n_outputs; k++)
        for (uint32_t i = 0; i < set->n_outputs; i++)
            if ((int32_t)set->outputs[i] == o->outputs[k])
                lower_output(p, set->outputs[i]);
}

/* The operators of the set in the order of a queue: one enters it when its last input is made (lane detection,
 * 23 operators).  False: the lowering of one failed. */
static bool lower_operators(struct plan *p, const struct partition *set)
{
    uint32_t *queue = ARENA_ARRAY(p->arena, uint32_t, set->n_operators), n = 0;
    bool *queued = ARENA_ARRAY(p->arena, bool, set->n_operators);
    for (uint32_t done = 0;; done++) {
        for (uint32_t i = 0; i < set->n_operators; i++) {
            if (queued[i] || !is_ready(p, &p->graph->operators[set->operators[i]]))
                continue;
            queued[i] = true;
            queue[n++] = set->operators[i];
        }
        if (done == n)
            return n == set->n_operators || status_fail(p->st, STATUS_INTERNAL, "operators wait for each other");
        if (!lower_operator(p, queue[done]))
            return false;
        if (p->early)
            lower_outputs_of(p, set, queue[done]);
        next_square(p, set, queue, queued, done + 1, &n);
    }
}

/* ---- heads of detection ---- */

static bool is_of_heads(enum tfl_builtin code)
{
    return code == TFL_OP_CONV_2D || code == TFL_OP_DEPTHWISE_CONV_2D || code == TFL_OP_RESHAPE ||
           code == TFL_OP_SQUEEZE || code == TFL_OP_EXPAND_DIMS || code == TFL_OP_CONCATENATION ||
           code == TFL_OP_LOGISTIC || code == TFL_OP_QUANTIZE;
}

/* Images become rows, and nothing else is there but convolutions: steps of other kinds count on what the queue puts
 * before them. */
static bool is_heads(const struct plan *p, const struct partition *set)
{
    enum { MOST = 512 }; /* operators: each is compared with all others */
    bool any = false;
    for (uint32_t i = 0; i < set->n_operators && set->n_operators <= MOST; i++)
        any = any || lower_row_channels(p, p->graph->operators[set->operators[i]].outputs[0]) > 0;
    for (uint32_t i = 0; i < set->n_operators; i++)
        any = any && is_of_heads(p->graph->operators[set->operators[i]].code);
    return any;
}

/* Inputs come in before their first reader, outputs leave as soon as they are made. */
static bool lower_heads(struct plan *p, const struct partition *set)
{
    bool *done = ARENA_ARRAY(p->arena, bool, set->n_operators);
    for (uint32_t n = 0; n < set->n_operators; n++) {
        uint32_t next = order_next(p, set, done);
        if (next == set->n_operators)
            return status_fail(p->st, STATUS_INTERNAL, "operators wait for each other");
        const struct tfl_operator *o = &p->graph->operators[set->operators[next]];
        for (uint32_t k = 0; k < o->n_inputs; k++)
            for (uint32_t i = 0; i < set->n_inputs; i++)
                if ((int32_t)set->inputs[i] == o->inputs[k] && p->value_of[o->inputs[k]] == NO_VALUE)
                    lower_input(p, set, set->inputs[i]);
        if (!lower_operator(p, set->operators[next]))
            return false;
        done[next] = true;
        lower_outputs_of(p, set, set->operators[next]);
    }
    return true;
}

/* ---- operands in planes of one shape ---- */

static bool one_shape(const struct plan *p, const struct step *s)
{
    for (uint32_t k = 1; k < s->n_in; k++) {
        const struct value *a = plan_in(p, s, 0), *b = plan_in(p, s, k);
        if (a->layout == LAYOUT_GRID && !grid_same_planes(&a->grid, &b->grid))
            return false;
    }
    return true;
}

void lower_copy(struct plan *p, uint32_t op, uint32_t from, uint32_t to, struct axis_map y, struct axis_map x)
{
    struct pointwise_detail *d = ARENA_NEW(p->arena, struct pointwise_detail);
    *d = (struct pointwise_detail){.y = y, .x = x, .words = p->values[to].grid.words};
    set_copy_numerics(&d->numbers);
    struct step *s = plan_step(p, &family_pointwise, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

struct step *lower_plane(struct plan *p, uint32_t op, uint32_t from, uint32_t to, struct plane_detail d)
{
    struct step *s = plan_step(p, &family_plane, op);
    s->detail = arena_copy(p->arena, &d, sizeof d);
    step_reads(p, s, from);
    step_makes(p, s, to);
    return s;
}

uint32_t lower_plain(struct plan *p, uint32_t value, uint32_t op)
{
    struct value v = p->values[value];
    uint32_t plain = plan_value(p, v.tensor, LAYOUT_GRID, v.y, v.x, v.z);
    if (plane_fits(&v.grid, v.grid.words))
        lower_plane(p, op, value, plain, (struct plane_detail){.words = v.grid.words});
    else
        lower_copy(p, op, value, plain, axis_same(v.y), axis_same(v.x));
    return plain;
}

/* An operand whose plane has a border, because others need one, is copied without it (lane detection). */
static void add_plain_copies(struct plan *p, uint32_t op, uint32_t in[MAX_INPUTS], uint32_t n_in)
{
    for (uint32_t k = 0; k < n_in; k++) {
        if (!grid_has_halo(&p->values[in[k]].grid))
            continue;
        uint32_t plain = lower_plain(p, in[k], op);
        for (uint32_t j = k + 1; j < n_in; j++)
            in[j] = in[j] == in[k] ? plain : in[j];
        in[k] = plain;
    }
}

static void equalise_operands(struct plan *p)
{
    const struct step *old = p->steps;
    uint32_t n = p->n_steps;
    bool any = false;
    for (uint32_t i = 0; i < n; i++)
        any = any || (old[i].family->same_planes && !one_shape(p, &old[i]));
    if (!any)
        return;
    p->steps = NULL, p->n_steps = 0, p->steps_capacity = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct step s = old[i];
        if (s.family->same_planes && !one_shape(p, &s))
            add_plain_copies(p, s.op, s.in, s.n_in);
        *plan_step(p, s.family, s.op) = s;
    }
    plan_count_lives(p);
}

/* The new value of a variable, under the name by which the runtime knows it. */
static void lower_variable_output(struct plan *p, uint32_t tensor)
{
    struct tfl_tensor *named = ARENA_NEW(p->arena, struct tfl_tensor);
    *named = p->graph->tensors[tensor];
    named->name = layers_variable_output(p, tensor);
    struct step *s = plan_step(p, &family_outfeed_vector, NO_OPERATOR);
    step_reads(p, s, lower_value(p, tensor));
    s->detail = named;
}

bool lower_partition(struct plan *p, const struct partition *set)
{
    p->set = set;
    if (is_heads(p, set)) {
        if (!lower_heads(p, set))
            return false;
        lower_pad_maxima(p);
        equalise_operands(p);
        return true;
    }
    for (uint32_t i = 0; i < set->n_inputs; i++)
        lower_input(p, set, set->inputs[i]);
    if (!lower_operators(p, set))
        return false;
    for (uint32_t i = 0; i < set->n_outputs; i++)
        if (!p->early || !is_made_here(p, set, set->outputs[i]))
            lower_output(p, set->outputs[i]);
    for (uint32_t i = 0; i < set->n_inputs; i++)
        if (p->graph->tensors[set->inputs[i]].is_variable)
            lower_variable_output(p, set->inputs[i]);
    lower_pad_maxima(p);
    equalise_operands(p);
    return true;
}

#include "compiler/view.h"

#include "compiler/numerics.h"
#include "compiler/operators.h"

enum { CONSTANT_LIMIT = 1 << 22 }; /* elements of a constant that is repeated to an image */

struct view {
    int32_t y, x, blocks; /* blocks 0: none */
};

struct finder {
    struct arena *a;
    const struct graph *g;
    struct view *of; /* by tensor */
};

static const struct tfl_operator *operator_of(const struct finder *f, uint32_t op)
{
    return &f->g->source->operators[op];
}

static const struct tfl_tensor *tensor_of(const struct finder *f, int32_t t) { return &f->g->source->tensors[t]; }

static bool is_rename(enum tfl_builtin code)
{
    return code == TFL_OP_RESHAPE || code == TFL_OP_SQUEEZE || code == TFL_OP_EXPAND_DIMS;
}

static bool is_elementwise(enum tfl_builtin code)
{
    switch (code) {
    case TFL_OP_ADD: case TFL_OP_SUB: case TFL_OP_MUL: case TFL_OP_MAXIMUM: case TFL_OP_MINIMUM:
    case TFL_OP_SQUARED_DIFFERENCE: case TFL_OP_LOGISTIC: case TFL_OP_TANH: case TFL_OP_EXP: case TFL_OP_RSQRT:
    case TFL_OP_RELU: case TFL_OP_RELU6: case TFL_OP_RELU_N1_TO_1: case TFL_OP_QUANTIZE: return true;
    default: return false;
    }
}

static bool moves_channels(enum tfl_builtin code)
{
    return code == TFL_OP_CONCATENATION || code == TFL_OP_SLICE || code == TFL_OP_STRIDED_SLICE ||
           code == TFL_OP_SPLIT || code == TFL_OP_SPLIT_V;
}

static bool is_activation(const struct tfl_tensor *t) { return t && t->data.size == 0 && is_quantised(t); }

/* Shape of a tensor that a view with these pixels and blocks can stand for. */
static bool has_shape(const struct tfl_tensor *t, const struct view *v)
{
    return is_activation(t) && t->rank == 4 && t->shape[0] == 1 && t->shape[1] == v->y * v->x &&
           t->shape[2] == v->blocks && t->shape[3] > 0;
}

static bool same_view(const struct view *a, const struct view *b)
{
    return a->blocks == b->blocks && a->y == b->y && a->x == b->x;
}

/* ---- where views begin ---- */

bool view_may_begin_or_end(const struct tfl_tensor *t)
{
    enum { TILE_LIMIT = NARROW_WORDS }; /* bytes: a quarter */
    struct shape4 s;
    return shape4_of(t, &s) && ceil_div(s.y, GRID) * ceil_div(s.x, GRID) * round_up(s.z, 4) <= TILE_LIMIT;
}

static bool begins(const struct finder *f, const struct tfl_operator *o, struct view *v)
{
    const struct tfl_tensor *in = op_input(f->g->source, o, 0), *out = op_output(f->g->source, o, 0);
    struct shape4 s;
    if (o->code != TFL_OP_RESHAPE || !is_activation(in) || f->of[o->inputs[0]].blocks || !shape4_of(in, &s) ||
        s.n != 1 || (int64_t)s.y * s.x < 2 || (int64_t)s.y * s.x > INT32_MAX || out->rank != 4 || out->shape[2] < 2)
        return false;
    *v = (struct view){s.y, s.x, out->shape[2]};
    return has_shape(out, v) && view_may_begin_or_end(out) &&
           (int64_t)out->shape[2] * out->shape[3] == s.z && in->type == out->type && same_numbers(in, out);
}

/* ---- what goes on with them ---- */

static bool constant_can_be_viewed(const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    int64_t n = tfl_elements(t);
    return t->quant.count == 1 && t->data.size == (size_t)n && (n == 1 || constant_fits(t, out)) &&
           tfl_elements(out) <= CONSTANT_LIMIT;
}

static bool goes_on_by_element(const struct finder *f, const struct tfl_operator *o, struct view *v)
{
    const struct tfl_tensor *out = op_output(f->g->source, o, 0);
    *v = (struct view){0};
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (o->inputs[k] >= 0 && f->of[o->inputs[k]].blocks)
            *v = f->of[o->inputs[k]];
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        const struct tfl_tensor *in = op_input(f->g->source, o, k);
        bool viewed = in && same_view(&f->of[o->inputs[k]], v) && in->shape[3] == out->shape[3];
        if (!in || !(in->data.size ? constant_can_be_viewed(in, out) : viewed))
            return false;
    }
    return true;
}

/* Every part takes whole pixels, and all come from views of the same pixels. */
static bool goes_on_by_channels(const struct finder *f, const struct tfl_operator *o, uint32_t output, struct view *v)
{
    const char *why;
    uint32_t count;
    const struct move_part *part = move_parts(f->a, f->g->source, o, output, &count, &why);
    if (!part || (o->code == TFL_OP_CONCATENATION && o->options.concatenation.activation != TFL_ACT_NONE))
        return false;
    *v = f->of[o->inputs[part->input]];
    for (uint32_t i = 0; i < count; i++) {
        const struct axis_map *m[2] = {&part[i].y, &part[i].x};
        if (!same_view(&f->of[o->inputs[part[i].input]], v))
            return false;
        for (int k = 0; k < 2; k++)
            if (m[k]->first != 0 || m[k]->from != 0 || m[k]->step != 1 || m[k]->stride != 1 ||
                m[k]->end != (k == 0 ? v->y * v->x : v->blocks))
                return false;
    }
    return true;
}

static bool reads_view(const struct finder *f, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (o->inputs[k] >= 0 && f->of[o->inputs[k]].blocks)
            return true;
    return false;
}

static void find(const struct finder *f, uint32_t op)
{
    const struct tfl_operator *o = operator_of(f, op);
    struct status st = {0};
    bool on = reads_view(f, o) && (is_elementwise(o->code) || moves_channels(o->code));
    if ((!on && o->code != TFL_OP_RESHAPE) || !graph_check(f->a, f->g->source, op, &st))
        return;
    for (uint32_t k = 0; k < o->n_outputs; k++) {
        struct view v;
        bool good = !on                     ? begins(f, o, &v)
                    : is_elementwise(o->code) ? goes_on_by_element(f, o, &v)
                                              : goes_on_by_channels(f, o, k, &v);
        if (good && has_shape(op_output(f->g->source, o, k), &v))
            f->of[o->outputs[k]] = v;
    }
}

/* ---- those that somebody takes for what they are not, are none ---- */

static bool makes_views(const struct finder *f, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k < o->n_outputs; k++)
        if (f->of[o->outputs[k]].blocks == 0)
            return false;
    return o->n_outputs > 0;
}

/* Operators that never run on the chip and those that rename see elements in order. */
static bool is_understood(const struct finder *f, int32_t tensor)
{
    const struct graph_tensor *t = &f->g->tensors[tensor];
    bool used = t->producer == GRAPH_NONE || operator_of(f, t->producer)->code != TFL_OP_RESHAPE;
    for (uint32_t i = 0; i < t->n_consumers; i++) {
        const struct tfl_operator *o = operator_of(f, t->consumers[i]);
        bool on = !is_rename(o->code) && makes_views(f, o);
        if (operator_rule_of(o->code) && !is_rename(o->code) && !on)
            return false;
        used = used || on;
    }
    return used; /* a RESHAPE that nobody goes on with is none of these */
}

static bool is_made(const struct finder *f, const struct tfl_operator *o)
{
    if (o->code == TFL_OP_RESHAPE)
        return true;
    bool all = makes_views(f, o);
    for (uint32_t k = 0; k < o->n_inputs; k++)
        all = all && (o->inputs[k] < 0 || !is_activation(tensor_of(f, o->inputs[k])) || f->of[o->inputs[k]].blocks);
    return all;
}

static bool drop(const struct finder *f)
{
    bool dropped = false;
    for (uint32_t t = 0; t < f->g->source->n_tensors; t++) {
        if (f->of[t].blocks == 0)
            continue;
        if (is_understood(f, (int32_t)t) && is_made(f, operator_of(f, f->g->tensors[t].producer)))
            continue;
        f->of[t].blocks = 0;
        dropped = true;
    }
    return dropped;
}

/* ---- the graph with images ---- */

struct builder {
    const struct finder *find;
    struct tfl_subgraph *g;
    int32_t *blocks;
};

static void set_image(struct builder *b, int32_t tensor)
{
    const struct view *v = &b->find->of[tensor];
    struct tfl_tensor *t = &b->g->tensors[tensor];
    const int32_t shape[4] = {1, v->y, v->x, v->blocks * t->shape[3]};
    t->shape = arena_copy(b->find->a, shape, sizeof shape);
    b->blocks[tensor] = v->blocks;
}

/* The constant as it is for the image: one for each channel stays that, any other gets an element for each of the
 * image's.  `out`: the result under its own name. */
static int32_t add_constant(struct builder *b, int32_t tensor, const struct tfl_tensor *out, const struct view *v)
{
    struct arena *a = b->find->a;
    const struct tfl_tensor *t = tensor_of(b->find, tensor);
    bool pixel = !is_constant_image(t, out);
    const int32_t shape[4] = {1, pixel ? 1 : v->y, pixel ? 1 : v->x, v->blocks * out->shape[3]};
    size_t n = (size_t)shape[1] * (size_t)shape[2] * (size_t)shape[3];
    uint8_t *data = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        data[i] = t->data.data[constant_index(t, out, i)];
    struct tfl_tensor *image = &b->g->tensors[b->g->n_tensors];
    *image = *t;
    image->rank = 4;
    image->has_rank = true;
    image->shape = arena_copy(a, shape, sizeof shape);
    image->data = bytes_of(data, n);
    return (int32_t)b->g->n_tensors++;
}

static void set_operator(struct builder *b, uint32_t op)
{
    const struct finder *f = b->find;
    struct tfl_operator *o = &b->g->operators[op];
    if (!o->n_outputs || f->of[o->outputs[0]].blocks == 0)
        return;
    if (o->code == TFL_OP_RESHAPE) {
        o->code = TFL_OP_QUANTIZE;
        o->n_inputs = 1;
        return;
    }
    if (!is_elementwise(o->code))
        return;
    o->inputs = arena_copy(f->a, o->inputs, o->n_inputs * sizeof *o->inputs);
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (tfl_elements(tensor_of(f, o->inputs[k])) > 1 && tensor_of(f, o->inputs[k])->data.size)
            o->inputs[k] = add_constant(b, o->inputs[k], tensor_of(f, o->outputs[0]), &f->of[o->outputs[0]]);
}

static const struct graph *build(const struct finder *f, int32_t **blocks)
{
    const struct tfl_subgraph *old = f->g->source;
    uint32_t room = old->n_tensors;
    for (uint32_t op = 0; op < old->n_operators; op++)
        room += operator_of(f, op)->n_inputs;
    struct tfl_subgraph *g = arena_copy(f->a, old, sizeof *old);
    struct builder b = {f, g, ARENA_ARRAY(f->a, int32_t, room)};
    struct graph *built = ARENA_NEW(f->a, struct graph);
    struct status st = {0};
    g->tensors = ARENA_ARRAY(f->a, struct tfl_tensor, room);
    memcpy(g->tensors, old->tensors, old->n_tensors * sizeof *old->tensors);
    g->operators = arena_copy(f->a, old->operators, old->n_operators * sizeof *old->operators);
    for (uint32_t t = 0; t < old->n_tensors; t++)
        if (f->of[t].blocks)
            set_image(&b, (int32_t)t);
    for (uint32_t op = 0; op < g->n_operators; op++)
        set_operator(&b, op);
    *blocks = b.blocks;
    return graph_build(f->a, g, built, &st) ? built : NULL;
}

struct views view_graph(struct arena *a, const struct graph *g)
{
    struct finder f = {a, g, ARENA_ARRAY(a, struct view, g->source->n_tensors)};
    int32_t *blocks;
    bool any = false;
    for (uint32_t op = 0; op < g->source->n_operators; op++)
        find(&f, op);
    while (drop(&f))
        ;
    for (uint32_t t = 0; t < g->source->n_tensors; t++)
        any = any || f.of[t].blocks;
    const struct graph *images = any ? build(&f, &blocks) : NULL;
    if (!images)
        blocks = ARENA_ARRAY(a, int32_t, g->source->n_tensors);
    return (struct views){.original = g->source, .graph = images ? images : g, .blocks = blocks};
}

/* ---- channels that move ---- */

const struct move_part *view_parts(struct arena *a, const struct views *v, uint32_t op, uint32_t k, uint32_t *count,
                                   const char **why)
{
    const struct tfl_operator *o = &v->original->operators[op];
    const struct tfl_tensor *images = v->graph->source->tensors;
    const struct move_part *part = move_parts(a, v->original, o, k, count, why);
    int32_t blocks = v->blocks[o->outputs[k]];
    if (!part || blocks == 0)
        return part;
    const int32_t *shape = images[o->outputs[k]].shape;
    struct move_part *all = ARENA_ARRAY(a, struct move_part, *count * (uint32_t)blocks), *next = all;
    for (int32_t block = 0; block < blocks; block++)
        for (uint32_t i = 0; i < *count; i++) {
            int32_t from = images[o->inputs[part[i].input]].shape[3] / blocks, to = shape[3] / blocks;
            *next++ = (struct move_part){.input = part[i].input,
                                         .y = axis_same(shape[1]),
                                         .x = axis_same(shape[2]),
                                         .from = block * from + part[i].from,
                                         .to = block * to + part[i].to,
                                         .count = part[i].count};
        }
    *count *= (uint32_t)blocks;
    return all;
}

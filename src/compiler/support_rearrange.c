/* Which operators run as a rearrangement of bytes (rearrange.h): those whose inputs fit every tile whole. */
#include "compiler/numerics.h"
#include "compiler/operators.h"
#include "compiler/rearrange.h"
#include "compiler/rule.h"

enum {
    WHOLE_LIMIT = 1 << 16,                 /* bytes of all inputs in whole words, as of every vector */
    INSTRUCTION_LIMIT = 1024,              /* of one operator: a quarter of a MiB */
    NARROW_LIMIT = NARROW_WORDS / 4 * 3,   /* words of inputs, result and buffer in between on a tile */
};

/* The image that the tensor is on the chip, if it has another name there. */
static const struct tfl_tensor *as_made(const struct support *s, int32_t tensor)
{
    const struct tfl_subgraph *g = s->graph->source;
    for (uint32_t k = 0; k < g->n_operators; k++) {
        uint32_t maker = s->graph->tensors[tensor].producer;
        if (maker == GRAPH_NONE || s->verdicts[maker].why || s->rearranged[maker] ||
            !support_is_alias(g, &g->operators[maker]))
            break;
        tensor = g->operators[maker].inputs[0];
    }
    return &g->tensors[tensor];
}

/* padded: every pixel in whole words, as an image; else one behind another, as a vector. */
static struct rearrange_source source_of(const struct tfl_tensor *t, bool padded, int64_t at)
{
    int64_t n = tfl_elements(t);
    int32_t z = padded && t->rank ? t->shape[t->rank - 1] : (int32_t)n;
    return (struct rearrange_source){
        .elements = n, .z = z, .pitch = padded ? (int32_t)round_up(z, 4) : (int32_t)n, .at = (int32_t)at};
}

static int64_t bytes_of_source(const struct rearrange_source *x)
{
    return round_up(x->elements / x->z * x->pitch, 4);
}

struct costs {
    const struct support *s;
    const struct tfl_operator *o;
    struct rearrange_source sources[MAX_INPUTS];
    int64_t bytes;
};

static const char *too_dear(const struct costs *c, const struct rearrange_detail *d, const struct value *like)
{
    struct arena *a = c->s->arena;
    struct rearrange_cost cost = rearrange_cost_of(a, d, like);
    int64_t words = c->bytes / 4 + cost.between +
                    (like->layout == LAYOUT_GRID ? grid_words(&like->grid) : slices_of(like->z).words);
    if (cost.instructions > INSTRUCTION_LIMIT)
        return arena_text(a, "it takes %lld instructions, %d are possible: make it smaller or more regular",
                          (long long)cost.instructions, INSTRUCTION_LIMIT);
    if (words > NARROW_LIMIT)
        return arena_text(a, "it takes %lld bytes of a tile, %d are possible: make it smaller", (long long)words * 4,
                          4 * NARROW_LIMIT);
    return NULL;
}

/* Elements one behind another first, where their places as an image are no sum. */
static const char *dense_first(struct costs *c)
{
    struct arena *a = c->s->arena;
    int32_t n = (int32_t)c->sources[0].elements, none = 0, *z = ARENA_ARRAY(a, int32_t, (size_t)n);
    const struct rearrangement r = {.out = {1, 1, 1, n}, .y = &none, .x = &none, .z = z};
    const struct value like = {.layout = LAYOUT_SLICES, .y = 1, .x = 1, .z = n};
    struct rearrange_detail d;
    for (int32_t i = 0; i < n; i++)
        z[i] = i;
    rearrange_bytes(a, &r, c->sources, 0, &d);
    d.scattered = rearrange_is_scattered(&d);
    c->sources[0] = (struct rearrange_source){.elements = n, .z = n, .pitch = n};
    return too_dear(c, &d, &like);
}

static const char *output_refusal(struct costs *c, uint32_t output)
{
    const struct support *s = c->s;
    const char *why;
    const struct rearrangement *r = rearrangement_of(s->arena, s->graph->source, c->o, output, &why);
    struct rearrange_detail d;
    if (!r)
        return why;
    if (!rearrange_bytes(s->arena, r, c->sources, 0, &d)) {
        why = c->o->code == TFL_OP_PACK ? "its inputs lie differently on the chip" : dense_first(c);
        if (why || !rearrange_bytes(s->arena, r, c->sources, 0, &d))
            return why ? why : "its elements are in no regular order";
    }
    d.scattered = rearrange_is_scattered(&d);
    struct value like = {.layout = r->out.y * r->out.x == 1 ? LAYOUT_SLICES : LAYOUT_GRID, .z = r->out.z};
    like.grid = grid_of(r->out.y, r->out.x, r->out.z);
    return too_dear(c, &d, &like);
}

/* The inputs as images, or as vectors: only the lowering knows. */
static const char *refusal_as(const struct support *s, const struct tfl_operator *o, uint32_t first, uint32_t n,
                              bool padded)
{
    struct costs c = {.s = s, .o = o};
    for (uint32_t k = 0; k < n; k++) {
        c.sources[k] = source_of(as_made(s, o->inputs[first + k]), padded, c.bytes);
        c.bytes += bytes_of_source(&c.sources[k]);
    }
    if (c.bytes > WHOLE_LIMIT)
        return arena_text(s->arena, "its inputs take %lld bytes in whole words, %d are possible: make them smaller",
                          (long long)c.bytes, WHOLE_LIMIT);
    const struct costs begin = c;
    for (uint32_t k = 0; k < o->n_outputs; k++) {
        c = begin;
        const char *why = output_refusal(&c, k);
        if (why)
            return why;
    }
    return NULL;
}

const char *support_rearrange_refusal(const struct support *s, uint32_t op)
{
    const struct tfl_subgraph *g = s->graph->source;
    const struct tfl_operator *o = &g->operators[op];
    uint32_t first = o->code == TFL_OP_SPLIT ? 1 : 0, n = o->code == TFL_OP_PACK ? o->n_inputs : 1;
    if (n > MAX_INPUTS)
        return arena_text(s->arena, "it has %u inputs, %d are possible", n, MAX_INPUTS);
    for (uint32_t k = first; k < first + n; k++) {
        const struct tfl_tensor *in = op_input(g, o, k);
        if (!in || in->data.size)
            return "an input is a constant or left out";
        if (tfl_elements(in) < 1 || tfl_elements(in) > WHOLE_LIMIT)
            return arena_text(s->arena, "input \"%s\" has %lld elements, %d are possible: make it smaller", in->name,
                              (long long)tfl_elements(in), WHOLE_LIMIT);
        for (uint32_t i = 0; i < o->n_outputs; i++)
            if (!same_numbers(in, op_output(g, o, i)))
                return arena_text(s->arena, "input \"%s\" and output \"%s\" have different scales or zero points",
                                  in->name, op_output(g, o, i)->name);
    }
    const char *why = refusal_as(s, o, first, n, true);
    return why ? why : refusal_as(s, o, first, n, false);
}

struct verdict support_rearrange(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const char *why = support_rearrange_refusal(s, op);
    s->rearranged[op] = why == NULL;
    if (!why)
        return MAPPED;
    return REFUSE(s, SUPPORT_LIMITATION, "%s: output \"%s\" (%s): %s", op_name(s, op),
                  op_output(s->graph->source, o, 0)->name,
                  tfl_shape_text(s->arena, op_output(s->graph->source, o, 0)), why);
}

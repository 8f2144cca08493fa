/* graph_rewrite: ../shared/isa/container.md section 6, points 3 to 7. */
#include "flat/flat.h"
#include "graph/partition.h"

enum { DROPPED = -1 };

struct rewriter {
    struct arena *a;
    const struct tfl_subgraph *old;
    struct tfl_subgraph *new;
    int32_t *number; /* of each old tensor in the new graph, or DROPPED */
    struct status *st;
};

/* ---- operators, with old tensor numbers at first ---- */

static void add_custom_op(struct rewriter *r, const struct partition *p, struct bytes custom_options)
{
    struct tfl_operator *o = &r->new->operators[r->new->n_operators++];
    *o = (struct tfl_operator){.code = TFL_OP_CUSTOM, .custom_code = TFL_EDGETPU_CUSTOM_OP, .version = 1,
                               .custom_options = custom_options, .n_inputs = p->n_inputs, .n_outputs = p->n_outputs};
    o->inputs = arena_copy(r->a, p->inputs, p->n_inputs * sizeof *p->inputs);
    o->outputs = arena_copy(r->a, p->outputs, p->n_outputs * sizeof *p->outputs);
}

/* The official compiler writes the table of every operator that has one, whether or not the source had it, and leaves
 * out what the tensors say anyway: RESHAPE's new_shape (262 of 262 operators), CAST's types (11 of 11). */
static void normalise_options(struct tfl_operator *o)
{
    o->options_type = tfl_options_of(o->code);
    if (o->code == TFL_OP_RESHAPE || o->code == TFL_OP_CAST)
        o->options = tfl_options_default(o->options_type);
}

static void add_builtin(struct rewriter *r, uint32_t op)
{
    struct tfl_operator *o = &r->new->operators[r->new->n_operators++];
    *o = r->old->operators[op];
    o->inputs = arena_copy(r->a, o->inputs, o->n_inputs * sizeof *o->inputs);
    o->outputs = arena_copy(r->a, o->outputs, o->n_outputs * sizeof *o->outputs);
    o->intermediates = arena_copy(r->a, o->intermediates, o->n_intermediates * sizeof *o->intermediates);
    normalise_options(o);
}

static void add_operators(struct rewriter *r, const struct partitions *p, const struct bytes *custom_options)
{
    r->new->operators = ARENA_ARRAY(r->a, struct tfl_operator, r->old->n_operators);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct partition *part = &p->parts[i];
        if (part->mapped)
            add_custom_op(r, part, *custom_options++);
        for (uint32_t k = 0; !part->mapped && k < part->n_operators; k++)
            add_builtin(r, part->operators[k]);
    }
}

/* ---- tensors ---- */

static void mark(struct rewriter *r, const int32_t *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] >= 0)
            r->number[list[i]] = 0;
}

static void renumber(const struct rewriter *r, int32_t *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] >= 0)
            list[i] = r->number[list[i]];
}

static void keep_used_tensors(struct rewriter *r)
{
    uint32_t n = r->old->n_tensors;
    r->number = ARENA_ARRAY(r->a, int32_t, n);
    for (uint32_t i = 0; i < n; i++)
        r->number[i] = DROPPED;
    mark(r, r->new->inputs, r->new->n_inputs);
    mark(r, r->new->outputs, r->new->n_outputs);
    for (uint32_t i = 0; i < r->new->n_operators; i++) {
        const struct tfl_operator *o = &r->new->operators[i];
        mark(r, o->inputs, o->n_inputs);
        mark(r, o->outputs, o->n_outputs);
        mark(r, o->intermediates, o->n_intermediates);
    }
    r->new->tensors = ARENA_ARRAY(r->a, struct tfl_tensor, n);
    for (uint32_t i = 0; i < n; i++)
        if (r->number[i] != DROPPED) {
            r->number[i] = (int32_t)r->new->n_tensors;
            r->new->tensors[r->new->n_tensors++] = r->old->tensors[i];
        }
}

static void renumber_all(struct rewriter *r)
{
    renumber(r, r->new->inputs, r->new->n_inputs);
    renumber(r, r->new->outputs, r->new->n_outputs);
    for (uint32_t i = 0; i < r->new->n_operators; i++) {
        struct tfl_operator *o = &r->new->operators[i];
        renumber(r, o->inputs, o->n_inputs);
        renumber(r, o->outputs, o->n_outputs);
        renumber(r, o->intermediates, o->n_intermediates);
    }
}

/* ---- shapes that only the interpreter knows ---- */

static bool flex_positive(struct flex map, const char *key, int64_t limit, int64_t *out)
{
    struct flex v;
    return flex_find(map, key, &v) && flex_int(v, out) && *out > 0 && *out <= limit;
}

/* Boxes [1,n,4], classes [1,n], scores [1,n], count [1]; the source has them without a shape. */
static bool settle_detections(struct rewriter *r, const struct tfl_operator *o)
{
    enum { LIMIT = 1 << 13 };
    struct flex map;
    int64_t detections, classes;
    if (!flex_open(o->custom_options, &map, r->st) || !flex_positive(map, "max_detections", LIMIT, &detections) ||
        !flex_positive(map, "max_classes_per_detection", LIMIT, &classes))
        return status_fail(r->st, STATUS_INVALID, "%s: its options lack max_detections or max_classes_per_detection",
                           o->custom_code);
    int32_t n = (int32_t)(detections * classes);
    const int32_t shapes[4][3] = {{1, n, 4}, {1, n}, {1, n}, {1}}, ranks[4] = {3, 2, 2, 1};
    for (uint32_t i = 0; i < 4 && i < o->n_outputs; i++) {
        struct tfl_tensor *t = &r->new->tensors[o->outputs[i]];
        t->rank = (uint32_t)ranks[i];
        t->shape = arena_copy(r->a, shapes[i], sizeof shapes[i]);
        t->shape_signature = NULL;
        t->has_rank = true;
    }
    return true;
}

static bool settle_shapes(struct rewriter *r)
{
    for (uint32_t i = 0; i < r->new->n_operators; i++) {
        const struct tfl_operator *o = &r->new->operators[i];
        if (o->custom_code && strcmp(o->custom_code, "TFLite_Detection_PostProcess") == 0 && !settle_detections(r, o))
            return false;
    }
    return true;
}

/* ---- signatures ---- */

static uint32_t renumber_entries(const struct rewriter *r, struct tfl_signature_entry **entries, uint32_t n)
{
    struct tfl_signature_entry *kept = ARENA_ARRAY(r->a, struct tfl_signature_entry, n);
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        int32_t tensor = r->number[(*entries)[i].tensor];
        if (tensor != DROPPED)
            kept[count++] = (struct tfl_signature_entry){(*entries)[i].name, (uint32_t)tensor};
    }
    *entries = kept;
    return count;
}

static void keep_signatures(const struct rewriter *r, struct tfl_model *m)
{
    m->signatures = arena_copy(r->a, m->signatures, m->n_signatures * sizeof *m->signatures);
    for (uint32_t i = 0; i < m->n_signatures; i++) {
        struct tfl_signature *s = &m->signatures[i];
        s->n_inputs = renumber_entries(r, &s->inputs, s->n_inputs);
        s->n_outputs = renumber_entries(r, &s->outputs, s->n_outputs);
    }
}

bool graph_rewrite(struct arena *a, const struct tfl_model *m, const struct graph *g, const struct partitions *p,
                   const struct bytes *custom_options, struct tfl_model **out, struct status *st)
{
    if (m->n_subgraphs != 1)
        return status_fail(st, STATUS_UNSUPPORTED, "the model has %u subgraphs; we compile models with one",
                           m->n_subgraphs);
    struct tfl_subgraph *new = ARENA_NEW(a, struct tfl_subgraph);
    struct rewriter r = {a, g->source, new, NULL, st};
    new->name = r.old->name;
    new->n_inputs = r.old->n_inputs, new->n_outputs = r.old->n_outputs;
    new->inputs = arena_copy(a, r.old->inputs, new->n_inputs * sizeof *new->inputs);
    new->outputs = arena_copy(a, r.old->outputs, new->n_outputs * sizeof *new->outputs);
    add_operators(&r, p, custom_options);
    keep_used_tensors(&r);
    renumber_all(&r);
    if (!settle_shapes(&r))
        return false;
    *out = ARENA_NEW(a, struct tfl_model);
    **out = *m;
    (*out)->description = "Exported from Subgraph.";
    (*out)->subgraphs = new;
    keep_signatures(&r, *out);
    return true;
}

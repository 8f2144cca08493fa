#include "compiler/cut.h"

static bool find_tensor(const struct tfl_subgraph *g, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        if (strcmp(g->tensors[i].name, name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* What is not cut yet and reads the outputs of operator `op`.  Operators stand in topological order, so that one walk
 * over them reaches everything. */
static void cut_readers(const struct graph *g, uint32_t op, enum cut_kind *cut)
{
    const struct tfl_operator *o = &g->source->operators[op];
    for (uint32_t k = 0; k < o->n_outputs; k++) {
        const struct graph_tensor *t = &g->tensors[o->outputs[k]];
        for (uint32_t c = 0; c < t->n_consumers; c++)
            if (cut[t->consumers[c]] == CUT_NONE)
                cut[t->consumers[c]] = CUT_BEHIND;
    }
}

bool cut_graph(struct arena *a, const struct graph *g, const struct compile_stops *stops, uint32_t drop_last,
               enum cut_kind **out, struct status *st)
{
    uint32_t n = g->source->n_operators, kept = drop_last < n ? n - drop_last : 0;
    enum cut_kind *cut = ARENA_ARRAY(a, enum cut_kind, n);
    for (uint32_t i = kept; i < n; i++)
        cut[i] = CUT_DROPPED;
    for (uint32_t i = 0; stops && i < stops->count; i++) {
        uint32_t tensor;
        if (!find_tensor(g->source, stops->names[i], &tensor))
            return status_fail(st, STATUS_INVALID, "no tensor is called \"%s\"", stops->names[i]);
        for (uint32_t c = 0; c < g->tensors[tensor].n_consumers; c++)
            cut[g->tensors[tensor].consumers[c]] = CUT_AT_TENSOR;
    }
    for (uint32_t i = 0; i < n; i++)
        if (cut[i] != CUT_NONE)
            cut_readers(g, i, cut);
    *out = cut;
    return true;
}

const char *compile_boundary(struct arena *a, const struct tfl_model *m, uint32_t drop_last)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    uint32_t kept = drop_last < g->n_operators ? g->n_operators - drop_last : 0;
    bool *made = ARENA_ARRAY(a, bool, g->n_tensors), *listed = ARENA_ARRAY(a, bool, g->n_tensors);
    for (uint32_t i = 0; i < kept; i++)
        for (uint32_t k = 0; k < g->operators[i].n_outputs; k++)
            made[g->operators[i].outputs[k]] = true;
    for (uint32_t i = kept; i < g->n_operators; i++)
        for (uint32_t k = 0; k < g->operators[i].n_inputs; k++)
            if (g->operators[i].inputs[k] >= 0)
                listed[g->operators[i].inputs[k]] = true;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        listed[g->outputs[i]] = true;
    struct buf text = {0};
    for (uint32_t t = 0; t < g->n_tensors; t++)
        if (made[t] && listed[t])
            buf_text(&text, "%s%s", text.size ? "," : "", g->tensors[t].name);
    const char *copy = arena_text(a, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
    buf_free(&text);
    return copy;
}

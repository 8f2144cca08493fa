#include "attempt.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include "support/trial.h"

static void attempt_variant(const struct catalogue_row *row, unsigned variant, uint64_t seed, struct attempt *out)
{
    *out = (struct attempt){.a = arena_new(), .variant = variant};
    if (!twin_build(out->a, row, variant, seed, &out->model, &out->st)) {
        out->model = NULL;
        return;
    }
    struct compile_options o = {.min_runtime_version = 14, .has_token = true,
                                .multiple_subgraphs = strtoul(row->outer_graph, NULL, 10) > 1};
    const struct tfl_model *m = out->model;
    if (compile_models(out->a, &m, 1, &o, &out->result, &out->st) &&
        twin_facts(out->a, out->result.file, &out->facts, &out->st))
        out->verdict = twin_compare(row, &out->facts);
}

static bool better(const struct attempt *x, const struct attempt *y)
{
    if (x->st.code || y->st.code)
        return !x->st.code;
    if (x->verdict.distance != y->verdict.distance)
        return x->verdict.distance < y->verdict.distance;
    return x->verdict.same_size && !y->verdict.same_size;
}

static bool as_officially(const struct attempt *x)
{
    return !x->st.code && !x->verdict.distance && x->verdict.same_size;
}

void attempt_nearest(const struct catalogue_row *row, uint64_t seed, struct attempt *out)
{
    attempt_variant(row, 0, seed, out);
    for (unsigned v = 1; v < TWIN_VARIANTS && out->model && !as_officially(out); v++) {
        struct attempt other;
        if (!twin_variant_applies(row, v))
            continue;
        attempt_variant(row, v, seed, &other);
        bool take = better(&other, out);
        attempt_free(take ? out : &other);
        if (take)
            *out = other;
    }
}

/* The graph without the decoders behind it, whose options the catalogue does not tell: what they read is put out. */
static struct tfl_model *without_decoders(struct arena *a, const struct tfl_model *m)
{
    struct tfl_model *copy = arena_copy(a, m, sizeof *m);
    const struct tfl_subgraph *from = &m->subgraphs[0];
    struct tfl_subgraph *g = copy->subgraphs = arena_copy(a, from, m->n_subgraphs * sizeof *from);
    g->operators = ARENA_ARRAY(a, struct tfl_operator, from->n_operators);
    g->n_operators = 0;
    for (uint32_t o = 0; o < from->n_operators; o++) {
        const struct tfl_operator *op = &from->operators[o];
        if (op->code != TFL_OP_CUSTOM || strcmp(op->custom_code, TFL_EDGETPU_CUSTOM_OP) == 0) {
            g->operators[g->n_operators++] = *op;
        } else {
            g->outputs = op->inputs;
            g->n_outputs = op->n_inputs;
        }
    }
    return copy;
}

static const char *one_run(const struct attempt *x, const struct tfl_model *compiled, uint64_t seed, bool strict,
                           uint64_t *macs)
{
    struct sim *sim = sim_new(&(struct sim_options){.strict = strict, .seed = strict});
    const char *fault = trial_difference(x->a, without_decoders(x->a, x->model), without_decoders(x->a, compiled),
                                         sim, seed);
    *macs = sim_count(sim).macs;
    sim_free(sim);
    return fault;
}

struct attempt_trial attempt_try(const struct attempt *x, uint64_t seed, uint64_t strict_macs)
{
    struct attempt_trial t = {0};
    struct tfl_model *compiled;
    struct status *st = ARENA_NEW(x->a, struct status);
    t.fault = tfl_read(x->a, x->result.file, &compiled, st) ? trial_finding(x->a, x->result.file) : st->message;
    if (!t.fault)
        t.fault = one_run(x, compiled, seed, false, &t.macs);
    t.strict = !t.fault && t.macs <= strict_macs;
    if (t.strict)
        t.fault = one_run(x, compiled, seed, true, &t.macs);
    return t;
}

void attempt_free(struct attempt *x)
{
    arena_free(x->a);
}

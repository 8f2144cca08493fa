#include "attempt.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include "support/trial.h"

static struct compile_options options_of(const struct catalogue_row *row)
{
    return (struct compile_options){.min_runtime_version = 14, .has_token = true,
                                    .multiple_subgraphs = strtoul(row->outer_graph, NULL, 10) > 1};
}

static void judge(const struct catalogue_row *row, struct attempt *x)
{
    if (twin_facts(x->a, x->result.file, &x->facts, &x->st))
        x->verdict = twin_compare(row, &x->facts);
}

static void attempt_variant(const struct catalogue_row *row, unsigned variant, unsigned choice, uint64_t seed,
                            struct attempt *out)
{
    *out = (struct attempt){.a = arena_new(), .variant = variant, .choice = choice};
    if (!twin_build(out->a, row, variant, choice, seed, &out->model, &out->st)) {
        out->model = NULL;
        return;
    }
    struct compile_options o = options_of(row);
    const struct tfl_model *m = out->model;
    if (compile_models(out->a, &m, 1, &o, &out->result, &out->st))
        judge(row, out);
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

/* Takes the attempt with this variant and choice if it is better. */
static void attempt_other(const struct catalogue_row *row, unsigned variant, unsigned choice, uint64_t seed,
                          struct attempt *best)
{
    struct attempt other;
    attempt_variant(row, variant, choice, seed, &other);
    bool take = better(&other, best);
    attempt_free(take ? best : &other);
    if (take)
        *best = other;
}

void attempt_nearest(const struct catalogue_row *row, uint64_t seed, struct attempt *out)
{
    attempt_variant(row, 0, 0, seed, out);
    if (!out->model)
        return;
    unsigned choices = twin_choices(out->a, row);
    for (unsigned c = 1; c < choices && !as_officially(out); c++)
        attempt_other(row, 0, c, seed, out);
    for (unsigned v = 1; v < TWIN_VARIANTS && !as_officially(out); v++)
        if (twin_variant_applies(row, v))
            attempt_other(row, v, out->choice, seed, out);
}

void attempt_together(const struct catalogue_row *const *rows, unsigned count, uint64_t seed, struct attempt *out)
{
    const struct tfl_model *models[ATTEMPT_TOGETHER];
    struct compile_result results[ATTEMPT_TOGETHER];
    struct compile_options o = options_of(rows[0]);
    bool built = true;
    for (unsigned i = 0; i < count; i++) {
        attempt_nearest(rows[i], seed, &out[i]);
        models[i] = out[i].model;
        built &= models[i] != NULL;
        out[i].st = models[i] ? (struct status){0} : out[i].st;
        out[i].verdict = (struct twin_verdict){0};
    }
    struct status st = {0};
    bool compiled = built && compile_models(out[0].a, models, count, &o, results, &st);
    for (unsigned i = 0; i < count; i++) {
        if (compiled) {
            out[i].result = results[i];
            judge(rows[i], &out[i]);
        } else if (models[i] && built) {
            out[i].st = st;
        } else if (models[i]) {
            status_fail(&out[i].st, STATUS_UNSUPPORTED, "another model of the command was not built");
        }
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

/* The judgement of one model: compile it, verify the executables, run them on the simulated chip in strict mode and
 * compare with the CPU kernels in Edge TPU arithmetic, byte for byte.  For the tests of every operator family. */
#ifndef TESTS_COMPILER_JUDGE_H
#define TESTS_COMPILER_JUDGE_H

#include <stdio.h>

#include "compiler/compiler.h"
#include "interp/interp.h"
#include "sim/sim.h"
#include "support/corpus.h"
#include "verify/verify.h"

enum { JUDGE_RUNS = 2 };

struct judgement {
    struct compile_result compiled;
    const char *fault; /* NULL: the simulated chip gives exactly the kernels' bytes and the verifier is silent */
};

struct judge_verify {
    struct arena *a;
    const char *finding;
};

static bool judge_package(struct bytes options, void *arg, struct status *st)
{
    struct judge_verify *v = arg;
    struct dwn_package *p;
    struct verify_report r;
    if (!dwn_from_custom_options(v->a, options, &p, st))
        return false;
    verify_package(v->a, p, &r);
    if (r.count)
        v->finding = arena_text(v->a, "%s: %s (word %u of executable %u)", r.findings[0].rule->id, r.findings[0].text,
                                r.findings[0].word, r.findings[0].executable);
    return true;
}

static bool judge_run(struct arena *a, const struct tfl_model *m, struct sim *sim, const struct bytes *in,
                      struct bytes *out, struct status *st)
{
    const struct interp_options o = {.numerics = KERN_EDGETPU, .sim = sim};
    struct interp *p;
    return interp_new(a, m, &o, &p, st) && interp_run(p, in, out, st);
}

/* One inference on both; NULL if equal. */
static const char *judge_once(struct arena *a, const struct tfl_model *source, const struct tfl_model *compiled,
                              struct sim *sim, uint64_t seed, struct status *st)
{
    const struct tfl_subgraph *g = &source->subgraphs[0];
    struct bytes *in = ARENA_ARRAY(a, struct bytes, g->n_inputs), *x = ARENA_ARRAY(a, struct bytes, g->n_outputs),
                 *y = ARENA_ARRAY(a, struct bytes, g->n_outputs);
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct tfl_tensor *t = &g->tensors[g->inputs[i]];
        size_t size = (size_t)tfl_elements(t) * tfl_type_size(t->type);
        uint8_t *data = arena_alloc(a, size);
        interp_random(t, i, seed, data);
        in[i] = bytes_of(data, size);
    }
    if (!judge_run(a, source, NULL, in, y, st) || !judge_run(a, compiled, sim, in, x, st))
        return st->message;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        for (size_t k = 0; k < y[i].size; k++)
            if (x[i].size != y[i].size || x[i].data[k] != y[i].data[k])
                return arena_text(a, "output %u, byte %zu of %zu: 0x%02x on the chip, 0x%02x by the kernels", i, k,
                                  y[i].size, k < x[i].size ? x[i].data[k] : 0, y[i].data[k]);
    return NULL;
}

enum { JUDGE_MODELS = 4 };

/* Models compiled together, run in turn on one chip: parameters stay cached, and nothing may overwrite them. */
static const char *judge_together(struct arena *a, const struct tfl_model *const *m, unsigned count,
                                  const struct compile_options *o, struct compile_result *results)
{
    struct status *st = ARENA_NEW(a, struct status);
    struct tfl_model *compiled[JUDGE_MODELS];
    struct judge_verify v = {.a = a};
    if (!compile_models(a, m, count, o, results, st))
        return st->message;
    for (unsigned i = 0; i < count; i++)
        if (!tfl_read(a, results[i].file, &compiled[i], st) ||
            !corpus_packages(a, results[i].file, judge_package, &v, st))
            return st->message;
    const char *fault = v.finding;
    const struct sim_options so = {.strict = true, .seed = 1};
    struct sim *sim = sim_new(&so);
    for (uint64_t k = 0; !fault && k < JUDGE_RUNS; k++)
        for (unsigned i = 0; !fault && i < count; i++)
            fault = judge_once(a, m[i], compiled[i], sim, k + 1, st);
    sim_free(sim);
    return fault;
}

static struct judgement judge_with(struct arena *a, const struct tfl_model *m, const struct compile_options *o)
{
    struct judgement j;
    j.fault = judge_together(a, &m, 1, o, &j.compiled);
    return j;
}

static struct judgement judge(struct arena *a, const struct tfl_model *m)
{
    const struct compile_options o = {.min_runtime_version = 14};
    return judge_with(a, m, &o);
}

#endif

#include "support/trial.h"

#include "interp/interp.h"
#include "support/corpus.h"
#include "verify/verify.h"

struct findings {
    struct arena *a;
    const char *finding;
};

static bool verify_options(struct bytes options, void *arg, struct status *st)
{
    struct findings *v = arg;
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

const char *trial_finding(struct arena *a, struct bytes file)
{
    struct status *st = ARENA_NEW(a, struct status);
    struct findings v = {.a = a};
    return corpus_packages(a, file, verify_options, &v, st) ? v.finding : st->message;
}

static bool run(struct arena *a, const struct tfl_model *m, struct sim *sim, const struct bytes *in, struct bytes *out,
                struct status *st)
{
    const struct interp_options o = {.numerics = KERN_EDGETPU, .sim = sim};
    struct interp *p;
    return interp_new(a, m, &o, &p, st) && interp_run(p, in, out, st);
}

const char *trial_difference(struct arena *a, const struct tfl_model *source, const struct tfl_model *compiled,
                             struct sim *sim, uint64_t seed)
{
    const struct tfl_subgraph *g = &source->subgraphs[0];
    struct status *st = ARENA_NEW(a, struct status);
    struct bytes *in = interp_random_inputs(a, source, seed), *x = ARENA_ARRAY(a, struct bytes, g->n_outputs),
                 *y = ARENA_ARRAY(a, struct bytes, g->n_outputs);
    if (!run(a, source, NULL, in, y, st) || !run(a, compiled, sim, in, x, st))
        return st->message;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        for (size_t k = 0; k < y[i].size; k++)
            if (x[i].size != y[i].size || x[i].data[k] != y[i].data[k])
                return arena_text(a, "output %u, byte %zu of %zu: 0x%02x on the chip, 0x%02x by the kernels", i, k,
                                  y[i].size, k < x[i].size ? x[i].data[k] : 0, y[i].data[k]);
    return NULL;
}

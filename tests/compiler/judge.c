#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "interp/interp.h"
#include "sim/sim.h"
#include "support/corpus.h"
#include "verify/verify.h"

enum { RUNS = 2 };

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

static bool run(struct arena *a, const struct tfl_model *m, struct sim *sim, const struct bytes *in,
                      struct bytes *out, struct status *st)
{
    const struct interp_options o = {.numerics = KERN_EDGETPU, .sim = sim};
    struct interp *p;
    return interp_new(a, m, &o, &p, st) && interp_run(p, in, out, st);
}

/* One inference on both; NULL if equal. */
static const char *differs(struct arena *a, const struct tfl_model *source, const struct tfl_model *compiled,
                              struct sim *sim, uint64_t seed, struct status *st)
{
    const struct tfl_subgraph *g = &source->subgraphs[0];
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

const char *judge_together(struct arena *a, const struct tfl_model *const *m, unsigned count,
                                  const struct compile_options *o, struct compile_result *results)
{
    struct status *st = ARENA_NEW(a, struct status);
    struct tfl_model *compiled[JUDGE_MODELS];
    struct findings v = {.a = a};
    if (!compile_models(a, m, count, o, results, st))
        return st->message;
    for (unsigned i = 0; i < count; i++)
        if (!tfl_read(a, results[i].file, &compiled[i], st) ||
            !corpus_packages(a, results[i].file, verify_options, &v, st))
            return st->message;
    const char *fault = v.finding;
    const struct sim_options so = {.strict = true, .seed = 1};
    struct sim *sim = sim_new(&so);
    for (uint64_t k = 0; !fault && k < RUNS; k++)
        for (unsigned i = 0; !fault && i < count; i++)
            fault = differs(a, m[i], compiled[i], sim, k + 1, st);
    sim_free(sim);
    return fault;
}

struct judgement judge_with(struct arena *a, const struct tfl_model *m, const struct compile_options *o)
{
    struct judgement j;
    j.fault = judge_together(a, &m, 1, o, &j.compiled);
    return j;
}

struct judgement judge(struct arena *a, const struct tfl_model *m)
{
    const struct compile_options o = {.min_runtime_version = 14};
    return judge_with(a, m, &o);
}

/* ---- what is printed ---- */

static const char *describe_operator(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    const char *text = tfl_op_name(o->code);
    if (o->code == TFL_OP_CONV_2D || o->code == TFL_OP_DEPTHWISE_CONV_2D) {
        const struct tfl_tensor *w = &g->tensors[o->inputs[1]];
        bool deep = o->code == TFL_OP_DEPTHWISE_CONV_2D;
        int32_t stride = deep ? o->options.depthwise_conv_2d.stride_h : o->options.conv_2d.stride_h,
                dilation = deep ? o->options.depthwise_conv_2d.dilation_h : o->options.conv_2d.dilation_h;
        text = arena_text(a, "%s %dx%d/%d d%d", text, w->shape[1], w->shape[2], stride, dilation);
    }
    return arena_text(a, "%s -> %s", text, tfl_shape_text(a, &g->tensors[o->outputs[0]]));
}

static const char *describe(struct arena *a, const struct tfl_model *m)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    const struct tfl_tensor *in = &g->tensors[g->inputs[0]];
    const char *text = arena_text(a, "%s %s", tfl_type_name(in->type), tfl_shape_text(a, in));
    for (uint32_t i = 0; i < g->n_operators; i++)
        text = arena_text(a, "%s, %s", text, describe_operator(a, g, &g->operators[i]));
    return text;
}

/* Why the first operator that is on the CPU is there; NULL if none is. */
static const char *reason(const struct compile_result *r)
{
    for (uint32_t i = 0; i < r->n_ops; i++)
        if (r->ops[i].why)
            return r->ops[i].why;
    return NULL;
}

static const char *verdict(const struct judgement *j)
{
    const char *why = reason(&j->compiled);
    return j->fault ? j->fault : why ? why : j->compiled.n_subgraphs > 1 ? "in several parts" : "exact";
}

bool judge_exact(struct arena *a, const struct tfl_model *m)
{
    struct judgement j = judge(a, m);
    bool ok = !j.fault && j.compiled.n_mapped == j.compiled.n_ops && j.compiled.n_subgraphs == 1;
    if (!ok || getenv("VERBOSE"))
        print_message("%s: %s\n", describe(a, m), verdict(&j));
    return ok;
}

/* ---- random models ---- */

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void count(struct judge_count *n, const struct judgement *j)
{
    const struct compile_result *r = &j->compiled;
    n->models++;
    if (j->fault)
        (*(strstr(j->fault, "do not fit") ? &n->too_large : &n->wrong))++;
    else if (r->n_mapped == r->n_ops)
        n->exact++;
    else
        (*(r->n_mapped ? &n->partly : &n->refused))++;
}

struct judge_count judge_draws(judge_draw *draw, unsigned n, unsigned per_cent)
{
    struct judge_count sum = {0};
    uint64_t first = number("FIRST", 1), end = first + number("SEEDS", n);
    for (uint64_t seed = first; seed < end; seed++) {
        struct arena *a = arena_new();
        const struct tfl_model *m = draw(a, seed);
        struct judgement j = judge(a, m);
        unsigned wrong = sum.wrong;
        count(&sum, &j);
        if (sum.wrong > wrong || getenv("VERBOSE"))
            print_message("seed %llu: %s: %s\n", (unsigned long long)seed, describe(a, m), verdict(&j));
        if (!j.fault && j.compiled.n_mapped < j.compiled.n_ops)
            assert_non_null(reason(&j.compiled));
        arena_free(a);
    }
    print_message("%llu models: %u exact, %u exact with a part on the CPU, %u refused with a reason, %u too large, "
                  "%u wrong\n",
                  (unsigned long long)sum.models, sum.exact, sum.partly, sum.refused, sum.too_large, sum.wrong);
    assert_int_equal(sum.wrong, 0);
    assert_true(sum.exact * 100ull >= per_cent * sum.models || sum.models < 20);
    return sum;
}

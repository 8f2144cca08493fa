#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "sim/sim.h"
#include "support/trial.h"

enum { RUNS = 2 };

const char *judge_together(struct arena *a, const struct tfl_model *const *m, unsigned count,
                                  const struct compile_options *o, struct compile_result *results)
{
    struct status *st = ARENA_NEW(a, struct status);
    struct tfl_model *compiled[JUDGE_MODELS];
    const char *fault = NULL;
    if (!compile_models(a, m, count, o, results, st))
        return st->message;
    for (unsigned i = 0; !fault && i < count; i++)
        fault = tfl_read(a, results[i].file, &compiled[i], st) ? trial_finding(a, results[i].file) : st->message;
    const struct sim_options so = {.strict = true, .seed = 1};
    struct sim *sim = sim_new(&so);
    for (uint64_t k = 0; !fault && k < RUNS; k++)
        for (unsigned i = 0; !fault && i < count; i++)
            fault = trial_difference(a, m[i], compiled[i], sim, k + 1);
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

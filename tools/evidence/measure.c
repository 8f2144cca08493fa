/* One model through all rungs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "compiler/compiler.h"
#include "darwinn/package.h"
#include "evidence.h"
#include "flat/flat.h"
#include "interp/interp.h"
#include "isa/isa.h"
#include "sim/sim.h"
#include "support/fault_judge.h"
#include "tflite/model.h"
#include "verify/verify.h"

const char *const level_name[LEVELS] = {"parameters", "caching stream", "execution stream", "package", "whole file"};

enum { MAX_PACKAGES = 16 };

/* A model file with its packages, in operator order. */
struct loaded {
    struct bytes file;
    struct tfl_model *model;
    struct bytes options[MAX_PACKAGES];
    struct dwn_package *package[MAX_PACKAGES];
    unsigned n_packages;
};

static void why(char *out, const char *text)
{
    if (!out[0])
        snprintf(out, WHY, "%.*s", WHY - 1, text);
}

static bool add_package(struct bytes options, void *arg, struct status *st)
{
    struct loaded *l = arg;
    if (l->n_packages == MAX_PACKAGES)
        return status_fail(st, STATUS_LIMIT, "more than %d packages", MAX_PACKAGES);
    l->options[l->n_packages++] = options;
    return true;
}

static bool load(struct arena *a, struct bytes file, struct loaded *l, struct status *st)
{
    *l = (struct loaded){.file = file};
    if (!tfl_read(a, file, &l->model, st) || !corpus_packages(a, file, add_package, l, st))
        return false;
    for (unsigned k = 0; k < l->n_packages; k++)
        if (!dwn_from_custom_options(a, l->options[k], &l->package[k], st))
            return false;
    return true;
}

/* ---- a: decode and encode ---- */

static void rung_a(struct arena *a, const struct loaded *l, struct row *r)
{
    for (unsigned k = 0; k < l->n_packages; k++) {
        const struct dwn_package *p = l->package[k];
        struct bytes again;
        struct status st = {0};
        for (uint32_t e = 0; e < p->n_executables; e++) {
            const struct dwn_executable *x = &p->executables[e];
            for (uint32_t s = 0; s < x->n_streams; s++)
                for (size_t at = 0; at < x->streams[s].code.size / ISA_WORD;) {
                    struct isa_inst i;
                    uint8_t words[ISA_MAX_WORDS * ISA_WORD];
                    unsigned n = 0, m = 0;
                    st = (struct status){0};
                    r->instructions++;
                    if (!isa_decode(x->streams[s].code, at, &i, &n, &st) || !n)
                        break;
                    r->reencoded += isa_encode(&i, words, &m, &st) && n == m &&
                                    memcmp(words, x->streams[s].code.data + at * ISA_WORD, n * ISA_WORD) == 0;
                    at += n;
                }
            r->executables++;
            st = (struct status){0};
            r->executables_equal += dwn_write_executable(a, x, &again, &st) && bytes_equal(again, x->raw);
        }
        r->packages++;
        st = (struct status){0};
        if (dwn_write(a, p, &again, &st)) {
            struct bytes options = flex_write_custom_op(a, again, 18);
            r->packages_equal += bytes_equal(options, l->options[k]);
        }
    }
}

/* ---- b: the verifier, and seeded faults ---- */

static void rung_b(struct arena *a, const struct loaded *l, struct row *r)
{
    for (unsigned k = 0; k < l->n_packages; k++) {
        struct verify_report report;
        verify_package(a, l->package[k], &report);
        r->findings += (int)report.count;
        if (report.count && !r->finding[0])
            snprintf(r->finding, WHY, "%s: executable %d chunk %d word %d: %s", report.findings[0].rule->id,
                     (int)report.findings[0].executable, (int)report.findings[0].chunk, (int)report.findings[0].word,
                     report.findings[0].text);
    }
}

/* All kinds of faults, one place each, on a model small enough. */
static void faults(const struct dwn_package *p, unsigned limit, uint64_t seed, struct row *r)
{
    enum { BUDGET = 1 << 21 }; /* steps: a fraction of a second */
    struct arena *a = arena_new();
    struct fault_trial t;
    struct status st = {0};
    bool fits = fault_trial_begin(a, p, BUDGET / 2, &t, &st);
    r->faulted |= fits;
    for (unsigned kind = 0; fits && kind < fault_kinds() && kind < limit && kind < MAX_KINDS; kind++) {
        struct arena *b = arena_new();
        const char *where;
        r->fault[kind][fault_judge(b, &t, BUDGET, kind, seed + kind, &where)]++;
        arena_free(b);
    }
    arena_free(a);
}

/* ---- c: official executables on the simulator, against the kernels ---- */

/* All tensors of one run, by name. */
struct run {
    struct interp *interp;
    const struct tfl_model *model;
};

static struct bytes tensor_of(const struct run *r, const char *name, const struct tfl_tensor **info)
{
    const struct tfl_subgraph *g = &r->model->subgraphs[0];
    for (uint32_t t = 0; t < g->n_tensors; t++)
        if (g->tensors[t].name && strcmp(g->tensors[t].name, name) == 0) {
            *info = &g->tensors[t];
            return interp_tensor(r->interp, t);
        }
    *info = NULL;
    return (struct bytes){0};
}

static bool run_model(struct arena *a, const struct tfl_model *m, enum kern_numerics numerics, struct sim *sim,
                      uint64_t seed, struct run *out, struct status *st)
{
    struct interp_options o = {.numerics = numerics, .sim = sim, .keep_all = true};
    *out = (struct run){.model = m};
    if (!interp_new(a, m, &o, &out->interp, st))
        return false;
    struct bytes *results = ARENA_ARRAY(a, struct bytes, m->subgraphs[0].n_outputs + 1);
    return interp_run(out->interp, interp_random_inputs(a, m, seed), results, st);
}

/* Compares the outputs of the custom operators of `compiled` with the tensors of the same name in `other`.
 * Returns the number of bytes that differ, -1 where a tensor is missing. */
static long long compare(const struct run *compiled, const struct run *other, long long *bytes, int *largest,
                         char *text)
{
    long long off = 0;
    const struct tfl_subgraph *g = &compiled->model->subgraphs[0];
    for (uint32_t k = 0; k < g->n_operators; k++) {
        const struct tfl_operator *op = &g->operators[k];
        if (!op->custom_code || strcmp(op->custom_code, "edgetpu-custom-op") != 0)
            continue;
        for (uint32_t o = 0; o < op->n_outputs; o++) {
            const struct tfl_tensor *t = &g->tensors[op->outputs[o]], *info;
            struct bytes x = interp_tensor(compiled->interp, (uint32_t)op->outputs[o]),
                         y = tensor_of(other, t->name, &info);
            if (x.size != y.size || !info) {
                snprintf(text, WHY, "tensor %.100s has %zu bytes here and %zu there", t->name, x.size, y.size);
                return -1;
            }
            for (size_t b = 0; b < x.size; b++) {
                int d = t->type == TFL_INT8 ? abs((int8_t)x.data[b] - (int8_t)y.data[b])
                                            : abs((int)x.data[b] - (int)y.data[b]);
                off += d != 0;
                if (d > *largest)
                    *largest = d;
            }
            *bytes += (long long)x.size;
        }
    }
    return off;
}

static void rung_c(const struct loaded *official, const struct tfl_model *source, struct row *r)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct arena *a = arena_new();
        struct sim_options o = {.seed = seed};
        struct sim *sim = sim_new(&o);
        struct run chip, exact, tflite;
        struct status st = {0};
        long long bytes = 0;
        int largest = 0;
        if (!run_model(a, official->model, KERN_EDGETPU, sim, seed, &chip, &st))
            why(r->ran_why, st.message);
        else if (!run_model(a, source, KERN_EDGETPU, NULL, seed, &exact, &st))
            why(r->ran_why, st.message);
        else {
            char text[WHY] = "";
            r->ran++;
            long long off = compare(&chip, &exact, &bytes, &largest, text);
            r->equal += off == 0;
            if (off > 0)
                snprintf(text, WHY, "%lld of %lld bytes differ from the edgetpu kernels, at most by %d", off, bytes,
                         largest);
            if (off != 0)
                why(r->ran_why, text);
            st = (struct status){0};
            if (run_model(a, source, KERN_TFLITE, NULL, seed, &tflite, &st)) {
                off = compare(&chip, &tflite, &r->bytes, &r->largest_off, text);
                r->bytes_off += off > 0 ? off : 0;
            }
        }
        sim_free(sim);
        arena_free(a);
    }
}

/* ---- d and e: our own executables ---- */

/* Some output of `q` has the name of each output of `p`: compilers before 16 give ours another order. */
static bool same_outputs(const struct tfl_subgraph *x, const struct tfl_operator *p, const struct tfl_subgraph *y,
                         const struct tfl_operator *q)
{
    for (uint32_t o = 0; o < p->n_outputs; o++) {
        bool found = false;
        for (uint32_t k = 0; k < q->n_outputs; k++)
            found = found || strcmp(x->tensors[p->outputs[o]].name, y->tensors[q->outputs[k]].name) == 0;
        if (!found)
            return false;
    }
    return p->n_outputs == q->n_outputs;
}

/* The same operators on the CPU, and the same tensors between them and the Edge TPU. */
static bool same_mapping(const struct tfl_model *a, const struct tfl_model *b)
{
    const struct tfl_subgraph *x = &a->subgraphs[0], *y = &b->subgraphs[0];
    if (x->n_operators != y->n_operators)
        return false;
    for (uint32_t k = 0; k < x->n_operators; k++)
        if (x->operators[k].code != y->operators[k].code ||
            !same_outputs(x, &x->operators[k], y, &y->operators[k]))
            return false;
    return true;
}

static void rung_d(const struct loaded *official, const struct loaded *ours, struct row *r)
{
    struct arena *a = arena_new();
    r->same_mapping = same_mapping(official->model, ours->model);
    if (!r->same_mapping)
        why(r->compiled_why, "other operators are mapped");
    r->clean = 1;
    for (unsigned k = 0; k < ours->n_packages; k++) {
        struct verify_report report;
        verify_package(a, ours->package[k], &report);
        if (report.count) {
            r->clean = 0;
            why(r->compiled_why, report.findings[0].text);
        }
    }
    struct sim_options o = {.strict = true, .seed = 1};
    struct sim *s = sim_new(&o), *t = sim_new(&(struct sim_options){.seed = 1});
    struct run mine, theirs;
    struct status st = {0};
    long long bytes = 0;
    int largest = 0;
    char text[WHY] = "";
    if (!run_model(a, ours->model, KERN_EDGETPU, s, 1, &mine, &st))
        why(r->compiled_why, st.message);
    else {
        r->simulated = 1;
        if (!run_model(a, official->model, KERN_EDGETPU, t, 1, &theirs, &st))
            why(r->compiled_why, st.message);
        else {
            long long off = compare(&mine, &theirs, &bytes, &largest, text);
            r->same_output = off == 0;
            if (off > 0)
                snprintf(text, WHY, "%lld of %lld bytes differ from the official executable's, at most by %d", off,
                         bytes, largest);
            if (off != 0)
                why(r->compiled_why, text);
        }
    }
    sim_free(s);
    sim_free(t);
    arena_free(a);
}

static const struct dwn_executable *of_type(const struct dwn_package *p, bool caching)
{
    for (uint32_t e = 0; e < p->n_executables; e++)
        if ((p->executables[e].type == DWN_PARAMETER_CACHING) == caching)
            return &p->executables[e];
    return NULL;
}

static bool same_streams(const struct dwn_executable *x, const struct dwn_executable *y)
{
    if (!x || !y)
        return x == y;
    bool same = x->n_streams == y->n_streams;
    for (uint32_t s = 0; same && s < x->n_streams; s++)
        same = bytes_equal(x->streams[s].code, y->streams[s].code);
    return same;
}

static bool same_parameters(const struct dwn_executable *x, const struct dwn_executable *y)
{
    return (x && y) ? bytes_equal(x->parameters, y->parameters) : x == y;
}

/* Where two programs part: one line with both instructions. */
static void first_difference(struct arena *a, const struct dwn_executable *x, const struct dwn_executable *y, char *out)
{
    if (!x || !y)
        return;
    for (uint32_t s = 0; s < x->n_streams && s < y->n_streams; s++) {
        struct isa_program p, q;
        struct status st = {0};
        if (!isa_decode_stream(a, x->streams[s].code, &p, &st) || !isa_decode_stream(a, y->streams[s].code, &q, &st))
            return;
        for (size_t k = 0; k < p.count || k < q.count; k++) {
            struct buf text[2] = {0};
            if (k < p.count)
                isa_print(&text[0], &p.inst[k]);
            if (k < q.count)
                isa_print(&text[1], &q.inst[k]);
            bool sequence_only = k > 0 && k < p.count && k < q.count && p.inst[k].op == ISA_START;
            bool same = text[0].size == text[1].size &&
                        (!text[0].size || memcmp(text[0].data, text[1].data, text[0].size) == 0);
            if (!same && !sequence_only && !(k == 0))
                snprintf(out, WHY, "instruction %zu of %zu (official), %zu (ours): `%.100s` / `%.100s`", k, p.count,
                         q.count, text[0].size ? (char *)text[0].data : "(end)",
                         text[1].size ? (char *)text[1].data : "(end)");
            buf_free(&text[0]);
            buf_free(&text[1]);
            if (!same && k > 0)
                return;
        }
    }
}

static void rung_e(struct arena *a, const struct loaded *official, const struct loaded *ours, struct row *r)
{
    bool all = official->n_packages == ours->n_packages;
    bool same[LEVELS] = {all, all, all, all, bytes_equal(official->file, ours->file)};
    for (unsigned k = 0; all && k < official->n_packages; k++) {
        const struct dwn_package *p = official->package[k], *q = ours->package[k];
        const struct dwn_executable *px = of_type(p, false), *qx = of_type(q, false), *pc = of_type(p, true),
                                    *qc = of_type(q, true);
        same[PARAMETERS] = same[PARAMETERS] && same_parameters(px, qx) && same_parameters(pc, qc);
        same[CACHING_STREAM] = same[CACHING_STREAM] && same_streams(pc, qc);
        same[EXECUTION_STREAM] = same[EXECUTION_STREAM] && same_streams(px, qx);
        same[PACKAGE] = same[PACKAGE] && bytes_equal(official->options[k], ours->options[k]);
        if (!same_streams(px, qx) && !r->first_difference[0])
            first_difference(a, px, qx, r->first_difference);
        if (px && qx)
            alike_add(a, px, qx, r);
        for (uint32_t s = 0; px && qx && s < px->n_streams; s++)
            r->official_instructions += (long long)(px->streams[s].code.size / ISA_WORD);
        for (uint32_t s = 0; px && qx && s < qx->n_streams; s++)
            r->our_instructions += (long long)(qx->streams[s].code.size / ISA_WORD);
    }
    for (int k = 0; k < LEVELS; k++)
        r->level[k] = same[k];
}

static void qualities(struct arena *a, const struct loaded *l, long long out[QUALITIES])
{
    out[QUALITY_FILE] = (long long)l->file.size;
    for (unsigned k = 0; k < l->n_packages; k++)
        quality_add(a, l->package[k], out);
}

static void rungs_d_e(struct arena *a, const struct loaded *official, const struct tfl_model *source, const char *rungs,
                      struct row *r)
{
    struct status st = {0};
    struct compile_options o = {.min_runtime_version = 14, .has_token = true};
    if (official->n_packages) {
        o.min_runtime_version = official->package[0]->min_runtime_version;
        o.token = official->package[0]->n_executables ? official->package[0]->executables[0].token : 0;
        o.multiple_subgraphs = official->n_packages > 1;
    }
    struct compile_result result;
    struct loaded ours;
    if (!compile_models(a, &source, 1, &o, &result, &st) || !load(a, result.file, &ours, &st)) {
        why(r->compiled_why, st.message);
        return;
    }
    if (official->n_packages && !ours.n_packages) {
        const char *text = "no operator is mapped";
        for (uint32_t k = 0; k < result.n_ops; k++)
            if (result.ops[k].why) {
                text = result.ops[k].why;
                break;
            }
        why(r->compiled_why, text);
        return;
    }
    r->compiled = 1;
    qualities(a, official, r->official_quality);
    qualities(a, &ours, r->our_quality);
    if (strchr(rungs, 'd'))
        rung_d(official, &ours, r);
    if (strchr(rungs, 'e'))
        rung_e(a, official, &ours, r);
}

void measure(const struct corpus_pair *pair, const char *rungs, uint32_t model, unsigned fault_limit, struct row *r)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file, source_file;
    struct loaded official;
    struct tfl_model *source = NULL;
    if (!file_read(a, pair->compiled, &file, &st) || !load(a, file, &official, &st)) {
        why(r->ran_why, st.message);
        r->done = 1;
        arena_free(a);
        return;
    }
    if (official.n_packages)
        r->runtime = official.package[0]->min_runtime_version;
    if (pair->source && (!file_read(a, pair->source, &source_file, &st) || !tfl_read(a, source_file, &source, &st)))
        why(r->ran_why, st.message);
    if (source) {
        r->n_ops = (int)source->subgraphs[0].n_operators;
        r->official_mapped = r->n_ops - (int)official.model->subgraphs[0].n_operators + (int)official.n_packages;
    }
    if (strchr(rungs, 'a'))
        rung_a(a, &official, r);
    if (strchr(rungs, 'b'))
        rung_b(a, &official, r);
    for (unsigned k = 0; k < official.n_packages; k++)
        cycles_measure(a, official.package[k], r);
    if (strchr(rungs, 'b') && fault_limit)
        for (unsigned k = 0; k < official.n_packages; k++)
            faults(official.package[k], fault_limit, 1000 * model + k, r);
    if (strchr(rungs, 'c') && source)
        rung_c(&official, source, r);
    if ((strchr(rungs, 'd') || strchr(rungs, 'e')) && source)
        rungs_d_e(a, &official, source, rungs, r);
    r->done = 1;
    arena_free(a);
}

/* Rungs d and e on pairs whose bytes are not here (tests/support/twin.h). */
#include <stdio.h>

#include "attempt.h"
#include "base/file.h"
#include "evidence.h"
#include "jobs.h"

enum { STRICT_MACS = 30000000 };

struct twin_row {
    int done, built, compiled;
    int strict, exact; /* on the simulated chip; strict: by the strict simulator too */
    struct twin_verdict verdict;
    char text[WHY]; /* how it differs */
};

struct twins {
    struct catalogue_row *rows;
    struct twin_row *results;
    uint32_t count;
};

static const char *difference(const struct catalogue_row *row, const struct attempt *x)
{
    const char *note = twin_variant_text[x->variant];
    if (x->st.code)
        return arena_text(x->a, "%s: %s", x->model ? "not compiled" : "not built", x->st.message);
    if (!x->verdict.same_outer)
        return arena_text(x->a, "official %s; ours %s", row->outer_graph, x->facts.outer_graph);
    if (!x->verdict.same_all)
        return arena_text(x->a, "%s, ours %s: %s%s", row->executables, x->facts.executables,
                          twin_difference(x->a, row, &x->facts), note);
    if (!x->verdict.same_size)
        return arena_text(x->a, "%lld bytes, ours %lld%s", (long long)row->compiled_size, (long long)x->facts.size,
                          note);
    return "";
}

static void work(uint32_t k, void *arg, void *result)
{
    const struct twins *t = arg;
    const struct catalogue_row *row = &t->rows[k];
    struct twin_row *out = result;
    struct attempt x;
    attempt_nearest(row, 1, &x);
    struct attempt_trial trial = {0};
    if (x.facts.compiled)
        trial = attempt_try(&x, 1, STRICT_MACS);
    *out = (struct twin_row){1, x.model != NULL, x.facts.compiled, trial.strict, x.facts.compiled && !trial.fault,
                             x.verdict, ""};
    snprintf(out->text, WHY, "%.*s", WHY - 1,
             trial.fault ? arena_text(x.a, "wrong: %s", trial.fault) : difference(row, &x));
    attempt_free(&x);
}

static void nothing(uint32_t k, void *arg, const void *result)
{
    (void)k, (void)arg, (void)result;
}

struct twins *twins_measure(struct arena *a, const char *corpus, const char *name, unsigned jobs, unsigned timeout)
{
    struct twins *t = ARENA_NEW(a, struct twins);
    struct bytes text;
    struct catalogue_row *all;
    uint32_t n;
    struct status st = {0};
    if (!file_read(a, path_join(a, corpus, "catalogue.tsv"), &text, &st) || !catalogue_read(a, text, &all, &n, &st)) {
        fprintf(stderr, "evidence: %s\n", st.message);
        return NULL;
    }
    t->rows = ARENA_ARRAY(a, struct catalogue_row, n);
    for (uint32_t k = 0; k < n; k++)
        if (!all[k].shipped && (!name || strstr(all[k].name, name)))
            t->rows[t->count++] = all[k];
    t->results = ARENA_ARRAY(a, struct twin_row, t->count);
    jobs_run(&(struct jobs){t->count, jobs, timeout, sizeof *t->results, t->results, work, nothing, t});
    return t->count ? t : NULL;
}

void twins_ladder(struct buf *o, const struct twins *t)
{
    int built = 0, compiled = 0, exact = 0, strict = 0, outer = 0, built16 = 0, rows16 = 0, tile = 0, all = 0, size = 0;
    for (uint32_t k = 0; k < t->count; k++) {
        const struct twin_row *r = &t->results[k];
        built += r->built, compiled += r->compiled, outer += r->verdict.same_outer;
        exact += r->exact, strict += r->exact && r->strict;
        if (t->rows[k].min_runtime != COMPILER_16)
            continue;
        rows16++, built16 += r->built;
        tile += r->verdict.same_tile, all += r->verdict.same_all;
        size += r->verdict.same_all && r->verdict.same_size;
    }
    buf_text(o, "| d | catalogue pairs whose bytes are not here, rebuilt with random weights (of %u): compiled | %d of "
                "%d |\n", t->count, compiled, built);
    buf_text(o, "| d | of these, the same operators left to the CPU | %d of %d |\n", outer, built);
    buf_text(o,
             "| d | of those compiled, the verifier finds nothing and the simulated chip gives our kernels' bytes "
             "(strict mode: "
             "%d, those of up to %d million multiply-adds) | %d of %d |\n",
             strict, STRICT_MACS / 1000000, exact, compiled);
    buf_text(o,
             "| e | catalogue pairs of compiler 16 whose bytes are not here (of %d): number of instructions of every "
             "opcode as officially | %d of %d |\n",
             rows16, all, built16);
    buf_text(o, "| e | of these, the opcodes of the tiles | %d of %d |\n", tile, built16);
    buf_text(o, "| e | of these, every opcode and the file's size to a page | %d of %d |\n", size, built16);
}

void twins_report(struct buf *o, const struct twins *t)
{
    buf_text(o,
             "\n## Catalogue pairs whose bytes are not here\nModels with the operators and shapes of the catalogue's "
             "row and random weights; compared is what the row tells of the official result. Weights decide little: "
             "of several variants (biases zero, scales per tensor) the nearest stands here. Listed are, of compiler "
             "16, all that differ; of older compilers, which spell scalar code differently, those that do not compile, "
             "are wrong on the simulated chip or leave other operators to the CPU. Numbers behind opcodes: how many "
             "instructions more (+) or fewer "
             "ours has.\n\n| row | rt | model | difference |\n|---|---|---|---|\n");
    for (uint32_t k = 0; k < t->count; k++) {
        const struct twin_row *r = &t->results[k];
        bool old = t->rows[k].min_runtime != COMPILER_16;
        if (r->done && (!r->text[0] || (old && r->verdict.same_outer && (r->exact || !r->compiled))))
            continue;
        buf_text(o, "| %s | %d | %s | %s |\n", t->rows[k].id, t->rows[k].min_runtime, t->rows[k].name,
                 r->done ? r->text : "crashed or ran out of time");
    }
}

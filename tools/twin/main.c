/* twin: compiles models made from the catalogue's rows and compares the results with what it tells of the official
 * ones (tests/support/twin.h). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "base/file.h"

static const char usage[] =
    "usage: twin [options] catalogue.tsv\n"
    "Makes the model of each row with random weights, compiles it and compares with the official compiler's result.\n"
    "  -n, --name TEXT     only rows whose id is TEXT, or whose repository and path contain it\n"
    "  -r, --runtime N     only packages of this runtime version (14: compiler 16)\n"
    "  -u, --unshipped     only rows whose files are not in the corpus\n"
    "  -t, --together IDS  only these rows (P309,P308), compiled by one command in this order: they share the cache\n"
    "  -s, --seed N        of the weights (1)\n"
    "  -v, --verbose       rows that agree too, and why operators stay on the CPU\n"
    "  -c, --check         verifies what was compiled and runs it on the simulated chip against the kernels\n"
    "  -l, --limit N       of --check: the strict simulator up to N million multiply-adds (500), the fast one above\n"
    "  -o, --output DIR    writes DIR/ID.tflite and DIR/ID_edgetpu.tflite\n"
    "  -h, --help\n";

struct settings {
    const char *name, *output, *together;
    int32_t runtime;
    uint64_t seed, limit;
    bool unshipped, verbose, check;
};

struct totals {
    unsigned rows, built, compiled, outer, tile, all, size, strict, fast, faulty;
};

static bool write_file(struct arena *a, const struct settings *s, const char *name, struct bytes file)
{
    struct status st = {0};
    if (file_write(path_join(a, s->output, name), file, &st))
        return true;
    fprintf(stderr, "twin: %s\n", st.message);
    return false;
}

static bool write_both(struct arena *a, const struct settings *s, const char *id, const struct tfl_model *m,
                       struct bytes compiled)
{
    struct bytes file;
    struct status st = {0};
    if (!s->output)
        return true;
    if (!tfl_write(a, m, &(struct tfl_write_options){0}, &file, &st)) {
        fprintf(stderr, "twin: %s: %s\n", id, st.message);
        return false;
    }
    return write_file(a, s, arena_text(a, "%s.tflite", id), file) &&
           (!compiled.size || write_file(a, s, arena_text(a, "%s_edgetpu.tflite", id), compiled));
}

static void print_reasons(const struct compile_result *r)
{
    for (uint32_t k = 0; k < r->n_ops; k++)
        if (r->ops[k].why)
            printf("    operator %u: %s\n", k, r->ops[k].why);
}

static void print_attempt(const struct catalogue_row *row, const struct attempt *x)
{
    const struct twin_verdict *v = &x->verdict;
    printf("%s rt %d %s: ", row->id, row->min_runtime, row->name);
    if (x->st.code) {
        printf("%s: %s\n", x->model ? "not compiled" : "not built", x->st.message);
        return;
    }
    if (v->same_all && v->same_outer)
        printf("equal, %s", row->executables);
    else if (v->same_outer)
        printf("%s, ours %s, differs in %s", row->executables, x->facts.executables,
               twin_difference(x->a, row, &x->facts));
    else
        printf("official %s, ours %s", row->outer_graph, x->facts.outer_graph);
    if (!v->same_size)
        printf("; size %lld, ours %lld", (long long)row->compiled_size, (long long)x->facts.size);
    printf("%s\n", twin_variant_text[x->variant]);
}

static void check(const struct settings *s, const struct catalogue_row *row, const struct attempt *x, struct totals *t)
{
    struct attempt_trial r = attempt_try(x, s->seed, s->limit * 1000000);
    if (r.fault)
        printf("%s: FAULT: %s\n", row->id, r.fault);
    else if (!r.strict)
        printf("%s: exact, but %llu million multiply-adds: not by the strict simulator\n", row->id,
               (unsigned long long)(r.macs / 1000000));
    t->faulty += r.fault != NULL, t->strict += !r.fault && r.strict, t->fast += !r.fault && !r.strict;
    fflush(stdout);
}

static bool report(const struct settings *s, const struct catalogue_row *row, const struct attempt *x,
                   struct totals *t)
{
    print_attempt(row, x);
    t->rows++, t->built += x->model != NULL, t->compiled += x->facts.compiled;
    t->outer += x->verdict.same_outer, t->tile += x->verdict.same_tile, t->all += x->verdict.same_all;
    t->size += x->verdict.same_size;
    if (s->check && x->facts.compiled)
        check(s, row, x, t);
    if (s->verbose || (!x->st.code && !x->verdict.same_outer))
        print_reasons(&x->result);
    return !x->model || write_both(x->a, s, row->id, x->model, x->result.file);
}

static bool one_row(const struct settings *s, const struct catalogue_row *row, struct totals *t)
{
    struct attempt x;
    attempt_nearest(row, s->seed, &x);
    bool ok = report(s, row, &x, t);
    attempt_free(&x);
    return ok;
}

static const struct catalogue_row *row_of(const struct catalogue_row *rows, uint32_t count, const char *id, size_t size)
{
    for (uint32_t k = 0; k < count; k++)
        if (strlen(rows[k].id) == size && memcmp(rows[k].id, id, size) == 0)
            return &rows[k];
    fprintf(stderr, "twin: no row %.*s\n", (int)size, id);
    return NULL;
}

static bool rows_together(const struct settings *s, const struct catalogue_row *rows, uint32_t count)
{
    const struct catalogue_row *list[ATTEMPT_TOGETHER];
    unsigned n = 0;
    for (const char *id = s->together; *id; n++) {
        size_t size = strcspn(id, ",");
        if (n == ATTEMPT_TOGETHER || !(list[n] = row_of(rows, count, id, size)))
            return false;
        id += size + (id[size] == ',');
    }
    struct attempt x[ATTEMPT_TOGETHER];
    struct totals t = {0};
    bool ok = true;
    if (n)
        attempt_together(list, n, s->seed, x);
    for (unsigned k = 0; k < n; k++)
        ok = report(s, list[k], &x[k], &t) && ok;
    for (unsigned k = 0; k < n; k++)
        attempt_free(&x[k]);
    printf("together: %u rows, %u compiled, %u with all the same\n", t.rows, t.compiled, t.all);
    return ok;
}

static bool wanted(const struct settings *s, const struct catalogue_row *row)
{
    return (!s->name || strcmp(row->id, s->name) == 0 || strstr(row->name, s->name)) &&
           (!s->runtime || row->min_runtime == s->runtime) && !(s->unshipped && row->shipped);
}

static bool all_rows(const struct settings *s, const struct catalogue_row *rows, uint32_t count)
{
    enum { RUNTIMES = 100 };
    struct totals by_runtime[RUNTIMES] = {0};
    for (uint32_t k = 0; k < count; k++)
        if (wanted(s, &rows[k]) && !one_row(s, &rows[k], &by_runtime[rows[k].min_runtime % RUNTIMES]))
            return false;
    for (int v = 0; v < RUNTIMES; v++) {
        const struct totals *t = &by_runtime[v];
        if (!t->rows)
            continue;
        if (s->check)
            printf(
                "runtime %d: on the simulated chip %u exact by the strict simulator, %u by the fast one only, %u with "
                "a fault\n",
                v, t->strict, t->fast, t->faulty);
        printf("runtime %d: %u rows, %u built, %u compiled, %u with the same operators on the CPU, %u with the same "
               "tile instructions, %u with all the same, %u of the same size\n",
               v, t->rows, t->built, t->compiled, t->outer, t->tile, t->all, t->size);
    }
    return true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"name", 1, NULL, 'n'},
                                            {"runtime", 1, NULL, 'r'},
                                            {"unshipped", 0, NULL, 'u'},
                                            {"together", 1, NULL, 't'},
                                            {"seed", 1, NULL, 's'},
                                            {"verbose", 0, NULL, 'v'},
                                            {"check", 0, NULL, 'c'},
                                            {"limit", 1, NULL, 'l'},
                                            {"output", 1, NULL, 'o'},
                                            {"help", 0, NULL, 'h'},
                                            {0}};
    struct settings s = {.seed = 1, .limit = 500};
    for (int o; (o = getopt_long(argc, argv, "n:r:ut:s:vcl:o:h", options, NULL)) != -1;)
        switch (o) {
        case 'n': s.name = optarg; break;
        case 'r': s.runtime = (int32_t)strtol(optarg, NULL, 10); break;
        case 'u': s.unshipped = true; break;
        case 't': s.together = optarg; break;
        case 's': s.seed = strtoull(optarg, NULL, 10); break;
        case 'v': s.verbose = true; break;
        case 'c': s.check = true; break;
        case 'l': s.limit = strtoull(optarg, NULL, 10); break;
        case 'o': s.output = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes text;
    struct catalogue_row *rows;
    uint32_t count;
    bool ok = file_read(a, argv[optind], &text, &st) && catalogue_read(a, text, &rows, &count, &st);
    if (!ok)
        fprintf(stderr, "twin: %s: %s\n", argv[optind], st.message);
    ok = ok && (s.together ? rows_together(&s, rows, count) : all_rows(&s, rows, count));
    arena_free(a);
    return ok ? 0 : 1;
}

/* bench: the parts of scripts/bench that need C. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "compiler/compiler.h"

static const char usage[] =
    "usage: bench compile MODEL     time of compiling it (best of 5 after reading), peak memory of this process\n"
    "       bench cut MODEL OUT     the model up to its first custom operator, for interpreters that lack it\n";

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool compile(const struct tfl_model *m, struct status *st)
{
    enum { RUNS = 5 };
    double best = 0;
    uint32_t mapped = 0, ops = 0;
    for (unsigned k = 0; k < RUNS; k++) {
        struct arena *a = arena_new();
        struct compile_options o = {.min_runtime_version = 14};
        struct compile_result r = {0};
        double start = now_ms();
        bool ok = compile_models(a, &m, 1, &o, &r, st);
        double ms = now_ms() - start;
        best = k && best < ms ? best : ms;
        mapped = r.n_mapped, ops = r.n_ops;
        arena_free(a);
        if (!ok)
            return false;
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%.0f ms, peak %.0f MiB, %u of %u operators mapped\n", best, (double)use.ru_maxrss / 1024, mapped, ops);
    return true;
}

static bool cut(struct arena *a, struct tfl_model *m, const char *out, struct status *st)
{
    struct tfl_subgraph *g = &m->subgraphs[0];
    struct bytes file;
    for (uint32_t k = 0; k < g->n_operators; k++)
        if (g->operators[k].custom_code) {
            g->outputs = g->operators[k].inputs;
            g->n_outputs = g->operators[k].n_inputs;
            g->n_operators = k;
        }
    m->n_signatures = 0;
    return tfl_write(a, m, &(struct tfl_write_options){0}, &file, st) && file_write(out, file, st);
}

int main(int argc, char **argv)
{
    bool compiling = argc == 3 && !strcmp(argv[1], "compile");
    if (!compiling && (argc != 4 || strcmp(argv[1], "cut"))) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file;
    struct tfl_model *m;
    bool ok = file_read(a, argv[2], &file, &st) && tfl_read(a, file, &m, &st) &&
              (compiling ? compile(m, &st) : cut(a, m, argv[3], &st));
    if (!ok)
        fprintf(stderr, "bench: %s: %s\n", argv[2], st.message);
    arena_free(a);
    return ok ? 0 : 1;
}

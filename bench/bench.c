/* bench: the parts of scripts/bench that need C. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "compiler/compiler.h"
#include "interp/interp.h"
#include "sim/sim.h"

static const char usage[] =
    "usage: bench run MODEL [N]     one run in ms, simulated chip for its Edge TPU operators; N threads: elapsed time\n"
    "       bench compile MODEL     time of compiling it, peak memory of this process\n"
    "       bench cut MODEL OUT     the model up to its first custom operator, for interpreters that lack it\n"
    "Times are processor time, best of several, one thread, where nothing else is said.\n";

enum { RUNS = 5 };

static double now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* threads 0: processor time of one thread, which is not disturbed by what else the machine does. */
static bool run(struct arena *a, const struct tfl_model *m, unsigned threads, struct status *st)
{
    clockid_t clock = threads ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
    const struct tfl_subgraph *g = &m->subgraphs[0];
    struct sim *sim = sim_new(&(struct sim_options){.threads = threads});
    struct interp_options o = {.numerics = KERN_TFLITE, .sim = sim};
    struct interp *p;
    struct bytes *in = ARENA_ARRAY(a, struct bytes, g->n_inputs + 1),
                 *out = ARENA_ARRAY(a, struct bytes, g->n_outputs + 1);
    double best = 0;
    bool ok = interp_new(a, m, &o, &p, st);
    for (uint32_t k = 0; ok && k < g->n_inputs; k++) {
        size_t size = interp_input_size(p, k);
        uint8_t *data = arena_alloc(a, size);
        interp_random(&g->tensors[g->inputs[k]], k, 1, data);
        in[k] = bytes_of(data, size);
    }
    for (unsigned k = 0; ok && k < RUNS; k++) {
        double start = now_ms(clock);
        ok = interp_run(p, in, out, st);
        double ms = now_ms(clock) - start;
        best = k && best < ms ? best : ms;
    }
    if (ok)
        printf("%.3f\n", best);
    sim_free(sim);
    return ok;
}

static bool compile(const struct tfl_model *m, struct status *st)
{
    double best = 0;
    uint32_t mapped = 0, ops = 0;
    for (unsigned k = 0; k < RUNS; k++) {
        struct arena *a = arena_new();
        struct compile_options o = {.min_runtime_version = 14};
        struct compile_result r = {0};
        double start = now_ms(CLOCK_PROCESS_CPUTIME_ID);
        bool ok = compile_models(a, &m, 1, &o, &r, st);
        double ms = now_ms(CLOCK_PROCESS_CPUTIME_ID) - start;
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
    bool running = (argc == 3 || argc == 4) && !strcmp(argv[1], "run");
    unsigned threads = running && argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    if (!compiling && !running && (argc != 4 || strcmp(argv[1], "cut"))) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file;
    struct tfl_model *m;
    bool ok = file_read(a, argv[2], &file, &st) && tfl_read(a, file, &m, &st) &&
              (compiling ? compile(m, &st) : running ? run(a, m, threads, &st) : cut(a, m, argv[3], &st));
    if (!ok)
        fprintf(stderr, "bench: %s: %s\n", argv[2], st.message);
    arena_free(a);
    return ok ? 0 : 1;
}

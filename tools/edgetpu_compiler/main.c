/* edgetpu_compiler: TensorFlow Lite models in, models for the Edge TPU out. */
#include "base/file.h"
#include "check.h"
#include "compiler/compiler.h"
#include "options.h"
#include "summary.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FAILED = 1 };

/* ---- reading and writing ---- */

static bool read_model(struct arena *a, const char *path, struct output *o, const struct tfl_model **m)
{
    struct status st = {0};
    struct bytes file;
    struct tfl_model *read;
    if (!file_read(a, path, &file, &st)) {
        fprintf(stderr, "ERROR: %s\n", st.message);
        printf("Error opening file for reading: %s\n", path);
        return false;
    }
    if (!tfl_read(a, file, &read, &st)) {
        fprintf(stderr, "ERROR: %s\n", st.message);
        printf("Invalid model: %s\nModel could not be parsed\n", path);
        return false;
    }
    o->input = path;
    o->input_size = file.size;
    o->source = *m = read;
    return true;
}

static void name_output(struct arena *a, const struct options *opt, struct output *o)
{
    const char *stem = path_stem(a, o->input);
    o->model = path_join(a, opt->out_dir, arena_text(a, "%s_edgetpu.tflite", stem));
    o->log = path_join(a, opt->out_dir, arena_text(a, "%s_edgetpu.log", stem));
}

/* A model may be named several times: it takes as much of the cache, and its last compilation stays on disk (so
 * HanChangHun/EdgeTPU-Compiler-Log-Parser calls the official compiler). */
static bool names_differ(const struct output *o, int count)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(o[i].model, o[k].model) == 0 && strcmp(o[i].input, o[k].input) != 0) {
                fprintf(stderr,
                        "edgetpu_compiler: %s and %s would both be written to %s; compile them into two directories\n",
                        o[k].input, o[i].input, o[i].model);
                return false;
            }
        }
    }
    return true;
}

static bool make_directory(const char *path)
{
    if (!*path || mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "edgetpu_compiler: cannot make the directory %s: %s\n", path, strerror(errno));
    return false;
}

/* Nothing is written before everything has been compiled. */
static bool write_outputs(struct arena *a, const struct options *opt, const struct output *o, struct status *st)
{
    for (int i = 0; i < opt->n_models; i++) {
        const char *log = summary_log(a, &o[i]);
        if (!file_write(o[i].model, o[i].result.file, st) || !file_write(o[i].log, bytes_of(log, strlen(log)), st))
            return false;
    }
    if (!opt->report)
        return true;
    const char *json = summary_json(a, o, opt->n_models);
    return file_write(opt->report, bytes_of(json, strlen(json)), st);
}

/* ---- time limit ---- */

static void on_timeout(int signal_number)
{
    static const char text[] =
        "Compilation timeout. This is usually caused by large activations.\nCompilation failed! \n";
    (void)signal_number;
    ssize_t written = write(STDOUT_FILENO, text, sizeof text - 1);
    _exit(written >= 0 ? EXIT_FAILED : EXIT_FAILED + 1);
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- intermediate tensors ---- */

/* Cuts `text` at each `mark`; returns the parts. */
static char **split(struct arena *a, char *text, char mark, uint32_t *count)
{
    uint32_t n = 1;
    for (const char *c = text; *c; c++)
        n += *c == mark;
    char **parts = ARENA_ARRAY(a, char *, n);
    *count = 0;
    for (char *at = text; at;) {
        parts[(*count)++] = at;
        at = strchr(at, mark);
        if (at)
            *at++ = 0;
    }
    return parts;
}

/* "a,b:c": names of the first model, names of the second. */
static bool read_stops(struct arena *a, const struct options *opt, const struct compile_stops **out)
{
    if (!opt->intermediate)
        return true;
    uint32_t n;
    char **lists = split(a, arena_text(a, "%s", opt->intermediate), ':', &n);
    struct compile_stops *stops = ARENA_ARRAY(a, struct compile_stops, n);
    for (uint32_t i = 0; i < n; i++)
        stops[i].names = (const char *const *)split(a, lists[i], ',', &stops[i].count);
    *out = stops;
    if (n == (uint32_t)opt->n_models)
        return true;
    printf("The number of lists given to intermediate_tensors doesn't match the number of input models.\n");
    return false;
}

/* ---- one run ---- */

struct run {
    struct arena *arena;
    struct arena *results; /* of the attempt that succeeded */
    const struct options *opt;
    const struct tfl_model **models;
    struct output *out;
    struct compile_options compile;
    long long took;
};

/* One attempt, with its own time limit. */
static bool attempt(struct run *r, struct status *st)
{
    struct arena *own = arena_new(); /* a search may need hundreds of attempts */
    struct compile_result *results = ARENA_ARRAY(own, struct compile_result, (size_t)r->opt->n_models);
    printf("Started a compilation timeout timer of %d seconds.\n", r->opt->timeout_sec);
    fflush(stdout);
    alarm((unsigned)r->opt->timeout_sec);
    long long start = now_ms();
    bool ok = compile_models(own, r->models, (unsigned)r->opt->n_models, &r->compile, results, st);
    r->took = now_ms() - start;
    alarm(0);
    for (int i = 0; ok && i < r->opt->n_models; i++)
        r->out[i].result = results[i];
    if (ok) {
        r->results = own;
        return true;
    }
    printf("Compilation failed: %s\nCompilation child process completed within timeout period.\nCompilation failed! \n",
           st->message);
    arena_free(own);
    return false;
}

/* -d: all operators, then ever fewer. */
static bool search(struct run *r)
{
    uint32_t n = r->models[0]->subgraphs[0].n_operators, step = (uint32_t)r->opt->search_step;
    printf("Searching for valid delegate with step %u\n", step);
    for (uint32_t drop = 0; drop < n || drop == 0; drop += step) {
        struct status st = {0};
        printf("Try to compile segment with %u ops\n", n - drop);
        if (drop)
            printf("Intermediate tensors: %s\n", compile_boundary(r->arena, r->models[0], drop));
        r->compile.drop_last = drop;
        if (attempt(r, &st))
            return true;
    }
    return false;
}

static void print_success(const struct run *r)
{
    printf("\n%s compiled successfully in %lld ms.\n", r->opt->n_models > 1 ? "Models" : "Model", r->took);
    for (int i = 0; i < r->opt->n_models; i++) {
        printf("\n");
        summary_print(r->arena, &r->out[i], r->opt->show_operations);
    }
    printf("Compilation child process completed within timeout period.\nCompilation succeeded! \n");
}

/* Writes, prints and checks what the successful attempt has made. */
static bool finish(struct run *r)
{
    struct status st = {0};
    if (!write_outputs(r->arena, r->opt, r->out, &st)) {
        printf("%s\n", st.message);
        return false;
    }
    print_success(r);
    bool good = true;
    for (int i = 0; r->opt->verify && i < r->opt->n_models; i++)
        good &= check_output(r->arena, &r->out[i]);
    return good;
}

static int run(struct arena *a, const struct options *opt)
{
    struct status st = {0};
    struct run r = {.arena = a,
                    .opt = opt,
                    .out = ARENA_ARRAY(a, struct output, (size_t)opt->n_models),
                    .models = ARENA_ARRAY(a, const struct tfl_model *, (size_t)opt->n_models),
                    .compile = {.min_runtime_version = opt->min_runtime_version,
                                .multiple_subgraphs = opt->multiple_subgraphs}};
    for (int i = 0; i < opt->n_models; i++) {
        if (!read_model(a, opt->models[i], &r.out[i], &r.models[i]))
            return EXIT_FAILED;
        name_output(a, opt, &r.out[i]);
    }
    if (!read_stops(a, opt, &r.compile.stops) || !names_differ(r.out, opt->n_models) || !make_directory(opt->out_dir))
        return EXIT_FAILED;
    signal(SIGALRM, on_timeout);
    if (!(opt->search ? search(&r) : attempt(&r, &st)))
        return EXIT_FAILED;
    bool good = finish(&r);
    arena_free(r.results);
    return good ? 0 : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct options opt;
    if (!options_read(argc, argv, &opt))
        return EXIT_FAILED;
    printf(VERSION_LINE);
    if (opt.help)
        options_help();
    if (opt.help || opt.version)
        return 0;
    struct arena *a = arena_new();
    int status = run(a, &opt);
    arena_free(a);
    return fflush(stdout) == 0 ? status : EXIT_FAILED;
}

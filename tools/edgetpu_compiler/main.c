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

static bool names_differ(const struct output *o, int count)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(o[i].model, o[k].model) == 0) {
                fprintf(stderr, "edgetpu_compiler: %s and %s would both be written to %s; compile them into two directories\n",
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
    static const char text[] = "Compilation timeout. This is usually caused by large activations.\nCompilation failed! \n";
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

/* ---- one run ---- */

static void print_start(const struct options *opt, const struct tfl_model *first)
{
    if (opt->search)
        printf("Searching for valid delegate with step %d\nTry to compile segment with %u ops\n", opt->search_step,
               first->subgraphs[0].n_operators);
    printf("Started a compilation timeout timer of %d seconds.\n", opt->timeout_sec);
    fflush(stdout);
}

static int failed(const struct options *opt, const struct status *st)
{
    printf("Compilation failed: %s\nCompilation child process completed within timeout period.\nCompilation failed! \n", st->message);
    if (opt->search)
        fputs("edgetpu_compiler: --search_delegate: this version does not retry with a shorter part\n", stderr);
    return EXIT_FAILED;
}

static bool compile_all(struct arena *a, const struct options *opt, const struct tfl_model *const *models, struct output *out,
                        struct status *st)
{
    const struct compile_options o = {.min_runtime_version = opt->min_runtime_version,
                                      .multiple_subgraphs = opt->multiple_subgraphs};
    struct compile_result *results = ARENA_ARRAY(a, struct compile_result, (size_t)opt->n_models);
    if (!compile_models(a, models, (unsigned)opt->n_models, &o, results, st))
        return false;
    for (int i = 0; i < opt->n_models; i++)
        out[i].result = results[i];
    return true;
}

static int run(struct arena *a, const struct options *opt)
{
    struct output *out = ARENA_ARRAY(a, struct output, (size_t)opt->n_models);
    const struct tfl_model **models = ARENA_ARRAY(a, const struct tfl_model *, (size_t)opt->n_models);
    struct status st = {0};
    for (int i = 0; i < opt->n_models; i++) {
        if (!read_model(a, opt->models[i], &out[i], &models[i]))
            return EXIT_FAILED;
        name_output(a, opt, &out[i]);
    }
    if (!names_differ(out, opt->n_models) || !make_directory(opt->out_dir))
        return EXIT_FAILED;
    print_start(opt, models[0]);
    signal(SIGALRM, on_timeout);
    alarm((unsigned)opt->timeout_sec);
    long long start = now_ms();
    if (!compile_all(a, opt, models, out, &st))
        return failed(opt, &st);
    long long took = now_ms() - start;
    alarm(0);
    if (!write_outputs(a, opt, out, &st)) {
        printf("%s\n", st.message);
        return EXIT_FAILED;
    }
    printf("\n%s compiled successfully in %lld ms.\n", opt->n_models > 1 ? "Models" : "Model", took);
    for (int i = 0; i < opt->n_models; i++) {
        printf("\n");
        summary_print(a, &out[i], opt->show_operations);
    }
    printf("Compilation child process completed within timeout period.\nCompilation succeeded! \n");
    for (int i = 0; opt->verify && i < opt->n_models; i++)
        if (!check_output(a, &out[i]))
            return EXIT_FAILED;
    return 0;
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

/* edgetpu_run: runs a .tflite, compiled or not, on the simulated chip or on our CPU kernels. */
#include "run.h"

#include "base/file.h"
#include "sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char USAGE[] =
    "Usage: edgetpu_run [options] MODEL.tflite\n"
    "Runs a TFLite model once, or --repeat times, and prints a summary of its outputs.\n"
    "\n"
    "  --device sim|cpu        sim: operators compiled for the Edge TPU run on the simulated chip, the others on\n"
    "                          the CPU kernels (default); cpu: a compiled model is refused\n"
    "  --numerics tflite|edgetpu\n"
    "                          how the CPU kernels round: as TFLite (default) or as the chip\n"
    "  --input SOURCE          FILE (.npy or raw bytes) for the next input, NAME=FILE for input NAME, random:SEED for\n"
    "                          all that are left (default random:0); may be repeated\n"
    "  --output DIR            write each output to DIR/<index>_<name>.npy\n"
    "  --repeat N              run N times and print times\n"
    "  --profile               an estimate of the time on a real chip, by part of each program and by unit\n"
    "  --threads N             simulator: tiles on N threads (default 1); the results are the same\n"
    "  --strict                simulator: report reads of memory never written and the like\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 the model or an input cannot be run, 2 wrong usage.\n";

struct arguments {
    const char *model, *output;
    char **inputs;
    size_t n_inputs;
    bool cpu, strict, profile;
    enum kern_numerics numerics;
    unsigned long repeat, threads;
};

static bool usage_error(const char *what, const char *value)
{
    fprintf(stderr, "edgetpu_run: %s%s\nTry 'edgetpu_run --help'.\n", what, value);
    return false;
}

static bool parse_count(const char *text, unsigned long *out)
{
    char *end;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *out > 0;
}

static bool one_of(const char *text, const char *no, const char *yes, bool *out)
{
    *out = strcmp(text, yes) == 0;
    return *out || strcmp(text, no) == 0;
}

/* False: wrong usage, already said on stderr.  --help and --version end the program. */
static bool parse(int argc, char **argv, struct arguments *r)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'}, {"numerics", required_argument, NULL, 'n'},
        {"input", required_argument, NULL, 'i'},  {"output", required_argument, NULL, 'o'},
        {"repeat", required_argument, NULL, 'r'}, {"strict", no_argument, NULL, 's'},
        {"threads", required_argument, NULL, 't'}, {"profile", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},         {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    bool chip = false;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'd':
            if (!one_of(optarg, "sim", "cpu", &r->cpu))
                return usage_error("--device is sim or cpu, not ", optarg);
            break;
        case 'n':
            if (!one_of(optarg, "tflite", "edgetpu", &chip))
                return usage_error("--numerics is tflite or edgetpu, not ", optarg);
            r->numerics = chip ? KERN_EDGETPU : KERN_TFLITE;
            break;
        case 'i': r->inputs[r->n_inputs++] = optarg; break;
        case 'o': r->output = optarg; break;
        case 'r':
            if (!parse_count(optarg, &r->repeat))
                return usage_error("--repeat needs a positive number, not ", optarg);
            break;
        case 't':
            if (!parse_count(optarg, &r->threads))
                return usage_error("--threads needs a positive number, not ", optarg);
            break;
        case 'p': r->profile = true; break;
        case 's': r->strict = true; break;
        case 'h': fputs(USAGE, stdout); exit(0);
        case 'V': puts("edgetpu_run (open-edgetpu) " VERSION); exit(0);
        default: return usage_error("wrong option", "");
        }
    if (argc - optind != 1)
        return usage_error("exactly one model is needed", "");
    r->model = argv[optind];
    return true;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool run_repeatedly(struct interp *p, const struct arguments *r, const struct bytes *inputs,
                           struct bytes *outputs, struct status *st)
{
    double first = 0, best = 0, total = 0;
    for (unsigned long i = 0; i < r->repeat; i++) {
        double start = now_ms();
        if (!interp_run(p, inputs, outputs, st))
            return false;
        double ms = now_ms() - start;
        first = i ? first : ms;
        best = i && best < ms ? best : ms;
        total += ms;
    }
    if (r->repeat > 1)
        printf("time: first %.3f ms, best %.3f ms, mean %.3f ms of %lu runs\n", first, best,
               total / (double)r->repeat, r->repeat);
    else
        printf("time: %.3f ms\n", total);
    return true;
}

static bool run(struct arena *a, const struct arguments *r, struct sim *sim, struct status *st)
{
    struct bytes file;
    struct tfl_model *m;
    struct interp *p;
    if (!file_read(a, r->model, &file, st))
        return false;
    struct interp_options o = {.numerics = r->numerics, .sim = sim};
    if (!tfl_read(a, file, &m, st) || !interp_new(a, m, &o, &p, st))
        return status_context(st, "%s: ", r->model);
    const struct tfl_subgraph *g = &m->subgraphs[0];
    struct bytes *inputs = ARENA_ARRAY(a, struct bytes, g->n_inputs);
    struct bytes *outputs = ARENA_ARRAY(a, struct bytes, g->n_outputs);
    if (!load_inputs(a, g, r->inputs, r->n_inputs, inputs, st))
        return false;
    if (!run_repeatedly(p, r, inputs, outputs, st))
        return status_context(st, "%s: ", r->model);
    if (r->profile && !print_profile(a, m, st))
        return status_context(st, "%s: ", r->model);
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        const struct tfl_tensor *t = interp_tensor_info(p, (uint32_t)g->outputs[i]);
        print_output(a, t, outputs[i]);
        if (r->output && !save_output(a, r->output, i, t, outputs[i], st))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct arguments r = {.inputs = ARENA_ARRAY(a, char *, (size_t)argc), .repeat = 1, .threads = 1};
    struct status st = {0};
    int code = 2;
    if (parse(argc, argv, &r)) {
        struct sim *sim = r.cpu ? NULL
                                : sim_new(&(struct sim_options){.strict = r.strict, .threads = (unsigned)r.threads});
        code = run(a, &r, sim, &st) ? 0 : 1;
        if (code)
            fprintf(stderr, "edgetpu_run: %s\n", st.message);
        sim_free(sim);
    }
    arena_free(a);
    return code;
}

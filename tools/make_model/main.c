/* make_model: writes a quantised .tflite model with seeded random weights, for the demo and for experiments. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "support/make_model.h"

static const char usage[] =
    "usage: make_model fc|fcchain|conv|mobilenet|mobilenet_v2 [options] --out FILE\n"
    "  fc         one fully connected layer                   --in 256 --units 256\n"
    "  fcchain    fully connected layers, ReLU between them   --in 256 --units 256 --layers 4\n"
    "  conv       3x3 convolutions and a dense head           --in 32 --units 16 --layers 4\n"
    "  mobilenet  the shape of MobileNet v1                   --in 224 --units 32 --classes 1000\n"
    "  mobilenet_v2  the shape of MobileNet v2 1.0            --in 224 --classes 1000\n"
    "--in: inputs, or height and width of an RGB image; --units: units, or channels of the first convolution\n"
    "--seed N (1)   --type int8|uint8 (int8)\n";

struct request {
    const char *kind, *out;
    uint64_t seed;
    int32_t in, units, layers, classes;
    enum tfl_type type;
};

static bool number(const char *text, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    *out = strtoll(text, &end, 10);
    if (*text && !*end && *out >= low && *out <= high)
        return true;
    fprintf(stderr, "make_model: %s is not a number from %lld to %lld\n", text, (long long)low, (long long)high);
    return false;
}

static bool parse(int argc, char **argv, struct request *r)
{
    static const struct option options[] = {
        {"in", required_argument, 0, 'i'},      {"units", required_argument, 0, 'u'},
        {"layers", required_argument, 0, 'l'},  {"classes", required_argument, 0, 'c'},
        {"seed", required_argument, 0, 's'},    {"type", required_argument, 0, 't'},
        {"out", required_argument, 0, 'o'},     {"help", no_argument, 0, 'h'},
        {0},
    };
    enum { LARGEST = 1 << 16 };
    int c;
    int64_t n = 0;
    while ((c = getopt_long(argc, argv, "i:u:l:c:s:t:o:h", options, NULL)) != -1)
        switch (c) {
        case 'i': if (!number(optarg, 1, LARGEST, &n)) return false; r->in = (int32_t)n; break;
        case 'u': if (!number(optarg, 1, LARGEST, &n)) return false; r->units = (int32_t)n; break;
        case 'l': if (!number(optarg, 1, 1000, &n)) return false; r->layers = (int32_t)n; break;
        case 'c': if (!number(optarg, 1, LARGEST, &n)) return false; r->classes = (int32_t)n; break;
        case 's': if (!number(optarg, 0, INT64_MAX, &n)) return false; r->seed = (uint64_t)n; break;
        case 'o': r->out = optarg; break;
        case 't':
            r->type = strcmp(optarg, "uint8") == 0 ? TFL_UINT8 : TFL_INT8;
            if (r->type == TFL_INT8 && strcmp(optarg, "int8") != 0) {
                fprintf(stderr, "make_model: type %s; there are int8 and uint8\n", optarg);
                return false;
            }
            break;
        case 'h': fputs(usage, stdout); exit(0);
        default: return false;
        }
    r->kind = optind < argc ? argv[optind] : NULL;
    return r->kind && optind + 1 == argc && r->out;
}

static int32_t either(int32_t given, int32_t otherwise)
{
    return given ? given : otherwise;
}

/* NULL: no such kind. */
static struct tfl_model *make(struct arena *a, const struct request *r)
{
    if (strcmp(r->kind, "fc") == 0)
        return make_fc_chain(a, r->type, r->seed, either(r->in, 256), either(r->units, 256), 1);
    if (strcmp(r->kind, "fcchain") == 0)
        return make_fc_chain(a, r->type, r->seed, either(r->in, 256), either(r->units, 256),
                             (uint32_t)either(r->layers, 4));
    if (strcmp(r->kind, "conv") == 0)
        return make_conv_net(a, r->type, r->seed, either(r->in, 32), either(r->units, 16),
                             (uint32_t)either(r->layers, 4));
    if (strcmp(r->kind, "mobilenet") == 0)
        return make_mobilenet(a, r->type, r->seed, either(r->in, 224), either(r->units, 32),
                              either(r->classes, 1000));
    if (strcmp(r->kind, "mobilenet_v2") == 0)
        return make_mobilenet_v2(a, r->type, r->seed, either(r->in, 224), either(r->classes, 1000));
    return NULL;
}

int main(int argc, char **argv)
{
    struct request r = {.seed = 1, .type = TFL_INT8};
    if (!parse(argc, argv, &r)) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file;
    struct tfl_model *m = make(a, &r);
    bool ok = m ? tfl_write(a, m, &(struct tfl_write_options){0}, &file, &st) && file_write(r.out, file, &st)
                : status_fail(&st, STATUS_INVALID, "no kind of model is called %s", r.kind);
    if (!ok)
        fprintf(stderr, "make_model: %s\n", st.message);
    arena_free(a);
    return ok ? 0 : 1;
}

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPT_VERIFY = 256, OPT_REPORT };
enum { LOWEST_RUNTIME = 10, NEWEST_RUNTIME = 14, DEFAULT_TIMEOUT = 180 };

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {"show_operations", no_argument, NULL, 's'},
    {"out_dir", required_argument, NULL, 'o'},
    {"min_runtime_version", required_argument, NULL, 'm'},
    {"num_segments", required_argument, NULL, 'n'},
    {"intermediate_tensors", required_argument, NULL, 'i'},
    {"search_delegate", no_argument, NULL, 'd'},
    {"delegate_search_step", required_argument, NULL, 'k'},
    {"timeout_sec", required_argument, NULL, 't'},
    {"enable_multiple_subgraphs", no_argument, NULL, 'a'},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"report", required_argument, NULL, OPT_REPORT},
    {NULL, 0, NULL, 0},
};

void options_help(void)
{
    fputs("\nUsage:\n"
          "edgetpu_compiler [options] model...\n"
          "\n"
          "Compiles quantised TensorFlow Lite models for the Edge TPU. Writes NAME_edgetpu.tflite and\n"
          "NAME_edgetpu.log for each NAME.tflite. Several models are compiled together.\n"
          "\n"
          "  -h, --help\n      Print this text.\n"
          "  -v, --version\n      Print the version.\n"
          "  -s, --show_operations\n      Print the table of operators, which is also in the log.\n"
          "  -o, --out_dir DIR\n      Directory of the output, made if it is missing (default: the current one).\n"
          "  -m, --min_runtime_version N\n      Oldest runtime that must accept the output, 10 to 14 (default 14).\n"
          "  -a, --enable_multiple_subgraphs\n      Map every part that can run on the Edge TPU, not only the first.\n"
          "  -n, --num_segments N\n      Cut the model into N segments (only 1 in this version).\n"
          "  -i, --intermediate_tensors NAMES\n      Tensors at which the Edge TPU's part ends: commas between names, "
          "colons between\n"
          "      models.\n"
          "  -d, --search_delegate\n      When compilation fails, retry with ever fewer operators.\n"
          "  -k, --delegate_search_step N\n      Operators that a retry drops (default 1).\n"
          "  -t, --timeout_sec N\n      Time limit in seconds (default 180).\n"
          "      --verify\n      Run the output on the simulated Edge TPU with random inputs and compare it with\n"
          "      the CPU kernels.\n"
          "      --report FILE\n      Write a JSON report: where every operator runs, why not, and bytes of "
          "parameters.\n",
          stdout);
}

static bool number(const char *option, const char *text, long low, long high, int *out)
{
    char *end;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < low || v > high) {
        fprintf(stderr, "edgetpu_compiler: %s takes a number from %ld to %ld, not \"%s\"\n", option, low, high, text);
        return false;
    }
    *out = (int)v;
    return true;
}

static bool take(int c, struct options *o)
{
    switch (c) {
    case 'h': o->help = true; return true;
    case 'v': o->version = true; return true;
    case 's': o->show_operations = true; return true;
    case 'a': o->multiple_subgraphs = true; return true;
    case 'd': o->search = true; return true;
    case 'o': o->out_dir = optarg; return true;
    case 'i': o->intermediate = optarg; return true;
    case 'm': return number("--min_runtime_version", optarg, LOWEST_RUNTIME, NEWEST_RUNTIME, &o->min_runtime_version);
    case 'n': return number("--num_segments", optarg, 1, 1000, &o->num_segments);
    case 'k': return number("--delegate_search_step", optarg, 1, 1000000, &o->search_step);
    case 't': return number("--timeout_sec", optarg, 1, 1000000, &o->timeout_sec);
    case OPT_VERIFY: o->verify = true; return true;
    case OPT_REPORT: o->report = optarg; return true;
    default: return false; /* getopt has said why */
    }
}

bool options_read(int argc, char **argv, struct options *o)
{
    *o = (struct options){.out_dir = "", .min_runtime_version = NEWEST_RUNTIME, .num_segments = 1, .search_step = 1,
                          .timeout_sec = DEFAULT_TIMEOUT};
    for (int c; (c = getopt_long(argc, argv, "hvso:m:n:i:dk:t:a", long_options, NULL)) != -1;)
        if (!take(c, o))
            return false;
    o->models = argv + optind;
    o->n_models = argc - optind;
    if (o->help || o->version)
        return true;
    if (o->n_models == 0) {
        fputs("edgetpu_compiler: no model given (--help lists the options)\n", stderr);
        return false;
    }
    if (o->num_segments > 1) {
        fprintf(stderr, "edgetpu_compiler: --num_segments=%d: this version cannot cut models into segments yet\n",
                o->num_segments);
        return false;
    }
    return true;
}

/* edgetpu_objdump: what stands in a compiled model. */
#include "dump.h"

#include "sim/cycles.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_OK = 0, EXIT_FINDING = 1, EXIT_USAGE = 2 };

struct wishes {
    bool headers, disassemble, hex, hints, layout, params, cycles, json, roundtrip, verify;
};

static const char usage[] =
    "Usage: edgetpu_objdump [OPTION]... FILE...\n"
    "Shows what stands in compiled models (X_edgetpu.tflite) and bare packages.\n"
    "\n"
    "      --headers      package, executables and layers (default)\n"
    "  -d, --disassemble  instructions, one per line\n"
    "      --hints        DMA hints, in the order of the transfers\n"
    "      --layout       how outputs lie in memory when they come from the chip\n"
    "      --params       size and fingerprint of the parameters; with --hex their bytes\n"
    "      --cycles       estimate of the time each part of the program takes, by unit\n"
    "      --hex          with --disassemble: the words of every instruction\n"
    "      --json         everything as JSON, parameters only with --params\n"
    "      --roundtrip    rebuild instructions, executables and packages; fails unless every bit comes back\n"
    "      --verify       check the programs; fails where a rule is broken\n"
    "      --help         this text\n"
    "      --version      version\n"
    "\n"
    "Exit status: 0 all well, 1 a file could not be read or a check failed, 2 wrong usage.\n";

enum {
    OPT_HEADERS = 256,
    OPT_HINTS,
    OPT_LAYOUT,
    OPT_PARAMS,
    OPT_CYCLES,
    OPT_HEX,
    OPT_JSON,
    OPT_ROUNDTRIP,
    OPT_VERIFY,
    OPT_HELP,
    OPT_VERSION
};

static const struct option options[] = {
    {"headers", no_argument, NULL, OPT_HEADERS},
    {"disassemble", no_argument, NULL, 'd'},
    {"hints", no_argument, NULL, OPT_HINTS},
    {"layout", no_argument, NULL, OPT_LAYOUT},
    {"params", no_argument, NULL, OPT_PARAMS},
    {"cycles", no_argument, NULL, OPT_CYCLES},
    {"hex", no_argument, NULL, OPT_HEX},
    {"json", no_argument, NULL, OPT_JSON},
    {"roundtrip", no_argument, NULL, OPT_ROUNDTRIP},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

/* false: the program ends with *status. */
static bool parse(int argc, char **argv, struct wishes *w, int *status)
{
    *status = EXIT_OK;
    for (int c; (c = getopt_long(argc, argv, "d", options, NULL)) != -1;)
        switch (c) {
        case 'd': w->disassemble = true; break;
        case OPT_HEADERS: w->headers = true; break;
        case OPT_HINTS: w->hints = true; break;
        case OPT_LAYOUT: w->layout = true; break;
        case OPT_PARAMS: w->params = true; break;
        case OPT_CYCLES: w->cycles = true; break;
        case OPT_HEX: w->hex = true; break;
        case OPT_JSON: w->json = true; break;
        case OPT_ROUNDTRIP: w->roundtrip = true; break;
        case OPT_VERIFY: w->verify = true; break;
        case OPT_HELP: fputs(usage, stdout); return false;
        case OPT_VERSION: puts("edgetpu_objdump (open-edgetpu) " EDGETPU_VERSION); return false;
        default: *status = EXIT_USAGE; break;
        }
    if (optind == argc && *status == EXIT_OK) {
        fputs("edgetpu_objdump: no file given\n", stderr);
        *status = EXIT_USAGE;
    }
    if (*status != EXIT_OK)
        fputs("Try 'edgetpu_objdump --help'.\n", stderr);
    w->headers = w->headers ||
                 !(w->disassemble || w->hints || w->layout || w->params || w->cycles || w->roundtrip || w->verify);
    return *status == EXIT_OK;
}

static bool print_cycles(struct arena *a, struct buf *out, const struct dwn_executable *x, struct status *st)
{
    struct cycles c;
    bool ok = cycles_estimate(a, x, &c, st);
    if (ok)
        cycles_print(out, &c, &cycles_usb3);
    return ok;
}

static bool print_sections(struct arena *a, struct buf *out, const struct dwn_package *p, const struct wishes *w,
                           struct status *st)
{
    for (uint32_t i = 0; i < p->n_executables; i++) {
        const struct dwn_executable *x = &p->executables[i];
        if (w->hints || w->layout || w->params || w->cycles || w->disassemble)
            buf_text(out, "\n  Executable %u: %s\n", i, name_of_type(x->type));
        if (w->hints)
            print_hints(out, x);
        if (w->layout)
            print_layouts(out, x);
        if (w->params)
            print_parameters(out, x, w->hex);
        if (w->cycles && !print_cycles(a, out, x, st))
            return status_context(st, "executable %u, ", i);
        if (w->disassemble && !print_code(a, out, x, w->hex, st))
            return status_context(st, "executable %u, ", i);
    }
    return true;
}

static uint32_t print_notes(struct buf *out, const char *what, const struct notes *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        buf_text(out, "  %s: %s\n", what, n->text[i]);
    return n->count;
}

static uint32_t print_checks(struct arena *a, struct buf *out, const struct dwn_package *p, const struct wishes *w)
{
    uint32_t count = 0;
    if (w->roundtrip) {
        struct roundtrip r;
        check_roundtrip(a, p, &r);
        count += print_notes(out, "roundtrip", &r.notes);
        buf_text(out, "  roundtrip: %u instructions in %u words, %u with bits of unknown meaning: %s\n", r.instructions,
                 r.words, r.unexplained, r.notes.count ? "NOT identical" : "identical");
    }
    if (w->verify) {
        struct notes n;
        check_rules(a, p, &n);
        count += print_notes(out, "verify", &n);
        buf_text(out, "  verify: %u findings\n", n.count);
    }
    return count;
}

static bool dump_text(struct arena *a, const struct module *m, const struct wishes *w, uint32_t *notes,
                      struct status *st)
{
    struct buf out = {0};
    bool ok = true;
    buf_text(&out, "%s: %u package%s\n", m->path, m->count, m->count == 1 ? "" : "s");
    for (uint32_t i = 0; ok && i < m->count; i++) {
        const struct found *f = &m->packages[i];
        buf_text(&out, "\nPackage %u: %zu bytes", i, f->package->raw.size);
        if (f->options.data)
            buf_text(&out, ", subgraph %u, operator %u", f->subgraph, f->operator);
        buf_text(&out, "\n");
        if (w->headers)
            print_headers(&out, f);
        ok = print_sections(a, &out, f->package, w, st) || status_context(st, "%s: package %u, ", m->path, i);
        *notes += ok ? print_checks(a, &out, f->package, w) : 0;
    }
    fwrite(out.data, 1, out.size, stdout);
    buf_free(&out);
    return ok;
}

static void dump_json(struct arena *a, const struct module *m, const struct wishes *w, bool first, uint32_t *notes)
{
    cJSON *j = json_module(a, m, (struct json_wish){w->roundtrip, w->verify, w->params}, notes);
    char *text = cJSON_PrintUnformatted(j);
    if (!text) {
        fputs("edgetpu_objdump: out of memory\n", stderr);
        exit(70);
    }
    printf("%s%s", first ? "" : ",\n", text);
    cJSON_free(text);
    cJSON_Delete(j);
}

/* true: all well. */
static bool dump(const char *path, const struct wishes *w, bool *first)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct module m;
    uint32_t notes = 0;
    bool ok = module_load(a, path, &m, &st);
    if (ok && w->json) {
        dump_json(a, &m, w, *first, &notes);
        *first = false;
    } else if (ok)
        ok = dump_text(a, &m, w, &notes, &st);
    if (!ok)
        fprintf(stderr, "edgetpu_objdump: %s\n", st.message);
    arena_free(a);
    return ok && notes == 0;
}

int main(int argc, char **argv)
{
    struct wishes w = {0};
    int status;
    if (!parse(argc, argv, &w, &status))
        return status;
    bool first = true;
    if (w.json)
        printf("[");
    for (int i = optind; i < argc; i++)
        if (!dump(argv[i], &w, &first))
            status = EXIT_FINDING;
    if (w.json)
        printf("]\n");
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("edgetpu_objdump: cannot write the output\n", stderr);
        status = EXIT_FINDING;
    }
    return status;
}

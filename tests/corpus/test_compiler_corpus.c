/* The official compiler's outputs of public models, made again from the source: how many are equal byte for byte at
 * each level, given the official token.
 *   VERBOSE=1   names every pair, with the first instruction that differs
 *   ONLY=text   only pairs whose name contains text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "compiler/compiler.h"
#include "darwinn/package.h"
#include "isa/isa.h"
#include "support/corpus.h"

enum level { MAPPED, PARAMETERS, CACHING, EXECUTION, PACKAGE, WHOLE_FILE, LEVELS };
static const char *const level_names[LEVELS] = {"same operators mapped", "parameters", "caching stream",
                                                "execution stream",      "package",    "whole file"};

struct packages {
    struct arena *a;
    struct dwn_package *list[16];
    unsigned count;
};

static bool collect(struct bytes options, void *arg, struct status *st)
{
    struct packages *p = arg;
    if (p->count == sizeof p->list / sizeof *p->list)
        return status_fail(st, STATUS_LIMIT, "too many packages");
    return dwn_from_custom_options(p->a, options, &p->list[p->count++], st);
}

static const struct dwn_executable *of_type(const struct dwn_package *p, bool caching)
{
    for (uint32_t i = 0; i < p->n_executables; i++)
        if ((p->executables[i].type == DWN_PARAMETER_CACHING) == caching)
            return &p->executables[i];
    return NULL;
}

static struct bytes code_of(const struct dwn_executable *x)
{
    return x && x->n_streams ? x->streams[0].code : (struct bytes){0};
}

static bool same_streams(const struct dwn_executable *x, const struct dwn_executable *y)
{
    if (!x || !y)
        return x == y;
    bool same = x->n_streams == y->n_streams;
    for (uint32_t i = 0; same && i < x->n_streams; i++)
        same = bytes_equal(x->streams[i].code, y->streams[i].code);
    return same;
}

static bool same_parameters(const struct dwn_executable *x, const struct dwn_executable *y)
{
    return bytes_equal(x ? x->parameters : (struct bytes){0}, y ? y->parameters : (struct bytes){0});
}

static void print_instruction(const char *who, const struct isa_program *p, size_t i)
{
    struct buf text = {0};
    if (i < p->count)
        isa_print(&text, &p->inst[i]);
    printf("      %s %.*s\n", who, (int)text.size, text.size ? (const char *)text.data : "");
    buf_free(&text);
}

/* The first difference of two streams. */
static void print_difference(struct arena *a, struct bytes official, struct bytes ours)
{
    struct isa_program x, y;
    struct status st = {0};
    if (!isa_decode_stream(a, official, &x, &st) || !isa_decode_stream(a, ours, &y, &st)) {
        printf("      %s\n", st.message);
        return;
    }
    /* Word 0 holds the length: skip it. */
    size_t i = 1;
    while (i < x.count && i < y.count &&
           memcmp(official.data + 16 * x.word[i], ours.data + 16 * y.word[i], 16) == 0 &&
           (i + 1 >= x.count || i + 1 >= y.count || (x.word[i + 1] == y.word[i + 1] &&
            memcmp(official.data + 16 * x.word[i], ours.data + 16 * y.word[i], 16 * (x.word[i + 1] - x.word[i])) == 0)))
        i++;
    printf("    instruction %zu of %zu (ours: of %zu)\n", i, x.count, y.count);
    print_instruction("official", &x, i);
    print_instruction("ours    ", &y, i);
}

static void compare_packages(struct arena *a, const struct dwn_package *x, const struct dwn_package *y, bool *equal,
                             bool verbose)
{
    const struct dwn_executable *xc = of_type(x, true), *yc = of_type(y, true), *xe = of_type(x, false),
                                *ye = of_type(y, false);
    bool caching = same_streams(xc, yc), execution = same_streams(xe, ye);
    equal[PARAMETERS] &= same_parameters(xc, yc) && same_parameters(xe, ye);
    equal[CACHING] &= caching;
    equal[EXECUTION] &= execution;
    equal[PACKAGE] &= bytes_equal(x->raw, y->raw);
    if (!verbose)
        return;
    if (!caching) {
        printf("    caching stream differs\n");
        print_difference(a, code_of(xc), code_of(yc));
    }
    if (!execution) {
        printf("    execution stream differs\n");
        print_difference(a, code_of(xe), code_of(ye));
    }
    if (caching && execution && !equal[PACKAGE])
        printf("    package differs: narrow %d, ours %d\n", xe->narrow_bytes, ye->narrow_bytes);
}

/* Compiles the source of one pair; false where it has none of compiler 16 or did not compile. */
static bool try_pair(struct arena *a, const struct corpus_pair *pair, bool *equal, const char **failure, bool verbose)
{
    struct status st = {0};
    struct bytes file, source;
    struct packages official = {.a = a}, ours = {.a = a};
    struct tfl_model *m;
    *failure = NULL;
    if (!pair->source || !file_read(a, pair->compiled, &file, &st) || !file_read(a, pair->source, &source, &st) ||
        !corpus_packages(a, file, collect, &official, &st) || !official.count)
        return false;
    if (official.list[0]->min_runtime_version != 14)
        return false;
    struct compile_options o = {.min_runtime_version = 14, .multiple_subgraphs = official.count > 1, .has_token = true,
                                .token = official.list[0]->executables[0].token};
    struct compile_result r;
    if (!tfl_read(a, source, &m, &st) || !compile_models(a, (const struct tfl_model *const[]){m}, 1, &o, &r, &st) ||
        !corpus_packages(a, r.file, collect, &ours, &st)) {
        *failure = arena_text(a, "%s", st.message);
        return true;
    }
    struct tfl_model *x, *y;
    equal[MAPPED] = tfl_read(a, file, &x, &st) && tfl_read(a, r.file, &y, &st) && ours.count == official.count &&
                    x->subgraphs[0].n_operators == y->subgraphs[0].n_operators;
    if (!equal[MAPPED]) {
        *failure = "maps other operators";
        return true;
    }
    for (int k = PARAMETERS; k < LEVELS; k++)
        equal[k] = true;
    for (unsigned i = 0; i < ours.count; i++)
        compare_packages(a, official.list[i], ours.list[i], equal, verbose);
    equal[WHOLE_FILE] = bytes_equal(file, r.file);
    return true;
}

/* Families whose files are all equal byte for byte: none may be lost again. */
static struct {
    const char *name;
    unsigned models, equal;
} families[] = {{"/dense_", 2, 0}, {"/bright_", 3, 0}, {"/color_", 14, 0}, {"/gabor_", 4, 0}};
enum { FAMILIES = sizeof families / sizeof *families };

static void official_outputs(void **state)
{
    (void)state;
    bool verbose = getenv("VERBOSE") != NULL;
    const char *only = getenv("ONLY");
    struct arena *list = arena_new();
    struct corpus corpus;
    corpus_list(list, CORPUS_DIR, &corpus);
    if (!corpus.count) {
        arena_free(list);
        print_message("no corpus at %s: skipped\n", CORPUS_DIR);
        skip();
    }
    unsigned total = 0, count[LEVELS] = {0};
    for (uint32_t i = 0; i < corpus.count; i++) {
        struct arena *a = arena_new();
        bool equal[LEVELS] = {false};
        const char *failure;
        if ((!only || strstr(corpus.pairs[i].name, only)) && try_pair(a, &corpus.pairs[i], equal, &failure, verbose)) {
            total++;
            for (int k = 0; k < LEVELS; k++)
                count[k] += equal[k];
            for (unsigned k = 0; k < FAMILIES; k++)
                families[k].equal += equal[WHOLE_FILE] && strstr(corpus.pairs[i].name, families[k].name) != NULL;
            if (verbose)
                printf("%d%d%d%d%d%d %s%s%s\n", equal[0], equal[1], equal[2], equal[3], equal[4], equal[5],
                       corpus.pairs[i].name, failure ? ": " : "", failure ? failure : "");
        }
        arena_free(a);
    }
    for (int k = 0; k < LEVELS; k++)
        printf("%-22s %u of %u\n", level_names[k], count[k], total);
    arena_free(list);
    for (unsigned k = 0; k < FAMILIES && !only; k++)
        assert_int_equal(families[k].equal, families[k].models);
}

/* Tile, row and rows of everything that a caching stream writes, and nothing else of it. */
static uint32_t placed_rows(struct arena *a, const struct dwn_executable *x, int32_t (*out)[4], uint32_t room)
{
    struct isa_program p;
    struct status st = {0};
    uint32_t n = 0;
    if (!isa_decode_stream(a, code_of(x), &p, &st))
        fail_msg("%s", st.message);
    for (size_t i = 0; i < p.count; i++) {
        const struct isa_ring_recv *r = &p.inst[i].recv;
        if (p.inst[i].op != ISA_RING_RECV_A)
            continue;
        assert_true(n < room);
        int32_t rows[4] = {r->tiles, r->w.base, r->w.lim[0], r->s.en ? r->s.base : -1};
        memcpy(out[n++], rows, sizeof rows);
    }
    return n;
}

/* Models of one command, and the official file of the first: every place of its parameters. */
struct command {
    const char *models[2], *official;
    uint32_t places;
};

static bool read_all(struct arena *a, const struct command *c, struct tfl_model *m[2], unsigned *n,
                     struct bytes *official, struct status *st)
{
    const char *dir = CORPUS_DIR "/models/google-coral+test_data";
    for (*n = 0; *n < 2 && c->models[*n]; ++*n) {
        struct bytes file;
        if (!file_read(a, path_join(a, dir, c->models[*n]), &file, st))
            return false;
        if (!tfl_read(a, file, &m[*n], st))
            fail_msg("%s", st->message);
    }
    return file_read(a, path_join(a, dir, c->official), official, st);
}

static void check_places(struct arena *a, const struct command *c, struct tfl_model *const *m, unsigned n_models,
                         struct bytes official_file)
{
    enum { ROOM = 256 };
    struct status st = {0};
    struct compile_result r[2];
    const struct compile_options o = {.min_runtime_version = 12}; /* as the official files: SOFTMAX depends on it */
    struct packages ours = {.a = a}, official = {.a = a};
    if (!compile_models(a, (const struct tfl_model *const *)m, n_models, &o, r, &st) ||
        !corpus_packages(a, r[0].file, collect, &ours, &st) ||
        !corpus_packages(a, official_file, collect, &official, &st))
        fail_msg("%s", st.message);
    int32_t x[ROOM][4], y[ROOM][4];
    uint32_t n = placed_rows(a, of_type(official.list[0], true), x, ROOM);
    assert_int_equal(n, c->places);
    assert_int_equal(placed_rows(a, of_type(ours.list[0], true), y, ROOM), n);
    assert_memory_equal(x, y, n * sizeof *x);
}

/* Of the newest compiler, whose streams are not yet all ours. */
static void places_of_parameters(void **state)
{
    (void)state;
    static const struct command commands[] = {
        {{"mobilenet_v1_0.25_128_quant.tflite", "mobilenet_v1_0.5_160_quant.tflite"},
         "cocompilation/mobilenet_v1_0.25_128_quant_cocompiled_with_mobilenet_v1_0.5_160_quant_edgetpu.tflite", 92},
        {{"deeplabv3_mnv2_dm05_pascal_quant.tflite"}, "deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite", 56},
    };
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
        struct arena *a = arena_new();
        struct status st = {0};
        struct tfl_model *m[2];
        struct bytes official;
        unsigned n;
        if (!read_all(a, &commands[k], m, &n, &official, &st)) {
            print_message("skipped: %s\n", st.message);
            arena_free(a);
            skip();
        }
        check_places(a, &commands[k], m, n, official);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(official_outputs), cmocka_unit_test(places_of_parameters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

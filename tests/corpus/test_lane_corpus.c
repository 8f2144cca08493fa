/* The lane detection model of arth-simon/edge_tpu_lane_detection: the compiled file is of a source with other scales
 * and a series in place of EXP, so no bytes can be equal.  The instructions are compared by what they do: opcode,
 * loops, strides and lengths.  It is the only network of compiler 16 in the corpus with residual blocks, CONCATENATION,
 * a resize and several executables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/file.h"
#include "compiler/compiler.h"
#include "darwinn/package.h"
#include "isa/isa.h"
#include "support/corpus.h"

#define LANES "models/arth-simon+edge_tpu_lane_detection/"

struct list {
    struct arena *a;
    struct isa_program program[8]; /* execution streams */
    unsigned count;
};

static bool collect(struct bytes options, void *arg, struct status *st)
{
    struct list *l = arg;
    struct dwn_package *p;
    if (l->count == sizeof l->program / sizeof *l->program)
        return status_fail(st, STATUS_LIMIT, "too many packages");
    if (!dwn_from_custom_options(l->a, options, &p, st))
        return false;
    return isa_decode_stream(l->a, p->executables[0].streams[0].code, &l->program[l->count++], st);
}

static struct list programs_of(struct arena *a, struct bytes file)
{
    struct list l = {.a = a};
    struct status st = {0};
    if (!corpus_packages(a, file, collect, &l, &st))
        fail_msg("%s", st.message);
    return l;
}

static bool same_loops(const struct isa_inst *x, const struct isa_inst *y)
{
    if (x->op != y->op)
        return false;
    if (x->op == ISA_MAC || x->op == ISA_MAX || x->op == ISA_SUM || x->op == ISA_RESIZE)
        return x->tensor.tiles == y->tensor.tiles && memcmp(x->tensor.lim, y->tensor.lim, sizeof x->tensor.lim) == 0 &&
               memcmp(&x->tensor.o, &y->tensor.o, sizeof x->tensor.o) == 0 &&
               memcmp(&x->tensor.a, &y->tensor.a, sizeof x->tensor.a) == 0 && x->tensor.w.base == y->tensor.w.base;
    return x->op != ISA_FENCE || x->fence.flags == y->fence.flags;
}

/* Instructions from the start on that do the same. */
static size_t alike(const struct isa_program *x, const struct isa_program *y)
{
    size_t n = 0;
    while (n < x->count && n < y->count && same_loops(&x->inst[n], &y->inst[n]))
        n++;
    return n;
}

static void instructions_do_the_same(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file[2];
    struct tfl_model *source;
    const char *path[2] = {path_join(a, CORPUS_DIR, LANES "@a2ffe781/model_cvat4.tflite"),
                           path_join(a, CORPUS_DIR, LANES "@683b8a39/model_cvat4tailorf32_edgetpu.tflite")};
    for (int k = 0; k < 2; k++)
        if (!file_read(a, path[k], &file[k], &st)) {
            print_message("%s: skipped\n", st.message);
            arena_free(a);
            skip();
        }
    struct compile_result r;
    struct compile_options o = {.min_runtime_version = 14, .multiple_subgraphs = true};
    if (!tfl_read(a, file[0], &source, &st) ||
        !compile_models(a, (const struct tfl_model *const *)&source, 1, &o, &r, &st))
        fail_msg("%s", st.message);
    struct list ours = programs_of(a, r.file), official = programs_of(a, file[1]);
    assert_int_equal(ours.count, official.count);
    enum { EXECUTABLES = 5, LEAST_ALIKE = 632 };
    size_t n[EXECUTABLES];
    assert_int_equal(ours.count, EXECUTABLES);
    for (unsigned k = 0; k < EXECUTABLES; k++) {
        n[k] = alike(&ours.program[k], &official.program[k]);
        printf("executable %u: %zu of %zu instructions\n", k, n[k], official.program[k].count);
    }
    assert_true(n[0] >= LEAST_ALIKE);
    for (unsigned k = 1; k < 4; k++)
        assert_int_equal(n[k], official.program[k].count);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(instructions_do_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

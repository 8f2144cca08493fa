/* Seeded faults in executables that we made: what changes an output is noticed by the verifier, by the simulator in
 * strict mode or by the comparison of outputs on eight inputs; nothing slips through to other inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "compiler/compiler.h"
#include "darwinn/package.h"
#include "support/fault_judge.h"
#include "support/make_model.h"

enum { BUDGET = 1 << 22, SEEDS = 1 };

static const struct dwn_package *compiled(struct arena *a, const struct tfl_model *m)
{
    struct compile_options o = {.min_runtime_version = 14};
    struct compile_result r;
    struct tfl_model *out = NULL;
    struct dwn_package *p = NULL;
    struct status st = {0};
    if (!compile_models(a, &m, 1, &o, &r, &st) || !tfl_read(a, r.file, &out, &st))
        fail_msg("%s", st.message);
    const struct tfl_subgraph *g = &out->subgraphs[0];
    assert_int_equal(g->n_operators, 1);
    if (!dwn_from_custom_options(a, g->operators[0].custom_options, &p, &st))
        fail_msg("%s", st.message);
    return p;
}

static void judge(const char *name, struct tfl_model *(*make)(struct arena *))
{
    struct arena *a = arena_new();
    struct fault_trial t;
    struct status st = {0};
    unsigned count[FAULT_VERDICTS] = {0};
    if (!fault_trial_begin(a, compiled(a, make(a)), BUDGET, &t, &st))
        fail_msg("%s: %s", name, st.message);
    for (unsigned kind = 0; kind < fault_kinds(); kind++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct arena *b = arena_new();
            const char *where;
            enum fault_verdict v = fault_judge(b, &t, BUDGET, kind, 100 * seed + kind, &where);
            count[v]++;
            if (v == FAULT_UNNOTICED)
                fail_msg("%s: nobody notices %s at %s", name, fault_name(kind), where);
            arena_free(b);
        }
    print_message("%s: %u by the verifier, %u by the simulator, %u by the output, %u harmless\n", name,
                  count[FAULT_BY_VERIFIER], count[FAULT_BY_SIMULATOR], count[FAULT_BY_OUTPUT], count[FAULT_HARMLESS]);
    unsigned tried = count[FAULT_BY_VERIFIER] + count[FAULT_BY_SIMULATOR] + count[FAULT_BY_OUTPUT] +
                     count[FAULT_HARMLESS];
    assert_true(tried > fault_kinds() / 2); /* not every kind has a place in every program */
    assert_true(count[FAULT_BY_VERIFIER] > tried * 3 / 5);
    arena_free(a);
}

static struct tfl_model *dense(struct arena *a) { return make_fc_chain(a, TFL_INT8, 1, 96, 40, 2); }
static struct tfl_model *conv(struct arena *a) { return make_conv_net(a, TFL_UINT8, 2, 16, 8, 2); }
static struct tfl_model *mobilenet(struct arena *a) { return make_mobilenet(a, TFL_INT8, 3, 32, 8, 12); }

static void faults_in_dense_layers(void **state) { (void)state, judge("fc", dense); }
static void faults_in_convolutions(void **state) { (void)state, judge("conv", conv); }
static void faults_in_mobilenet(void **state) { (void)state, judge("mobilenet", mobilenet); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_in_dense_layers),
        cmocka_unit_test(faults_in_convolutions),
        cmocka_unit_test(faults_in_mobilenet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Support rules: the official status strings, and a sentence for each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/support.h"
#include "support/make_model.h"

struct fixture {
    struct arena *a;
    struct maker *k;
};

static int set_up(void **state)
{
    static struct fixture f;
    f.a = arena_new();
    f.k = maker_new(f.a, TFL_INT8, 1);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    arena_free(((struct fixture *)*state)->a);
    return 0;
}

static struct verdict verdict_of(struct fixture *f, struct tfl_model *m, uint32_t op, int runtime)
{
    struct graph *g = ARENA_NEW(f->a, struct graph);
    struct status st = {0};
    struct support s;
    assert_true(graph_build(f->a, &m->subgraphs[0], g, &st));
    support_judge(&s, f->a, g, runtime);
    return s.verdicts[op];
}

/* The verdict on the last operator. */
static void expect(struct fixture *f, struct tfl_model *m, const char *status, const char *why)
{
    struct verdict v = verdict_of(f, m, m->subgraphs[0].n_operators - 1, 14);
    assert_string_equal(v.status, status);
    if (!why) {
        assert_null(v.why);
        return;
    }
    assert_non_null(v.why);
    if (!strstr(v.why, why))
        fail_msg("\"%s\" does not say \"%s\"", v.why, why);
}

static struct tfl_model *dense(struct fixture *f)
{
    make_output(f->k, make_fully_connected(f->k, make_input(f->k, 1, (int32_t[]){20}), 10, TFL_ACT_NONE));
    return maker_finish(f->k);
}

static void a_plain_layer_is_mapped(void **state)
{
    expect(*state, dense(*state), SUPPORT_MAPPED, NULL);
}

static void int8_needs_a_runtime_that_takes_it(void **state)
{
    struct verdict v = verdict_of(*state, dense(*state), 0, 11);
    assert_string_equal(v.status, SUPPORT_DATA_TYPE);
    assert_non_null(strstr(v.why, "runtime version 12"));
}

static void float_and_integer_tensors_stay_on_the_cpu(void **state)
{
    struct fixture *f = *state;
    make_output(f->k, make_dequantize(f->k, make_input(f->k, 1, (int32_t[]){20})));
    expect(f, maker_finish(f->k), SUPPORT_DATA_TYPE, "FLOAT32");
}

static void unknown_operators_are_not_supported(void **state)
{
    struct fixture *f = *state;
    make_output(f->k, make_unary(f->k, TFL_OP_LEAKY_RELU, make_input(f->k, 1, (int32_t[]){20})));
    expect(f, maker_finish(f->k), SUPPORT_NOT_SUPPORTED, "LEAKY_RELU");
}

static void computed_weights_are_refused(void **state)
{
    struct fixture *f = *state;
    struct tfl_model *m = dense(f);
    struct tfl_subgraph *g = &m->subgraphs[0];
    struct tfl_tensor *w = &g->tensors[g->operators[0].inputs[1]];
    w->data = (struct bytes){0};
    g->inputs = (int32_t[]){g->inputs[0], g->operators[0].inputs[1]};
    g->n_inputs = 2;
    struct verdict v = verdict_of(f, m, 0, 14);
    assert_string_equal(v.status, SUPPORT_NOT_CONSTANT);
}

static void zero_points_must_fit_the_type(void **state)
{
    struct fixture *f = *state;
    struct tfl_model *m = dense(f);
    struct tfl_subgraph *g = &m->subgraphs[0];
    g->tensors[g->outputs[0]].quant.zero_point[0] = 128;
    expect(f, m, SUPPORT_DATA_TYPE, "zero point");
}

static void batches_are_refused(void **state)
{
    struct fixture *f = *state;
    struct tfl_model *m = dense(f);
    struct tfl_subgraph *g = &m->subgraphs[0];
    g->tensors[g->inputs[0]].shape[0] = 3;
    g->tensors[g->outputs[0]].shape[0] = 3;
    expect(f, m, SUPPORT_LIMITATION, "more than one row");
    struct tfl_tensor *t = &g->tensors[g->inputs[0]];
    t->rank = 5;
    t->shape = (int32_t[]){3, 2, 1, 1, 20};
    expect(f, m, SUPPORT_RANK, "3x2x1x1x20");
}

static void quantize_may_change_the_scale(void **state)
{
    struct fixture *f = *state;
    int x = make_quantize(f->k, make_input(f->k, 1, (int32_t[]){20}), TFL_UINT8);
    make_output(f->k, x);
    struct tfl_model *m = maker_finish(f->k);
    expect(f, m, SUPPORT_MAPPED, NULL);
    m->subgraphs[0].tensors[x].quant.scale[0] *= 2;
    expect(f, m, SUPPORT_MAPPED, NULL);
}

/* RESHAPE renames vectors; it cannot yet move pixels between tiles. */
static void reshape_of_vectors_is_mapped(void **state)
{
    struct fixture *f = *state;
    int x = make_flatten(f->k, make_input(f->k, 3, (int32_t[]){5, 3, 4}));
    make_output(f->k, make_reshape(f->k, make_fully_connected(f->k, x, 12, TFL_ACT_NONE), 3, (int32_t[]){1, 3, 4}));
    struct tfl_model *m = maker_finish(f->k);
    for (uint32_t i = 0; i < 3; i++)
        assert_string_equal(verdict_of(f, m, i, 14).status, SUPPORT_MAPPED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_layer_is_mapped),
        TEST(int8_needs_a_runtime_that_takes_it),
        TEST(float_and_integer_tensors_stay_on_the_cpu),
        TEST(unknown_operators_are_not_supported),
        TEST(computed_weights_are_refused),
        TEST(zero_points_must_fit_the_type),
        TEST(batches_are_refused),
        TEST(quantize_may_change_the_scale),
        TEST(reshape_of_vectors_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

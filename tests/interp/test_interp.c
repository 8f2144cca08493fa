/* The interpreter: order, memory, shapes settled by running, refusals, damaged models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "interp/interp.h"
#include "support/make_model.h"

static struct interp *start(struct arena *a, const struct tfl_model *m, bool keep_all)
{
    struct interp *p;
    struct status st = {0};
    struct interp_options o = {.keep_all = keep_all};
    if (!interp_new(a, m, &o, &p, &st))
        fail_msg("%s", st.message);
    return p;
}

static void refused(struct arena *a, const struct tfl_model *m, const char *part)
{
    struct interp *p;
    struct status st = {0};
    struct interp_options o = {0};
    assert_false(interp_new(a, m, &o, &p, &st));
    if (!strstr(st.message, part))
        fail_msg("'%s' does not say '%s'", st.message, part);
}

/* input -> RELU -> RELU6 -> output */
static struct tfl_model *two_operators(struct arena *a)
{
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){10});
    make_output(k, make_unary(k, TFL_OP_RELU6, make_unary(k, TFL_OP_RELU, x)));
    return maker_finish(k);
}

static void operators_out_of_order_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = two_operators(a);
    struct tfl_operator *op = m->subgraphs[0].operators, first = op[0];
    op[0] = op[1], op[1] = first;
    refused(a, m, "operator 0 (RELU6): input");
    m = two_operators(a);
    m->subgraphs[0].operators[1].outputs = m->subgraphs[0].operators[0].outputs;
    refused(a, m, "written by something else");
    m = two_operators(a);
    m->subgraphs[0].operators[0].inputs[0] = -1;
    refused(a, m, "input 0 is left out");
    m = two_operators(a);
    m->subgraphs[0].operators[0].code = TFL_OP_WHILE;
    refused(a, m, "operator 0 (WHILE): no kernel");
    m = two_operators(a);
    m->subgraphs[0].tensors[m->subgraphs[0].inputs[0]].type = TFL_STRING;
    refused(a, m, "has type");
    m = two_operators(a);
    m->subgraphs[0].operators[0].n_inputs = 0;
    refused(a, m, "0 inputs and 1 outputs");
    arena_free(a);
}

static void failures_name_operator_and_tensor(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = two_operators(a);
    struct tfl_tensor *y = &m->subgraphs[0].tensors[m->subgraphs[0].outputs[0]];
    y->quant.count = 0;
    struct interp *p = start(a, m, false);
    struct bytes out;
    struct status st = {0};
    assert_false(interp_run(p, interp_random_inputs(a, m, 1), &out, &st));
    assert_non_null(strstr(st.message, "operator 1 (RELU6): "));
    assert_non_null(strstr(st.message, y->name));
    st = (struct status){0};
    assert_false(interp_run(p, &(struct bytes){(const uint8_t *)"abc", 3}, &out, &st));
    assert_non_null(strstr(st.message, "has 3 bytes, expected 10"));
    arena_free(a);
}

static void compiled_models_need_a_simulator(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = two_operators(a);
    m->subgraphs[0].operators[0].code = TFL_OP_CUSTOM;
    m->subgraphs[0].operators[0].custom_code = "edgetpu-custom-op";
    refused(a, m, "run it on the simulator");
    m->subgraphs[0].operators[0].custom_code = "MyOwn";
    refused(a, m, "no kernel for custom operator 'MyOwn'");
    arena_free(a);
}

static void memory_is_reused_and_results_repeat(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct tfl_model *m = make_mobilenet(a, TFL_INT8, 5, 32, 8, 10);
    struct interp *p = start(a, m, false), *all = start(a, m, true);
    struct bytes *in = interp_random_inputs(a, m, 9), first, second, kept;
    struct status st = {0};
    assert_true(interp_run(p, in, &first, &st));
    struct bytes copy = bytes_of(arena_copy(a, first.data, first.size), first.size);
    assert_true(interp_run(p, interp_random_inputs(a, m, 10), &second, &st));
    assert_true(interp_run(p, in, &second, &st));
    assert_true(bytes_equal(copy, second));
    assert_true(interp_run(all, in, &kept, &st));
    assert_true(bytes_equal(copy, kept)); /* blocks that are shared hold what unshared ones hold */
    const struct tfl_operator *op = &m->subgraphs[0].operators[0];
    assert_int_equal(interp_tensor(p, (uint32_t)op->outputs[0]).size, 0);
    assert_true(interp_tensor(all, (uint32_t)op->outputs[0]).size > 0);
    arena_free(a);
}

static void memory_limit(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct tfl_model *m = make_mobilenet(a, TFL_INT8, 5, 32, 8, 10);
    struct interp *p;
    struct status st = {0};
    struct interp_options o = {.memory_limit = 5000};
    assert_true(interp_new(a, m, &o, &p, &st));
    struct bytes out;
    assert_false(interp_run(p, interp_random_inputs(a, m, 1), &out, &st));
    assert_int_equal(st.code, STATUS_LIMIT);
    arena_free(a);
}

/* y = RESHAPE(x, SHAPE(z)): the shape is known only when running. */
static void shapes_are_settled_by_running(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 2, (int32_t[]){6, 4}), z = make_input(k, 2, (int32_t[]){3, 8});
    int shape = make_tensor(k, TFL_INT32, 1, (int32_t[]){3}, 0, 0, 1);
    make_operator(k, TFL_OP_SHAPE, 1, &z, 1, &shape);
    int y = make_tensor(k, TFL_INT8, 1, (int32_t[]){1}, 0.1f, 0, 1);
    make_operator(k, TFL_OP_RESHAPE, 2, (int[]){x, shape}, 1, &y);
    make_output(k, y);
    struct tfl_model *m = maker_finish(k);
    struct interp *p = start(a, m, false);
    struct bytes *in = interp_random_inputs(a, m, 3), out;
    struct status st = {0};
    if (!interp_run(p, in, &out, &st))
        fail_msg("%s", st.message);
    assert_true(bytes_equal(out, in[0]));
    const struct tfl_tensor *t = interp_tensor_info(p, (uint32_t)m->subgraphs[0].outputs[0]);
    assert_int_equal(t->rank, 3);
    assert_memory_equal(t->shape, ((int32_t[]){1, 3, 8}), 12);
    arena_free(a);
}

static void random_inputs_are_what_the_golden_script_makes(void **state)
{
    (void)state;
    struct tfl_tensor t = {.type = TFL_INT8, .rank = 1, .shape = (int32_t[]){4}};
    uint64_t s = 7 + UINT64_C(0xd1342543de82ef95);
    uint8_t out[16];
    interp_random(&t, 1, 7, out);
    for (int i = 0; i < 4; i++)
        assert_int_equal(out[i], random_next(&s) >> 56);
    t.type = TFL_FLOAT32;
    interp_random(&t, 0, 1, out);
    for (int i = 0; i < 4; i++)
        assert_true(f32_of(le32(out + 4 * i)) >= -1 && f32_of(le32(out + 4 * i)) < 1);
}

/* ---- damaged models: an error or a result; the sanitizers see the rest ---- */

static bool run_damaged(struct bytes file, unsigned *ran)
{
    struct arena *a = arena_new();
    struct tfl_model *m;
    struct interp *p;
    struct status st = {0};
    struct interp_options o = {.memory_limit = 1 << 20, .numerics = *ran % 2 ? KERN_TFLITE : KERN_EDGETPU};
    bool ok = tfl_read(a, file, &m, &st) && interp_new(a, m, &o, &p, &st);
    size_t inputs = 0;
    for (uint32_t i = 0; ok && i < m->subgraphs[0].n_inputs; i++)
        inputs += interp_input_size(p, i);
    if (ok && inputs < 1 << 20) {
        struct bytes *out = ARENA_ARRAY(a, struct bytes, m->subgraphs[0].n_outputs);
        ok = interp_run(p, interp_random_inputs(a, m, 1), out, &st);
    }
    *ran += ok;
    bool said = ok || st.message[0];
    arena_free(a);
    return said;
}

/* One byte: a single bit, sometimes anything. */
static void damage(uint8_t *model, uint32_t size, uint64_t *random)
{
    uint64_t place = random_next(random) % size, value = random_next(random);
    model[place] = (uint8_t)(value % 4 ? model[place] ^ 1u << (value >> 8) % 8 : value >> 16);
}

static void damaged_models_do_no_harm(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct bytes golden;
    struct status st = {0};
    assert_true(file_read(a, SOURCE_DIR "/tests/golden/operators.bin", &golden, &st));
    const uint8_t *p = golden.data + 4;
    uint64_t random = 11;
    unsigned ran = 0, all = 0;
    for (uint32_t n = le32(golden.data); n > 0; n--) {
        p += 4 + le32(p); /* name */
        uint32_t size = le32(p);
        uint8_t *copy = arena_alloc(a, size);
        for (int i = 0; i < 30; i++, all++) {
            memcpy(copy, p + 4, size);
            for (int j = 0; j <= i % 3; j++)
                damage(copy, size, &random);
            assert_true(run_damaged(bytes_of(copy, size), &ran));
        }
        p += 4 + size + 8;
        for (uint32_t outputs = le32((p += 4) - 4); outputs > 0; outputs--)
            p += 4 + le32(p);
    }
    print_message("%u damaged models, %u still ran\n", all, ran);
    assert_true(ran > all / 20 && ran < all);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_out_of_order_are_refused),
        cmocka_unit_test(failures_name_operator_and_tensor),
        cmocka_unit_test(compiled_models_need_a_simulator),
        cmocka_unit_test(memory_is_reused_and_results_repeat),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(shapes_are_settled_by_running),
        cmocka_unit_test(random_inputs_are_what_the_golden_script_makes),
        cmocka_unit_test(damaged_models_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

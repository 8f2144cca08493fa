/* Operators for which the chip has no room stay on the CPU, with a sentence that names operator, tensor, bytes needed
 * and bytes available; what is left compiles and gives exactly the kernels' bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "compiler/support.h"
#include "support/make_model.h"

static const struct make_window three = {.channels = 8, .size = 3},
                                huge = {.channels = 8, .size = 50}; /* 2500 rows of weights for 4 inputs */

/* `op` of them alone stays on the CPU for want of room, with this in its sentence. */
static void expect(struct arena *a, struct maker *k, uint32_t op, const char *sentence, uint32_t n_mapped)
{
    struct judgement j = judge_with(a, maker_finish(k),
                                    &(struct compile_options){.min_runtime_version = 14, .multiple_subgraphs = true});
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_int_equal(j.compiled.n_mapped, n_mapped);
    const struct compile_op_status *s = &j.compiled.ops[op];
    assert_false(s->mapped);
    assert_string_equal(s->status, SUPPORT_LIMITATION);
    if (!strstr(s->why, sentence) || !strstr(s->why, arena_text(a, "operator %u (", op)))
        fail_msg("%s", s->why);
}

static void weights_of_one_operator(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){12, 12, 3});
    x = make_conv_2d(k, make_conv_2d(k, make_conv_2d(k, x, &three), &huge), &three);
    make_output(k, x);
    expect(a, k, 1, "bytes of wide memory, 532480 are there", 2);
    arena_free(a);
}

/* Without -a only what comes before is mapped. */
static void the_rest_depends_on_it(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 2);
    int x = make_input(k, 3, (int32_t[]){12, 12, 3});
    x = make_conv_2d(k, make_conv_2d(k, make_conv_2d(k, x, &three), &huge), &three);
    make_output(k, x);
    struct judgement j = judge(a, maker_finish(k));
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 1);
    assert_string_equal(j.compiled.ops[2].status, SUPPORT_MORE_SUBGRAPHS);
    arena_free(a);
}

/* Of the input not one row fits. */
static void activations(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 3);
    int x = make_input(k, 3, (int32_t[]){2, 4000, 64});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 4, .size = 1, .stride = 2});
    make_output(k, make_conv_2d(k, x, &three));
    expect(a, k, 0, "bytes of narrow memory, 196608 are there", 1);
    arena_free(a);
}

static void several(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 4);
    int x = make_input(k, 3, (int32_t[]){9, 9, 3});
    for (int i = 0; i < 3; i++)
        x = make_conv_2d(k, make_conv_2d(k, x, &three), &huge);
    make_output(k, x);
    expect(a, k, 5, "bytes of wide memory", 3);
    arena_free(a);
}

/* A QUANTIZE that changes nothing has no step of its own: it is what the transfers to and from the host are for. */
static void transfers(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 5);
    int x = make_input(k, 3, (int32_t[]){12, 12, 3}), y = make_input(k, 2, (int32_t[]){39375, 25});
    make_output(k, make_conv_2d(k, x, &three));
    make_output(k, make_quantize(k, y, TFL_UINT8));
    expect(a, k, 1, "196608 are there", 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights_of_one_operator),
                                       cmocka_unit_test(the_rest_depends_on_it), cmocka_unit_test(activations),
                                       cmocka_unit_test(several),
                                       cmocka_unit_test(transfers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which tiles share an instruction, and what is made once for several steps: as many instructions of an opcode as the
 * official compiler writes.  The numbers are those of the catalogue's rows that are named, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "isa/isa.h"
#include "support/make_model.h"
#include "support/twin.h"

static struct twin_facts facts_of(struct arena *a, const struct tfl_model *m)
{
    struct status st = {0};
    struct compile_result r;
    struct twin_facts facts;
    struct compile_options o = {.min_runtime_version = 14};
    assert_true(judge_exact(a, m));
    assert_true(compile_models(a, &m, 1, &o, &r, &st));
    assert_true(twin_facts(a, r.file, &facts, &st));
    return facts;
}

static int valid_conv(struct maker *k, int x, int32_t channels, int32_t size)
{
    return make_conv_2d(k, x, &(struct make_window){.channels = channels, .size = size, .padding = TFL_PAD_VALID,
                                                    .activation = TFL_ACT_RELU});
}
static int half(struct maker *k, int x)
{
    return make_pool(k, TFL_OP_MAX_POOL_2D, x, &(struct make_window){.size = 2, .stride = 2, .padding = TFL_PAD_VALID});
}

/* P182: the identity matrix of the input serves the exchange before the pool and SOFTMAX. */
static void one_identity_matrix(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 1);
    int x = valid_conv(k, make_input(k, 3, (int32_t[]){7, 7, 320}), 1280, 1);
    x = make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &(struct make_window){.size = 7, .padding = TFL_PAD_VALID});
    x = make_fully_connected(k, make_flatten(k, x), 965, TFL_ACT_NONE);
    make_output(k, make_softmax(k, x));
    struct twin_facts f = facts_of(a, maker_finish(k));
    assert_int_equal(f.opcodes[ISA_TO_WIDE], 96);
    assert_int_equal(f.opcodes[ISA_MESH_NORTH], 55);
    assert_int_equal(f.opcodes[ISA_FENCE], 74);
    arena_free(a);
}

/* P247: tiles with a row of two pixels and with a column of two. */
static void rows_and_columns_leave_apart(void **state)
{
    (void)state;
    enum { INFEED = 1, SHAPES = 4 };
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 1);
    make_output(k, valid_conv(k, make_input(k, 3, (int32_t[]){7, 7, 64}), 320, 1));
    assert_int_equal(facts_of(a, maker_finish(k)).opcodes[ISA_TO_WIDE], INFEED + SHAPES);
    arena_free(a);
}

/* P269: 41 words of channels in three groups, the last of 9. */
static void a_pool_takes_all_groups(void **state)
{
    (void)state;
    enum { SHAPES = 4 };
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    make_output(k, half(k, valid_conv(k, make_input(k, 3, (int32_t[]){15, 15, 64}), 164, 3)));
    assert_int_equal(facts_of(a, maker_finish(k)).opcodes[ISA_MAX], SHAPES);
    arena_free(a);
}

/* P268: the rows of tiles that make two rows of a pool of 13x13 have not got equally many borders, nor have those that
 * make one.  With channels that are no multiple of 64 nobody looks. */
static void a_pool_waits_for_borders(void **state)
{
    (void)state;
    enum { INFEED = 1, OUTFEED = 4 };
    static const struct { int32_t channels; uint32_t pool; } cases[] = {{64, 16}, {128, 16}, {60, 4}, {164, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, i);
        int x = make_conv_2d(k, make_input(k, 3, (int32_t[]){15, 15, 32}),
                             &(struct make_window){.channels = 64, .size = 3});
        make_output(k, half(k, valid_conv(k, x, cases[i].channels, 3)));
        assert_int_equal(facts_of(a, maker_finish(k)).opcodes[ISA_TO_WIDE], INFEED + cases[i].pool + OUTFEED);
        arena_free(a);
    }
}

/* P322: borders of a VALID convolution, two layers that want none, then those of a pool: columns 1 and 3 of the tiles
 * send theirs in rows 0 and 2 alike, whatever came in before. */
static void borders_are_counted_anew(void **state)
{
    (void)state;
    enum { INPUT = 7, POOL = 4, LAST = 7 };
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = valid_conv(k, make_input(k, 3, (int32_t[]){14, 14, 32}), 64, 3);
    x = half(k, valid_conv(k, valid_conv(k, x, 64, 1), 64, 1));
    make_output(k, valid_conv(k, x, 128, 3));
    assert_int_equal(facts_of(a, maker_finish(k)).opcodes[ISA_MESH_WEST], INPUT + POOL + LAST);
    arena_free(a);
}

/* P268: columns for a VALID convolution go to the tile rows 1, 2 and 3 by an instruction each; for a SAME one, and
 * behind the fence of a pool, those that agree share it. */
static void columns_of_a_valid_convolution(void **state)
{
    (void)state;
    enum { SAME = 6, POOLED = 4 + 7 }; /* for the pool, for what follows */
    static const struct { bool valid; uint32_t west; } cases[] = {{true, 10}, {false, SAME}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, i);
        const struct make_window same = {.channels = 64, .size = 3};
        int x = make_conv_2d(k, make_input(k, 3, (int32_t[]){15, 15, 32}), &same);
        make_output(k, cases[i].valid ? valid_conv(k, x, 64, 3) : make_conv_2d(k, x, &same));
        assert_int_equal(facts_of(a, maker_finish(k)).opcodes[ISA_MESH_WEST], SAME + cases[i].west);
        arena_free(a);
    }
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = half(k, make_input(k, 3, (int32_t[]){28, 28, 32}));
    make_output(k, valid_conv(k, x, 16, 3));
    assert_int_equal(facts_of(a, maker_finish(k)).opcodes[ISA_MESH_WEST], POOLED);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_identity_matrix),      cmocka_unit_test(rows_and_columns_leave_apart),
        cmocka_unit_test(a_pool_takes_all_groups),  cmocka_unit_test(a_pool_waits_for_borders),
        cmocka_unit_test(borders_are_counted_anew), cmocka_unit_test(columns_of_a_valid_convolution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rows of the catalogue become models: the parser, the wiring, and facts of what our compiler makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/compiler.h"
#include "isa/isa.h"
#include "support/twin.h"

#define HEADER                                                                                                         \
    "id\tstate\trepo\tcompiled_path\tcompiled_size\tmin_runtime\texecutables\topcode_counts\tnumerics\touter_graph\t"  \
    "n_ops\tops\n"
#define START "P1\tlook\tme/here\ta/b.tflite\t49760\t14\tEXEC:132 CACHING:34\t01:3 1a:20\t"
#define NUMERICS "int8 per-channel io int8>int8"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static bool read_text(const char *text, struct catalogue_row **rows, uint32_t *count)
{
    struct status st = {0};
    bool ok = catalogue_read(arena, bytes_of(text, strlen(text)), rows, count, &st);
    assert_int_equal(ok, st.code == STATUS_OK);
    return ok;
}

/* A row with these numerics and operators. */
static struct catalogue_row row_of(const char *numerics, uint32_t n_ops, const char *ops)
{
    struct catalogue_row *rows;
    uint32_t count;
    assert_true(read_text(arena_text(arena, HEADER START "%s\t1 TPU op\t%u\t%s\n", numerics, n_ops, ops), &rows,
                          &count));
    assert_int_equal(count, 1);
    return rows[0];
}

static void reads_a_row(void **state)
{
    (void)state;
    struct catalogue_row row = row_of("int8/uint8 per-tensor io uint8>float32uint8", 1, "RELU[1x2->1x2]");
    assert_string_equal(row.id, "P1");
    assert_string_equal(row.name, "me/here/a/b.tflite");
    assert_int_equal(row.compiled_size, 49760);
    assert_int_equal(row.min_runtime, 14);
    assert_int_equal(row.opcodes[0x01], 3);
    assert_int_equal(row.opcodes[0x1a], 20);
    assert_false(row.shipped || row.uint8_inside || row.per_channel);
    assert_int_equal(row.in.count, 1);
    assert_int_equal(row.out.count, 2);
    assert_int_equal(row.out.type[1], TFL_UINT8);
}

static void refuses_bad_rows(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "id\tstate\n",
        HEADER "P1\n",
        HEADER START NUMERICS "\t1 TPU op\t0\t\n",
        HEADER START "int8 io int8>int8\t1 TPU op\t1\tRELU[1->1]\n",
        HEADER START "int8 per-channel io int9>int8\t1 TPU op\t1\tRELU[1->1]\n",
        HEADER START NUMERICS "\t1 TPU op\tmany\tRELU[1->1]\n",
        HEADER "P1\tlook\tr\tp\t1\t14\tEXEC:1\t1g:3\t" NUMERICS "\t1 TPU op\t1\tRELU[1->1]\n",
        HEADER "P1\tlook\tr\tp\t1\t14\tEXEC:1\t40:3\t" NUMERICS "\t1 TPU op\t1\tRELU[1->1]\n",
        HEADER "P1\tlook\tr\tp\t99999999999\t14\tEXEC:1\t01:3\t" NUMERICS "\t1 TPU op\t1\tRELU[1->1]\n",
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct catalogue_row *rows;
        uint32_t count;
        assert_false(read_text(bad[k], &rows, &count));
    }
}

static void reads_operators(void **state)
{
    (void)state;
    struct catalogue_row row = row_of(
        NUMERICS, 2, "CONV_2D[1x12x8x3;4x3x3x3+4->1x12x8x4 pad=SAME,sw=1,sh=2,act=RELU] CUSTOM:Own[1x2+()->()]");
    struct catalogue_op *ops;
    struct status st = {0};
    assert_true(catalogue_ops(arena, &row, &ops, &st));
    assert_int_equal(ops[0].code, TFL_OP_CONV_2D);
    assert_int_equal(ops[0].n_constants, 2);
    assert_int_equal(ops[0].constants[0].dim[3], 3);
    assert_int_equal(catalogue_number(&ops[0], "sh", 9), 2);
    assert_int_equal(catalogue_number(&ops[0], "dh", 9), 9);
    assert_string_equal(catalogue_word(arena, &ops[0], "act"), "RELU");
    assert_string_equal(ops[1].custom, "Own");
    assert_int_equal(ops[1].inputs[1].rank, 0);
}

static void refuses_bad_operators(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "RELU",      "RELU[",          "RELU[1x2]",    "RELU[1x0->1x2]", "NO_SUCH[1->1]",
        "RELU[1->]", "RELU[1x-2->1x2]", "CUSTOM[1->1]", "RELU[1x2->1y2]", "RELU[1->1] RELU[1->1]",
        "RELU[1x1x1x1x1x1x1x1x1->1]", "RELU[99999999999->1]"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct catalogue_row row = row_of(NUMERICS, 1, bad[k]);
        struct catalogue_op *ops;
        struct status st = {0};
        if (catalogue_ops(arena, &row, &ops, &st))
            fail_msg("%s was read", bad[k]);
        assert_int_equal(st.code, STATUS_INVALID);
    }
}

static void refuses_what_cannot_be_wired(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        const char *ops, *why;
    } bad[] = {
        {2, "RELU[1x8->1x8] RELU[1x9->1x9]", "no tensor has the shape"},
        {1, "RELU[1x8->1x9]", ""},
        {1, "CAST[1x8->1x8]", "does not know CAST"},
        {2, "RELU[1x8->1x8] SPLIT[1x8;()->1x4+1x4]", "2 outputs instead of"},
        {1, "CONV_2D[1x8x8x3;4x3x3->1x8x8x4 pad=SAME]", "weights"},
        {1, "CONV_2D[1x8x8x3;4x3x3x3->1x8x8x4 pad=SAME,act=COS]", "COS"},
        {1, "PAD[1x8x8x3;4x2->1x7x8x3]", "smaller"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct catalogue_row row = row_of(NUMERICS, bad[k].n, bad[k].ops);
        struct tfl_model *m;
        struct status st = {0};
        if (twin_build(arena, &row, 0, 0, 1, &m, &st))
            fail_msg("%s was built", bad[k].ops);
        if (!strstr(st.message, bad[k].why))
            fail_msg("%s: \"%s\"", bad[k].ops, st.message);
    }
}

/* Of a residual block, the shortcut is what was before its two convolutions, not what is between them. */
static void wires_residual_blocks(void **state)
{
    (void)state;
    struct catalogue_row row = row_of(NUMERICS, 3,
                                      "CONV_2D[1x8x8x4;4x3x3x4+4->1x8x8x4 pad=SAME,sw=1,sh=1] "
                                      "CONV_2D[1x8x8x4;4x3x3x4+4->1x8x8x4 pad=SAME,sw=1,sh=1] "
                                      "ADD[1x8x8x4+1x8x8x4->1x8x8x4]");
    struct tfl_model *m;
    struct status st = {0};
    assert_true(twin_build(arena, &row, 0, 0, 1, &m, &st));
    const struct tfl_subgraph *g = &m->subgraphs[0];
    assert_int_equal(g->n_inputs, 1);
    assert_int_equal(g->operators[2].inputs[0], g->operators[1].outputs[0]);
    assert_int_equal(g->operators[2].inputs[1], g->inputs[0]);
}

/* A tensor that is read inside is read again before the model gets another input, where the row has no more. */
static void wires_heads(void **state)
{
    (void)state;
    struct catalogue_row row = row_of("int8 per-channel io int8int8>int8int8int8", 3,
                                      "CONV_2D[1x8x8x4;6x1x1x4+6->1x8x8x6 pad=SAME,sw=1,sh=1] "
                                      "CONV_2D[1x8x8x4;5x1x1x4+5->1x8x8x5 pad=SAME,sw=1,sh=1] "
                                      "CONV_2D[1x4x4x4;6x1x1x4+6->1x4x4x6 pad=SAME,sw=1,sh=1]");
    struct tfl_model *m;
    struct status st = {0};
    assert_true(twin_build(arena, &row, 0, 0, 1, &m, &st));
    const struct tfl_subgraph *g = &m->subgraphs[0];
    assert_int_equal(g->n_inputs, 2);
    assert_int_equal(g->n_outputs, 3);
    assert_int_equal(g->operators[1].inputs[0], g->operators[0].inputs[0]);
}

/* Two outputs, one of which is read inside: the second or the first convolution's result. */
static void chooses_outputs(void **state)
{
    (void)state;
    struct catalogue_row row = row_of("int8 per-channel io int8>int8int8", 3,
                                      "CONV_2D[1x8x8x4;6x1x1x4+6->1x8x8x6 pad=SAME,sw=1,sh=1] "
                                      "CONV_2D[1x8x8x6;5x1x1x6+5->1x8x8x5 pad=SAME,sw=1,sh=1] "
                                      "CONV_2D[1x8x8x5;4x1x1x5+4->1x8x8x4 pad=SAME,sw=1,sh=1]");
    struct status st = {0};
    assert_int_equal(twin_choices(arena, &row), 2);
    for (unsigned choice = 0; choice < 2; choice++) {
        struct tfl_model *m;
        assert_true(twin_build(arena, &row, 0, choice, 1, &m, &st));
        const struct tfl_subgraph *g = &m->subgraphs[0];
        assert_int_equal(g->n_outputs, 2);
        assert_int_equal(g->outputs[0], g->operators[1 - choice].outputs[0]);
    }
    struct tfl_model *m;
    assert_false(twin_build(arena, &row, 0, 2, 1, &m, &st));
}

/* An input that the file has values for stands among the constants. */
static void finds_a_filled_input(void **state)
{
    (void)state;
    struct catalogue_row row = row_of("int8 per-channel io int8>int8", 1,
                                      "CONV_2D[;1x8x8x4+6x1x1x4+6->1x8x8x6 pad=SAME,sw=1,sh=1]");
    struct tfl_model *m;
    struct status st = {0};
    assert_true(twin_build(arena, &row, 0, 0, 1, &m, &st));
    assert_int_equal(m->subgraphs[0].n_inputs, 1);
    assert_int_equal(m->subgraphs[0].operators[0].n_inputs, 3);
}

/* RingCanary/coral-usb-oxidized conv2d_12x128x32: the facts that the catalogue has of the official file. */
static void our_result_has_the_official_facts(void **state)
{
    (void)state;
    struct catalogue_row row = row_of(NUMERICS, 1,
                                      "CONV_2D[1x12x128x32;32x3x3x32+32->1x12x128x32 pad=SAME,sw=1,sh=1]");
    struct tfl_model *m;
    struct compile_result r;
    struct twin_facts facts;
    struct status st = {0};
    assert_true(twin_build(arena, &row, 0, 0, 1, &m, &st));
    assert_true(compile_models(arena, (const struct tfl_model *const *)&m, 1,
                               &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    assert_true(twin_facts(arena, r.file, &facts, &st));
    assert_string_equal(facts.executables, "EXEC:132 CACHING:34");
    assert_string_equal(facts.outer_graph, "1 TPU op");
    struct twin_verdict v = twin_compare(&row, &facts);
    assert_true(v.same_outer && v.same_size);
    assert_false(v.same_tile || v.same_all); /* the row above has made-up counts */
    memcpy(row.opcodes, facts.opcodes, sizeof row.opcodes);
    assert_string_equal(twin_difference(arena, &row, &facts), "");
    row.opcodes[ISA_BUNDLE]--;
    assert_string_equal(twin_difference(arena, &row, &facts), "20:+1");
    v = twin_compare(&row, &facts);
    assert_true(v.same_tile && !v.same_all && v.distance == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bad_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_operators, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bad_operators, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be_wired, setup, teardown),
        cmocka_unit_test_setup_teardown(wires_residual_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(wires_heads, setup, teardown),
        cmocka_unit_test_setup_teardown(chooses_outputs, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_a_filled_input, setup, teardown),
        cmocka_unit_test_setup_teardown(our_result_has_the_official_facts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

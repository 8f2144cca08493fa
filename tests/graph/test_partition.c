/* Partitions as TFLite's delegate makes them, and the model that is left when they have become one operator each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flat/flat.h"
#include "graph/partition.h"
#include "support/make_model.h"
#include "support/model_equal.h"

/* A word for each partition, "+" for mapped: "+0,2 -1 +3" */
static const char *text_of(struct arena *a, const struct partitions *p)
{
    const char *text = "";
    for (uint32_t i = 0; i < p->count; i++) {
        text = arena_text(a, "%s%s%c", text, i ? " " : "", p->parts[i].mapped ? '+' : '-');
        for (uint32_t k = 0; k < p->parts[i].n_operators; k++)
            text = arena_text(a, "%s%s%u", text, k ? "," : "", p->parts[i].operators[k]);
    }
    return text;
}

static struct graph built(struct arena *a, const struct tfl_model *m)
{
    struct graph g;
    struct status st = {0};
    if (!graph_build(a, &m->subgraphs[0], &g, &st))
        fail_msg("%s", st.message);
    return g;
}

static struct tfl_model *chain(struct arena *a, int operators)
{
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){8});
    for (int i = 0; i < operators; i++)
        x = make_unary(k, TFL_OP_RELU, x);
    make_output(k, x);
    return maker_finish(k);
}

static void chains_alternate(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct graph g = built(a, chain(a, 6));
    struct partitions p;
    partition_graph(a, &g, (bool[]){0, 1, 1, 0, 1, 1}, &p);
    assert_string_equal(text_of(a, &p), "-0 +1,2 -3 +4,5");
    partition_graph(a, &g, (bool[6]){0}, &p);
    assert_string_equal(text_of(a, &p), "-0,1,2,3,4,5");
    bool mapped[] = {0, 1, 1, 0, 1, 1};
    partition_keep_first(a, &g, mapped);
    partition_graph(a, &g, mapped, &p);
    assert_string_equal(text_of(a, &p), "-0 +1,2 -3,4,5");
    bool none[6] = {0};
    partition_keep_first(a, &g, none);
    assert_memory_equal(none, ((bool[6]){0}), sizeof none);
    arena_free(a);
}

/* x -> 0 -> 1(CPU) -> 4
 *      0 -> 2 -> 3 -> 4: the branch beside the CPU operator is taken in the first round (compiler-behaviour 6.4). */
static void branches_that_do_not_wait_are_taken_early(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){8});
    int y = make_unary(k, TFL_OP_RELU, x);
    int cpu = make_unary(k, TFL_OP_ABS, y);
    int side = make_unary(k, TFL_OP_TANH, make_unary(k, TFL_OP_LOGISTIC, y));
    int z = make_binary(k, TFL_OP_ADD, cpu, side, TFL_ACT_NONE);
    make_output(k, z);
    struct graph g = built(a, maker_finish(k));
    struct partitions p;
    partition_graph(a, &g, (bool[]){1, 0, 1, 1, 1}, &p);
    assert_string_equal(text_of(a, &p), "+0,2,3 -1 +4");
    assert_int_equal(p.parts[0].n_inputs, 1);
    assert_int_equal(p.parts[0].inputs[0], x);
    assert_int_equal(p.parts[0].n_outputs, 2); /* what the CPU reads, and what the second set reads */
    assert_int_equal(p.parts[0].outputs[0], y);
    assert_int_equal(p.parts[0].outputs[1], side);
    assert_int_equal(p.parts[2].n_inputs, 2);
    assert_int_equal(p.parts[2].inputs[0], cpu);
    assert_int_equal(p.parts[2].inputs[1], side);
    arena_free(a);
}

static struct tfl_model *rewritten(struct arena *a, const struct tfl_model *m, const bool *mapped)
{
    struct graph g = built(a, m);
    struct partitions p;
    struct tfl_model *out;
    struct status st = {0};
    struct bytes options[8];
    for (int i = 0; i < 8; i++)
        options[i] = bytes_of(&"package 0"[i], 1);
    partition_graph(a, &g, mapped, &p);
    if (!graph_rewrite(a, m, &g, &p, options, &out, &st))
        fail_msg("%s", st.message);
    return out;
}

static void sets_become_operators(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){8});
    x = make_fully_connected(k, x, 8, TFL_ACT_NONE); /* operator 0; 1 is left to the CPU and has a constant */
    x = make_reshape(k, x, 3, (int32_t[]){1, 2, 4});
    maker_tensor(k, x)->shape_signature = arena_copy(a, (int32_t[]){-1, 2, 4}, 12);
    x = make_fully_connected(k, make_flatten(k, x), 4, TFL_ACT_NONE); /* 2, 3 */
    make_output(k, x);
    struct tfl_model *m = maker_finish(k);
    struct tfl_signature_entry entries[] = {{"in", 0}, {"lost", 1}, {"out", (uint32_t)x}};
    struct tfl_signature s = {"serving", 0, entries, entries + 2, 2, 1};
    m->signatures = &s, m->n_signatures = 1;
    struct tfl_model *r = rewritten(a, m, (bool[]){1, 0, 1, 1});
    const struct tfl_subgraph *g = &r->subgraphs[0];
    assert_string_equal(r->description, "Exported from Subgraph.");
    assert_int_equal(g->n_operators, 3);
    assert_string_equal(g->operators[0].custom_code, TFL_EDGETPU_CUSTOM_OP);
    assert_memory_equal(g->operators[0].custom_options.data, "p", 1);
    assert_memory_equal(g->operators[2].custom_options.data, "a", 1);
    assert_int_equal(g->operators[1].code, TFL_OP_RESHAPE);
    assert_int_equal(g->n_tensors, 5); /* input, between 0 and 1, the new shape, between 1 and 2, output */
    assert_int_equal(g->operators[1].inputs[1], 2);
    assert_int_equal(g->tensors[2].data.size, 12);
    assert_int_equal(g->outputs[0], 4);
    assert_int_equal(r->signatures[0].n_inputs, 1); /* the weights are gone */
    assert_int_equal(r->signatures[0].outputs[0].tensor, 4);
    struct graph again = built(a, r); /* still in order, every link sound */
    assert_int_equal(again.tensors[4].producer, 2);
    struct bytes file;
    struct tfl_model *back;
    struct status st = {0};
    assert_true(tfl_write(a, r, &(struct tfl_write_options){0}, &file, &st) && tfl_read(a, file, &back, &st));
    assert_null(model_difference(a, r, back));
    arena_free(a);
}

static void options_are_written_as_the_official_compiler_does(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){8});
    int y = make_reshape(k, x, 2, (int32_t[]){2, 4});
    int z = make_unary(k, TFL_OP_LOGISTIC, make_quantize(k, y, TFL_UINT8));
    make_output(k, z);
    struct tfl_model *m = maker_finish(k);
    m->subgraphs[0].operators[0].options.reshape.new_shape = (struct tfl_i32s){(int32_t[]){2, 4}, 2};
    m->subgraphs[0].operators[1].options_type = TFL_OPTIONS_NONE; /* as converters write QUANTIZE */
    const struct tfl_operator *o = rewritten(a, m, (bool[3]){0})->subgraphs[0].operators;
    assert_null(o[0].options.reshape.new_shape.data);
    assert_int_equal(o[1].options_type, TFL_OPTIONS_QUANTIZE);
    assert_int_equal(o[2].options_type, TFL_OPTIONS_NONE);
    assert_int_equal(m->subgraphs[0].operators[0].options.reshape.new_shape.count, 2); /* the source is untouched */
    arena_free(a);
}

static void detections_get_their_shapes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct flex_entry entries[] = {{.key = "max_classes_per_detection", .kind = FLEX_PUT_INT, .i = 2},
                                   {.key = "max_detections", .kind = FLEX_PUT_INT, .i = 10}};
    for (int broken = 0; broken < 2; broken++) {
        struct maker *k = maker_new(a, TFL_INT8, 1);
        int x = make_input(k, 1, (int32_t[]){8}), out[4];
        for (int i = 0; i < 4; i++)
            out[i] = make_tensor(k, TFL_FLOAT32, 0, NULL, 0, 0, 1);
        struct tfl_operator *o = make_operator(k, TFL_OP_CUSTOM, 1, &x, 4, out);
        o->custom_code = "TFLite_Detection_PostProcess";
        entries[1].i = broken ? -1 : 10;
        o->custom_options = flex_write_map(a, entries, 2);
        make_output(k, out[0]);
        struct tfl_model *m = maker_finish(k), *r;
        struct graph g = built(a, m);
        struct partitions p;
        struct status st = {0};
        partition_graph(a, &g, (bool[]){0}, &p);
        assert_int_equal(graph_rewrite(a, m, &g, &p, NULL, &r, &st), !broken);
        if (broken) {
            assert_non_null(strstr(st.message, "max_detections"));
            continue;
        }
        const char *want[] = {"1x20x4", "1x20", "1x20", "1"};
        for (int i = 0; i < 4; i++)
            assert_string_equal(tfl_shape_text(a, &r->subgraphs[0].tensors[1 + i]), want[i]);
        assert_int_equal(m->subgraphs[0].tensors[1].rank, 0);
    }
    arena_free(a);
}

static void long_alternating_chains_are_quick(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct graph g = built(a, chain(a, 5000));
    bool *mapped = ARENA_ARRAY(a, bool, 5000);
    for (int i = 0; i < 5000; i++)
        mapped[i] = i % 2;
    struct partitions p;
    partition_graph(a, &g, mapped, &p);
    assert_int_equal(p.count, 5000);
    struct tfl_model *absurd = chain(a, GRAPH_MAX_OPERATORS + 1);
    struct status st = {0};
    assert_false(graph_build(a, &absurd->subgraphs[0], &g, &st));
    assert_int_equal(st.code, STATUS_LIMIT);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_alternate),
        cmocka_unit_test(branches_that_do_not_wait_are_taken_early),
        cmocka_unit_test(sets_become_operators),
        cmocka_unit_test(options_are_written_as_the_official_compiler_does),
        cmocka_unit_test(detections_get_their_shapes),
        cmocka_unit_test(long_alternating_chains_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* FULLY_CONNECTED graphs, compiled and run on the simulated chip: exactly the kernels' bytes.
 *   SEEDS, FIRST, VERBOSE as in judge.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "darwinn/package.h"
#include "support/corpus.h"
#include "support/make_model.h"

static int32_t pick(uint64_t *s, int32_t low, int32_t high)
{
    return low + (int32_t)(random_next(s) % (uint64_t)(high - low + 1));
}

/* Sizes of every order of magnitude, odd ones and round ones. */
static int32_t random_size(uint64_t *s, int32_t high)
{
    int32_t size = pick(s, 1, 1 << pick(s, 0, 12));
    if (random_next(s) % 3 == 0)
        size = (size + 63) / 64 * 64;
    return size > high ? high : size;
}

/* Weight scales per output channel instead of one. */
static void per_channel(struct arena *a, uint64_t *s, struct tfl_tensor *w, bool equal)
{
    uint32_t n = (uint32_t)w->shape[0];
    float scale = w->quant.scale[0];
    w->quant =
        (struct tfl_quant){.scale = ARENA_ARRAY(a, float, n), .zero_point = ARENA_ARRAY(a, int64_t, n), .count = n};
    for (uint32_t i = 0; i < n; i++)
        w->quant.scale[i] = equal ? scale : scale * (0.5f + (float)(random_next(s) % 1024) / 1024.0f);
}

static void vary(struct arena *a, uint64_t *s, struct tfl_subgraph *g)
{
    for (uint32_t i = 0; i < g->n_operators; i++) {
        struct tfl_operator *o = &g->operators[i];
        if (o->code != TFL_OP_FULLY_CONNECTED)
            continue;
        struct tfl_tensor *w = &g->tensors[o->inputs[1]];
        uint64_t kind = random_next(s) % 6;
        if (w->type == TFL_INT8 && kind < 3)
            per_channel(a, s, w, kind == 0);
        uint64_t bias = random_next(s) % 4;
        if (bias == 0)
            o->n_inputs = 2;
        else if (bias == 1)
            o->inputs[2] = -1;
        else if (bias == 2) /* all zero: not stored */
            g->tensors[o->inputs[2]].data.data = arena_alloc(a, g->tensors[o->inputs[2]].data.size);
    }
}

static const struct tfl_model *random_model(struct arena *a, uint64_t seed)
{
    uint64_t s = seed;
    enum tfl_type type = random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8;
    struct maker *k = maker_new(a, type, seed);
    int32_t layers = pick(&s, 1, 3), inputs = random_size(&s, 4096);
    int x;
    if (random_next(&s) % 4 == 0 && inputs % 4 == 0)
        x = make_flatten(k, make_input(k, 2, (int32_t[]){4, inputs / 4}));
    else
        x = make_input(k, 1, &inputs);
    if (random_next(&s) % 3 == 0) /* the other signedness outside, as dense_256 has it */
        x = make_quantize(k, make_quantize(k, x, type == TFL_INT8 ? TFL_UINT8 : TFL_INT8), type);
    for (int32_t i = 0; i < layers; i++) {
        int32_t units = random_size(&s, 1 + 600000 / inputs);
        static const enum tfl_activation acts[] = {TFL_ACT_NONE, TFL_ACT_RELU, TFL_ACT_RELU6};
        x = make_fully_connected(k, x, units, acts[random_next(&s) % 3]);
        inputs = units;
    }
    if (random_next(&s) % 3 == 0)
        x = make_quantize(k, x, type == TFL_INT8 ? TFL_UINT8 : TFL_INT8);
    if (random_next(&s) % 4 == 0 && inputs % 2 == 0)
        x = make_reshape(k, x, 3, (int32_t[]){1, 2, inputs / 2});
    make_output(k, x);
    struct tfl_model *m = maker_finish(k);
    vary(a, &s, &m->subgraphs[0]);
    return m;
}

static void random_graphs_run_exactly(void **state)
{
    (void)state;
    judge_draws(random_model, 200, 100);
}

static struct judgement one_layer(struct arena *a, enum tfl_type type, int32_t inputs, int32_t units)
{
    struct maker *k = maker_new(a, type, 7);
    make_output(k, make_fully_connected(k, make_input(k, 1, &inputs), units, TFL_ACT_NONE));
    return judge(a, maker_finish(k));
}

static void the_extremes(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {1, 4096}, {4096, 1}, {4095, 63}, {63, 4095}, {1021, 1025}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct judgement j = one_layer(a, i % 2 ? TFL_UINT8 : TFL_INT8, sizes[i][0], sizes[i][1]);
        if (j.fault)
            print_message("%dx%d: %s\n", sizes[i][0], sizes[i][1], j.fault);
        assert_null(j.fault);
        arena_free(a);
    }
}

/* 16 MiB of weights: more than the chip holds, so they are streamed. */
static void parameters_that_do_not_fit_are_streamed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct judgement j = one_layer(a, TFL_INT8, 4096, 4096);
    if (j.fault)
        print_message("%s\n", j.fault);
    assert_null(j.fault);
    assert_int_equal(j.compiled.cached_bytes, 0);
    assert_in_range(j.compiled.streamed_bytes, 4096 * 4096, 4096 * 4096 + 64 * 1024);
    arena_free(a);
}

/* The second does not fit beside the first on tile 0: tile 1 keeps it and sends it over ring B; the third streams. */
static void layers_on_one_vector(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 3);
    int x = make_input(k, 1, (int32_t[]){4096});
    make_output(k, make_fully_connected(k, x, 40, TFL_ACT_NONE));
    make_output(k, make_fully_connected(k, x, 64, TFL_ACT_RELU));
    make_output(k, make_fully_connected(k, x, 3000, TFL_ACT_NONE));
    struct judgement j = judge(a, maker_finish(k));
    if (j.fault)
        print_message("%s\n", j.fault);
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_subgraphs, 1);
    assert_int_equal(j.compiled.cached_bytes, 2 * (1024 + 1) * 256);
    assert_in_range(j.compiled.streamed_bytes, 1, UINT32_MAX);
    arena_free(a);
}

/* FULLY_CONNECTED, an operator of the CPU, FULLY_CONNECTED: without -a only the first runs on the chip. */
static void operators_of_the_cpu_stay_there(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, 3);
        int x = make_fully_connected(k, make_input(k, 1, (int32_t[]){100}), 70, TFL_ACT_NONE);
        x = make_unary(k, TFL_OP_LEAKY_RELU, x);
        make_output(k, make_fully_connected(k, x, 20, TFL_ACT_NONE));
        const struct compile_options o = {.min_runtime_version = 14, .multiple_subgraphs = all};
        struct judgement j = judge_with(a, maker_finish(k), &o);
        if (j.fault)
            print_message("%s\n", j.fault);
        assert_null(j.fault);
        assert_int_equal(j.compiled.n_subgraphs, all ? 2 : 1);
        assert_string_equal(j.compiled.ops[0].status, "Mapped to Edge TPU");
        assert_string_equal(j.compiled.ops[1].status, "Operation not supported");
        assert_string_equal(j.compiled.ops[2].status,
                            all ? "Mapped to Edge TPU" : "More than one subgraph is not supported");
        assert_non_null(j.compiled.ops[1].why);
        arena_free(a);
    }
}

/* -i and -d: the Edge TPU's part ends where it is told to; what comes behind stays on the CPU. */
static void the_mapped_part_ends_where_it_is_told_to(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct tfl_model *m = make_fc_chain(a, TFL_INT8, 4, 50, 60, 4);
    const struct tfl_subgraph *g = &m->subgraphs[0];
    const char *names[] = {g->tensors[g->operators[1].outputs[0]].name};
    const struct compile_stops stops = {names, 1};
    struct compile_options o = {.min_runtime_version = 14, .stops = &stops};
    struct judgement j = judge_with(a, m, &o);
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 2);
    assert_string_equal(j.compiled.ops[2].status,
                        "Operation is otherwise supported, but not mapped due to some unspecified limitation");
    assert_string_equal(j.compiled.ops[3].status, "More than one subgraph is not supported");
    o = (struct compile_options){.min_runtime_version = 14, .drop_last = 1};
    j = judge_with(a, m, &o);
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 3);
    assert_string_equal(compile_boundary(a, m, 1), g->tensors[g->operators[2].outputs[0]].name);
    names[0] = "no such tensor";
    o = (struct compile_options){.min_runtime_version = 14, .stops = &stops};
    assert_non_null(judge_with(a, m, &o).fault);
    arena_free(a);
}

/* Nothing but a QUANTIZE is mapped: the image passes through the chip. */
static void images_pass_through(void **state)
{
    (void)state;
    static const int32_t shapes[][3] = {{300, 301, 3}, {5, 7, 2}, {1, 9, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_UINT8, 3);
        int x = make_quantize(k, make_input(k, 3, shapes[i]), TFL_INT8);
        make_output(k, make_unary(k, TFL_OP_LEAKY_RELU, x));
        struct judgement j = judge(a, maker_finish(k));
        if (j.fault)
            print_message("%s\n", j.fault);
        assert_null(j.fault);
        assert_int_equal(j.compiled.n_mapped, 1);
        arena_free(a);
    }
}

static void int8_needs_runtime_12(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct compile_options o = {.min_runtime_version = 11};
    struct judgement j = judge_with(a, make_fc_chain(a, TFL_INT8, 1, 64, 64, 2), &o);
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 0);
    assert_int_equal(j.compiled.n_subgraphs, 0);
    assert_int_equal(j.compiled.remaining_bytes, 0);
    assert_string_equal(j.compiled.ops[0].status, "Operation is working on an unsupported data type");
    j = judge_with(a, make_fc_chain(a, TFL_UINT8, 1, 64, 64, 2), &o);
    assert_null(j.fault);
    assert_int_equal(j.compiled.n_mapped, 2);
    arena_free(a);
}

/* Models of one command share the chip: the largest layers are cached side by side, whosever they are; of the three
 * equal ones there is room for the first. */
static void models_compiled_together_share_the_cache(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct tfl_model *m[3] = {make_fc_chain(a, TFL_UINT8, 1, 2000, 1024, 2),
                                    make_fc_chain(a, TFL_INT8, 2, 1024, 1024, 2),
                                    make_fc_chain(a, TFL_INT8, 3, 4096, 1024, 1)};
    const struct compile_options o = {.min_runtime_version = 14};
    struct compile_result r[3];
    const char *fault = judge_together(a, m, 3, &o, r);
    if (fault)
        print_message("%s\n", fault);
    assert_null(fault);
    assert_int_equal(r[0].streamed_bytes, 0);
    assert_int_equal(r[1].cached_bytes, 0);
    assert_in_range(r[1].streamed_bytes, 2 * 1024 * 1024, 2 * 1024 * 1024 + 16 * 1024);
    assert_int_equal(r[2].streamed_bytes, 0);
    assert_int_equal(r[0].remaining_bytes, r[2].remaining_bytes);
    arena_free(a);
}

/* The longest vectors, from the host and from another layer. */
static void long_vectors(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{130816, 1}, {130815, 33}, {98310, 70}, {65540, 16}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i % 2 ? TFL_INT8 : TFL_UINT8, i);
        int x = make_input(k, 1, (int32_t[]){sizes[i][0]});
        make_output(k, make_fully_connected(k, x, sizes[i][1], TFL_ACT_NONE));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* Four inputs of 64 KiB, all on the chip at once: what finds no room stays on the CPU, and the sentence names operator,
 * tensor, bytes needed and there. */
static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 3);
    int x[4];
    for (int i = 0; i < 4; i++)
        x[i] = make_input(k, 1, (int32_t[]){65536});
    for (int i = 0; i < 4; i++)
        make_output(k, make_fully_connected(k, x[i], 1, TFL_ACT_NONE));
    struct judgement j = judge(a, maker_finish(k));
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_in_range(j.compiled.n_mapped, 1, 3);
    for (uint32_t i = 0; i < j.compiled.n_ops; i++) {
        const struct compile_op_status *s = &j.compiled.ops[i];
        if (!s->mapped && (!strstr(s->why, "bytes of narrow memory, 196608 are there") || !strstr(s->why, "1x65536")))
            fail_msg("%s: %s", s->status, s->why);
    }
    arena_free(a);
}

static uint64_t token_of(struct arena *a, struct bytes file)
{
    struct status st = {0};
    struct tfl_model *m;
    struct dwn_package *p;
    assert_true(tfl_read(a, file, &m, &st));
    assert_true(dwn_from_custom_options(a, m->subgraphs[0].operators[0].custom_options, &p, &st));
    return p->executables[0].token;
}

/* Same model, same bytes; one weight more or less, another token. */
static void the_output_depends_on_the_model_only(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct judgement x = judge(a, make_fc_chain(a, TFL_INT8, 5, 200, 130, 3)),
                     y = judge(a, make_fc_chain(a, TFL_INT8, 5, 200, 130, 3));
    assert_true(bytes_equal(x.compiled.file, y.compiled.file));
    struct tfl_model *m = make_fc_chain(a, TFL_INT8, 5, 200, 130, 3);
    struct tfl_tensor *w = &m->subgraphs[0].tensors[m->subgraphs[0].operators[1].inputs[1]];
    uint8_t *weights = arena_copy(a, w->data.data, w->data.size);
    weights[77] ^= 1;
    w->data.data = weights;
    struct judgement z = judge(a, m);
    assert_true(token_of(a, x.compiled.file) != token_of(a, z.compiled.file));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_run_exactly),
        cmocka_unit_test(the_extremes),
        cmocka_unit_test(parameters_that_do_not_fit_are_streamed),
        cmocka_unit_test(layers_on_one_vector),
        cmocka_unit_test(operators_of_the_cpu_stay_there),
        cmocka_unit_test(the_mapped_part_ends_where_it_is_told_to),
        cmocka_unit_test(images_pass_through),
        cmocka_unit_test(int8_needs_runtime_12),
        cmocka_unit_test(models_compiled_together_share_the_cache),
        cmocka_unit_test(long_vectors),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(the_output_depends_on_the_model_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Links, shapes, windows, constants, and the rules that an operator's tensors must obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "graph/graph.h"
#include "support/make_model.h"

static const struct tfl_subgraph *graph_of(struct maker *k)
{
    return &maker_finish(k)->subgraphs[0];
}

static void links(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){8});
    int y = make_unary(k, TFL_OP_RELU, x);
    int z = make_binary(k, TFL_OP_ADD, y, y, TFL_ACT_NONE);
    int w = make_binary(k, TFL_OP_MUL, y, z, TFL_ACT_RELU);
    make_output(k, w);
    struct graph g;
    struct status st = {0};
    const struct tfl_subgraph *s = graph_of(k);
    assert_true(graph_build(a, s, &g, &st));
    assert_int_equal(g.tensors[x].producer, GRAPH_NONE);
    assert_true(g.tensors[x].is_input && !g.tensors[x].is_output && g.tensors[w].is_output);
    assert_int_equal(g.tensors[y].producer, 0);
    assert_int_equal(g.tensors[y].n_consumers, 2); /* ADD reads it twice and counts once */
    assert_int_equal(g.tensors[y].consumers[0], 1);
    assert_int_equal(g.tensors[y].consumers[1], 2);
    assert_int_equal(fused_activation(&s->operators[2]), TFL_ACT_RELU);
    assert_int_equal(fused_activation(&s->operators[0]), TFL_ACT_NONE);
    assert_null(op_input(s, &s->operators[0], 1));
    arena_free(a);
}

static void reading_before_writing_is_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 1, (int32_t[]){8});
    int y = make_unary(k, TFL_OP_RELU, x), z = make_unary(k, TFL_OP_ABS, y);
    make_output(k, z);
    struct tfl_subgraph *s = maker_finish(k)->subgraphs;
    struct tfl_operator first = s->operators[0];
    s->operators[0] = s->operators[1], s->operators[1] = first;
    struct graph g;
    struct status st = {0};
    assert_false(graph_build(a, s, &g, &st));
    assert_non_null(strstr(st.message, "operator 0 (ABS) reads tensor 1 (\"tensor_1\") before it has a value"));
    s->n_operators = 1, s->n_inputs = 0; /* nobody writes it at all */
    st = (struct status){0};
    assert_false(graph_build(a, s, &g, &st));
    s->tensors[y].is_variable = true;
    st = (struct status){0};
    assert_true(graph_build(a, s, &g, &st));
    arena_free(a);
}

static void four_dimensions(void **state)
{
    (void)state;
    static const struct {
        int32_t shape[6];
        uint32_t rank;
        bool ok;
        struct shape4 want;
    } cases[] = {
        {{0}, 0, true, {1, 1, 1, 1}},          {{7}, 1, true, {1, 1, 1, 7}},
        {{2, 7}, 2, true, {1, 1, 2, 7}},       {{1, 5, 7}, 3, true, {1, 1, 5, 7}},
        {{1, 7}, 2, true, {1, 1, 1, 7}},       {{3, 5, 7}, 3, true, {1, 3, 5, 7}},
        {{1, 4, 5, 7}, 4, true, {1, 4, 5, 7}}, {{1, 1, 4, 5, 7}, 5, true, {1, 4, 5, 7}},
        {{1, 2, 4, 5, 7}, 5, true, {2, 4, 5, 7}}, {{2, 1, 4, 5, 7}, 5, false, {0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tfl_tensor t = {.shape = (int32_t *)cases[i].shape, .rank = cases[i].rank};
        struct shape4 s;
        assert_int_equal(shape4_of(&t, &s), cases[i].ok);
        if (cases[i].ok)
            assert_memory_equal(&s, &cases[i].want, sizeof s);
    }
}

/* Padding of SAME by counting: the window centred as TFLite does reaches this far out of the image. */
static void windows(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int32_t size = 1; size <= 5; size++)
        for (int32_t stride = 1; stride <= 3; stride++)
            for (int32_t dilation = 1; dilation <= 2; dilation++)
                for (int32_t image = 9; image <= 12; image++) {
                    struct maker *k = maker_new(a, TFL_INT8, 1);
                    struct make_window w = {.channels = 4, .size = size, .width = 3, .stride = stride,
                                            .dilation = dilation};
                    int x = make_input(k, 3, (int32_t[]){image, 16, 4});
                    make_conv_2d(k, x, &w);
                    w.channels = 1;
                    make_depthwise_conv_2d(k, x, &w);
                    w.padding = TFL_PAD_VALID;
                    make_conv_2d(k, x, &w);
                    const struct tfl_subgraph *g = graph_of(k);
                    for (uint32_t op = 0; op < 3; op++) {
                        struct status st = {0};
                        if (!graph_check(a, g, op, &st))
                            fail_msg("%s", st.message);
                        struct window v;
                        assert_true(window_of(g, &g->operators[op], &v));
                        int32_t rows = op_output(g, &g->operators[op], 0)->shape[1];
                        int32_t below = (rows - 1) * stride + (size - 1) * dilation + 1 - image;
                        int32_t total = op < 2 && below > 0 ? below : 0;
                        assert_int_equal(v.top, total / 2);
                        assert_int_equal(v.top + v.bottom, total);
                        assert_int_equal(v.filter_h, size);
                        assert_int_equal(v.filter_w, 3);
                        assert_int_equal(v.dilation_w, dilation);
                    }
                }
    arena_free(a);
}

static void windows_of_pools_and_transposed_convolutions(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){7, 7, 4});
    make_pool(k, TFL_OP_MAX_POOL_2D, x, &(struct make_window){.size = 3, .stride = 2});
    make_transpose_conv(k, x, &(struct make_window){.channels = 2, .size = 3, .stride = 2});
    const struct tfl_subgraph *g = graph_of(k);
    struct window w;
    assert_true(window_of(g, &g->operators[0], &w)); /* 7 -> 4: 3 * 2 + 3 - 7 = 2 */
    assert_int_equal(w.top, 1);
    assert_int_equal(w.bottom, 1);
    assert_true(window_of(g, &g->operators[1], &w)); /* 7 -> 14: 6 * 2 + 3 - 14 = 1, all of it at the end */
    assert_int_equal(w.top, 0);
    assert_int_equal(w.bottom, 1);
    arena_free(a);
}

static void constants(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct status st = {0};
    int32_t *i;
    float *f;
    uint32_t n;
    struct tfl_tensor t = {.name = "c", .shape = (int32_t[]){2, 2}, .rank = 2};
    t.type = TFL_INT64, t.data = bytes_of("\1\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377"
                                          "\2\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 32);
    assert_false(constant_i32(a, &t, &i, &n, &st)); /* 2^32 */
    assert_non_null(strstr(st.message, "\"c\" holds 4294967296"));
    st = (struct status){0};
    t.rank = 1, t.data.size = 16; /* the first two */
    assert_true(constant_i32(a, &t, &i, &n, &st));
    assert_int_equal(n, 2);
    assert_int_equal(i[0], 1);
    assert_int_equal(i[1], -1);
    t.rank = 2, t.type = TFL_INT8, t.data = bytes_of("\1\2\3\375", 4); /* 1 2 3 -3, per channel along 0 */
    t.quant = (struct tfl_quant){(float[]){0.5f, 2}, (int64_t[]){0, 1}, 2, 0};
    assert_true(constant_f32(a, &t, &f, &n, &st));
    assert_true(f[0] == 0.5f && f[1] == 1 && f[2] == 4 && f[3] == -8);
    t.quant.dim = 1;
    assert_true(constant_f32(a, &t, &f, &n, &st));
    assert_true(f[0] == 0.5f && f[1] == 2 && f[2] == 1.5f && f[3] == -8);
    t.type = TFL_FLOAT16, t.data = bytes_of("\0\x3c\0\xc0\1\0\xff\x7b", 8); /* 1, -2, 2^-24, 65504 */
    assert_true(constant_f32(a, &t, &f, &n, &st));
    assert_true(f[0] == 1 && f[1] == -2 && f[2] == 0x1p-24f && f[3] == 65504);
    t.data.size = 0;
    assert_false(constant_f32(a, &t, &f, &n, &st));
    assert_non_null(strstr(st.message, "not constant"));
    arena_free(a);
}

/* Everything that the builder makes obeys the rules. */
static struct maker *one_of_each(struct arena *a, enum tfl_type type)
{
    struct maker *k = maker_new(a, type, 3);
    int x = make_input(k, 3, (int32_t[]){8, 6, 4}), parts[2];
    make_conv_2d(k, x, &(struct make_window){.channels = 3, .size = 3, .no_bias = true});
    make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 2, .size = 3});
    make_transpose_conv(k, x, &(struct make_window){.channels = 2, .size = 2, .stride = 2, .padding = TFL_PAD_VALID});
    make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &(struct make_window){.size = 2, .stride = 2});
    make_fully_connected(k, make_flatten(k, x), 5, TFL_ACT_RELU6);
    make_binary(k, TFL_OP_SUB, x, make_random(k, 1, (int32_t[]){4}), TFL_ACT_NONE);
    make_binary(k, TFL_OP_MAXIMUM, make_random(k, 4, (int32_t[]){1, 8, 1, 4}), x, TFL_ACT_NONE);
    make_unary(k, TFL_OP_TANH, x);
    make_unary(k, TFL_OP_LEAKY_RELU, x);
    make_prelu(k, x);
    make_softmax(k, x);
    make_dequantize(k, make_quantize(k, x, TFL_UINT8));
    make_transpose(k, x, (int32_t[]){0, 3, 1, 2});
    make_pad(k, x, (int32_t[]){0, 0, 1, 2, 0, 3, 0, 0});
    make_slice(k, x, (int32_t[]){0, 1, 2, 0}, (int32_t[]){1, 3, 2, 4});
    make_strided_slice(k, x, (int32_t[]){0, 1, 0, 0}, (int32_t[]){1, 8, 6, 4}, (int32_t[]){1, 2, 2, 1});
    make_split(k, x, 3, 2, parts);
    make_concatenation(k, 2, parts, 2);
    make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, false);
    make_reduce(k, TFL_OP_SUM, x, 1, (int32_t[]){3}, true);
    make_resize(k, TFL_OP_RESIZE_BILINEAR, x, 16, 12, false, true);
    make_resize(k, TFL_OP_RESIZE_NEAREST_NEIGHBOR, x, 4, 3, true, false);
    make_space_to_depth(k, x, 2);
    return k;
}

static void what_the_builder_makes_passes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int i = 0; i < 2; i++) {
        const struct tfl_subgraph *g = graph_of(one_of_each(a, i ? TFL_UINT8 : TFL_INT8));
        for (uint32_t op = 0; op < g->n_operators; op++) {
            struct status st = {0};
            assert_true(graph_has_check(g->operators[op].code));
            if (!graph_check(a, g, op, &st))
                fail_msg("%s", st.message);
        }
    }
    arena_free(a);
}

/* One row or column more in the output of any operator is noticed. */
static void every_output_shape_is_compared(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct tfl_subgraph *g = graph_of(one_of_each(a, TFL_INT8));
    for (uint32_t op = 0; op < g->n_operators; op++)
        for (uint32_t k = 0; k < g->operators[op].n_outputs; k++) {
            struct tfl_tensor *y = &g->tensors[g->operators[op].outputs[k]];
            for (uint32_t d = 0; d < y->rank; d++) {
                struct status st = {0};
                y->shape[d]++;
                if (graph_check(a, g, op, &st))
                    fail_msg("%s: dimension %u of output %u may be anything", graph_op_text(a, g, op), d, k);
                y->shape[d]--;
            }
        }
    arena_free(a);
}

static void assert_fails(struct arena *a, struct maker *k, const char *text)
{
    const struct tfl_subgraph *g = graph_of(k);
    struct status st = {0};
    if (graph_check(a, g, g->n_operators - 1, &st) || !strstr(st.message, text))
        fail_msg("\"%s\" instead of \"%s\"", st.message, text);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){8, 8, 4});
    const struct tfl_subgraph *g;
    make_conv_2d(k, x, &(struct make_window){.channels = 3, .size = 3, .padding = TFL_PAD_VALID});
    g = graph_of(k);
    g->operators[0].options.conv_2d.stride_h = 0;
    assert_fails(a, k, "operator 0 (CONV_2D): filter 3, stride 0, dilation 1; all must be positive");
    g->operators[0].options.conv_2d.stride_h = 2;
    assert_fails(a, k, "is 1x6x6x3 in the file, its inputs give 1x3x6x3");
    g->operators[0].options.conv_2d.stride_h = 1, g->operators[0].options.conv_2d.dilation_h = 4;
    assert_fails(a, k, "a window of 9 pixels over 8 with padding VALID");
    g->operators[0].options.conv_2d.dilation_h = 1;
    g->tensors[g->operators[0].inputs[2]].type = TFL_INT64;
    assert_fails(a, k, "INT64 bias with INT8 input");
    g->tensors[g->operators[0].inputs[2]].shape[0] = 2;
    assert_fails(a, k, "a bias of 2 elements for 3 output channels");
    g->operators[0].inputs[1] = -1;
    assert_fails(a, k, "input 1 is left out");
    make_binary(k, TFL_OP_ADD, x, make_random(k, 1, (int32_t[]){3}), TFL_ACT_NONE);
    assert_fails(a, k, "operator 1 (ADD): shapes 1x8x8x4 and 3 do not broadcast");
    make_transpose(k, x, (int32_t[]){0, 1, 1, 2});
    assert_fails(a, k, "not an order of dimensions");
    make_quantize(k, make_flatten(k, x), TFL_UINT8);
    g = graph_of(k);
    g->operators[g->n_operators - 1].n_outputs = 0;
    assert_fails(a, k, "(QUANTIZE): it has 0 outputs");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links),
        cmocka_unit_test(reading_before_writing_is_refused),
        cmocka_unit_test(four_dimensions),
        cmocka_unit_test(windows),
        cmocka_unit_test(windows_of_pools_and_transposed_convolutions),
        cmocka_unit_test(constants),
        cmocka_unit_test(what_the_builder_makes_passes),
        cmocka_unit_test(every_output_shape_is_compared),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

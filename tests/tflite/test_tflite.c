/* Reading, verification and writing of TFLite models made in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "flat/flat.h"
#include "support/make_model.h"
#include "support/model_equal.h"
#include "tflite/schema.h"

static struct bytes written(struct arena *a, const struct tfl_model *m, bool official)
{
    struct bytes file;
    struct status st = {0};
    if (!tfl_write(a, m, &(struct tfl_write_options){.official = official}, &file, &st))
        fail_msg("%s", st.message);
    return file;
}

static struct tfl_model *reread(struct arena *a, const struct tfl_model *m, bool official)
{
    struct tfl_model *out;
    struct status st = {0};
    if (!tfl_read(a, written(a, m, official), &out, &st))
        fail_msg("%s", st.message);
    return out;
}

static void assert_survives(struct arena *a, const struct tfl_model *m)
{
    const char *why = model_difference(a, m, reread(a, m, false));
    if (why)
        fail_msg("%s", why);
}

/* The file is refused, and the message holds both pieces of text. */
static void assert_refused(struct arena *a, const struct tfl_model *m, enum status_code code, const char *where,
                           const char *what)
{
    struct tfl_model *out;
    struct status st = {0};
    assert_false(tfl_read(a, written(a, m, false), &out, &st));
    if (st.code != code || !strstr(st.message, where) || !strstr(st.message, what))
        fail_msg("code %d \"%s\", expected \"%s\" and \"%s\"", st.code, st.message, where, what);
}

/* ---- the tables ---- */

static void operators_have_the_numbers_of_the_schema(void **state)
{
    (void)state;
    static const struct {
        int number;
        const char *name;
    } known[] = {{0, "ADD"}, {9, "FULLY_CONNECTED"}, {32, "CUSTOM"}, {67, "TRANSPOSE_CONV"}, {98, "LEAKY_RELU"},
                 {114, "QUANTIZE"}, {126, "BATCH_MATMUL"}, {150, "GELU"}, {206, "STABLEHLO_COMPOSITE"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_string_equal(tfl_op_name((enum tfl_builtin)known[i].number), known[i].name);
    for (int i = 0; i <= 206; i++)
        assert_string_not_equal(tfl_op_name((enum tfl_builtin)i), "UNKNOWN");
    assert_string_equal(tfl_op_name((enum tfl_builtin)9999), "UNKNOWN");
    assert_string_equal(tfl_type_name(TFL_INT8), "INT8");
    assert_string_equal(tfl_type_name((enum tfl_type)99), "UNKNOWN");
}

static void options_belong_to_their_operators(void **state)
{
    (void)state;
    static const struct {
        enum tfl_builtin code;
        int table; /* number in the schema's union; container.md 6.6 has the first ones from official files */
    } known[] = {{TFL_OP_QUANTIZE, 89}, {TFL_OP_DEQUANTIZE, 38}, {TFL_OP_RESHAPE, 17}, {TFL_OP_TRANSPOSE, 26},
                 {TFL_OP_GATHER_ND, 83}, {TFL_OP_CAST, 37}, {TFL_OP_FLOOR_DIV, 65}, {TFL_OP_PAD, 22},
                 {TFL_OP_TOPK_V2, 34}, {TFL_OP_LESS, 41}, {TFL_OP_TILE, 51}, {TFL_OP_FLOOR_MOD, 72},
                 {TFL_OP_LOGISTIC, 0}, {TFL_OP_SQRT, 0}, {TFL_OP_CUSTOM, 0}, {TFL_OP_CONV_2D, 1},
                 {TFL_OP_MAX_POOL_2D, 5}, {TFL_OP_REDUCE_MAX, 27}, {TFL_OP_MAXIMUM, 39}, {TFL_OP_GELU, 116},
                 {TFL_OP_CONV_3D_TRANSPOSE, 106}, {TFL_OP_RIGHT_SHIFT, 126}, {TFL_OP_DILATE, TFL_OPTIONS2 + 18}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(tfl_options_of(known[i].code), known[i].table);
    assert_null(tfl_options_name((enum tfl_options_type)127));
    assert_int_equal(tfl_options_default(TFL_OPTIONS_CONV_2D).conv_2d.dilation_h, 1);
    assert_true(tfl_options_default(TFL_OPTIONS_ADD).add.pot_scale_int16);
    assert_int_equal(tfl_options_default(TFL_OPTIONS_UNIQUE).unique.idx_out_type, TFL_INT32);
}

struct set_up {
    struct arena *a;
    int n;
};

/* Gives every field a value that is not its default. */
static void fill(void *ctx, struct tfl_field f)
{
    struct set_up *s = ctx;
    int k = ++s->n;
    switch (f.kind) {
    case TFL_FIELD_I8: *(int8_t *)f.value = (int8_t)-k; break;
    case TFL_FIELD_BOOL: *(bool *)f.value = f.absent == 0; break;
    case TFL_FIELD_I32: *(int32_t *)f.value = -1000 * k; break;
    case TFL_FIELD_U32: *(uint32_t *)f.value = 4000000000u + (uint32_t)k; break;
    case TFL_FIELD_I64: *(int64_t *)f.value = INT64_MIN + k; break;
    case TFL_FIELD_F32: *(float *)f.value = 0.5f * (float)k; break;
    case TFL_FIELD_GRAPH: *(int32_t *)f.value = 1; break;
    case TFL_FIELD_PAD: *(enum tfl_padding *)f.value = TFL_PAD_VALID; break;
    case TFL_FIELD_ACT: *(enum tfl_activation *)f.value = TFL_ACT_TANH; break;
    case TFL_FIELD_TYPE: *(enum tfl_type *)f.value = TFL_INT16; break;
    case TFL_FIELD_I32S:
        *(struct tfl_i32s *)f.value = (struct tfl_i32s){arena_copy(s->a, (int32_t[]){k, -k}, 8), 2};
        break;
    case TFL_FIELD_I64S:
        *(struct tfl_i64s *)f.value = (struct tfl_i64s){arena_copy(s->a, (int64_t[]){k, -k}, 16), 2};
        break;
    case TFL_FIELD_F32S:
        *(struct tfl_f32s *)f.value = (struct tfl_f32s){arena_copy(s->a, (float[]){0.25f}, 4), 1};
        break;
    case TFL_FIELD_U8S: *(struct bytes *)f.value = bytes_of("abc", 3); break;
    case TFL_FIELD_TEXT: *(const char **)f.value = "text"; break;
    }
}

/* One operator of every kind, once with every option set, once at the defaults, once without a table. */
static void every_operator_and_option_survives(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int variant = 0; variant < 3; variant++) {
        struct maker *k = maker_new(a, TFL_INT8, 1);
        int x = make_input(k, 1, (int32_t[]){4});
        struct set_up s = {a, 0};
        for (int code = 0; code <= TFL_OP_COMPLEX; code++) {
            if (code == TFL_OP_PLACEHOLDER_FOR_GREATER_OP_CODES)
                continue;
            int y = make_tensor(k, TFL_INT8, 2, (int32_t[]){1, 4}, 1, 0, 1);
            struct tfl_operator *o = make_operator(k, (enum tfl_builtin)code, 1, &x, 1, &y);
            o->version = code % 7;
            o->custom_code = code == TFL_OP_CUSTOM ? "Mine" : NULL;
            if (variant == 0)
                assert_true(tfl_options_visit(o->options_type, &o->options, fill, &s));
            if (variant == 2)
                o->options_type = TFL_OPTIONS_NONE;
        }
        make_output(k, x);
        struct tfl_model *m = maker_finish(k);
        m->subgraphs = arena_copy(a, (struct tfl_subgraph[]){m->subgraphs[0], {.name = "body"}},
                                  2 * sizeof *m->subgraphs);
        m->n_subgraphs = 2; /* what the options that name a subgraph mean */
        assert_survives(a, m);
        assert_true(s.n > 150 || variant);
    }
    arena_free(a);
}

/* ---- content ---- */

static void generated_models_survive(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int i = 0; i < 2; i++) {
        enum tfl_type type = i ? TFL_UINT8 : TFL_INT8;
        assert_survives(a, make_fc_chain(a, type, 1, 64, 32, 3));
        assert_survives(a, make_conv_net(a, type, 2, 16, 8, 3));
        assert_survives(a, make_mobilenet(a, type, 3, 64, 8, 10));
    }
    arena_free(a);
}

static struct tfl_model *rich_model(struct arena *a)
{
    struct maker *k = maker_new(a, TFL_INT8, 5);
    int x = make_input(k, 1, (int32_t[]){8});
    int state = make_tensor(k, TFL_INT16, 2, (int32_t[]){1, 4}, 0.001f, 0, 1);
    maker_tensor(k, state)->is_variable = true;
    int four_bits = make_constant(k, TFL_INT4, 1, (int32_t[]){5}, "\x21\x43\x05");
    int inner = make_tensor(k, TFL_INT8, 1, (int32_t[]){1}, 0.1f, 3, 1);
    int y = make_tensor(k, TFL_INT8, 2, (int32_t[]){1, 4}, 0.1f, 3, 1);
    struct tfl_operator *o = make_operator(k, TFL_OP_LSTM, 4, (int[]){x, -1, state, four_bits}, 1, &y);
    o->version = 4;
    o->n_intermediates = 1;
    o->intermediates = arena_copy(a, &inner, sizeof inner);
    int z = make_tensor(k, TFL_FLOAT32, 0, NULL, 0, 0, 1);
    o = make_operator(k, TFL_OP_CUSTOM, 1, &y, 1, &z);
    o->custom_code = "Mine", o->custom_options = bytes_of("\1\2\3", 3);
    make_output(k, z);
    struct tfl_model *m = maker_finish(k);
    m->subgraphs[0].tensors[x].shape_signature = arena_copy(a, (int32_t[]){-1, 8}, 8);
    m->metadata = arena_copy(a, &(struct tfl_metadata){"min_runtime_version", bytes_of("1.5.0", 5)},
                             sizeof *m->metadata);
    m->n_metadata = 1;
    struct tfl_signature_entry in = {"x", (uint32_t)x}, out = {"z", (uint32_t)z};
    struct tfl_signature s = {"serving_default", 0, arena_copy(a, &in, sizeof in), arena_copy(a, &out, sizeof out),
                              1, 1};
    m->signatures = arena_copy(a, &s, sizeof s);
    m->n_signatures = 1;
    return m;
}

static void the_full_form_keeps_what_the_official_form_drops(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = rich_model(a);
    assert_survives(a, m);
    struct tfl_model *o = reread(a, m, true);
    assert_int_equal(o->n_metadata, 0);
    assert_int_equal(o->n_signatures, 0);
    assert_null(o->subgraphs[0].tensors[0].shape_signature);
    assert_int_equal(o->subgraphs[0].operators[0].version, 1);
    assert_int_equal(o->subgraphs[0].operators[0].inputs[1], -1);
    assert_true(o->subgraphs[0].tensors[1].is_variable);
    assert_int_equal(o->subgraphs[0].tensors[2].data.size, 3);
    arena_free(a);
}

static void edge_tpu_packages_are_aligned(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int n = 1; n < 70; n += 7) {
        struct maker *k = maker_new(a, TFL_INT8, 5);
        int x = make_input(k, 1, (int32_t[]){8}), y = make_tensor(k, TFL_INT8, 2, (int32_t[]){1, 8}, 1, 0, 1);
        struct tfl_operator *o = make_operator(k, TFL_OP_CUSTOM, 1, &x, 1, &y);
        o->custom_code = TFL_EDGETPU_CUSTOM_OP;
        o->custom_options = bytes_of(arena_alloc(a, 70), (size_t)n);
        make_output(k, y);
        struct bytes file = written(a, maker_finish(k), true);
        struct tfl_model *m;
        struct status st = {0};
        assert_true(tfl_read(a, file, &m, &st));
        assert_int_equal((m->subgraphs[0].operators[0].custom_options.data - file.data) % 32, 0);
        assert_int_equal(file.size % 32, 0);
    }
    arena_free(a);
}

static void only_one_subgraph_in_the_official_form(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = make_fc_chain(a, TFL_INT8, 1, 4, 4, 1);
    m->subgraphs = arena_copy(a, (struct tfl_subgraph[]){m->subgraphs[0], m->subgraphs[0]}, 2 * sizeof *m->subgraphs);
    m->n_subgraphs = 2;
    assert_survives(a, m);
    struct bytes file;
    struct status st = {0};
    assert_false(tfl_write(a, m, &(struct tfl_write_options){.official = true}, &file, &st));
    assert_int_equal(st.code, STATUS_UNSUPPORTED);
    arena_free(a);
}

/* ---- what is refused: each case breaks a sound model in one place ---- */

enum { INPUT = 0, WEIGHTS = 1, BIAS = 2, OUTPUT = 3 }; /* tensors of make_fc_chain with one layer */

static void broken_tensors_are_named(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m;
    struct tfl_tensor *t;
#define BROKEN(which) (m = make_fc_chain(a, TFL_INT8, 1, 8, 8, 1), t = &m->subgraphs[0].tensors[which])
    BROKEN(WEIGHTS)->data.size--;
    assert_refused(a, m, STATUS_INVALID, "tensor 1 (\"tensor_1\")", "8x8 needs 64 bytes of data, the file has 63");
    BROKEN(WEIGHTS)->quant.scale[0] = 0;
    assert_refused(a, m, STATUS_INVALID, "tensor 1", "scale 0");
    BROKEN(WEIGHTS)->quant.scale[0] = NAN;
    assert_refused(a, m, STATUS_INVALID, "tensor 1", "scale nan");
    BROKEN(OUTPUT)->quant.zero_point[0] = 128;
    assert_refused(a, m, STATUS_INVALID, "tensor 3", "zero point 128 of INT8");
    BROKEN(INPUT)->shape[1] = -1;
    assert_refused(a, m, STATUS_UNSUPPORTED, "tensor 0 (\"input_0\")", "dimension 1 is -1");
    BROKEN(OUTPUT)->shape[0] = 1 << 20, t->shape[1] = 1 << 12;
    assert_refused(a, m, STATUS_LIMIT, "tensor 3", "2^31 elements");
    BROKEN(OUTPUT)->rank = 9, t->shape = arena_copy(a, (int32_t[9]){1, 1, 1, 1, 1, 1, 1, 1, 8}, 36);
    assert_refused(a, m, STATUS_UNSUPPORTED, "tensor 3", "9 dimensions");
    BROKEN(OUTPUT)->type = (enum tfl_type)77;
    assert_refused(a, m, STATUS_UNSUPPORTED, "tensor 3", "type 77");
    BROKEN(WEIGHTS)->is_variable = true;
    assert_refused(a, m, STATUS_INVALID, "tensor 1", "variable tensor with constant data");
    BROKEN(OUTPUT)->quant = (struct tfl_quant){(float[]){1, 1, 1}, (int64_t[]){0, 0, 0}, 3, 1};
    assert_refused(a, m, STATUS_INVALID, "tensor 3", "3 scales along dimension 1 of shape 1x8");
#undef BROKEN
    arena_free(a);
}

static void broken_operators_are_named(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m;
    struct tfl_operator *o;
#define BROKEN (m = make_fc_chain(a, TFL_INT8, 1, 8, 8, 2), o = &m->subgraphs[0].operators[1])
    BROKEN->inputs[0] = 99;
    assert_refused(a, m, STATUS_INVALID, "operator 1 (FULLY_CONNECTED)", "input 0 is tensor 99 of 7");
    BROKEN->inputs[0] = -2;
    assert_refused(a, m, STATUS_INVALID, "operator 1", "tensor -2");
    BROKEN->outputs[0] = -1;
    assert_refused(a, m, STATUS_INVALID, "operator 1", "output 0 is tensor -1");
    BROKEN->outputs[0] = OUTPUT;
    assert_refused(a, m, STATUS_INVALID, "operator 1 (FULLY_CONNECTED) writes tensor 3", "already has a value");
    BROKEN->outputs[0] = WEIGHTS;
    assert_refused(a, m, STATUS_INVALID, "operator 1", "a constant");
    BROKEN->options.fully_connected.activation = (enum tfl_activation)9;
    assert_refused(a, m, STATUS_INVALID, "operator 1", "activation is 9");
    BROKEN->options_type = TFL_OPTIONS_CONV_2D;
    assert_refused(a, m, STATUS_INVALID, "operator 1", "options are those of CONV_2D");
    BROKEN->code = (enum tfl_builtin)210, o->options_type = TFL_OPTIONS_NONE;
    assert_refused(a, m, STATUS_UNSUPPORTED, "operator code 210", "not in the schema");
    BROKEN->code = TFL_OP_WHILE, o->options_type = TFL_OPTIONS_WHILE, o->options = tfl_options_default(o->options_type);
    o->options.while_op.body_subgraph = 1;
    assert_refused(a, m, STATUS_INVALID, "operator 1 (WHILE)", "body_subgraph is 1, the model has 1");
#undef BROKEN
    arena_free(a);
}

static void broken_graphs_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = make_fc_chain(a, TFL_INT8, 1, 8, 8, 1);
    m->subgraphs[0].inputs[0] = 1000;
    assert_refused(a, m, STATUS_INVALID, "graph input 0", "tensor 1000 of 4");
    m = make_fc_chain(a, TFL_INT8, 1, 8, 8, 1);
    m->subgraphs[0].inputs[0] = WEIGHTS;
    assert_refused(a, m, STATUS_INVALID, "graph input 0 (\"tensor_1\")", "constant data");
    m = make_fc_chain(a, TFL_INT8, 1, 8, 8, 1);
    m->n_subgraphs = 0;
    assert_refused(a, m, STATUS_INVALID, "", "no subgraph");
    m = rich_model(a);
    m->signatures[0].outputs[0].tensor = 50;
    assert_refused(a, m, STATUS_INVALID, "signature \"serving_default\"", "\"z\" is tensor 50");
    struct tfl_model *out;
    struct status st = {0};
    assert_false(tfl_read(a, bytes_of("GIF89a is not a model", 21), &out, &st));
    assert_non_null(strstr(st.message, "not a TFLite model"));
    arena_free(a);
}

/* ---- data behind the FlatBuffer ---- */

/* A model with one constant of four bytes at `offset`, `size` of the file; external: in another file. */
static struct bytes with_outside_buffer(struct arena *a, uint64_t offset, uint64_t size, uint32_t external)
{
    struct flat_builder *b = flat_builder_new(a, false);
    flat_ref shape = flat_put_i32s(b, (int32_t[]){4}, 1);
    flat_table_start(b);
    flat_add_ref(b, TENSOR_SHAPE, shape);
    flat_add(b, TENSOR_TYPE, 1, TFL_INT8, 0);
    flat_add(b, TENSOR_BUFFER, 4, 1, 0);
    flat_add(b, TENSOR_EXTERNAL_BUFFER, 4, external, 0);
    flat_ref tensor = flat_table_end(b);
    flat_ref tensors = flat_put_refs(b, &tensor, 1);
    flat_table_start(b);
    flat_add_ref(b, GRAPH_TENSORS, tensors);
    flat_ref graph = flat_table_end(b);
    flat_ref graphs = flat_put_refs(b, &graph, 1);
    flat_table_start(b);
    flat_ref empty = flat_table_end(b);
    flat_table_start(b);
    flat_add(b, BUFFER_OFFSET, 8, offset, 0);
    flat_add(b, BUFFER_SIZE, 8, size, 0);
    flat_ref outside = flat_table_end(b);
    flat_ref buffers = flat_put_refs(b, (flat_ref[]){empty, outside}, 2);
    flat_table_start(b);
    flat_add(b, MODEL_VERSION, 4, SCHEMA_VERSION, 0);
    flat_add_ref(b, MODEL_SUBGRAPHS, graphs);
    flat_add_ref(b, MODEL_BUFFERS, buffers);
    struct bytes model = flat_finish(b, flat_table_end(b), "TFL3");
    uint8_t *file = arena_alloc(a, model.size + 4);
    memcpy(file, model.data, model.size);
    memcpy(file + model.size, "data", 4);
    return bytes_of(file, model.size + 4);
}

static void buffers_behind_the_flatbuffer(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m;
    struct status st = {0};
    size_t end = with_outside_buffer(a, 100, 4, 0).size;
    assert_true(tfl_read(a, with_outside_buffer(a, end - 4, 4, 0), &m, &st));
    assert_memory_equal(m->subgraphs[0].tensors[0].data.data, "data", 4);
    assert_survives(a, m);
    assert_false(tfl_read(a, with_outside_buffer(a, end - 3, 4, 0), &m, &st));
    assert_non_null(strstr(st.message, "buffer 1: data at"));
    st = (struct status){0};
    assert_false(tfl_read(a, with_outside_buffer(a, 100, UINT64_MAX - 50, 0), &m, &st));
    st = (struct status){0};
    assert_false(tfl_read(a, with_outside_buffer(a, end - 4, 4, 7), &m, &st));
    assert_int_equal(st.code, STATUS_UNSUPPORTED);
    assert_non_null(strstr(st.message, "in another file"));
    arena_free(a);
}

/* Sizes beyond what the format can hold are noticed before any byte is touched. */
static void more_than_two_gibibytes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct tfl_model *m = make_fc_chain(a, TFL_INT8, 1, 4, 4, 1);
    m->subgraphs[0].tensors[WEIGHTS].data.size = (size_t)1 << 32;
    struct bytes file;
    struct status st = {0};
    assert_false(tfl_write(a, m, &(struct tfl_write_options){0}, &file, &st));
    assert_int_equal(st.code, STATUS_LIMIT);
    arena_free(a);
}

/* A million names for one table: refused before anything is allocated for them. */
static void a_table_named_a_million_times(void **state)
{
    (void)state;
    enum { TIMES = 1000000 };
    struct arena *a = arena_new();
    struct flat_builder *b = flat_builder_new(a, false);
    flat_table_start(b);
    flat_ref tensor = flat_table_end(b), *refs = ARENA_ARRAY(a, flat_ref, TIMES);
    for (int i = 0; i < TIMES; i++)
        refs[i] = tensor;
    flat_ref tensors = flat_put_refs(b, refs, TIMES);
    flat_table_start(b);
    flat_add_ref(b, GRAPH_TENSORS, tensors);
    flat_ref graph = flat_table_end(b);
    flat_ref graphs = flat_put_refs(b, &graph, 1);
    flat_table_start(b);
    flat_add(b, MODEL_VERSION, 4, SCHEMA_VERSION, 0);
    flat_add_ref(b, MODEL_SUBGRAPHS, graphs);
    struct tfl_model *m;
    struct status st = {0};
    assert_false(tfl_read(a, flat_finish(b, flat_table_end(b), "TFL3"), &m, &st));
    assert_non_null(strstr(st.message, "1000000 tensors in a file of 4000"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_two_gibibytes),
        cmocka_unit_test(a_table_named_a_million_times),
        cmocka_unit_test(operators_have_the_numbers_of_the_schema),
        cmocka_unit_test(options_belong_to_their_operators),
        cmocka_unit_test(every_operator_and_option_survives),
        cmocka_unit_test(generated_models_survive),
        cmocka_unit_test(the_full_form_keeps_what_the_official_form_drops),
        cmocka_unit_test(edge_tpu_packages_are_aligned),
        cmocka_unit_test(only_one_subgraph_in_the_official_form),
        cmocka_unit_test(broken_tensors_are_named),
        cmocka_unit_test(broken_operators_are_named),
        cmocka_unit_test(broken_graphs_are_refused),
        cmocka_unit_test(buffers_behind_the_flatbuffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

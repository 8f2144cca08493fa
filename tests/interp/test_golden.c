/* Our kernels in `tflite` numerics against what the real TFLite interpreter computed (tests/golden/make_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "interp/interp.h"

#define GOLDEN SOURCE_DIR "/tests/golden/"

static struct bytes take(struct bytes *from, size_t n)
{
    assert_true(n <= from->size);
    struct bytes out = bytes_of(from->data, n);
    *from = bytes_of(from->data + n, from->size - n);
    return out;
}

static struct bytes take_block(struct bytes *from)
{
    return take(from, le32(take(from, 4).data));
}

static struct bytes read_golden(struct arena *a, const char *name)
{
    struct bytes file;
    struct status st = {0};
    if (!file_read(a, name, &file, &st))
        fail_msg("%s", st.message);
    return file;
}

static struct interp *start(struct arena *a, const struct tfl_model *m, const char *name)
{
    struct interp *p;
    struct status st = {0};
    struct interp_options o = {.numerics = KERN_TFLITE};
    if (!interp_new(a, m, &o, &p, &st))
        fail_msg("%s: %s", name, st.message);
    return p;
}

static void run_random(struct arena *a, struct interp *p, const struct tfl_model *m, uint64_t seed, const char *name,
                       struct bytes *outputs)
{
    struct status st = {0};
    if (!interp_run(p, interp_random_inputs(a, m, seed), outputs, &st))
        fail_msg("%s: %s", name, st.message);
}

static size_t differences(struct bytes a, struct bytes b)
{
    size_t n = 0;
    for (size_t i = 0; i < a.size; i++)
        n += a.data[i] != b.data[i];
    return n;
}

/* Number of outputs that are not the interpreter's. */
static unsigned check_case(struct bytes *file)
{
    struct arena *a = arena_new();
    struct bytes name = take_block(file), content = take_block(file);
    uint64_t seed = le64(take(file, 8).data);
    uint32_t n = le32(take(file, 4).data);
    char *text = arena_text(a, "%.*s", (int)name.size, (const char *)name.data);
    struct tfl_model *m;
    struct status st = {0};
    if (!tfl_read(a, content, &m, &st))
        fail_msg("%s: %s", text, st.message);
    assert_int_equal(m->subgraphs[0].n_outputs, n);
    struct bytes *outputs = ARENA_ARRAY(a, struct bytes, n);
    run_random(a, start(a, m, text), m, seed, text, outputs);
    unsigned wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct bytes expected = take_block(file);
        if (bytes_equal(expected, outputs[i]))
            continue;
        wrong++;
        print_message("%s, output %u: %zu bytes, expected %zu; %zu differ\n", text, i, outputs[i].size, expected.size,
                      expected.size == outputs[i].size ? differences(expected, outputs[i]) : 0);
    }
    arena_free(a);
    return wrong;
}

static void operators_equal_the_interpreter(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct bytes file = read_golden(a, GOLDEN "operators.bin");
    uint32_t count = le32(take(&file, 4).data);
    unsigned wrong = 0;
    for (uint32_t i = 0; i < count; i++)
        wrong += check_case(&file);
    assert_int_equal(file.size, 0);
    print_message("%u single-operator models, %u outputs differ\n", count, wrong);
    assert_int_equal(wrong, 0);
    arena_free(a);
}

/* ---- FULLY_CONNECTED by seed ---- */

enum { WEIGHTS = 1, BIASES, SCALES, RECORD = 48 };

struct fc { /* one record of fully_connected.bin */
    uint64_t seed, hash;
    int32_t batch, depth, units, z_in, z_out;
    bool uint8, per_channel, bias;
    enum tfl_activation act;
    float s_in, s_out;
};

static struct fc read_fc(const uint8_t *p)
{
    return (struct fc){.seed = le64(p), .batch = (int32_t)le32(p + 8), .depth = (int32_t)le32(p + 12),
                       .units = (int32_t)le32(p + 16), .uint8 = p[20], .per_channel = p[21], .bias = p[22],
                       .act = p[23], .s_in = f32_of(le32(p + 24)), .s_out = f32_of(le32(p + 28)),
                       .z_in = (int32_t)le32(p + 32), .z_out = (int32_t)le32(p + 36), .hash = le64(p + 40)};
}

static struct tfl_tensor tensor(struct arena *a, const char *name, enum tfl_type type, uint32_t rank, int32_t d0,
                                int32_t d1, float scale, int64_t zero)
{
    struct tfl_tensor t = {.name = name, .type = type, .rank = rank, .shape = ARENA_ARRAY(a, int32_t, 2)};
    t.shape[0] = d0, t.shape[1] = d1;
    t.quant = (struct tfl_quant){.scale = arena_copy(a, &scale, sizeof scale),
                                 .zero_point = arena_copy(a, &zero, sizeof zero), .count = 1};
    return t;
}

static void fill(struct arena *a, struct tfl_tensor *t, uint32_t stream, uint64_t seed)
{
    size_t size = (size_t)tfl_elements(t) * tfl_type_size(t->type);
    uint8_t *data = arena_alloc(a, size);
    interp_random(t, stream, seed, data);
    t->data = bytes_of(data, size);
}

static void weight_scales(struct arena *a, const struct fc *f, struct tfl_tensor *w)
{
    uint64_t state = f->seed + SCALES * UINT64_C(0xd1342543de82ef95);
    uint32_t n = f->per_channel ? (uint32_t)f->units : 1;
    int64_t zero = w->quant.zero_point[0];
    w->quant = (struct tfl_quant){.scale = ARENA_ARRAY(a, float, n), .zero_point = ARENA_ARRAY(a, int64_t, n),
                                  .count = n};
    for (uint32_t i = 0; i < n; i++) {
        w->quant.scale[i] = 0x1p-7f * (0.5f + (float)(random_next(&state) >> 40) * 0x1p-24f);
        w->quant.zero_point[i] = zero;
    }
}

static void fill_bias(struct arena *a, const struct fc *f, struct tfl_tensor *b)
{
    struct tfl_tensor small = tensor(a, "b", TFL_INT16, 1, f->units, 1, 1, 0);
    fill(a, &small, BIASES, f->seed);
    int32_t *data = ARENA_ARRAY(a, int32_t, (size_t)f->units);
    for (int32_t i = 0; i < f->units; i++)
        data[i] = (int16_t)le16(small.data.data + 2 * i);
    b->data = bytes_of(data, (size_t)f->units * 4);
}

static struct tfl_model *fc_model(struct arena *a, const struct fc *f)
{
    enum tfl_type type = f->uint8 ? TFL_UINT8 : TFL_INT8;
    uint64_t state = f->seed;
    int64_t z_w = f->uint8 ? (int64_t)(random_next(&state) >> 60) + 120 : 0;
    struct tfl_tensor *t = ARENA_ARRAY(a, struct tfl_tensor, 4);
    t[0] = tensor(a, "x", type, 2, f->batch, f->depth, f->s_in, f->z_in);
    t[1] = tensor(a, "w", type, 2, f->units, f->depth, 1, z_w);
    t[2] = tensor(a, "y", type, 2, f->batch, f->units, f->s_out, f->z_out);
    t[3] = tensor(a, "b", TFL_INT32, 1, f->units, 1, 1, 0);
    weight_scales(a, f, &t[1]);
    fill(a, &t[1], WEIGHTS, f->seed);
    fill_bias(a, f, &t[3]);
    struct tfl_operator op = {.code = TFL_OP_FULLY_CONNECTED, .version = 4, .n_inputs = f->bias ? 3 : 2, .n_outputs = 1,
                              .inputs = arena_copy(a, (int32_t[]){0, 1, 3}, 12),
                              .outputs = arena_copy(a, (int32_t[]){2}, 4),
                              .options_type = TFL_OPTIONS_FULLY_CONNECTED,
                              .options.fully_connected.activation = f->act};
    struct tfl_subgraph g = {.tensors = t, .operators = arena_copy(a, &op, sizeof op), .n_tensors = 4, .n_operators = 1,
                             .n_inputs = 1, .n_outputs = 1, .inputs = arena_copy(a, (int32_t[]){0}, 4),
                             .outputs = arena_copy(a, (int32_t[]){2}, 4)};
    struct tfl_model m = {.version = 3, .subgraphs = arena_copy(a, &g, sizeof g), .n_subgraphs = 1};
    return arena_copy(a, &m, sizeof m);
}

static uint64_t fnv(struct bytes data)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < data.size; i++)
        h = (h ^ data.data[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void fully_connected_equals_the_interpreter(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct bytes file = read_golden(a, GOLDEN "fully_connected.bin");
    assert_int_equal(file.size, 200 * RECORD);
    unsigned wrong = 0;
    for (size_t at = 0; at < file.size; at += RECORD) {
        struct arena *one = arena_new();
        struct fc f = read_fc(file.data + at);
        struct tfl_model *m = fc_model(one, &f);
        struct bytes output;
        run_random(one, start(one, m, "fc"), m, f.seed, "fc", &output);
        assert_int_equal(output.size, f.batch * f.units);
        if (fnv(output) != f.hash) {
            print_message("graph %zu: %dx%d -> %d differs\n", at / RECORD, f.batch, f.depth, f.units);
            wrong++;
        }
        arena_free(one);
    }
    assert_int_equal(wrong, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_equal_the_interpreter),
        cmocka_unit_test(fully_connected_equals_the_interpreter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "support/make_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a uniformly random byte: 255 / sqrt(12). */
#define UNIFORM_RMS 73.6f
/* A scale covers this many times the rms value on each side of zero. */
#define COVER 3.0f
/* The rms value that weights are scaled to give: three times it is the limit of ReLU6. */
#define TARGET_RMS 2.0f

struct maker {
    struct arena *a;
    enum tfl_type type;
    uint64_t random;
    struct tfl_subgraph g;
    float *rms; /* of each tensor's real values */
    uint32_t tensor_room, operator_room, input_room, output_room;
};

static void require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "make_model: %s\n", what);
    abort();
}

/* Room for one more element in an array of the arena. */
static void *grown(struct arena *a, void *old, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return old;
    *room = *room ? 2 * *room : 16;
    void *bigger = arena_array(a, *room, size);
    if (count)
        memcpy(bigger, old, count * size);
    return bigger;
}

struct maker *maker_new(struct arena *a, enum tfl_type type, uint64_t seed)
{
    require(type == TFL_INT8 || type == TFL_UINT8, "activations are INT8 or UINT8");
    struct maker *k = ARENA_NEW(a, struct maker);
    *k = (struct maker){.a = a, .type = type, .random = seed};
    k->g.name = "main";
    return k;
}

struct tfl_model *maker_finish(struct maker *k)
{
    struct tfl_model *m = ARENA_NEW(k->a, struct tfl_model);
    *m = (struct tfl_model){.version = 3, .description = "open-edgetpu test model", .n_subgraphs = 1};
    m->subgraphs = ARENA_NEW(k->a, struct tfl_subgraph);
    *m->subgraphs = k->g;
    return m;
}

struct bytes maker_write(struct maker *k)
{
    struct bytes file;
    struct status st = {0};
    require(tfl_write(k->a, maker_finish(k), &(struct tfl_write_options){0}, &file, &st), st.message);
    return file;
}

/* ---- pieces ---- */

struct tfl_tensor *maker_tensor(struct maker *k, int x)
{
    require(x >= 0 && (uint32_t)x < k->g.n_tensors, "no such tensor");
    return &k->g.tensors[x];
}

struct tfl_operator *maker_last_operator(struct maker *k)
{
    require(k->g.n_operators > 0, "no operator yet");
    return &k->g.operators[k->g.n_operators - 1];
}

int make_tensor(struct maker *k, enum tfl_type type, uint32_t rank, const int32_t *shape, float scale,
                int64_t zero_point, float rms)
{
    require(rank <= TFL_MAX_RANK, "too many dimensions");
    uint32_t room = k->tensor_room;
    k->rms = grown(k->a, k->rms, k->g.n_tensors, &room, sizeof *k->rms);
    k->g.tensors = grown(k->a, k->g.tensors, k->g.n_tensors, &k->tensor_room, sizeof *k->g.tensors);
    uint32_t i = k->g.n_tensors++;
    struct tfl_tensor *t = &k->g.tensors[i];
    *t = (struct tfl_tensor){.type = type, .rank = rank, .has_rank = true};
    t->name = arena_text(k->a, "tensor_%u", i);
    t->shape = arena_copy(k->a, shape, rank * sizeof *shape);
    for (uint32_t d = 0; d < rank; d++)
        require(shape[d] > 0, "a dimension below 1");
    if (scale > 0) {
        t->quant.count = 1;
        t->quant.scale = arena_copy(k->a, &scale, sizeof scale);
        t->quant.zero_point = arena_copy(k->a, &zero_point, sizeof zero_point);
    }
    k->rms[i] = rms;
    return (int)i;
}

int make_constant(struct maker *k, enum tfl_type type, uint32_t rank, const int32_t *shape, const void *data)
{
    int x = make_tensor(k, type, rank, shape, 0, 0, 0);
    struct tfl_tensor *t = maker_tensor(k, x);
    size_t size = (size_t)tfl_bytes(t);
    t->data = bytes_of(arena_copy(k->a, data, size), size);
    return x;
}

int make_int32s(struct maker *k, uint32_t n, const int32_t *values)
{
    uint8_t *data = arena_alloc(k->a, 4 * (size_t)n);
    for (uint32_t i = 0; i < n; i++)
        put_le32(data + 4 * i, (uint32_t)values[i]);
    return make_constant(k, TFL_INT32, 1, (int32_t[]){(int32_t)n}, data);
}

struct tfl_operator *make_operator(struct maker *k, enum tfl_builtin code, uint32_t n_in, const int *in, uint32_t n_out,
                                   const int *out)
{
    k->g.operators = grown(k->a, k->g.operators, k->g.n_operators, &k->operator_room, sizeof *k->g.operators);
    struct tfl_operator *o = &k->g.operators[k->g.n_operators++];
    *o = (struct tfl_operator){.code = code, .version = 1, .n_inputs = n_in, .n_outputs = n_out};
    o->inputs = ARENA_ARRAY(k->a, int32_t, n_in);
    o->outputs = ARENA_ARRAY(k->a, int32_t, n_out);
    for (uint32_t i = 0; i < n_in; i++)
        o->inputs[i] = in[i];
    for (uint32_t i = 0; i < n_out; i++)
        o->outputs[i] = out[i];
    o->options_type = tfl_options_of(code);
    o->options = tfl_options_default(o->options_type);
    return o;
}

static struct tfl_operator *one_output(struct maker *k, enum tfl_builtin code, uint32_t n_in, const int *in, int out)
{
    return make_operator(k, code, n_in, in, 1, &out);
}

int make_input(struct maker *k, uint32_t rank, const int32_t *shape)
{
    require(rank < TFL_MAX_RANK, "too many dimensions");
    int32_t full[TFL_MAX_RANK] = {1};
    memcpy(full + 1, shape, rank * sizeof *shape);
    float scale = 2.0f / 255; /* [-1, 1], as image models have it */
    int x = make_tensor(k, k->type, rank + 1, full, scale, k->type == TFL_INT8 ? 0 : 128, scale * UNIFORM_RMS);
    maker_tensor(k, x)->name = arena_text(k->a, "input_%u", k->g.n_inputs);
    k->g.inputs = grown(k->a, k->g.inputs, k->g.n_inputs, &k->input_room, sizeof *k->g.inputs);
    k->g.inputs[k->g.n_inputs++] = x;
    return x;
}

void make_output(struct maker *k, int x)
{
    maker_tensor(k, x);
    k->g.outputs = grown(k->a, k->g.outputs, k->g.n_outputs, &k->output_room, sizeof *k->g.outputs);
    k->g.outputs[k->g.n_outputs++] = x;
}

/* ---- random numbers ---- */

static int32_t random_between(struct maker *k, int32_t low, int32_t high)
{
    return low + (int32_t)(random_next(&k->random) % (uint64_t)(high - low + 1));
}

/* About normal, rms 1: the sum of twelve uniform numbers. */
static float random_normal(struct maker *k)
{
    int32_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += random_between(k, -32768, 32767);
    return (float)sum / 65536;
}

/* ---- activations ---- */

static int32_t zero_of(const struct maker *k, int32_t int8_zero)
{
    return k->type == TFL_INT8 ? int8_zero : int8_zero + 128;
}

int make_result(struct maker *k, uint32_t rank, const int32_t *shape, float rms, enum tfl_activation act)
{
    switch (act) {
    case TFL_ACT_RELU: /* half the values are 0 */
        return make_tensor(k, k->type, rank, shape, COVER * rms / 255, zero_of(k, -128), rms * 0.7071f);
    case TFL_ACT_RELU6: {
        float top = COVER * rms < 6 ? COVER * rms : 6;
        return make_tensor(k, k->type, rank, shape, top / 255, zero_of(k, -128), (rms < 2 ? rms : 2) * 0.7071f);
    }
    case TFL_ACT_RELU_N1_TO_1:
        return make_tensor(k, k->type, rank, shape, 2.0f / 255, zero_of(k, 0), rms < 1 ? rms : 1);
    default: /* zero points differ a little, as calibration makes them */
        return make_tensor(k, k->type, rank, shape, 2 * COVER * rms / 255, zero_of(k, random_between(k, -9, 9)), rms);
    }
}

int make_like(struct maker *k, int x, uint32_t rank, const int32_t *shape)
{
    struct tfl_quant q = maker_tensor(k, x)->quant;
    enum tfl_type type = maker_tensor(k, x)->type;
    return make_tensor(k, type, rank, shape, q.count ? q.scale[0] : 0, q.count ? q.zero_point[0] : 0, k->rms[x]);
}

/* ---- weights ---- */

int make_weights(struct maker *k, int x, const int32_t *shape, uint32_t rank, int32_t dim, int64_t fan_in,
                 bool per_channel)
{
    int32_t channels = shape[dim];
    bool symmetric = k->type == TFL_INT8;
    int64_t zero = symmetric ? 0 : random_between(k, 118, 138);
    float scale = TARGET_RMS / (sqrtf((float)fan_in) * UNIFORM_RMS * k->rms[x]);
    int w = make_tensor(k, k->type, rank, shape, scale, zero, scale * UNIFORM_RMS);
    struct tfl_tensor *t = maker_tensor(k, w);
    size_t size = (size_t)tfl_bytes(t);
    uint8_t *data = arena_alloc(k->a, size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(symmetric ? random_between(k, -127, 127) : random_between(k, 1, 255));
    t->data = bytes_of(data, size);
    if (symmetric && per_channel && channels > 1) {
        t->quant = (struct tfl_quant){ARENA_ARRAY(k->a, float, channels), ARENA_ARRAY(k->a, int64_t, channels),
                                      (uint32_t)channels, dim};
        for (int32_t i = 0; i < channels; i++) /* between 0.655 and 1.31 times, rms 1 */
            t->quant.scale[i] = scale * 0.655f * (1 + (float)random_between(k, 0, 1024) / 1024);
    }
    return w;
}

int make_bias(struct maker *k, int x, int w, int32_t channels)
{
    const struct tfl_quant weights = maker_tensor(k, w)->quant;
    float input_scale = maker_tensor(k, x)->quant.scale[0];
    int b = make_tensor(k, TFL_INT32, 1, &channels, input_scale * weights.scale[0], 0, 0);
    struct tfl_tensor *t = maker_tensor(k, b);
    if (weights.count > 1) {
        t->quant = (struct tfl_quant){ARENA_ARRAY(k->a, float, channels), ARENA_ARRAY(k->a, int64_t, channels),
                                      weights.count, 0};
        for (int32_t i = 0; i < channels; i++)
            t->quant.scale[i] = input_scale * weights.scale[i];
    }
    uint8_t *data = arena_alloc(k->a, 4 * (size_t)channels);
    for (int32_t i = 0; i < channels; i++) {
        float scale = t->quant.scale[weights.count > 1 ? i : 0];
        put_le32(data + 4 * i, (uint32_t)(int32_t)(0.2f * TARGET_RMS * random_normal(k) / scale));
    }
    t->data = bytes_of(data, 4 * (size_t)channels);
    return b;
}

/* ---- sliding windows ---- */

static int32_t or_one(int32_t n)
{
    return n ? n : 1;
}

static struct make_window filled(const struct make_window *w)
{
    struct make_window f = *w;
    f.channels = or_one(f.channels), f.size = or_one(f.size), f.stride = or_one(f.stride);
    f.dilation = or_one(f.dilation), f.width = f.width ? f.width : f.size;
    return f;
}

static int32_t window_count(int32_t in, int32_t size, const struct make_window *w)
{
    int32_t reach = (size - 1) * w->dilation + 1;
    require(w->padding == TFL_PAD_SAME || in >= reach, "the window is larger than the image");
    return w->padding == TFL_PAD_SAME ? (int32_t)ceil_div(in, w->stride) : (in - reach) / w->stride + 1;
}

static int make_window_result(struct maker *k, int x, const struct make_window *w, int32_t channels, float rms)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    int32_t shape[4] = {t->shape[0], window_count(t->shape[1], w->size, w), window_count(t->shape[2], w->width, w),
                        channels};
    return make_result(k, 4, shape, rms, w->activation);
}

int make_conv_2d(struct maker *k, int x, const struct make_window *window)
{
    struct make_window c = filled(window);
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 4, "CONV_2D wants four dimensions");
    int32_t depth = t->shape[3];
    int w = make_weights(k, x, (int32_t[]){c.channels, c.size, c.width, depth}, 4, 0, (int64_t)c.size * c.width * depth,
                         true);
    int b = c.no_bias ? -1 : make_bias(k, x, w, c.channels);
    int y = make_window_result(k, x, &c, c.channels, TARGET_RMS);
    struct tfl_operator *o = one_output(k, TFL_OP_CONV_2D, c.no_bias ? 2 : 3, (int[]){x, w, b}, y);
    o->version = k->type == TFL_INT8 ? 3 : 1;
    o->options.conv_2d.padding = c.padding;
    o->options.conv_2d.stride_w = o->options.conv_2d.stride_h = c.stride;
    o->options.conv_2d.dilation_w = o->options.conv_2d.dilation_h = c.dilation;
    o->options.conv_2d.activation = c.activation;
    return y;
}

int make_depthwise_conv_2d(struct maker *k, int x, const struct make_window *window)
{
    struct make_window c = filled(window);
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 4, "DEPTHWISE_CONV_2D wants four dimensions");
    int32_t channels = t->shape[3] * c.channels;
    int w = make_weights(k, x, (int32_t[]){1, c.size, c.width, channels}, 4, 3, (int64_t)c.size * c.width, true);
    int b = c.no_bias ? -1 : make_bias(k, x, w, channels);
    int y = make_window_result(k, x, &c, channels, TARGET_RMS);
    struct tfl_operator *o = one_output(k, TFL_OP_DEPTHWISE_CONV_2D, c.no_bias ? 2 : 3, (int[]){x, w, b}, y);
    o->version = k->type == TFL_INT8 ? 3 : 1;
    o->options.depthwise_conv_2d.padding = c.padding;
    o->options.depthwise_conv_2d.stride_w = o->options.depthwise_conv_2d.stride_h = c.stride;
    o->options.depthwise_conv_2d.dilation_w = o->options.depthwise_conv_2d.dilation_h = c.dilation;
    o->options.depthwise_conv_2d.depth_multiplier = c.channels;
    o->options.depthwise_conv_2d.activation = c.activation;
    return y;
}

int make_transpose_conv(struct maker *k, int x, const struct make_window *window)
{
    struct make_window c = filled(window);
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 4, "TRANSPOSE_CONV wants four dimensions");
    int32_t in_h = t->shape[1], in_w = t->shape[2], depth = t->shape[3];
    bool same = c.padding == TFL_PAD_SAME;
    int32_t shape[4] = {1, same ? in_h * c.stride : (in_h - 1) * c.stride + c.size,
                        same ? in_w * c.stride : (in_w - 1) * c.stride + c.width, c.channels};
    /* Each output sees about size * width / stride^2 input pixels. */
    int64_t fan_in = ceil_div((int64_t)c.size * c.width * depth, (int64_t)c.stride * c.stride);
    int s = make_int32s(k, 4, shape);
    int w = make_weights(k, x, (int32_t[]){c.channels, c.size, c.width, depth}, 4, 0, fan_in, true);
    int b = c.no_bias ? -1 : make_bias(k, x, w, c.channels);
    int y = make_result(k, 4, shape, TARGET_RMS, TFL_ACT_NONE);
    struct tfl_operator *o = one_output(k, TFL_OP_TRANSPOSE_CONV, c.no_bias ? 3 : 4, (int[]){s, w, x, b}, y);
    o->version = c.no_bias ? 1 : 3;
    o->options.transpose_conv.padding = c.padding;
    o->options.transpose_conv.stride_w = o->options.transpose_conv.stride_h = c.stride;
    return y;
}

int make_pool(struct maker *k, enum tfl_builtin code, int x, const struct make_window *window)
{
    struct make_window c = filled(window);
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 4, "a pool wants four dimensions");
    int32_t shape[4] = {t->shape[0], window_count(t->shape[1], c.size, &c), window_count(t->shape[2], c.width, &c),
                        t->shape[3]};
    int y = make_like(k, x, 4, shape); /* TFLite wants the same quantisation on both sides */
    struct tfl_operator *o = one_output(k, code, 1, &x, y);
    o->version = k->type == TFL_INT8 ? 2 : 1;
    o->options.pool_2d.padding = c.padding;
    o->options.pool_2d.stride_w = o->options.pool_2d.stride_h = c.stride;
    o->options.pool_2d.filter_h = c.size, o->options.pool_2d.filter_w = c.width;
    o->options.pool_2d.activation = c.activation;
    return y;
}

int make_fully_connected(struct maker *k, int x, int32_t units, enum tfl_activation activation)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 2 && t->shape[0] == 1, "FULLY_CONNECTED wants [1,n]");
    int32_t inputs = t->shape[1];
    int w = make_weights(k, x, (int32_t[]){units, inputs}, 2, 0, inputs, false);
    int b = make_bias(k, x, w, units);
    int y = make_result(k, 2, (int32_t[]){1, units}, TARGET_RMS, activation);
    struct tfl_operator *o = one_output(k, TFL_OP_FULLY_CONNECTED, 3, (int[]){x, w, b}, y);
    o->version = k->type == TFL_INT8 ? 4 : 1;
    o->options.fully_connected.activation = activation;
    return y;
}

/* ---- recurrent ---- */

static int make_state(struct maker *k, enum tfl_type type, int32_t cells, float scale, int64_t zero_point)
{
    int s = make_tensor(k, type, 2, (int32_t[]){1, cells}, scale, zero_point, 0);
    maker_tensor(k, s)->is_variable = true;
    return s;
}

/* Both products of a gate together have about the rms value 0.7, of which few reach the limits of the state's scale. */
static int make_gate_matrix(struct maker *k, int x, int32_t cells, int32_t inputs)
{
    int w = make_weights(k, x, (int32_t[]){cells, inputs}, 2, 0, inputs, false);
    maker_tensor(k, w)->quant.scale[0] *= 0.25f;
    return w;
}

int make_lstm(struct maker *k, int x, const struct make_lstm *l)
{
    enum { W = 0, R = 4, BIAS = 11, HIDDEN = 17, CELL = 18, INPUTS = 24, GATES = 4 };
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 3 && t->shape[l->time_major ? 1 : 0] == 1 && k->type == TFL_INT8, "LSTM wants int8, batch 1");
    int32_t inputs = t->shape[2], shape[3] = {t->shape[0], t->shape[1], l->cells};
    float cell = ldexpf(1, l->cell_exponent ? l->cell_exponent : -12);
    int in[INPUTS], between[5], y = make_tensor(k, TFL_INT8, 3, shape, 1.0f / 128, random_between(k, -3, 3), 0.3f);
    for (int i = 0; i < INPUTS; i++)
        in[i] = -1;
    in[0] = x;
    int *rest = in + 1;
    int64_t zero = maker_tensor(k, y)->quant.zero_point[0];
    rest[HIDDEN] = make_state(k, TFL_INT8, l->cells, 1.0f / 128, zero);
    k->rms[rest[HIDDEN]] = 0.3f;
    rest[CELL] = make_state(k, TFL_INT16, l->cells, cell, 0);
    for (int g = 0; g < GATES; g++) {
        rest[W + g] = make_gate_matrix(k, x, l->cells, inputs);
        rest[R + g] = make_gate_matrix(k, rest[HIDDEN], l->cells, l->cells);
        rest[BIAS + g] = make_bias(k, x, rest[W + g], l->cells);
    }
    for (int i = 0; i < 5; i++) /* the last carries the quantisation of the hidden state, the others that of gates */
        between[i] = i < 4 ? make_tensor(k, TFL_INT16, 1, (int32_t[]){1}, 1.0f / 4096, 0, 0)
                           : make_tensor(k, TFL_INT8, 1, (int32_t[]){1}, 1.0f / 128, zero, 0);
    struct tfl_operator *o = one_output(k, TFL_OP_UNIDIRECTIONAL_SEQUENCE_LSTM, INPUTS, in, y);
    o->n_intermediates = 5;
    o->intermediates = arena_copy(k->a, between, sizeof between);
    o->options.unidirectional_sequence_lstm.activation = TFL_ACT_TANH;
    o->options.unidirectional_sequence_lstm.time_major = l->time_major;
    return y;
}

/* ---- element by element ---- */

static void set_activation(struct tfl_operator *o, enum tfl_activation act)
{
    switch (o->code) {
    case TFL_OP_ADD: o->options.add.activation = act; break;
    case TFL_OP_SUB: o->options.sub.activation = act; break;
    case TFL_OP_MUL: o->options.mul.activation = act; break;
    case TFL_OP_DIV: o->options.div.activation = act; break;
    default: require(act == TFL_ACT_NONE, "this operator has no fused activation");
    }
}

int make_binary(struct maker *k, enum tfl_builtin code, int x, int y, enum tfl_activation activation)
{
    const struct tfl_tensor *big = maker_tensor(k, x), *small = maker_tensor(k, y);
    float rx = k->rms[x], ry = k->rms[y];
    int32_t shape[TFL_MAX_RANK];
    if (big->rank < small->rank)
        big = maker_tensor(k, y), small = maker_tensor(k, x);
    uint32_t rank = big->rank, more = rank - small->rank;
    for (uint32_t i = 0; i < rank; i++)
        shape[i] = i < more || big->shape[i] > small->shape[i - more] ? big->shape[i] : small->shape[i - more];
    int out;
    if (code == TFL_OP_MAXIMUM || code == TFL_OP_MINIMUM) /* TFLite wants one quantisation on all three */
        out = make_like(k, x, rank, shape);
    else if (code == TFL_OP_SQUARED_DIFFERENCE)
        out = make_result(k, rank, shape, rx * rx + ry * ry, TFL_ACT_RELU);
    else
        out = make_result(k, rank, shape, code == TFL_OP_MUL ? rx * ry : sqrtf(rx * rx + ry * ry), activation);
    struct tfl_operator *o = one_output(k, code, 2, (int[]){x, y}, out);
    o->version = k->type == TFL_INT8 ? 2 : 1;
    set_activation(o, activation);
    return out;
}

int make_random(struct maker *k, uint32_t rank, const int32_t *shape)
{
    float scale = 1.0f / 64;
    int x = make_tensor(k, k->type, rank, shape, scale, zero_of(k, random_between(k, -9, 9)), scale * UNIFORM_RMS);
    struct tfl_tensor *t = maker_tensor(k, x);
    size_t size = (size_t)tfl_bytes(t);
    uint8_t *data = arena_alloc(k->a, size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)random_next(&k->random);
    t->data = bytes_of(data, size);
    return x;
}

int make_unary(struct maker *k, enum tfl_builtin code, int x)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    uint32_t rank = t->rank;
    int32_t *shape = t->shape;
    float rms = k->rms[x];
    int y;
    switch (code) { /* LOGISTIC, TANH and L2_NORMALIZATION: TFLite prescribes scale and zero point */
    case TFL_OP_LOGISTIC:
        y = make_tensor(k, k->type, rank, shape, 1.0f / 256, zero_of(k, -128), 0.6f);
        break;
    case TFL_OP_TANH:
    case TFL_OP_L2_NORMALIZATION:
        y = make_tensor(k, k->type, rank, shape, 1.0f / 128, zero_of(k, 0), 0.6f);
        break;
    case TFL_OP_RELU:
        y = make_result(k, rank, shape, rms, TFL_ACT_RELU);
        break;
    case TFL_OP_RELU6:
        y = make_result(k, rank, shape, rms, TFL_ACT_RELU6);
        break;
    case TFL_OP_RELU_N1_TO_1:
        y = make_result(k, rank, shape, rms, TFL_ACT_RELU_N1_TO_1);
        break;
    default:
        y = make_like(k, x, rank, shape);
    }
    struct tfl_operator *o = one_output(k, code, 1, &x, y);
    bool one_version = code == TFL_OP_RELU_N1_TO_1 || code == TFL_OP_HARD_SWISH;
    o->version = k->type == TFL_INT8 && !one_version ? 2 : 1;
    if (code == TFL_OP_LEAKY_RELU)
        o->options.leaky_relu.alpha = 0.2f;
    return y;
}

int make_prelu(struct maker *k, int x)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    uint32_t rank = t->rank;
    int32_t *shape = t->shape, ones[TFL_MAX_RANK];
    require(rank >= 2, "PRELU wants a batch and a channel dimension");
    for (uint32_t i = 0; i + 1 < rank; i++)
        ones[i] = 1;
    ones[rank - 2] = shape[rank - 1];
    int alpha = make_random(k, rank - 1, ones); /* alpha has no batch dimension */
    int y = make_result(k, rank, shape, k->rms[x], TFL_ACT_NONE);
    one_output(k, TFL_OP_PRELU, 2, (int[]){x, alpha}, y);
    return y;
}

int make_softmax(struct maker *k, int x)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    int y = make_tensor(k, k->type, t->rank, t->shape, 1.0f / 256, zero_of(k, -128), 0.3f); /* prescribed by TFLite */
    struct tfl_operator *o = one_output(k, TFL_OP_SOFTMAX, 1, &x, y);
    o->version = k->type == TFL_INT8 ? 2 : 1;
    o->options.softmax.beta = 1;
    return y;
}

int make_quantize(struct maker *k, int x, enum tfl_type type)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->quant.count == 1, "QUANTIZE of a tensor without quantisation");
    int64_t zero = t->quant.zero_point[0];
    if (t->type != type)
        zero += type == TFL_INT8 ? -128 : 128;
    int y = make_tensor(k, type, t->rank, t->shape, t->quant.scale[0], zero, k->rms[x]);
    one_output(k, TFL_OP_QUANTIZE, 1, &x, y);
    return y;
}

int make_dequantize(struct maker *k, int x)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    int y = make_tensor(k, TFL_FLOAT32, t->rank, t->shape, 0, 0, k->rms[x]);
    one_output(k, TFL_OP_DEQUANTIZE, 1, &x, y)->version = 2;
    return y;
}

/* ---- shapes ---- */

int make_reshape(struct maker *k, int x, uint32_t rank, const int32_t *shape)
{
    int s = make_int32s(k, rank, shape);
    int y = make_like(k, x, rank, shape);
    require(tfl_elements(maker_tensor(k, x)) == tfl_elements(maker_tensor(k, y)), "RESHAPE to another size");
    one_output(k, TFL_OP_RESHAPE, 2, (int[]){x, s}, y);
    return y;
}

int make_flatten(struct maker *k, int x)
{
    return make_reshape(k, x, 2, (int32_t[]){1, (int32_t)tfl_elements(maker_tensor(k, x))});
}

int make_transpose(struct maker *k, int x, const int32_t *order)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    uint32_t rank = t->rank;
    int32_t shape[TFL_MAX_RANK];
    for (uint32_t i = 0; i < rank; i++) {
        require(order[i] >= 0 && (uint32_t)order[i] < rank, "not an order of dimensions");
        shape[i] = t->shape[order[i]];
    }
    int s = make_int32s(k, rank, order);
    int y = make_like(k, x, rank, shape);
    one_output(k, TFL_OP_TRANSPOSE, 2, (int[]){x, s}, y);
    return y;
}

int make_pad(struct maker *k, int x, const int32_t *before_after)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    uint32_t rank = t->rank;
    int32_t shape[TFL_MAX_RANK];
    for (uint32_t i = 0; i < rank; i++)
        shape[i] = t->shape[i] + before_after[2 * i] + before_after[2 * i + 1];
    int s = make_int32s(k, 2 * rank, before_after);
    maker_tensor(k, s)->shape = arena_copy(k->a, (int32_t[]){(int32_t)rank, 2}, 2 * sizeof(int32_t));
    maker_tensor(k, s)->rank = 2;
    int y = make_like(k, x, rank, shape);
    one_output(k, TFL_OP_PAD, 2, (int[]){x, s}, y)->version = k->type == TFL_INT8 ? 2 : 1;
    return y;
}

int make_slice(struct maker *k, int x, const int32_t *begin, const int32_t *size)
{
    uint32_t rank = maker_tensor(k, x)->rank;
    int b = make_int32s(k, rank, begin), s = make_int32s(k, rank, size);
    int y = make_like(k, x, rank, size);
    one_output(k, TFL_OP_SLICE, 3, (int[]){x, b, s}, y)->version = k->type == TFL_INT8 ? 2 : 1;
    return y;
}

int make_strided_slice(struct maker *k, int x, const int32_t *begin, const int32_t *end, const int32_t *strides)
{
    uint32_t rank = maker_tensor(k, x)->rank;
    int32_t shape[TFL_MAX_RANK];
    for (uint32_t i = 0; i < rank; i++) {
        require(strides[i] > 0, "a stride below 1");
        shape[i] = (int32_t)ceil_div(end[i] - begin[i], strides[i]);
    }
    int b = make_int32s(k, rank, begin), e = make_int32s(k, rank, end), s = make_int32s(k, rank, strides);
    int y = make_like(k, x, rank, shape);
    one_output(k, TFL_OP_STRIDED_SLICE, 4, (int[]){x, b, e, s}, y)->version = k->type == TFL_INT8 ? 2 : 1;
    return y;
}

int make_concatenation(struct maker *k, uint32_t n, const int *inputs, int32_t axis)
{
    require(n > 0 && axis >= 0, "CONCATENATION of nothing");
    const struct tfl_tensor *first = maker_tensor(k, inputs[0]);
    int32_t shape[TFL_MAX_RANK];
    uint32_t rank = first->rank;
    memcpy(shape, first->shape, rank * sizeof *shape);
    float widest = 0;
    int like = inputs[0];
    for (uint32_t i = 0; i < n; i++) {
        const struct tfl_tensor *t = maker_tensor(k, inputs[i]);
        shape[axis] += i ? t->shape[axis] : 0;
        if (t->quant.scale[0] > widest)
            widest = t->quant.scale[0], like = inputs[i];
    }
    int y = make_like(k, like, rank, shape);
    struct tfl_operator *o = one_output(k, TFL_OP_CONCATENATION, n, inputs, y);
    o->version = k->type == TFL_INT8 ? 2 : 1;
    o->options.concatenation.axis = axis;
    return y;
}

void make_split(struct maker *k, int x, int32_t axis, uint32_t n, int *out)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    uint32_t rank = t->rank;
    int32_t shape[TFL_MAX_RANK];
    memcpy(shape, t->shape, rank * sizeof *shape);
    require(n > 0 && shape[axis] % (int32_t)n == 0, "SPLIT into unequal parts");
    shape[axis] /= (int32_t)n;
    int s = make_constant(k, TFL_INT32, 0, NULL, (uint8_t[]){(uint8_t)axis, 0, 0, 0});
    for (uint32_t i = 0; i < n; i++)
        out[i] = make_like(k, x, rank, shape);
    struct tfl_operator *o = make_operator(k, TFL_OP_SPLIT, 2, (int[]){s, x}, n, out);
    o->version = k->type == TFL_INT8 ? 2 : 1;
    o->options.split.num_splits = (int32_t)n;
}

int make_reduce(struct maker *k, enum tfl_builtin code, int x, uint32_t n, const int32_t *axes, bool keep_dims)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    int32_t shape[TFL_MAX_RANK];
    uint32_t rank = 0;
    float sum = 1; /* of how many values */
    for (uint32_t d = 0; d < t->rank; d++) {
        bool reduced = false;
        for (uint32_t i = 0; i < n; i++)
            reduced |= axes[i] == (int32_t)d;
        sum *= reduced ? (float)t->shape[d] : 1;
        if (!reduced || keep_dims)
            shape[rank++] = reduced ? 1 : t->shape[d];
    }
    bool is_sum = code == TFL_OP_SUM;
    int s = make_int32s(k, n, axes);
    int y = is_sum ? make_result(k, rank, shape, k->rms[x] * sqrtf(sum), TFL_ACT_NONE) : make_like(k, x, rank, shape);
    struct tfl_operator *o = one_output(k, code, 2, (int[]){x, s}, y);
    o->version = k->type == TFL_INT8 ? 2 : 1;
    o->options.reducer.keep_dims = keep_dims;
    return y;
}

int make_resize(struct maker *k, enum tfl_builtin code, int x, int32_t height, int32_t width, bool align_corners,
                bool half_pixel_centers)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    int32_t shape[4] = {t->shape[0], height, width, t->shape[3]};
    int s = make_int32s(k, 2, (int32_t[]){height, width});
    int y = make_like(k, x, 4, shape);
    struct tfl_operator *o = one_output(k, code, 2, (int[]){x, s}, y);
    o->version = half_pixel_centers ? 3 : 2;
    if (code == TFL_OP_RESIZE_BILINEAR) {
        o->options.resize_bilinear.align_corners = align_corners;
        o->options.resize_bilinear.half_pixel_centers = half_pixel_centers;
    } else {
        o->options.resize_nearest_neighbor.align_corners = align_corners;
        o->options.resize_nearest_neighbor.half_pixel_centers = half_pixel_centers;
    }
    return y;
}

int make_space_to_depth(struct maker *k, int x, int32_t block)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    require(t->rank == 4 && t->shape[1] % block == 0 && t->shape[2] % block == 0, "SPACE_TO_DEPTH does not divide");
    int32_t shape[4] = {t->shape[0], t->shape[1] / block, t->shape[2] / block, t->shape[3] * block * block};
    int y = make_like(k, x, 4, shape);
    one_output(k, TFL_OP_SPACE_TO_DEPTH, 1, &x, y)->options.space_to_depth.block_size = block;
    return y;
}

/* ---- whole models ---- */

struct tfl_model *make_fc_chain(struct arena *a, enum tfl_type type, uint64_t seed, int32_t inputs, int32_t units,
                                uint32_t layers)
{
    struct maker *k = maker_new(a, type, seed);
    int x = make_input(k, 1, &inputs);
    for (uint32_t i = 0; i < layers; i++)
        x = make_fully_connected(k, x, units, i + 1 < layers ? TFL_ACT_RELU : TFL_ACT_NONE);
    make_output(k, x);
    return maker_finish(k);
}

struct tfl_model *make_conv_net(struct arena *a, enum tfl_type type, uint64_t seed, int32_t size, int32_t channels,
                                uint32_t layers)
{
    struct maker *k = maker_new(a, type, seed);
    int x = make_input(k, 3, (int32_t[]){size, size, 3});
    for (uint32_t i = 0; i < layers; i++)
        x = make_conv_2d(k, x, &(struct make_window){.channels = channels, .size = 3, .stride = i % 2 ? 1 : 2,
                                                     .activation = TFL_ACT_RELU6});
    x = make_fully_connected(k, make_flatten(k, x), 10, TFL_ACT_NONE);
    make_output(k, x);
    return maker_finish(k);
}

static int separable_block(struct maker *k, int x, int32_t channels, int32_t stride)
{
    x = make_depthwise_conv_2d(k, x, &(struct make_window){.size = 3, .stride = stride, .activation = TFL_ACT_RELU6});
    return make_conv_2d(k, x, &(struct make_window){.channels = channels, .activation = TFL_ACT_RELU6});
}

struct tfl_model *make_mobilenet(struct arena *a, enum tfl_type type, uint64_t seed, int32_t size, int32_t channels,
                                 int32_t classes)
{
    static const struct {
        int32_t widening, stride;
    } blocks[] = {{2, 1}, {4, 2}, {4, 1}, {8, 2}, {8, 1}, {16, 2}, {16, 1}, {16, 1}, {16, 1}, {16, 1}, {16, 1}, {32, 2},
                  {32, 1}};
    struct maker *k = maker_new(a, type, seed);
    int x = make_input(k, 3, (int32_t[]){size, size, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = channels, .size = 3, .stride = 2,
                                                 .activation = TFL_ACT_RELU6});
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        x = separable_block(k, x, channels * blocks[i].widening, blocks[i].stride);
    const struct tfl_tensor *t = maker_tensor(k, x);
    x = make_pool(k, TFL_OP_AVERAGE_POOL_2D, x,
                  &(struct make_window){.size = t->shape[1], .width = t->shape[2], .padding = TFL_PAD_VALID});
    x = make_conv_2d(k, x, &(struct make_window){.channels = classes});
    x = make_softmax(k, make_reshape(k, x, 2, (int32_t[]){1, classes}));
    make_output(k, x);
    return maker_finish(k);
}

/* Expansion, depthwise convolution, projection; the input is added where the shapes are equal. */
static int inverted_residual(struct maker *k, int x, int32_t expansion, int32_t channels, int32_t stride)
{
    int32_t in = maker_tensor(k, x)->shape[3];
    int y = x;
    if (expansion > 1)
        y = make_conv_2d(k, y, &(struct make_window){.channels = in * expansion, .activation = TFL_ACT_RELU6});
    y = make_depthwise_conv_2d(k, y, &(struct make_window){.size = 3, .stride = stride, .activation = TFL_ACT_RELU6});
    y = make_conv_2d(k, y, &(struct make_window){.channels = channels});
    return stride == 1 && in == channels ? make_binary(k, TFL_OP_ADD, x, y, TFL_ACT_NONE) : y;
}

struct tfl_model *make_mobilenet_v2(struct arena *a, enum tfl_type type, uint64_t seed, int32_t size, int32_t classes)
{
    static const struct {
        int32_t expansion, channels, repeat, stride;
    } blocks[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    struct maker *k = maker_new(a, type, seed);
    int x = make_input(k, 3, (int32_t[]){size, size, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 32, .size = 3, .stride = 2, .activation = TFL_ACT_RELU6});
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        for (int32_t n = 0; n < blocks[i].repeat; n++)
            x = inverted_residual(k, x, blocks[i].expansion, blocks[i].channels, n ? 1 : blocks[i].stride);
    x = make_conv_2d(k, x, &(struct make_window){.channels = 1280, .activation = TFL_ACT_RELU6});
    const struct tfl_tensor *t = maker_tensor(k, x);
    x = make_pool(k, TFL_OP_AVERAGE_POOL_2D, x,
                  &(struct make_window){.size = t->shape[1], .width = t->shape[2], .padding = TFL_PAD_VALID});
    x = make_conv_2d(k, x, &(struct make_window){.channels = classes});
    make_output(k, make_softmax(k, make_reshape(k, x, 2, (int32_t[]){1, classes})));
    return maker_finish(k);
}

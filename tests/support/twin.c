#include "support/twin.h"

#include <stdlib.h>

#include "darwinn/package.h"
#include "flat/flat.h"
#include "graph/graph.h"
#include "isa/isa.h"
#include "support/corpus.h"
#include "support/make_model.h"

enum { NONE = UINT32_MAX };

/* A tensor of the twin that is no constant. */
struct value {
    struct catalogue_shape shape;
    enum tfl_type type;
    uint32_t producer; /* operator; NONE: an input of the model */
    uint32_t uses;
    bool given; /* read, and an output of the model too */
    uint32_t scale; /* another value with the same scale, or itself: groups as in union-find */
    int tensor;     /* in the maker, -1: not made yet */
};

struct wired_op {
    const struct catalogue_op *op;
    uint32_t *inputs, *outputs; /* values */
};

struct twin {
    struct arena *a;
    const struct catalogue_row *row;
    unsigned variant;
    bool few_inputs; /* what has been read already is read again before the model gets another input */
    struct status *st;
    struct wired_op *ops;
    struct value *values;
    uint32_t n_values, n_inputs;
    struct maker *k;
};

static bool same_shape(const struct catalogue_shape *x, const struct catalogue_shape *y)
{
    return x->rank == y->rank && memcmp(x->dim, y->dim, x->rank * sizeof *x->dim) == 0;
}

static int64_t elements(const struct catalogue_shape *s)
{
    int64_t n = 1;
    for (uint32_t d = 0; d < s->rank && n < INT32_MAX; d++)
        n *= s->dim[d];
    return n;
}

/* ---- wiring ---- */

static bool is_convolution(enum tfl_builtin code)
{
    return code == TFL_OP_CONV_2D || code == TFL_OP_DEPTHWISE_CONV_2D;
}

/* Convolutions on the way from `from` to `to`, along first inputs; large where `from` is not on it. */
static uint32_t convolutions_between(const struct twin *t, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    while (to != from) {
        uint32_t p = t->values[to].producer;
        if (p == NONE || !t->ops[p].op->n_inputs)
            return NONE;
        n += is_convolution(t->ops[p].op->code);
        to = t->ops[p].inputs[0];
    }
    return n;
}

static uint32_t add_value(struct twin *t, const struct catalogue_shape *shape, uint32_t producer)
{
    uint32_t v = t->n_values++;
    t->values[v] = (struct value){.shape = *shape, .producer = producer, .scale = v, .tensor = -1};
    return v;
}

/* The youngest value of this shape for input i of operator o; NONE: there is none. */
static uint32_t youngest(const struct twin *t, uint32_t o, uint32_t i, bool unread, uint32_t convolutions)
{
    const struct wired_op *w = &t->ops[o];
    for (uint32_t v = t->n_values; v-- > 0;) {
        bool taken = false;
        for (uint32_t k = 0; k < i; k++)
            taken |= w->inputs[k] == v;
        if (!taken && same_shape(&t->values[v].shape, &w->op->inputs[i]) && (!unread || !t->values[v].uses) &&
            (!convolutions || convolutions_between(t, v, w->inputs[0]) >= convolutions))
            return v;
    }
    return NONE;
}

static bool wire_input(struct twin *t, uint32_t o, uint32_t i)
{
    const struct catalogue_op *op = t->ops[o].op;
    uint32_t v = youngest(t, o, i, true, 0);
    if (v == NONE && t->few_inputs)
        v = youngest(t, o, i, false, 0);
    if (v == NONE && t->n_inputs < t->row->in.count) {
        v = add_value(t, &op->inputs[i], NONE);
        t->values[v].type = t->row->in.type[t->n_inputs++];
    }
    if (v == NONE && i > 0 && op->code == TFL_OP_ADD)
        v = youngest(t, o, i, false, 2);
    if (v == NONE)
        v = youngest(t, o, i, false, 0);
    if (v == NONE && i > 0 && same_shape(&op->inputs[i], &op->inputs[0]))
        v = t->ops[o].inputs[0];
    if (v == NONE)
        return status_fail(t->st, STATUS_UNSUPPORTED, "operator %u (%s): no tensor has the shape of input %u", o,
                           tfl_op_name(op->code), i);
    t->ops[o].inputs[i] = v;
    t->values[v].uses++;
    return true;
}

static bool wire_all(struct twin *t, const struct catalogue_op *ops)
{
    uint32_t room = t->row->in.count;
    for (uint32_t o = 0; o < t->row->n_ops; o++)
        room += ops[o].n_outputs;
    t->n_values = t->n_inputs = 0;
    t->values = ARENA_ARRAY(t->a, struct value, room);
    t->ops = ARENA_ARRAY(t->a, struct wired_op, t->row->n_ops);
    for (uint32_t o = 0; o < t->row->n_ops; o++) {
        t->ops[o] = (struct wired_op){&ops[o], ARENA_ARRAY(t->a, uint32_t, ops[o].n_inputs),
                                      ARENA_ARRAY(t->a, uint32_t, ops[o].n_outputs)};
        for (uint32_t i = 0; i < ops[o].n_inputs; i++)
            if (!wire_input(t, o, i))
                return false;
        for (uint32_t i = 0; i < ops[o].n_outputs; i++)
            t->ops[o].outputs[i] = add_value(t, &ops[o].outputs[i], o);
    }
    return true;
}

/* Inputs of the model that come with values are constants in the catalogue: an operator that has nothing but constants
 * reads such an input first. */
static void find_filled_input(struct twin *t, struct catalogue_op *ops)
{
    for (uint32_t o = 0; o < t->row->n_ops && t->row->in.count; o++)
        if (!ops[o].n_inputs && ops[o].n_constants) {
            ops[o].inputs = ops[o].constants++;
            ops[o].n_inputs = 1;
            ops[o].n_constants--;
            return;
        }
}

static uint32_t unread_values(const struct twin *t)
{
    uint32_t n = 0;
    for (uint32_t v = 0; v < t->n_values; v++)
        n += !t->values[v].uses;
    return n;
}

/* The youngest values of each shape that somebody reads, the youngest of all first: they may be outputs too. */
static uint32_t perhaps_given(const struct twin *t, uint32_t candidate[TWIN_MOST_GIVEN])
{
    uint32_t n = 0;
    for (uint32_t v = t->n_values; v-- > 0 && n < TWIN_MOST_GIVEN;) {
        bool youngest = t->values[v].uses && t->values[v].producer != NONE;
        for (uint32_t w = v + 1; w < t->n_values; w++)
            youngest = youngest && !same_shape(&t->values[v].shape, &t->values[w].shape);
        if (youngest)
            candidate[n++] = v;
    }
    return n;
}

static uint32_t bits_of(uint32_t mask)
{
    uint32_t n = 0;
    for (; mask; mask &= mask - 1)
        n++;
    return n;
}

/* Makes outputs of the `missing` values that choice number `choice` stands for.  False: there is none with this
 * number. */
static bool give(struct twin *t, uint32_t missing, unsigned choice)
{
    uint32_t candidate[TWIN_MOST_GIVEN], n = perhaps_given(t, candidate);
    for (uint32_t mask = 0; mask < 1u << n; mask++) {
        if (bits_of(mask) != missing || choice--)
            continue;
        for (uint32_t k = 0; k < n; k++)
            t->values[candidate[k]].given = mask >> k & 1;
        return true;
    }
    return false;
}

static bool wire(struct twin *t, struct catalogue_op *ops, unsigned choice)
{
    find_filled_input(t, ops);
    bool ok = wire_all(t, ops);
    if (!ok || t->n_inputs != t->row->in.count || unread_values(t) > t->row->out.count) {
        struct twin other = *t;
        struct status st = {0};
        other.few_inputs = true;
        other.st = &st;
        if (wire_all(&other, ops) && other.n_inputs == t->row->in.count &&
            unread_values(&other) <= t->row->out.count) {
            other.st = t->st;
            *other.st = (struct status){0};
            *t = other;
            ok = true;
        }
    }
    if (!ok)
        return false;
    uint32_t unread = unread_values(t);
    if (unread > t->row->out.count || t->n_inputs != t->row->in.count ||
        !give(t, t->row->out.count - unread, choice))
        return status_fail(t->st, STATUS_UNSUPPORTED, "wired with %u inputs and %u outputs instead of %u and %u",
                           t->n_inputs, unread, t->row->in.count, t->row->out.count);
    return true;
}

unsigned twin_choices(struct arena *a, const struct catalogue_row *row)
{
    struct status st = {0};
    struct twin t = {.a = a, .row = row, .st = &st};
    struct catalogue_op *ops;
    unsigned n = 0;
    while (n < TWIN_MOST_CHOICES && catalogue_ops(a, row, &ops, &st) && wire(&t, ops, n))
        n++;
    return n;
}

/* ---- types and scales ---- */

/* A tensor that QUANTIZE makes for the outside has the type that the model gives out. */
static enum tfl_type quantized_type(const struct twin *t, const struct value *out, enum tfl_type inside)
{
    const struct catalogue_types *given = &t->row->out;
    for (uint32_t k = 0; !out->uses && k < given->count; k++)
        if (given->type[k] == TFL_UINT8 || given->type[k] == TFL_INT8)
            return given->type[k];
    return inside;
}

static void find_types(struct twin *t)
{
    enum tfl_type inside = t->row->uint8_inside ? TFL_UINT8 : TFL_INT8;
    for (uint32_t o = 0; o < t->row->n_ops; o++)
        for (uint32_t i = 0; i < t->ops[o].op->n_outputs; i++) {
            struct value *v = &t->values[t->ops[o].outputs[i]];
            switch (t->ops[o].op->code) {
            case TFL_OP_QUANTIZE: v->type = quantized_type(t, v, inside); break;
            case TFL_OP_DEQUANTIZE:
            case TFL_OP_CUSTOM: v->type = TFL_FLOAT32; break;
            case TFL_OP_ARG_MAX: v->type = TFL_INT64; break;
            default: v->type = t->ops[o].op->n_inputs ? t->values[t->ops[o].inputs[0]].type : inside;
            }
        }
}

static uint32_t scale_of(struct twin *t, uint32_t v)
{
    while (t->values[v].scale != v)
        v = t->values[v].scale;
    return v;
}

/* 1/256 or 1/128: results whose scale TFLite prescribes. */
static float prescribed_scale(enum tfl_builtin code)
{
    switch (code) {
    case TFL_OP_LOGISTIC:
    case TFL_OP_SOFTMAX: return 1.0f / 256;
    case TFL_OP_TANH:
    case TFL_OP_L2_NORMALIZATION: return 1.0f / 128;
    default: return 0;
    }
}

static bool keeps_scale(const struct twin *t, const struct catalogue_op *op)
{
    switch (op->code) {
    case TFL_OP_CONCATENATION: return !t->row->uint8_inside; /* old training kept scales of its own */
    case TFL_OP_AVERAGE_POOL_2D:
    case TFL_OP_MAX_POOL_2D:
    case TFL_OP_MAXIMUM:
    case TFL_OP_MINIMUM:
    case TFL_OP_MEAN:
    case TFL_OP_PACK:
    case TFL_OP_PAD:
    case TFL_OP_RESHAPE:
    case TFL_OP_RESIZE_BILINEAR:
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR:
    case TFL_OP_SPLIT:
    case TFL_OP_STRIDED_SLICE:
    case TFL_OP_TRANSPOSE: return true;
    default: return false;
    }
}

/* The root of a group is a value whose scale is prescribed, if there is one, else the oldest. */
static void join_scales(struct twin *t, uint32_t x, uint32_t y)
{
    x = scale_of(t, x), y = scale_of(t, y);
    if (t->values[x].type != t->values[y].type)
        return;
    uint32_t root = x < y ? x : y, other = x < y ? y : x;
    uint32_t p = t->values[other].producer;
    if (p != NONE && prescribed_scale(t->ops[p].op->code) > 0)
        root = other, other = x < y ? x : y;
    t->values[other].scale = root;
}

static void find_scales(struct twin *t)
{
    for (uint32_t o = 0; o < t->row->n_ops; o++) {
        const struct wired_op *w = &t->ops[o];
        if (!keeps_scale(t, w->op))
            continue;
        for (uint32_t i = 0; i < w->op->n_inputs; i++)
            join_scales(t, w->outputs[0], w->inputs[i]);
        for (uint32_t i = 1; i < w->op->n_outputs; i++)
            join_scales(t, w->outputs[0], w->outputs[i]);
    }
}

/* ---- tensors ---- */

static int input_tensor(const struct twin *t, const struct wired_op *w, uint32_t i)
{
    return t->values[w->inputs[i]].tensor;
}

/* The tensor of output i; rms: of the values before the activation. */
static int output_tensor(struct twin *t, const struct wired_op *w, uint32_t i, float rms, enum tfl_activation act)
{
    struct value *v = &t->values[w->outputs[i]];
    const struct catalogue_shape *s = &v->shape;
    uint32_t root = scale_of(t, w->outputs[i]);
    struct value *r = &t->values[root];
    float scale = r->producer == NONE ? 0 : prescribed_scale(t->ops[r->producer].op->code);
    if (v->type != TFL_INT8 && v->type != TFL_UINT8)
        v->tensor = make_tensor(t->k, v->type, s->rank, s->dim, 0, 0, rms);
    else if (scale > 0)
        v->tensor = make_tensor(t->k, v->type, s->rank, s->dim, scale,
                                (v->type == TFL_UINT8 ? 128 : 0) - (scale == 1.0f / 256 ? 128 : 0), 0.6f);
    else if (r->tensor >= 0)
        v->tensor = make_like(t->k, r->tensor, s->rank, s->dim);
    else
        v->tensor = make_result(t->k, s->rank, s->dim, rms, act);
    if (r->tensor < 0)
        r->tensor = v->tensor; /* the root is made later, with the same scale */
    return v->tensor;
}

static void make_model_input(struct twin *t, uint32_t v)
{
    struct value *in = &t->values[v];
    in->tensor = make_input(t->k, 1, (int32_t[]){1});
    struct tfl_tensor *x = maker_tensor(t->k, in->tensor);
    x->rank = in->shape.rank;
    x->shape = arena_copy(t->a, in->shape.dim, in->shape.rank * sizeof *in->shape.dim);
    if (in->type == TFL_FLOAT32)
        x->quant = (struct tfl_quant){0};
    else
        x->quant.zero_point[0] = in->type == TFL_UINT8 ? 128 : 0;
    x->type = in->type;
}

static bool activation_of(struct twin *t, const struct catalogue_op *op, enum tfl_activation *out)
{
    static const char *const name[] = {"", "RELU", "RELU_N1_TO_1", "RELU6"};
    const char *word = catalogue_word(t->a, op, "act");
    for (int k = 0; k < 4; k++)
        if (strcmp(word, name[k]) == 0) {
            *out = (enum tfl_activation)k;
            return true;
        }
    return status_fail(t->st, STATUS_UNSUPPORTED, "activation %s", word);
}

/* ---- operators ---- */

static struct tfl_operator *one_output(struct twin *t, const struct catalogue_op *op, uint32_t n_in, const int *in,
                                       int out)
{
    return make_operator(t->k, op->code, n_in, in, 1, &out);
}

/* Weights and, where the row has it, a bias: in[1], in[2].  dim: of the channels. */
static uint32_t make_parameters(struct twin *t, const struct wired_op *w, int32_t dim, bool per_channel, int *in)
{
    const struct catalogue_shape *s = &w->op->constants[0];
    int32_t channels = s->dim[dim];
    in[1] = make_weights(t->k, in[0], s->dim, s->rank, dim, elements(s) / channels, per_channel);
    if (w->op->n_constants < 2)
        return 2;
    in[2] = make_bias(t->k, in[0], in[1], channels);
    if (t->variant & TWIN_ZERO_BIAS) {
        struct tfl_tensor *bias = maker_tensor(t->k, in[2]);
        bias->data = bytes_of(arena_alloc(t->a, bias->data.size), bias->data.size);
    }
    return 3;
}

static bool has_parameters(const struct twin *t, const struct wired_op *w, uint32_t rank, uint32_t dim)
{
    const struct catalogue_op *op = w->op;
    return t->values[w->inputs[0]].type != TFL_FLOAT32 && op->n_inputs == 1 && op->n_outputs == 1 &&
           op->n_constants >= 1 && op->n_constants <= 2 && op->constants[0].rank == rank &&
           elements(&op->constants[0]) < INT32_MAX &&
           (op->n_constants == 1 ||
            (op->constants[1].rank == 1 && op->constants[1].dim[0] == op->constants[0].dim[dim]));
}

/* RMS_OF_SUMS: what make_weights aims at. */
#define RMS_OF_SUMS 2.0f

static bool make_convolution(struct twin *t, const struct wired_op *w, enum tfl_activation act)
{
    const struct catalogue_op *op = w->op;
    bool depthwise = op->code == TFL_OP_DEPTHWISE_CONV_2D;
    uint32_t dim = depthwise ? 3 : 0;
    if (!has_parameters(t, w, 4, dim))
        return status_fail(t->st, STATUS_UNSUPPORTED, "%s of floats or without constant weights",
                           tfl_op_name(op->code));
    int in[3] = {input_tensor(t, w, 0)};
    uint32_t n = make_parameters(t, w, (int32_t)dim, t->row->per_channel && t->variant < TWIN_ONE_SCALE, in);
    struct tfl_operator *o = one_output(t, op, n, in, output_tensor(t, w, 0, RMS_OF_SUMS, act));
    enum tfl_padding padding = strcmp(catalogue_word(t->a, op, "pad"), "VALID") == 0 ? TFL_PAD_VALID : TFL_PAD_SAME;
    int32_t sw = catalogue_number(op, "sw", 1), sh = catalogue_number(op, "sh", 1);
    int32_t dw = catalogue_number(op, "dw", 1), dh = catalogue_number(op, "dh", 1);
    if (depthwise)
        o->options.depthwise_conv_2d = (struct tfl_depthwise_conv_2d_options){
            .padding = padding, .stride_w = sw, .stride_h = sh, .dilation_w = dw, .dilation_h = dh, .activation = act,
            .depth_multiplier = catalogue_number(op, "mult", 1)};
    else
        o->options.conv_2d = (struct tfl_conv_2d_options){
            .padding = padding, .stride_w = sw, .stride_h = sh, .dilation_w = dw, .dilation_h = dh, .activation = act};
    o->version = t->row->uint8_inside ? 1 : 3;
    return true;
}

static bool make_dense(struct twin *t, const struct wired_op *w, enum tfl_activation act)
{
    if (!has_parameters(t, w, 2, 0))
        return status_fail(t->st, STATUS_UNSUPPORTED, "FULLY_CONNECTED of floats or without constant weights");
    int in[3] = {input_tensor(t, w, 0)};
    uint32_t n = make_parameters(t, w, 0, (t->variant & TWIN_DENSE_PER_CHANNEL) != 0, in);
    struct tfl_operator *o = one_output(t, w->op, n, in, output_tensor(t, w, 0, RMS_OF_SUMS, act));
    o->options.fully_connected.activation = act;
    o->options.fully_connected.keep_num_dims = w->op->outputs[0].rank > 2;
    o->version = t->row->uint8_inside ? 1 : 4;
    return true;
}

static bool make_window_pool(struct twin *t, const struct wired_op *w, enum tfl_activation act)
{
    const struct catalogue_op *op = w->op;
    int x = input_tensor(t, w, 0);
    struct tfl_operator *o = one_output(t, op, 1, &x, output_tensor(t, w, 0, 1, act));
    o->options.pool_2d = (struct tfl_pool_2d_options){
        .padding = strcmp(catalogue_word(t->a, op, "pad"), "VALID") == 0 ? TFL_PAD_VALID : TFL_PAD_SAME,
        .stride_w = catalogue_number(op, "sw", 1),
        .stride_h = catalogue_number(op, "sh", 1),
        .filter_w = catalogue_number(op, "fw", 1),
        .filter_h = catalogue_number(op, "fh", 1),
        .activation = act};
    return true;
}

/* A second operand that is constant comes last, as the catalogue lists it. */
static bool make_two_operands(struct twin *t, const struct wired_op *w, enum tfl_activation act)
{
    const struct catalogue_op *op = w->op;
    if (op->n_inputs + op->n_constants != 2 || op->n_inputs < 1)
        return status_fail(t->st, STATUS_UNSUPPORTED, "%s of %u operands", tfl_op_name(op->code),
                           op->n_inputs + op->n_constants);
    int in[2] = {input_tensor(t, w, 0)};
    if (t->values[w->inputs[0]].type == TFL_FLOAT32)
        return status_fail(t->st, STATUS_UNSUPPORTED, "%s of floats", tfl_op_name(op->code));
    in[1] = op->n_inputs == 2 ? input_tensor(t, w, 1)
                              : make_random(t->k, op->constants[0].rank, op->constants[0].dim);
    struct tfl_operator *o = one_output(t, op, 2, in, output_tensor(t, w, 0, 1.2f, act));
    switch (op->code) {
    case TFL_OP_ADD: o->options.add.activation = act; break;
    case TFL_OP_SUB: o->options.sub.activation = act; break;
    case TFL_OP_MUL: o->options.mul.activation = act; break;
    default: break;
    }
    o->version = 2;
    return true;
}

static bool make_one_operand(struct twin *t, const struct wired_op *w)
{
    int x = input_tensor(t, w, 0);
    enum tfl_activation act = w->op->code == TFL_OP_RELU ? TFL_ACT_RELU
                              : w->op->code == TFL_OP_RELU6 ? TFL_ACT_RELU6 : TFL_ACT_NONE;
    struct tfl_operator *o = one_output(t, w->op, 1, &x, output_tensor(t, w, 0, 1, act));
    if (w->op->code == TFL_OP_SOFTMAX)
        o->options.softmax.beta = 1;
    if (w->op->code == TFL_OP_LEAKY_RELU)
        o->options.leaky_relu.alpha = 0.2f;
    o->version = 2;
    return true;
}

static bool make_requantize(struct twin *t, const struct wired_op *w)
{
    int x = input_tensor(t, w, 0);
    struct value *to = &t->values[w->outputs[0]];
    struct tfl_tensor source = *maker_tensor(t->k, x);
    int y;
    if (scale_of(t, w->outputs[0]) == w->outputs[0] && source.quant.count == 1 && source.type != to->type)
        y = to->tensor = make_tensor(t->k, to->type, to->shape.rank, to->shape.dim, source.quant.scale[0],
                                     source.quant.zero_point[0] + (to->type == TFL_INT8 ? -128 : 128), 1);
    else
        y = output_tensor(t, w, 0, 1, TFL_ACT_NONE);
    one_output(t, w->op, 1, &x, y);
    return true;
}

static bool make_prelu_like(struct twin *t, const struct wired_op *w)
{
    if (w->op->n_constants != 1 || t->values[w->inputs[0]].type == TFL_FLOAT32)
        return status_fail(t->st, STATUS_UNSUPPORTED, "PRELU of floats");
    int in[2] = {input_tensor(t, w, 0), make_random(t->k, w->op->constants[0].rank, w->op->constants[0].dim)};
    one_output(t, w->op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE));
    return true;
}

/* ---- operators that move ---- */

/* The first dimension in which two shapes of one rank differ; 0 where they agree. */
static uint32_t differing(const struct catalogue_shape *x, const struct catalogue_shape *y)
{
    for (uint32_t d = 0; d < x->rank && d < y->rank; d++)
        if (x->dim[d] != y->dim[d])
            return d;
    return 0;
}

static bool make_padded(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_shape *from = &w->op->inputs[0], *to = &w->op->outputs[0];
    int32_t pads[2 * TFL_MAX_RANK];
    for (uint32_t d = 0; d < from->rank; d++) {
        int32_t more = to->dim[d] - from->dim[d];
        if (from->rank != to->rank || more < 0)
            return status_fail(t->st, STATUS_UNSUPPORTED, "PAD to a smaller shape");
        pads[2 * d] = more / 2, pads[2 * d + 1] = more - more / 2;
    }
    int in[2] = {input_tensor(t, w, 0), make_int32s(t->k, 2 * from->rank, pads)};
    maker_tensor(t->k, in[1])->shape = arena_copy(t->a, (int32_t[]){(int32_t)from->rank, 2}, 2 * sizeof(int32_t));
    maker_tensor(t->k, in[1])->rank = 2;
    one_output(t, w->op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE))->version = 2;
    return true;
}

/* Where the last slice of this value, along d, ended: slices of one tensor lie one behind another. */
static int32_t sliced_so_far(const struct twin *t, const struct wired_op *w, uint32_t d)
{
    int32_t end = 0;
    for (const struct wired_op *before = t->ops; before < w; before++)
        if (before->op->code == TFL_OP_STRIDED_SLICE && before->inputs[0] == w->inputs[0])
            end += d < before->op->outputs[0].rank && differing(&before->op->inputs[0], &before->op->outputs[0]) == d
                       ? before->op->outputs[0].dim[d]
                       : 1;
    return end;
}

/* One dimension is cut, or, where the result has one dimension less, it is the last that goes. */
static bool make_sliced(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_shape *from = &w->op->inputs[0], *to = &w->op->outputs[0];
    int32_t begin[TFL_MAX_RANK] = {0}, end[TFL_MAX_RANK], step[TFL_MAX_RANK];
    bool shrink = to->rank + 1 == from->rank;
    if (!shrink && to->rank != from->rank)
        return status_fail(t->st, STATUS_UNSUPPORTED, "STRIDED_SLICE that drops several dimensions");
    uint32_t d = shrink ? from->rank - 1 : differing(from, to);
    for (uint32_t k = 0; k < from->rank; k++)
        begin[k] = 0, end[k] = from->dim[k], step[k] = 1;
    int32_t size = shrink ? 1 : to->dim[d];
    begin[d] = sliced_so_far(t, w, d);
    if (begin[d] + size > from->dim[d])
        begin[d] = 0;
    end[d] = begin[d] + size;
    int in[4] = {input_tensor(t, w, 0), make_int32s(t->k, from->rank, begin), make_int32s(t->k, from->rank, end),
                 make_int32s(t->k, from->rank, step)};
    struct tfl_operator *o = one_output(t, w->op, 4, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE));
    o->options.strided_slice.shrink_axis_mask = shrink ? 1 << d : 0;
    o->version = 2;
    return true;
}

/* The first order, in the order of counting, that gives the result's shape and is not the identity. */
static bool find_order(const struct catalogue_shape *from, const struct catalogue_shape *to, int32_t *order,
                       uint32_t have, bool moved)
{
    if (have == to->rank)
        return moved;
    for (uint32_t d = 0; d < from->rank; d++) {
        bool taken = from->dim[d] != to->dim[have];
        for (uint32_t k = 0; k < have; k++)
            taken |= order[k] == (int32_t)d;
        order[have] = (int32_t)d;
        if (!taken && find_order(from, to, order, have + 1, moved || (d != have && from->dim[d] > 1)))
            return true;
    }
    return false;
}

static bool make_transposed(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_shape *from = &w->op->inputs[0], *to = &w->op->outputs[0];
    int32_t order[TFL_MAX_RANK];
    if (from->rank != to->rank || !find_order(from, to, order, 0, false))
        return status_fail(t->st, STATUS_UNSUPPORTED, "TRANSPOSE to a shape that no order gives");
    int in[2] = {input_tensor(t, w, 0), make_int32s(t->k, from->rank, order)};
    one_output(t, w->op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE))->version = 2;
    return true;
}

/* Axes 1 and 2 of an image, or the one dimension that is gone. */
static bool make_mean(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_shape *from = &w->op->inputs[0], *to = &w->op->outputs[0];
    bool keep = catalogue_number(w->op, "keep_dims", 0) != 0;
    int32_t axes[TFL_MAX_RANK];
    uint32_t n = 0;
    for (uint32_t d = 0, e = 0; d < from->rank; d++)
        if (keep ? to->dim[d] == 1 && from->dim[d] > 1
                 : from->rank - d > to->rank - e && (e == to->rank || from->dim[d] != to->dim[e] || d > 0))
            axes[n++] = (int32_t)d;
        else
            e++;
    int in[2] = {input_tensor(t, w, 0), make_int32s(t->k, n, axes)};
    struct tfl_operator *o = one_output(t, w->op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE));
    o->options.reducer.keep_dims = keep;
    o->version = 2;
    return true;
}

static bool make_resized(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_op *op = w->op;
    if (op->outputs[0].rank != 4)
        return status_fail(t->st, STATUS_UNSUPPORTED, "%s of a shape that is no image", tfl_op_name(op->code));
    int in[2] = {input_tensor(t, w, 0), make_int32s(t->k, 2, &op->outputs[0].dim[1])};
    struct tfl_operator *o = one_output(t, op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE));
    bool align = catalogue_number(op, "align", 0) != 0, half = catalogue_number(op, "half", 0) != 0;
    if (op->code == TFL_OP_RESIZE_BILINEAR)
        o->options.resize_bilinear = (struct tfl_resize_bilinear_options){align, half};
    else
        o->options.resize_nearest_neighbor = (struct tfl_resize_nearest_neighbor_options){align, half};
    o->version = 3;
    return true;
}

static bool make_many(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_op *op = w->op;
    int *in = ARENA_ARRAY(t->a, int, op->n_inputs + 1u), *out = ARENA_ARRAY(t->a, int, op->n_outputs);
    uint32_t n = 0;
    if (op->code == TFL_OP_SPLIT) {
        uint8_t axis[4];
        put_le32(axis, differing(&op->inputs[0], &op->outputs[0]));
        in[n++] = make_constant(t->k, TFL_INT32, 0, NULL, axis);
    }
    for (uint32_t i = 0; i < op->n_inputs; i++)
        in[n++] = input_tensor(t, w, i);
    for (uint32_t i = 0; i < op->n_outputs; i++)
        out[i] = output_tensor(t, w, i, 1, TFL_ACT_NONE);
    struct tfl_operator *o = make_operator(t->k, op->code, n, in, op->n_outputs, out);
    o->version = 2;
    if (op->code == TFL_OP_CONCATENATION)
        o->options.concatenation.axis = catalogue_number(op, "axis", 0);
    if (op->code == TFL_OP_SPLIT)
        o->options.split.num_splits = (int32_t)op->n_outputs;
    if (op->code == TFL_OP_PACK) {
        o->options.pack.values_count = (int32_t)op->n_inputs;
        o->options.pack.axis = (int32_t)differing(&op->outputs[0], &op->inputs[0]);
    }
    return true;
}

/* A custom operator stays on the CPU whatever it does; from some the compiler wants to know how many boxes come out. */
static bool make_custom(struct twin *t, const struct wired_op *w)
{
    static const struct flex_entry boxes[] = {{.key = "max_classes_per_detection", .kind = FLEX_PUT_INT, .i = 1},
                                              {.key = "max_detections", .kind = FLEX_PUT_INT, .i = 10}};
    make_many(t, w);
    struct tfl_operator *o = maker_last_operator(t->k);
    o->custom_code = w->op->custom;
    o->custom_options = flex_write_map(t->a, boxes, sizeof boxes / sizeof *boxes);
    return true;
}

static bool make_reshaped(struct twin *t, const struct wired_op *w)
{
    const struct catalogue_shape *to = &w->op->outputs[0];
    int in[2] = {input_tensor(t, w, 0), make_int32s(t->k, to->rank, to->dim)};
    one_output(t, w->op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE));
    return true;
}

static bool make_arg_max(struct twin *t, const struct wired_op *w)
{
    uint8_t axis[4];
    put_le32(axis, w->op->inputs[0].rank - 1);
    int in[2] = {input_tensor(t, w, 0), make_constant(t->k, TFL_INT32, 0, NULL, axis)};
    one_output(t, w->op, 2, in, output_tensor(t, w, 0, 1, TFL_ACT_NONE))->options.arg_max.output_type = TFL_INT64;
    return true;
}

static bool make_op(struct twin *t, const struct wired_op *w)
{
    enum tfl_activation act = TFL_ACT_NONE;
    if (!activation_of(t, w->op, &act))
        return false;
    if (!w->op->n_inputs || !w->op->n_outputs)
        return status_fail(t->st, STATUS_UNSUPPORTED, "%s of constants", tfl_op_name(w->op->code));
    switch (w->op->code) {
    case TFL_OP_CONV_2D:
    case TFL_OP_DEPTHWISE_CONV_2D: return make_convolution(t, w, act);
    case TFL_OP_FULLY_CONNECTED: return make_dense(t, w, act);
    case TFL_OP_AVERAGE_POOL_2D:
    case TFL_OP_MAX_POOL_2D: return make_window_pool(t, w, act);
    case TFL_OP_ADD:
    case TFL_OP_SUB:
    case TFL_OP_MUL:
    case TFL_OP_MAXIMUM:
    case TFL_OP_MINIMUM:
    case TFL_OP_SQUARED_DIFFERENCE: return make_two_operands(t, w, act);
    case TFL_OP_L2_NORMALIZATION:
    case TFL_OP_LEAKY_RELU:
    case TFL_OP_LOGISTIC:
    case TFL_OP_RELU:
    case TFL_OP_RELU6:
    case TFL_OP_RSQRT:
    case TFL_OP_SOFTMAX:
    case TFL_OP_TANH:
    case TFL_OP_DEQUANTIZE: return make_one_operand(t, w);
    case TFL_OP_QUANTIZE: return make_requantize(t, w);
    case TFL_OP_PRELU: return make_prelu_like(t, w);
    case TFL_OP_PAD: return make_padded(t, w);
    case TFL_OP_STRIDED_SLICE: return make_sliced(t, w);
    case TFL_OP_TRANSPOSE: return make_transposed(t, w);
    case TFL_OP_MEAN: return make_mean(t, w);
    case TFL_OP_RESIZE_BILINEAR:
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR: return make_resized(t, w);
    case TFL_OP_CONCATENATION:
    case TFL_OP_PACK:
    case TFL_OP_SPLIT: return make_many(t, w);
    case TFL_OP_CUSTOM: return make_custom(t, w);
    case TFL_OP_RESHAPE: return make_reshaped(t, w);
    case TFL_OP_ARG_MAX: return make_arg_max(t, w);
    default:
        return status_fail(t->st, STATUS_UNSUPPORTED, "the builder does not know %s", tfl_op_name(w->op->code));
    }
}

/* The operators' own rules about shapes and options, so that a wrong guess is not taken for a model. */
static bool check(struct twin *t, const struct tfl_model *m)
{
    struct graph g;
    if (!graph_build(t->a, &m->subgraphs[0], &g, t->st))
        return false;
    for (uint32_t o = 0; o < m->subgraphs[0].n_operators; o++)
        if (!graph_check(t->a, &m->subgraphs[0], o, t->st))
            return false;
    return true;
}

const char *const twin_variant_text[TWIN_VARIANTS] = {
    "", ", zero biases", ", dense layers per channel", ", zero biases, dense layers per channel",
    ", one scale a tensor", ", zero biases, one scale a tensor"};

bool twin_variant_applies(const struct catalogue_row *row, unsigned variant)
{
    bool dense = strstr(row->ops, "FULLY_CONNECTED[") != NULL;
    if (variant >= TWIN_ONE_SCALE)
        return row->per_channel && !row->uint8_inside;
    return variant < TWIN_DENSE_PER_CHANNEL || (dense && row->per_channel && !row->uint8_inside);
}

bool twin_build(struct arena *a, const struct catalogue_row *row, unsigned variant, unsigned choice, uint64_t seed,
                struct tfl_model **out, struct status *st)
{
    struct catalogue_op *ops;
    struct twin t = {.a = a, .row = row, .variant = variant, .st = st};
    if (!catalogue_ops(a, row, &ops, st) || !wire(&t, ops, choice))
        return false;
    find_types(&t);
    find_scales(&t);
    t.k = maker_new(a, row->uint8_inside ? TFL_UINT8 : TFL_INT8, seed);
    for (uint32_t v = 0; v < t.n_values; v++)
        if (t.values[v].producer == NONE)
            make_model_input(&t, v);
    for (uint32_t o = 0; o < row->n_ops; o++)
        if (!make_op(&t, &t.ops[o]))
            return status_context(st, "operator %u: ", o);
    for (uint32_t v = 0; v < t.n_values; v++)
        if (!t.values[v].uses || t.values[v].given)
            make_output(t.k, t.values[v].tensor);
    *out = maker_finish(t.k);
    return check(&t, *out);
}

/* ---- facts of a compiled file ---- */

struct counting {
    struct arena *a;
    struct twin_facts *facts;
    uint32_t packages;
};

static bool count_package(struct bytes options, void *arg, struct status *st)
{
    struct counting *c = arg;
    struct dwn_package *p;
    if (!dwn_from_custom_options(c->a, options, &p, st))
        return false;
    c->packages++;
    for (uint32_t e = 0; e < p->n_executables; e++) {
        const struct dwn_executable *x = &p->executables[e];
        size_t n = 0;
        for (uint32_t s = 0; s < x->n_streams; s++) {
            struct isa_program program;
            if (!isa_decode_stream(c->a, x->streams[s].code, &program, st))
                return false;
            n += program.count;
            for (size_t i = 0; i < program.count; i++)
                c->facts->opcodes[program.inst[i].op % CATALOGUE_OPCODES]++;
        }
        const char *type = x->type == DWN_PARAMETER_CACHING ? "CACHING"
                           : x->type == DWN_EXECUTION_ONLY  ? "EXEC"
                                                            : "STANDALONE";
        c->facts->executables = arena_text(c->a, "%s%s%s:%zu", c->facts->executables,
                                           *c->facts->executables ? " " : "", type, n);
    }
    return true;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* "2 TPU op; CPU: ADD 1, RESHAPE 3", sorted by name. */
static const char *outer_graph_of(struct arena *a, const struct tfl_subgraph *g, uint32_t packages)
{
    const char **names = ARENA_ARRAY(a, const char *, g->n_operators + 1u);
    uint32_t n = 0;
    for (uint32_t o = 0; o < g->n_operators; o++) {
        const struct tfl_operator *op = &g->operators[o];
        if (op->code != TFL_OP_CUSTOM)
            names[n++] = tfl_op_name(op->code);
        else if (strcmp(op->custom_code, TFL_EDGETPU_CUSTOM_OP) != 0)
            names[n++] = arena_text(a, "CUSTOM:%s", op->custom_code);
    }
    qsort(names, n, sizeof *names, by_text);
    const char *text = arena_text(a, "%u TPU op", packages);
    for (uint32_t k = 0, run = 0; k < n; k += run) {
        for (run = 1; k + run < n && strcmp(names[k], names[k + run]) == 0;)
            run++;
        text = arena_text(a, "%s%s%s %u", text, k ? ", " : "; CPU: ", names[k], run);
    }
    return text;
}

bool twin_facts(struct arena *a, struct bytes compiled, struct twin_facts *out, struct status *st)
{
    struct tfl_model *m;
    *out = (struct twin_facts){.executables = "", .size = (int64_t)compiled.size};
    struct counting c = {a, out, 0};
    if (!tfl_read(a, compiled, &m, st) || !corpus_packages(a, compiled, count_package, &c, st))
        return false;
    out->compiled = c.packages > 0;
    out->outer_graph = outer_graph_of(a, &m->subgraphs[0], c.packages);
    return true;
}

struct twin_verdict twin_compare(const struct catalogue_row *row, const struct twin_facts *facts)
{
    struct twin_verdict v = {.same_outer = strcmp(row->outer_graph, facts->outer_graph) == 0,
                             .same_tile = true,
                             .same_all = strcmp(row->executables, facts->executables) == 0,
                             .same_size = llabs(row->compiled_size - facts->size) <= TWIN_SIZE_SLACK};
    for (int k = 0; k < CATALOGUE_OPCODES; k++)
        if (row->opcodes[k] != facts->opcodes[k]) {
            v.distance += row->opcodes[k] > facts->opcodes[k] ? row->opcodes[k] - facts->opcodes[k]
                                                              : facts->opcodes[k] - row->opcodes[k];
            v.same_all = false;
            v.same_tile = v.same_tile && k > TWIN_LAST_TILE_OPCODE;
        }
    return v;
}

const char *twin_difference(struct arena *a, const struct catalogue_row *row, const struct twin_facts *facts)
{
    const char *text = "";
    for (int k = 0; k < CATALOGUE_OPCODES; k++)
        if (row->opcodes[k] != facts->opcodes[k])
            text = arena_text(a, "%s%s%02x:%+lld", text, *text ? " " : "", k,
                              (long long)facts->opcodes[k] - (long long)row->opcodes[k]);
    return text;
}

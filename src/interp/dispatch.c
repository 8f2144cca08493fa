#include "interp/dispatch.h"

#include "flat/flat.h"

struct entry {
    enum tfl_builtin code;
    const char *custom; /* code == TFL_OP_CUSTOM */
    enum tfl_options_type options;
    uint8_t required, max_in; /* inputs 0..required-1 may not be left out */
    uint8_t min_out, max_out;
    bool (*run)(const struct op_call *k);
};

enum { MANY = 255, ALL = MANY }; /* ALL: at least one input, none left out */

/* ---- attributes ---- */

static enum kern_activation act(enum tfl_activation a)
{
    return (enum kern_activation)a; /* kernels check it; the numbers are the schema's in both */
}

/* Options whose fields are named as those of the schema's windows. */
#define WINDOW(t)                                                                                                      \
    .same = (t).padding == TFL_PAD_SAME, .stride_h = (t).stride_h, .stride_w = (t).stride_w, .act = act((t).activation)

static kern_in input(const struct op_call *k, uint32_t i)
{
    return i < k->n_in ? k->in[i] : NULL;
}

/* ---- convolutions ---- */

static bool conv_2d(const struct op_call *k)
{
    const struct tfl_conv_2d_options *o = &k->o->conv_2d;
    struct kern_window p = {WINDOW(*o), .dilation_h = o->dilation_h, .dilation_w = o->dilation_w};
    return kern_conv_2d(k->c, &p, k->in[0], k->in[1], input(k, 2), k->out[0]);
}

static bool depthwise_conv_2d(const struct op_call *k)
{
    const struct tfl_depthwise_conv_2d_options *o = &k->o->depthwise_conv_2d;
    struct kern_window p = {WINDOW(*o), .dilation_h = o->dilation_h, .dilation_w = o->dilation_w};
    return kern_depthwise_conv_2d(k->c, &p, k->in[0], k->in[1], input(k, 2), k->out[0]);
}

static bool transpose_conv(const struct op_call *k)
{
    struct kern_window p = {WINDOW(k->o->transpose_conv)};
    return kern_transpose_conv(k->c, &p, k->in[0], k->in[1], k->in[2], input(k, 3), k->out[0]);
}

static bool fully_connected(const struct op_call *k)
{
    const struct tfl_fully_connected_options *o = &k->o->fully_connected;
    if (o->weights_format != 0)
        return status_fail(k->c->st, STATUS_UNSUPPORTED, "weights format %d is not handled", o->weights_format);
    return kern_fully_connected(k->c, act(o->activation), o->keep_num_dims, k->in[0], k->in[1], input(k, 2), k->out[0]);
}

/* ---- other types ---- */

static bool quantize(const struct op_call *k) { return kern_quantize(k->c, k->in[0], k->out[0]); }
static bool dequantize(const struct op_call *k) { return kern_dequantize(k->c, k->in[0], k->out[0]); }
static bool cast(const struct op_call *k) { return kern_cast(k->c, k->in[0], k->out[0]); }

/* ---- other shapes ---- */

/* The second input wins over the option, as in TFLite. */
static bool reshape(const struct op_call *k)
{
    kern_in shape = input(k, 1);
    if (!shape)
        return kern_reshape(k->c, k->o->reshape.new_shape.data, (int32_t)k->o->reshape.new_shape.count, k->in[0],
                            k->out[0]);
    if (shape->type != KERN_I32 || shape->rank != 1)
        return status_fail(k->c->st, STATUS_INVALID, "shape '%s' must be a vector of int32", shape->name);
    return kern_reshape(k->c, shape->data, shape->dim[0], k->in[0], k->out[0]);
}

static bool squeeze(const struct op_call *k)
{
    return kern_squeeze(k->c, k->o->squeeze.squeeze_dims.data, k->o->squeeze.squeeze_dims.count, k->in[0], k->out[0]);
}

static bool expand_dims(const struct op_call *k)
{
    kern_in axis = k->in[1];
    if (axis->type != KERN_I32 || kern_elements(axis) != 1)
        return status_fail(k->c->st, STATUS_INVALID, "axis '%s' must be one int32", axis->name);
    return kern_expand_dims(k->c, *(const int32_t *)axis->data, k->in[0], k->out[0]);
}

/* ---- pools and element-wise operators ---- */

static struct kern_window pool_window(const struct tfl_pool_2d_options *o)
{
    return (struct kern_window){WINDOW(*o), .filter_h = o->filter_h, .filter_w = o->filter_w};
}

static bool average_pool_2d(const struct op_call *k)
{
    struct kern_window p = pool_window(&k->o->pool_2d);
    return kern_average_pool_2d(k->c, &p, k->in[0], k->out[0]);
}

static bool max_pool_2d(const struct op_call *k)
{
    struct kern_window p = pool_window(&k->o->pool_2d);
    return kern_max_pool_2d(k->c, &p, k->in[0], k->out[0]);
}

static bool add(const struct op_call *k)
{
    return kern_add(k->c, act(k->o->add.activation), k->in[0], k->in[1], k->out[0]);
}

static bool sub(const struct op_call *k)
{
    return kern_sub(k->c, act(k->o->sub.activation), k->in[0], k->in[1], k->out[0]);
}

static bool mul(const struct op_call *k)
{
    return kern_mul(k->c, act(k->o->mul.activation), k->in[0], k->in[1], k->out[0]);
}

static bool divide(const struct op_call *k)
{
    return kern_binary(k->c, KERN_DIV, act(k->o->div.activation), k->in[0], k->in[1], k->out[0]);
}

#define BINARY(function, op)                                                                                           \
    static bool function(const struct op_call *k)                                                                      \
    {                                                                                                                  \
        return kern_binary(k->c, op, KERN_ACT_NONE, k->in[0], k->in[1], k->out[0]);                                    \
    }
BINARY(maximum, KERN_MAXIMUM)
BINARY(minimum, KERN_MINIMUM)
BINARY(floor_div, KERN_FLOOR_DIV)
BINARY(floor_mod, KERN_FLOOR_MOD)
BINARY(squared_difference, KERN_SQUARED_DIFFERENCE)
BINARY(power, KERN_POW)

#define UNARY(function, op)                                                                                            \
    static bool function(const struct op_call *k) { return kern_unary(k->c, op, k->in[0], k->out[0]); }
UNARY(logistic, KERN_LOGISTIC)
UNARY(hyperbolic_tangent, KERN_TANH)
UNARY(exponential, KERN_EXP)
UNARY(logarithm, KERN_LOG)
UNARY(square_root, KERN_SQRT)
UNARY(reciprocal_root, KERN_RSQRT)
UNARY(square, KERN_SQUARE)
UNARY(absolute, KERN_ABS)
UNARY(negative, KERN_NEG)
UNARY(floor_of, KERN_FLOOR)
UNARY(ceil_of, KERN_CEIL)
UNARY(round_of, KERN_ROUND)
UNARY(sine, KERN_SIN)
UNARY(cosine, KERN_COS)
UNARY(relu, KERN_RELU)
UNARY(relu_n1_to_1, KERN_RELU_N1_TO_1)
UNARY(relu6, KERN_RELU6)

static bool leaky_relu(const struct op_call *k)
{
    return kern_leaky_relu(k->c, k->o->leaky_relu.alpha, k->in[0], k->out[0]);
}

static bool prelu(const struct op_call *k) { return kern_prelu(k->c, k->in[0], k->in[1], k->out[0]); }

static bool softmax(const struct op_call *k) { return kern_softmax(k->c, k->o->softmax.beta, k->in[0], k->out[0]); }

static bool l2_normalization(const struct op_call *k)
{
    if (k->o->l2_norm.activation != TFL_ACT_NONE)
        return status_fail(k->c->st, STATUS_UNSUPPORTED, "a fused activation is not handled");
    return kern_l2_normalization(k->c, k->in[0], k->out[0]);
}

/* ---- reductions ---- */

#define REDUCE(function, op)                                                                                           \
    static bool function(const struct op_call *k)                                                                      \
    {                                                                                                                  \
        return kern_reduce(k->c, op, k->o->reducer.keep_dims, k->in[0], k->in[1], k->out[0]);                          \
    }
REDUCE(mean, KERN_MEAN)
REDUCE(sum, KERN_SUM)
REDUCE(reduce_max, KERN_REDUCE_MAX)
REDUCE(reduce_min, KERN_REDUCE_MIN)

static bool arg_max(const struct op_call *k) { return kern_arg_max(k->c, false, k->in[0], k->in[1], k->out[0]); }
static bool arg_min(const struct op_call *k) { return kern_arg_max(k->c, true, k->in[0], k->in[1], k->out[0]); }

/* ---- joining, cutting, moving ---- */

static kern_in *inputs(const struct op_call *k)
{
    kern_in *in = ARENA_ARRAY(k->c->scratch, kern_in, k->n_in);
    for (uint32_t i = 0; i < k->n_in; i++)
        in[i] = k->in[i];
    return in;
}

static bool concatenation(const struct op_call *k)
{
    const struct tfl_concatenation_options *o = &k->o->concatenation;
    return kern_concatenation(k->c, o->axis, act(o->activation), inputs(k), k->n_in, k->out[0]);
}

static bool pack(const struct op_call *k)
{
    return kern_pack(k->c, k->o->pack.axis, inputs(k), k->n_in, k->out[0]);
}

static bool unpack(const struct op_call *k)
{
    return kern_unpack(k->c, k->o->unpack.axis, k->in[0], k->out, k->n_out);
}

static bool split(const struct op_call *k) { return kern_split(k->c, k->in[0], NULL, k->in[1], k->out, k->n_out); }
static bool split_v(const struct op_call *k)
{
    return kern_split(k->c, k->in[2], k->in[1], k->in[0], k->out, k->n_out);
}

static bool slice(const struct op_call *k) { return kern_slice(k->c, k->in[0], k->in[1], k->in[2], k->out[0]); }

static bool strided_slice(const struct op_call *k)
{
    const struct tfl_strided_slice_options *o = &k->o->strided_slice;
    struct kern_strided_slice p = {o->begin_mask, o->end_mask, o->ellipsis_mask, o->new_axis_mask,
                                   o->shrink_axis_mask, o->offset};
    return kern_strided_slice(k->c, &p, k->in[0], k->in[1], k->in[2], k->in[3], k->out[0]);
}

static bool transpose(const struct op_call *k) { return kern_transpose(k->c, k->in[0], k->in[1], k->out[0]); }
static bool tile(const struct op_call *k) { return kern_tile(k->c, k->in[0], k->in[1], k->out[0]); }

static bool gather(const struct op_call *k)
{
    return kern_gather(k->c, k->o->gather.axis, k->o->gather.batch_dims, k->in[0], k->in[1], k->out[0]);
}

static bool gather_nd(const struct op_call *k) { return kern_gather_nd(k->c, k->in[0], k->in[1], k->out[0]); }

static bool space_to_depth(const struct op_call *k)
{
    return kern_space_to_depth(k->c, k->o->space_to_depth.block_size, k->in[0], k->out[0]);
}

static bool depth_to_space(const struct op_call *k)
{
    return kern_depth_to_space(k->c, k->o->depth_to_space.block_size, k->in[0], k->out[0]);
}

static bool pad(const struct op_call *k) { return kern_pad(k->c, k->in[0], k->in[1], input(k, 2), k->out[0]); }
static bool shape_of(const struct op_call *k) { return kern_shape_of(k->c, k->in[0], k->out[0]); }

static bool resize_bilinear(const struct op_call *k)
{
    const struct tfl_resize_bilinear_options *o = &k->o->resize_bilinear;
    struct kern_resize p = {o->align_corners, o->half_pixel_centers};
    return kern_resize_bilinear(k->c, &p, k->in[0], k->in[1], k->out[0]);
}

static bool resize_nearest(const struct op_call *k)
{
    const struct tfl_resize_nearest_neighbor_options *o = &k->o->resize_nearest_neighbor;
    struct kern_resize p = {o->align_corners, o->half_pixel_centers};
    return kern_resize_nearest(k->c, &p, k->in[0], k->in[1], k->out[0]);
}

/* ---- LSTM ---- */

static bool sequence_lstm(const struct op_call *k)
{
    enum { HIDDEN = 4 }; /* the intermediate tensor that carries the hidden state's quantisation */
    const struct tfl_unidirectional_sequence_lstm_options *o = &k->o->unidirectional_sequence_lstm;
    const struct tfl_operator *op = k->op;
    struct kern_lstm p = {.cell_clip = o->cell_clip, .time_major = o->time_major};
    if (op->n_intermediates > HIDDEN && op->intermediates[HIDDEN] >= 0) {
        const struct tfl_quant *q = &k->graph->tensors[op->intermediates[HIDDEN]].quant;
        p.hidden_scale = q->count ? q->scale[0] : 0;
        p.hidden_zero = q->count && q->zero_point[0] == (int8_t)q->zero_point[0] ? (int32_t)q->zero_point[0] : 0;
    }
    for (uint32_t i = 18; i < 20 && i < k->n_in; i++) /* the states, which the kernel writes */
        if (op->inputs[i] < 0 || !k->graph->tensors[op->inputs[i]].is_variable)
            return status_fail(k->c->st, STATUS_INVALID, "input %u must be a variable", i);
    if (o->activation != TFL_ACT_TANH || o->proj_clip != 0)
        return status_fail(k->c->st, STATUS_UNSUPPORTED, "only activation TANH without projection is handled");
    return kern_lstm(k->c, &p, k->in, k->n_in, k->out[0]);
}

/* ---- custom operators: attributes in a FlexBuffer map ---- */

/* Number `key` of the operator's map; `absent` where it has none. */
static double attribute(const struct op_call *k, const char *key, double absent)
{
    struct status ignored = {0}; /* a damaged map has no attributes; kernels check the values */
    struct flex map, value;
    double v;
    if (!flex_open(k->op->custom_options, &map, &ignored) || !flex_find(map, key, &value) || !flex_float(value, &v))
        return absent;
    return v;
}

static int32_t int_attribute(const struct op_call *k, const char *key, int32_t absent)
{
    double v = attribute(k, key, absent);
    return v >= 0 && v <= INT32_MAX ? (int32_t)v : -1;
}

static bool detection_postprocess(const struct op_call *k)
{
    struct kern_detection p = {
        .max_detections = int_attribute(k, "max_detections", -1),
        .max_classes_per_detection = int_attribute(k, "max_classes_per_detection", -1),
        .detections_per_class = int_attribute(k, "detections_per_class", 100),
        .n_classes = int_attribute(k, "num_classes", -1),
        .regular_nms = attribute(k, "use_regular_nms", 0) != 0,
        .score_threshold = (float)attribute(k, "nms_score_threshold", 0),
        .iou_threshold = (float)attribute(k, "nms_iou_threshold", 0),
        .y_scale = (float)attribute(k, "y_scale", 0),
        .x_scale = (float)attribute(k, "x_scale", 0),
        .h_scale = (float)attribute(k, "h_scale", 0),
        .w_scale = (float)attribute(k, "w_scale", 0),
    };
    return kern_detection_postprocess(k->c, &p, k->in[0], k->in[1], k->in[2], k->out);
}

static bool posenet_decoder(const struct op_call *k)
{
    struct kern_posenet p = {
        .max_detections = int_attribute(k, "max_detections", -1),
        .stride = int_attribute(k, "stride", -1),
        .score_threshold = (float)attribute(k, "score_threshold", 0),
        .nms_radius = (float)attribute(k, "nms_radius", 0),
    };
    return kern_posenet_decoder(k->c, &p, inputs(k), k->n_in, k->out, k->n_out);
}

/* ---- the table ---- */

#define OP(name, options, required, max_in, n_out, run)                                                                \
    {TFL_OP_##name, NULL, TFL_OPTIONS_##options, required, max_in, n_out, n_out, run}
#define OP_MANY(name, options, required, max_in, run)                                                                  \
    {TFL_OP_##name, NULL, TFL_OPTIONS_##options, required, max_in, 1, MANY, run}

static const struct entry entries[] = {
    OP(CONV_2D, CONV_2D, 2, 3, 1, conv_2d),
    OP(DEPTHWISE_CONV_2D, DEPTHWISE_CONV_2D, 2, 3, 1, depthwise_conv_2d),
    OP(TRANSPOSE_CONV, TRANSPOSE_CONV, 3, 4, 1, transpose_conv),
    OP(FULLY_CONNECTED, FULLY_CONNECTED, 2, 3, 1, fully_connected),
    OP(QUANTIZE, QUANTIZE, 1, 1, 1, quantize),
    OP(DEQUANTIZE, DEQUANTIZE, 1, 1, 1, dequantize),
    OP(CAST, CAST, 1, 1, 1, cast),
    OP(RESHAPE, RESHAPE, 1, 2, 1, reshape),
    OP(SQUEEZE, SQUEEZE, 1, 1, 1, squeeze),
    OP(EXPAND_DIMS, EXPAND_DIMS, 2, 2, 1, expand_dims),
    OP(AVERAGE_POOL_2D, POOL_2D, 1, 1, 1, average_pool_2d),
    OP(MAX_POOL_2D, POOL_2D, 1, 1, 1, max_pool_2d),
    OP(ADD, ADD, 2, 2, 1, add),
    OP(SUB, SUB, 2, 2, 1, sub),
    OP(MUL, MUL, 2, 2, 1, mul),
    OP(DIV, DIV, 2, 2, 1, divide),
    OP(MAXIMUM, MAXIMUM_MINIMUM, 2, 2, 1, maximum),
    OP(MINIMUM, MAXIMUM_MINIMUM, 2, 2, 1, minimum),
    OP(FLOOR_DIV, FLOOR_DIV, 2, 2, 1, floor_div),
    OP(FLOOR_MOD, FLOOR_MOD, 2, 2, 1, floor_mod),
    OP(SQUARED_DIFFERENCE, SQUARED_DIFFERENCE, 2, 2, 1, squared_difference),
    OP(POW, POW, 2, 2, 1, power),
    OP(LOGISTIC, NONE, 1, 1, 1, logistic),
    OP(TANH, NONE, 1, 1, 1, hyperbolic_tangent),
    OP(EXP, EXP, 1, 1, 1, exponential),
    OP(LOG, NONE, 1, 1, 1, logarithm),
    OP(SQRT, NONE, 1, 1, 1, square_root),
    OP(RSQRT, NONE, 1, 1, 1, reciprocal_root),
    OP(SQUARE, SQUARE, 1, 1, 1, square),
    OP(ABS, ABS, 1, 1, 1, absolute),
    OP(NEG, NEG, 1, 1, 1, negative),
    OP(FLOOR, NONE, 1, 1, 1, floor_of),
    OP(CEIL, NONE, 1, 1, 1, ceil_of),
    OP(ROUND, NONE, 1, 1, 1, round_of),
    OP(SIN, NONE, 1, 1, 1, sine),
    OP(COS, COS, 1, 1, 1, cosine),
    OP(RELU, NONE, 1, 1, 1, relu),
    OP(RELU_N1_TO_1, NONE, 1, 1, 1, relu_n1_to_1),
    OP(RELU6, NONE, 1, 1, 1, relu6),
    OP(LEAKY_RELU, LEAKY_RELU, 1, 1, 1, leaky_relu),
    OP(PRELU, NONE, 2, 2, 1, prelu),
    OP(SOFTMAX, SOFTMAX, 1, 1, 1, softmax),
    OP(L2_NORMALIZATION, L2_NORM, 1, 1, 1, l2_normalization),
    OP(MEAN, REDUCER, 2, 2, 1, mean),
    OP(SUM, REDUCER, 2, 2, 1, sum),
    OP(REDUCE_MAX, REDUCER, 2, 2, 1, reduce_max),
    OP(REDUCE_MIN, REDUCER, 2, 2, 1, reduce_min),
    OP(ARG_MAX, ARG_MAX, 2, 2, 1, arg_max),
    OP(ARG_MIN, ARG_MIN, 2, 2, 1, arg_min),
    OP(CONCATENATION, CONCATENATION, ALL, MANY, 1, concatenation),
    OP(PACK, PACK, ALL, MANY, 1, pack),
    OP_MANY(UNPACK, UNPACK, 1, 1, unpack),
    OP_MANY(SPLIT, SPLIT, 2, 2, split),
    OP_MANY(SPLIT_V, SPLIT_V, 3, 3, split_v),
    OP(SLICE, SLICE, 3, 3, 1, slice),
    OP(STRIDED_SLICE, STRIDED_SLICE, 4, 4, 1, strided_slice),
    OP(TRANSPOSE, TRANSPOSE, 2, 2, 1, transpose),
    OP(TILE, TILE, 2, 2, 1, tile),
    OP(GATHER, GATHER, 2, 2, 1, gather),
    OP(GATHER_ND, GATHER_ND, 2, 2, 1, gather_nd),
    OP(SPACE_TO_DEPTH, SPACE_TO_DEPTH, 1, 1, 1, space_to_depth),
    OP(DEPTH_TO_SPACE, DEPTH_TO_SPACE, 1, 1, 1, depth_to_space),
    OP(PAD, PAD, 2, 2, 1, pad),
    OP(PADV2, PADV2, 3, 3, 1, pad),
    OP(SHAPE, SHAPE, 1, 1, 1, shape_of),
    OP(UNIDIRECTIONAL_SEQUENCE_LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM, 1, 24, 1, sequence_lstm),
    {TFL_OP_CUSTOM, "TFLite_Detection_PostProcess", TFL_OPTIONS_NONE, 3, 3, 4, 4, detection_postprocess},
    {TFL_OP_CUSTOM, "PosenetDecoderOp", TFL_OPTIONS_NONE, ALL, 4, 4, 5, posenet_decoder},
    OP(RESIZE_BILINEAR, RESIZE_BILINEAR, 2, 2, 1, resize_bilinear),
    OP(RESIZE_NEAREST_NEIGHBOR, RESIZE_NEAREST_NEIGHBOR, 2, 2, 1, resize_nearest),
};

static const struct entry *find(const struct tfl_operator *op)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const struct entry *e = &entries[i];
        if (e->code == op->code && (!e->custom || (op->custom_code && strcmp(e->custom, op->custom_code) == 0)))
            return e;
    }
    return NULL;
}

bool dispatch_check(const struct tfl_operator *op, struct status *st)
{
    const struct entry *e = find(op);
    if (!e && op->code == TFL_OP_CUSTOM)
        return status_fail(st, STATUS_UNSUPPORTED, "no kernel for custom operator '%.80s'", op->custom_code);
    if (!e)
        return status_fail(st, STATUS_UNSUPPORTED, "no kernel");
    uint32_t least = e->required == ALL ? 1 : e->required;
    if (op->n_inputs < least || (op->n_inputs > e->max_in && e->max_in != MANY) || op->n_outputs < e->min_out ||
        (op->n_outputs > e->max_out && e->max_out != MANY))
        return status_fail(st, STATUS_INVALID, "%u inputs and %u outputs", op->n_inputs, op->n_outputs);
    for (uint32_t i = 0; i < op->n_inputs; i++)
        if ((i < e->required || e->required == ALL) && op->inputs[i] < 0)
            return status_fail(st, STATUS_INVALID, "input %u is left out", i);
    if (op->options_type != e->options && op->options_type != TFL_OPTIONS_NONE)
        return status_fail(st, STATUS_INVALID, "has the options of another operator (type %d)", (int)op->options_type);
    return true;
}

bool dispatch_run(struct op_call *call)
{
    const struct entry *e = find(call->op);
    union tfl_options standard = tfl_options_default(e->options);
    call->o = call->op->options_type == e->options ? &call->op->options : &standard;
    return e->run(call);
}

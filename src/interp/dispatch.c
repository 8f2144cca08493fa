#include "interp/dispatch.h"

struct entry {
    enum tfl_builtin code;
    const char *custom; /* code == TFL_OP_CUSTOM */
    enum tfl_options_type options;
    uint8_t required, max_in; /* inputs 0..required-1 may not be left out */
    uint8_t min_out, max_out;
    bool (*run)(const struct op_call *k);
};

enum { MANY = 255 };

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

/* ---- the table ---- */

#define OP(name, options, required, max_in, n_out, run)                                                                \
    {TFL_OP_##name, NULL, TFL_OPTIONS_##options, required, max_in, n_out, n_out, run}

static const struct entry entries[] = {
    OP(CONV_2D, CONV_2D, 2, 3, 1, conv_2d),
    OP(DEPTHWISE_CONV_2D, DEPTHWISE_CONV_2D, 2, 3, 1, depthwise_conv_2d),
    OP(FULLY_CONNECTED, FULLY_CONNECTED, 2, 3, 1, fully_connected),
    OP(QUANTIZE, QUANTIZE, 1, 1, 1, quantize),
    OP(DEQUANTIZE, DEQUANTIZE, 1, 1, 1, dequantize),
    OP(CAST, CAST, 1, 1, 1, cast),
    OP(RESHAPE, RESHAPE, 1, 2, 1, reshape),
    OP(SQUEEZE, SQUEEZE, 1, 1, 1, squeeze),
    OP(EXPAND_DIMS, EXPAND_DIMS, 2, 2, 1, expand_dims),
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
    if (op->n_inputs < e->required || op->n_inputs > e->max_in || op->n_outputs < e->min_out ||
        op->n_outputs > e->max_out)
        return status_fail(st, STATUS_INVALID, "%u inputs and %u outputs", op->n_inputs, op->n_outputs);
    for (uint32_t i = 0; i < e->required && i < op->n_inputs; i++)
        if (op->inputs[i] < 0)
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

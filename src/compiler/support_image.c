/* Which operators on images run on the Edge TPU. */
#include "compiler/families.h"
#include "compiler/rule.h"
#include "compiler/operators.h"
#include "compiler/pool.h"

static bool is_global_pool(const struct support *s, const struct tfl_operator *o)
{
    struct pool_detail d;
    struct shape4 from, to;
    const char *why;
    return operator_rule_of(o->code)->support == support_pool && o->code != TFL_OP_REDUCE_MIN &&
           pool_of(s->arena, s->graph->source, o, &d, &from, &to, &why) && pool_is_global(&d, &from, &to);
}

static enum support_form form_of_operands(const struct support *s, const struct tfl_operator *o)
{
    if (support_is_alias(s->graph->source, o))
        return s->form[o->inputs[0]];
    if (operator_rule_of(o->code)->vectors && is_pixel(op_output(s->graph->source, o, 0)))
        return FORM_VECTOR;
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        const struct tfl_tensor *t = op_input(s->graph->source, o, k);
        bool repeated = operator_rule_of(o->code)->repeats && is_pixel(t) && !is_pixel(out);
        if (o->inputs[k] >= 0 && t->data.size == 0 && s->form[o->inputs[k]] == FORM_VECTOR && !repeated)
            return FORM_VECTOR;
    }
    return FORM_IMAGE;
}

enum support_form support_form_of(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    if (s->verdicts[op].why)
        return FORM_IMAGE; /* from the host: either */
    if (s->rearranged[op])
        return is_pixel(op_output(s->graph->source, o, 0)) ? FORM_VECTOR : FORM_IMAGE;
    if (operator_rule_of(o->code)->either)
        return form_of_operands(s, o);
    if (!operator_rule_of(o->code)->image || support_is_product(s, o))
        return FORM_VECTOR;
    if (o->code == TFL_OP_UNIDIRECTIONAL_SEQUENCE_LSTM && is_pixel(op_output(s->graph->source, o, 0)))
        return FORM_VECTOR;
    return is_global_pool(s, o) ? FORM_PIXEL : FORM_IMAGE;
}

bool support_is_product(const struct support *s, const struct tfl_operator *o)
{
    return s->form[o->inputs[0]] != FORM_IMAGE && conv_is_product(s->graph->source, o);
}

struct verdict support_conv(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *w = op_input(s->graph->source, o, 1);
    const struct tfl_tensor *bias = op_input(s->graph->source, o, 2), *out = op_output(s->graph->source, o, 0);
    bool depthwise = o->code == TFL_OP_DEPTHWISE_CONV_2D;
    struct shape4 from, to;
    struct window win;
    struct status st = {0};
    if (!w || w->data.size == 0 || (bias && bias->data.size == 0))
        return REFUSE(s, SUPPORT_NOT_CONSTANT, "%s: weights and bias must be constants", op_name(s, op));
    if (w->quant.count == 0 || (w->type != TFL_INT8 && w->type != TFL_UINT8) || w->rank != 4 ||
        (bias && bias->type != TFL_INT32))
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: weights \"%s\" must be quantised to 8 bits and the bias int32",
                      op_name(s, op), w->name);
    if (!graph_check(s->arena, s->graph->source, op, &st) || !shape4_of(in, &from) || !shape4_of(out, &to) ||
        !window_of(s->graph->source, o, &win))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %s", op_name(s, op), st.message);
    if (w->quant.count > 1 && (w->quant.dim != (depthwise ? 3 : 0) || w->quant.count != (uint32_t)to.z))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: weights \"%s\" are quantised along dimension %d", op_name(s, op),
                      w->name, w->quant.dim);
    if (depthwise && from.z > 1 && to.z != from.z)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: depth multiplier %d on %d channels; 1 is possible, or one channel",
                      op_name(s, op), to.z / from.z, from.z);
    if (!depthwise && w->shape[3] != from.z)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: grouped convolution (%d of %d channels)", op_name(s, op), w->shape[3],
                      from.z);
    enum tfl_activation act = fused_activation(o);
    if (act != TFL_ACT_NONE && act != TFL_ACT_RELU && act != TFL_ACT_RELU6 && act != TFL_ACT_RELU_N1_TO_1)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)act);
    if (s->form[o->inputs[0]] == FORM_VECTOR && !support_is_product(s, o))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: input \"%s\" lies on the chip as a vector; this version cannot make an image of it",
                      op_name(s, op), in->name);
    return MAPPED;
}

/* The phases of lower_transpose_conv.c are convolutions of their own. */
enum { PHASE_LIMIT = 16 };

struct verdict support_transpose_conv(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *shape = op_input(s->graph->source, o, 0), *w = op_input(s->graph->source, o, 1);
    const struct tfl_tensor *in = op_input(s->graph->source, o, 2), *bias = op_input(s->graph->source, o, 3);
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    enum tfl_activation act = fused_activation(o);
    struct shape4 from, to;
    struct window win;
    if (!shape || shape->data.size == 0 || !w || w->data.size == 0 || (bias && bias->data.size == 0))
        return REFUSE(s, SUPPORT_NOT_CONSTANT, "%s: output shape, weights and bias must be constants", op_name(s, op));
    if (w->quant.count == 0 || (w->type != TFL_INT8 && w->type != TFL_UINT8) || (bias && bias->type != TFL_INT32))
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: weights \"%s\" must be quantised to 8 bits and the bias int32",
                      op_name(s, op), w->name);
    if (in->data.size || !shape4_of(in, &from) || !shape4_of(out, &to) || !window_of(s->graph->source, o, &win))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" must be an image that is no constant", op_name(s, op),
                      in->name);
    if (w->quant.count > 1 && (w->quant.dim != 0 || w->quant.count != (uint32_t)to.z))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: weights \"%s\" are quantised along dimension %d", op_name(s, op),
                      w->name, w->quant.dim);
    if (act != TFL_ACT_NONE && act != TFL_ACT_RELU && act != TFL_ACT_RELU6 && act != TFL_ACT_RELU_N1_TO_1)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)act);
    if (win.stride_h > PHASE_LIMIT || win.stride_w > PHASE_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: strides %dx%d; up to %d are possible", op_name(s, op), win.stride_h,
                      win.stride_w, PHASE_LIMIT);
    if (s->form[o->inputs[2]] == FORM_VECTOR && !is_pixel(in))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: input \"%s\" lies on the chip as a vector; this version cannot make an image of it",
                      op_name(s, op), in->name);
    return MAPPED;
}

/* Detection heads: images whose pixels hold several rows (RESHAPE [1,y,x,k*c] to [1,y*x*k,c]) and are put one behind
 * another (CONCATENATION of rows) for the host.  On the chip they stay images; only the output brings them into one
 * order (lower_parts.c, emit_parts.c).  Official instance: both outputs of
 * tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3. */
#include "compiler/operators.h"
#include "compiler/numerics.h"
#include "compiler/rule.h"

enum { SELECT_LIMIT = 1 << 20 }; /* bytes of the matrix that gives every row whole words */

static const struct tfl_operator *operator_of(const struct support *s, uint32_t op)
{
    return &s->graph->source->operators[op];
}

/* Channels of a row: the last dimension, before which only one is larger than 1.  0: another shape. */
static int32_t row_channels(const struct tfl_tensor *t)
{
    unsigned large = 0;
    for (uint32_t i = 0; i + 1 < t->rank; i++)
        large += t->shape[i] != 1;
    return t->rank >= 2 && large <= 1 ? t->shape[t->rank - 1] : 0;
}

static bool is_rename(const struct tfl_operator *o)
{
    return o->code == TFL_OP_RESHAPE || o->code == TFL_OP_SQUEEZE || o->code == TFL_OP_EXPAND_DIMS;
}

static bool is_word_by_word(const struct tfl_operator *o)
{
    return o->code == TFL_OP_LOGISTIC || o->code == TFL_OP_TANH || o->code == TFL_OP_RELU || o->code == TFL_OP_RELU6 ||
           o->code == TFL_OP_RELU_N1_TO_1 || o->code == TFL_OP_QUANTIZE;
}

/* The rows go on as rows, or to operators that never run on the chip. */
static bool read_as_rows(const struct support *s, int32_t tensor)
{
    const struct graph_tensor *t = &s->graph->tensors[tensor];
    int32_t c = row_channels(&s->graph->source->tensors[tensor]);
    for (uint32_t i = 0; i < t->n_consumers; i++) {
        const struct tfl_operator *o = operator_of(s, t->consumers[i]);
        const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
        bool on = (is_rename(o) && row_channels(out) == c) || is_word_by_word(o);
        if (operator_rule_of(o->code) && (!on || !read_as_rows(s, o->outputs[0])))
            return false;
    }
    return c > 0;
}

/* The operator renames an image that its maker leaves on the grid of tiles: a convolution, or the end of a view
 * (view.h). */
static bool renames_image(const struct support *s, const struct tfl_operator *o)
{
    uint32_t maker = o->inputs[0] < 0 ? GRAPH_NONE : s->graph->tensors[o->inputs[0]].producer;
    if (maker == GRAPH_NONE || !is_rename(o))
        return false;
    enum tfl_builtin code = operator_of(s, maker)->code;
    return code == TFL_OP_CONV_2D || code == TFL_OP_DEPTHWISE_CONV_2D ||
           (s->views.blocks[o->inputs[0]] && view_may_begin_or_end(op_output(s->graph->source, o, 0)));
}

/* The operator that gave such an image the tensor's shape, perhaps before a QUANTIZE; or GRAPH_NONE. */
static uint32_t renamer_of(const struct support *s, int32_t tensor)
{
    uint32_t op = s->graph->tensors[tensor].producer;
    if (op != GRAPH_NONE && operator_of(s, op)->code == TFL_OP_QUANTIZE)
        op = s->graph->tensors[operator_of(s, op)->inputs[0]].producer;
    return op != GRAPH_NONE && renames_image(s, operator_of(s, op)) ? op : GRAPH_NONE;
}

/* CONCATENATION of rows: of what was images. */
static bool joins_rows(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = operator_of(s, op);
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    int32_t c = row_channels(out), axis = o->options.concatenation.axis;
    if (o->code != TFL_OP_CONCATENATION || c == 0 || o->n_inputs > MAX_INPUTS ||
        o->options.concatenation.activation != TFL_ACT_NONE || (axis < 0 ? axis + (int32_t)out->rank : axis) != 1 ||
        out->rank < 3)
        return false;
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        const struct tfl_tensor *in = op_input(s->graph->source, o, k);
        if (!in || in->data.size || row_channels(in) != c || !same_numbers(in, out) ||
            renamer_of(s, o->inputs[k]) == GRAPH_NONE)
            return false;
        for (uint32_t j = 0; j < k; j++)
            if (o->inputs[j] == o->inputs[k])
                return false;
    }
    return read_as_rows(s, o->outputs[0]);
}

/* CONCATENATION that stays on the CPU (support_join), for some of its rows are no images, and too many for any other
 * way of RESHAPE: the rest can still leave the chip as images (catalogue P518, P519, P525). */
static bool is_left(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = operator_of(s, op);
    bool left = false;
    for (uint32_t k = 0; o->code == TFL_OP_CONCATENATION && k < o->n_inputs; k++)
        left = left || (o->inputs[k] >= 0 && row_channels(op_input(s->graph->source, o, k)) > 0 &&
                        !view_may_begin_or_end(op_input(s->graph->source, o, k)) &&
                        renamer_of(s, o->inputs[k]) == GRAPH_NONE);
    return left;
}

/* All who read the tensor join rows, perhaps behind a QUANTIZE. */
static bool only_joined(const struct support *s, int32_t tensor)
{
    const struct graph_tensor *t = &s->graph->tensors[tensor];
    for (uint32_t i = 0; i < t->n_consumers; i++) {
        const struct tfl_operator *o = operator_of(s, t->consumers[i]);
        bool rescaled = o->code == TFL_OP_QUANTIZE && renamer_of(s, tensor) == t->producer &&
                        is_rename(operator_of(s, t->producer)) && is_quantised(op_output(s->graph->source, o, 0));
        if (rescaled ? !only_joined(s, o->outputs[0]) : !joins_rows(s, t->consumers[i]) && !is_left(s, t->consumers[i]))
            return false;
    }
    return t->n_consumers > 0 && !t->is_output;
}

/* Its input is such an image on the chip, whose pixels hold whole rows. */
static bool makes_rows(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = operator_of(s, op);
    if (!is_rename(o) || !operator_rule_of(o->code))
        return false;
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    const struct graph_tensor *from = &s->graph->tensors[o->inputs[0]];
    struct shape4 shape;
    int32_t c = row_channels(out);
    if (from->producer == GRAPH_NONE || s->verdicts[from->producer].why || c == 0 || !shape4_of(in, &shape) ||
        shape.n != 1 || shape.z % c || shape.z == 1 || tfl_elements(in) != tfl_elements(out))
        return false;
    if (!renames_image(s, o) || s->form[o->inputs[0]] != FORM_IMAGE)
        return false;
    if (c % 4 && (int64_t)shape.z * (shape.z / c) * round_up(c, 4) > SELECT_LIMIT)
        return false;
    return only_joined(s, o->outputs[0]);
}

/* The tensor has another shape than the image that it is on the chip. */
static bool is_reshaped_image(const struct support *s, int32_t tensor)
{
    uint32_t maker = renamer_of(s, tensor);
    struct shape4 x, y;
    if (maker == GRAPH_NONE || s->verdicts[maker].why || !makes_rows(s, maker))
        return false;
    return !shape4_of(op_input(s->graph->source, operator_of(s, maker), 0), &x) ||
           !shape4_of(&s->graph->source->tensors[tensor], &y) || x.y != y.y || x.x != y.x || x.z != y.z;
}

bool support_reads_rows(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = operator_of(s, op);
    bool any = false;
    for (uint32_t k = 0; k < o->n_inputs; k++)
        any = any || (o->inputs[k] >= 0 && is_reshaped_image(s, o->inputs[k]));
    return any;
}

bool support_is_rows(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = operator_of(s, op);
    if (o->code == TFL_OP_CONCATENATION) {
        bool all = joins_rows(s, op) && support_reads_rows(s, op);
        for (uint32_t k = 0; all && k < o->n_inputs; k++) {
            uint32_t maker = renamer_of(s, o->inputs[k]);
            all = maker != GRAPH_NONE && !s->verdicts[maker].why && makes_rows(s, maker);
        }
        return all;
    }
    if (makes_rows(s, op))
        return true;
    uint32_t maker = o->n_inputs && o->inputs[0] >= 0 ? s->graph->tensors[o->inputs[0]].producer : GRAPH_NONE;
    return (is_rename(o) || is_word_by_word(o)) && maker != GRAPH_NONE && !s->verdicts[maker].why &&
           operator_of(s, maker)->code != TFL_OP_CONV_2D && support_is_rows(s, maker) && !makes_rows(s, maker) &&
           row_channels(op_output(s->graph->source, o, 0)) == row_channels(op_input(s->graph->source, o, 0));
}

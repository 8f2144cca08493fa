#include "compiler/support.h"
#include "compiler/rule.h"

#include "compiler/families.h"
#include "compiler/operators.h"
#include "compiler/rearrange.h"

enum {
    INT8_RUNTIME = 12, /* first runtime that takes int8 host data */
    /* Elements of a vector: the wide rows that it takes, in words, are a 16-bit step of the infeed's waits.  Its slices
     * and its gathered copy fit narrow memory. */
    VECTOR_LIMIT = 511 * 4 * ROW_WORDS,
    OUTPUT_LIMIT = 1 << 16, /* of a FULLY_CONNECTED */
};

static const struct tfl_tensor *operand(const struct support *s, const struct tfl_operator *o, uint32_t i)
{
    return op_input(s->graph->source, o, i);
}

static const struct tfl_tensor *result(const struct support *s, const struct tfl_operator *o)
{
    return op_output(s->graph->source, o, 0);
}

static bool mapped(struct verdict v) { return v.why == NULL; }

/* ---- rules that hold for every operator ---- */

/* 8-bit zero points that the type can represent: they become bytes of padding and 8-bit fields. */
static bool has_zero_points(const struct tfl_tensor *t)
{
    int64_t low = t->type == TFL_INT8 ? -128 : 0;
    for (uint32_t i = 0; i < t->quant.count; i++)
        if (t->quant.zero_point[i] < low || t->quant.zero_point[i] > low + 255)
            return false;
    return true;
}

struct verdict support_weights(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *w = operand(s, o, 1), *bias = operand(s, o, 2);
    if (!w || w->data.size == 0 || (bias && bias->data.size == 0))
        return REFUSE(s, SUPPORT_NOT_CONSTANT, "%s: weights and bias must be constants", op_name(s, op));
    if (w->quant.count == 0 || (w->type != TFL_INT8 && w->type != TFL_UINT8) || !has_zero_points(w))
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: weights \"%s\" must be quantised to 8 bits", op_name(s, op), w->name);
    if (bias && bias->type != TFL_INT32)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: bias \"%s\" is %s; int32 is possible", op_name(s, op), bias->name,
                      tfl_type_name(bias->type));
    return MAPPED;
}

static struct verdict activation_tensor(const struct support *s, uint32_t op, const struct tfl_tensor *t)
{
    if (t->quant.count == 0 || (t->type != TFL_INT8 && t->type != TFL_UINT8))
        return REFUSE(s, SUPPORT_DATA_TYPE,
                      "%s: tensor \"%s\" is %s%s; the Edge TPU computes on quantised int8 and uint8: "
                      "convert the model with full integer quantisation",
                      op_name(s, op), t->name, tfl_type_name(t->type), t->quant.count ? "" : " without scale");
    if (t->quant.count != 1)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: activation \"%s\" has %u scales; one is possible", op_name(s, op),
                      t->name, t->quant.count);
    if (!has_zero_points(t))
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: zero point of \"%s\" does not fit %s", op_name(s, op), t->name,
                      tfl_type_name(t->type));
    if (t->type == TFL_INT8 && s->min_runtime_version < INT8_RUNTIME)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: tensor \"%s\" is int8, which needs runtime version %d (asked for: %d)",
                      op_name(s, op), t->name, INT8_RUNTIME, s->min_runtime_version);
    int64_t outer = 1;
    for (uint32_t i = 0; i + 3 < t->rank; i++)
        outer *= t->shape[i];
    if (outer != 1)
        return REFUSE(s, SUPPORT_RANK,
                      "%s: tensor \"%s\" (%s) has sizes above 1 outside its three innermost dimensions: "
                      "use batch 1",
                      op_name(s, op), t->name, tfl_shape_text(s->arena, t));
    return MAPPED;
}

/* An int16 tensor among 8-bit ones, with a rule of its own (support_lstm.c). */
static bool is_lstm_state(const struct support *s, const struct tfl_operator *o, uint32_t i)
{
    return o->code == TFL_OP_UNIDIRECTIONAL_SEQUENCE_LSTM && operand(s, o, i)->is_variable;
}

static struct verdict all_activations(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    struct verdict v = MAPPED;
    for (uint32_t i = 0; mapped(v) && i < o->n_inputs; i++)
        if (operand(s, o, i) && operand(s, o, i)->data.size == 0 && !is_lstm_state(s, o, i))
            v = activation_tensor(s, op, operand(s, o, i));
    for (uint32_t i = 0; mapped(v) && i < o->n_outputs; i++)
        v = activation_tensor(s, op, op_output(s->graph->source, o, i));
    return v;
}

/* ---- flat tensors: those that can lie on the chip as one vector ---- */

static bool is_reshape(const struct tfl_operator *o)
{
    return o->code == TFL_OP_RESHAPE || o->code == TFL_OP_SQUEEZE || o->code == TFL_OP_EXPAND_DIMS;
}

bool support_is_alias(const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    if (is_reshape(o))
        return true;
    const struct tfl_tensor *in = op_input(g, o, 0), *out = op_output(g, o, 0);
    return o->code == TFL_OP_QUANTIZE && in && out && same_numbers(in, out);
}

bool is_pixel(const struct tfl_tensor *t)
{
    return tfl_elements(t) == (t->rank ? t->shape[t->rank - 1] : 1);
}

/* From the last operator to the first: readers are judged before what they read. */
static void find_read_flat(struct support *s)
{
    const struct tfl_subgraph *g = s->graph->source;
    for (uint32_t t = 0; t < g->n_tensors; t++)
        s->read_flat[t] = true;
    for (uint32_t i = g->n_operators; i-- > 0;) {
        const struct tfl_operator *o = &g->operators[i];
        if (!operator_rule_of(o->code))
            continue; /* never on the chip: it reads what the host gets, in any form */
        bool flat = o->code == TFL_OP_FULLY_CONNECTED || (support_is_alias(s->graph->source, o) && o->n_outputs &&
                                                          (s->read_flat[o->outputs[0]] || is_pixel(result(s, o))));
        for (uint32_t k = 0; !flat && k < o->n_inputs; k++)
            if (o->inputs[k] >= 0)
                s->read_flat[o->inputs[k]] = false;
    }
}

/* The tensor is one pixel, or all who read it see a vector. */
static bool takes_flat(const struct support *s, int32_t t)
{
    return is_pixel(&s->graph->source->tensors[t]) || s->read_flat[t];
}

/* What operator `op`, just judged, makes of its outputs; what stays on the CPU comes in from the host. */
static void set_made_flat(struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    for (uint32_t k = 0; k < o->n_outputs; k++) {
        int32_t t = o->outputs[k];
        if (!mapped(s->verdicts[op]))
            s->made_flat[t] = takes_flat(s, t);
        else if (support_is_alias(s->graph->source, o) && !s->rearranged[op]) /* RESHAPE: an image becomes a vector */
            s->made_flat[t] = is_reshape(o) || s->made_flat[o->inputs[0]];
        else
            s->made_flat[t] = is_pixel(&s->graph->source->tensors[t]);
    }
}

/* ---- images that become vectors ---- */

/* The form that packs the bytes of one channel (emit_flatten.c). */
static bool flattens_whole(const struct tfl_tensor *t)
{
    struct shape4 s;
    if (!shape4_of(t, &s) || s.z != 1)
        return false;
    struct grid g = grid_of(s.y, s.x, s.z);
    return flatten_fits(&g);
}

/* NULL, or why this image cannot be put together on a tile. */
static const char *flatten_refusal(const struct support *s, const struct tfl_tensor *t)
{
    enum { PARTS = 21, OF = 16, CONSTANTS = 12 }; /* image and work buffer of emit_flatten.c, of a tile's pixels */
    struct shape4 d;
    if (!shape4_of(t, &d))
        return "more than three dimensions";
    int64_t need = (int64_t)d.y * d.x * ceil_div(d.z, 4);
    if (need > VECTOR_LIMIT / 4 && !flattens_whole(t))
        return arena_text(s->arena, "as a vector it has %lld bytes, %d are possible: make it smaller",
                          (long long)need * 4, VECTOR_LIMIT);
    if (need <= NARROW_WORDS) {
        struct grid g = grid_of(d.y, d.x, d.z);
        need = flattens_whole(t) ? need * PARTS / OF + CONSTANTS : need + grid_words(&g);
    }
    if (need > NARROW_WORDS)
        return arena_text(s->arena, "as a vector it takes %lld bytes of one tile, %d are there: make it smaller",
                          (long long)need * 4, 4 * NARROW_WORDS);
    return NULL;
}

enum reader { READ_BY_HOST = 1, READ_BY_PRODUCT = 2, READ_BY_OTHERS = 4 };

/* Who reads the tensor, perhaps under another name: what leaves the chip needs no rearrangement, a FULLY_CONNECTED can
 * take pixels in whole words. */
static int readers_of(const struct support *s, uint32_t tensor)
{
    const struct graph_tensor *t = &s->graph->tensors[tensor];
    int readers = t->is_output || t->n_consumers == 0 ? READ_BY_HOST : 0;
    for (uint32_t i = 0; i < t->n_consumers; i++) {
        const struct tfl_operator *o = &s->graph->source->operators[t->consumers[i]];
        if (!operator_rule_of(o->code))
            readers |= READ_BY_HOST;
        else if (support_is_alias(s->graph->source, o))
            readers |= readers_of(s, (uint32_t)o->outputs[0]);
        else
            readers |= o->code == TFL_OP_FULLY_CONNECTED ? READ_BY_PRODUCT : READ_BY_OTHERS;
    }
    return readers;
}

/* ---- one rule per operator ---- */

struct verdict support_fully_connected(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = operand(s, o, 0), *w = operand(s, o, 1), *bias = operand(s, o, 2);
    const struct tfl_tensor *out = result(s, o);
    struct verdict v = support_weights(s, op);
    if (!mapped(v))
        return v;
    if (!in || w->rank != 2)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: weights \"%s\" (%s) are no matrix", op_name(s, op), w->name,
                      tfl_shape_text(s->arena, w));
    if (o->options.fully_connected.weights_format != 0)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: shuffled weights; convert with the default weights format",
                      op_name(s, op));
    if (w->quant.count > 1 && (w->quant.dim != 0 || w->quant.count != (uint32_t)w->shape[0]))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: weights \"%s\" are quantised along dimension %d; 0 is possible",
                      op_name(s, op), w->name, w->quant.dim);
    if (bias && tfl_elements(bias) != w->shape[0])
        return REFUSE(s, SUPPORT_LIMITATION, "%s: bias \"%s\" has %lld elements for %d outputs", op_name(s, op),
                      bias->name, (long long)tfl_elements(bias), w->shape[0]);
    if (tfl_elements(in) != w->shape[1] || tfl_elements(out) != w->shape[0])
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) is more than one row of %d; split the batch",
                      op_name(s, op), in->name, tfl_shape_text(s->arena, in), w->shape[1]);
    if (w->shape[0] > OUTPUT_LIMIT || w->shape[1] > VECTOR_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: weights \"%s\" (%s): %d outputs of %d inputs are possible",
                      op_name(s, op), w->name, tfl_shape_text(s->arena, w), OUTPUT_LIMIT, VECTOR_LIMIT);
    int act = o->options.fully_connected.activation;
    if (act != TFL_ACT_NONE && act != TFL_ACT_RELU && act != TFL_ACT_RELU6 && act != TFL_ACT_RELU_N1_TO_1)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op), act);
    if (!s->made_flat[o->inputs[0]]) {
        const char *why = flatten_refusal(s, in);
        if (why)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s): %s", op_name(s, op), in->name,
                          tfl_shape_text(s->arena, in), why);
    }
    return MAPPED;
}

struct verdict support_reshape(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = operand(s, o, 0), *out = result(s, o);
    if (!in || tfl_elements(in) != tfl_elements(out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: element counts differ", op_name(s, op));
    if (support_is_rows(s, op))
        return MAPPED;
    if (!takes_flat(s, o->outputs[0]))
        return support_rearrange(s, op);
    int readers = readers_of(s, (uint32_t)o->outputs[0]);
    if (!s->made_flat[o->inputs[0]] && readers != READ_BY_HOST) {
        const char *why = flatten_refusal(s, in);
        /* Pixels that are no whole words: only a FULLY_CONNECTED can take them as they are. */
        if (!why && in->shape[in->rank - 1] % 4 && !flattens_whole(in) && readers & READ_BY_OTHERS)
            return support_rearrange(s, op);
        if (why)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s): %s", op_name(s, op), in->name,
                          tfl_shape_text(s->arena, in), why);
    }
    return MAPPED;
}

static struct verdict judge(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct operator_rule *rule = operator_rule_of(o->code);
    struct status st = {0};
    struct verdict v = all_activations(s, op);
    if (!mapped(v))
        return v;
    if (!rule)
        return REFUSE(s, SUPPORT_NOT_SUPPORTED, "%s: this operator has no Edge TPU form here", op_name(s, op));
    if (!graph_check(s->arena, s->views.original, op, &st))
        return REFUSE(s, SUPPORT_LIMITATION, "%s", st.message);
    return rule->support(s, op);
}

void support_judge(struct support *s, struct arena *a, const struct graph *original, int min_runtime_version)
{
    const struct views views = view_graph(a, original);
    const struct graph *g = views.graph;
    uint32_t n_tensors = g->source->n_tensors, n_operators = g->source->n_operators;
    *s = (struct support){.arena = a, .views = views, .graph = g, .min_runtime_version = min_runtime_version,
                          .verdicts = ARENA_ARRAY(a, struct verdict, n_operators),
                          .rearranged = ARENA_ARRAY(a, bool, n_operators),
                          .form = ARENA_ARRAY(a, enum support_form, n_tensors),
                          .read_flat = ARENA_ARRAY(a, bool, n_tensors), .made_flat = ARENA_ARRAY(a, bool, n_tensors)};
    find_read_flat(s);
    for (uint32_t t = 0; t < n_tensors; t++)
        s->made_flat[t] = takes_flat(s, (int32_t)t);
    for (uint32_t op = 0; op < n_operators; op++) {
        s->verdicts[op] = judge(s, op);
        set_made_flat(s, op);
        for (uint32_t k = 0; k < g->source->operators[op].n_outputs; k++)
            s->form[g->source->operators[op].outputs[k]] = support_form_of(s, op);
    }
}

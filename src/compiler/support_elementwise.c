/* Which operators work on elements one by one: on images and on vectors. */
#include "compiler/numerics.h"
#include "compiler/rule.h"
#include "compiler/operators.h"

#include <math.h>

enum {
    FILL_LIMIT = 1024,   /* channels of a constant operand: an instruction for four of them */
    IMAGE_LIMIT = 32768, /* elements of any other constant: eight bytes of parameters for each (lower_constant.c) */
};

static bool known_activation(enum tfl_activation act)
{
    return act == TFL_ACT_NONE || act == TFL_ACT_RELU || act == TFL_ACT_RELU6 || act == TFL_ACT_RELU_N1_TO_1;
}

static bool same_shape(const struct tfl_tensor *a, const struct tfl_tensor *b)
{
    struct shape4 x, y;
    return shape4_of(a, &x) && shape4_of(b, &y) && x.n == y.n && x.y == y.y && x.x == y.x && x.z == y.z;
}

/* The operand is as large as the result, or is repeated along channels, or along rows and columns, or along all. */
static bool repeats(const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    struct shape4 x, y;
    return shape4_of(t, &x) && shape4_of(out, &y) && x.n == 1 && y.n == 1 && (x.z == y.z || x.z == 1) &&
           ((x.y == y.y && x.x == y.x) || (x.y == 1 && x.x == 1));
}

/* A repeated operand may lie anyhow if it is a pixel; all others are images if one is. */
static struct verdict variable_operand(const struct support *s, uint32_t op, uint32_t k, const struct tfl_tensor *out)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *t = op_input(s->graph->source, o, k), *other = op_input(s->graph->source, o, 1 - k);
    if (!repeats(t, out))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: input \"%s\" (%s) is repeated to %s; this version repeats one value or one pixel for all, "
                      "or one channel for all",
                      op_name(s, op), t->name, tfl_shape_text(s->arena, t), tfl_shape_text(s->arena, out));
    if (other->data.size && !same_shape(t, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) is repeated for the constant \"%s\" (%s); this "
                      "version repeats constants only", op_name(s, op), t->name, tfl_shape_text(s->arena, t),
                      other->name, tfl_shape_text(s->arena, other));
    bool beside_repeated = !same_shape(t, out) || (other->data.size == 0 && !same_shape(other, out));
    if (beside_repeated && !is_pixel(out) && !is_pixel(t) && s->form[o->inputs[k]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) lies on the chip as a vector, where this version "
                      "repeats nothing", op_name(s, op), t->name, tfl_shape_text(s->arena, t));
    return MAPPED;
}

bool is_constant_image(const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    int64_t n = tfl_elements(t), channels = out->rank ? out->shape[out->rank - 1] : 1;
    return n != 1 && !(is_pixel(t) && n == channels);
}

/* Each of its dimensions is that of the output, or 1. */
bool constant_fits(const struct tfl_tensor *t, const struct tfl_tensor *out)
{
    for (uint32_t k = 1; k <= t->rank; k++) {
        int32_t have = t->shape[t->rank - k];
        if (have != 1 && (k > out->rank || have != out->shape[out->rank - k]))
            return false;
    }
    return true;
}

/* Elements that are made from parameters (lower_constant.c): of an image only what does not repeat. */
static int64_t parameters_of(const struct support *s, uint32_t op, const struct tfl_tensor *t,
                             const struct tfl_tensor *out)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    int64_t all = tfl_elements(out);
    struct constant_form f = constant_form_of(t, out);
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (op_input(s->graph->source, o, k)->data.size == 0 && s->form[o->inputs[k]] != FORM_IMAGE)
            return all;
    return f.alike || all == 0 ? 0 : all / out->shape[out->rank - 1] * f.channels;
}

/* One value, one for each channel, or any that fits the output's shape. */
static struct verdict constant_operand(const struct support *s, uint32_t op, const struct tfl_tensor *t,
                                       const struct tfl_tensor *out)
{
    int64_t n = tfl_elements(t);
    if (t->quant.count != 1 || t->type != out->type)
        return REFUSE(s, SUPPORT_DATA_TYPE, "%s: constant \"%s\" must have one scale and the type of the output",
                      op_name(s, op), t->name);
    if (is_constant_image(t, out) && (!constant_fits(t, out) || t->data.size != (size_t)n))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: constant \"%s\" (%s) cannot be repeated to %s", op_name(s, op),
                      t->name, tfl_shape_text(s->arena, t), tfl_shape_text(s->arena, out));
    if (is_constant_image(t, out) && parameters_of(s, op, t, out) > IMAGE_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: constant \"%s\" (%s) becomes %lld elements on the chip; %d are "
                      "possible: make it one value for each channel", op_name(s, op), t->name,
                      tfl_shape_text(s->arena, t), (long long)parameters_of(s, op, t, out), IMAGE_LIMIT);
    if (is_constant_image(t, out))
        return MAPPED;
    if (n > FILL_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: constant \"%s\" has %lld channels; %d are possible", op_name(s, op),
                      t->name, (long long)n, FILL_LIMIT);
    return MAPPED;
}

/* Shapes and types of the operands. */
static struct verdict two_operands(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    struct shape4 shape;
    unsigned constants = 0;
    if (!shape4_of(out, &shape))
        return REFUSE(s, SUPPORT_RANK, "%s: output \"%s\" (%s) has more than three dimensions", op_name(s, op),
                      out->name, tfl_shape_text(s->arena, out));
    for (uint32_t k = 0; k < 2; k++) {
        const struct tfl_tensor *t = op_input(s->graph->source, o, k);
        struct verdict v = t->data.size ? constant_operand(s, op, t, out) : variable_operand(s, op, k, out);
        constants += t->data.size != 0;
        if (v.why)
            return v;
    }
    if (constants == 2)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: both inputs are constants; fold them", op_name(s, op));
    return MAPPED;
}

struct verdict support_binary(const struct support *s, uint32_t op)
{
    enum tfl_activation act = fused_activation(&s->graph->source->operators[op]);
    if (!known_activation(act))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)act);
    return two_operands(s, op);
}

struct verdict support_unary(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    if (!in || !out || in->data.size || !same_shape(in, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: the input must be an activation of the output's shape",
                      op_name(s, op));
    return MAPPED;
}

/* Above that the largest result is too far beyond 8 bits for the table's relative error. */
enum { EXP_LIMIT = 65536 };

struct verdict support_exp(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    struct verdict v = support_unary(s, op);
    if (!v.why && !(expf(largest_input(in)) / out->quant.scale[0] <= EXP_LIMIT))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" reaches %g, whose exponential is %g steps of output "
                      "\"%s\"; %d are possible: a smaller input scale", op_name(s, op), in->name,
                      (double)largest_input(in), (double)(expf(largest_input(in)) / out->quant.scale[0]), out->name,
                      EXP_LIMIT);
    return v;
}

/* MAXIMUM and MINIMUM compare bytes. */
struct verdict support_limit(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *out = op_output(s->graph->source, o, 0);
    for (uint32_t k = 0; k < 2; k++) {
        const struct tfl_tensor *t = op_input(s->graph->source, o, k);
        if (t->type != out->type || t->quant.count != 1 || !same_numbers(t, out))
            return REFUSE(s, SUPPORT_LIMITATION, "%s: inputs and output must have one scale and zero point; those of "
                          "input \"%s\" and output \"%s\" differ", op_name(s, op), t->name, out->name);
    }
    return two_operands(s, op);
}

struct verdict support_prelu(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *alpha = op_input(s->graph->source, o, 1), *out = op_output(s->graph->source, o, 0);
    struct verdict v = support_unary(s, op);
    if (!v.why && alpha->data.size == 0)
        return REFUSE(s, SUPPORT_NOT_CONSTANT, "%s: alpha \"%s\" must be a constant", op_name(s, op), alpha->name);
    if (!v.why && is_constant_image(alpha, out))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: alpha \"%s\" (%s) is neither one value nor one for each channel of %s", op_name(s, op),
                      alpha->name, tfl_shape_text(s->arena, alpha), tfl_shape_text(s->arena, out));
    return v.why ? v : constant_operand(s, op, alpha, out);
}

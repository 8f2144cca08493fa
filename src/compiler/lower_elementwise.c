/* Operators that work on elements one by one. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "graph/graph.h"

#include <math.h>

/* ---- one tensor ---- */

static void set_table_numerics(struct pointwise_detail *d, const struct tfl_tensor *in, const struct tfl_tensor *out,
                               enum lut_function f)
{
    d->has_table = true;
    d->table = f;
    d->steps = 1.0f / out->quant.scale[0];
    struct lut t = lut_make(f, d->steps);
    d->numbers = (struct isa_tensor){.azp = unsigned_zero_point(in),
                                     .ozp = unsigned_zero_point(out),
                                     .lut = 1,
                                     .odd = t.odd ? 3 : 0,
                                     .scale = (int32_t)f32_bits(in->quant.scale[0]),
                                     .min = (int32_t)f32_bits(t.min),
                                     .max = (int32_t)f32_bits(t.max)};
}

static void set_unary_numerics(struct pointwise_detail *d, const struct tfl_tensor *in, const struct tfl_tensor *out,
                               enum tfl_builtin code)
{
    switch (code) {
    case TFL_OP_LOGISTIC: set_table_numerics(d, in, out, LUT_LOGISTIC); break;
    case TFL_OP_TANH: set_table_numerics(d, in, out, LUT_TANH); break;
    case TFL_OP_RELU: set_rescale_numerics(&d->numbers, in, out, TFL_ACT_RELU); break;
    case TFL_OP_RELU6: set_rescale_numerics(&d->numbers, in, out, TFL_ACT_RELU6); break;
    case TFL_OP_RELU_N1_TO_1: set_rescale_numerics(&d->numbers, in, out, TFL_ACT_RELU_N1_TO_1); break;
    default: set_rescale_numerics(&d->numbers, in, out, TFL_ACT_NONE); break;
    }
}

/* Bytes above or below the constant become it. */
static void set_limit_numerics(struct isa_tensor *i, const struct tfl_tensor *limit, bool lowest)
{
    int32_t byte = limit->data.data[0] ^ (limit->type == TFL_INT8 ? 0x80 : 0);
    set_copy_numerics(i);
    *(lowest ? &i->min : &i->max) = (int32_t)f32_bits((float)byte);
}

uint32_t lower_like(struct plan *p, const struct tfl_tensor *t, uint32_t model)
{
    struct value v = p->values[model];
    return plan_value(p, t, v.layout, v.y, v.x, v.z);
}

uint32_t lower_unary_value(struct plan *p, uint32_t op, uint32_t from)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *in = op_input(p->graph, o, 0), *out = op_output(p->graph, o, 0);
    uint32_t to = lower_like(p, out, from);
    const struct value *v = &p->values[from];
    struct pointwise_detail *d = ARENA_NEW(p->arena, struct pointwise_detail);
    *d = (struct pointwise_detail){.y = axis_same(v->y), .x = axis_same(v->x), .words = v->grid.words};
    if (o->code == TFL_OP_MAXIMUM || o->code == TFL_OP_MINIMUM)
        set_limit_numerics(&d->numbers, op_input(p->graph, o, 1), o->code == TFL_OP_MAXIMUM);
    else
        set_unary_numerics(d, in, out, o->code);
    struct step *s = plan_step(p, &family_pointwise, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
    return to;
}

bool lower_unary(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t from = lower_value(p, (uint32_t)o->inputs[0]);
    if (p->values[from].layout == LAYOUT_PARTS && !support_is_alias(p->graph, o)) {
        lower_unary_parts(p, op);
        return true;
    }
    if (!support_is_alias(p->graph, o)) {
        if (p->values[from].layout == LAYOUT_WHOLE)
            from = lower_slices(p, from, op);
        from = lower_unary_value(p, op, from);
    }
    p->value_of[o->outputs[0]] = from;
    return true;
}

/* ---- two tensors ---- */

/* The constant operand k as a plane of its own. */
static uint32_t constant_value(struct plan *p, uint32_t op, uint32_t k, uint32_t model)
{
    const struct tfl_tensor *t = op_input(p->graph, &p->graph->operators[op], k);
    struct fixed_detail *d = ARENA_NEW(p->arena, struct fixed_detail);
    uint8_t *bytes = arena_alloc(p->arena, t->data.size);
    for (size_t i = 0; i < t->data.size; i++)
        bytes[i] = t->data.data[i] ^ (t->type == TFL_INT8 ? 0x80 : 0);
    *d = (struct fixed_detail){.bytes = bytes, .channels = (int32_t)t->data.size};
    uint32_t v = lower_like(p, t, model);
    struct step *s = plan_step(p, &family_fixed, op);
    s->detail = d;
    step_makes(p, s, v);
    return v;
}

/* ---- a constant operand: folded into a requantisation of the other (numerics.md section 2, movenet) ---- */

/* Element i of a constant in its own steps. */
static int32_t constant_at(const struct tfl_tensor *t, size_t i)
{
    int32_t raw = t->type == TFL_INT8 ? (int8_t)t->data.data[i] : t->data.data[i];
    return raw - (int32_t)t->quant.zero_point[0];
}

/* What ADD or SUB adds, in steps of the input. */
static int32_t constant_bias(const struct tfl_tensor *t, size_t i, int sign, float s_in)
{
    enum { MOST = 1 << 24 };
    double steps = round(sign * constant_at(t, i) * (double)t->quant.scale[0] / (double)s_in);
    return fabs(steps) < MOST ? (int32_t)steps : steps < 0 ? -MOST : MOST;
}

struct folding {
    const struct tfl_operator *o;
    const struct tfl_tensor *in, *constant, *out;
    int sign; /* of the constant */
};

static void fold_scalar(struct plan *p, uint32_t op, const struct folding *f, uint32_t from, uint32_t to)
{
    struct pointwise_detail *d = ARENA_NEW(p->arena, struct pointwise_detail);
    const struct value *v = &p->values[from];
    *d = (struct pointwise_detail){.y = axis_same(v->y), .x = axis_same(v->x), .words = v->grid.words};
    set_rescale_numerics(&d->numbers, f->in, f->out, fused_activation(f->o));
    if (f->o->code == TFL_OP_MUL) {
        float factor = (float)constant_at(f->constant, 0) * f->constant->quant.scale[0];
        d->numbers.scale =
            (int32_t)f32_bits(weighted_multiplier(f->in->quant.scale[0], factor, f->out->quant.scale[0]));
    } else {
        d->numbers.cbias = constant_bias(f->constant, 0, f->sign, f->in->quant.scale[0]);
    }
    struct step *s = plan_step(p, &family_pointwise, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

/* Weights of 1 for each channel: factors as scales, addends as bias; on the diagonal of a matrix for a vector. */
static struct weighted channel_weights(struct plan *p, const struct folding *f, int32_t z, bool diagonal)
{
    struct tfl_tensor *w = ARENA_NEW(p->arena, struct tfl_tensor), *bias = NULL;
    size_t n = (size_t)z, size = diagonal ? n * n : n;
    uint8_t *data = arena_alloc(p->arena, size);
    *w = (struct tfl_tensor){
        .name = f->constant->name, .type = TFL_UINT8, .rank = diagonal ? 2 : 4, .data = bytes_of(data, size)};
    w->shape =
        arena_copy(p->arena, diagonal ? (int32_t[]){z, z, 0, 0} : (int32_t[]){1, 1, 1, z}, 4 * sizeof(int32_t));
    w->quant = (struct tfl_quant){.scale = ARENA_ARRAY(p->arena, float, n),
                                  .zero_point = ARENA_ARRAY(p->arena, int64_t, n),
                                  .count = f->o->code == TFL_OP_MUL ? (uint32_t)z : 1,
                                  .dim = diagonal ? 0 : 3};
    if (f->o->code != TFL_OP_MUL) {
        uint8_t *sums = arena_alloc(p->arena, 4 * n);
        bias = ARENA_NEW(p->arena, struct tfl_tensor);
        *bias = (struct tfl_tensor){
            .name = f->constant->name, .type = TFL_INT32, .rank = 1, .data = bytes_of(sums, 4 * n)};
        bias->shape = arena_copy(p->arena, &z, sizeof z);
        for (size_t c = 0; c < n; c++)
            put_le32(sums + 4 * c, (uint32_t)constant_bias(f->constant, c, f->sign, f->in->quant.scale[0]));
    }
    for (size_t c = 0; c < n; c++) {
        data[diagonal ? c * n + c : c] = 1;
        w->quant.scale[c] = bias ? 1 : (float)constant_at(f->constant, c) * f->constant->quant.scale[0];
    }
    return (struct weighted){
        .in = f->in, .weights = w, .bias = bias, .out = f->out, .activation = fused_activation(f->o)};
}

static void fold_channels(struct plan *p, uint32_t op, const struct folding *f, uint32_t from, uint32_t to)
{
    struct value v = p->values[from];
    int32_t z = (int32_t)tfl_elements(f->constant);
    const void *detail;
    if (v.layout == LAYOUT_GRID) {
        struct conv_detail *d = ARENA_NEW(p->arena, struct conv_detail);
        *d = (struct conv_detail){
            .op = channel_weights(p, f, z, false), .depthwise = true, .y = {1, 1, 1, 0}, .x = {1, 1, 1, 0}};
        detail = d;
    } else {
        struct weighted w = channel_weights(p, f, z, true);
        detail = arena_copy(p->arena, &w, sizeof w);
        from = lower_whole(p, from, (1 << slices_of(z).tiles) - 1, op);
    }
    struct step *s = plan_step(p, v.layout == LAYOUT_GRID ? &family_conv : &family_fully_connected, op);
    s->detail = detail;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

/* The operands lie on the grid, but for pixels that are repeated, however they lie. */
static bool as_images(const struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    bool images = true, repeated = !is_pixel(op_output(p->graph, o, 0));
    for (uint32_t k = 0; k < 2; k++)
        if (op_input(p->graph, o, k)->data.size == 0 && !(repeated && is_pixel(op_input(p->graph, o, k))))
            images = images && lower_is_image(p, (uint32_t)o->inputs[k]);
    return images;
}

bool lower_binary(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t in[2] = {NO_VALUE, NO_VALUE}, model = NO_VALUE, constant = 2;
    bool images = as_images(p, op);
    for (uint32_t k = 0; k < 2; k++) {
        if (op_input(p->graph, o, k)->data.size)
            constant = k;
        else
            model = in[k] = lower_operand(p, op, k, images);
    }
    uint32_t out = lower_like(p, op_output(p->graph, o, 0), model);
    p->value_of[o->outputs[0]] = out;
    if (constant < 2 && (constant == 1 || o->code != TFL_OP_SUB)) {
        const struct folding f = {o, op_input(p->graph, o, 1 - constant), op_input(p->graph, o, constant),
                                  op_output(p->graph, o, 0), o->code == TFL_OP_SUB ? -1 : 1};
        (tfl_elements(f.constant) == 1 ? fold_scalar : fold_channels)(p, op, &f, model, out);
        return true;
    }
    if (constant < 2)
        in[constant] = constant_value(p, op, constant, model);
    struct binary_detail *d = ARENA_NEW(p->arena, struct binary_detail);
    *d = (struct binary_detail){.code = o->code,
                                .in = {op_input(p->graph, o, 0), op_input(p->graph, o, 1)},
                                .out = op_output(p->graph, o, 0),
                                .activation = fused_activation(o)};
    struct step *s = plan_step(p, o->code == TFL_OP_MUL ? &family_product : &family_sum, op);
    s->detail = d;
    step_reads(p, s, in[0]);
    step_reads(p, s, in[1]);
    step_makes(p, s, out);
    return true;
}

/* Operators that work on elements one by one. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "graph/graph.h"

#include <math.h>

/* ---- one tensor ---- */

static void set_table(struct plan *p, struct pointwise_detail *d, const struct tfl_tensor *in,
                      const struct tfl_tensor *out, struct lut t)
{
    d->table = arena_copy(p->arena, &t, sizeof t);
    set_table_numerics(&d->numbers, out, &t);
    d->numbers.azp = unsigned_zero_point(in);
    d->numbers.scale = (int32_t)f32_bits(in->quant.scale[0]);
}

/* The table is for x <= 0: inputs count from the largest. */
static void set_exponential(struct plan *p, struct pointwise_detail *d, const struct tfl_tensor *in,
                            const struct tfl_tensor *out)
{
    set_table(p, d, in, out, lut_exp_8bit(largest_input(in), out->quant.scale[0]));
    d->numbers.cbias = unsigned_zero_point(in) - 255;
}

static void set_unary_numerics(struct plan *p, struct pointwise_detail *d, const struct tfl_tensor *in,
                               const struct tfl_tensor *out, enum tfl_builtin code)
{
    float s_out = out->quant.scale[0];
    switch (code) {
    case TFL_OP_LOGISTIC: set_table(p, d, in, out, lut_make(LUT_LOGISTIC, 1.0f / s_out)); break;
    case TFL_OP_TANH: set_table(p, d, in, out, lut_make(LUT_TANH, 1.0f / s_out)); break;
    case TFL_OP_EXP: set_exponential(p, d, in, out); break;
    case TFL_OP_RSQRT: set_table(p, d, in, out, lut_rsqrt_8bit(in->quant.scale[0], s_out)); break;
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

/* All of a value; what is done to it is left open. */
static struct pointwise_detail *whole_pointwise(struct plan *p, uint32_t from)
{
    struct pointwise_detail *d = ARENA_NEW(p->arena, struct pointwise_detail);
    const struct value *v = &p->values[from];
    *d = (struct pointwise_detail){.y = axis_same(v->y), .x = axis_same(v->x), .words = v->grid.words};
    return d;
}

static void add_pointwise(struct plan *p, uint32_t op, const struct pointwise_detail *d, uint32_t from, uint32_t to)
{
    struct step *s = plan_step(p, &family_pointwise, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

uint32_t lower_pointwise(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t from,
                         const struct isa_tensor *numbers)
{
    struct pointwise_detail *d = whole_pointwise(p, from);
    uint32_t to = lower_like(p, t, from);
    d->numbers = *numbers;
    add_pointwise(p, op, d, from, to);
    return to;
}

uint32_t lower_complement(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t from)
{
    struct tfl_tensor *mirrored = arena_copy(p->arena, t, sizeof *t);
    int64_t zero = (t->type == TFL_INT8 ? -1 : 255) - t->quant.zero_point[0];
    struct isa_tensor numbers = {0};
    mirrored->quant.zero_point = arena_copy(p->arena, &zero, sizeof zero);
    set_copy_numerics(&numbers);
    numbers.scale = (int32_t)f32_bits(-1.0f);
    numbers.azp = unsigned_zero_point(t);
    numbers.ozp = unsigned_zero_point(mirrored);
    return lower_pointwise(p, op, mirrored, from, &numbers);
}

uint32_t lower_unary_value(struct plan *p, uint32_t op, uint32_t from)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *in = op_input(p->graph, o, 0), *out = op_output(p->graph, o, 0);
    uint32_t to = lower_like(p, out, from);
    struct pointwise_detail *d = whole_pointwise(p, from);
    if (o->code == TFL_OP_MAXIMUM || o->code == TFL_OP_MINIMUM)
        set_limit_numerics(&d->numbers, op_input(p->graph, o, 1), o->code == TFL_OP_MAXIMUM);
    else
        set_unary_numerics(p, d, in, out, o->code);
    add_pointwise(p, op, d, from, to);
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

void lower_pair(struct plan *p, uint32_t op, const struct binary_detail *d, uint32_t x, uint32_t y, uint32_t out)
{
    struct step *s = plan_step(p, d->code == TFL_OP_MUL ? &family_product : &family_sum, op);
    s->detail = arena_copy(p->arena, d, sizeof *d);
    step_reads(p, s, x);
    step_reads(p, s, y);
    step_makes(p, s, out);
}

/* The constant operand k as a plane of its own. */
static uint32_t constant_value(struct plan *p, uint32_t op, uint32_t k, uint32_t model)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = op_input(p->graph, o, k), *out = op_output(p->graph, o, 0);
    if (is_constant_image(t, out))
        return lower_constant(p, op, t, out, model);
    return lower_constant_pixel(p, op, t, t->data.data, (int32_t)t->data.size, model);
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

static void fold_scalar(struct plan *p, uint32_t op, const struct folding *f, uint32_t from, uint32_t to)
{
    struct pointwise_detail *d = whole_pointwise(p, from);
    set_rescale_numerics(&d->numbers, f->in, f->out, f->activation);
    if (f->code == TFL_OP_MUL) {
        float factor = (float)constant_at(f->constant, 0) * f->constant->quant.scale[0];
        d->numbers.scale =
            (int32_t)f32_bits(weighted_multiplier(f->in->quant.scale[0], factor, f->out->quant.scale[0]));
    } else {
        d->numbers.cbias = constant_bias(f->constant, 0, f->sign, f->in->quant.scale[0]);
    }
    add_pointwise(p, op, d, from, to);
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
                                  .count = f->code == TFL_OP_MUL ? (uint32_t)z : 1,
                                  .dim = diagonal ? 0 : 3};
    if (f->code != TFL_OP_MUL) {
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
        .in = f->in, .weights = w, .bias = bias, .out = f->out, .activation = f->activation};
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

void lower_fold(struct plan *p, uint32_t op, const struct folding *f, uint32_t from, uint32_t to)
{
    (tfl_elements(f->constant) == 1 ? fold_scalar : fold_channels)(p, op, f, from, to);
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

/* The operand that is a constant; 2: none. */
static uint32_t constant_of(const struct plan *p, uint32_t op)
{
    uint32_t k = 0;
    while (k < 2 && op_input(p->graph, &p->graph->operators[op], k)->data.size == 0)
        k++;
    return k;
}

void lower_operands(struct plan *p, uint32_t op, uint32_t in[2])
{
    uint32_t constant = constant_of(p, op);
    bool images = as_images(p, op);
    for (uint32_t k = 0; k < 2; k++)
        if (k != constant)
            in[k] = lower_operand(p, op, k, images);
    if (constant < 2)
        in[constant] = constant_value(p, op, constant, in[1 - constant]);
}

static uint32_t make_output(struct plan *p, uint32_t op, uint32_t model)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    return p->value_of[o->outputs[0]] = lower_like(p, op_output(p->graph, o, 0), model);
}

static void fold_constant(struct plan *p, uint32_t op, uint32_t constant)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct folding f = {.code = o->code,
                              .activation = fused_activation(o),
                              .in = op_input(p->graph, o, 1 - constant),
                              .constant = op_input(p->graph, o, constant),
                              .out = op_output(p->graph, o, 0),
                              .sign = o->code == TFL_OP_SUB ? -1 : 1};
    uint32_t from = lower_operand(p, op, 1 - constant, as_images(p, op));
    lower_fold(p, op, &f, from, make_output(p, op, from));
}

bool lower_binary(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t in[2], constant = constant_of(p, op);
    bool folds = constant < 2 && !is_constant_image(op_input(p->graph, o, constant), op_output(p->graph, o, 0));
    if (folds && (constant == 1 || o->code == TFL_OP_ADD || o->code == TFL_OP_MUL)) {
        fold_constant(p, op, constant);
        return true;
    }
    lower_operands(p, op, in);
    struct binary_detail d = {.code = o->code,
                              .in = {op_input(p->graph, o, 0), op_input(p->graph, o, 1)},
                              .out = op_output(p->graph, o, 0),
                              .activation = fused_activation(o)};
    lower_pair(p, op, &d, in[0], in[1], make_output(p, op, in[0]));
    return true;
}

/* The squares come from a table that the difference goes through. */
bool lower_squared_difference(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct lut square = lut_square(op_output(p->graph, o, 0)->quant.scale[0]);
    uint32_t in[2];
    lower_operands(p, op, in);
    struct binary_detail d = {.code = TFL_OP_SUB,
                              .in = {op_input(p->graph, o, 0), op_input(p->graph, o, 1)},
                              .out = op_output(p->graph, o, 0),
                              .table = arena_copy(p->arena, &square, sizeof square)};
    lower_pair(p, op, &d, in[0], in[1], make_output(p, op, in[0]));
    return true;
}

/* ---- MAXIMUM, MINIMUM: exact in two sums, for all three tensors have one scale ---- */

/* x - y where that is positive, else 0: in the same steps, with the zero point at the lowest value. */
static uint32_t lower_excess(struct plan *p, uint32_t op, const struct tfl_tensor *like, uint32_t x, uint32_t y,
                             const struct tfl_tensor **excess)
{
    struct tfl_tensor *t = arena_copy(p->arena, like, sizeof *like);
    int64_t lowest = like->type == TFL_INT8 ? -128 : 0;
    t->quant.zero_point = arena_copy(p->arena, &lowest, sizeof lowest);
    uint32_t v = lower_like(p, t, x);
    lower_pair(p, op, &(struct binary_detail){.code = TFL_OP_SUB, .in = {like, like}, .out = t}, x, y, v);
    *excess = t;
    return v;
}

/* max(x, y) = y + excess, min(x, y) = x - excess of x over y. */
bool lower_limit(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = op_output(p->graph, o, 0), *second = op_input(p->graph, o, 1), *excess;
    bool most = o->code == TFL_OP_MAXIMUM;
    uint32_t in[2];
    if (second->data.size && tfl_elements(second) == 1)
        return lower_unary(p, op);
    lower_operands(p, op, in);
    uint32_t more = lower_excess(p, op, t, in[0], in[1], &excess);
    struct binary_detail d = {.code = most ? TFL_OP_ADD : TFL_OP_SUB, .in = {t, excess}, .out = t};
    lower_pair(p, op, &d, in[most], more, make_output(p, op, more));
    return true;
}

/* ---- PRELU: what is above 0 and, by its factors, what is below; one of them is 0 ---- */

static uint32_t below_zero(struct plan *p, uint32_t op, const struct tfl_tensor *in, uint32_t from)
{
    struct isa_tensor numbers = {0};
    set_copy_numerics(&numbers);
    numbers.max = (int32_t)f32_bits((float)unsigned_zero_point(in));
    return lower_pointwise(p, op, in, from, &numbers);
}

bool lower_prelu(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *in = op_input(p->graph, o, 0), *out = op_output(p->graph, o, 0);
    const struct folding f = {
        .code = TFL_OP_MUL, .in = in, .constant = op_input(p->graph, o, 1), .out = out, .sign = 1};
    struct isa_tensor positive = {0};
    uint32_t from = lower_value(p, (uint32_t)o->inputs[0]);
    if (!lower_is_image(p, (uint32_t)o->inputs[0]))
        from = lower_slices(p, from, op);
    uint32_t low = lower_like(p, out, from);
    lower_fold(p, op, &f, below_zero(p, op, in, from), low);
    set_rescale_numerics(&positive, in, out, TFL_ACT_RELU);
    uint32_t high = lower_pointwise(p, op, out, from, &positive);
    struct binary_detail d = {.code = TFL_OP_ADD, .in = {out, out}, .out = out};
    lower_pair(p, op, &d, low, high, make_output(p, op, from));
    return true;
}

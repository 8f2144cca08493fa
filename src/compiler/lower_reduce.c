/* MEAN, SUM, REDUCE_MAX and REDUCE_MIN over channels.  No official instance: MEAN and SUM are 1x1 convolutions with
 * weights of one; the largest of a pixel is the first step of its SOFTMAX (emit_pixel_norm.c); the smallest is the
 * complement of the largest complement. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/pixel_norm.h"
#include "compiler/pool.h"

bool reduction_of_channels(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    bool gone[4];
    struct shape4 s;
    return is_reduction(o) && reduced_axes(a, g, o, gone) && shape4_of(op_input(g, o, 0), &s) && gone[3] &&
           (!gone[1] || s.y == 1) && (!gone[2] || s.x == 1);
}

static struct tfl_quant one_quant(struct arena *a, float scale)
{
    struct tfl_quant q = {.scale = ARENA_NEW(a, float), .zero_point = ARENA_NEW(a, int64_t), .count = 1};
    q.scale[0] = scale;
    return q;
}

/* A convolution of 1x1 to one channel. */
static void lower_sum(struct plan *p, uint32_t op, uint32_t from, uint32_t to)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct tfl_tensor *ones = ARENA_NEW(p->arena, struct tfl_tensor);
    struct conv_detail *d = ARENA_NEW(p->arena, struct conv_detail);
    size_t n = (size_t)p->values[from].z;
    uint8_t *data = arena_alloc(p->arena, n);
    memset(data, 1, n);
    *ones = (struct tfl_tensor){.name = op_input(p->graph, o, 0)->name, .type = TFL_UINT8, .rank = 4};
    ones->quant = one_quant(p->arena, o->code == TFL_OP_MEAN ? 1.0f / (float)n : 1.0f);
    ones->shape = arena_copy(p->arena, (int32_t[]){1, 1, 1, (int32_t)n}, 4 * sizeof(int32_t));
    ones->data = bytes_of(data, n);
    *d = (struct conv_detail){.op = {.in = lower_shaped(p, op_input(p->graph, o, 0), &p->values[from]),
                                     .weights = ones,
                                     .out = lower_shaped(p, op_output(p->graph, o, 0), &p->values[to])},
                              .y = {1, 1, 1, 0},
                              .x = {1, 1, 1, 0}};
    struct step *s = plan_step(p, &family_conv, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

static void lower_largest(struct plan *p, uint32_t op, uint32_t from, uint32_t to)
{
    struct step *s = plan_step(p, &family_channel_max, op);
    s->detail = p->values[to].tensor;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

bool lower_channel_reduction(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t from = lower_value(p, (uint32_t)o->inputs[0]);
    struct value v = p->values[from];
    bool least = o->code == TFL_OP_REDUCE_MIN; /* the largest of the complements */
    const struct tfl_tensor *t = op_output(p->graph, o, 0);
    if (least) {
        from = lower_complement(p, op, t, from);
        t = p->values[from].tensor;
    }
    uint32_t to = plan_value(p, t, LAYOUT_GRID, v.y, v.x, 1);
    if (o->code == TFL_OP_MEAN || o->code == TFL_OP_SUM)
        lower_sum(p, op, from, to);
    else
        lower_largest(p, op, from, to);
    p->value_of[o->outputs[0]] = least ? lower_complement(p, op, t, to) : to;
    return true;
}

/* MEAN, SUM, REDUCE_MAX and REDUCE_MIN over channels, as 1x1 convolutions.
 *
 * MEAN and SUM have weights of one.  The larger of a and b is b plus what a exceeds it by; for every pair of channels
 * one convolution makes both addends: relu(a - b) and b.  The next one makes the same of pairs of their sums, so that
 * n channels take log2(n) + 1 convolutions with weights -1, 0 and 1, exact in bytes.  The smaller is a less what it
 * exceeds b by.  No official instance. */
#include "compiler/families.h"
#include "compiler/lower.h"
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

/* The image `to` by a matrix of int8 weights, [to.z][from.z]; in, out: the numbers of both. */
static void multiply(struct plan *p, uint32_t op, const struct tfl_tensor *in, uint32_t from,
                     const struct tfl_tensor *out, uint32_t to, const int8_t *matrix, float scale)
{
    struct tfl_tensor *w = ARENA_NEW(p->arena, struct tfl_tensor);
    struct conv_detail *d = ARENA_NEW(p->arena, struct conv_detail);
    int32_t inputs = p->values[from].z, outputs = p->values[to].z;
    *w = (struct tfl_tensor){.name = in->name, .type = TFL_INT8, .rank = 4, .quant = one_quant(p->arena, scale)};
    w->shape = arena_copy(p->arena, (int32_t[]){outputs, 1, 1, inputs}, 4 * sizeof(int32_t));
    w->data = bytes_of(matrix, (size_t)inputs * (size_t)outputs);
    *d = (struct conv_detail){.op = {.in = lower_shaped(p, in, &p->values[from]),
                                     .weights = w,
                                     .out = lower_shaped(p, out, &p->values[to])},
                              .y = {1, 1, 1, 0},
                              .x = {1, 1, 1, 0}};
    struct step *s = plan_step(p, &family_conv, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

static void lower_sum(struct plan *p, uint32_t op, uint32_t from, uint32_t to)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    size_t n = (size_t)p->values[from].z;
    int8_t *ones = arena_alloc(p->arena, n);
    memset(ones, 1, n);
    multiply(p, op, op_input(p->graph, o, 0), from, op_output(p->graph, o, 0), to, ones,
             o->code == TFL_OP_MEAN ? 1.0f / (float)n : 1.0f);
}

/* `n` channels whose value is that of channel k, or, where split, of channel n + k plus or less that of k. */
struct level {
    int32_t n;
    bool split;
};

static int32_t inputs_of(const struct level *l) { return l->split ? 2 * l->n : l->n; }

/* Adds `times` the value of channel k to a row of a matrix; `sign`: of the excess. */
static void add_channel(int8_t *row, const struct level *l, int32_t k, int8_t times, int8_t sign)
{
    if (l->split)
        row[k] = (int8_t)(row[k] + times * sign);
    row[l->split ? l->n + k : k] = times;
}

static void lower_extreme(struct plan *p, uint32_t op, uint32_t from, uint32_t to, bool most)
{
    struct tfl_tensor *bytes = arena_copy(p->arena, p->values[to].tensor, sizeof *bytes);
    int8_t sign = most ? 1 : -1;
    bytes->type = TFL_UINT8;
    bytes->quant = one_quant(p->arena, 1);
    for (struct level now = {p->values[from].z, false}; ;) {
        struct level next = {now.n / 2 + now.n % 2, true};
        bool last = now.n == 1;
        int32_t inputs = inputs_of(&now), outputs = last ? 1 : inputs_of(&next);
        int8_t *matrix = arena_alloc(p->arena, (size_t)inputs * (size_t)outputs);
        struct value v = p->values[from];
        uint32_t made = last ? to : plan_value(p, bytes, LAYOUT_GRID, v.y, v.x, outputs);
        for (int32_t k = 0; !last && k < next.n; k++) {
            bool paired = k + next.n < now.n;
            int8_t *excess = matrix + k * inputs, *base = matrix + (next.n + k) * inputs;
            if (paired) {
                add_channel(excess, &now, k, 1, sign);
                add_channel(excess, &now, k + next.n, -1, sign);
            }
            add_channel(base, &now, paired && most ? k + next.n : k, 1, sign);
        }
        if (last)
            add_channel(matrix, &now, 0, 1, sign);
        multiply(p, op, bytes, from, bytes, made, matrix, 1);
        if (last)
            return;
        from = made;
        now = next;
    }
}

bool lower_channel_reduction(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t from = lower_value(p, (uint32_t)o->inputs[0]);
    struct value v = p->values[from];
    uint32_t to = plan_value(p, op_output(p->graph, o, 0), LAYOUT_GRID, v.y, v.x, 1);
    if (o->code == TFL_OP_MEAN || o->code == TFL_OP_SUM)
        lower_sum(p, op, from, to);
    else
        lower_extreme(p, op, from, to, o->code == TFL_OP_REDUCE_MAX);
    p->value_of[o->outputs[0]] = to;
    return true;
}

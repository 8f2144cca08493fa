/* TRANSPOSE_CONV: a convolution for each phase of the output, then its pixels go where they belong.
 *
 * Output rows y = p mod stride read the taps p + top mod stride of the kernel and no others, so they are the plain
 * convolution of the input by these taps in reverse order; the same holds for columns.  Phase images lie on the tiles
 * whose output pixels they become, so that the moves stay inside the tiles.  No official instance (no public model has
 * this operator): convolution and move are those of other operators.
 *
 * An image of fewer rows or columns than tiles comes whole to all tiles, of which each takes what it needs. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "graph/graph.h"

/* One axis of one phase. */
struct phase {
    struct axis_map map;       /* where its pixels go in the output */
    struct axis_window window; /* what they read */
    int32_t tap, taps;         /* of the kernel: tap, tap + stride ...; none where the kernel is shorter than that */
};

static struct phase phase_of(int32_t p, int32_t size, int32_t kernel, int32_t stride, int32_t before)
{
    struct phase f = {.map = {p, size, stride, 0, 1}, .tap = (p + before) % stride};
    f.taps = f.tap < kernel ? (int32_t)ceil_div(kernel - f.tap, stride) : 0;
    int32_t window = f.taps ? f.taps : 1;
    f.window = (struct axis_window){window, 1, 1, window - 1 - (p + before) / stride};
    return f;
}

/* The taps of the phase, last first; one that adds nothing if it has none. */
static struct tfl_tensor *phase_weights(struct arena *a, const struct tfl_tensor *w, const struct phase *y,
                                        const struct phase *x)
{
    struct tfl_tensor *t = arena_copy(a, w, sizeof *w);
    int32_t outputs = w->shape[0], kh = w->shape[1], kw = w->shape[2], h = y->window.kernel, v = x->window.kernel;
    size_t depth = (size_t)w->shape[3], size = (size_t)outputs * (size_t)(h * v) * depth;
    uint8_t *data = arena_alloc(a, size), *to = data;
    t->shape = arena_copy(a, (int32_t[]){outputs, h, v, w->shape[3]}, 4 * sizeof(int32_t));
    t->data = bytes_of(data, size);
    for (int32_t o = 0; o < outputs; o++)
        for (int32_t i = 0; i < h * v; i++, to += depth) {
            int32_t fy = y->tap + y->map.step * (h - 1 - i / v), fx = x->tap + x->map.step * (v - 1 - i % v);
            if (y->taps && x->taps)
                memcpy(to, w->data.data + ((size_t)(o * kh + fy) * (size_t)kw + (size_t)fx) * depth, depth);
            else
                memset(to, (uint8_t)w->quant.zero_point[w->quant.count > 1 ? o : 0], depth);
        }
    return t;
}

static uint32_t phase_image(struct plan *p, uint32_t out, const struct phase *y, const struct phase *x)
{
    struct value to = p->values[out];
    uint32_t v = plan_value(p, to.tensor, LAYOUT_GRID, axis_steps(&y->map, (struct span){0, to.y}).end,
                            axis_steps(&x->map, (struct span){0, to.x}).end, to.z);
    grid_follow_map(&p->values[v].grid, &to.grid, &y->map, &x->map);
    return v;
}

/* claims: the image's plane is not settled yet. */
static void convolve(struct plan *p, uint32_t op, uint32_t in, uint32_t out, const struct phase *y,
                     const struct phase *x, bool claims)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct conv_detail *d = ARENA_NEW(p->arena, struct conv_detail);
    *d = (struct conv_detail){.op = {.in = op_input(p->graph, o, 2),
                                     .weights = phase_weights(p->arena, op_input(p->graph, o, 1), y, x),
                                     .bias = op_input(p->graph, o, 3),
                                     .out = op_output(p->graph, o, 0),
                                     .activation = fused_activation(o)},
                              .y = y->window,
                              .x = x->window};
    if (claims)
        grid_claim_for(&p->values[in].grid, &p->values[out].grid, &d->y, &d->x);
    struct step *s = plan_step(p, &family_conv, op);
    s->detail = d;
    step_reads(p, s, in);
    step_makes(p, s, out);
}

static bool is_small(const struct shape4 *from, const struct shape4 *to)
{
    return (from->y < GRID && to->y > from->y) || (from->x < GRID && to->x > from->x);
}

/* The image with what each tile needs for all phases. */
static uint32_t deal(struct plan *p, uint32_t op, uint32_t in, uint32_t out, const struct window *w)
{
    const struct tfl_tensor *t = op_input(p->graph, &p->graph->operators[op], 2);
    struct value to = p->values[out];
    struct shape4 s;
    shape4_of(t, &s);
    uint32_t whole = lower_whole(p, in, ALL_TILES, op), image = plan_value(p, t, LAYOUT_GRID, s.y, s.x, s.z);
    struct grid *g = &p->values[image].grid, phase_grid = to.grid;
    for (int32_t i = 0; i < w->stride_h && i < to.y; i++)
        for (int32_t j = 0; j < w->stride_w && j < to.x; j++) {
            struct phase y = phase_of(i, to.y, w->filter_h, w->stride_h, w->top);
            struct phase x = phase_of(j, to.x, w->filter_w, w->stride_w, w->left);
            grid_follow_map(&phase_grid, &to.grid, &y.map, &x.map);
            grid_claim_for(g, &phase_grid, &y.window, &x.window);
        }
    grid_own_claims(g);
    lower_copy(p, op, whole, image, axis_same(s.y), axis_same(s.x));
    return image;
}

bool lower_transpose_conv(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct window w;
    struct shape4 from, to;
    if (!window_of(p->graph, o, &w) || !shape4_of(op_output(p->graph, o, 0), &to) ||
        !shape4_of(op_input(p->graph, o, 2), &from))
        return status_fail(p->st, STATUS_INTERNAL, "%s has no window", plan_op_text(p, op));
    uint32_t in = lower_value(p, (uint32_t)o->inputs[2]);
    uint32_t out = plan_value(p, op_output(p->graph, o, 0), LAYOUT_GRID, to.y, to.x, to.z);
    if (is_small(&from, &to))
        in = deal(p, op, in, out, &w);
    bool whole = w.stride_h == 1 && w.stride_w == 1;
    for (int32_t i = 0; i < w.stride_h && i < to.y; i++)
        for (int32_t j = 0; j < w.stride_w && j < to.x; j++) {
            struct phase y = phase_of(i, to.y, w.filter_h, w.stride_h, w.top);
            struct phase x = phase_of(j, to.x, w.filter_w, w.stride_w, w.left);
            uint32_t image = whole ? out : phase_image(p, out, &y, &x);
            convolve(p, op, in, image, &y, &x, !is_small(&from, &to));
            if (!whole)
                lower_copy(p, op, image, out, y.map, x.map);
        }
    p->value_of[o->outputs[0]] = out;
    return true;
}

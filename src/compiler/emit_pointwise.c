/* Words through the tensor unit one by one: requantisation, activations, tables, and moves of pixels and channel
 * words.
 *
 * Every word of four channels is multiplied with a 4x4 identity matrix; pixels may come from elsewhere in the tile's
 * plane and channel words go to other places. Facts: QUANTIZE with a scale of its own in
 * mobilenet_v2_mask_classification (one word a pixel) and in the 15.0 classifier (several); copies of skip operands
 * in the lane detection model; tables: ../shared/isa/numerics.md section 3. */
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/scalar.h"

enum {
    IDENTITY_WORDS = 4,
    LOOP_LIMIT = 1 << 14, /* passes of a loop of the tensor unit */
    TENSOR_FLAGS = 1 << ISA_AVDATA | 1 << ISA_PARAM | 1 << ISA_PSUM
};

static bool size_pointwise(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    plan_value_buffer(p, s->out);
    s->temporary =
        plan_buffer(p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = index, .last = index, .late = true});
    return true;
}

struct pointwise {
    const struct plan *plan;
    const struct step *step;
    int32_t ready; /* N2W when the matrix is there */
};

/* The tile's part of the move: how many pixels, and where they start. */
struct part {
    int32_t h, w, from, to;           /* narrow words */
    int32_t in_x, in_y, out_x, out_y; /* words from one pixel to the next, and from row to row */
    int32_t words;
};

static bool part_of(const struct pointwise *a, int tile, struct part *part)
{
    const struct pointwise_detail *d = a->step->detail;
    const struct value *in = plan_in(a->plan, a->step, 0), *out = plan_out(a->plan, a->step);
    struct box to, from;
    if (!box_of(a->plan, out, tile, &to))
        return false;
    if (out->layout == LAYOUT_SLICES) {
        box_of(a->plan, in, tile, &from);
        *part = (struct part){.h = 1, .w = 1, .from = from.at, .to = to.at, .words = to.words};
        return true;
    }
    if (in->layout == LAYOUT_WHOLE) { /* rows as long as those of the result; or, without strides, one pixel for all */
        struct span y = out->grid.own_y[tile / GRID], x = out->grid.own_x[tile % GRID];
        int32_t in_x = d->x.stride * to.words, in_y = d->y.stride * out->x * to.words;
        *part = (struct part){.h = to.h, .w = to.w, .to = to.at, .in_x = in_x, .in_y = in_y, .out_x = to.words,
                              .out_y = to.pitch, .words = to.words,
                              .from = value_at(a->plan, in) + y.first * in_y + x.first * in_x};
        return true;
    }
    const struct grid *g = &in->grid;
    struct span ys = out->grid.own_y[tile / GRID], xs = out->grid.own_x[tile % GRID];
    struct span ky = axis_steps(&d->y, ys), kx = axis_steps(&d->x, xs);
    int32_t row = d->y.first + ky.first * d->y.step - ys.first, column = d->x.first + kx.first * d->x.step - xs.first;
    int32_t y = d->y.from + ky.first * d->y.stride, x = d->x.from + kx.first * d->x.stride,
            pitch = grid_pitch(g, tile);
    *part = (struct part){.h = span_size(ky),
                          .w = span_size(kx),
                          .in_x = d->x.stride * g->words,
                          .in_y = d->y.stride * pitch,
                          .from = value_at(a->plan, in) + grid_at(g, tile, y, x) + d->from,
                          .to = to.at + row * to.pitch + column * to.words + d->to,
                          .out_x = d->x.step * to.words,
                          .out_y = d->y.step * to.pitch,
                          .words = d->words};
    return part->h > 0 && part->w > 0;
}

static unsigned walk(struct loops *l, const struct part *part, int32_t x, int32_t y)
{
    struct isa_dim places[2] = {{part->w, 4LL * x}, {part->h, 4LL * y}};
    unsigned n = loops_squeeze(places, 2);
    loop(l, 1, 4);
    for (unsigned k = 0; k < n; k++)
        loop(l, places[k].count, places[k].stride);
    loop(l, part->words, 4);
    return n;
}

static bool one_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct pointwise *a = arg;
    const struct pointwise_detail *d = a->step->detail;
    struct part part;
    if (!part_of(a, tile, &part))
        return false;
    bool in_one = part.h * part.w <= LOOP_LIMIT;
    struct loops from = NO_LOOPS, to = NO_LOOPS, nest = LOOPS({in_one ? part.h * part.w : part.w, 0});
    if (!in_one)
        loop(&nest, part.h, 0);
    int32_t pixels = (int32_t)loop_count(&nest);
    if (part.words > 1)
        loop(&nest, part.words, 0);
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = d->numbers;
    i->one = i->nospill = 1;
    i->lanes = i->lanes_last = 3;
    i->chdim = pixels;
    for (unsigned k = 0; k < loop_count(&nest); k++)
        i->lim[k] = (int32_t)nest.dim[k].count - 1;
    walk(&from, &part, part.in_x, part.in_y);
    i->avdata = signal_at(1 + (int32_t)walk(&to, &part, part.out_x, part.out_y));
    i->a = tensor_unit(4LL * part.from, from);
    i->o = tensor_unit(4LL * part.to, to);
    i->w = tensor_unit(4LL * a->step->identity_row, nest);
    i->p = buffered(tensor_unit(0, nest), 0, 4);
    i->param = signal_at(pixels);
    i->wait[0] = wait_data(ISA_N2W, (int32_t)loop_count(&nest), a->ready, 1);
    return true;
}

void emit_table(struct program *p, int32_t tiles, const struct lut *t)
{
    struct isa_table_op i = {.tiles = tiles, .three = 3};
    for (int s = 0; s < 8; s++)
        for (int c = 0; c < 5; c++)
            i.coef[s][c] = (int32_t)f32_bits(t->c[s][c]);
    for (int s = 0; s < 7; s++)
        i.limit[s] = (int32_t)f32_bits(t->limit[s]);
    emit_fence(p, (struct fence){.flags = TENSOR_FLAGS, .threads = 1});
    program_add(p, (struct isa_inst){.op = ISA_TABLE, .table = i});
}

static void emit_pointwise(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct pointwise_detail *d = s->detail;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[s->temporary].at, s->identity_row, true);
        if (plan_in(plan, s, 0)->layout != LAYOUT_GRID) /* as in SOFTMAX of vectors; LOGISTIC: catalogue P245 */
            emit_fence(p, (struct fence){0});
    }
    if (d->table)
        emit_table(p, value_tiles(plan_out(plan, s)), d->table);
    struct pointwise a = {plan, s, program_flag(p, ALL_TILES, ISA_N2W)};
    program_add_tiles(p, one_tile, &a);
}

static struct span reads_of_pointwise(const struct plan *p, const struct step *s, bool columns, struct span made)
{
    const struct pointwise_detail *d = s->detail;
    (void)p;
    return map_need(columns ? &d->x : &d->y, made);
}

const struct family family_pointwise = {.name = "word by word", .size = size_pointwise, .emit = emit_pointwise,
                                        .reads = reads_of_pointwise, .closes = true, .by_word = true, .identity = true};

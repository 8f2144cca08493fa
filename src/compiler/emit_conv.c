/* CONV_2D and DEPTHWISE_CONV_2D on images: the grid of tiles computes all output channels of its own pixels; the
 * weights come over a ring while it does.
 *
 * Three kinds: wide (64 output channels at a time, over ring B), depthwise (4 channels at a time) and narrow (at most 4
 * outputs); the last two have rows of 4 lanes, which go through the scalar core to be cut out of full rows
 * ("loop-back") and come over ring A. Sources: ../shared/isa/mapping.md sections 5 and 6 (conv stacks, mobilenet_v1),
 * gabor_*, color_*, looming_*, dummy (24x24x1360) for kernels of one step and layers without stored arrays. */
#include "compiler/families.h"
#include "compiler/numerics.h"
#include "compiler/pool.h"
#include "compiler/scalar.h"

enum { HEADER_SLACK = 32, SINGLE_ABOVE = 12, SINGLE_BELOW = 32, BLOCK_LIMIT = 12 };

enum conv_kind { CONV_WIDE, CONV_DEPTHWISE, CONV_NARROW };

/* Where the weights stand in wide memory while they are used, and the order of the loops (mapping.md section 5). */
struct wide_plan {
    bool spill;               /* partial sums of all positions lie in wide memory, blocks of inputs go outside */
    int32_t sums, rows, header; /* first wide rows of the three regions */
    int32_t block, blocks;    /* rows of a block; blocks of a group of outputs */
    int32_t buffers;          /* 1 or 2 blocks at a time */
    int32_t floor;            /* lowest row used; below 0: it does not fit */
    int32_t positions;        /* pixels of a tile at a time */
};

enum { MOST_POSITIONS = 1 << 14 /* iterations of a loop of the tensor unit */ };

static void place_region(int32_t size, int32_t *at, int32_t *region)
{
    *at -= size;
    *region = *at;
}

/* What a layer has in wide memory. */
struct wide_need {
    int32_t positions, taps, words, arrays; /* pixels of the largest tile; of a group: kernel, input words, arrays */
    enum conv_kind kind;
    int32_t top; /* the row above the highest that is free */
};

/* Rows that the segment takes of each tile if it lies on all of them: the host does not send rows of 4 lanes, so such a
 * one must be cached. */
static int32_t cached_rows(const struct wide_need *n)
{
    int64_t quads = n->kind == CONV_DEPTHWISE ? (int64_t)n->words * (n->taps + n->arrays)
                                              : (int64_t)n->words * n->taps + n->arrays;
    return n->kind == CONV_WIDE ? 0 : (int32_t)ceil_div(quads, 16 * ISA_TILES) + 1;
}

/* Rows for `arrays` per-channel arrays. */
static int32_t header_rows(const struct wide_plan *w, int32_t arrays)
{
    return arrays ? w->buffers * arrays + HEADER_SLACK : 0;
}

static void place_wide(struct wide_plan *w, const struct wide_need *n)
{
    int32_t size[3] = {w->spill ? w->positions : 0, w->buffers * w->block, header_rows(w, n->arrays)};
    int32_t *region[3] = {&w->sums, &w->rows, &w->header}, at = n->top;
    for (int done = 0; done < 3; done++) { /* the largest highest; ties in this order */
        int best = -1;
        for (int k = 0; k < 3; k++)
            if (size[k] > 0 && (best < 0 || size[k] > size[best]))
                best = k;
        if (best < 0)
            break;
        place_region(size[best], &at, region[best]);
        size[best] = 0;
    }
    w->floor = at;
}

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Weights of `block` rows a block, all positions at once or as many as there is room for. */
static struct wide_plan wide_plan_with(const struct wide_need *n, bool spill, int32_t block, int32_t rows,
                                       int32_t buffers)
{
    struct wide_plan w = {.spill = spill, .block = block, .blocks = rows / block, .buffers = buffers,
                          .positions = least(n->positions, MOST_POSITIONS)};
    int32_t room = n->top - buffers * block - header_rows(&w, n->arrays) - cached_rows(n);
    if (spill && room > 0)
        w.positions = least(w.positions, room);
    place_wide(&w, n);
    w.floor -= w.floor < cached_rows(n) ? cached_rows(n) : 0; /* below 0 */
    return w;
}

/* Not official is what follows where the official form does not fit (its compilers map kernels of 40x40 too: catalogue
 * rows conv_2d_1_500_500_1_40_40_*, with forms that are not known): all weights once and not twice, so that a group
 * waits for its weights; or the sums of a part of the positions, so that all weights come again for the next part. */
static struct wide_plan wide_plan_of(const struct wide_need *n)
{
    int32_t rows = n->kind == CONV_DEPTHWISE ? n->taps : n->taps * n->words, block = n->taps;
    if (n->taps == 1)
        for (int32_t d = 1; d <= n->words && d <= BLOCK_LIMIT; d++)
            block = n->words % d == 0 ? d : block;
    bool spill = n->kind != CONV_DEPTHWISE && 2 * rows > n->positions + 2 * block;
    struct wide_plan w = {.spill = spill,
                          .block = spill ? block : rows,
                          .blocks = spill ? rows / block : 1,
                          .buffers = !spill && SINGLE_ABOVE < rows && rows < SINGLE_BELOW ? 1 : 2,
                          .positions = n->positions};
    place_wide(&w, n);
    if (w.floor < 0)
        w = wide_plan_with(n, false, rows, rows, 1);
    for (int32_t buffers = 2; w.floor < 0 && buffers > 0 && n->kind != CONV_DEPTHWISE; buffers--)
        w = wide_plan_with(n, true, block, rows, buffers);
    w.positions = least(w.positions, MOST_POSITIONS);
    return w;
}

/* The row above the highest that is free.  A pool right behind begins before this step has ended everywhere: its rows
 * lie on top (gabor_*_p4).  Not those of a large one, which would leave little: a fence stands between the two on every
 * tile. */
static int32_t wide_top(const struct plan *p, const struct step *s)
{
    enum { LARGE_POOL = 256 };
    const struct step *next = s + 1;
    if (s->wide_top)
        return s->wide_top;
    if (next == p->steps + p->n_steps || next->family != &family_pool || next->in[0] != s->out)
        return plan_top(p, s);
    int32_t rows = pool_wide_rows(next->detail, &plan_out(p, s)->grid, &plan_out(p, next)->grid);
    return plan_top(p, s) - (rows <= LARGE_POOL ? rows : 0);
}

struct conv {
    const struct plan *plan;
    const struct step *step;
    const struct conv_detail *d;
    const struct value *in, *out;
    const struct parameter *q;
    enum conv_kind kind;
    struct wide_plan w;
    struct grid made;             /* the output, of which the tiles make their own at once */
    int32_t taps, quads, outputs; /* kernel positions, input words a pixel, output channels */
    int32_t groups, lane_words;   /* groups of outputs, words of a full group */
    int32_t rest;                 /* words of the last group */
    int32_t arrays, stored;       /* per-channel rows; those that go to the bias/scale store */
    int32_t steps;                /* reduction steps of a group */
    enum isa_opcode receive;
    enum isa_flag arrived;
    int32_t tiles;                /* those that compute */
    int32_t read, loaded, used;   /* flag counts before this layer */
};

/* Channels of the result, with those between its rows. */
static int32_t outputs_of(const struct conv_detail *d)
{
    int32_t z = d->op.out->shape[d->op.out->rank - 1];
    return d->op.row ? z / d->op.row * (int32_t)round_up(d->op.row, 4) : z;
}

enum conv_kind conv_kind_of(const struct conv_detail *d)
{
    if (d->depthwise && d->op.in->shape[d->op.in->rank - 1] > 1)
        return CONV_DEPTHWISE;
    return outputs_of(d) <= 4 ? CONV_NARROW : CONV_WIDE;
}

/* Positions of the largest tile: one plan for all. */
static int32_t most_positions(const struct grid *g)
{
    int32_t y = 0, x = 0;
    for (int i = 0; i < GRID; i++) {
        y = span_size(g->own_y[i]) > y ? span_size(g->own_y[i]) : y;
        x = span_size(g->own_x[i]) > x ? span_size(g->own_x[i]) : x;
    }
    return y * x;
}

static int32_t positions_of(const struct step *s, const struct grid *out)
{
    return s->positions ? s->positions : most_positions(out);
}

static struct wide_need wide_need_of(const struct plan *p, const struct step *s, int32_t arrays)
{
    const struct conv_detail *d = s->detail;
    return (struct wide_need){.positions = positions_of(s, &plan_out(p, s)->grid), .taps = d->y.kernel * d->x.kernel,
                              .words = plan_in(p, s, 0)->grid.words, .arrays = arrays,
                              .kind = conv_kind_of(d), .top = wide_top(p, s)};
}

/* A row that must survive lies below all that the step uses, or above. */
static struct wide_plan wide_plan_beside(const struct step *s, struct wide_need n)
{
    struct wide_plan w = wide_plan_of(&n);
    if (w.floor > s->wide_keep)
        return w;
    n.top = s->wide_keep && s->wide_keep < n.top ? s->wide_keep : n.top;
    return wide_plan_of(&n);
}

static struct conv conv_of(const struct plan *plan, const struct step *s)
{
    struct conv c = {.plan = plan, .step = s, .d = s->detail, .in = plan_in(plan, s, 0), .out = plan_out(plan, s)};
    const struct segment *seg;
    c.q = &plan->parameters[s->parameter];
    seg = &c.q->segment;
    c.kind = conv_kind_of(c.d);
    c.taps = c.d->y.kernel * c.d->x.kernel;
    c.quads = c.in->grid.words;
    c.outputs = c.out->z;
    c.arrays = segment_arrays(seg);
    c.stored = seg->multipliers + seg->bias;
    c.w = wide_plan_beside(s, wide_need_of(plan, s, c.arrays));
    c.groups = c.kind == CONV_DEPTHWISE ? c.quads : c.kind == CONV_NARROW ? 1 : (int32_t)ceil_div(c.outputs, 64);
    c.lane_words = c.kind != CONV_WIDE ? 1 : c.out->grid.words < 16 ? c.out->grid.words : 16;
    c.rest = c.kind != CONV_WIDE ? 1 : (c.outputs - 1) % 64 / 4 + 1;
    c.steps = c.kind == CONV_DEPTHWISE ? c.taps : c.taps * c.quads;
    c.receive = c.kind == CONV_WIDE && !c.q->streamed ? ISA_RING_RECV_B : ISA_RING_RECV_A;
    c.arrived = c.receive == ISA_RING_RECV_B ? ISA_RREAD_B : ISA_RREAD_A;
    return c;
}

/* ---- a part of the positions ---- */

struct piece {
    int32_t rows, columns;      /* pixels of a tile */
    int32_t down, across;       /* how many of them */
};

static int32_t longest(const struct span own[GRID])
{
    int32_t n = 0;
    for (int i = 0; i < GRID; i++)
        n = span_size(own[i]) > n ? span_size(own[i]) : n;
    return n;
}

/* Whole rows of a tile, as many as there is room for the sums of; where there is none for a row, parts of it. */
static struct piece piece_of(const struct grid *g, int32_t positions)
{
    int32_t y = longest(g->own_y), x = longest(g->own_x);
    struct piece p = {.columns = least(x, positions)};
    if (y == 0 || x == 0)
        return (struct piece){1, 1, 1, 1};
    p.rows = least(y, positions / p.columns);
    p.down = (int32_t)ceil_div(y, p.rows), p.across = (int32_t)ceil_div(x, p.columns);
    return p;
}

static void take_part(struct span own[GRID], int32_t size, int32_t k)
{
    for (int i = 0; i < GRID; i++) {
        int32_t first = least(own[i].first + k * size, own[i].end);
        own[i] = (struct span){first, least(first + size, own[i].end)};
    }
}

static void take_piece(struct conv *c, const struct piece *p, int32_t y, int32_t x)
{
    c->made = c->out->grid;
    take_part(c->made.own_y, p->rows, y);
    take_part(c->made.own_x, p->columns, x);
    c->tiles = 0;
    for (int t = 0; t < ISA_TILES; t++)
        if (span_size(c->made.own_y[t / GRID]) && span_size(c->made.own_x[t % GRID]))
            c->tiles |= 1 << t;
}

/* ---- what it costs ---- */

static struct wide_plan wide_plan_for(const struct conv_detail *d, int32_t words, int32_t pixels)
{
    enum { MOST_ARRAYS = 3 };
    return wide_plan_of(&(struct wide_need){.positions = pixels, .taps = d->y.kernel * d->x.kernel, .words = words,
                                            .arrays = MOST_ARRAYS, .kind = conv_kind_of(d),
                                            .top = WIDE_ROWS});
}

int64_t conv_cycles(const struct conv_detail *d, int32_t words, int32_t pixels)
{
    enum { CYCLES_PER_ROW = 4, LANES = 64 };
    enum conv_kind kind = conv_kind_of(d);
    struct wide_plan w = wide_plan_for(d, words, pixels);
    int64_t taps = (int64_t)d->y.kernel * d->x.kernel, steps = taps * words, rows = steps;
    if (kind == CONV_WIDE) {
        int64_t groups = ceil_div(outputs_of(d), LANES);
        steps *= groups, rows *= groups;
    } else {
        rows = ceil_div(rows * 4, LANES);
    }
    rows *= w.floor < 0 || pixels == 0 ? 1 : ceil_div(pixels, w.positions);
    return steps * pixels > CYCLES_PER_ROW * rows ? steps * pixels : CYCLES_PER_ROW * rows;
}

bool conv_fits(const struct conv_detail *d, int32_t words, int32_t pixels)
{
    return wide_plan_for(d, words, pixels).floor >= 0;
}

/* ---- size ---- */

static bool size_conv(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    const struct conv_detail *d = s->detail;
    const struct value *in = plan_in(p, s, 0);
    bool depthwise = d->depthwise && in->z > 1;
    struct weights w = weights_of(p->arena, &d->op, d->depthwise);
    if (d->depthwise && !depthwise) { /* one input channel: a plain convolution whose weights lie [ky][kx][output] */
        int32_t taps = w.kh * w.kw;
        uint8_t *turned = arena_alloc(p->arena, (size_t)taps * (size_t)w.outputs);
        for (int32_t o = 0; o < w.outputs; o++)
            for (int32_t k = 0; k < taps; k++)
                turned[o * taps + k] = w.data[k * w.outputs + o];
        w.data = turned;
    }
    enum conv_kind kind = conv_kind_of(d);
    int32_t arrays = (w.multiplier != NULL) + (w.bias != NULL) + (w.zeros != NULL), taps = d->y.kernel * d->x.kernel;
    struct wide_plan wide = wide_plan_beside(s, wide_need_of(p, s, arrays));
    enum segment_form form = kind == CONV_WIDE     ? SEGMENT_WIDE
                             : kind == CONV_NARROW ? SEGMENT_NARROW
                                                   : SEGMENT_DEPTHWISE;
    if (wide.floor < 0)
        return status_fail(p->st, STATUS_LIMIT,
                           "the weights of a kernel of %d x %d (%s, %lld input channels) need %lld bytes of wide "
                           "memory, %lld are there; make the kernel smaller",
                           d->y.kernel, d->x.kernel, tfl_shape_text(p->arena, d->op.weights), (long long)in->z,
                           256LL * (WIDE_ROWS - wide.floor), 256LL * WIDE_ROWS);
    bool low = kind == CONV_DEPTHWISE || (kind == CONV_NARROW && in->z > 4);
    if (s->twin != NO_STEP)
        s->parameter = p->steps[s->twin].parameter;
    else
        s->parameter = plan_parameter(
            p, (struct parameter){.op = s->op,
                                  .kind = low ? PLACE_DEPTHWISE : PLACE_CONV,
                                  .level = s->passes,
                                  .segment = segment_make(p->arena, &w, form, wide.spill && taps > 1)});
    plan_value_buffer(p, s->out);
    plan_wide_floor(p, wide.floor);
    return true;
}

/* ---- weights arrive ---- */

/* Group loops stand outside: "(1, 0)(groups, 0)" after the block loops. */
static struct loops with_groups(const struct conv *c, struct loops l, int64_t stride)
{
    if (c->groups > 1 || c->kind == CONV_DEPTHWISE)
        loop(&l, c->groups, stride);
    return l;
}

static void receive_weights(const struct conv *c, struct program *p)
{
    const struct wide_plan *w = &c->w;
    bool one = c->steps == 1, many = c->groups > 1 || c->kind == CONV_DEPTHWISE;
    int32_t dim = one && many ? 0 : 1;
    struct loops l = one && c->kind == CONV_NARROW ? NO_LOOPS : LOOPS({w->block, 1});
    if (w->spill)
        loop(&l, w->blocks, 0);
    if (many && !one)
        loop(&l, 1, 0);
    if (many)
        loop(&l, c->groups, 0);
    struct isa_ring_recv r = {.tiles = c->tiles, .p = signal_at(dim)};
    r.w = buffered(masked(wide_rows(w->rows, l), one ? 0 : 1), dim, w->buffers > 1 ? w->block : 0);
    if (!w->spill && w->buffers == 1)
        r.w.bdim = 1;
    r.wait = wait_room(ISA_PARAM, dim, c->used - w->buffers + 1, 1);
    if (c->arrays)
        r.s = (struct isa_prefix){.en = 1,
                                  .dim = one && many ? 0
                                         : w->spill  ? 2
                                                     : 1,
                                  .base = w->header,
                                  .lim = c->arrays - 1,
                                  .end = w->header + w->buffers * c->arrays - 1,
                                  .step = c->arrays};
    program_add(p, (struct isa_inst){.op = c->receive, .recv = r});
}

/* Multipliers and biases into the bias/scale store: two channels an address, banks of 32 in turn. */
static void load_header(const struct conv *c, struct program *p)
{
    bool two = c->w.buffers > 1;
    int32_t channels = c->outputs < 64 ? c->outputs : 64,
            count = c->kind == CONV_WIDE ? 8 * (int32_t)ceil_div(channels, 16) : 2;
    struct isa_to_narrow i = {.tiles = c->tiles, .p = signal_at(2), .par = 1, .pack = 1};
    i.w = buffered(masked(wide_rows(c->w.header, with_groups(c, LOOPS({c->stored, 1}), 0)), 1), two ? 1 : 0,
                   two ? c->arrays : 0);
    i.n = buffered(
        narrow_words(c->q->segment.multipliers ? 0 : 64, with_groups(c, LOOPS({count, 1}, {c->stored, 64}), 0)), 2, 32);
    if (c->stored == 1)
        i.n = buffered(narrow_words(c->q->segment.multipliers ? 0 : 64, with_groups(c, LOOPS({count, 1}, {1, 64}), 0)),
                       2, 32);
    i.wait[0] = wait_data(c->arrived, 1, c->read + 1, c->w.spill ? c->w.blocks : 1);
    i.wait[1] = wait_room(ISA_AVDATA, 2, program_flag(p, c->tiles, ISA_AVDATA) - 1, 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_NARROW, .to_narrow = i});
}

/* ---- the tensor instruction ---- */

/* (count, stride) pairs joined where they run on; appended to l. */
static unsigned append_squeezed(struct loops *l, struct isa_dim *d, unsigned n)
{
    n = loops_squeeze(d, n);
    for (unsigned k = 0; k < n; k++)
        loop(l, d[k].count, d[k].stride);
    return n;
}

static struct isa_ttu input_unit(const struct conv *c, int tile, int32_t h, int32_t w)
{
    const struct grid *g = &c->in->grid;
    const struct conv_detail *d = c->d;
    int64_t pixel = 4LL * g->words, row = 4LL * grid_pitch(g, tile);
    struct span oy = c->made.own_y[tile / GRID], ox = c->made.own_x[tile % GRID];
    int32_t first_y = oy.first * d->y.stride - d->y.before, first_x = ox.first * d->x.stride - d->x.before;
    struct isa_dim kernel[3] = {
        {c->quads, 4}, {d->x.kernel, d->x.dilation * pixel}, {d->y.kernel, d->y.dilation * row}};
    struct isa_dim places[2] = {{w, d->x.stride * pixel}, {h, d->y.stride * row}};
    struct loops l = NO_LOOPS;
    if (c->kind == CONV_DEPTHWISE ||
        (c->w.spill && c->taps > 1)) { /* one word of channels: its kernel, all places; then the next */
        loop(&l, 1, 4);
        append_squeezed(&l, kernel + 1, 2);
        append_squeezed(&l, places, 2);
        loop(&l, c->quads, 4);
    } else if (c->w.spill) {
        loop(&l, c->w.block, 4);
        append_squeezed(&l, places, 2);
        loop(&l, c->w.blocks, 4LL * c->w.block);
    } else {
        if (c->taps > 1)
            append_squeezed(&l, kernel, 3);
        else
            loop(&l, c->quads, 4);
        loop(&l, 1, pixel);
        append_squeezed(&l, places, 2);
    }
    if (c->kind == CONV_WIDE && c->groups > 1)
        loop(&l, c->groups, 0);
    return tensor_unit(4LL * (value_at(c->plan, c->in) + grid_at(g, tile, first_y, first_x)), l);
}

static struct isa_ttu output_unit(const struct conv *c, int tile, int32_t h, int32_t w, int32_t *dim)
{
    const struct grid *g = &c->made;
    struct isa_dim places[2] = {{w, 4LL * g->words}, {h, 4LL * grid_pitch(g, tile)}};
    struct loops l = LOOPS({c->lane_words, 4});
    *dim = 1 + (int32_t)append_squeezed(&l, places, 2);
    loop(&l, c->groups, 4LL * c->lane_words);
    struct span ys = g->own_y[tile / GRID], xs = g->own_x[tile % GRID];
    struct isa_ttu o = tensor_unit(4LL * (value_at(c->plan, c->out) + grid_at(g, tile, ys.first, xs.first)), l);
    if (c->groups > 1 && c->rest < c->lane_words)
        o = short_last(o, *dim, c->rest, 4LL * (c->lane_words - c->rest));
    return o;
}

/* Loops over [block of weights][places][blocks][groups], with the strides of one unit. */
static struct loops nest(const struct conv *c, int32_t places, int64_t block, int64_t place, int64_t blocks)
{
    struct loops l = NO_LOOPS;
    if (c->steps > 1)
        loop(&l, c->w.block, block);
    if (places > 1)
        loop(&l, places, place);
    if (c->w.spill)
        loop(&l, c->w.blocks, blocks);
    return with_groups(c, l, 0);
}

static bool tensor_of(int tile, const void *arg, struct isa_inst *out)
{
    const struct conv *c = arg;
    int32_t h = span_size(c->made.own_y[tile / GRID]), w = span_size(c->made.own_x[tile % GRID]),
            places = h * w;
    if (places == 0)
        return false;
    int32_t per_block = (c->steps > 1) + (places > 1), outside = per_block + c->w.spill, dim;
    bool walk = places > 1;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    struct loops l = nest(c, places, 0, 0, 0);
    for (unsigned k = 0; k < loop_count(&l); k++)
        i->lim[k] = (int32_t)l.dim[k].count - 1;
    i->a = input_unit(c, tile, h, w);
    i->o = output_unit(c, tile, h, w, &dim);
    i->w = tensor_unit(4LL * c->w.rows, nest(c, places, 4, 0, 0));
    if (c->w.buffers > 1)
        i->w = buffered(i->w, per_block, 4 * c->w.block);
    i->p = tensor_unit(4LL * c->w.sums, nest(c, places, 0, c->w.spill ? 4 : 0, 0));
    if (!(c->w.spill && (walk || c->groups == 1)))
        i->p = buffered(i->p, c->w.spill ? 2 : c->steps > 1 ? 1 : 0, 4);
    i->avdata = signal_at(dim);
    i->param = signal_at(per_block);
    i->wait[0] = wait_data(c->arrived, per_block, c->read + 1, 1);
    if (c->stored)
        i->wait[1] = wait_data(ISA_W2S, outside, c->loaded + 1, 1);
    i->acc4 = c->steps > 1;
    i->one = 1;
    i->nospill = !(c->w.spill && walk);
    i->chdim = outside;
    i->redmask = c->steps > 1 ? 1 | (c->w.spill ? 1 << per_block : 0) : 0;
    i->lanes = 4 * c->lane_words - 1;
    i->lanes_last = 4 * (c->groups > 1 ? c->rest : c->lane_words) - 1;
    set_weighted_numerics(i, &c->d->op, &c->q->segment);
    if (i->perch) {
        i->zp_first = c->w.header + c->arrays - 1;
        i->zp_step = c->w.buffers > 1 ? c->arrays : 1; /* 1: every official program with one buffer */
        i->zp_last = c->w.header + c->w.buffers * c->arrays - 1;
    }
    return true;
}

static void compute(const struct conv *c, struct program *p)
{
    int32_t key[ISA_TILES];
    struct isa_inst inst[ISA_TILES];
    for (int t = 0; t < ISA_TILES; t++) /* a row and a column of pixels stay apart even where the fields are equal */
        key[t] = (span_size(c->made.own_y[t / GRID]) > 1) << 1 | (span_size(c->made.own_x[t % GRID]) > 1);
    unsigned n = tile_classes(tensor_of, c, key, inst);
    for (unsigned k = 0; k < n; k++)
        program_add(p, inst[k]);
}

/* ---- weights are sent ---- */

/* Rows of 4 lanes out of full rows: through the scalar core's memory. */
static void loop_back(const struct conv *c, struct program *p)
{
    int32_t words = c->kind == CONV_DEPTHWISE ? c->quads * 4 * (c->arrays + c->taps) : 4 * (c->arrays + c->steps);
    int32_t rows = (int32_t)ceil_div(words, ROW_WORDS), turn = program_flag(p, ALL_TILES, ISA_RPROD_A);
    struct isa_ttu t = buffered(
        masked((struct isa_ttu){.step = {1, 1 - ROW_WORDS, 1 - ROW_WORDS}, .lim = {ROW_WORDS - 1, rows - 1}}, 1), 1,
        ROW_WORDS);
    struct isa_inject in = {.src = 2, .t = t, .p = {signal_at(1), signal_at(0)}, .one = 1, .dst = c->tiles, .cells = 3};
    if (words % ROW_WORDS)
        in.t = short_last(t, 1, words % ROW_WORDS, ROW_WORDS - words % ROW_WORDS);
    in.wait[0] = wait_core(ISA_RING_OUTFEED, (int64_t)p->loop_rows * ROW_WORDS + p->host_sends + 1, 1);
    program_add(p, (struct isa_inst){.op = ISA_INJECT, .inject = in});
    struct isa_outfeed o = {.t = t, .p = signal_at(0), .cells = ROW_WORDS - 1};
    o.wait = wait_core(ISA_SCALAR_INFEED, p->loop_words - (2 * ROW_WORDS - 1), 1);
    program_add(p, (struct isa_inst){.op = ISA_OUTFEED, .outfeed = o});
    for (uint32_t k = 0; k < c->q->at.count; k++) {
        const struct place_chunk *chunk = &c->q->at.chunks[k];
        struct loops l = chunk->rows > 1 ? LOOPS({1, 1}, {chunk->rows, 0}) : NO_LOOPS;
        if (chunk->rows > 1)
            l = LOOPS({1, 1}, {chunk->rows, 1});
        struct isa_ttu w = wide_rows(chunk->row, l);
        if (chunk->rows == 1)
            w.mask = 1;
        struct isa_ring_send s = {.tiles = 1 << chunk->tile, .w = w, .p = {[1] = signal_at(1)}, .chan = 1, .core = 1};
        s.wait[0] = wait_data(ISA_RPROD_A, 1, turn - 1, 1);
        s.wait[1] = wait_data(ISA_RPROD_B, 1, program_flag(p, ALL_TILES, ISA_RPROD_B), 1);
        program_add(p, (struct isa_inst){.op = ISA_RING_SEND, .send = s});
        turn += chunk->rows;
    }
    p->loop_rows += rows;
    p->loop_words += words;
}

/* The last borders came in for a depthwise convolution before this layer. */
static bool behind_depthwise(const struct conv *c, uint32_t exchanged)
{
    for (const struct step *k = c->step; k-- > c->plan->steps;)
        if (k->family == &family_conv && k->in[0] == exchanged)
            return ((const struct conv_detail *)k->detail)->depthwise;
    return false;
}

static void emit_piece(struct conv *c, struct program *p)
{
    /* Tiles that had no part in a smaller layer before this one count from 0 again, with all others.  So they do where
     * borders came in that are no business of this layer, if some tiles got more of them (catalogue: P322, 1x1 behind
     * a VALID 3x3; P341, two branches), but not behind a depthwise one (P428, 75x75 to 38x38; why is not known). */
    int32_t counted = 1 << ISA_PARAM | 1 << ISA_W2S | 1 << ISA_AVDATA | 1 << c->arrived;
    int32_t borders = 1 << ISA_N_IN | 1 << ISA_E_IN | 1 << ISA_S_IN | 1 << ISA_W_IN;
    uint32_t exchanged = plan_last_exchanged(c->plan, c->step);
    bool agree = program_flags_agree(p, c->tiles, counted) &&
                 (exchanged == c->step->in[0] || behind_depthwise(c, exchanged) ||
                  program_flags_agree(p, ALL_TILES, borders));
    emit_barrier(p, agree ? 0 : LAYER_FLAGS);
    c->used = program_flag(p, c->tiles, ISA_PARAM);
    c->read = program_flag(p, c->tiles, c->arrived);
    c->loaded = program_flag(p, c->tiles, ISA_W2S);
    receive_weights(c, p);
    if (c->stored)
        load_header(c, p);
    compute(c, p);
    if (c->q->streamed)
        emit_stream(p, c->q, c->tiles);
    else if (c->kind == CONV_WIDE)
        emit_broadcast(p, c->q, c->tiles);
    else
        loop_back(c, p);
}

static void emit_conv(const struct plan *plan, const struct step *s, struct program *p)
{
    struct conv c = conv_of(plan, s);
    if (s > plan->steps && s[-1].family == &family_conv && value_tiles(plan_out(plan, &s[-1])) != value_tiles(c.out))
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS}); /* 3x3 to 2x2 pixels: tf2_ssd segment 2 of 3 */
    const struct piece piece = piece_of(&c.out->grid, c.w.positions);
    for (int32_t y = 0; y < piece.down; y++)
        for (int32_t x = 0; x < piece.across; x++) {
            take_piece(&c, &piece, y, x);
            emit_piece(&c, p);
        }
}

static struct span reads_of_conv(const struct plan *p, const struct step *s, bool columns, struct span made)
{
    const struct conv_detail *d = s->detail;
    (void)p;
    return window_need(made, columns ? &d->x : &d->y);
}

const struct family family_conv = {.name = "convolution", .size = size_conv, .emit = emit_conv, .reads = reads_of_conv};

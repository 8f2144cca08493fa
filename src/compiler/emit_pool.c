/* AVERAGE_POOL_2D and MAX_POOL_2D from image to image: each tile turns the pixels that its windows cover into rows
 * of wide memory, 4 pixels of up to 16 words of channels a row, where the tensor unit reduces them as if they were
 * weights: a sum of products with ones, or a maximum.
 *
 * Where nobody else needs another padding, that of a maximum is the least value (lower_pad_maxima): one instruction for
 * all tiles that hold as many pixels, as officially (catalogue: 5x5 over 20x20 and 7x7).  Else a window that the border
 * of the image cuts has fewer pixels, hence its own instruction with its own divisor: TFLite counts only the pixels
 * inside.
 *
 * Sources: gabor_64_p4, gabor_128_p4 (windows inside a tile, every field); looming_* (windows across tiles);
 * ASR_Model, compiler 2.x (MAX_POOL_2D, 17 of 17 instructions); groups of 16 words of channels, of which the last may
 * have fewer, from mobilenet_v2_mask_classification, compiler 2.x, and deeplabv3_mnv2_dm05 (160 channels).  Cut windows
 * and pools that need several pieces have no official instance. */
#include "compiler/families.h"
#include "compiler/pool.h"
#include "compiler/scalar.h"

enum { GROUP_WORDS = POOL_GROUP_WORDS, ROW_PIXELS = POOL_ROW_PIXELS, PIECE_ROWS = 1024 };

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t most(int32_t a, int32_t b) { return a > b ? a : b; }

void pool_set_numbers(struct isa_tensor *i, const struct pool_detail *d, int32_t n)
{
    set_clamp(i, d->out, d->activation);
    if (d->kind == POOL_MAX) {
        i->scale = (int32_t)f32_bits(1);
        i->azp = unsigned_zero_point(d->in);
        i->cbias = -i->azp;
        i->a1 = 1;
        return;
    }
    float scale = d->in->quant.scale[0], share = d->kind == POOL_MEAN ? scale * (1.0f / (float)n) : scale;
    i->scale = (int32_t)f32_bits(share * (1.0f / d->out->quant.scale[0]));
    i->wzp = unsigned_zero_point(d->in);
    i->a16 = 1;
}

void pool_wait(struct isa_to_wide *i, const int32_t flag[ISA_FLAGS], int32_t dim, int32_t groups)
{
    static const enum isa_flag all[] = {ISA_AVDATA, ISA_E_IN, ISA_W_IN, ISA_S_IN, ISA_N_IN};
    for (int k = 0; k < 5; k++)
        i->wait[k] = wait_data(all[k], dim, flag[all[k]] + 1 - groups, 1);
}

/* ---- windows along one axis ---- */

struct span pool_covered(struct span made, const struct axis_window *w, int32_t size)
{
    return (struct span){most(made.first * w->stride - w->before, 0),
                         least((made.end - 1) * w->stride - w->before + w->kernel, size)};
}

/* The same for one axis of the step; padding is read like any other pixel. */
static struct span covered(const struct pool_detail *d, bool columns, struct span made, const struct grid *in)
{
    const struct axis_window *w = columns ? &d->x : &d->y;
    return d->padded ? window_need(made, w) : pool_covered(made, w, columns ? in->x : in->y);
}

/* Outputs whose windows the image's border cuts alike. */
struct run {
    struct span made; /* output pixels */
    int32_t kernel;   /* pixels of a window that are inside */
};

/* Run number k of the outputs `made`; false: there are fewer. */
static bool run_of(const struct pool_detail *d, bool columns, struct span made, const struct grid *in, int32_t k,
                   struct run *r)
{
    const struct axis_window *w = columns ? &d->x : &d->y;
    for (int32_t o = made.first; o < made.end; k--) {
        struct span one = covered(d, columns, (struct span){o, o + 1}, in);
        int32_t start = one.first - (o * w->stride - w->before);
        *r = (struct run){{o, o + 1}, span_size(one)};
        while (++o < made.end) {
            struct span next = covered(d, columns, (struct span){o, o + 1}, in);
            if (next.first - (o * w->stride - w->before) != start || span_size(next) != r->kernel)
                break;
            r->made.end = o + 1;
        }
        if (k == 0)
            return true;
    }
    return false;
}

/* ---- pieces: what goes through wide memory at a time ---- */

struct piece {
    int32_t word, words, groups; /* channels: `groups` of `words` words, from `word` on */
    int32_t rest;                /* words of the last group, if fewer; else 0 */
    int32_t row, rows;           /* output rows of every tile, counted from its first */
};

struct pool {
    const struct plan *plan;
    const struct program *p;
    const struct pool_detail *d;
    const struct value *in, *out;
    int32_t base;  /* first wide row */
    int32_t ones;  /* narrow word of the ones, one for each window of a tile */
    int32_t windows; /* of the largest tile */
    struct piece piece;
    int32_t run_y, run_x; /* number of the runs that an instruction makes */
};

/* Output rows of a tile that belong to the piece. */
static struct span made_rows(const struct piece *q, struct span own)
{
    struct span s = {own.first + q->row, least(own.first + q->row + q->rows, own.end)};
    return s.first < s.end ? s : (struct span){own.first, own.first};
}

/* Wide rows of one row of pixels, and of a group of channels of one piece. */
static int32_t line_rows(const struct pool_detail *d, const struct grid *in, struct span columns)
{
    return (int32_t)ceil_div(span_size(covered(d, true, columns, in)), ROW_PIXELS);
}

static int32_t group_rows(const struct pool_detail *d, const struct grid *in, const struct grid *out,
                          const struct piece *q)
{
    int32_t rows = 0;
    for (int t = 0; t < ISA_TILES; t++) {
        struct span y = made_rows(q, out->own_y[t / GRID]), x = out->own_x[t % GRID];
        if (span_size(y) && span_size(x))
            rows = most(rows, line_rows(d, in, x) * span_size(covered(d, false, y, in)));
    }
    return rows;
}

static int32_t most_rows(const struct grid *g)
{
    int32_t n = 0;
    for (int i = 0; i < GRID; i++)
        n = most(n, span_size(g->own_y[i]));
    return n;
}

/* The first piece: as many output rows and groups as PIECE_ROWS have room for. */
static struct piece first_piece(const struct pool_detail *d, const struct grid *in, const struct grid *out)
{
    struct piece q = {.words = least(in->words, GROUP_WORDS), .groups = 1, .rows = most_rows(out)};
    while (q.rows > 1 && group_rows(d, in, out, &q) > PIECE_ROWS)
        q.rows--;
    int32_t groups = (int32_t)ceil_div(in->words, GROUP_WORDS);
    if (groups > 1 && group_rows(d, in, out, &q) * groups <= PIECE_ROWS) {
        q.groups = groups;
        q.rest = in->words % GROUP_WORDS;
    }
    return q;
}

/* Channels first, then rows; false: all is done. */
static bool next_piece(struct piece *q, const struct grid *in, const struct grid *out)
{
    int32_t next = q->word + q->words * q->groups;
    if (next < in->words) {
        q->word = next;
        q->words = least(in->words - next, GROUP_WORDS);
        return true;
    }
    q->word = 0;
    q->words = least(in->words, GROUP_WORDS);
    q->row += q->rows;
    return q->row < most_rows(out);
}

/* Rows for the largest plane: official programs reserve these (looming_*). */
static int32_t plane_rows(const struct grid *g)
{
    int32_t h = 0, w = 0;
    for (int i = 0; i < GRID; i++) {
        h = most(h, span_size(g->plane_y[i]));
        w = most(w, span_size(g->plane_x[i]));
    }
    return h * (int32_t)ceil_div(w, ROW_PIXELS);
}

int32_t pool_wide_rows(const struct pool_detail *d, const struct grid *in, const struct grid *out)
{
    struct piece q = first_piece(d, in, out);
    int32_t rows = group_rows(d, in, out, &q), plane = plane_rows(in);
    bool whole = q.rows == most_rows(out) && q.words * q.groups >= in->words;
    return (whole && rows < plane && plane * q.groups <= PIECE_ROWS ? plane : rows) * q.groups;
}

/* ---- size ---- */

static int32_t most_windows(const struct grid *g)
{
    int32_t n = 0;
    for (int t = 0; t < ISA_TILES; t++)
        n = most(n, span_size(g->own_y[t / GRID]) * span_size(g->own_x[t % GRID]));
    return n;
}

/* Words of the input's buffer that are read: 4 pixels at a time, so perhaps some behind the plane. */
static int32_t words_read(const struct pool_detail *d, const struct grid *in, const struct grid *out)
{
    int32_t words = 0;
    for (int t = 0; t < ISA_TILES; t++) {
        struct span made_y = out->own_y[t / GRID], made_x = out->own_x[t % GRID];
        if (!span_size(made_y) || !span_size(made_x))
            continue;
        struct span y = covered(d, false, made_y, in), x = covered(d, true, made_x, in);
        words = most(words, grid_at(in, t, y.end - 1, x.first) + line_rows(d, in, made_x) * ROW_PIXELS * in->words);
    }
    return words;
}

static bool size_pool(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    const struct pool_detail *d = s->detail;
    const struct value *in = plan_in(p, s, 0);
    const struct value *out = plan_out(p, s);
    struct narrow_buffer *read = &p->buffers[in->buffer];
    int32_t rows = pool_wide_rows(d, &in->grid, &out->grid);
    if (rows > WIDE_ROWS)
        return status_fail(p->st, STATUS_LIMIT, "a row of windows needs %d rows of wide memory, %d are there", rows,
                           WIDE_ROWS);
    read->words = most(read->words, in->offset + words_read(d, &in->grid, &out->grid));
    plan_value_buffer(p, s->out);
    if (d->kind != POOL_MAX) /* no fence stands between a pool and the step before it */
        s->temporary = plan_buffer(p, (struct narrow_buffer){.words = most_windows(&out->grid),
                                                             .first = (int32_t)index - (index > 0),
                                                             .last = (int32_t)index, .late = true});
    plan_wide_floor(p, WIDE_ROWS - rows);
    return true;
}

/* ---- emit ---- */

/* The pixels of the piece that a tile's windows cover, to wide rows. */
static bool turn_pixels(int tile, const void *arg, struct isa_inst *out)
{
    const struct pool *v = arg;
    const struct piece *q = &v->piece;
    const struct grid *in = &v->in->grid;
    struct span made_y = made_rows(q, v->out->grid.own_y[tile / GRID]), made_x = v->out->grid.own_x[tile % GRID];
    if (!span_size(made_y) || !span_size(made_x))
        return false;
    struct span y = covered(v->d, false, made_y, in), x = covered(v->d, true, made_x, in);
    int32_t across = line_rows(v->d, in, made_x), rows = span_size(y) * across;
    struct loops n = LOOPS({ROW_PIXELS, in->words}), w = LOOPS({rows, 1});
    if (q->words > 1)
        loop(&n, q->words, 1);
    out->op = ISA_TO_WIDE;
    struct isa_to_wide *i = &out->to_wide;
    i->pack = (int32_t)loop_count(&n);
    loop(&n, across, ROW_PIXELS * in->words);
    loop(&n, span_size(y), grid_pitch(in, tile));
    if (q->groups > 1) {
        loop(&n, q->groups, q->words);
        loop(&w, q->groups, rows);
    }
    i->n = narrow_words(value_at(v->plan, v->in) + grid_at(in, tile, y.first, x.first) + q->word, n);
    if (q->rest)
        i->n = short_last(i->n, (int32_t)loop_count(&n) - 1, q->rest, q->words - q->rest);
    i->w = wide_rows(v->base, w);
    i->p = signal_at(1);
    i->par = 1;
    if (in->words % GROUP_WORDS == 0)
        pool_wait(i, v->p->flag[tile], (int32_t)loop_count(&n) - (q->groups > 1), in->words / GROUP_WORDS);
    return true;
}

static bool reduce_runs(int tile, const void *arg, struct isa_inst *out)
{
    const struct pool *v = arg;
    const struct pool_detail *d = v->d;
    const struct piece *q = &v->piece;
    const struct grid *in = &v->in->grid, *to = &v->out->grid;
    struct span made_y = made_rows(q, to->own_y[tile / GRID]), made_x = to->own_x[tile % GRID];
    struct run y, x;
    if (!span_size(made_y) || !span_size(made_x) || !run_of(d, false, made_y, in, v->run_y, &y) ||
        !run_of(d, true, made_x, in, v->run_x, &x))
        return false;
    int32_t h = span_size(y.made), w = span_size(x.made), pixels = y.kernel * x.kernel;
    int32_t line = line_rows(d, in, made_x);
    struct span all_y = covered(d, false, made_y, in), all_x = covered(d, true, made_x, in);
    int32_t group = span_size(all_y) * line, pitch = 4 * grid_pitch(to, tile), lane_bytes = 4 * q->words;
    int32_t first = ROW_PIXELS * line * (covered(d, false, y.made, in).first - all_y.first) +
                    covered(d, true, x.made, in).first - all_x.first;
    out->op = d->kind == POOL_MAX ? ISA_MAX : ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = (struct isa_tensor){.avdata = signal_at(3), .param = signal_at(4), .one = 1, .nospill = 1, .w1 = 3, .chdim = 4,
                             .redmask = 3,
                             .lanes = lane_bytes - 1, .lanes_last = (q->rest ? 4 * q->rest : lane_bytes) - 1};
    const int32_t count[5] = {x.kernel, y.kernel, w, h, q->groups};
    for (int k = 0; k < 5; k++)
        i->lim[k] = count[k] - 1;
    struct loops a = LOOPS({x.kernel, 0}, {y.kernel, 0}, {w * h, 4}, {1, 4 * w * h});
    struct loops sums = LOOPS({pixels, 0}, {w * h, 0});
    if (q->groups > 1) {
        loop(&a, q->groups, 0);
        loop(&sums, q->groups, 0);
    }
    i->a = d->kind == POOL_MAX ? tensor_unit(0, NO_LOOPS) : tensor_unit(4LL * v->ones, a);
    i->w = tensor_unit(ROW_PIXELS * v->base + first,
                       LOOPS({x.kernel, 1}, {y.kernel, ROW_PIXELS * line}, {w, d->x.stride},
                             {h, ROW_PIXELS * line * d->y.stride},
                             {q->groups, ROW_PIXELS * group}, {1, ROW_PIXELS * group * q->groups}));
    i->p = buffered(tensor_unit(0, sums), 1, 4);
    i->o = tensor_unit(4LL * (value_at(v->plan, v->out) + grid_at(to, tile, y.made.first, x.made.first) + q->word),
                       LOOPS({q->words, 4}, {w, 4 * to->words}, {h, pitch}, {q->groups, lane_bytes},
                             {1, pitch * span_size(to->plane_y[tile / GRID])}));
    if (q->rest)
        i->o = short_last(i->o, 3, q->rest, 4 * (q->words - q->rest));
    pool_set_numbers(i, d, pixels);
    return true;
}

static void reduce(struct pool *v, struct program *p)
{
    for (v->run_y = 0;; v->run_y++) {
        for (v->run_x = 0; program_add_tiles(p, reduce_runs, v); v->run_x++)
            ;
        if (v->run_x == 0)
            break;
    }
}

/* On the tiles that have windows. */
static void fill_ones(const struct pool *v, struct program *p)
{
    const struct grid *g = &v->out->grid;
    int32_t n = most_windows(g), tiles = 0;
    for (int t = 0; t < ISA_TILES; t++)
        tiles |= span_size(g->own_y[t / GRID]) * span_size(g->own_x[t % GRID]) > 0 ? 1 << t : 0;
    struct isa_ttu to = mesh_words(v->ones, n > 1 ? LOOPS({n, 1}) : NO_LOOPS);
    program_add(p, (struct isa_inst){.op = ISA_MESH_NORTH, .mesh = {.tiles = tiles, .b = to, .fill = 1, .value = 1}});
}

static void emit_pool(const struct plan *plan, const struct step *s, struct program *p)
{
    struct pool v = {.plan = plan, .p = p, .d = s->detail, .in = plan_in(plan, s, 0), .out = plan_out(plan, s)};
    v.base = WIDE_ROWS - pool_wide_rows(v.d, &v.in->grid, &v.out->grid);
    if (v.d->kind != POOL_MAX) {
        v.ones = plan->buffers[s->temporary].at;
        fill_ones(&v, p);
    }
    v.piece = first_piece(v.d, &v.in->grid, &v.out->grid);
    do {
        emit_fence(p, (struct fence){0});
        program_add_tiles(p, turn_pixels, &v);
        emit_fence(p, (struct fence){0});
        reduce(&v, p);
    } while (next_piece(&v.piece, &v.in->grid, &v.out->grid));
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

static struct span reads_of_pool(const struct plan *p, const struct step *s, bool columns, struct span made)
{
    return covered(s->detail, columns, made, &plan_in(p, s, 0)->grid);
}

const struct family family_pool = {.name = "pool", .size = size_pool, .emit = emit_pool, .reads = reads_of_pool};

/* Images between the host and the tiles.
 *
 * In: every tile row gets its image rows, whole, into a ring of wide rows; 0x14 keeps what starts at a tile's own first
 * pixel in one of two staging buffers; a tensor instruction with an identity matrix takes the tile's pixels from there
 * into its plane. Out: planes to wide rows, tile by tile to the host, which puts them together (OutputLayout). Facts:
 * ../shared/isa/tile-dma.md section 5 and mapping.md section 6 (1174 of 1174 instructions 0x11, 0x14, 0x26; copies of
 * dense, stack, gabor, color and mobilenet models).  Rows whose bytes are not whole words (groups of rows) have the
 * same form, but no official copy instruction was compared. */
#include "compiler/families.h"
#include "compiler/outgoing.h"
#include "compiler/numerics.h"
#include "compiler/rows.h"
#include "compiler/scalar.h"

enum { UNIT = 8, ROW_BYTES = 256, THREAD_TO_WIDE = 1 << 5 };

struct infeed { /* settled by size */
    uint32_t stage, identity; /* narrow buffers */
    int32_t ring_row, identity_row;
    bool finds_identity; /* an earlier infeed has written it */
};

struct image { /* bytes and words of the image's rows */
    int32_t row_bytes, ring_rows;  /* one image row; wide rows of one */
    int32_t group, group_words;    /* image rows that are whole words together */
    int32_t stage;                 /* words of one staging buffer */
    bool aligned;                  /* a pixel is whole words */
};

/* Rows that are taken together: whole words.  Where a row is hardly longer than a tile's part of it and bands begin
 * inside a word, the part would end in the next group (images of one column): then all rows of a band are one group,
 * with a word to spare. */
static int32_t rows_together(const struct value *v, int32_t row_bytes)
{
    int32_t group = 1, most = 0;
    while (row_bytes * group % 4)
        group *= 2;
    for (int i = 0; i < GRID; i++)
        most = span_size(v->grid.own_y[i]) > most ? span_size(v->grid.own_y[i]) : most;
    for (int i = 0; i < GRID && group > 1; i++)
        if (row_bytes - span_size(v->grid.own_x[i]) * v->z < 3)
            return (int32_t)round_up(most + 4, group);
    return group;
}

static struct image image_of(const struct value *v)
{
    struct image m = {.row_bytes = v->x * v->z, .group = 1, .aligned = v->z % 4 == 0};
    m.ring_rows = (int32_t)ceil_div(m.row_bytes, ROW_BYTES);
    m.group = rows_together(v, m.row_bytes);
    m.group_words = m.row_bytes * m.group / 4;
    m.stage = m.group_words > ROW_WORDS ? m.group_words : ROW_WORDS;
    return m;
}

void *infeed_image_detail(struct arena *a) { return ARENA_NEW(a, struct infeed); }

int32_t infeed_image_identity_row(const void *detail) { return ((const struct infeed *)detail)->identity_row; }

static bool size_infeed(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    const struct value *v = plan_out(p, s);
    struct infeed *f = (struct infeed *)(uintptr_t)s->detail;
    struct image m = image_of(v);
    bool kept = s->identity_row >= 0; /* for strips of strips: it is written once */
    plan_value_buffer(p, s->out);
    f->stage = plan_buffer(p,
                           (struct narrow_buffer){.words = 2 * m.stage, .first = index, .last = index, .late = true});
    f->finds_identity = (kept && !s->writes_identity) || (plan_identity_on_top(p, s) && index > 0);
    if (!f->finds_identity)
        f->identity = plan_buffer(
            p, (struct narrow_buffer){.words = m.aligned ? 4 : 68, .first = index, .last = index, .late = true});
    int32_t rows = m.aligned ? 1 : 2, ring = 2 * m.ring_rows; /* the larger lies higher; equal: the identity */
    if (plan_identity_on_top(p, s)) {
        f->identity_row = WIDE_ROWS - 1;
        f->ring_row = f->identity_row - ring;
        plan_wide_floor(p, f->ring_row);
        return true;
    }
    f->identity_row = ring > rows ? WIDE_ROWS - ring - rows : WIDE_ROWS - rows;
    f->ring_row = ring > rows ? WIDE_ROWS - ring : WIDE_ROWS - rows - ring;
    if (kept)
        f->identity_row = s->identity_row, f->ring_row = WIDE_ROWS - ring;
    plan_wide_floor(p, kept ? s->identity_row : WIDE_ROWS - ring - rows);
    return true;
}

int32_t infeed_image_ring_rows(const struct value *v) { return 2 * image_of(v).ring_rows; }
int32_t infeed_image_identity_rows(const struct value *v) { return image_of(v).aligned ? 1 : 2; }

/* ---- identity matrix ---- */

/* Behind the identity row one of zeroes: the matrix of a byte that is moved alone. */
static void emit_identity_bytes(struct program *p, int32_t at, int32_t row)
{
    for (int k = 0; k < 4; k++)
        emit_fill(p, ISA_MESH_NORTH, (struct constant){at + k, 1, 1 << 8 * k}, false);
    emit_fill(p, ISA_MESH_NORTH, (struct constant){at + 4, ROW_WORDS, 0}, false);
    emit_fence(p, (struct fence){0});
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = ALL_TILES, .n = narrow_words(at, LOOPS({4 + ROW_WORDS, 1})),
                                                 .w = wide_rows(row, LOOPS({2, 1})), .pack = 1}});
}

/* ---- host -> staging ---- */

struct band { /* the bytes of one tile row */
    int64_t first, end;  /* in the image */
    int64_t fifo;        /* 8-byte units that come before it */
    int32_t units, rows; /* 8-byte units, wide rows */
};

/* The tile rows' image rows follow each other: one transfer brings them.  Else each tile row has its own. */
static bool is_whole(const struct grid *g)
{
    for (int i = 1; i < GRID; i++)
        if (g->own_y[i].first != g->own_y[i - 1].end)
            return false;
    return true;
}

static struct band band_of(const struct value *v, int i)
{
    struct image m = image_of(v);
    struct band b = {.first = (int64_t)v->grid.own_y[i].first * m.row_bytes,
                     .end = (int64_t)v->grid.own_y[i].end * m.row_bytes};
    b.units = b.first == b.end ? 0 : (int32_t)(ceil_div(b.end, UNIT) - b.first / UNIT);
    b.rows = (int32_t)ceil_div((int64_t)b.units * UNIT, ROW_BYTES);
    b.fifo = b.first / UNIT - (int64_t)v->grid.own_y[0].first * m.row_bytes / UNIT;
    if (!is_whole(&v->grid))
        b.fifo = i == 0 ? 0 : band_of(v, i - 1).fifo + band_of(v, i - 1).units;
    return b;
}

static void ask_host(struct program *p, const struct value *v)
{
    int64_t first = band_of(v, 0).first / UNIT, end = ceil_div(band_of(v, GRID - 1).end, UNIT);
    struct host_band bands[GRID] = {{first, end - first}};
    bool whole = is_whole(&v->grid);
    for (int i = 0; i < GRID && !whole; i++)
        bands[i] = (struct host_band){band_of(v, i).first / UNIT, band_of(v, i).units};
    emit_host_infeed(p, v->tensor->name, bands, whole ? 1 : GRID);
}

/* The walk over the wide ring, the same for the side that fills and the side that empties it. */
static struct isa_ttu ring_walk(const struct infeed *f, const struct image *m, const struct band *b, int32_t *dim)
{
    int32_t s = m->ring_rows, passes = (int32_t)ceil_div(b->rows, s), rest = b->rows % s;
    struct loops l = NO_LOOPS;
    if (s > 1)
        loop(&l, s, 1);
    if (s > 1 ? passes > 1 || rest : b->rows > 1)
        loop(&l, passes, 0);
    *dim = s > 1 || passes == 1;
    struct isa_ttu t = buffered(wide_rows(f->ring_row, l), *dim, s);
    return s > 1 && rest ? short_last(t, 1, rest, s - rest) : t;
}

struct keep {
    const struct plan *plan;
    const struct step *step;
};

/* 0x14 of one tile. */
static bool keep_pixels(int tile, const void *arg, struct isa_inst *out)
{
    const struct keep *k = arg;
    const struct infeed *f = k->step->detail;
    const struct value *v = plan_out(k->plan, k->step);
    struct image m = image_of(v);
    struct band b = band_of(v, tile / GRID);
    struct span rows = v->grid.own_y[tile / GRID], columns = v->grid.own_x[tile % GRID];
    if (b.units == 0)
        return false;
    bool idle = span_size(columns) == 0; /* a tile without pixels lets the data of its neighbour pass */
    for (int x = tile % GRID; span_size(columns) == 0;)
        columns = v->grid.own_x[--x];
    int32_t skip = (int32_t)((b.first % UNIT + (int64_t)columns.first * v->z) / 4), all = b.rows * ROW_WORDS - skip;
    int32_t have = (int32_t)ceil_div(all, m.group_words), want = (int32_t)ceil_div(span_size(rows), m.group) + 1;
    int32_t passes = have < want ? have : want, last = all - (passes - 1) * m.group_words, dim;
    int32_t stage = k->plan->buffers[f->stage].at;
    out->op = ISA_TO_NARROW;
    struct isa_to_narrow *i = &out->to_narrow;
    i->w = ring_walk(f, &m, &b, &dim);
    if (passes == 1) {
        i->n = buffered(narrow_words(stage, LOOPS({last, 1})), 1, last > ROW_WORDS ? last : ROW_WORDS);
        i->pack = skip ? 2 : 1;
    } else {
        i->n = buffered(narrow_words(stage, LOOPS({m.group_words, 1}, {passes, 0})), 1, m.stage);
        if (last != m.group_words)
            i->n = short_last(i->n, 1, last, m.group_words - last);
        i->pack = 2;
    }
    if (skip)
        i->s = (struct isa_prefix){.en = 1, .dim = 1, .base = stage, .lim = skip - 1, .end = stage + skip - 1};
    i->p = signal_at(0);
    i->wait[0] = wait_data(ISA_RREAD_A, dim, 1, 1);
    if (!idle) /* it copies nothing, so it makes no room either */
        i->wait[1] = wait_room(ISA_AVDATA, 1, -1, 1);
    if (dim == 1 && m.ring_rows == 1)
        i->w.mask = 1; /* one row: the official form differs between 0x14 and 0x11 */
    return true;
}

static void receive_band(struct program *p, const struct plan *plan, const struct step *s, int i)
{
    const struct infeed *f = s->detail;
    const struct value *v = plan_out(plan, s);
    struct image m = image_of(v);
    struct band b = band_of(v, i);
    if (b.units == 0)
        return;
    int32_t dim, words = ROW_WORDS * m.ring_rows;
    struct isa_ttu w = ring_walk(f, &m, &b, &dim);
    program_add(p, (struct isa_inst){.op = ISA_RING_RECV_A,
                                     .recv = {.tiles = 0xf << GRID * i, .w = w, .p = signal_at(dim),
                                              .wait = wait_room(ISA_W2N, dim, -words, words)}});
    emit_inject_activations(p, b.fifo, b.units, 0xf << GRID * i);
}

/* ---- staging -> plane ---- */

struct copy {
    struct keep k;
    bool last; /* the last group of rows alone: it may be shorter, and its words are not all there */
};

/* Words of the first group of rows to wait for.  W2N counts those in front of a tile's pixels too.  The whole group is
 * enough, unless the band begins in the middle of an 8-byte unit: then the last column's pixels end one word later.
 * All tile rows wait alike: as few instructions as officially (28x28x1, catalogue P277); each has a row more to come.
 */
static int64_t group_end(const struct value *v, const struct image *m, struct span xs)
{
    int64_t words = m->group_words;
    for (int i = 0; i < GRID; i++) {
        struct band b = band_of(v, i);
        int64_t end = b.first % UNIT + (int64_t)(m->group - 1) * m->row_bytes + (int64_t)xs.end * v->z;
        if (span_size(v->grid.own_y[i]) > m->group && ceil_div(end, 4) > words)
            words = ceil_div(end, 4);
    }
    return words;
}

static bool copy_pixels(int tile, const void *arg, struct isa_inst *out)
{
    const struct copy *c = arg;
    const struct plan *plan = c->k.plan;
    const struct infeed *f = c->k.step->detail;
    const struct value *v = plan_out(plan, c->k.step);
    const struct grid *g = &v->grid;
    struct image m = image_of(v);
    struct band b = band_of(v, tile / GRID);
    struct span ys = g->own_y[tile / GRID], xs = g->own_x[tile % GRID];
    int32_t h = span_size(ys), w = span_size(xs), groups = (int32_t)ceil_div(h, m.group),
            pitch = 4 * grid_pitch(g, tile);
    int32_t rows = c->last ? h - (groups - 1) * m.group : m.group, count = c->last ? 1 : groups - 1,
            first = c->last ? groups - 1 : 0;
    if (h == 0 || w == 0 || count == 0)
        return false;
    int32_t odd = (int32_t)((b.first + (int64_t)xs.first * v->z) % 4); /* bytes before the first pixel in its word */
    int32_t from = 4 * (plan->buffers[f->stage].at + (first & 1 ? m.stage : 0)) + odd;
    int32_t to = 4 * (value_at(plan, v) + grid_at(g, tile, ys.first + first * m.group, xs.first));
    int32_t plane = pitch * span_size(g->plane_y[tile / GRID]);
    int32_t tail = (int32_t)ceil_div(odd + (int64_t)(rows - 1) * m.row_bytes + (int64_t)w * v->z, 4);
    int64_t words = c->last ? (int64_t)first * m.group_words + tail : group_end(v, &m, xs);
    struct loops repeat = NO_LOOPS;
    if (count > 1)
        loop(&repeat, count, 0);
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = (struct isa_tensor){.one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3};
    set_copy_numerics(i);
    struct loops a, wide, o;
    int32_t shortened = 0; /* bytes of the last word of a pixel, if fewer than 4 */
    if (m.aligned) {
        int32_t q = g->words;
        i->lim[1] = q - 1, i->lim[2] = w - 1, i->lim[3] = count - 1;
        a = LOOPS({q, 4}, {w, 4 * q});
        wide = LOOPS({q, 0}, {1, 0}, {w, 0});
        o = LOOPS({q, 4}, {w, 4 * q}, {count, pitch}, {1, plane});
        i->chdim = 4;
    } else {
        /* A word is put together from its bytes, the last word of a pixel from those that are left.
         * More than one word: ASR_Model (20x11x...) and keras_lstm have this form with 194 bytes a pixel. */
        int32_t q = g->words, bytes = v->z < 4 ? v->z : 4, left = (v->z - 1) % 4 + 1;
        struct loops pixel = q > 1 ? LOOPS({bytes, 0}, {q, 0}, {w, 0}, {rows, 0})
                                   : LOOPS({bytes, 0}, {w, 0}, {rows, 0});
        for (unsigned k = 0; k < loop_count(&pixel); k++)
            i->lim[k] = (int32_t)pixel.dim[k].count - 1;
        i->lim[loop_count(&pixel)] = count - 1;
        a = LOOPS({v->z, 1}, {w, v->z}, {rows, m.row_bytes});
        wide = q > 1 ? LOOPS({bytes, 1}, {q, 0}, {w, 0}) : LOOPS({bytes, 1}, {w, 0});
        if (rows > 1)
            loop(&wide, rows, 0);
        o = q > 1 ? LOOPS({1, 4}, {q, 4}, {w, 4 * q}, {rows, pitch}) : LOOPS({1, 4}, {w, 4}, {rows, pitch});
        if (count > 1)
            loop(&o, count, (int64_t)pitch * m.group);
        loop(&o, 1, plane);
        i->chdim = 3 + (q > 1);
        shortened = q > 1 && left < 4 ? left : 0;
        i->redmask = 1;
        i->a1 = 1;
        i->w1 = 3;
    }
    if (count > 1) {
        loop(&a, count, 0);
        loop(&wide, count, 0);
    }
    struct loops sums = wide;
    sums.dim[0].stride = m.aligned || v->z > 1 ? 0 : 1;
    int32_t per_group = m.aligned ? 2 : g->words > 1 ? 4 : 3; /* loops of one group of rows */
    i->a = buffered(tensor_unit(from, a), m.aligned ? 2 : 3, 4 * m.stage);
    i->w = tensor_unit(4LL * f->identity_row, wide);
    i->p = buffered(masked(tensor_unit(0, sums), 0), m.aligned ? 0 : 1, 4);
    i->o = tensor_unit(to, o);
    if (shortened) {
        i->ldim = 1;
        i->llim = shortened - 1;
        i->w = short_last(i->w, 1, shortened, 4 - shortened);
        i->p = short_last(i->p, 1, shortened, 0);
    }
    i->avdata = signal_at(per_group);
    i->wait[0] = wait_data(ISA_W2N, m.aligned ? 3 : per_group, words, m.group_words);
    return true;
}

/* Returns the tiles that copy more than one group of rows. */
static int32_t copy_all(struct program *p, const struct copy *c)
{
    const struct value *v = plan_out(c->k.plan, c->k.step);
    int groups = image_of(v).aligned || v->grid.words == 1 ? 3 : 4; /* loop of the groups */
    struct isa_inst inst[ISA_TILES];
    unsigned n = tile_classes(copy_pixels, c, NULL, inst);
    int32_t several = 0;
    for (unsigned k = 0; k < n; k++) {
        program_add(p, inst[k]);
        several |= inst[k].tensor.lim[groups] > 0 ? inst[k].tensor.tiles : 0;
    }
    return several;
}

/* An input that comes in behind other steps than inputs, not on strips: the host's queue begins anew as in front of the
 * first (tf2_ssd_mobilenet_v2 segment 2 of 3). */
static bool behind_others(const struct plan *plan, const struct step *s)
{
    for (const struct step *k = plan->steps; !s->passes && k < s; k++)
        if (k->family != &family_infeed_image)
            return true;
    return false;
}

static void emit_infeed(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct infeed *f = s->detail;
    const struct value *v = plan_out(plan, s);
    struct keep k = {plan, s};
    if (behind_others(plan, s)) {
        emit_core_sync(p, 1 << ISA_AVDATA_POP | 1 << ISA_AVDATA_INFEED);
        emit_barrier(p, 0);
    }
    if (!f->finds_identity && image_of(v).aligned)
        emit_identity(p, plan->buffers[f->identity].at, f->identity_row, true);
    else if (!f->finds_identity)
        emit_identity_bytes(p, plan->buffers[f->identity].at, f->identity_row);
    if (!f->finds_identity || plan_identity_on_top(plan, s))
        emit_fence(p, (struct fence){.threads = THREAD_TO_WIDE});
    int32_t several = copy_all(p, &(struct copy){k, false}); /* waits in its queue for the data */
    ask_host(p, v);
    if (several) /* 10x10 pixels: only tile rows of 3; 5x5: none (tf2_ssd_mobilenet_v2 segment 2 of 3) */
        emit_fence(p, (struct fence){.flags = 1 << ISA_W2N, .threads = NO_THREADS, .tiles = several});
    program_add_tiles(p, keep_pixels, &k);
    for (int i = 0; i < GRID; i++)
        receive_band(p, plan, s, i);
    emit_fence(p, (struct fence){0});
    copy_all(p, &(struct copy){k, true});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_infeed_image = {.name = "infeed of an image", .size = size_infeed, .emit = emit_infeed,
                                           .reads = reads_as_it_is};

/* ---- out ---- */

static bool size_outfeed(struct plan *p, uint32_t index)
{
    plan_wide_floor(p, plan_top(p, &p->steps[index]) - OUT_ROWS);
    return true;
}

static bool stage_plane(int tile, const void *arg, struct isa_inst *out)
{
    const struct keep *k = arg;
    const struct value *v = plan_in(k->plan, k->step, 0);
    const struct grid *g = &v->grid;
    struct span ys = g->own_y[tile / GRID], xs = g->own_x[tile % GRID];
    int32_t h = span_size(ys), w = span_size(xs), words = h * w * g->words, rows = (int32_t)ceil_div(words, ROW_WORDS),
            dim = rows == 1;
    if (words == 0)
        return false;
    out->op = ISA_TO_WIDE;
    struct isa_to_wide *i = &out->to_wide;
    struct loops l = NO_LOOPS;
    if (g->words > 1)
        loop(&l, g->words, 1);
    if (w > 1)
        loop(&l, w, g->words);
    if (h > 1 || loop_count(&l) == 0)
        loop(&l, h, h > 1 ? grid_pitch(g, tile) : 1);
    i->n = narrow_words(value_at(k->plan, v) + grid_at(g, tile, ys.first, xs.first), l);
    i->w = buffered(wide_rows(plan_top(k->plan, k->step) - OUT_ROWS, rows == 1 ? NO_LOOPS : LOOPS({rows, 0})), dim, 1);
    i->p = signal_at(dim);
    i->pack = (int32_t)loop_count(&l);
    return true;
}

/* Words that a tile has for the host. */
static int32_t tile_words(const struct grid *g, int tile)
{
    return span_size(g->own_y[tile / GRID]) * span_size(g->own_x[tile % GRID]) * g->words;
}

/* Bytes of the output before these rows: all but those of the first pass (strips.h) begin behind others. */
static int64_t bytes_before(const struct grid *g) { return (int64_t)g->own_y[0].first * g->x * 4 * g->words; }

/* A tile that is not the last has an odd number of words: the queue to the host takes two at a time, so the tiles'
 * words go through scalar memory, which the scalar core empties word by word. */
static bool needs_scalar_memory(const struct grid *g)
{
    bool odd = false, through = false;
    for (int t = 0; t < ISA_TILES; t++) {
        through = through || (odd && tile_words(g, t) > 0);
        odd = odd || tile_words(g, t) % 2;
    }
    return through;
}

static void send_through_memory(const struct grid *g, const char *name, int32_t row, struct program *p)
{
    struct outgoing o = {.p = p, .name = name, .row = row, .before = bytes_before(g)};
    for (int t = 0; t < ISA_TILES; t++)
        o.words += tile_words(g, t);
    for (int t = 0; t < ISA_TILES; t++) {
        if (tile_words(g, t) == 0)
            continue;
        outgoing_add(&o, t, tile_words(g, t));
    }
    outgoing_end(&o);
}

static void send_directly(const struct grid *g, const char *name, int32_t row, struct program *p)
{
    int64_t rows = g->own_y[GRID - 1].end - g->own_y[0].first, size = round_up(rows * g->x * 4 * g->words, UNIT);
    scalar_move(p, 6, 5);
    scalar_move(p, 7, 4);
    scalar_descriptor(p, 6, size, TAG_OUTPUT);
    program_hint(p, DWN_OUTFEED, DWN_OUTPUT, name, bytes_before(g), size);
    for (int t = 0; t < ISA_TILES; t++)
        if (tile_words(g, t) > 0)
            emit_send_rows(p, t, row, (int32_t)ceil_div(tile_words(g, t), ROW_WORDS),
                           (int32_t)ceil_div(tile_words(g, t), 2));
}

static void emit_outfeed(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct grid *g = &plan_in(plan, s, 0)->grid;
    const char *name = ((const struct tfl_tensor *)s->detail)->name;
    int32_t row = plan_top(plan, s) - OUT_ROWS;
    struct keep k = {plan, s};
    struct isa_inst inst[ISA_TILES];
    /* A row of pixels and a column of them have instructions of their own (7x7x320, catalogue P247). */
    int32_t shape[ISA_TILES];
    for (int t = 0; t < ISA_TILES; t++)
        shape[t] = span_size(g->own_y[t / GRID]) << 16 | span_size(g->own_x[t % GRID]);
    /* After smaller outputs the tiles have sent different numbers of rows: all count from 0 again. */
    int32_t flags = program_flags_agree(p, ALL_TILES, 1 << ISA_RWRITE) ? 0 : LAYER_FLAGS;
    if (needs_scalar_memory(g)) /* posenet_mobilenet_v1_075_353_481, tf2_ssd_mobilenet_v2 segment 2 of 3 */
        emit_fence(p, (struct fence){.flags = flags});
    else
        emit_barrier(p, flags);
    scalar_io_base(p, DWN_OUTPUT, name);
    scalar_io_offset(p, bytes_before(g));
    unsigned n = tile_classes(stage_plane, &k, shape, inst);
    for (unsigned i = 0; i < n; i++) {
        struct isa_to_wide *w = &inst[i].to_wide;
        w->wait[0] = wait_room(ISA_RWRITE, w->w.bdim, program_flag(p, w->tiles, ISA_RWRITE) - 1, 1);
        program_add(p, inst[i]);
    }
    if (needs_scalar_memory(g))
        send_through_memory(g, name, row, p);
    else
        send_directly(g, name, row, p);
}

const struct family family_outfeed_image = {.name = "outfeed of an image", .size = size_outfeed, .emit = emit_outfeed,
                                            .reads = reads_as_it_is};

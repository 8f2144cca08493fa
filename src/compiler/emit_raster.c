/* RESHAPE of an image to a vector, pixel behind pixel: [1,Y,X,C] -> [1,Y*X*C], pixels of whole words.
 *
 * The vector's slices go to the tiles in raster order, so a row of tiles has four of them: a strip.  Each row of tiles
 * gathers its pixels on its first tile (west); the first tiles exchange the pixels that a strip needs and its own row
 * of tiles has not (north, south), each pixel whole and for each other strip anew; then each strip goes in slices along
 * its row (east).  The pieces are those of emit_flatten.c.
 *
 * Facts: for one row of pixels every field of the RESHAPE [28,20] -> [560] of keras_lstm (compiler 2.1), for the
 * exchange of whole pixels northwards ASR_Model (compiler 2.0, 5x2x64 -> 640); of compiler 16 the number of
 * instructions of every opcode: 14 models with dense layers on 28x28 digits (catalogue P187 and those after it), LeNet
 * (5x5x16, P277), 118x100x8 (P245); and, with what else these models differ in, 62x62x8 (P276), 6x6x64 (P268), 6x6x164
 * (P269), 25x9x64 (P326), 5x4x60 and 4x3x80 (P305).  The first tiles' buffers are taken to be as long as their row's
 * own pixels and their strip together, and rows of tiles with different ones share no instruction: so there are as many
 * as officially.  Whether north or south comes first is not known. */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/scalar.h"
#include "graph/graph.h"

enum { IDENTITY_ROW = WIDE_ROWS - 1, IDENTITY_WORDS = 4 };

struct raster {
    uint32_t rows, relay, identity; /* narrow buffers */
    bool finds_identity;
};

/* What the first tile of a row of tiles has in its buffer, in pixels of the image in raster order. */
struct tile_row {
    struct span own;   /* pixels */
    struct span strip; /* words of the vector; empty: none */
    struct span kept;  /* pixels: its own and those of which its strip has words */
};

static struct tile_row tile_row_of(const struct grid *g, const struct slices *c, int i)
{
    struct tile_row r = {.own = {g->own_y[i].first * g->x, g->own_y[i].end * g->x}};
    int32_t first = GRID * c->words * i, end = GRID * c->words * (i + 1);
    r.kept = r.own;
    if (first < c->total) {
        r.strip = (struct span){first, end < c->total ? end : c->total};
        r.kept = span_hull(r.own, (struct span){first / g->words, (int32_t)ceil_div(r.strip.end, g->words)});
    }
    return r;
}

static int32_t most_words(const struct grid *g, const struct slices *c)
{
    int32_t most = 0;
    for (int i = 0; i < GRID; i++) {
        struct tile_row r = tile_row_of(g, c, i);
        most = span_size(r.kept) > most ? span_size(r.kept) : most;
    }
    return most * g->words;
}

bool raster_fits(const struct shape4 *s)
{
    enum { MOST_WORDS = NARROW_WORDS / 4 };
    if ((int64_t)s->y * s->x <= 1 || s->z % 4 || (int64_t)s->y * s->x * s->z / 4 > NARROW_WORDS)
        return false;
    struct grid g = grid_of(s->y, s->x, s->z);
    struct slices c = slices_of(s->y * s->x * s->z);
    return most_words(&g, &c) <= MOST_WORDS;
}

void *raster_detail(struct arena *a) { return ARENA_NEW(a, struct raster); }

static uint32_t own_buffer(struct plan *p, uint32_t index, int32_t words)
{
    return plan_buffer(p, (struct narrow_buffer){.words = words, .first = index, .last = index, .late = true});
}

static bool size_raster(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct raster *d = (struct raster *)(uintptr_t)s->detail;
    struct value *out = &p->values[s->out];
    struct slices c = slices_of(out->z);
    d->rows = own_buffer(p, index, most_words(&plan_in(p, s, 0)->grid, &c));
    d->relay = own_buffer(p, index, MESH_RELAY_WORDS);
    d->identity = own_buffer(p, index, IDENTITY_WORDS);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = c.words, .first = index, .last = out->last});
    /* The identity of an infeed just before is there still.  Else each writes its own, and leaves none to others
     * (catalogue: P305 with two such steps, P245 with LOGISTIC behind). */
    d->finds_identity = index > 0 && p->steps[index - 1].family == &family_infeed_image;
    s->identity_row = d->finds_identity ? infeed_image_identity_row(p->steps[index - 1].detail) : IDENTITY_ROW;
    plan_wide_floor(p, s->identity_row);
    return true;
}

struct rastering {
    struct program *p;
    const struct grid *g;
    struct slices c;
    struct tile_row row[GRID];
    int32_t identity;               /* wide row */
    int32_t image, rows, out, relay; /* narrow words */
};

/* Where a pixel lies in the buffer of the first tile of row i. */
static int32_t pixel_at(const struct rastering *d, int i, int32_t pixel)
{
    return d->rows + (pixel - d->row[i].kept.first) * d->g->words;
}
static int32_t kept_words(const struct rastering *d, int i) { return span_size(d->row[i].kept) * d->g->words; }

/* The tiles between the first and the last of `hops` steps from `tile`. */
static int32_t between(int tile, int step, int hops)
{
    int32_t mask = 0;
    for (int k = 1; k < hops; k++)
        mask |= 1 << (tile + step * k);
    return mask;
}

/* ---- copies on one tile: those that are the same for several rows of tiles are one instruction ---- */

struct tile_copy {
    struct loops a, o; /* bytes */
    int32_t n, from, to;
    int32_t key; /* words of the row's buffer: different ones never share an instruction */
};

static void put_copies(const struct rastering *d, const struct tile_copy copy[GRID])
{
    bool done[GRID] = {false};
    for (int i = 0; i < GRID; i++) {
        int32_t tiles = 0;
        for (int j = i; j < GRID; j++)
            if (!done[j] && !memcmp(&copy[i], &copy[j], sizeof copy[i])) {
                tiles |= 1 << GRID * j;
                done[j] = true;
            }
        if (tiles && copy[i].n)
            mesh_copy_words(d->p, tiles, d->identity, copy[i].n, copy[i].from, copy[i].a, copy[i].to, copy[i].o);
    }
}

/* ---- west: the pixels of a row of tiles on its first tile ---- */

static void copy_own_pixels(const struct rastering *d)
{
    const struct grid *g = d->g;
    struct tile_copy copy[GRID];
    memset(copy, 0, sizeof copy);
    for (int i = 0; i < GRID; i++) {
        int32_t w = span_size(g->own_x[0]), h = span_size(g->own_y[i]), words = g->words;
        int32_t pitch = 4 * grid_pitch(g, GRID * i);
        if (w <= 0 || h <= 0)
            continue;
        copy[i].n = w * h * words;
        copy[i].from = d->image + grid_at(g, GRID * i, g->own_y[i].first, 0);
        copy[i].to = pixel_at(d, i, d->row[i].own.first);
        copy[i].a = LOOPS({words, 4}, {1, 0}, {w, 4 * words}, {1, 0}, {h, pitch}, {1, 0}, {1, pitch * h});
        copy[i].o = LOOPS({words, 4}, {w, 4 * words}, {h, 4 * words * g->x}, {1, 4 * kept_words(d, i)});
    }
    put_copies(d, copy);
}

static void gather_rows(const struct rastering *d)
{
    const struct grid *g = d->g;
    int32_t end = 0;
    copy_own_pixels(d);
    for (int k = 1; k < GRID; k++) {
        struct mesh_hop hop[GRID];
        uint32_t n = 0;
        int32_t w = span_size(g->own_x[k]) * g->words;
        for (int i = 0; i < GRID && w > 0; i++) {
            int32_t h = span_size(g->own_y[i]), y = g->own_y[i].first, x = g->own_x[k].first;
            int tile = GRID * i + k;
            if (h > 0)
                hop[n++] = (struct mesh_hop){
                    .sender = 1 << tile,
                    .from = {d->image + grid_at(g, tile, y, x), w, h, grid_pitch(g, tile)},
                    .between = between(tile, -1, k),
                    .receiver = 1 << GRID * i,
                    .to = {pixel_at(d, i, y * g->x + x), w, h, g->x * g->words},
                    .receiver_key = kept_words(d, i)};
        }
        if (n)
            end = mesh_hops(d->p, ISA_MESH_WEST, hop, n, d->relay);
    }
    mesh_close(d->p, end);
    emit_fence(d->p, (struct fence){0});
}

/* ---- north, south: pixels that the strip of another row of tiles has words of ---- */

/* What tile row `from` has of the strip of `to`; false: nothing. */
static bool row_hop(const struct rastering *d, int from, int to, struct mesh_hop *hop)
{
    const struct tile_row *s = &d->row[from], *r = &d->row[to];
    if (!span_size(r->strip) || !span_size(s->own))
        return false;
    int32_t first = r->strip.first / d->g->words, end = (int32_t)ceil_div(r->strip.end, d->g->words);
    first = s->own.first > first ? s->own.first : first;
    end = s->own.end < end ? s->own.end : end;
    if (first >= end)
        return false;
    int step = from < to ? GRID : -GRID, hops = from < to ? to - from : from - to;
    int32_t n = (end - first) * d->g->words;
    *hop = (struct mesh_hop){.sender = 1 << GRID * from,
                             .from = {pixel_at(d, from, first), n, 1, n},
                             .between = between(GRID * from, step, hops),
                             .receiver = 1 << GRID * to,
                             .to = {pixel_at(d, to, first), n, 1, n}};
    return true;
}

/* North from far to near (the gathers of color_*), the lowest tiles first (ASR_Model); south from near to far
 * (keras_lstm). */
static void exchange_pixels(const struct rastering *d)
{
    int32_t end = 0;
    for (int k = GRID - 1; k > 0; k--) {
        struct mesh_hop hop[GRID];
        uint32_t n = 0;
        for (int from = GRID - 1; from >= k; from--)
            n += row_hop(d, from, from - k, &hop[n]);
        if (n)
            end = mesh_chain(d->p, ISA_MESH_NORTH, hop, n, d->relay);
    }
    mesh_close(d->p, end);
    end = 0;
    for (int k = 1; k < GRID; k++) {
        struct mesh_hop hop[GRID];
        uint32_t n = 0;
        for (int from = 0; from + k < GRID; from++)
            n += row_hop(d, from, from + k, &hop[n]);
        if (n)
            end = mesh_chain(d->p, ISA_MESH_SOUTH, hop, n, d->relay);
    }
    mesh_close(d->p, end);
    emit_fence(d->p, (struct fence){0});
}

/* ---- east: the slices of each strip ---- */

/* Slice k of strip i. */
static int32_t slice_size(const struct rastering *d, int i, int k)
{
    int32_t left = d->row[i].strip.end - d->row[i].strip.first - d->c.words * k;
    return left < 0 ? 0 : left < d->c.words ? left : d->c.words;
}
static int32_t slice_from(const struct rastering *d, int i, int k)
{
    return pixel_at(d, i, 0) + d->row[i].strip.first + d->c.words * k;
}

static void deal_slices(const struct rastering *d)
{
    struct tile_copy copy[GRID];
    int32_t end = 0;
    memset(copy, 0, sizeof copy);
    for (int i = 0; i < GRID; i++) {
        int32_t n = slice_size(d, i, 0), strip = 4 * span_size(d->row[i].strip);
        if (n == 0)
            continue;
        copy[i].n = n;
        copy[i].key = kept_words(d, i);
        copy[i].from = slice_from(d, i, 0);
        copy[i].to = d->out;
        copy[i].a = LOOPS({n, 4}, {1, 0}, {1, strip}, {1, 0}, {1, strip}, {1, 0}, {1, strip});
        copy[i].o = LOOPS({n, 4}, {1, 4 * n}, {1, 4 * n}, {1, 4 * n});
    }
    put_copies(d, copy);
    for (int k = 1; k < GRID; k++) {
        struct mesh_hop hop[GRID];
        uint32_t n = 0;
        for (int i = 0; i < GRID; i++) {
            int32_t words = slice_size(d, i, k);
            if (words > 0)
                hop[n++] = (struct mesh_hop){.sender = 1 << GRID * i,
                                             .from = {slice_from(d, i, k), words, 1, words},
                                             .sender_key = kept_words(d, i),
                                             .between = between(GRID * i, 1, k),
                                             .receiver = 1 << (GRID * i + k),
                                             .to = {d->out, words, 1, words}};
        }
        if (n)
            end = mesh_hops(d->p, ISA_MESH_EAST, hop, n, d->relay);
    }
    mesh_close(d->p, end);
}

static void emit_raster(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct raster *r = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    struct rastering d = {.p = p, .g = &in->grid, .c = slices_of(out->z), .identity = s->identity_row,
                          .image = value_at(plan, in), .rows = plan->buffers[r->rows].at,
                          .relay = plan->buffers[r->relay].at, .out = value_at(plan, out)};
    for (int i = 0; i < GRID; i++)
        d.row[i] = tile_row_of(d.g, &d.c, i);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (!r->finds_identity)
        emit_identity(p, plan->buffers[r->identity].at, s->identity_row, false);
    emit_fence(p, (struct fence){0});
    gather_rows(&d);
    exchange_pixels(&d);
    deal_slices(&d);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS}); /* as behind a pool (emit_exchange.c) */
}

const struct family family_raster = {.name = "image to vector", .size = size_raster, .emit = emit_raster};

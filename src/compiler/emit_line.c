/* RESHAPE of an image of one row to a vector: [1,1,X,C] (or [1,X,C]) -> [1,X*C], pixels of whole words.
 *
 * The row is gathered on the first tile; the vector goes in strips of four slices down the first column, and each strip
 * in slices along its row of tiles.  The pieces are those of emit_flatten.c.
 *
 * Facts: no official file is at hand; of 14 (catalogue: dense layers on 28x28 digits, P187 and those after it) the
 * number of instructions of every opcode is that of this order of pieces, with the first tile's row apart. */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/scalar.h"
#include "graph/graph.h"

enum { IDENTITY_WORDS = 4, FIRST_ROW = 0xf };

struct line {
    uint32_t whole, strip, relay, identity; /* narrow buffers */
};

bool line_fits(const struct shape4 *s)
{
    enum { MOST_WORDS = NARROW_WORDS / 4 };
    return s->y == 1 && s->x > 1 && s->z % 4 == 0 && (int64_t)s->x * s->z / 4 <= MOST_WORDS;
}

void *line_detail(struct arena *a) { return ARENA_NEW(a, struct line); }

static uint32_t own_buffer(struct plan *p, uint32_t index, int32_t words)
{
    return plan_buffer(p, (struct narrow_buffer){.words = words, .first = index, .last = index, .late = true});
}

static bool size_line(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct line *d = (struct line *)(uintptr_t)s->detail;
    struct value *out = &p->values[s->out];
    struct slices c = slices_of(out->z);
    d->whole = own_buffer(p, index, c.total);
    d->strip = own_buffer(p, index, GRID * c.words);
    d->relay = own_buffer(p, index, MESH_RELAY_WORDS);
    d->identity = own_buffer(p, index, IDENTITY_WORDS);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = c.words, .first = index, .last = out->last});
    if (index > 0 && p->steps[index - 1].family == &family_infeed_image) /* its identity is there still */
        s->identity_row = infeed_image_identity_row(p->steps[index - 1].detail);
    return true;
}

struct dealing {
    struct program *p;
    struct slices c;
    int32_t row; /* wide row of the identity */
    int32_t whole, strip, out, relay;
};

static int32_t strip_words(const struct dealing *d, int row)
{
    int32_t most = GRID * d->c.words, left = d->c.total - most * row;
    return left < most ? left : most;
}

/* n words to another place of the same tiles. */
static void copy(const struct dealing *d, int32_t tiles, int32_t n, int32_t from, int32_t to)
{
    int32_t bytes = 4 * n;
    if (tiles)
        mesh_copy_words(d->p, tiles, d->row, n, from,
                        LOOPS({n, 4}, {1, 0}, {1, bytes}, {1, 0}, {1, bytes}, {1, 0}, {1, bytes}), to,
                        LOOPS({n, 4}, {1, bytes}, {1, bytes}, {1, bytes}));
}

static struct mesh_block words_at(int32_t at, int32_t n) { return (struct mesh_block){at, n, 1, n}; }

static void gather_row(const struct dealing *d, const struct value *in, int32_t image)
{
    const struct grid *g = &in->grid;
    int32_t fence = 0, between = 0;
    copy(d, 1, span_size(g->own_x[0]) * g->words, image + grid_at(g, 0, 0, 0), d->whole);
    for (int k = 1; k < GRID; between |= 1 << k++) {
        int32_t n = span_size(g->own_x[k]) * g->words;
        if (n)
            fence = mesh_move(d->p, ISA_MESH_WEST, 1 << k,
                              words_at(image + grid_at(g, k, 0, g->own_x[k].first), n), between, 1,
                              words_at(d->whole + g->own_x[k].first * g->words, n), 0, d->relay);
    }
    mesh_close(d->p, fence);
    emit_fence(d->p, (struct fence){0});
}

static void deal_strips(const struct dealing *d)
{
    int32_t fence = 0, between = 0;
    copy(d, 1, strip_words(d, 0), d->whole, d->strip);
    for (int k = 1; k < GRID && strip_words(d, k) > 0; between |= 1 << GRID * k++) {
        int32_t n = strip_words(d, k);
        fence = mesh_move(d->p, ISA_MESH_SOUTH, 1, words_at(d->whole + GRID * d->c.words * k, n), between, 1 << GRID * k,
                          words_at(d->strip, n), 0, d->relay);
    }
    mesh_close(d->p, fence);
    emit_fence(d->p, (struct fence){0});
}

/* Tiles of column k whose slice has all its words, and the one whose slice is shorter. */
static int32_t full_tiles(const struct dealing *d, int k)
{
    int32_t tiles = 0;
    for (int t = k; t < d->c.tiles; t += GRID)
        tiles |= slice_words(&d->c, t) == d->c.words ? 1 << t : 0;
    return tiles;
}

static void deal_slices(const struct dealing *d)
{
    int32_t n = d->c.words, last = d->c.tiles - 1, rest = slice_words(&d->c, last), fence = 0;
    bool shorter = rest < n;
    copy(d, full_tiles(d, 0) & FIRST_ROW, n, d->strip, d->out);
    copy(d, full_tiles(d, 0) & ~FIRST_ROW, n, d->strip, d->out);
    copy(d, shorter && last % GRID == 0 ? 1 << last : 0, rest, d->strip, d->out);
    for (int k = 1; k < GRID; k++) {
        int32_t to = full_tiles(d, k), heads = to >> k, between = 0;
        for (int j = 1; j < k; j++)
            between |= heads << j;
        if (to)
            fence = mesh_move(d->p, ISA_MESH_EAST, heads, words_at(d->strip + n * k, n), between, to,
                              words_at(d->out, n), FIRST_ROW, d->relay);
    }
    if (shorter && last % GRID > 0) {
        int32_t head = 1 << last / GRID * GRID, between = 0;
        for (int j = 1; j < last % GRID; j++)
            between |= head << j;
        fence |= mesh_move(d->p, ISA_MESH_EAST, head, words_at(d->strip + n * (last % GRID), rest), between, 1 << last,
                           words_at(d->out, rest), 0, d->relay);
    }
    mesh_close(d->p, fence);
}

static void emit_line(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct line *l = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    struct dealing d = {.p = p, .c = slices_of(out->z), .row = s->identity_row, .whole = plan->buffers[l->whole].at,
                        .strip = plan->buffers[l->strip].at, .relay = plan->buffers[l->relay].at,
                        .out = value_at(plan, out)};
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[l->identity].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    gather_row(&d, in, value_at(plan, in));
    emit_fence(p, (struct fence){0}); /* of the columns, which a single row does not need */
    deal_strips(&d);
    deal_slices(&d);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS}); /* as behind a pool (emit_exchange.c) */
}

const struct family family_line = {.name = "row of pixels to vector", .size = size_line, .emit = emit_line,
                                   .identity = true};

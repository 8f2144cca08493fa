/* An image on strips (strips.h): kept in wide memory from one strip to the next, and its pixels to the tile columns or
 * rows that need them, over the mesh.
 *
 * Facts: both strips of columns of posenet_353_481_16, every field: neighbours first, then those farther apart through
 * the tiles in between; what stays on its tile goes through the tensor unit.  Rows go north and south in the same way,
 * without an official instance. */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/numerics.h"
#include "compiler/scalar.h"

enum { IDENTITY_WORDS = 4 };

/* ---- kept in wide memory ---- */

static int32_t tile_words(const struct grid *g, int tile)
{
    return span_size(g->own_y[tile / GRID]) * span_size(g->own_x[tile % GRID]) * g->words;
}

int32_t kept_rows_of(const struct grid *g)
{
    int32_t most = 0;
    for (int t = 0; t < ISA_TILES; t++)
        most = tile_words(g, t) > most ? tile_words(g, t) : most;
    return (int32_t)ceil_div(most, ROW_WORDS);
}

struct keeping {
    const struct plan *plan;
    const struct value *v;
    int32_t row;
    bool load;
};

static bool move_plane(int tile, const void *arg, struct isa_inst *out)
{
    const struct keeping *k = arg;
    const struct grid *g = &k->v->grid;
    struct span ys = g->own_y[tile / GRID], xs = g->own_x[tile % GRID];
    int32_t rows = (int32_t)ceil_div(tile_words(g, tile), ROW_WORDS), pitch = grid_pitch(g, tile);
    if (rows == 0)
        return false;
    struct loops l = g->words > 1 ? LOOPS({g->words, 1}, {span_size(xs), g->words}, {span_size(ys), pitch})
                                  : LOOPS({span_size(xs), 1}, {span_size(ys), pitch});
    struct isa_ttu n = narrow_words(value_at(k->plan, k->v) + grid_at(g, tile, ys.first, xs.first), l);
    struct isa_ttu w = wide_rows(k->row, rows > 1 ? LOOPS({rows, 1}) : NO_LOOPS);
    out->op = k->load ? ISA_TO_NARROW : ISA_TO_WIDE;
    if (k->load)
        out->to_narrow.n = n, out->to_narrow.w = w, out->to_narrow.pack = (int32_t)loop_count(&l);
    else
        out->to_wide.n = n, out->to_wide.w = w, out->to_wide.pack = (int32_t)loop_count(&l);
    return true;
}

static void add_classes(struct program *p, tile_inst_fn *make, const void *arg)
{
    struct isa_inst inst[ISA_TILES];
    unsigned n = tile_classes(make, arg, NULL, inst);
    for (unsigned k = 0; k < n; k++)
        program_add(p, inst[k]);
}

static bool size_kept(struct plan *p, uint32_t index)
{
    const struct step *s = &p->steps[index];
    if (s->out != NO_VALUE)
        plan_value_buffer(p, s->out);
    plan_wide_floor(p, ((const struct kept_detail *)s->detail)->row);
    return true;
}

static void emit_keep(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct kept_detail *d = s->detail;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    add_classes(p, move_plane, &(struct keeping){plan, plan_in(plan, s, 0), d->row, false});
}

static void emit_load(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct kept_detail *d = s->detail;
    emit_fence(p, (struct fence){0});
    add_classes(p, move_plane, &(struct keeping){plan, plan_out(plan, s), d->row, true});
    emit_fence(p, (struct fence){0});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_keep_image = {.name = "image to wide memory", .size = size_kept, .emit = emit_keep};
const struct family family_load_image = {.name = "image from wide memory", .size = size_kept, .emit = emit_load};

/* ---- to other columns or rows ---- */

static bool size_elsewhere(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct elsewhere_detail *d = (struct elsewhere_detail *)(uintptr_t)s->detail;
    plan_value_buffer(p, s->out);
    d->relay = plan_buffer(
        p, (struct narrow_buffer){.words = MESH_RELAY_WORDS, .first = index, .last = index, .late = true});
    if (s->writes_identity || s->family->identity)
        d->identity = plan_buffer(
            p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = index, .last = index, .late = true});
    if (!s->family->identity)
        plan_wide_floor(p, s->identity_row);
    return true;
}

struct move { /* pixels of one tile column (or row) for another */
    const struct plan *plan;
    const struct value *in, *out;
    bool columns;
    struct span moved; /* all that the step moves */
    int from, to;
    enum isa_opcode op;
    int32_t identity_row;
};

/* The tile's column (row) among those that pixels move between, and the other one. */
static int along(const struct move *m, int tile) { return m->columns ? tile % GRID : tile / GRID; }
static int across(const struct move *m, int tile) { return m->columns ? tile / GRID : tile % GRID; }
static int tile_at(const struct move *m, int line, int beside)
{
    return m->columns ? GRID * beside + line : GRID * line + beside;
}

static struct span moved_pixels(const struct move *m)
{
    const struct grid *in = &m->in->grid, *out = &m->out->grid;
    struct span a = (m->columns ? in->own_x : in->own_y)[m->from], b = (m->columns ? out->own_x : out->own_y)[m->to],
                s = m->moved;
    s.first = a.first > s.first ? a.first : s.first;
    s.first = b.first > s.first ? b.first : s.first;
    s.end = a.end < s.end ? a.end : s.end;
    s.end = b.end < s.end ? b.end : s.end;
    return s.end > s.first ? s : (struct span){0, 0};
}

/* Pixels of the other axis that tiles have, the same before and behind. */
static struct span pixels_across(const struct move *m, int beside)
{
    return (m->columns ? m->in->grid.own_y : m->in->grid.own_x)[beside];
}

static struct isa_ttu pixels_of(const struct move *m, const struct value *v, int tile)
{
    const struct grid *g = &v->grid;
    struct span moved = moved_pixels(m), beside = pixels_across(m, across(m, tile));
    struct span xs = m->columns ? moved : beside, ys = m->columns ? beside : moved;
    const struct isa_dim all[3] = {{g->words, 1}, {span_size(xs), g->words}, {span_size(ys), grid_pitch(g, tile)}};
    struct loops l = NO_LOOPS;
    for (int k = 0; k < 3; k++)
        if (all[k].count > 1)
            loop(&l, all[k].count, all[k].stride);
    return mesh_words(value_at(m->plan, v) + grid_at(g, tile, ys.first, xs.first), l);
}

/* Tiles whose planes have other shapes stay apart even where the fields are equal (catalogue: 64x64x400). */
static void add_planes(struct program *p, tile_inst_fn *make, const struct move *m, const struct grid *g)
{
    int32_t key[ISA_TILES];
    struct isa_inst inst[ISA_TILES];
    for (int t = 0; t < ISA_TILES; t++)
        key[t] = span_size((m->columns ? g->plane_y : g->plane_x)[across(m, t)]);
    unsigned n = tile_classes(make, m, key, inst);
    for (unsigned k = 0; k < n; k++)
        program_add(p, inst[k]);
}

static bool has_pixels(const struct move *m, int tile) { return span_size(pixels_across(m, across(m, tile))) > 0; }

static bool send(int tile, const void *arg, struct isa_inst *out)
{
    const struct move *m = arg;
    if (along(m, tile) != m->from || !has_pixels(m, tile))
        return false;
    out->op = m->op;
    out->mesh.a = pixels_of(m, m->in, tile);
    return true;
}

static bool receive(int tile, const void *arg, struct isa_inst *out)
{
    const struct move *m = arg;
    if (along(m, tile) != m->to || !has_pixels(m, tile))
        return false;
    out->op = m->op;
    out->mesh.b = pixels_of(m, m->out, tile);
    return true;
}

/* Tiles beside each other that pass on equally many words go together. */
static void relay(const struct move *m, int32_t at, struct program *p)
{
    int low = m->from < m->to ? m->from : m->to, high = m->from < m->to ? m->to : m->from;
    for (int y = 0; y < GRID; y++) {
        int32_t size = span_size(pixels_across(m, y)), tiles = 0;
        bool done = size == 0;
        for (int k = 0; k < GRID; k++) {
            bool same = span_size(pixels_across(m, k)) == size;
            done = done || (same && k < y);
            for (int x = low + 1; x < high && same; x++)
                tiles |= 1 << tile_at(m, x, k);
        }
        if (!done && tiles)
            mesh_pass_on(p, m->op, tiles, span_size(moved_pixels(m)) * size * m->in->grid.words, at);
    }
}

static void move_pixels(struct move m, int32_t relay_at, struct program *p)
{
    if (span_size(moved_pixels(&m)) == 0)
        return;
    add_planes(p, send, &m, &m.in->grid);
    relay(&m, relay_at, p);
    add_planes(p, receive, &m, &m.out->grid);
    if (m.from - m.to > 1 || m.to - m.from > 1)
        mesh_equalise(p, m.op);
}

/* To lower columns (rows), or to higher ones.  Those that are nearer to the edge where the pixels go first. */
static void move_direction(struct move m, bool low, int32_t relay_at, struct program *p)
{
    m.op = m.columns ? (low ? ISA_MESH_WEST : ISA_MESH_EAST) : (low ? ISA_MESH_NORTH : ISA_MESH_SOUTH);
    for (int distance = 1; distance < GRID; distance++) {
        for (int k = 0; k + distance < GRID; k++) {
            m.to = low ? k : GRID - 1 - k;
            m.from = low ? m.to + distance : m.to - distance;
            move_pixels(m, relay_at, p);
        }
    }
}

static bool copy(int tile, const void *arg, struct isa_inst *out)
{
    struct move m = *(const struct move *)arg;
    m.from = m.to = along(&m, tile);
    struct span moved = moved_pixels(&m), beside = pixels_across(&m, across(&m, tile));
    struct span xs = m.columns ? moved : beside, ys = m.columns ? beside : moved;
    if (span_size(xs) <= 0 || span_size(ys) <= 0)
        return false;
    const struct grid *a = &m.in->grid, *b = &m.out->grid;
    int64_t w = span_size(xs), h = span_size(ys), from = 4LL * grid_pitch(a, tile), to = 4LL * grid_pitch(b, tile);
    *out = mesh_copy_inst(m.identity_row, (int32_t)(w * h * a->words),
                          value_at(m.plan, m.in) + grid_at(a, tile, ys.first, xs.first),
                          LOOPS({a->words, 4}, {1, 0}, {w, 4 * a->words}, {1, 0}, {h, from}, {1, 0},
                                {1, from * span_size(a->plane_y[tile / GRID])}),
                          value_at(m.plan, m.out) + grid_at(b, tile, ys.first, xs.first),
                          LOOPS({b->words, 4}, {w, 4 * b->words}, {h, to},
                                {1, to * span_size(b->plane_y[tile / GRID])}));
    return true;
}

static void emit_elsewhere(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct elsewhere_detail *d = s->detail;
    struct move m = {.plan = plan, .in = plan_in(plan, s, 0), .out = plan_out(plan, s), .columns = d->columns,
                     .moved = d->moved, .identity_row = s->identity_row};
    int32_t relay_at = plan->buffers[d->relay].at;
    for (int k = 0; k < d->fences; k++)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    move_direction(m, true, relay_at, p);
    move_direction(m, false, relay_at, p);
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[d->identity].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    add_classes(p, copy, &m);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_columns_elsewhere = {.name = "pixels to other tile columns", .size = size_elsewhere,
                                                .emit = emit_elsewhere, .rests = true};
const struct family family_pixels_elsewhere = {.name = "pixels to other tiles", .size = size_elsewhere,
                                               .emit = emit_elsewhere, .rests = true, .identity = true};

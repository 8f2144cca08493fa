/* An image on strips of columns (strips.h): kept in wide memory from one strip to the next, and its pixels to the tile
 * columns that need them, over the mesh.
 *
 * Facts: both strips of posenet_353_481_16, every field: neighbours first, then those farther apart through the tiles in
 * between; what stays on its tile goes through the tensor unit. */
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

/* ---- to other columns ---- */

static bool size_columns(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct columns_detail *d = (struct columns_detail *)(uintptr_t)s->detail;
    plan_value_buffer(p, s->out);
    d->relay = plan_buffer(
        p, (struct narrow_buffer){.words = MESH_RELAY_WORDS, .first = index, .last = index, .late = true});
    if (s->writes_identity)
        d->identity = plan_buffer(
            p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = index, .last = index, .late = true});
    plan_wide_floor(p, s->identity_row);
    return true;
}

struct move { /* pixels of one tile column for another */
    const struct plan *plan;
    const struct value *in, *out;
    struct span x; /* all that the step moves */
    int from, to;
    enum isa_opcode op;
    int32_t identity_row;
};

static struct span moved_columns(const struct move *m)
{
    struct span a = m->in->grid.own_x[m->from], b = m->out->grid.own_x[m->to], s = m->x;
    s.first = a.first > s.first ? a.first : s.first;
    s.first = b.first > s.first ? b.first : s.first;
    s.end = a.end < s.end ? a.end : s.end;
    s.end = b.end < s.end ? b.end : s.end;
    return s.end > s.first ? s : (struct span){0, 0};
}

static struct isa_ttu pixels_of(const struct move *m, const struct value *v, int tile)
{
    const struct grid *g = &v->grid;
    struct span xs = moved_columns(m), ys = g->own_y[tile / GRID];
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
        key[t] = span_size(g->plane_y[t / GRID]);
    unsigned n = tile_classes(make, m, key, inst);
    for (unsigned k = 0; k < n; k++)
        program_add(p, inst[k]);
}

static bool has_rows(const struct move *m, int tile) { return span_size(m->in->grid.own_y[tile / GRID]) > 0; }

static bool send(int tile, const void *arg, struct isa_inst *out)
{
    const struct move *m = arg;
    if (tile % GRID != m->from || !has_rows(m, tile))
        return false;
    out->op = m->op;
    out->mesh.a = pixels_of(m, m->in, tile);
    return true;
}

static bool receive(int tile, const void *arg, struct isa_inst *out)
{
    const struct move *m = arg;
    if (tile % GRID != m->to || !has_rows(m, tile))
        return false;
    out->op = m->op;
    out->mesh.b = pixels_of(m, m->out, tile);
    return true;
}

/* Tile rows with equally many rows of pixels go together. */
static void relay(const struct move *m, int32_t at, struct program *p)
{
    int low = m->from < m->to ? m->from : m->to, high = m->from < m->to ? m->to : m->from;
    for (int y = 0; y < GRID; y++) {
        int32_t height = span_size(m->in->grid.own_y[y]), tiles = 0;
        bool done = height == 0;
        for (int k = 0; k < GRID; k++) {
            bool same = span_size(m->in->grid.own_y[k]) == height;
            done = done || (same && k < y);
            for (int x = low + 1; x < high && same; x++)
                tiles |= 1 << (GRID * k + x);
        }
        if (!done && tiles)
            mesh_pass_on(p, m->op, tiles, span_size(moved_columns(m)) * height * m->in->grid.words, at);
    }
}

static void move_columns(struct move m, int32_t relay_at, struct program *p)
{
    if (span_size(moved_columns(&m)) == 0)
        return;
    add_planes(p, send, &m, &m.in->grid);
    relay(&m, relay_at, p);
    add_planes(p, receive, &m, &m.out->grid);
    if (m.from - m.to > 1 || m.to - m.from > 1)
        mesh_equalise(p, m.op);
}

/* Those that are nearer to the edge where the pixels go first. */
static void move_direction(struct move m, enum isa_opcode op, int32_t relay_at, struct program *p)
{
    int step = op == ISA_MESH_WEST ? 1 : -1;
    m.op = op;
    for (int distance = 1; distance < GRID; distance++) {
        for (int k = 0; k + distance < GRID; k++) {
            m.to = op == ISA_MESH_WEST ? k : GRID - 1 - k;
            m.from = m.to + step * distance;
            move_columns(m, relay_at, p);
        }
    }
}

static bool copy(int tile, const void *arg, struct isa_inst *out)
{
    struct move m = *(const struct move *)arg;
    m.from = m.to = tile % GRID;
    struct span xs = moved_columns(&m), ys = m.in->grid.own_y[tile / GRID];
    if (span_size(xs) == 0 || span_size(ys) == 0)
        return false;
    const struct grid *a = &m.in->grid, *b = &m.out->grid;
    int64_t w = span_size(xs), h = span_size(ys), from = 4LL * grid_pitch(a, tile), to = 4LL * grid_pitch(b, tile);
    *out = mesh_copy_inst(m.identity_row, (int32_t)(w * h * a->words),
                          value_at(m.plan, m.in) + grid_at(a, tile, ys.first, xs.first),
                          LOOPS({a->words, 4}, {1, 0}, {w, 4 * a->words}, {1, 0}, {h, from}, {1, 0},
                                {1, from * span_size(a->plane_y[tile / GRID])}),
                          value_at(m.plan, m.out) + grid_at(b, tile, ys.first, xs.first),
                          LOOPS({b->words, 4}, {w, 4 * b->words}, {h, to}, {1, to * span_size(b->plane_y[tile / GRID])}));
    return true;
}

static void emit_columns(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct columns_detail *d = s->detail;
    struct move m = {.plan = plan, .in = plan_in(plan, s, 0), .out = plan_out(plan, s), .x = d->x,
                     .identity_row = s->identity_row};
    int32_t relay_at = plan->buffers[d->relay].at;
    for (int k = 0; k < d->fences; k++)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    move_direction(m, ISA_MESH_WEST, relay_at, p);
    move_direction(m, ISA_MESH_EAST, relay_at, p);
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[d->identity].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    add_classes(p, copy, &m);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_columns_elsewhere = {.name = "pixels to other tile columns", .size = size_columns,
                                                .emit = emit_columns, .rests = true};

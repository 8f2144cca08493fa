/* RESHAPE of an image to rows, and of rows along y to rows along x (rows.h). */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/rows.h"
#include "compiler/scalar.h"

/* What a tile row's first tile holds of the image, in words. */
struct region {
    struct span y, x, z;
};

struct reshape {
    const struct grid *in, *out;
    bool along_x;
    int32_t image, gathered, to, relay; /* narrow words */
    struct region plane[GRID];
};

static bool is_empty(const struct region *r) { return span_size(r->y) <= 0; }

/* The smallest box of words that has words [from, end) of the image. */
static struct region region_of(const struct grid *g, int64_t from, int64_t end)
{
    int32_t row = g->x * g->words;
    if (from >= end)
        return (struct region){{0, 0}, {0, 0}, {0, 0}};
    int32_t y = (int32_t)(from / row), first = (int32_t)(from % row), last = (int32_t)((end - 1) % row);
    struct region r = {{y, (int32_t)((end - 1) / row) + 1}, {0, g->x}, {0, g->words}};
    if (span_size(r.y) > 1)
        return r;
    r.x = (struct span){first / g->words, last / g->words + 1};
    if (span_size(r.x) == 1)
        r.z = (struct span){first % g->words, last % g->words + 1};
    return r;
}

/* Words that the first tile of row i needs for its part of the result. */
static struct region needed(const struct reshape *r, int i)
{
    struct span own = r->out->own_y[i];
    int64_t words = r->out->words;
    if (r->along_x)
        return i == 0 ? (struct region){{0, r->in->y}, {0, r->in->x}, {0, r->in->words}} : (struct region){0};
    return region_of(r->in, own.first * words, own.end * words);
}

static struct region own_rows(const struct reshape *r, int i)
{
    return (struct region){r->in->own_y[i], {0, r->in->x}, {0, r->in->words}};
}

static struct region plane_of(const struct reshape *r, int i)
{
    struct region own = own_rows(r, i), need = needed(r, i);
    if (is_empty(&own))
        return need;
    if (!is_empty(&need))
        own.y = span_hull(own.y, need.y);
    return own;
}

static int32_t pitch_y(const struct region *r) { return span_size(r->x) * span_size(r->z); }
static int32_t plane_words(const struct region *r) { return span_size(r->y) * pitch_y(r); }

static struct rows_box box_in(const struct reshape *r, int i, struct region part)
{
    const struct region *plane = &r->plane[i];
    return (struct rows_box){
        .at = r->gathered + (part.y.first - plane->y.first) * pitch_y(plane) +
              (part.x.first - plane->x.first) * span_size(plane->z) + part.z.first - plane->z.first,
        .count = {span_size(part.z), span_size(part.x), span_size(part.y)},
        .pitch = {1, span_size(plane->z), pitch_y(plane)},
        .plane = plane_words(plane)};
}

static struct span both(struct span a, struct span b)
{
    struct span s = {a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end};
    return span_size(s) > 0 ? s : (struct span){0, 0};
}

static struct reshape reshape_of(const struct plan *plan, const struct step *s)
{
    const struct rows_detail *d = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    struct reshape r = {.in = &in->grid, .out = &out->grid, .along_x = d->along_x};
    for (int i = 0; i < GRID; i++)
        r.plane[i] = plane_of(&r, i);
    return r;
}

static bool size_rows(struct plan *p, uint32_t index)
{
    const struct step *s = &p->steps[index];
    struct rows_detail *d = (struct rows_detail *)(uintptr_t)s->detail;
    struct reshape r = reshape_of(p, s);
    int32_t most = 0;
    for (int i = 0; i < GRID; i++)
        most = plane_words(&r.plane[i]) > most ? plane_words(&r.plane[i]) : most;
    rows_size(p, index);
    int32_t now = (int32_t)index;
    d->gathered = plan_buffer(p, (struct narrow_buffer){.words = most, .first = now, .last = now});
    return true;
}

/* ---- pixels of a row of tiles to its first tile ---- */

static struct region pixels_of(const struct reshape *r, int tile)
{
    return (struct region){r->in->own_y[tile / GRID], r->in->own_x[tile % GRID], {0, r->in->words}};
}

static struct rows_box image_box(const struct reshape *r, int tile)
{
    const struct grid *g = r->in;
    struct region own = pixels_of(r, tile);
    return (struct rows_box){.at = r->image + grid_at(g, tile, own.y.first, own.x.first),
                             .count = {g->words, span_size(own.x), span_size(own.y)},
                             .pitch = {1, g->words, grid_pitch(g, tile)},
                             .plane = span_size(g->plane_y[tile / GRID]) * grid_pitch(g, tile)};
}

static void gather_rows(const struct reshape *r, int32_t row, struct program *p)
{
    struct rows_copy copy[ISA_TILES] = {0};
    int32_t end = 0;
    for (int i = 0; i < GRID; i++)
        if (span_size(r->in->own_y[i]) > 0)
            copy[GRID * i] = (struct rows_copy){true, image_box(r, GRID * i),
                                                box_in(r, i, pixels_of(r, GRID * i))};
    rows_copy_all(p, row, copy);
    for (int k = 1; k < GRID; k++) {
        struct rows_move m[GRID];
        int n = 0;
        for (int i = 0; i < GRID && span_size(r->in->own_x[k]) > 0; i++)
            if (span_size(r->in->own_y[i]) > 0)
                m[n++] = (struct rows_move){GRID * i + k, GRID * i, image_box(r, GRID * i + k),
                                            box_in(r, i, pixels_of(r, GRID * i + k))};
        if (n)
            end = rows_move_all(p, ISA_MESH_WEST, m, n, r->relay);
    }
    mesh_close(p, end);
    emit_fence(p, (struct fence){0});
}

/* ---- between the rows of tiles ---- */

/* What tile row `from` has of what `to` needs. */
static bool pass_rows(const struct reshape *r, int from, int to, struct rows_move *m)
{
    struct region need = needed(r, to);
    need.y = both(need.y, r->in->own_y[from]);
    if (is_empty(&need))
        return false;
    *m = (struct rows_move){GRID * from, GRID * to, box_in(r, from, need), box_in(r, to, need)};
    return true;
}

/* Whether there was anything. */
static bool pass_south(const struct reshape *r, struct program *p)
{
    struct rows_move m;
    int32_t end = 0;
    bool any = false;
    for (int to = 1; to < GRID; to++)
        for (int from = 0; from < to; from++)
            if (pass_rows(r, from, to, &m))
                end = rows_move_all(p, ISA_MESH_SOUTH, &m, 1, r->relay), any = true;
    mesh_close(p, end);
    return any;
}

static void pass_north(const struct reshape *r, struct program *p)
{
    struct rows_move m;
    int32_t end = 0;
    for (int from = GRID - 1; from > 0; from--)
        if (pass_rows(r, from, 0, &m))
            end = rows_move_all(p, ISA_MESH_NORTH, &m, 1, r->relay);
    mesh_close(p, end);
}

/* ---- the gathered words as rows ---- */

/* Rows [first, end) of the result in its plane on a tile, or among the gathered words, which lie in the same order. */
static struct rows_box rows_at(const struct reshape *r, int32_t at, struct span rows, int32_t plane)
{
    int32_t n = span_size(rows), words = r->out->words;
    return (struct rows_box){.at = at,
                             .count = {words, r->along_x ? n : 1, r->along_x ? 1 : n},
                             .pitch = {1, words, r->along_x ? plane : words},
                             .plane = plane};
}

static void keep_column(const struct reshape *r, int32_t row, struct program *p)
{
    struct rows_copy copy[ISA_TILES] = {0};
    for (int i = 0; i < GRID; i++) {
        struct span own = r->out->own_y[i];
        struct region need = needed(r, i);
        if (span_size(own) <= 0)
            continue;
        int64_t skip = (int64_t)own.first * r->out->words -
                       ((int64_t)need.y.first * r->in->x + need.x.first) * r->in->words - need.z.first;
        int32_t at = box_in(r, i, need).at + (int32_t)skip, words = span_size(own) * r->out->words;
        copy[GRID * i] = (struct rows_copy){true, rows_at(r, at, own, words), rows_at(r, r->to, own, words)};
    }
    rows_copy_all(p, row, copy);
}

static void deal_row(const struct reshape *r, int32_t row, struct program *p)
{
    struct rows_copy copy[ISA_TILES] = {0};
    struct span own = r->out->own_x[0];
    int32_t words = r->out->words, end = 0;
    copy[0] = (struct rows_copy){true, rows_at(r, r->gathered, own, r->out->x * words),
                                 rows_at(r, r->to, own, span_size(own) * words)};
    rows_copy_all(p, row, copy);
    for (int k = 1; k < GRID; k++) {
        own = r->out->own_x[k];
        struct rows_move m = {0, k, rows_at(r, r->gathered + own.first * words, own, 0), rows_at(r, r->to, own, 0)};
        if (span_size(own) > 0)
            end = rows_move_all(p, ISA_MESH_EAST, &m, 1, r->relay);
    }
    mesh_close(p, end);
}

static void emit_rows(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct rows_detail *d = s->detail;
    const struct step *last = plan->steps + plan->n_steps - 1;
    struct reshape r = reshape_of(plan, s);
    bool some_idle = span_size(r.in->own_y[1]) == 0 || span_size(r.in->own_x[1]) == 0 ||
                     span_size(r.in->own_y[GRID - 1]) == 0 || span_size(r.in->own_x[GRID - 1]) == 0;
    bool after_output = s > plan->steps && s[-1].out == NO_VALUE, output_next = s < last && s[1].out == NO_VALUE;
    r.image = value_at(plan, plan_in(plan, s, 0));
    r.to = value_at(plan, plan_out(plan, s));
    r.gathered = plan->buffers[d->gathered].at;
    r.relay = plan->buffers[d->relay].at;
    rows_fence(p, some_idle || after_output ? 2 : 1);
    rows_identity(plan, s, d, p);
    gather_rows(&r, s->identity_row, p);
    if (r.along_x)
        pass_north(&r, p);
    else
        pass_south(&r, p);
    emit_fence(p, (struct fence){0});
    if (r.along_x)
        deal_row(&r, s->identity_row, p);
    else
        keep_column(&r, s->identity_row, p);
    rows_fence(p, 2);
    if (output_next)
        return;
    rows_fence(p, 1);
    emit_ring_reset(p);
    rows_fence(p, 1);
}

const struct family family_rows = {.name = "rows", .size = size_rows, .emit = emit_rows, .identity = true};

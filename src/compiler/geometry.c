#include "compiler/geometry.h"

#include "base/bytes.h"

void axis_split(int32_t n, struct span own[GRID])
{
    for (int i = 0; i < GRID; i++)
        own[i] = (struct span){(int32_t)ceil_div((int64_t)i * n, GRID), (int32_t)ceil_div((int64_t)(i + 1) * n, GRID)};
}

struct span window_need(struct span made, const struct axis_window *w)
{
    return (struct span){made.first * w->stride - w->before,
                         (made.end - 1) * w->stride - w->before + (w->kernel - 1) * w->dilation + 1};
}

/* Empty where the tile makes nothing. */
static struct span need_of(struct span made, const struct axis_window *w, struct span own)
{
    return span_size(made) > 0 ? window_need(made, w) : (struct span){own.first, own.first};
}

void axis_need(int32_t in, int32_t out, const struct axis_window *w, struct span need[GRID])
{
    struct span own[GRID], made[GRID];
    axis_split(in, own);
    axis_split(out, made);
    for (int i = 0; i < GRID; i++)
        need[i] = need_of(made[i], w, own[i]);
}

struct grid grid_of(int32_t y, int32_t x, int32_t z)
{
    struct grid g = {.y = y, .x = x, .words = (int32_t)ceil_div(z, 4)};
    axis_split(y, g.own_y);
    axis_split(x, g.own_x);
    for (int i = 0; i < GRID; i++) {
        g.plane_y[i] = g.own_y[i];
        g.plane_x[i] = g.own_x[i];
        g.need_y[i] = (struct span){g.own_y[i].first, g.own_y[i].first};
        g.need_x[i] = (struct span){g.own_x[i].first, g.own_x[i].first};
    }
    return g;
}

struct span span_hull(struct span a, struct span b)
{
    if (span_size(a) <= 0)
        return b;
    if (span_size(b) <= 0)
        return a;
    return (struct span){a.first < b.first ? a.first : b.first, a.end > b.end ? a.end : b.end};
}

/* What a tile wants from beyond its neighbour comes through that neighbour, which must hold it too: padding at the edge
 * and, on the way, whole pixels.  Official: 5x5 -> 3x3 with stride 2 and 3x3 -> 2x2 in tf2_ssd_mobilenet_v2 segment 2
 * of 3; a tile between that owns nothing (images of 2 pixels) has no official instance. */
static void forward(const struct span own[GRID], struct span plane[GRID])
{
    int edge = grid_edge(own);
    for (int i = 1; i <= edge; i++)
        if (plane[i - 1].end > own[i].first && plane[i - 1].end > plane[i].end)
            plane[i].end = plane[i - 1].end;
    for (int i = edge - 1; i >= 0; i--)
        if (plane[i + 1].first < own[i].end && plane[i + 1].first < plane[i].first)
            plane[i].first = plane[i + 1].first;
}

int grid_edge(const struct span own[GRID])
{
    int last = GRID - 1;
    while (last > 0 && span_size(own[last]) == 0)
        last--;
    return last;
}

void grid_keep(struct grid *g)
{
    for (int i = 0; i < GRID; i++) {
        g->plane_y[i] = span_hull(g->own_y[i], g->need_y[i]);
        g->plane_x[i] = span_hull(g->own_x[i], g->need_x[i]);
    }
    forward(g->own_y, g->plane_y);
    forward(g->own_x, g->plane_x);
}

static void claim(struct grid *g, const struct span ny[GRID], const struct span nx[GRID])
{
    for (int i = 0; i < GRID; i++) {
        g->need_y[i] = span_hull(g->need_y[i], ny[i]);
        g->need_x[i] = span_hull(g->need_x[i], nx[i]);
    }
    grid_keep(g);
}

void grid_claim(struct grid *g, int32_t out_y, int32_t out_x, const struct axis_window *y, const struct axis_window *x)
{
    struct span ny[GRID], nx[GRID];
    axis_need(g->y, out_y, y, ny);
    axis_need(g->x, out_x, x, nx);
    claim(g, ny, nx);
}

void grid_claim_for(struct grid *g, const struct grid *out, const struct axis_window *y, const struct axis_window *x)
{
    struct span ny[GRID], nx[GRID];
    for (int i = 0; i < GRID; i++) {
        ny[i] = need_of(out->own_y[i], y, g->own_y[i]);
        nx[i] = need_of(out->own_x[i], x, g->own_x[i]);
    }
    claim(g, ny, nx);
}

struct span axis_steps(const struct axis_map *m, struct span own)
{
    struct span in = {own.first > m->first ? own.first : m->first, own.end < m->end ? own.end : m->end};
    struct span k = {(int32_t)ceil_div(in.first - m->first, m->step), 0};
    k.end = in.end > in.first ? (in.end - 1 - m->first) / m->step + 1 : 0;
    return k.end > k.first ? k : (struct span){0, 0};
}

struct span map_need(const struct axis_map *m, struct span made)
{
    struct span k = axis_steps(m, made);
    if (span_size(k) <= 0)
        return (struct span){0, 0};
    return (struct span){m->from + k.first * m->stride, m->from + (k.end - 1) * m->stride + 1};
}

static void axis_map_need(int32_t in, int32_t out, const struct axis_map *m, struct span need[GRID])
{
    struct span own[GRID], made[GRID];
    axis_split(in, own);
    axis_split(out, made);
    for (int i = 0; i < GRID; i++) {
        struct span n = map_need(m, made[i]);
        need[i] = span_size(n) > 0 ? n : (struct span){own[i].first, own[i].first};
    }
}

static struct span clipped(struct span s, int32_t size)
{
    return (struct span){s.first > 0 ? s.first : 0, s.end < size ? s.end : size};
}

void grid_claim_inside(struct grid *g, int32_t out_y, int32_t out_x, const struct axis_window *y,
                       const struct axis_window *x)
{
    struct span ny[GRID], nx[GRID];
    axis_need(g->y, out_y, y, ny);
    axis_need(g->x, out_x, x, nx);
    for (int i = 0; i < GRID; i++) {
        ny[i] = clipped(ny[i], g->y);
        nx[i] = clipped(nx[i], g->x);
    }
    claim(g, ny, nx);
}

/* One pixel at least, so that there is something to put the padding beside. */
static void own_need(int32_t size, const struct span need[GRID], struct span own[GRID], struct span plane[GRID])
{
    for (int i = 0; i < GRID; i++) {
        int32_t last = size - 1, first = need[i].first < last ? need[i].first : last;
        own[i] = clipped((struct span){first, need[i].end > 0 ? need[i].end : 1}, size);
        if (span_size(need[i]) <= 0)
            own[i] = (struct span){size, size};
        plane[i] = span_hull(own[i], need[i]);
    }
}

void grid_own_claims(struct grid *g)
{
    own_need(g->y, g->need_y, g->own_y, g->plane_y);
    own_need(g->x, g->need_x, g->own_x, g->plane_x);
}

void grid_claim_map(struct grid *g, int32_t out_y, int32_t out_x, const struct axis_map *y, const struct axis_map *x)
{
    struct span ny[GRID], nx[GRID];
    axis_map_need(g->y, out_y, y, ny);
    axis_map_need(g->x, out_x, x, nx);
    claim(g, ny, nx);
}

static void follow(struct span own[GRID], struct span need[GRID], struct span plane[GRID],
                   const struct span made[GRID], const struct axis_map *m)
{
    int32_t at = 0; /* a tile without pixels stands between its neighbours' */
    for (int i = 0; i < GRID; i++) {
        struct span k = axis_steps(m, made[i]);
        own[i] = span_size(k) > 0 ? k : (struct span){at, at};
        at = own[i].end;
        plane[i] = own[i];
        need[i] = (struct span){own[i].first, own[i].first};
    }
}

void grid_follow_map(struct grid *g, const struct grid *out, const struct axis_map *y, const struct axis_map *x)
{
    follow(g->own_y, g->need_y, g->plane_y, out->own_y, y);
    follow(g->own_x, g->need_x, g->plane_x, out->own_x, x);
}

bool grid_same_planes(const struct grid *a, const struct grid *b)
{
    bool same = a->words == b->words;
    for (int i = 0; i < GRID; i++)
        same = same && a->plane_y[i].first == b->plane_y[i].first && a->plane_y[i].end == b->plane_y[i].end &&
               a->plane_x[i].first == b->plane_x[i].first && a->plane_x[i].end == b->plane_x[i].end;
    return same;
}

int32_t grid_words(const struct grid *g)
{
    int32_t most_y = 0, most_x = 0;
    for (int i = 0; i < GRID; i++) {
        most_y = span_size(g->plane_y[i]) > most_y ? span_size(g->plane_y[i]) : most_y;
        most_x = span_size(g->plane_x[i]) > most_x ? span_size(g->plane_x[i]) : most_x;
    }
    int64_t words = (int64_t)most_y * most_x * g->words;
    return words > INT32_MAX ? INT32_MAX : (int32_t)words;
}

int32_t grid_pitch(const struct grid *g, int tile) { return span_size(g->plane_x[tile % GRID]) * g->words; }

int32_t grid_at(const struct grid *g, int tile, int32_t y, int32_t x)
{
    return (y - g->plane_y[tile / GRID].first) * grid_pitch(g, tile) + (x - g->plane_x[tile % GRID].first) * g->words;
}

bool grid_has_halo(const struct grid *g)
{
    bool any = false;
    for (int i = 0; i < GRID; i++)
        any = any || g->plane_y[i].first < g->own_y[i].first || g->plane_y[i].end > g->own_y[i].end ||
              g->plane_x[i].first < g->own_x[i].first || g->plane_x[i].end > g->own_x[i].end;
    return any;
}

unsigned loops_squeeze(struct isa_dim *d, unsigned n)
{
    unsigned kept = 0;
    for (unsigned k = 0; k < n; k++) {
        if (d[k].count == 1)
            continue;
        if (kept && d[kept - 1].count * d[kept - 1].stride == d[k].stride)
            d[kept - 1].count *= d[k].count;
        else
            d[kept++] = d[k];
    }
    return kept;
}

static void set_tiles(struct isa_inst *i, int32_t mask)
{
    switch (i->op) {
    case ISA_RING_SEND: i->send.tiles = mask; break;
    case ISA_RING_RECV_A: case ISA_RING_RECV_B: i->recv.tiles = mask; break;
    case ISA_TO_WIDE: i->to_wide.tiles = mask; break;
    case ISA_TO_NARROW: i->to_narrow.tiles = mask; break;
    case ISA_MESH_SOUTH: case ISA_MESH_WEST: case ISA_MESH_NORTH: case ISA_MESH_EAST: i->mesh.tiles = mask; break;
    default: i->tensor.tiles = mask; break;
    }
}

unsigned tile_classes(tile_inst_fn *make, const void *arg, const int32_t key[ISA_TILES], struct isa_inst out[ISA_TILES])
{
    int32_t mask[ISA_TILES] = {0}, keys[ISA_TILES] = {0};
    unsigned n = 0;
    for (int t = 0; t < ISA_TILES; t++) {
        struct isa_inst i;
        memset(&i, 0, sizeof i); /* compared as bytes below */
        if (!make(t, arg, &i))
            continue;
        unsigned k = 0;
        while (k < n && (keys[k] != (key ? key[t] : 0) || memcmp(&out[k], &i, sizeof i) != 0))
            k++;
        if (k == n) {
            out[n] = i;
            keys[n++] = key ? key[t] : 0;
        }
        mask[k] |= 1 << t;
    }
    for (unsigned k = 0; k < n; k++)
        set_tiles(&out[k], mask[k]);
    return n;
}

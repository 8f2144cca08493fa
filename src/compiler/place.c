#include "compiler/place.h"

#include "base/bytes.h"
#include "compiler/sort.h"

enum { TILES = PLACE_TILES };

int32_t spread_groups_per_tile(int32_t groups) { return (int32_t)ceil_div(groups, TILES); }
int32_t spread_tiles(int32_t groups) { return (int32_t)ceil_div(groups, spread_groups_per_tile(groups)); }

/* ---- tiles by load: the binary heap of libc++'s priority_queue, least load on top; only loads are compared ---- */

struct slot {
    int32_t load, tile;
};

struct heap {
    struct slot a[TILES];
    unsigned n;
};

static void heap_push(struct heap *h, struct slot s)
{
    unsigned i = h->n++;
    while (i > 0 && h->a[(i - 1) / 2].load > s.load) {
        h->a[i] = h->a[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->a[i] = s;
}

static struct slot heap_pop(struct heap *h)
{
    struct slot top = h->a[0], moved = h->a[--h->n];
    unsigned i = 0;
    while (2 * i + 1 < h->n) {
        unsigned child = 2 * i + 1;
        if (child + 1 < h->n && h->a[child].load > h->a[child + 1].load)
            child++;
        if (h->a[child].load > moved.load)
            break;
        h->a[i] = h->a[child];
        i = child;
    }
    h->a[i] = moved;
    return top;
}

/* ---- order of assignment ---- */

static bool larger(const void *context, uint32_t x, uint32_t y)
{
    const struct place_item *items = context, *a = &items[x], *b = &items[y];
    if (a->level != b->level)
        return a->level > b->level;
    if (a->kind != b->kind)
        return a->kind > b->kind;
    return a->groups * a->rows > b->groups * b->rows;
}

/* Indices by TFLite operator (stable), then by the rule. */
static uint32_t *assignment_order(struct arena *a, const struct place_item *items, uint32_t count)
{
    uint32_t *order = ARENA_ARRAY(a, uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = i;
        for (; j > 0 && items[order[j - 1]].op > items[i].op; j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
    sort_libcxx(order, count, larger, items);
    return order;
}

/* ---- assignment ---- */

static void add_chunk(struct placed *p, int32_t tile, int32_t rows)
{
    p->chunks[p->count++] = (struct place_chunk){.tile = tile, .rows = rows};
}

/* Groups k*per .. of a 1x1 output go to tile first + k. */
static bool assign_spread(struct arena *a, const struct place_item *item, int32_t cap, int32_t *load,
                          struct placed *out)
{
    int32_t per = spread_groups_per_tile(item->groups), tiles = spread_tiles(item->groups);
    out->chunks = ARENA_ARRAY(a, struct place_chunk, (size_t)tiles);
    for (int32_t first = 0; first + tiles <= TILES; first++) {
        out->count = 0;
        for (int32_t k = 0; k < tiles; k++) {
            int32_t groups = item->groups - k * per < per ? item->groups - k * per : per;
            if (load[first + k] + groups * item->rows > cap)
                break;
            add_chunk(out, first + k, groups * item->rows);
        }
        if (out->count == (uint32_t)tiles) {
            for (uint32_t k = 0; k < out->count; k++)
                load[out->chunks[k].tile] += out->chunks[k].rows;
            return true;
        }
    }
    return false;
}

/* The whole segment to the least loaded tile; cut by rows where it does not fit into one. */
static bool assign_whole(struct arena *a, const struct place_item *item, int32_t cap, struct heap *h,
                         struct placed *out)
{
    struct slot held[TILES];
    unsigned n_held = 0;
    int32_t left = item->rows;
    while (h->n && left > cap - h->a[0].load) { /* how many tiles will it take? (this reorders equal loads) */
        held[n_held] = heap_pop(h);
        left -= cap - held[n_held++].load;
    }
    bool fits = h->n > 0;
    for (unsigned i = 0; i < n_held; i++)
        heap_push(h, held[i]);
    if (!fits)
        return false;
    out->chunks = ARENA_ARRAY(a, struct place_chunk, TILES);
    for (left = item->rows; left > 0;) {
        struct slot s = heap_pop(h);
        int32_t rows = left < cap - s.load ? left : cap - s.load;
        add_chunk(out, s.tile, rows);
        s.load += rows;
        heap_push(h, s);
        left -= rows;
    }
    return true;
}

/* Part k to tile k.  Whether it succeeds or not, all tiles leave the heap and come back in their order, which changes
 * the order of equal loads (mobilenet_v1_0.25_128, 0.5_160: tables of SOFTMAX beside the layer before it; 0.75_192: no
 * room for them). */
static bool assign_parts(struct arena *a, const struct place_item *item, int32_t cap, struct heap *h,
                         struct placed *out)
{
    int32_t load[TILES], tiles = (int32_t)ceil_div(item->rows, item->part);
    for (unsigned i = 0; i < TILES; i++)
        load[h->a[i].tile] = h->a[i].load;
    *out = (struct placed){.chunks = ARENA_ARRAY(a, struct place_chunk, TILES), .parted = tiles <= TILES};
    for (int32_t t = 0, left = item->rows; t < tiles && out->parted; t++, left -= item->part) {
        int32_t rows = left < item->part ? left : item->part;
        out->parted = load[t] + rows <= cap;
        add_chunk(out, t, rows);
    }
    for (uint32_t k = 0; out->parted && k < out->count; k++)
        load[k] += out->chunks[k].rows;
    h->n = 0;
    for (int32_t t = 0; t < TILES; t++)
        heap_push(h, (struct slot){load[t], t});
    return out->parted;
}

static bool assign_one(struct arena *a, const struct place_item *item, int32_t cap, struct heap *h, struct placed *out)
{
    if (item->part && assign_parts(a, item, cap, h, out))
        return true;
    *out = (struct placed){0};
    return assign_whole(a, item, cap, h, out);
}

/* ---- rows ---- */

static void take_rows(struct placed *p, int32_t *next)
{
    for (uint32_t k = 0; k < p->count; k++) {
        p->chunks[k].row = next[p->chunks[k].tile];
        next[p->chunks[k].tile] += p->chunks[k].rows;
    }
}

/* Upwards from next[tile] without gaps: spread items first, those on most tiles first, the last of equals first, then
 * what lies in parts on as many tiles; then the others in execution order.  On one tile what lies in parts is like what
 * is spread (mobilenet_v1_0.25_128 compiled together with 0.5_160: the row of 1.0 behind their tables of SOFTMAX). */
static void assign_rows(const struct place_item *items, uint32_t count, int32_t *next, struct placed *out)
{
    for (uint32_t tiles = TILES; tiles > 0; tiles--) {
        for (uint32_t i = count; i-- > 0;)
            if ((items[i].kind == PLACE_SPREAD || (out[i].parted && tiles == 1)) && out[i].count == tiles)
                take_rows(&out[i], next);
        for (uint32_t i = 0; i < count && tiles > 1; i++)
            if (out[i].parted && out[i].count == tiles)
                take_rows(&out[i], next);
    }
    for (uint32_t i = 0; i < count; i++)
        if (items[i].kind != PLACE_SPREAD && !out[i].parted)
            take_rows(&out[i], next);
}

bool place_parameters(struct arena *a, const struct place_item *items, uint32_t count, struct place_room *room,
                      struct placed *out, uint32_t *misfit)
{
    uint32_t *order = assignment_order(a, items, count);
    int32_t load[TILES], cap = room->cap;
    memcpy(load, room->base, sizeof load);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = order[k];
        out[i] = (struct placed){0};
        if (items[i].kind == PLACE_SPREAD && !assign_spread(a, &items[i], cap, load, &out[i])) {
            *misfit = i;
            return false;
        }
    }
    struct heap h = {.n = 0};
    for (int32_t t = 0; t < TILES; t++)
        heap_push(&h, (struct slot){load[t], t});
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = order[k];
        if (items[i].kind != PLACE_SPREAD && !assign_one(a, &items[i], cap, &h, &out[i])) {
            *misfit = i;
            return false;
        }
    }
    assign_rows(items, count, room->base, out);
    return true;
}

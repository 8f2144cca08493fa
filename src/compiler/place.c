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

static int32_t all_rows(const struct place_item *item) { return item->groups * item->rows; }

/* Of what is spread counts what a tile takes (mobilenet_v1_1.0_224 compiled together with three others: the layers of
 * 257, 193, 129 and 65 rows a tile among depthwise ones of 160, 120, 80 and 60). */
static int32_t rank(const struct place_item *item)
{
    return item->kind == PLACE_SPREAD ? spread_groups_per_tile(item->groups) * item->rows : item->rows;
}

static bool larger(const void *context, uint32_t x, uint32_t y)
{
    const struct place_item *items = context, *a = &items[x], *b = &items[y];
    bool conv_a = a->kind == PLACE_CONV, conv_b = b->kind == PLACE_CONV;
    if (a->level != b->level)
        return a->level > b->level;
    if (conv_a != conv_b)
        return conv_b;
    return rank(a) > rank(b);
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

/* `share` rows each to consecutive tiles, the last takes the rest; the first tile is the lowest from which all have
 * room, up to `last_first`.  Whether it succeeds or not, all tiles leave the heap and come back in their order, which
 * changes the order of equal loads (deeplabv3_mnv2_dm05_pascal, newest: all 56 places; mobilenet_v1_0.25_128,
 * 0.5_160, 0.75_192 by their tables of SOFTMAX). */
static bool assign_shares(struct arena *a, int32_t rows, int32_t share, int32_t last_first, int32_t cap, struct heap *h,
                          struct placed *out)
{
    int32_t load[TILES], tiles = (int32_t)ceil_div(rows, share), first = 0, fit = 0;
    for (unsigned i = 0; i < TILES; i++)
        load[h->a[i].tile] = h->a[i].load;
    while (fit < tiles && first + tiles <= TILES && first <= last_first) {
        int32_t left = rows - fit * share;
        if (load[first + fit] + (left < share ? left : share) <= cap)
            fit++;
        else
            first++, fit = 0;
    }
    bool room = fit == tiles;
    if (room)
        out->chunks = ARENA_ARRAY(a, struct place_chunk, (size_t)tiles);
    for (int32_t k = 0, left = rows; room && k < tiles; k++, left -= share) {
        add_chunk(out, first + k, left < share ? left : share);
        load[first + k] += out->chunks[k].rows;
    }
    h->n = 0;
    for (int32_t t = 0; t < TILES; t++)
        heap_push(h, (struct slot){load[t], t});
    return room;
}

/* The whole segment to the least loaded tile; cut by rows where it does not fit into one. */
static void assign_whole(struct arena *a, const struct place_item *item, int32_t cap, struct heap *h,
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
        return;
    out->chunks = ARENA_ARRAY(a, struct place_chunk, TILES);
    for (left = item->rows; left > 0;) {
        struct slot s = heap_pop(h);
        int32_t rows = left < cap - s.load ? left : cap - s.load;
        add_chunk(out, s.tile, rows);
        s.load += rows;
        heap_push(h, s);
        left -= rows;
    }
}

static void assign_one(struct arena *a, const struct place_item *item, int32_t cap, struct heap *h, struct placed *out)
{
    *out = (struct placed){0};
    if (item->kind == PLACE_SPREAD) {
        assign_shares(a, all_rows(item), rank(item), TILES, cap, h, out);
        return;
    }
    out->parted = item->part && assign_shares(a, item->rows, item->part, 0, cap, h, out);
    if (!out->parted)
        assign_whole(a, item, cap, h, out);
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

void place_parameters(struct arena *a, const struct place_item *items, uint32_t count, struct place_room *room,
                      struct placed *out)
{
    uint32_t *order = assignment_order(a, items, count);
    struct heap h = {.n = 0};
    for (int32_t t = 0; t < TILES; t++)
        heap_push(&h, (struct slot){room->base[t], t});
    for (uint32_t k = 0; k < count; k++)
        assign_one(a, &items[order[k]], room->cap, &h, &out[order[k]]);
    assign_rows(items, count, room->base, out);
}

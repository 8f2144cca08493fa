#include "compiler/narrow.h"

#include <string.h>

/* A buffer with its life on the time line of all phases of all steps. */
struct item {
    struct narrow_buffer *buffer;
    int32_t begin, end; /* both included */
    int32_t counted;    /* from when its life counts for the order */
    int64_t peak;       /* most words of activations alive at a time of its life */
    int32_t length;     /* of its life */
    bool placed;
};

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* -1: nobody makes it. */
static int32_t first_of(const struct narrow_buffer *b) { return most(b->first, 0); }

static int32_t steps_of(const struct narrow_buffer *buffers, uint32_t count)
{
    int32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n = most(n, most(buffers[i].first, buffers[i].last) + 1);
    return n;
}

/* start[s]: time at which step s begins; start[steps]: the end. */
static int32_t *time_line(struct arena *a, const struct narrow_buffer *buffers, uint32_t count, int32_t steps)
{
    int32_t *start = ARENA_ARRAY(a, int32_t, (size_t)steps + 1);
    for (int32_t s = 0; s < steps; s++)
        start[s + 1] = 1;
    for (uint32_t i = 0; i < count; i++) {
        int32_t *length = &start[first_of(&buffers[i]) + 1];
        *length = most(*length, buffers[i].from + 1);
        start[buffers[i].last + 1] = most(start[buffers[i].last + 1], buffers[i].until);
    }
    for (int32_t s = 0; s < steps; s++)
        start[s + 1] += start[s];
    return start;
}

/* All buffers that get their address with `x`: itself, and in a group all others. */
static bool placed_with(const struct item *x, const struct item *y)
{
    return x == y || (x->buffer->group && x->buffer->group == y->buffer->group);
}

/* Adds the buffer's words where it is alive; of those that share an address, the largest counts. */
static void add_words(const struct item *items, uint32_t count, const struct item *x, int64_t *alive)
{
    for (int32_t t = x->counted; !x->buffer->late && t <= x->end; t++) {
        bool counts = true;
        for (uint32_t k = 0; x->buffer->group && k < count; k++) {
            const struct item *y = &items[k];
            int32_t more = y->buffer->words - x->buffer->words;
            if (y != x && placed_with(x, y) && y->begin <= t && t <= y->end && (more > 0 || (more == 0 && y < x)))
                counts = false;
        }
        alive[t] += counts ? x->buffer->words : 0;
    }
}

static struct item *items_of(struct arena *a, struct narrow_buffer *buffers, uint32_t count)
{
    struct item *items = ARENA_ARRAY(a, struct item, count);
    int32_t steps = steps_of(buffers, count), *start = time_line(a, buffers, count, steps);
    int64_t *alive = ARENA_ARRAY(a, int64_t, (size_t)start[steps]);
    for (uint32_t i = 0; i < count; i++) {
        struct narrow_buffer *b = &buffers[i];
        struct item *t = &items[i];
        *t = (struct item){.buffer = b, .begin = start[first_of(b)] + b->from};
        t->end = most(t->begin, b->until ? start[b->last] + b->until - 1 : start[b->last + 1] - 1);
        t->counted = b->sum && start[first_of(b) + 1] <= t->end ? start[first_of(b) + 1] : t->begin;
    }
    for (uint32_t i = 0; i < count; i++)
        add_words(items, count, &items[i], alive);
    for (uint32_t i = 0; i < count; i++) {
        struct item *x = &items[i];
        int32_t first = x->counted, last = x->end;
        for (uint32_t k = 0; k < count; k++) { /* what shares an address counts as one */
            const struct item *y = &items[k];
            if (!placed_with(x, y))
                continue;
            for (int32_t t = y->counted; t <= y->end; t++)
                x->peak = alive[t] > x->peak ? alive[t] : x->peak;
            first = y->counted < first ? y->counted : first;
            last = most(last, y->end);
        }
        x->length = last - first;
    }
    return items;
}

static bool before(const struct item *x, const struct item *y)
{
    if (x->buffer->late || y->buffer->late)
        return x->buffer->late < y->buffer->late;
    if (x->peak != y->peak)
        return x->peak > y->peak;
    return x->length != y->length ? x->length > y->length : x->buffer->words > y->buffer->words;
}

static bool collide(const struct item *x, int32_t at, const struct item *y)
{
    return x->begin <= y->end && y->begin <= x->end && at < y->buffer->at + y->buffer->words &&
           y->buffer->at < at + x->buffer->words;
}

/* Lowest address for order[k] and those with it among the buffers placed before. */
static int32_t lowest(struct item *const *order, uint32_t count, uint32_t k)
{
    int32_t at = 0;
    for (uint32_t m = 0; m < count; m++) {
        for (uint32_t i = 0; placed_with(order[k], order[m]) && i < count; i++) {
            if (order[i]->placed && collide(order[m], at, order[i])) {
                at = order[i]->buffer->at + order[i]->buffer->words;
                m = UINT32_MAX; /* start over: something else may lie there */
                break;
            }
        }
    }
    return at;
}

/* Every item at its lowest address in this order.  Returns the words used; *over: the place in the order of the first
 * that ends beyond `limit`, if any. */
static int32_t place_in_order(struct item *const *order, uint32_t count, int32_t limit, uint32_t *over)
{
    int32_t used = 0;
    *over = count;
    for (uint32_t k = 0; k < count; k++)
        order[k]->placed = false;
    for (uint32_t k = 0; k < count; k++) {
        if (order[k]->placed)
            continue;
        int32_t at = lowest(order, count, k);
        for (uint32_t m = 0; m < count; m++) {
            if (!placed_with(order[k], order[m]))
                continue;
            order[m]->buffer->at = at;
            order[m]->placed = true;
            used = most(used, at + order[m]->buffer->words);
        }
        if (used > limit && *over == count)
            *over = k;
    }
    return used;
}

static struct item **official_order(struct arena *a, struct item *items, uint32_t count)
{
    struct item **order = ARENA_ARRAY(a, struct item *, count);
    for (uint32_t i = 0; i < count; i++) { /* stable insertion */
        uint32_t j = i;
        for (; j > 0 && before(&items[i], order[j - 1]); j--)
            order[j] = order[j - 1];
        order[j] = &items[i];
    }
    return order;
}

static void to_front(struct item **order, uint32_t k)
{
    struct item *x = order[k];
    memmove(order + 1, order, k * sizeof *order);
    order[0] = x;
}

int32_t narrow_allocate(struct arena *a, struct narrow_buffer *buffers, uint32_t count, int32_t limit)
{
    enum { TURNS = 200 };
    struct item **order = official_order(a, items_of(a, buffers, count), count);
    uint32_t over, ignored;
    int32_t used = place_in_order(order, count, limit, &over);
    for (int turn = 0; used > limit && turn < TURNS; turn++) {
        to_front(order, over);
        used = place_in_order(order, count, limit, &over);
    }
    if (used > limit)
        used = place_in_order(official_order(a, items_of(a, buffers, count), count), count, limit, &ignored);
    return used;
}

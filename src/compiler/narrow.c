#include "compiler/narrow.h"

static bool before(const struct narrow_buffer *x, const struct narrow_buffer *y)
{
    if (x->late != y->late)
        return y->late;
    if (x->late)
        return false;
    if (x->peak != y->peak)
        return x->peak > y->peak;
    if (x->length != y->length)
        return x->length > y->length;
    return x->words > y->words;
}

/* Words alive in each step; of those that share an address, the largest. */
static int64_t words_alive(const struct narrow_buffer *buffers, uint32_t count, int32_t step)
{
    int64_t words = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct narrow_buffer *b = &buffers[i];
        bool counts = !b->late && b->first <= step && step <= b->last;
        for (uint32_t k = 0; counts && b->group && k < count; k++) {
            const struct narrow_buffer *o = &buffers[k];
            if (o->group == b->group && o->first <= step && step <= o->last &&
                (o->words > b->words || (o->words == b->words && k < i)))
                counts = false;
        }
        words += counts ? b->words : 0;
    }
    return words;
}

static void find_peaks(struct arena *a, struct narrow_buffer *buffers, uint32_t count)
{
    int32_t steps = 0;
    for (uint32_t i = 0; i < count; i++)
        steps = buffers[i].last >= steps ? buffers[i].last + 1 : steps;
    int64_t *alive = ARENA_ARRAY(a, int64_t, (size_t)steps);
    for (int32_t t = 0; t < steps; t++)
        alive[t] = words_alive(buffers, count, t);
    for (uint32_t i = 0; i < count; i++)
        for (int32_t t = buffers[i].first; t <= buffers[i].last; t++)
            buffers[i].peak = alive[t] > buffers[i].peak ? alive[t] : buffers[i].peak;
    for (uint32_t i = 0; i < count; i++) { /* what shares an address counts as one */
        struct narrow_buffer *b = &buffers[i];
        int32_t first = b->first, last = b->last;
        for (uint32_t k = 0; b->group && k < count; k++) {
            if (buffers[k].group != b->group)
                continue;
            first = buffers[k].first < first ? buffers[k].first : first;
            last = buffers[k].last > last ? buffers[k].last : last;
            b->peak = buffers[k].peak > b->peak ? buffers[k].peak : b->peak;
        }
        b->length = last - first;
    }
}

static bool collide(const struct narrow_buffer *x, int32_t at, const struct narrow_buffer *y)
{
    return x->first <= y->last && y->first <= x->last && at < y->at + y->words && y->at < at + x->words;
}

/* All buffers that get their address with `x`: itself, and in a group all others. */
static bool placed_with(const struct narrow_buffer *x, const struct narrow_buffer *y)
{
    return x == y || (x->group && x->group == y->group);
}

/* Lowest address for order[k] and those with it among the buffers placed before. */
static int32_t lowest(struct narrow_buffer *const *order, uint32_t count, uint32_t k, const bool *placed)
{
    int32_t at = 0;
    for (uint32_t m = 0; m < count; m++) {
        for (uint32_t i = 0; placed_with(order[k], order[m]) && i < count; i++) {
            if (placed[i] && collide(order[m], at, order[i])) {
                at = order[i]->at + order[i]->words;
                m = UINT32_MAX; /* start over: something else may lie there */
                break;
            }
        }
    }
    return at;
}

int32_t narrow_allocate(struct arena *a, struct narrow_buffer *buffers, uint32_t count)
{
    struct narrow_buffer **order = ARENA_ARRAY(a, struct narrow_buffer *, count);
    bool *placed = ARENA_ARRAY(a, bool, count);
    find_peaks(a, buffers, count);
    for (uint32_t i = 0; i < count; i++) { /* stable insertion */
        uint32_t j = i;
        for (; j > 0 && before(&buffers[i], order[j - 1]); j--)
            order[j] = order[j - 1];
        order[j] = &buffers[i];
    }
    int32_t used = 0;
    for (uint32_t k = 0; k < count; k++) {
        if (placed[k])
            continue;
        int32_t at = lowest(order, count, k, placed);
        for (uint32_t m = 0; m < count; m++) {
            if (!placed_with(order[k], order[m]))
                continue;
            order[m]->at = at;
            placed[m] = true;
            used = at + order[m]->words > used ? at + order[m]->words : used;
        }
    }
    return used;
}

#include "compiler/narrow.h"

static bool before(const struct narrow_buffer *x, const struct narrow_buffer *y)
{
    if (x->late != y->late)
        return y->late;
    return !x->late && x->words > y->words;
}

static bool collide(const struct narrow_buffer *x, int32_t at, const struct narrow_buffer *y)
{
    return x->first <= y->last && y->first <= x->last && at < y->at + y->words && y->at < at + x->words;
}

/* Lowest address for order[k] among the buffers placed before it. */
static int32_t lowest(struct narrow_buffer *const *order, uint32_t k)
{
    int32_t at = 0;
    for (uint32_t i = 0; i < k; i++) {
        if (collide(order[k], at, order[i])) {
            at = order[i]->at + order[i]->words;
            i = UINT32_MAX; /* start over: something else may lie there */
        }
    }
    return at;
}

int32_t narrow_allocate(struct arena *a, struct narrow_buffer *buffers, uint32_t count)
{
    struct narrow_buffer **order = ARENA_ARRAY(a, struct narrow_buffer *, count);
    for (uint32_t i = 0; i < count; i++) { /* stable insertion */
        uint32_t j = i;
        for (; j > 0 && before(&buffers[i], order[j - 1]); j--)
            order[j] = order[j - 1];
        order[j] = &buffers[i];
    }
    int32_t used = 0;
    for (uint32_t k = 0; k < count; k++) {
        order[k]->at = lowest(order, k);
        if (order[k]->at + order[k]->words > used)
            used = order[k]->at + order[k]->words;
    }
    return used;
}

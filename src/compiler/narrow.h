/* Narrow memory: where activations lie on each tile.
 * The rule is the official one for chains (../shared/isa/mapping.md section 4). */
#ifndef COMPILER_NARROW_H
#define COMPILER_NARROW_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct narrow_buffer {
    int32_t words;
    int32_t first, last; /* steps between which it is alive, both included */
    bool late;           /* temporaries: placed after all activations, in their order */
    uint32_t group;      /* > 0: buffers of one number get one address; they may be alive together */
    int32_t at;          /* result: word address */
    int64_t peak;        /* of the words that are alive together while it is */
    int32_t length;      /* steps of its life */
};

/* Activations in order of the most words alive together during their life, then the longest life, then the largest
 * (ties: first made first; lane detection: 35 buffers); then the temporaries, each at the lowest address that is free
 * of buffers alive at the same time; those that share an address together, where the largest stands in the order.
 * Returns the words used. */
int32_t narrow_allocate(struct arena *a, struct narrow_buffer *buffers, uint32_t count);

#endif

/* Narrow memory: where activations lie on each tile.
 * The rule is the official one for networks with branches: all addresses of the lane detection network up to its 22nd
 * operator, looming_*, and of all chains (../shared/isa/mapping.md section 4). */
#ifndef COMPILER_NARROW_H
#define COMPILER_NARROW_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct narrow_buffer {
    int32_t words;
    int32_t first, last; /* steps between which it is alive, both included */
    /* A step may have phases: the buffer begins with phase `from` of its first step, and is alive in the first `until`
     * phases of its last one (0: in all). */
    int32_t from, until;
    bool sum;       /* made by an ADD: the order counts its life from the next step on */
    int32_t late;   /* > 0, temporaries: placed after all activations, by this number, equal ones in their order */
    uint32_t group; /* > 0: buffers of one number get one address; they may be alive together */
    int32_t at;     /* result: word address */
};

/* Activations first: those that meet the most words alive at some time, of these the longest-lived, of these the
 * largest (ties: first made first).  Then the temporaries.  Each at the lowest address that is free of buffers alive at
 * the same time; those that share an address together, where the largest stands in the order.  Where that needs more
 * than `limit` words, what lies too high is placed before all others, again and again, until all fits or nothing helps
 * (how the official compiler goes on is not known).  Returns the words used. */
int32_t narrow_allocate(struct arena *a, struct narrow_buffer *buffers, uint32_t count, int32_t limit);

#endif

/* Placement of cached parameters: which tile and which wide-memory rows each segment gets.
 * The rule is the official compiler's as far as it is known (../shared/isa/placement.md): exact on 99 of 108 checked
 * executables of compiler 16. */
#ifndef COMPILER_PLACE_H
#define COMPILER_PLACE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum place_kind { /* the number is the priority */
    PLACE_CONV = 0,
    PLACE_DEPTHWISE = 1, /* also narrow convolutions of more than 4 inputs */
    PLACE_SPREAD = 2,    /* 1x1 outputs: groups of 64 outputs go to consecutive tiles */
};

struct place_item {
    enum place_kind kind;
    int32_t groups; /* PLACE_SPREAD: groups of 64 outputs; else 1 */
    int32_t rows;   /* of one group */
    int32_t part;   /* PLACE_CONV: rows that each tile from the first on takes of it, if all have room; 0: none */
    uint32_t op;    /* TFLite operator index: the order before sorting */
    int32_t level;  /* strip level: passes in which the segment is read; 0 usually */
};

struct place_chunk {
    int32_t tile, row, rows;
};

struct placed {
    struct place_chunk *chunks; /* in the order of the stream; rows of the segment in order */
    uint32_t count;
    bool parted; /* chunk k is the part of tile k (struct place_item) */
};

enum { PLACE_TILES = 16 };
struct place_room { /* rows [base[t], cap) of tile t are free */
    int32_t base[PLACE_TILES], cap;
};

/* `items` in execution order; out[i] belongs to items[i].  `room` shrinks by what was placed, so that what is compiled
 * together lies side by side.
 * False, with `*misfit` the item for which there was no room, `room` as it was and `out` undefined. */
bool place_parameters(struct arena *a, const struct place_item *items, uint32_t count, struct place_room *room,
                      struct placed *out, uint32_t *misfit);

/* How a spread item is cut: groups per tile, and tiles. */
int32_t spread_groups_per_tile(int32_t groups);
int32_t spread_tiles(int32_t groups);

#endif

/* Placement of cached parameters: which tile and which wide-memory rows each segment gets.
 * The rule is the official compiler's as far as it is known (../shared/isa/placement.md, where dense layers still
 * choose before all others): docs/compiler.md, "Parameters", tells what it has been compared with. */
#ifndef COMPILER_PLACE_H
#define COMPILER_PLACE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum place_kind { /* PLACE_CONV comes last; the others are equals */
    PLACE_CONV,
    PLACE_DEPTHWISE, /* also narrow convolutions of more than 4 inputs */
    PLACE_SPREAD,    /* 1x1 outputs: groups of 64 outputs go to consecutive tiles */
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

/* `items` in execution order, those of models compiled together one model after the other; out[i] belongs to
 * items[i].  The largest of a kind choose first; what finds no room is passed over (out[i].count == 0), and smaller
 * items may still find some: 0.25_128, 0.5_160 and 0.75_192 compiled together with mobilenet_v1_1.0_224 fill every
 * row, the last with the single 1.0 of 0.5_160.  `room` shrinks by what was placed. */
void place_parameters(struct arena *a, const struct place_item *items, uint32_t count, struct place_room *room,
                      struct placed *out);

/* How a spread item is cut: groups per tile, and tiles. */
int32_t spread_groups_per_tile(int32_t groups);
int32_t spread_tiles(int32_t groups);

#endif

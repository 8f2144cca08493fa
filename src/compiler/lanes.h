/* A number for every element of a vector in slices, added to it or multiplied with it.
 *
 * A table is a parameter segment: a row of 16 lanes for each word, of which the first four carry the numbers of its
 * bytes.  Before the step that uses it, each tile takes the rows of its slice to the store of biases or multipliers:
 * from its own wide memory, from the tile that has the whole table, or from the host. */
#ifndef COMPILER_LANES_H
#define COMPILER_LANES_H

#include "compiler/plan.h"

enum { LANES_MULTIPLIERS = 0, LANES_BIASES = 64 }; /* addresses of the store */

/* numbers: 4 for each word.  slice: words of a tile; words <= slice: one tile.  Placed after all others but smaller
 * convolutions, even on one tile (catalogue: prbodmann all_cnn_0 has 3 x 3 rows from the host, and 3 x 1305 in the
 * cache). */
uint32_t lanes_parameter(struct plan *p, uint32_t op, const uint32_t *numbers, int32_t words, int32_t slice);

/* Wide rows that lanes_load uses above all that it caches. */
enum { LANES_ROW = 2045 };

/* 0x14 for the tiles of c; in front of the tensor instructions that use the table.  numbers: of a row, that count. */
void lanes_load(const struct plan *plan, uint32_t parameter, const struct slices *c, int32_t store, int32_t numbers,
                struct program *p);
/* Behind those: sends the rows, where they do not lie on their tiles.  True: over ring B. */
bool lanes_send(const struct plan *plan, uint32_t parameter, const struct slices *c, struct program *p);

/* Tiles of c with slices of the same length: their masks, full ones first; returns how many classes, 1 or 2. */
struct slice_class {
    int32_t tiles, first, words;
};
int slice_classes(const struct slices *c, struct slice_class out[2]);

#endif

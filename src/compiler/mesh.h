/* Whole blocks of words between tiles, over the mesh: through the tiles in between where the two are no neighbours.
 * Facts: the RESHAPE of color_*_64, color_*_128 (14 models) and looming_64x64, looming_128x128, every field. */
#ifndef COMPILER_MESH_H
#define COMPILER_MESH_H

#include "compiler/geometry.h"
#include "compiler/program.h"

enum { MESH_RELAY_WORDS = 8 }; /* of a buffer on the tiles in between */

/* A block of words: loops of `width` words and `height` such rows. */
struct mesh_block {
    int32_t at, width, height, pitch;
};

/* `n` words from `from` to `to` of the same tile, walked by the loops a and o (bytes), through the tensor unit and the
 * identity matrix in wide row `row`. */
void mesh_copy_words(struct program *p, int32_t tiles, int32_t row, int32_t n, int32_t from, struct loops a, int32_t to,
                     struct loops o);

/* The same as an instruction without tiles. */
struct isa_inst mesh_copy_inst(int32_t row, int32_t n, int32_t from, struct loops a, int32_t to, struct loops o);

/* A block from a tile to one some steps away, or the same for several such pairs: masks. */
struct mesh_hop {
    int32_t sender, between, receiver;
    struct mesh_block from, to;
    int32_t sender_key, receiver_key; /* tiles of different keys get instructions of their own */
};

/* n hops in one direction that run side by side: equal ones share their instructions.  Returns the tiles of the fence
 * behind them, or 0; the last of a chain of hops goes to mesh_close. */
int32_t mesh_hops(struct program *p, enum isa_opcode op, const struct mesh_hop *h, uint32_t n, int32_t relay);
/* The same for hops one behind another, none of which sends on what another has brought. */
int32_t mesh_chain(struct program *p, enum isa_opcode op, const struct mesh_hop *h, uint32_t n, int32_t relay);
/* One hop; `apart`: tiles of sender and receiver that get an instruction of their own. */
int32_t mesh_move(struct program *p, enum isa_opcode op, int32_t sender, struct mesh_block from, int32_t between,
                  int32_t receiver, struct mesh_block to, int32_t apart, int32_t relay);
void mesh_close(struct program *p, int32_t tiles);
/* Its parts: tiles in between pass `words` words on through two small buffers; then both flags of the direction get one
 * value on all tiles, and the tiles where one differed are returned. */
void mesh_pass_on(struct program *p, enum isa_opcode op, int32_t tiles, int32_t words, int32_t relay);
int32_t mesh_equalise(struct program *p, enum isa_opcode op);

/* An image of one word a pixel, of which all tiles that have pixels have equally many (mesh_gather_fits): from narrow
 * word `from` of each to `to` of the first, row by row. */
bool mesh_gather_fits(const struct grid *g);
void mesh_gather(struct program *p, const struct grid *g, int32_t row, int32_t from, int32_t to, int32_t relay);

#endif

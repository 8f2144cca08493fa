/* The tensor unit in the middle of an instruction.
 *
 * Source: ../shared/isa/tensor-ops.md, numerics.md.  Settled here (docs/sim.md): an accumulator is
 * complete where its partial-sum generator moves on (its double buffer turns, or the instruction ends);
 * with spilled sums, where all loops of redmask stand at their ends.  A lane has four 8x8-bit
 * multipliers: 4 products of bytes, 2 of 8 by 16 bits, 1 of 16 by 16; 1 where the weights advance by
 * bytes (w1). */
#ifndef SIM_TENSOR_H
#define SIM_TENSOR_H

#include "sim/numerics.h"

enum { LANES = 64 };

struct tensor_run {
    const struct isa_tensor *i;
    struct isa_ttu nest;    /* the master loops as an address generator */
    struct side master;
    struct walk a, o, w, p;
    bool spill;             /* sums live in wide memory */
    bool fresh;             /* the next product starts a new sum */
    uint32_t lanes;         /* of this channel group */
    uint32_t groups;        /* channel groups begun */
    bool bank;              /* of the bias/multiplier store, for the next group */
    uint32_t size_a, size_w, products; /* bytes of an element; products per lane and step */
    int32_t zp_row;
    struct requant q;
    /* per lane, of this group */
    float scale[LANES];
    int32_t bias[LANES], zero_point[LANES];
    int32_t acc[LANES];
    uint64_t known;         /* lanes whose sum depends on written memory only */
    uint64_t header_known;
    uint64_t macs;
};

/* A new channel group: bias, multipliers and zero points, number of lanes. */
enum step tensor_group(struct chip *c, int tile, struct unit *u);
/* Writes the lanes of a complete sum and raises AVDATA. */
enum step tensor_output(struct chip *c, int tile, struct unit *u);

/* The fast path (tensor_fast.c): runs everything up to the next wait at once where it knows the nest.
 * STEP_IDLE: it does not. */
enum step tensor_fast(struct chip *c, int tile, struct unit *u);

#endif

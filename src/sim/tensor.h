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
#include "sim/simd.h"

enum { LANES = SIMD_LANES, FAST_POSITIONS = 16 };

struct fast {
    bool usable;
    bool bytes;                  /* four products of bytes per lane and step: straight out of the memories */
    bool in_place;               /* results may overwrite what is still to be read */
    unsigned block;              /* master loops of a block */
    uint32_t steps;              /* iterations of a position */
    uint64_t positions;          /* of a block */
    int k_master, k_a, k_w, k_p; /* loops of each generator that make a position */
    int64_t span_a, span_w;      /* how far those loops move the address */
    int32_t outer_reduction;     /* loops of redmask above k_master */
    int32_t low_a, high_a, low_w, high_w;
    unsigned lanes;              /* rounded up to 4 */
    uint32_t group;              /* channel group that `zero` is for */
    int16_t zero[LANES][2];      /* zero points of the weights */
    int64_t prepared;            /* address of the weights that `start` and `w` are for; -1: none */
    int32_t start[LANES];        /* bytes: what the zero point of A makes of each sum */
    int32_t *at_a, *at_w;        /* offsets of the steps: bytes; quarter rows, with `bytes` set bytes */
    int32_t *a, *w;              /* operands of simd_multiply, less their zero points */
    uint32_t capacity;           /* steps that the four arrays hold */
    int32_t acc[FAST_POSITIONS][LANES];
};

struct tensor_run {
    const struct isa_tensor *i;
    struct isa_ttu nest;    /* the master loops as an address generator */
    struct side master;
    struct walk a, o, w, p;
    unsigned out_loop;      /* the first loop of `o` that goes round more than once: results lie in its stride */
    bool spill;             /* sums live in wide memory */
    bool used_fast;
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
    struct fast *fast;
};

/* A new channel group: bias, multipliers and zero points, number of lanes. */
enum step tensor_group(struct chip *c, int tile, struct unit *u);
/* Writes the lanes of n complete sums, at most FAST_POSITIONS, and raises AVDATA. */
enum step tensor_output(struct chip *c, int tile, struct unit *u, const int32_t (*acc)[LANES], unsigned n);
/* The row of wide memory at an address in quarter rows; false: there is none. */
bool quarter_row(struct chip *c, int tile, struct unit *u, int64_t at, int64_t *row);

/* The fast path (tensor_fast.c): can it run this instruction?  Then, when the waits of a block are over
 * and its channel group is set up, runs the block; STEP_IDLE: not this one. */
void fast_plan(const struct chip *c, enum isa_opcode op, struct tensor_run *r);
enum step fast_block(struct chip *c, int tile, struct unit *u);
void fast_free(struct fast *f);

#endif

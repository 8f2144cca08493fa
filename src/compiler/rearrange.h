/* Operators that move elements in any order, as a sum over the output's axes: element (y, x, z) of the output is
 * element y[y] + x[x] + z[z] of the inputs.  RESHAPE, TRANSPOSE, PACK, UNPACK, TILE, and the forms of SLICE,
 * STRIDED_SLICE, SPLIT, PAD, RESIZE_NEAREST_NEIGHBOR, SPACE_TO_DEPTH and DEPTH_TO_SPACE that are no moves of whole
 * boxes of an image (move.h).
 *
 * On the chip every tile gets all of the inputs, each in whole words, and takes from them, byte by byte, what it owns
 * of the output (emit_rearrange.c). */
#ifndef COMPILER_REARRANGE_H
#define COMPILER_REARRANGE_H

#include "compiler/plan.h"
#include "compiler/support.h"
#include "graph/graph.h"

enum {
    REARRANGE_OUTSIDE = INT32_MIN / 4, /* of an axis: no input has it; the zero point (PAD) */
    REARRANGE_INPUT = 1 << 22,         /* element e of input k has number k * REARRANGE_INPUT + e */
};

struct rearrangement {
    struct shape4 out;
    int32_t *y, *x, *z; /* numbers, to be added */
};

/* Output `output` of the operator; NULL with the reason in *why. */
const struct rearrangement *rearrangement_of(struct arena *a, const struct tfl_subgraph *g,
                                             const struct tfl_operator *o, uint32_t output, const char **why);

/* How the elements of an input lie where they are read: pixels of z elements, `pitch` bytes apart, from byte `at` on.
 */
struct rearrange_source {
    int64_t elements;
    int32_t z, pitch, at;
};

/* The numbers as bytes: the detail of family_rearrange. */
struct rearrange_detail {
    int32_t size[3];   /* z, x, y of the output */
    int32_t *byte[3];  /* of each coordinate, to be added; REARRANGE_OUTSIDE */
    int32_t fill;      /* what is there instead, uint8 domain */
    bool outside;      /* some is */
    bool scattered;    /* bytes of a word are not evenly apart: a buffer in between has a word for each */
    uint32_t between;  /* that narrow buffer; settled by size */
};

/* False: the places of the inputs are no sum over the output's axes. */
bool rearrange_bytes(struct arena *a, const struct rearrangement *r, const struct rearrange_source *sources,
                     int32_t fill, struct rearrange_detail *out);

/* What its member `scattered` is to be. */
bool rearrange_is_scattered(const struct rearrange_detail *d);

/* Instructions, and words of the buffer in between, for an output that lies like `like` (an image or slices). */
struct rearrange_cost {
    int64_t instructions, between;
};
struct rearrange_cost rearrange_cost_of(struct arena *a, const struct rearrange_detail *d, const struct value *like);

/* whole -> grid or slices (emit_rearrange.c); detail: struct rearrange_detail */
extern const struct family family_rearrange;

/* Why the operator cannot run so, or NULL (support_rearrange.c). */
const char *support_rearrange_refusal(const struct support *s, uint32_t op);
/* The rule of the operators that run so or not at all, and of the others where nothing else will do.  Marks those that
 * do in s->rearranged. */
struct verdict support_rearrange(const struct support *s, uint32_t op);
bool lower_rearrange(struct plan *p, uint32_t op);

#endif

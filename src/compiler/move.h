/* Operators that move values and compute nothing, as parts: boxes of the output that come from boxes of inputs.
 * CONCATENATION, SLICE, STRIDED_SLICE, SPLIT, SPLIT_V, PAD, RESIZE_NEAREST_NEIGHBOR, SPACE_TO_DEPTH, DEPTH_TO_SPACE.
 */
#ifndef COMPILER_MOVE_H
#define COMPILER_MOVE_H

#include "compiler/geometry.h"
#include "graph/graph.h"

struct move_part {
    uint32_t input;          /* of the operator */
    struct axis_map y, x;    /* which pixels */
    int32_t from, to, count; /* channels: first of the input, first of the output, how many */
};

/* The parts of output k, or NULL with the reason in *why. */
const struct move_part *move_parts(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o,
                                   uint32_t k, uint32_t *count, const char **why);

/* Every part begins with a whole word on both sides, and none but the last of a pixel ends inside one; together they
 * make all channels. */
bool move_is_by_words(const struct move_part *parts, uint32_t count, int32_t z);

/* PAD whose border can be the padding of the windows that read it: pixels on top and left. */
bool move_padding(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, int32_t *top,
                  int32_t *left);

#endif

/* The order of the operators of a detection network's heads: always the one that adds least to the words that are alive
 * on a tile; a renaming one adds none and comes first of equals.  An input comes in before its first reader.
 * Found in tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3, whose order is this but for the convolutions of 19x19 and for the
 * last three inputs (officially 10x10, 5x5, 19x19; why is not known). */
#ifndef COMPILER_ORDER_H
#define COMPILER_ORDER_H

#include "compiler/plan.h"
#include "graph/partition.h"

/* Place in the set of the operator that comes next; n_operators: none can. */
uint32_t order_next(const struct plan *p, const struct partition *set, const bool *done);

#endif

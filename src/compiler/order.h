/* The order of the operators of a detection network's heads: always the one that adds least to the words that are alive
 * on a tile; a renaming one adds none and comes first of equals, the youngest of several; of others the last in the
 * file.  An input comes in before its first reader.
 * Found in tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3, whose order is this but for the two convolutions of 19x19
 * and for the inputs of 5x5 and 10x10 (officially the larger first; why is not known). */
#ifndef COMPILER_ORDER_H
#define COMPILER_ORDER_H

#include "compiler/plan.h"
#include "graph/partition.h"

/* Place in the set of the operator that comes next; n_operators: none can. */
uint32_t order_next(const struct plan *p, const struct partition *set, const bool *done);

#endif

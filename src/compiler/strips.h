/* Image strips: the first layers of a network, whose images do not fit narrow memory, are made in several passes.
 *
 * In pass s every tile row makes the s-th part of its rows of the image at the end, and going backwards of every image
 * before it exactly the rows that the next layer reads.  Rows near the edge of a part are made again by the neighbours
 * and in the next pass: nothing is exchanged between tile rows or passes.  Each pass reads its rows of the input and
 * all parameters anew.
 *
 *     pass 0:  infeed  conv  conv -> part of T       pass 1:  infeed  conv  conv -> part of T     ...     the other
 * layers, on T
 *
 * Where T leaves the chip, a pass makes one band of T for all tiles, sends it, and T as a whole is never in memory
 * (OutputLayout in several passes, ../shared/isa/container.md section 2.4).
 * Official programs have strips too (deeplabv3_mnv2_pascal, posenet_353_481: bands of the input that overlap; rows and
 * columns made again), but lay the input of a strip over all tiles and move the parts of T to their owners at the end.
 */
#ifndef COMPILER_STRIPS_H
#define COMPILER_STRIPS_H

#include "compiler/plan.h"

/* Steps 0..last of this lowered plan can run on strips: nothing but the image made last leaves them. */
bool strips_possible(const struct plan *p, uint32_t last);
/* Makes them run `passes` times, before sizing.  False: the image does not divide into so many parts. */
bool strips_cut(struct plan *p, uint32_t last, int32_t passes);

#endif

/* A plan whose activations fit narrow memory. */
#ifndef COMPILER_FIT_H
#define COMPILER_FIT_H

#include "compiler/plan.h"
#include "graph/partition.h"

/* Lowers, sizes and places the narrow buffers of the set: as it is, or, where that does not fit, with groups of steps
 * on image strips (strips.h): those that cost the fewest cycles.  Where there is no way,
 * the status and p->misfit say which operator does not fit.
 * views, rearranged: of support_judge; runtime: struct plan. */
bool plan_fit(struct plan *p, struct arena *a, const struct views *views, const struct partition *set,
              const bool *rearranged, int runtime, struct status *st);

#endif

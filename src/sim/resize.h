/* Opcode 0x05, bilinear resize and its nearest form (docs/sim.md, "Resize"). */
#ifndef SIM_RESIZE_H
#define SIM_RESIZE_H

#include "sim/tensor.h"

/* One step: adds one tap, weighted by the distance to it, to the four lanes of the sum. */
bool resize_accumulate(struct chip *c, int tile, struct unit *u);

#endif

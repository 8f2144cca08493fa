/* Data movement done as a product with zeroes and ones: byte i of the result is byte from[i] of the input,
 * or the zero point where that is negative.
 * The official form (../shared/isa/parameters.md, "select"): weights 0 and 1 with scale 1 and zero point 0, a bias of
 * zeroes that is stored, and the numbers of one tensor on both sides. */
#ifndef COMPILER_SELECT_H
#define COMPILER_SELECT_H

#include "base/arena.h"
#include "compiler/numerics.h"

/* `outputs` bytes out of `inputs`; `like`: the tensor whose scale and zero point both have. */
struct weighted *select_make(struct arena *a, const struct tfl_tensor *like, int32_t outputs, int32_t inputs,
                             const int32_t *from);

#endif

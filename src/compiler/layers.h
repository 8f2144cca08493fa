/* Input and output layers of an executable: what the runtime must know of the tensors.
 * Facts: ../shared/isa/container.md sections 2.3 and 2.4. */
#ifndef COMPILER_LAYERS_H
#define COMPILER_LAYERS_H

#include "compiler/plan.h"
#include "graph/partition.h"

void layers_describe(const struct plan *p, const struct partition *part, struct dwn_executable *x);

/* The name under which the new value of a variable comes back: LSTM states (spec/runtime.md 2.8). */
const char *layers_variable_output(const struct plan *p, uint32_t tensor);

#endif

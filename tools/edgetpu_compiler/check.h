/* --verify: the compiled model on the simulated chip against the source on the CPU kernels. */
#ifndef TOOL_CHECK_H
#define TOOL_CHECK_H

#include "summary.h"

/* Prints one line per numerics.  False where the simulated chip differs from its own arithmetic or does not run. */
bool check_output(struct arena *a, const struct output *o);

#endif

/* Seeded faults: one small defect put into a good executable.  A verifier, a strict
 * simulator or a comparison of outputs must notice each that matters. */
#ifndef SUPPORT_FAULTS_H
#define SUPPORT_FAULTS_H

#include "base/arena.h"
#include "darwinn/package.h"

unsigned fault_kinds(void);
const char *fault_name(unsigned kind);

/* A copy of `p` with a fault of `kind` in the executable that runs (not PARAMETER_CACHING), at a place
 * chosen by `seed`.  NULL where the package has no place for it.  `where`: text for messages. */
struct dwn_package *fault_apply(struct arena *a, const struct dwn_package *p, unsigned kind, uint64_t seed,
                                const char **where);

#endif

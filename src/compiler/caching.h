/* The PARAMETER_CACHING executable: loads what stays on the chip between inferences.
 * Facts: ../shared/isa/scalar-core.md ("Whole stream, in order"). */
#ifndef COMPILER_CACHING_H
#define COMPILER_CACHING_H

#include "compiler/params.h"
#include "compiler/place.h"
#include "darwinn/package.h"

struct cached_segment {
    const struct segment *segment;
    struct placed at;
    int32_t header; /* per-channel rows that the tile takes as a prefix of each chunk (1x1 outputs); else 0 */
};

/* Segments in execution order.  The blob is their concatenation. */
bool caching_executable(struct arena *a, const struct cached_segment *segments, uint32_t count, uint64_t token,
                        struct dwn_executable *out, struct status *st);

#endif

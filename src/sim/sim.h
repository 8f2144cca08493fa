/* The simulated chip: 16 tiles, ring, mesh, scalar core, host queues.
 *
 * Runs instruction streams word for word (docs/isa.md) on memories of real size.
 * One sim is one chip: parameters that a PARAMETER_CACHING executable loaded stay
 * until another token is loaded or sim_reset(). */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "darwinn/package.h"

struct sim;

struct sim_options {
    bool strict;   /* fail where an output depends on memory never written, or a cached parameter is overwritten;
                    * queues of depth one; no fast path */
    uint64_t seed; /* order in which ready threads are stepped; the result must not depend on it */
    bool plain;    /* never use the fast path for loop nests                          */
    uint64_t budget; /* steps (words moved, loop iterations, instructions) per executable; 0 = 2^36 */
    unsigned threads; /* tiles on so many threads, where the seed is 0; 0 and 1: on the caller's alone.  Same results */
};

struct sim *sim_new(const struct sim_options *o);
void sim_free(struct sim *s);
void sim_reset(struct sim *s); /* power-on state: memories undefined, no cached parameters */

/* One inference.  Loads cached parameters first if the package's token is not
 * the one on the chip (token rule).  inputs[i] / outputs[i]: TFLite-side bytes of the package's i-th input / output
 * layer of its executable (y*x*z elements in TFLite order and signedness); outputs are
 * allocated in `a`.  Failures name stream, word and instruction; a deadlock says
 * which thread waits for which flag. */
bool sim_run(struct sim *s, struct arena *a, const struct dwn_package *p, const struct bytes *inputs,
             struct bytes *outputs, struct status *st);

struct sim_counters {
    uint64_t instructions; /* issued by the scalar core, its own included */
    uint64_t macs;
    uint64_t cycles; /* estimate: cycles.h; loading parameters included where it happened */
    uint64_t host_bytes_in, host_bytes_out, parameter_bytes;
    uint64_t fast, slow; /* tensor instructions by path */
};
struct sim_counters sim_count(const struct sim *s); /* of the last run */

#endif

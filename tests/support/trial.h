/* A compiled model on trial: the verifier reads its executables, and the simulated chip must give what the kernels make
 * of the source in Edge TPU arithmetic, byte for byte.  Sentences live in the arena; NULL: nothing is wrong. */
#ifndef SUPPORT_TRIAL_H
#define SUPPORT_TRIAL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "tflite/model.h"

struct sim;

/* The verifier's last finding in any executable of a compiled file. */
const char *trial_finding(struct arena *a, struct bytes file);
/* One inference of both on seeded random inputs: what differs first, or why one of them does not run. */
const char *trial_difference(struct arena *a, const struct tfl_model *source, const struct tfl_model *compiled,
                             struct sim *sim, uint64_t seed);

#endif

/* A row of the catalogue through our compiler; used by `twin` and `evidence`. */
#ifndef TWIN_ATTEMPT_H
#define TWIN_ATTEMPT_H

#include "compiler/compiler.h"
#include "support/twin.h"

struct attempt {
    struct arena *a; /* of everything here */
    unsigned variant, choice; /* of the scales; of the outputs */
    struct tfl_model *model; /* NULL: not built */
    struct compile_result result;
    struct twin_facts facts;
    struct twin_verdict verdict;
    struct status st; /* why it was not built or not compiled */
};

/* The outputs, then the variant, that come nearest to the official result, the first of equals: first in opcodes, then
 * in size (biases that are zero are not stored: catalogue P241, P242). */
void attempt_nearest(const struct catalogue_row *row, uint64_t seed, struct attempt *out);

/* Rows whose models were compiled by one command, in that order; each in the variant that comes nearest when it is
 * compiled alone.  What is compiled lives in the arena of the first: free them all together. */
enum { ATTEMPT_TOGETHER = 32 };
void attempt_together(const struct catalogue_row *const *rows, unsigned count, uint64_t seed, struct attempt *out);

/* The compiled twin on trial (support/trial.h): verified, run once, and once more by the strict simulator where the run
 * took no more than `strict_macs` multiply-adds (counted for the last Edge TPU operator). */
struct attempt_trial {
    const char *fault; /* of the attempt's arena; NULL: all as it should be */
    uint64_t macs;
    bool strict; /* the strict simulator ran it */
};
struct attempt_trial attempt_try(const struct attempt *x, uint64_t seed, uint64_t strict_macs);
void attempt_free(struct attempt *x);

#endif

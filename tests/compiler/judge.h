/* The judgement of a model: compile it, verify the executables, run them on the simulated chip in strict mode and
 * compare with the CPU kernels in Edge TPU arithmetic, byte for byte.  For the tests of every operator family. */
#ifndef TESTS_COMPILER_JUDGE_H
#define TESTS_COMPILER_JUDGE_H

#include "compiler/compiler.h"

struct judgement {
    struct compile_result compiled;
    const char *fault; /* NULL: the simulated chip gives exactly the kernels' bytes and the verifier is silent */
};

struct judgement judge(struct arena *a, const struct tfl_model *m);
struct judgement judge_with(struct arena *a, const struct tfl_model *m, const struct compile_options *o);

enum { JUDGE_MODELS = 4 };
/* At most JUDGE_MODELS models compiled together, run in turn on one chip: parameters stay cached, and nothing may
 * overwrite them.  Returns the fault, or NULL; results: one per model. */
const char *judge_together(struct arena *a, const struct tfl_model *const *m, unsigned count,
                           const struct compile_options *o, struct compile_result *results);

/* Exact, and every operator in one Edge TPU operator.  Prints the model and what is wrong if not. */
bool judge_exact(struct arena *a, const struct tfl_model *m);

/* Random models: */
typedef const struct tfl_model *judge_draw(struct arena *a, uint64_t seed);
struct judge_count {
    uint64_t models;
    unsigned exact, partly, refused, too_large, wrong; /* their sum is `models`; partly: a part is on the CPU */
};
/* Judges the models of seeds 1 .. n and prints the faults and the counts.  Ends the test where one is wrong, an
 * operator stays on the CPU without a reason or fewer than `per_cent` (of 20 models or more) are exact and whole.
 * From the environment: SEEDS=n, FIRST=the first seed, VERBOSE=1 prints every model. */
struct judge_count judge_draws(judge_draw *draw, unsigned n, unsigned per_cent);

#endif

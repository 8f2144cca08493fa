/* Who notices a seeded fault: the verifier, the strict simulator, or a comparison of outputs. */
#ifndef SUPPORT_FAULT_JUDGE_H
#define SUPPORT_FAULT_JUDGE_H

#include "support/faults.h"

enum fault_verdict {
    FAULT_NO_PLACE,     /* the program has no place for this kind                                             */
    FAULT_BY_VERIFIER,  /* without running                                                                    */
    FAULT_BY_SIMULATOR, /* verifier silent; the simulator stops with a message, or its result depends on the order */
    FAULT_BY_OUTPUT,    /* both silent; the output on one of the first FAULT_COMPARED inputs differs            */
    FAULT_UNNOTICED,    /* all three silent, and the output on another input differs: what must not happen    */
    FAULT_HARMLESS,     /* all silent, and the outputs on all inputs tried are the same                       */
    FAULT_VERDICTS
};

/* A good package with its outputs on FAULT_INPUTS seeded inputs. */
enum { FAULT_COMPARED = 8, FAULT_INPUTS = 12 };
struct fault_trial {
    const struct dwn_package *package;
    const struct bytes *good[FAULT_INPUTS];
    uint32_t n_outputs;
};

/* Fails where the package does not run within `budget` steps (sim_options). */
bool fault_trial_begin(struct arena *a, const struct dwn_package *p, uint64_t budget, struct fault_trial *out,
                       struct status *st);
/* where: place of the fault and, if somebody noticed it with words, these; lives in `a`. */
enum fault_verdict fault_judge(struct arena *a, const struct fault_trial *t, uint64_t budget, unsigned kind,
                               uint64_t seed, const char **where);

#endif

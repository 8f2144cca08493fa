/* Static checks of an executable: what can be known to be wrong without running it. */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "base/arena.h"
#include "base/status.h"
#include "darwinn/package.h"

struct verify_rule {
    const char *id;       /* "V-FRAME-1": stable, for tests and users */
    const char *sentence; /* what the rule demands */
};
const struct verify_rule *verify_rules(unsigned *count);

struct verify_finding {
    const struct verify_rule *rule;
    uint32_t executable, chunk, word; /* where; UINT32_MAX: not at a word */
    const char *text;                 /* the case at hand, with numbers */
};

struct verify_report {
    struct verify_finding *findings;
    uint32_t count;
};

/* Never fails on a decoded package: what cannot be decoded is a finding. */
void verify_package(struct arena *a, const struct dwn_package *p, struct verify_report *out);

#endif

/* The parameter caching token: names what lies cached on the chip.  The runtime reloads when it changes, so it must
 * differ whenever bytes or places differ; a hash of both makes it the same on every run and machine.  (The official
 * tokens are random: container.md section 3.) */
#ifndef COMPILER_TOKEN_H
#define COMPILER_TOKEN_H

#include "compiler/params.h"
#include "compiler/place.h"

struct token {
    uint64_t value;
};

void token_init(struct token *t);
void token_add(struct token *t, const struct segment *s, const struct placed *at);
uint64_t token_value(const struct token *t);

#endif

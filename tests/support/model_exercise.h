/* What any bytes given as a model must lead to: a refusal with a sentence; or a model that is the same when written and
 * read again, and that graph, partition and rewriting take without harm. */
#ifndef SUPPORT_MODEL_EXERCISE_H
#define SUPPORT_MODEL_EXERCISE_H

#include "base/arena.h"
#include "base/bytes.h"

/* NULL: as it must be; else what is wrong, in the arena.  *accepted: the bytes were read as a model.
 * choice: varies which operators are taken as mapped. */
const char *model_exercise(struct arena *a, struct bytes file, uint8_t choice, bool *accepted);

#endif

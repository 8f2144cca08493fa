/* What every support rule is written with (support_*.c). */
#ifndef COMPILER_RULE_H
#define COMPILER_RULE_H

#include "compiler/support.h"

#define MAPPED ((struct verdict){SUPPORT_MAPPED, NULL})
/* return REFUSE(s, status string of the log, "%s: ...", op_name(s, op), ...): why, with numbers, and what would help.
 */
#define REFUSE(s, status, ...) ((struct verdict){status, arena_text((s)->arena, __VA_ARGS__)})

static inline const char *op_name(const struct support *s, uint32_t op)
{
    return graph_op_text(s->arena, s->graph->source, op);
}

#endif

/* RESIZE_BILINEAR to twice the rows and columns: what the support rule, the lowering and the step share. */
#ifndef COMPILER_RESIZE_H
#define COMPILER_RESIZE_H

#include "compiler/plan.h"
#include "compiler/support.h"

/* grid -> grid of twice the rows and columns (emit_resize.c).  The input's plane has a border of one pixel on all sides
 * (resize_claim), which the step overwrites: nobody else may read it. */
extern const struct family family_resize;

/* The step's plane: each tile's own pixels and one more on every side. */
void resize_claim(struct grid *g);
/* Words of the longest row or column of a plane: one instruction repeats it at the edge of the image. */
int32_t resize_border_words(const struct grid *claimed);
enum { RESIZE_FACTOR = 2, RESIZE_BORDER_LIMIT = 16384 /* loop counts of unit P have 14 bits (docs/isa.md) */ };

struct verdict support_resize(const struct support *s, uint32_t op);
bool lower_resize(struct plan *p, uint32_t op);

#endif

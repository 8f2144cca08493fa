/* RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR to twice the rows and columns: what the support rule, the lowering and
 * the step share. */
#ifndef COMPILER_RESIZE_H
#define COMPILER_RESIZE_H

#include "compiler/plan.h"
#include "compiler/support.h"

/* grid -> grid of twice the rows and columns (emit_resize.c).  The input's plane has a border of one pixel on all sides
 * (resize_claim), which the step overwrites: nobody else may read it.  detail: struct resize_detail. */
struct resize_detail {
    bool nearest;
    int32_t to, words; /* channel words: the first in the output, how many */
};
extern const struct family family_resize;
/* The step makes channel words `at` and those that follow of image `to`, instead of an image of its own. */
void resize_into(struct plan *p, struct step *s, uint32_t to, int32_t at);
/* A resize to the nearest pixel that 0x05 does, as officially; else pixels are copied (move.h). */
bool resize_is_nearest(const struct tfl_subgraph *g, const struct tfl_operator *o);

/* The step's plane: each tile's own pixels and one more on every side. */
void resize_claim(struct grid *g);
/* Words of the longest row or column of a plane: one instruction repeats it at the edge of the image. */
int32_t resize_border_words(const struct grid *claimed);
enum { RESIZE_FACTOR = 2, RESIZE_BORDER_LIMIT = 16384 /* loop counts of unit P have 14 bits (docs/isa.md) */ };

struct verdict support_resize(const struct support *s, uint32_t op);
bool lower_resize(struct plan *p, uint32_t op);
bool lower_resize_nearest(struct plan *p, uint32_t op);

#endif

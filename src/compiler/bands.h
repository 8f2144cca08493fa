/* Which rows (or columns) of which image a pass of a group of steps (strips.h) works on. */
#ifndef COMPILER_BANDS_H
#define COMPILER_BANDS_H

#include "compiler/strips.h"

enum band_role {
    BAND_NONE,
    BAND_READ, /* made before the group */
    BAND_MADE, /* made and used up in the group */
    BAND_END,  /* made in the group, needed behind it */
};

struct bands {
    const struct plan *p; /* as lowered */
    const struct strips *t;
    int32_t pass;
    /* Per value of the plan: */
    enum band_role *role;
    struct grid *grid; /* its rows in this pass, and where they lie */
    bool *settled;
};

/* The roles; no rows yet. */
struct bands bands_new(struct arena *a, const struct plan *p, const struct strips *t);
/* The rows of pass `pass`. */
void bands_settle(struct bands *b, int32_t pass);

/* Pixels of pass `pass` along an axis of `pixels`: the same number in each, or one more in the first ones. */
struct span band_of(int32_t pixels, int32_t passes, int32_t pass);
/* One axis of a grid: rows, or columns. */
struct axis {
    int32_t pixels;
    struct span *own, *need;
};
struct axis axis_of(struct grid *g, bool columns);
/* All that the tiles have of it. */
static inline struct span axis_owned(const struct axis *a)
{
    return (struct span){a->own[0].first, a->own[GRID - 1].end};
}
/* The step belongs to the group, but comes behind it: an output is sent when it is complete. */
bool band_postponed(const struct plan *p, const struct strips *t, uint32_t step);

#endif

/* One address generator in motion: visits the elements of an isa_ttu in order.
 *
 * Source: ../shared/isa/tile-dma.md section 2 and tensor-ops.md "Traversal unit".  The running address
 * gets step[k] when loop k advances (the loops below it stand at their ends); loop `cut` has limit llim in
 * the last iteration of loop ldim, and lskip makes up for the elements left out; boff is added in every
 * other pass of the loops below bdim (a double buffer).  An instruction starts with the buffer at which
 * the one before it on this unit stopped, unless a fence lies between: docs/sim.md, "Double buffers".
 * The loop cut short is loop 0, in transposing moves loop 1: docs/sim.md, "Shortened loops". */
#ifndef ISA_WALK_H
#define ISA_WALK_H

#include "isa/isa.h"

struct walk {
    const struct isa_ttu *t;
    int64_t at;      /* running address without the double buffer */
    int32_t i[8];    /* loop counters */
    uint8_t n;       /* loops */
    uint8_t cut;     /* the loop that llim is for */
    uint8_t level;   /* loops that the last advance completed; n before the first and after the last element */
    bool odd, done;  /* second buffer; all elements visited */
};

static inline void walk_start(struct walk *w, const struct isa_ttu *t, unsigned n, bool odd)
{
    *w = (struct walk){.t = t, .at = t->base, .n = (uint8_t)n, .level = (uint8_t)n, .odd = odd};
}

static inline int64_t walk_at(const struct walk *w)
{
    return w->at + (w->odd ? w->t->boff : 0);
}

static inline bool walk_short(const struct walk *w) /* is loop `cut` cut (or extended) in this pass? */
{
    return w->t->ldim && w->i[w->t->ldim] == w->t->lim[w->t->ldim];
}

/* Loops below k have completed: advance loop k, or the next one that can. */
static inline void walk_carry(struct walk *w, unsigned k)
{
    const struct isa_ttu *t = w->t;
    bool cut = walk_short(w);
    for (; k < w->n; k++) {
        if (w->i[k] < (cut && k == w->cut ? t->llim : t->lim[k]))
            break;
        w->i[k] = 0;
    }
    w->level = (uint8_t)k;
    if (k == w->n) {
        w->done = true;
    } else {
        w->i[k]++;
        w->at += t->step[k] + (cut && k > w->cut ? t->lskip : 0);
    }
    if (t->boff && (int32_t)k >= t->bdim)
        w->odd = !w->odd;
}

static inline void walk_next(struct walk *w)
{
    walk_carry(w, 0);
}

/* How often loop k can still advance without another loop moving, and without a turn of the double buffer, plus 1. */
static inline int64_t walk_run(const struct walk *w, unsigned k)
{
    const struct isa_ttu *t = w->t;
    if (w->done || k >= w->n || (t->boff && t->bdim <= (int32_t)k))
        return 1;
    int64_t run = (int64_t)(k == w->cut && walk_short(w) ? t->llim : t->lim[k]) - w->i[k] + 1;
    return run > 1 ? run : 1;
}

/* n advances of loop k at once, n <= walk_run(); the loops below it have moved the address by `span` each time. */
static inline void walk_skip(struct walk *w, unsigned k, int64_t n, int64_t span)
{
    if (n > 1) {
        w->i[k] += (int32_t)(n - 1);
        w->at += (n - 1) * (w->t->step[k] + span);
    }
    w->at += span;
    walk_carry(w, k);
}

/* All zero: this side of the instruction does nothing. */
static inline bool ttu_unused(const struct isa_ttu *t, unsigned n)
{
    if (t->base || t->mask || t->boff)
        return false;
    for (unsigned k = 0; k < n; k++)
        if (t->step[k] || t->lim[k])
            return false;
    return true;
}

#endif

/* Image strips: consecutive steps whose images do not fit narrow memory together are made in several passes.
 *
 * A group of steps first..last reads images that are there (or the host's), and makes images that stay (its ends).
 * In pass s a band of each end is made, the s-th part of its rows (or columns), and going backwards of every image
 * before it the rows that its readers need.  A band lies on the tiles as an image of its own would: its rows are split
 * over the four tile rows, borders are exchanged between them.  So each pass is
 *
 *     rows of the images that are read, from the tiles that keep them  ->  the steps  ->  rows of the ends to the tiles
 *     that keep them
 *
 * Rows at the seams are made by both neighbours; all parameters are sent anew in each pass.  Where the end of the group
 * leaves the chip and does not fit itself, every pass sends its band, and the end as a whole is never in memory
 * (OutputLayout in several passes, ../shared/isa/container.md section 2.4).
 *
 * A plan that was cut into strips of rows can be cut once more, its passes into strips of columns: bands of rows and
 * columns at once, where a band of one row for each tile row does not fit.
 *
 * Official: the strips of deeplabv3_mnv2_pascal and posenet_*_721_1281 are such bands, spread over all tiles, at the
 * beginning of the network and inside it, and their ends are put together by moves between tiles.  The official form of
 * a pass of columns is `kept`: what is read comes once, is kept in wide memory, and goes to its new columns over the
 * mesh; the parts of an end are joined behind the last strip.  Ours has it for groups of convolutions.  Where the
 * groups begin and end is not known. */
#ifndef COMPILER_STRIPS_H
#define COMPILER_STRIPS_H

#include "compiler/plan.h"

struct strips { /* a group */
    uint32_t first, last; /* steps of the lowered plan */
    int32_t passes;
    bool columns;         /* bands are columns, not rows */
    bool kept;            /* columns in the official form: what is read is kept in wide memory, ends in parts */
    bool leaves;          /* the last step sends the end to the host, band by band; else it follows the group */
};

/* The steps can run on strips, in whatever number of passes. */
bool strips_possible(const struct plan *p, const struct strips *t);
/* Passes that the ends can be divided into at most. */
int32_t strips_most_passes(const struct plan *p, const struct strips *t);

struct strips_cost {
    int64_t words;  /* of narrow memory, if nothing is lost between the buffers */
    int64_t cycles; /* of the busiest tile, roughly */
};
/* Words of narrow memory that a step needs beside its images: always, and with whole images (with bands less). */
struct step_room {
    int64_t always, with_whole;
};
/* Every pass that is sent ends with whole 8-byte words, or the next one could not begin behind it. */
bool strips_can_leave(const struct plan *p, const struct strips *t);
/* Before sizing; `room` of each step. */
struct strips_cost strips_cost_of(const struct plan *p, const struct strips *t, const struct step_room *room);
/* Cycles of a step on whole images. */
int64_t step_cycles(const struct plan *p, const struct step *s, const struct grid *out);

/* Makes the groups (in order, apart) run on strips, before sizing.  What runs on strips of rows since an earlier call
 * can be cut into columns. */
void strips_cut(struct plan *p, const struct strips *groups, uint32_t n);

/* After rows were cut into columns that are kept: gives what stays over all passes of rows, the identity matrices of
 * the infeed and of the columns, rows of wide memory that nobody else takes (officially they are made once:
 * deeplabv3_mnv2_pascal). */
void strips_share_identities(struct plan *p);

#endif

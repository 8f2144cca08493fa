/* Output through the scalar core's memory: words of any number from any tile, one behind another, which the core pushes
 * to the host.  Official instance: both outputs of tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3 (1x1917x4 and
 * 1x1917x91). */
#ifndef COMPILER_OUTGOING_H
#define COMPILER_OUTGOING_H

#include "compiler/program.h"

enum { OUT_ROWS = 2 }; /* wide rows, from which tiles send: usually the highest */

/* Before the first: the host's address of the output in s5 (low), s4. */
struct outgoing {
    struct program *p;
    const char *name;
    int32_t row;         /* the first of these */
    int64_t before;      /* bytes of the output that stand before all of them */
    int64_t words, sent; /* in all; that have left */
    int32_t filled;      /* in scalar memory */
};

/* The words that the tile has last staged in rows `row` and `row` + 1 in turn. */
void outgoing_add(struct outgoing *o, int tile, int32_t words);
void outgoing_end(struct outgoing *o);

#endif

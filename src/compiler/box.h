/* What one tile holds of a value, whatever its layout: rows of pixels of words. */
#ifndef COMPILER_BOX_H
#define COMPILER_BOX_H

#include "compiler/plan.h"

struct box {
    int32_t at;    /* narrow word of the first pixel                              */
    int32_t h, w;  /* pixels; a slice of a vector is one pixel                    */
    int32_t words; /* of a pixel                                                  */
    int32_t pitch; /* words from one row to the next                              */
    int32_t rows;  /* of the plane, with its border                               */
};

/* What the tile's producer writes; false: nothing. */
bool box_of(const struct plan *p, const struct value *v, int tile, struct box *b);
/* Words that a value of this layout takes on a tile. */
int32_t box_words(const struct value *v);

#endif

/* Views: an output that is the input read with other steps. */
#ifndef KERNELS_VIEW_H
#define KERNELS_VIEW_H

#include "kernels/internal.h"

enum { VIEW_RANK = 2 * KERN_MAX_RANK };

/* Element (i0, i1, ...) of the view is element offset + sum of i * step of the tensor. */
struct view {
    uint32_t rank;
    int32_t dim[VIEW_RANK];
    int64_t step[VIEW_RANK];
    int64_t offset;
};

/* All of x, in order. */
struct view view_of(kern_in x);
/* Copies the view's elements in order to out, which is for `elements of x's type`; x covers every index. */
void view_copy(kern_in x, const struct view *v, void *out);

#endif

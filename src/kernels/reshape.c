/* RESHAPE, SQUEEZE, EXPAND_DIMS: the same elements under another shape. */
#include "kernels/internal.h"

static bool copy_as(struct kern_ctx *c, const int32_t *dim, uint32_t rank, kern_in x, kern_out y)
{
    if (!need_same_type(c, x, y) || !shape_output(c, y, dim, rank) ||
        !need(c, kern_elements(y) == kern_elements(x), "'%s' has %zu elements, '%s' would have %zu", x->name,
              kern_elements(x), y->name, kern_elements(y)))
        return false;
    memcpy(y->data, x->data, kern_elements(x) * kern_type_size(x->type));
    return true;
}

bool kern_reshape(struct kern_ctx *c, const int32_t *shape, int32_t n, kern_in x, kern_out y)
{
    int32_t dim[KERN_MAX_RANK], *open = NULL;
    uint64_t known = 1;
    if (!need(c, n >= 0 && n <= KERN_MAX_RANK, "the new shape has %d dimensions", n))
        return false;
    for (int32_t i = 0; i < n; i++) {
        dim[i] = shape[i];
        if (dim[i] == -1) {
            if (!need(c, !open, "the new shape has two sizes of -1"))
                return false;
            open = &dim[i];
        } else if (!need(c, dim[i] > 0, "the new shape has size %d", dim[i])) {
            return false;
        } else {
            known *= (uint64_t)dim[i];
            if (!need(c, known <= INT32_MAX, "the new shape has 2^31 elements or more"))
                return false;
        }
    }
    if (open)
        *open = (int32_t)(kern_elements(x) / known);
    return copy_as(c, dim, (uint32_t)n, x, y);
}

bool kern_squeeze(struct kern_ctx *c, const int32_t *dims, uint32_t n, kern_in x, kern_out y)
{
    bool drop[KERN_MAX_RANK] = {false};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t axis;
        if (!normal_axis(c, dims[i], x->rank, &axis) ||
            !need(c, x->dim[axis] == 1, "dimension %u of '%s' is %d, cannot be squeezed", axis, x->name, x->dim[axis]))
            return false;
        drop[axis] = true;
    }
    int32_t dim[KERN_MAX_RANK];
    uint32_t rank = 0;
    for (uint32_t i = 0; i < x->rank; i++)
        if (n ? !drop[i] : x->dim[i] != 1)
            dim[rank++] = x->dim[i];
    return copy_as(c, dim, rank, x, y);
}

bool kern_expand_dims(struct kern_ctx *c, int32_t axis, kern_in x, kern_out y)
{
    uint32_t at;
    if (!need(c, x->rank < KERN_MAX_RANK, "'%s' has %u dimensions already", x->name, x->rank) ||
        !normal_axis(c, axis, x->rank + 1, &at))
        return false;
    int32_t dim[KERN_MAX_RANK];
    for (uint32_t i = 0; i <= x->rank; i++)
        dim[i] = i < at ? x->dim[i] : i == at ? 1 : x->dim[i - 1];
    return copy_as(c, dim, x->rank + 1, x, y);
}

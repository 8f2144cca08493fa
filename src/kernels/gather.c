/* GATHER, GATHER_ND, SHAPE. */
#include "kernels/internal.h"

static bool need_index(struct kern_ctx *c, kern_in x, kern_in indices, size_t i, int64_t index, int64_t size)
{
    return need(c, index >= 0 && index < size, "'%s'[%zu] = %lld is outside '%s' (size %lld)", indices->name, i,
                (long long)index, x->name, (long long)size);
}

bool kern_gather(struct kern_ctx *c, int32_t axis, int32_t batch_dims, kern_in x, kern_in indices, kern_out y)
{
    uint32_t at;
    if (!need_same_type(c, x, y) || !need_ints(c, indices) || !normal_axis(c, axis, x->rank, &at))
        return false;
    if (batch_dims != 0)
        return status_fail(c->st, STATUS_UNSUPPORTED, "batch_dims %d is not handled", batch_dims);
    int32_t dim[2 * KERN_MAX_RANK];
    uint32_t rank = x->rank - 1 + indices->rank;
    memcpy(dim, x->dim, at * sizeof *dim);
    memcpy(dim + at, indices->dim, indices->rank * sizeof *dim);
    memcpy(dim + at + indices->rank, x->dim + at + 1, (x->rank - at - 1) * sizeof *dim);
    if (!shape_output(c, y, dim, rank))
        return false;
    size_t outer = span(x->dim, 0, at), n = kern_elements(indices);
    size_t bytes = span(x->dim, at + 1, x->rank) * kern_type_size(x->type);
    uint8_t *out = y->data;
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < n; i++, out += bytes) {
            int64_t index = int_at(indices, i);
            if (!need_index(c, x, indices, i, index, x->dim[at]))
                return false;
            memcpy(out, (const uint8_t *)x->data + (o * (size_t)x->dim[at] + (size_t)index) * bytes, bytes);
        }
    return true;
}

bool kern_gather_nd(struct kern_ctx *c, kern_in x, kern_in indices, kern_out y)
{
    if (!need_same_type(c, x, y) || !need_ints(c, indices) ||
        !need(c, indices->rank > 0, "'%s' is a scalar", indices->name))
        return false;
    uint32_t outer = indices->rank - 1, depth = (uint32_t)indices->dim[outer];
    if (!need(c, depth > 0 && depth <= x->rank, "'%s' has %u coordinates, '%s' %u dimensions", indices->name, depth,
              x->name, x->rank))
        return false;
    int32_t dim[2 * KERN_MAX_RANK];
    memcpy(dim, indices->dim, outer * sizeof *dim);
    memcpy(dim + outer, x->dim + depth, (x->rank - depth) * sizeof *dim);
    if (!shape_output(c, y, dim, outer + x->rank - depth))
        return false;
    size_t bytes = span(x->dim, depth, x->rank) * kern_type_size(x->type);
    for (size_t i = 0, n = kern_elements(indices) / depth; i < n; i++) {
        size_t at = 0;
        for (uint32_t j = 0; j < depth; j++) {
            int64_t index = int_at(indices, i * depth + j);
            if (!need_index(c, x, indices, i * depth + j, index, x->dim[j]))
                return false;
            at = at * (size_t)x->dim[j] + (size_t)index;
        }
        memcpy((uint8_t *)y->data + i * bytes, (const uint8_t *)x->data + at * bytes, bytes);
    }
    return true;
}

bool kern_shape_of(struct kern_ctx *c, kern_in x, kern_out y)
{
    if (!need_ints(c, y) || !need(c, x->rank > 0, "'%s' is a scalar", x->name) ||
        !shape_output(c, y, (int32_t[]){(int32_t)x->rank}, 1))
        return false;
    for (uint32_t i = 0; i < x->rank; i++)
        if (y->type == KERN_I64)
            ((int64_t *)y->data)[i] = x->dim[i];
        else
            ((int32_t *)y->data)[i] = x->dim[i];
    return true;
}

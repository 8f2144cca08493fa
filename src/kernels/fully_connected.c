/* FULLY_CONNECTED: y[batch][unit] = sum over depth of x[batch][depth] * w[unit][depth]. */
#include "kernels/matmul.h"
#include "kernels/weights.h"

static bool output_shape(struct kern_ctx *c, bool keep_dims, kern_in x, kern_in w, kern_out y)
{
    int32_t depth = w->dim[1];
    size_t total = kern_elements(x);
    if (!need(c, total % (size_t)depth == 0, "'%s' has %zu elements, weights '%s' want a multiple of %d", x->name,
              total, w->name, depth))
        return false;
    if (!keep_dims)
        return shape_output(c, y, (int32_t[]){(int32_t)(total / (size_t)depth), w->dim[0]}, 2);
    if (!need(c, x->rank > 0 && x->dim[x->rank - 1] == depth, "the last dimension of '%s' must be %d", x->name, depth))
        return false;
    int32_t dim[KERN_MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = w->dim[0];
    return shape_output(c, y, dim, x->rank);
}

bool kern_fully_connected(struct kern_ctx *c, enum kern_activation act, bool keep_dims, kern_in x, kern_in w,
                          kern_in bias, kern_out y)
{
    if (!need_rank(c, w, 2) || !weights_check(c, x, w, bias, y, 0) || !need_activation(c, act) ||
        !output_shape(c, keep_dims, x, w, y))
        return false;
    size_t depth = (size_t)w->dim[1], units = (size_t)w->dim[0], batch = kern_elements(x) / depth;
    if (x->type == KERN_F32) {
        float *sums = ARENA_ARRAY(c->scratch, float, batch * units);
        matmul_f32(x->data, batch, w->data, units, depth, sums);
        weights_finish_f32(act, bias, sums, batch, units, y->data);
        return true;
    }
    struct requant q;
    if (!requant_init_weights(c, &q, x, w, y, act, w->n_scales == 1))
        return false;
    int16_t *rows = ARENA_ARRAY(c->scratch, int16_t, batch * depth);
    int32_t *sums = ARENA_ARRAY(c->scratch, int32_t, batch * units);
    load_row16(x, 0, batch * depth, zero_of(x), rows);
    matmul_i16(rows, batch, weights_i16(c, w, 0), units, depth, sums);
    weights_finish(&q, bias, sums, batch, units, y, 0);
    return true;
}

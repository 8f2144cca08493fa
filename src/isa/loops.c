/* Loop nests as (count, stride) pairs instead of limits and steps. */
#include "isa/isa.h"

/* A value that no field holds stays one: isa_encode then names the field. */
static int32_t clip(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

void isa_ttu_set(struct isa_ttu *t, unsigned n_loops, int64_t base, const struct isa_dim *dims, unsigned n_dims)
{
    *t = (struct isa_ttu){.base = clip(base)};
    int64_t inner = 0; /* how far the inner loops stand from their start when they are at their ends */
    for (unsigned k = 0; k < n_loops; k++) {
        struct isa_dim d = k < n_dims ? dims[k] : (struct isa_dim){1, 0};
        t->step[k] = clip(d.stride - inner);
        t->lim[k] = clip(d.count - 1);
        t->mask |= (d.stride != 0) << k;
        inner += d.stride * (d.count - 1);
    }
}

/* Modulo 2^64: in a damaged instruction strides can be absurd. */
int64_t isa_ttu_stride(const struct isa_ttu *t, unsigned k)
{
    uint64_t inner = 0;
    for (unsigned j = 0; j < k; j++)
        inner += ((uint64_t)t->step[j] + inner) * (uint64_t)t->lim[j];
    return (int64_t)((uint64_t)t->step[k] + inner);
}

static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

int64_t isa_ttu_count(const struct isa_ttu *t, unsigned n_loops)
{
    int64_t outer = 1, last = 1; /* passes of loop 0; passes of it in the last iteration of loop ldim */
    for (unsigned k = 1; k < n_loops; k++) {
        outer = times(outer, (int64_t)t->lim[k] + 1);
        if (k != (unsigned)t->ldim)
            last = times(last, (int64_t)t->lim[k] + 1);
    }
    if (!t->ldim)
        return times(outer, (int64_t)t->lim[0] + 1);
    int64_t full = times(outer - last, (int64_t)t->lim[0] + 1), rest = times(last, (int64_t)t->llim + 1);
    return full > INT64_MAX - rest ? INT64_MAX : full + rest;
}

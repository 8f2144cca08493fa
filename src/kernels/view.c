#include "kernels/view.h"

struct view view_of(kern_in x)
{
    struct view v = {.rank = x->rank};
    int64_t step = 1;
    for (uint32_t i = x->rank; i-- > 0; step *= x->dim[i]) {
        v.dim[i] = x->dim[i];
        v.step[i] = step;
    }
    return v;
}

static void copy_row(const uint8_t *in, int64_t step, size_t n, size_t size, uint8_t *out)
{
    if (step == 1) {
        memcpy(out, in, n * size);
        return;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * size, in + (int64_t)i * step * (int64_t)size, size);
}

void view_copy(kern_in x, const struct view *v, void *out)
{
    size_t size = kern_type_size(x->type), last = v->rank ? v->rank - 1 : 0;
    size_t rows = span(v->dim, 0, (uint32_t)last), length = v->rank ? (size_t)v->dim[last] : 1;
    for (size_t row = 0; row < rows; row++) {
        int64_t at = v->offset;
        size_t rest = row;
        for (size_t i = last; i-- > 0; rest /= (size_t)v->dim[i])
            at += (int64_t)(rest % (size_t)v->dim[i]) * v->step[i];
        copy_row((const uint8_t *)x->data + at * (int64_t)size, v->rank ? v->step[last] : 1, length, size,
                 (uint8_t *)out + row * length * size);
    }
}

/* PAD and PADV2. */
#include "kernels/internal.h"

/* Fills n elements with one of `size` bytes. */
static void fill(uint8_t *out, size_t n, const void *element, size_t size)
{
    if (size == 1) {
        memset(out, *(const uint8_t *)element, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * size, element, size);
}

/* 8 bytes of the filling element. */
static bool filling(struct kern_ctx *c, kern_in x, kern_in value, kern_in y, uint8_t out[8])
{
    memset(out, 0, 8);
    if (value) {
        if (!need_same_type(c, x, value) ||
            !need(c, kern_elements(value) == 1, "'%s' must be one element", value->name))
            return false;
        memcpy(out, value->data, kern_type_size(x->type));
    } else if (is_quant8(x)) {
        if (!need_quant(c, y))
            return false;
        out[0] = (uint8_t)zero_of(y);
    }
    return true;
}

bool kern_pad(struct kern_ctx *c, kern_in x, kern_in paddings, kern_in value, kern_out y)
{
    uint8_t element[8];
    int32_t dim[KERN_MAX_RANK];
    int64_t before[KERN_MAX_RANK];
    if (!need_same_type(c, x, y) || !need_ints(c, paddings) ||
        !need(c, x->rank > 0 && kern_elements(paddings) == 2 * (size_t)x->rank, "'%s' must be %ux2", paddings->name,
              x->rank) ||
        !filling(c, x, value, y, element))
        return false;
    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t after = int_at(paddings, 2 * i + 1), most = INT32_MAX / 4;
        before[i] = int_at(paddings, 2 * i);
        if (!need(c, before[i] >= 0 && after >= 0 && before[i] < most && after < most && x->dim[i] < most,
                  "padding %lld, %lld in dimension %u", (long long)before[i], (long long)after, i))
            return false;
        dim[i] = (int32_t)(before[i] + x->dim[i] + after);
    }
    if (!shape_output(c, y, dim, x->rank))
        return false;
    size_t size = kern_type_size(x->type), length = (size_t)x->dim[x->rank - 1];
    fill(y->data, kern_elements(y), element, size);
    for (size_t row = 0, rows = kern_elements(x) / length; row < rows; row++) {
        size_t rest = row, at = (size_t)before[x->rank - 1], step = (size_t)dim[x->rank - 1];
        for (uint32_t i = x->rank - 1; i-- > 0; step *= (size_t)dim[i], rest /= (size_t)x->dim[i])
            at += (rest % (size_t)x->dim[i] + (size_t)before[i]) * step;
        memcpy((uint8_t *)y->data + at * size, (const uint8_t *)x->data + row * length * size, length * size);
    }
    return true;
}

#include <math.h>

#include "graph/graph.h"

static bool is_constant(const struct tfl_tensor *t, struct status *st)
{
    return t->data.size || tfl_elements(t) == 0 ||
           status_fail(st, STATUS_UNSUPPORTED, "tensor \"%s\" is not constant", t->name);
}

/* Element i of an integer tensor; false: of another type. */
static bool integer_at(const struct tfl_tensor *t, uint32_t i, int64_t *out)
{
    const uint8_t *p = t->data.data + (size_t)i * tfl_type_size(t->type);
    switch (t->type) {
    case TFL_INT8: *out = (int8_t)*p; return true;
    case TFL_UINT8: case TFL_BOOL: *out = *p; return true;
    case TFL_INT16: *out = (int16_t)le16(p); return true;
    case TFL_UINT16: *out = le16(p); return true;
    case TFL_INT32: *out = (int32_t)le32(p); return true;
    case TFL_UINT32: *out = le32(p); return true;
    case TFL_INT64: *out = (int64_t)le64(p); return true;
    default: return false;
    }
}

static bool wrong_type(const struct tfl_tensor *t, const char *wanted, struct status *st)
{
    return status_fail(st, STATUS_UNSUPPORTED, "constant \"%s\" is %s, not %s", t->name, tfl_type_name(t->type),
                       wanted);
}

bool constant_i32(struct arena *a, const struct tfl_tensor *t, int32_t **out, uint32_t *count, struct status *st)
{
    if (!is_constant(t, st))
        return false;
    *count = (uint32_t)tfl_elements(t);
    *out = ARENA_ARRAY(a, int32_t, *count);
    for (uint32_t i = 0; i < *count; i++) {
        int64_t value;
        if (!integer_at(t, i, &value))
            return wrong_type(t, "an integer", st);
        if (value < INT32_MIN || value > INT32_MAX)
            return status_fail(st, STATUS_UNSUPPORTED, "constant \"%s\" holds %lld", t->name, (long long)value);
        (*out)[i] = (int32_t)value;
    }
    return true;
}

static float half_to_float(uint16_t h)
{
    unsigned exponent = h >> 10 & 31, fraction = h & 1023;
    float magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                      : exponent == 0 ? ldexpf((float)fraction, -24)
                                      : ldexpf((float)(fraction | 1024), (int)exponent - 25);
    return h >> 15 ? -magnitude : magnitude;
}

/* Which scale belongs to element i: its index along the quantised dimension. */
static uint32_t channel_of(const struct tfl_tensor *t, uint32_t i)
{
    if (t->quant.count <= 1)
        return 0;
    uint32_t inner = 1;
    for (uint32_t d = (uint32_t)t->quant.dim + 1; d < t->rank; d++)
        inner *= (uint32_t)t->shape[d];
    return i / inner % t->quant.count;
}

bool constant_f32(struct arena *a, const struct tfl_tensor *t, float **out, uint32_t *count, struct status *st)
{
    if (!is_constant(t, st))
        return false;
    *count = (uint32_t)tfl_elements(t);
    *out = ARENA_ARRAY(a, float, *count);
    for (uint32_t i = 0; i < *count; i++) {
        int64_t value;
        if (t->type == TFL_FLOAT32) {
            (*out)[i] = f32_of(le32(t->data.data + 4 * (size_t)i));
        } else if (t->type == TFL_FLOAT16) {
            (*out)[i] = half_to_float(le16(t->data.data + 2 * (size_t)i));
        } else if (t->quant.count && integer_at(t, i, &value)) {
            uint32_t c = channel_of(t, i);
            (*out)[i] = t->quant.scale[c] * (float)(value - t->quant.zero_point[c]);
        } else {
            return wrong_type(t, "a float or quantised", st);
        }
    }
    return true;
}

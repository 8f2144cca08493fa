/* FlexBuffer reader.  Format facts: flatbuffers.dev "FlexBuffers".  A value sits in a slot of its parent's
 * width; all but null, int, uint, float and bool are reached by an unsigned distance back from the slot.
 * A packed type byte is type << 2 | log2(width). */
#include "flat/flat.h"

enum {
    FIRST_TYPED = 11, /* vectors of int, uint, float, key, string */
    LAST_TYPED = 15,
    FIRST_FIXED = 16, /* int2 uint2 float2 int3 .. float4, without a count in front */
    LAST_FIXED = 24,
    TYPED_BOOL = 36,
};

static bool inside(struct bytes buf, uint64_t pos, uint64_t size)
{
    return pos <= buf.size && size <= buf.size - pos;
}

static bool get_unsigned(struct bytes buf, uint64_t pos, unsigned width, uint64_t *out)
{
    if (!inside(buf, pos, width))
        return false;
    *out = 0;
    for (unsigned i = 0; i < width; i++)
        *out |= (uint64_t)buf.data[pos + i] << 8 * i;
    return true;
}

/* Where the slot at `pos` points to. */
static bool get_target(struct bytes buf, uint64_t pos, unsigned width, uint32_t *out)
{
    uint64_t distance;
    if (!get_unsigned(buf, pos, width, &distance) || distance > pos)
        return false;
    *out = (uint32_t)(pos - distance);
    return true;
}

static bool is_fixed(unsigned type)
{
    return type >= FIRST_FIXED && type <= LAST_FIXED;
}

/* Type of the elements of a typed vector; FLEX_NULL where v is none. */
static uint8_t element_type(unsigned type)
{
    static const uint8_t typed[] = {FLEX_INT, FLEX_UINT, FLEX_FLOAT, FLEX_KEY, FLEX_STRING};
    if (type >= FIRST_TYPED && type <= LAST_TYPED)
        return typed[type - FIRST_TYPED];
    if (is_fixed(type))
        return typed[(type - FIRST_FIXED) % 3];
    return type == TYPED_BOOL ? FLEX_BOOL : FLEX_NULL;
}

/* First element and number of elements of any vector or map; all of them, and the type bytes, lie in the buffer. */
static bool get_elements(struct flex v, uint32_t *first, uint32_t *count)
{
    bool untyped = v.type == FLEX_MAP || v.type == FLEX_VECTOR;
    if ((!untyped && element_type(v.type) == FLEX_NULL) || !get_target(v.buf, v.pos, v.parent_width, first))
        return false;
    uint64_t n = 2 + (v.type - FIRST_FIXED) / 3;
    if (!is_fixed(v.type) && (*first < v.width || !get_unsigned(v.buf, *first - v.width, v.width, &n)))
        return false;
    if (n > v.buf.size || !inside(v.buf, *first, n * (v.width + untyped)))
        return false;
    *count = (uint32_t)n;
    return true;
}

bool flex_open(struct bytes buf, struct flex *root, struct status *st)
{
    *root = (struct flex){0};
    if (buf.size > INT32_MAX)
        return status_fail(st, STATUS_LIMIT, "a FlexBuffer of %zu bytes", buf.size);
    if (buf.size < 3)
        return status_fail(st, STATUS_INVALID, "%zu bytes are too short for a FlexBuffer", buf.size);
    uint8_t width = buf.data[buf.size - 1], packed = buf.data[buf.size - 2];
    if ((width != 1 && width != 2 && width != 4 && width != 8) || buf.size < 2u + width)
        return status_fail(st, STATUS_INVALID, "FlexBuffer: impossible root width %u", width);
    *root = (struct flex){buf, (uint32_t)(buf.size - 2 - width), packed >> 2, (uint8_t)(1u << (packed & 3)), width};
    return true;
}

bool flex_is_map(struct flex v)
{
    uint32_t first, count;
    return v.type == FLEX_MAP && get_elements(v, &first, &count);
}

uint32_t flex_count(struct flex v)
{
    uint32_t first, count;
    return get_elements(v, &first, &count) ? count : 0;
}

bool flex_at(struct flex v, uint32_t i, struct flex *out)
{
    uint32_t first, count;
    if (!get_elements(v, &first, &count) || i >= count)
        return false;
    *out = (struct flex){v.buf, first + i * v.width, element_type(v.type), 1, v.width};
    if (out->type == FLEX_NULL) { /* not typed: the type bytes follow the elements */
        uint8_t packed = v.buf.data[first + count * v.width + i];
        out->type = packed >> 2;
        out->width = (uint8_t)(1u << (packed & 3));
    }
    return true;
}

/* In front of a map's count stand the distance to its vector of keys and that vector's width. */
bool flex_key(struct flex map, uint32_t i, const char **key)
{
    uint32_t first, count, keys, at;
    uint64_t width;
    if (map.type != FLEX_MAP || !get_elements(map, &first, &count) || i >= count || first < 3u * map.width)
        return false;
    if (!get_target(map.buf, first - 3u * map.width, map.width, &keys) ||
        !get_unsigned(map.buf, first - 2u * map.width, map.width, &width))
        return false;
    if ((width != 1 && width != 2 && width != 4 && width != 8) ||
        !get_target(map.buf, keys + i * width, (unsigned)width, &at))
        return false;
    *key = (const char *)map.buf.data + at;
    return memchr(*key, 0, map.buf.size - at) != NULL;
}

bool flex_find(struct flex map, const char *key, struct flex *out)
{
    const char *k;
    for (uint32_t i = 0; flex_key(map, i, &k); i++)
        if (strcmp(k, key) == 0)
            return flex_at(map, i, out);
    return false;
}

/* The bytes of a number: in the slot, or behind it for the indirect types. */
static bool get_number(struct flex v, uint64_t *bits, unsigned *width)
{
    bool indirect = v.type == FLEX_INDIRECT_INT || v.type == FLEX_INDIRECT_UINT || v.type == FLEX_INDIRECT_FLOAT;
    uint32_t at = v.pos;
    if (indirect && !get_target(v.buf, v.pos, v.parent_width, &at))
        return false;
    *width = indirect ? v.width : v.parent_width;
    return get_unsigned(v.buf, at, *width, bits);
}

bool flex_int(struct flex v, int64_t *out)
{
    uint64_t bits;
    unsigned width;
    bool is_signed = v.type == FLEX_INT || v.type == FLEX_INDIRECT_INT;
    if (!is_signed && v.type != FLEX_UINT && v.type != FLEX_INDIRECT_UINT && v.type != FLEX_BOOL)
        return false;
    if (!get_number(v, &bits, &width) || (!is_signed && bits > INT64_MAX))
        return false;
    *out = is_signed ? bits_sign(bits, 8 * width) : (int64_t)bits;
    return true;
}

bool flex_float(struct flex v, double *out)
{
    int64_t i;
    if (flex_int(v, &i)) {
        *out = (double)i;
        return true;
    }
    uint64_t bits;
    unsigned width;
    if ((v.type != FLEX_FLOAT && v.type != FLEX_INDIRECT_FLOAT) || !get_number(v, &bits, &width) || width < 4)
        return false;
    if (width == 4)
        *out = f32_of((uint32_t)bits);
    else
        memcpy(out, &bits, sizeof bits);
    return true;
}

bool flex_bytes(struct flex v, struct bytes *out)
{
    uint32_t at;
    uint64_t size;
    if ((v.type != FLEX_STRING && v.type != FLEX_BLOB && v.type != FLEX_KEY) ||
        !get_target(v.buf, v.pos, v.parent_width, &at))
        return false;
    if (v.type == FLEX_KEY) {
        const uint8_t *end = at < v.buf.size ? memchr(v.buf.data + at, 0, v.buf.size - at) : NULL;
        if (!end)
            return false;
        size = (uint64_t)(end - (v.buf.data + at));
    } else if (at < v.width || !get_unsigned(v.buf, at - v.width, v.width, &size) || !inside(v.buf, at, size))
        return false;
    *out = bytes_of(v.buf.data + at, (size_t)size);
    return true;
}

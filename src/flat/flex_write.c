/* FlexBuffer writer, byte for byte the C++ flexbuffers::Builder for one flat map: keys and the values that do
 * not fit a slot in order of addition, the vector of keys, the map, the root (container.md section 4). */
#include "flat/flat.h"

struct value {
    uint8_t type, width_log2; /* of the target; of a slot value: the smallest slot it fits */
    bool in_slot;
    uint64_t bits;            /* slot values */
    size_t at;                /* others: position of the target */
};

static unsigned log2_for(uint64_t v)
{
    return v < 1u << 8 ? 0 : v < 1u << 16 ? 1 : v <= UINT32_MAX ? 2 : 3;
}

static void pad(struct buf *out, unsigned log2)
{
    size_t over = out->size % ((size_t)1 << log2);
    if (over)
        buf_zero(out, ((size_t)1 << log2) - over);
}

static void put(struct buf *out, uint64_t v, unsigned log2)
{
    uint8_t *p = buf_zero(out, (size_t)1 << log2);
    for (unsigned i = 0; i < 1u << log2; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put_distance(struct buf *out, size_t target, unsigned log2)
{
    put(out, out->size - target, log2);
}

/* Smallest slot in which element `index` of a vector that starts here can reach back to `target`. */
static unsigned log2_to_reach(const struct buf *out, size_t target, size_t index)
{
    for (unsigned log2 = 0; log2 < 3; log2++) {
        size_t width = (size_t)1 << log2, slot = (size_t)round_up((int64_t)out->size, (int64_t)width) + index * width;
        if (log2_for(slot - target) <= log2)
            return log2;
    }
    return 3;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static uint64_t float_bits(double f, uint8_t *log2)
{
    uint64_t bits;
    *log2 = (double)(float)f == f ? 2 : 3;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static struct value put_string(struct buf *out, struct bytes s)
{
    struct value v = {.type = FLEX_STRING, .width_log2 = (uint8_t)log2_for(s.size)};
    pad(out, v.width_log2);
    put(out, s.size, v.width_log2);
    v.at = out->size;
    buf_put(out, s.data, s.size);
    put(out, 0, 0);
    return v;
}

static struct value put_vector(struct buf *out, struct bytes ints)
{
    struct value v = {.type = FLEX_VECTOR, .width_log2 = (uint8_t)log2_for(ints.size)};
    pad(out, v.width_log2);
    put(out, ints.size, v.width_log2);
    v.at = out->size;
    for (size_t i = 0; i < ints.size; i++)
        put(out, ints.data[i], v.width_log2);
    for (size_t i = 0; i < ints.size; i++)
        put(out, FLEX_INT << 2 | v.width_log2, 0);
    return v;
}

static struct value put_value(struct buf *out, const struct flex_entry *e)
{
    struct value v = {.in_slot = true};
    switch (e->kind) {
    case FLEX_PUT_STRING:
        return put_string(out, e->bytes);
    case FLEX_PUT_VECTOR:
        return put_vector(out, e->bytes);
    case FLEX_PUT_FLOAT:
        v.type = FLEX_FLOAT;
        v.bits = float_bits(e->f, &v.width_log2);
        break;
    case FLEX_PUT_BOOL:
        v.type = FLEX_BOOL;
        v.bits = e->i != 0;
        break;
    case FLEX_PUT_INT:
        v.type = FLEX_INT;
        v.bits = (uint64_t)e->i;
        v.width_log2 = (uint8_t)log2_for(e->i < 0 ? ~(v.bits << 1) : v.bits << 1);
        break;
    }
    return v;
}

static void put_slot(struct buf *out, const struct value *v, unsigned log2)
{
    if (!v->in_slot)
        put_distance(out, v->at, log2);
    else if (v->type == FLEX_FLOAT && log2 == 2) {
        double f;
        memcpy(&f, &v->bits, sizeof f);
        put(out, f32_bits((float)f), 2);
    } else
        put(out, v->bits, log2);
}

/* Returns the position of the first key slot. */
static size_t put_keys(struct buf *out, const size_t *keys, uint32_t count, unsigned *log2)
{
    *log2 = log2_for(count);
    for (uint32_t i = 0; i < count; i++)
        *log2 = larger(*log2, log2_to_reach(out, keys[i], 1 + i));
    pad(out, *log2);
    put(out, count, *log2);
    size_t first = out->size;
    for (uint32_t i = 0; i < count; i++)
        put_distance(out, keys[i], *log2);
    return first;
}

static struct value put_map(struct buf *out, size_t keys, unsigned keys_log2, const struct value *values,
                            uint32_t count)
{
    unsigned log2 = larger(log2_for(count), log2_to_reach(out, keys, 0));
    for (uint32_t i = 0; i < count; i++) /* three words stand in front of the values */
        log2 = larger(log2, values[i].in_slot ? values[i].width_log2 : log2_to_reach(out, values[i].at, 3 + i));
    pad(out, log2);
    put_distance(out, keys, log2);
    put(out, (uint64_t)1 << keys_log2, log2);
    put(out, count, log2);
    struct value map = {.type = FLEX_MAP, .width_log2 = (uint8_t)log2, .at = out->size};
    for (uint32_t i = 0; i < count; i++)
        put_slot(out, &values[i], log2);
    for (uint32_t i = 0; i < count; i++)
        put(out, (uint64_t)(values[i].type << 2) | (values[i].in_slot ? log2 : values[i].width_log2), 0);
    return map;
}

struct bytes flex_write_map(struct arena *a, const struct flex_entry *entries, uint32_t count)
{
    struct buf out = {0};
    struct value *values = ARENA_ARRAY(a, struct value, count);
    size_t *keys = ARENA_ARRAY(a, size_t, count);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = out.size;
        buf_put(&out, entries[i].key, strlen(entries[i].key) + 1);
        values[i] = put_value(&out, &entries[i]);
    }
    unsigned keys_log2;
    size_t first_key = put_keys(&out, keys, count, &keys_log2);
    struct value map = put_map(&out, first_key, keys_log2, values, count);
    unsigned root = log2_to_reach(&out, map.at, 0);
    pad(&out, root);
    put_distance(&out, map.at, root);
    put(&out, (uint64_t)(FLEX_MAP << 2 | map.width_log2), 0);
    put(&out, (uint64_t)1 << root, 0);
    struct bytes done = bytes_of(arena_copy(a, out.data, out.size), out.size);
    buf_free(&out);
    return done;
}

struct bytes flex_write_custom_op(struct arena *a, struct bytes package, uint8_t chip)
{
    const struct flex_entry entries[] = {
        {.key = "1", .kind = FLEX_PUT_INT, .i = 0},
        {.key = "4", .kind = FLEX_PUT_STRING, .bytes = package},
        {.key = "5", .kind = FLEX_PUT_INT, .i = -1},
        {.key = "6", .kind = FLEX_PUT_VECTOR, .bytes = bytes_of(&chip, 1)},
        {.key = "7", .kind = FLEX_PUT_VECTOR, .bytes = bytes_of(NULL, 0)},
    };
    return flex_write_map(a, entries, sizeof entries / sizeof *entries);
}

/* FlatBuffer reader.  Layout facts: flatbuffers.dev "internals"; a table starts with the signed distance
 * back to its vtable {u16 vtable bytes, u16 table bytes, u16 offset per field}. */
#include "flat/flat.h"

enum { SLACK = 4096, BYTES_PER_UNIT = 16 };

static bool bad(struct flat *f)
{
    f->bad = true;
    return false;
}

static bool inside(struct flat *f, uint64_t pos, uint64_t size)
{
    return (pos <= f->buf.size && size <= f->buf.size - pos) || bad(f);
}

/* Pays for entering one object of which `copied` bytes may be copied. */
static bool spend(struct flat *f, uint64_t copied)
{
    uint64_t cost = 1 + copied / BYTES_PER_UNIT;
    if (cost > f->budget)
        return bad(f);
    f->budget -= (uint32_t)cost;
    return true;
}

static struct flat_table table_at(struct flat *f, uint64_t pos)
{
    const struct flat_table absent = {0};
    if (!inside(f, pos, 4) || !spend(f, 0))
        return absent;
    const uint8_t *data = f->buf.data;
    int64_t vtable = (int64_t)pos - (int32_t)le32(data + pos);
    if (vtable < 0) {
        bad(f);
        return absent;
    }
    if (!inside(f, (uint64_t)vtable, 4))
        return absent;
    struct flat_table t = {f, (uint32_t)pos, (uint32_t)vtable, le16(data + vtable), le16(data + vtable + 2)};
    if (t.vtable_size < 4 || t.vtable_size % 2 || t.size < 4) {
        bad(f);
        return absent;
    }
    return inside(f, t.vtable, t.vtable_size) && inside(f, pos, t.size) ? t : absent;
}

bool flat_open(struct flat *f, struct bytes buf, const char *identifier, struct flat_table *root, struct status *st)
{
    *f = (struct flat){.buf = buf};
    *root = (struct flat_table){0};
    if (buf.size > INT32_MAX)
        return status_fail(st, STATUS_LIMIT, "a FlatBuffer of %zu bytes; the format ends at 2 GiB", buf.size);
    if (buf.size < 8)
        return status_fail(st, STATUS_INVALID, "%zu bytes are too short for a FlatBuffer", buf.size);
    if (identifier && memcmp(buf.data + 4, identifier, 4) != 0)
        return status_fail(st, STATUS_INVALID, "no FlatBuffer with the identifier \"%.4s\"", identifier);
    f->budget = (uint32_t)buf.size + SLACK;
    *root = table_at(f, le32(buf.data));
    return flat_check(f, "root table", st);
}

bool flat_check(const struct flat *f, const char *what, struct status *st)
{
    return !f->bad || status_fail(st, STATUS_INVALID, "%s: an offset or size points outside the FlatBuffer", what);
}

/* Position of a field of `size` bytes, or 0 where it is absent or does not fit. */
static uint32_t field_at(struct flat_table t, unsigned field, unsigned size)
{
    if (!t.f || 4 + 2 * (uint64_t)field + 2 > t.vtable_size)
        return 0;
    uint32_t offset = le16(t.f->buf.data + t.vtable + 4 + 2 * field);
    if (!offset)
        return 0;
    if (offset < 4 || offset + size > t.size) {
        bad(t.f);
        return 0;
    }
    return t.pos + offset;
}

bool flat_has(struct flat_table t, unsigned field)
{
    return field_at(t, field, 0) != 0;
}

uint8_t flat_u8(struct flat_table t, unsigned field, uint8_t absent)
{
    uint32_t at = field_at(t, field, 1);
    return at ? t.f->buf.data[at] : absent;
}

uint16_t flat_u16(struct flat_table t, unsigned field, uint16_t absent)
{
    uint32_t at = field_at(t, field, 2);
    return at ? le16(t.f->buf.data + at) : absent;
}

uint32_t flat_u32(struct flat_table t, unsigned field, uint32_t absent)
{
    uint32_t at = field_at(t, field, 4);
    return at ? le32(t.f->buf.data + at) : absent;
}

uint64_t flat_u64(struct flat_table t, unsigned field, uint64_t absent)
{
    uint32_t at = field_at(t, field, 8);
    return at ? le64(t.f->buf.data + at) : absent;
}

float flat_f32(struct flat_table t, unsigned field, float absent)
{
    return f32_of(flat_u32(t, field, f32_bits(absent)));
}

/* Follows the offset at `at`. */
static uint64_t target(struct flat *f, uint32_t at)
{
    return (uint64_t)at + le32(f->buf.data + at);
}

/* The vector at pos; copies of its bytes are paid for where `copied`. */
static struct flat_vector vector_at(struct flat *f, uint64_t pos, unsigned element, bool copied)
{
    const struct flat_vector absent = {0};
    if (!inside(f, pos, 4))
        return absent;
    uint32_t count = le32(f->buf.data + pos);
    uint64_t size = (uint64_t)count * element;
    if (!inside(f, pos + 4, size) || !spend(f, copied ? size : 0))
        return absent;
    return (struct flat_vector){f, (uint32_t)pos + 4, count, element};
}

struct flat_table flat_sub(struct flat_table t, unsigned field)
{
    uint32_t at = field_at(t, field, 4);
    return at ? table_at(t.f, target(t.f, at)) : (struct flat_table){0};
}

struct flat_vector flat_vec(struct flat_table t, unsigned field, unsigned element_size)
{
    uint32_t at = field_at(t, field, 4);
    return at ? vector_at(t.f, target(t.f, at), element_size, true) : (struct flat_vector){0};
}

static struct bytes range_of(struct flat_vector v)
{
    return v.f ? bytes_of(v.f->buf.data + v.pos, v.count) : bytes_of(NULL, 0);
}

struct bytes flat_bytes(struct flat_table t, unsigned field)
{
    uint32_t at = field_at(t, field, 4);
    return at ? range_of(vector_at(t.f, target(t.f, at), 1, false)) : bytes_of(NULL, 0);
}

char *flat_text(struct arena *a, struct flat_table t, unsigned field)
{
    struct flat_vector v = flat_vec(t, field, 1);
    return v.f ? arena_text(a, "%.*s", (int)v.count, (const char *)v.f->buf.data + v.pos) : NULL;
}

/* Position of element i of at least `size` bytes; 0 where there is none. */
static uint32_t element_at(struct flat_vector v, uint32_t i, unsigned size)
{
    if (!v.f)
        return 0;
    if (i >= v.count || size > v.element) {
        bad(v.f);
        return 0;
    }
    return v.pos + i * v.element;
}

struct flat_table flat_vec_table(struct flat_vector v, uint32_t i)
{
    uint32_t at = element_at(v, i, 4);
    return at ? table_at(v.f, target(v.f, at)) : (struct flat_table){0};
}

struct bytes flat_vec_bytes(struct flat_vector v, uint32_t i)
{
    uint32_t at = element_at(v, i, 4);
    return at ? range_of(vector_at(v.f, target(v.f, at), 1, false)) : bytes_of(NULL, 0);
}

uint32_t flat_vec_u32(struct flat_vector v, uint32_t i)
{
    uint32_t at = element_at(v, i, 4);
    return at ? le32(v.f->buf.data + at) : 0;
}

uint64_t flat_vec_u64(struct flat_vector v, uint32_t i)
{
    uint32_t at = element_at(v, i, 8);
    return at ? le64(v.f->buf.data + at) : 0;
}

int32_t *flat_i32s(struct arena *a, struct flat_table t, unsigned field, uint32_t *count)
{
    struct flat_vector v = flat_vec(t, field, 4);
    int32_t *out = v.f ? ARENA_ARRAY(a, int32_t, v.count) : NULL;
    for (uint32_t i = 0; i < v.count; i++)
        out[i] = (int32_t)flat_vec_u32(v, i);
    *count = v.count;
    return out;
}

int64_t *flat_i64s(struct arena *a, struct flat_table t, unsigned field, uint32_t *count)
{
    struct flat_vector v = flat_vec(t, field, 8);
    int64_t *out = v.f ? ARENA_ARRAY(a, int64_t, v.count) : NULL;
    for (uint32_t i = 0; i < v.count; i++)
        out[i] = (int64_t)flat_vec_u64(v, i);
    *count = v.count;
    return out;
}

float *flat_f32s(struct arena *a, struct flat_table t, unsigned field, uint32_t *count)
{
    struct flat_vector v = flat_vec(t, field, 4);
    float *out = v.f ? ARENA_ARRAY(a, float, v.count) : NULL;
    for (uint32_t i = 0; i < v.count; i++)
        out[i] = f32_of(flat_vec_u32(v, i));
    *count = v.count;
    return out;
}

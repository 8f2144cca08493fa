/* The table Root of sample.fbs with our builder and reader, and walks over anything that claims to be one. */
#ifndef TESTS_FLAT_SAMPLE_H
#define TESTS_FLAT_SAMPLE_H

#include <string.h>

#include "flat/flat.h"

enum { /* fields of Root; a union takes two */
    ROOT_B, ROOT_I8, ROOT_U16, ROOT_I32, ROOT_U32, ROOT_I64, ROOT_F32, ROOT_COLOUR, ROOT_NAME, ROOT_BYTES, ROOT_INTS,
    ROOT_LONGS, ROOT_FLOATS, ROOT_TEXTS, ROOT_SMALLS, ROOT_RANGES, ROOT_ANY_TYPE, ROOT_ANY, ROOT_CHILD,
    SMALL_VALUE = 0, NAMED_LABEL = 0, ANY_SMALL = 1, ANY_NAMED = 2,
};

static inline struct bytes sample_text(const char *s)
{
    return bytes_of(s, strlen(s));
}

static inline flat_ref sample_small(struct flat_builder *b, int32_t value)
{
    flat_table_start(b);
    flat_add(b, SMALL_VALUE, 4, (uint32_t)value, 0);
    return flat_table_end(b);
}

static inline flat_ref sample_child(struct flat_builder *b)
{
    flat_ref name = flat_put_text(b, sample_text("inner"));
    flat_table_start(b);
    flat_add_ref(b, ROOT_NAME, name);
    flat_add(b, ROOT_I32, 4, 6, (uint64_t)-5);
    return flat_table_end(b);
}

/* The content of sample.json. */
static inline struct bytes sample_build(struct arena *a, bool force_defaults)
{
    struct flat_builder *b = flat_builder_new(a, force_defaults);
    flat_ref name = flat_put_text(b, sample_text("tile"));
    flat_force_vector_alignment(b, 3, 32);
    flat_ref bytes = flat_put_vector(b, (const uint8_t[]){1, 2, 255}, 3, 1);
    flat_ref ints = flat_put_i32s(b, (const int32_t[]){-1, 0, INT32_MAX}, 3);
    flat_ref longs = flat_put_i64s(b, (const int64_t[]){-1, INT64_C(9000000000000000000)}, 2);
    flat_ref floats = flat_put_f32s(b, (const float[]){0.5f, -2.0f}, 2);
    flat_ref a_text = flat_put_text(b, sample_text("a")), empty = flat_put_text(b, sample_text(""));
    flat_force_string_alignment(b, 6, 64);
    flat_ref narrow = flat_put_text(b, sample_text("narrow"));
    flat_ref texts = flat_put_refs(b, (const flat_ref[]){a_text, empty, narrow}, 3);
    flat_ref eleven = sample_small(b, 11), zero = sample_small(b, 0);
    flat_ref smalls = flat_put_refs(b, (const flat_ref[]){eleven, zero, eleven}, 3); /* sharing is allowed */
    static const uint8_t raw_ranges[16] = {0, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0};
    flat_ref ranges = flat_put_structs(b, raw_ranges, 2, 8, 4);
    flat_ref label = flat_put_text(b, sample_text("wide"));
    flat_table_start(b);
    flat_add_ref(b, NAMED_LABEL, label);
    flat_ref any = flat_table_end(b), child = sample_child(b);
    flat_table_start(b);
    flat_add(b, ROOT_B, 1, 1, 0);
    flat_add(b, ROOT_I8, 1, (uint64_t)-3, 7);
    flat_add(b, ROOT_U16, 2, 65535, 0);
    flat_add(b, ROOT_I32, 4, (uint64_t)-5, (uint64_t)-5); /* the default: left out */
    flat_add(b, ROOT_U32, 4, 4000000000u, 0);
    flat_add(b, ROOT_I64, 8, (uint64_t)INT64_C(-9000000000000000000), 0);
    flat_add_f32(b, ROOT_F32, 0.25f, 1.5f);
    flat_add(b, ROOT_COLOUR, 1, 2, 1);
    flat_add_ref(b, ROOT_NAME, name);
    flat_add_ref(b, ROOT_BYTES, bytes);
    flat_add_ref(b, ROOT_INTS, ints);
    flat_add_ref(b, ROOT_LONGS, longs);
    flat_add_ref(b, ROOT_FLOATS, floats);
    flat_add_ref(b, ROOT_TEXTS, texts);
    flat_add_ref(b, ROOT_SMALLS, smalls);
    flat_add_ref(b, ROOT_RANGES, ranges);
    flat_add(b, ROOT_ANY_TYPE, 1, ANY_NAMED, 0);
    flat_add_ref(b, ROOT_ANY, any);
    flat_add_ref(b, ROOT_CHILD, child);
    return flat_finish(b, flat_table_end(b), "SMPL");
}

/* ---- walks: read everything, whatever it is; the result depends on every byte that was read ---- */

static inline uint64_t walk_bytes(struct bytes b)
{
    uint64_t sum = b.size;
    for (size_t i = 0; i < b.size; i++)
        sum = 31 * sum + b.data[i];
    return sum;
}

static inline uint64_t walk_root(struct arena *a, struct flat_table t, unsigned depth)
{
    uint64_t sum = flat_u8(t, ROOT_B, 0) + flat_u16(t, ROOT_U16, 0) + flat_u32(t, ROOT_U32, 0) +
                   flat_u64(t, ROOT_I64, 0) + f32_bits(flat_f32(t, ROOT_F32, 1.5f));
    uint32_t n;
    const char *name = flat_text(a, t, ROOT_NAME);
    sum += name ? strlen(name) : 0;
    sum += walk_bytes(flat_bytes(t, ROOT_BYTES));
    const int32_t *ints = flat_i32s(a, t, ROOT_INTS, &n);
    for (uint32_t i = 0; i < n; i++)
        sum += (uint32_t)ints[i];
    const int64_t *longs = flat_i64s(a, t, ROOT_LONGS, &n);
    for (uint32_t i = 0; i < n; i++)
        sum += (uint64_t)longs[i];
    const float *floats = flat_f32s(a, t, ROOT_FLOATS, &n);
    for (uint32_t i = 0; i < n; i++)
        sum += f32_bits(floats[i]);
    struct flat_vector texts = flat_vec(t, ROOT_TEXTS, 4), smalls = flat_vec(t, ROOT_SMALLS, 4);
    for (uint32_t i = 0; i < texts.count; i++)
        sum += flat_vec_bytes(texts, i).size;
    for (uint32_t i = 0; i < smalls.count; i++)
        sum += flat_u32(flat_vec_table(smalls, i), SMALL_VALUE, 0);
    struct flat_vector ranges = flat_vec(t, ROOT_RANGES, 8);
    for (uint32_t i = 0; i < ranges.count; i++)
        sum += flat_vec_u64(ranges, i);
    sum += flat_bytes(flat_sub(t, ROOT_ANY), NAMED_LABEL).size;
    struct flat_table child = flat_sub(t, ROOT_CHILD);
    return child.f && depth < 64 ? sum + walk_root(a, child, depth + 1) : sum;
}

/* `steps` bounds the work: FlexBuffers may share, so a small buffer can hold a huge tree. */
static inline uint64_t walk_flex(struct flex v, unsigned depth, unsigned *steps)
{
    int64_t i = 0;
    double f;
    struct bytes b = {0};
    struct flex element;
    const char *key;
    uint64_t sum = v.type + flex_is_map(v);
    if (!*steps)
        return sum;
    --*steps;
    if (flex_int(v, &i))
        sum += (uint64_t)i;
    sum += flex_float(v, &f) && f > 0;
    if (flex_bytes(v, &b))
        sum += walk_bytes(b);
    for (uint32_t k = 0, n = depth < 32 ? flex_count(v) : 0; k < n && *steps; k++) {
        sum += flex_key(v, k, &key) ? strlen(key) : 0;
        if (flex_at(v, k, &element))
            sum += walk_flex(element, depth + 1, steps);
    }
    return sum + flex_find(v, "4", &element);
}

#endif

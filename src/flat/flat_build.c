/* FlatBuffer builder, byte for byte the C++ FlatBufferBuilder (container.md section 1).
 *
 * Bytes are laid down from the end: `size` counts what has been written, and
 * positions are distances from the end.  The memory is a chain of blocks, each
 * filled from its top downwards; flat_finish() joins them, last block first. */
#include "flat/flat.h"

#include <assert.h>

enum { BLOCK = 16 * 1024, MAX_FIELDS = 64 };

struct block {
    struct block *older;
    uint8_t *data;
    size_t start, size; /* data[start, size) is written */
};

struct vtable {
    struct vtable *next;
    flat_ref at;
    uint16_t count;
    uint16_t entries[];
};

struct field {
    unsigned id, size;
    uint64_t value; /* a ref where is_ref */
    bool is_ref;
};

struct flat_builder {
    struct arena *arena;
    struct block *block;
    size_t size;
    size_t min_align;
    bool force_defaults, in_table;
    struct vtable *vtables;
    struct field fields[MAX_FIELDS];
    unsigned n_fields;
};

struct flat_builder *flat_builder_new(struct arena *a, bool force_defaults)
{
    struct flat_builder *b = ARENA_NEW(a, struct flat_builder);
    b->arena = a;
    b->min_align = 1;
    b->force_defaults = force_defaults;
    return b;
}

/* Room for n bytes (zeroes) below what is written so far; the address stays valid. */
static uint8_t *push(struct flat_builder *b, size_t n)
{
    if (!b->block || b->block->start < n) {
        struct block *k = ARENA_NEW(b->arena, struct block);
        k->size = k->start = n > BLOCK ? n : BLOCK;
        k->data = arena_alloc(b->arena, k->size);
        k->older = b->block;
        b->block = k;
    }
    b->block->start -= n;
    b->size += n;
    return b->block->data + b->block->start;
}

/* After the next `length` bytes the size shall be a multiple of alignment. */
static void prealign(struct flat_builder *b, size_t length, size_t alignment)
{
    if (b->min_align < alignment)
        b->min_align = alignment;
    size_t over = (b->size + length) % alignment;
    if (over)
        push(b, alignment - over);
}

static void put_scalar(struct flat_builder *b, uint64_t value, unsigned size)
{
    prealign(b, 0, size);
    uint8_t *p = push(b, size);
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static void put_offset(struct flat_builder *b, flat_ref ref)
{
    prealign(b, 0, 4);
    put_scalar(b, b->size - ref + 4, 4);
}

static flat_ref here(const struct flat_builder *b)
{
    return (flat_ref)b->size; /* flat_finish() refuses what is too large for it */
}

flat_ref flat_put_text(struct flat_builder *b, struct bytes text)
{
    assert(!b->in_table);
    prealign(b, text.size + 1, 4);
    push(b, 1);
    if (text.size)
        memcpy(push(b, text.size), text.data, text.size);
    put_scalar(b, text.size, 4);
    return here(b);
}

flat_ref flat_put_structs(struct flat_builder *b, const void *little_endian_data, uint32_t count, unsigned struct_size,
                          unsigned alignment)
{
    assert(!b->in_table);
    size_t size = (size_t)count * struct_size;
    prealign(b, size, 4);
    prealign(b, size, alignment);
    if (size)
        memcpy(push(b, size), little_endian_data, size);
    put_scalar(b, count, 4);
    return here(b);
}

flat_ref flat_put_vector(struct flat_builder *b, const void *little_endian_data, uint32_t count, unsigned element_size)
{
    return flat_put_structs(b, little_endian_data, count, element_size, element_size);
}

/* Opens a vector of `count` elements and returns where they go; the caller fills them and writes the count. */
static uint8_t *put_elements(struct flat_builder *b, uint32_t count, unsigned element_size)
{
    assert(!b->in_table);
    size_t size = (size_t)count * element_size;
    prealign(b, size, 4);
    prealign(b, size, element_size);
    return push(b, size);
}

flat_ref flat_put_i32s(struct flat_builder *b, const int32_t *values, uint32_t count)
{
    uint8_t *p = put_elements(b, count, 4);
    for (uint32_t i = 0; i < count; i++)
        put_le32(p + 4 * (size_t)i, (uint32_t)values[i]);
    put_scalar(b, count, 4);
    return here(b);
}

flat_ref flat_put_i64s(struct flat_builder *b, const int64_t *values, uint32_t count)
{
    uint8_t *p = put_elements(b, count, 8);
    for (uint32_t i = 0; i < count; i++)
        put_le64(p + 8 * (size_t)i, (uint64_t)values[i]);
    put_scalar(b, count, 4);
    return here(b);
}

flat_ref flat_put_f32s(struct flat_builder *b, const float *values, uint32_t count)
{
    uint8_t *p = put_elements(b, count, 4);
    for (uint32_t i = 0; i < count; i++)
        put_le32(p + 4 * (size_t)i, f32_bits(values[i]));
    put_scalar(b, count, 4);
    return here(b);
}

flat_ref flat_put_refs(struct flat_builder *b, const flat_ref *refs, uint32_t count)
{
    assert(!b->in_table);
    prealign(b, 4 * (size_t)count, 4);
    for (uint32_t i = count; i-- > 0;)
        put_offset(b, refs[i]);
    put_scalar(b, count, 4);
    return here(b);
}

void flat_force_vector_alignment(struct flat_builder *b, size_t bytes, unsigned alignment)
{
    prealign(b, bytes, alignment);
}

void flat_force_string_alignment(struct flat_builder *b, size_t length, unsigned alignment)
{
    prealign(b, length + 1, alignment);
}

void flat_table_start(struct flat_builder *b)
{
    assert(!b->in_table);
    b->in_table = true;
    b->n_fields = 0;
}

static void add(struct flat_builder *b, struct field f)
{
    assert(b->in_table && b->n_fields < MAX_FIELDS && f.id < MAX_FIELDS);
    b->fields[b->n_fields++] = f;
}

void flat_add(struct flat_builder *b, unsigned field, unsigned size, uint64_t value, uint64_t absent)
{
    uint64_t mask = UINT64_MAX >> (64 - 8 * size);
    if (b->force_defaults || ((value ^ absent) & mask))
        add(b, (struct field){field, size, value, false});
}

void flat_add_f32(struct flat_builder *b, unsigned field, float value, float absent)
{
    if (b->force_defaults || value != absent)
        add(b, (struct field){field, 4, f32_bits(value), false});
}

void flat_add_ref(struct flat_builder *b, unsigned field, flat_ref ref)
{
    if (ref)
        add(b, (struct field){field, 4, ref, true});
}

/* Writes the collected fields in the official order; at[id] is each one's position. */
static void put_fields(struct flat_builder *b, flat_ref at[MAX_FIELDS])
{
    for (unsigned size = 8; size; size /= 2)
        for (unsigned id = MAX_FIELDS; id-- > 0;)
            for (unsigned i = 0; i < b->n_fields; i++) {
                const struct field *f = &b->fields[i];
                if (f->id != id || f->size != size)
                    continue;
                if (f->is_ref)
                    put_offset(b, (flat_ref)f->value);
                else
                    put_scalar(b, f->value, size);
                at[id] = here(b);
            }
}

/* Position of a vtable with these entries: an older equal one, or a new one written now. */
static flat_ref put_vtable(struct flat_builder *b, const uint16_t *entries, unsigned count)
{
    struct vtable **link = &b->vtables;
    for (; *link; link = &(*link)->next)
        if ((*link)->count == count && memcmp((*link)->entries, entries, 2 * count) == 0)
            return (*link)->at;
    uint8_t *p = push(b, 2 * count);
    for (unsigned i = 0; i < count; i++)
        put_le16(p + 2 * i, entries[i]);
    struct vtable *v = arena_alloc(b->arena, sizeof *v + 2 * count);
    v->at = here(b);
    v->count = (uint16_t)count;
    memcpy(v->entries, entries, 2 * count);
    *link = v;
    return v->at;
}

flat_ref flat_table_end(struct flat_builder *b)
{
    assert(b->in_table);
    b->in_table = false;
    flat_ref start = here(b), at[MAX_FIELDS] = {0};
    put_fields(b, at);
    prealign(b, 0, 4);
    uint8_t *to_vtable = push(b, 4);
    flat_ref table = here(b);
    unsigned ids = 0;
    uint16_t entries[2 + MAX_FIELDS] = {0};
    for (unsigned id = 0; id < MAX_FIELDS; id++)
        if (at[id]) {
            entries[2 + id] = (uint16_t)(table - at[id]);
            ids = id + 1;
        }
    entries[0] = (uint16_t)(4 + 2 * ids);
    entries[1] = (uint16_t)(table - start);
    put_le32(to_vtable, put_vtable(b, entries, 2 + ids) - table);
    return table;
}

struct bytes flat_finish(struct flat_builder *b, flat_ref root, const char *identifier)
{
    assert(!b->in_table);
    prealign(b, identifier ? 8 : 4, b->min_align);
    if (identifier)
        memcpy(push(b, 4), identifier, 4);
    put_offset(b, root);
    if (b->size > INT32_MAX)
        return bytes_of(NULL, 0);
    uint8_t *out = arena_alloc(b->arena, b->size), *p = out;
    for (const struct block *k = b->block; k; k = k->older) {
        memcpy(p, k->data + k->start, k->size - k->start);
        p += k->size - k->start;
    }
    return bytes_of(out, b->size);
}

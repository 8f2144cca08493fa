/* FlatBuffers and FlexBuffers without a schema compiler.
 *
 * Reading: a table is a position whose every access is checked against the
 * buffer, so arbitrary bytes can be read; what does not fit reads as absent and
 * marks the reader `bad`.  Callers read everything they want and ask once.
 * Nothing is assumed about alignment.  Whatever is entered or copied counts
 * against `budget`, so hostile sharing (a million references to one long
 * string) costs at most a small multiple of the buffer's own size.
 *
 * Writing: the official files come from the C++ FlatBufferBuilder, whose byte
 * order we reproduce (../shared/isa/container.md section 1): objects are written
 * from the end of the buffer downwards, children before parents. */
#ifndef FLAT_FLAT_H
#define FLAT_FLAT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

/* ---- reader (flat_read.c) ---- */

struct flat {
    struct bytes buf;
    bool bad;        /* something did not fit inside buf                    */
    uint32_t budget; /* see flat_open; 0 when asked for more sets bad       */
};

struct flat_table { /* f == NULL: absent; every access gives the default */
    struct flat *f;
    uint32_t pos, vtable, vtable_size, size;
};

struct flat_vector { /* f == NULL: absent, count 0 */
    struct flat *f;
    uint32_t pos, count, element; /* pos: first element; element: bytes per element */
};

/* Root table.  identifier: 4 characters that must stand at byte 4, or NULL.
 * Buffers of 2 GiB and more are refused.  The budget is the size of the buffer plus 4096: entering
 * an object costs 1, a vector or text also 1 for every 16 bytes. */
bool flat_open(struct flat *f, struct bytes buf, const char *identifier, struct flat_table *root, struct status *st);
/* Fails with STATUS_INVALID where f is bad; `what` names the buffer. */
bool flat_check(const struct flat *f, const char *what, struct status *st);

bool flat_has(struct flat_table t, unsigned field);
/* Scalars by size; the default where absent.  Signed fields: cast the result. */
uint8_t flat_u8(struct flat_table t, unsigned field, uint8_t absent);
uint16_t flat_u16(struct flat_table t, unsigned field, uint16_t absent);
uint32_t flat_u32(struct flat_table t, unsigned field, uint32_t absent);
uint64_t flat_u64(struct flat_table t, unsigned field, uint64_t absent);
float flat_f32(struct flat_table t, unsigned field, float absent);
struct flat_table flat_sub(struct flat_table t, unsigned field);
struct flat_vector flat_vec(struct flat_table t, unsigned field, unsigned element_size);
/* Element access; an index outside the vector reads as absent and marks the reader bad. */
struct flat_table flat_vec_table(struct flat_vector v, uint32_t i); /* element_size 4 */
struct bytes flat_vec_bytes(struct flat_vector v, uint32_t i);      /* vector of strings: bytes of element i */
uint32_t flat_vec_u32(struct flat_vector v, uint32_t i);            /* element_size at least 4 */
uint64_t flat_vec_u64(struct flat_vector v, uint32_t i);            /* element_size at least 8 */
/* Copies in the arena; *count elements; NULL where the vector is absent (empty: not NULL). */
int32_t *flat_i32s(struct arena *a, struct flat_table t, unsigned field, uint32_t *count);
int64_t *flat_i64s(struct arena *a, struct flat_table t, unsigned field, uint32_t *count);
float *flat_f32s(struct arena *a, struct flat_table t, unsigned field, uint32_t *count);
/* [ubyte] or string as a range inside the buffer; size 0 and data NULL where absent. */
struct bytes flat_bytes(struct flat_table t, unsigned field);
/* A string as NUL-terminated text in the arena; NULL where absent; embedded NULs end it. */
char *flat_text(struct arena *a, struct flat_table t, unsigned field);

/* ---- builder (flat_build.c) ---- */

struct flat_builder;     /* grows downwards; frees with its arena */
typedef uint32_t flat_ref; /* position of a finished object, counted from the end; 0 = null */

/* force_defaults: scalars equal to their default are written all the same. */
struct flat_builder *flat_builder_new(struct arena *a, bool force_defaults);

flat_ref flat_put_text(struct flat_builder *b, struct bytes text);
flat_ref flat_put_vector(struct flat_builder *b, const void *little_endian_data, uint32_t count, unsigned element_size);
/* Vector of structs whose largest member has `alignment` bytes. */
flat_ref flat_put_structs(struct flat_builder *b, const void *little_endian_data, uint32_t count, unsigned struct_size,
                          unsigned alignment);
/* Vectors from values of the host. */
flat_ref flat_put_i32s(struct flat_builder *b, const int32_t *values, uint32_t count);
flat_ref flat_put_i64s(struct flat_builder *b, const int64_t *values, uint32_t count);
flat_ref flat_put_f32s(struct flat_builder *b, const float *values, uint32_t count);
flat_ref flat_put_refs(struct flat_builder *b, const flat_ref *refs, uint32_t count);
/* Pre-alignment of the next vector / string data, as ForceVectorAlignment does. */
void flat_force_vector_alignment(struct flat_builder *b, size_t bytes, unsigned alignment);
void flat_force_string_alignment(struct flat_builder *b, size_t length, unsigned alignment);

/* Tables: start, add fields in any order, end; no other object may be written
 * between start and end.  End writes the fields in the official order: by size
 * 8, 4, 2, 1, and by descending field id within a size.  At most 64 fields.
 * Only the low `size` bytes of value and absent count, so signed values may be passed as they are. */
void flat_table_start(struct flat_builder *b);
void flat_add(struct flat_builder *b, unsigned field, unsigned size, uint64_t value, uint64_t absent);
void flat_add_f32(struct flat_builder *b, unsigned field, float value, float absent);
void flat_add_ref(struct flat_builder *b, unsigned field, flat_ref ref); /* null refs are skipped */
flat_ref flat_table_end(struct flat_builder *b);

/* Finishes; identifier NULL for none.  The bytes live in the arena.
 * data NULL where the buffer would reach 2 GiB, which FlatBuffers cannot express. */
struct bytes flat_finish(struct flat_builder *b, flat_ref root, const char *identifier);

/* ---- FlexBuffers, read (flex_read.c): the map in custom_options ---- */

enum flex_type { /* numbers of the format; what is left out are typed vectors, 11..24 and 36 */
    FLEX_NULL = 0, FLEX_INT = 1, FLEX_UINT = 2, FLEX_FLOAT = 3, FLEX_KEY = 4, FLEX_STRING = 5,
    FLEX_INDIRECT_INT = 6, FLEX_INDIRECT_UINT = 7, FLEX_INDIRECT_FLOAT = 8, FLEX_MAP = 9, FLEX_VECTOR = 10,
    FLEX_BLOB = 25, FLEX_BOOL = 26,
};

struct flex { /* one value */
    struct bytes buf;
    uint32_t pos; /* of the slot that holds the value or the way to it */
    uint8_t type, width, parent_width; /* enum flex_type, byte widths of the target and of the slot */
};

/* Every access below checks its own positions, so any bytes can be read; what does not fit gives false or 0. */
bool flex_open(struct bytes buf, struct flex *root, struct status *st);
bool flex_is_map(struct flex v);
uint32_t flex_count(struct flex v);                            /* map, vector or typed vector; 0 otherwise */
bool flex_at(struct flex v, uint32_t i, struct flex *out);     /* element i of a vector or value i of a map  */
bool flex_key(struct flex map, uint32_t i, const char **key);  /* NUL-terminated inside the buffer           */
bool flex_find(struct flex map, const char *key, struct flex *out);
bool flex_int(struct flex v, int64_t *out);                    /* int, uint below 2^63, bool, indirect int   */
bool flex_float(struct flex v, double *out);                   /* float (4 or 8 bytes) or any integer        */
bool flex_bytes(struct flex v, struct bytes *out);             /* string, key or blob                        */

/* ---- FlexBuffers, write (flex_write.c) ---- */

enum flex_kind { FLEX_PUT_INT, FLEX_PUT_BOOL, FLEX_PUT_FLOAT, FLEX_PUT_STRING, FLEX_PUT_VECTOR };

struct flex_entry {
    const char *key;
    enum flex_kind kind;
    int64_t i;          /* FLEX_PUT_INT, FLEX_PUT_BOOL */
    double f;           /* FLEX_PUT_FLOAT              */
    struct bytes bytes; /* FLEX_PUT_STRING; FLEX_PUT_VECTOR: an untyped vector of these integers, each below 128 */
};

/* A map as the C++ flexbuffers::Builder writes it.  Entries in ascending order of their keys.
 * Used for the options of CPU custom operators and, below, for the official custom operator. */
struct bytes flex_write_map(struct arena *a, const struct flex_entry *entries, uint32_t count);

/* The official custom_options of one package (container.md section 4):
 * {"1": 0, "4": package, "5": -1, "6": [chip], "7": []}. */
struct bytes flex_write_custom_op(struct arena *a, struct bytes package, uint8_t chip);

#endif

/* FlatBuffers and FlexBuffers without a schema compiler.
 *
 * Reading: a table is a position whose every access is checked against the
 * buffer, so arbitrary bytes can be read; what does not fit reads as absent and
 * marks the reader `bad`.  Callers read everything they want and ask once.
 * Cycles are impossible to follow forever: every table, vector and string that
 * is entered counts against `budget` (see flat_open).
 *
 * Writing: the official files come from the C++ FlatBufferBuilder, whose byte
 * order we reproduce (../shared/isa/container.md section 1): objects are written
 * from the end of the buffer downwards, children before parents. */
#ifndef FLAT_FLAT_H
#define FLAT_FLAT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

/* ---- reader ---- */

struct flat {
    struct bytes buf;
    bool bad;        /* something did not fit inside buf                    */
    uint32_t budget; /* objects that may still be entered; 0 sets bad        */
};

struct flat_table { /* f == NULL: absent; every access gives the default */
    struct flat *f;
    uint32_t pos, vtable, vtable_size, size;
};

struct flat_vector { /* f == NULL: absent, count 0 */
    struct flat *f;
    uint32_t pos, count, element; /* pos: first element; element: bytes per element */
};

/* Root table.  identifier: 4 characters that must stand at byte 4, or NULL. */
bool flat_open(struct flat *f, struct bytes buf, const char *identifier, struct flat_table *root, struct status *st);

bool flat_has(struct flat_table t, unsigned field);
/* Scalars by size; the default where absent.  Signed fields: cast the result. */
uint8_t flat_u8(struct flat_table t, unsigned field, uint8_t absent);
uint16_t flat_u16(struct flat_table t, unsigned field, uint16_t absent);
uint32_t flat_u32(struct flat_table t, unsigned field, uint32_t absent);
uint64_t flat_u64(struct flat_table t, unsigned field, uint64_t absent);
float flat_f32(struct flat_table t, unsigned field, float absent);
struct flat_table flat_sub(struct flat_table t, unsigned field);
struct flat_vector flat_vec(struct flat_table t, unsigned field, unsigned element_size);
struct flat_table flat_vec_table(struct flat_vector v, uint32_t i); /* element_size 4 */
struct bytes flat_vec_bytes(struct flat_vector v, uint32_t i);      /* vector of strings or of [ubyte]: bytes of element i */
uint32_t flat_vec_u32(struct flat_vector v, uint32_t i);
uint64_t flat_vec_u64(struct flat_vector v, uint32_t i);
/* [ubyte] or string as a range inside the buffer; size 0 and data NULL where absent. */
struct bytes flat_bytes(struct flat_table t, unsigned field);
/* A string as NUL-terminated text in the arena; NULL where absent; embedded NULs end it. */
char *flat_text(struct arena *a, struct flat_table t, unsigned field);

/* ---- builder ---- */

struct flat_builder;     /* grows downwards; frees with its arena */
typedef uint32_t flat_ref; /* position of a finished object, counted from the end; 0 = null */

struct flat_builder *flat_builder_new(struct arena *a, bool force_defaults);

flat_ref flat_put_text(struct flat_builder *b, struct bytes text);
flat_ref flat_put_vector(struct flat_builder *b, const void *little_endian_data, uint32_t count, unsigned element_size);
flat_ref flat_put_refs(struct flat_builder *b, const flat_ref *refs, uint32_t count);
/* Pre-alignment of the next vector / string data, as ForceVectorAlignment does. */
void flat_force_vector_alignment(struct flat_builder *b, size_t bytes, unsigned alignment);
void flat_force_string_alignment(struct flat_builder *b, size_t length, unsigned alignment);

/* Tables: start, add fields in any order, end.  End writes them in the official
 * order: by size 8, 4, 2, 1, and by descending field id within a size. */
void flat_table_start(struct flat_builder *b);
void flat_add(struct flat_builder *b, unsigned field, unsigned size, uint64_t value, uint64_t absent);
void flat_add_f32(struct flat_builder *b, unsigned field, float value, float absent);
void flat_add_ref(struct flat_builder *b, unsigned field, flat_ref ref); /* null refs are skipped */
flat_ref flat_table_end(struct flat_builder *b);

/* Finishes; identifier NULL for none.  The bytes live in the arena. */
struct bytes flat_finish(struct flat_builder *b, flat_ref root, const char *identifier);

/* ---- FlexBuffers: the map in custom_options ---- */

struct flex { /* one value */
    struct bytes buf;
    uint32_t pos;
    uint8_t type, width, parent_width; /* FlexBuffer type number (>> 2), byte widths */
};

bool flex_open(struct bytes buf, struct flex *root, struct status *st);
bool flex_is_map(struct flex v);
uint32_t flex_count(struct flex v);                            /* map, vector or typed vector; 0 otherwise */
bool flex_at(struct flex v, uint32_t i, struct flex *out);     /* element i of a vector or value i of a map  */
bool flex_key(struct flex map, uint32_t i, const char **key);  /* NUL-terminated inside the buffer           */
bool flex_find(struct flex map, const char *key, struct flex *out);
bool flex_int(struct flex v, int64_t *out);                    /* int, uint, bool, indirect int              */
bool flex_float(struct flex v, double *out);                   /* float or any integer                       */
bool flex_bytes(struct flex v, struct bytes *out);             /* string, key or blob                        */

/* The official custom_options of one package (container.md section 4):
 * {"1": 0, "4": package, "5": -1, "6": [chip], "7": []}. */
struct bytes flex_write_custom_op(struct arena *a, struct bytes package, uint8_t chip);

/* General writer for maps of ints, doubles, strings and bools (CPU custom operators such as
 * TFLite_Detection_PostProcess in tests): see flex_write.h if it grows. */

#endif

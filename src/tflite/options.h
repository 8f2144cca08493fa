/* Builtin options as C: for each TABLE of options.def a `struct tfl_<name>_options` and a member <name> of
 * `union tfl_options`; for each table, with or without fields, a number TFL_OPTIONS_<NAME>.
 *
 * Included by model.h only, after the enums that the fields use. */
#ifndef TFLITE_OPTIONS_H
#define TFLITE_OPTIONS_H

/* Vectors inside options live in the model's arena.  data == NULL: the field is absent (an empty vector has data). */
struct tfl_i32s {
    int32_t *data;
    uint32_t count;
};
struct tfl_i64s {
    int64_t *data;
    uint32_t count;
};
struct tfl_f32s {
    float *data;
    uint32_t count;
};

/* The kinds of fields and what they are in C. */
enum tfl_field_kind {
    TFL_FIELD_I8, TFL_FIELD_BOOL, TFL_FIELD_I32, TFL_FIELD_U32, TFL_FIELD_I64, TFL_FIELD_F32,
    TFL_FIELD_GRAPH,                                                /* index of a subgraph of the model */
    TFL_FIELD_PAD, TFL_FIELD_ACT, TFL_FIELD_TYPE,                   /* bytes in the file, enums here */
    TFL_FIELD_I32S, TFL_FIELD_I64S, TFL_FIELD_F32S, TFL_FIELD_U8S,  /* vectors */
    TFL_FIELD_TEXT,                                                 /* string; NULL where absent */
};
#define TFL_C_TYPE_I8 int8_t
#define TFL_C_TYPE_BOOL bool
#define TFL_C_TYPE_I32 int32_t
#define TFL_C_TYPE_U32 uint32_t
#define TFL_C_TYPE_I64 int64_t
#define TFL_C_TYPE_F32 float
#define TFL_C_TYPE_GRAPH int32_t
#define TFL_C_TYPE_PAD enum tfl_padding
#define TFL_C_TYPE_ACT enum tfl_activation
#define TFL_C_TYPE_TYPE enum tfl_type
#define TFL_C_TYPE_I32S struct tfl_i32s
#define TFL_C_TYPE_I64S struct tfl_i64s
#define TFL_C_TYPE_F32S struct tfl_f32s
#define TFL_C_TYPE_U8S struct bytes
#define TFL_C_TYPE_TEXT const char *

#define TFL_OPTIONS2 256

enum tfl_options_type {
    TFL_OPTIONS_NONE = 0,
#define EMPTY(number, NAME) TFL_OPTIONS_##NAME = number,
#define TABLE(number, NAME, name) TFL_OPTIONS_##NAME = number,
#define FIELD(kind, id, field, absent)
#define END(name)
#include "tflite/options.def"
#undef EMPTY
#undef TABLE
#undef FIELD
#undef END
};

#define EMPTY(number, NAME)
#define TABLE(number, NAME, name) struct tfl_##name##_options {
#define FIELD(kind, id, field, absent) TFL_C_TYPE_##kind field;
#define END(name) };
#include "tflite/options.def"
#undef EMPTY
#undef TABLE
#undef FIELD
#undef END

union tfl_options {
#define EMPTY(number, NAME)
#define TABLE(number, NAME, name) struct tfl_##name##_options name;
#define FIELD(kind, id, field, absent)
#define END(name)
#include "tflite/options.def"
#undef EMPTY
#undef TABLE
#undef FIELD
#undef END
};

/* One field of an options table as tfl_options_visit() shows it. */
struct tfl_field {
    const char *name;
    enum tfl_field_kind kind;
    unsigned id;   /* FlatBuffers field number */
    double absent; /* scalars: the value of a field that is not written */
    void *value;   /* of the C type of `kind` */
};

/* Calls `visit` for every field of the table in schema order, `ctx` passed through: how options are read, written,
 * compared and printed without a line of code for each table.  False: no such type. */
bool tfl_options_visit(enum tfl_options_type type, union tfl_options *o, void (*visit)(void *ctx, struct tfl_field f),
                       void *ctx);

/* Every field at the value it has where absent: what a new operator starts from. */
union tfl_options tfl_options_default(enum tfl_options_type type);

/* "CONV_2D" for TFL_OPTIONS_CONV_2D; NULL for no such type. */
const char *tfl_options_name(enum tfl_options_type type);

/* The table that belongs to an operator: TFL_OPTIONS_NONE where it has none (LOGISTIC, SQRT, ...). */
enum tfl_options_type tfl_options_of(enum tfl_builtin code);

#endif

#include "tflite/model.h"

/* One visitor for each table: it shows the fields of a struct in schema order. */
#define EMPTY(number, NAME)
#define TABLE(number, NAME, name)                                                                                      \
    static void visit_##name(struct tfl_##name##_options *o, void (*visit)(void *, struct tfl_field), void *ctx)       \
    {
#define FIELD(kind, id, field, absent) visit(ctx, (struct tfl_field){#field, TFL_FIELD_##kind, id, absent, &o->field});
#define END(name) }
#include "tflite/options.def"
#undef EMPTY
#undef TABLE
#undef FIELD
#undef END

bool tfl_options_visit(enum tfl_options_type type, union tfl_options *o, void (*visit)(void *ctx, struct tfl_field f),
                       void *ctx)
{
    switch (type) {
    case TFL_OPTIONS_NONE:
        return true;
#define EMPTY(number, NAME)                                                                                            \
    case TFL_OPTIONS_##NAME:                                                                                           \
        return true;
#define TABLE(number, NAME, name)                                                                                      \
    case TFL_OPTIONS_##NAME:                                                                                           \
        visit_##name(&o->name, visit, ctx);                                                                            \
        return true;
#define FIELD(kind, id, field, absent)
#define END(name)
#include "tflite/options.def"
#undef EMPTY
#undef TABLE
#undef FIELD
#undef END
    }
    return false;
}

static void set_absent(void *ctx, struct tfl_field f)
{
    (void)ctx;
    switch (f.kind) {
    case TFL_FIELD_I8: *(int8_t *)f.value = (int8_t)f.absent; break;
    case TFL_FIELD_BOOL: *(bool *)f.value = f.absent != 0; break;
    case TFL_FIELD_I32: case TFL_FIELD_GRAPH: *(int32_t *)f.value = (int32_t)f.absent; break;
    case TFL_FIELD_U32: *(uint32_t *)f.value = (uint32_t)f.absent; break;
    case TFL_FIELD_I64: *(int64_t *)f.value = (int64_t)f.absent; break;
    case TFL_FIELD_F32: *(float *)f.value = (float)f.absent; break;
    case TFL_FIELD_PAD: *(enum tfl_padding *)f.value = (enum tfl_padding)f.absent; break;
    case TFL_FIELD_ACT: *(enum tfl_activation *)f.value = (enum tfl_activation)f.absent; break;
    case TFL_FIELD_TYPE: *(enum tfl_type *)f.value = (enum tfl_type)f.absent; break;
    case TFL_FIELD_I32S: *(struct tfl_i32s *)f.value = (struct tfl_i32s){0}; break;
    case TFL_FIELD_I64S: *(struct tfl_i64s *)f.value = (struct tfl_i64s){0}; break;
    case TFL_FIELD_F32S: *(struct tfl_f32s *)f.value = (struct tfl_f32s){0}; break;
    case TFL_FIELD_U8S: *(struct bytes *)f.value = (struct bytes){0}; break;
    case TFL_FIELD_TEXT: *(const char **)f.value = NULL; break;
    }
}

union tfl_options tfl_options_default(enum tfl_options_type type)
{
    union tfl_options o;
    memset(&o, 0, sizeof o);
    tfl_options_visit(type, &o, set_absent, NULL);
    return o;
}

static const struct {
    enum tfl_options_type type;
    const char *name;
} tables[] = {
#define EMPTY(number, NAME) {TFL_OPTIONS_##NAME, #NAME},
#define TABLE(number, NAME, name) {TFL_OPTIONS_##NAME, #NAME},
#define FIELD(kind, id, field, absent)
#define END(name)
#include "tflite/options.def"
#undef EMPTY
#undef TABLE
#undef FIELD
#undef END
};
enum { N_TABLES = sizeof tables / sizeof *tables };

const char *tfl_options_name(enum tfl_options_type type)
{
    for (int i = 0; i < N_TABLES; i++)
        if (tables[i].type == type)
            return tables[i].name;
    return NULL;
}

/* Operators that share a table or whose table has another name; all others have the table of their own name. */
enum tfl_options_type tfl_options_of(enum tfl_builtin code)
{
    switch (code) {
    case TFL_OP_AVERAGE_POOL_2D: case TFL_OP_MAX_POOL_2D: case TFL_OP_L2_POOL_2D:
        return TFL_OPTIONS_POOL_2D;
    case TFL_OP_L2_NORMALIZATION:
        return TFL_OPTIONS_L2_NORM;
    case TFL_OP_MEAN: case TFL_OP_SUM: case TFL_OP_REDUCE_PROD: case TFL_OP_REDUCE_MAX: case TFL_OP_REDUCE_MIN:
    case TFL_OP_REDUCE_ANY: case TFL_OP_REDUCE_ALL:
        return TFL_OPTIONS_REDUCER;
    case TFL_OP_MAXIMUM: case TFL_OP_MINIMUM:
        return TFL_OPTIONS_MAXIMUM_MINIMUM;
    case TFL_OP_UNIDIRECTIONAL_SEQUENCE_RNN:
        return TFL_OPTIONS_SEQUENCE_RNN;
    case TFL_OP_CONV_3D_TRANSPOSE:
        return TFL_OPTIONS_CONV_3D;
    case TFL_OP_RANDOM_STANDARD_NORMAL: case TFL_OP_RANDOM_UNIFORM: case TFL_OP_MULTINOMIAL:
        return TFL_OPTIONS_RANDOM;
    default:
        for (int i = 0; i < N_TABLES; i++)
            if (strcmp(tables[i].name, tfl_op_name(code)) == 0)
                return tables[i].type;
        return TFL_OPTIONS_NONE;
    }
}

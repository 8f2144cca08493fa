#include "tflite/model.h"

const char *tfl_op_name(enum tfl_builtin code)
{
    switch (code) {
#define X(name, number)                                                                                                \
    case TFL_OP_##name:                                                                                                \
        return #name;
#include "tflite/operators.def"
#undef X
    }
    return "UNKNOWN";
}

static const struct {
    const char *name;
    unsigned bits; /* of one element; 0 = no fixed size */
} types[] = {
    [TFL_FLOAT32] = {"FLOAT32", 32}, [TFL_FLOAT16] = {"FLOAT16", 16}, [TFL_INT32] = {"INT32", 32},
    [TFL_UINT8] = {"UINT8", 8}, [TFL_INT64] = {"INT64", 64}, [TFL_STRING] = {"STRING", 0}, [TFL_BOOL] = {"BOOL", 8},
    [TFL_INT16] = {"INT16", 16}, [TFL_COMPLEX64] = {"COMPLEX64", 64}, [TFL_INT8] = {"INT8", 8},
    [TFL_FLOAT64] = {"FLOAT64", 64}, [TFL_COMPLEX128] = {"COMPLEX128", 128}, [TFL_UINT64] = {"UINT64", 64},
    [TFL_RESOURCE] = {"RESOURCE", 0}, [TFL_VARIANT] = {"VARIANT", 0}, [TFL_UINT32] = {"UINT32", 32},
    [TFL_UINT16] = {"UINT16", 16}, [TFL_INT4] = {"INT4", 4}, [TFL_BFLOAT16] = {"BFLOAT16", 16},
    [TFL_INT2] = {"INT2", 2},
};
enum { N_TYPES = sizeof types / sizeof *types };

const char *tfl_type_name(enum tfl_type type)
{
    return (unsigned)type < N_TYPES ? types[type].name : "UNKNOWN";
}

unsigned tfl_type_size(enum tfl_type type)
{
    return (unsigned)type < N_TYPES ? types[type].bits / 8 : 0;
}

int64_t tfl_elements(const struct tfl_tensor *t)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

int64_t tfl_bytes(const struct tfl_tensor *t)
{
    return (unsigned)t->type < N_TYPES ? ceil_div(tfl_elements(t) * types[t->type].bits, 8) : 0;
}

const char *tfl_shape_text(struct arena *a, const struct tfl_tensor *t)
{
    char *text = arena_text(a, t->rank ? "%d" : "scalar", t->rank ? t->shape[0] : 0);
    for (uint32_t i = 1; i < t->rank; i++)
        text = arena_text(a, "%sx%d", text, t->shape[i]);
    return text;
}

/* A TFLite model (schema v3) as plain C structs.
 *
 * Read from any .tflite, written back by the layout the official compiler uses
 * (../shared/isa/container.md section 5).  Everything lives in the caller's
 * arena; constant data points into the file that was read. */
#ifndef TFLITE_MODEL_H
#define TFLITE_MODEL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum tfl_type { /* schema TensorType */
    TFL_FLOAT32 = 0, TFL_FLOAT16, TFL_INT32, TFL_UINT8, TFL_INT64, TFL_STRING, TFL_BOOL, TFL_INT16,
    TFL_COMPLEX64, TFL_INT8, TFL_FLOAT64, TFL_COMPLEX128, TFL_UINT64, TFL_RESOURCE, TFL_VARIANT,
    TFL_UINT32, TFL_UINT16, TFL_INT4, TFL_BFLOAT16, TFL_INT2,
};

/* BuiltinOperator numbers are generated from operators.def: X(NAME, number). */
enum tfl_builtin {
#define X(name, number) TFL_OP_##name = number,
#include "tflite/operators.def"
#undef X
};

enum tfl_activation { TFL_ACT_NONE = 0, TFL_ACT_RELU, TFL_ACT_RELU_N1_TO_1, TFL_ACT_RELU6, TFL_ACT_TANH, TFL_ACT_SIGN_BIT };
enum tfl_padding { TFL_PAD_SAME = 0, TFL_PAD_VALID };

/* Builtin options: one struct per table of the union, all generated from options.def (see there), as
 * `struct tfl_conv_2d_options conv_2d;` and so on inside `union tfl_options`. */
#include "tflite/options.h"

struct tfl_quant {
    float *scale;        /* count entries: 1 = per tensor, more = per channel along `dim` */
    int64_t *zero_point; /* count entries */
    uint32_t count;      /* 0 = not quantised */
    int32_t dim;
};

struct tfl_tensor {
    const char *name;
    int32_t *shape;
    uint32_t rank;
    bool dynamic; /* shape_signature has a -1 that shape does not settle */
    enum tfl_type type;
    uint32_t buffer;
    struct bytes data; /* constant data; size 0: not constant */
    struct tfl_quant quant;
    bool is_variable;
    int32_t *shape_signature; /* NULL or rank entries */
};

struct tfl_operator {
    enum tfl_builtin code;
    const char *custom_code; /* code == TFL_OP_CUSTOM only */
    int32_t version;
    int32_t *inputs, *outputs; /* tensor indices; -1 = optional input left out */
    uint32_t n_inputs, n_outputs;
    enum tfl_options_type options_type;
    union tfl_options options;
    struct bytes custom_options;
};

struct tfl_subgraph {
    const char *name; /* NULL: none */
    struct tfl_tensor *tensors;
    struct tfl_operator *operators;
    int32_t *inputs, *outputs;
    uint32_t n_tensors, n_operators, n_inputs, n_outputs;
};

struct tfl_metadata {
    const char *name;
    struct bytes data;
};

struct tfl_signature_entry {
    const char *name;
    uint32_t tensor;
};

struct tfl_signature {
    const char *key;
    uint32_t subgraph;
    struct tfl_signature_entry *inputs, *outputs;
    uint32_t n_inputs, n_outputs;
};

struct tfl_model {
    uint32_t version;
    const char *description;
    struct tfl_subgraph *subgraphs; /* at least one */
    uint32_t n_subgraphs;
    struct tfl_metadata *metadata;
    uint32_t n_metadata;
    struct tfl_signature *signatures;
    uint32_t n_signatures;
};

/* Reads and verifies: indices in range, shapes positive and their products
 * below 2^31 elements, constant data as long as shape and type say, scales
 * finite and positive.  `file` must outlive the model. */
bool tfl_read(struct arena *a, struct bytes file, struct tfl_model **out, struct status *st);

/* Writes one-subgraph models in the official layout: operator codes in order
 * of first use with version 1 where `official`, else with their versions and
 * with metadata and signatures kept.  Buffers are numbered by tensor order. */
struct tfl_write_options {
    bool official;          /* drop versions, metadata, signatures as the official compiler does */
    const char *description; /* NULL: the model's */
};
bool tfl_write(struct arena *a, const struct tfl_model *m, const struct tfl_write_options *o, struct bytes *out,
               struct status *st);

const char *tfl_op_name(enum tfl_builtin code); /* schema name, "CUSTOM", or "UNKNOWN(n)" from a static table */
const char *tfl_type_name(enum tfl_type type);
unsigned tfl_type_size(enum tfl_type type);           /* bytes per element; 0 = variable or sub-byte */
int64_t tfl_elements(const struct tfl_tensor *t);     /* product of the shape; 1 for a scalar */
/* "1x128x128x3" for messages, in the arena. */
const char *tfl_shape_text(struct arena *a, const struct tfl_tensor *t);

#endif

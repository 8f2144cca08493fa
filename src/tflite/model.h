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

/* custom_code of the operator that holds Edge TPU executables. */
#define TFL_EDGETPU_CUSTOM_OP "edgetpu-custom-op"

/* BuiltinOperator numbers are generated from operators.def: X(NAME, number). */
enum tfl_builtin {
#define X(name, number) TFL_OP_##name = number,
#include "tflite/operators.def"
#undef X
};

enum tfl_activation {
    TFL_ACT_NONE = 0, TFL_ACT_RELU, TFL_ACT_RELU_N1_TO_1, TFL_ACT_RELU6, TFL_ACT_TANH, TFL_ACT_SIGN_BIT,
};
enum tfl_padding { TFL_PAD_SAME = 0, TFL_PAD_VALID };

/* Builtin options: one struct per table of the union, all generated from options.def (see there), as
 * `struct tfl_conv_2d_options conv_2d;` and so on inside `union tfl_options`. */
#include "tflite/options.h"

struct tfl_quant {
    float *scale;        /* count entries: 1 = per tensor, else one per index of dimension `dim` */
    int64_t *zero_point; /* count entries */
    uint32_t count;      /* 0 = not quantised */
    int32_t dim;
};

struct tfl_tensor {
    const char *name; /* never NULL */
    int32_t *shape;
    uint32_t rank;
    bool has_rank; /* false with rank 0: the file does not say whether this is a scalar or of unknown shape */
    bool dynamic;  /* shape_signature has a -1 and shape 0 there; the converter writes 1, which settles it */
    enum tfl_type type;
    struct bytes data; /* constant data, little-endian; size 0: not constant */
    struct tfl_quant quant;
    bool is_variable;
    int32_t *shape_signature; /* NULL or rank entries */
};

struct tfl_operator {
    enum tfl_builtin code;
    const char *custom_code; /* code == TFL_OP_CUSTOM: never NULL; else NULL */
    int32_t version;
    int32_t *inputs, *outputs; /* tensor indices; -1 = optional input left out */
    uint32_t n_inputs, n_outputs;
    int32_t *intermediates; /* tensors that only carry quantisation (integer LSTM); in range or -1 */
    uint32_t n_intermediates;
    enum tfl_options_type options_type; /* tfl_options_of(code), or NONE where the file has no table */
    union tfl_options options; /* the table of tfl_options_of(code) either way; without a table, its defaults */
    struct bytes custom_options; /* data NULL: absent */
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

/* Reads and verifies.  What holds for every model that was read:
 *   - every index (tensor, subgraph, buffer) is in range; only inputs of operators may be -1;
 *   - at most TFL_MAX_RANK dimensions, none negative, fewer than 2^31 elements;
 *   - constant data is exactly as long as shape and type say (strings and resources: any length);
 *   - no tensor is written twice, and no constant or graph input is written at all;
 *   - scales are finite and positive, as many as zero points; zero points of 8-bit tensors lie in their range;
 *   - the options table of an operator is the one that belongs to it, its enums known, its subgraph indices in range.
 * Order of execution and the operators' own shape rules are not checked here: see graph/graph.h.
 * Refused as STATUS_UNSUPPORTED: schema versions other than 3, operators and types that we do not know, sparse
 * constants, block-wise quantisation, weights in other files.  The QuantizationDetails member CustomQuantization is
 * ignored as TFLite's interpreter does.  min and max of the quantisation, mutating_variable_inputs and variant types
 * are not kept.
 * `file` must outlive the model. */
enum { TFL_MAX_RANK = 8 };
bool tfl_read(struct arena *a, struct bytes file, struct tfl_model **out, struct status *st);

/* Writes the layout of the official compiler (../shared/isa/container.md section 5): operator codes in order of first
 * use, buffer 0 empty, then one buffer for each constant tensor in tensor order (shared data is written for each).
 * In the official form operator versions, metadata, signatures and shape signatures are dropped, and there must be
 * one subgraph; the full form keeps them all.  Fails where the result would reach 2 GiB. */
struct tfl_write_options {
    bool official;
    const char *description; /* NULL: the model's */
};
bool tfl_write(struct arena *a, const struct tfl_model *m, const struct tfl_write_options *o, struct bytes *out,
               struct status *st);

const char *tfl_op_name(enum tfl_builtin code);   /* schema name; "UNKNOWN" */
const char *tfl_type_name(enum tfl_type type);    /* schema name; "UNKNOWN" */
unsigned tfl_type_size(enum tfl_type type);       /* bytes per element; 0 = variable or sub-byte */
int64_t tfl_elements(const struct tfl_tensor *t); /* product of the shape; 1 for a scalar */
int64_t tfl_bytes(const struct tfl_tensor *t);    /* of the dense data, sub-byte types packed; 0 = variable */
/* "1x128x128x3" for messages, in the arena. */
const char *tfl_shape_text(struct arena *a, const struct tfl_tensor *t);

#endif

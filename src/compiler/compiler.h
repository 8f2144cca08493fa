/* The compiler: a TFLite model in, a model with Edge TPU executables out. */
#ifndef COMPILER_COMPILER_H
#define COMPILER_COMPILER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tflite/model.h"

struct compile_stops { /* tensors at which the Edge TPU's part ends */
    const char *const *names;
    uint32_t count;
};

struct compile_options {
    int min_runtime_version; /* 10..14 */
    bool multiple_subgraphs; /* -a */
    bool has_token;          /* use `token` instead of the hash of what is cached */
    uint64_t token;
    const struct compile_stops *stops; /* -i: one per model, or NULL                             */
    uint32_t drop_last;                /* -d: so many operators at the end stay on the CPU        */
};

struct compile_op_status { /* one per operator of the source */
    bool mapped;
    const char *status; /* the official status string of the log */
    const char *why;    /* our sentence: operator, tensor, bytes, and what would help; NULL if mapped */
    uint64_t cached_bytes, streamed_bytes; /* of its parameters in the package */
};

struct compile_result {
    struct bytes file;           /* the compiled .tflite */
    struct compile_op_status *ops;
    uint32_t n_ops, n_mapped, n_subgraphs;
    uint64_t input_bytes, cached_bytes, remaining_bytes, streamed_bytes; /* of the three memory lines */
};

/* Compiles one or several models together (co-compilation: they share the parameter cache, and none has priority).
 * All models and results are arrays of `count`. */
bool compile_models(struct arena *a, const struct tfl_model *const *models, unsigned count,
                    const struct compile_options *o, struct compile_result *results, struct status *st);

/* "a,b,c": the tensors that the model without its last operators gives out, for the user of -d. */
const char *compile_boundary(struct arena *a, const struct tfl_model *m, uint32_t drop_last);

/* Operator table of the .log file and of -s (compiler-behaviour 2.7): rows sorted by operator, then status. */
const char *compile_operator_table(struct arena *a, const struct tfl_model *m, const struct compile_result *r);

#endif

/* Runs a TFLite graph: builtin operators on our kernels, `edgetpu-custom-op` on a
 * device.  What edgetpu_run, --verify and the tests use. */
#ifndef INTERP_INTERP_H
#define INTERP_INTERP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "kernels/kernels.h"
#include "tflite/model.h"

struct sim;

struct interp_options {
    enum kern_numerics numerics; /* for builtin operators on the CPU */
    struct sim *sim;             /* runs custom operators; NULL: a model that has one is refused */
    bool keep_all;               /* keep every intermediate tensor for inspection */
    uint64_t memory_limit;       /* bytes of all tensors together; 0 = 4 GiB */
};

struct interp;
/* Checks that operators are in order, known and complete; everything lives in `a`, and `m` must too.  Shapes that
 * depend on data, and parameters, are checked when running; failures name operator and tensor. */
bool interp_new(struct arena *a, const struct tfl_model *m, const struct interp_options *o, struct interp **out,
                struct status *st);
/* Sizes in bytes of graph input / output i. */
size_t interp_input_size(const struct interp *p, uint32_t i);
/* inputs: one range per graph input, in TFLite layout. Output ranges live in the interp until the next run.
 * Variable tensors (LSTM states) begin each run at their zero point: a run depends on nothing before it. */
bool interp_run(struct interp *p, const struct bytes *inputs, struct bytes *outputs, struct status *st);
/* Any tensor after a run with keep_all; size 0 if it has no value. */
struct bytes interp_tensor(const struct interp *p, uint32_t tensor);
/* Shape of a tensor after a run (dynamic shapes are settled by running). */
const struct tfl_tensor *interp_tensor_info(const struct interp *p, uint32_t tensor);

/* Reproducible input: element i of tensor `input` for `seed` (full range for integers, [-1,1) for floats). */
void interp_random(const struct tfl_tensor *t, uint32_t input, uint64_t seed, uint8_t *out);
/* The same for all graph inputs; ranges and bytes in the arena.  Shapes of inputs are known and checked by tfl_read. */
struct bytes *interp_random_inputs(struct arena *a, const struct tfl_model *m, uint64_t seed);

#endif

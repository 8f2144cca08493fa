/* From a TFLite operator to its kernel: arity, options, attributes. */
#ifndef INTERP_DISPATCH_H
#define INTERP_DISPATCH_H

#include "kernels/kernels.h"
#include "tflite/model.h"

/* One call of an operator.  NULL in `in`: an optional input left out. */
struct op_call {
    struct kern_ctx *c;
    const struct tfl_subgraph *graph;
    const struct tfl_operator *op;
    const union tfl_options *o;
    struct kern_tensor **in, **out;
    uint32_t n_in, n_out;
};

/* Whether there is a kernel and the operator has the inputs, outputs and options that it needs.  False sets st. */
bool dispatch_check(const struct tfl_operator *op, struct status *st);
/* Runs one operator that dispatch_check() has passed; call->o need not be set. */
bool dispatch_run(struct op_call *call);

#endif

/* What passes over a TFLite subgraph ask: who makes and who reads a tensor, shapes in four dimensions, windows and
 * their padding, constants as numbers, and whether an operator's tensors fit together.
 *
 * A graph borrows the subgraph; tensor and operator numbers are the subgraph's own. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "tflite/model.h"

enum { GRAPH_NONE = UINT32_MAX, GRAPH_MAX_OPERATORS = 20000 };

struct graph_tensor {
    const struct tfl_tensor *info;
    uint32_t producer;   /* operator, or GRAPH_NONE: constant, graph input, variable */
    uint32_t *consumers; /* operators, ascending, each once */
    uint32_t n_consumers;
    bool is_input, is_output; /* of the graph */
};

struct graph {
    const struct tfl_subgraph *source;
    struct graph_tensor *tensors; /* source->n_tensors */
};

/* Fails where an operator reads a tensor before it has a value (so the order of the operators is a topological order),
 * and above GRAPH_MAX_OPERATORS, which keeps quadratic passes short. */
bool graph_build(struct arena *a, const struct tfl_subgraph *g, struct graph *out, struct status *st);

/* "operator 3 (CONV_2D)" for messages. */
const char *graph_op_text(struct arena *a, const struct tfl_subgraph *g, uint32_t op);

/* ---- shapes (shape.c) ---- */

/* The chip's view of a tensor: [c] is 1,1,1,c; [1,c] the same; [1,x,c] is 1,1,x,c; [n,y,x,c] is itself; a scalar is
 * 1,1,1,1.  What would be a batch before less than three dimensions is not: [x,c] is 1,1,x,c and [y,x,c] is 1,y,x,c
 * (a sequence with its time first). */
struct shape4 {
    int32_t n, y, x, z; /* batch, height, width, channels */
};
/* False: more than four dimensions that are not leading ones. */
bool shape4_of(const struct tfl_tensor *t, struct shape4 *out);

/* The sliding window of CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and the pools.
 *   output pixel (y, x) of the first two and the pools reads input pixels
 *   (y * stride_h - top + i * dilation_h, x * stride_w - left + j * dilation_w), i < filter_h, j < filter_w;
 *   input pixel (y, x) of TRANSPOSE_CONV adds to output pixels (y * stride_h - top + i, x * stride_w - left + j).
 * Border pixels as TFLite counts them: for SAME the smaller half lies on top and left. */
struct window {
    int32_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t top, bottom, left, right;
};
/* False: not such an operator.  Call for operators that have passed graph_check. */
bool window_of(const struct tfl_subgraph *g, const struct tfl_operator *o, struct window *out);

/* Pixels added on both sides together, SAME: max((out - 1) * stride + (filter - 1) * dilation + 1 - in, 0). */
int32_t same_padding(int32_t in, int32_t out, int32_t filter, int32_t stride, int32_t dilation);

/* ---- operators ---- */

/* TFL_ACT_NONE where the operator has no such option. */
enum tfl_activation fused_activation(const struct tfl_operator *o);

/* 8-bit with one scale: an activation that the chip can hold. */
bool is_quantised(const struct tfl_tensor *t);
/* Input i, or NULL: left out (-1) or there are fewer. */
const struct tfl_tensor *op_input(const struct tfl_subgraph *g, const struct tfl_operator *o, uint32_t i);
const struct tfl_tensor *op_output(const struct tfl_subgraph *g, const struct tfl_operator *o, uint32_t i);

/* Number and types of the tensors, options in range, and output shapes as TFLite's kernels compute them (check.c).
 * What is computed from other inputs (new shape of RESHAPE, axes, sizes ...) is checked where those are constant; where
 * they are not, the output's shape is unknown until the model runs, and it is the caller who must not rely on it.
 * True for operators that check.c has no rule for: graph_has_check() says whether it has. */
bool graph_check(struct arena *a, const struct tfl_subgraph *g, uint32_t op, struct status *st);
bool graph_has_check(enum tfl_builtin code);

/* ---- constants (constant.c) ---- */

/* Elements of a constant of an integer type as int32; fails where it is not constant, of another type, or a value does
 * not fit.  *count elements. */
bool constant_i32(struct arena *a, const struct tfl_tensor *t, int32_t **out, uint32_t *count, struct status *st);
/* Real values: FLOAT32, FLOAT16, or quantised integers (per tensor or per channel). */
bool constant_f32(struct arena *a, const struct tfl_tensor *t, float **out, uint32_t *count, struct status *st);

#endif

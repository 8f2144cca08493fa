/* The TFLite operators in plain C, in two numerics.
 *
 * A kernel does what an operator means, whole: it checks its inputs, finds the
 * output's shape, asks for the output's memory and computes.  A caller (src/interp)
 * only walks the graph.  Kernels keep no state; variable tensors (LSTM) are passed in.
 *
 * Sources: KERN_TFLITE follows TFLite's reference kernels bit for bit, which
 * tests/golden checks against the real interpreter.  KERN_EDGETPU follows
 * ../shared/isa/numerics.md; where an operator never runs on the chip (floats,
 * int32 ...) the two are the same. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum kern_numerics {
    KERN_TFLITE,  /* TFLite's reference kernels: fixed-point multipliers                   */
    KERN_EDGETPU, /* what the chip computes: float32 requantisation (../shared/isa/numerics.md) */
};

enum kern_type { KERN_F32, KERN_I8, KERN_U8, KERN_I16, KERN_I32, KERN_I64, KERN_BOOL };

enum { KERN_MAX_RANK = 8 };

/* A tensor as kernels see it: row-major, last dimension fastest, native byte order. */
struct kern_tensor {
    const char *name; /* for messages */
    enum kern_type type;
    uint32_t rank; /* 0 = scalar */
    int32_t dim[KERN_MAX_RANK];
    void *data; /* aligned for its type; kernels write only to their outputs and to variables */
    const float *scale;  /* n_scales entries; 0 = not quantised, 1 = per tensor, more = per channel of `channel` */
    const int64_t *zero; /* n_scales entries */
    uint32_t n_scales;
    int32_t channel;
    bool constant; /* the same in every run: the compiler may fold it */
};

struct kern_ctx {
    enum kern_numerics numerics;
    struct arena *scratch; /* temporary memory; the caller frees it after the call */
    /* Memory for one output, not cleared; NULL = over the caller's limit. */
    void *(*alloc)(void *owner, size_t size);
    void *owner;
    struct status *st; /* messages name tensors; the caller adds operator number and name in front */
};

size_t kern_type_size(enum kern_type type);
const char *kern_type_name(enum kern_type type);
size_t kern_elements(const struct kern_tensor *t);

/* Numbered as the TFLite schema does. */
enum kern_activation { KERN_ACT_NONE = 0, KERN_ACT_RELU, KERN_ACT_RELU_N1_TO_1, KERN_ACT_RELU6 };

/* A sliding window over height and width.  Outputs: y has type and quantisation
 * set by the caller and gets shape and data from the kernel; false: see ctx->st. */
struct kern_window {
    bool same; /* SAME padding, else VALID */
    int32_t stride_h, stride_w;
    int32_t dilation_h, dilation_w; /* convolutions */
    int32_t filter_h, filter_w;     /* pools; convolutions take it from the weights */
    enum kern_activation act;
};

typedef const struct kern_tensor *kern_in;
typedef struct kern_tensor *kern_out;

/* conv.c, depthwise.c, transpose_conv.c, fully_connected.c: bias NULL = none. */
bool kern_conv_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_in w, kern_in bias, kern_out y);
bool kern_depthwise_conv_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_in w, kern_in bias,
                            kern_out y);
/* shape: int32[4], the output's. */
bool kern_transpose_conv(struct kern_ctx *c, const struct kern_window *p, kern_in shape, kern_in w, kern_in x,
                         kern_in bias, kern_out y);
bool kern_fully_connected(struct kern_ctx *c, enum kern_activation act, bool keep_dims, kern_in x, kern_in w,
                          kern_in bias, kern_out y);

/* quantize.c */
bool kern_quantize(struct kern_ctx *c, kern_in x, kern_out y);
bool kern_dequantize(struct kern_ctx *c, kern_in x, kern_out y);
bool kern_cast(struct kern_ctx *c, kern_in x, kern_out y);

/* reshape.c: the same bytes in another shape.  n < 0: no shape given. */
bool kern_reshape(struct kern_ctx *c, const int32_t *shape, int32_t n, kern_in x, kern_out y);
bool kern_squeeze(struct kern_ctx *c, const int32_t *dims, uint32_t n, kern_in x, kern_out y);
bool kern_expand_dims(struct kern_ctx *c, int32_t axis, kern_in x, kern_out y);

/* pool.c */
bool kern_average_pool_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_out y);
bool kern_max_pool_2d(struct kern_ctx *c, const struct kern_window *p, kern_in x, kern_out y);

/* arithmetic.c: element by element, with broadcasting. */
enum kern_binary { KERN_MAXIMUM, KERN_MINIMUM, KERN_DIV, KERN_FLOOR_DIV, KERN_FLOOR_MOD, KERN_SQUARED_DIFFERENCE,
                   KERN_POW };
bool kern_add(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y);
bool kern_sub(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y);
bool kern_mul(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y);
bool kern_binary(struct kern_ctx *c, enum kern_binary op, enum kern_activation act, kern_in x1, kern_in x2, kern_out y);

/* unary.c */
enum kern_unary { KERN_LOGISTIC, KERN_TANH, KERN_EXP, KERN_LOG, KERN_SQRT, KERN_RSQRT, KERN_SQUARE, KERN_ABS, KERN_NEG,
                  KERN_FLOOR, KERN_CEIL, KERN_ROUND, KERN_SIN, KERN_COS, KERN_RELU, KERN_RELU_N1_TO_1, KERN_RELU6 };
bool kern_unary(struct kern_ctx *c, enum kern_unary op, kern_in x, kern_out y);
bool kern_leaky_relu(struct kern_ctx *c, float alpha, kern_in x, kern_out y);
bool kern_prelu(struct kern_ctx *c, kern_in x, kern_in alpha, kern_out y);

/* softmax.c, l2_norm.c: over the last dimension. */
bool kern_softmax(struct kern_ctx *c, float beta, kern_in x, kern_out y);
bool kern_l2_normalization(struct kern_ctx *c, kern_in x, kern_out y);

/* reduce.c: axes may be negative and may repeat. */
enum kern_reduce { KERN_MEAN, KERN_SUM, KERN_REDUCE_MAX, KERN_REDUCE_MIN };
bool kern_reduce(struct kern_ctx *c, enum kern_reduce op, bool keep_dims, kern_in x, kern_in axes, kern_out y);
/* The first largest (or smallest) along axis. */
bool kern_arg_max(struct kern_ctx *c, bool smallest, kern_in x, kern_in axis, kern_out y);

/* join.c */
bool kern_concatenation(struct kern_ctx *c, int32_t axis, enum kern_activation act, kern_in *x, uint32_t n, kern_out y);
bool kern_pack(struct kern_ctx *c, int32_t axis, kern_in *x, uint32_t n, kern_out y);
bool kern_unpack(struct kern_ctx *c, int32_t axis, kern_in x, kern_out *y, uint32_t n);
/* sizes NULL: n equal parts; else SPLIT_V with int32 or int64 sizes, one of which may be -1. */
bool kern_split(struct kern_ctx *c, kern_in axis, kern_in sizes, kern_in x, kern_out *y, uint32_t n);

/* move.c, gather.c, pad.c: elements moved by index arithmetic only. */
struct kern_strided_slice {
    int32_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
    bool offset;
};
bool kern_slice(struct kern_ctx *c, kern_in x, kern_in begin, kern_in size, kern_out y);
bool kern_strided_slice(struct kern_ctx *c, const struct kern_strided_slice *p, kern_in x, kern_in begin, kern_in end,
                        kern_in strides, kern_out y);
bool kern_transpose(struct kern_ctx *c, kern_in x, kern_in order, kern_out y);
bool kern_tile(struct kern_ctx *c, kern_in x, kern_in multiples, kern_out y);
bool kern_gather(struct kern_ctx *c, int32_t axis, int32_t batch_dims, kern_in x, kern_in indices, kern_out y);
bool kern_gather_nd(struct kern_ctx *c, kern_in x, kern_in indices, kern_out y);
bool kern_space_to_depth(struct kern_ctx *c, int32_t block, kern_in x, kern_out y);
bool kern_depth_to_space(struct kern_ctx *c, int32_t block, kern_in x, kern_out y);
/* paddings: int32 or int64 [rank][2].  fill NULL: the zero point. */
bool kern_pad(struct kern_ctx *c, kern_in x, kern_in paddings, kern_in fill, kern_out y);
/* SHAPE */
bool kern_shape_of(struct kern_ctx *c, kern_in x, kern_out y);

/* resize.c: size = int32[2], height and width. */
struct kern_resize {
    bool align_corners, half_pixel_centers;
};
bool kern_resize_bilinear(struct kern_ctx *c, const struct kern_resize *p, kern_in x, kern_in size, kern_out y);
/* The input position that position i of the output copies, along one axis. */
int32_t kern_resize_nearest_index(const struct kern_resize *p, int32_t i, int32_t in, int32_t out);
bool kern_resize_nearest(struct kern_ctx *c, const struct kern_resize *p, kern_in x, kern_in size, kern_out y);

/* lstm.c: UNIDIRECTIONAL_SEQUENCE_LSTM in the full integer form: int8 input, output and weights, int16 cell state,
 * int32 biases, no peephole, projection, layer normalisation nor coupled gates.  Inputs in the schema's order, 20 or 24
 * of them, NULL = left out.  The two states are variables and are written.  KERN_EDGETPU follows the one
 * official stream that has an LSTM (lstm_edgetpu.c). */
struct kern_lstm {
    float cell_clip;
    bool time_major;
    float hidden_scale; /* of the fifth intermediate tensor */
    int32_t hidden_zero;
};
bool kern_lstm(struct kern_ctx *c, const struct kern_lstm *p, struct kern_tensor **in, uint32_t n_in, kern_out y);

/* detection.c: TFLite_Detection_PostProcess.  Boxes, classes, scores, number; outputs become float32. */
struct kern_detection {
    int32_t max_detections, max_classes_per_detection, detections_per_class, n_classes;
    bool regular_nms;
    float score_threshold, iou_threshold;
    float y_scale, x_scale, h_scale, w_scale;
};
bool kern_detection_postprocess(struct kern_ctx *c, const struct kern_detection *p, kern_in boxes, kern_in scores,
                                kern_in anchors, kern_out y[4]);

/* posenet.c: PosenetDecoderOp of libcoral.  Heat maps, short, mid and, for BodyPix, long offsets -> keypoints, keypoint
 * scores, pose scores, number, masks; outputs become float32. */
struct kern_posenet {
    int32_t max_detections, stride;
    float score_threshold, nms_radius;
};
bool kern_posenet_decoder(struct kern_ctx *c, const struct kern_posenet *p, kern_in *x, uint32_t n_in, kern_out *y,
                          uint32_t n_out);

#endif

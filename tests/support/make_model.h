/* Makes quantised TFLite models in memory, for tests of every room and for tools/make_model.
 *
 *     struct maker *k = maker_new(arena, TFL_INT8, seed);
 *     int x = make_input(k, 3, (int32_t[]){32, 32, 3});
 *     x = make_conv_2d(k, x, &(struct make_window){.channels = 16, .size = 3, .activation = TFL_ACT_RELU6});
 *     x = make_fully_connected(k, make_flatten(k, x), 10, TFL_ACT_NONE);
 *     make_output(k, make_softmax(k, x));
 *     const struct tfl_model *m = maker_finish(k);
 *
 * Every operator function adds one operator and the tensors it needs and returns the number of its output tensor.
 * Weights are random but reproducible on every machine.  Scales are chosen as a trained model has them: each tensor's
 * rms value is estimated from those before it, and its scale covers about three times that, so that values use the
 * range of 8 bits and seldom saturate.  TFL_INT8: weights symmetric, per channel for convolutions, as TensorFlow 2
 * quantises.  TFL_UINT8: weights per tensor with a zero point near 128, as TensorFlow 1 did.
 *
 * Misuse (a tensor number or shape that cannot be) ends the program with a message: this is for tests.
 * What the functions do not offer is made by make_tensor, make_constant and make_operator, or by changing the
 * struct tfl_model, which is plain data in the arena. */
#ifndef SUPPORT_MAKE_MODEL_H
#define SUPPORT_MAKE_MODEL_H

#include "tflite/model.h"

struct maker;

struct maker *maker_new(struct arena *a, enum tfl_type type, uint64_t seed); /* TFL_INT8 or TFL_UINT8 */
struct tfl_model *maker_finish(struct maker *k);
/* maker_finish, then tfl_write in the full form. */
struct bytes maker_write(struct maker *k);

/* The batch dimension 1 is put in front of `shape`. */
int make_input(struct maker *k, uint32_t rank, const int32_t *shape);
void make_output(struct maker *k, int x);

/* Zero fields mean 1; padding is TFL_PAD_SAME (0) unless said otherwise. */
struct make_window {
    int32_t channels; /* filters of a convolution, depth multiplier of a depthwise one; pools: unused */
    int32_t size;     /* height of the window, and its width unless width is given */
    int32_t width, stride, dilation;
    enum tfl_padding padding;
    enum tfl_activation activation;
    bool no_bias; /* TFLite's own interpreter refuses a quantised CONV_2D without bias */
};
int make_conv_2d(struct maker *k, int x, const struct make_window *w);
int make_depthwise_conv_2d(struct maker *k, int x, const struct make_window *w);
int make_transpose_conv(struct maker *k, int x, const struct make_window *w); /* channels, size, stride, padding */
int make_pool(struct maker *k, enum tfl_builtin code, int x, const struct make_window *w); /* AVERAGE_POOL_2D, MAX_.. */
int make_fully_connected(struct maker *k, int x, int32_t units, enum tfl_activation activation); /* x: [1,n] */

/* UNIDIRECTIONAL_SEQUENCE_LSTM, TFL_INT8, on [1,steps,inputs] or time-major [steps,1,inputs]; no optional inputs.  The
 * hidden state has the scale 1/128, the cell state 2^cell_exponent (0: -12). */
struct make_lstm {
    int32_t cells;
    int cell_exponent;
    bool time_major;
};
int make_lstm(struct maker *k, int x, const struct make_lstm *l);

/* ADD SUB MUL MAXIMUM MINIMUM SQUARED_DIFFERENCE; shapes equal, or one broadcast to the other. */
int make_binary(struct maker *k, enum tfl_builtin code, int x, int y, enum tfl_activation activation);
/* A random constant of the activation type, as second operand of make_binary; rank 0: a scalar. */
int make_random(struct maker *k, uint32_t rank, const int32_t *shape);
/* LOGISTIC TANH RELU RELU6 RELU_N1_TO_1 LEAKY_RELU HARD_SWISH L2_NORMALIZATION ABS ... */
int make_unary(struct maker *k, enum tfl_builtin code, int x);
int make_prelu(struct maker *k, int x); /* alpha per channel */
int make_softmax(struct maker *k, int x);
int make_quantize(struct maker *k, int x, enum tfl_type type); /* to INT8 or UINT8, same real range */
int make_dequantize(struct maker *k, int x);

int make_reshape(struct maker *k, int x, uint32_t rank, const int32_t *shape); /* the whole shape, batch included */
int make_flatten(struct maker *k, int x);                                      /* reshape to [1,n] */
int make_transpose(struct maker *k, int x, const int32_t *order);
int make_pad(struct maker *k, int x, const int32_t *before_after); /* two numbers for each dimension */
int make_slice(struct maker *k, int x, const int32_t *begin, const int32_t *size);
int make_strided_slice(struct maker *k, int x, const int32_t *begin, const int32_t *end, const int32_t *strides);
int make_concatenation(struct maker *k, uint32_t n, const int *inputs, int32_t axis);
/* Equal parts along axis; their tensors are out[0 .. n). */
void make_split(struct maker *k, int x, int32_t axis, uint32_t n, int *out);
int make_reduce(struct maker *k, enum tfl_builtin code, int x, uint32_t n, const int32_t *axes, bool keep_dims);
int make_resize(struct maker *k, enum tfl_builtin code, int x, int32_t height, int32_t width, bool align_corners,
                bool half_pixel_centers); /* RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR */
int make_space_to_depth(struct maker *k, int x, int32_t block);

/* ---- pieces ---- */

/* scale 0: not quantised.  rms: of the real values, from which the next operators take their scales. */
int make_tensor(struct maker *k, enum tfl_type type, uint32_t rank, const int32_t *shape, float scale,
                int64_t zero_point, float rms);
int make_constant(struct maker *k, enum tfl_type type, uint32_t rank, const int32_t *shape, const void *data);
int make_int32s(struct maker *k, uint32_t n, const int32_t *values); /* 1-D constant, not quantised */
/* Options are at the defaults of the operator's table; the caller sets what differs before the next make_ call. */
struct tfl_operator *make_operator(struct maker *k, enum tfl_builtin code, uint32_t n_in, const int *in, uint32_t n_out,
                                   const int *out);
/* Both valid until the next make_ call. */
struct tfl_tensor *maker_tensor(struct maker *k, int x);
struct tfl_operator *maker_last_operator(struct maker *k);

/* A tensor for the result of an operator whose values before the activation have this rms and mean about zero. */
int make_result(struct maker *k, uint32_t rank, const int32_t *shape, float rms, enum tfl_activation act);
/* Type and quantisation of x, another shape. */
int make_like(struct maker *k, int x, uint32_t rank, const int32_t *shape);
/* Random weights whose products with x, summed over fan_in, have rms 2.  Channels lie along `dim`; per_channel: a scale
 * for each, in INT8 models only. */
int make_weights(struct maker *k, int x, const int32_t *shape, uint32_t rank, int32_t dim, int64_t fan_in,
                 bool per_channel);
/* INT32, scale = input scale * weight scale as TFLite demands. */
int make_bias(struct maker *k, int x, int w, int32_t channels);

/* ---- whole models ---- */

/* Fully connected layers of `units` each, ReLU between them. */
struct tfl_model *make_fc_chain(struct arena *a, enum tfl_type type, uint64_t seed, int32_t inputs, int32_t units,
                                uint32_t layers);
/* `layers` 3x3 convolutions with `channels` filters, every other one with stride 2, then a dense head. */
struct tfl_model *make_conv_net(struct arena *a, enum tfl_type type, uint64_t seed, int32_t size, int32_t channels,
                                uint32_t layers);
/* The shape of MobileNet v1: depthwise separable blocks, average pool, 1x1 convolution, softmax.  size: input height
 * and width; channels: of the first convolution (32 in the original); classes: of the head. */
struct tfl_model *make_mobilenet(struct arena *a, enum tfl_type type, uint64_t seed, int32_t size, int32_t channels,
                                 int32_t classes);
/* The shape of MobileNet v2 1.0: inverted residual blocks. */
struct tfl_model *make_mobilenet_v2(struct arena *a, enum tfl_type type, uint64_t seed, int32_t size, int32_t classes);

#endif

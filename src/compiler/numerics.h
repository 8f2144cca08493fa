/* From TFLite's scales and zero points to the numbers of a tensor instruction.
 *
 * All arithmetic is float32, one rounding per operation, in the order that the official compiler shows
 * (../shared/isa/numerics.md sections 1 and 2).  int8 data is stored with its sign bit flipped, so
 * every zero point is moved into the uint8 domain and nothing else depends on signedness. */
#ifndef COMPILER_NUMERICS_H
#define COMPILER_NUMERICS_H

#include "isa/isa.h"
#include "tflite/model.h"

/* Zero point of an 8-bit tensor in the uint8 domain, of an int16 tensor in that of uint16. */
int32_t unsigned_zero_point(const struct tfl_tensor *t);
/* The same scale and, in the uint8 domain, zero point. */
bool same_numbers(const struct tfl_tensor *a, const struct tfl_tensor *b);
/* Real value of the largest byte. */
float largest_input(const struct tfl_tensor *t);
/* All scales of a tensor are one number. */
bool equal_scales(const struct tfl_tensor *t);
/* Multiplier of a weighted operation: (s_in * s_w) * (1 / s_out). */
float weighted_multiplier(float s_in, float s_w, float s_out);

/* The same where there are no weights: s_in * (1 / s_out). */
float rescale_multiplier(float s_in, float s_out);
/* x1/s1 and x2/s2 in common steps: real = (m1*q1 + m2*q2) * step (numerics.md section 2.1). */
struct common_step {
    int32_t m[2];
    float step;
};
struct common_step common_step_of(float s1, float s2);

/* Fields of the tensor instruction. */
void set_clamp(struct isa_tensor *i, const struct tfl_tensor *out, enum tfl_activation act);
/* Clamp, zero points and multiplier of a weighted operation with the arrays that `segment` stores. */
struct weighted { /* the tensors of a weighted operation; bias may be NULL */
    const struct tfl_tensor *in, *weights, *bias, *out;
    enum tfl_activation activation;
    int32_t pixel; /* > 0: the input is an image, every pixel of so many channels padded to whole words */
    int32_t row;   /* > 0: channels of each row in a pixel of the result, which begins with a whole word (rows.h) */
    bool select; /* moves data: weights 0 and 1, and a bias that is stored although it is zero (select.h) */
};
struct segment;
void set_weighted_numerics(struct isa_tensor *i, const struct weighted *op, const struct segment *segment);
/* From one scale to another, element by element. */
void set_rescale_numerics(struct isa_tensor *i, const struct tfl_tensor *in, const struct tfl_tensor *out,
                          enum tfl_activation act);
/* Results go through the table; the multiplier that makes real values is left to the caller. */
struct lut;
void set_table_numerics(struct isa_tensor *i, const struct tfl_tensor *out, const struct lut *t);
/* Bytes pass unchanged. */
void set_copy_numerics(struct isa_tensor *i);

#endif

/* From a set of mapped operators to a plan. */
#ifndef COMPILER_LOWER_H
#define COMPILER_LOWER_H

#include "compiler/plan.h"
#include "graph/partition.h"

/* Infeed of every input, the operators, outfeed of every output. */
bool lower_partition(struct plan *p, const struct partition *set);

/* Where maxima alone read beyond the border of an image, it has the least value there (lower_pool.c).  Behind all
 * claims. */
void lower_pad_maxima(struct plan *p);

/* ---- for lower_*.c ---- */

/* Value of a tensor of the graph. */
uint32_t lower_value(struct plan *p, uint32_t tensor);
/* The same vector, complete on each tile of `tiles`. */
uint32_t lower_whole(struct plan *p, uint32_t value, int32_t tiles, uint32_t op);
/* It lies on the grid with the shape of its tensor: not as a vector, nor as the image that a RESHAPE has renamed. */
bool lower_is_image(const struct plan *p, uint32_t tensor);
/* A RESHAPE of an image that only dense layers read, by family_raster (lower_reshape.c). */
bool reshapes_raster(const struct tfl_subgraph *g, const struct tfl_operator *o);
/* Rows of images, one behind another: LAYOUT_PARTS (lower_parts.c). */
void lower_join_parts(struct plan *p, uint32_t op);
void lower_rename_parts(struct plan *p, uint32_t op);
void lower_unary_parts(struct plan *p, uint32_t op);
void lower_parts_to_host(struct plan *p, uint32_t tensor);
/* The same in order on the tiles (rows.h), while the plan's `rows` says so.  A RESHAPE to rows, or of a column of rows
 * to a row of them, and a CONCATENATION of rows: false if it is none. */
bool lower_rows(struct plan *p, uint32_t op);
bool lower_join_rows(struct plan *p, uint32_t op);
/* All that read the tensor make rows of so many channels of it; 0: else. */
int32_t lower_row_channels(const struct plan *p, int32_t tensor);
/* What the operator makes of this value of its input. */
uint32_t lower_unary_value(struct plan *p, uint32_t op, uint32_t from);
/* A tensor with these numbers and the shape of the value. */
const struct tfl_tensor *lower_shaped(struct plan *p, const struct tfl_tensor *like, const struct value *v);
/* Channel i of image `to` is channel from[i] of `in`; both have the numbers of `like`. */
void lower_select_channels(struct plan *p, uint32_t op, const struct tfl_tensor *like, uint32_t in, uint32_t to,
                           const int32_t *from);
/* The same for a vector of z elements, which is new. */
uint32_t lower_select_vector(struct plan *p, uint32_t op, const struct tfl_tensor *like, uint32_t in, int32_t z,
                             const int32_t *from);
/* Input k of an operator on several tensors, which is no constant, as large as the result: an image without a border
 * of its own, or a vector in slices (lower_repeat.c). */
uint32_t lower_operand(struct plan *p, uint32_t op, uint32_t k, bool image);
/* Both inputs so, a constant as a value of its own. */
void lower_operands(struct plan *p, uint32_t op, uint32_t in[2]);
/* All of a value through the tensor unit with these numbers: a new value of the tensor. */
uint32_t lower_pointwise(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t from,
                         const struct isa_tensor *numbers);
/* 255 - x of every byte x of a value with the numbers of t; the new value's tensor has its zero point mirrored too. */
uint32_t lower_complement(struct plan *p, uint32_t op, const struct tfl_tensor *t, uint32_t from);
/* A sum or product of two values of one shape. */
struct binary_detail;
void lower_pair(struct plan *p, uint32_t op, const struct binary_detail *d, uint32_t x, uint32_t y, uint32_t out);
/* ADD, SUB or MUL of a constant, one value or one for each channel, as a requantisation of the other operand. */
struct folding {
    enum tfl_builtin code;
    enum tfl_activation activation;
    const struct tfl_tensor *in, *constant, *out;
    int sign; /* of the constant */
};
void lower_fold(struct plan *p, uint32_t op, const struct folding *f, uint32_t from, uint32_t to);
/* A new value of the tensor, laid out as another one. */
uint32_t lower_like(struct plan *p, const struct tfl_tensor *t, uint32_t model);
/* A vector's elements one behind another as those of a new value, an image or slices (lower_rearrange.c); the same for
 * an image to slices. */
void lower_elements(struct plan *p, uint32_t op, uint32_t from, uint32_t to);
/* A constant with an element for each of `out`, or repeated to its shape, as a value like `model` (lower_constant.c).
 */
uint32_t lower_constant(struct plan *p, uint32_t op, const struct tfl_tensor *t, const struct tfl_tensor *out,
                        uint32_t model);
/* The same where all pixels have these channels; one: all channels are it. */
uint32_t lower_constant_pixel(struct plan *p, uint32_t op, const struct tfl_tensor *t, const uint8_t *data,
                              int32_t channels, uint32_t model);
/* A step that copies pixels of an image, or of a whole one on every tile, to those of another as the maps say. */
void lower_copy(struct plan *p, uint32_t op, uint32_t from, uint32_t to, struct axis_map y, struct axis_map x);
/* A step that copies words of all pixels: image to image, of the same rows and columns. */
struct plane_detail;
struct step *lower_plane(struct plan *p, uint32_t op, uint32_t from, uint32_t to, struct plane_detail d);
/* The same image in a plane without a border. */
uint32_t lower_plain(struct plan *p, uint32_t value, uint32_t op);
/* The same vector in slices. */
uint32_t lower_slices(struct plan *p, uint32_t value, uint32_t op);

#endif

/* What the kernel files share: checks, shapes, rows of integers. */
#ifndef KERNELS_INTERNAL_H
#define KERNELS_INTERNAL_H

#include "kernels/fixed.h"
#include "kernels/kernels.h"

/* Checks.  Each sets a message and returns false where the condition does not hold. */
bool need(struct kern_ctx *c, bool condition, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool need_type(struct kern_ctx *c, kern_in t, enum kern_type type);
bool need_rank(struct kern_ctx *c, kern_in t, uint32_t rank);
bool need_same_type(struct kern_ctx *c, kern_in a, kern_in b);
bool need_quant(struct kern_ctx *c, kern_in t); /* one scale, zero point inside the type's range */
bool unsupported_types(struct kern_ctx *c, kern_in x, kern_in y); /* always fails */

static inline bool is_quant8(kern_in t) { return t->type == KERN_I8 || t->type == KERN_U8; }
static inline int32_t zero_of(kern_in t) { return (int32_t)t->zero[0]; }

/* Range of an integer type that is quantised. */
int32_t type_min(enum kern_type type);
int32_t type_max(enum kern_type type);

/* Axis -rank..rank-1 made 0..rank-1. */
bool normal_axis(struct kern_ctx *c, int64_t axis, uint32_t rank, uint32_t *out);
/* Element i of an int32 or int64 tensor. */
int64_t int_at(kern_in t, size_t i);
bool need_ints(struct kern_ctx *c, kern_in t); /* int32 or int64 */

/* Gives y its shape (positive sizes, fewer than 2^31 elements) and memory. */
bool shape_output(struct kern_ctx *c, kern_out y, const int32_t *dim, uint32_t rank);
bool shape_like(struct kern_ctx *c, kern_out y, kern_in x);

/* Product of dim[from..to). */
size_t span(const int32_t *dim, uint32_t from, uint32_t to);

/* Rows of integers (int8, uint8, int16, int32) as int32; float32 elements are moved as their 32 bits. */
void load_row(kern_in t, size_t at, size_t n, int32_t *row);
void store_row(kern_out t, size_t at, size_t n, const int32_t *row);
/* Rows of 8-bit values minus `zero`, which lies in the type's range. */
void load_row16(kern_in t, size_t at, size_t n, int32_t zero, int16_t *row);

/* Activation range in quantised units, TFLite's rule. */
void activation_range(kern_in y, enum kern_activation act, int32_t *lo, int32_t *hi);
void activation_range_f32(enum kern_activation act, float *lo, float *hi);
bool need_activation(struct kern_ctx *c, enum kern_activation act);

/* Output size and leading padding along one dimension. */
bool window_output(struct kern_ctx *c, bool same, int32_t in, int32_t filter, int32_t stride, int32_t dilation,
                   int32_t *out, int32_t *before);

#endif

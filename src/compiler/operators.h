/* The operators that the compiler knows: what may run on the chip and how it is taken apart. */
#ifndef COMPILER_OPERATORS_H
#define COMPILER_OPERATORS_H

#include "compiler/plan.h"
#include "compiler/support.h"

/* Where the form of the instructions comes from. */
enum operator_basis {
    BASIS_ATTESTED, /* an official program does the same; see the emit_*.c */
    BASIS_COMPOSED, /* put together from instructions of official programs that do something else */
};

struct operator_rule {
    enum tfl_builtin code;
    struct verdict (*support)(const struct support *s, uint32_t op);
    bool (*lower)(struct plan *p, uint32_t op); /* appends values and steps */
    bool image; /* takes its inputs as images on the grid of tiles */
    bool either; /* takes and makes images or vectors */
    bool vectors; /* of these: takes and makes vectors where the output is one pixel */
    bool repeats; /* of these: repeats an operand that is one pixel, however it lies */
    enum operator_basis basis;
    const char *limits; /* for docs/operators.md; the numbers and all other conditions are in support_*.c */
};

/* All, by name. */
const struct operator_rule *operator_rules(size_t *count);
/* NULL for an operator that never runs on the chip. */
const struct operator_rule *operator_rule_of(enum tfl_builtin code);

/* support.c */
struct verdict support_fully_connected(const struct support *s, uint32_t op);
struct verdict support_reshape(const struct support *s, uint32_t op);
/* support_vector.c */
struct verdict support_concatenation(const struct support *s, uint32_t op);
struct verdict support_softmax(const struct support *s, uint32_t op);
struct verdict support_l2_norm(const struct support *s, uint32_t op);
/* support_lstm.c */
struct verdict support_lstm(const struct support *s, uint32_t op);
/* support_image.c */
struct verdict support_conv(const struct support *s, uint32_t op);
struct verdict support_transpose_conv(const struct support *s, uint32_t op);
/* support_pool.c */
struct verdict support_pool(const struct support *s, uint32_t op);
/* support_elementwise.c */
struct verdict support_binary(const struct support *s, uint32_t op);
struct verdict support_unary(const struct support *s, uint32_t op);
struct verdict support_limit(const struct support *s, uint32_t op);
struct verdict support_exp(const struct support *s, uint32_t op);
struct verdict support_prelu(const struct support *s, uint32_t op);
/* The constant is no single value and not one for each channel of `out`. */
bool is_constant_image(const struct tfl_tensor *t, const struct tfl_tensor *out);
/* Each of its dimensions is that of the output, or 1. */
bool constant_fits(const struct tfl_tensor *t, const struct tfl_tensor *out);
/* The element of such a constant that is repeated to element i of the output (lower_constant.c). */
size_t constant_index(const struct tfl_tensor *t, const struct tfl_tensor *out, size_t i);
/* What of a constant the chip must make for an image. */
struct constant_form {
    bool alike;       /* all pixels: it is only written */
    int32_t channels; /* else: that many, which repeat, of each pixel come as parameters */
};
struct constant_form constant_form_of(const struct tfl_tensor *t, const struct tfl_tensor *out);
/* support_move.c */
struct verdict support_join(const struct support *s, uint32_t op);
struct verdict support_move(const struct support *s, uint32_t op);
/* support_parts.c: the operator makes rows of images, or goes on with such rows */
bool support_is_rows(const struct support *s, uint32_t op);
/* Some input lies on the chip as an image of another shape. */
bool support_reads_rows(const struct support *s, uint32_t op);
/* lower_*.c */
bool lower_join(struct plan *p, uint32_t op);
bool lower_move(struct plan *p, uint32_t op);
bool lower_pad(struct plan *p, uint32_t op);
/* What a PAD that became part of the windows behind it adds to the tensor on top and left (lower_move.c). */
void lower_padding(const struct plan *p, int32_t tensor, int32_t *top, int32_t *left);
bool lower_binary(struct plan *p, uint32_t op);
bool lower_unary(struct plan *p, uint32_t op);
bool lower_limit(struct plan *p, uint32_t op);
bool lower_squared_difference(struct plan *p, uint32_t op);
bool lower_prelu(struct plan *p, uint32_t op);
bool lower_concatenation(struct plan *p, uint32_t op);
bool lower_conv(struct plan *p, uint32_t op);
bool lower_transpose_conv(struct plan *p, uint32_t op);
/* A CONV_2D of one pixel with a kernel of one: the product of a vector and a matrix (lower_conv.c). */
bool conv_is_product(const struct tfl_subgraph *g, const struct tfl_operator *o);
bool lower_fully_connected(struct plan *p, uint32_t op);
bool lower_reshape(struct plan *p, uint32_t op);
bool lower_pool(struct plan *p, uint32_t op);
bool lower_softmax(struct plan *p, uint32_t op);
bool lower_l2_norm(struct plan *p, uint32_t op);
bool lower_lstm(struct plan *p, uint32_t op);

#endif

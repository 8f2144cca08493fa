/* Windows of AVERAGE_POOL_2D and MAX_POOL_2D, MEAN, SUM, REDUCE_MAX and REDUCE_MIN over rows and columns, as the steps
 * and the support rules see them. */
#ifndef COMPILER_POOL_H
#define COMPILER_POOL_H

#include "compiler/geometry.h"
#include "compiler/plan.h"
#include "graph/graph.h"

enum pool_kind { POOL_MEAN, POOL_SUM, POOL_MAX };

struct pool_detail {
    const struct tfl_tensor *in, *out;
    enum tfl_activation activation;
    enum pool_kind kind;
    struct axis_window y, x;
    bool padded; /* pixels outside the image have the least value (struct value) and are read like others */
};

/* Reads the operator; false, with a reason, where it is no such window. */
bool pool_of(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, struct pool_detail *d,
             struct shape4 *from,
             struct shape4 *to, const char **why);
/* MEAN, SUM, REDUCE_MAX, REDUCE_MIN. */
bool is_reduction(const struct tfl_operator *o);
/* Which of batch, rows, columns and channels such an operator reduces; false: its axes are no constant. */
bool reduced_axes(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, bool gone[4]);
/* It reduces channels and no pixels (lower_reduce.c). */
bool reduction_of_channels(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o);
bool lower_channel_reduction(struct plan *p, uint32_t op);
/* One window covers the whole image: what comes out is a vector (emit_global_pool.c). */
bool pool_is_global(const struct pool_detail *d, const struct shape4 *from, const struct shape4 *to);

/* Scale, clamp, zero points and the kind of operands of the instruction that reduces windows of n pixels
 * (../shared/isa/numerics.md 2.2). */
void pool_set_numbers(struct isa_tensor *i, const struct pool_detail *d, int32_t n);

/* What turns whole groups of channels waits for each as it was made, and as borders of it came in: `flag` counts these
 * on its tile; dim: loops of one group.  The fence in front has waited for all of it, but tiles whose flags differ have
 * instructions of their own (mobilenet_v1_*; catalogue P268: 13x13x64).  Where the last group is not whole there are no
 * such waits (deeplabv3_mnv2_dm05, 160 channels; P269, 164). */
void pool_wait(struct isa_to_wide *i, const int32_t flag[ISA_FLAGS], int32_t dim, int32_t groups);

/* Input pixels inside the image that outputs [made.first, made.end) cover; size: of the image along the axis. */
struct span pool_covered(struct span made, const struct axis_window *w, int32_t size);

/* Wide rows that a pool from image to image takes; more than there are where one row of windows is too large. */
int32_t pool_wide_rows(const struct pool_detail *d, const struct grid *in, const struct grid *out);

/* NULL, or why an image of this shape is too large to be reduced to one pixel. */
const char *pool_global_refusal(struct arena *a, const struct shape4 *from);

/* Whether a pool of a whole image may take the form of emit_exchange.c: numbers of pixels and channels. */
bool channel_pool_fits(const struct shape4 *s);
const void *channel_pool_detail(struct arena *a, const struct pool_detail *d);

/* Words of channels that lie side by side in a wide row, and pixels of each. */
enum { POOL_GROUP_WORDS = 16, POOL_ROW_PIXELS = 4 };

#endif

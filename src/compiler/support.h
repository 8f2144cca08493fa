/* Which operators run on the Edge TPU: one small rule per operator.
 * Status strings are those of the official log (../shared/spec/compiler-behaviour.md section 3); `why` is ours. */
#ifndef COMPILER_SUPPORT_H
#define COMPILER_SUPPORT_H

#include "base/arena.h"
#include "compiler/view.h"

#define SUPPORT_MAPPED "Mapped to Edge TPU"
#define SUPPORT_MORE_SUBGRAPHS "More than one subgraph is not supported"
#define SUPPORT_LIMITATION "Operation is otherwise supported, but not mapped due to some unspecified limitation"
#define SUPPORT_DATA_TYPE "Operation is working on an unsupported data type"
#define SUPPORT_NOT_SUPPORTED "Operation not supported"
#define SUPPORT_VERSION "Operation version not supported"
#define SUPPORT_RANK "Tensor has unsupported rank (up to 3 innermost dimensions mapped)"
#define SUPPORT_NOT_CONSTANT "Filter, bias, or other param is not constant at compile-time"

struct verdict {
    const char *status; /* SUPPORT_MAPPED or one of the others */
    const char *why;    /* NULL where mapped: operator, tensor, numbers, and what would help */
};

/* How a tensor lies on the chip. */
enum support_form {
    FORM_IMAGE,  /* on the grid of tiles, or it comes in from the host as its reader likes */
    FORM_PIXEL,  /* one pixel, which can be read as an image and as a vector (a pool of a whole image) */
    FORM_VECTOR,
};

struct support {
    struct arena *arena;
    struct views views;
    const struct graph *graph; /* of the views */
    int min_runtime_version;
    struct verdict *verdicts; /* one per operator: each judged by itself; partitioning may still leave it on the CPU */
    bool *rearranged; /* one per operator: mapped, and moves its elements one by one (rearrange.h) */
    enum support_form *form; /* of each tensor */
    bool *read_flat; /* tensor: every reader takes it as one vector             */
    bool *made_flat; /* tensor: it is made as one vector, or can come in as one */
};

/* Judges every operator of the graph. */
void support_judge(struct support *s, struct arena *a, const struct graph *g, int min_runtime_version);

/* How the result of an operator, just judged, lies. */
enum support_form support_form_of(const struct support *s, uint32_t op);
/* A CONV_2D that becomes the product of a vector and a matrix. */
bool support_is_product(const struct support *s, const struct tfl_operator *o);

/* Weights (input 1) and bias (input 2) of a weighted operator: constant, of types that the chip takes. */
struct verdict support_weights(const struct support *s, uint32_t op);

/* An operator that only renames its input: the same bytes (RESHAPE, SQUEEZE, EXPAND_DIMS; QUANTIZE int8 <-> uint8). */
bool support_is_alias(const struct tfl_subgraph *g, const struct tfl_operator *o);
/* One value per channel and no pixels beside: [c], [1,c], [1,1,1,c]. */
bool is_pixel(const struct tfl_tensor *t);

#endif

/* Which operators run on the Edge TPU together, and the model in which each such set has become one operator.
 * ../shared/isa/container.md section 6. */
#ifndef GRAPH_PARTITION_H
#define GRAPH_PARTITION_H

#include "graph/graph.h"

/* A run of operators of one kind. */
struct partition {
    bool mapped;
    uint32_t *operators; /* ascending */
    uint32_t n_operators;
    /* The set as one operator, tensors ascending: what it reads from outside and is not constant (variable tensors
     * included); what it makes that is read outside or is a graph output. */
    uint32_t *inputs, *outputs;
    uint32_t n_inputs, n_outputs;
};

struct partitions {
    struct partition *parts; /* in order of execution; every operator is in exactly one */
    uint32_t count;
};

/* TFLite's delegate partitioner: again and again, take every operator whose inputs are ready and whose kind (mapped or
 * not, one flag for each operator) is that of the first one that can be taken. */
void partition_graph(struct arena *a, const struct graph *g, const bool *mapped, struct partitions *out);

/* Clears the flag of every operator outside the first mapped partition: without -a, the official compiler delegates
 * only that one (compiler-behaviour.md section 6). */
void partition_keep_first(struct arena *a, const struct graph *g, bool *mapped);

/* The model with an `edgetpu-custom-op` in place of each mapped partition; custom_options: one for each of these, in
 * order.  Tensors that nobody uses any more are gone and the rest renumbered in source order.  Metadata, signatures,
 * operator versions and shape signatures are kept (tfl_write's official form drops them).  Written in the official
 * form it is the official compiler's file: see tests/corpus/test_rewrite_corpus.c.
 * The model must have one subgraph, which is g's source. */
bool graph_rewrite(struct arena *a, const struct tfl_model *m, const struct graph *g, const struct partitions *p,
                   const struct bytes *custom_options, struct tfl_model **out, struct status *st);

#endif

/* Where the user lets the Edge TPU's part of a model end: at named tensors (-i), or before the last operators (-d). */
#ifndef COMPILER_CUT_H
#define COMPILER_CUT_H

#include "compiler/compiler.h"
#include "graph/graph.h"

enum cut_kind {
    CUT_NONE,
    CUT_AT_TENSOR, /* reads a named tensor                          */
    CUT_BEHIND,    /* depends on such an operator                   */
    CUT_DROPPED,   /* one of the last operators, which are left out */
};

/* One kind per operator.  Fails where no tensor has a given name. */
bool cut_graph(struct arena *a, const struct graph *g, const struct compile_stops *stops, uint32_t drop_last,
               enum cut_kind **out, struct status *st);

#endif

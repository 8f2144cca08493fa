/* Images under other names.  Detectors (YOLOv5) give the A anchors of a pixel an axis of their own:
 *
 *   RESHAPE [1,y,x,A*c] -> [1,y*x,A,c],
 *   operators element by element; SLICE, STRIDED_SLICE, SPLIT and CONCATENATION along the last axis,
 *   RESHAPE to anything else.
 *
 * Between the two RESHAPEs the elements have the order of an image [1,y,x,A*c]: A blocks of c channels.  So on the chip
 * such tensors are these images: nothing moves but channels.  The passes behind this one see a graph in which the
 * tensors have the image's shape, the first RESHAPE is a QUANTIZE that changes nothing, and constants are those of the
 * image; only what moves channels has to know of blocks (view_parts).
 * Official instances: the heads of yolov5n (catalogue P518, P519, P521, P523, P525) are mapped. */
#ifndef COMPILER_VIEW_H
#define COMPILER_VIEW_H

#include "compiler/move.h"
#include "graph/graph.h"

struct views {
    const struct tfl_subgraph *original;
    const struct graph *graph; /* the same operators and tensors by number, constants of images behind them */
    const int32_t *blocks;     /* of channels, by tensor of the graph; 0: it is no view */
};

/* The official compiler leaves a RESHAPE at either end of a view on the CPU where its result is larger than some limit:
 * as an image of its own shape it takes so many bytes of a tile, of which up to 35200 are mapped (P518: 1x1600x3x85)
 * and 52500 and more are not (P519: 1x7500x25).  Ours, in between, is a quarter of narrow memory. */
bool view_may_begin_or_end(const struct tfl_tensor *t);

struct views view_graph(struct arena *a, const struct graph *g);

/* move_parts() of an operator of the viewed graph. */
const struct move_part *view_parts(struct arena *a, const struct views *v, uint32_t op, uint32_t k, uint32_t *count,
                                   const char **why);

#endif

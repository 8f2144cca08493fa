/* How an image lies on the 4 x 4 grid of tiles, one axis at a time.
 *
 * Tile row (or column) i of an axis of n pixels owns pixels [ceil(i*n/4), ceil((i+1)*n/4)).  A windowed operation needs
 * more of its input than a tile owns: the plane of a value on a tile is what it owns and what its consumers need, a
 * rectangle in narrow memory, row-major, ceil(channels/4) words a pixel, each tile with its own row pitch.  Pixels
 * outside the image are padding and part of the plane. Source: every halo and tensor instruction of the official
 * mobilenet_v1_0.25_128, 0.5_160, 0.75_192. */
#ifndef COMPILER_GEOMETRY_H
#define COMPILER_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "isa/isa.h"

enum { GRID = 4 };

struct span { /* pixels [first, end) */
    int32_t first, end;
};
static inline int32_t span_size(struct span s) { return s.end - s.first; }

/* One axis of a sliding window: output pixel o reads o*stride - before + k*dilation, k < kernel. */
struct axis_window {
    int32_t kernel, stride, dilation, before;
};

/* One axis of a move: output pixel first + k*step, below end, is input pixel from + k*stride, which may lie outside the
 * image: padding. */
struct axis_map {
    int32_t first, end, step, from, stride;
};
static inline struct axis_map axis_same(int32_t n) { return (struct axis_map){0, n, 1, 0, 1}; }
/* The values of k whose output pixels lie in `own`. */
struct span axis_steps(const struct axis_map *m, struct span own);

/* The input pixels of those of `made` that the move makes; empty if none. */
struct span map_need(const struct axis_map *m, struct span made);

void axis_split(int32_t n, struct span own[GRID]);
/* What the outputs `made` (not empty) read of the input; may stick out of the image. */
struct span window_need(struct span made, const struct axis_window *w);
/* Around both; an empty one counts for nothing. */
struct span span_hull(struct span a, struct span b);
/* What each tile must have of an input of `in` pixels to make its part of `out` pixels; may stick out of the image. */
void axis_need(int32_t in, int32_t out, const struct axis_window *w, struct span need[GRID]);

/* A value's rectangles, per tile row (y) and tile column (x). */
struct grid {
    struct span own_y[GRID], own_x[GRID];     /* what the producer writes                         */
    struct span need_y[GRID], need_x[GRID];   /* what the consumers read; empty until claimed     */
    struct span plane_y[GRID], plane_x[GRID]; /* both together: what is kept                      */
    int32_t y, x;                             /* of the whole image                               */
    int32_t words;                            /* per pixel: ceil(channels / 4)                    */
};

struct grid grid_of(int32_t y, int32_t x, int32_t z);
/* The last tile row (column) that owns pixels: behind it the image ends. */
int grid_edge(const struct span own[GRID]);
/* The planes, from what is owned and what is needed. */
void grid_keep(struct grid *g);
/* A consumer reads `y`, `x` windows to make an image of out_y x out_x pixels. */
void grid_claim(struct grid *g, int32_t out_y, int32_t out_x, const struct axis_window *y, const struct axis_window *x);
/* The same for an image whose pixels lie on the tiles in a way of their own. */
void grid_claim_for(struct grid *g, const struct grid *out, const struct axis_window *y, const struct axis_window *x);
/* Each tile holds what has been claimed of the image for it, whatever others hold, and only padding beside. */
void grid_own_claims(struct grid *g);
/* The same for a consumer that reads no padding. */
void grid_claim_inside(struct grid *g, int32_t out_y, int32_t out_x, const struct axis_window *y,
                       const struct axis_window *x);
/* A consumer moves its pixels to an image of out_y x out_x. */
void grid_claim_map(struct grid *g, int32_t out_y, int32_t out_x, const struct axis_map *y, const struct axis_map *x);
/* Pixel k of g lies on the tile whose part of `out` has the pixel that the move makes of it. */
void grid_follow_map(struct grid *g, const struct grid *out, const struct axis_map *y, const struct axis_map *x);
/* Planes of the same shape on every tile. */
bool grid_same_planes(const struct grid *a, const struct grid *b);
/* Words of the largest plane: the buffer, the same on all tiles. */
int32_t grid_words(const struct grid *g);
/* Word offset of pixel (y, x) inside the plane of a tile, and of one row below another. */
int32_t grid_at(const struct grid *g, int tile, int32_t y, int32_t x);
int32_t grid_pitch(const struct grid *g, int tile);
/* Some tile row (column) keeps pixels before (after) its own: a halo exchange in that direction is due. */
bool grid_has_halo(const struct grid *g);

/* ---- loops ---- */

/* Drops loops of one iteration and joins neighbours that run on without a gap; returns how many remain. */
unsigned loops_squeeze(struct isa_dim *d, unsigned n);

/* ---- tile classes: tiles whose instruction is the same but for the mask ---- */

/* Calls make(tile, arg, &inst) for tiles 0..15 in order (false: the tile has none), joins equal instructions of equal
 * key(tile) into one whose mask names all of them, and gives them in the order of their first tiles.
 * `tiles` in the instructions must be left 0.  Returns how many. */
typedef bool tile_inst_fn(int tile, const void *arg, struct isa_inst *out);
unsigned tile_classes(tile_inst_fn *make, const void *arg, const int32_t key[ISA_TILES],
                      struct isa_inst out[ISA_TILES]);

#endif

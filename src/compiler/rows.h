/* Detection heads in order on the tiles: images whose pixels hold several rows (RESHAPE [1,y,x,k*c] to [1,y*x*k,c]),
 * and such rows one behind another (CONCATENATION), over the mesh.
 *
 * The image [1,N,1,c] or [1,1,N,c] of the rows is split over one column or row of tiles.  A RESHAPE brings the pixels
 * of each row of tiles to its first tile; from there what each of these tiles needs of the other rows (rows along y),
 * or all to the first tile, which deals its neighbours their part (rows along x).  A CONCATENATION moves what lies on
 * another tile than in the joined image.
 * Source: tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3, twelve RESHAPEs of 19x19, 10x10, 5x5, 3x3, 2x2 and 1x1
 * pixels, two CONCATENATIONs, one RESHAPE from a column to a row: every mesh and tensor instruction. */
#ifndef COMPILER_ROWS_H
#define COMPILER_ROWS_H

#include "compiler/plan.h"

extern const struct family family_rows;      /* grid -> rows            emit_rows.c; detail: rows_detail() */
extern const struct family family_join_rows; /* several rows -> one     emit_join_rows.c; detail: rows_detail() */

struct rows_detail {
    bool along_x;              /* else along y */
    uint32_t relay, identity;  /* narrow buffers, settled by size */
    uint32_t gathered;         /* family_rows: the image on the first tile of each row of tiles */
};
void *rows_detail(struct arena *a, bool along_x);

/* ---- for both ---- */

/* A box of words in a plane: counts and strides in words, innermost first. */
struct rows_box {
    int32_t at, count[3], pitch[3];
    int32_t plane; /* words of the whole plane */
};
/* Copies boxes on a tile through the tensor unit: the same count, from one place to another. */
struct rows_copy {
    bool any;
    struct rows_box from, to;
};
void rows_copy_all(struct program *p, int32_t row, const struct rows_copy copy[ISA_TILES]);
/* One block over the mesh. */
struct rows_move {
    int sender, receiver;
    struct rows_box from, to;
};
/* Moves of one direction and one distance, in different rows of tiles, as few instructions.  Returns the tiles for
 * mesh_close. */
int32_t rows_move_all(struct program *p, enum isa_opcode op, const struct rows_move *m, int n, int32_t relay);
/* Identity matrix, if the step is the first to need it. */
void rows_identity(const struct plan *plan, const struct step *s, const struct rows_detail *d, struct program *p);
void rows_fence(struct program *p, int times);
/* Relay, identity; size of the result. */
void rows_size(struct plan *p, uint32_t index);

#endif

/* The plan of one executable: activations as values on the tiles, and the steps that make them.
 *
 * The passes over a plan, in order:
 *   lower    lower_*.c      each mapped operator appends values and steps
 *   size     family->size   each step asks for narrow buffers, wide rows and parameters
 *   place    place_plan.c   narrow addresses, tile and row of every cached parameter, order of streamed ones
 *   emit     family->emit   each step appends instructions
 * A family (emit_*.c) is a kind of step.  To add an operator: a rule in support.c, a lowering in
 * lower_FAMILY.c, a line for both in operators.c; a new kind of step brings its own emit_FAMILY.c. */
#ifndef COMPILER_PLAN_H
#define COMPILER_PLAN_H

#include "compiler/geometry.h"
#include "compiler/narrow.h"
#include "compiler/params.h"
#include "compiler/place.h"
#include "compiler/program.h"
#include "tflite/model.h"

/* How an activation lies on the tiles. */
enum layout {
    LAYOUT_GRID,   /* image: 4 x 4 tiles cut it in y and x; every tile has all channels of its pixels */
    LAYOUT_SLICES, /* 1x1xZ: tile t holds words [t * slice_words, ...) of it                          */
    LAYOUT_WHOLE,  /* 1x1xZ: all of it on every tile that needs it                                    */
    LAYOUT_PARTS,  /* rows of channels of several images, one behind another: it only names these    */
};

struct value {
    const struct tfl_tensor *tensor; /* numbers and name; the shape is y, x, z below */
    int32_t y, x, z;
    enum layout layout;
    struct grid grid;    /* LAYOUT_GRID: what each tile holds */
    int32_t element;      /* bytes of one: 1, or 2 (the cell state of an LSTM) */
    int32_t tiles;        /* LAYOUT_WHOLE: mask of the tiles that need it */
    uint32_t *parts, n_parts; /* LAYOUT_PARTS: values, LAYOUT_GRID */
    bool in_place; /* LAYOUT_SLICES: a slice lies where it would in the whole vector, not at the start of the buffer */
    bool padded_least; /* outside the image it has the least value, for maxima; else its zero point */
    int32_t passes;  /* an output that leaves the chip in several passes (strips.h); else 0 */
    uint32_t buffer; /* narrow buffer, the same on all tiles; NO_BUFFER until sized */
    int32_t offset;  /* words into the buffer */
    uint32_t first, last; /* steps that make it and use it last */
};
enum { NO_BUFFER = UINT32_MAX, NO_OPERATOR = UINT32_MAX };

struct partition;
struct views;
struct plan;
struct step;

struct family {
    const char *name;
    /* Appends narrow buffers, lowers the wide floor, adds parameters.  Runs in step order. */
    bool (*size)(struct plan *p, uint32_t step);
    /* Appends the instructions; all addresses are settled. */
    void (*emit)(const struct plan *p, const struct step *s, struct program *out);
    /* The rows (columns) of its input that it reads to make the rows (columns) `made` (not empty) of its output,
     * whatever those are, so that it can work on strips (strips.h).  They may stick out of the image: padding.  NULL:
     * it takes whole images only. */
    struct span (*reads)(const struct plan *p, const struct step *s, bool columns, struct span made);
    bool same_planes; /* its inputs must lie in planes of one shape */
    bool by_word;     /* signals each word of four channels when it is made */
    bool closes;      /* ends with a fence, behind the exchange of borders */
    bool rests;       /* the exchange of borders behind it ends with a fence that leaves the flags */
    bool identity;    /* needs a 4x4 identity matrix, which the program keeps for all such steps (identity_row) */
};

enum { MAX_INPUTS = 16 };

struct step {
    const struct family *family;
    uint32_t op; /* TFLite operator, or NO_OPERATOR */
    uint32_t in[MAX_INPUTS], n_in, out;
    uint32_t temporary;  /* narrow buffer of the step's own, or NO_BUFFER */
    uint32_t parameter;  /* index in plan->parameters, or UINT32_MAX */
    uint32_t twin;       /* an earlier step with the same parameters (strips.h), or NO_STEP */
    int32_t passes;      /* times that the parameters are sent if more than once; else 0 */
    int32_t positions;   /* pixels that a tile makes at most, where all strips must agree on them; else 0 */
    int32_t wide_top;    /* wide rows from here on belong to others while it runs; 0: none do */
    int32_t wide_keep;   /* so does this row; 0: none */
    struct span channels; /* words of a pixel of its output that it makes alone, with their borders; empty: all */
    const void *detail;  /* the family's numbers */
    int32_t wide_floor;  /* lowest wide row that it uses; after the size pass */
    int32_t identity_row; /* wide row of the identity matrix: of a family with `identity`; else of one that lives on, or
                             -1 */
    bool writes_identity; /* the first step that needs it */
};

struct parameter {
    uint32_t op;
    struct segment segment;
    enum place_kind kind;
    int32_t level;
    int32_t part;       /* rows of it that belong to each tile (struct place_item), or 0 */
    int32_t prefix;     /* cached: per-channel rows that a tile takes as a prefix (caching.h) */
    bool streamed;      /* comes from the host at every inference, else cached */
    int64_t offset;     /* streamed: byte offset in the EXECUTION_ONLY blob */
    struct placed at;   /* cached: where */
};

struct plan {
    struct arena *arena;
    struct status *st;
    const struct tfl_subgraph *graph; /* of the views */
    const struct views *views;
    struct value *values;
    struct step *steps;
    struct narrow_buffer *buffers;
    struct parameter *parameters;
    uint32_t n_values, n_steps, n_buffers, n_parameters;
    size_t values_capacity, steps_capacity, buffers_capacity, parameters_capacity;
    const struct partition *set; /* the operators */
    const bool *rearranged; /* by operator: it moves its elements one by one (rearrange.h) */
    bool rows;   /* heads of detection are brought into order on the tiles (rows.h), not on the way to the host */
    bool resizes; /* images are resized to the nearest pixel by 0x05, which takes them whole, not in strips */
    bool early;   /* outputs leave as soon as they are made (lane detection), not at the end */
    int32_t piece_room; /* words of narrow memory that products are made in pieces for, or 0: whole (emit_product.c) */
    int runtime; /* oldest that must accept the program; 14: what compiler 16 makes by itself */
    uint32_t *value_of; /* value of each tensor of the graph, or NO_VALUE */
    int32_t wide_floor; /* lowest wide row that a step uses: cached parameters lie below */
    uint32_t top_from, top_until; /* these steps have the identity matrix in the highest wide row; top_until 0: none */
    int32_t narrow_words;
    int64_t streamed_bytes;
    uint32_t misfit; /* where a pass failed because something does not fit: the operator, or NO_OPERATOR */
};
enum { NO_VALUE = UINT32_MAX, NO_STEP = UINT32_MAX };

void plan_init(struct plan *p, struct arena *a, const struct tfl_subgraph *g, struct status *st);

/* ---- building ---- */
uint32_t plan_value(struct plan *p, const struct tfl_tensor *t, enum layout layout, int32_t y, int32_t x, int32_t z);
struct step *plan_step(struct plan *p, const struct family *f, uint32_t op); /* valid until the next plan_step */
void step_reads(struct plan *p, struct step *s, uint32_t value);
void step_makes(struct plan *p, struct step *s, uint32_t value);
uint32_t plan_buffer(struct plan *p, struct narrow_buffer b);
/* The buffer is in use until step `last` at least. */
void plan_keep(struct plan *p, uint32_t buffer, uint32_t last);
uint32_t plan_parameter(struct plan *p, struct parameter q);
/* Steps in their final order: the lives of values counted anew. */
void plan_count_lives(struct plan *p);
/* A narrow buffer for the value, unless it has one. */
void plan_value_buffer(struct plan *p, uint32_t value);
/* The same for what a step makes element by element: the place of an operand that nobody needs any more, of the latest.
 */
void plan_value_in_place(struct plan *p, uint32_t step);
void plan_wide_floor(struct plan *p, int32_t row);
/* If nobody needs the value after `step`, it is alive in the first `phases` phases of it only (narrow.h). */
void plan_dies_in_phase(struct plan *p, uint32_t value, uint32_t step, int32_t phases);

/* ---- reading ---- */
const struct value *plan_in(const struct plan *p, const struct step *s, unsigned i);
const struct value *plan_out(const struct plan *p, const struct step *s);
int32_t value_at(const struct plan *p, const struct value *v); /* narrow word address */
/* Tiles that have pixels of an image; else all. */
int32_t value_tiles(const struct value *v);
int32_t slice_at(const struct plan *p, const struct value *v, int32_t tile); /* LAYOUT_SLICES: of a tile's words */
/* The step leaves an identity matrix in the highest wide row for those that follow: flattening, and the exchange before
 * a pool unless one stays from before (mobilenet_v1_*; catalogue: 7x7x1024 with LOGISTIC, yolov8n-cls). */
bool plan_leaves_identity(const struct plan *p, const struct step *s);
/* ... and nobody has used the row since. */
bool plan_finds_identity(const struct plan *p, const struct step *s);
/* The matrix of the first infeed lies in the highest wide row while the step runs. */
bool plan_identity_on_top(const struct plan *p, const struct step *s);
/* The wide row above those that the step may use. */
int32_t plan_top(const struct plan *p, const struct step *s);
/* The image whose borders have gone to the neighbours last before the step, or NO_VALUE. */
uint32_t plan_last_exchanged(const struct plan *p, const struct step *s);
/* The step that alone reads the value, or NULL: none or several. */
const struct step *plan_sole_reader(const struct plan *p, uint32_t value);

/* The operator that a step works for: its own, or, of a transfer to or from the host, one that makes or reads what is
 * moved; NO_OPERATOR if none does. */
uint32_t plan_operator_at(const struct plan *p, uint32_t step);
/* "op 3 (CONV_2D)" for messages. */
const char *plan_op_text(const struct plan *p, uint32_t op);

/* ---- passes ---- */
bool plan_size(struct plan *p);
bool plan_place_narrow(struct plan *p);
/* Caches what fits in `room` of the parameters of all plans that share the chip, placed as those of one model in that
 * order; the rest is streamed.  `room` must lie below the wide floor of each.  Fails where rows of four channels
 * remain, which the host cannot send. */
bool plan_place_parameters(struct plan *const *plans, uint32_t n, struct place_room *room);
bool plan_emit(struct plan *p, struct dwn_executable *out);

/* ---- geometry ---- */

/* 1x1xZ over tiles: groups of 64 channels, as many tiles as 16 allow (placement.md section 2, step 2). */
struct slices {
    int32_t groups;    /* of 64 channels                      */
    int32_t per_tile;  /* groups                              */
    int32_t tiles;
    int32_t words;     /* narrow words of a full slice        */
    int32_t total;     /* words that hold data: ceil(Z / 4)   */
};
struct slices slices_of(int32_t z);
struct slices value_slices(const struct value *v); /* LAYOUT_SLICES: with elements of its size */
int32_t slice_words(const struct slices *s, int32_t tile); /* the last may be shorter */

#endif

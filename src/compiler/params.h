/* Parameter segments: the bytes of one weighted operation in the `parameters` blob.
 * Facts: ../shared/isa/parameters.md (81 of 82 official blobs rebuilt from these rules). */
#ifndef COMPILER_PARAMS_H
#define COMPILER_PARAMS_H

#include "base/arena.h"
#include "base/status.h"
#include "tflite/model.h"

enum { PACKET = 64 }; /* bytes; segments are whole packets */

/* Weights of one operation in canonical form. */
struct weights {
    int32_t outputs, kh, kw, inputs; /* depthwise: outputs channels, inputs 1 */
    const uint8_t *data;             /* [outputs][kh][kw][inputs]; depthwise [kh][kw][outputs] */
    uint8_t flip;                    /* 0x80 for int8: stored bytes are data ^ flip */
    int32_t zero;                    /* zero point in the uint8 domain, also the padding */
    /* Per-channel arrays of `outputs` entries; NULL where none is stored. */
    const float *multiplier;
    const int32_t *bias;
    const int32_t *zeros;
};

/* Canonical form of CONV_2D, FULLY_CONNECTED (as a 1x1 convolution) and DEPTHWISE_CONV_2D weights.
 * An all-zero bias is dropped, as the official compiler does, but for selects. */
struct weighted;
struct weights weights_of(struct arena *a, const struct weighted *op, bool depthwise);

enum segment_form {
    SEGMENT_WIDE,      /* form A: groups of 64 outputs, a row = 64 outputs x 4 inputs */
    SEGMENT_NARROW,    /* form B: at most 4 outputs, 16 bytes per (ky, kx, 4 inputs)  */
    SEGMENT_DEPTHWISE, /* form C: groups of 4 channels as diagonal blocks             */
};

struct segment {
    struct bytes data;
    enum segment_form form;
    int32_t groups;     /* output groups of 64 (wide), else 1                     */
    int32_t lanes;      /* lanes of a row that carry data: 16, 32, 48 or 64       */
    int32_t rows;       /* wide-memory rows in all, a row of any width counts one */
    bool multipliers, bias, zeros; /* per-channel arrays present: one row each at the start of a group (wide form) */
};
int32_t segment_arrays(const struct segment *s); /* 0..3 */
/* Rows of 4 lanes, several in a wide row: the host sends no such rows to a tile (0x26 takes packets of 64 bytes, and
 * no official executable has it), so they must be cached. */
static inline bool segment_packed(const struct segment *s) { return s->form != SEGMENT_WIDE; }

/* input_outer: rows of kernels larger than 1x1 run [inputs/4][ky][kx] instead of [ky][kx][inputs/4]. */
struct segment segment_make(struct arena *a, const struct weights *w, enum segment_form form, bool input_outer);

#endif

/* The kinds of steps, and the small pieces that several of them share. */
#ifndef COMPILER_FAMILIES_H
#define COMPILER_FAMILIES_H

#include "compiler/numerics.h"
#include "compiler/plan.h"
#include "kernels/lut.h"

extern const struct family family_infeed_vector; /* host -> slices             emit_infeed.c  */
extern const struct family family_gather;        /* slices -> whole            emit_vector.c  */
extern const struct family
    family_fully_connected; /* whole -> slices        emit_fully_connected.c; detail: struct weighted */
extern const struct family
    family_outfeed_vector; /* slices -> host         emit_outfeed.c; detail: the tensor whose name the host knows */

extern const struct family family_join;      /* vector -> a place in another  emit_join.c; detail: struct join_detail */
extern const struct family family_raster;    /* grid -> slices               emit_raster.c; detail: raster_detail() */
extern const struct family family_flatten;   /* grid -> slices               emit_flatten.c; detail: flatten_detail() */
extern const struct family family_collect;   /* grid -> whole                emit_collect.c */
extern const struct family
    family_lstm; /* whole and two states -> grid or slices; changes the states   emit_lstm.c; lstm_detail (lstm.h) */
extern const struct family
    family_softmax; /* slices -> slices             emit_softmax.c; detail: softmax_detail() */

extern const struct family
    family_infeed_image; /* host -> grid               emit_image.c; detail: infeed_image_detail() */
extern const struct family family_outfeed_image; /* grid -> host               emit_image.c */
extern const struct family family_next_strip;    /* between two strips         strips.c */
extern const struct family
    family_keep_image; /* grid -> wide memory         emit_elsewhere.c; detail: struct kept_detail */
extern const struct family family_load_image; /* wide memory -> grid         the same */
extern const struct family family_pixels_elsewhere; /* grid -> another split of its columns or rows   emit_elsewhere.c;
                                                       detail: struct elsewhere_detail */
extern const struct family family_columns_elsewhere; /* the same, its identity matrix kept by strips.c */
extern const struct family family_conv; /* grid -> grid               emit_conv.c; detail: struct conv_detail */

/* The image can be flattened by family_flatten: the official form, for one channel. */
bool flatten_fits(const struct grid *g);
/* result: whose scale and zero point the vector has. */
void *flatten_detail(struct arena *a, const struct tfl_tensor *result);

extern const struct family family_pixels;     /* small grid -> whole         emit_pixels.c */
bool pixels_fit(const struct grid *g);

extern const struct family
    family_pool; /* grid -> grid                emit_pool.c; detail: struct pool_detail (pool.h) */
extern const struct family
    family_global_pool; /* grid -> one pixel           emit_global_pool.c; detail: struct pool_detail */
extern const struct family
    family_exchange; /* grid -> all pixels of 64 channels a tile   emit_exchange.c; channel_pool_detail() */
extern const struct family family_channel_pool; /* those -> slices              emit_exchange.c; the same detail */

/* An image in wide memory, from `row` on. */
struct kept_detail {
    int32_t row;
};
/* Wide rows that it takes. */
int32_t kept_rows_of(const struct grid *g);

/* Which columns (or rows); the others stay. */
struct elsewhere_detail {
    bool columns;
    struct span moved;
    int32_t fences; /* in front */
    uint32_t relay, identity; /* narrow buffers, settled by size */
};

struct join_detail {
    int32_t at;       /* first word in the result */
    bool first, last; /* of the parts */
};

void *softmax_detail(struct arena *a, const struct tfl_tensor *in, const struct tfl_tensor *out, float beta);

/* A convolution: its tensors and windows. */
struct conv_detail {
    struct weighted op;
    bool depthwise;
    struct axis_window y, x;
};

/* Steps of the tensor unit, or rows of weights on the ring if they take longer, for `pixels` pixels a tile of an image
 * made from one with `words` words a pixel. */
int64_t conv_cycles(const struct conv_detail *d, int32_t words, int32_t pixels);
/* Weights fit into wide memory, with sums of so many pixels a tile or of a part of them at a time. */
bool conv_fits(const struct conv_detail *d, int32_t words, int32_t pixels);

/* One tensor, word by word. */
struct pointwise_detail {
    struct isa_tensor numbers; /* scale, clamp, zero points, table */
    const struct lut *table;   /* that results go through, or NULL */
    struct axis_map y, x;      /* images: which pixels go where */
    int32_t from, to, words;   /* images: channel words, first in the input, first in the output, how many */
};

/* An image as it is: channel words, first in the input, first in the output, how many. */
struct plane_detail {
    int32_t from, to, words;
};

/* Two tensors, element by element. */
struct binary_detail {
    enum tfl_builtin code;
    const struct tfl_tensor *in[2], *out;
    enum tfl_activation activation;
    const struct lut *table; /* that sums go through, in real units, or NULL */
    const struct product_buffers *buffers; /* of emit_product.c */
};

/* A constant operand: one byte for each channel, or one for all. */
struct fixed_detail {
    const uint8_t *bytes; /* uint8 domain */
    int32_t channels;
};

extern const struct family
    family_pointwise; /* any -> the same layout, or whole -> grid  emit_pointwise.c; pointwise_detail */
extern const struct family family_plane; /* grid -> grid                emit_plane.c; detail: struct plane_detail */
extern const struct family family_joined; /* behind the parts of a CONCATENATION: nothing but fences; no detail */
/* `words` channel words a pixel are not too many for one instruction a tile. */
bool plane_fits(const struct grid *g, int32_t words);
extern const struct family family_sum;       /* two of a layout -> same   emit_sum.c; detail: struct binary_detail */
extern const struct family family_product; /* two of a layout -> same   emit_product.c; detail: struct binary_detail */
/* First of the four wide rows of the factors that family_sum makes. */
int32_t sum_matrix_row(const struct plan *p, const struct step *s);
extern const struct family family_fixed;     /* -> any layout             emit_fixed.c; detail: struct fixed_detail */

extern const struct family family_outfeed_parts; /* grids -> host       emit_parts.c; detail: as of the others */

void *infeed_image_detail(struct arena *a);
/* Of the identity matrix, after the size pass. */
int32_t infeed_image_identity_row(const void *detail);
/* Wide rows of the ring, and of the identity matrix, that an image comes in through. */
int32_t infeed_image_ring_rows(const struct value *v);
int32_t infeed_image_identity_rows(const struct value *v);
/* An image can go to a vector by family_raster: several pixels of whole words, not too many. */
struct shape4;
bool raster_fits(const struct shape4 *s);
void *raster_detail(struct arena *a);

/* struct family.reads of steps that read the pixels that they make. */
struct span reads_as_it_is(const struct plan *p, const struct step *s, bool columns, struct span made);

/* Fills the halo of a value's planes on all tiles; padding: the zero point in the uint8 domain.
 * by_word: the producer signals each word of four channels, not blocks of 64 (or 4) channels. */
void emit_halo(const struct plan *plan, const struct value *v, struct span words, int32_t padding, bool by_word,
               struct program *p);
/* Constants are made on the chip (emit_constant.c): `words` words of one value at narrow word `at` of all tiles, by a
 * mesh instruction without a sender. */
struct constant {
    int32_t at, words, value;
};
void emit_fill(struct program *p, enum isa_opcode mesh, struct constant c, bool signal);
/* Weights for sums of two tensors, as FACTOR_ROWS rows built at FACTOR_WORDS narrow words at `at`: two 16-bit factors.
 * Bytes: two rows for each operand (channels 0, 1 and 2, 3 of a word), less `zero`.  16-bit elements: a row for each
 * channel of four, the first operand's factor in its low half. */
enum { FACTOR_ROWS = 4, FACTOR_WORDS = 16 };
void emit_byte_factors(struct program *p, const int32_t factor[2], int32_t zero, int32_t at, int32_t row);
void emit_half_factors(struct program *p, const int32_t factor[2], int32_t at, int32_t row);
/* 0x19. */
void emit_table(struct program *p, int32_t tiles, const struct lut *t);
/* A 4x4 identity matrix as one row of weights, built at narrow word `at`; counted: N2W is raised for who waits. */
void emit_identity(struct program *p, int32_t at, int32_t row, bool counted);

/* 0x27 and 0x10: `rows` rows of one tile, staged in wide rows row and row + 1 in turn, of which `units` 8-byte words go
 * to the host. */
void emit_send_rows(struct program *p, int32_t tile, int32_t row, int32_t rows, int32_t units);

/* Starts the host -> FIFO transfer of bands of one input layer, one behind the other. */
struct host_band {
    int64_t first, units; /* 8-byte units of the layer */
};
void emit_host_infeed(struct program *out, const char *name, const struct host_band *bands, int n);
/* FIFO -> ring A: `units` 8-byte units from the `first` of the transfer on to the tiles in dst. */
void emit_inject_activations(struct program *out, int64_t first, int64_t units, int32_t dst);

/* After a layer: all is still, flags and ring tickets begin anew, copies between tiles may start. */
void emit_exchange_begin(struct program *p);
/* First wide row above those that a step right behind the infeed of this vector may use. */
int32_t infeed_vector_top(const struct value *v);

/* `words` narrow words at `from` of tile src to `to` on the tiles of dst, through ring A.
 * receive_row: two wide rows on the receiving side (send: four rows below). */
void emit_copy(struct program *out, int32_t src, int32_t dst, int32_t words, int32_t from, int32_t to,
               int32_t receive_row);
/* The same for `rows` rows of `words` words, which lie `pitch` words apart. */
struct rows {
    int32_t at, pitch;
    int reg; /* > 0, where they are read: the scalar register that holds `at` when the copy begins */
};
void emit_copy_rows(struct program *p, int32_t src, int32_t dst, int32_t words, int32_t rows, struct rows from,
                    struct rows to, int32_t receive_row);

/* All rows of a cached parameter to ring B of the tiles in dst. */
void emit_broadcast(struct program *p, const struct parameter *q, int32_t dst);
/* A streamed parameter from the host to ring A of the tiles in dst, behind all that tiles have sent over it. */
void emit_stream(struct program *p, const struct parameter *q, int32_t dst);
/* Asks the host for `packets` 64-byte packets from byte `offset` of the streamed parameters: 0x25 and its descriptor.
 */
void emit_host_parameters(struct program *out, int64_t offset, int64_t packets);
/* The next `packets` of them, rows of `lanes` lanes, to ring A of the tiles in dst.  `first`: packets of earlier
 * requests and sends. */
void emit_inject_parameters(struct program *out, int64_t first, int64_t packets, int32_t lanes, int32_t dst);

#endif

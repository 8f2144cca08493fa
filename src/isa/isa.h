/* The instruction set of the Edge TPU.
 *
 * table*.c hold ONE table: 25 opcodes, every field with its bit position,
 * width, meaning and how sure we are.  Encoder, decoder, assembly text and
 * docs/isa.md all walk that table; a decoded instruction is a plain struct whose
 * members the table names by offset, so that the simulator, the verifier and
 * the compiler read and write C structs and never bits.
 *
 * All members are int32_t; 32-bit raw values (immediates, floats) keep their
 * bit pattern (use f32_of / f32_bits).  A "limit" is a count minus 1.
 * Addresses: narrow memory in 4-byte words (tensor ops: bytes), wide memory in
 * rows of 256 bytes (tensor ops: quarter rows).  See docs/isa.md. */
#ifndef ISA_ISA_H
#define ISA_ISA_H

#include "base/bytes.h"
#include "base/status.h"

enum { ISA_WORD = 16, ISA_MAX_WORDS = 17, ISA_TILES = 16 };

enum isa_opcode {
    ISA_MAC = 0x01,       /* multiply-accumulate                         17 words */
    ISA_MAX = 0x02,       /* maximum                                     17       */
    ISA_SUM = 0x03,       /* sum, with range reduction and table         17       */
    ISA_RESIZE = 0x05,    /* bilinear resize                             17       */
    ISA_RING_SEND = 0x10, /* wide memory -> ring                          4       */
    ISA_RING_RECV_A = 0x11, /* ring consumer 0 -> wide memory             4       */
    ISA_RING_RECV_B = 0x12, /* ring consumer 1 -> wide memory             4       */
    ISA_TO_WIDE = 0x13,   /* narrow -> wide                               7       */
    ISA_TO_NARROW = 0x14, /* wide -> narrow, or to the bias/scale store   7       */
    ISA_MESH_SOUTH = 0x15, /* data moves north -> south (tile t to t+4)   6       */
    ISA_MESH_WEST = 0x16, /* east -> west (t to t-1)                      6       */
    ISA_MESH_NORTH = 0x17, /* south -> north (t to t-4)                   6       */
    ISA_MESH_EAST = 0x18, /* west -> east (t to t+1)                      6       */
    ISA_TABLE = 0x19,     /* loads the piecewise polynomial              13       */
    ISA_FENCE = 0x1a,     /* tile fence                                   1       */
    ISA_BUNDLE = 0x20,    /* scalar bundle                                1       */
    ISA_HALT = 0x21,
    ISA_BRANCH = 0x22,
    ISA_LOOP = 0x23,
    ISA_SYNC = 0x24,      /* scalar fence                                 2       */
    ISA_INFEED = 0x25,    /* host -> FIFO                                 2       */
    ISA_INJECT = 0x26,    /* FIFO or scalar memory -> ring A              4       */
    ISA_OUTFEED = 0x27,   /* ring -> host or scalar memory                2       */
    ISA_START = 0x3e,
    ISA_END = 0x3f,
};

/* Address generator ("TTU"): nested loops, loop 0 innermost.  When loop k
 * advances all inner loops have wrapped and step[k] is added:
 *   step[k] = stride[k] - sum of stride[j] * lim[j] over j < k.
 * ldim != 0: in the last iteration of loop ldim, loop 0 (in N of 0x13 with par: loop 1) has limit
 * llim, and lskip = its stride * (its limit - llim) is added to the address where it wraps then. */
struct isa_ttu {
    int32_t base, step[8], lim[8];
    int32_t mask;       /* bit k: stride[k] != 0                        */
    int32_t bdim, boff; /* double buffer: loop and offset               */
    int32_t llim, ldim, lskip;
};

struct isa_signal { int32_t en, dim; };               /* raise a flag each time loops below dim completed   */
struct isa_wait { int32_t id, dim, val, step, fl; };  /* wait for flag[id] >= val + i*step; fl: see isa.md  */
struct isa_prefix { int32_t en, dim, base, lim, end, step; }; /* rows or words before the main loops        */

struct isa_axis { int32_t loop, nearest, phase, factor, pitch; }; /* one axis of a resize, see isa.md */

struct isa_tensor { /* 0x01 0x02 0x03 0x05 */
    int32_t tiles, seq;
    int32_t lim[8], llim, ldim; /* master loop nest */
    struct isa_ttu a, o, w, p;  /* input, output (narrow, bytes); weights, partial sums (wide, quarter rows) */
    struct isa_signal avdata, param, psum;
    struct isa_wait wait[6]; /* fl holds `en` */
    int32_t acc4, one, nospill, a16, w16, a1, w1, perch, wzp, azp;
    int32_t zp_last, zp_step, zp_first, chdim, redmask, lanes_last, lanes;
    int32_t lut, norm, out16;
    int32_t scale, max, min; /* float32 bit patterns; max and min not in 0x05 */
    int32_t cbias, ozp, mem_bias, mem_mult, odd; /* cbias and ozp not in 0x05 */
    struct isa_axis x, y; /* 0x05 only, in their place */
};

struct isa_ring_send { /* 0x10 */
    int32_t breg, treg, tdyn, tiles, seq;
    struct isa_ttu w;
    struct isa_prefix s;
    struct isa_signal p[2];
    struct isa_wait wait[3];
    int32_t chan, dst, core;
};

struct isa_ring_recv { /* 0x11 0x12 */
    int32_t breg, treg, tdyn, tiles, seq;
    struct isa_ttu w;
    struct isa_prefix s;
    struct isa_signal p;
    struct isa_wait wait;
};

struct isa_to_wide { /* 0x13 */
    int32_t breg, treg, tdyn, tiles, seq;
    struct isa_ttu n, w;
    int32_t dynb;
    struct isa_signal p;
    struct isa_wait wait[6];
    int32_t par, par2, pack;
};

struct isa_to_narrow { /* 0x14 */
    int32_t breg, treg, tdyn, tiles, seq;
    struct isa_ttu w, n;
    struct isa_prefix s;
    struct isa_signal p;
    struct isa_wait wait[6];
    int32_t par, pack;
};

struct isa_mesh { /* 0x15 .. 0x18 */
    int32_t breg, treg, tdyn, tiles, seq;
    struct isa_ttu a, b; /* read here and send on; write what is received (or `value`) */
    struct isa_signal p[2]; /* a side, b side */
    struct isa_wait wait[6];
    int32_t fill, value;
};

struct isa_table_op { /* 0x19 */
    int32_t tiles, seq;
    int32_t coef[8][5], limit[7]; /* float32 bit patterns */
    int32_t three;                /* bits 1566..1567, always 3 */
};

struct isa_fence { /* 0x1a */
    int32_t tiles, seq, flags, value, threads, ring, ring_value, core, end;
};

struct isa_bundle { /* 0x20 */
    int32_t pred_en, pred_reg, pred_val;
    int32_t load, load_dst, load_addr, load_reg, load_inc; /* load_addr in mode 1, load_reg in 2, 3, load_inc in 3 */
    int32_t store, store_addr, store_reg, store_inc, store_slot, store_data;
    int32_t alu, alu_imm, alu_dst, alu_a, imm, alu_b; /* imm where alu_imm, else alu_b */
    int32_t trans, trans_dst, trans_src;
};

struct isa_halt { int32_t more, last; };
struct isa_branch { int32_t cond, pred, value, target, one; };
struct isa_loop { int32_t count, length; };

struct isa_sync { /* 0x24 */
    int32_t tiles, flags, value;
    int32_t tiles_again_en, tiles_again, val37, val38, mask242, engines;
};

struct isa_infeed { /* 0x25 */
    int32_t av;
    struct isa_ttu t;
    struct isa_signal p;
    struct isa_wait wait;
};

struct isa_inject { /* 0x26 */
    int32_t src;
    struct isa_ttu t;
    struct isa_signal p[2];
    struct isa_wait wait[2];
    int32_t one, dst, cells;
};

struct isa_outfeed { /* 0x27 */
    struct isa_ttu t;
    struct isa_signal p;
    struct isa_wait wait;
    int32_t cells, host;
};

struct isa_start { int32_t length; }; /* of the bitstream in words, minus 2 */
struct isa_end { int32_t one; };

struct isa_inst {
    enum isa_opcode op;
    union {
        struct isa_tensor tensor;
        struct isa_ring_send send;
        struct isa_ring_recv recv;
        struct isa_to_wide to_wide;
        struct isa_to_narrow to_narrow;
        struct isa_mesh mesh;
        struct isa_table_op table;
        struct isa_fence fence;
        struct isa_bundle bundle;
        struct isa_halt halt;
        struct isa_branch branch;
        struct isa_loop loop;
        struct isa_sync sync;
        struct isa_infeed infeed;
        struct isa_inject inject;
        struct isa_outfeed outfeed;
        struct isa_start start;
        struct isa_end end;
    };
};

/* ---- sync flags ---- */

/* Of a tile: id in struct isa_wait, bit in isa_fence.flags. */
enum isa_flag {
    ISA_AVDATA, ISA_PARAM, ISA_PSUM, ISA_N_IN, ISA_E_IN, ISA_S_IN, ISA_W_IN, ISA_N_OUT, ISA_E_OUT, ISA_S_OUT,
    ISA_W_OUT, ISA_W2N, ISA_W2S, ISA_N2W, ISA_RREAD_A, ISA_RREAD_B, ISA_RWRITE, ISA_RPROD_A, ISA_RPROD_B, ISA_FLAGS
};
/* Of the scalar core: id in the waits of 0x25..0x27, bit in isa_sync.flags. */
enum isa_scalar_flag {
    ISA_AVDATA_POP, ISA_PARAM_POP, ISA_AVDATA_INFEED, ISA_PARAM_INFEED, ISA_SCALAR_INFEED,
    ISA_PRODUCER_A, ISA_PRODUCER_B, ISA_RING_OUTFEED, ISA_SCALAR_PIPELINE, ISA_SCALAR_FLAGS
};
/* As in assembly text; NULL beyond the last. */
const char *isa_flag_name(unsigned id);
const char *isa_scalar_flag_name(unsigned id);

/* ---- the table ---- */

enum isa_known { ISA_PROVEN, ISA_LIKELY, ISA_GUESS, ISA_UNKNOWN, ISA_ZERO /* zero in every official stream */ };
enum isa_form { ISA_NUMBER, ISA_HEX, ISA_FLOAT }; /* how assembly text writes it */
enum isa_block { ISA_SINGLE, ISA_NEST, ISA_TTU, ISA_SIGNAL, ISA_WAIT, ISA_PREFIX }; /* field group */

/* An alternative: the field exists only where `values` has bit number `selector` (an int32_t member)
 * set.  Only 0x20 has alternatives; for every value of a selector the fields that exist tile the word. */
struct isa_view {
    uint32_t selector, values;
    const char *text;
};

struct isa_field {
    const char *name; /* path as in assembly text: "A.step0", "R1.val" */
    uint16_t bit;
    uint8_t width;
    bool is_signed;
    enum isa_known known;
    uint32_t member;  /* offset of the int32_t in struct isa_inst; ISA_NO_MEMBER for ISA_ZERO fields */
    const char *doc;  /* NULL: as the field group says */
    enum isa_form form;
    enum isa_block block; /* the first field of a group has the offset of the group's struct */
    const struct isa_view *view; /* NULL: always there */
};
#define ISA_NO_MEMBER UINT32_MAX

struct isa_op {
    enum isa_opcode opcode;
    const char *mnemonic, *title, *doc;
    unsigned words;
    const struct isa_field *fields; /* ascending by bit, no gap, no overlap except documented alternatives */
    unsigned n_fields;
};

enum { ISA_OPCODES = 64 };
/* NULL for an unknown opcode; walk all with opcode = 0 .. ISA_OPCODES - 1. */
const struct isa_op *isa_op_of(unsigned opcode);
/* Does the field exist in this instruction (see struct isa_view)? */
bool isa_field_exists(const struct isa_field *f, const struct isa_inst *in);
/* Value of a member that a field names: sign- or zero-extended as the field is. */
int64_t isa_field_value(const struct isa_field *f, const struct isa_inst *in);

/* ---- words <-> structs ---- */

/* Length in words of the instruction whose first word is at p; 0 = unknown opcode. */
unsigned isa_length(const uint8_t *p);

/* Decodes the instruction at `at` (16-byte words) of a stream.  Fails on unknown
 * opcodes, truncation, and on bits set in a field that is always zero. */
bool isa_decode(struct bytes stream, size_t at_word, struct isa_inst *out, unsigned *words, struct status *st);

/* Encodes into words (ISA_MAX_WORDS * 16 bytes); fails naming the field whose value does not fit. */
bool isa_encode(const struct isa_inst *in, uint8_t *out, unsigned *words, struct status *st);

/* One line of assembly text: mnemonic, then every field that is not 0; loops as (count*stride), waits as
 * "wait FLAG>=val+step@dim", floats as numbers.  The text tells every bit.  No newline.  Appends to out. */
struct buf;
void isa_print(struct buf *out, const struct isa_inst *in);

/* ---- helpers for loop nests ---- */

struct isa_dim { int64_t count, stride; };
/* Fills base, step, lim and mask from (count, stride) pairs, loop 0 first. `n_loops` is the
 * unit's number of loops (3, 4, 6 or 8): unused loops get lim 0 and step = -sum as official code has. */
void isa_ttu_set(struct isa_ttu *t, unsigned n_loops, int64_t base, const struct isa_dim *dims, unsigned n_dims);
/* Ordinary strides back from steps. */
int64_t isa_ttu_stride(const struct isa_ttu *t, unsigned k);
/* Elements visited: prod(lim+1), less what ldim/llim leave out of loop 0; INT64_MAX where it is more. */
int64_t isa_ttu_count(const struct isa_ttu *t, unsigned n_loops);

/* The program of one stream: decoded instructions with their word index. */
struct isa_program {
    struct isa_inst *inst;
    uint32_t *word; /* first word of each */
    size_t count;
};
struct arena;
bool isa_decode_stream(struct arena *a, struct bytes stream, struct isa_program *out, struct status *st);
/* Encodes; sets start.length and nothing else. */
bool isa_encode_stream(struct arena *a, const struct isa_inst *inst, size_t count, struct bytes *out,
                       struct status *st);

#endif

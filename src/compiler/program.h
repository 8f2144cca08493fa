/* A program under construction: the instruction stream of one executable.
 *
 * Passes append decoded instructions (isa/isa.h); the program numbers them and
 * keeps the books that the next instruction needs:
 *   - how often every sync flag of every tile has been raised since a fence last
 *     set it.  Thresholds of waits are computed from these counts, never by hand;
 *   - which words hold host addresses (field offsets) and which host transfers are
 *     issued (hints), for the package.
 * Facts: ../shared/isa/tile-dma.md sections 2-4, scalar-core.md, mapping.md section 3. */
#ifndef COMPILER_PROGRAM_H
#define COMPILER_PROGRAM_H

#include "base/arena.h"
#include "base/status.h"
#include "compiler/geometry.h"
#include "darwinn/package.h"
#include "isa/isa.h"

enum {
    ALL_TILES = 0xffff,
    ALL_THREADS = 0x3ff,
    LAYER_FLAGS = 0x1ffff, /* every flag but the two ring tickets, which run through the whole program */
    NARROW_WORDS = 49152,  /* narrow memory of a tile, 4-byte words */
    WIDE_ROWS = 2080,      /* wide memory of a tile, 256-byte rows  */
    ROW_WORDS = 64,
};

/* Loops of an address generator, innermost first; the list ends at a count of 0. */
struct loops {
    struct isa_dim dim[8];
};
#define LOOPS(...) ((struct loops){{__VA_ARGS__}})
#define NO_LOOPS ((struct loops){{{0, 0}}})
void loop(struct loops *l, int64_t count, int64_t stride); /* appends */
unsigned loop_count(const struct loops *l);

/* Address generators.  Without loops the data movers visit one element and still carry step 1 in loop 0,
 * as official streams do; the tensor units carry 0. */
struct isa_ttu wide_rows(int64_t base, struct loops l);    /* 4 loops: 0x10 .. 0x14       */
struct isa_ttu narrow_words(int64_t base, struct loops l); /* 6 loops: 0x13, 0x14         */
struct isa_ttu mesh_words(int64_t base, struct loops l);   /* 4 loops: 0x15 .. 0x18       */
struct isa_ttu tensor_unit(int64_t base, struct loops l);  /* 8 loops                     */
struct isa_ttu host_words(int32_t units);                  /* 3 loops: `units` in a row   */
/* `total` units through a FIFO of two halves of `half` units, from position `base` on (0x25, 0x26). */
struct isa_ttu fifo_units(int64_t base, int64_t total, int32_t half);

/* Changes to a generator, written around it. */
struct isa_ttu masked(struct isa_ttu t, int32_t mask);
/* Two buffers, swapped per pass of the loops below dim. */
struct isa_ttu buffered(struct isa_ttu t, int32_t dim, int32_t offset);
/* In the last pass of `dim` loop 0 has `count` iterations; `skip`: what lskip must make up for. */
struct isa_ttu short_last(struct isa_ttu t, int32_t dim, int64_t count, int64_t skip);

/* Waits and signals. */
struct isa_wait wait_data(enum isa_flag f, int32_t dim, int64_t value, int32_t step);
struct isa_wait wait_room(enum isa_flag f, int32_t dim, int64_t value, int32_t step); /* before overwriting */
struct isa_wait wait_core(enum isa_scalar_flag f, int64_t value, int32_t step);
struct isa_signal signal_at(int32_t dim);

/* Instructions of a loop, first .. end - 1: one chunk holds them all. */
struct program_loop {
    size_t first, end;
};

struct program {
    struct arena *arena;
    struct status *st; /* the first failure; appending goes on harmlessly after one */
    struct isa_inst *inst;
    size_t count, capacity;
    uint32_t words;
    int32_t seq;
    int32_t flag[ISA_TILES][ISA_FLAGS];
    int32_t loop_rows, loop_words; /* that went through the scalar core's memory */
    int32_t host_sends; /* 0x27 to the host: the scalar core counts them with the rows above (lane detection) */
    int64_t host_packets; /* 64-byte parameter packets that the host has been asked for */
    struct dwn_field_offset *offsets;
    uint32_t n_offsets;
    struct issued_hint *hints;
    uint32_t n_hints;
    struct program_loop *loops;
    uint32_t n_loops;
    size_t offsets_capacity, hints_capacity, loops_capacity;
};

struct issued_hint {
    struct dwn_hint hint;
    uint32_t word; /* at which it is issued: decides between which instruction chunks it stands */
};

/* first_seq: 0, or 0x8000 in PARAMETER_CACHING. */
void program_init(struct program *p, struct arena *a, int32_t first_seq, struct status *st);
void program_add(struct program *p, struct isa_inst inst);
/* The instruction of every tile, one for those that share it (tile_classes).  Returns how many. */
unsigned program_add_tiles(struct program *p, tile_inst_fn *make, const void *arg);
/* Times `f` has been raised on these tiles since it was last set; they must agree. */
int32_t program_flag(struct program *p, int32_t tiles, enum isa_flag f);
/* Each flag of the mask `flags` stands alike on these tiles, so that one instruction can wait for all of them. */
bool program_flags_agree(const struct program *p, int32_t tiles, int32_t flags);
/* The instructions from the `first` on to the last so far are a loop. */
void program_keep_together(struct program *p, size_t first);
/* The next word appended holds half of a host address in its immediate. */
void program_field_offset(struct program *p, enum dwn_desc desc, const char *name, bool upper);
/* One transfer between host and chip, in the order of issue; contiguous ones of one tensor are merged. */
void program_hint(struct program *p, enum dwn_direction dir, enum dwn_desc desc, const char *name, int64_t offset,
                  int64_t size);
void program_interrupt(struct program *p);
/* Encodes into instruction chunks of at most PROGRAM_CHUNK_WORDS, cut before tile fences; fills streams and hints. */
enum { PROGRAM_CHUNK_WORDS = 16384 };
bool program_finish(struct program *p, struct dwn_executable *out);
/* Last instructions of a chunk; `more`: another follows. */
void program_end(struct program *p, bool more);

#endif

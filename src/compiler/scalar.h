/* What the scalar core does around the layers: register moves, host descriptors,
 * fences, the first and the last instructions of every program.
 * Facts: ../shared/isa/scalar-core.md, mapping.md section 3. */
#ifndef COMPILER_SCALAR_H
#define COMPILER_SCALAR_H

#include "compiler/program.h"

/* Registers of the scalar core as the official programs use them. */
enum { REG_PARAM_HI, REG_PARAM_LO, REG_SCRATCH_HI, REG_SCRATCH_LO, REG_IO_HI = 10, REG_IO_LO = 11 };
enum host_tag { TAG_INPUT = 1, TAG_PARAMETER = 2, TAG_OUTPUT = 3, TAG_INTERRUPT = 4 };

/* Scalar engines that 0x24 waits for. */
enum { ENGINES_ALL = 0x1f, ENGINES_USUAL = 0x0c };

void scalar_set(struct program *p, int reg, uint32_t value);
void scalar_move(struct program *p, int to, int from);
/* Host transfer: address in registers reg (low) and reg + 1; overwrites reg + 2 and reg + 3. */
void scalar_descriptor(struct program *p, int reg, int64_t size, enum host_tag tag);
/* Address of byte `offset` of the parameters that come with every inference, into s6 (low), s7. */
void scalar_parameter_address(struct program *p, int64_t offset);
/* The driver's address of a layer into REG_IO_HI, REG_IO_LO. */
void scalar_io_base(struct program *p, enum dwn_desc desc, const char *name);
/* REG_IO + offset -> s5 (low), s4. */
void scalar_io_offset(struct program *p, int64_t offset);
/* The same on to s6 (low), s7, ready for a descriptor. */
void scalar_io_address(struct program *p, int64_t offset);

/* s5 (low), s4 += bytes. */
void scalar_advance_address(struct program *p, uint32_t bytes);
/* A loop around the instructions between begin and end: register `reg` goes from `from` in steps of `step` while it is
 * below `limit`.  The loop leaves all flags as it found them: every pass begins with the same counts.  At least one
 * pass; nothing in it may use `reg` or predicate 0.  Facts: keras_lstm (0x22 back to the first instruction of a
 * step). */
struct scalar_loop {
    int reg;
    int32_t step, limit;
    size_t first;  /* instruction */
    uint32_t word;
    int32_t (*flag)[ISA_FLAGS]; /* at the begin, by tile */
};
struct scalar_loop scalar_loop_begin(struct program *p, int reg, int32_t from, int32_t step, int32_t limit);
void scalar_loop_end(struct program *p, const struct scalar_loop *l);

/* The first `words` words of scalar memory to the output stream, and a word of zeroes. */
void scalar_push_memory(struct program *p, int32_t words);
void scalar_push_zero(struct program *p);
/* One word of scalar memory to another place in it. */
void scalar_copy_word(struct program *p, int32_t from, int32_t to);

/* Tile fence 0x1a.  Zero-initialised members mean: no flags, and all tiles and threads where left 0. */
struct fence {
    int32_t flags, value, core, end;
    int32_t threads; /* mask; 0 = all, NO_THREADS = none */
    int32_t tiles;   /* 0 = all */
};
enum { NO_THREADS = -1 };
void emit_fence(struct program *p, struct fence f);
/* Scalar fence 0x24 that waits for no tiles. */
void emit_core_sync(struct program *p, int32_t flags);
/* 0x1a that tells the scalar core, and the 0x24 that waits for it. */
void emit_barrier(struct program *p, int32_t flags);

/* End of an exchange between tiles: the data movers are done, then the scalar core goes on. */
void emit_exchange_end(struct program *p);
/* Drains the rings and starts their tickets from 0 again, if a ring was used since the last time. */
void emit_ring_reset(struct program *p);

/* 0x3e; all tiles and engines idle, all flags 0. */
void emit_start(struct program *p);
/* The barrier before the interrupt. */
void emit_last_barrier(struct program *p);
/* EXECUTION_ONLY: from 0x3e to the first barrier; parameter and scratch addresses. */
void emit_prologue(struct program *p);
/* Drains rings and host queues, raises the interrupt, ends. */
void emit_epilogue(struct program *p);
/* Interrupt to the host with its zero address in (reg, reg + 1), set by the caller. */
void emit_interrupt(struct program *p, int reg);

#endif

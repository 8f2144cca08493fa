/* The dataflow of a program: every word of the memories knows who wrote it last and who has read it since.
 *
 * The program is played without data: agents walk their loop nests and wait for each other as on the chip, one order of
 * many.  What the other orders could do is told by clocks: a unit carries, for every other unit of its tile, how far
 * that one is known to have come, by the flags it waited for and the fences it stood behind (vector clocks, as race
 * detectors have them).  An access that is not ordered so with the access it conflicts with is a race, though this one
 * order may have gone well.
 *
 * Semantics: ../shared/isa/tile-dma.md, tensor-ops.md, docs/sim.md.  Independent of src/sim, which moves data. */
#ifndef VERIFY_FLOW_H
#define VERIFY_FLOW_H

#include "isa/walk.h"
#include "verify/check.h"

enum {
    NARROW_WORDS = NARROW_BYTES / 4, ROW_CELLS = 64, STORE_SLOTS = 128, SCALAR_WORDS = 4096,
    ROWS_QUEUED = 8, WORDS_QUEUED = 64,
};

/* Who accesses the memories of a tile.  A mesh instruction sends and receives side by side. */
enum actor {
    TENSOR, SEND, RECV_A, RECV_B, TO_WIDE, TO_NARROW, SOUTH_OUT, WEST_OUT, NORTH_OUT, EAST_OUT,
    UNITS, SOUTH_IN = UNITS, WEST_IN, NORTH_IN, EAST_IN, ACTORS
};

struct clocks { uint32_t of[ACTORS]; };

/* Where a word comes from: kind, and the index of the instruction that made it (TENSOR_MADE, FILLED). */
enum origin { NOBODY, TENSOR_MADE, FILLED, INPUT_WORD, PARAMETER, CORE_WORD, SUM };
static inline uint32_t origin_of(enum origin kind, size_t inst) { return (uint32_t)kind << 28 | (uint32_t)inst; }
static inline enum origin origin_kind(uint32_t o) { return (enum origin)(o >> 28); }
static inline uint32_t origin_inst(uint32_t o) { return o & 0xfffffff; }

/* A piece of memory in which accesses are ordered: words of narrow memory, rows of wide memory, slots of the store of
 * biases and multipliers.  Stamps are an actor and its clock then. */
enum { READERS = 6 };
struct cell {
    uint32_t writer;          /* stamp of the last write; 0: none */
    uint32_t by;              /* its instruction */
    uint32_t reader[READERS]; /* clock of the last read by each actor that can read here */
};
struct cells {
    const char *name;
    int64_t count;
    struct cell *cell;
    int8_t slot[ACTORS];      /* of an actor in cell.reader; -1: cannot read here */
    enum actor who[READERS];
    unsigned n_readers;
};

struct row { uint32_t origin[ROW_CELLS]; };
struct row_queue { struct row row[ROWS_QUEUED]; unsigned head, count; };
struct link { uint32_t word[WORDS_QUEUED]; unsigned head, count; };

/* Signals of a flag since it was set: the clock of the actor that raises it, and what that one knew of the others. */
struct known {
    size_t from;
    struct clocks clocks;
};
struct flag {
    uint16_t value;
    uint32_t *clock;
    struct known *known;
    size_t count, clock_capacity, known_count, known_capacity;
    enum actor actor;
    uint32_t lessons; /* of the actor, as of the last entry of `known` */
};

/* What an actor knows of time. */
struct agent {
    uint32_t clock;       /* own; goes up with each signal */
    struct clocks sees;
    uint32_t lessons;     /* changes of `sees` */
};

/* A walk over memory, with the waits of its current pass. */
struct pass {
    struct walk w;
    bool open;        /* the waits of the current pass are over */
    int32_t wait_dim; /* no wait comes before passes of less loops than these */
};

struct tensor_state {
    struct walk a, o, p, w;
    struct isa_ttu nest;    /* of `master`, which is unit.read */
    unsigned dim, dim_a, dim_w, dim_p; /* a block: loops of each nest that run without a wait or a new channel group */
    int64_t block, sum, steps; /* steps of a block, of a sum; steps done */
    int64_t read_at;        /* address of A in the block before */
    bool bank;
    int32_t zp_row;
    uint32_t groups, lanes;
    bool whole, w_stands;   /* blocks of more than one step; each block reads the same rows of W */
};

struct unit {
    uint32_t next;          /* where to look for the next instruction */
    size_t at;              /* running instruction, if busy */
    bool busy, loaded, rewind;
    struct pass read, write;
    uint16_t passes[6];
    struct row row;
    unsigned cursor;
    int32_t prefix_left, prefix_start, prefix_at;
    struct tensor_state tensor;
};

struct tile {
    struct cells narrow, wide, store;
    uint32_t *word;         /* origins: of narrow words */
    struct row *row;        /* of wide rows */
    struct flag flag[ISA_FLAGS];
    struct unit unit[UNITS];
    struct agent agent[ACTORS];
    struct row_queue ring[2];
    struct link in[4];
    struct clocks fence;    /* all that fences so far wait for */
    uint32_t front;         /* instructions before this one are released */
    uint32_t notified;
};

struct engine {
    uint32_t *queue;
    size_t head, count, capacity;
    bool busy, open, loaded;
    struct walk w;
    uint16_t passes[2];
    struct row row;
    unsigned cursor;        /* cells of `row` */
};
enum { IN_ACTIVATIONS, IN_PARAMETERS, INJECTOR, OUTFEED, ENGINES };

struct flow {
    struct check *c;
    const struct code *code;
    struct tile tile[ISA_TILES];
    struct engine engine[ENGINES];
    struct row_queue outfeed[2];
    uint16_t flag[ISA_SCALAR_FLAGS];
    uint32_t scalar_memory[SCALAR_WORDS]; /* origins */
    uint32_t core;          /* next instruction of the scalar core */
    bool halted, absurd;    /* absurd: an address outside of a memory; other rules tell of it */
    int64_t budget;
    uint32_t *operand;      /* per instruction: the origin of A that was looked at last */
    uint32_t result;        /* the origin that went to the host last */
    uint8_t *told;          /* per instruction: kinds of findings that were reported, a bit each */
};

/* ---- flow_memory.c ---- */
void flow_memory_make(struct flow *f, int64_t narrow_bytes);
void flow_memory_settle(struct flow *f); /* a program is over: what it left is there for the next one */
/* One access at `at` by an instruction.  False: outside of the memory. */
bool flow_read(struct flow *f, int tile, enum actor who, struct cells *m, int64_t at, size_t inst);
bool flow_write(struct flow *f, int tile, enum actor who, struct cells *m, int64_t at, size_t inst);
/* Reports once per instruction and kind. */
void flow_tell(struct flow *f, size_t inst, enum rule rule, int tile, const char *what, int64_t at);

/* The input of a tensor instruction, or a word that goes to the host, comes from `origin`. */
void flow_operand(struct flow *f, size_t inst, uint32_t origin);
void flow_result(struct flow *f, size_t inst, uint32_t origin);
bool flow_copies(const struct isa_inst *i);

static inline void row_push(struct row_queue *q, const struct row *r)
{
    q->row[(q->head + q->count++) % ROWS_QUEUED] = *r;
}
static inline const struct row *row_pop(struct row_queue *q)
{
    const struct row *r = &q->row[q->head];
    q->head = (q->head + 1) % ROWS_QUEUED;
    q->count--;
    return r;
}

/* ---- flow_sync.c ---- */
enum { ANY_SIDE = 0, READ_SIDE = 1, WRITE_SIDE = 3 }; /* form of the waits that count the passes of this walk */
void flow_pass_begin(struct pass *p, const struct isa_wait *wait, unsigned n, int form);
bool flow_wait(struct flow *f, int tile, enum actor who, struct pass *p, const struct isa_wait *wait, unsigned n,
               int form, uint16_t *passes);
/* All waits before the pass at which `p` stands. */
static inline bool flow_waits(struct flow *f, int tile, enum actor who, struct pass *p, const struct isa_wait *wait,
                              unsigned n, int form, uint16_t *passes)
{
    if (!p->open)
        p->open = p->w.level < p->wait_dim || flow_wait(f, tile, who, p, wait, n, form, passes);
    return p->open;
}
void flow_signal(struct flow *f, int tile, enum actor who, unsigned id, int64_t times);
void flow_ticket(struct flow *f, unsigned ring);
void flow_begin(struct flow *f, int tile, enum actor who); /* of an instruction: behind the fences before it */
void flow_meet(struct flow *f, int tile, enum actor a, enum actor b); /* each knows what the other has done */
bool flow_front(struct flow *f, int tile); /* fences; true: something moved */

/* ---- flow_move.c, flow_tensor.c, flow_engine.c: each does what it can; true: something moved ---- */
bool flow_send(struct flow *f, int tile);
bool flow_receive(struct flow *f, int tile, unsigned consumer);
bool flow_to_wide(struct flow *f, int tile);
bool flow_to_narrow(struct flow *f, int tile);
bool flow_mesh(struct flow *f, int tile, unsigned bus);
bool flow_tensor(struct flow *f, int tile);
bool flow_engine(struct flow *f, unsigned engine);
bool flow_core(struct flow *f);
void flow_begin_move(struct flow *f, int tile, unsigned unit);
void flow_begin_tensor(struct flow *f, int tile);
void flow_drain(struct flow *f, int tile); /* 0x14 moves all that it can */
bool flow_find(struct flow *f, int tile, unsigned unit); /* has the unit a released instruction before it? */

#endif

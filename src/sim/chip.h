/* Inside the simulated chip: memories, threads, queues.  Only src/sim includes this.
 *
 * The scalar core runs the program; what is for tiles goes to one log of issued instructions.  Every
 * tile has a front end, which lets instructions through in program order and stops at fences, and ten
 * units (threads), each of which takes its own opcodes from the log in order.  All of these, and the
 * four engines beside the scalar core, are agents: schedule.c steps them in an order that a seed
 * decides; each runs until it must wait.  Nothing else orders them: flags and queues do. */
#ifndef SIM_CHIP_H
#define SIM_CHIP_H

#include "isa/isa.h"
#include "sim/sim.h"
#include "isa/walk.h"

enum {
    NARROW_BYTES = 196608, /* per tile (tile-dma.md section 1) */
    NARROW_WORDS = NARROW_BYTES / 4,
    WIDE_ROWS = 2080,
    ROW_BYTES = 256,
    ROW_CELLS = 64,       /* cells of 4 bytes */
    SCALING_SLOTS = 128,  /* bias/multiplier store, 8 bytes each: multipliers, then biases, 2 banks of 32 of each */
    SCALAR_WORDS = 4096,
    AVDATA_FIFO = 32768,  /* units of 8 bytes */
    PARAMETER_FIFO = 2048, /* units of 64 bytes */
    RING_DEPTH = 32, /* rows between ring and consumer; in strict mode 1 (docs/sim.md, "Queues") */
    RING_ROWS = 2 * 17 * RING_DEPTH, /* in all: 2 rings to 16 tiles and the scalar core */
    LINK_DEPTH = 64, /* words in flight on a mesh link; in strict mode 1 */
};

enum unit_id {
    UNIT_SEND, UNIT_RECV_A, UNIT_RECV_B, UNIT_TO_NARROW, UNIT_TENSOR, UNIT_TO_WIDE,
    UNIT_SOUTH, UNIT_WEST, UNIT_NORTH, UNIT_EAST, UNITS
};

/* What a step of an agent did. */
enum step { STEP_IDLE, STEP_MOVED, STEP_FAILED };

/* An instruction as issued: what depends on registers is fixed at that moment. */
struct issue {
    const struct isa_inst *inst;
    uint32_t stream, word; /* where it stands */
    uint16_t tiles;
    uint8_t unit;          /* in the log: whose it is; UNITS: a fence */
    int32_t base;          /* 0x13 with dynb: narrow base from a register; else -1 */
};

/* Why an agent does not go on; for the deadlock report. */
enum why { WHY_NONE, WHY_FLAG, WHY_ROW, WHY_ROOM, WHY_WORD, WHY_UNITS, WHY_TILES, WHY_ENGINE, WHY_DESCRIPTOR };
struct stop {
    enum why why;
    uint8_t flag;   /* WHY_FLAG: id */
    int16_t need;
    uint32_t have; /* full count */
    uint16_t tiles; /* WHY_TILES: not yet there; WHY_ROOM: full */
};

struct row {
    uint8_t data[ROW_BYTES];
    uint8_t known[ROW_CELLS]; /* per cell, bit b: byte b was written by somebody */
};
/* Rows under way: each stands here once, however many tiles it goes to. */
struct row_pool {
    struct row row[RING_ROWS];
    uint8_t readers[RING_ROWS]; /* that have not taken it yet */
    uint16_t free[RING_ROWS];   /* the first `n_free`: those without readers */
    unsigned n_free;
};
struct row_fifo {
    uint16_t row[RING_DEPTH]; /* in the pool */
    unsigned head, count;
};
struct link {
    uint8_t word[LINK_DEPTH][4];
    uint8_t known[LINK_DEPTH];
    unsigned head, count;
};

/* One side of a data movement: reading or writing. */
struct side {
    struct walk w;
    bool open;     /* the waits of the current pass are over */
    int32_t waits; /* lowest loop at which an element may have to wait: the smallest `dim` of its waits */
};

struct tensor_run; /* tensor.h */

struct unit {
    uint32_t next;         /* position in the log where to look for the next instruction */
    struct issue at;       /* running, if `busy` */
    bool busy, rewind;     /* rewind: a fence came before the next instruction */
    struct side read, write;
    uint16_t passes[6];    /* of each wait record, passes begun so far */
    struct stop stop;
    /* 0x10..0x14: the row being taken apart or put together, and the prefix */
    struct row row;
    unsigned cursor;       /* words (0x14 par: slots) used of `row` */
    bool loaded;
    int32_t prefix_left, prefix_start, prefix_at;
    struct isa_ttu ttu;    /* 0x13: N with the dynamic base */
    struct tensor_run *run; /* tensor unit */
};

struct table {
    float coef[8][5], limit[7];
    bool loaded;
};

/* What a tile adds to the chip's account; folded into it after each round, so that tiles may run side by side. */
struct tile_account {
    uint64_t steps, macs, fast, slow;
    struct status st; /* its fault, while tiles run side by side */
};

struct tile {
    uint8_t *narrow, *wide;
    uint8_t *narrow_known, *wide_known; /* per word of 4 bytes: bit b = byte b was written by somebody */
    uint8_t scaling[SCALING_SLOTS * 8];
    uint8_t scaling_known[SCALING_SLOTS]; /* bit b: byte b */
    uint32_t flag[ISA_FLAGS]; /* of which the chip has 16 bits */
    struct row_fifo ring[2]; /* to consumer 0 and 1 */
    struct link in[4];       /* words under way to units SOUTH .. EAST of this tile */
    struct unit unit[UNITS];
    struct table table;
    uint32_t front;          /* log entries before this one are released to the units */
    struct stop stop;        /* of the front end */
    struct tile_account account;
    uint32_t notified;       /* fences with core = 1 passed and not yet consumed by 0x24 */
};

/* A buffer of the host as the program sees it. */
struct host_buffer {
    enum dwn_desc desc;
    const char *name;
    uint64_t base;
    uint8_t *data;
    uint8_t *known; /* strict, outputs and scratch: per byte; else NULL */
    size_t size;
};
struct descriptor {
    struct host_buffer *buffer;
    uint64_t offset;
    uint32_t size, done, tag;
};

/* An engine beside the scalar core runs its instructions in order, one at a time. */
enum engine_id { ENGINE_AVDATA, ENGINE_PARAMETERS, ENGINE_INJECT, ENGINE_OUTFEED, ENGINES };
struct engine {
    struct issue *queue;
    uint32_t head, count, capacity;
    bool busy;
    struct side side;
    uint16_t passes[2];
    struct row row;
    unsigned cursor; /* bytes of `row` */
    bool loaded;
    struct stop stop;
};

struct core {
    uint32_t reg[32];
    bool pred[8];
    uint32_t memory[SCALAR_WORDS];
    uint8_t memory_known[SCALAR_WORDS]; /* as narrow_known */
    uint32_t slot[4];
    uint32_t flag[ISA_SCALAR_FLAGS];
    uint32_t stream, pc; /* pc: index into the decoded program */
    uint32_t loop_start, loop_end, loop_left;
    bool halted;
    struct stop stop;
};

struct fifo_slots { /* host infeed FIFO: bytes and which slots hold something */
    uint8_t *data;
    uint8_t *known;
};

struct chip {
    struct sim_options options;
    struct sim_counters count;
    unsigned ring_depth, link_depth;
    const uint8_t *guard[16]; /* strict: cells of wide memory that hold cached parameters; NULL: none */
    struct tile tile[16];
    struct core core;
    struct engine engine[ENGINES];
    struct row_fifo outfeed[2]; /* rows from 0x10 core = 1, by chan */
    struct row_pool rows;
    struct fifo_slots avdata, parameters;
    /* the running executable */
    const struct dwn_executable *exe;
    const struct isa_program *program; /* one per stream, decoded from the patched code */
    struct issue *log;
    uint32_t log_count, log_capacity;
    struct host_buffer *buffer;
    unsigned n_buffers;
    struct descriptor *descriptor; /* in the order of issue */
    uint32_t n_descriptors, descriptor_capacity;
    uint32_t at_descriptor[5]; /* per tag 1..3: first that may not be finished */
    bool interrupted;
    uint64_t random, steps, budget;
    struct pool *pool; /* NULL: one thread */
    bool side_by_side; /* tensor units are running on several threads right now */
    struct status *st;
};

/* ---- faults ---- */
enum step chip_fault(struct chip *c, const struct issue *at, int tile, enum status_code code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Spends n steps of the budget; false and a fault when it is used up. */
bool chip_spend(struct chip *c, const struct issue *at, int tile, uint64_t n);

/* ---- flags ---- */
static inline bool flag_reached(uint32_t flag, uint16_t need)
{
    return (int16_t)(uint16_t)(flag - need) >= 0; /* 16-bit wrap */
}
/* Which waits count passes of this walk: fl 1 (data) those of the reading side, fl 3 (credit) those of
 * the writing side; SIDE_ANY where the instruction has only one. */
enum side_kind { SIDE_ANY = 0, SIDE_READ = 1, SIDE_WRITE = 3 };
/* At the start of an instruction. */
void waits_begin(struct side *s, const struct isa_wait *wait, unsigned n, enum side_kind kind);
/* All waits that come before the element at which `s` stands.  Counts the pass when it returns true. */
bool waits_check(const uint32_t *flags, unsigned n_flags, const struct isa_wait *wait, unsigned n, enum side_kind kind,
                 struct side *s, uint16_t *passes, struct stop *stop);
static inline bool waits_over(const uint32_t *flags, unsigned n_flags, const struct isa_wait *wait, unsigned n,
                              enum side_kind kind, struct side *s, uint16_t *passes, struct stop *stop)
{
    if (s->open || s->w.level < s->waits)
        return s->open = true;
    return waits_check(flags, n_flags, wait, n, kind, s, passes, stop);
}
/* Then, how many elements of loop 0, that one included and `most` at most, can move at once: no wait of theirs would
 * hold them up.  Counts the passes of those that follow it. */
uint32_t waits_count(const uint32_t *flags, const struct isa_wait *wait, unsigned n, enum side_kind kind,
                     uint16_t *passes, uint32_t most);
static inline uint32_t waits_run(const uint32_t *flags, const struct isa_wait *wait, unsigned n, enum side_kind kind,
                                 const struct side *s, uint16_t *passes, uint32_t most)
{
    return most > 1 && s->waits <= 0 ? waits_count(flags, wait, n, kind, passes, most) : most;
}
/* Elements of loop 0 from here on, `most` at most; 1 on the plain path. */
static inline uint32_t bulk(const struct chip *c, const struct walk *w, uint32_t most)
{
    int64_t run = c->options.plain ? 1 : walk_run(w, 0);
    return run < most ? (uint32_t)run : most;
}
static inline void flag_raise(uint32_t *flag, const struct isa_signal *p, const struct walk *w)
{
    if (p->en && w->level >= p->dim)
        ++*flag;
}
/* The same for n advances of loop k, of which the last has brought `w` where it stands. */
static inline void flag_raise_run(uint32_t *flag, const struct isa_signal *p, const struct walk *w, unsigned k,
                                  uint32_t n)
{
    if (p->en && (int32_t)k >= p->dim)
        *flag += n - 1;
    flag_raise(flag, p, w);
}
/* Ring tickets are counted on every tile and by the scalar core. */
void tickets_raise(struct chip *c, unsigned chan, uint32_t n);

/* ---- agents ---- */
struct quantum {
    uint32_t left; /* elements this agent may still move in this turn */
};
enum step core_step(struct chip *c, struct quantum *q);
enum step engine_step(struct chip *c, enum engine_id e, struct quantum *q);
enum step front_step(struct chip *c, int tile);
enum step unit_step(struct chip *c, int tile, enum unit_id u, struct quantum *q);

/* Units; each returns STEP_MOVED when it did something; clears u->busy at the end of the instruction. */
enum step send_step(struct chip *c, int tile, struct unit *u, struct quantum *q);
enum step recv_step(struct chip *c, int tile, struct unit *u, unsigned consumer, struct quantum *q);
enum step to_wide_step(struct chip *c, int tile, struct unit *u, struct quantum *q);
enum step to_narrow_step(struct chip *c, int tile, struct unit *u, struct quantum *q);
enum step mesh_step(struct chip *c, int tile, struct unit *u, unsigned direction, struct quantum *q);
enum step tensor_step(struct chip *c, int tile, struct unit *u, struct quantum *q);
void unit_begin(struct chip *c, struct unit *u, enum unit_id id);
enum step tensor_begin(struct chip *c, int tile, struct unit *u);
void tensor_rewind(struct tensor_run *r); /* all double buffers to the first one */

/* Queues an instruction of an engine or of the tiles. */
bool engine_issue(struct chip *c, enum engine_id e, const struct issue *i);
bool log_issue(struct chip *c, const struct issue *i);

/* Host side. */
const struct host_buffer *host_buffer_find(const struct chip *c, enum dwn_desc desc, const char *name); /* or NULL */
enum step host_issue(struct chip *c, const struct issue *at); /* from the core's four slots */
/* Units of `unit` bytes that the current descriptor of infeed (tag 1, 2) or outfeed (3) still takes; 0: wait. */
uint32_t host_ready(struct chip *c, unsigned tag, uint32_t unit);
/* That many bytes at most. */
void host_pull(struct chip *c, unsigned tag, uint8_t *to, uint32_t size);
void host_push(struct chip *c, const uint8_t *from, const uint8_t *known, uint32_t size); /* known: per 4 bytes */
bool host_idle(const struct chip *c);

/* Runs all agents until the program has halted and everything is idle. */
bool chip_run(struct chip *c);
bool scalar_evaluate(struct chip *c, const struct issue *at, const struct isa_bundle *b);

#endif

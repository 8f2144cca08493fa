/* Inside of the verifier: decoded programs and the list of findings. */
#ifndef VERIFY_CHECK_H
#define VERIFY_CHECK_H

#include "isa/isa.h"
#include "verify/verify.h"

enum rule {
#define X(name, id, sentence) RULE_##name,
#include "verify/rules.def"
#undef X
    RULE_COUNT
};

enum { NARROW_BYTES = 196608, WIDE_ROWS = 2080, MAX_CHUNK_WORDS = 16384, FLAGS = 19 };

/* One executable's instructions, all chunks in a row. */
struct code {
    uint32_t index; /* of the executable in the package */
    const struct dwn_executable *x;
    struct isa_inst *inst;
    uint32_t *chunk, *word;
    size_t count;
    bool whole; /* every chunk decoded; checks that count over the program need it */
    bool straight; /* no branch or loop of the scalar core goes round or over other than its own bundles: what moves
                    * data is issued once, in the order of the words */
};

struct check {
    struct arena *a;
    const struct dwn_package *package;
    struct code *code;
    struct verify_finding *findings;
    uint32_t count, capacity;
};

enum { MAX_FINDINGS = 10000, NOWHERE = -1 };

/* at: index into code->inst, or NOWHERE. */
void finding(struct check *c, const struct code *code, long at, enum rule rule, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The passes, in the order in which they run.  One file each. */
void check_framing(struct check *c, const struct code *code);
void check_loops(struct check *c, const struct code *code);
void check_memory(struct check *c);
void check_flow(struct check *c);
void check_ring(struct check *c, const struct code *code);
void check_mesh(struct check *c, const struct code *code);
void check_sync(struct check *c, const struct code *code);
void check_host(struct check *c, const struct code *code);
void check_core(struct check *c, const struct code *code);
void check_fifos(struct check *c, const struct code *code);
void check_layers(struct check *c, const struct code *code);

/* Tile mask and sequence number of tile instructions (opcodes below 0x20); false for scalar ones. */
bool inst_tiles(const struct isa_inst *i, int32_t *tiles, int32_t *seq);
static inline bool is_tensor(const struct isa_inst *i) { return i->op <= ISA_RESIZE; }
static inline bool is_mesh(const struct isa_inst *i) { return i->op >= ISA_MESH_SOUTH && i->op <= ISA_MESH_EAST; }

/* Numbers of a damaged instruction can be absurd: beyond 2^44 they are 2^44, so that sums of many stay inside 64 bits.
 */
int64_t bounded(int64_t v);
int64_t bounded_product(int64_t a, int64_t b);
/* Elements that an address generator visits. */
int64_t unit_count(const struct isa_ttu *t, unsigned loops);
/* prod(lim[k] + 1) for k in [from, loops). */
int64_t lim_product(const int32_t *lim, unsigned from, unsigned loops);
/* Elements written before the main loops by a prefix of a nest of `loops`. */
int64_t prefix_count(const struct isa_prefix *s, const struct isa_ttu *w, unsigned loops);

#endif

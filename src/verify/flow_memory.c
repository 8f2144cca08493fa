/* Who wrote a word, who has read it since, and whether that was ordered. */
#include "verify/flow.h"

enum { CLOCK_BITS = 28, CLOCK_MASK = (1 << CLOCK_BITS) - 1 };

static void cells_make(struct arena *a, struct cells *m, const char *name, const enum actor *readers, unsigned n,
                       int64_t count)
{
    *m = (struct cells){.name = name, .count = count, .n_readers = n};
    m->cell = ARENA_ARRAY(a, struct cell, (size_t)count);
    memset(m->slot, -1, sizeof m->slot);
    for (unsigned k = 0; k < n; k++) {
        m->who[k] = readers[k];
        m->slot[readers[k]] = (int8_t)k;
    }
}

void flow_memory_make(struct flow *f, int64_t narrow_bytes)
{
    static const enum actor narrow[] = {TENSOR, TO_WIDE, SOUTH_OUT, WEST_OUT, NORTH_OUT, EAST_OUT};
    static const enum actor wide[] = {TENSOR, TO_NARROW, SEND}, store[] = {TENSOR};
    int64_t words = narrow_bytes / 4 < 1 || narrow_bytes > NARROW_BYTES ? NARROW_WORDS : narrow_bytes / 4;
    for (int t = 0; t < ISA_TILES; t++) {
        struct tile *tile = &f->tile[t];
        cells_make(f->c->a, &tile->narrow, "narrow word", narrow, 6, words);
        cells_make(f->c->a, &tile->wide, "wide row", wide, 3, WIDE_ROWS);
        cells_make(f->c->a, &tile->store, "slot of the bias store", store, 1, STORE_SLOTS);
        tile->word = ARENA_ARRAY(f->c->a, uint32_t, (size_t)words);
        tile->row = ARENA_ARRAY(f->c->a, struct row, WIDE_ROWS);
    }
}

void flow_memory_settle(struct flow *f)
{
    for (int t = 0; t < ISA_TILES; t++)
        memset(f->tile[t].wide.cell, 0, (size_t)f->tile[t].wide.count * sizeof *f->tile[t].wide.cell);
}

void flow_tell(struct flow *f, size_t inst, enum rule rule, int tile, const char *what, int64_t at)
{
    uint8_t bit = (uint8_t)(1 << (rule - RULE_RACE_READ));
    if (f->told[inst] & bit)
        return;
    f->told[inst] |= bit;
    finding(f->c, f->code, (long)inst, rule, "tile %d, %s %lld", tile, what, (long long)at);
}

static bool outside(struct flow *f, const struct cells *m, int64_t at)
{
    f->absurd = f->absurd || at < 0 || at >= m->count;
    return f->absurd;
}

/* Official thresholds that are looser than the data they stand for, so that no race can be seen in them: */

/* 0x11 counts its credit as if 0x14 took 64 words of every row, though it takes less (bright_*, dense_*: docs/sim.md,
 * "Rows faster than their credit"); */
static bool credit_in_words(const struct isa_inst *i)
{
    return (i->op == ISA_RING_RECV_A || i->op == ISA_RING_RECV_B) && i->recv.wait.fl == 3 &&
           i->recv.wait.id == ISA_W2N;
}

/* the tensor unit waits for the words of its first image row less those that 0x14 skips in front of it (ASR_Model1). */
static bool words_skipped(const struct isa_inst *i) { return i->op == ISA_TO_NARROW && i->to_narrow.s.en; }

bool flow_read(struct flow *f, int tile, enum actor who, struct cells *m, int64_t at, size_t inst)
{
    if (outside(f, m, at))
        return false;
    const struct agent *me = &f->tile[tile].agent[who];
    struct cell *cell = &m->cell[at];
    enum actor writer = (enum actor)(cell->writer >> CLOCK_BITS);
    if (cell->writer && writer != who && (cell->writer & CLOCK_MASK) > me->sees.of[writer] &&
        !words_skipped(&f->code->inst[cell->by]))
        flow_tell(f, inst, RULE_RACE_READ, tile, m->name, at);
    if (m->slot[who] >= 0)
        cell->reader[m->slot[who]] = me->clock;
    return true;
}

bool flow_write(struct flow *f, int tile, enum actor who, struct cells *m, int64_t at, size_t inst)
{
    if (outside(f, m, at))
        return false;
    const struct agent *me = &f->tile[tile].agent[who];
    struct cell *cell = &m->cell[at];
    for (unsigned k = 0; k < m->n_readers; k++)
        if (m->who[k] != who && cell->reader[k] > me->sees.of[m->who[k]] &&
            !(m->who[k] == TO_NARROW && credit_in_words(&f->code->inst[inst])))
            flow_tell(f, inst, RULE_RACE_OVERWRITE, tile, m->name, at);
    cell->writer = (uint32_t)who << CLOCK_BITS | (me->clock & CLOCK_MASK);
    cell->by = (uint32_t)inst;
    return true;
}

/* Does an instruction pass its input on as it is?  Copies have no zero points, whatever they copy; 0x05 has no field.
 */
bool flow_copies(const struct isa_inst *i)
{
    return i->op == ISA_RESIZE ||
           (i->op == ISA_MAC && i->tensor.azp == 0 && i->tensor.ozp == 0 && !i->tensor.cbias && !i->tensor.lut &&
            !i->tensor.mem_mult && f32_of((uint32_t)i->tensor.scale) == 1);
}

/* The zero point that a word was made with, four times in a word of the border; -1: not known, or none. */
static int32_t zero_point_of(const struct flow *f, uint32_t origin)
{
    const struct isa_inst *by = &f->code->inst[origin_inst(origin)];
    switch (origin_kind(origin)) {
    case TENSOR_MADE: return by->tensor.ozp;
    case FILLED: return by->mesh.value;
    case INPUT_WORD: return f->code->x->n_inputs == 1 ? f->code->x->inputs[0].zero_point : -1;
    default: return -1;
    }
}

/* Zero points of 0 also stand where the zero point is part of a constant (MoveNet): they tell nothing. */
void flow_operand(struct flow *f, size_t inst, uint32_t origin)
{
    const struct isa_inst *i = &f->code->inst[inst];
    if (f->operand[inst] == origin)
        return;
    f->operand[inst] = origin;
    bool border = origin_kind(origin) == FILLED;
    int32_t have = zero_point_of(f, origin), want = border ? (int32_t)(0x01010101u * (uint32_t)i->tensor.azp)
                                                           : i->tensor.azp;
    if (i->op == ISA_MAC && !flow_copies(i) && i->tensor.azp && have != want && (border || have >= 0))
        finding(f->c, f->code, (long)inst, RULE_ZERO_POINT, border ? "zero point %d, the border holds 0x%x"
                                                                   : "zero point %d, the data has %d",
                i->tensor.azp, (unsigned)have);
}

void flow_result(struct flow *f, size_t inst, uint32_t origin)
{
    if (f->result == origin)
        return;
    f->result = origin;
    int32_t have = zero_point_of(f, origin);
    bool any = origin_kind(origin) != TENSOR_MADE || have <= 0;
    for (uint32_t l = 0; l < f->code->x->n_outputs; l++)
        any = any || f->code->x->outputs[l].zero_point == have;
    if (!any)
        finding(f->c, f->code, (long)inst, RULE_ZERO_POINT_OUT, "sends data of zero point %d to the host", have);
}

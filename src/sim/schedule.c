/* Steps the agents until all is done, and says who waits for what when nothing moves any more. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/chip.h"
#include "sim/pool.h"
#include "sim/tensor.h"

/* Units by opcode; thread bits of 0x1a.  Bits 1..5: only 0x13 = 5 is known, see docs/sim.md. */
static const struct unit_info {
    enum isa_opcode op;
    unsigned thread;
    const char *name;
} unit_infos[UNITS] = {
    [UNIT_TENSOR] = {ISA_MAC, 0, "tensor"},
    [UNIT_SEND] = {ISA_RING_SEND, 3, "0x10"},
    [UNIT_RECV_A] = {ISA_RING_RECV_A, 1, "0x11"},
    [UNIT_RECV_B] = {ISA_RING_RECV_B, 2, "0x12"},
    [UNIT_TO_WIDE] = {ISA_TO_WIDE, 5, "0x13"},
    [UNIT_TO_NARROW] = {ISA_TO_NARROW, 4, "0x14"},
    [UNIT_SOUTH] = {ISA_MESH_SOUTH, 6, "0x15"},
    [UNIT_WEST] = {ISA_MESH_WEST, 7, "0x16"},
    [UNIT_NORTH] = {ISA_MESH_NORTH, 8, "0x17"},
    [UNIT_EAST] = {ISA_MESH_EAST, 9, "0x18"},
};

/* UNITS: a fence. */
static enum unit_id unit_of(enum isa_opcode op)
{
    if (op <= ISA_RESIZE || op == ISA_TABLE)
        return UNIT_TENSOR;
    for (unsigned k = 0; k < UNITS; k++)
        if (unit_infos[k].op == op)
            return (enum unit_id)k;
    return UNITS;
}

/* ---- faults ---- */

enum step chip_fault(struct chip *c, const struct issue *at, int tile, enum status_code code, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct isa_op *op = isa_op_of(at->inst->op);
    struct status *st = c->side_by_side ? &c->tile[tile].account.st : c->st;
    if (tile < 0)
        status_fail(st, code, "stream %u word %u (%s): %s", at->stream, at->word, op->mnemonic, text);
    else
        status_fail(st, code, "stream %u word %u (%s), tile %d: %s", at->stream, at->word, op->mnemonic, tile, text);
    return STEP_FAILED;
}

bool chip_spend(struct chip *c, const struct issue *at, int tile, uint64_t n)
{
    uint64_t *own = tile < 0 ? NULL : &c->tile[tile].account.steps;
    *(own ? own : &c->steps) += n;
    if (c->steps + (own ? *own : 0) <= c->budget)
        return true;
    chip_fault(c, at, tile, STATUS_LIMIT, "the budget of %llu steps is used up", (unsigned long long)c->budget);
    return false;
}

/* ---- flags ---- */

void waits_begin(struct side *s, const struct isa_wait *wait, unsigned n, enum side_kind kind)
{
    s->open = false;
    s->waits = INT32_MAX;
    for (unsigned k = 0; k < n; k++)
        if (wait[k].fl && !(kind && wait[k].fl != (int)kind) && wait[k].dim < s->waits)
            s->waits = wait[k].dim;
}

bool waits_check(const uint32_t *flags, unsigned n_flags, const struct isa_wait *wait, unsigned n, enum side_kind kind,
                 struct side *s, uint16_t *passes, struct stop *stop)
{
    for (unsigned k = 0; k < n; k++) {
        const struct isa_wait *r = &wait[k];
        if (!r->fl || (kind && r->fl != (int)kind) || s->w.level < r->dim)
            continue;
        uint16_t need = (uint16_t)(r->val + passes[k] * r->step);
        if ((unsigned)r->id >= n_flags || !flag_reached(flags[r->id], need)) {
            *stop = (struct stop){.why = WHY_FLAG, .flag = (uint8_t)r->id, .need = (int16_t)need,
                                  .have = (unsigned)r->id < n_flags ? flags[r->id] : 0};
            return false;
        }
    }
    for (unsigned k = 0; k < n; k++)
        if (wait[k].fl && !(kind && wait[k].fl != (int)kind) && s->w.level >= wait[k].dim)
            passes[k]++;
    return s->open = true;
}

uint32_t waits_count(const uint32_t *flags, const struct isa_wait *wait, unsigned n, enum side_kind kind,
                     uint16_t *passes, uint32_t most)
{
    for (unsigned k = 0; k < n && most > 1; k++) {
        const struct isa_wait *r = &wait[k];
        if (!r->fl || (kind && r->fl != (int)kind) || r->dim > 0 || !r->step)
            continue;
        int16_t spare = (int16_t)(uint16_t)(flags[r->id] - (uint32_t)(r->val + passes[k] * r->step));
        uint32_t more = spare < 0 || r->step < 0 ? 0 : (uint32_t)(spare / r->step) + 1;
        most = more < most - 1 ? more + 1 : most;
    }
    for (unsigned k = 0; k < n; k++)
        if (wait[k].fl && !(kind && wait[k].fl != (int)kind) && wait[k].dim <= 0)
            passes[k] = (uint16_t)(passes[k] + most - 1);
    return most;
}

void tickets_raise(struct chip *c, unsigned chan, uint32_t n)
{
    for (unsigned t = 0; t < 16; t++)
        c->tile[t].flag[ISA_RPROD_A + chan] += n;
    c->core.flag[ISA_PRODUCER_A + chan] += n;
}

/* ---- the log ---- */

/* Everything in the log is behind every reader: start again at 0. */
static void log_reset_if_read(struct chip *c)
{
    for (unsigned t = 0; t < 16; t++) {
        if (c->tile[t].front < c->log_count)
            return;
        for (unsigned u = 0; u < UNITS; u++)
            if (c->tile[t].unit[u].next < c->log_count)
                return;
    }
    for (unsigned t = 0; t < 16; t++) {
        c->tile[t].front = 0;
        for (unsigned u = 0; u < UNITS; u++)
            c->tile[t].unit[u].next = 0;
    }
    c->log_count = 0;
}

bool log_issue(struct chip *c, const struct issue *i)
{
    enum { LOG_LIMIT = 1 << 22 };
    if (c->log_count == c->log_capacity)
        log_reset_if_read(c);
    if (c->log_count == c->log_capacity) {
        uint32_t capacity = c->log_capacity ? 2 * c->log_capacity : 1024;
        struct issue *log = capacity <= LOG_LIMIT ? realloc(c->log, capacity * sizeof *log) : NULL;
        if (!log)
            return chip_fault(c, i, -1, STATUS_LIMIT, "too many instructions wait in the queues"), false;
        c->log = log, c->log_capacity = capacity;
    }
    c->log[c->log_count] = *i;
    c->log[c->log_count++].unit = (uint8_t)unit_of(i->inst->op);
    return true;
}

/* All double buffers of a unit back to the first one. */
static void unit_rewind(struct unit *u, enum unit_id id)
{
    u->read.w.odd = u->write.w.odd = false;
    if (id == UNIT_TENSOR)
        tensor_rewind(u->run);
}

/* Moves a unit's reading position to its next instruction before the front end's; false: there is none.
 * A fence on the way, whatever threads it names, rewinds the double buffers (docs/sim.md). */
static bool unit_find(struct chip *c, int tile, enum unit_id id)
{
    struct unit *u = &c->tile[tile].unit[id];
    uint32_t front = c->tile[tile].front;
    for (; u->next < front; u->next++) {
        const struct issue *i = &c->log[u->next];
        if (!(i->tiles >> tile & 1))
            continue;
        if (i->unit == UNITS)
            u->rewind = true;
        else if (i->unit == id)
            return true;
    }
    return false;
}

/* Has a thread that the fence names something left to do? */
static bool fence_blocked(struct chip *c, int tile, const struct isa_fence *f)
{
    for (unsigned u = 0; u < UNITS; u++)
        if (f->threads >> unit_infos[u].thread & 1 &&
            (c->tile[tile].unit[u].busy || unit_find(c, tile, (enum unit_id)u)))
            return true;
    for (unsigned k = 0; k < 2; k++) /* older compilers: ring producers that must have come so far */
        if (f->ring >> k & 1 && !flag_reached(c->tile[tile].flag[ISA_RPROD_A + k], (uint16_t)f->ring_value))
            return true;
    return false;
}

enum step front_step(struct chip *c, int tile)
{
    struct tile *t = &c->tile[tile];
    uint32_t start = t->front;
    for (; t->front < c->log_count; t->front++) {
        const struct issue *i = &c->log[t->front];
        if (!(i->tiles >> tile & 1) || i->unit != UNITS)
            continue;
        const struct isa_fence *f = &i->inst->fence;
        if (fence_blocked(c, tile, f)) {
            t->stop = (struct stop){.why = WHY_UNITS};
            break;
        }
        for (unsigned k = 0; k < ISA_FLAGS; k++)
            if (f->flags >> k & 1)
                t->flag[k] = (uint16_t)f->value;
        t->notified += f->core != 0;
    }
    return t->front > start ? STEP_MOVED : STEP_IDLE;
}

static enum step unit_run(struct chip *c, int tile, enum unit_id id, struct quantum *q)
{
    struct unit *u = &c->tile[tile].unit[id];
    switch (id) {
    case UNIT_TENSOR: return tensor_step(c, tile, u, q);
    case UNIT_SEND: return send_step(c, tile, u, q);
    case UNIT_RECV_A: return recv_step(c, tile, u, 0, q);
    case UNIT_RECV_B: return recv_step(c, tile, u, 1, q);
    case UNIT_TO_WIDE: return to_wide_step(c, tile, u, q);
    case UNIT_TO_NARROW: return to_narrow_step(c, tile, u, q);
    default: return mesh_step(c, tile, u, (unsigned)(id - UNIT_SOUTH), q);
    }
}

/* Sure to do nothing: it has no instruction, or what it has stopped for has not come. */
static bool unit_sleeps(const struct chip *c, int tile, enum unit_id id)
{
    const struct tile *t = &c->tile[tile];
    const struct unit *u = &t->unit[id];
    if (!u->busy)
        return u->next == t->front;
    if (id >= UNIT_SOUTH && !u->read.w.done && !u->write.w.done)
        return false; /* stopped for two things */
    switch (u->stop.why) {
    case WHY_FLAG: return u->stop.flag < ISA_FLAGS && !flag_reached(t->flag[u->stop.flag], (uint16_t)u->stop.need);
    case WHY_ROW: return !t->ring[id == UNIT_RECV_B].count;
    case WHY_WORD: return id >= UNIT_SOUTH && !t->in[id - UNIT_SOUTH].count;
    default: return false;
    }
}

enum step unit_step(struct chip *c, int tile, enum unit_id id, struct quantum *q)
{
    struct unit *u = &c->tile[tile].unit[id];
    enum step moved = STEP_IDLE;
    if (unit_sleeps(c, tile, id))
        return STEP_IDLE;
    while (q->left) {
        if (!u->busy) {
            if (!unit_find(c, tile, id))
                return moved;
            u->at = c->log[u->next++];
            u->busy = true;
            if (u->rewind)
                unit_rewind(u, id);
            u->rewind = false;
            unit_begin(c, u, id);
            if (id == UNIT_TENSOR && tensor_begin(c, tile, u) == STEP_FAILED)
                return STEP_FAILED;
            moved = STEP_MOVED;
        }
        if (!chip_spend(c, &u->at, tile, 1))
            return STEP_FAILED;
        u->stop.why = WHY_NONE;
        enum step s = u->busy ? unit_run(c, tile, id, q) : STEP_MOVED;
        if (s == STEP_FAILED)
            return s;
        if (s == STEP_MOVED)
            moved = s;
        if (u->busy)
            return moved;
    }
    return moved;
}

/* ---- deadlock ---- */

static void stop_text(struct buf *b, const struct stop *s, const char *(*flag_name)(unsigned id))
{
    switch (s->why) {
    case WHY_FLAG:
        buf_text(b, "waits for %s >= %d, has %u", flag_name(s->flag) ? flag_name(s->flag) : "an unknown flag", s->need,
                 s->have);
        if ((int64_t)s->have - s->need > INT16_MAX)
            buf_text(b, ", which its 16 bits take for less");
        break;
    case WHY_ROW: buf_text(b, "waits for a row from the ring"); break;
    case WHY_ROOM: buf_text(b, "waits for room at tiles %04x", s->tiles); break;
    case WHY_WORD: buf_text(b, "waits for a word from its neighbour"); break;
    case WHY_UNITS: buf_text(b, "waits for its units"); break;
    case WHY_TILES: buf_text(b, "waits for tiles %04x", s->tiles); break;
    case WHY_ENGINE: buf_text(b, "waits for the outfeed engine"); break;
    case WHY_DESCRIPTOR: buf_text(b, "waits for a host descriptor with room"); break;
    default: buf_text(b, "waits");
    }
}

static void where_text(struct buf *b, const struct issue *i)
{
    buf_text(b, " (stream %u word %u) ", i->stream, i->word);
}

static bool deadlock(struct chip *c)
{
    static const char *const engine_names[ENGINES] = {"activation infeed", "parameter infeed", "injector", "outfeed"};
    struct buf b = {0};
    if (!c->core.halted) {
        const struct isa_program *p = &c->program[c->core.stream];
        struct issue i = {.stream = c->core.stream, .word = p->word[c->core.pc]};
        buf_text(&b, "; scalar core");
        where_text(&b, &i);
        stop_text(&b, &c->core.stop, isa_scalar_flag_name);
    }
    for (unsigned e = 0; e < ENGINES; e++)
        if (c->engine[e].count) {
            buf_text(&b, "; %s", engine_names[e]);
            where_text(&b, &c->engine[e].queue[c->engine[e].head]);
            stop_text(&b, &c->engine[e].stop, isa_scalar_flag_name);
        }
    for (unsigned t = 0; t < 16; t++)
        for (unsigned u = 0; u < UNITS; u++)
            if (c->tile[t].unit[u].busy) {
                buf_text(&b, "; tile %u %s", t, unit_infos[u].name);
                where_text(&b, &c->tile[t].unit[u].at);
                stop_text(&b, &c->tile[t].unit[u].stop, isa_flag_name);
            }
    for (uint32_t k = 0; k < c->n_descriptors; k++) {
        const struct descriptor *d = &c->descriptor[k];
        if (d->done < d->size)
            buf_text(&b, "; host descriptor %u (tag %u): %u of %u bytes moved", k, d->tag, d->done, d->size);
    }
    status_fail(c->st, STATUS_INVALID, "deadlock%.*s", (int)b.size, (const char *)b.data);
    buf_free(&b);
    return false;
}

/* ---- the run ---- */

/* Units of a kind one after the other: what 0x10 of any tile sends, all can take in the same round. */
enum { AGENT_CORE, AGENT_ENGINE, AGENT_FRONT = AGENT_ENGINE + ENGINES, AGENT_UNIT = AGENT_FRONT + 16,
       AGENTS = AGENT_UNIT + 16 * UNITS, AGENT_TENSOR = AGENT_UNIT + 16 * UNIT_TENSOR };

static enum step agent_step(struct chip *c, unsigned agent, struct quantum *q)
{
    if (agent == AGENT_CORE)
        return core_step(c, q);
    if (agent < AGENT_FRONT)
        return engine_step(c, (enum engine_id)(agent - AGENT_ENGINE), q);
    if (agent < AGENT_UNIT)
        return front_step(c, (int)(agent - AGENT_FRONT));
    return unit_step(c, (int)(agent - AGENT_UNIT) % 16, (enum unit_id)((agent - AGENT_UNIT) / 16), q);
}

static void shuffle(struct chip *c, uint16_t *order)
{
    for (unsigned k = AGENTS - 1; k > 0; k--) {
        unsigned j = (unsigned)(random_next(&c->random) % (k + 1));
        uint16_t swap = order[k];
        order[k] = order[j], order[j] = swap;
    }
}

static bool all_idle(struct chip *c)
{
    if (!c->core.halted || !host_idle(c))
        return false;
    for (unsigned e = 0; e < ENGINES; e++)
        if (c->engine[e].count)
            return false;
    for (unsigned t = 0; t < 16; t++) {
        if (c->tile[t].front < c->log_count)
            return false;
        for (unsigned u = 0; u < UNITS; u++)
            if (c->tile[t].unit[u].busy || unit_find(c, (int)t, (enum unit_id)u))
                return false;
    }
    return true;
}

static void accounts_fold(struct chip *c)
{
    for (unsigned tile = 0; tile < 16; tile++) {
        struct tile_account *a = &c->tile[tile].account;
        c->steps += a->steps;
        c->count.macs += a->macs, c->count.fast += a->fast, c->count.slow += a->slow;
        a->steps = a->macs = a->fast = a->slow = 0;
    }
}

/* ---- tensor units on several threads: each works on the memories and flags of its tile only ---- */

struct tensor_turn {
    struct chip *c;
    unsigned n;
    uint8_t tile[16];
    enum step step[16];
};

static void tensor_turn(void *arg, unsigned k)
{
    struct tensor_turn *turn = arg;
    struct quantum all = {UINT32_MAX};
    turn->step[k] = unit_step(turn->c, turn->tile[k], UNIT_TENSOR, &all);
}

/* Multiplications that the turn of a tile is going to make: up to its next wait, or all of its next instruction. */
static uint64_t tensor_work(const struct chip *c, int tile)
{
    const struct unit *u = &c->tile[tile].unit[UNIT_TENSOR];
    const struct isa_inst *next = u->busy ? u->at.inst : c->log[u->next].inst;
    if (u->busy && u->run->fast->usable)
        return u->run->fast->positions * u->run->fast->steps * 4 * u->run->lanes;
    if (next->op == ISA_TABLE)
        return 0;
    uint64_t n = 4 * ((uint64_t)next->tensor.lanes + 1);
    for (unsigned k = 0; k < 8 && n < UINT32_MAX; k++)
        n *= (uint64_t)next->tensor.lim[k] + 1;
    return n;
}

/* All that can do something take a turn.  The tile with the lowest number that failed tells why. */
static enum step tensor_turns(struct chip *c)
{
    struct tensor_turn turn = {.c = c};
    enum step all = STEP_IDLE;
    enum { WORTH_WAKING = 1 << 21 }; /* about 40 us of work; waking a thread takes 10 */
    uint64_t work = 0;
    for (int t = 0; t < 16; t++)
        if (!unit_sleeps(c, t, UNIT_TENSOR) && (c->tile[t].unit[UNIT_TENSOR].busy || unit_find(c, t, UNIT_TENSOR))) {
            turn.tile[turn.n++] = (uint8_t)t;
            work += c->pool ? tensor_work(c, t) : 0;
        }
    c->side_by_side = turn.n > 1 && work >= WORTH_WAKING;
    if (c->side_by_side) {
        pool_run(c->pool, tensor_turn, &turn, turn.n);
        c->side_by_side = false;
    } else {
        for (unsigned k = 0; k < turn.n; k++)
            tensor_turn(&turn, k);
    }
    for (unsigned k = turn.n; k-- > 0;) {
        struct status *st = &c->tile[turn.tile[k]].account.st;
        if (turn.step[k] == STEP_FAILED && st->code)
            *c->st = *st;
        all = turn.step[k] > all ? turn.step[k] : all;
    }
    return all;
}

/* ---- all ---- */

/* Every agent once, in order, as far as it can go. */
static enum step round_in_order(struct chip *c)
{
    enum step most = STEP_IDLE;
    for (unsigned agent = AGENT_CORE; agent < AGENTS; agent++) {
        unsigned unit = agent - AGENT_UNIT;
        struct quantum all = {UINT32_MAX};
        enum step s;
        if (agent < AGENT_UNIT) {
            s = agent_step(c, agent, &all);
        } else if (agent == AGENT_TENSOR) {
            s = tensor_turns(c);
            agent += 15;
        } else if (unit_sleeps(c, (int)unit % 16, (enum unit_id)(unit / 16))) {
            continue;
        } else {
            s = agent_step(c, agent, &all);
        }
        if (s == STEP_FAILED)
            return s;
        most = s > most ? s : most;
    }
    return most;
}

/* Every agent once, in an order and by amounts that the seed decides. */
static enum step round_shuffled(struct chip *c, uint16_t *order)
{
    enum step most = STEP_IDLE;
    shuffle(c, order);
    for (unsigned k = 0; k < AGENTS; k++) {
        struct quantum q = {1 + (uint32_t)(random_next(&c->random) % 200)};
        enum step s = agent_step(c, order[k], &q);
        if (s == STEP_FAILED)
            return s;
        most = s > most ? s : most;
    }
    return most;
}

bool chip_run(struct chip *c)
{
    uint16_t order[AGENTS];
    for (unsigned k = 0; k < AGENTS; k++)
        order[k] = (uint16_t)k;
    for (;;) {
        enum step s = c->options.seed ? round_shuffled(c, order) : round_in_order(c);
        if (s == STEP_FAILED)
            return false;
        accounts_fold(c);
        if (s == STEP_IDLE)
            return all_idle(c) || deadlock(c);
    }
}

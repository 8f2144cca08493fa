/* Plays a program without its data (flow.h), and judges what it leaves. */
#include "verify/flow.h"

/* Accesses that are followed; programs that take more are left alone.  The largest known (PoseNet 721x1281) takes 2^28
 * in 10 000 instructions. */
enum { BUDGET = 1 << 29, BUDGET_PER_INSTRUCTION = 1 << 20 };

static bool unit_of(enum isa_opcode op, unsigned *unit)
{
    switch (op) {
    case ISA_MAC: case ISA_MAX: case ISA_SUM: case ISA_RESIZE: case ISA_TABLE: *unit = TENSOR; return true;
    case ISA_RING_SEND: *unit = SEND; return true;
    case ISA_RING_RECV_A: *unit = RECV_A; return true;
    case ISA_RING_RECV_B: *unit = RECV_B; return true;
    case ISA_TO_WIDE: *unit = TO_WIDE; return true;
    case ISA_TO_NARROW: *unit = TO_NARROW; return true;
    case ISA_MESH_SOUTH: case ISA_MESH_WEST: case ISA_MESH_NORTH: case ISA_MESH_EAST:
        *unit = SOUTH_OUT + (unsigned)(op - ISA_MESH_SOUTH);
        return true;
    default: return false;
    }
}

/* A fence on the way, whatever threads it names, takes all double buffers to the first one (docs/sim.md). */
bool flow_find(struct flow *f, int tile, unsigned unit)
{
    struct unit *u = &f->tile[tile].unit[unit];
    for (; u->next < f->tile[tile].front; u->next++) {
        int32_t tiles, seq;
        unsigned owner;
        const struct isa_inst *i = &f->code->inst[u->next];
        if (!inst_tiles(i, &tiles, &seq) || !(tiles >> tile & 1))
            continue;
        if (i->op == ISA_FENCE)
            u->rewind = true;
        else if (unit_of(i->op, &owner) && owner == unit)
            return true;
    }
    return false;
}

static bool start(struct flow *f, int tile, unsigned unit)
{
    struct unit *u = &f->tile[tile].unit[unit];
    if (!flow_find(f, tile, unit))
        return false;
    u->at = u->next++;
    u->busy = true;
    if (u->rewind) {
        struct tensor_state *s = &u->tensor;
        u->read.w.odd = u->write.w.odd = s->a.odd = s->o.odd = s->w.odd = s->p.odd = s->bank = u->rewind = false;
    }
    flow_begin(f, tile, (enum actor)unit);
    if (unit >= SOUTH_OUT) {
        flow_begin(f, tile, (enum actor)(unit - SOUTH_OUT + SOUTH_IN));
        flow_meet(f, tile, (enum actor)unit, (enum actor)(unit - SOUTH_OUT + SOUTH_IN));
    }
    if (unit == TENSOR)
        flow_begin_tensor(f, tile);
    else
        flow_begin_move(f, tile, unit);
    return true;
}

static bool run_unit(struct flow *f, int tile, unsigned unit)
{
    struct unit *u = &f->tile[tile].unit[unit];
    bool moved = false;
    while (!f->absurd && f->budget > 0 && (u->busy || start(f, tile, unit))) {
        if (!u->busy)
            continue; /* an instruction that takes no time */
        moved |= unit == TENSOR      ? flow_tensor(f, tile)
                 : unit == SEND      ? flow_send(f, tile)
                 : unit == RECV_A    ? flow_receive(f, tile, 0)
                 : unit == RECV_B    ? flow_receive(f, tile, 1)
                 : unit == TO_WIDE   ? flow_to_wide(f, tile)
                 : unit == TO_NARROW ? flow_to_narrow(f, tile)
                                     : flow_mesh(f, tile, unit - SOUTH_OUT);
        if (u->busy)
            break;
        moved = true;
    }
    return moved;
}

void flow_drain(struct flow *f, int tile) { run_unit(f, tile, TO_NARROW); }

static bool play(struct flow *f)
{
    for (bool moved = true; moved && !f->absurd && f->budget > 0;) {
        moved = flow_core(f);
        for (unsigned e = 0; e < ENGINES; e++)
            moved |= flow_engine(f, e);
        for (int t = 0; t < ISA_TILES; t++)
            moved |= flow_front(f, t);
        for (int t = 0; t < ISA_TILES; t++)
            for (unsigned u = 0; u < UNITS; u++)
                moved |= run_unit(f, t, u);
    }
    return !f->absurd && f->budget > 0;
}

/* Somebody who waits when nothing moves any more. */
static void check_end(struct flow *f)
{
    for (int t = 0; t < ISA_TILES; t++)
        for (unsigned u = 0; u < UNITS; u++)
            if (f->tile[t].unit[u].busy) {
                finding(f->c, f->code, (long)f->tile[t].unit[u].at, RULE_DEADLOCK, "tile %d waits for ever", t);
                return;
            }
    for (unsigned e = 0; e < ENGINES; e++)
        if (f->engine[e].head < f->engine[e].count) {
            finding(f->c, f->code, (long)f->engine[e].queue[f->engine[e].head], RULE_DEADLOCK, "waits for ever");
            return;
        }
    if (f->core < f->code->count)
        finding(f->c, f->code, (long)f->core, RULE_DEADLOCK, "the scalar core waits for ever");
}

static void begin_program(struct flow *f, const struct code *code)
{
    f->code = code;
    f->core = 0;
    f->told = ARENA_ARRAY(f->c->a, uint8_t, code->count);
    f->operand = ARENA_ARRAY(f->c->a, uint32_t, code->count);
    f->result = 0;
    memset(f->engine, 0, sizeof f->engine);
    memset(f->outfeed, 0, sizeof f->outfeed);
    memset(f->flag, 0, sizeof f->flag);
    for (int k = 0; k < SCALAR_WORDS; k++)
        f->scalar_memory[k] = origin_of(CORE_WORD, 0);
    for (int t = 0; t < ISA_TILES; t++) {
        struct tile *tile = &f->tile[t];
        memset(tile->flag, 0, sizeof tile->flag);
        memset(tile->unit, 0, sizeof tile->unit);
        memset(tile->ring, 0, sizeof tile->ring);
        memset(tile->in, 0, sizeof tile->in);
        memset(&tile->fence, 0, sizeof tile->fence);
        tile->front = tile->notified = 0;
        for (int who = 0; who < ACTORS; who++)
            tile->agent[who] = (struct agent){.clock = 1};
    }
}

void check_flow(struct check *c)
{
    struct flow *f = ARENA_NEW(c->a, struct flow);
    int64_t narrow = 0;
    bool all = true;
    f->c = c;
    for (uint32_t e = 0; e < c->package->n_executables; e++) {
        narrow = c->code[e].x->narrow_bytes > narrow ? c->code[e].x->narrow_bytes : narrow;
        all = all && c->code[e].straight;
        f->budget += (int64_t)c->code[e].count * BUDGET_PER_INSTRUCTION;
    }
    f->budget = f->budget < BUDGET ? f->budget : BUDGET;
    if (c->count || !all)
        return; /* what is wrong already is not followed: its accesses mean nothing */
    flow_memory_make(f, narrow);
    for (int cached = 1; cached >= 0; cached--)
        for (uint32_t e = 0; e < c->package->n_executables; e++) {
            if ((c->code[e].x->type == DWN_PARAMETER_CACHING) != (cached == 1))
                continue;
            begin_program(f, &c->code[e]);
            if (!play(f))
                return;
            check_end(f);
            flow_memory_settle(f);
        }
}

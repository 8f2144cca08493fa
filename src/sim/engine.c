/* The engines beside the scalar core: host infeed (0x25), ring injector (0x26), ring outfeed (0x27).
 * Source: ../shared/isa/tile-dma.md section 4, scalar-core.md "Parameter path". */
#include <stdlib.h>

#include "sim/chip.h"

bool engine_issue(struct chip *c, enum engine_id id, const struct issue *i)
{
    struct engine *e = &c->engine[id];
    if (e->count == e->capacity) {
        uint32_t capacity = e->capacity ? 2 * e->capacity : 16;
        struct issue *queue = malloc(capacity * sizeof *queue);
        if (!queue)
            return status_fail(c->st, STATUS_LIMIT, "no memory for the queue of an engine");
        for (uint32_t k = 0; k < e->count; k++)
            queue[k] = e->queue[(e->head + k) % e->capacity];
        free(e->queue);
        e->queue = queue, e->head = 0, e->capacity = capacity;
    }
    e->queue[(e->head + e->count++) % e->capacity] = *i;
    return true;
}

/* Waits of an engine: against the flags of the scalar core. */
static bool engine_waits(struct chip *c, struct engine *e, const struct isa_wait *wait, unsigned n)
{
    struct side s = {.w = e->w, .open = e->open};
    e->open = waits_over(c->core.flag, ISA_SCALAR_FLAGS, wait, n, SIDE_ANY, &s, e->passes, &e->stop);
    return e->open;
}

static void engine_next(struct engine *e)
{
    walk_next(&e->w);
    e->open = false;
}

/* ---- 0x25 ---- */

static enum step infeed(struct chip *c, struct engine *e, const struct issue *at)
{
    const struct isa_infeed *i = &at->inst->infeed;
    unsigned unit = i->av ? 8 : 64;
    struct fifo_slots *f = i->av ? &c->avdata : &c->parameters;
    uint64_t slot = (uint64_t)walk_at(&e->w) % (i->av ? AVDATA_FIFO : PARAMETER_FIFO);
    if (!engine_waits(c, e, &i->wait, 1))
        return STEP_IDLE;
    if (!host_pull(c, i->av ? 1 : 2, f->data + unit * slot, unit)) {
        e->stop = (struct stop){.why = WHY_DESCRIPTOR};
        return STEP_IDLE;
    }
    f->known[slot] = 1;
    engine_next(e);
    flag_raise(&c->core.flag[i->av ? ISA_AVDATA_POP : ISA_PARAM_POP], &i->p, &e->w);
    return STEP_MOVED;
}

/* ---- 0x26 ---- */

static const struct inject_source {
    unsigned unit;  /* bytes */
    uint32_t slots;
    enum isa_scalar_flag consumed;
} inject_sources[3] = {
    {64, PARAMETER_FIFO, ISA_PARAM_INFEED},
    {8, AVDATA_FIFO, ISA_AVDATA_INFEED},
    {4, SCALAR_WORDS, ISA_SCALAR_INFEED},
};

static bool inject_room(const struct chip *c, uint16_t dst, struct stop *stop)
{
    uint16_t full = 0;
    for (unsigned t = 0; t < 16; t++)
        if (dst >> t & 1 && c->tile[t].ring[0].count == c->ring_depth)
            full |= (uint16_t)(1u << t);
    *stop = (struct stop){.why = full ? WHY_ROOM : WHY_NONE, .tiles = full};
    return !full;
}

/* The bytes of one unit; true: they have been written. */
static bool inject_take(struct chip *c, int32_t src, uint64_t slot, uint8_t *to)
{
    if (src == 2) {
        put_le32(to, c->core.memory[slot]);
        return c->core.memory_known[slot] == 0xf;
    }
    const struct fifo_slots *f = src ? &c->avdata : &c->parameters;
    unsigned unit = inject_sources[src].unit;
    memcpy(to, f->data + unit * slot, unit);
    return f->known[slot];
}

static enum step inject(struct chip *c, struct engine *e, const struct issue *at)
{
    const struct isa_inject *i = &at->inst->inject;
    if (i->src > 2)
        return chip_fault(c, at, -1, STATUS_UNSUPPORTED, "0x26 from source %d: not in any official stream", i->src);
    const struct inject_source *s = &inject_sources[i->src];
    unsigned row = 4 * ((unsigned)i->cells + 1);
    if (row % s->unit)
        return chip_fault(c, at, -1, STATUS_INVALID, "0x26: rows of %u bytes out of units of %u", row, s->unit);
    if (!engine_waits(c, e, i->wait, 2))
        return STEP_IDLE;
    struct walk after = e->w;
    walk_next(&after);
    bool full = e->cursor + s->unit == row || after.done;
    if (full && !inject_room(c, (uint16_t)i->dst, &e->stop))
        return STEP_IDLE;
    uint64_t slot = (uint64_t)walk_at(&e->w) % s->slots;
    bool known = inject_take(c, i->src, slot, e->row.data + e->cursor);
    memset(e->row.known + e->cursor / 4, known ? 0xf : 0, s->unit / 4);
    e->cursor += s->unit;
    if (full) {
        for (unsigned t = 0; t < 16; t++)
            if (i->dst >> t & 1) {
                struct row_fifo *f = &c->tile[t].ring[0];
                f->row[(f->head + f->count++) % RING_DEPTH] = e->row;
            }
        e->cursor = 0;
        memset(e->row.known, 0, sizeof e->row.known);
    }
    engine_next(e);
    if (i->p[0].en && e->w.level >= i->p[0].dim)
        ticket_raise(c, 0);
    flag_raise(&c->core.flag[s->consumed], &i->p[1], &e->w);
    return STEP_MOVED;
}

/* ---- 0x27 ---- */

static bool outfeed_word(struct chip *c, struct engine *e, const struct issue *at)
{
    int64_t to = walk_at(&e->w);
    if (to < 0 || to >= SCALAR_WORDS)
        return chip_fault(c, at, -1, STATUS_INVALID, "writes word %lld of the scalar memory", (long long)to), false;
    c->core.memory[to] = le32(e->row.data + e->cursor);
    c->core.memory_known[to] = e->row.known[e->cursor / 4];
    return true;
}

static enum step outfeed(struct chip *c, struct engine *e, const struct issue *at)
{
    const struct isa_outfeed *i = &at->inst->outfeed;
    struct row_fifo *f = &c->outfeed[!i->host && i->p.en ? 1 : 0];
    unsigned unit = i->host ? 8 : 4;
    if (!engine_waits(c, e, &i->wait, 1))
        return STEP_IDLE;
    if (!e->loaded) {
        if (!f->count) {
            e->stop = (struct stop){.why = WHY_ROW};
            return STEP_IDLE;
        }
        e->row = f->row[f->head];
        f->head = (f->head + 1) % RING_DEPTH;
        f->count--;
        e->loaded = true;
        e->cursor = 0;
    }
    const uint8_t *known = e->row.known + e->cursor / 4;
    unsigned both = known[0] | (unsigned)known[1] << 4;
    if (i->host ? !host_push(c, e->row.data + e->cursor, 8, both) : !outfeed_word(c, e, at)) {
        if (!i->host)
            return STEP_FAILED;
        e->stop = (struct stop){.why = WHY_DESCRIPTOR};
        return STEP_IDLE;
    }
    e->cursor += unit;
    e->loaded = e->cursor < ROW_BYTES;
    engine_next(e);
    flag_raise(&c->core.flag[ISA_RING_OUTFEED], &i->p, &e->w);
    return STEP_MOVED;
}

/* ---- all ---- */

static void engine_begin(struct engine *e)
{
    const struct isa_inst *in = e->queue[e->head].inst;
    const struct isa_ttu *t = in->op == ISA_INFEED   ? &in->infeed.t
                              : in->op == ISA_INJECT ? &in->inject.t
                                                     : &in->outfeed.t;
    walk_start(&e->w, t, 3, false);
    memset(e->passes, 0, sizeof e->passes);
    e->busy = true;
    e->open = e->loaded = false;
    e->cursor = 0;
    memset(e->row.known, 0, sizeof e->row.known);
}

enum step engine_step(struct chip *c, enum engine_id id, struct quantum *q)
{
    struct engine *e = &c->engine[id];
    enum step moved = STEP_IDLE;
    while (e->count && q->left) {
        if (!e->busy)
            engine_begin(e);
        const struct issue at = e->queue[e->head];
        enum step s = at.inst->op == ISA_INFEED ? infeed(c, e, &at)
                      : at.inst->op == ISA_INJECT ? inject(c, e, &at)
                                                  : outfeed(c, e, &at);
        if (s == STEP_IDLE)
            return moved;
        if (s == STEP_FAILED || !chip_spend(c, &at, -1, 1))
            return STEP_FAILED;
        moved = STEP_MOVED;
        q->left--;
        if (e->w.done) {
            e->busy = false;
            e->head = (e->head + 1) % e->capacity;
            e->count--;
        }
    }
    return moved;
}

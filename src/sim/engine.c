/* The engines beside the scalar core: host infeed (0x25), ring injector (0x26), ring outfeed (0x27).
 * Source: ../shared/isa/tile-dma.md section 4, scalar-core.md "Parameter path". */
#include <stdlib.h>

#include "sim/chip.h"
#include "sim/memory.h"

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
    return waits_over(c->core.flag, ISA_SCALAR_FLAGS, wait, n, SIDE_ANY, &e->side, e->passes, &e->stop);
}

/* That many units more, up to `most`, can move together with the one whose waits are over; the slots, memory words
 * or bytes that they take lie one behind another. */
static uint32_t engine_bulk(struct chip *c, struct engine *e, const struct isa_wait *wait, unsigned n_waits,
                            uint32_t most)
{
    return waits_run(c->core.flag, wait, n_waits, SIDE_ANY, &e->side, e->passes, bulk(c, &e->side.w, most));
}

static void engine_next(struct engine *e, uint32_t n)
{
    walk_skip(&e->side.w, 0, n, 0);
    e->side.open = false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Slots from `slot` on that a walk visits in ascending order. */
static uint32_t slots_ahead(const struct walk *w, uint64_t slot, uint32_t slots)
{
    return w->t->step[0] == 1 ? slots - (uint32_t)slot : 1;
}

/* ---- 0x25 ---- */

static enum step infeed(struct chip *c, struct engine *e, const struct issue *at, struct quantum *q)
{
    const struct isa_infeed *i = &at->inst->infeed;
    uint32_t unit = i->av ? 8 : 64, slots = i->av ? AVDATA_FIFO : PARAMETER_FIFO;
    struct fifo_slots *f = i->av ? &c->avdata : &c->parameters;
    uint64_t slot = (uint64_t)walk_at(&e->side.w) % slots;
    if (!engine_waits(c, e, &i->wait, 1))
        return STEP_IDLE;
    uint32_t n = least(host_ready(c, i->av ? 1 : 2, unit), slots_ahead(&e->side.w, slot, slots));
    if (!n) {
        e->stop = (struct stop){.why = WHY_DESCRIPTOR};
        return STEP_IDLE;
    }
    n = engine_bulk(c, e, &i->wait, 1, least(n, q->left));
    host_pull(c, i->av ? 1 : 2, f->data + unit * slot, n * unit);
    memset(f->known + slot, 1, n);
    engine_next(e, n);
    flag_raise_run(&c->core.flag[i->av ? ISA_AVDATA_POP : ISA_PARAM_POP], &i->p, &e->side.w, 0, n);
    q->left -= n;
    return chip_spend(c, at, -1, n) ? STEP_MOVED : STEP_FAILED;
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

/* The bytes of n units, and which of their cells have been written. */
static void inject_take(struct chip *c, int32_t src, uint64_t slot, uint32_t n, struct row *r, unsigned cursor)
{
    uint8_t *known = r->known + cursor / 4;
    if (src == 2) {
        le32_put(r->data + cursor, c->core.memory + slot, n);
        for (uint32_t k = 0; k < n; k++)
            known[k] = c->core.memory_known[slot + k] == 0xf ? 0xf : 0;
        return;
    }
    const struct fifo_slots *f = src ? &c->avdata : &c->parameters;
    unsigned unit = inject_sources[src].unit, cells = unit / 4;
    memcpy(r->data + cursor, f->data + unit * slot, (size_t)n * unit);
    for (uint32_t k = 0; k < n; k++)
        memset(known + k * cells, f->known[slot + k] ? 0xf : 0, cells);
}

static void inject_row(struct chip *c, struct engine *e, uint16_t dst)
{
    if (dst) {
        uint16_t slot = pool_take(&c->rows);
        c->rows.row[slot] = e->row;
        for (unsigned t = 0; t < 16; t++)
            if (dst >> t & 1)
                fifo_push(&c->rows, &c->tile[t].ring[0], slot);
    }
    e->cursor = 0;
    memset(e->row.known, 0, sizeof e->row.known);
}

static enum step inject(struct chip *c, struct engine *e, const struct issue *at, struct quantum *q)
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
    uint64_t slot = (uint64_t)walk_at(&e->side.w) % s->slots;
    uint32_t n = least((row - e->cursor) / s->unit, slots_ahead(&e->side.w, slot, s->slots));
    n = bulk(c, &e->side.w, least(n, q->left));
    struct walk after = e->side.w;
    walk_skip(&after, 0, n, 0);
    if ((e->cursor + n * s->unit == row || after.done) && !inject_room(c, (uint16_t)i->dst, &e->stop) && --n == 0)
        return STEP_IDLE; /* all but the last unit can go on */
    n = waits_run(c->core.flag, i->wait, 2, SIDE_ANY, &e->side, e->passes, n);
    inject_take(c, i->src, slot, n, &e->row, e->cursor);
    e->cursor += n * s->unit;
    engine_next(e, n);
    if (e->cursor == row || e->side.w.done)
        inject_row(c, e, (uint16_t)i->dst);
    uint32_t tickets = 0;
    flag_raise_run(&tickets, &i->p[0], &e->side.w, 0, n);
    if (tickets)
        tickets_raise(c, 0, tickets);
    flag_raise_run(&c->core.flag[s->consumed], &i->p[1], &e->side.w, 0, n);
    q->left -= n;
    return chip_spend(c, at, -1, n) ? STEP_MOVED : STEP_FAILED;
}

/* ---- 0x27 ---- */

static bool outfeed_words(struct chip *c, struct engine *e, const struct issue *at, uint32_t n)
{
    int64_t to = walk_at(&e->side.w);
    if (to < 0 || to + n > SCALAR_WORDS)
        return chip_fault(c, at, -1, STATUS_INVALID, "writes word %lld of the scalar memory",
                          (long long)(to < 0 || to > SCALAR_WORDS ? to : SCALAR_WORDS)), false;
    le32_get(c->core.memory + to, e->row.data + e->cursor, n);
    memcpy(c->core.memory_known + to, e->row.known + e->cursor / 4, n);
    return true;
}

/* A row from the ring into the engine. */
static bool outfeed_row(struct chip *c, struct engine *e, struct row_fifo *f)
{
    if (!f->count) {
        e->stop = (struct stop){.why = WHY_ROW};
        return false;
    }
    e->row = *fifo_first(&c->rows, f);
    fifo_pop(&c->rows, f);
    e->loaded = true;
    e->cursor = 0;
    return true;
}

static enum step outfeed(struct chip *c, struct engine *e, const struct issue *at, struct quantum *q)
{
    const struct isa_outfeed *i = &at->inst->outfeed;
    struct row_fifo *f = &c->outfeed[!i->host && i->p.en ? 1 : 0];
    unsigned unit = i->host ? 8 : 4;
    if (!engine_waits(c, e, &i->wait, 1) || (!e->loaded && !outfeed_row(c, e, f)))
        return STEP_IDLE;
    uint32_t n = least((ROW_BYTES - e->cursor) / unit, q->left);
    n = i->host ? least(n, host_ready(c, 3, unit)) : e->side.w.t->step[0] == 1 ? n : 1;
    if (!n) {
        e->stop = (struct stop){.why = WHY_DESCRIPTOR};
        return STEP_IDLE;
    }
    n = engine_bulk(c, e, &i->wait, 1, n);
    if (i->host)
        host_push(c, e->row.data + e->cursor, e->row.known + e->cursor / 4, n * unit);
    else if (!outfeed_words(c, e, at, n))
        return STEP_FAILED;
    e->cursor += n * unit;
    e->loaded = e->cursor < ROW_BYTES;
    engine_next(e, n);
    flag_raise_run(&c->core.flag[ISA_RING_OUTFEED], &i->p, &e->side.w, 0, n);
    q->left -= n;
    return chip_spend(c, at, -1, n) ? STEP_MOVED : STEP_FAILED;
}

/* ---- all ---- */

static void engine_begin(struct engine *e)
{
    const struct isa_inst *in = e->queue[e->head].inst;
    const struct isa_ttu *t = in->op == ISA_INFEED   ? &in->infeed.t
                              : in->op == ISA_INJECT ? &in->inject.t
                                                     : &in->outfeed.t;
    const struct isa_wait *wait = in->op == ISA_INFEED   ? &in->infeed.wait
                                  : in->op == ISA_INJECT ? in->inject.wait
                                                         : &in->outfeed.wait;
    walk_start(&e->side.w, t, 3, false);
    waits_begin(&e->side, wait, in->op == ISA_INJECT ? 2 : 1, SIDE_ANY);
    memset(e->passes, 0, sizeof e->passes);
    e->busy = true;
    e->loaded = false;
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
        enum step s = at.inst->op == ISA_INFEED ? infeed(c, e, &at, q)
                      : at.inst->op == ISA_INJECT ? inject(c, e, &at, q)
                                                  : outfeed(c, e, &at, q);
        if (s != STEP_MOVED)
            return s == STEP_IDLE ? moved : s;
        moved = STEP_MOVED;
        if (e->side.w.done) {
            e->busy = false;
            e->head = (e->head + 1) % e->capacity;
            e->count--;
        }
    }
    return moved;
}

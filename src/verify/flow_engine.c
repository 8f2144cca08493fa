/* The scalar core as issuer, and the engines beside it (opcodes 0x24 .. 0x27).  The host is always ready. */
#include "verify/flow.h"

static bool engine_waits(struct flow *f, struct engine *e, const struct isa_wait *wait, unsigned n)
{
    for (int round = 0; round < 2 && !e->open; round++)
        for (unsigned k = 0; k < n; k++) {
            if (!wait[k].fl || e->w.level < wait[k].dim)
                continue;
            uint16_t need = (uint16_t)(wait[k].val + wait[k].step * e->passes[k]);
            if (round)
                e->passes[k]++;
            else if (wait[k].id >= ISA_SCALAR_FLAGS || (int16_t)(f->flag[wait[k].id] - need) < 0)
                return false;
        }
    return e->open = true;
}

static void count_up(struct flow *f, enum isa_scalar_flag id, const struct isa_signal *p, const struct walk *w)
{
    f->flag[id] = (uint16_t)(f->flag[id] + (p->en && w->level >= p->dim));
}

static bool inject_room(const struct flow *f, const struct isa_inject *i)
{
    for (int t = 0; t < ISA_TILES; t++)
        if (i->dst >> t & 1 && f->tile[t].ring[0].count == ROWS_QUEUED)
            return false;
    return true;
}

static bool inject(struct flow *f, struct engine *e, const struct isa_inject *i, size_t inst)
{
    static const unsigned unit_cells[4] = {16, 2, 1, 1};
    static const enum isa_scalar_flag consumed[4] = {ISA_PARAM_INFEED, ISA_AVDATA_INFEED, ISA_SCALAR_INFEED,
                                                     ISA_SCALAR_INFEED};
    unsigned src = i->src & 3, cells = unit_cells[src], in_row = (unsigned)i->cells + 1;
    struct walk after = e->w;
    walk_next(&after);
    bool full = e->cursor + cells >= in_row || after.done;
    if (!engine_waits(f, e, i->wait, 2) || (full && !inject_room(f, i)))
        return false;
    int64_t slot = walk_at(&e->w);
    uint32_t origin = src == 0 ? origin_of(PARAMETER, 0) : src == 1 ? origin_of(INPUT_WORD, inst)
                      : slot >= 0 && slot < SCALAR_WORDS ? f->scalar_memory[slot] : 0;
    for (unsigned k = e->cursor; k < e->cursor + cells && k < ROW_CELLS; k++)
        e->row.origin[k] = origin;
    e->cursor += cells;
    if (full) {
        for (int t = 0; t < ISA_TILES; t++)
            if (i->dst >> t & 1)
                row_push(&f->tile[t].ring[0], &e->row);
        e->cursor = 0;
        e->row = (struct row){0};
    }
    walk_next(&e->w);
    e->open = false;
    if (i->p[0].en && e->w.level >= i->p[0].dim)
        flow_ticket(f, 0);
    count_up(f, consumed[src], &i->p[1], &e->w);
    return true;
}

static bool outfeed(struct flow *f, struct engine *e, const struct isa_outfeed *i, size_t inst)
{
    struct row_queue *q = &f->outfeed[!i->host && i->p.en];
    unsigned cells = i->host ? 2 : 1;
    if (!engine_waits(f, e, &i->wait, 1) || (!e->loaded && !q->count))
        return false;
    if (!e->loaded) {
        e->row = *row_pop(q);
        e->loaded = true;
        e->cursor = 0;
    }
    int64_t to = walk_at(&e->w);
    if (!i->host && to >= 0 && to < SCALAR_WORDS)
        f->scalar_memory[to] = e->row.origin[e->cursor];
    if (i->host)
        flow_result(f, inst, e->row.origin[e->cursor]);
    e->cursor += cells;
    e->loaded = e->cursor < ROW_CELLS;
    walk_next(&e->w);
    e->open = false;
    count_up(f, ISA_RING_OUTFEED, &i->p, &e->w);
    return true;
}

static bool infeed(struct flow *f, struct engine *e, const struct isa_infeed *i)
{
    if (!engine_waits(f, e, &i->wait, 1))
        return false;
    walk_next(&e->w);
    e->open = false;
    count_up(f, i->av ? ISA_AVDATA_POP : ISA_PARAM_POP, &i->p, &e->w);
    return true;
}

static void begin(struct engine *e, const struct isa_inst *i)
{
    walk_start(&e->w,
               i->op == ISA_INFEED   ? &i->infeed.t
               : i->op == ISA_INJECT ? &i->inject.t
                                     : &i->outfeed.t,
               3, false);
    memset(e->passes, 0, sizeof e->passes);
    e->busy = true;
    e->open = e->loaded = false;
    e->cursor = 0;
    e->row = (struct row){0};
}

bool flow_engine(struct flow *f, unsigned engine)
{
    struct engine *e = &f->engine[engine];
    bool moved = false;
    while (e->head < e->count && f->budget > 0) {
        size_t inst = e->queue[e->head];
        const struct isa_inst *i = &f->code->inst[inst];
        if (!e->busy)
            begin(e, i);
        if (!(i->op == ISA_INFEED   ? infeed(f, e, &i->infeed)
              : i->op == ISA_INJECT ? inject(f, e, &i->inject, inst)
                                    : outfeed(f, e, &i->outfeed, inst)))
            return moved;
        moved = true;
        f->budget--;
        if (e->w.done) {
            e->busy = false;
            e->head++;
        }
    }
    return moved;
}

/* ---- the core ---- */

static bool sync(struct flow *f, const struct isa_sync *s)
{
    for (int t = 0; t < ISA_TILES; t++)
        if (s->tiles_again_en && s->tiles_again >> t & 1 && !f->tile[t].notified)
            return false;
    for (int n = 0; n < 2; n++)
        if (s->mask242 >> n & 1 && (int16_t)(f->flag[ISA_PRODUCER_A + n] - (uint16_t)(n ? s->val38 : s->val37)) < 0)
            return false;
    if ((s->engines & 8 && f->engine[OUTFEED].head < f->engine[OUTFEED].count) ||
        (s->engines & 5 && f->engine[INJECTOR].head < f->engine[INJECTOR].count))
        return false;
    for (int t = 0; t < ISA_TILES; t++)
        f->tile[t].notified -= s->tiles_again_en && s->tiles_again >> t & 1;
    for (int id = 0; id < ISA_SCALAR_FLAGS; id++)
        if (s->flags >> id & 1)
            f->flag[id] = (uint16_t)s->value;
    return true;
}

static void issue(struct flow *f, unsigned engine, uint32_t inst)
{
    struct engine *e = &f->engine[engine];
    e->queue = arena_grow(f->c->a, e->queue, e->count, sizeof *e->queue, &e->capacity);
    e->queue[e->count++] = inst;
}

bool flow_core(struct flow *f)
{
    uint32_t start = f->core;
    for (; f->core < f->code->count; f->core++) {
        const struct isa_inst *i = &f->code->inst[f->core];
        if (i->op == ISA_SYNC && !sync(f, &i->sync))
            break;
        if (i->op == ISA_INFEED)
            issue(f, i->infeed.av ? IN_ACTIVATIONS : IN_PARAMETERS, f->core);
        if (i->op == ISA_INJECT || i->op == ISA_OUTFEED)
            issue(f, i->op == ISA_INJECT ? INJECTOR : OUTFEED, f->core);
    }
    return f->core > start;
}

/* Ring ends, the bridge between the memories, and the mesh: origins travel with the words (opcodes 0x10 .. 0x18). */
#include "verify/flow.h"

static const struct isa_inst *running(const struct flow *f, int tile, unsigned unit)
{
    return &f->code->inst[f->tile[tile].unit[unit].at];
}

/* ---- 0x10 ---- */

static bool has_room(const struct flow *f, const struct isa_ring_send *i)
{
    for (int t = 0; t < ISA_TILES; t++)
        if (i->dst >> t & 1 && f->tile[t].ring[i->chan & 1].count == ROWS_QUEUED)
            return false;
    return !i->core || f->outfeed[i->chan & 1].count < ROWS_QUEUED;
}

bool flow_send(struct flow *f, int tile)
{
    struct tile *t = &f->tile[tile];
    struct unit *u = &t->unit[SEND];
    const struct isa_ring_send *i = &running(f, tile, SEND)->send;
    bool moved = false;
    while (!u->read.w.done) {
        if (!flow_waits(f, tile, SEND, &u->read, i->wait, 3, ANY_SIDE, u->passes) || !has_room(f, i))
            return moved;
        int64_t at = walk_at(&u->read.w);
        if (!flow_read(f, tile, SEND, &t->wide, at, u->at))
            return moved;
        for (int k = 0; k < ISA_TILES; k++)
            if (i->dst >> k & 1)
                row_push(&f->tile[k].ring[i->chan & 1], &t->row[at]);
        if (i->core)
            row_push(&f->outfeed[i->chan & 1], &t->row[at]);
        walk_next(&u->read.w);
        u->read.open = false;
        if (i->p[0].en && u->read.w.level >= i->p[0].dim)
            flow_signal(f, tile, SEND, ISA_RWRITE, 1);
        if (i->p[1].en && u->read.w.level >= i->p[1].dim)
            flow_ticket(f, i->chan & 1);
        f->budget -= ROW_CELLS;
        moved = true;
    }
    u->busy = false;
    return true;
}

/* ---- 0x11, 0x12 ---- */

/* Rows that come before the main ones, again at each pass of the wide loops below `dim`. */
static void prefix_arm(struct unit *u, const struct isa_prefix *p, const struct walk *wide)
{
    if (!p->en || wide->done || wide->level < (p->dim > 1 ? p->dim : 1))
        return;
    u->prefix_left = p->lim + 1;
    u->prefix_at = u->prefix_start;
    u->prefix_start += p->step;
    if (u->prefix_start > p->end)
        u->prefix_start = p->base;
}

bool flow_receive(struct flow *f, int tile, unsigned consumer)
{
    struct tile *t = &f->tile[tile];
    enum actor who = consumer ? RECV_B : RECV_A;
    struct unit *u = &t->unit[who];
    const struct isa_ring_recv *i = &running(f, tile, who)->recv;
    struct row_queue *q = &t->ring[consumer];
    bool moved = false;
    while (!u->write.w.done) {
        if (!flow_waits(f, tile, who, &u->write, &i->wait, 1, ANY_SIDE, u->passes) || !q->count)
            return moved;
        flow_drain(f, tile); /* docs/sim.md, "Rows faster than their credit" */
        int64_t at = u->prefix_left ? u->prefix_at : walk_at(&u->write.w);
        if (!flow_write(f, tile, who, &t->wide, at, u->at))
            return moved;
        t->row[at] = *row_pop(q);
        f->budget -= ROW_CELLS;
        moved = true;
        if (u->prefix_left) {
            u->prefix_left--;
            u->prefix_at++;
            continue;
        }
        walk_next(&u->write.w);
        u->write.open = false;
        prefix_arm(u, &i->s, &u->write.w);
        if (i->p.en && u->write.w.level >= i->p.dim)
            flow_signal(f, tile, who, consumer ? ISA_RREAD_B : ISA_RREAD_A, 1);
    }
    u->busy = false;
    return true;
}

/* ---- 0x14 ---- */

static bool narrow_put(struct flow *f, int tile, struct unit *u, bool store, int64_t to)
{
    struct tile *t = &f->tile[tile];
    if (!flow_write(f, tile, TO_NARROW, store ? &t->store : &t->narrow, to, u->at))
        return false;
    if (!store)
        t->word[to] = u->row.origin[u->cursor];
    return true;
}

bool flow_to_narrow(struct flow *f, int tile)
{
    struct tile *t = &f->tile[tile];
    struct unit *u = &t->unit[TO_NARROW];
    const struct isa_to_narrow *i = &running(f, tile, TO_NARROW)->to_narrow;
    unsigned in_row = i->par ? ROW_CELLS / 2 : ROW_CELLS, flag = i->par ? ISA_W2S : ISA_W2N;
    bool moved = false;
    while (!u->write.w.done) {
        if (!u->loaded) {
            if (u->read.w.done || !flow_waits(f, tile, TO_NARROW, &u->read, i->wait, 6, READ_SIDE, u->passes))
                return moved;
            int64_t at = walk_at(&u->read.w);
            if (!flow_read(f, tile, TO_NARROW, &t->wide, at, u->at))
                return moved;
            u->row = t->row[at];
            u->loaded = true;
            u->cursor = 0;
        }
        bool prefix = u->prefix_left > 0, row_over = false;
        if (!prefix && !flow_waits(f, tile, TO_NARROW, &u->write, i->wait, 6, WRITE_SIDE, u->passes))
            return moved;
        if (!narrow_put(f, tile, u, i->par, prefix ? u->prefix_at : walk_at(&u->write.w)))
            return moved;
        u->cursor++;
        f->budget--;
        moved = true;
        if (prefix) {
            u->prefix_left--;
            u->prefix_at++;
            if (i->p.en && !i->p.dim)
                flow_signal(f, tile, TO_NARROW, flag, 1);
        } else {
            walk_next(&u->write.w);
            u->write.open = false;
            row_over = u->write.w.level >= i->pack;
            if (i->p.en && u->write.w.level >= i->p.dim)
                flow_signal(f, tile, TO_NARROW, flag, 1);
        }
        if (row_over || u->cursor == in_row) {
            u->loaded = false;
            walk_next(&u->read.w);
            u->read.open = false;
        }
    }
    u->busy = false;
    return true;
}

/* ---- 0x13 ---- */

/* The cells of a row that word k of it goes to: itself, or in a transposed row all of its block. */
static void cells_put(struct row *r, unsigned k, uint32_t origin, const struct isa_to_wide *i)
{
    unsigned side = !i->par ? 1 : i->par2 ? 2 : 4, first = k / side * side;
    for (unsigned n = 0; n < side; n++)
        if (!i->par || k == first || r->origin[first + n] == NOBODY)
            r->origin[first + n] = origin;
}

bool flow_to_wide(struct flow *f, int tile)
{
    struct tile *t = &f->tile[tile];
    struct unit *u = &t->unit[TO_WIDE];
    const struct isa_to_wide *i = &running(f, tile, TO_WIDE)->to_wide;
    bool moved = false;
    while (!u->read.w.done || u->loaded) {
        if (!u->loaded) {
            if (!flow_waits(f, tile, TO_WIDE, &u->read, i->wait, 6, READ_SIDE, u->passes))
                return moved;
            int64_t at = walk_at(&u->read.w);
            if (!flow_read(f, tile, TO_WIDE, &t->narrow, at, u->at))
                return moved;
            cells_put(&u->row, u->cursor++, t->word[at], i);
            walk_next(&u->read.w);
            u->read.open = false;
            u->loaded = u->read.w.level >= i->pack || u->cursor == ROW_CELLS;
            f->budget--;
            moved = true;
            continue;
        }
        if (u->write.w.done || !flow_waits(f, tile, TO_WIDE, &u->write, i->wait, 6, WRITE_SIDE, u->passes))
            return moved;
        int64_t to = walk_at(&u->write.w), cells = i->par ? round_up(u->cursor, 4) : u->cursor;
        if (!flow_write(f, tile, TO_WIDE, &t->wide, to, u->at))
            return moved;
        memcpy(t->row[to].origin, u->row.origin, (size_t)cells * sizeof *u->row.origin);
        walk_next(&u->write.w);
        u->write.open = u->loaded = false;
        u->cursor = 0;
        u->row = (struct row){0};
        if (i->p.en && u->write.w.level >= i->p.dim)
            flow_signal(f, tile, TO_WIDE, ISA_N2W, 1);
        moved = true;
    }
    u->busy = false;
    return true;
}

/* ---- 0x15 .. 0x18 ---- */

static const struct bus {
    int dy, dx;
    enum isa_flag out, in;
} buses[4] = {
    {1, 0, ISA_S_OUT, ISA_N_IN},
    {0, -1, ISA_W_OUT, ISA_E_IN},
    {-1, 0, ISA_N_OUT, ISA_S_IN},
    {0, 1, ISA_E_OUT, ISA_W_IN},
};

static bool mesh_send(struct flow *f, int tile, unsigned bus, const struct isa_mesh *i)
{
    struct tile *t = &f->tile[tile];
    enum actor who = (enum actor)(SOUTH_OUT + bus);
    struct unit *u = &t->unit[who];
    int y = tile / 4 + buses[bus].dy, x = tile % 4 + buses[bus].dx;
    if (y < 0 || y > 3 || x < 0 || x > 3) {
        f->absurd = true;
        return false;
    }
    struct link *l = &f->tile[4 * y + x].in[bus];
    if (!flow_waits(f, tile, who, &u->read, i->wait, 6, READ_SIDE, u->passes) || l->count == WORDS_QUEUED)
        return false;
    int64_t at = walk_at(&u->read.w);
    if (!flow_read(f, tile, who, &t->narrow, at, u->at))
        return false;
    l->word[(l->head + l->count++) % WORDS_QUEUED] = t->word[at];
    walk_next(&u->read.w);
    u->read.open = false;
    if (i->p[0].en && u->read.w.level >= i->p[0].dim)
        flow_signal(f, tile, who, buses[bus].out, 1);
    return true;
}

static bool mesh_receive(struct flow *f, int tile, unsigned bus, const struct isa_mesh *i)
{
    struct tile *t = &f->tile[tile];
    enum actor who = (enum actor)(SOUTH_IN + bus);
    struct unit *u = &t->unit[SOUTH_OUT + bus];
    struct link *l = &t->in[bus];
    if (!flow_waits(f, tile, who, &u->write, i->wait, 6, WRITE_SIDE, u->passes) || (!i->fill && !l->count))
        return false;
    int64_t at = walk_at(&u->write.w);
    if (!flow_write(f, tile, who, &t->narrow, at, u->at))
        return false;
    t->word[at] = i->fill ? origin_of(FILLED, u->at) : l->word[l->head];
    if (!i->fill) {
        l->head = (l->head + 1) % WORDS_QUEUED;
        l->count--;
    }
    walk_next(&u->write.w);
    u->write.open = false;
    if (i->p[1].en && u->write.w.level >= i->p[1].dim)
        flow_signal(f, tile, who, buses[bus].in, 1);
    return true;
}

bool flow_mesh(struct flow *f, int tile, unsigned bus)
{
    struct unit *u = &f->tile[tile].unit[SOUTH_OUT + bus];
    const struct isa_mesh *i = &running(f, tile, SOUTH_OUT + bus)->mesh;
    bool moved = false;
    while (!u->read.w.done || !u->write.w.done) {
        bool sent = !u->read.w.done && mesh_send(f, tile, bus, i);
        bool got = !u->write.w.done && mesh_receive(f, tile, bus, i);
        if ((!sent && !got) || f->absurd)
            return moved;
        moved = true;
        f->budget--;
    }
    u->busy = false;
    return true;
}

/* ---- begin ---- */

static void begin_sides(struct unit *u, const struct isa_wait wait[6])
{
    flow_pass_begin(&u->read, wait, 6, READ_SIDE);
    flow_pass_begin(&u->write, wait, 6, WRITE_SIDE);
}

void flow_begin_move(struct flow *f, int tile, unsigned unit)
{
    struct unit *u = &f->tile[tile].unit[unit];
    const struct isa_inst *in = running(f, tile, unit);
    memset(u->passes, 0, sizeof u->passes);
    u->loaded = false;
    u->cursor = 0;
    u->prefix_left = 0;
    u->row = (struct row){0};
    bool from = u->read.w.odd, to = u->write.w.odd;
    switch (unit) {
    case SEND:
        walk_start(&u->read.w, &in->send.w, 4, from);
        flow_pass_begin(&u->read, in->send.wait, 3, ANY_SIDE);
        break;
    case RECV_A: case RECV_B:
        walk_start(&u->write.w, &in->recv.w, 4, to);
        flow_pass_begin(&u->write, &in->recv.wait, 1, ANY_SIDE);
        u->prefix_start = in->recv.s.base;
        prefix_arm(u, &in->recv.s, &u->write.w);
        break;
    case TO_WIDE:
        walk_start(&u->read.w, &in->to_wide.n, 6, from);
        u->read.w.cut = in->to_wide.par != 0;
        walk_start(&u->write.w, &in->to_wide.w, 4, to);
        begin_sides(u, in->to_wide.wait);
        break;
    case TO_NARROW:
        walk_start(&u->read.w, &in->to_narrow.w, 4, from);
        walk_start(&u->write.w, &in->to_narrow.n, 6, to);
        begin_sides(u, in->to_narrow.wait);
        if (in->to_narrow.s.en) {
            u->prefix_left = in->to_narrow.s.lim + 1;
            u->prefix_at = in->to_narrow.s.base;
        }
        break;
    default:
        walk_start(&u->read.w, &in->mesh.a, 4, from);
        walk_start(&u->write.w, &in->mesh.b, 4, to);
        begin_sides(u, in->mesh.wait);
        u->read.w.done = ttu_unused(&in->mesh.a, 4);
        u->write.w.done = ttu_unused(&in->mesh.b, 4);
    }
}

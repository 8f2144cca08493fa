/* Ring ends and the bridge between narrow and wide memory: opcodes 0x10 .. 0x14.
 * Source: ../shared/isa/tile-dma.md section 4; what it leaves open is settled in docs/sim.md. */
#include "sim/chip.h"
#include "sim/memory.h"

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

void unit_begin(struct chip *c, struct unit *u, enum unit_id id)
{
    (void)c;
    const struct isa_inst *in = u->at.inst;
    memset(u->passes, 0, sizeof u->passes);
    u->loaded = false;
    u->cursor = 0;
    memset(u->row.known, 0, sizeof u->row.known);
    u->prefix_left = 0;
    u->read.open = u->write.open = false;
    switch (id) {
    case UNIT_SEND:
        walk_start(&u->read.w, &in->send.w, 4, u->read.w.odd);
        break;
    case UNIT_RECV_A:
    case UNIT_RECV_B:
        walk_start(&u->write.w, &in->recv.w, 4, u->write.w.odd);
        u->prefix_start = in->recv.s.base;
        prefix_arm(u, &in->recv.s, &u->write.w);
        break;
    case UNIT_TO_WIDE:
        u->ttu = in->to_wide.n;
        if (u->at.base >= 0)
            u->ttu.base = u->at.base;
        walk_start(&u->read.w, &u->ttu, 6, u->read.w.odd);
        u->read.w.cut = in->to_wide.par != 0;
        walk_start(&u->write.w, &in->to_wide.w, 4, u->write.w.odd);
        break;
    case UNIT_TO_NARROW:
        walk_start(&u->read.w, &in->to_narrow.w, 4, u->read.w.odd);
        walk_start(&u->write.w, &in->to_narrow.n, 6, u->write.w.odd);
        if (in->to_narrow.s.en) { /* words in front, once: docs/sim.md, "Prefix words" */
            u->prefix_left = in->to_narrow.s.lim + 1;
            u->prefix_at = in->to_narrow.s.base;
        }
        break;
    case UNIT_SOUTH:
    case UNIT_WEST:
    case UNIT_NORTH:
    case UNIT_EAST:
        walk_start(&u->read.w, &in->mesh.a, 4, u->read.w.odd);
        walk_start(&u->write.w, &in->mesh.b, 4, u->write.w.odd);
        u->read.w.done = ttu_unused(&in->mesh.a, 4);
        u->write.w.done = ttu_unused(&in->mesh.b, 4);
        break;
    default:
        break;
    }
}

/* ---- 0x10: wide rows to the ring ---- */

static bool ring_has_room(struct chip *c, const struct isa_ring_send *i, struct stop *stop)
{
    uint16_t full = 0;
    for (unsigned t = 0; t < 16; t++)
        if (i->dst >> t & 1 && c->tile[t].ring[i->chan].count == c->ring_depth)
            full |= (uint16_t)(1u << t);
    bool core_full = i->core && c->outfeed[i->chan].count == c->ring_depth;
    *stop = (struct stop){.why = full || core_full ? WHY_ROOM : WHY_NONE, .tiles = full};
    return !full && !core_full;
}

static void row_push(struct row_fifo *f, const struct row *r)
{
    f->row[(f->head + f->count++) % RING_DEPTH] = *r;
}

enum step send_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    const struct isa_ring_send *i = &u->at.inst->send;
    struct tile *t = &c->tile[tile];
    enum step moved = STEP_IDLE;
    if (i->s.en)
        return chip_fault(c, &u->at, tile, STATUS_UNSUPPORTED, "0x10 with a prefix: no official stream has one");
    while (!u->read.w.done) {
        if (!q->left || !waits_over(t->flag, ISA_FLAGS, i->wait, 3, SIDE_ANY, &u->read, u->passes, &u->stop) ||
            !ring_has_room(c, i, &u->stop))
            return moved;
        struct row r;
        if (!row_read(c, &u->at, tile, walk_at(&u->read.w), &r) || !chip_spend(c, &u->at, tile, 1))
            return STEP_FAILED;
        for (unsigned k = 0; k < 16; k++)
            if (i->dst >> k & 1)
                row_push(&c->tile[k].ring[i->chan], &r);
        if (i->core)
            row_push(&c->outfeed[i->chan], &r);
        walk_next(&u->read.w);
        u->read.open = false;
        flag_raise(&t->flag[ISA_RWRITE], &i->p[0], &u->read.w);
        if (i->p[1].en && u->read.w.level >= i->p[1].dim)
            ticket_raise(c, (unsigned)i->chan);
        q->left--;
        moved = STEP_MOVED;
    }
    u->busy = false;
    return STEP_MOVED;
}

/* ---- 0x11, 0x12: ring to wide rows ---- */

/* Whatever 0x14 can move, it moves before the next row comes from the ring: official gathers count on
 * that (docs/sim.md, "Rows faster than their credit"). */
static bool narrow_drain(struct chip *c, int tile)
{
    struct quantum all = {UINT32_MAX};
    return unit_step(c, tile, UNIT_TO_NARROW, &all) != STEP_FAILED;
}

enum step recv_step(struct chip *c, int tile, struct unit *u, unsigned consumer, struct quantum *q)
{
    const struct isa_ring_recv *i = &u->at.inst->recv;
    struct tile *t = &c->tile[tile];
    struct row_fifo *f = &t->ring[consumer];
    enum step moved = STEP_IDLE;
    while (!u->write.w.done) {
        if (!q->left || !waits_over(t->flag, ISA_FLAGS, &i->wait, 1, SIDE_ANY, &u->write, u->passes, &u->stop))
            return moved;
        if (!f->count) {
            u->stop = (struct stop){.why = WHY_ROW};
            return moved;
        }
        if (!narrow_drain(c, tile))
            return STEP_FAILED;
        int64_t to = u->prefix_left ? u->prefix_at : walk_at(&u->write.w);
        if (!row_write(c, &u->at, tile, to, &f->row[f->head]) || !chip_spend(c, &u->at, tile, 1))
            return STEP_FAILED;
        f->head = (f->head + 1) % RING_DEPTH;
        f->count--;
        q->left--;
        moved = STEP_MOVED;
        if (u->prefix_left) {
            u->prefix_left--;
            u->prefix_at++;
            continue;
        }
        walk_next(&u->write.w);
        u->write.open = false;
        prefix_arm(u, &i->s, &u->write.w);
        flag_raise(&t->flag[consumer ? ISA_RREAD_B : ISA_RREAD_A], &i->p, &u->write.w);
    }
    u->busy = false;
    return STEP_MOVED;
}

/* ---- 0x14: wide rows to narrow words, or to the bias/multiplier store ---- */

static bool slot_write(struct chip *c, int tile, struct unit *u, int64_t to)
{
    struct tile *t = &c->tile[tile];
    if (to < 0 || to >= SCALING_SLOTS)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "bias store slot %lld", (long long)to), false;
    memcpy(t->scaling + 8 * to, u->row.data + 8 * u->cursor, 8);
    t->scaling_known[to] = (uint8_t)(u->row.known[2 * u->cursor] | u->row.known[2 * u->cursor + 1] << 4);
    return true;
}

static bool to_narrow_word(struct chip *c, int tile, struct unit *u, bool par, int64_t to)
{
    if (par)
        return slot_write(c, tile, u, to);
    return word_write(c, &u->at, tile, to, le32(u->row.data + 4 * u->cursor), u->row.known[u->cursor]);
}

enum step to_narrow_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    const struct isa_to_narrow *i = &u->at.inst->to_narrow;
    struct tile *t = &c->tile[tile];
    struct side *wide = &u->read, *narrow = &u->write;
    unsigned in_row = i->par ? ROW_CELLS / 2 : ROW_CELLS;
    uint16_t *flag = &t->flag[i->par ? ISA_W2S : ISA_W2N];
    enum step moved = STEP_IDLE;
    while (!narrow->w.done) {
        if (!q->left)
            return moved;
        if (!u->loaded) {
            if (wide->w.done)
                return chip_fault(c, &u->at, tile, STATUS_INVALID, "more words to write than rows to read");
            if (!waits_over(t->flag, ISA_FLAGS, i->wait, 6, SIDE_READ, wide, u->passes, &u->stop))
                return moved;
            if (!row_read(c, &u->at, tile, walk_at(&wide->w), &u->row))
                return STEP_FAILED;
            u->loaded = true;
            u->cursor = 0;
        }
        bool prefix = u->prefix_left > 0, row_over = false;
        if (!prefix && !waits_over(t->flag, ISA_FLAGS, i->wait, 6, SIDE_WRITE, narrow, u->passes, &u->stop))
            return moved;
        if (!to_narrow_word(c, tile, u, i->par, prefix ? u->prefix_at : walk_at(&narrow->w)) ||
            !chip_spend(c, &u->at, tile, 1))
            return STEP_FAILED;
        u->cursor++;
        q->left--;
        moved = STEP_MOVED;
        if (prefix) {
            u->prefix_left--;
            u->prefix_at++;
            if (i->p.en && !i->p.dim)
                ++*flag;
        } else {
            walk_next(&narrow->w);
            narrow->open = false;
            row_over = narrow->w.level >= i->pack;
            flag_raise(flag, &i->p, &narrow->w);
        }
        if (row_over || u->cursor == in_row) {
            u->loaded = false;
            walk_next(&wide->w);
            wide->open = false;
        }
    }
    if (!wide->w.done)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "more rows to read than words to write");
    u->busy = false;
    return STEP_MOVED;
}

/* ---- 0x13: narrow words to wide rows ---- */

/* Words one after the other.  par: as weights: each 4 words are a 4x4 block of bytes that is turned round,
 * so that lane 4g+j holds byte j of words 4g .. 4g+3; par2: each 2 words are a 2x2 block of 16-bit
 * elements (docs/sim.md, "Transposed rows"). */
static void row_put(struct row *r, unsigned k, uint32_t word, uint8_t known, const struct isa_to_wide *i)
{
    if (!i->par) {
        put_le32(r->data + 4 * k, word);
        r->known[k] = known;
        return;
    }
    unsigned size = i->par2 ? 2 : 1, side = 4 / size; /* bytes of an element; the block is side x side */
    unsigned column = k % side * size, mask = size == 2 ? 3 : 1;
    for (unsigned j = 0; j < side; j++) {
        unsigned cell = k / side * side + j;
        if (!column) {
            put_le32(r->data + 4 * cell, 0);
            r->known[cell] = 0;
        }
        for (unsigned b = 0; b < size; b++)
            r->data[4 * cell + column + b] = (uint8_t)(word >> 8 * (size * j + b));
        r->known[cell] |= (uint8_t)((known >> size * j & mask) << column);
    }
}

enum step to_wide_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    const struct isa_to_wide *i = &u->at.inst->to_wide;
    struct tile *t = &c->tile[tile];
    struct side *narrow = &u->read, *wide = &u->write;
    enum step moved = STEP_IDLE;
    while (!narrow->w.done || u->loaded) {
        if (!q->left)
            return moved;
        if (!u->loaded) { /* the row is not complete */
            if (!waits_over(t->flag, ISA_FLAGS, i->wait, 6, SIDE_READ, narrow, u->passes, &u->stop))
                return moved;
            uint32_t word;
            uint8_t known;
            if (!word_read(c, &u->at, tile, walk_at(&narrow->w), &word, &known) || !chip_spend(c, &u->at, tile, 1))
                return STEP_FAILED;
            row_put(&u->row, u->cursor++, word, known, i);
            walk_next(&narrow->w);
            narrow->open = false;
            u->loaded = narrow->w.level >= i->pack || u->cursor == ROW_CELLS;
            q->left--;
            moved = STEP_MOVED;
            continue;
        }
        if (wide->w.done)
            return chip_fault(c, &u->at, tile, STATUS_INVALID, "more words to read than rows to write");
        if (!waits_over(t->flag, ISA_FLAGS, i->wait, 6, SIDE_WRITE, wide, u->passes, &u->stop))
            return moved;
        unsigned cells = i->par ? (unsigned)round_up(u->cursor, 4) : u->cursor;
        if (!cells_write(c, &u->at, tile, walk_at(&wide->w), &u->row, cells))
            return STEP_FAILED;
        walk_next(&wide->w);
        wide->open = false;
        u->loaded = false;
        u->cursor = 0;
        memset(u->row.known, 0, sizeof u->row.known);
        flag_raise(&t->flag[ISA_N2W], &i->p, &wide->w);
        moved = STEP_MOVED;
    }
    if (!wide->w.done)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "more rows to write than words to read");
    u->busy = false;
    return STEP_MOVED;
}

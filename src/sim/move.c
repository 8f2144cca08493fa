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
    switch (id) {
    case UNIT_SEND:
        walk_start(&u->read.w, &in->send.w, 4, u->read.w.odd);
        waits_begin(&u->read, in->send.wait, 3, SIDE_ANY);
        break;
    case UNIT_RECV_A:
    case UNIT_RECV_B:
        walk_start(&u->write.w, &in->recv.w, 4, u->write.w.odd);
        waits_begin(&u->write, &in->recv.wait, 1, SIDE_ANY);
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
        waits_begin(&u->read, in->to_wide.wait, 6, SIDE_READ);
        waits_begin(&u->write, in->to_wide.wait, 6, SIDE_WRITE);
        break;
    case UNIT_TO_NARROW:
        walk_start(&u->read.w, &in->to_narrow.w, 4, u->read.w.odd);
        walk_start(&u->write.w, &in->to_narrow.n, 6, u->write.w.odd);
        waits_begin(&u->read, in->to_narrow.wait, 6, SIDE_READ);
        waits_begin(&u->write, in->to_narrow.wait, 6, SIDE_WRITE);
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
        waits_begin(&u->read, in->mesh.wait, 6, SIDE_READ);
        waits_begin(&u->write, in->mesh.wait, 6, SIDE_WRITE);
        u->read.w.done = ttu_unused(&in->mesh.a, 4);
        u->write.w.done = ttu_unused(&in->mesh.b, 4);
        break;
    default:
        break;
    }
}

/* ---- 0x10: wide rows to the ring ---- */

/* Rows for which all receivers have room, `most` at most. */
static uint32_t ring_room(struct chip *c, const struct isa_ring_send *i, uint32_t most, struct stop *stop)
{
    uint16_t full = 0;
    for (unsigned t = 0; t < 16; t++) {
        unsigned room = c->ring_depth - c->tile[t].ring[i->chan].count;
        if (i->dst >> t & 1 && room < most)
            most = room;
        if (i->dst >> t & 1 && !room)
            full |= (uint16_t)(1u << t);
    }
    unsigned room = c->ring_depth - c->outfeed[i->chan].count;
    if (i->core && room < most)
        most = room;
    *stop = (struct stop){.why = most ? WHY_NONE : WHY_ROOM, .tiles = full};
    return most;
}

static bool row_send(struct chip *c, int tile, struct unit *u, int64_t row)
{
    const struct isa_ring_send *i = &u->at.inst->send;
    if (!i->dst && !i->core)
        return row_range(c, &u->at, tile, row, "reads");
    uint16_t slot = pool_take(&c->rows);
    if (!row_read(c, &u->at, tile, row, &c->rows.row[slot]))
        return false;
    for (unsigned t = 0; t < 16; t++)
        if (i->dst >> t & 1)
            fifo_push(&c->rows, &c->tile[t].ring[i->chan], slot);
    if (i->core)
        fifo_push(&c->rows, &c->outfeed[i->chan], slot);
    return true;
}

enum step send_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    const struct isa_ring_send *i = &u->at.inst->send;
    struct tile *t = &c->tile[tile];
    enum step moved = STEP_IDLE;
    if (i->s.en)
        return chip_fault(c, &u->at, tile, STATUS_UNSUPPORTED, "0x10 with a prefix: no official stream has one");
    while (!u->read.w.done) {
        if (!q->left || !waits_over(t->flag, ISA_FLAGS, i->wait, 3, SIDE_ANY, &u->read, u->passes, &u->stop))
            return moved;
        uint32_t n = ring_room(c, i, bulk(c, &u->read.w, q->left), &u->stop);
        if (!n)
            return moved;
        n = waits_run(t->flag, i->wait, 3, SIDE_ANY, &u->read, u->passes, n);
        int64_t row = walk_at(&u->read.w);
        for (uint32_t k = 0; k < n; k++, row += i->w.step[0])
            if (!row_send(c, tile, u, row))
                return STEP_FAILED;
        if (!chip_spend(c, &u->at, tile, n))
            return STEP_FAILED;
        walk_skip(&u->read.w, 0, n, 0);
        u->read.open = false;
        flag_raise_run(&t->flag[ISA_RWRITE], &i->p[0], &u->read.w, 0, n);
        uint32_t tickets = 0;
        flag_raise_run(&tickets, &i->p[1], &u->read.w, 0, n);
        if (tickets)
            tickets_raise(c, (unsigned)i->chan, tickets);
        q->left -= n;
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
        bool prefix = u->prefix_left > 0;
        if (!narrow_drain(c, tile))
            return STEP_FAILED;
        uint32_t n = 1;
        if (!prefix && !(i->p.en && i->p.dim == 0)) { /* 0x14 sees nothing of these rows: no flag is raised meanwhile */
            n = bulk(c, &u->write.w, q->left < f->count ? q->left : f->count);
            n = waits_run(t->flag, &i->wait, 1, SIDE_ANY, &u->write, u->passes, n);
        }
        int64_t to = prefix ? u->prefix_at : walk_at(&u->write.w);
        for (uint32_t k = 0; k < n; k++, to += i->w.step[0]) {
            if (!row_write(c, &u->at, tile, to, fifo_first(&c->rows, f)))
                return STEP_FAILED;
            fifo_pop(&c->rows, f);
        }
        if (!chip_spend(c, &u->at, tile, n))
            return STEP_FAILED;
        q->left -= n;
        moved = STEP_MOVED;
        if (prefix) {
            u->prefix_left--;
            u->prefix_at++;
            continue;
        }
        walk_skip(&u->write.w, 0, n, 0);
        u->write.open = false;
        prefix_arm(u, &i->s, &u->write.w);
        flag_raise_run(&t->flag[consumer ? ISA_RREAD_B : ISA_RREAD_A], &i->p, &u->write.w, 0, n);
    }
    u->busy = false;
    return STEP_MOVED;
}

/* ---- 0x14: wide rows to narrow words, or to the bias/multiplier store ---- */

/* `n` slots from the row of the unit. */
static bool slots_write(struct chip *c, int tile, struct unit *u, int64_t to, int64_t stride, uint32_t n)
{
    struct tile *t = &c->tile[tile];
    for (unsigned k = u->cursor; k < u->cursor + n; k++, to += stride) {
        if (to < 0 || to >= SCALING_SLOTS)
            return chip_fault(c, &u->at, tile, STATUS_INVALID, "bias store slot %lld", (long long)to), false;
        memcpy(t->scaling + 8 * to, u->row.data + 8 * k, 8);
        t->scaling_known[to] = (uint8_t)(u->row.known[2 * k] | u->row.known[2 * k + 1] << 4);
    }
    return true;
}

static bool to_narrow_words(struct chip *c, int tile, struct unit *u, int64_t to, int64_t stride, uint32_t n)
{
    if (u->at.inst->to_narrow.par)
        return slots_write(c, tile, u, to, stride, n);
    return words_write(c, &u->at, tile, to, stride, n, u->row.data + 4 * u->cursor, u->row.known + u->cursor);
}

enum step to_narrow_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    const struct isa_to_narrow *i = &u->at.inst->to_narrow;
    struct tile *t = &c->tile[tile];
    struct side *wide = &u->read, *narrow = &u->write;
    unsigned in_row = i->par ? ROW_CELLS / 2 : ROW_CELLS;
    uint32_t *flag = &t->flag[i->par ? ISA_W2S : ISA_W2N];
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
        uint32_t n = in_row - u->cursor < q->left ? in_row - u->cursor : q->left;
        n = prefix || !i->pack ? 1 : bulk(c, &narrow->w, n);
        if (!prefix)
            n = waits_run(t->flag, i->wait, 6, SIDE_WRITE, narrow, u->passes, n);
        if (!to_narrow_words(c, tile, u, prefix ? u->prefix_at : walk_at(&narrow->w), i->n.step[0], n) ||
            !chip_spend(c, &u->at, tile, n))
            return STEP_FAILED;
        u->cursor += n;
        q->left -= n;
        moved = STEP_MOVED;
        if (prefix) {
            u->prefix_left--;
            u->prefix_at++;
            if (i->p.en && !i->p.dim)
                ++*flag;
        } else {
            walk_skip(&narrow->w, 0, n, 0);
            narrow->open = false;
            row_over = narrow->w.level >= i->pack;
            flag_raise_run(flag, &i->p, &narrow->w, 0, n);
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

/* Word k of a row as weights: each 4 words are a 4x4 block of bytes that is turned round, so that lane 4g+j holds byte
 * j of words 4g .. 4g+3; par2: each 2 words are a 2x2 block of 16-bit elements (docs/sim.md, "Transposed rows"). */
static void row_turn(struct row *r, unsigned k, uint32_t word, uint8_t known, bool par2)
{
    unsigned size = par2 ? 2 : 1, side = 4 / size; /* bytes of an element; the block is side x side */
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

/* The next n words of the row, one after the other or turned round. */
static bool row_gather(struct chip *c, int tile, struct unit *u, uint32_t n)
{
    const struct isa_to_wide *i = &u->at.inst->to_wide;
    int64_t from = walk_at(&u->read.w), stride = u->ttu.step[0];
    if (!i->par)
        return words_read(c, &u->at, tile, from, stride, n, u->row.data + 4 * u->cursor, u->row.known + u->cursor);
    uint8_t words[ROW_BYTES], known[ROW_CELLS] = {0};
    if (!words_read(c, &u->at, tile, from, stride, n, words, known))
        return false;
    for (uint32_t k = 0; k < n; k++)
        row_turn(&u->row, u->cursor + k, le32(words + 4 * k), known[k], i->par2 != 0);
    return true;
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
            uint32_t n = ROW_CELLS - u->cursor < q->left ? ROW_CELLS - u->cursor : q->left;
            n = i->pack ? bulk(c, &narrow->w, n) : 1;
            n = waits_run(t->flag, i->wait, 6, SIDE_READ, narrow, u->passes, n);
            if (!row_gather(c, tile, u, n) || !chip_spend(c, &u->at, tile, n))
                return STEP_FAILED;
            u->cursor += n;
            walk_skip(&narrow->w, 0, n, 0);
            narrow->open = false;
            u->loaded = narrow->w.level >= i->pack || u->cursor == ROW_CELLS;
            q->left -= n;
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

/* Mesh buses: opcodes 0x15 .. 0x18.  One instruction names what a tile sends (A) and what it receives or
 * fills (B); the two sides run side by side, so that a tile can pass on what it gets.
 * Source: ../shared/isa/tile-dma.md section 4. */
#include "sim/chip.h"
#include "sim/memory.h"

struct direction {
    int dy, dx;
    enum isa_flag out, in;
};
static const struct direction directions[4] = {
    {1, 0, ISA_S_OUT, ISA_N_IN},
    {0, -1, ISA_W_OUT, ISA_E_IN},
    {-1, 0, ISA_N_OUT, ISA_S_IN},
    {0, 1, ISA_E_OUT, ISA_W_IN},
};

static int neighbour(int tile, const struct direction *d)
{
    int y = tile / 4 + d->dy, x = tile % 4 + d->dx;
    return y < 0 || y > 3 || x < 0 || x > 3 ? -1 : 4 * y + x;
}

static enum step mesh_send(struct chip *c, int tile, struct unit *u, unsigned direction, struct quantum *q)
{
    const struct isa_mesh *i = &u->at.inst->mesh;
    const struct direction *d = &directions[direction];
    int to = neighbour(tile, d);
    if (to < 0)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "sends over the edge of the mesh");
    struct link *l = &c->tile[to].in[direction];
    struct tile *t = &c->tile[tile];
    if (!waits_over(t->flag, ISA_FLAGS, i->wait, 6, SIDE_READ, &u->read, u->passes, &u->stop))
        return STEP_IDLE;
    if (l->count == c->link_depth) {
        u->stop = (struct stop){.why = WHY_ROOM, .tiles = (uint16_t)(1u << to)};
        return STEP_IDLE;
    }
    if (!l->count)
        l->head = 0;
    unsigned at = (l->head + l->count) % LINK_DEPTH;
    uint32_t room = c->link_depth - l->count, n = LINK_DEPTH - at < room ? LINK_DEPTH - at : room;
    n = bulk(c, &u->read.w, n < q->left ? n : q->left);
    n = waits_run(t->flag, i->wait, 6, SIDE_READ, &u->read, u->passes, n);
    if (!words_read(c, &u->at, tile, walk_at(&u->read.w), i->a.step[0], n, l->word[at], &l->known[at]))
        return STEP_FAILED;
    l->count += n;
    walk_skip(&u->read.w, 0, n, 0);
    u->read.open = false;
    flag_raise_run(&t->flag[d->out], &i->p[0], &u->read.w, 0, n);
    q->left -= n;
    return chip_spend(c, &u->at, tile, n) ? STEP_MOVED : STEP_FAILED;
}

/* At most so many words at once. */
enum { FILL = 64 };

static bool words_fill(struct chip *c, int tile, const struct unit *u, uint32_t n)
{
    const struct isa_mesh *i = &u->at.inst->mesh;
    uint8_t words[FILL][4], known[FILL];
    for (uint32_t k = 0; k < n; k++)
        put_le32(words[k], (uint32_t)i->value), known[k] = 0xf;
    return words_write(c, &u->at, tile, walk_at(&u->write.w), i->b.step[0], n, words[0], known);
}

static enum step mesh_receive(struct chip *c, int tile, struct unit *u, unsigned direction, struct quantum *q)
{
    const struct isa_mesh *i = &u->at.inst->mesh;
    struct tile *t = &c->tile[tile];
    struct link *l = &t->in[direction];
    if (!waits_over(t->flag, ISA_FLAGS, i->wait, 6, SIDE_WRITE, &u->write, u->passes, &u->stop))
        return STEP_IDLE;
    if (!i->fill && !l->count) {
        u->stop = (struct stop){.why = WHY_WORD};
        return STEP_IDLE;
    }
    uint32_t n = FILL;
    if (!i->fill) /* up to where the queue turns round */
        n = LINK_DEPTH - l->head < l->count ? LINK_DEPTH - l->head : l->count;
    n = bulk(c, &u->write.w, n < q->left ? n : q->left);
    n = waits_run(t->flag, i->wait, 6, SIDE_WRITE, &u->write, u->passes, n);
    if (i->fill ? !words_fill(c, tile, u, n)
                : !words_write(c, &u->at, tile, walk_at(&u->write.w), i->b.step[0], n, l->word[l->head],
                               &l->known[l->head]))
        return STEP_FAILED;
    if (!i->fill) {
        l->head = (l->head + n) % LINK_DEPTH;
        l->count -= n;
    }
    walk_skip(&u->write.w, 0, n, 0);
    u->write.open = false;
    flag_raise_run(&t->flag[directions[direction].in], &i->p[1], &u->write.w, 0, n);
    q->left -= n;
    return chip_spend(c, &u->at, tile, n) ? STEP_MOVED : STEP_FAILED;
}

enum step mesh_step(struct chip *c, int tile, struct unit *u, unsigned direction, struct quantum *q)
{
    enum step moved = STEP_IDLE;
    while (!u->read.w.done || !u->write.w.done) {
        enum step sent = u->read.w.done || !q->left ? STEP_IDLE : mesh_send(c, tile, u, direction, q);
        enum step got = u->write.w.done || !q->left || sent == STEP_FAILED ? STEP_IDLE
                                                                           : mesh_receive(c, tile, u, direction, q);
        if (sent == STEP_FAILED || got == STEP_FAILED)
            return STEP_FAILED;
        if (sent == STEP_IDLE && got == STEP_IDLE)
            return moved;
        moved = STEP_MOVED;
    }
    u->busy = false;
    return STEP_MOVED;
}

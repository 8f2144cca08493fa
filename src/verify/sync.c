/* Sync flags: no wait may ask for more than all the signals of its epoch, and ring
 * producers take their turns.
 *
 * An epoch of a flag on a tile runs from one fence that sets it to the next.
 * Order inside it is free (ten threads), so all signals of the epoch count. */
#include "verify/check.h"

enum {
    AVDATA = 0,
    PARAM = 1,
    PSUM = 2,
    W2N = 11,
    W2S = 12,
    N2W = 13,
    RREAD_A = 14,
    RREAD_B = 15,
    RWRITE = 16,
    RPROD_A = 17
};

struct pending {
    struct pending *next;
    int64_t need;  /* the last threshold, unwrapped */
    int32_t val;   /* the first, 16 bits as encoded */
    int64_t rise;  /* last less first               */
    int32_t thread; /* fence bits that wait for this instruction */
    size_t at;
};

enum { THREADS = 10 };

struct flag {
    int64_t level;
    int64_t asked[THREADS]; /* the threshold that each thread came to last */
    struct pending *waits;
};

struct sync {
    struct check *c;
    const struct code *code;
    struct flag flag[ISA_TILES][FLAGS];
    int64_t ticket[2]; /* rows or passes that producers of ring A and B have been given; -1 = not known */
};

/* Thresholds are 16 bits and wrap: the one meant is the nearest to the one before it in the same thread. */
static int64_t unwrap(int64_t before, int32_t val)
{
    return before + bits_sign((uint64_t)((int64_t)val - before) & 0xffff, 16);
}

static unsigned thread_index(enum isa_opcode op)
{
    return op <= ISA_RESIZE ? 0 : (unsigned)op - ISA_RING_SEND + 1;
}

/* Fence bits of the thread that runs an opcode; the order of bits 1..5 is not known (docs/isa.md). */
static int32_t thread_of(enum isa_opcode op)
{
    if (op <= ISA_RESIZE)
        return 1;
    return op >= ISA_MESH_SOUTH && op <= ISA_MESH_EAST ? 0x40 << (op - ISA_MESH_SOUTH) : 0x3e;
}

/* The epoch of a flag ends with all waits of the threads in `threads`; the others go on with a flag at `value`
 * (the first copy of an image infeed is issued before the fence that clears its flag: mapping.md section 3). */
static void settle(struct sync *s, int tile, int id, int32_t threads, int64_t value)
{
    struct flag *f = &s->flag[tile][id];
    struct pending *rest = NULL;
    for (unsigned k = 0; k < THREADS; k++)
        f->asked[k] = value;
    for (struct pending *w = f->waits, *next; w; w = next) {
        next = w->next;
        if (w->need <= f->level)
            continue;
        if (threads & w->thread) {
            finding(s->c, s->code, (long)w->at, RULE_SYNC,
                    "tile %d waits for flag %d to reach %lld, but it ends at %lld", tile, id, (long long)w->need,
                    (long long)f->level);
            continue;
        }
        w->need = unwrap(value, w->val) + w->rise;
        f->asked[thread_index(s->code->inst[w->at].op)] = w->need;
        w->next = rest;
        rest = w;
    }
    f->waits = rest;
}

/* One signal per completed iteration of the loops from dim up; dim 0: per element, prefix and shortened ends counted as
 * they are. */
static void raise_flag(struct sync *s, int32_t tiles, int id, const struct isa_signal *p, const struct isa_ttu *t,
                       unsigned loops, int64_t prefix)
{
    if (!p->en)
        return;
    int64_t n = p->dim ? lim_product(t->lim, (unsigned)p->dim, loops) : unit_count(t, loops) + prefix;
    for (int t = 0; t < ISA_TILES; t++)
        if (tiles >> t & 1)
            s->flag[t][id].level += n;
}

static void wait_flag(struct sync *s, size_t at, int32_t tiles, const struct isa_wait *w, const int32_t *lim,
                      unsigned loops)
{
    if (!w->fl || w->id < 0 || w->id >= RPROD_A)
        return;
    int64_t passes = lim_product(lim, (unsigned)w->dim, loops);
    for (int t = 0; t < ISA_TILES; t++) {
        if (!(tiles >> t & 1))
            continue;
        struct flag *f = &s->flag[t][w->id];
        int64_t rise = w->step > 0 ? (passes - 1) * w->step : 0;
        struct pending *p = ARENA_NEW(s->c->a, struct pending);
        enum isa_opcode op = s->code->inst[at].op;
        int64_t *asked = &f->asked[thread_index(op)];
        *asked = unwrap(*asked, w->val) + rise;
        *p = (struct pending){f->waits, *asked, w->val, rise, thread_of(op), at};
        f->waits = p;
    }
}

/* A transfer has a side that reads and one that writes.  A wait for data (form 1) counts the passes of the side that
 * reads, a wait for room (form 3) those of the side that writes.  Evidence: with any other reading waits of official
 * streams never end, e.g. mesh.north in mobilenet_v2_mask_classification, to_wide in mobilenet_v1_0.5_160 (soft-max).
 */
static void wait_side(struct sync *s, size_t at, int32_t tiles, const struct isa_wait *w, const struct isa_ttu *from,
                      unsigned from_loops, const struct isa_ttu *to, unsigned to_loops)
{
    bool room = w->fl == 3;
    wait_flag(s, at, tiles, w, room ? to->lim : from->lim, room ? to_loops : from_loops);
}

static void fence(struct sync *s, const struct isa_fence *f)
{
    for (int id = 0; id < FLAGS; id++)
        if (f->flags >> id & 1)
            for (int t = 0; t < ISA_TILES; t++)
                if (f->tiles >> t & 1) {
                    settle(s, t, id, f->threads, f->value);
                    s->flag[t][id].level = bits_sign((uint64_t)f->value, 16);
                }
    for (int ring = 0; ring < 2; ring++)
        if (f->flags >> (RPROD_A + ring) & 1)
            s->ticket[ring] = 0;
}

/* A producer waits for its turn: the count of everything sent on its ring before. */
static void ticket(struct sync *s, size_t at, const struct isa_ring_send *r)
{
    bool own[2] = {r->chan == 0, r->chan != 0};
    for (int k = 0; k < 3; k++) {
        int ring = r->wait[k].id - RPROD_A;
        if (!r->wait[k].fl || ring < 0 || ring > 1 || !own[ring] || s->ticket[ring] < 0)
            continue;
        if (((r->wait[k].val - s->ticket[ring]) & 0xffff) != 0)
            finding(s->c, s->code, (long)at, RULE_TICKET, "waits for turn %d of ring %c, %lld is due", r->wait[k].val,
                    'A' + ring, (long long)s->ticket[ring]);
        s->ticket[ring] += r->p[1].en ? lim_product(r->w.lim, (unsigned)r->p[1].dim, 4) : 0;
    }
}

void check_sync(struct check *c, const struct code *code)
{
    struct sync *s = ARENA_NEW(c->a, struct sync);
    s->c = c;
    s->code = code;
    for (size_t k = 0; k < code->count && code->straight; k++) {
        const struct isa_inst *i = &code->inst[k];
        switch (i->op) {
        case ISA_MAC: case ISA_MAX: case ISA_SUM: case ISA_RESIZE:
            for (int n = 0; n < 6; n++)
                wait_flag(s, k, i->tensor.tiles, &i->tensor.wait[n], i->tensor.lim, 8);
            raise_flag(s, i->tensor.tiles, AVDATA, &i->tensor.avdata, &i->tensor.o, 8, 0);
            raise_flag(s, i->tensor.tiles, PARAM, &i->tensor.param, &i->tensor.w, 8, 0);
            raise_flag(s, i->tensor.tiles, PSUM, &i->tensor.psum, &i->tensor.p, 8, 0);
            break;
        case ISA_RING_SEND:
            for (int n = 0; n < 3; n++)
                wait_flag(s, k, i->send.tiles, &i->send.wait[n], i->send.w.lim, 4);
            raise_flag(s, i->send.tiles, RWRITE, &i->send.p[0], &i->send.w, 4, 0);
            ticket(s, k, &i->send);
            break;
        case ISA_RING_RECV_A: case ISA_RING_RECV_B:
            wait_flag(s, k, i->recv.tiles, &i->recv.wait, i->recv.w.lim, 4);
            raise_flag(s, i->recv.tiles, i->op == ISA_RING_RECV_A ? RREAD_A : RREAD_B, &i->recv.p, &i->recv.w, 4, 0);
            break;
        case ISA_TO_WIDE:
            for (int n = 0; n < 6; n++)
                wait_side(s, k, i->to_wide.tiles, &i->to_wide.wait[n], &i->to_wide.n, 6, &i->to_wide.w, 4);
            raise_flag(s, i->to_wide.tiles, N2W, &i->to_wide.p, &i->to_wide.w, 4, 0);
            break;
        case ISA_TO_NARROW:
            for (int n = 0; n < 6; n++)
                wait_side(s, k, i->to_narrow.tiles, &i->to_narrow.wait[n], &i->to_narrow.w, 4, &i->to_narrow.n, 6);
            raise_flag(s, i->to_narrow.tiles, i->to_narrow.par ? W2S : W2N, &i->to_narrow.p, &i->to_narrow.n, 6,
                       i->to_narrow.s.en ? i->to_narrow.s.lim + 1 : 0);
            break;
        case ISA_MESH_SOUTH: case ISA_MESH_WEST: case ISA_MESH_NORTH: case ISA_MESH_EAST: {
            static const int out[4] = {9, 10, 7, 8},
                             in[4] = {3, 4, 5, 6}; /* SOUTH WEST NORTH EAST, tile-dma.md section 4 */
            int bus = (int)i->op - ISA_MESH_SOUTH;
            for (int n = 0; n < 6; n++)
                wait_side(s, k, i->mesh.tiles, &i->mesh.wait[n], &i->mesh.a, 4, &i->mesh.b, 4);
            raise_flag(s, i->mesh.tiles, out[bus], &i->mesh.p[0], &i->mesh.a, 4, 0);
            raise_flag(s, i->mesh.tiles, in[bus], &i->mesh.p[1], &i->mesh.b, 4, 0);
            break;
        }
        case ISA_INJECT: /* what the scalar core sends on ring A takes turns too, one for each of its chunks */
            if (i->inject.src == 2 && i->inject.p[0].en)
                s->ticket[0] += lim_product(i->inject.t.lim, (unsigned)i->inject.p[0].dim, 3);
            break;
        case ISA_FENCE:
            fence(s, &i->fence);
            break;
        default:
            break;
        }
    }
    for (int t = 0; t < ISA_TILES; t++)
        for (int id = 0; id < FLAGS; id++)
            settle(s, t, id, 0x3ff, 0);
}

/* Flags and fences, and what their waits tell about the order of other actors' accesses. */
#include "verify/flow.h"

enum { SIGNAL_COST = 8 }; /* of the budget: signals take memory */

static void join(struct clocks *to, const struct clocks *from)
{
    for (int k = 0; k < ACTORS; k++)
        if (from->of[k] > to->of[k])
            to->of[k] = from->of[k];
}

/* Everything that its actor had done, or known to be done, when a flag reached `need`. */
static void learn(struct agent *me, const struct flag *g, uint16_t need)
{
    int64_t back = (int16_t)(g->value - need), n = (int64_t)g->count - 1 - back;
    if (n < 0)
        return; /* it stood so high when it was set */
    size_t low = 0, high = g->known_count; /* last entry of `known` with from <= n */
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (g->known[mid].from <= (size_t)n)
            low = mid;
        else
            high = mid;
    }
    join(&me->sees, &g->known[low].clocks);
    if (g->clock[n] > me->sees.of[g->actor])
        me->sees.of[g->actor] = g->clock[n];
    me->lessons++;
}

static bool counts(const struct isa_wait *r, int form) { return r->fl && (!form || r->fl == form); }

void flow_pass_begin(struct pass *p, const struct isa_wait *wait, unsigned n, int form)
{
    p->open = false;
    p->wait_dim = INT32_MAX;
    for (unsigned k = 0; k < n; k++)
        if (counts(&wait[k], form) && wait[k].dim < p->wait_dim)
            p->wait_dim = wait[k].dim;
}

bool flow_wait(struct flow *f, int tile, enum actor who, struct pass *p, const struct isa_wait *wait, unsigned n,
               int form, uint16_t *passes)
{
    struct flag *flag = f->tile[tile].flag;
    for (unsigned k = 0; k < n; k++) {
        const struct isa_wait *r = &wait[k];
        if (!counts(r, form) || p->w.level < r->dim)
            continue;
        uint16_t need = (uint16_t)(r->val + r->step * passes[k]);
        if (r->id < 0 || r->id >= ISA_FLAGS || (int16_t)(flag[r->id].value - need) < 0)
            return false;
    }
    for (unsigned k = 0; k < n; k++) {
        const struct isa_wait *r = &wait[k];
        if (!counts(r, form) || p->w.level < r->dim)
            continue;
        if (r->id < ISA_RPROD_A)
            learn(&f->tile[tile].agent[who], &flag[r->id], (uint16_t)(r->val + r->step * passes[k]));
        passes[k]++;
    }
    return true;
}

void flow_signal(struct flow *f, int tile, enum actor who, unsigned id, int64_t times)
{
    struct flag *g = &f->tile[tile].flag[id];
    struct agent *me = &f->tile[tile].agent[who];
    f->budget -= bounded_product(times, SIGNAL_COST);
    if (times <= 0 || f->budget < 0)
        return;
    if (me->lessons != g->lessons || !g->known_count) {
        g->known = arena_grow(f->c->a, g->known, g->known_count, sizeof *g->known, &g->known_capacity);
        g->known[g->known_count++] = (struct known){g->count, me->sees};
        g->lessons = me->lessons;
    }
    for (int64_t k = 0; k < times; k++) {
        g->clock = arena_grow(f->c->a, g->clock, g->count, sizeof *g->clock, &g->clock_capacity);
        g->clock[g->count++] = me->clock;
    }
    g->actor = who;
    g->value = (uint16_t)(g->value + times);
    me->clock++;
}

void flow_ticket(struct flow *f, unsigned ring)
{
    for (int t = 0; t < ISA_TILES; t++)
        f->tile[t].flag[ISA_RPROD_A + ring].value++;
    f->flag[ISA_PRODUCER_A + ring]++;
}

/* Fence bits of units; the order of bits 1..5 is not known but for 5 (docs/isa.md). */
static bool named(const struct isa_fence *x, unsigned unit)
{
    static const unsigned bit[UNITS] = {
        [TENSOR] = 0, [RECV_A] = 1, [RECV_B] = 2, [SEND] = 3, [TO_NARROW] = 4, [TO_WIDE] = 5,
        [SOUTH_OUT] = 6, [WEST_OUT] = 7, [NORTH_OUT] = 8, [EAST_OUT] = 9,
    };
    return x->threads >> bit[unit] & 1;
}

static bool blocked(struct flow *f, int tile, const struct isa_fence *x)
{
    struct tile *t = &f->tile[tile];
    for (unsigned u = 0; u < UNITS; u++)
        if (named(x, u) && (t->unit[u].busy || flow_find(f, tile, u)))
            return true;
    for (int ring = 0; ring < 2; ring++)
        if (x->ring >> ring & 1 && (int16_t)(t->flag[ISA_RPROD_A + ring].value - (uint16_t)x->ring_value) < 0)
            return true;
    return false;
}

/* What comes behind the fence knows all that its threads have done. */
static void pass_fence(struct flow *f, int tile, const struct isa_fence *x)
{
    struct tile *t = &f->tile[tile];
    for (int who = 0; who < ACTORS; who++) {
        struct agent *g = &t->agent[who];
        if (!named(x, who < UNITS ? (unsigned)who : (unsigned)(who - SOUTH_IN + SOUTH_OUT)))
            continue;
        join(&t->fence, &g->sees);
        if (g->clock > t->fence.of[who])
            t->fence.of[who] = g->clock;
        g->clock++;
    }
    for (unsigned id = 0; id < ISA_FLAGS; id++)
        if (x->flags >> id & 1) {
            t->flag[id].value = (uint16_t)x->value;
            t->flag[id].count = t->flag[id].known_count = 0;
        }
    t->notified += x->core != 0;
}

void flow_begin(struct flow *f, int tile, enum actor who)
{
    struct agent *g = &f->tile[tile].agent[who];
    join(&g->sees, &f->tile[tile].fence);
    g->lessons++;
}

void flow_meet(struct flow *f, int tile, enum actor a, enum actor b)
{
    struct agent *x = &f->tile[tile].agent[a], *y = &f->tile[tile].agent[b];
    join(&x->sees, &y->sees);
    join(&y->sees, &x->sees);
    x->sees.of[b] = y->clock++;
    y->sees.of[a] = x->clock++;
    x->lessons++, y->lessons++;
}

bool flow_front(struct flow *f, int tile)
{
    struct tile *t = &f->tile[tile];
    uint32_t start = t->front;
    for (; t->front < f->core; t->front++) {
        const struct isa_inst *i = &f->code->inst[t->front];
        if (i->op != ISA_FENCE || !(i->fence.tiles >> tile & 1))
            continue;
        if (blocked(f, tile, &i->fence))
            break;
        pass_fence(f, tile, &i->fence);
    }
    return t->front > start;
}

/* Loop nests of 0x01 that are matrix products of bytes: everything up to the next wait at once.
 *
 * A block is what the waits and the channel groups leave in one piece: the master loops below `block`.
 * It falls into positions of `steps` iterations that go into one sum; where every generator has a loop
 * boundary after `steps`, the addresses inside a position are a fixed list, and the weights, widened to
 * 16 bits and less their zero point, can be used again at the next position. */
#include <stdlib.h>

#include "sim/memory.h"
#include "sim/simd.h"
#include "sim/tensor.h"

/* Smallest k for which the loops below k make n iterations; -1: none. */
static int boundary(const int32_t *lim, uint64_t n)
{
    uint64_t product = 1;
    for (int k = 0; k <= 8; k++) {
        if (product == n)
            return k;
        if (k == 8 || product > n)
            break;
        product *= (uint64_t)lim[k] + 1;
    }
    return -1;
}

static uint64_t product(const int32_t *lim, unsigned loops)
{
    uint64_t n = 1;
    for (unsigned k = 0; k < loops && n <= UINT32_MAX; k++)
        n *= (uint64_t)lim[k] + 1;
    return n;
}

/* Master loops that run without a wait or a new channel group in between. */
static unsigned block_loops(const struct isa_tensor *i)
{
    unsigned block = 8;
    for (unsigned k = 0; k < 6; k++)
        if (i->wait[k].fl && (unsigned)i->wait[k].dim < block)
            block = (unsigned)i->wait[k].dim;
    return (unsigned)i->chdim < block ? (unsigned)i->chdim : block;
}

/* Iterations that go into one sum without the partial-sum generator moving. */
static uint64_t sum_steps(const struct tensor_run *r, uint64_t block)
{
    const struct isa_tensor *i = r->i;
    uint64_t n = 1;
    if (!r->spill) {
        n = product(i->p.lim, i->p.boff ? (unsigned)i->p.bdim : 8);
    } else {
        for (unsigned k = 0; k < 8 && isa_ttu_stride(&i->p, k) == 0; k++)
            n *= (uint64_t)i->p.lim[k] + 1;
    }
    return n < block ? n : block;
}

static bool unit_fits(const struct isa_ttu *t, uint64_t steps, int *k, int64_t *span)
{
    *k = t->ldim ? -1 : boundary(t->lim, steps);
    if (*k < 0 || (t->boff && t->bdim < *k))
        return false;
    *span = 0;
    for (int j = 0; j < *k; j++)
        *span += isa_ttu_stride(t, (unsigned)j) * t->lim[j];
    return true;
}

/* Offsets of the elements of one position. */
static void offsets(const struct isa_ttu *t, int32_t *out, uint32_t steps)
{
    struct walk w;
    walk_start(&w, t, 8, false);
    for (uint32_t s = 0; s < steps; s++) {
        out[s] = (int32_t)(w.at - t->base);
        walk_next(&w);
    }
}

static bool room(struct fast *f, uint32_t steps)
{
    if (steps <= f->capacity)
        return true;
    free(f->at_a), free(f->at_w), free(f->a), free(f->w);
    f->at_a = malloc(steps * sizeof *f->at_a);
    f->at_w = malloc(steps * sizeof *f->at_w);
    f->a = malloc(steps * 4 * sizeof *f->a);
    f->w = malloc((size_t)steps * 4 * LANES * sizeof *f->w);
    f->capacity = steps;
    if (f->at_a && f->at_w && f->a && f->w)
        return true;
    fast_free(f);
    return false;
}

void fast_free(struct fast *f)
{
    free(f->at_a), free(f->at_w), free(f->a), free(f->w);
    *f = (struct fast){0};
}

void fast_plan(const struct chip *c, enum isa_opcode op, struct tensor_run *r)
{
    const struct isa_tensor *i = r->i;
    struct fast *f = &r->fast;
    f->usable = false;
    f->packed = -1;
    enum { STEPS_LIMIT = 4 * WIDE_ROWS };
    if (c->options.plain || c->options.strict || op != ISA_MAC || r->products != 4 || i->ldim || i->azp > 255)
        return;
    f->block = block_loops(i);
    uint64_t size = product(i->lim, f->block), steps = f->block ? sum_steps(r, size) : 0;
    f->k_master = steps ? boundary(i->lim, steps) : -1;
    if (steps < 2 || steps > STEPS_LIMIT || f->k_master < 0 || f->k_master > (int)f->block)
        return;
    int64_t none;
    if (!unit_fits(&i->a, steps, &f->k_a, &f->span_a) || !unit_fits(&i->w, steps, &f->k_w, &f->span_w) ||
        !unit_fits(&i->p, steps, &f->k_p, &none) || (i->param.en && i->param.dim < f->k_w) || !room(f, (uint32_t)steps))
        return;
    f->steps = (uint32_t)steps;
    f->positions = size / steps;
    offsets(&i->a, f->at_a, f->steps);
    offsets(&i->w, f->at_w, f->steps);
    f->low_a = f->high_a = 0;
    for (uint32_t s = 0; s < f->steps; s++) {
        f->low_a = f->at_a[s] < f->low_a ? f->at_a[s] : f->low_a;
        f->high_a = f->at_a[s] > f->high_a ? f->at_a[s] : f->high_a;
    }
    f->outer_reduction = i->redmask & ~((1 << f->k_master) - 1);
    f->usable = true;
}

/* Weights of a position: [step][2 halves][lanes][2]. */
static enum step pack_weights(struct chip *c, int tile, struct unit *u, int64_t base)
{
    struct tensor_run *r = u->run;
    struct fast *f = &r->fast;
    const struct tile *t = &c->tile[tile];
    unsigned lanes = f->lanes;
    for (uint32_t s = 0; s < f->steps; s++) {
        int64_t at = base + f->at_w[s];
        if (at < 0 || at >> 2 >= WIDE_ROWS)
            return chip_fault(c, &u->at, tile, STATUS_INVALID, "uses quarter row %lld of wide memory", (long long)at);
        const uint8_t *row = t->wide + ROW_BYTES * (at >> 2);
        unsigned byte = (unsigned)at & 3;
        int16_t *w = f->w + (size_t)s * 4 * lanes;
        for (unsigned lane = 0; lane < lanes; lane++)
            for (unsigned k = 0; k < 4; k++) {
                int32_t value = row[4 * lane + ((byte + k) & 3)];
                w[(k / 2 * lanes + lane) * 2 + k % 2] = (int16_t)(value - f->zero_point[lane]);
            }
    }
    f->packed = base;
    return STEP_MOVED;
}

static enum step gather(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    struct fast *f = &r->fast;
    int64_t base = walk_at(&r->a);
    if (base + f->low_a < 0 || base + f->high_a + 4 > NARROW_BYTES)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "reads narrow bytes %lld .. %lld of %d",
                          (long long)(base + f->low_a), (long long)(base + f->high_a + 3), NARROW_BYTES);
    const uint8_t *narrow = c->tile[tile].narrow + base;
    int16_t zero = (int16_t)r->i->azp, *a = f->a;
    for (uint32_t s = 0; s < f->steps; s++, a += 4) {
        const uint8_t *p = narrow + f->at_a[s];
        a[0] = (int16_t)(p[0] - zero), a[1] = (int16_t)(p[1] - zero);
        a[2] = (int16_t)(p[2] - zero), a[3] = (int16_t)(p[3] - zero);
    }
    return STEP_MOVED;
}

static bool outer_at(const struct tensor_run *r, bool end)
{
    for (unsigned k = 0; k < 8; k++)
        if (r->fast.outer_reduction >> k & 1 && r->master.w.i[k] != (end ? r->nest.lim[k] : 0))
            return false;
    return true;
}

static void leap(struct walk *w, int k, int64_t span)
{
    w->at += span;
    walk_carry(w, (unsigned)k);
}

static enum step position(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    struct fast *f = &r->fast;
    struct tile *t = &c->tile[tile];
    int64_t base = walk_at(&r->w);
    if (f->packed != base && pack_weights(c, tile, u, base) == STEP_FAILED)
        return STEP_FAILED;
    if (gather(c, tile, u) == STEP_FAILED)
        return STEP_FAILED;
    bool last = r->spill && outer_at(r, true);
    if (r->spill ? outer_at(r, false) : r->fresh)
        sums_clear(r, ISA_MAC);
    else if (r->spill && !sums_fetch(c, tile, u))
        return STEP_FAILED;
    simd_dot(r->acc, f->a, f->w, f->steps, f->lanes);
    if (r->spill && !sums_store(c, tile, u))
        return STEP_FAILED;
    leap(&r->master.w, f->k_master, 0);
    leap(&r->a, f->k_a, f->span_a);
    leap(&r->w, f->k_w, f->span_w);
    leap(&r->p, f->k_p, 0);
    if (!r->spill)
        last = r->p.level >= (r->i->p.boff ? r->i->p.bdim : 8);
    r->fresh = last;
    if (last && tensor_output(c, tile, u) == STEP_FAILED)
        return STEP_FAILED;
    flag_raise(&t->flag[ISA_PARAM], &r->i->param, &r->w);
    return STEP_MOVED;
}

enum step fast_block(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    struct fast *f = &r->fast;
    f->lanes = (unsigned)round_up(r->lanes, 4);
    for (unsigned lane = 0; lane < f->lanes; lane++) {
        int32_t zp = lane < r->lanes ? r->zero_point[lane] : 0;
        if (zp < -32000 || zp > 32000)
            return STEP_IDLE;
        f->zero_point[lane] = zp;
    }
    f->packed = -1; /* other weights may have come since the last block */
    for (uint64_t p = 0; p < f->positions; p++)
        if (position(c, tile, u) == STEP_FAILED || !chip_spend(c, &u->at, tile, f->steps))
            return STEP_FAILED;
    r->macs += f->positions * f->steps * 4 * r->lanes;
    r->master.open = false;
    return STEP_MOVED;
}

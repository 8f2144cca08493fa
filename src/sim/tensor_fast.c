/* Loop nests that are matrix products: everything up to the next wait at once.
 *
 * A block is what the waits and the channel groups leave in one piece: the master loops below `block`.
 * It falls into positions of `steps` iterations that go into one sum; where every generator has a loop
 * boundary after `steps`, the addresses inside a position are a fixed list.  Neighbouring positions whose
 * addresses differ by a stride, and that have the same weights, run side by side.
 *
 * Four products of bytes (0x01) are multiplied as they lie in the memories.  Other elements, and the sums
 * and maxima of 0x03 and 0x02, are first widened to 32 bits less their zero points; so are the weights, which
 * can be used again at the next position. */
#include <stdlib.h>

#include "sim/memory.h"
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

/* Every channel group is as the first: number of lanes, bias, multipliers, zero points. */
static bool groups_alike(const struct isa_tensor *i)
{
    return i->lanes == i->lanes_last && !i->mem_bias && !i->mem_mult && !i->perch;
}

/* Master loops that run without a wait or a new channel group in between. */
static unsigned block_loops(const struct isa_tensor *i)
{
    unsigned block = 8;
    for (unsigned k = 0; k < 6; k++)
        if (i->wait[k].fl && (unsigned)i->wait[k].dim < block)
            block = (unsigned)i->wait[k].dim;
    return (unsigned)i->chdim < block && !groups_alike(i) ? (unsigned)i->chdim : block;
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

/* Loops below *k make a position; *span: how far they move the address.  Loops of one iteration that follow are
 * counted in, so that loop *k is the one that goes from position to position. */
static bool unit_fits(const struct isa_ttu *t, uint64_t steps, int32_t signal_dim, int *k, int64_t *span)
{
    *k = t->ldim ? -1 : boundary(t->lim, steps);
    if (*k < 0 || (t->boff && t->bdim < *k) || signal_dim < *k)
        return false;
    while (*k < 7 && t->lim[*k] == 0 && (!t->boff || *k < t->bdim))
        ++*k;
    *span = 0;
    for (int j = 0; j < *k; j++)
        *span += isa_ttu_stride(t, (unsigned)j) * t->lim[j];
    return true;
}

/* Offsets of the elements of one position; the lowest and the highest. */
static void offsets(const struct isa_ttu *t, int32_t *out, uint32_t steps, int32_t *low, int32_t *high)
{
    struct walk w;
    walk_start(&w, t, 8, false);
    *low = *high = 0;
    for (uint32_t s = 0; s < steps; s++) {
        out[s] = (int32_t)(w.at - t->base);
        *low = out[s] < *low ? out[s] : *low;
        *high = out[s] > *high ? out[s] : *high;
        walk_next(&w);
    }
}

/* Lowest and highest address that the generator can have. */
struct extent {
    int64_t low, high;
};
static struct extent extent_of(const struct isa_ttu *t)
{
    struct extent e = {t->base + (t->boff < 0 ? t->boff : 0), t->base + (t->boff > 0 ? t->boff : 0)};
    for (unsigned k = 0; k < 8; k++) {
        int64_t span = isa_ttu_stride(t, k) * t->lim[k];
        *(span < 0 ? &e.low : &e.high) += span;
    }
    return e;
}

/* Do the `size` bytes (or rows) from any address of the one meet those of the other? */
static bool extents_meet(struct extent a, int64_t size_a, struct extent b, int64_t size_b)
{
    return a.low < b.high + size_b && b.low < a.high + size_a;
}

static bool room(struct fast *f, uint32_t steps)
{
    if (steps <= f->capacity)
        return true;
    fast_free(f);
    f->at_a = malloc(steps * sizeof *f->at_a);
    f->at_w = malloc(steps * sizeof *f->at_w);
    f->a = malloc((size_t)steps * 4 * sizeof *f->a);
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
    f->at_a = f->at_w = f->a = f->w = NULL;
    f->capacity = 0;
}

/* Offsets of weights in bytes, if each is a whole row. */
static bool rows_whole(struct fast *f)
{
    for (uint32_t s = 0; s < f->steps; s++)
        if (f->at_w[s] % 4)
            return false;
    for (uint32_t s = 0; s < f->steps; s++)
        f->at_w[s] *= ROW_BYTES / 4;
    return true;
}

void fast_plan(const struct chip *c, enum isa_opcode op, struct tensor_run *r)
{
    const struct isa_tensor *i = r->i;
    struct fast *f = r->fast;
    f->usable = false;
    f->prepared = -1;
    f->group = 0;
    enum { STEPS_LIMIT = 4 * WIDE_ROWS };
    if (c->options.plain || c->options.strict || op == ISA_RESIZE || i->ldim)
        return;
    f->block = block_loops(i);
    uint64_t size = product(i->lim, f->block), steps = f->block ? sum_steps(r, size) : 0;
    f->k_master = steps ? boundary(i->lim, steps) : -1;
    if (!steps || steps > STEPS_LIMIT || f->k_master < 0 || f->k_master > (int)f->block)
        return;
    while (f->k_master < (int)f->block && f->k_master < 7 && i->lim[f->k_master] == 0)
        f->k_master++;
    int64_t none;
    if (!unit_fits(&i->a, steps, 8, &f->k_a, &f->span_a) || !unit_fits(&i->p, steps, 8, &f->k_p, &none) ||
        !unit_fits(&i->w, steps, i->param.en ? i->param.dim : 8, &f->k_w, &f->span_w) || !room(f, (uint32_t)steps))
        return;
    f->steps = (uint32_t)steps;
    f->positions = size / steps;
    offsets(&i->a, f->at_a, f->steps, &f->low_a, &f->high_a);
    offsets(&i->w, f->at_w, f->steps, &f->low_w, &f->high_w);
    if (r->spill && extents_meet(extent_of(&i->w), 4, extent_of(&i->p), 4))
        return;
    f->in_place = op == ISA_MAC && extents_meet(extent_of(&i->a), r->size_a * r->products, extent_of(&i->o), 4);
    f->outer_reduction = i->redmask & ~((1 << f->k_master) - 1);
    f->bytes = op == ISA_MAC && r->products == 4 && i->azp < 256 && rows_whole(f);
    f->usable = true;
}

/* ---- the weights ---- */

/* Addresses of a position are inside wide memory. */
static bool weights_there(struct chip *c, int tile, struct unit *u, int64_t base)
{
    const struct fast *f = u->run->fast;
    int64_t row;
    return quarter_row(c, tile, u, base + f->low_w, &row) && quarter_row(c, tile, u, base + f->high_w, &row);
}

static struct simd_dot dot_at(const struct tile *t, const struct fast *f, const uint8_t *a, const int32_t *at_a,
                              int64_t base)
{
    return (struct simd_dot){.a = a, .w = t->wide + base / 4 * ROW_BYTES, .at_a = at_a, .at_w = f->at_w,
                             .zero = (const int16_t (*)[2])f->zero, .steps = f->steps, .lanes = f->lanes};
}

/* What the zero point of A takes from each sum: -azp * sum(w). */
static void start_prepare(const struct tile *t, const struct tensor_run *r, int64_t base)
{
    struct fast *f = r->fast;
    memset(f->start, 0, sizeof f->start);
    if (!r->i->azp)
        return;
    const uint8_t azp = (uint8_t)r->i->azp, a[4] = {azp, azp, azp, azp};
    int32_t sum[1][LANES] = {{0}};
    memset(f->a, 0, f->steps * sizeof *f->a); /* all steps at the same place */
    struct simd_dot d = dot_at(t, f, a, f->a, base);
    simd_dot(&d, sum, 1);
    for (unsigned lane = 0; lane < f->lanes; lane++)
        f->start[lane] = (int32_t)(0u - (uint32_t)sum[0][lane]);
}

/* Products of a lane and step; 0x02 looks at one byte. */
static unsigned products(const struct tensor_run *r, enum isa_opcode op)
{
    return op == ISA_MAX ? 1 : r->products;
}

static int32_t element(const uint8_t *p, uint32_t size)
{
    return size == 2 ? le16(p) : *p;
}

/* Weights of a position: [step][product][lanes]. */
static void weights_widen(const struct tile *t, const struct tensor_run *r, enum isa_opcode op, int64_t base)
{
    const struct fast *f = r->fast;
    int32_t *w = f->w;
    for (uint32_t s = 0; s < f->steps; s++) {
        int64_t at = base + f->at_w[s] / (f->bytes ? ROW_BYTES / 4 : 1);
        const uint8_t *row = t->wide + ROW_BYTES * (at >> 2);
        for (unsigned k = 0; k < products(r, op); k++) {
            unsigned byte = ((unsigned)at + k * r->size_w) & 3;
            for (unsigned lane = 0; lane < f->lanes; lane++)
                *w++ = element(row + 4 * lane + byte, r->size_w) - (op == ISA_MAX ? 0 : f->zero[lane][0]);
        }
    }
}

/* For the weights at `base`, which stay the same during a block; *whole: they can be used as they lie. */
static bool weights_prepare(struct chip *c, int tile, struct unit *u, int64_t base, bool *whole)
{
    struct tensor_run *r = u->run;
    struct fast *f = r->fast;
    *whole = f->bytes && base % 4 == 0;
    if (f->prepared == base)
        return true;
    if (!weights_there(c, tile, u, base))
        return false;
    if (*whole)
        start_prepare(&c->tile[tile], r, base);
    else
        weights_widen(&c->tile[tile], r, u->at.inst->op, base);
    f->prepared = base;
    return true;
}

/* ---- positions ---- */

/* A at one position, widened: [step][product]; 1 where there is no A. */
static void gather(const struct tile *t, const struct tensor_run *r, enum isa_opcode op, int64_t base)
{
    const struct fast *f = r->fast;
    int32_t *a = f->a, azp = r->i->azp;
    for (uint32_t k = 0; op != ISA_MAC && k < f->steps * r->products; k++)
        a[k] = 1;
    for (uint32_t s = 0; op == ISA_MAC && s < f->steps; s++) {
        const uint8_t *p = t->narrow + base + f->at_a[s];
        for (unsigned k = 0; k < r->products; k++, p += r->size_a)
            *a++ = element(p, r->size_a) - azp;
    }
}

static void maximum(int32_t *acc, const int32_t *w, uint32_t steps, unsigned lanes)
{
    for (uint32_t s = 0; s < steps; s++, w += lanes)
        for (unsigned lane = 0; lane < lanes; lane++)
            acc[lane] = acc[lane] > w[lane] ? acc[lane] : w[lane];
}

/* Adds the products of n positions to their sums, which begin here if `first`. */
static bool accumulate(struct chip *c, int tile, struct unit *u, uint32_t n, bool first)
{
    struct tensor_run *r = u->run;
    struct fast *f = r->fast;
    const struct tile *t = &c->tile[tile];
    enum isa_opcode op = u->at.inst->op;
    int64_t w = walk_at(&r->w), a = walk_at(&r->a), stride = n > 1 ? r->i->a.step[f->k_a] + f->span_a : 0;
    int64_t low = a + f->low_a + (stride < 0 ? (n - 1) * stride : 0), size = r->size_a * r->products;
    int64_t high = a + f->high_a + (stride > 0 ? (n - 1) * stride : 0) + size;
    bool whole;
    if (op == ISA_MAC && (low < 0 || high > NARROW_BYTES))
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "reads narrow bytes %lld .. %lld of %d", (long long)low,
                          (long long)high - 1, NARROW_BYTES), false;
    if (!weights_prepare(c, tile, u, w, &whole))
        return false;
    if (whole) {
        struct simd_dot d = dot_at(t, f, t->narrow + a, f->at_a, w);
        d.a_stride = stride;
        d.start = first ? f->start : NULL;
        for (uint32_t p = 0; !first && r->i->azp && p < n; p++)
            for (unsigned lane = 0; lane < f->lanes; lane++)
                f->acc[p][lane] = (int32_t)((uint32_t)f->acc[p][lane] + (uint32_t)f->start[lane]);
        simd_dot(&d, f->acc, n);
        return true;
    }
    for (uint32_t p = 0; first && p < n; p++)
        for (unsigned lane = 0; lane < f->lanes; lane++)
            f->acc[p][lane] = op == ISA_MAX ? INT32_MIN : 0;
    for (uint32_t p = 0; p < n; p++, a += stride) {
        if (op == ISA_MAX) {
            maximum(f->acc[p], f->w, f->steps, f->lanes);
        } else {
            gather(t, r, op, a);
            simd_multiply(f->acc[p], f->a, f->w, f->steps * r->products, f->lanes);
        }
    }
    return true;
}

static bool outer_at(const struct tensor_run *r, bool end)
{
    for (unsigned k = 0; k < 8; k++)
        if (r->fast->outer_reduction >> k & 1 && r->master.w.i[k] != (end ? r->nest.lim[k] : 0))
            return false;
    return true;
}

/* Where results overwrite A: n positions side by side read what they would one after the other.  For one word
 * each, in the same stride as A: no later position reads it, whichever step it is. */
static bool in_place_fits(const struct tensor_run *r, uint32_t n)
{
    const struct fast *f = r->fast;
    int64_t stride = r->i->a.step[f->k_a] + f->span_a, a = walk_at(&r->a) + stride, o = walk_at(&r->o);
    int64_t size = r->size_a * r->products, last = (n - 1) * stride;
    if (r->lanes * (r->i->out16 ? 2 : 1) > 4 || stride <= 0 || r->i->o.step[0] != stride || walk_run(&r->o, 0) < n)
        return false;
    for (uint32_t s = 0; s < f->steps; s++) {
        int64_t from = a + f->at_a[s];
        bool before = o + 4 <= from, apart = o >= from + last + size;
        if (!before && !apart)
            return false;
    }
    return true;
}

/* How many positions from here on, at most `most`, can run side by side. */
static uint32_t side_by_side(const struct tensor_run *r, enum isa_opcode op, uint64_t most)
{
    const struct fast *f = r->fast;
    const struct isa_tensor *i = r->i;
    int32_t row = i->p.step[f->k_p];
    bool steady = i->w.step[f->k_w] + f->span_w == 0 && /* the same weights */
                  (r->spill ? !(f->outer_reduction >> f->k_master & 1) && (row <= -4 || row >= 4)
                            : i->p.boff && i->p.bdim == f->k_p); /* each a sum of its own, all in the same state */
    if (!steady || most < 2)
        return 1;
    int64_t n = most < FAST_POSITIONS ? (int64_t)most : FAST_POSITIONS;
    int64_t run = walk_run(&r->master.w, (unsigned)f->k_master);
    n = run < n ? run : n;
    run = walk_run(&r->w, (unsigned)f->k_w);
    n = run < n ? run : n;
    run = op == ISA_MAC ? walk_run(&r->a, (unsigned)f->k_a) : n;
    n = run < n ? run : n;
    if (r->spill) {
        run = walk_run(&r->p, (unsigned)f->k_p);
    } else { /* the turns of the buffer make no difference */
        run = f->k_p < 8 ? (int64_t)i->p.lim[f->k_p] - r->p.i[f->k_p] + 1 : 1;
    }
    n = run < n ? run : n;
    return n > 1 && f->in_place && !in_place_fits(r, (uint32_t)n) ? 1 : (uint32_t)n;
}

/* Sums of n positions from or to wide memory. */
static bool sums_move(struct chip *c, int tile, struct unit *u, uint32_t n, bool store)
{
    struct tensor_run *r = u->run;
    struct fast *f = r->fast;
    int64_t at = walk_at(&r->p), row;
    for (uint32_t p = 0; p < n; p++, at += r->i->p.step[f->k_p]) {
        if (!quarter_row(c, tile, u, at, &row))
            return false;
        uint8_t *wide = c->tile[tile].wide + ROW_BYTES * row;
        if (store)
            le32_put(wide, (const uint32_t *)f->acc[p], r->lanes);
        else
            le32_get((uint32_t *)f->acc[p], wide, r->lanes);
    }
    return true;
}

/* n advances of the partial-sum generator. */
static void sums_skip(struct tensor_run *r, uint32_t n)
{
    struct walk *p = &r->p;
    if (!r->spill && (n - 1) & 1)
        p->odd = !p->odd;
    walk_skip(p, (unsigned)r->fast->k_p, n, 0);
}

static enum step positions(struct chip *c, int tile, struct unit *u, uint32_t n)
{
    struct tensor_run *r = u->run;
    struct fast *f = r->fast;
    bool first = r->spill ? outer_at(r, false) : r->fresh, last = r->spill && outer_at(r, true);
    if ((r->spill && !first && !sums_move(c, tile, u, n, false)) || !accumulate(c, tile, u, n, first) ||
        (r->spill && !sums_move(c, tile, u, n, true)))
        return STEP_FAILED;
    walk_skip(&r->master.w, (unsigned)f->k_master, n, 0);
    walk_skip(&r->a, (unsigned)f->k_a, n, f->span_a);
    walk_skip(&r->w, (unsigned)f->k_w, n, f->span_w);
    sums_skip(r, n);
    if (!r->spill)
        last = r->p.level >= (r->i->p.boff ? r->i->p.bdim : 8);
    r->fresh = last;
    if (last && tensor_output(c, tile, u, (const int32_t (*)[LANES])f->acc, n) == STEP_FAILED)
        return STEP_FAILED;
    flag_raise_run(&c->tile[tile].flag[ISA_PARAM], &r->i->param, &r->w, (unsigned)f->k_w, n);
    return STEP_MOVED;
}

/* The zero points of this channel group; false: too large for 16 bits. */
static bool zeros_set(struct fast *f, const struct tensor_run *r)
{
    bool fits = true;
    f->group = r->groups;
    memset(f->zero, 0, sizeof f->zero);
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        int32_t zp = r->zero_point[lane];
        fits = fits && zp >= -32000 && zp <= 32000;
        f->zero[lane][0] = f->zero[lane][1] = (int16_t)zp;
    }
    return fits;
}

enum step fast_block(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    struct fast *f = r->fast;
    f->lanes = (unsigned)round_up(r->lanes, 4);
    if (f->group != r->groups && !zeros_set(f, r))
        return STEP_IDLE;
    f->prepared = -1; /* other weights may have come since the last block */
    if (!r->fresh) /* a sum may go over several blocks, and end on the plain path */
        memcpy(f->acc[0], r->acc, sizeof r->acc);
    uint64_t left = f->positions;
    while (left) {
        uint32_t n = side_by_side(r, u->at.inst->op, left);
        if (positions(c, tile, u, n) == STEP_FAILED || !chip_spend(c, &u->at, tile, (uint64_t)n * f->steps))
            return STEP_FAILED;
        left -= n;
    }
    if (!r->fresh)
        memcpy(r->acc, f->acc[0], sizeof r->acc);
    r->macs += f->positions * f->steps * products(r, u->at.inst->op) * r->lanes;
    r->master.open = false;
    return STEP_MOVED;
}

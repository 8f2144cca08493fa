/* The tensor unit: what it reads and writes, a block of steps at a time (opcodes 0x01 0x02 0x03 0x05).
 *
 * A block is what runs without a wait and without a new channel group.  Inside it the order of reads does not matter,
 * only which words they are: loops that overlap or touch become one run of addresses. */
#include "verify/flow.h"

/* ---- sets of addresses ---- */

struct span {
    int64_t stride, more; /* more: passes after the first */
};

/* Calls `visit` for runs of addresses [from, from + length) that together are what `loops` loops of `t` reach from
 * `base`, each access `length` long. */
typedef bool visit_fn(struct flow *f, int tile, int64_t from, int64_t length);

static bool each_run(struct flow *f, int tile, const struct isa_ttu *t, unsigned loops, int64_t base, int64_t length,
                     visit_fn *visit)
{
    struct span s[8];
    unsigned n = 0;
    for (unsigned k = 0; k < loops; k++) {
        int64_t stride = isa_ttu_stride(t, k);
        if (!t->lim[k] || !stride)
            continue;
        if (stride < 0)
            base += stride * t->lim[k], stride = -stride;
        unsigned at = n++;
        for (; at > 0 && s[at - 1].stride > stride; at--)
            s[at] = s[at - 1];
        s[at] = (struct span){stride, t->lim[k]};
    }
    unsigned outer = 0;
    for (unsigned k = 0; k < n; k++)
        if (s[k].stride <= length)
            length += s[k].stride * s[k].more;
        else
            s[outer++] = s[k];
    int64_t i[8] = {0};
    for (;;) {
        if (f->budget < 0 || !visit(f, tile, base, length))
            return false;
        unsigned k = 0;
        for (; k < outer && i[k] == s[k].more; k++) {
            base -= s[k].stride * i[k];
            i[k] = 0;
        }
        if (k == outer)
            return true;
        base += s[k].stride;
        i[k]++;
    }
}

static bool read_narrow(struct flow *f, int tile, int64_t from, int64_t length)
{
    struct tile *t = &f->tile[tile];
    size_t inst = t->unit[TENSOR].at;
    for (int64_t w = from >> 2; w <= (from + length - 1) >> 2; w++) {
        if (!flow_read(f, tile, TENSOR, &t->narrow, w, inst))
            return false;
        flow_operand(f, inst, t->word[w]);
        f->budget--;
    }
    return true;
}

/* Addresses of W are quarter rows. */
static bool read_wide(struct flow *f, int tile, int64_t from, int64_t length)
{
    struct tile *t = &f->tile[tile];
    size_t inst = t->unit[TENSOR].at;
    for (int64_t row = from >> 2; row <= (from + length - 1) >> 2; row++) {
        if (!flow_read(f, tile, TENSOR, &t->wide, row, inst))
            return false;
        f->budget--;
    }
    return true;
}

/* ---- begin ---- */

/* Loops whose passes together are a block; -1: none. */
static int dim_of(const struct isa_ttu *t, int64_t block)
{
    int64_t n = 1;
    for (int k = 0; k < 8; n = bounded_product(n, (int64_t)t->lim[k++] + 1))
        if (n == block)
            return t->ldim || (t->boff && t->bdim < k) ? -1 : k;
    return n == block && !t->ldim && !t->boff ? 8 : -1;
}

/* Loops of W below which everything lies, if those above stand still and a block is whole passes of these; -1: not so.
 */
static int standing(const struct isa_tensor *i, int64_t block)
{
    int dim = 8;
    int64_t n = 1;
    while (dim > 0 && (!i->w.lim[dim - 1] || !isa_ttu_stride(&i->w, (unsigned)dim - 1)))
        dim--;
    for (int k = 0; k < dim; k++)
        n = bounded_product(n, (int64_t)i->w.lim[k] + 1);
    return i->w.ldim || i->w.boff || i->param.en || block % n ? -1 : dim;
}

/* Steps that go into one sum, with spilled sums those inside a block. */
static int64_t steps_of_sum(const struct isa_tensor *i, int dim)
{
    int64_t n = 1;
    if (i->nospill && !i->p.boff)
        return isa_ttu_count(&i->p, 8);
    for (int k = 0; k < 8; k++) {
        bool summed = i->nospill ? k < i->p.bdim : k < dim && i->redmask >> k & 1;
        if (summed)
            n = bounded_product(n, (int64_t)(i->nospill ? i->p.lim[k] : i->lim[k]) + 1);
    }
    return n;
}

static void plan_blocks(struct tensor_state *s, const struct isa_inst *in)
{
    const struct isa_tensor *i = &in->tensor;
    int dim = i->chdim;
    for (int n = 0; n < 6; n++)
        if (i->wait[n].fl && i->wait[n].dim < dim)
            dim = i->wait[n].dim;
    s->block = 1;
    for (int k = 0; k < dim && k < 8; k++)
        s->block = bounded_product(s->block, (int64_t)i->lim[k] + 1);
    int a = in->op == ISA_MAC ? dim_of(&i->a, s->block) : 0, w = in->op == ISA_RESIZE ? 0 : dim_of(&i->w, s->block);
    int p = i->nospill ? 0 : dim_of(&i->p, s->block), fixed = in->op == ISA_RESIZE ? -1 : standing(i, s->block);
    s->w_stands = w < 0 && fixed >= 0;
    w = s->w_stands ? fixed : w;
    s->whole = !i->ldim && !i->p.ldim && a >= 0 && w >= 0 && p >= 0;
    s->dim = (unsigned)dim, s->dim_a = (unsigned)a, s->dim_w = (unsigned)w, s->dim_p = (unsigned)p;
    if (!s->whole) {
        s->block = 1, s->dim = s->dim_a = s->dim_w = s->dim_p = 0;
        s->w_stands = false;
    }
    s->sum = steps_of_sum(i, (int)s->dim);
}

void flow_begin_tensor(struct flow *f, int tile)
{
    struct unit *u = &f->tile[tile].unit[TENSOR];
    const struct isa_inst *in = &f->code->inst[u->at];
    struct tensor_state *s = &u->tensor;
    memset(u->passes, 0, sizeof u->passes);
    if (in->op == ISA_TABLE) {
        u->busy = false;
        return;
    }
    const struct isa_tensor *i = &in->tensor;
    bool a = s->a.odd, o = s->o.odd, w = s->w.odd, p = s->p.odd, bank = s->bank;
    *s = (struct tensor_state){.nest = {.llim = i->llim, .ldim = i->ldim}, .bank = bank, .zp_row = i->zp_first};
    memcpy(s->nest.lim, i->lim, sizeof i->lim);
    plan_blocks(s, in);
    walk_start(&u->read.w, &s->nest, 8, false);
    flow_pass_begin(&u->read, i->wait, 6, ANY_SIDE);
    walk_start(&s->a, &i->a, 8, a);
    walk_start(&s->o, &i->o, 8, o);
    walk_start(&s->w, &i->w, 8, w);
    walk_start(&s->p, &i->p, 8, p);
}

/* ---- a channel group ---- */

static bool begin_group(struct flow *f, int tile, const struct isa_inst *in)
{
    struct tile *t = &f->tile[tile];
    struct unit *u = &t->unit[TENSOR];
    struct tensor_state *s = &u->tensor;
    const struct isa_tensor *i = &in->tensor;
    bool last = true;
    for (int k = i->chdim; k < 8; k++)
        last = last && u->read.w.i[k] == s->nest.lim[k];
    s->lanes = (uint32_t)(last ? i->lanes_last : i->lanes) + 1;
    if (s->groups && i->perch) {
        s->zp_row += i->zp_step;
        if (s->zp_row > i->zp_last)
            s->zp_row = i->zp_first;
    }
    s->groups++;
    int64_t bank = s->bank ? 32 : 0;
    if (i->mem_bias || i->mem_mult)
        s->bank = !s->bank;
    for (unsigned slot = 0; slot < ceil_div(s->lanes, 2); slot++) {
        if (i->mem_mult && !flow_read(f, tile, TENSOR, &t->store, bank + slot, u->at))
            return false;
        if (i->mem_bias && in->op != ISA_RESIZE && !flow_read(f, tile, TENSOR, &t->store, 64 + bank + slot, u->at))
            return false;
    }
    return !i->perch || flow_read(f, tile, TENSOR, &t->wide, s->zp_row, u->at);
}

/* ---- steps ---- */

/* Are spilled sums complete with this block: do the loops of redmask above it stand at their ends? */
static bool sums_complete(const struct unit *u, const struct isa_tensor *i)
{
    const struct isa_ttu *nest = &u->tensor.nest;
    for (unsigned k = u->tensor.dim; k < 8; k++)
        if (i->redmask >> k & 1 &&
            u->read.w.i[k] != (k == 0 && walk_short(&u->read.w) ? nest->llim : nest->lim[k]))
            return false;
    return true;
}

/* Bilinear resize: the rows and columns that its taps reach, as one region. */
static bool read_resize(struct flow *f, int tile, const struct isa_tensor *i)
{
    struct tile *t = &f->tile[tile];
    int64_t lo = f->tile[tile].unit[TENSOR].tensor.a.at, hi = lo + 63;
    const struct isa_axis *axis[2] = {&i->x, &i->y};
    if (lo >= 0 && lo >> 2 < t->narrow.count)
        flow_operand(f, t->unit[TENSOR].at, t->word[lo >> 2]);
    for (int k = 0; k < 2; k++)
        hi += (i->lim[axis[k]->loop & 7] / (axis[k]->factor ? axis[k]->factor : 1) + 2) * (int64_t)axis[k]->pitch;
    for (int64_t w = lo >> 2; w <= hi >> 2 && w < t->narrow.count; w++)
        if (!flow_read(f, tile, TENSOR, &t->narrow, w, t->unit[TENSOR].at))
            return false;
    return true;
}

static bool last_block(const struct unit *u)
{
    for (unsigned k = u->tensor.dim; k < 8; k++)
        if (u->read.w.i[k] < u->tensor.nest.lim[k])
            return false;
    return true;
}

static bool operands(struct flow *f, int tile, const struct isa_inst *in)
{
    const struct unit *u = &f->tile[tile].unit[TENSOR];
    struct tensor_state *s = &f->tile[tile].unit[TENSOR].tensor;
    const struct isa_tensor *i = &in->tensor;
    int64_t size_a = i->a16 ? 2 : 1, size_w = i->w16 ? 2 : 1, products = i->w1 ? 1 : 4 / (size_a * size_w);
    f->budget--;
    if (in->op == ISA_RESIZE)
        return s->steps || read_resize(f, tile, i);
    /* Each channel group reads the same input: looked at when it is read first, and last. */
    bool again = s->steps && s->block > 1 && walk_at(&s->a) == s->read_at && !last_block(u);
    s->read_at = walk_at(&s->a);
    if (in->op == ISA_MAC && !again &&
        !each_run(f, tile, &i->a, s->dim_a, s->read_at, size_a * products, read_narrow))
        return false;
    return each_run(f, tile, &i->w, s->dim_w, walk_at(&s->w), 1, read_wide);
}

/* Sums that live in wide memory. */
static bool write_sums(struct flow *f, int tile, int64_t from, int64_t length)
{
    struct tile *t = &f->tile[tile];
    size_t inst = t->unit[TENSOR].at;
    for (int64_t row = from >> 2; row <= (from + length - 1) >> 2; row++) {
        if (!flow_write(f, tile, TENSOR, &t->wide, row, inst))
            return false;
        for (unsigned k = 0; k < t->unit[TENSOR].tensor.lanes && k < ROW_CELLS; k++)
            t->row[row].origin[k] = origin_of(SUM, inst);
        f->budget--;
    }
    return true;
}

static bool results(struct flow *f, int tile, const struct isa_tensor *i, int64_t sums)
{
    struct tile *t = &f->tile[tile];
    struct unit *u = &t->unit[TENSOR];
    struct tensor_state *s = &u->tensor;
    bool copied = flow_copies(&f->code->inst[u->at]);
    int64_t words = sums * ceil_div((int64_t)s->lanes * (i->out16 ? 2 : 1), 4);
    for (int64_t n = 0; n < words && !s->o.done; n++) {
        int64_t at = walk_at(&s->o);
        f->absurd = f->absurd || at % 4;
        if (!flow_write(f, tile, TENSOR, &t->narrow, at >> 2, u->at))
            return false;
        t->word[at >> 2] = copied ? f->operand[u->at] : origin_of(TENSOR_MADE, u->at);
        walk_next(&s->o);
        if (i->avdata.en && s->o.level >= i->avdata.dim)
            flow_signal(f, tile, TENSOR, ISA_AVDATA, 1);
        f->budget--;
    }
    return true;
}

/* Moves a walk over `dim` loops that have run through; how often loops from `signal` up completed. */
static int64_t advance(struct walk *w, unsigned dim, int32_t signal)
{
    int64_t times = 1;
    for (unsigned k = 0; k < dim; k++) {
        w->at += isa_ttu_stride(w->t, k) * w->t->lim[k];
        if ((int32_t)k >= signal)
            times *= (int64_t)w->t->lim[k] + 1;
    }
    walk_carry(w, dim);
    return (int32_t)dim > signal || w->level >= signal ? times : 0;
}

static bool block(struct flow *f, int tile, const struct isa_inst *in)
{
    struct unit *u = &f->tile[tile].unit[TENSOR];
    struct tensor_state *s = &u->tensor;
    const struct isa_tensor *i = &in->tensor;
    if (!operands(f, tile, in) ||
        (!i->nospill && !each_run(f, tile, &i->p, s->dim_p, walk_at(&s->p), 1, write_sums)))
        return false;
    int64_t sums = i->nospill ? (s->steps + s->block) / s->sum - s->steps / s->sum
                   : sums_complete(u, i) ? s->block / s->sum : 0;
    if (!s->whole || !i->nospill)
        advance(&s->p, s->dim_p, 0);
    if (!s->whole && i->nospill)
        sums = s->p.level >= (i->p.boff ? i->p.bdim : 8);
    s->steps += s->block;
    walk_carry(&u->read.w, s->dim); /* of the master nest only the counters matter */
    u->read.open = false;
    if (in->op == ISA_MAC || in->op == ISA_RESIZE)
        advance(&s->a, s->dim_a, 0);
    int64_t used = s->w_stands ? 0 : advance(&s->w, s->dim_w, i->param.dim);
    if (!results(f, tile, i, sums))
        return false;
    if (i->param.en)
        flow_signal(f, tile, TENSOR, ISA_PARAM, used);
    return true;
}

bool flow_tensor(struct flow *f, int tile)
{
    struct unit *u = &f->tile[tile].unit[TENSOR];
    const struct isa_inst *in = &f->code->inst[u->at];
    const struct isa_tensor *i = &in->tensor;
    bool moved = false;
    while (!u->read.w.done && f->budget > 0) {
        if (!flow_waits(f, tile, TENSOR, &u->read, i->wait, 6, ANY_SIDE, u->passes))
            return moved;
        if (u->read.w.level >= i->chdim && !begin_group(f, tile, in))
            return moved;
        if (!block(f, tile, in))
            return moved;
        moved = true;
    }
    u->busy = false;
    return true;
}

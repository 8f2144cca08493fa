/* Each instruction by itself: loop nests, waits, numbers. */
#include <math.h>

#include "verify/check.h"

static void check_ttu(struct check *c, const struct code *code, long at, const char *unit, const struct isa_ttu *t,
                      unsigned loops)
{
    for (unsigned k = 0; k < loops; k++)
        if (t->lim[k] > 0 && (t->mask >> k & 1) != (isa_ttu_stride(t, k) != 0))
            finding(c, code, at, RULE_LOOP_MASK, "unit %s: loop %u has stride %lld and mask bit %d", unit, k,
                    (long long)isa_ttu_stride(t, k), t->mask >> k & 1);
    if (t->ldim == 0) {
        if (t->llim || t->lskip)
            finding(c, code, at, RULE_LOOP_LAST, "unit %s: last limit %d and skip %d without a loop", unit, t->llim,
                    t->lskip);
    } else if ((unsigned)t->ldim >= loops)
        finding(c, code, at, RULE_LOOP_LAST, "unit %s: last iteration of loop %d of %u", unit, t->ldim, loops);
}

static void check_wait(struct check *c, const struct code *code, long at, const struct isa_wait *w, unsigned n,
                       unsigned loops)
{
    for (unsigned k = 0; k < n; k++)
        if (w[k].fl && (w[k].id < 0 || w[k].id >= FLAGS || w[k].dim < 0 || (unsigned)w[k].dim > loops || w[k].fl == 2))
            finding(c, code, at, RULE_WAIT, "wait %u: flag %d at loop %d, form %d", k, w[k].id, w[k].dim, w[k].fl);
}

/* Sums that an instruction completes (docs/sim.md, "When a sum is complete"); -1 where a nest is cut short. */
static int64_t sums(const struct isa_tensor *t)
{
    if (t->ldim || t->p.ldim)
        return -1;
    if (t->nospill)
        return t->p.boff ? lim_product(t->p.lim, (unsigned)t->p.bdim, 8) : 1;
    int64_t n = 1;
    for (unsigned k = 0; k < 8; k++)
        if (!(t->redmask >> k & 1))
            n = bounded_product(n, (int64_t)t->lim[k] + 1);
    return n;
}

/* Each sum gives one number per lane; the last channel group may have less lanes. */
static void check_output(struct check *c, const struct code *code, long at, const struct isa_tensor *t)
{
    int64_t all = sums(t), groups = t->chdim > 7 ? 1 : lim_product(t->lim, (unsigned)t->chdim, 8);
    int64_t size = t->out16 ? 2 : 1, have = unit_count(&t->o, 8);
    if (all < 0 || all % groups)
        return;
    int64_t words = ceil_div((t->lanes + 1) * size, 4), last = ceil_div((t->lanes_last + 1) * size, 4);
    int64_t want = bounded_product(all / groups, bounded_product(groups - 1, words) + last);
    if (want != have)
        finding(c, code, at, RULE_OUTPUT,
                "%lld sums of %d lanes, %d in the last of %lld groups, are %lld words; unit O "
                "writes %lld",
                (long long)all, t->lanes + 1, t->lanes_last + 1, (long long)groups, (long long)want, (long long)have);
}

static void check_tensor(struct check *c, const struct code *code, long at, const struct isa_inst *i)
{
    const struct isa_tensor *t = &i->tensor;
    check_ttu(c, code, at, "A", &t->a, 8);
    check_ttu(c, code, at, "O", &t->o, 8);
    check_ttu(c, code, at, "W", &t->w, 8);
    check_ttu(c, code, at, "P", &t->p, 8);
    check_wait(c, code, at, t->wait, 6, 8);
    struct isa_ttu master = {.llim = t->llim, .ldim = t->ldim};
    memcpy(master.lim, t->lim, sizeof master.lim);
    int64_t n = unit_count(&master, 8);
    if (unit_count(&t->p, 8) != n)
        finding(c, code, at, RULE_NEST, "unit P runs %lld times, the nest %lld", (long long)unit_count(&t->p, 8),
                (long long)n);
    if (i->op != ISA_RESIZE && unit_count(&t->w, 8) != n)
        finding(c, code, at, RULE_NEST, "unit W runs %lld times, the nest %lld", (long long)unit_count(&t->w, 8),
                (long long)n);
    if ((i->op == ISA_MAC || i->op == ISA_RESIZE) && unit_count(&t->a, 8) != n)
        finding(c, code, at, RULE_NEST, "unit A runs %lld times, the nest %lld", (long long)unit_count(&t->a, 8),
                (long long)n);
    float scale = f32_of((uint32_t)t->scale), max = f32_of((uint32_t)t->max), min = f32_of((uint32_t)t->min);
    if (!isfinite(scale))
        finding(c, code, at, RULE_NUMERICS, "multiplier %g", (double)scale);
    if (i->op != ISA_RESIZE && !(min <= max))
        finding(c, code, at, RULE_NUMERICS, "clamp from %g to %g", (double)min, (double)max);
    if (t->chdim > 7 || t->lanes > 63 || t->lanes_last > t->lanes)
        finding(c, code, at, RULE_NUMERICS, "%d lanes, %d in the last group", t->lanes + 1, t->lanes_last + 1);
    else
        check_output(c, code, at, t);
}

/* Rows that `words` in groups of the innermost `pack` loops fill, 64 words a row. */
static int64_t packed_rows(const struct isa_ttu *n, int32_t pack, int64_t prefix)
{
    int64_t inner = 1, outer = lim_product(n->lim, (unsigned)pack, 6);
    for (int k = 0; k < pack && k < 6; k++)
        inner = bounded_product(inner, (int64_t)n->lim[k] + 1);
    return outer == 1 ? ceil_div(unit_count(n, 6) + prefix, 64) : bounded_product(outer, ceil_div(inner, 64));
}

static void check_pack(struct check *c, const struct code *code, long at, const struct isa_ttu *n,
                       const struct isa_ttu *w, int32_t pack, int64_t prefix)
{
    int64_t rows = packed_rows(n, pack, prefix), have = unit_count(w, 4);
    if (rows != have)
        finding(c, code, at, RULE_PACK, "%lld words fill %lld rows, the wide nest walks %lld",
                (long long)(unit_count(n, 6) + prefix), (long long)rows, (long long)have);
}

/* The parts of one layer on different tiles: multiplications between two fences, no tile twice.  Not averages (a16):
 * at a border they have less elements to divide by. */
static bool siblings(const struct isa_tensor *a, const struct isa_tensor *b)
{
    return !a->a16 && a->redmask == b->redmask && a->perch == b->perch && !b->a16 && a->w16 == b->w16 &&
           a->a1 == b->a1 && a->w1 == b->w1 && a->lut == b->lut && a->out16 == b->out16 && a->chdim == b->chdim &&
           a->w.base == b->w.base;
}

static bool same_numerics(const struct isa_tensor *a, const struct isa_tensor *b)
{
    return a->azp == b->azp && a->wzp == b->wzp && a->ozp == b->ozp && a->scale == b->scale && a->max == b->max &&
           a->min == b->min && a->cbias == b->cbias && a->mem_bias == b->mem_bias && a->mem_mult == b->mem_mult;
}

static void check_siblings(struct check *c, const struct code *code)
{
    long last = NOWHERE;
    int32_t tiles = 0;
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        if (i->op == ISA_FENCE || i->op == ISA_TABLE)
            last = NOWHERE;
        if (i->op != ISA_MAC)
            continue;
        const struct isa_inst *b = last == NOWHERE ? NULL : &code->inst[last];
        if (!b || tiles & i->tensor.tiles || !siblings(&b->tensor, &i->tensor))
            tiles = 0;
        else if (!same_numerics(&b->tensor, &i->tensor))
            finding(c, code, (long)k, RULE_SIBLINGS, "not the zero points, scale or bias of the one before it");
        tiles |= i->tensor.tiles;
        last = (long)k;
    }
}

void check_loops(struct check *c, const struct code *code)
{
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        long at = (long)k;
        switch (i->op) {
        case ISA_MAC: case ISA_MAX: case ISA_SUM: case ISA_RESIZE:
            check_tensor(c, code, at, i);
            break;
        case ISA_RING_SEND:
            check_ttu(c, code, at, "W", &i->send.w, 4);
            check_wait(c, code, at, i->send.wait, 3, 4);
            break;
        case ISA_RING_RECV_A: case ISA_RING_RECV_B:
            check_ttu(c, code, at, "W", &i->recv.w, 4);
            check_wait(c, code, at, &i->recv.wait, 1, 4);
            break;
        case ISA_TO_WIDE:
            check_ttu(c, code, at, "N", &i->to_wide.n, 6);
            check_ttu(c, code, at, "W", &i->to_wide.w, 4);
            check_wait(c, code, at, i->to_wide.wait, 6, 6);
            check_pack(c, code, at, &i->to_wide.n, &i->to_wide.w, i->to_wide.pack, 0);
            break;
        case ISA_TO_NARROW:
            check_ttu(c, code, at, "W", &i->to_narrow.w, 4);
            check_ttu(c, code, at, "N", &i->to_narrow.n, 6);
            check_wait(c, code, at, i->to_narrow.wait, 6, 6);
            check_pack(c, code, at, &i->to_narrow.n, &i->to_narrow.w, i->to_narrow.pack,
                       i->to_narrow.s.en ? i->to_narrow.s.lim + 1 : 0);
            break;
        case ISA_MESH_SOUTH: case ISA_MESH_WEST: case ISA_MESH_NORTH: case ISA_MESH_EAST:
            check_ttu(c, code, at, "A", &i->mesh.a, 4);
            check_ttu(c, code, at, "B", &i->mesh.b, 4);
            check_wait(c, code, at, i->mesh.wait, 6, 4);
            break;
        default:
            break;
        }
    }
    check_siblings(c, code);
}

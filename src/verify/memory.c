/* Addresses: inside the memories, and not on top of cached parameters. */
#include "verify/check.h"

/* First and last address that a unit can touch, in its own units.  The double buffer counts both places. */
struct extent {
    int64_t lo, hi;
};

static struct extent span(const struct isa_ttu *t, unsigned loops, const int32_t *lim, int64_t base)
{
    struct extent e = {base, base};
    for (unsigned k = 0; k < loops; k++) {
        int64_t reach = bounded_product(isa_ttu_stride(t, k), lim[k]);
        *(reach < 0 ? &e.lo : &e.hi) += reach;
    }
    return e;
}

/* cut: the loop that the last iteration of loop ldim shortens. */
static struct extent extent_cut(const struct isa_ttu *t, unsigned loops, bool buffered, unsigned cut)
{
    int32_t lim[8];
    memcpy(lim, t->lim, sizeof lim);
    struct extent e;
    if (t->ldim &&
        (unsigned)t->ldim < loops) { /* all but the last iteration of loop ldim, then the last with its own limit */
        int64_t last = t->base + bounded_product(isa_ttu_stride(t, (unsigned)t->ldim), lim[t->ldim]);
        int32_t whole = lim[t->ldim];
        lim[t->ldim] = 0;
        lim[cut] = t->llim;
        e = span(t, loops, lim, last);
        if (whole > 0) {
            lim[t->ldim] = whole - 1;
            lim[cut] = t->lim[cut];
            struct extent f = span(t, loops, lim, t->base);
            e.lo = f.lo < e.lo ? f.lo : e.lo;
            e.hi = f.hi > e.hi ? f.hi : e.hi;
        }
    } else
        e = span(t, loops, lim, t->base);
    if (buffered && lim_product(t->lim, (unsigned)t->bdim, loops) > 1)
        *(t->boff < 0 ? &e.lo : &e.hi) += t->boff;
    return e;
}

static struct extent extent_of(const struct isa_ttu *t, unsigned loops, bool buffered)
{
    return extent_cut(t, loops, buffered, 0);
}

static bool used(const struct isa_ttu *t, unsigned loops)
{
    bool any = t->base || t->mask || t->boff;
    for (unsigned k = 0; k < loops; k++)
        any = any || t->lim[k] || t->step[k];
    return any;
}

/* unit_bytes: bytes per address step; access: bytes per access. */
static void check_narrow(struct check *c, const struct code *code, long at, const char *unit, const struct isa_ttu *t,
                         unsigned loops, int unit_bytes, int access, unsigned cut)
{
    if (!used(t, loops))
        return;
    struct extent e = extent_cut(t, loops, false, cut);
    int64_t limit = code->x->narrow_bytes > 0 ? code->x->narrow_bytes : NARROW_BYTES;
    if (limit > NARROW_BYTES)
        limit = NARROW_BYTES;
    if (e.lo < 0 || e.hi * unit_bytes + access > limit)
        finding(c, code, at, RULE_NARROW, "unit %s touches bytes %lld to %lld of %lld", unit,
                (long long)e.lo * unit_bytes, (long long)e.hi * unit_bytes + access - 1, (long long)limit);
}

/* Rows of one tile. */
struct rows {
    bool used[WIDE_ROWS];
};

static bool clip(struct extent *rows)
{
    bool inside = rows->lo >= 0 && rows->hi < WIDE_ROWS;
    if (rows->lo < 0)
        rows->lo = 0;
    if (rows->hi >= WIDE_ROWS)
        rows->hi = WIDE_ROWS - 1;
    return inside;
}

/* The wide rows that an instruction writes (up to two ranges) and reads (up to two). */
struct wide_use {
    struct extent write[2], read[2];
    unsigned writes, reads;
    int32_t tiles;
};

/* Rows of a prefix: its start moves by `step` with each repetition and wraps at `end`. */
static struct extent prefix_extent(const struct isa_prefix *s, const struct isa_ttu *w)
{
    int64_t once = s->base + s->lim;
    bool repeats = lim_product(w->lim, s->dim > 1 ? (unsigned)s->dim : 1, 4) > 1;
    return (struct extent){s->base, repeats && s->end > once ? s->end : once};
}

static void wide_of(const struct isa_inst *i, struct wide_use *u)
{
    *u = (struct wide_use){0};
    switch (i->op) {
    case ISA_RING_RECV_A: case ISA_RING_RECV_B:
        u->tiles = i->recv.tdyn ? 0 : i->recv.tiles;
        u->write[u->writes++] = extent_of(&i->recv.w, 4, true);
        if (i->recv.s.en)
            u->write[u->writes++] = prefix_extent(&i->recv.s, &i->recv.w);
        break;
    case ISA_TO_WIDE:
        u->tiles = i->to_wide.tdyn ? 0 : i->to_wide.tiles;
        u->write[u->writes++] = extent_of(&i->to_wide.w, 4, true);
        break;
    case ISA_RING_SEND:
        u->tiles = i->send.tdyn ? 0 : i->send.tiles;
        u->read[u->reads++] = extent_of(&i->send.w, 4, true);
        break;
    case ISA_TO_NARROW:
        u->tiles = i->to_narrow.tdyn ? 0 : i->to_narrow.tiles;
        u->read[u->reads++] = extent_of(&i->to_narrow.w, 4, true);
        break;
    case ISA_MAC: case ISA_MAX: case ISA_SUM: case ISA_RESIZE: {
        u->tiles = i->tensor.tiles;
        struct extent w = extent_of(&i->tensor.w, 8, true), p = extent_of(&i->tensor.p, 8, false);
        u->read[u->reads++] = (struct extent){w.lo / 4, w.hi / 4};
        if (!i->tensor.nospill)
            u->write[u->writes++] = (struct extent){p.lo / 4, p.hi / 4};
        break;
    }
    default:
        break;
    }
}

static void check_ranges(struct check *c, const struct code *code)
{
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        struct wide_use u;
        wide_of(i, &u);
        for (unsigned n = 0; n < u.writes + u.reads; n++) {
            struct extent e = n < u.writes ? u.write[n] : u.read[n - u.writes];
            struct extent whole = e;
            if (!clip(&e))
                finding(c, code, (long)k, RULE_WIDE, "%s rows %lld to %lld", n < u.writes ? "writes" : "reads",
                        (long long)whole.lo, (long long)whole.hi);
        }
        if (is_tensor(i)) {
            check_narrow(c, code, (long)k, "A", &i->tensor.a, 8, 1, 1, 0);
            check_narrow(c, code, (long)k, "O", &i->tensor.o, 8, 1, 4, 0);
        } else if (is_mesh(i)) {
            check_narrow(c, code, (long)k, "A", &i->mesh.a, 4, 4, 4, 0);
            check_narrow(c, code, (long)k, "B", &i->mesh.b, 4, 4, 4, 0);
        } else if (i->op == ISA_TO_WIDE && !i->to_wide.dynb)
            check_narrow(c, code, (long)k, "N", &i->to_wide.n, 6, 4, 4, i->to_wide.par != 0);
        else if (i->op == ISA_TO_NARROW && !i->to_narrow.par)
            check_narrow(c, code, (long)k, "N", &i->to_narrow.n, 6, 4, 4, 0);
    }
}

/* Marks what the caching program writes; each row belongs to one segment. */
static void mark_cached(struct check *c, const struct code *code, struct rows *cached)
{
    for (size_t k = 0; k < code->count; k++) {
        struct wide_use u;
        wide_of(&code->inst[k], &u);
        for (unsigned n = 0; n < u.writes; n++) {
            struct extent e = u.write[n];
            clip(&e);
            for (int t = 0; t < ISA_TILES; t++)
                for (int64_t r = e.lo; (u.tiles >> t & 1) && r <= e.hi; r++) {
                    if (cached[t].used[r]) {
                        finding(c, code, (long)k, RULE_CACHE_OVERLAP, "row %lld of tile %d holds parameters already",
                                (long long)r, t);
                        break;
                    }
                    cached[t].used[r] = true;
                }
        }
    }
}

static void check_cached(struct check *c, const struct code *code, const struct rows *cached, struct rows *written)
{
    for (size_t k = 0; k < code->count; k++) {
        struct wide_use u;
        wide_of(&code->inst[k], &u);
        for (int t = 0; t < ISA_TILES; t++) {
            if (!(u.tiles >> t & 1))
                continue;
            for (unsigned n = 0; n < u.writes; n++) {
                struct extent e = u.write[n];
                clip(&e);
                bool told = false;
                for (int64_t r = e.lo; r <= e.hi; r++) {
                    if (cached[t].used[r] && !told)
                        finding(c, code, (long)k, RULE_CACHE_CLOBBER,
                                "writes row %lld of tile %d, which holds cached parameters", (long long)r, t);
                    told = told || cached[t].used[r];
                    written[t].used[r] = true;
                }
            }
        }
        if (code->inst[k].op != ISA_RING_SEND || u.tiles == 0)
            continue;
        struct extent e = extent_of(&code->inst[k].send.w, 4, false);
        clip(&e);
        for (int t = 0; t < ISA_TILES; t++)
            for (int64_t r = e.lo; (u.tiles >> t & 1) && r <= e.hi; r++)
                if (!cached[t].used[r] && !written[t].used[r]) {
                    bool later = false; /* consumers are issued before producers, but not always: look ahead */
                    for (size_t j = k + 1; j < code->count && !later && code->inst[j].op != ISA_SYNC; j++) {
                        struct wide_use v;
                        wide_of(&code->inst[j], &v);
                        for (unsigned n = 0; n < v.writes; n++)
                            later = later || ((v.tiles >> t & 1) && v.write[n].lo <= r && r <= v.write[n].hi);
                    }
                    if (!later) {
                        finding(c, code, (long)k, RULE_CACHE_READ,
                                "sends row %lld of tile %d, which nothing has written", (long long)r, t);
                        break;
                    }
                }
    }
}

void check_memory(struct check *c)
{
    struct rows *cached = ARENA_ARRAY(c->a, struct rows, ISA_TILES),
                *written = ARENA_ARRAY(c->a, struct rows, ISA_TILES);
    for (uint32_t e = 0; e < c->package->n_executables; e++) {
        check_ranges(c, &c->code[e]);
        if (c->code[e].x->type == DWN_PARAMETER_CACHING)
            mark_cached(c, &c->code[e], cached);
    }
    for (uint32_t e = 0; e < c->package->n_executables; e++)
        if (c->code[e].x->type != DWN_PARAMETER_CACHING && c->code[e].whole)
            check_cached(c, &c->code[e], cached, written);
}

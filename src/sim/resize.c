#include "sim/resize.h"

/* Where output `index` of an axis falls: the first input element of its taps, and how much tap 1 weighs
 * in 1/128.  Positions are counted in 1/(2*factor) of an input element. */
static void tap(const struct isa_axis *x, int32_t index, int64_t *element, int32_t *weight)
{
    int64_t unit = 2 * (int64_t)(x->factor ? x->factor : 1), at = x->phase + 2 * (int64_t)index;
    if (x->nearest)
        at += unit / 2;
    *element = at / unit;
    *weight = (int32_t)(at % unit * 128 / unit);
}

bool resize_accumulate(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    const struct isa_tensor *i = r->i;
    const int32_t *loop = r->master.w.i; /* loops 0 and 1 are the taps in x and y */
    int64_t x, y;
    int32_t wx, wy;
    tap(&i->x, loop[i->x.loop], &x, &wx);
    tap(&i->y, loop[i->y.loop], &y, &wy);
    int64_t at = walk_at(&r->a) + x * i->x.pitch + y * i->y.pitch;
    if (at < 0 || at + (int64_t)r->lanes > NARROW_BYTES)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "reads narrow byte %lld of %d", (long long)at,
                          NARROW_BYTES), false;
    int32_t weight = (i->x.nearest ? 1 : loop[0] ? wx : 128 - wx) * (i->y.nearest ? 1 : loop[1] ? wy : 128 - wy);
    const struct tile *t = &c->tile[tile];
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        int64_t byte = at + lane;
        r->acc[lane] += t->narrow[byte] * weight;
        if (weight && !(t->narrow_known[byte / 4] >> byte % 4 & 1))
            r->known &= ~(1ull << lane);
    }
    r->macs += r->lanes;
    return true;
}

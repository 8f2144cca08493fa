/* Puts a vector to its place among others, words over ring A.
 * Facts: bright_*, color_* (two words of the first tile, in one copy); vectors in slices and several parts are the same
 * copies. */
#include "compiler/families.h"
#include "compiler/scalar.h"

enum { RECEIVE_ROW = 2078, LOWEST_ROW = 2074 };

static bool size_join(struct plan *p, uint32_t index)
{
    struct value *out = &p->values[p->steps[index].out];
    struct slices c = slices_of(out->z);
    if (out->buffer == NO_BUFFER)
        out->buffer = plan_buffer(
            p, (struct narrow_buffer){.words = out->layout == LAYOUT_WHOLE || c.tiles == 1 ? c.total : c.words,
                                      .first = out->first,
                                      .last = out->last});
    plan_wide_floor(p, LOWEST_ROW);
    return true;
}

/* `words` words at `from` of tile t to words `at` .. of the result. */
static void place(const struct plan *plan, const struct value *out, struct program *p, int32_t t, int32_t from,
                  int32_t at, int32_t words)
{
    struct slices c = slices_of(out->z);
    if (out->layout == LAYOUT_WHOLE) {
        emit_copy(p, t, out->tiles, words, from, value_at(plan, out) + at, RECEIVE_ROW);
        return;
    }
    while (words > 0) { /* cut where the tiles of the result meet */
        int32_t tile = at / c.words, room = (tile + 1) * c.words - at, n = words < room ? words : room;
        emit_copy(p, t, 1 << tile, n, from, value_at(plan, out) + at - tile * c.words, RECEIVE_ROW);
        at += n, from += n, words -= n;
    }
}

static void emit_join(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct join_detail *d = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    struct slices c = slices_of(in->z);
    if (d->first)
        emit_exchange_begin(p);
    if (in->layout == LAYOUT_WHOLE)
        place(plan, out, p, 0, value_at(plan, in), d->at, c.total);
    for (int32_t t = 0; in->layout == LAYOUT_SLICES && t < c.tiles; t++)
        place(plan, out, p, t, slice_at(plan, in, t), d->at + t * c.words, slice_words(&c, t));
    if (d->last)
        emit_barrier(p, 0);
}

const struct family family_join = {.name = "join", .size = size_join, .emit = emit_join};

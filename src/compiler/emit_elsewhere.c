/* Pixels of an image from the tiles that have them to those that need them, where the two sides split the image
 * differently: strips (strips.h).  Each tile's pixels go over ring A; the copies are those of vectors (emit_vector.c),
 * with rows, as in emit_collect.c.  Official strips do this over the mesh. */
#include "compiler/families.h"
#include "compiler/scalar.h"

enum { RECEIVE_ROW = 2078, LOWEST_ROW = 2074 };

static bool size_elsewhere(struct plan *p, uint32_t index)
{
    plan_value_buffer(p, p->steps[index].out);
    plan_wide_floor(p, LOWEST_ROW);
    return true;
}

static struct span both(struct span a, struct span b)
{
    struct span s = {a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end};
    return s.end > s.first ? s : (struct span){0, 0};
}

static void copy_pixels(const struct plan *plan, const struct step *s, int from, int to, struct program *p)
{
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    const struct grid *a = &in->grid, *b = &out->grid;
    const struct elsewhere_detail *d = s->detail;
    struct span ys = both(d->y, both(a->own_y[from / GRID], b->own_y[to / GRID])),
                xs = both(d->x, both(a->own_x[from % GRID], b->own_x[to % GRID]));
    if (span_size(ys) == 0 || span_size(xs) == 0)
        return;
    emit_copy_rows(p, from, 1 << to, span_size(xs) * a->words, span_size(ys),
                   (struct rows){value_at(plan, in) + grid_at(a, from, ys.first, xs.first), grid_pitch(a, from), 0},
                   (struct rows){value_at(plan, out) + grid_at(b, to, ys.first, xs.first), grid_pitch(b, to), 0},
                   RECEIVE_ROW);
}

static void emit_elsewhere(const struct plan *plan, const struct step *s, struct program *p)
{
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_exchange_begin(p);
    for (int from = 0; from < ISA_TILES; from++)
        for (int to = 0; to < ISA_TILES; to++)
            copy_pixels(plan, s, from, to, p);
    emit_barrier(p, LAYER_FLAGS);
}

const struct family family_pixels_elsewhere = {.name = "pixels to other tiles", .size = size_elsewhere,
                                               .emit = emit_elsewhere, .closes = true};

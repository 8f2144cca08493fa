/* All pixels of an image, row by row, on every tile that computes with it as a vector: each tile's pixels over ring A.
 * A pixel keeps its whole words: channels that are no multiple of 4 leave bytes between that have no meaning.
 * The copies are those of vectors (emit_vector.c), with rows; no official program has this form (official ones
 * rearrange over the mesh, and only for a few sizes are their rules known: emit_flatten.c). */
#include "compiler/families.h"
#include "compiler/scalar.h"

enum { RECEIVE_ROW = 2078, LOWEST_ROW = 2074 };

static bool size_collect(struct plan *p, uint32_t index)
{
    struct value *out = &p->values[p->steps[index].out];
    out->buffer = plan_buffer(
        p, (struct narrow_buffer){.words = (int32_t)ceil_div(out->z, 4), .first = index, .last = out->last});
    plan_wide_floor(p, LOWEST_ROW);
    return true;
}

static void emit_collect(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    const struct grid *g = &in->grid;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_exchange_begin(p);
    for (int t = 0; t < ISA_TILES; t++) {
        struct span ys = g->own_y[t / GRID], xs = g->own_x[t % GRID];
        if (span_size(ys) <= 0 || span_size(xs) <= 0)
            continue;
        struct rows from = {.at = value_at(plan, in) + grid_at(g, t, ys.first, xs.first), .pitch = grid_pitch(g, t)};
        struct rows to = {.at = value_at(plan, out) + (ys.first * g->x + xs.first) * g->words,
                          .pitch = g->x * g->words};
        emit_copy_rows(p, t, out->tiles, span_size(xs) * g->words, span_size(ys), from, to, RECEIVE_ROW);
    }
    emit_barrier(p, 0);
}

const struct family family_collect = {.name = "collect", .size = size_collect, .emit = emit_collect};

#include "compiler/box.h"

bool box_of(const struct plan *p, const struct value *v, int tile, struct box *b)
{
    if (v->layout == LAYOUT_SLICES) {
        struct slices c = value_slices(v);
        if (tile >= c.tiles)
            return false;
        int32_t words = slice_words(&c, tile);
        *b = (struct box){.at = slice_at(p, v, tile), .h = 1, .w = 1, .words = words, .pitch = words, .rows = 1};
        return true;
    }
    const struct grid *g = &v->grid;
    struct span ys = g->own_y[tile / GRID], xs = g->own_x[tile % GRID];
    *b = (struct box){.at = value_at(p, v) + grid_at(g, tile, ys.first, xs.first),
                      .h = span_size(ys),
                      .w = span_size(xs),
                      .words = g->words,
                      .pitch = grid_pitch(g, tile),
                      .rows = span_size(g->plane_y[tile / GRID])};
    return b->h > 0 && b->w > 0;
}

int32_t box_words(const struct value *v)
{
    if (v->layout == LAYOUT_GRID)
        return grid_words(&v->grid);
    struct slices c = value_slices(v);
    return c.tiles > 1 ? c.words : c.total;
}

#include "compiler/bands.h"

#include "compiler/families.h"

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

struct span band_of(int32_t rows, int32_t passes, int32_t pass)
{
    int32_t size = rows / passes, more = rows % passes;
    return (struct span){pass * size + least(pass, more), (pass + 1) * size + least(pass + 1, more)};
}

bool band_postponed(const struct plan *p, const struct strips *t, uint32_t step)
{
    return p->steps[step].family == &family_outfeed_image && !(t->leaves && step == t->last);
}

struct bands bands_new(struct arena *a, const struct plan *p, const struct strips *t)
{
    struct bands b = {.p = p, .t = t, .role = ARENA_ARRAY(a, enum band_role, p->n_values),
                      .grid = ARENA_ARRAY(a, struct grid, p->n_values),
                      .settled = ARENA_ARRAY(a, bool, p->n_values)};
    for (uint32_t i = t->first; i <= t->last; i++) {
        const struct step *s = &p->steps[i];
        for (uint32_t k = 0; k < s->n_in; k++) {
            enum band_role *role = &b.role[s->in[k]];
            if (*role == BAND_NONE && !band_postponed(p, t, i))
                *role = BAND_READ;
            else if (*role == BAND_MADE && s->family == &family_outfeed_image)
                *role = BAND_END;
        }
        if (s->out != NO_VALUE && b.role[s->out] == BAND_NONE)
            b.role[s->out] = p->values[s->out].last > t->last ? BAND_END : BAND_MADE;
    }
    return b;
}

struct axis axis_of(struct grid *g, bool columns)
{
    return columns ? (struct axis){g->x, g->own_x, g->need_x} : (struct axis){g->y, g->own_y, g->need_y};
}

/* Of the pixels that are read those inside the image; one at least, so that there is something to put the padding
 * beside. */
static struct span inside(struct span need, int32_t pixels)
{
    struct span s = {need.first < 0 ? 0 : least(need.first, pixels - 1), least(need.end, pixels)};
    s.end = s.end > s.first ? s.end : s.first + 1;
    return s;
}

/* All that read the value have claimed their pixels. */
static void settle(struct bands *b, uint32_t value)
{
    struct axis a = axis_of(&b->grid[value], b->t->columns);
    struct span band = {0, 0};
    for (int i = 0; i < GRID; i++)
        band = span_hull(band, a.need[i]);
    if (span_size(band) > 0)
        band = inside(band, a.pixels);
    if (b->role[value] == BAND_END)
        band = span_hull(band, band_of(a.pixels, b->t->passes, b->pass));
    axis_split(span_size(band), a.own);
    for (int i = 0; i < GRID; i++) {
        a.own[i].first += band.first, a.own[i].end += band.first;
        if (span_size(a.need[i]) <= 0)
            a.need[i] = (struct span){a.own[i].first, a.own[i].first};
    }
    grid_keep(&b->grid[value]);
    b->settled[value] = true;
}

static void claim(struct bands *b, const struct step *s, uint32_t in)
{
    bool columns = b->t->columns;
    struct axis from = axis_of(&b->grid[in], columns), to = axis_of(&b->grid[s->out], columns);
    for (int i = 0; i < GRID; i++)
        if (span_size(to.own[i]) > 0)
            from.need[i] = span_hull(from.need[i], s->family->reads(b->p, s, columns, to.own[i]));
}

void bands_settle(struct bands *b, int32_t pass)
{
    b->pass = pass;
    for (uint32_t i = 0; i < b->p->n_values; i++) {
        if (b->role[i] == BAND_NONE)
            continue;
        b->settled[i] = false;
        b->grid[i] = b->p->values[i].grid;
        memset(axis_of(&b->grid[i], b->t->columns).need, 0, GRID * sizeof(struct span));
    }
    for (uint32_t i = b->t->last + 1; i-- > b->t->first;) {
        const struct step *s = &b->p->steps[i];
        if (s->out == NO_VALUE)
            continue;
        if (!b->settled[s->out]) /* it may have several makers */
            settle(b, s->out);
        for (uint32_t k = 0; k < s->n_in; k++)
            claim(b, s, s->in[k]);
    }
    for (uint32_t i = 0; i < b->p->n_values; i++)
        if (b->role[i] != BAND_NONE && !b->settled[i])
            settle(b, i);
}

#include "compiler/strips.h"

#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/scalar.h"

struct span rows_as_they_are(const struct plan *p, const struct step *s, struct span made)
{
    (void)p, (void)s;
    return made;
}

/* ---- which steps ---- */

static bool leaves_chip(const struct step *s) { return s->family == &family_outfeed_image; }

/* The image at the end of steps 0..last. */
static uint32_t end_value(const struct plan *p, uint32_t last)
{
    const struct step *s = &p->steps[last];
    return leaves_chip(s) ? s->in[0] : s->out;
}

bool strips_possible(const struct plan *p, uint32_t last)
{
    uint32_t end = end_value(p, last);
    for (uint32_t i = 0; i <= last; i++) {
        const struct step *s = &p->steps[i];
        if (!s->family->rows || (leaves_chip(s) && i + 1 != p->n_steps))
            return false;
        for (uint32_t k = 0; k < s->n_in; k++) /* the end is complete after the last pass only */
            if (s->in[k] == end && !leaves_chip(s))
                return false;
    }
    for (uint32_t i = last + 1; i < p->n_steps; i++)
        if (p->steps[i].out == end)
            return false;
    for (uint32_t i = 0; i < p->n_values; i++) {
        const struct value *v = &p->values[i];
        if (v->first <= last && (v->buffer != NO_BUFFER || v->layout != LAYOUT_GRID || (v->last > last && i != end)))
            return false;
    }
    return true;
}

/* ---- which rows ---- */

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Part s of the rows of a tile row; all parts are of one size, so neighbours may overlap. */
static struct span part_of(struct span own, int32_t passes, int32_t s)
{
    int32_t rows = span_size(own), size = (int32_t)ceil_div(rows, passes),
            first = least(own.first + s * size, own.end - size);
    return (struct span){first, first + size};
}

/* Rows of pass s, the same number in each or one more in the first ones. */
static struct span band_of(int32_t rows, int32_t passes, int32_t s)
{
    int32_t size = rows / passes, more = rows % passes;
    return (struct span){s * size + least(s, more), (s + 1) * size + least(s + 1, more)};
}

/* Of the rows that are read those inside the image; one at least, so that there is something to put the padding beside.
 */
static struct span inside(struct span need, int32_t rows)
{
    struct span s = {need.first < 0 ? 0 : least(need.first, rows - 1), least(need.end, rows)};
    s.end = s.end > s.first ? s.end : s.first + 1;
    return s;
}

struct strip {
    struct plan *p;
    const struct step *steps; /* as lowered */
    uint32_t last;
    int32_t passes, pass;
    uint32_t *part; /* of each lowered value: its rows in this strip */
    bool *settled;  /* of each lowered value */
};

/* The value's rows in this strip; all that read it have claimed theirs. */
static void settle_rows(const struct strip *t, struct grid *g, bool at_end, bool to_host)
{
    struct span band[GRID];
    axis_split(span_size(band_of(g->y, t->passes, t->pass)), band);
    for (int i = 0; i < GRID; i++) {
        int32_t top = band_of(g->y, t->passes, t->pass).first;
        if (at_end && !to_host) {
            g->own_y[i] = part_of(g->own_y[i], t->passes, t->pass);
            continue; /* in the plane of the whole */
        }
        if (at_end)
            g->own_y[i] = (struct span){top + band[i].first, top + band[i].end};
        else if (span_size(g->need_y[i]) > 0)
            g->own_y[i] = inside(g->need_y[i], g->y);
        else
            g->own_y[i] = (struct span){g->y, g->y};
        g->plane_y[i] = span_size(g->need_y[i]) > 0 ? span_hull(g->own_y[i], g->need_y[i]) : g->own_y[i];
    }
}

static void claim_rows(const struct strip *t, const struct step *s, uint32_t in)
{
    struct grid *g = &t->p->values[t->part[in]].grid;
    const struct grid *out = &t->p->values[t->part[s->out]].grid;
    for (int i = 0; i < GRID; i++)
        if (span_size(out->own_y[i]) > 0)
            g->need_y[i] = span_hull(g->need_y[i], s->family->rows(t->p, s, out->own_y[i]));
}

static uint32_t new_part(const struct strip *t, uint32_t value, bool at_end)
{
    struct value v = t->p->values[value];
    uint32_t n = plan_value(t->p, v.tensor, LAYOUT_GRID, v.y, v.x, v.z);
    struct value *part = &t->p->values[n];
    part->grid = v.grid;
    if (at_end)
        part->whole = value;
    for (int i = 0; i < GRID && !at_end; i++)
        part->grid.need_y[i] = (struct span){0, 0};
    return n;
}

/* From the end backwards. */
static void make_parts(struct strip *t)
{
    bool to_host = leaves_chip(&t->steps[t->last]);
    uint32_t end = to_host ? t->steps[t->last].in[0] : t->steps[t->last].out;
    for (uint32_t i = t->last + 1; i-- > 0;) {
        const struct step *s = &t->steps[i];
        if (s->out == NO_VALUE)
            continue;
        bool at_end = s->out == end;
        if (t->part[s->out] == NO_VALUE)
            t->part[s->out] = new_part(t, s->out, at_end && !to_host);
        if (!t->settled[s->out]) /* it may have several makers */
            settle_rows(t, &t->p->values[t->part[s->out]].grid, at_end, to_host);
        t->settled[s->out] = true;
        for (uint32_t k = 0; k < s->n_in; k++) {
            if (t->part[s->in[k]] == NO_VALUE)
                t->part[s->in[k]] = new_part(t, s->in[k], false);
            claim_rows(t, s, s->in[k]);
        }
    }
}

/* ---- the steps ---- */

/* The operand has the rows of the result and nothing beside. */
static bool is_plain(const struct grid *in, const struct grid *out)
{
    return memcmp(in->own_y, out->own_y, sizeof in->own_y) == 0 && !grid_has_halo(in);
}

/* What several operands are made of element by element must lie alike: those with other rows, for other readers, are
 * copied. */
static void add_operands(const struct strip *t, const struct step *from, uint32_t in[MAX_INPUTS])
{
    struct plan *p = t->p;
    for (uint32_t k = 0; k < from->n_in; k++)
        in[k] = t->part[from->in[k]];
    for (uint32_t k = 0; k < from->n_in && from->n_in > 1; k++) {
        struct grid out = p->values[t->part[from->out]].grid;
        if (is_plain(&p->values[in[k]].grid, &out))
            continue;
        uint32_t wide = in[k], plain = lower_plain(p, wide, from->op);
        struct grid *g = &p->values[plain].grid;
        memcpy(g->own_y, out.own_y, sizeof out.own_y);
        memcpy(g->plane_y, out.own_y, sizeof out.own_y);
        for (uint32_t j = k; j < from->n_in; j++)
            in[j] = in[j] == wide ? plain : in[j];
    }
}

static void add_steps(const struct strip *t, uint32_t *first)
{
    for (uint32_t i = 0; i <= t->last; i++) {
        const struct step *from = &t->steps[i];
        uint32_t in[MAX_INPUTS];
        add_operands(t, from, in);
        struct step *s = plan_step(t->p, from->family, from->op);
        s->detail = from->family == &family_infeed_image ? infeed_image_detail(t->p->arena) : from->detail;
        s->passes = t->passes;
        if (t->pass > 0)
            s->twin = first[i];
        else
            first[i] = (uint32_t)(s - t->p->steps);
        for (uint32_t k = 0; k < from->n_in; k++)
            step_reads(t->p, s, in[k]);
        if (from->out != NO_VALUE)
            step_makes(t->p, s, t->part[from->out]);
    }
}

/* Pixels that a tile makes at most, in all strips alike, so that all of them can use the same order of parameters. */
static void agree_on_positions(struct plan *p, uint32_t n_steps)
{
    for (uint32_t i = 0; i < n_steps; i++) {
        struct step *s = &p->steps[i], *first = s->twin == NO_STEP ? s : &p->steps[s->twin];
        if (s->out == NO_VALUE || !s->passes)
            continue;
        const struct grid *g = &p->values[s->out].grid;
        int32_t y = 0, x = 0;
        for (int k = 0; k < GRID; k++) {
            y = span_size(g->own_y[k]) > y ? span_size(g->own_y[k]) : y;
            x = span_size(g->own_x[k]) > x ? span_size(g->own_x[k]) : x;
        }
        first->positions = y * x > first->positions ? y * x : first->positions;
    }
    for (uint32_t i = 0; i < n_steps; i++)
        if (p->steps[i].twin != NO_STEP)
            p->steps[i].positions = p->steps[p->steps[i].twin].positions;
}

/* The steps behind the strips come `later` later. */
static void shift_lives(struct plan *p, uint32_t last, uint32_t later, uint32_t n_values)
{
    for (uint32_t i = 0; i < n_values; i++) {
        struct value *v = &p->values[i];
        v->first += v->first > last && v->first != UINT32_MAX ? later : 0;
        v->last += v->last > last ? later : 0;
    }
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        p->buffers[i].first += p->buffers[i].first > (int32_t)last ? (int32_t)later : 0;
        p->buffers[i].last += p->buffers[i].last > (int32_t)last ? (int32_t)later : 0;
    }
}

/* A pass that is sent ends with whole 8-byte words, or the next one could not begin behind it. */
static bool passes_whole_words(const struct grid *g, int32_t passes)
{
    for (int32_t s = 0; s + 1 < passes; s++)
        if ((int64_t)span_size(band_of(g->y, passes, s)) * g->x * g->words % 2)
            return false;
    return true;
}

bool strips_cut(struct plan *p, uint32_t last, int32_t passes)
{
    struct strip t = {.p = p, .steps = p->steps, .last = last, .passes = passes};
    uint32_t n_steps = p->n_steps, n_values = p->n_values, end = end_value(p, last);
    uint32_t *first = ARENA_ARRAY(p->arena, uint32_t, last + 1);
    bool to_host = leaves_chip(&t.steps[last]);
    if (passes > p->values[end].y || (to_host && !passes_whole_words(&p->values[end].grid, passes)))
        return false;
    t.part = ARENA_ARRAY(p->arena, uint32_t, n_values);
    t.settled = ARENA_ARRAY(p->arena, bool, n_values);
    p->steps = NULL, p->n_steps = 0, p->steps_capacity = 0;
    for (t.pass = 0; t.pass < passes; t.pass++) {
        for (uint32_t i = 0; i < n_values; i++)
            t.part[i] = NO_VALUE, t.settled[i] = false;
        make_parts(&t);
        add_steps(&t, first);
        if (t.pass + 1 < passes)
            plan_step(p, &family_next_strip, NO_OPERATOR);
    }
    uint32_t n_strips = p->n_steps;
    agree_on_positions(p, n_strips);
    if (to_host) {
        p->values[end].passes = passes;
        return true;
    }
    shift_lives(p, last, n_strips - last, n_values); /* one more: */
    step_makes(p, plan_step(p, &family_last_strip, NO_OPERATOR), end);
    for (uint32_t i = last + 1; i < n_steps; i++)
        *plan_step(p, t.steps[i].family, t.steps[i].op) = t.steps[i];
    return true;
}

/* ---- between the strips ---- */

static bool size_nothing(struct plan *p, uint32_t index)
{
    (void)p, (void)index;
    return true;
}

/* As before the second strip of deeplabv3_mnv2_pascal. */
static void emit_next(const struct plan *plan, const struct step *s, struct program *p)
{
    (void)plan, (void)s;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_core_sync(p, 1 << ISA_AVDATA_POP | 1 << ISA_AVDATA_INFEED);
    emit_barrier(p, 0);
}

static void emit_last(const struct plan *plan, const struct step *s, struct program *p)
{
    (void)plan, (void)s;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_next_strip = {.name = "next strip", .size = size_nothing, .emit = emit_next};
const struct family family_last_strip = {.name = "end of the strips", .size = size_nothing, .emit = emit_last};

#include "compiler/strips.h"

#include "compiler/bands.h"
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/scalar.h"

struct span reads_as_it_is(const struct plan *p, const struct step *s, bool columns, struct span made)
{
    (void)p, (void)s, (void)columns;
    return made;
}

/* ---- which steps ---- */

static bool in_group(const struct strips *t, uint32_t step) { return t->first <= step && step <= t->last; }

static bool is_free_image(const struct value *v) { return v->layout == LAYOUT_GRID && v->buffer == NO_BUFFER; }

/* A step that reads what it makes does so for every pixel: no operand is repeated. */
static bool same_pixels(const struct plan *p, const struct step *s, unsigned k)
{
    return s->family->reads != reads_as_it_is || s->out == NO_VALUE ||
           (plan_in(p, s, k)->y == plan_out(p, s)->y && plan_in(p, s, k)->x == plan_out(p, s)->x);
}

static bool made_outside(const struct plan *p, const struct strips *t, uint32_t value)
{
    const struct value *v = &p->values[value];
    for (uint32_t i = v->first; i <= v->last && i < p->n_steps; i++)
        if (!in_group(t, i) && p->steps[i].out == value)
            return true;
    return false;
}

/* The official form: convolutions of images that nobody else needs.  Others would have to leave alone the wide rows
 * that are kept. */
static bool can_keep(const struct plan *p, const struct strips *t)
{
    for (uint32_t i = t->first; i <= t->last; i++) {
        const struct step *s = &p->steps[i];
        if (s->family != &family_conv)
            return false;
        for (uint32_t k = 0; k < s->n_in; k++)
            if (plan_in(p, s, k)->first < t->first && plan_in(p, s, k)->last > t->last)
                return false;
    }
    return t->columns;
}

bool strips_possible(const struct plan *p, const struct strips *t)
{
    if (t->kept && !can_keep(p, t))
        return false;
    const struct step *last = &p->steps[t->last];
    if (t->leaves && (t->columns || last->family != &family_outfeed_image || t->last + 1 != p->n_steps))
        return false;
    bool ends = false;
    for (uint32_t i = t->first; i <= t->last; i++) {
        const struct step *s = &p->steps[i];
        if (!s->family->reads || (t->leaves && i < t->last && s->family == &family_outfeed_image))
            return false;
        if (s->passes && !t->columns) /* in strips of rows already */
            return false;
        for (uint32_t k = 0; k < s->n_in; k++)
            if (!is_free_image(plan_in(p, s, k)) || !same_pixels(p, s, k))
                return false;
        ends = ends || s->out == NO_VALUE;
        if (s->out == NO_VALUE)
            continue;
        if (!is_free_image(plan_out(p, s)) || made_outside(p, t, s->out))
            return false;
        ends = ends || plan_out(p, s)->last > t->last;
    }
    return ends;
}

bool strips_can_leave(const struct plan *p, const struct strips *t)
{
    const struct grid *g = &plan_in(p, &p->steps[t->last], 0)->grid;
    for (int32_t s = 0; s + 1 < t->passes; s++)
        if ((int64_t)span_size(band_of(g->y, t->passes, s)) * g->x * g->words % 2)
            return false;
    return true;
}

int32_t strips_most_passes(const struct plan *p, const struct strips *t)
{
    int32_t most = INT32_MAX;
    for (uint32_t i = t->first; i <= t->last; i++) {
        const struct step *s = &p->steps[i];
        const struct value *end = s->out == NO_VALUE ? plan_in(p, s, 0) : plan_out(p, s);
        int32_t pixels = t->columns ? end->x : end->y;
        if ((s->out == NO_VALUE || end->last > t->last) && pixels < most)
            most = pixels;
    }
    return most;
}

/* ---- what it costs ---- */

static const int64_t IMPOSSIBLE = INT64_MAX / 2;

static int32_t most_pixels(const struct grid *g)
{
    int32_t y = 0, x = 0;
    for (int i = 0; i < GRID; i++) {
        y = span_size(g->own_y[i]) > y ? span_size(g->own_y[i]) : y;
        x = span_size(g->own_x[i]) > x ? span_size(g->own_x[i]) : x;
    }
    return y * x;
}

/* What any step and any move cost beside their pixels: fences, and the instructions, about 500 and 1400 bytes, that
 * come from the host, four bytes in five cycles (USB 3 and 500 MHz). */
enum { STEP_CYCLES = 900, MOVE_CYCLES = 2000 };

int64_t step_cycles(const struct plan *p, const struct step *s, const struct grid *out)
{
    int32_t pixels = most_pixels(out);
    if (s->family == &family_conv)
        return conv_cycles(s->detail, plan_in(p, s, 0)->grid.words, pixels) + STEP_CYCLES;
    if (s->family == &family_infeed_image) /* whole rows, as instructions */
        return (int64_t)(out->own_y[GRID - 1].end - out->own_y[0].first) * out->x * plan_out(p, s)->z * 5 / 4;
    return (int64_t)pixels * out->words + STEP_CYCLES;
}

/* About as many cycles as words go through the link between two tile rows (columns): a sixteenth of the band. */
static int64_t cycles_to_move(const struct grid *g)
{
    return (int64_t)(g->own_y[GRID - 1].end - g->own_y[0].first) * (g->own_x[GRID - 1].end - g->own_x[0].first) *
           g->words / 16 + MOVE_CYCLES;
}

static void drop_border(struct grid *g)
{
    for (int i = 0; i < GRID; i++) {
        g->need_y[i] = (struct span){g->own_y[i].first, g->own_y[i].first};
        g->need_x[i] = (struct span){g->own_x[i].first, g->own_x[i].first};
    }
    grid_keep(g);
}

struct life { /* steps, both included; first > last: none */
    uint32_t first, last;
};

static const struct life NOWHERE = {1, 0};

/* Words of whole images.  One that nobody but steps of the group reads needs no border. */
static int64_t *whole_words(struct arena *a, const struct plan *p, const struct strips *t)
{
    int64_t *words = ARENA_ARRAY(a, int64_t, p->n_values);
    bool *outside = ARENA_ARRAY(a, bool, p->n_values);
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (uint32_t k = 0; k < p->steps[i].n_in && !in_group(t, i); k++)
            outside[p->steps[i].in[k]] |= p->steps[i].family != &family_outfeed_image;
    for (uint32_t i = 0; i < p->n_values; i++) {
        struct value v = p->values[i];
        if (v.layout == LAYOUT_GRID && !outside[i])
            drop_border(&v.grid);
        words[i] = v.layout == LAYOUT_WHOLE ? ceil_div(v.z, 4) : v.layout == LAYOUT_PARTS ? 0 : box_words(&v);
    }
    return words;
}

/* When the bands are there. */
static struct life *lives_of(struct arena *a, const struct bands *b)
{
    struct life *lives = ARENA_ARRAY(a, struct life, b->p->n_values);
    for (uint32_t i = 0; i < b->p->n_values; i++)
        lives[i] = (struct life){UINT32_MAX, 0};
    for (uint32_t i = b->t->first; i <= b->t->last; i++) {
        const struct step *s = &b->p->steps[i];
        for (uint32_t k = 0; k <= s->n_in; k++) {
            uint32_t v = k < s->n_in ? s->in[k] : s->out;
            if (v == NO_VALUE || band_postponed(b->p, b->t, i))
                continue;
            lives[v].first = lives[v].first < i ? lives[v].first : i;
            lives[v].last = i;
        }
    }
    return lives;
}

/* Somebody reads the image behind the group. */
static bool stays(const struct bands *b, uint32_t value)
{
    bool read = b->p->values[value].last > b->t->last;
    for (uint32_t i = b->t->first; i <= b->t->last; i++)
        read = read || (band_postponed(b->p, b->t, i) && b->p->steps[i].in[0] == value);
    return read;
}

/* When the whole image is in narrow memory in this pass: what is read until the last pass has taken its band, an end
 * from the first band on. */
static struct life whole_life(const struct bands *b, const struct life *lives, uint32_t value)
{
    const struct value *v = &b->p->values[value];
    const struct strips *t = b->t;
    bool first = b->pass == 0, last = b->pass == t->passes - 1;
    if (b->role[value] == BAND_END && t->kept)
        return NOWHERE; /* counted by parts_words */
    if (v->first < t->first && b->role[value] == BAND_READ && t->kept && !stays(b, value))
        return (struct life){t->first, lives[value].first};
    if (b->role[value] == BAND_END)
        return t->leaves ? NOWHERE : (struct life){first ? lives[value].last : t->first, t->last};
    if (v->first >= t->first || v->last < t->first)
        return NOWHERE;
    bool dies = b->role[value] == BAND_READ && !stays(b, value) && last;
    return (struct life){t->first, dies ? lives[value].first : t->last};
}

/* An element by element step writes where an operand lies that nobody needs any more. */
static bool in_place(const struct bands *b, const struct life *lives, uint32_t step)
{
    const struct step *s = &b->p->steps[step];
    for (uint32_t k = 0; k < s->n_in && (s->family == &family_sum || s->family == &family_product); k++)
        if (lives[s->in[k]].last == step && b->role[s->in[k]] == BAND_MADE &&
            grid_same_planes(&b->grid[s->in[k]], &b->grid[s->out]) && !grid_has_halo(&b->grid[s->in[k]]))
            return true;
    return false;
}

/* Words that are alive, as changes from one step of the group to the next. */
static void count_life(int64_t *changes, const struct strips *t, struct life l, int64_t words)
{
    if (l.first > l.last)
        return;
    changes[l.first - t->first] += words;
    changes[l.last + 1 - t->first] -= words;
}

/* Parts of the ends that are there while a pass runs, behind it with the whole image. */
static int64_t parts_words(const struct bands *b, const int64_t *whole, bool behind)
{
    int64_t words = 0;
    for (uint32_t v = 0; v < b->p->n_values && b->t->kept; v++)
        if (b->role[v] == BAND_END)
            words += behind ? grid_words(&b->grid[v]) * b->t->passes + whole[v] : grid_words(&b->grid[v]) * b->pass;
    return words;
}

static struct strips_cost cost_of_pass(const struct bands *b, const struct life *lives, const int64_t *whole,
                                       const struct step_room *room, int64_t *changes)
{
    struct strips_cost c = {parts_words(b, whole, true), 0};
    int64_t alive = parts_words(b, whole, false);
    memset(changes, 0, (b->t->last - b->t->first + 2) * sizeof *changes);
    for (uint32_t v = 0; v < b->p->n_values; v++) {
        count_life(changes, b->t, whole_life(b, lives, v), whole[v]);
        if (b->role[v] != BAND_NONE)
            count_life(changes, b->t, lives[v], grid_words(&b->grid[v]));
        if (b->role[v] == BAND_READ && b->t->kept)
            c.cycles += whole[v]; /* GUESS: to or from wide memory, a word at a time */
        if (b->role[v] == BAND_READ || (b->role[v] == BAND_END && !b->t->leaves))
            c.cycles += cycles_to_move(&b->grid[v]) / (b->t->kept ? 2 : 1); /* GUESS: several links at a time */
    }
    for (uint32_t i = b->t->first; i <= b->t->last; i++) {
        const struct step *s = &b->p->steps[i];
        alive += changes[i - b->t->first];
        int64_t words = alive + room[i].always;
        if (s->out != NO_VALUE) {
            int64_t all = grid_words(&plan_out(b->p, s)->grid), made = grid_words(&b->grid[s->out]);
            words += room[i].with_whole ? ceil_div(room[i].with_whole * made, all) : 0;
            words -= in_place(b, lives, i) ? made : 0;
            if (s->family == &family_conv &&
                !conv_fits(s->detail, plan_in(b->p, s, 0)->grid.words, most_pixels(&b->grid[s->out])))
                words = IMPOSSIBLE;
            c.cycles += step_cycles(b->p, s, &b->grid[s->out]);
        }
        c.words = words > c.words ? words : c.words;
    }
    return c;
}

/* GUESS: five convolutions of 64x64x320 are one group officially (catalogue), although the last fits alone and would
 * spare the others a ninth of their columns. */
static int64_t cycles_to_go_on(const struct plan *p, const struct strips *t)
{
    enum { CYCLES = 200000 };
    for (uint32_t i = t->last + 1; t->kept && i < p->n_steps; i++)
        if (p->steps[i].family != &family_outfeed_image)
            return CYCLES;
    return 0;
}

/* The first, the last and a pass between stand for all. */
struct strips_cost strips_cost_of(const struct plan *p, const struct strips *t, const struct step_room *room)
{
    struct arena *a = arena_new();
    struct bands b = bands_new(a, p, t);
    const struct life *lives = lives_of(a, &b);
    const int32_t pass[3] = {0, t->passes / 2, t->passes - 1}, times[3] = {1, t->passes - 2, 1};
    struct strips_cost all = {0, cycles_to_go_on(p, t)};
    const int64_t *whole = whole_words(a, p, t);
    int64_t *changes = ARENA_ARRAY(a, int64_t, t->last - t->first + 2);
    for (int k = 0; k < 3; k++) {
        if (times[k] == 0)
            continue;
        bands_settle(&b, pass[k]);
        struct strips_cost c = cost_of_pass(&b, lives, whole, room, changes);
        all.words = c.words > all.words ? c.words : all.words;
        all.cycles += times[k] * c.cycles;
    }
    if (t->leaves && !strips_can_leave(p, t))
        all.words = IMPOSSIBLE;
    arena_free(a);
    return all;
}

/* ---- the steps of one group ---- */

struct group {
    struct plan *p;
    const struct step *steps; /* as lowered */
    const struct strips *t;
    struct bands *b;
    uint32_t *band;  /* of each lowered value: its band in this pass, or NO_VALUE */
    uint32_t *first; /* of each step as lowered: its step (in the first pass) */
    uint32_t begin;  /* first step of the group */
    uint32_t **parts; /* of each value: its bands, by pass */
};

/* The step that has the parameters of step `from` of the plan as lowered, if that is not a step of its own. */
static uint32_t twin_of(const uint32_t *first, const struct step *from)
{
    return from->twin == NO_STEP ? NO_STEP : first[from->twin];
}

/* The pixels of `band` along the axis of the strips. */
static void move_band(const struct group *g, uint32_t from, uint32_t to, struct span band, uint32_t op)
{
    struct plan *p = g->p;
    struct elsewhere_detail *d = ARENA_NEW(p->arena, struct elsewhere_detail);
    *d = (struct elsewhere_detail){.columns = g->t->columns, .moved = band, .fences = 1};
    struct step *s = plan_step(p, &family_pixels_elsewhere, op);
    s->detail = d;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

/* ---- the official form ---- */

/* The wide rows of the images that are read, from the highest down; below them the identity matrix. */
static int32_t kept_row(const struct group *g, uint32_t value)
{
    int32_t row = WIDE_ROWS;
    for (uint32_t v = 0; v < g->b->p->n_values; v++) {
        if (g->b->role[v] == BAND_READ)
            row -= kept_rows_of(&g->b->p->values[v].grid);
        if (v == value)
            break;
    }
    return row;
}

static int32_t identity_row_of(const struct group *g) { return kept_row(g, NO_VALUE) - 1; }

static void move_columns(const struct group *g, uint32_t from, uint32_t to, struct span band, uint32_t op, int fences)
{
    struct plan *p = g->p;
    bool first = true;
    for (uint32_t i = g->begin; i < p->n_steps; i++)
        first = first && p->steps[i].family != &family_columns_elsewhere;
    struct elsewhere_detail *d = ARENA_NEW(p->arena, struct elsewhere_detail);
    *d = (struct elsewhere_detail){.columns = true, .moved = band, .fences = fences};
    struct step *s = plan_step(p, &family_columns_elsewhere, op);
    s->detail = d;
    s->identity_row = identity_row_of(g);
    s->writes_identity = first;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

/* The image to the columns of this pass: in the first one from where it is, then from wide memory. */
static void take_columns(const struct group *g, uint32_t value, uint32_t band, uint32_t op)
{
    struct plan *p = g->p;
    struct kept_detail *d = ARENA_NEW(p->arena, struct kept_detail);
    struct axis axis = axis_of(&g->b->grid[value], true);
    d->row = kept_row(g, value);
    struct step *s = plan_step(p, g->b->pass ? &family_load_image : &family_keep_image, op);
    s->detail = d;
    if (g->b->pass == 0) {
        step_reads(p, s, value);
    } else {
        struct value v = p->values[value];
        value = plan_value(p, v.tensor, LAYOUT_GRID, v.y, v.x, v.z);
        p->values[value].grid = v.grid;
        drop_border(&p->values[value].grid);
        step_makes(p, s, value);
    }
    move_columns(g, value, band, axis_owned(&axis), op, 1);
}

/* Behind the last pass: the parts of an end, one after the other. */
static void join_parts(const struct group *g, uint32_t value, const uint32_t *parts, uint32_t op)
{
    for (int32_t pass = 0; pass < g->t->passes; pass++) {
        int32_t pixels = axis_of(&g->p->values[value].grid, true).pixels;
        move_columns(g, parts[pass], value, band_of(pixels, g->t->passes, pass), op, pass ? 0 : 2);
    }
}

static uint32_t band_value(const struct group *g, uint32_t value, uint32_t op)
{
    if (g->band[value] != NO_VALUE)
        return g->band[value];
    struct value v = g->p->values[value];
    uint32_t n = g->band[value] = plan_value(g->p, v.tensor, LAYOUT_GRID, v.y, v.x, v.z);
    g->p->values[n].grid = g->b->grid[value];
    g->p->values[n].padded_least = v.padded_least;
    struct axis axis = axis_of(&g->b->grid[value], g->t->columns);
    if (g->b->role[value] == BAND_READ && g->t->kept)
        take_columns(g, value, n, op);
    else if (g->b->role[value] == BAND_READ)
        move_band(g, value, n, axis_owned(&axis), op);
    return n;
}

/* The operand has the pixels of the result and nothing beside. */
static bool is_plain(const struct grid *in, const struct grid *out)
{
    return memcmp(in->own_y, out->own_y, sizeof in->own_y) == 0 &&
           memcmp(in->own_x, out->own_x, sizeof in->own_x) == 0 && !grid_has_halo(in);
}

/* What several operands are made of element by element must lie alike: those with other pixels, for other readers, are
 * copied. */
static void add_operands(const struct group *g, const struct step *from, uint32_t in[MAX_INPUTS])
{
    struct plan *p = g->p;
    for (uint32_t k = 0; k < from->n_in; k++)
        in[k] = band_value(g, from->in[k], from->op);
    for (uint32_t k = 0; k < from->n_in && from->n_in > 1; k++) {
        struct grid out = g->b->grid[from->out];
        if (is_plain(&p->values[in[k]].grid, &out))
            continue;
        uint32_t wide = in[k], plain = lower_plain(p, wide, from->op);
        struct grid *pixels = &p->values[plain].grid;
        memcpy(pixels->own_y, out.own_y, sizeof out.own_y);
        memcpy(pixels->own_x, out.own_x, sizeof out.own_x);
        drop_border(pixels);
        for (uint32_t j = k; j < from->n_in; j++)
            in[j] = in[j] == wide ? plain : in[j];
    }
}

static bool makes_last(const struct group *g, uint32_t step)
{
    for (uint32_t i = step + 1; i <= g->t->last; i++)
        if (g->steps[i].out == g->steps[step].out)
            return false;
    return true;
}

static void add_pass(const struct group *g)
{
    struct plan *p = g->p;
    for (uint32_t i = g->t->first; i <= g->t->last; i++) {
        const struct step *from = &g->steps[i];
        uint32_t in[MAX_INPUTS];
        if (band_postponed(g->b->p, g->t, i))
            continue;
        add_operands(g, from, in);
        struct step *s = plan_step(p, from->family, from->op);
        s->detail = from->family == &family_infeed_image ? infeed_image_detail(p->arena) : from->detail;
        s->passes = g->t->passes * (from->passes ? from->passes : 1);
        s->twin = twin_of(g->first, from);
        if (g->b->pass == 0)
            g->first[i] = (uint32_t)(s - p->steps);
        else if (s->twin == NO_STEP)
            s->twin = g->first[i];
        for (uint32_t k = 0; k < from->n_in; k++)
            step_reads(p, s, in[k]);
        if (g->t->kept) {
            s->wide_top = g->b->pass + 1 < g->t->passes ? identity_row_of(g) : 0;
            s->wide_keep = identity_row_of(g);
        }
        if (from->out == NO_VALUE)
            continue;
        uint32_t out = band_value(g, from->out, from->op);
        step_makes(p, &p->steps[p->n_steps - 1], out);
        if (g->t->kept)
            g->parts[from->out][g->b->pass] = out;
        else if (g->b->role[from->out] == BAND_END && !g->t->leaves && makes_last(g, i))
            move_band(g, out, from->out, band_of(axis_of(&p->values[out].grid, g->t->columns).pixels, g->t->passes,
                                                 g->b->pass), from->op);
    }
}

/* The step as it is. */
static void add_step(struct plan *p, const struct step *steps, uint32_t step, uint32_t *first)
{
    struct step *s = plan_step(p, steps[step].family, steps[step].op);
    *s = steps[step];
    s->twin = twin_of(first, &steps[step]);
    first[step] = p->n_steps - 1;
}

static void add_group(struct plan *p, const struct step *steps, const struct strips *t, struct bands *b,
                      uint32_t *first)
{
    struct group g = {.p = p, .steps = steps, .t = t, .b = b,
                      .band = ARENA_ARRAY(p->arena, uint32_t, p->n_values), .first = first,
                      .parts = ARENA_ARRAY(p->arena, uint32_t *, p->n_values), .begin = p->n_steps};
    uint32_t n_values = p->n_values;
    for (uint32_t i = 0; i < n_values; i++)
        g.parts[i] = ARENA_ARRAY(p->arena, uint32_t, t->passes);
    for (int32_t pass = 0; pass < t->passes; pass++) {
        for (uint32_t i = 0; i < n_values; i++)
            g.band[i] = NO_VALUE;
        bands_settle(b, pass);
        if (pass > 0 && !t->kept)
            plan_step(p, &family_next_strip, NO_OPERATOR);
        add_pass(&g);
    }
    for (uint32_t i = t->first; i <= t->last && t->kept; i++)
        if (steps[i].out != NO_VALUE && b->role[steps[i].out] == BAND_END)
            join_parts(&g, steps[i].out, g.parts[steps[i].out], steps[i].op);
    if (t->leaves)
        p->values[steps[t->last].in[0]].passes = t->passes;
    for (uint32_t i = t->first; i <= t->last; i++)
        if (band_postponed(b->p, t, i))
            add_step(p, steps, i, first);
}

/* ---- the whole plan ---- */

/* Pixels that a tile makes at most, in all strips alike, so that all of them can use the same order of parameters. */
static void agree_on_positions(struct plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        struct step *s = &p->steps[i], *first = s->twin == NO_STEP ? s : &p->steps[s->twin];
        if (s->out == NO_VALUE || !s->passes)
            continue;
        int32_t pixels = most_pixels(&p->values[s->out].grid);
        first->positions = pixels > first->positions ? pixels : first->positions;
    }
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].twin != NO_STEP)
            p->steps[i].positions = p->steps[p->steps[i].twin].positions;
}

/* Images that only groups read are read without a border. */
static void drop_borders(struct plan *p, const struct step *steps, uint32_t n_steps, uint32_t n_values,
                         const bool *grouped)
{
    bool *outside = ARENA_ARRAY(p->arena, bool, n_values), *inside = ARENA_ARRAY(p->arena, bool, n_values);
    for (uint32_t i = 0; i < n_steps; i++)
        for (uint32_t k = 0; k < steps[i].n_in; k++)
            if (steps[i].family != &family_outfeed_image)
                (grouped[i] ? inside : outside)[steps[i].in[k]] = true;
    for (uint32_t i = 0; i < n_values; i++)
        if (inside[i] && !outside[i])
            drop_border(&p->values[i].grid);
}

void strips_cut(struct plan *p, const struct strips *groups, uint32_t n)
{
    const struct plan lowered = *p;
    struct bands *bands = ARENA_ARRAY(p->arena, struct bands, n);
    struct value *values = ARENA_ARRAY(p->arena, struct value, p->n_values);
    uint32_t *begin = ARENA_ARRAY(p->arena, uint32_t, p->n_steps), *end = ARENA_ARRAY(p->arena, uint32_t, p->n_steps),
             *first = ARENA_ARRAY(p->arena, uint32_t, p->n_steps);
    bool *grouped = ARENA_ARRAY(p->arena, bool, p->n_steps);
    struct plan *source = ARENA_NEW(p->arena, struct plan);
    memcpy(values, p->values, p->n_values * sizeof *values);
    *source = lowered, source->values = values;
    for (uint32_t k = 0; k < n; k++) {
        bands[k] = bands_new(p->arena, source, &groups[k]);
        for (uint32_t i = groups[k].first; i <= groups[k].last; i++)
            grouped[i] = true;
    }
    p->steps = NULL, p->n_steps = 0, p->steps_capacity = 0;
    for (uint32_t i = 0, k = 0; i < lowered.n_steps; i++) {
        begin[i] = p->n_steps;
        if (k == n || i != groups[k].first) {
            add_step(p, lowered.steps, i, first);
            end[i] = begin[i];
            continue;
        }
        add_group(p, lowered.steps, &groups[k], &bands[k], first);
        for (i = groups[k].first; i <= groups[k].last; i++)
            begin[i] = begin[groups[k].first], end[i] = p->n_steps - 1;
        i = groups[k++].last;
    }
    agree_on_positions(p);
    drop_borders(p, lowered.steps, lowered.n_steps, lowered.n_values, grouped);
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        struct narrow_buffer *b = &p->buffers[i];
        b->first = b->first < 0 ? b->first : (int32_t)begin[b->first];
        b->last = (int32_t)end[b->last];
    }
    plan_count_lives(p);
}

/* ---- strips of strips ---- */

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

void strips_share_identities(struct plan *p)
{
    int32_t above = 2, infeed = 0; /* the outfeed takes two rows, too */
    uint32_t last = 0;             /* infeed */
    bool first[2] = {true, true};
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        if (s->family == &family_keep_image)
            above = larger(above, kept_rows_of(&plan_in(p, s, 0)->grid));
        if (s->family != &family_infeed_image)
            continue;
        above = larger(above, infeed_image_ring_rows(plan_out(p, s)));
        infeed = infeed_image_identity_rows(plan_out(p, s));
        last = i;
    }
    int32_t row = WIDE_ROWS - above - 1, infeed_row = row - infeed;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        struct step *s = &p->steps[i];
        if (s->family == &family_infeed_image)
            s->identity_row = infeed_row, s->writes_identity = first[0], first[0] = false;
        if (s->family == &family_columns_elsewhere)
            s->identity_row = row, s->writes_identity = first[1], first[1] = false;
        if (s->family != &family_conv)
            continue;
        if (i < last)
            s->wide_top = infeed_row;
        else if (s->wide_top)
            s->wide_top = row;
        else
            s->wide_keep = row;
    }
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
    bool fenced = s > plan->steps && s[-1].family == &family_outfeed_image;
    if (!fenced)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_core_sync(p, 1 << ISA_AVDATA_POP | 1 << ISA_AVDATA_INFEED);
    emit_barrier(p, 0);
}

const struct family family_next_strip = {.name = "next strip", .size = size_nothing, .emit = emit_next};

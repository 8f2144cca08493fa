#include "compiler/fit.h"

#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/scalar.h"
#include "compiler/strips.h"
#include "compiler/view.h"

enum {
    MOST_STEPS = 256,   /* of a group */
    MOST_PASSES = 256,
    ATTEMPTS = 12,      /* with less and less memory, because some is lost between buffers */
};

struct task {
    const struct views *views;
    const struct partition *set;
    const bool *rearranged; /* by operator */
    int runtime;
    bool rows, resizes, early; /* plan.h */
    int32_t piece_room;        /* the same */
};

struct groups {
    struct strips *list;
    uint32_t n;
};

static bool lower(const struct task *t, struct plan *p, struct arena *a, struct status *st)
{
    plan_init(p, a, t->views->graph->source, st);
    p->views = t->views;
    p->rearranged = t->rearranged;
    p->runtime = t->runtime;
    p->rows = t->rows;
    p->resizes = t->resizes;
    p->early = t->early;
    p->piece_room = t->piece_room;
    return lower_partition(p, t->set);
}

/* Lowered, with groups of steps on strips of rows (or none), of whose passes others are on strips again (or none). */
static bool cut(const struct task *t, const struct groups *outer, const struct groups *inner, struct plan *p,
                struct arena *a, struct status *st)
{
    if (!lower(t, p, a, st))
        return false;
    if (outer->n)
        strips_cut(p, outer->list, outer->n);
    if (inner->n)
        strips_cut(p, inner->list, inner->n);
    return true;
}

static const struct groups NO_GROUPS = {NULL, 0};

static bool attempt(const struct task *t, const struct groups *outer, const struct groups *inner, struct plan *p,
                    struct arena *a, struct status *st)
{
    return cut(t, outer, inner, p, a, st) && plan_size(p) && plan_place_narrow(p);
}

/* ---- what each step needs if nothing runs on strips ---- */

struct needs {
    int64_t *words; /* of narrow memory while the step runs */
    struct step_room *room;
    const char **cannot; /* why the step cannot be sized, or NULL */
};

/* Of each step: words of buffers that begin or end within it which its busiest phase is without. */
static const int64_t *words_absent(const struct plan *p, struct arena *a)
{
    enum { PHASES = 4 }; /* as many as steps on strips have */
    struct absent {
        int64_t words[PHASES];
        int32_t phases;
    } *steps = ARENA_ARRAY(a, struct absent, p->n_steps);
    int64_t *least = ARENA_ARRAY(a, int64_t, p->n_steps);
    for (uint32_t k = 0; k < p->n_buffers; k++) {
        const struct narrow_buffer *b = &p->buffers[k];
        struct absent *begins = &steps[b->first < 0 ? 0 : b->first], *ends = &steps[b->last];
        for (int32_t phase = 0; b->from < PHASES && phase < b->from; phase++)
            begins->words[phase] += b->words;
        for (int32_t phase = b->until; b->until && phase < PHASES; phase++)
            ends->words[phase] += b->words;
        if (b->from < PHASES && begins->phases <= b->from)
            begins->phases = b->from + 1;
        if (b->until <= PHASES && ends->phases < b->until)
            ends->phases = b->until;
    }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        least[i] = steps[i].words[0];
        for (int32_t phase = 1; phase < steps[i].phases; phase++)
            least[i] = steps[i].words[phase] < least[i] ? steps[i].words[phase] : least[i];
    }
    return least;
}

/* A step that cannot be sized gets more words than there are. */
static struct needs needs_of(struct plan *p, struct arena *a)
{
    struct needs n = {ARENA_ARRAY(a, int64_t, p->n_steps), ARENA_ARRAY(a, struct step_room, p->n_steps),
                      ARENA_ARRAY(a, const char *, p->n_steps)};
    for (uint32_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i].family->size(p, i))
            continue;
        n.words[i] = NARROW_WORDS + 1;
        n.cannot[i] = arena_text(a, "%s: %s", plan_op_text(p, plan_operator_at(p, i)), p->st->message);
        *p->st = (struct status){0};
        if (p->steps[i].out != NO_VALUE)
            plan_value_buffer(p, p->steps[i].out);
    }
    const int64_t *absent = words_absent(p, a);
    for (uint32_t i = 0; i < p->n_steps; i++)
        n.words[i] -= absent[i];
    for (uint32_t k = 0; k < p->n_buffers; k++) {
        const struct narrow_buffer *b = &p->buffers[k];
        for (int32_t i = b->first < 0 ? 0 : b->first; i <= b->last && i < (int32_t)p->n_steps; i++)
            n.words[i] += b->words;
        if (b->first == b->last)
            *(b->late ? &n.room[b->first].always : &n.room[b->first].with_whole) += b->words;
    }
    return n;
}

/* ---- the cheapest way through ---- */

/* The cheapest way to have run the steps before a step: the group that ends before it, or none. */
struct way {
    int64_t cycles;
    struct strips group;
    bool grouped;
};

/* What groups may do: each goes further from the official form than the one before it. */
enum strip_forms {
    FORMS_KEPT,   /* struct strips: kept */
    FORMS_WHOLE,  /* rows, columns, any steps */
    FORMS_LEAVING /* the output may leave band by band */
};

static const int64_t NO_WAY = INT64_MAX / 2;

struct search {
    const struct plan *p;
    struct needs needs;
    int64_t room; /* words */
    enum strip_forms forms;
    struct way *ways;
};

/* The passes that the group before needed, which had a step less, are where the search for those of the next begins. */
struct tries {
    struct strips group; /* passes: as few as it fits in */
    struct strips_cost cost;
};

static bool fits(const struct search *s, struct tries *t, int32_t passes)
{
    struct strips tried = t->group;
    tried.passes = passes;
    struct strips_cost cost = strips_cost_of(s->p, &tried, s->needs.room);
    if (cost.words > s->room)
        return false;
    t->group = tried;
    t->cost = cost;
    return true;
}

/* As few passes as possible, from 2 on: away from the first guess in steps that double, then between the two. */
static bool few_passes(const struct search *s, struct tries *t, int32_t guess)
{
    int32_t most = strips_most_passes(s->p, &t->group), low = 1;
    most = most < MOST_PASSES ? most : MOST_PASSES;
    guess = guess < most ? guess : most;
    if (guess < 2)
        return false;
    if (fits(s, t, guess)) {
        for (int32_t d = 1; low == 1 && t->group.passes > 2; d *= 2) {
            int32_t fewer = t->group.passes - d > 2 ? t->group.passes - d : 2;
            if (!fits(s, t, fewer))
                low = fewer;
        }
    } else {
        low = guess;
        for (int32_t d = 1; t->group.passes == 0; d *= 2) {
            int32_t more = low + d < most ? low + d : most;
            if (low == most)
                return false;
            if (!fits(s, t, more))
                low = more;
        }
    }
    while (t->group.passes - low > 1) {
        int32_t middle = low + (t->group.passes - low) / 2;
        if (!fits(s, t, middle))
            low = middle;
    }
    return true;
}

static void offer(struct search *s, struct strips group, int32_t *guess)
{
    struct tries t = {.group = group};
    struct way *from = &s->ways[group.first], *to = &s->ways[group.last + 1];
    if (from->cycles >= to->cycles || !strips_possible(s->p, &group))
        return;
    bool found = few_passes(s, &t, *guess);
    *guess = found ? t.group.passes : MOST_PASSES;
    if (found && from->cycles + t.cost.cycles < to->cycles)
        *to = (struct way){from->cycles + t.cost.cycles, t.group, true};
}

/* Groups that begin with step `first`; one in which every step fits is not worth it. */
static void offer_groups(struct search *s, uint32_t first)
{
    bool needed = false;
    int32_t rows = 2, columns = 2, kept = 2, leaving = 2;
    for (uint32_t last = first; last < s->p->n_steps && last < first + MOST_STEPS && s->p->steps[last].family->reads;
         last++) {
        needed = needed || s->needs.words[last] > s->room;
        if (!needed)
            continue;
        offer(s, (struct strips){.first = first, .last = last, .columns = true, .kept = true}, &kept);
        if (s->forms >= FORMS_WHOLE) {
            offer(s, (struct strips){.first = first, .last = last}, &rows);
            offer(s, (struct strips){.first = first, .last = last, .columns = true}, &columns);
        }
        if (s->forms >= FORMS_LEAVING)
            offer(s, (struct strips){.first = first, .last = last, .leaves = true}, &leaving);
    }
}

static void offer_step(struct search *s, uint32_t step)
{
    const struct step *x = &s->p->steps[step];
    struct way *from = &s->ways[step], *to = &s->ways[step + 1];
    const struct value *out = x->out == NO_VALUE ? NULL : plan_out(s->p, x);
    int64_t cycles = from->cycles + (out && out->layout == LAYOUT_GRID ? step_cycles(s->p, x, &out->grid) : 0);
    if (s->needs.words[step] <= s->room && cycles < to->cycles)
        *to = (struct way){.cycles = cycles};
}

static bool find_groups(struct search *s, struct arena *a, struct groups *found)
{
    uint32_t n = s->p->n_steps;
    s->ways = ARENA_ARRAY(a, struct way, n + 1);
    for (uint32_t i = 1; i <= n; i++)
        s->ways[i].cycles = NO_WAY;
    for (uint32_t i = 0; i < n; i++) {
        if (s->ways[i].cycles == NO_WAY)
            continue;
        offer_step(s, i);
        offer_groups(s, i);
    }
    *found = (struct groups){ARENA_ARRAY(a, struct strips, n), 0};
    for (uint32_t i = n; i > 0 && s->ways[n].cycles != NO_WAY; i = s->ways[i].grouped ? s->ways[i].group.first : i - 1)
        if (s->ways[i].grouped)
            found->list[found->n++] = s->ways[i].group;
    for (uint32_t i = 0; i < found->n / 2; i++) {
        struct strips t = found->list[i];
        found->list[i] = found->list[found->n - 1 - i];
        found->list[found->n - 1 - i] = t;
    }
    return s->ways[n].cycles != NO_WAY;
}

/* The step to blame where there is no way: the first behind the furthest that was reached which takes whole images
 * only and has no room for them, else the one after that furthest. */
static uint32_t step_in_the_way(const struct search *s)
{
    uint32_t n = s->p->n_steps, reached = n;
    while (s->ways[reached].cycles == NO_WAY)
        reached--;
    uint32_t whole = reached;
    while (whole < n && s->p->steps[whole].family->reads)
        whole++;
    return whole < n && s->needs.words[whole] > s->room ? whole : reached;
}

static bool no_way(const struct search *s, struct plan *p, struct status *why)
{
    uint32_t step = step_in_the_way(s);
    const struct step *x = &s->p->steps[step];
    const struct tfl_tensor *t = s->p->values[x->out != NO_VALUE ? x->out : x->in[0]].tensor;
    int64_t words = s->needs.words[step];
    *why = (struct status){0};
    p->misfit = plan_operator_at(s->p, step);
    if (s->needs.cannot[step])
        return status_fail(why, STATUS_LIMIT, "%s", s->needs.cannot[step]);
    return status_fail(why, STATUS_LIMIT,
                       "%s: activations do not fit, in strips neither: with tensor \"%.80s\" (%s) a tile needs "
                       "%s%lld bytes of narrow memory, %lld are there; make the input or this layer smaller",
                       plan_op_text(s->p, p->misfit), t->name, tfl_shape_text(s->p->arena, t),
                       words > NARROW_WORDS ? "" : "more than ", 4LL * words, 4LL * NARROW_WORDS);
}

/* What the k-th attempt counts on. */
static int32_t room_of(int k) { return NARROW_WORDS * (32 - k) / 32; }

/* On top of the strips `outer`.  Fails with the reason and p->misfit. */
static bool fit_groups(struct search *s, const struct task *whole, const struct groups *outer, struct plan *p,
                       struct arena *a, struct status *why)
{
    struct groups found;
    struct task with_room = *whole, *t = &with_room;
    for (int k = 0; k < ATTEMPTS; k++) {
        t->piece_room = room_of(k);
        s->room = room_of(k);
        if (!find_groups(s, a, &found))
            return k == 0 ? no_way(s, p, why) : false;
        *why = (struct status){0};
        if (attempt(t, outer, &found, p, a, why))
            return true;
        if (why->code != STATUS_LIMIT)
            return false;
    }
    return false;
}

/* The runs of convolutions of a plan, on two strips of columns each.  None: they cannot be. */
static struct groups runs_of_convolutions(const struct plan *p, struct arena *a)
{
    struct groups g = {ARENA_ARRAY(a, struct strips, p->n_steps), 0};
    for (uint32_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i].family != &family_conv)
            continue;
        struct strips *t = &g.list[g.n++];
        *t = (struct strips){.first = i, .passes = 2, .columns = true, .kept = true};
        while (i + 1 < p->n_steps && p->steps[i + 1].family == &family_conv)
            i++;
        t->last = i;
        if (!strips_possible(p, t) || strips_most_passes(p, t) < t->passes)
            return NO_GROUPS;
    }
    return g;
}

/* Convolutions whose output does not fit beside its parts: it leaves in passes of rows, each of them on strips of
 * columns, although rows alone might do (catalogue: 64x64x400). */
static bool fit_crossed(const struct task *t, const struct plan *whole, struct plan *p, struct arena *a)
{
    enum { MOST_CROSSED = 16 }; /* for the time that it takes */
    struct strips rows = {.first = 0, .last = whole->n_steps - 1, .leaves = true};
    for (uint32_t i = 1; i < rows.last; i++)
        if (whole->steps[i].family != &family_conv)
            return false;
    if (rows.last < 2 || whole->steps[0].family != &family_infeed_image || !strips_possible(whole, &rows))
        return false;
    int32_t most = strips_most_passes(whole, &rows);
    for (rows.passes = 2; rows.passes <= most && rows.passes <= MOST_CROSSED; rows.passes++) {
        struct status why = {0};
        if (!strips_can_leave(whole, &rows))
            continue;
        if (!cut(t, &(struct groups){&rows, 1}, &NO_GROUPS, p, a, &why))
            return false;
        struct groups columns = runs_of_convolutions(p, a);
        if (columns.n == 0)
            return false;
        strips_cut(p, columns.list, columns.n);
        strips_share_identities(p);
        if (plan_size(p) && plan_place_narrow(p))
            return true;
        if (why.code != STATUS_LIMIT)
            return false;
    }
    return false;
}

static bool fit_with_strips(const struct task *t, const struct groups *outer, struct plan *p, struct arena *a,
                            struct status *why)
{
    struct status ignored = {0};
    struct plan whole, sized;
    struct search s = {.p = &whole};
    if (!cut(t, outer, &NO_GROUPS, &whole, a, &ignored) || !cut(t, outer, &NO_GROUPS, &sized, a, &ignored))
        return false;
    s.needs = needs_of(&sized, a);
    for (s.forms = FORMS_KEPT; s.forms <= FORMS_LEAVING; s.forms++) {
        if (fit_groups(&s, t, outer, p, a, why))
            return true;
        if (s.forms == FORMS_KEPT && outer->n == 0 && fit_crossed(t, &whole, p, a))
            return true;
    }
    return false;
}

/* ---- bands of rows and columns at once ---- */

/* The steps up to `last` on strips of rows, which are cut into strips of columns, in as few passes as fit. */
static bool fit_twice(const struct task *t, const struct plan *lowered, uint32_t last, struct plan *p, struct arena *a)
{
    enum { MOST_PLANNED = 512 }; /* steps, for the time that the search takes */
    struct strips outer = {.last = last, .leaves = last + 1 == lowered->n_steps};
    if (!strips_possible(lowered, &outer))
        return false;
    int32_t rows = strips_most_passes(lowered, &outer), tried = 1;
    for (int32_t each = ceil_div(rows, 2); each > 0 && tried < MOST_PASSES; each--) {
        struct status ignored = {0};
        outer.passes = (int32_t)ceil_div(rows, each);
        if (outer.passes * (int64_t)(last + 1) > MOST_PLANNED)
            return false;
        if (outer.passes <= tried || (outer.leaves && !strips_can_leave(lowered, &outer)))
            continue;
        tried = outer.passes;
        if (fit_with_strips(t, &(struct groups){&outer, 1}, p, a, &ignored))
            return true;
    }
    return false;
}

static bool fit_rows_and_columns(const struct task *t, struct plan *p, struct arena *a)
{
    enum { MOST_TRIED = 8 };
    struct status ignored = {0};
    struct plan lowered;
    if (!lower(t, &lowered, a, &ignored))
        return false;
    if (fit_twice(t, &lowered, lowered.n_steps - 1, p, a))
        return true;
    for (uint32_t last = 1; last < MOST_TRIED && last + 1 < lowered.n_steps; last++)
        if (fit_twice(t, &lowered, last, p, a))
            return true;
    return false;
}

static bool has_products(const struct plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].family == &family_product)
            return true;
    return false;
}

/* Without strips, products in pieces.  p: the plan that did not fit. */
static bool fit_in_pieces(const struct task *whole, struct plan *p, struct arena *a, struct status *why)
{
    struct task t = *whole;
    for (int k = 0; k < ATTEMPTS && why->code == STATUS_LIMIT && has_products(p); k++) {
        *why = (struct status){0};
        t.piece_room = room_of(k);
        if (attempt(&t, &NO_GROUPS, &NO_GROUPS, p, a, why))
            return true;
    }
    return false;
}

bool plan_fit(struct plan *p, struct arena *a, const struct views *views, const struct partition *set,
              const bool *rearranged, int runtime, struct status *st)
{
    /* Each takes less memory, or can do more in strips, and goes further from the official form. */
    static const struct {
        bool rows, resizes, early, strips;
    } way[] = {{true, true, true, false}, {false, true, true, false}, {true, true, false, true},
               {false, true, false, true}, {false, false, false, true}};
    struct task t = {.views = views, .set = set, .rearranged = rearranged, .runtime = runtime};
    struct status why = {.code = STATUS_LIMIT};
    for (size_t k = 0; k < sizeof way / sizeof *way && why.code == STATUS_LIMIT; k++) {
        why = (struct status){0};
        t.rows = way[k].rows, t.resizes = way[k].resizes, t.early = way[k].early, t.piece_room = 0;
        if (attempt(&t, &NO_GROUPS, &NO_GROUPS, p, a, &why) ||
            (way[k].strips && fit_in_pieces(&t, p, a, &why)))
            return p->st = st, true;
        t.piece_room = NARROW_WORDS;
        if (way[k].strips && why.code == STATUS_LIMIT && fit_with_strips(&t, &NO_GROUPS, p, a, &why))
            return p->st = st, true;
    }
    uint32_t misfit = p->misfit;
    if (why.code == STATUS_LIMIT && fit_rows_and_columns(&t, p, a))
        return p->st = st, true;
    p->misfit = misfit;
    return status_fail(st, why.code, "%s", why.message);
}

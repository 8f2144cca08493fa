#include "compiler/fit.h"

#include "compiler/lower.h"
#include "compiler/strips.h"

enum { MOST_STEPS = 96 }; /* in strips: what is further inside is small, or does not get better */

/* Strips of steps 0..last in so many passes; 1: none. */
struct cut {
    uint32_t last;
    int32_t passes;
};

struct task {
    const struct tfl_subgraph *graph;
    const struct partition *set;
    const bool *rearranged; /* by operator */
};

static void begin(const struct task *t, struct plan *p, struct arena *a, struct status *st)
{
    plan_init(p, a, t->graph, st);
    p->rearranged = t->rearranged;
}

static bool attempt(const struct task *t, struct cut c, struct plan *p, struct arena *a, struct status *st)
{
    begin(t, p, a, st);
    return lower_partition(p, t->set) && (c.passes == 1 || strips_cut(p, c.last, c.passes)) && plan_size(p) &&
           plan_place_narrow(p);
}

static bool would_fit(const struct task *t, struct cut c)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct plan p;
    bool fits = attempt(t, c, &p, a, &st);
    arena_free(a);
    return fits;
}

/* Steps after which strips may end, and the number of rows that there are to divide. */
static uint32_t candidates(const struct task *t, struct arena *a, struct cut **list)
{
    struct status st = {0};
    struct plan p;
    uint32_t n = 0;
    begin(t, &p, a, &st);
    if (!lower_partition(&p, t->set))
        return 0;
    *list = ARENA_ARRAY(a, struct cut, p.n_steps);
    for (uint32_t i = 0; i < p.n_steps && i < MOST_STEPS; i++)
        if (strips_possible(&p, i))
            (*list)[n++] = (struct cut){i, p.values[p.steps[i].out == NO_VALUE ? p.steps[i].in[0] : p.steps[i].out].y};
    return n;
}

/* Few passes of many steps are better than many of few: rows are made again at both sides of every part. */
static bool find_cut(const struct task *t, const struct cut *list, uint32_t n, struct cut *found)
{
    static const int32_t tiers[] = {1, 4, 16, 64, 256};
    for (unsigned k = 0; k + 1 < sizeof tiers / sizeof *tiers; k++) {
        for (uint32_t i = 0; i < n; i++) {
            *found = list[i];
            int32_t most = list[i].passes < tiers[k + 1] ? list[i].passes : tiers[k + 1];
            if (most <= tiers[k] || !would_fit(t, (struct cut){list[i].last, most}))
                continue;
            for (found->passes = tiers[k] + 1; found->passes < most && !would_fit(t, *found); found->passes++)
                ;
            return true;
        }
    }
    return false;
}

bool plan_fit(struct plan *p, struct arena *a, const struct tfl_subgraph *g, const struct partition *set,
              const bool *rearranged, struct status *st)
{
    const struct task t = {g, set, rearranged};
    struct status why = {0};
    struct cut *list, found;
    if (attempt(&t, (struct cut){.passes = 1}, p, a, &why))
        return p->st = st, true;
    uint32_t n = why.code == STATUS_LIMIT ? candidates(&t, a, &list) : 0;
    if (n && find_cut(&t, list, n, &found))
        return attempt(&t, found, p, a, st);
    return status_fail(st, why.code, "%s", why.message);
}

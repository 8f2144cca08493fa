#include "support/fault_judge.h"

#include "sim/sim.h"
#include "verify/verify.h"

enum { ORDERS = 2 };

static const struct dwn_executable *that_runs(const struct dwn_package *p)
{
    for (uint32_t e = 0; e < p->n_executables; e++)
        if (p->executables[e].type != DWN_PARAMETER_CACHING)
            return &p->executables[e];
    return NULL;
}

/* Inputs of six kinds, again and again with other seeds.  Random numbers average out: sums come out near the middle.
 * The others drive channels to both ends of their range, or leave them where small factors count. */
static uint8_t input_byte(unsigned input, uint64_t *seed, size_t at)
{
    uint8_t r = (uint8_t)random_next(seed);
    switch (input % 6) {
    case 0: return r;                                                /* over the whole range */
    case 1: return (uint8_t)((at / 7 + r / 200) % 2 * 255);          /* its two ends in blocks */
    case 2: return (uint8_t)(at / (1 + input) + r % 4);              /* a ramp */
    case 3: return (uint8_t)(input / 6 * 40 + r / 250);              /* dark but for a few */
    case 4: return (uint8_t)(255 - input / 6 * 40 - r / 250);        /* light but for a few */
    default: return (uint8_t)(120 + r % 16);                         /* about the middle */
    }
}

/* order: seed of the schedule; 0: in order, on the fast path; else strict. */
static bool run(struct arena *a, const struct dwn_package *p, unsigned input, uint64_t order, uint64_t budget,
                const struct bytes **out, struct status *st)
{
    const struct dwn_executable *x = that_runs(p);
    if (!x)
        return status_fail(st, STATUS_INVALID, "nothing to run");
    uint64_t seed = 7 + input;
    struct bytes *inputs = ARENA_ARRAY(a, struct bytes, x->n_inputs + 1);
    struct bytes *outputs = ARENA_ARRAY(a, struct bytes, x->n_outputs + 1);
    for (uint32_t k = 0; k < x->n_inputs; k++) {
        const struct dwn_layer *l = &x->inputs[k];
        size_t size = (size_t)l->y * (size_t)l->x * (size_t)l->z * dwn_type_size(l->type);
        uint8_t *data = arena_alloc(a, size);
        for (size_t b = 0; b < size; b++)
            data[b] = input_byte(input, &seed, b);
        inputs[k] = bytes_of(data, size);
    }
    struct sim *s = sim_new(&(struct sim_options){.strict = order > 0, .seed = order, .budget = budget});
    bool ok = sim_run(s, a, p, inputs, outputs, st);
    sim_free(s);
    *out = outputs;
    return ok;
}

bool fault_trial_begin(struct arena *a, const struct dwn_package *p, uint64_t budget, struct fault_trial *out,
                       struct status *st)
{
    *out = (struct fault_trial){.package = p};
    const struct dwn_executable *x = that_runs(p);
    out->n_outputs = x ? x->n_outputs : 0;
    for (unsigned k = 0; k < FAULT_INPUTS; k++)
        if (!run(a, p, k, k == 0 ? 1 : 0, budget, &out->good[k], st))
            return false;
    return true;
}

static bool same(const struct fault_trial *t, unsigned input, const struct bytes *got)
{
    for (uint32_t k = 0; k < t->n_outputs; k++)
        if (!bytes_equal(t->good[input][k], got[k]))
            return false;
    return true;
}

enum fault_verdict fault_judge(struct arena *a, const struct fault_trial *t, uint64_t budget, unsigned kind,
                               uint64_t seed, const char **where)
{
    const char *place;
    const struct dwn_package *bad = fault_apply(a, t->package, kind, seed, &place);
    struct verify_report report;
    const struct bytes *got;
    struct status st = {0};
    *where = "";
    if (!bad)
        return FAULT_NO_PLACE;
    *where = place;
    verify_package(a, bad, &report);
    if (report.count) {
        *where = arena_text(a, "%s: %s", place, report.findings[0].text);
        return FAULT_BY_VERIFIER;
    }
    const struct bytes *first = NULL;
    for (uint64_t order = 1; order <= ORDERS; order++, first = got) {
        if (!run(a, bad, 0, order, budget, &got, &st)) {
            *where = arena_text(a, "%s: %s", place, st.message);
            return FAULT_BY_SIMULATOR;
        }
        for (uint32_t k = 0; first && k < t->n_outputs; k++)
            if (!bytes_equal(first[k], got[k])) {
                *where = arena_text(a, "%s: the result depends on the order in which units run", place);
                return FAULT_BY_SIMULATOR;
            }
    }
    for (unsigned k = 0; k < FAULT_INPUTS; k++) {
        if (k > 0 && !run(a, bad, k, 0, budget, &got, &st))
            return FAULT_BY_SIMULATOR;
        if (!same(t, k, got))
            return k < FAULT_COMPARED ? FAULT_BY_OUTPUT : FAULT_UNNOTICED;
    }
    return FAULT_HARMLESS;
}

/* The passes in order: graph, support, partition, then for each partition lower, size, place, emit, package; then the
 * rewritten model. */
#include "compiler/caching.h"
#include "compiler/compiler.h"
#include "compiler/cut.h"
#include "compiler/fit.h"
#include "compiler/layers.h"
#include "compiler/support.h"
#include "compiler/token.h"
#include "flat/flat.h"
#include "graph/partition.h"

enum { CHIP_CODE = 18 /* key "6" of the custom options in every output of compiler 16 */ };

/* One model on its way through the passes. */
struct job {
    struct arena *arena;
    const struct tfl_model *model;
    struct graph graph;
    struct support support;
    enum cut_kind *cut;
    bool *mapped;
    struct partitions partitions;
    int runtime;
    struct plan *plans; /* one per mapped partition */
    struct dwn_executable *executables; /* one per plan */
    uint32_t n_plans;
    uint32_t misfits; /* operators left to the CPU because something of theirs does not fit */
    struct compile_result *result;
    struct status *st;
};

/* Status of an operator that could run on the chip and does not. */
static struct verdict left_out(const struct job *j, uint32_t op)
{
    static const struct {
        const char *status, *why;
    } reasons[] = {
        [CUT_NONE] = {SUPPORT_MORE_SUBGRAPHS, "depends on an operator that stays on the CPU; -a maps it too"},
        [CUT_AT_TENSOR] = {SUPPORT_LIMITATION, "reads a tensor at which --intermediate_tensors stops"},
        [CUT_BEHIND] = {SUPPORT_MORE_SUBGRAPHS, "depends on an operator at which the Edge TPU's part was told to end"},
        [CUT_DROPPED] = {SUPPORT_MORE_SUBGRAPHS, "was dropped by --search_delegate so that the rest compiles"},
    };
    const char *name = graph_op_text(j->arena, j->graph.source, op);
    return (struct verdict){reasons[j->cut[op]].status, arena_text(j->arena, "%s %s", name, reasons[j->cut[op]].why)};
}

static void report_operators(struct job *j)
{
    uint32_t n = j->graph.source->n_operators;
    struct compile_result *r = j->result;
    *r = (struct compile_result){.ops = ARENA_ARRAY(j->arena, struct compile_op_status, n), .n_ops = n};
    for (uint32_t i = 0; i < n; i++) {
        struct verdict v = j->support.verdicts[i];
        if (!j->mapped[i] && !v.why)
            v = left_out(j, i);
        r->ops[i] = (struct compile_op_status){.mapped = j->mapped[i], .status = v.status, .why = v.why};
        r->n_mapped += j->mapped[i];
    }
}

/* Which operators can run on the chip, each judged by itself. */
static bool judge(struct job *j, const struct compile_options *o, const struct compile_stops *stops)
{
    if (!graph_build(j->arena, &j->model->subgraphs[0], &j->graph, j->st))
        return false;
    if (!cut_graph(j->arena, &j->graph, stops, o->drop_last, &j->cut, j->st))
        return false;
    support_judge(&j->support, j->arena, &j->graph, o->min_runtime_version);
    j->runtime = o->min_runtime_version;
    return true;
}

/* Which operators run on the chip, and together. */
static void divide(struct job *j, const struct compile_options *o)
{
    uint32_t n = j->graph.source->n_operators;
    j->mapped = ARENA_ARRAY(j->arena, bool, n);
    for (uint32_t i = 0; i < n; i++)
        j->mapped[i] = j->support.verdicts[i].why == NULL && j->cut[i] == CUT_NONE;
    if (!o->multiple_subgraphs)
        partition_keep_first(j->arena, &j->graph, j->mapped);
    partition_graph(j->arena, &j->graph, j->mapped, &j->partitions);
    report_operators(j);
}

/* Everything up to the places of the parameters. */
static bool plan_partitions(struct job *j)
{
    j->plans = ARENA_ARRAY(j->arena, struct plan, j->partitions.count);
    j->executables = ARENA_ARRAY(j->arena, struct dwn_executable, j->partitions.count);
    j->n_plans = 0;
    for (uint32_t i = 0; i < j->partitions.count; i++) {
        if (!j->partitions.parts[i].mapped)
            continue;
        struct plan *p = &j->plans[j->n_plans++];
        if (!plan_fit(p, j->arena, &j->support.views, &j->partitions.parts[i], j->support.rearranged,
                      j->runtime, j->st))
            return false;
    }
    return true;
}

/* All executables of one command share a token, so their cached parameters must lie side by side, below the buffers of
 * each of them.  They are placed as one model's, operators in command order: who gets a place depends on kind and size
 * only, not on the model (place.h; mobilenet_v1_0.25_128 compiled together with 0.5_160, with three others, with
 * inception_v4). */
static bool share_cache(struct arena *a, struct job *jobs, unsigned count, struct place_room *room)
{
    struct plan **all;
    uint32_t n = 0;
    *room = (struct place_room){.cap = WIDE_ROWS};
    for (unsigned i = 0; i < count; i++)
        n += jobs[i].n_plans;
    all = ARENA_ARRAY(a, struct plan *, n);
    n = 0;
    for (unsigned i = 0; i < count; i++)
        for (uint32_t k = 0; k < jobs[i].n_plans; k++)
            all[n++] = &jobs[i].plans[k];
    for (uint32_t i = 0; i < n; i++)
        room->cap = all[i]->wide_floor < room->cap ? all[i]->wide_floor : room->cap;
    return plan_place_parameters(all, n, room);
}

static bool emit_all(struct job *j)
{
    for (uint32_t i = 0; i < j->n_plans; i++)
        if (!plan_emit(&j->plans[i], &j->executables[i]))
            return false;
    return true;
}

static bool plan_all(struct arena *a, struct job *jobs, unsigned count, struct place_room *room)
{
    for (unsigned i = 0; i < count; i++)
        if (!plan_partitions(&jobs[i]))
            return false;
    if (!share_cache(a, jobs, count, room))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!emit_all(&jobs[i]))
            return false;
    return true;
}

/* ---- what does not fit stays on the CPU ---- */

/* The job whose plan a pass has failed at because something does not fit, with the operator. */
static struct job *misfit_of(struct job *jobs, unsigned count, const struct status *st, uint32_t *op)
{
    for (unsigned i = 0; i < count && st->code == STATUS_LIMIT; i++)
        for (uint32_t k = 0; k < jobs[i].n_plans; k++)
            if ((*op = jobs[i].plans[k].misfit) != NO_OPERATOR && jobs[i].mapped[*op])
                return &jobs[i];
    return NULL;
}

/* Plans again and again, each time without the operator that did not fit: its verdict says why. */
static bool plan_what_fits(struct arena *a, struct job *jobs, unsigned count, const struct compile_options *o,
                           struct place_room *room, struct status *st)
{
    enum { MOST_MISFITS = 32 }; /* each costs a search for strips */
    while (!plan_all(a, jobs, count, room)) {
        uint32_t op;
        struct job *j = misfit_of(jobs, count, st, &op);
        if (!j)
            return false;
        if (j->misfits++ == MOST_MISFITS)
            return status_context(st, "with %d operators left to the CPU there is still one that does not fit: ",
                                  MOST_MISFITS);
        j->support.verdicts[op] = (struct verdict){SUPPORT_LIMITATION, arena_text(a, "%s", st->message)};
        *st = (struct status){0};
        divide(j, o);
    }
    return true;
}

/* ---- packages ---- */

static struct cached_segment *cached_of(const struct plan *p, uint32_t *count)
{
    struct cached_segment *c = ARENA_ARRAY(p->arena, struct cached_segment, p->n_parameters);
    *count = 0;
    for (uint32_t i = 0; i < p->n_parameters; i++) {
        const struct parameter *q = &p->parameters[i];
        if (!q->streamed)
            c[(*count)++] = (struct cached_segment){.segment = &q->segment, .at = q->at, .header = q->prefix};
    }
    return c;
}

static uint64_t token_of(const struct job *jobs, unsigned count)
{
    struct token t;
    token_init(&t);
    for (unsigned j = 0; j < count; j++)
        for (uint32_t i = 0; i < jobs[j].n_plans; i++)
            for (uint32_t k = 0; k < jobs[j].plans[i].n_parameters; k++)
                if (!jobs[j].plans[i].parameters[k].streamed)
                    token_add(&t, &jobs[j].plans[i].parameters[k].segment, &jobs[j].plans[i].parameters[k].at);
    return token_value(&t);
}

static bool package(struct job *j, uint32_t plan, const struct partition *part, uint64_t token, int min_runtime,
                    struct bytes *out)
{
    const struct plan *p = &j->plans[plan];
    struct dwn_executable *x = ARENA_ARRAY(j->arena, struct dwn_executable, 2);
    struct dwn_package k = {.min_runtime_version = min_runtime, .compiler_version = "cl/", .model_identifier = "",
                            .executables = x, .n_executables = 1};
    uint32_t n_cached;
    struct cached_segment *cached = cached_of(p, &n_cached);
    x[0] = j->executables[plan];
    x[0].token = token;
    layers_describe(p, part, &x[0]);
    if (n_cached) {
        if (!caching_executable(j->arena, cached, n_cached, token, &x[1], j->st))
            return false;
        k.n_executables = 2;
    } else {
        x[0].type = DWN_STAND_ALONE;
        x[0].has_serialized_model = false;
    }
    return dwn_write(j->arena, &k, out, j->st);
}

enum { ROW_BYTES = 256 };

/* Figures of the memory lines (placement.md section 5): a cached row counts whole, however many lanes it fills. */
static void add_memory(struct compile_result *r, const struct plan *p)
{
    for (uint32_t i = 0; i < p->n_parameters; i++) {
        const struct parameter *q = &p->parameters[i];
        uint64_t cached = 0, streamed = q->streamed ? q->segment.data.size : 0;
        for (uint32_t k = 0; k < q->at.count && !q->streamed; k++)
            cached += (uint64_t)q->at.chunks[k].rows * ROW_BYTES;
        r->ops[q->op].cached_bytes += cached;
        r->ops[q->op].streamed_bytes += streamed;
        r->cached_bytes += cached;
        r->streamed_bytes += streamed;
    }
}

static uint64_t free_bytes(const struct place_room *room)
{
    uint64_t rows = 0;
    for (int t = 0; t < PLACE_TILES; t++)
        rows += (uint64_t)(room->cap - room->base[t]);
    return ROW_BYTES * rows;
}

static bool write_model(struct job *j, uint64_t token, const struct place_room *room, const struct compile_options *o)
{
    struct bytes *custom = ARENA_ARRAY(j->arena, struct bytes, j->n_plans);
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->partitions.count; i++) {
        struct bytes data;
        const struct partition *part = &j->partitions.parts[i];
        if (!part->mapped)
            continue;
        if (!package(j, n, part, token, o->min_runtime_version, &data))
            return false;
        add_memory(j->result, &j->plans[n]);
        custom[n++] = flex_write_custom_op(j->arena, data, CHIP_CODE);
    }
    j->result->n_subgraphs = n;
    j->result->remaining_bytes = n ? free_bytes(room) : 0;
    struct tfl_model *out;
    const struct tfl_write_options form = {.official = true, .description = "Exported from Subgraph."};
    return graph_rewrite(j->arena, j->model, &j->graph, &j->partitions, custom, &out, j->st) &&
           tfl_write(j->arena, out, &form, &j->result->file, j->st);
}

bool compile_models(struct arena *a, const struct tfl_model *const *models, unsigned count,
                    const struct compile_options *o, struct compile_result *results, struct status *st)
{
    struct job *jobs = ARENA_ARRAY(a, struct job, count);
    for (unsigned i = 0; i < count; i++) {
        results[i] = (struct compile_result){0};
        jobs[i] = (struct job){.arena = a, .model = models[i], .result = &results[i], .st = st};
        if (models[i]->n_subgraphs != 1)
            return status_fail(st, STATUS_UNSUPPORTED, "the model has %u subgraphs; one is possible",
                               models[i]->n_subgraphs);
        if (!judge(&jobs[i], o, o->stops ? &o->stops[i] : NULL))
            return false;
        divide(&jobs[i], o);
    }
    struct place_room room;
    if (!plan_what_fits(a, jobs, count, o, &room, st))
        return false;
    uint64_t token = o->has_token ? o->token : token_of(jobs, count);
    for (unsigned i = 0; i < count; i++)
        if (!write_model(&jobs[i], token, &room, o))
            return false;
    return true;
}

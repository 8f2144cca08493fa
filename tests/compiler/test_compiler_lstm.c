/* UNIDIRECTIONAL_SEQUENCE_LSTM compiled and run on the simulated chip: exactly the kernels' bytes, results and states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/compiler.h"
#include "compiler/judge.h"
#include "darwinn/package.h"
#include "interp/interp.h"
#include "sim/sim.h"
#include "support/corpus.h"
#include "support/make_model.h"

/* An input of [1,steps,inputs], or [steps,1,inputs]. */
static int make_sequence(struct maker *k, int32_t steps, int32_t inputs, bool time_major)
{
    int x = make_input(k, 2, (int32_t[]){steps, inputs});
    if (time_major) {
        maker_tensor(k, x)->shape[0] = steps;
        maker_tensor(k, x)->shape[1] = 1;
    }
    return x;
}

static int32_t pick(uint64_t *s, int32_t low, int32_t high)
{
    return low + (int32_t)(random_next(s) % (uint64_t)(high - low + 1));
}

/* ---- results ---- */

static const struct tfl_model *draw(struct arena *a, uint64_t seed)
{
    uint64_t s = seed * 7919;
    struct maker *k = maker_new(a, TFL_INT8, seed);
    int32_t steps = pick(&s, 0, 4) ? pick(&s, 1, 40) : 1, cells = pick(&s, 0, 3) ? pick(&s, 1, 70) : pick(&s, 65, 200);
    struct make_lstm l = {.cells = cells, .cell_exponent = pick(&s, 0, 2) ? 0 : pick(&s, -15, -9),
                          .time_major = pick(&s, 0, 1)};
    int x = make_sequence(k, steps, pick(&s, 0, 3) ? pick(&s, 1, 40) : pick(&s, 41, 300), l.time_major);
    if (pick(&s, 0, 3) == 0)
        x = make_unary(k, TFL_OP_LOGISTIC, x);
    x = make_lstm(k, x, &l);
    if (pick(&s, 0, 3) == 0) {
        l.cells = pick(&s, 1, 90);
        x = make_lstm(k, x, &l);
    }
    if (pick(&s, 0, 1)) {
        x = make_fully_connected(k, make_flatten(k, x), pick(&s, 1, 20), TFL_ACT_NONE);
        x = pick(&s, 0, 1) ? make_softmax(k, x) : x;
    }
    make_output(k, x);
    return maker_finish(k);
}

static void random_networks(void **state)
{
    (void)state;
    judge_draws(draw, 24, 95);
}

/* Every tile's share: one group of cells, full groups, a shorter last one, as many as there are tiles. */
static void groups_of_cells(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{5, 28, 20}, {3, 8, 64}, {3, 7, 128}, {4, 64, 130}, {2, 5, 500}, {1, 12, 960}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, i);
        int x = make_sequence(k, sizes[i][0], sizes[i][1], false);
        make_output(k, make_lstm(k, x, &(struct make_lstm){.cells = sizes[i][2]}));
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* Only the last step, its axis dropped: what Keras makes of return_sequences=False. */
static int make_last_step(struct maker *k, int x, bool time_major)
{
    const struct tfl_tensor *t = maker_tensor(k, x);
    int32_t axis = time_major ? 0 : 1, begin[3] = {0}, end[3] = {t->shape[0], t->shape[1], t->shape[2]};
    begin[axis] = end[axis] - 1;
    x = make_strided_slice(k, x, begin, end, (int32_t[]){1, 1, 1});
    struct tfl_tensor *y = maker_tensor(k, x);
    y->shape[1] = y->shape[2];
    y->rank = 2;
    maker_last_operator(k)->options.strided_slice.shrink_axis_mask = 1 << axis;
    return x;
}

/* The classifiers that Keras exports: batch first, or time first between transpositions. */
static void keras_classifiers(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, (uint64_t)form);
        struct make_lstm l = {.cells = form % 2 ? 20 : 34, .time_major = form / 2};
        int x = make_sequence(k, 12, 9, false);
        x = l.time_major ? make_transpose(k, x, (int32_t[]){1, 0, 2}) : x;
        x = make_lstm(k, x, &l);
        x = form % 2 ? make_lstm(k, x, &l) : x;
        x = make_softmax(k, make_fully_connected(k, make_last_step(k, x, l.time_major), 10, TFL_ACT_NONE));
        make_output(k, x);
        assert_true(judge_exact(a, maker_finish(k)));
        arena_free(a);
    }
}

/* ---- states ---- */

static struct bytes variable(const struct interp *p, const struct tfl_model *m, const char *name)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].is_variable && strcmp(g->tensors[i].name, name) == 0)
            return interp_tensor(p, i);
    fail_msg("no variable %s", name);
    return bytes_of(NULL, 0);
}

static struct interp *ran(struct arena *a, const struct tfl_model *m, struct sim *sim, struct bytes *in,
                          struct bytes *out)
{
    struct status st = {0};
    struct interp *p;
    const struct interp_options o = {.numerics = KERN_EDGETPU, .sim = sim, .keep_all = true};
    if (!interp_new(a, m, &o, &p, &st) || !interp_run(p, in, out, &st))
        fail_msg("%s", st.message);
    return p;
}

/* States that begin anywhere (here: inputs of the graph too, else they begin at 0) and what becomes of them. */
static void states_come_and_go(void **state)
{
    (void)state;
    for (int32_t cells = 3; cells < 300; cells += 61) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, (uint64_t)cells);
        int x = make_lstm(k, make_sequence(k, 6, 10, false), &(struct make_lstm){.cells = cells});
        make_output(k, x);
        struct tfl_model *m = maker_finish(k), *compiled;
        struct tfl_subgraph *g = &m->subgraphs[0];
        const struct tfl_operator *o = &g->operators[0];
        int32_t inputs[3] = {g->inputs[0], o->inputs[18], o->inputs[19]};
        g->inputs = inputs;
        g->n_inputs = 3;

        struct compile_result r;
        struct status st = {0};
        const struct compile_options options = {.min_runtime_version = 14};
        assert_true(compile_models(a, (const struct tfl_model *const[]){m}, 1, &options, &r, &st));
        assert_int_equal(r.n_mapped, 1);
        assert_true(tfl_read(a, r.file, &compiled, &st));
        struct bytes in[3], out[2];
        for (uint32_t i = 0; i < 3; i++) {
            const struct tfl_tensor *t = &g->tensors[inputs[i]];
            uint8_t *data = arena_alloc(a, (size_t)tfl_bytes(t));
            interp_random(t, i, (uint64_t)cells, data);
            in[i] = bytes_of(data, (size_t)tfl_bytes(t));
        }
        struct sim *sim = sim_new(&(struct sim_options){.strict = true, .seed = 1});
        const struct interp *want = ran(a, m, NULL, in, out), *got = ran(a, compiled, sim, in, out + 1);
        assert_memory_equal(out[0].data, out[1].data, out[0].size);
        for (uint32_t i = 1; i < 3; i++) {
            const char *name = g->tensors[inputs[i]].name;
            struct bytes w = variable(want, m, name), v = variable(got, compiled, name);
            assert_true(w.size == v.size && w.size == (size_t)cells * i);
            assert_memory_equal(v.data, w.data, w.size);
            assert_memory_not_equal(v.data, in[i].data, w.size);
        }
        sim_free(sim);
        arena_free(a);
    }
}

/* ---- the program ---- */

struct program_size {
    struct arena *a;
    size_t words;
    bool deterministic;
};

static bool measure(struct bytes options, void *arg, struct status *st)
{
    struct program_size *size = arg;
    struct dwn_package *p;
    if (!dwn_from_custom_options(size->a, options, &p, st))
        return false;
    const struct dwn_executable *x = &p->executables[0];
    size->deterministic = x->fully_deterministic;
    for (uint32_t i = 0; i < x->n_streams; i++)
        size->words += x->streams[i].code.size / 16;
    return true;
}

/* A loop: as many instructions for many steps as for few.  All transfers are known beforehand, or the driver would
 * refuse the executable over USB (spec/runtime.md). */
static void steps_are_a_loop(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct program_size size[2] = {{.a = a}, {.a = a}};
    for (int i = 0; i < 2; i++) {
        struct maker *k = maker_new(a, TFL_INT8, 1);
        struct status st = {0};
        make_output(k, make_lstm(k, make_sequence(k, i ? 400 : 8, 16, false), &(struct make_lstm){.cells = 24}));
        struct judgement j = judge(a, maker_finish(k));
        assert_null(j.fault);
        assert_true(corpus_packages(a, j.compiled.file, measure, &size[i], &st));
        assert_true(size[i].deterministic);
    }
    assert_int_equal(size[0].words, size[1].words);
    arena_free(a);
}

/* ---- what stays on the CPU ---- */

enum change {
    PEEPHOLE,
    PROJECTION,
    COUPLED,
    CLIP,
    NO_VARIABLE,
    CELL_SCALE,
    OTHER_OUTPUT,
    WEIGHT_ZERO,
    RELU,
    CHANGES
};

/* Makes the change; returns a word of the reason. */
static const char *change_model(struct arena *a, struct tfl_model *m, enum change c)
{
    struct tfl_subgraph *g = &m->subgraphs[0];
    struct tfl_operator *o = &g->operators[0];
    struct tfl_unidirectional_sequence_lstm_options *p = &o->options.unidirectional_sequence_lstm;
    switch (c) {
    case PEEPHOLE: o->inputs[9] = o->inputs[12]; return "peephole";
    case PROJECTION: o->inputs[16] = o->inputs[5]; return "projection";
    case COUPLED: o->inputs[1] = o->inputs[5] = o->inputs[12] = -1; return "coupled";
    case CLIP: p->cell_clip = 1; return "clip";
    case NO_VARIABLE: /* an input of the graph instead */
        g->tensors[o->inputs[18]].is_variable = false;
        g->inputs = arena_copy(a, (int32_t[]){g->inputs[0], o->inputs[18]}, 2 * sizeof *g->inputs);
        g->n_inputs = 2;
        return "variable";
    case CELL_SCALE: g->tensors[o->inputs[19]].quant.scale[0] = 0.001f; return "2^-15";
    case OTHER_OUTPUT: g->tensors[o->outputs[0]].quant.scale[0] *= 2; return "one scale";
    case WEIGHT_ZERO: g->tensors[o->inputs[3]].quant.zero_point[0] = 1; return "zero point 0";
    case RELU: p->activation = TFL_ACT_RELU; return "activation";
    default: return NULL;
    }
}

static struct compile_result compiled(struct arena *a, const struct tfl_model *m)
{
    struct compile_result r;
    struct status st = {0};
    const struct compile_options options = {.min_runtime_version = 14};
    if (!compile_models(a, &m, 1, &options, &r, &st))
        fail_msg("%s", st.message);
    return r;
}

static void other_forms_stay_on_the_cpu(void **state)
{
    (void)state;
    for (enum change c = 0; c < CHANGES; c++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, 1);
        make_output(k, make_lstm(k, make_sequence(k, 4, 8, false), &(struct make_lstm){.cells = 8}));
        struct tfl_model *m = maker_finish(k);
        const char *word = change_model(a, m, c);
        struct compile_result r = compiled(a, m);
        assert_int_equal(r.n_mapped, 0);
        if (!strstr(r.ops[0].why, word))
            fail_msg("\"%s\" is not in: %s", word, r.ops[0].why);
        arena_free(a);
    }
}

/* Too many cells, weights, steps: a reason, not a failure.  One below the limit compiles. */
static void sizes_have_limits(void **state)
{
    (void)state;
    static const struct {
        int32_t steps, inputs, cells;
        bool fits;
    } sizes[] = {{2, 4, 1025, false},  {2, 4000, 64, false}, {17000, 1, 1, false}, {3000, 64, 64, false},
                 {2, 16, 1000, true}, {2, 940, 64, true},   {1000, 64, 64, true}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, 1);
        int x = make_sequence(k, sizes[i].steps, sizes[i].inputs, false);
        make_output(k, make_lstm(k, x, &(struct make_lstm){.cells = sizes[i].cells}));
        struct compile_result r = compiled(a, maker_finish(k));
        if (r.n_mapped != sizes[i].fits)
            fail_msg("%d steps, %d inputs, %d cells: %s", sizes[i].steps, sizes[i].inputs, sizes[i].cells,
                     r.ops[0].why ? r.ops[0].why : "mapped");
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks),
        cmocka_unit_test(groups_of_cells),
        cmocka_unit_test(keras_classifiers),
        cmocka_unit_test(states_come_and_go),
        cmocka_unit_test(steps_are_a_loop),
        cmocka_unit_test(other_forms_stay_on_the_cpu),
        cmocka_unit_test(sizes_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Official executables on the simulator: every byte that the chip hands out equals our kernels in the
 * chip's numerics, whatever the order in which the agents are stepped, on the fast and the plain path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "darwinn/package.h"
#include "interp/interp.h"
#include "isa/isa.h"
#include "sim/sim.h"
#include "support/corpus.h"

enum { LAYERS = 64, RUNS = 3 /* inputs and orders per model; the first in order, the others shuffled */,
       SMALL = 200 * 1024 /* bytes of a compiled model that also runs plain and strict */ };

struct count {
    unsigned models, run, outputs, equal, unequal, close, unknown;
};

static int find(const struct tfl_subgraph *g, const char *name)
{
    for (uint32_t k = 0; k < g->n_tensors; k++)
        if (!strcmp(g->tensors[k].name, name))
            return (int)k;
    return -1;
}

/* The graph up to its first custom operator: decoders run on the CPU, after what we compare. */
static void cut_at_custom(struct tfl_subgraph *g)
{
    for (uint32_t k = 0; k < g->n_operators; k++)
        if (g->operators[k].custom_code) {
            g->n_operators = k;
            g->n_outputs = 1;
            g->outputs[0] = g->inputs[0];
        }
}

struct reference {
    const char *name;
    struct tfl_model *model;
    struct interp *interp;
    struct bytes *input;
    bool small;
    uint64_t seed;  /* of the inputs */
    uint64_t order; /* of the steps */
    struct count *count;
};

static bool reference_run(struct arena *a, const char *path, struct reference *r, struct status *st)
{
    struct bytes file;
    if (!file_read(a, path, &file, st) || !tfl_read(a, file, &r->model, st))
        return false;
    struct tfl_subgraph *g = &r->model->subgraphs[0];
    cut_at_custom(g);
    struct interp_options o = {.numerics = KERN_EDGETPU, .keep_all = true};
    struct bytes outputs[LAYERS];
    if (g->n_inputs > LAYERS || g->n_outputs > LAYERS || !interp_new(a, r->model, &o, &r->interp, st))
        return false;
    r->input = interp_random_inputs(a, r->model, r->seed);
    return interp_run(r->interp, r->input, outputs, st);
}

static const struct dwn_executable *main_executable(const struct dwn_package *p)
{
    for (uint32_t k = 0; k < p->n_executables; k++)
        if (p->executables[k].type != DWN_PARAMETER_CACHING)
            return &p->executables[k];
    return NULL;
}

/* Old compilers compute SOFTMAX in floats on the scalar core; our kernel has the tables of the new ones, which may
 * round the other way. */
static bool softmax_in_floats(struct arena *a, const struct dwn_executable *x)
{
    struct status st = {0};
    struct isa_program p;
    for (uint32_t s = 0; s < x->n_streams && isa_decode_stream(a, x->streams[s].code, &p, &st); s++)
        for (size_t k = 0; k < p.count; k++)
            if (p.inst[k].op == ISA_BUNDLE && p.inst[k].bundle.trans == 3)
                return true;
    return false;
}

static bool differ_by_one_at_most(struct bytes a, struct bytes b)
{
    for (size_t k = 0; k < a.size; k++)
        if (a.data[k] > b.data[k] + 1 || b.data[k] > a.data[k] + 1)
            return false;
    return true;
}

static void compare(struct reference *r, const struct dwn_layer *l, struct bytes got, bool floats)
{
    int tensor = find(&r->model->subgraphs[0], l->name);
    struct bytes want = tensor >= 0 ? interp_tensor(r->interp, (uint32_t)tensor) : bytes_of(NULL, 0);
    r->count->outputs++;
    if (!want.size || want.size != got.size) {
        r->count->unknown++; /* the plain model has no such tensor, or has it as floats */
    } else if (bytes_equal(want, got)) {
        r->count->equal++;
    } else if (floats && differ_by_one_at_most(want, got)) {
        r->count->close++;
        printf("%s: %s: a SOFTMAX in floats, rounded the other way\n", r->name, l->name);
    } else {
        r->count->unequal++;
        printf("%s: %s: NOT EQUAL\n", r->name, l->name);
    }
}

static bool package_run(struct bytes options, void *arg, struct status *st)
{
    struct reference *r = arg;
    const struct tfl_subgraph *g = &r->model->subgraphs[0];
    struct arena *a = arena_new();
    struct dwn_package *p;
    struct bytes in[LAYERS] = {{0}}, out[LAYERS], again[LAYERS];
    bool ok = dwn_from_custom_options(a, options, &p, st);
    const struct dwn_executable *x = ok ? main_executable(p) : NULL;
    for (uint32_t k = 0; x && k < x->n_inputs; k++) {
        int tensor = find(g, x->inputs[k].name);
        size_t size = (size_t)x->inputs[k].y * (size_t)x->inputs[k].x * (size_t)x->inputs[k].z;
        in[k] = tensor >= 0 ? interp_tensor(r->interp, (uint32_t)tensor) : bytes_of(NULL, 0);
        if (in[k].size != size)
            in[k] = bytes_of(arena_alloc(a, 2 * size), size * (x->inputs[k].type == DWN_I16 ? 2 : 1));
    }
    if (x) {
        bool floats = softmax_in_floats(a, x);
        struct sim *s = sim_new(&(struct sim_options){.seed = r->order});
        struct sim *slow = sim_new(&(struct sim_options){.strict = true, .plain = true});
        ok = sim_run(s, a, p, in, out, st) && (!r->small || sim_run(slow, a, p, in, again, st));
        for (uint32_t k = 0; ok && k < x->n_outputs; k++) {
            compare(r, &x->outputs[k], out[k], floats);
            if (r->small && !bytes_equal(out[k], again[k]))
                ok = status_fail(st, STATUS_INTERNAL, "the plain path differs from the fast one in %s",
                                 x->outputs[k].name);
        }
        r->count->run += ok;
        sim_free(s);
        sim_free(slow);
    }
    arena_free(a);
    return ok;
}

static void pair_run(const struct corpus_pair *c, uint64_t order, uint64_t seed, struct count *n)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file;
    struct reference r = {.name = c->name, .seed = seed, .order = order, .count = n};
    if (!file_read(a, c->compiled, &file, &st) || !reference_run(a, c->source, &r, &st))
        fail_msg("%s: %s", c->name, st.message);
    r.small = file.size < SMALL && order == 0;
    if (!corpus_packages(a, file, package_run, &r, &st))
        fail_msg("%s: %s", c->name, st.message);
    arena_free(a);
}

static void outputs_equal_the_kernels(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct corpus corpus;
    struct count n = {0};
    corpus_list(a, CORPUS_DIR "/models", &corpus);
    if (!corpus.count) {
        print_message("no corpus at " CORPUS_DIR ": skipped\n");
        arena_free(a);
        skip();
    }
    for (uint32_t k = 0; k < corpus.count; k++) {
        const struct corpus_pair *c = &corpus.pairs[k];
        if (!c->source)
            continue;
        n.models++;
        for (uint64_t order = 0; order < RUNS; order++)
            pair_run(c, order, RUNS * k + order + 1, &n);
    }
    printf("%u models with a source, %u runs; outputs: %u equal, %u not equal, "
           "%u by one at most (SOFTMAX in floats), %u without reference\n", n.models, n.run, n.equal, n.unequal,
           n.close, n.unknown);
    arena_free(a);
    assert_int_equal(n.unequal, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(outputs_equal_the_kernels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

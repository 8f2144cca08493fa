#include "check.h"

#include "interp/interp.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 3, SEED = 1 };

struct difference {
    uint64_t bytes, different;
    int largest;
};

static bool run(struct arena *a, const struct tfl_model *m, enum kern_numerics numerics, struct sim *sim,
                const struct bytes *in, struct bytes *out, struct status *st)
{
    const struct interp_options o = {.numerics = numerics, .sim = sim};
    struct interp *p;
    return interp_new(a, m, &o, &p, st) && interp_run(p, in, out, st);
}

/* Bytes are compared as elements of 8-bit outputs; other types only as equal or not. */
static void compare(const struct tfl_tensor *t, struct bytes x, struct bytes y, struct difference *d)
{
    d->bytes += x.size;
    for (size_t i = 0; i < x.size; i++) {
        int by = t->type == TFL_INT8 ? abs((int8_t)x.data[i] - (int8_t)y.data[i]) : abs(x.data[i] - y.data[i]);
        d->different += by != 0;
        if (by > d->largest)
            d->largest = by;
    }
}

static bool check_numerics(struct arena *a, const struct output *o, const struct tfl_model *compiled,
                           enum kern_numerics numerics, struct difference *d, struct status *st)
{
    const struct tfl_subgraph *g = &o->source->subgraphs[0];
    const struct sim_options so = {.strict = true, .seed = SEED};
    struct sim *sim = sim_new(&so);
    bool ok = true;
    for (uint64_t k = 0; ok && k < RUNS; k++) {
        struct bytes *in = interp_random_inputs(a, o->source, SEED + k);
        struct bytes *x = ARENA_ARRAY(a, struct bytes, g->n_outputs), *y = ARENA_ARRAY(a, struct bytes, g->n_outputs);
        ok = run(a, compiled, numerics, sim, in, x, st) && run(a, o->source, numerics, NULL, in, y, st);
        for (uint32_t i = 0; ok && i < g->n_outputs; i++)
            compare(&g->tensors[g->outputs[i]], x[i], y[i], d);
    }
    sim_free(sim);
    return ok;
}

bool check_output(struct arena *a, const struct output *o)
{
    struct status st = {0};
    struct tfl_model *compiled;
    struct difference exact = {0}, tflite = {0};
    bool ok = tfl_read(a, o->result.file, &compiled, &st) &&
              check_numerics(a, o, compiled, KERN_EDGETPU, &exact, &st) &&
              check_numerics(a, o, compiled, KERN_TFLITE, &tflite, &st);
    if (!ok) {
        printf("Verification of %s failed: %s\n", o->model, st.message);
        return false;
    }
    printf("Verification of %s, %d runs: %llu of %llu output bytes differ from Edge TPU arithmetic (largest difference "
           "%d), "
           "%llu from TensorFlow Lite's (largest difference %d)\n",
           o->model, RUNS, (unsigned long long)exact.different, (unsigned long long)exact.bytes, exact.largest,
           (unsigned long long)tflite.different, tflite.largest);
    return exact.different == 0;
}

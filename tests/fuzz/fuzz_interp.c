/* Any bytes as a TFLite model, run on random inputs with little memory: an error or a result. */
#include "interp/interp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 18 };

static void run(struct arena *a, const struct tfl_subgraph *g, struct interp *p)
{
    struct bytes *in = ARENA_ARRAY(a, struct bytes, g->n_inputs), *out = ARENA_ARRAY(a, struct bytes, g->n_outputs);
    size_t total = 0;
    for (uint32_t i = 0; i < g->n_inputs; i++)
        total += interp_input_size(p, i);
    if (total > LIMIT)
        return;
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        uint8_t *bytes = arena_alloc(a, interp_input_size(p, i));
        interp_random(&g->tensors[g->inputs[i]], i, 1, bytes);
        in[i] = bytes_of(bytes, interp_input_size(p, i));
    }
    struct status st = {0};
    interp_run(p, in, out, &st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int numerics = KERN_TFLITE; numerics <= KERN_EDGETPU; numerics++) {
        struct arena *a = arena_new();
        struct tfl_model *m;
        struct interp *p;
        struct status st = {0};
        struct interp_options o = {.numerics = (enum kern_numerics)numerics, .memory_limit = LIMIT};
        if (tfl_read(a, bytes_of(data, size), &m, &st) && interp_new(a, m, &o, &p, &st))
            run(a, &m->subgraphs[0], p);
        arena_free(a);
    }
    return 0;
}

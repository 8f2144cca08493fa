/* Arbitrary packages, and arbitrary words as the stream of an otherwise sane package: the simulator ends
 * with a result or an error, within its budget, and a second seed and the plain path end without harm too. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "sim/sim.h"

enum { BUDGET = 100000, IN = 64, OUT = 64, PARAMETERS = 1024, LAYERS = 64 };

static void run(struct arena *a, const struct dwn_package *p, const struct bytes *inputs, uint64_t seed, bool plain)
{
    static struct sim *chips[2];
    if (!chips[plain])
        chips[plain] = sim_new(&(struct sim_options){.budget = BUDGET, .plain = plain, .strict = plain, .seed = seed});
    struct bytes outputs[LAYERS];
    struct status st = {0};
    sim_reset(chips[plain]);
    if (!sim_run(chips[plain], a, p, inputs, outputs, &st) && (st.code == STATUS_OK || st.code == STATUS_INTERNAL))
        abort();
}

static void package(struct bytes data)
{
    struct arena *a = arena_new();
    struct dwn_package *p;
    struct status st = {0};
    if (dwn_read(a, data, &p, &st)) {
        struct bytes inputs[LAYERS];
        const struct dwn_executable *x = NULL;
        for (uint32_t k = 0; k < p->n_executables; k++)
            if (p->executables[k].type != DWN_PARAMETER_CACHING)
                x = &p->executables[k];
        bool fits = x && x->n_inputs <= LAYERS && x->n_outputs <= LAYERS;
        for (uint32_t k = 0; fits && k < x->n_inputs; k++) {
            const struct dwn_layer *l = &x->inputs[k];
            int64_t size = (int64_t)l->y * l->x * l->z;
            fits = l->y > 0 && l->x > 0 && l->z > 0 && l->y < 1024 && l->x < 1024 && l->z < 1024 && size < 1 << 20;
            inputs[k] = fits ? bytes_of(arena_alloc(a, (size_t)size), (size_t)size) : bytes_of(NULL, 0);
        }
        if (fits)
            run(a, p, inputs, 0, false);
    }
    arena_free(a);
}

static void stream(struct bytes code)
{
    struct arena *a = arena_new();
    static uint8_t in[IN], parameters[PARAMETERS];
    struct dwn_field_offset offsets[] = {{.desc = DWN_INPUT, .name = "x", .offset_bit = 70},
                                         {.desc = DWN_INPUT, .name = "x", .upper = true, .offset_bit = 198},
                                         {.desc = DWN_OUTPUT, .name = "y", .offset_bit = 326},
                                         {.desc = DWN_OUTPUT, .name = "y", .upper = true, .offset_bit = 454}};
    struct dwn_stream s = {.code = code, .offsets = offsets, .n_offsets = code.size >= 64 ? 4 : 0};
    struct dwn_layer x = {.name = "x", .size_bytes = IN, .y = 1, .x = 1, .z = IN, .execution_count = 1};
    struct dwn_layer y = {.name = "y", .size_bytes = OUT, .y = 1, .x = 1, .z = OUT, .execution_count = 1,
                          .output = true, .has_layout = true};
    dwn_layout_make(a, 1, 1, OUT, 1, &y.layout);
    struct dwn_executable e = {.type = DWN_STAND_ALONE, .name = "", .chip = "", .batch_size = 1, .streams = &s,
                               .n_streams = 1, .inputs = &x, .outputs = &y, .n_inputs = 1, .n_outputs = 1,
                               .scratch_bytes = 64,
                               .parameters = bytes_of(parameters, sizeof parameters)};
    struct dwn_package p = {.executables = &e, .n_executables = 1};
    struct bytes input = bytes_of(in, sizeof in);
    run(a, &p, &input, 3, false);
    run(a, &p, &input, 3, true);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    package(bytes_of(data, size));
    stream(bytes_of(data, size / 16 * 16));
    return 0;
}

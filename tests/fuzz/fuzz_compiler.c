/* Any bytes that read as a model compile or are refused with a reason. */
#include "compiler/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct tfl_model *m;
    if (tfl_read(a, bytes_of(data, size), &m, &st)) {
        const struct compile_options o = {.min_runtime_version = 14, .multiple_subgraphs = true};
        struct compile_result r;
        if (compile_models(a, (const struct tfl_model *const[]){m}, 1, &o, &r, &st))
            compile_operator_table(a, m, &r);
        else if (!st.message[0])
            __builtin_trap();
    }
    arena_free(a);
    return 0;
}

/* Any bytes as a TFLite model: see support/model_exercise.h. */
#include <stdio.h>
#include <stdlib.h>

#include "support/model_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    bool accepted;
    const char *fault = model_exercise(a, bytes_of(data, size), size ? data[size - 1] : 0, &accepted);
    if (fault) {
        fprintf(stderr, "%s\n", fault);
        abort();
    }
    arena_free(a);
    return 0;
}

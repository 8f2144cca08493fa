/* Any bytes as a FlatBuffer of tests/flat/sample.fbs and as a FlexBuffer: nothing is read outside them, work and
 * memory stay proportional to their size. */
#include "../flat/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct flat f;
    struct flat_table t;
    struct flex v;
    struct status st = {0};
    unsigned steps = 10000;
    if (flat_open(&f, bytes_of(data, size), NULL, &t, &st))
        walk_root(a, t, 0);
    st = (struct status){0};
    if (flex_open(bytes_of(data, size), &v, &st))
        walk_flex(v, 0, &steps);
    arena_free(a);
    return 0;
}

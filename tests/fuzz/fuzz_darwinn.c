/* Any bytes as a package: what is read can be written, and reading that gives the same content again. */
#include <stdlib.h>

#include "darwinn/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void relayout(struct arena *a, const struct dwn_layer *l)
{
    size_t n = (size_t)l->y * (size_t)l->x * (size_t)l->z * dwn_type_size(l->type);
    struct status st = {0};
    if (n > 1 << 16 || l->size_bytes > 1 << 16)
        return;
    uint8_t *device = malloc((size_t)l->size_bytes + 1); /* of its own, so that ASan sees an overrun */
    dwn_relayout(l, bytes_of(memset(device, 1, (size_t)l->size_bytes), (size_t)l->size_bytes), arena_alloc(a, n), n,
                 &st);
    free(device);
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct dwn_package *p, *q;
    struct bytes once = {0}, twice = {0};
    struct status st = {0};
    if (dwn_read(a, bytes_of(data, size), &p, &st)) {
        for (uint32_t i = 0; i < p->n_executables; i++)
            for (uint32_t k = 0; k < p->executables[i].n_outputs; k++)
                relayout(a, &p->executables[i].outputs[k]);
        must(dwn_write(a, p, &once, &st));
        must(dwn_read(a, once, &q, &st) && dwn_write(a, q, &twice, &st));
        must(bytes_equal(once, twice));
    }
    arena_free(a);
    return 0;
}

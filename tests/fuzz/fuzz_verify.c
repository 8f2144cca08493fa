/* Arbitrary packages through the static verifier: findings or an error, never a crash. */
#include "darwinn/package.h"
#include "verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct dwn_package *p;
    struct status st = {0};
    if (dwn_read(a, bytes_of(data, size), &p, &st)) {
        struct verify_report r;
        verify_package(a, p, &r);
    }
    arena_free(a);
    return 0;
}

/* Programs of executables, decoded.  A chip that runs one again finds it here. */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include "sim/chip.h"

enum { LOADED_KEPT = 4 };

struct loaded {
    struct arena *arena; /* owns all of it; NULL: empty */
    struct bytes *code;  /* per stream, as the driver has patched it */
    struct isa_program *program;
    uint32_t n_streams;
    uint64_t cycles;     /* estimate: cycles.h */
};
struct loader {
    struct loaded kept[LOADED_KEPT];
    unsigned next; /* to be given up */
};

/* What the driver does: writes the addresses of the chip's buffers into the code of the executable; then the decoded
 * streams.  Valid until LOADED_KEPT other programs have been loaded.  NULL: c->st says why; `work` is scratch. */
const struct loaded *loader_get(struct loader *l, struct chip *c, struct arena *work, const struct dwn_executable *x);
void loader_free(struct loader *l);

#endif

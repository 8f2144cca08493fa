#include "run.h"

#include "darwinn/package.h"
#include "sim/cycles.h"

#include <stdio.h>

static bool print_package(struct arena *a, uint32_t op, struct bytes options, struct status *st)
{
    static const char *const types[] = {"STAND_ALONE", "PARAMETER_CACHING", "EXECUTION_ONLY"};
    struct dwn_package *p;
    if (!dwn_from_custom_options(a, options, &p, st))
        return false;
    for (uint32_t e = 0; e < p->n_executables; e++) {
        struct cycles c;
        struct buf text = {0};
        if (!cycles_estimate(a, &p->executables[e], &c, st))
            return false;
        cycles_print(&text, &c, &cycles_usb3);
        printf("operator %u, %s%s\n%.*s", op, types[p->executables[e].type],
               p->executables[e].type == DWN_PARAMETER_CACHING ? " (once, before the first run)" : "", (int)text.size,
               (const char *)text.data);
        buf_free(&text);
    }
    return true;
}

bool print_profile(struct arena *a, const struct tfl_model *m, struct status *st)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    uint32_t found = 0;
    for (uint32_t k = 0; k < g->n_operators; k++) {
        const struct tfl_operator *o = &g->operators[k];
        if (!o->custom_code || strcmp(o->custom_code, TFL_EDGETPU_CUSTOM_OP))
            continue;
        found++;
        if (!print_package(a, k, o->custom_options, st))
            return status_context(st, "operator %u: ", k);
    }
    if (!found)
        printf("nothing in this model runs on the Edge TPU\n");
    return true;
}

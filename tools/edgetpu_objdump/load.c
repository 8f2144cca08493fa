#include "dump.h"

#include "base/file.h"
#include "tflite/model.h"

static bool is_custom_op(const struct tfl_operator *op)
{
    return op->custom_code && strcmp(op->custom_code, "edgetpu-custom-op") == 0;
}

static bool load_model(struct arena *a, struct bytes file, struct module *out, struct status *st)
{
    struct tfl_model *m;
    if (!tfl_read(a, file, &m, st))
        return false;
    uint32_t operators = 0;
    for (uint32_t s = 0; s < m->n_subgraphs; s++)
        operators += m->subgraphs[s].n_operators;
    out->packages = ARENA_ARRAY(a, struct found, operators);
    for (uint32_t s = 0; s < m->n_subgraphs; s++)
        for (uint32_t k = 0; k < m->subgraphs[s].n_operators; k++) {
            const struct tfl_operator *op = &m->subgraphs[s].operators[k];
            struct dwn_package *p;
            if (!is_custom_op(op))
                continue;
            if (!dwn_from_custom_options(a, op->custom_options, &p, st))
                return status_context(st, "subgraph %u, operator %u: ", s, k);
            out->packages[out->count++] = (struct found){p, op->custom_options, s, k};
        }
    return out->count || status_fail(st, STATUS_INVALID, "a model, but no edgetpu-custom-op in it: not compiled");
}

static bool load_package(struct arena *a, struct bytes file, struct module *out, struct status *st)
{
    struct dwn_package *p;
    if (!dwn_read(a, file, &p, st))
        return false;
    out->packages = ARENA_NEW(a, struct found);
    out->packages[0].package = p;
    out->count = 1;
    return true;
}

bool module_load(struct arena *a, const char *path, struct module *out, struct status *st)
{
    struct bytes file;
    *out = (struct module){.path = path};
    if (!file_read(a, path, &file, st))
        return false; /* names the path itself */
    bool bare = file.size >= 8 && memcmp(file.data + 4, "DWN1", 4) == 0;
    return (bare ? load_package : load_model)(a, file, out, st) || status_context(st, "%s: ", path);
}

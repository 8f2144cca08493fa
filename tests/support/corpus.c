#include "support/corpus.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "darwinn/package.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* X.tflite beside the compiled model, or in the folder above. */
static const char *source_of(struct arena *a, const char *compiled)
{
    const char *slash = strrchr(compiled, '/'), *name = slash ? slash + 1 : compiled;
    int stem = (int)(strlen(name) - strlen("_edgetpu.tflite")), folder = (int)(name - compiled);
    const char *beside = arena_text(a, "%.*s%.*s.tflite", folder, compiled, stem, name);
    const char *above = arena_text(a, "%.*s../%.*s.tflite", folder, compiled, stem, name);
    return access(beside, R_OK) == 0 ? beside : access(above, R_OK) == 0 ? above : NULL;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct corpus_pair *)a)->compiled, ((const struct corpus_pair *)b)->compiled);
}

static uint64_t content(const char *path)
{
    struct arena *a = arena_new();
    struct bytes file = {0};
    struct status st = {0};
    uint64_t h = file_read(a, path, &file, &st) ? XXH64(file.data, file.size, 0) : 0;
    arena_free(a);
    return h;
}

void corpus_list(struct arena *a, const char *root, struct corpus *out)
{
    *out = (struct corpus){0};
    char *roots[] = {arena_text(a, "%s", root), NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return;
    uint32_t capacity = 0;
    for (FTSENT *e; (e = fts_read(tree));) {
        if (e->fts_info != FTS_F ||
            !(ends_with(e->fts_path, "_edgetpu.tflite") || ends_with(e->fts_path, "-edgetpu.tflite")))
            continue;
        if (out->count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            struct corpus_pair *more = ARENA_ARRAY(a, struct corpus_pair, capacity);
            if (out->count)
                memcpy(more, out->pairs, out->count * sizeof *more);
            out->pairs = more;
        }
        const char *path = arena_text(a, "%s", e->fts_path);
        out->pairs[out->count++] = (struct corpus_pair){path, source_of(a, path), path + strlen(root) + 1};
    }
    fts_close(tree);
    if (!out->count)
        return;
    qsort(out->pairs, out->count, sizeof *out->pairs, by_path);
    uint64_t *seen = ARENA_ARRAY(a, uint64_t, out->count);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->count; i++) {
        uint64_t h = content(out->pairs[i].compiled);
        bool old = false;
        for (uint32_t k = 0; k < kept; k++) {
            old = old || seen[k] == h;
            if (seen[k] == h && !out->pairs[k].source)
                out->pairs[k] = out->pairs[i];
        }
        if (!old) {
            seen[kept] = h;
            out->pairs[kept++] = out->pairs[i];
        }
    }
    out->count = kept;
}

bool corpus_packages(struct arena *a, struct bytes file, bool (*visit)(struct bytes, void *, struct status *),
                     void *arg, struct status *st)
{
    struct tfl_model *m;
    if (!tfl_read(a, file, &m, st))
        return false;
    for (uint32_t s = 0; s < m->n_subgraphs; s++)
        for (uint32_t k = 0; k < m->subgraphs[s].n_operators; k++) {
            const struct tfl_operator *op = &m->subgraphs[s].operators[k];
            if (op->custom_code && strcmp(op->custom_code, "edgetpu-custom-op") == 0 &&
                !visit(op->custom_options, arg, st))
                return false;
        }
    return true;
}

int32_t corpus_runtime_version(struct arena *a, const struct tfl_model *m)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    for (uint32_t i = 0; i < g->n_operators; i++) {
        const struct tfl_operator *o = &g->operators[i];
        struct dwn_package *p = NULL;
        struct status st = {0};
        if (o->custom_code && strcmp(o->custom_code, TFL_EDGETPU_CUSTOM_OP) == 0)
            return dwn_from_custom_options(a, o->custom_options, &p, &st) ? p->min_runtime_version : 0;
    }
    return 0;
}

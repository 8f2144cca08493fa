#include "run.h"

#include "base/file.h"
#include "interp/npy.h"

#include <errno.h>
#include <stdlib.h>

static const char RANDOM[] = "random:";

static size_t size_of(const struct tfl_tensor *t)
{
    return (size_t)tfl_elements(t) * tfl_type_size(t->type);
}

static bool is_random(const char *text)
{
    return strncmp(text, RANDOM, sizeof RANDOM - 1) == 0;
}

static bool parse_seed(const char *text, uint64_t *seed, struct status *st)
{
    const char *digits = text + sizeof RANDOM - 1;
    char *end;
    errno = 0;
    *seed = strtoull(digits, &end, 0);
    return (errno == 0 && end != digits && *end == '\0' && *digits != '-') ||
           status_fail(st, STATUS_INVALID, "'%s': the seed must be a number", text);
}

static void fill_random(struct arena *a, const struct tfl_tensor *t, uint32_t i, uint64_t seed, struct bytes *out)
{
    uint8_t *data = arena_alloc(a, size_of(t));
    interp_random(t, i, seed, data);
    *out = bytes_of(data, size_of(t));
}

static bool read_input(struct arena *a, const char *path, const struct tfl_tensor *t, struct bytes *out,
                       struct status *st)
{
    if (!file_read(a, path, out, st))
        return false;
    if (npy_is(*out)) {
        struct npy array;
        if (!npy_read(a, *out, &array, st))
            return status_context(st, "%s: ", path);
        if (array.type != t->type)
            return status_fail(st, STATUS_INVALID, "%s: elements are %s, input '%s' is %s", path,
                               tfl_type_name(array.type), t->name, tfl_type_name(t->type));
        *out = array.data;
    }
    return out->size == size_of(t) ||
           status_fail(st, STATUS_INVALID, "%s: %zu bytes, input '%s' (%s %s) has %zu", path, out->size, t->name,
                       tfl_shape_text(a, t), tfl_type_name(t->type), size_of(t));
}

static bool load_one(struct arena *a, const struct tfl_tensor *t, uint32_t i, const char *source, struct bytes *out,
                     struct status *st)
{
    uint64_t seed;
    if (!is_random(source))
        return read_input(a, source, t, out, st);
    if (!parse_seed(source, &seed, st))
        return false;
    fill_random(a, t, i, seed, out);
    return true;
}

/* The input whose name stands before '=', or n_inputs. */
static uint32_t named_input(const struct tfl_subgraph *g, const char *text, const char **source)
{
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const char *name = g->tensors[g->inputs[i]].name;
        size_t n = name ? strlen(name) : 0;
        if (n && strncmp(text, name, n) == 0 && text[n] == '=') {
            *source = text + n + 1;
            return i;
        }
    }
    return g->n_inputs;
}

bool load_inputs(struct arena *a, const struct tfl_subgraph *g, char **given, size_t n_given, struct bytes *inputs,
                 struct status *st)
{
    bool *done = ARENA_ARRAY(a, bool, g->n_inputs);
    uint64_t seed = 0;
    for (size_t j = 0; j < n_given; j++) {
        const char *source = given[j];
        uint32_t i = named_input(g, given[j], &source);
        if (i == g->n_inputs && is_random(source)) {
            if (!parse_seed(source, &seed, st))
                return false;
            continue;
        }
        for (uint32_t next = 0; i == g->n_inputs && next < g->n_inputs; next++)
            if (!done[next])
                i = next;
        if (i == g->n_inputs)
            return status_fail(st, STATUS_INVALID, "'%s': the model has only %u inputs", given[j], g->n_inputs);
        if (done[i])
            return status_fail(st, STATUS_INVALID, "'%s': that input was given already", given[j]);
        done[i] = true;
        if (!load_one(a, &g->tensors[g->inputs[i]], i, source, &inputs[i], st))
            return false;
    }
    for (uint32_t i = 0; i < g->n_inputs; i++)
        if (!done[i])
            fill_random(a, &g->tensors[g->inputs[i]], i, seed, &inputs[i]);
    return true;
}

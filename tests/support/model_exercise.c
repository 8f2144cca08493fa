#include "support/model_exercise.h"

#include <stdlib.h>

#include "graph/partition.h"
#include "support/model_equal.h"

static const char *exercise_graph(struct arena *a, const struct tfl_model *m, uint8_t choice)
{
    const struct tfl_subgraph *s = &m->subgraphs[0];
    struct graph g;
    struct status st = {0};
    if (!graph_build(a, s, &g, &st))
        return NULL;
    bool *mapped = ARENA_ARRAY(a, bool, s->n_operators);
    for (uint32_t op = 0; op < s->n_operators; op++) {
        struct window w;
        st = (struct status){0};
        if (graph_check(a, s, op, &st) && graph_has_check(s->operators[op].code)) {
            window_of(s, &s->operators[op], &w);
            mapped[op] = choice >> op % 8 & 1;
        }
    }
    struct partitions p;
    partition_graph(a, &g, mapped, &p);
    struct tfl_model *out;
    struct bytes file;
    st = (struct status){0};
    if (!graph_rewrite(a, m, &g, &p, ARENA_ARRAY(a, struct bytes, p.count), &out, &st))
        return NULL;
    bool ok = tfl_write(a, out, &(struct tfl_write_options){.official = true}, &file, &st);
    return ok ? NULL : arena_text(a, "rewritten, but not written: %s", st.message);
}

static const char *exercise(struct arena *a, struct bytes file, uint8_t choice, bool *accepted)
{
    struct status st = {0};
    struct tfl_model *m, *again;
    struct bytes copy;
    *accepted = tfl_read(a, file, &m, &st);
    if (*accepted != (st.code == STATUS_OK) || (!*accepted && !st.message[0]))
        return "result and status do not agree";
    if (!*accepted)
        return NULL;
    if (!tfl_write(a, m, &(struct tfl_write_options){0}, &copy, &st) || !tfl_read(a, copy, &again, &st))
        return arena_text(a, "read, but not written and read again: %s", st.message);
    const char *why = model_difference(a, m, again);
    return why ? arena_text(a, "another model after writing: %s", why) : exercise_graph(a, m, choice);
}

const char *model_exercise(struct arena *a, struct bytes file, uint8_t choice, bool *accepted)
{
    uint8_t *exact = malloc(file.size + !file.size); /* of its own, so that a sanitiser sees a read beyond its end */
    if (file.size)
        memcpy(exact, file.data, file.size);
    const char *fault = exercise(a, bytes_of(exact, file.size), choice, accepted);
    free(exact);
    return fault;
}

/* The operator table of the log: ../shared/spec/compiler-behaviour.md section 2.7. */
#include "compiler/compiler.h"

#include <stdlib.h>

struct row {
    const char *name, *status;
    unsigned count;
};

static int by_name_then_status(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c ? c : strcmp(x->status, y->status);
}

const char *compile_operator_table(struct arena *a, const struct tfl_model *m, const struct compile_result *r)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    struct row *rows = ARENA_ARRAY(a, struct row, r->n_ops);
    for (uint32_t i = 0; i < r->n_ops; i++)
        rows[i] = (struct row){tfl_op_name(g->operators[i].code), r->ops[i].status, 1};
    if (r->n_ops)
        qsort(rows, r->n_ops, sizeof *rows, by_name_then_status);

    struct buf text = {0};
    buf_text(&text, "%-30s %-10s %s\n\n", "Operator", "Count", "Status");
    for (uint32_t i = 0, next; i < r->n_ops; i = next) {
        for (next = i + 1; next < r->n_ops && by_name_then_status(&rows[i], &rows[next]) == 0; next++)
            rows[i].count++;
        buf_text(&text, "%-30s %-10u %s\n", rows[i].name, rows[i].count, rows[i].status);
    }
    const char *copy = arena_text(a, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
    return copy;
}

#include "graph/partition.h"

#include <stdlib.h>

struct partitioner {
    const struct graph *g;
    const bool *mapped;
    uint32_t *part_of; /* of each operator; GRAPH_NONE: not taken yet */
};

static bool ready(const struct partitioner *p, uint32_t op)
{
    const struct tfl_operator *o = &p->g->source->operators[op];
    for (uint32_t i = 0; i < o->n_inputs; i++) {
        uint32_t producer = o->inputs[i] < 0 ? GRAPH_NONE : p->g->tensors[o->inputs[i]].producer;
        if (producer != GRAPH_NONE && p->part_of[producer] == GRAPH_NONE)
            return false;
    }
    return true;
}

/* One epoch.  Operators stand in topological order, so one pass takes all that can be taken. */
static void take(struct arena *a, struct partitioner *p, uint32_t first, uint32_t number, struct partition *out)
{
    uint32_t n = p->g->source->n_operators;
    *out = (struct partition){.mapped = p->mapped[first]};
    for (uint32_t op = first; op < n; op++)
        if (p->part_of[op] == GRAPH_NONE && p->mapped[op] == out->mapped && ready(p, op)) {
            p->part_of[op] = number;
            out->n_operators++;
        }
    out->operators = ARENA_ARRAY(a, uint32_t, out->n_operators);
    for (uint32_t op = first, k = 0; op < n; op++)
        if (p->part_of[op] == number)
            out->operators[k++] = op;
}

static bool reads_from_outside(const struct partitioner *p, const struct graph_tensor *t, uint32_t number)
{
    return !t->info->data.size && (t->producer == GRAPH_NONE || p->part_of[t->producer] != number);
}

static bool read_outside(const struct partitioner *p, const struct graph_tensor *t, uint32_t number)
{
    for (uint32_t i = 0; i < t->n_consumers; i++)
        if (p->part_of[t->consumers[i]] != number)
            return true;
    return t->is_output;
}

static int ascending(const void *x, const void *y)
{
    uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;
    return (p > q) - (p < q);
}

static uint32_t sort_unique(uint32_t *list, uint32_t n)
{
    uint32_t kept = 0;
    if (n)
        qsort(list, n, sizeof *list, ascending);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || list[i] != list[i - 1])
            list[kept++] = list[i];
    return kept;
}

static void find_interface(struct arena *a, const struct partitioner *p, uint32_t number, struct partition *part)
{
    uint32_t n_in = 0, n_out = 0;
    for (uint32_t i = 0; i < part->n_operators; i++) {
        const struct tfl_operator *o = &p->g->source->operators[part->operators[i]];
        n_in += o->n_inputs, n_out += o->n_outputs;
    }
    part->inputs = ARENA_ARRAY(a, uint32_t, n_in);
    part->outputs = ARENA_ARRAY(a, uint32_t, n_out);
    for (uint32_t i = 0; i < part->n_operators; i++) {
        const struct tfl_operator *o = &p->g->source->operators[part->operators[i]];
        for (uint32_t k = 0; k < o->n_inputs; k++)
            if (o->inputs[k] >= 0 && reads_from_outside(p, &p->g->tensors[o->inputs[k]], number))
                part->inputs[part->n_inputs++] = (uint32_t)o->inputs[k];
        for (uint32_t k = 0; k < o->n_outputs; k++)
            if (read_outside(p, &p->g->tensors[o->outputs[k]], number))
                part->outputs[part->n_outputs++] = (uint32_t)o->outputs[k];
    }
    part->n_inputs = sort_unique(part->inputs, part->n_inputs);
    part->n_outputs = sort_unique(part->outputs, part->n_outputs);
}

void partition_graph(struct arena *a, const struct graph *g, const bool *mapped, struct partitions *out)
{
    uint32_t n = g->source->n_operators;
    struct partitioner p = {g, mapped, ARENA_ARRAY(a, uint32_t, n)};
    memset(p.part_of, 0xff, n * sizeof *p.part_of);
    *out = (struct partitions){ARENA_ARRAY(a, struct partition, n), 0};
    for (uint32_t first = 0; first < n; first++)
        if (p.part_of[first] == GRAPH_NONE) {
            take(a, &p, first, out->count, &out->parts[out->count]);
            out->count++;
        }
    for (uint32_t i = 0; i < out->count; i++)
        find_interface(a, &p, i, &out->parts[i]);
}

void partition_keep_first(struct arena *a, const struct graph *g, bool *mapped)
{
    struct partitions p;
    partition_graph(a, g, mapped, &p);
    uint32_t i = 0;
    while (i < p.count && !p.parts[i].mapped)
        i++;
    memset(mapped, 0, g->source->n_operators * sizeof *mapped);
    for (uint32_t k = 0; i < p.count && k < p.parts[i].n_operators; k++)
        mapped[p.parts[i].operators[k]] = true;
}

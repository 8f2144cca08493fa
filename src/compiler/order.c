#include "compiler/order.h"

#include "compiler/operators.h"

enum { GROUP_WORDS = 16 };

/* Words of a tensor on the tile that holds most of it. */
static int64_t words_of(const struct plan *p, int32_t tensor)
{
    struct shape4 s;
    if (!shape4_of(&p->graph->tensors[tensor], &s))
        return 0;
    int64_t words = ceil_div(s.z, 4);
    if (s.y * s.x == 1) /* 64 channels a tile */
        return words < GROUP_WORDS ? words : GROUP_WORDS;
    return ceil_div(s.y, GRID) * ceil_div(s.x, GRID) * words;
}

static bool reads(const struct tfl_operator *o, int32_t tensor)
{
    for (uint32_t k = 0; k < o->n_inputs; k++)
        if (o->inputs[k] == tensor)
            return true;
    return false;
}

static bool is_renaming(const struct tfl_operator *o)
{
    return o->code == TFL_OP_RESHAPE || o->code == TFL_OP_SQUEEZE || o->code == TFL_OP_EXPAND_DIMS;
}

/* What the operator adds to what is alive. */
static int64_t cost_of(const struct plan *p, const struct partition *set, const bool *done, uint32_t i)
{
    const struct tfl_operator *o = &p->graph->operators[set->operators[i]];
    if (is_renaming(o))
        return 0;
    int64_t cost = words_of(p, o->outputs[0]);
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        if (o->inputs[k] < 0 || p->graph->tensors[o->inputs[k]].data.size)
            continue;
        bool dies = true;
        for (uint32_t j = 0; j < set->n_operators; j++)
            dies = dies && (j == i || done[j] || !reads(&p->graph->operators[set->operators[j]], o->inputs[k]));
        int64_t words = words_of(p, o->inputs[k]);
        cost += (p->value_of[o->inputs[k]] == NO_VALUE ? words : 0) - (dies ? words : 0);
    }
    return cost;
}

/* All that it reads is made, or comes from the host. */
static bool is_possible(const struct plan *p, const struct partition *set, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        int32_t t = o->inputs[k];
        bool there = t < 0 || p->graph->tensors[t].data.size || p->value_of[t] != NO_VALUE;
        for (uint32_t i = 0; i < set->n_inputs; i++)
            there = there || (int32_t)set->inputs[i] == t;
        if (!there)
            return false;
    }
    return true;
}

/* Of operators that add as much: of renaming ones that of the younger value, of others the later in the file. */
static bool comes_first(const struct plan *p, const struct tfl_operator *o, const struct tfl_operator *other)
{
    return !is_renaming(o) || p->value_of[o->inputs[0]] > p->value_of[other->inputs[0]];
}

uint32_t order_next(const struct plan *p, const struct partition *set, const bool *done)
{
    uint32_t best = set->n_operators;
    int64_t least = 0;
    for (uint32_t i = 0; i < set->n_operators; i++) {
        if (done[i] || !is_possible(p, set, &p->graph->operators[set->operators[i]]))
            continue;
        const struct tfl_operator *o = &p->graph->operators[set->operators[i]];
        int64_t cost = 2 * cost_of(p, set, done, i) - is_renaming(o); /* a renaming one is first of equals */
        if (best == set->n_operators || cost < least ||
            (cost == least && comes_first(p, o, &p->graph->operators[set->operators[best]])))
            best = i, least = cost;
    }
    return best;
}

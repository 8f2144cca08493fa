#include "graph/graph.h"

const char *graph_op_text(struct arena *a, const struct tfl_subgraph *g, uint32_t op)
{
    const struct tfl_operator *o = &g->operators[op];
    return arena_text(a, "operator %u (%s)", op, o->custom_code ? o->custom_code : tfl_op_name(o->code));
}

/* A tensor that no operator makes has its value from the file, the caller or the last run; one of no elements needs
 * none.  TFLite reads what is left of them as it finds it; we refuse. */
static bool has_value(const struct graph_tensor *t)
{
    return t->info->data.size || t->info->is_variable || t->is_input || tfl_elements(t->info) == 0;
}

static bool add_reader(struct arena *a, struct graph *out, uint32_t op, int32_t tensor, struct status *st)
{
    struct graph_tensor *t = &out->tensors[tensor];
    if (t->producer == GRAPH_NONE ? !has_value(t) : t->producer >= op)
        return status_fail(st, STATUS_INVALID, "%s reads tensor %d (\"%s\") before it has a value",
                           graph_op_text(a, out->source, op), tensor, t->info->name);
    if (t->n_consumers == 0 || t->consumers[t->n_consumers - 1] != op)
        t->consumers[t->n_consumers++] = op;
    return true;
}

static void count_readers(struct arena *a, struct graph *out)
{
    const struct tfl_subgraph *g = out->source;
    uint32_t *reads = ARENA_ARRAY(a, uint32_t, g->n_tensors);
    for (uint32_t i = 0; i < g->n_operators; i++)
        for (uint32_t k = 0; k < g->operators[i].n_inputs; k++)
            if (g->operators[i].inputs[k] >= 0)
                reads[g->operators[i].inputs[k]]++;
    for (uint32_t i = 0; i < g->n_tensors; i++)
        out->tensors[i].consumers = ARENA_ARRAY(a, uint32_t, reads[i]);
}

bool graph_build(struct arena *a, const struct tfl_subgraph *g, struct graph *out, struct status *st)
{
    if (g->n_operators > GRAPH_MAX_OPERATORS)
        return status_fail(st, STATUS_LIMIT, "%u operators; we handle at most %d", g->n_operators, GRAPH_MAX_OPERATORS);
    *out = (struct graph){g, ARENA_ARRAY(a, struct graph_tensor, g->n_tensors)};
    for (uint32_t i = 0; i < g->n_tensors; i++)
        out->tensors[i] = (struct graph_tensor){.info = &g->tensors[i], .producer = GRAPH_NONE};
    for (uint32_t i = 0; i < g->n_inputs; i++)
        out->tensors[g->inputs[i]].is_input = true;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        out->tensors[g->outputs[i]].is_output = true;
    for (uint32_t i = 0; i < g->n_operators; i++)
        for (uint32_t k = 0; k < g->operators[i].n_outputs; k++)
            out->tensors[g->operators[i].outputs[k]].producer = i;
    count_readers(a, out);
    for (uint32_t i = 0; i < g->n_operators; i++)
        for (uint32_t k = 0; k < g->operators[i].n_inputs; k++) {
            int32_t tensor = g->operators[i].inputs[k];
            if (tensor >= 0 && !add_reader(a, out, i, tensor, st))
                return false;
        }
    return true;
}

enum tfl_activation fused_activation(const struct tfl_operator *o)
{
    const union tfl_options *p = &o->options;
    switch (o->code) {
    case TFL_OP_CONV_2D: return p->conv_2d.activation;
    case TFL_OP_DEPTHWISE_CONV_2D: return p->depthwise_conv_2d.activation;
    case TFL_OP_TRANSPOSE_CONV: return p->transpose_conv.activation;
    case TFL_OP_FULLY_CONNECTED: return p->fully_connected.activation;
    case TFL_OP_AVERAGE_POOL_2D: case TFL_OP_MAX_POOL_2D: case TFL_OP_L2_POOL_2D: return p->pool_2d.activation;
    case TFL_OP_ADD: return p->add.activation;
    case TFL_OP_SUB: return p->sub.activation;
    case TFL_OP_MUL: return p->mul.activation;
    case TFL_OP_DIV: return p->div.activation;
    case TFL_OP_CONCATENATION: return p->concatenation.activation;
    case TFL_OP_L2_NORMALIZATION: return p->l2_norm.activation;
    default: return TFL_ACT_NONE;
    }
}

bool is_quantised(const struct tfl_tensor *t)
{
    return (t->type == TFL_INT8 || t->type == TFL_UINT8) && t->quant.count == 1;
}

const struct tfl_tensor *op_input(const struct tfl_subgraph *g, const struct tfl_operator *o, uint32_t i)
{
    return i < o->n_inputs && o->inputs[i] >= 0 ? &g->tensors[o->inputs[i]] : NULL;
}

const struct tfl_tensor *op_output(const struct tfl_subgraph *g, const struct tfl_operator *o, uint32_t i)
{
    return i < o->n_outputs ? &g->tensors[o->outputs[i]] : NULL;
}

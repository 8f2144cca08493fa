#include "compiler/layers.h"

#include "compiler/numerics.h"

static struct dwn_layer layer_of(const struct plan *p, uint32_t tensor, bool output)
{
    const struct tfl_tensor *t = &p->graph->tensors[tensor];
    const struct value *v = &p->values[p->value_of[tensor]];
    struct dwn_layer l = {.name = t->name, .y = v->y, .x = v->x, .z = v->z, .zero_point = unsigned_zero_point(t),
                          .scale = t->quant.scale[0], .output = output, .execution_count = 1,
                          .type = t->type == TFL_INT8 ? DWN_I8 : t->type == TFL_INT16 ? DWN_I16 : DWN_U8};
    if (!output) {
        l.size_bytes = dwn_input_size(v->y, v->x, v->z, v->element);
        return l;
    }
    l.size_bytes = dwn_output_size(v->y, v->x, v->z, v->element);
    l.has_layout = true;
    dwn_layout_make(p->arena, v->y, v->x, v->z, v->passes ? v->passes : 1, &l.layout);
    l.has_shape = true;
    l.rank = t->rank;
    l.shape = ARENA_ARRAY(p->arena, struct dwn_range, t->rank);
    for (uint32_t i = 0; i < t->rank; i++)
        l.shape[i] = (struct dwn_range){0, t->shape[i] - 1};
    return l;
}

const char *layers_variable_output(const struct plan *p, uint32_t tensor)
{
    return arena_text(p->arena, "%s_variable_output", p->graph->tensors[tensor].name);
}

void layers_describe(const struct plan *p, const struct partition *part, struct dwn_executable *x)
{
    x->n_inputs = part->n_inputs;
    x->n_outputs = part->n_outputs;
    x->inputs = ARENA_ARRAY(p->arena, struct dwn_layer, part->n_inputs);
    x->outputs = ARENA_ARRAY(p->arena, struct dwn_layer, part->n_outputs + part->n_inputs);
    x->has_inputs = x->has_outputs = true;
    for (uint32_t i = 0; i < part->n_inputs; i++)
        x->inputs[i] = layer_of(p, part->inputs[i], false);
    for (uint32_t i = 0; i < part->n_outputs; i++)
        x->outputs[i] = layer_of(p, part->outputs[i], true);
    for (uint32_t i = 0; i < part->n_inputs; i++) {
        if (!p->graph->tensors[part->inputs[i]].is_variable)
            continue;
        struct dwn_layer *l = &x->outputs[x->n_outputs++];
        *l = layer_of(p, part->inputs[i], true);
        l->name = layers_variable_output(p, part->inputs[i]);
    }
}

#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/select.h"

/* The pixels as words on the tiles that make bytes of them. */
static uint32_t lower_pixels(struct plan *p, uint32_t op, uint32_t in, const struct tfl_tensor *t)
{
    int32_t n = (int32_t)tfl_elements(t), *from = ARENA_ARRAY(p->arena, int32_t, (size_t)n);
    for (int32_t i = 0; i < n; i++)
        from[i] = 4 * i;
    uint32_t words = plan_value(p, t, LAYOUT_WHOLE, 1, 1, 4 * n), out = plan_value(p, t, LAYOUT_SLICES, 1, 1, n);
    p->values[words].tiles = (1 << slices_of(n).tiles) - 1;
    struct step *s = plan_step(p, &family_pixels, op);
    step_reads(p, s, in);
    step_makes(p, s, words);
    s = plan_step(p, &family_fully_connected, op);
    s->detail = select_make(p->arena, t, n, 4 * n, from);
    step_reads(p, s, words);
    step_makes(p, s, out);
    return out;
}

/* All that read it are dense layers. */
static bool goes_to_dense(const struct tfl_subgraph *g, int32_t tensor)
{
    bool any = false;
    for (uint32_t i = 0; i < g->n_operators; i++)
        for (uint32_t k = 0; k < g->operators[i].n_inputs; k++)
            if (g->operators[i].inputs[k] == tensor) {
                if (g->operators[i].code != TFL_OP_FULLY_CONNECTED || k > 0)
                    return false;
                any = true;
            }
    for (uint32_t i = 0; i < g->n_outputs; i++)
        any = any && g->outputs[i] != tensor;
    return any;
}

bool reshapes_raster(const struct tfl_subgraph *g, const struct tfl_operator *o)
{
    struct shape4 s;
    return o->code == TFL_OP_RESHAPE && shape4_of(&g->tensors[o->inputs[0]], &s) && raster_fits(&s) &&
           goes_to_dense(g, o->outputs[0]);
}

/* A vector keeps its words under any shape.  An image of one channel is flattened here; any other stays an image until
 * a reader asks for a vector (lower_whole). */
bool lower_reshape(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = &p->graph->tensors[o->outputs[0]];
    uint32_t in = lower_value(p, (uint32_t)o->inputs[0]), out = in;
    if (lower_rows(p, op))
        return true;
    if (p->values[in].layout == LAYOUT_PARTS) {
        lower_rename_parts(p, op);
        return true;
    }
    if (p->values[in].layout == LAYOUT_GRID && p->values[in].z == 1 && flatten_fits(&p->values[in].grid)) {
        out = plan_value(p, t, LAYOUT_SLICES, 1, 1, (int32_t)tfl_elements(t));
        struct step *s = plan_step(p, &family_flatten, op);
        s->detail = flatten_detail(p->arena, t);
        step_reads(p, s, in);
        step_makes(p, s, out);
    }
    if (p->values[in].layout == LAYOUT_GRID && p->values[in].z == 1 && pixels_fit(&p->values[in].grid))
        out = lower_pixels(p, op, in, t);
    if (lower_is_image(p, (uint32_t)o->inputs[0]) && reshapes_raster(p->graph, o)) {
        out = plan_value(p, t, LAYOUT_SLICES, 1, 1, (int32_t)tfl_elements(t));
        struct step *s = plan_step(p, &family_raster, op);
        s->detail = raster_detail(p->arena);
        step_reads(p, s, in);
        step_makes(p, s, out);
    }
    p->value_of[o->outputs[0]] = out;
    return true;
}

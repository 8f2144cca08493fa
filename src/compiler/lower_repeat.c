/* Operands that are repeated: one value for all channels, one pixel for all pixels.
 *
 * Channels are repeated by a product with ones (select.h); a pixel comes whole to every tile, which writes it to all
 * its own.  No official instance; the select and the copy are those of other operators. */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "graph/graph.h"

/* The pixel on every place of an image of y x x. */
static uint32_t repeat_pixel(struct plan *p, uint32_t op, uint32_t pixel, int32_t y, int32_t x)
{
    uint32_t whole = lower_whole(p, pixel, ALL_TILES, op);
    struct value v = p->values[whole];
    uint32_t image = plan_value(p, v.tensor, LAYOUT_GRID, y, x, v.z);
    lower_copy(p, op, whole, image, (struct axis_map){0, y, 1, 0, 0}, (struct axis_map){0, x, 1, 0, 0});
    return image;
}

static uint32_t repeat_channel(struct plan *p, uint32_t op, uint32_t value, int32_t z)
{
    struct value v = p->values[value];
    const int32_t *first = ARENA_ARRAY(p->arena, int32_t, (size_t)z); /* all 0 */
    if (v.layout != LAYOUT_GRID)
        return lower_select_vector(p, op, v.tensor, value, z, first);
    uint32_t image = plan_value(p, v.tensor, LAYOUT_GRID, v.y, v.x, z);
    lower_select_channels(p, op, v.tensor, value, image, first);
    return image;
}

uint32_t lower_operand(struct plan *p, uint32_t op, uint32_t k, bool image)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    uint32_t v = lower_value(p, (uint32_t)o->inputs[k]);
    struct shape4 from = {0}, to = {0};
    shape4_of(op_input(p->graph, o, k), &from);
    shape4_of(op_output(p->graph, o, 0), &to);
    if (!image)
        v = lower_slices(p, v, op);
    else if (from.y * from.x < to.y * to.x)
        v = repeat_pixel(p, op, v, to.y, to.x);
    return from.z < to.z ? repeat_channel(p, op, v, to.z) : v;
}

/* Which RESIZE_BILINEAR runs on the Edge TPU: what official programs have, and nothing else. */
#include "compiler/numerics.h"
#include "compiler/resize.h"
#include "compiler/rule.h"

struct verdict support_resize(const struct support *s, uint32_t op)
{
    const struct tfl_subgraph *g = s->graph->source;
    const struct tfl_operator *o = &g->operators[op];
    const struct tfl_resize_bilinear_options *p = &o->options.resize_bilinear;
    const struct tfl_tensor *in = op_input(g, o, 0), *out = op_output(g, o, 0);
    struct shape4 from, to;
    if (!shape4_of(in, &from) || !shape4_of(out, &to) || from.n != 1)
        return REFUSE(s, SUPPORT_RANK, "%s: input \"%s\" (%s): one image of rows, columns and channels is possible",
                      op_name(s, op), in->name, tfl_shape_text(s->arena, in));
    if (in->data.size)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" is a constant", op_name(s, op), in->name);
    if (s->form[o->inputs[0]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" lies on the chip as a vector; images are resized",
                      op_name(s, op), in->name);
    if (!same_numbers(in, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" and output \"%s\" have different scales or zero points",
                      op_name(s, op), in->name, out->name);
    if (to.y == from.y && to.x == from.x)
        return MAPPED; /* whatever the centres are: deeplab_mobilenet_edgetpu_slim_cityscapes, 33x33 */
    if (p->align_corners || !p->half_pixel_centers)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: align_corners %d, half_pixel_centers %d: only half_pixel_centers "
                      "alone is known of the chip", op_name(s, op), p->align_corners, p->half_pixel_centers);
    if (to.y != RESIZE_FACTOR * (int64_t)from.y || to.x != RESIZE_FACTOR * (int64_t)from.x)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %dx%d to %dx%d; only twice the rows and columns are possible: "
                      "resize in steps of two", op_name(s, op), from.y, from.x, to.y, to.x);
    if (from.y < GRID || from.x < GRID)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s) has fewer than %d rows or columns: tiles without "
                      "pixels of their own would have to make some", op_name(s, op), in->name,
                      tfl_shape_text(s->arena, in), GRID);
    struct grid plane = grid_of(from.y, from.x, from.z);
    resize_claim(&plane);
    int32_t words = resize_border_words(&plane);
    if (words > RESIZE_BORDER_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: the edge of input \"%s\" (%s) has %d words a tile; %d are possible: "
                      "fewer channels or pixels", op_name(s, op), in->name, tfl_shape_text(s->arena, in), words,
                      RESIZE_BORDER_LIMIT);
    return MAPPED;
}

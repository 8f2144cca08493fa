/* Which pools and reductions run on the Edge TPU. */
#include "compiler/numerics.h"
#include "compiler/rule.h"
#include "compiler/operators.h"
#include "compiler/pool.h"
#include "compiler/program.h"

static struct verdict channel_reduction(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *in = op_input(s->graph->source, o, 0), *out = op_output(s->graph->source, o, 0);
    bool sums = o->code == TFL_OP_MEAN || o->code == TFL_OP_SUM;
    struct shape4 from, to;
    if (!shape4_of(in, &from) || !shape4_of(out, &to) || to.z != 1 || to.y != from.y || to.x != from.x)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: output \"%s\" (%s) is no image of one channel; keep_dims makes it so",
                      op_name(s, op), out->name, tfl_shape_text(s->arena, out));
    if (s->form[o->inputs[0]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" lies on the chip as a vector; this version reduces the "
                      "channels of images", op_name(s, op), in->name);
    if (!sums && !same_numbers(in, out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: output \"%s\" has another scale or zero point than the input",
                      op_name(s, op), out->name);
    return MAPPED;
}

struct verdict support_pool(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    struct pool_detail d;
    struct shape4 from, to;
    const char *why;
    if (reduction_of_channels(s->arena, s->graph->source, o))
        return channel_reduction(s, op);
    if (!pool_of(s->arena, s->graph->source, o, &d, &from, &to, &why))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: %s", op_name(s, op), why);
    if (d.activation != TFL_ACT_NONE && d.activation != TFL_ACT_RELU && d.activation != TFL_ACT_RELU6 &&
        d.activation != TFL_ACT_RELU_N1_TO_1)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)d.activation);
    if ((d.kind == POOL_MAX || !is_reduction(o)) && !same_numbers(d.in, d.out))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: output \"%s\" has another scale or zero point than the "
                      "input; TFLite's pools do not rescale", op_name(s, op), d.out->name);
    if (s->form[o->inputs[0]] == FORM_VECTOR)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" lies on the chip as a vector; this version pools images",
                      op_name(s, op),
                      d.in->name);
    if (pool_is_global(&d, &from, &to)) {
        const char *large = pool_global_refusal(s->arena, &from);
        return large ? REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" (%s): %s", op_name(s, op), d.in->name,
                              tfl_shape_text(s->arena, d.in), large)
                     : MAPPED;
    }
    struct grid in = grid_of(from.y, from.x, from.z), out = grid_of(to.y, to.x, to.z);
    int32_t rows = pool_wide_rows(&d, &in, &out);
    if (rows > WIDE_ROWS)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: a row of windows of %dx%d needs %d rows of wide memory, %d are "
                      "there: pool in two steps", op_name(s, op), d.y.kernel, d.x.kernel, rows, WIDE_ROWS);
    return MAPPED;
}

/* Which operators that only move values run on the Edge TPU. */
#include "compiler/move.h"
#include "compiler/rule.h"
#include "compiler/numerics.h"
#include "compiler/operators.h"
#include "compiler/rearrange.h"

enum {
    SELECT_LIMIT = 1 << 20, /* bytes of a matrix that picks channels */
    VECTOR_LIMIT = 4096,    /* elements of a vector that is cut      */
};

static struct verdict check_output(const struct support *s, uint32_t op, uint32_t k)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    const struct tfl_tensor *out = op_output(s->graph->source, o, k);
    struct shape4 to, from;
    const char *why = NULL;
    uint32_t count, blocks = (uint32_t)s->views.blocks[o->outputs[k]];
    const struct move_part *parts = view_parts(s->arena, &s->views, op, k, &count, &why);
    if (!parts || !shape4_of(out, &to) || to.n != 1)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: output \"%s\" (%s): %s", op_name(s, op), out->name,
                      tfl_shape_text(s->arena, out), why ? why : "batch 1 is possible");
    int64_t channels = 0;
    bool vector = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct tfl_tensor *in = op_input(s->graph->source, o, parts[i].input);
        if (in->data.size)
            return REFUSE(s, SUPPORT_LIMITATION, "%s: input \"%s\" is a constant", op_name(s, op), in->name);
        if (!shape4_of(in, &from) || from.n != 1)
            return REFUSE(s, SUPPORT_RANK, "%s: input \"%s\" (%s): batch 1 is possible", op_name(s, op), in->name,
                          tfl_shape_text(s->arena, in));
        if (o->code != TFL_OP_CONCATENATION && !same_numbers(in, out))
            return REFUSE(s, SUPPORT_LIMITATION,
                          "%s: input \"%s\" and output \"%s\" have different scales or zero points", op_name(s, op),
                          in->name, out->name);
        if ((from.y < GRID && to.y > from.y) || (from.x < GRID && to.x > from.x))
            return REFUSE(s, SUPPORT_LIMITATION,
                          "%s: input \"%s\" (%s) has fewer than %d rows or columns and the output more: tiles "
                          "without pixels of their own would have to make some",
                          op_name(s, op), in->name, tfl_shape_text(s->arena, in), GRID);
        vector = vector || is_pixel(in);
        if (blocks == 0)
            channels += round_up(parts[i].from % 4 + parts[i].count, 4);
        else if (i < count / blocks) /* whole pixels of every input (lower_move.c) */
            channels += round_up(from.z, 4);
    }
    if (vector && (to.y != 1 || to.x != 1 || count != 1))
        return REFUSE(s, SUPPORT_LIMITATION, "%s: the input is one pixel; this version only cuts vectors",
                      op_name(s, op));
    if (vector && from.z > VECTOR_LIMIT)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: a vector of %d elements; %d are possible", op_name(s, op), from.z,
                      VECTOR_LIMIT);
    if (!vector && !move_is_by_words(parts, count, to.z) &&
        channels * (o->code == TFL_OP_DEPTH_TO_SPACE ? from.z : to.z) > SELECT_LIMIT)
        return REFUSE(
            s, SUPPORT_LIMITATION,
            "%s: channels that do not begin at multiples of 4 are picked with a matrix, here of %lld x %d bytes; "
            "%d in all are possible",
            op_name(s, op), (long long)channels, to.z, SELECT_LIMIT);
    return MAPPED;
}

struct verdict support_move(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    for (uint32_t k = 0; k < o->n_outputs; k++) {
        struct verdict v = check_output(s, op, k);
        if (v.why && s->views.blocks[o->outputs[k]])
            return v;
        if (v.why)
            return support_rearrange(s, op).why
                       ? REFUSE(s, v.status, "%s; byte by byte: %s", v.why, support_rearrange_refusal(s, op))
                       : MAPPED;
    }
    return MAPPED;
}

struct verdict support_join(const struct support *s, uint32_t op)
{
    const struct tfl_operator *o = &s->graph->source->operators[op];
    if (support_is_rows(s, op))
        return MAPPED;
    if (support_reads_rows(s, op))
        return REFUSE(s, SUPPORT_LIMITATION,
                      "%s: rows of images are joined where all are images of convolutions, or go on from those, on the "
                      "chip; here one is not",
                      op_name(s, op));
    if (is_pixel(op_output(s->graph->source, o, 0)))
        return support_concatenation(s, op);
    if (o->options.concatenation.activation != TFL_ACT_NONE)
        return REFUSE(s, SUPPORT_LIMITATION, "%s: fused activation %d; use a separate operator", op_name(s, op),
                      (int)o->options.concatenation.activation);
    return support_move(s, op);
}

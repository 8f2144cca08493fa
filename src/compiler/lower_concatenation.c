/* CONCATENATION of vectors.  Where every part but the last ends with a whole word, words are copied to their places.
 * Else the words of all parts are put side by side on the first tile and a select picks the bytes (bright_*, color_*:
 * two single values). */
#include "compiler/families.h"
#include "compiler/lower.h"
#include "compiler/operators.h"
#include "compiler/select.h"

/* Input k: in slices, or whole on the first tile. */
static uint32_t part(struct plan *p, const struct tfl_operator *o, uint32_t k)
{
    uint32_t value = lower_value(p, (uint32_t)o->inputs[k]);
    return p->values[value].layout == LAYOUT_SLICES ? value : lower_whole(p, value, 1, NO_OPERATOR);
}

static int32_t words_of(const struct plan *p, uint32_t value) { return (int32_t)ceil_div(p->values[value].z, 4); }

static bool whole_words(struct plan *p, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k + 1 < o->n_inputs; k++)
        if (p->values[part(p, o, k)].z % 4)
            return false;
    return true;
}

/* One word that a FULLY_CONNECTED makes: it can be made in its place among the others. */
static bool single_word(struct plan *p, uint32_t value)
{
    const struct value *v = &p->values[value];
    return v->z <= 4 && v->layout == LAYOUT_SLICES && v->buffer == NO_BUFFER &&
           p->steps[v->first].family == &family_fully_connected;
}

/* All parts as one vector of words in one buffer, or NO_VALUE. */
static uint32_t strip_of(struct plan *p, const struct tfl_operator *o)
{
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        if (!single_word(p, part(p, o, k)))
            return NO_VALUE;
        for (uint32_t i = 0; i < k; i++)
            if (part(p, o, i) == part(p, o, k))
                return NO_VALUE;
    }
    uint32_t first = p->values[part(p, o, 0)].first;
    for (uint32_t k = 1; k < o->n_inputs; k++)
        first = p->values[part(p, o, k)].first < first ? p->values[part(p, o, k)].first : first;
    uint32_t buffer = plan_buffer(
        p, (struct narrow_buffer){.words = (int32_t)o->n_inputs, .first = first, .last = p->n_steps});
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        struct value *v = &p->values[part(p, o, k)];
        v->buffer = buffer;
        v->offset = (int32_t)k;
    }
    uint32_t strip = plan_value(p, p->values[part(p, o, 0)].tensor, LAYOUT_SLICES, 1, 1, 4 * (int32_t)o->n_inputs);
    p->values[strip].buffer = buffer;
    p->values[strip].first = first;
    return strip;
}

static void join(struct plan *p, uint32_t op, uint32_t from, uint32_t to, struct join_detail d)
{
    struct join_detail *detail = ARENA_NEW(p->arena, struct join_detail);
    *detail = d;
    struct step *s = plan_step(p, &family_join, op);
    s->detail = detail;
    step_reads(p, s, from);
    step_makes(p, s, to);
}

static void join_all(struct plan *p, uint32_t op, uint32_t to)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    struct join_detail d = {.first = true};
    uint32_t strip = p->values[to].layout == LAYOUT_WHOLE ? strip_of(p, o) : NO_VALUE;
    if (strip != NO_VALUE) {
        join(p, op, strip, to, (struct join_detail){.first = true, .last = true});
        return;
    }
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        d.last = k + 1 == o->n_inputs;
        join(p, op, part(p, o, k), to, d);
        d.at += words_of(p, part(p, o, k));
        d.first = false;
    }
}

/* Bytes of the joined words that are data. */
static const int32_t *data_bytes(struct plan *p, const struct tfl_operator *o, int32_t outputs)
{
    int32_t *from = ARENA_ARRAY(p->arena, int32_t, (size_t)outputs), at = 0, n = 0;
    for (uint32_t k = 0; k < o->n_inputs; k++) {
        for (int32_t i = 0; i < p->values[part(p, o, k)].z; i++)
            from[n++] = 4 * at + i;
        at += words_of(p, part(p, o, k));
    }
    return from;
}

bool lower_concatenation(struct plan *p, uint32_t op)
{
    const struct tfl_operator *o = &p->graph->operators[op];
    const struct tfl_tensor *t = &p->graph->tensors[o->outputs[0]];
    int32_t z = (int32_t)tfl_elements(t), words = 0;
    uint32_t out = plan_value(p, t, LAYOUT_SLICES, 1, 1, z);
    p->value_of[o->outputs[0]] = out;
    if (whole_words(p, o)) {
        join_all(p, op, out);
        return true;
    }
    for (uint32_t k = 0; k < o->n_inputs; k++)
        words += words_of(p, part(p, o, k));
    uint32_t side_by_side = plan_value(p, t, LAYOUT_WHOLE, 1, 1, 4 * words);
    p->values[side_by_side].tiles = (1 << slices_of(z).tiles) - 1;
    join_all(p, op, side_by_side);
    struct step *s = plan_step(p, &family_fully_connected, op);
    s->detail = select_make(p->arena, t, z, 4 * words, data_bytes(p, o, z));
    step_reads(p, s, side_by_side);
    step_makes(p, s, out);
    return true;
}

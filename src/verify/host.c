/* What the driver relies on: field offsets and DMA hints. */
#include "verify/check.h"

enum { IMMEDIATE_BIT = 70, ALU_MOVE = 0x0f };

static bool same_name(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const struct isa_inst *at_word(const struct code *code, uint32_t chunk, uint32_t word)
{
    for (size_t k = 0; k < code->count; k++)
        if (code->chunk[k] == chunk && code->word[k] == word)
            return &code->inst[k];
    return NULL;
}

static void check_offsets(struct check *c, const struct code *code, uint32_t chunk)
{
    const struct dwn_stream *s = &code->x->streams[chunk];
    for (uint32_t k = 0; k < s->n_offsets; k++) {
        const struct dwn_field_offset *f = &s->offsets[k];
        uint32_t word = f->offset_bit / (8 * ISA_WORD);
        const struct isa_inst *i = f->offset_bit % (8 * ISA_WORD) == IMMEDIATE_BIT ? at_word(code, chunk, word) : NULL;
        if (!i || i->op != ISA_BUNDLE || i->bundle.alu != ALU_MOVE || !i->bundle.alu_imm || i->bundle.imm != 0)
            finding(c, code, NOWHERE, RULE_OFFSET, "chunk %u: bit %u is not the immediate of a move of 0", chunk,
                    f->offset_bit);
        if (k % 2 == 1) {
            const struct dwn_field_offset *g = f - 1;
            if (g->desc != f->desc || g->upper == f->upper || !same_name(g->name, f->name) ||
                f->offset_bit - g->offset_bit != 8 * ISA_WORD)
                finding(c, code, NOWHERE, RULE_OFFSET, "chunk %u: offsets %u and %u are not the halves of one address",
                        chunk, g->offset_bit, f->offset_bit);
        }
    }
    if (s->n_offsets % 2)
        finding(c, code, NOWHERE, RULE_OFFSET, "chunk %u has %u field offsets, half an address too many", chunk,
                s->n_offsets);
}

static const struct dwn_layer *layer_of(const struct dwn_executable *x, const struct dwn_hint *h)
{
    const struct dwn_layer *l = h->desc == DWN_INPUT ? x->inputs : x->outputs;
    uint32_t n = h->desc == DWN_INPUT ? x->n_inputs : x->n_outputs;
    for (uint32_t k = 0; k < n; k++)
        if (same_name(l[k].name, h->name))
            return &l[k];
    return NULL;
}

/* Bytes of the buffer that a descriptor hint addresses; -1: no such buffer. */
static int64_t buffer_bytes(const struct dwn_executable *x, const struct dwn_hint *h)
{
    if (h->desc == DWN_PARAMETER)
        return (int64_t)x->parameters.size;
    if (h->desc == DWN_SCRATCH)
        return x->scratch_bytes;
    const struct dwn_layer *l = layer_of(x, h);
    return l ? (int64_t)l->size_bytes * (l->execution_count > 1 ? l->execution_count : 1) : -1;
}

static void check_hint(struct check *c, const struct code *code, uint32_t k)
{
    const struct dwn_hint *h = &code->x->hints[k];
    if (h->kind != DWN_HINT_DESCRIPTOR)
        return;
    int64_t bytes = buffer_bytes(code->x, h);
    if (bytes < 0)
        finding(c, code, NOWHERE, RULE_HINT_RANGE, "hint %u names the layer '%s', which does not exist", k,
                h->name ? h->name : "");
    else if (h->offset < 0 || h->size <= 0 || h->size % 8 || (int64_t)h->offset + h->size > bytes)
        finding(c, code, NOWHERE, RULE_HINT_RANGE, "hint %u: %d bytes at %d of a buffer of %lld", k, h->size, h->offset,
                (long long)bytes);
    enum dwn_direction want = h->desc == DWN_OUTPUT ? DWN_OUTFEED : DWN_INFEED;
    if (h->desc != DWN_SCRATCH && h->direction != want)
        finding(c, code, NOWHERE, RULE_HINT_RANGE, "hint %u moves in the wrong direction", k);
}

/* An output is moved once, byte for byte.  An input in one transfer is moved whole; in several, they are bands of rows,
 * which may overlap (deeplabv3_mnv2_pascal) and leave out rows that no window reads. */
static void check_cover(struct check *c, const struct code *code, const struct dwn_layer *layers, uint32_t n,
                        enum dwn_desc desc)
{
    for (uint32_t l = 0; l < n; l++) {
        int bands = 0;
        int64_t sum = 0,
                want = (int64_t)layers[l].size_bytes * (layers[l].execution_count > 1 ? layers[l].execution_count : 1);
        for (uint32_t k = 0; k < code->x->n_hints; k++) {
            const struct dwn_hint *h = &code->x->hints[k];
            if (h->kind == DWN_HINT_DESCRIPTOR && h->desc == desc && same_name(h->name, layers[l].name))
                sum += h->size, bands++;
        }
        if (desc == DWN_OUTPUT ? sum != want : sum < want && bands <= 1)
            finding(c, code, NOWHERE, RULE_HINT_COVER, "layer '%s' has %lld bytes, its hints move %lld", layers[l].name,
                    (long long)want, (long long)sum);
    }
}

static void check_hints(struct check *c, const struct code *code)
{
    const struct dwn_executable *x = code->x;
    if (!x->fully_deterministic || x->n_hints == 0)
        return; /* the driver then follows the descriptors as they come */
    const struct dwn_hint *first = &x->hints[0], *last = &x->hints[x->n_hints - 1];
    if (first->kind != DWN_HINT_INSTRUCTION || first->index != 0)
        finding(c, code, NOWHERE, RULE_HINTS, "the first hint is not instruction chunk 0");
    if (last->kind != DWN_HINT_INTERRUPT || last->index != 0)
        finding(c, code, NOWHERE, RULE_HINTS, "the last hint is not interrupt 0");
    int32_t next = 0;
    for (uint32_t k = 0; k < x->n_hints; k++) {
        if (x->hints[k].kind == DWN_HINT_INSTRUCTION && x->hints[k].index != next++)
            finding(c, code, NOWHERE, RULE_HINTS, "hint %u is instruction chunk %d", k, x->hints[k].index);
        check_hint(c, code, k);
    }
    if (next != (int32_t)x->n_streams)
        finding(c, code, NOWHERE, RULE_HINTS, "%d instruction hints for %u chunks", next, x->n_streams);
    check_cover(c, code, x->inputs, x->n_inputs, DWN_INPUT);
    check_cover(c, code, x->outputs, x->n_outputs, DWN_OUTPUT);
}

void check_host(struct check *c, const struct code *code)
{
    for (uint32_t k = 0; k < code->x->n_streams; k++)
        check_offsets(c, code, k);
    check_hints(c, code);
}

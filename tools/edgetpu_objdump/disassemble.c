#include "dump.h"

enum {
    REGISTERS = 32, SLOTS = 4,
    ALU_ADD = 0x01, ALU_FIRST_COMPARE = 0x09, ALU_LAST_COMPARE = 0x0d, ALU_MOVE = 0x0f, /* isa/scalar-core.md */
    STEP = 3, STORE_DESCRIPTOR = 5, STORE_ISSUE = 6,
    WORD_BITS = 8 * ISA_WORD,
    IMMEDIATE_BIT = 70, /* of the 32 bits that the driver patches in a bundle */
};

struct value {
    enum { UNKNOWN, NUMBER, ADDRESS } kind;
    uint32_t number;                     /* ADDRESS: distance from the base */
    const struct dwn_field_offset *base; /* ADDRESS */
};

/* What the scalar core's registers and descriptor slots hold, as far as it follows from straight-line code. */
struct tracker {
    struct value reg[REGISTERS], slot[SLOTS];
};

struct listing {
    struct arena *a;
    struct buf *out;
    struct tracker tracker;
    const struct dwn_stream *stream;
    const struct dwn_field_offset **patch; /* by word */
    bool *is_target; /* words that a branch goes to */
};

/* For every word the field that the driver patches in it (the first, should there be several). */
static const struct dwn_field_offset **patches_by_word(struct arena *a, const struct dwn_stream *s)
{
    const struct dwn_field_offset **patch = arena_array(a, s->code.size / ISA_WORD, sizeof *patch);
    for (uint32_t i = s->n_offsets; i-- > 0;)
        patch[s->offsets[i].offset_bit / WORD_BITS] = &s->offsets[i];
    return patch;
}

static struct value alu_result(const struct listing *l, const struct isa_bundle *b, uint32_t word)
{
    const struct dwn_field_offset *base = l->patch[word];
    struct value first = l->tracker.reg[b->alu_a & (REGISTERS - 1)];
    struct value second = l->tracker.reg[b->alu_b & (REGISTERS - 1)];
    if (b->alu_imm)
        second = base && base->offset_bit % WORD_BITS == IMMEDIATE_BIT ? (struct value){ADDRESS, 0, base}
                                                                       : (struct value){NUMBER, (uint32_t)b->imm, NULL};
    if (b->alu == ALU_MOVE)
        return second;
    if (b->alu == ALU_ADD && second.kind == NUMBER && first.kind != UNKNOWN) {
        first.number += second.number;
        return first;
    }
    if (b->alu == ALU_ADD && first.kind == NUMBER && second.kind != UNKNOWN) {
        second.number += first.number;
        return second;
    }
    return (struct value){0};
}

static bool writes_register(const struct isa_bundle *b) /* compares write a predicate */
{
    return b->alu && (b->alu < ALU_FIRST_COMPARE || b->alu > ALU_LAST_COMPARE);
}

/* Forgets every register that the bundle writes. */
static void forget(struct tracker *t, const struct isa_bundle *b)
{
    const struct value unknown = {0};
    if (b->load)
        t->reg[b->load_dst & (REGISTERS - 1)] = unknown;
    if (b->load == STEP)
        t->reg[b->load_reg & (REGISTERS - 1)] = unknown;
    if (b->store == STEP)
        t->reg[b->store_reg & (REGISTERS - 1)] = unknown;
    if (b->trans)
        t->reg[b->trans_dst & (REGISTERS - 1)] = unknown;
    if (writes_register(b))
        t->reg[b->alu_dst & (REGISTERS - 1)] = unknown;
}

/* All slots read the registers as they were before the bundle (isa/scalar-core.md). */
static void follow(struct listing *l, const struct isa_bundle *b, uint32_t word)
{
    struct tracker *t = &l->tracker;
    struct value result = alu_result(l, b, word), stored = t->reg[b->store_data & (REGISTERS - 1)];
    if (b->store == STORE_DESCRIPTOR)
        t->slot[b->store_slot & (SLOTS - 1)] = b->pred_en ? (struct value){0} : stored; /* perhaps not executed */
    forget(t, b);
    if (writes_register(b) && !b->pred_en)
        t->reg[b->alu_dst & (REGISTERS - 1)] = result;
}

/* A hardware loop comes back to its first word: only what its body leaves alone is still known there. */
static void forget_body(struct tracker *t, const struct isa_program *p, size_t loop)
{
    int64_t last = (int64_t)p->word[loop] + p->inst[loop].loop.length;
    for (size_t i = loop + 1; i < p->count && p->word[i] <= last; i++)
        if (p->inst[i].op == ISA_BUNDLE)
            forget(t, &p->inst[i].bundle);
    memset(t->slot, 0, sizeof t->slot);
}

/* Parameters and scratch have none. */
static void print_layer_name(struct buf *out, const char *name)
{
    if (!name || !*name)
        return;
    buf_text(out, " ");
    print_quoted(out, name);
}

static void print_transfer(struct buf *out, const struct tracker *t)
{
    static const char *const tags[] = {"instructions", "infeed", "parameters", "outfeed",
                                       "interrupt 0",  "interrupt 1", "interrupt 2", "interrupt 3"};
    const struct value *low = &t->slot[0], *size = &t->slot[2], *tag = &t->slot[3];
    bool known = tag->kind == NUMBER && tag->number < sizeof tags / sizeof *tags;
    buf_text(out, "  ; DMA %s", known ? tags[tag->number] : "?");
    if (known && tag->number >= 4)
        return;
    if (low->kind == ADDRESS) {
        buf_text(out, " %s", name_of_desc(low->base->desc));
        print_layer_name(out, low->base->name);
        buf_text(out, "+%u", low->number);
    } else
        buf_text(out, " ?");
    if (size->kind == NUMBER)
        buf_text(out, ", %u bytes", size->number);
}

static void print_patch(struct buf *out, const struct dwn_field_offset *o)
{
    buf_text(out, "  ; <- %s half of %s", o->upper ? "upper" : "lower", name_of_desc(o->desc));
    print_layer_name(out, o->name);
}

static void print_comment(struct listing *l, const struct isa_inst *in, uint32_t word, unsigned words)
{
    for (unsigned w = 0; w < words; w++)
        if (l->patch[word + w])
            print_patch(l->out, l->patch[word + w]);
    if (in->op == ISA_BUNDLE && in->bundle.store == STORE_ISSUE)
        print_transfer(l->out, &l->tracker);
    if (in->op == ISA_BRANCH)
        buf_text(l->out, "  ; to word %lld", (long long)word + in->branch.target);
    if (in->op == ISA_LOOP)
        buf_text(l->out, "  ; words %u..%lld", word + 1, (long long)word + in->loop.length);
}

static void print_words(struct buf *out, const uint8_t *p, uint32_t words)
{
    for (uint32_t w = 0; w < words; w++, p += ISA_WORD) {
        buf_text(out, "        ");
        for (unsigned i = 0; i < ISA_WORD; i++)
            buf_text(out, i % 4 ? "%02x" : " %02x", p[i]);
        buf_text(out, "\n");
    }
}

static bool *branch_targets(struct arena *a, const struct isa_program *p, size_t words)
{
    bool *is_target = ARENA_ARRAY(a, bool, words);
    for (size_t i = 0; i < p->count; i++)
        if (p->inst[i].op == ISA_BRANCH) {
            int64_t to = (int64_t)p->word[i] + p->inst[i].branch.target;
            if (to >= 0 && (uint64_t)to < words)
                is_target[to] = true;
        }
    return is_target;
}

static bool print_chunk(struct listing *l, bool hex, struct status *st)
{
    struct isa_program p;
    struct bytes code = l->stream->code;
    if (!isa_decode_stream(l->a, code, &p, st))
        return false;
    l->patch = patches_by_word(l->a, l->stream);
    l->is_target = branch_targets(l->a, &p, code.size / ISA_WORD);
    for (size_t i = 0; i < p.count; i++) {
        const struct isa_inst *in = &p.inst[i];
        uint32_t word = p.word[i];
        unsigned words = isa_op_of(in->op)->words;
        if (l->is_target[word])
            l->tracker = (struct tracker){0};
        buf_text(l->out, "%6u:  ", word);
        isa_print(l->out, in);
        print_comment(l, in, word, words);
        buf_text(l->out, "\n");
        if (hex)
            print_words(l->out, code.data + (size_t)word * ISA_WORD, words);
        if (in->op == ISA_BUNDLE)
            follow(l, &in->bundle, word);
        if (in->op == ISA_LOOP)
            forget_body(&l->tracker, &p, i);
        if (in->op == ISA_BRANCH)
            l->tracker = (struct tracker){0};
    }
    return true;
}

bool print_code(struct arena *a, struct buf *out, const struct dwn_executable *x, bool hex, struct status *st)
{
    struct listing l = {.a = a, .out = out}; /* registers live on from chunk to chunk */
    for (uint32_t i = 0; i < x->n_streams; i++) {
        l.stream = &x->streams[i];
        buf_text(out, "  chunk %u:\n", i);
        if (!print_chunk(&l, hex, st))
            return status_context(st, "chunk %u: ", i);
    }
    return true;
}

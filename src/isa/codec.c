/* Words <-> structs, field by field along the table. */
#include "base/arena.h"
#include "isa/isa.h"

unsigned isa_length(const uint8_t *p)
{
    const struct isa_op *op = isa_op_of((unsigned)bits_get(p, 6, 6));
    return op ? op->words : 0;
}

static bool all_zero(const uint8_t *p, unsigned at, unsigned width)
{
    for (unsigned done = 0; done < width; done += 64)
        if (bits_get(p, at + done, width - done < 64 ? width - done : 64))
            return false;
    return true;
}

static void set_member(struct isa_inst *in, const struct isa_field *f, uint64_t raw)
{
    int32_t v = (int32_t)(uint32_t)(f->is_signed ? (uint64_t)bits_sign(raw, f->width) : raw);
    memcpy((uint8_t *)in + f->member, &v, sizeof v);
}

bool isa_decode(struct bytes stream, size_t at_word, struct isa_inst *out, unsigned *words, struct status *st)
{
    size_t have = stream.size / ISA_WORD;
    if (at_word >= have)
        return status_fail(st, STATUS_INVALID, "word %zu: beyond the stream of %zu words", at_word, have);
    const uint8_t *p = stream.data + at_word * ISA_WORD;
    unsigned opcode = (unsigned)bits_get(p, 6, 6);
    const struct isa_op *op = isa_op_of(opcode);
    if (!op)
        return status_fail(st, STATUS_INVALID, "word %zu: unknown opcode 0x%02x", at_word, opcode);
    if (op->words > have - at_word)
        return status_fail(st, STATUS_INVALID, "word %zu: %s of %u words is cut off by the end of the stream",
                           at_word, op->mnemonic, op->words);
    *out = (struct isa_inst){0};
    for (const struct isa_field *f = op->fields; f < op->fields + op->n_fields; f++) {
        if (!isa_field_exists(f, out)) /* selectors lie below what they select */
            continue;
        if (f->member != ISA_NO_MEMBER)
            set_member(out, f, bits_get(p, f->bit, f->width));
        else if (!all_zero(p, f->bit, f->width))
            return status_fail(st, STATUS_INVALID, "word %zu: %s has bits set in %u..%u, which are always zero",
                               at_word, op->mnemonic, f->bit, f->bit + f->width - 1u);
    }
    *words = op->words;
    return true;
}

static bool fits(int64_t v, const struct isa_field *f)
{
    int64_t span = (int64_t)1 << (f->is_signed ? f->width - 1 : f->width);
    return v < span && v >= (f->is_signed ? -span : 0);
}

bool isa_encode(const struct isa_inst *in, uint8_t *out, unsigned *words, struct status *st)
{
    const struct isa_op *op = isa_op_of(in->op);
    if (!op)
        return status_fail(st, STATUS_INVALID, "unknown opcode 0x%02x", (unsigned)in->op);
    memset(out, 0, (size_t)op->words * ISA_WORD);
    for (const struct isa_field *f = op->fields; f < op->fields + op->n_fields; f++) {
        if (f->member == ISA_NO_MEMBER || !isa_field_exists(f, in))
            continue;
        int64_t v = isa_field_value(f, in);
        if (!fits(v, f))
            return status_fail(st, STATUS_LIMIT, "%s: %s = %lld does not fit in %s%u bits", op->mnemonic, f->name,
                               (long long)v, f->is_signed ? "signed " : "", f->width);
        bits_put(out, f->bit, f->width, (uint64_t)v & (((uint64_t)1 << f->width) - 1));
    }
    *words = op->words;
    return true;
}

bool isa_decode_stream(struct arena *a, struct bytes stream, struct isa_program *out, struct status *st)
{
    if (stream.size % ISA_WORD)
        return status_fail(st, STATUS_INVALID, "the stream of %zu bytes is not made of 16-byte words", stream.size);
    size_t have = stream.size / ISA_WORD, count = 0;
    for (size_t at = 0; at < have; count++) {
        unsigned n = isa_length(stream.data + at * ISA_WORD);
        at += n ? n : have; /* isa_decode below says what is wrong */
    }
    if (have > UINT32_MAX)
        return status_fail(st, STATUS_LIMIT, "the stream has %zu words", have);
    *out = (struct isa_program){ARENA_ARRAY(a, struct isa_inst, count), ARENA_ARRAY(a, uint32_t, count), count};
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned n;
        out->word[i] = (uint32_t)at;
        if (!isa_decode(stream, at, &out->inst[i], &n, st))
            return false;
        at += n;
    }
    return true;
}

bool isa_encode_stream(struct arena *a, const struct isa_inst *inst, size_t count, struct bytes *out,
                       struct status *st)
{
    size_t words = 0;
    for (size_t i = 0; i < count; i++) {
        const struct isa_op *op = isa_op_of(inst[i].op);
        words += op ? op->words : 0;
    }
    uint8_t *data = ARENA_ARRAY(a, uint8_t, words * ISA_WORD);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct isa_inst in = inst[i];
        unsigned n;
        if (in.op == ISA_START)
            in.start.length = words > INT32_MAX ? INT32_MAX : (int32_t)words - 2;
        if (!isa_encode(&in, data + at * ISA_WORD, &n, st))
            return status_context(st, "instruction %zu, word %zu: ", i, at);
        at += n;
    }
    *out = bytes_of(data, words * ISA_WORD);
    return true;
}

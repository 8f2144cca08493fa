/* What every stream looks like from outside: start, end, numbering, fences, branches. */
#include "verify/check.h"

static bool empty_bundle(const struct isa_inst *i)
{
    const struct isa_bundle *b = &i->bundle;
    return i->op == ISA_BUNDLE && !b->pred_en && !b->load && !b->store && !b->alu && !b->trans;
}

/* Instructions [first, end) are chunk `chunk`. */
static void check_chunk(struct check *c, const struct code *code, size_t first, size_t end, uint32_t chunk)
{
    size_t words = code->x->streams[chunk].code.size / ISA_WORD;
    bool last_chunk = chunk + 1 == code->x->n_streams;
    if (words < 1 || words > MAX_CHUNK_WORDS || code->x->streams[chunk].code.size % ISA_WORD)
        finding(c, code, (long)first, RULE_CHUNK, "chunk %u has %zu bytes", chunk, code->x->streams[chunk].code.size);
    if (first == end)
        return;
    const struct isa_inst *i = code->inst;
    if (i[first].op != ISA_START)
        finding(c, code, (long)first, RULE_START, "chunk %u begins with opcode %02x", chunk, (unsigned)i[first].op);
    else if (words >= 2 && i[first].start.length != (int32_t)words - 2)
        finding(c, code, (long)first, RULE_START, "length field %d in a stream of %zu words", i[first].start.length,
                words);
    for (size_t k = first + 1; k < end; k++)
        if (i[k].op == ISA_START)
            finding(c, code, (long)k, RULE_START, "a second start instruction");
    bool closed = end - first >= 7 && i[end - 1].op == ISA_END && i[end - 6].op == ISA_HALT;
    for (size_t k = end - 5; closed && k < end - 1; k++)
        closed = empty_bundle(&i[k]);
    if (!closed)
        finding(c, code, (long)end - 1, RULE_END, "chunk %u does not end with halt, four empty bundles, end", chunk);
    for (size_t k = first; k + 6 < end; k++)
        if (i[k].op == ISA_HALT || i[k].op == ISA_END)
            finding(c, code, (long)k, RULE_END, "%s inside the stream", i[k].op == ISA_HALT ? "halt" : "end");
    if (closed && (i[end - 6].halt.last != 0) != last_chunk)
        finding(c, code, (long)end - 6, RULE_CHUNK, "chunk %u of %u has last = %d", chunk, code->x->n_streams,
                i[end - 6].halt.last);
}

/* Numbers run on from chunk to chunk; newer caching programs start at 0x8000. */
static void check_sequence(struct check *c, const struct code *code)
{
    bool have = false;
    int32_t previous = 0;
    for (size_t k = 0; k < code->count; k++) {
        int32_t tiles, seq;
        if (!inst_tiles(&code->inst[k], &tiles, &seq))
            continue;
        if (have ? seq != ((previous + 1) & 0xffff) : seq != 0 && seq != 0x8000)
            finding(c, code, (long)k, RULE_SEQ, "sequence number %d follows %d", seq, have ? previous : -1);
        previous = seq;
        have = true;
        bool dynamic = (code->inst[k].op == ISA_RING_SEND && code->inst[k].send.tdyn) ||
                       (code->inst[k].op == ISA_TO_WIDE && code->inst[k].to_wide.tdyn) ||
                       (code->inst[k].op == ISA_TO_NARROW && code->inst[k].to_narrow.tdyn) ||
                       ((code->inst[k].op == ISA_RING_RECV_A || code->inst[k].op == ISA_RING_RECV_B) &&
                        code->inst[k].recv.tdyn) ||
                       (is_mesh(&code->inst[k]) && code->inst[k].mesh.tdyn);
        if (tiles == 0 && !dynamic)
            finding(c, code, (long)k, RULE_TILES, "the tile mask is empty");
    }
}

static void check_fences(struct check *c, const struct code *code)
{
    long last = NOWHERE;
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        if (i->op != ISA_FENCE)
            continue;
        last = (long)k;
        if (i->fence.core) {
            const struct isa_inst *next = k + 1 < code->count ? i + 1 : NULL;
            if (!next || next->op != ISA_SYNC || next->sync.tiles != i->fence.tiles)
                finding(c, code, (long)k, RULE_FENCE, "no scalar fence for tiles %04x behind it",
                        (unsigned)i->fence.tiles);
        }
        if (i->fence.end && i->fence.end != 3)
            finding(c, code, (long)k, RULE_DRAIN, "end field %d", i->fence.end);
    }
    for (size_t k = 0; k < code->count; k++)
        if (code->inst[k].op == ISA_FENCE && code->inst[k].fence.end && (long)k != last)
            finding(c, code, (long)k, RULE_DRAIN, "marked as the last fence, but another follows");
    if (!code->whole)
        return;
    const struct isa_fence *f = last == NOWHERE ? NULL : &code->inst[last].fence;
    if (!f || f->end != 3 || f->threads != 0x3ff || f->tiles != 0xffff || !f->core)
        finding(c, code, last, RULE_DRAIN, "the program does not end with a fence over everything");
}

/* A word index is a legal target if an instruction of the same chunk begins there. */
static bool lands(const struct code *code, uint32_t chunk, int64_t word, bool scalar)
{
    for (size_t k = 0; k < code->count; k++)
        if (code->chunk[k] == chunk && code->word[k] == word)
            return !scalar || code->inst[k].op >= ISA_BUNDLE;
    return false;
}

static void check_branches(struct check *c, const struct code *code)
{
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        if (i->op == ISA_BRANCH && !lands(code, code->chunk[k], (int64_t)code->word[k] + i->branch.target, false))
            finding(c, code, (long)k, RULE_BRANCH, "branch by %d words lands inside or outside of instructions",
                    i->branch.target);
        if (i->op == ISA_LOOP && (i->loop.count < 1 || i->loop.length < 1 ||
                                  !lands(code, code->chunk[k], (int64_t)code->word[k] + 1 + i->loop.length, false)))
            finding(c, code, (long)k, RULE_BRANCH, "loop of %d words, %d times, does not end at an instruction",
                    i->loop.length, i->loop.count);
    }
}

void check_framing(struct check *c, const struct code *code)
{
    size_t first = 0;
    if (code->x->n_streams == 0)
        finding(c, code, NOWHERE, RULE_CHUNK, "the executable has no instructions");
    for (uint32_t chunk = 0; chunk < code->x->n_streams; chunk++) {
        size_t end = first;
        while (end < code->count && code->chunk[end] == chunk)
            end++;
        check_chunk(c, code, first, end, chunk);
        first = end;
    }
    check_sequence(c, code);
    check_fences(c, code);
    check_branches(c, code);
}

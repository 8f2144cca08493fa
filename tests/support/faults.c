#include "support/faults.h"

#include "isa/isa.h"

/* A change of one instruction; false: not applicable to it. */
typedef bool change_fn(struct isa_inst *i);

static bool tensor(const struct isa_inst *i) { return i->op == ISA_MAC; }
static bool mesh(const struct isa_inst *i) { return i->op >= ISA_MESH_SOUTH && i->op <= ISA_MESH_EAST; }
static bool recv(const struct isa_inst *i) { return i->op == ISA_RING_RECV_A || i->op == ISA_RING_RECV_B; }

/* First loop that runs more than once; -1 if none. */
static int walking(const struct isa_ttu *t, int loops)
{
    for (int k = 0; k < loops; k++)
        if (t->lim[k] > 0 && t->mask >> k & 1)
            return k;
    return -1;
}

static bool stretch(struct isa_ttu *t, int loops, int32_t by) /* a wrong stride */
{
    int k = walking(t, loops);
    if (k >= 0)
        t->step[k] += by;
    return k >= 0;
}

static bool shorten(struct isa_ttu *t, int loops) /* one iteration less */
{
    int k = walking(t, loops);
    if (k >= 0)
        t->lim[k]--;
    return k >= 0;
}

/* Simple kinds: NAME, condition on i, statement.  The name is what reports print. */
#define KINDS(X)                                                                                                       \
    X(tensor_input_stride, tensor(i), return stretch(&i->tensor.a, 8, 4))                                              \
    X(tensor_input_base, tensor(i), i->tensor.a.base += 4)                                                             \
    X(tensor_input_count, tensor(i), return shorten(&i->tensor.a, 8))                                                  \
    X(tensor_output_stride, tensor(i), return stretch(&i->tensor.o, 8, 4))                                             \
    X(tensor_output_base, tensor(i), i->tensor.o.base += 4)                                                            \
    X(tensor_output_count, tensor(i), return shorten(&i->tensor.o, 8))                                                 \
    X(tensor_weight_stride, tensor(i), return stretch(&i->tensor.w, 8, 4))                                             \
    X(tensor_weight_base, tensor(i), i->tensor.w.base += 4)                                                            \
    X(tensor_weight_buffer, tensor(i) && i->tensor.w.boff, i->tensor.w.boff += 4)                                      \
    X(tensor_nest, tensor(i) && i->tensor.lim[0] > 0, i->tensor.lim[0]--)                                              \
    X(tensor_scale, tensor(i) && i->tensor.scale, i->tensor.scale += 1 << 23)                                          \
    X(tensor_clamp_swapped, tensor(i) && i->tensor.max != i->tensor.min, {                                             \
        int32_t t = i->tensor.max;                                                                                     \
        i->tensor.max = i->tensor.min;                                                                                 \
        i->tensor.min = t;                                                                                             \
    })                                                                                                                 \
    X(tensor_input_zero_point, tensor(i) && i->tensor.azp, i->tensor.azp ^= 1)                                         \
    X(tensor_output_zero_point, tensor(i), i->tensor.ozp ^= 1)                                                         \
    X(tensor_weight_zero_point, tensor(i) && i->tensor.wzp, i->tensor.wzp ^= 1)                                        \
    X(tensor_lanes, tensor(i) && i->tensor.lanes > 3, { i->tensor.lanes -= 4; i->tensor.lanes_last -= 4; })            \
    X(tensor_reduction, tensor(i) && i->tensor.redmask, i->tensor.redmask = 0)                                         \
    X(tensor_no_bias, tensor(i) && i->tensor.mem_bias, i->tensor.mem_bias = 0)                                         \
    X(tensor_no_multiplier, tensor(i) && i->tensor.mem_mult, i->tensor.mem_mult = 0)                                   \
    X(tensor_wait_dropped, tensor(i) && i->tensor.wait[0].fl, i->tensor.wait[0] = (struct isa_wait){0})                \
    X(tensor_wait_late, tensor(i) && i->tensor.wait[0].fl, i->tensor.wait[0].val += 1)                                 \
    X(tensor_signal_dropped, tensor(i) && i->tensor.avdata.en, i->tensor.avdata = (struct isa_signal){0})              \
    X(send_rows, i->op == ISA_RING_SEND, return shorten(&i->send.w, 4))                                                \
    X(send_base, i->op == ISA_RING_SEND, i->send.w.base += 1)                                                          \
    X(send_target, i->op == ISA_RING_SEND && i->send.dst, i->send.dst &= i->send.dst - 1)                              \
    X(send_channel, i->op == ISA_RING_SEND, i->send.chan ^= 1)                                                         \
    X(send_ticket, i->op == ISA_RING_SEND && i->send.wait[0].fl, i->send.wait[0].val += 1)                             \
    X(receive_base, recv(i), i->recv.w.base -= 1)                                                                      \
    X(receive_rows, recv(i), return shorten(&i->recv.w, 4))                                                            \
    X(receive_signal_dropped, recv(i) && i->recv.p.en, i->recv.p = (struct isa_signal){0})                             \
    X(receive_prefix, recv(i) && i->recv.s.en && i->recv.s.lim > 0, i->recv.s.lim--)                                   \
    X(to_narrow_base, i->op == ISA_TO_NARROW, i->to_narrow.n.base += 1)                                                \
    X(to_narrow_pack, i->op == ISA_TO_NARROW && i->to_narrow.pack, i->to_narrow.pack--)                                \
    X(to_narrow_wait_dropped, i->op == ISA_TO_NARROW && i->to_narrow.wait[0].fl, i->to_narrow.wait[0].fl = 0)          \
    X(to_wide_base, i->op == ISA_TO_WIDE, i->to_wide.n.base += 1)                                                      \
    X(to_wide_signal_dropped, i->op == ISA_TO_WIDE && i->to_wide.p.en, i->to_wide.p = (struct isa_signal){0})          \
    X(mesh_send_base, mesh(i) && i->mesh.a.base, i->mesh.a.base += 1)                                                  \
    X(mesh_receive_count, mesh(i), return shorten(&i->mesh.b, 4))                                                      \
    X(mesh_fill_value, mesh(i) && i->mesh.fill, i->mesh.value ^= 0x01010101)                                           \
    X(mesh_wait_dropped, mesh(i) && i->mesh.wait[0].fl, i->mesh.wait[0].fl = 0)                                        \
    X(fence_tiles, i->op == ISA_FENCE && i->fence.core, i->fence.tiles &= 0x7fff)                                      \
    X(fence_flags, i->op == ISA_FENCE && i->fence.flags, i->fence.flags = 0)                                           \
    X(descriptor_size, i->op == ISA_BUNDLE && i->bundle.alu == 0x0f && i->bundle.alu_imm && i->bundle.imm > 8,         \
      i->bundle.imm -= 8)                                                                                              \
    X(infeed_count, i->op == ISA_INFEED && i->infeed.t.llim > 0, i->infeed.t.llim--)                                   \
    X(inject_base, i->op == ISA_INJECT, i->inject.t.base ^= 1)                                                         \
    X(outfeed_count, i->op == ISA_OUTFEED && i->outfeed.t.lim[0] > 0, i->outfeed.t.lim[0]--)                           \
    X(stream_length, i->op == ISA_START, i->start.length++)                                                            \
    X(table_coefficient, i->op == ISA_TABLE, i->table.coef[3][0] ^= 1 << 22)

#define X(name, condition, statement)                                                                                  \
    static bool change_##name(struct isa_inst *i)                                                                      \
    {                                                                                                                  \
        if (!(condition))                                                                                              \
            return false;                                                                                              \
        statement;                                                                                                     \
        return true;                                                                                                   \
    }
KINDS(X)
#undef X

/* Changes that are not inside one instruction. */
enum { SWAP = 0, DELETE_FENCE, DELETE_TILE, NARROW_SHRUNK, HINT_SIZE, OFFSET_MOVED, LAYOUT_SWAPPED, WHOLE_KINDS };

static const struct kind {
    const char *name;
    change_fn *change; /* NULL: one of the whole-package kinds */
    int whole;
} kinds[] = {
#define X(name, condition, statement) {#name, change_##name, 0},
    KINDS(X)
#undef X
    {"neighbours_swapped", NULL, SWAP},       {"fence_deleted", NULL, DELETE_FENCE},
    {"instruction_deleted", NULL, DELETE_TILE}, {"narrow_memory_shrunk", NULL, NARROW_SHRUNK},
    {"hint_size", NULL, HINT_SIZE},           {"field_offset_moved", NULL, OFFSET_MOVED},
    {"layout_swapped", NULL, LAYOUT_SWAPPED},
};

unsigned fault_kinds(void) { return sizeof kinds / sizeof *kinds; }
const char *fault_name(unsigned kind) { return kinds[kind].name; }

static struct dwn_package *copy(struct arena *a, const struct dwn_package *p)
{
    struct dwn_package *q = arena_copy(a, p, sizeof *p);
    q->executables = arena_copy(a, p->executables, p->n_executables * sizeof *p->executables);
    for (uint32_t e = 0; e < q->n_executables; e++) {
        struct dwn_executable *x = &q->executables[e];
        x->streams = arena_copy(a, x->streams, x->n_streams * sizeof *x->streams);
        for (uint32_t s = 0; s < x->n_streams; s++)
            x->streams[s].offsets = arena_copy(a, x->streams[s].offsets,
                                               x->streams[s].n_offsets * sizeof *x->streams[s].offsets);
        x->hints = arena_copy(a, x->hints, x->n_hints * sizeof *x->hints);
        x->outputs = arena_copy(a, x->outputs, x->n_outputs * sizeof *x->outputs);
    }
    return q;
}

/* Words in front of a place move: `delta` words are gone at word `at`. */
static void shift_offsets(struct dwn_stream *s, uint32_t at, int32_t delta)
{
    for (uint32_t k = 0; k < s->n_offsets; k++)
        if (s->offsets[k].offset_bit >= at * 128)
            s->offsets[k].offset_bit = (uint32_t)((int32_t)s->offsets[k].offset_bit - 128 * delta);
}

static bool changed(const struct isa_inst *a, const struct isa_inst *b)
{
    uint8_t x[ISA_MAX_WORDS * ISA_WORD] = {0}, y[ISA_MAX_WORDS * ISA_WORD] = {0};
    unsigned n, m;
    struct status st = {0};
    return isa_encode(a, x, &n, &st) && isa_encode(b, y, &m, &st) && (n != m || memcmp(x, y, n * ISA_WORD) != 0);
}

/* Applies to the k-th instruction of the program; false: does not fit there. */
static bool apply_at(struct isa_program *p, size_t k, const struct kind *kind, struct dwn_stream *s)
{
    struct isa_inst *i = &p->inst[k], before = *i;
    if (kind->change) {
        if (!kind->change(i))
            return false;
        if (changed(i, &before))
            return true;
        *i = before;
        return false;
    }
    bool tile = i->op < ISA_BUNDLE && i->op != ISA_FENCE;
    if (kind->whole == SWAP) {
        if (!tile || k + 1 >= p->count || p->inst[k + 1].op >= ISA_FENCE || p->inst[k + 1].op == i->op)
            return false;
        *i = p->inst[k + 1];
        p->inst[k + 1] = before;
        return true;
    }
    if (kind->whole == DELETE_FENCE ? i->op != ISA_FENCE || i->fence.core : !tile)
        return false;
    uint8_t words[ISA_MAX_WORDS * ISA_WORD];
    unsigned n;
    struct status st = {0};
    if (!isa_encode(i, words, &n, &st))
        return false;
    shift_offsets(s, p->word[k], (int32_t)n);
    memmove(i, i + 1, (p->count - k - 1) * sizeof *i);
    p->count--;
    return true;
}

static bool fault_stream(struct arena *a, struct dwn_executable *x, const struct kind *kind, uint64_t *seed,
                         const char **where)
{
    struct status st = {0};
    uint32_t chunk = (uint32_t)(random_next(seed) % x->n_streams);
    struct isa_program p;
    if (!isa_decode_stream(a, x->streams[chunk].code, &p, &st) || !p.count)
        return false;
    size_t from = random_next(seed) % p.count;
    for (size_t n = 0; n < p.count; n++) {
        size_t k = (from + n) % p.count;
        if (!apply_at(&p, k, kind, &x->streams[chunk]))
            continue;
        *where = arena_text(a, "chunk %u word %u", chunk, p.word[k]);
        int32_t length = 0;
        bool keep = p.count && p.inst[0].op == ISA_START && kind->change;
        if (keep)
            length = p.inst[0].start.length;
        if (!isa_encode_stream(a, p.inst, p.count, &x->streams[chunk].code, &st))
            return false;
        if (keep) { /* isa_encode_stream sets the length: put a faulty one back */
            struct isa_inst start = {.op = ISA_START, .start = {length}};
            unsigned words;
            if (!isa_encode(&start, (uint8_t *)(uintptr_t)x->streams[chunk].code.data, &words, &st))
                return false;
        }
        return true;
    }
    return false;
}

static bool fault_whole(struct arena *a, struct dwn_executable *x, const struct kind *kind, uint64_t *seed)
{
    switch (kind->whole) {
    case NARROW_SHRUNK:
        x->narrow_bytes -= 64;
        return x->narrow_bytes > 0;
    case HINT_SIZE:
        for (uint32_t n = 0, k = (uint32_t)(random_next(seed) % (x->n_hints + 1)); n < x->n_hints; n++, k++)
            if (x->hints[k % x->n_hints].kind == DWN_HINT_DESCRIPTOR && x->hints[k % x->n_hints].size > 8) {
                x->hints[k % x->n_hints].size -= 8;
                return true;
            }
        return false;
    case OFFSET_MOVED:
        for (uint32_t s = 0; s < x->n_streams; s++)
            if (x->streams[s].n_offsets) {
                x->streams[s].offsets[random_next(seed) % x->streams[s].n_offsets].offset_bit += 128;
                return true;
            }
        return false;
    case LAYOUT_SWAPPED:
        for (uint32_t l = 0; l < x->n_outputs; l++) {
            struct dwn_layer *o = &x->outputs[l];
            if (!o->has_layout || o->layout.n_x_offset < 2)
                continue;
            o->layout.x_offset = arena_copy(a, o->layout.x_offset, o->layout.n_x_offset * sizeof(int32_t));
            o->layout.x_offset[1] = o->layout.x_offset[0];
            o->layout.x_tile = arena_copy(a, o->layout.x_tile, o->layout.n_x_tile * sizeof(int32_t));
            o->layout.x_tile[1] = o->layout.x_tile[0];
            return true;
        }
        return false;
    default:
        return false;
    }
}

struct dwn_package *fault_apply(struct arena *a, const struct dwn_package *p, unsigned kind, uint64_t seed,
                                const char **where)
{
    struct dwn_package *q = copy(a, p);
    *where = "package";
    for (uint32_t e = 0; e < q->n_executables; e++) {
        struct dwn_executable *x = &q->executables[e];
        if (x->type == DWN_PARAMETER_CACHING || !x->n_streams)
            continue;
        bool whole = !kinds[kind].change && kinds[kind].whole >= NARROW_SHRUNK;
        if (whole ? fault_whole(a, x, &kinds[kind], &seed) : fault_stream(a, x, &kinds[kind], &seed, where))
            return q;
    }
    return NULL;
}

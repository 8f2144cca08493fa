#include "compiler/program.h"

enum { OFFSET_OF_IMMEDIATE = 70 };

/* ---- loops and address generators ---- */

void loop(struct loops *l, int64_t count, int64_t stride)
{
    unsigned n = loop_count(l);
    if (n < 8)
        l->dim[n] = (struct isa_dim){count, stride};
}

unsigned loop_count(const struct loops *l)
{
    unsigned n = 0;
    while (n < 8 && l->dim[n].count)
        n++;
    return n;
}

static struct isa_ttu unit(unsigned n_loops, int64_t base, struct loops l)
{
    struct isa_ttu t = {.base = (int32_t)base};
    int64_t walked = 0; /* where the inner loops stand when loop k advances */
    for (unsigned k = 0; k < n_loops; k++) {
        struct isa_dim d = l.dim[k].count ? l.dim[k] : (struct isa_dim){1, 0};
        t.step[k] = (int32_t)(d.stride - walked);
        t.lim[k] = (int32_t)(d.count - 1);
        t.mask |= d.stride ? 1 << k : 0;
        walked += d.stride * (d.count - 1);
    }
    return t;
}

static struct isa_ttu mover(unsigned n_loops, int64_t base, struct loops l)
{
    struct isa_ttu t = unit(n_loops, base, l);
    if (!l.dim[0].count)
        t.step[0] = 1;
    return t;
}

struct isa_ttu wide_rows(int64_t base, struct loops l) { return mover(4, base, l); }
struct isa_ttu narrow_words(int64_t base, struct loops l) { return mover(6, base, l); }
struct isa_ttu mesh_words(int64_t base, struct loops l) { return mover(4, base, l); }
struct isa_ttu tensor_unit(int64_t base, struct loops l) { return unit(8, base, l); }
struct isa_ttu host_words(int32_t units) { return (struct isa_ttu){.lim = {units - 1}}; }

struct isa_ttu fifo_units(int64_t base, int64_t total, int32_t half)
{
    struct loops l = total == 1 ? LOOPS({1, 1}) : LOOPS({half, 1}, {ceil_div(total, half), 0});
    struct isa_ttu t = buffered(unit(3, base % (2 * half), l), 1, half);
    int32_t rest = (int32_t)(total % half);
    return rest && total != 1 ? short_last(t, 1, rest, half - rest) : t;
}

struct isa_ttu masked(struct isa_ttu t, int32_t mask)
{
    t.mask = mask;
    return t;
}

struct isa_ttu buffered(struct isa_ttu t, int32_t dim, int32_t offset)
{
    t.bdim = dim;
    t.boff = offset;
    return t;
}

struct isa_ttu short_last(struct isa_ttu t, int32_t dim, int64_t count, int64_t skip)
{
    t.ldim = dim;
    t.llim = (int32_t)(count - 1);
    t.lskip = (int32_t)skip;
    return t;
}

/* ---- waits and signals ---- */

static int32_t wrap16(int64_t v) { return (int16_t)(uint16_t)v; }

struct isa_wait wait_data(enum isa_flag f, int32_t dim, int64_t value, int32_t step)
{
    return (struct isa_wait){.id = (int32_t)f, .dim = dim, .val = wrap16(value), .step = step, .fl = 1};
}

struct isa_wait wait_room(enum isa_flag f, int32_t dim, int64_t value, int32_t step)
{
    return (struct isa_wait){.id = (int32_t)f, .dim = dim, .val = wrap16(value), .step = step, .fl = 3};
}

struct isa_wait wait_core(enum isa_scalar_flag f, int64_t value, int32_t step)
{
    return (struct isa_wait){.id = (int32_t)f, .val = wrap16(value), .step = step, .fl = 1};
}

struct isa_signal signal_at(int32_t dim)
{
    return (struct isa_signal){.en = 1, .dim = dim};
}

/* ---- the books ---- */

/* How often a signal is raised: once per pass of the loops below dim. */
static int32_t raises(struct isa_signal s, const struct isa_ttu *t, unsigned n_loops)
{
    int64_t n = s.en;
    for (unsigned k = (unsigned)s.dim; k < n_loops; k++)
        n *= t->lim[k] + 1;
    if (s.en && s.dim == 0)
        n -= t->lskip;
    return (int32_t)n;
}

static void raise_flag(struct program *p, int32_t tiles, enum isa_flag f, int32_t times)
{
    for (int t = 0; t < ISA_TILES; t++)
        if (tiles >> t & 1)
            p->flag[t][f] += times;
}

static void raise_mesh(struct program *p, const struct isa_mesh *m, enum isa_flag out, enum isa_flag in)
{
    raise_flag(p, m->tiles, out, raises(m->p[0], &m->a, 4));
    raise_flag(p, m->tiles, in, raises(m->p[1], &m->b, 4));
}

/* Sets the sequence number and adds up what the instruction will signal. */
static void account(struct program *p, struct isa_inst *i)
{
    switch (i->op) {
    case ISA_MAC:
    case ISA_MAX:
    case ISA_SUM:
    case ISA_RESIZE:
        i->tensor.seq = p->seq++;
        raise_flag(p, i->tensor.tiles, ISA_AVDATA, raises(i->tensor.avdata, &i->tensor.o, 8));
        raise_flag(p, i->tensor.tiles, ISA_PARAM, raises(i->tensor.param, &i->tensor.w, 8));
        break;
    case ISA_RING_SEND:
        i->send.seq = p->seq++;
        raise_flag(p, i->send.tiles, ISA_RWRITE, raises(i->send.p[0], &i->send.w, 4));
        /* What goes to the scalar core counts for ring A, what is on channel 1 for ring B (docs/isa.md, 0x24). */
        if (!i->send.chan || i->send.core)
            raise_flag(p, ALL_TILES, ISA_RPROD_A, raises(i->send.p[1], &i->send.w, 4));
        if (i->send.chan)
            raise_flag(p, ALL_TILES, ISA_RPROD_B, raises(i->send.p[1], &i->send.w, 4));
        break;
    case ISA_RING_RECV_A:
    case ISA_RING_RECV_B:
        i->recv.seq = p->seq++;
        raise_flag(p, i->recv.tiles, i->op == ISA_RING_RECV_A ? ISA_RREAD_A : ISA_RREAD_B,
                   raises(i->recv.p, &i->recv.w, 4));
        break;
    case ISA_TO_WIDE:
        i->to_wide.seq = p->seq++;
        raise_flag(p, i->to_wide.tiles, ISA_N2W, raises(i->to_wide.p, &i->to_wide.w, 4));
        break;
    case ISA_TO_NARROW:
        i->to_narrow.seq = p->seq++;
        raise_flag(p, i->to_narrow.tiles, i->to_narrow.par ? ISA_W2S : ISA_W2N,
                   raises(i->to_narrow.p, &i->to_narrow.n, 6));
        break;
    case ISA_MESH_SOUTH:
        i->mesh.seq = p->seq++;
        raise_mesh(p, &i->mesh, ISA_S_OUT, ISA_N_IN);
        break;
    case ISA_MESH_WEST:
        i->mesh.seq = p->seq++;
        raise_mesh(p, &i->mesh, ISA_W_OUT, ISA_E_IN);
        break;
    case ISA_MESH_NORTH:
        i->mesh.seq = p->seq++;
        raise_mesh(p, &i->mesh, ISA_N_OUT, ISA_S_IN);
        break;
    case ISA_MESH_EAST:
        i->mesh.seq = p->seq++;
        raise_mesh(p, &i->mesh, ISA_E_OUT, ISA_W_IN);
        break;
    case ISA_TABLE:
        i->table.seq = p->seq++;
        break;
    case ISA_OUTFEED:
        p->host_sends += i->outfeed.host;
        break;
    case ISA_FENCE:
        i->fence.seq = p->seq++;
        for (int t = 0; t < ISA_TILES; t++)
            for (int f = 0; f < ISA_FLAGS; f++)
                if (i->fence.tiles >> t & i->fence.flags >> f & 1)
                    p->flag[t][f] = i->fence.value;
        break;
    default:
        break;
    }
}

void program_init(struct program *p, struct arena *a, int32_t first_seq, struct status *st)
{
    *p = (struct program){.arena = a, .st = st, .seq = first_seq};
}

void program_add(struct program *p, struct isa_inst inst)
{
    const struct isa_op *op = isa_op_of(inst.op);
    if (!op) {
        status_fail(p->st, STATUS_INTERNAL, "opcode 0x%02x does not exist", (unsigned)inst.op);
        return;
    }
    account(p, &inst);
    p->inst = arena_grow(p->arena, p->inst, p->count, sizeof *p->inst, &p->capacity);
    p->inst[p->count++] = inst;
    p->words += op->words;
}

unsigned program_add_tiles(struct program *p, tile_inst_fn *make, const void *arg)
{
    struct isa_inst inst[ISA_TILES];
    unsigned n = tile_classes(make, arg, NULL, inst);
    for (unsigned k = 0; k < n; k++)
        program_add(p, inst[k]);
    return n;
}

int32_t program_flag(struct program *p, int32_t tiles, enum isa_flag f)
{
    int32_t value = 0;
    bool first = true;
    for (int t = 0; t < ISA_TILES; t++) {
        if (!(tiles >> t & 1))
            continue;
        if (!first && p->flag[t][f] != value)
            status_fail(p->st, STATUS_INTERNAL, "word %u: tiles 0x%04x do not agree on flag %d", p->words,
                        (unsigned)tiles, (int)f);
        value = p->flag[t][f];
        first = false;
    }
    return value;
}

bool program_flags_agree(const struct program *p, int32_t tiles, int32_t flags)
{
    int first = -1;
    for (int t = 0; t < ISA_TILES; t++) {
        if (!(tiles >> t & 1))
            continue;
        for (int f = 0; first >= 0 && f < ISA_FLAGS; f++)
            if (flags >> f & 1 && p->flag[t][f] != p->flag[first][f])
                return false;
        first = t;
    }
    return true;
}

void program_field_offset(struct program *p, enum dwn_desc desc, const char *name, bool upper)
{
    p->offsets = arena_grow(p->arena, p->offsets, p->n_offsets, sizeof *p->offsets, &p->offsets_capacity);
    p->offsets[p->n_offsets++] = (struct dwn_field_offset){
        .desc = desc, .name = name, .upper = upper, .offset_bit = p->words * 8 * ISA_WORD + OFFSET_OF_IMMEDIATE};
}

void program_keep_together(struct program *p, size_t first)
{
    p->loops = arena_grow(p->arena, p->loops, p->n_loops, sizeof *p->loops, &p->loops_capacity);
    p->loops[p->n_loops++] = (struct program_loop){first, p->count};
}

static void add_hint(struct program *p, struct dwn_hint h)
{
    p->hints = arena_grow(p->arena, p->hints, p->n_hints, sizeof *p->hints, &p->hints_capacity);
    p->hints[p->n_hints++] = (struct issued_hint){h, p->words - 1};
}

void program_hint(struct program *p, enum dwn_direction dir, enum dwn_desc desc, const char *name, int64_t offset,
                  int64_t size)
{
    struct dwn_hint *last = p->n_hints ? &p->hints[p->n_hints - 1].hint : NULL;
    if (last && last->kind == DWN_HINT_DESCRIPTOR && last->desc == desc && strcmp(last->name, name) == 0 &&
        last->offset + last->size == offset) {
        last->size += (int32_t)size;
        return;
    }
    add_hint(p, (struct dwn_hint){.kind = DWN_HINT_DESCRIPTOR, .direction = dir, .desc = desc, .name = name,
                                  .offset = (int32_t)offset, .size = (int32_t)size});
}

void program_end(struct program *p, bool more)
{
    enum { EMPTY_BUNDLES = 4 };
    program_add(p, (struct isa_inst){.op = ISA_HALT, .halt = {.more = more, .last = !more}});
    for (int i = 0; i < EMPTY_BUNDLES; i++)
        program_add(p, (struct isa_inst){.op = ISA_BUNDLE});
    program_add(p, (struct isa_inst){.op = ISA_END, .end = {.one = 1}});
}

void program_interrupt(struct program *p)
{
    add_hint(p, (struct dwn_hint){.kind = DWN_HINT_INTERRUPT, .direction = DWN_OUTFEED});
}

/* ---- chunks ----
 * An instruction chunk has at most 16384 words.  The official compiler cuts before the last tile fence (0x1a) for which
 * the first part fits: 6 of 6 cuts in the four public executables that have several chunks. */

enum { END_WORDS = 6 };

/* A cut before this instruction would part a loop. */
static bool inside_loop(const struct program *p, size_t inst)
{
    for (uint32_t i = 0; i < p->n_loops; i++)
        if (p->loops[i].first < inst && inst < p->loops[i].end)
            return true;
    return false;
}

/* First instruction of the next chunk: p->count, or a fence.  0: there is none to cut before. */
static size_t chunk_end(const struct program *p, size_t first)
{
    size_t cut = 0;
    uint32_t words = first ? 1 : 0; /* a further chunk begins with its own 0x3e */
    for (size_t i = first; i < p->count; i++) {
        if (p->inst[i].op == ISA_FENCE && i > first && words + END_WORDS <= PROGRAM_CHUNK_WORDS &&
            !inside_loop(p, i))
            cut = i;
        words += isa_op_of(p->inst[i].op)->words;
        if (words > PROGRAM_CHUNK_WORDS)
            return cut;
    }
    return p->count;
}

/* Field offsets of words [first, first + words), counted from `shift` words later in their own chunk. */
static void chunk_offsets(const struct program *p, uint32_t first, uint32_t words, uint32_t shift, struct dwn_stream *s)
{
    enum { WORD_BITS = 8 * ISA_WORD };
    s->offsets = ARENA_ARRAY(p->arena, struct dwn_field_offset, p->n_offsets);
    for (uint32_t i = 0; i < p->n_offsets; i++) {
        struct dwn_field_offset f = p->offsets[i];
        if (f.offset_bit / WORD_BITS < first || f.offset_bit / WORD_BITS >= first + words)
            continue;
        f.offset_bit += (shift - first) * WORD_BITS;
        s->offsets[s->n_offsets++] = f;
    }
}

static void chunk_hints(const struct program *p, uint32_t first, uint32_t words, uint32_t index,
                        struct dwn_executable *out)
{
    out->hints[out->n_hints++] =
        (struct dwn_hint){.kind = DWN_HINT_INSTRUCTION, .direction = DWN_INFEED, .index = (int32_t)index};
    for (uint32_t i = 0; i < p->n_hints; i++)
        if (p->hints[i].word >= first && p->hints[i].word < first + words)
            out->hints[out->n_hints++] = p->hints[i].hint;
}

static bool encode_chunk(struct program *p, size_t first, size_t end, struct dwn_stream *s)
{
    struct program chunk;
    program_init(&chunk, p->arena, 0, p->st);
    if (first)
        program_add(&chunk, (struct isa_inst){.op = ISA_START});
    size_t head = chunk.count;
    for (size_t i = first; i < end; i++)
        program_add(&chunk, p->inst[i]);
    /* Numbered already: chunks share one sequence. */
    memcpy(chunk.inst + head, p->inst + first, (end - first) * sizeof *p->inst);
    if (end < p->count)
        program_end(&chunk, true);
    return isa_encode_stream(p->arena, chunk.inst, chunk.count, &s->code, p->st);
}

bool program_finish(struct program *p, struct dwn_executable *out)
{
    if (p->st->code != STATUS_OK)
        return false;
    out->streams = ARENA_ARRAY(p->arena, struct dwn_stream, p->words / (PROGRAM_CHUNK_WORDS / 2) + 1);
    out->hints = ARENA_ARRAY(p->arena, struct dwn_hint, p->n_hints + p->words / (PROGRAM_CHUNK_WORDS / 2) + 1);
    out->has_hints = out->fully_deterministic = true;
    uint32_t word = 0;
    for (size_t first = 0; first < p->count;) {
        size_t end = chunk_end(p, first);
        struct dwn_stream *s = &out->streams[out->n_streams];
        if (!end)
            return status_fail(p->st, STATUS_LIMIT,
                               "more than %d instruction words between two tile fences, or in a loop",
                               PROGRAM_CHUNK_WORDS);
        uint32_t words = 0;
        for (size_t i = first; i < end; i++)
            words += isa_op_of(p->inst[i].op)->words;
        if (!encode_chunk(p, first, end, s))
            return false;
        chunk_offsets(p, word, words, first ? 1 : 0, s);
        chunk_hints(p, word, words, out->n_streams, out);
        out->n_streams++;
        word += words;
        first = end;
    }
    return true;
}

/* FULLY_CONNECTED: output channels in groups of 64 over the tiles; each tile needs the whole input vector.
 *
 * The weights are (a) on the tile that computes, (b) cached on another tile and sent over ring B, or (c) streamed from
 * the host over ring A.  Facts: (a) ../shared/isa/mapping.md section 6 (A); (b), (c) from bright_64x64 and
 * bright_128x128 (one group, no per-channel arrays); several tiles, several groups per tile and arrays in (b), (c)
 * follow the spilled convolution's form, for which no official FULLY_CONNECTED is known. */
#include "compiler/families.h"
#include "compiler/numerics.h"
#include "compiler/scalar.h"

enum {
    BLOCK_LIMIT = 32,    /* rows of a streamed block */
    STREAM_TOP = 2079,   /* two block buffers end below this row */
    HEADER_SLACK = 32,   /* rows that the official header region has beyond what is used */
};

/* Tiles that run the same instruction. */
struct tile_class {
    int32_t tiles;      /* mask */
    int32_t groups;     /* of 64 outputs */
    int32_t last_words; /* of the last group */
    int32_t row;        /* first row of the cached parameters */
};

struct shape {
    struct slices out;
    int32_t quads;  /* input words: ceil(K / 4) */
    int32_t arrays; /* per-channel rows of a group */
    int32_t stored; /* of these the ones for the bias/scale store: multipliers, biases */
};

static struct shape shape_of(const struct plan *plan, const struct step *s)
{
    const struct segment *seg = &plan->parameters[s->parameter].segment;
    return (struct shape){.out = slices_of(plan_out(plan, s)->z), .quads = (int32_t)ceil_div(plan_in(plan, s, 0)->z, 4),
                          .arrays = segment_arrays(seg), .stored = seg->multipliers + seg->bias};
}

/* Classes in the order of their first tile; returns how many. */
static int classes_of(const struct slices *o, const struct parameter *q, struct tile_class *c)
{
    int n = 0;
    for (int32_t t = 0; t < o->tiles; t++) {
        int32_t words = slice_words(o, t), row = q->streamed ? 0 : q->at.chunks[t].row;
        struct tile_class own = {1 << t, (int32_t)ceil_div(words, 16), (words - 1) % 16 + 1, row};
        int k = 0;
        while (k < n && (c[k].groups != own.groups || c[k].last_words != own.last_words || c[k].row != own.row))
            k++;
        if (k == n)
            c[n++] = own;
        else
            c[k].tiles |= own.tiles;
    }
    return n;
}

/* ---- streamed blocks: two buffers of rows, and two of per-channel rows below them ---- */

struct stream {
    int32_t block, blocks; /* rows of a block, blocks of a group of outputs */
    int32_t row, header_row;
};

static struct stream stream_of(int32_t quads, int32_t arrays)
{
    struct stream r = {.block = 1};
    for (int32_t d = 1; d <= BLOCK_LIMIT && d <= quads; d++)
        if (quads % d == 0)
            r.block = d;
    r.blocks = quads / r.block;
    r.row = STREAM_TOP - 2 * r.block;
    r.header_row = r.row - (arrays ? 2 * arrays + HEADER_SLACK : 0);
    return r;
}

/* ---- size ---- */

static bool size_fully_connected(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct value *out = &p->values[s->out];
    struct weights w = weights_of(p->arena, s->detail, false);
    s->parameter = plan_parameter(p, (struct parameter){.op = s->op, .kind = PLACE_SPREAD,
                                                        .segment = segment_make(p->arena, &w, SEGMENT_WIDE, false)});
    struct shape h = shape_of(p, s);
    /* With several groups on a tile the per-channel rows are ordinary rows: no official instance. */
    p->parameters[s->parameter].prefix = h.out.per_tile == 1 ? h.arrays : 0;
    if (out->buffer != NO_BUFFER) /* a place in a vector that is put together from several (lower_concatenation.c) */
        plan_keep(p, out->buffer, out->last);
    else
        out->buffer = plan_buffer(p, (struct narrow_buffer){.words = h.out.tiles > 1 ? h.out.words : h.out.total,
                                                            .first = index, .last = out->last});
    /* Room as if every layer were streamed: so the official figure for cached parameters comes out. */
    plan_wide_floor(p, stream_of(h.quads, h.arrays).header_row);
    return true;
}

/* ---- instructions ---- */

/* Per-channel arrays to the bias/scale store: two channels an address, banks of 32 used in turn, multipliers from 0,
 * biases from 64 on. */
static void load_header(const struct plan *plan, const struct step *s, const struct shape *h,
                        const struct tile_class *c, struct isa_ttu rows, struct isa_wait ready, struct program *p)
{
    enum { BANK = 32 }; /* always whole: selects of 2 (bright_*) and 9 outputs (looming_*) */
    int32_t done = program_flag(p, c->tiles, ISA_AVDATA);
    struct loops store = LOOPS({BANK, 1}, {h->stored, 64});
    if (c->groups > 1)
        loop(&store, c->groups, 0);
    struct isa_to_narrow i = {.tiles = c->tiles, .w = rows, .p = signal_at(2), .par = 1, .pack = 1};
    i.n = buffered(narrow_words(plan->parameters[s->parameter].segment.multipliers ? 0 : 64, store), 2, 32);
    int n = 0;
    if (ready.fl)
        i.wait[n++] = ready;
    i.wait[n] = wait_room(ISA_AVDATA, 2, done - 1, 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_NARROW, .to_narrow = i});
}

static int32_t quads_of(const struct value *v) { return (int32_t)ceil_div(v->z, 4); }

/* The tensor instruction, less input, weights, partial sums and what it waits for. */
static struct isa_tensor tensor_of(const struct plan *plan, const struct step *s, const struct tile_class *c)
{
    int32_t width = c->groups > 1 ? 16 : c->last_words,
            group = quads_of(plan_out(plan, s)) < 16 ? quads_of(plan_out(plan, s)) : 16;
    int32_t pitch = width < group
                        ? width
                        : plan->buffers[plan_out(plan, s)->buffer].words; /* a shorter last slice has its own */
    struct loops o = LOOPS({width, 4}, {1, 4 * pitch}, {1, 4 * group});
    if (c->groups > 1)
        loop(&o, c->groups, 4 * width);
    struct isa_tensor i = {.tiles = c->tiles, .o = tensor_unit(4LL * value_at(plan, plan_out(plan, s)), o),
                           .avdata = signal_at(2), .param = signal_at(1), .acc4 = 1, .one = 1, .nospill = 1,
                           .lanes = 4 * width - 1, .lanes_last = 4 * c->last_words - 1};
    if (c->groups > 1 && c->last_words < width)
        i.o = short_last(i.o, 3, c->last_words, 4 * (width - c->last_words));
    set_weighted_numerics(&i, s->detail, &plan->parameters[s->parameter].segment);
    return i;
}

static void set_loops(struct isa_tensor *i, struct loops l)
{
    for (unsigned k = 0; k < loop_count(&l); k++)
        i->lim[k] = (int32_t)(l.dim[k].count - 1);
}

/* One sum at a time; with several groups the sums of the next begin where loop `dim` advances. */
static struct isa_ttu sums(struct loops l, int32_t groups, int32_t dim)
{
    enum { OTHER_SLOT = 4 };
    return groups > 1 ? buffered(tensor_unit(0, l), dim, OTHER_SLOT) : tensor_unit(0, l);
}

static struct loops with_groups(struct loops l, int32_t groups, int64_t stride)
{
    if (groups > 1)
        loop(&l, groups, stride);
    return l;
}

/* The per-channel rows of all classes; those that differ only in the words of the last group share an instruction. */
static void load_headers_in_place(const struct plan *plan, const struct step *s, const struct shape *h,
                                  const struct tile_class *c, int n, struct program *p)
{
    int32_t done = 0;
    for (int k = 0; k < n; k++) {
        struct tile_class all = c[k];
        struct loops rows = h->stored > 1 || all.groups > 1 ? LOOPS({h->stored, 1}) : NO_LOOPS;
        if (done & all.tiles)
            continue;
        for (int m = k + 1; m < n; m++)
            all.tiles |= c[m].row == all.row && c[m].groups == all.groups ? c[m].tiles : 0;
        done |= all.tiles;
        load_header(
            plan, s, h, &all,
            masked(wide_rows(all.row, with_groups(rows, all.groups, h->arrays + h->quads)), all.groups > 1 ? 3 : 1),
            (struct isa_wait){0}, p);
    }
}

/* (a): the weights lie on the computing tiles.  loaded: W2S before the per-channel rows. */
static void compute_in_place(const struct plan *plan, const struct step *s, const struct shape *h,
                             const struct tile_class *c, int32_t loaded, struct program *p)
{
    int32_t row = c->row, n = h->quads, group_rows = h->arrays + n;
    int64_t in = 4LL * value_at(plan, plan_in(plan, s, 0));
    struct isa_tensor i = tensor_of(plan, s, c);
    set_loops(&i, with_groups(LOOPS({n, 0}), c->groups, 0));
    i.a = tensor_unit(in, with_groups(LOOPS({n, 4}, {1, 4 * n}, {1, 4 * n}), c->groups, 0));
    i.w = tensor_unit(4LL * (row + h->arrays), with_groups(LOOPS({n, 4}), c->groups, 4LL * group_rows));
    i.p = sums(with_groups(LOOPS({n, 0}), c->groups, 0), c->groups, 1);
    i.chdim = 1;
    i.redmask = 1;
    if (h->stored)
        i.wait[0] = wait_data(ISA_W2S, 1, loaded + 1, 1);
    if (i.perch) {
        i.zp_first = row + h->stored;
        i.zp_step = c->groups > 1 ? group_rows : h->stored;
        i.zp_last = i.zp_first + (c->groups - 1) * i.zp_step;
    }
    program_add(p, (struct isa_inst){.op = ISA_MAC, .tensor = i});
}

static enum isa_flag arrival_of(enum isa_opcode receive)
{
    return receive == ISA_RING_RECV_A ? ISA_RREAD_A : ISA_RREAD_B;
}

/* (b), (c): the tiles of c take blocks of weights from a ring ... */
static void receive_weights(const struct plan *plan, const struct step *s, const struct shape *h,
                            const struct tile_class *c, enum isa_opcode receive, struct program *p)
{
    struct stream r = stream_of(h->quads, h->arrays);
    enum isa_flag arrived = arrival_of(receive);
    int32_t used = program_flag(p, c->tiles, ISA_PARAM), read = program_flag(p, c->tiles, arrived);
    struct loops rows = LOOPS({r.block, 1}, {r.blocks, 0});
    if (c->groups > 1) {
        loop(&rows, 1, 0);
        loop(&rows, c->groups, 0);
    }
    struct isa_ring_recv recv = {.tiles = c->tiles, .w = buffered(masked(wide_rows(r.row, rows), 1), 1, r.block),
                                 .p = signal_at(1), .wait = wait_room(ISA_PARAM, 1, used - 1, 1)};
    if (h->arrays)
        recv.s = (struct isa_prefix){.en = 1, .dim = 2, .base = r.header_row, .lim = h->arrays - 1,
                                     .end = r.header_row + 2 * h->arrays - 1, .step = h->arrays};
    program_add(p, (struct isa_inst){.op = receive, .recv = recv});
    if (h->stored)
        load_header(plan, s, h, c,
                    buffered(masked(wide_rows(r.header_row, with_groups(LOOPS({h->stored, 1}), c->groups, 0)), 1), 1,
                             h->arrays),
                    wait_data(arrived, 1, read + 1, r.blocks), p);
}

/* ... and use them.  read, loaded: RREAD and W2S before. */
static void compute_from_ring(const struct plan *plan, const struct step *s, const struct shape *h,
                              const struct tile_class *c, enum isa_opcode receive, int32_t read, int32_t loaded,
                              struct program *p)
{
    struct stream r = stream_of(h->quads, h->arrays);
    enum isa_flag arrived = arrival_of(receive);
    int64_t in = 4LL * value_at(plan, plan_in(plan, s, 0));
    struct isa_tensor i = tensor_of(plan, s, c);
    set_loops(&i, with_groups(LOOPS({r.block, 0}, {r.blocks, 0}), c->groups, 0));
    i.a = tensor_unit(in, with_groups(LOOPS({r.block, 4}, {1, 4 * h->quads}, {r.blocks, 4 * r.block}), c->groups, 0));
    i.w = buffered(tensor_unit(4LL * r.row, with_groups(LOOPS({r.block, 4}, {r.blocks, 0}), c->groups, 0)), 1,
                   4 * r.block);
    i.p = sums(with_groups(LOOPS({r.block, 0}, {r.blocks, 0}), c->groups, 0), c->groups, 2);
    i.chdim = 2;
    i.redmask = 3;
    i.wait[0] = wait_data(arrived, 1, read + 1, 1);
    if (h->stored)
        i.wait[1] = wait_data(ISA_W2S, 2, loaded + 1, 1);
    if (i.perch) {
        i.zp_first = r.header_row + h->stored;
        i.zp_step = h->arrays;
        i.zp_last = i.zp_first + i.zp_step;
    }
    program_add(p, (struct isa_inst){.op = ISA_MAC, .tensor = i});
}

/* Tiles with as many groups receive alike, whatever their outputs (catalogue: 14400 x 100, P326). */
static void take_from_ring(const struct plan *plan, const struct step *s, const struct shape *h,
                           const struct tile_class *c, int n, struct program *p)
{
    enum isa_opcode receive = plan->parameters[s->parameter].streamed ? ISA_RING_RECV_A : ISA_RING_RECV_B;
    int32_t read[ISA_TILES], loaded[ISA_TILES];
    for (int k = 0; k < n; k++) {
        read[k] = program_flag(p, c[k].tiles, arrival_of(receive));
        loaded[k] = program_flag(p, c[k].tiles, ISA_W2S);
    }
    for (int k = 0, m; k < n; k = m) {
        struct tile_class all = c[k];
        for (m = k + 1; m < n && c[m].groups == all.groups; m++)
            all.tiles |= c[m].tiles;
        receive_weights(plan, s, h, &all, receive, p);
        for (int j = k; j < m; j++)
            compute_from_ring(plan, s, h, &c[j], receive, read[j], loaded[j], p);
    }
}

/* Rows of the cached chunk for tile k, from its owner. */
static void send_cached(const struct placed *at, struct program *p)
{
    for (uint32_t k = 0; k < at->count; k++)
        program_add(p, (struct isa_inst){
                           .op = ISA_RING_SEND,
                           .send = {.tiles = 1 << at->chunks[k].tile,
                                    .w = masked(wide_rows(at->chunks[k].row, LOOPS({at->chunks[k].rows, 1})), 1),
                                    .p = {[1] = signal_at(0)},
                                    .wait = {wait_data(ISA_RPROD_B, 1, program_flag(p, ALL_TILES, ISA_RPROD_B), 1)},
                                    .chan = 1, .dst = 1 << k}});
}

static void send_streamed(const struct parameter *q, const struct slices *o, struct program *p)
{
    int64_t packets = (int64_t)q->segment.data.size / PACKET, per_group = packets / q->segment.groups;
    int64_t sent = p->host_packets;
    emit_host_parameters(p, q->offset, packets);
    for (int32_t t = 0; t < o->tiles; t++) {
        int32_t left = o->groups - t * o->per_tile, groups = left < o->per_tile ? left : o->per_tile;
        emit_inject_parameters(p, sent, groups * per_group, q->segment.lanes, 1 << t);
        sent += groups * per_group;
    }
}

static void emit_fully_connected(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct parameter *q = &plan->parameters[s->parameter];
    struct shape h = shape_of(plan, s);
    struct tile_class c[ISA_TILES];
    int n = classes_of(&h.out, q, c);
    if (s > plan->steps && s[-1].family == &family_fully_connected) { /* another layer on the same vector */
        emit_fence(p, (struct fence){0});
        emit_exchange_end(p);
        emit_barrier(p, LAYER_FLAGS);
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
        emit_ring_reset(p);
    } else {
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    }
    emit_core_sync(p, 0);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});

    bool in_place = !q->streamed && q->at.chunks[0].tile == 0;
    int32_t loaded = program_flag(p, (1 << h.out.tiles) - 1, ISA_W2S);
    if (!in_place)
        emit_fence(p, (struct fence){0});
    if (in_place && h.stored)
        load_headers_in_place(plan, s, &h, c, n, p);
    if (in_place)
        for (int k = 0; k < n; k++)
            compute_in_place(plan, s, &h, &c[k], loaded, p);
    else
        take_from_ring(plan, s, &h, c, n, p);
    if (q->streamed)
        send_streamed(q, &h.out, p);
    else if (!in_place)
        send_cached(&q->at, p);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_fully_connected = {
    .name = "fully connected", .size = size_fully_connected, .emit = emit_fully_connected};

/* SOFTMAX of a 1x1xK vector that lies in slices on n tiles.
 *
 *   M = max x;  v = 255 + x - M;  e = 65535 exp(s (v - 255));  S = sum e / 65535;  r = 46340 / sqrt(S);
 *   c = r r / 65535;  y = e c / 46340^2 * 256
 *
 * with 16 bits for e, r and c, and exp and 1/sqrt from the tables.  x and e are gathered on tile 0, which finds M and
 * c; all tiles do the rest on their own slices.  Facts: ../shared/isa/numerics.md section 3 (arithmetic); the
 * instructions are those of bright_16, bright_64, bright_128 and color_*_64, color_*_128 (K = 256, 4096, 16384), every
 * field.  Vectors whose last slice is shorter, and other K, follow the same form without an official instance. */
#include "compiler/families.h"
#include "compiler/scalar.h"
#include "kernels/lut.h"

#include <math.h>

enum {
    FIRST_TILE = 1,
    IDENTITY_ROW = WIDE_ROWS - 1,
    U16 = 65535,  /* steps of e, r, c for 1.0 */
    ROOT = 46340, /* steps of r: floor(sqrt(2^31 - 1)) */
    THREAD_TO_WIDE = 1 << 5,
    TENSOR_FLAGS = 1 << ISA_AVDATA | 1 << ISA_PARAM | 1 << ISA_PSUM, /* and THREAD 0: before a new table */
    LOWEST_ROW = 2064,
};

struct softmax {
    const struct plan *plan;
    const struct step *step;
    const struct softmax_detail *d;
    const struct value *in, *out;
    struct slices c;
    int32_t all;    /* mask of the tiles */
    int32_t words;  /* q: of the whole vector */
    int32_t slice;  /* s: of a slice */
    int32_t base;   /* of the buffer, narrow words; first the whole vector on tile 0 */
    int32_t behind; /* behind the two 16-bit vectors: base + 4 q, but for very short ones */
    int32_t row;    /* wide row above the highest that is free: the identity may lie there already */
    bool has_identity;
};

/* The buffer: two vectors of 2q words with 16 bits, the second also for constants of up to 8 words; then slices. */
static int32_t vector_words(const struct slices *c)
{
    enum { CONSTANTS = 8 };
    return 2 * c->total + (2 * c->total > CONSTANTS ? 2 * c->total : CONSTANTS);
}

static int32_t buffer_words(const struct slices *c) { return vector_words(c) + 4 * c->words + 1; }

static bool size_softmax(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    const struct value *in = plan_in(p, s, 0);
    struct value *out = &p->values[s->out];
    struct slices c = slices_of(in->z);
    struct narrow_buffer work = {.words = buffer_words(&c), .first = index, .last = index};
    /* The whole vector is put together around the slice of tile 0, unless somebody else needs it. */
    if (plan_sole_reader(p, s->in[0]) == s && in->offset == 0 && !p->buffers[in->buffer].late) {
        struct narrow_buffer *slices = &p->buffers[in->buffer];
        slices->group = slices->group ? slices->group : in->buffer + 1;
        work.group = slices->group;
    }
    s->temporary = plan_buffer(p, work);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = c.words, .first = index, .last = out->last});
    plan_wide_floor(p, LOWEST_ROW);
    return true;
}

static struct softmax softmax_of(const struct plan *plan, const struct step *s)
{
    struct softmax m = {.plan = plan, .step = s, .d = s->detail, .in = plan_in(plan, s, 0), .out = plan_out(plan, s)};
    m.c = slices_of(m.in->z);
    m.all = (1 << m.c.tiles) - 1;
    m.words = m.c.total;
    m.slice = m.c.words;
    m.base = plan->buffers[s->temporary].at;
    m.behind = m.base + vector_words(&m.c);
    m.has_identity = s > plan->steps && s[-1].family == &family_flatten;
    m.row = m.has_identity ? IDENTITY_ROW : WIDE_ROWS;
    return m;
}

/* ---- pieces ---- */

static void fence_layer(struct program *p, int times)
{
    for (int i = 0; i < times; i++)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

static void fence_flags(struct program *p, int32_t flags) { emit_fence(p, (struct fence){.flags = flags}); }
static void fence_all(struct program *p) { emit_fence(p, (struct fence){0}); }

/* Numbers of an instruction whose results are steps of `scale`, clamped. */
static struct isa_tensor tensor(int32_t tiles, float scale, float min, float max)
{
    return (struct isa_tensor){.tiles = tiles,
                               .one = 1,
                               .nospill = 1,
                               .lanes = 3,
                               .lanes_last = 3,
                               .scale = (int32_t)f32_bits(scale),
                               .min = (int32_t)f32_bits(min),
                               .max = (int32_t)f32_bits(max)};
}

static void set_loops(struct isa_tensor *i, struct loops l)
{
    for (unsigned k = 0; k < loop_count(&l); k++)
        i->lim[k] = (int32_t)l.dim[k].count - 1;
}

static void add_tensor(struct program *p, enum isa_opcode op, struct isa_tensor i)
{
    program_add(p, (struct isa_inst){.op = op, .tensor = i});
}

/* `words` words from every tile but the first to it. */
static void collect(const struct softmax *m, struct program *p, int32_t scale, int32_t row)
{
    for (int32_t t = 1; t < m->c.tiles; t++) {
        int32_t at = m->base + scale * m->slice * t;
        emit_copy(p, t, FIRST_TILE, scale * slice_words(&m->c, t), at, at, row);
    }
}

/* Words at `at` from the first tile to all others. */
static void spread_out(const struct softmax *m, struct program *p, int32_t at, int32_t words, int32_t row)
{
    for (int32_t t = 1; t < m->c.tiles; t++)
        emit_copy(p, 0, 1 << t, words, at, at, row);
    emit_exchange_end(p);
    fence_layer(p, 2);
}

/* Rows that a block of a stream of `words` rows has: the official four where that divides. */
static int32_t block_of(int32_t words) { return words % 4 == 0 ? 4 : words % 2 == 0 ? 2 : 1; }

/* Words of the first tile through wide rows, one to a row and two buffers of a block, to who reduces them. */
static void feed_words(struct program *p, int32_t from, int32_t words, int32_t row, int32_t par)
{
    int32_t block = block_of(words), used = program_flag(p, FIRST_TILE, ISA_PARAM);
    struct isa_to_wide i = {
        .tiles = FIRST_TILE, .p = signal_at(1), .par = par, .wait = {wait_room(ISA_PARAM, 1, used - 1, 1)}};
    i.n = narrow_words(from, LOOPS({words, 1}));
    i.w = buffered(wide_rows(row, LOOPS({block, 1}, {words / block, 0})), 1, block);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = i});
}

/* Loops and units of the instruction that reduces what feed_words brings; `ready`: N2W before it. */
static void take_words(struct isa_tensor *i, int32_t words, int32_t row, int32_t ready)
{
    int32_t block = block_of(words);
    set_loops(i, LOOPS({block, 0}, {words / block, 0}));
    i->w = buffered(tensor_unit(4LL * row, LOOPS({block, 4}, {words / block, 0})), 1, 4 * block);
    i->p = buffered(tensor_unit(0, LOOPS({words, 0})), 1, 4);
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, ready + 1, 1);
    i->chdim = 1;
    i->redmask = 3;
}

/* One row of constants at `at` as weights of all tiles. */
static void constant_row(struct program *p, int32_t at, int32_t row)
{
    int32_t ready = program_flag(p, ALL_TILES, ISA_S_IN);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = ALL_TILES,
                                                 .n = narrow_words(at, LOOPS({4, 1})),
                                                 .w = wide_rows(row, NO_LOOPS),
                                                 .wait = {wait_data(ISA_S_IN, 1, ready, 0)},
                                                 .pack = 1}});
    fence_all(p);
}

/* One word (`bytes` 4, or 8 with 16 bits) at `from`, times the matrix in `row`, to `count` words at `to`, all tiles. */
static void repeat(const struct softmax *m, struct program *p, int32_t from, int32_t bytes, int32_t row, int32_t to,
                   int32_t count)
{
    struct isa_tensor i = tensor(m->all, 1, -INFINITY, INFINITY);
    set_loops(&i, LOOPS({1, 0}, {count, 0}));
    i.a = tensor_unit(4LL * from, LOOPS({1, 4}, {count, 0}, {1, bytes}, {1, 0}, {1, bytes}, {1, 0}, {1, bytes}));
    i.w = tensor_unit(4LL * row, LOOPS({1, 4}, {count, 0}));
    i.p = buffered(tensor_unit(0, LOOPS({count, 0})), 0, 256);
    i.o = tensor_unit(4LL * to, LOOPS({count, 4}, {1, 4 * count}, {1, 4 * count}, {1, 4 * count}));
    add_tensor(p, ISA_MAC, i);
    fence_layer(p, 1);
}

/* ---- lengths that are no multiple of 4 ----
 * The bytes behind the last element count as the lowest x, and their e as 0: the last word is multiplied by an identity
 * matrix without their places.  No official instance: compiler 16 stores tables of masks for this (parameters.md). */

/* Keeps `bytes` bytes (1 .. 3) of the word at `at` of the last tile. */
static void keep_bytes(const struct softmax *m, struct program *p, int32_t at, int32_t bytes)
{
    enum { ROW = 2066 };
    int32_t matrix = m->base + 2 * m->words;
    for (int32_t k = 0; k < 4; k++)
        emit_fill(p, ISA_MESH_NORTH, (struct constant){matrix + k, 1, k < bytes ? 1 << 8 * k : 0}, k == 3);
    constant_row(p, matrix, ROW);
    struct isa_tensor i = tensor(1 << (m->c.tiles - 1), 1, -INFINITY, INFINITY);
    i.a = tensor_unit(4LL * at, LOOPS({1, 4}));
    i.w = tensor_unit(4LL * ROW, LOOPS({1, 4}));
    i.p = buffered(masked(tensor_unit(0, LOOPS({1, 1})), 0), 1, 256);
    i.o = tensor_unit(4LL * at, LOOPS({1, 4}));
    add_tensor(p, ISA_MAC, i);
    fence_all(p);
}

static void clear_word(const struct softmax *m, struct program *p, int32_t at)
{
    struct isa_mesh f = {.tiles = 1 << (m->c.tiles - 1), .b = mesh_words(at, NO_LOOPS), .fill = 1};
    program_add(p, (struct isa_inst){.op = ISA_MESH_NORTH, .mesh = f});
    fence_all(p);
}

static void mask_input(const struct softmax *m, struct program *p)
{
    int32_t last = m->c.tiles - 1, left = m->in->z % 4;
    if (left)
        keep_bytes(m, p, slice_at(m->plan, m->in, last) + slice_words(&m->c, last) - 1, left);
}

/* The last four 16-bit numbers lie in two words. */
static void mask_exponentials(const struct softmax *m, struct program *p)
{
    int32_t at = m->base + 2 * (m->words - 1), left = m->in->z % 4;
    if (left == 1 || left == 3)
        keep_bytes(m, p, left == 1 ? at : at + 1, 2);
    if (left == 1 || left == 2)
        clear_word(m, p, at + 1);
}

/* ---- the maximum ---- */

static void gather_input(const struct softmax *m, struct program *p)
{
    bool from_host = m->step > m->plan->steps && m->step[-1].family == &family_infeed_vector;
    int32_t row = (from_host ? infeed_vector_top(m->in) : m->row) - 2;
    fence_all(p);
    mask_input(m, p);
    for (int32_t t = 0; t < m->c.tiles; t++) {
        int32_t from = slice_at(m->plan, m->in, t), to = m->base + m->slice * t;
        if (t > 0 || from != to)
            emit_copy(p, t, FIRST_TILE, slice_words(&m->c, t), from, to, row);
    }
    emit_exchange_end(p);
    fence_layer(p, m->has_identity ? 2 : 1);
}

static void set_max(const struct softmax *m, struct isa_tensor *i, int64_t to)
{
    set_clamp(i, m->d->in, TFL_ACT_NONE);
    i->scale = (int32_t)f32_bits(1);
    i->wzp = unsigned_zero_point(m->d->in);
    i->cbias = -i->wzp;
    i->a = tensor_unit(0, LOOPS({1, 0}));
    i->o = tensor_unit(to, LOOPS({1, 4}, {1, 4}, {1, 4}, {1, 4}));
}

/* Over all words lane by lane, to word q; then over its four bytes, to word 2q. */
static void maximum(const struct softmax *m, struct program *p)
{
    int32_t row = m->row - 8, q = m->words, ready = program_flag(p, FIRST_TILE, ISA_N2W);
    feed_words(p, m->base, q, row, 1);
    struct isa_tensor i = tensor(FIRST_TILE, 1, 0, 0);
    take_words(&i, q, row, ready);
    set_max(m, &i, 4LL * (m->base + q));
    add_tensor(p, ISA_MAX, i);
    emit_fence(p, (struct fence){.threads = 1});

    ready = program_flag(p, FIRST_TILE, ISA_N2W);
    int32_t used = program_flag(p, FIRST_TILE, ISA_PARAM);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = FIRST_TILE,
                                                 .n = narrow_words(m->base + q, NO_LOOPS),
                                                 .w = buffered(wide_rows(row, NO_LOOPS), 1, 1),
                                                 .p = signal_at(1),
                                                 .wait = {wait_room(ISA_PARAM, 1, used, 1)},
                                                 .pack = 1}});
    i = tensor(FIRST_TILE, 1, 0, 0);
    set_max(m, &i, 4LL * (m->base + 2 * q));
    set_loops(&i, LOOPS({4, 0}));
    i.w = buffered(tensor_unit(4LL * row, LOOPS({4, 1})), 1, 4);
    i.p = buffered(tensor_unit(0, LOOPS({4, 0})), 1, 4);
    i.param = signal_at(1);
    i.wait[0] = wait_data(ISA_N2W, 1, ready + 1, 1);
    i.chdim = 1;
    i.redmask = 3;
    add_tensor(p, ISA_MAX, i);
    fence_layer(p, 1);
    fence_all(p);
}

/* ---- 255 + x - M ---- */

/* Clamp of results between -255 and 0 steps, stored as 0 .. 255. */
static struct isa_tensor difference(const struct softmax *m, int32_t tiles)
{
    float scale = m->d->in->quant.scale[0];
    struct isa_tensor i = tensor(tiles, 1, -255.0f * scale * (1.0f / scale), 0);
    i.ozp = 255;
    i.w16 = 1;
    i.wzp = 1;
    return i;
}

/* -M as partial sums in wide memory, from where 0x14 takes it as bias.  Weights 0 with zero point 1 are -1. */
static void negate(const struct softmax *m, struct program *p)
{
    int32_t constants = m->behind + 2 * m->slice, zeros = m->row - 2;
    emit_fill(p, ISA_MESH_NORTH, (struct constant){constants, 8, 0}, true);
    int32_t ready = program_flag(p, ALL_TILES, ISA_S_IN);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = m->all,
                                                 .n = narrow_words(constants, LOOPS({4, 1}, {2, 4})),
                                                 .w = wide_rows(zeros, LOOPS({2, 1})),
                                                 .wait = {wait_data(ISA_S_IN, 2, ready, 0)},
                                                 .pack = 1}});
    fence_all(p);
    struct isa_tensor i = difference(m, m->all);
    i.a = tensor_unit(4LL * (m->base + m->words), LOOPS({1, 1}, {1, 0}, {1, 4 * m->words}));
    i.w = masked(tensor_unit(4LL * zeros, LOOPS({1, 1})), 0);
    i.p = masked(tensor_unit(4LL * (m->row - 5), LOOPS({1, 1})), 0);
    i.o = masked(tensor_unit(4LL * (m->behind + m->slice), LOOPS({1, 1}, {1, 0}, {1, 4 * m->slice})), 1 << 2);
    i.nospill = 0;
    i.w1 = 3;
    add_tensor(p, ISA_MAC, i);
    fence_flags(p, 1 << ISA_PARAM);
    fence_all(p);
}

/* The matrix of x: each of the two 16-bit halves of a word to its place, plus 1 for the zero point. */
static void difference_weights(const struct softmax *m, struct program *p)
{
    static const struct {
        enum isa_opcode mesh;
        struct constant c;
    } fills[] = {{ISA_MESH_NORTH, {0, 1, 0x10002}},
                 {ISA_MESH_EAST, {1, 1, 0x20001}},
                 {ISA_MESH_WEST, {2, 4, 0x10001}},
                 {ISA_MESH_SOUTH, {6, 1, 0x10002}},
                 {ISA_MESH_NORTH, {7, 1, 0x20001}}};
    static const enum isa_flag arrived[] = {ISA_N_IN, ISA_S_IN, ISA_W_IN, ISA_E_IN};
    int32_t constants = m->behind + 2 * m->slice;
    for (size_t k = 0; k < sizeof fills / sizeof *fills; k++)
        emit_fill(p, fills[k].mesh, (struct constant){constants + fills[k].c.at, fills[k].c.words, fills[k].c.value},
                  true);
    struct isa_to_wide w = {.tiles = m->all,
                            .n = narrow_words(constants, LOOPS({4, 1}, {2, 4})),
                            .w = wide_rows(m->row - 2, LOOPS({2, 1})),
                            .p = signal_at(1),
                            .pack = 1};
    for (int k = 0; k < 4; k++)
        w.wait[k] = wait_data(arrived[k], 2, program_flag(p, ALL_TILES, arrived[k]), 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
}

/* v of the tiles' own slices to the place behind the vectors. */
static void subtract(const struct softmax *m, struct program *p)
{
    negate(m, p);
    difference_weights(m, p);
    program_add(p, (struct isa_inst){.op = ISA_TO_NARROW,
                                     .to_narrow = {.tiles = m->all,
                                                   .w = wide_rows(m->row - 5, LOOPS({1, 1}, {2, 0}, {1, 1})),
                                                   .n = buffered(narrow_words(64, LOOPS({32, 1}, {2, 0})), 1, 32),
                                                   .p = signal_at(2),
                                                   .wait = {wait_room(ISA_AVDATA, 2, 0, 1)},
                                                   .par = 1,
                                                   .pack = 1}});
    int32_t written = program_flag(p, m->all, ISA_N2W), loaded = program_flag(p, m->all, ISA_W2S) - 1;
    int32_t done = 0;
    for (int32_t t = 0; t < m->c.tiles; t++) {
        int32_t words = slice_words(&m->c, t), tiles = 1 << t;
        bool whole = t == 0 || m->in->in_place; /* the slice is part of a buffer for the whole vector */
        if (done >> t & 1)
            continue;
        for (int32_t u = t + 1; !whole && u < m->c.tiles; u++)
            tiles |= slice_words(&m->c, u) == words ? 1 << u : 0;
        done |= tiles;
        int32_t pitch = whole ? 4 * m->words : 4 * m->slice;
        int64_t from = t == 0 ? m->base : slice_at(m->plan, m->in, t);
        struct isa_tensor i = difference(m, tiles);
        set_loops(&i, LOOPS({2, 0}, {words, 0}));
        i.a = tensor_unit(4 * from, LOOPS({2 * words, 2}, {1, pitch}, {1, pitch}, {1, pitch}));
        i.w = tensor_unit(4LL * (m->row - 2), LOOPS({2, 4}, {words, 0}));
        i.p = buffered(tensor_unit(0, LOOPS({2, 0}, {words, 0})), 1, 4);
        i.o = tensor_unit(4LL * m->behind, LOOPS({words, 4}, {1, 4 * m->slice}, {1, 4 * m->slice}, {1, 4 * m->slice}));
        i.avdata = signal_at(3);
        i.wait[0] = wait_data(ISA_N2W, 2, written, 1);
        i.wait[1] = wait_data(ISA_W2S, 2, loaded + 1, 1);
        i.chdim = 1;
        i.redmask = 1;
        i.mem_bias = 1;
        add_tensor(p, ISA_MAC, i);
    }
    fence_layer(p, 3);
}

/* ---- exp ---- */

static void exponentials(const struct softmax *m, struct program *p)
{
    if (!m->has_identity)
        emit_identity(p, m->base + 2 * m->words, IDENTITY_ROW, true);
    int32_t written = program_flag(p, m->all, ISA_N2W);
    emit_table(p, m->all, LUT_EXP, U16);
    struct lut table = lut_make(LUT_EXP, U16);
    for (int32_t t = 0; t < m->c.tiles; t++) {
        int32_t words = slice_words(&m->c, t);
        struct isa_tensor i = tensor(1 << t, m->d->in->quant.scale[0] * m->d->beta, table.min, 0);
        set_loops(&i, LOOPS({words, 0}));
        i.a = tensor_unit(4LL * m->behind, LOOPS({1, 4}, {1, 4 * m->slice}, {words, 4}));
        i.w = tensor_unit(4LL * IDENTITY_ROW, LOOPS({words, 0}));
        i.p = buffered(tensor_unit(0, LOOPS({words, 0})), 0, 4);
        i.o = tensor_unit(4LL * (m->base + 2 * m->slice * t), LOOPS({2, 4}, {1, 8 * m->words}, {words, 8}));
        i.avdata = signal_at(2);
        i.param = signal_at(0);
        i.wait[0] = wait_data(ISA_N2W, 1, written, 1);
        i.azp = 255;
        i.lut = 1;
        i.out16 = 1;
        add_tensor(p, ISA_MAC, i);
    }
    fence_all(p);
    mask_exponentials(m, p);
    collect(m, p, 2, IDENTITY_ROW - 2);
    emit_exchange_end(p);
    fence_layer(p, 2);
}

/* ---- c = 46340^2 / S / 65535, on the first tile, to `behind` ---- */

static void inverse_sum(const struct softmax *m, struct program *p)
{
    enum { ROW = 2071 };
    const float step = 1.0f / U16;
    int32_t q = m->words;
    emit_table(p, FIRST_TILE, LUT_RSQRT, ROOT);
    int32_t ready = program_flag(p, FIRST_TILE, ISA_N2W);
    feed_words(p, m->base, 2 * q, ROW, 0);
    struct isa_tensor i = tensor(FIRST_TILE, step, -INFINITY, INFINITY);
    take_words(&i, 2 * q, ROW, ready);
    i.a = tensor_unit(0, LOOPS({1, 0}));
    i.o = tensor_unit(4LL * m->behind, LOOPS({2, 4}, {1, 8}, {1, 8}, {1, 8}));
    i.w16 = i.lut = i.norm = i.out16 = 1;
    add_tensor(p, ISA_SUM, i);
    fence_layer(p, 3);

    /* r of lane k times r of lane k: a product of every lane with each, of which the diagonal is kept. */
    i = tensor(FIRST_TILE, step, 0, 32768);
    set_loops(&i, LOOPS({2, 0}, {2, 0}));
    i.a = tensor_unit(4LL * m->behind, LOOPS({4, 2}, {1, 8}, {1, 8}, {1, 8}));
    i.w = buffered(tensor_unit(4LL * ROW, LOOPS({2, 2}, {2, 0})), 1, 4);
    i.p = buffered(tensor_unit(0, LOOPS({1, 1}, {4, 0})), 1, 4);
    i.o = tensor_unit(4LL * (m->base + 2 * q), LOOPS({2, 4}, {4, 4}, {1, 16}, {1, 16}, {1, 16}));
    i.param = signal_at(1);
    i.wait[0] = wait_data(ISA_N2W, 1, program_flag(p, FIRST_TILE, ISA_N2W) + 1, 1);
    i.a16 = i.w16 = i.out16 = 1;
    i.chdim = 4;
    int32_t used = program_flag(p, FIRST_TILE, ISA_PARAM);
    add_tensor(p, ISA_MAC, i);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = FIRST_TILE,
                                                 .n = narrow_words(m->behind, LOOPS({2, 1})),
                                                 .w = buffered(wide_rows(ROW, LOOPS({2, 0})), 0, 1),
                                                 .p = signal_at(0),
                                                 .wait = {wait_room(ISA_PARAM, 0, used - 1, 1)}}});
    emit_fence(p, (struct fence){.threads = THREAD_TO_WIDE});

    i = tensor(FIRST_TILE, 1, -INFINITY, INFINITY);
    set_loops(&i, LOOPS({4, 0}));
    i.a = tensor_unit(4LL * (m->base + 2 * q), LOOPS({4, 4}, {1, 16}, {1, 16}, {1, 16}));
    i.w = buffered(tensor_unit(4LL * IDENTITY_ROW, LOOPS({4, 1})), 1, 0);
    i.p = buffered(tensor_unit(0, LOOPS({4, 0})), 1, 4);
    i.o = tensor_unit(4LL * m->behind, LOOPS({2, 4}, {1, 8}, {1, 8}, {1, 8}));
    i.a16 = i.out16 = 1;
    i.w1 = 3;
    i.chdim = 2;
    add_tensor(p, ISA_MAC, i);
    fence_flags(p, 1 << ISA_N2W);
    fence_flags(p, 1 << ISA_PARAM);
    fence_layer(p, 1);
    fence_all(p);
}

/* ---- e c ---- */

/* c for every lane of every word: two words of 16-bit numbers, 2q times. */
static void spread_inverse(const struct softmax *m, struct program *p)
{
    enum { ROW = 2072, RECEIVE_ROW = 2069 };
    spread_out(m, p, m->behind, 2, RECEIVE_ROW);
    for (int k = 0; k < 2; k++) { /* the matrix that keeps one 16-bit number: 1, 256, 1, 256 */
        struct isa_mesh f = {
            .tiles = ALL_TILES, .b = mesh_words(m->behind + 2 + k, LOOPS({2, 2})), .fill = 1, .value = k ? 0x100 : 1};
        if (k)
            f.p[1] = signal_at(1);
        program_add(p, (struct isa_inst){.op = ISA_MESH_NORTH, .mesh = f});
    }
    constant_row(p, m->behind + 2, ROW);
    repeat(m, p, m->behind, 8, ROW, m->base + 2 * m->words, 2 * m->words);
}

/* y of the tiles' own slices; an odd number of words is rounded up, the buffer has room. */
static void product(const struct softmax *m, struct program *p)
{
    enum { ROW = 2077 };
    int32_t last = m->c.tiles - 1, rest = slice_words(&m->c, last);
    for (int32_t t = 0; t <= last; t++) {
        int32_t pairs = (int32_t)ceil_div(slice_words(&m->c, t), 2), used = program_flag(p, 1 << t, ISA_PARAM);
        program_add(p, (struct isa_inst){
                           .op = ISA_TO_WIDE,
                           .to_wide = {.tiles = 1 << t,
                                       .n = narrow_words(m->base + 2 * m->slice * t, LOOPS({2, 2}, {2, 1}, {pairs, 4})),
                                       .w = buffered(wide_rows(ROW, LOOPS({pairs, 0})), 0, 1),
                                       .p = signal_at(0),
                                       .wait = {wait_room(ISA_PARAM, 0, used - 1, 1)},
                                       .par = 1,
                                       .par2 = 1,
                                       .pack = 2}});
    }
    const float root = 1.0f / ROOT;
    for (int k = 0; k < 2; k++) {
        int32_t words = k ? rest : m->slice, tiles = k ? 1 << last : rest == m->slice ? m->all : m->all & ~(1 << last);
        if (k ? rest == m->slice : !tiles)
            continue;
        int32_t pairs = (int32_t)ceil_div(words, 2), pitch = 8 * m->words;
        struct isa_tensor i = tensor(tiles, root * root * (1.0f / m->d->out->quant.scale[0]), 0, 255);
        set_loops(&i, LOOPS({2, 0}, {pairs, 0}));
        i.a = tensor_unit(4LL * (m->base + 2 * m->words),
                          LOOPS({1, 4}, {2 * pairs, 0}, {1, pitch}, {1, pitch}, {1, pitch}));
        i.w = buffered(tensor_unit(4LL * ROW, LOOPS({2, 2}, {pairs, 0})), 1, 4);
        i.p = buffered(tensor_unit(0, LOOPS({2 * pairs, 0})), 0, 4);
        i.o = tensor_unit(4LL * value_at(m->plan, m->out),
                          LOOPS({2 * pairs, 4}, {1, 4 * m->slice}, {1, 4 * m->slice}, {1, 4 * m->slice}));
        i.param = signal_at(1);
        i.wait[0] = wait_data(ISA_N2W, 1, 1, 1);
        i.a16 = i.w16 = 1;
        i.chdim = 1;
        add_tensor(p, ISA_MAC, i);
    }
    fence_flags(p, 1 << ISA_N2W);
    fence_flags(p, 1 << ISA_PARAM);
    fence_layer(p, 3);
}

static void emit_softmax(const struct plan *plan, const struct step *s, struct program *p)
{
    enum { ONES = 1, RECEIVE = 10, ONES_ROW = 7 };
    struct softmax m = softmax_of(plan, s);
    int32_t maximum_at = m.base + 2 * m.words;
    gather_input(&m, p);
    maximum(&m, p);
    spread_out(&m, p, maximum_at, 1, m.row - RECEIVE);
    emit_fill(p, ISA_MESH_NORTH, (struct constant){maximum_at + 1, 4, 1}, true);
    constant_row(p, maximum_at + 1, m.row - ONES_ROW);
    repeat(&m, p, maximum_at, 4, m.row - ONES_ROW, m.base + m.words, m.words);
    subtract(&m, p);
    exponentials(&m, p);
    inverse_sum(&m, p);
    spread_inverse(&m, p);
    product(&m, p);
}

const struct family family_softmax = {.name = "softmax", .size = size_softmax, .emit = emit_softmax};

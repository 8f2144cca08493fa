/* SOFTMAX of a 1x1xK vector that lies in slices on n tiles.
 *
 *   M = max x;  v = 255 + x - M;  e = 65535 exp(s (v - 255));  S = sum e / 65535;  r = 46340 / sqrt(S);
 *   c = r r / 65535;  y = e c / 46340^2 * 256
 *
 * with 16 bits for e, r and c, and exp and 1/sqrt from the tables.  x and e are gathered on tile 0, which finds M and
 * c; all tiles do the rest on their own slices.  Where K is no multiple of 4, tables (lanes.h) keep the bytes behind
 * the last element from counting: x and v become as low as possible there, e becomes 0.
 *
 * Facts: ../shared/isa/numerics.md section 3 (arithmetic).  Every field of the instructions in bright_16, bright_64,
 * bright_128 and color_*_64, color_*_128 (K = 256, 4096, 16384), mobilenet_v1_0.25_128, 0.5_160, 0.75_192 (K = 1001)
 * and keras_lstm (K = 10, one tile).  Other K follow the same form.
 *
 * Those last four are of a compiler for runtime 12, which puts e together on all tiles and carries an odd last element
 * to the first tile and back, to multiply it with 1.0 alone.  For runtime 14 compiler 16 does neither: the numbers of
 * instructions of each kind for K = 965, 1001 (mobilenet_v2_1.0_224_inat_bird and others of the catalogue), 7 and 5
 * leave room for e on the first tile only, and no row of 1.0. */
#include "compiler/families.h"
#include "compiler/lanes.h"
#include "compiler/scalar.h"
#include "kernels/lut.h"

#include <float.h>
#include <math.h>

enum {
    FIRST_TILE = 1,
    IDENTITY_ROW = WIDE_ROWS - 1,
    U16 = 65535,  /* steps of e, r, c for 1.0 */
    ROOT = 46340, /* steps of r: floor(sqrt(2^31 - 1)) */
    THREAD_TO_WIDE = 1 << 5,
    LOWEST_ROW = 2064,
    MASK_RECEIVE_ROW = 2043, /* of copies while tables may come in above */
    MASK_LOWEST_ROW = 2039,
    TABLES = 3,
    EVERYWHERE_BEFORE = 14, /* runtime */
};

/* Parts of the step, as far as buffers are concerned. */
enum phase {
    MAXIMUM, SPREAD, SUBTRACT, EXP, GATHER, ODD, SUM, SQUARE, UNPACK, SPREAD_INVERSE, PRODUCT, RESULT,
    PHASES
};

/* Narrow buffers, the same on all tiles.  Of each its size, when it is in use, and its place in the order in which the
 * official addresses come out: those of the subtraction by size, each at the lowest address that is free. */
enum buffer {
    WHOLE,      /* x of all tiles on tile 0 */
    REPEATED,   /* M for each word */
    NEGATED_16, /* -M with 16 bits: stays in wide memory, but has a place */
    DIFFERENCE, /* v of the slice */
    NEGATED,    /* of the slice, the same */
    MATRIX,     /* constants */
    SLICE_E,    /* e of the slice, or of all tiles */
    ALL_E,      /* with tables: e of all tiles; the elements alone, two to a word */
    LARGEST,    /* M */
    LANE_MAX,   /* of each of the four lanes */
    ONES,
    IDENTITY,
    INVERSES,   /* c for each word */
    INVERSE,    /* r, then c, then a matrix */
    SQUARES,
    RELAY,      /* the last element on its way over the mesh, two buffers */
    LAST,       /* and where it comes to */
    PRODUCTS,   /* is not written, but has a place */
    BUFFERS
};

struct softmax_work { /* after the size pass */
    uint32_t buffer[BUFFERS];
    uint32_t table[TABLES], one; /* parameters: biases of x and of v, factors of v; 1.0 */
};

struct softmax_detail {
    const struct tfl_tensor *in, *out;
    float beta;
    struct softmax_work *work;
};

void *softmax_detail(struct arena *a, const struct tfl_tensor *in, const struct tfl_tensor *out, float beta)
{
    struct softmax_detail *d = ARENA_NEW(a, struct softmax_detail);
    *d = (struct softmax_detail){in, out, beta, ARENA_NEW(a, struct softmax_work)};
    return d;
}

struct softmax {
    const struct plan *plan;
    const struct step *step;
    const struct softmax_detail *d;
    const struct softmax_work *work;
    const struct value *in, *out;
    struct slices c;
    int32_t k;     /* elements */
    bool tables;   /* K is no multiple of 4 */
    bool everywhere; /* with tables, on several tiles: e is put together on all of them */
    bool odd;      /* so that its last element, alone in a word of 16-bit numbers, needs care */
    int32_t all;   /* mask of the tiles */
    int32_t words; /* q: of the whole vector */
    int32_t pairs; /* words of all elements with 16 bits */
    int32_t slice; /* s: of a slice */
    int32_t row;   /* wide row above the highest that is free: the identity may lie there already */
    bool has_identity;
};

static int32_t at(const struct softmax *m, enum buffer b) { return m->plan->buffers[m->work->buffer[b]].at; }

static struct softmax softmax_of(const struct plan *plan, const struct step *s)
{
    struct softmax m = {.plan = plan, .step = s, .d = s->detail, .in = plan_in(plan, s, 0), .out = plan_out(plan, s)};
    m.c = slices_of(m.in->z);
    m.work = m.d->work;
    m.k = m.in->z;
    m.tables = m.k % 4 != 0;
    m.everywhere = m.tables && m.c.tiles > 1 && plan->runtime < EVERYWHERE_BEFORE;
    m.odd = m.everywhere && m.k % 2;
    m.all = (1 << m.c.tiles) - 1;
    m.words = m.c.total;
    m.slice = slice_words(&m.c, 0);
    m.pairs = m.tables ? (int32_t)ceil_div(m.k, 2) : 2 * m.words;
    m.has_identity = plan_finds_identity(plan, s);
    m.row = m.has_identity || m.tables ? IDENTITY_ROW : WIDE_ROWS;
    return m;
}

/* ---- size ---- */

struct need {
    int32_t words, from, until; /* phases; words 0: not there */
};

static void needs_of(const struct softmax *m, struct need n[BUFFERS])
{
    int32_t q = m->words, s = m->slice;
    enum { RELAY_WORDS = 8, CONSTANTS = 8, MATRIX_ROW = 4 };
    const struct need all[BUFFERS] = {
        [WHOLE] = {q, MAXIMUM, m->tables ? SPREAD : EXP},
        [REPEATED] = {q, SPREAD, EXP},
        [NEGATED_16] = {2 * q, SUBTRACT, EXP},
        [DIFFERENCE] = {s, SUBTRACT, GATHER},
        [NEGATED] = {s, SUBTRACT, EXP},
        [MATRIX] = {CONSTANTS, SUBTRACT, EXP},
        [SLICE_E] = {m->tables ? 2 * s : 2 * q, EXP, PHASES},
        [ALL_E] = {m->tables ? m->pairs : 0, GATHER, SQUARE},
        [LARGEST] = {1, MAXIMUM, SUBTRACT},
        [LANE_MAX] = {1, MAXIMUM, SPREAD},
        [ONES] = {MATRIX_ROW, SPREAD, SUBTRACT},
        [IDENTITY] = {m->has_identity ? 0 : MATRIX_ROW, m->tables ? MAXIMUM : EXP, m->tables ? SPREAD : GATHER},
        [INVERSES] = {2 * q, SPREAD_INVERSE, PHASES},
        [INVERSE] = {2 + MATRIX_ROW, SUM, PRODUCT},
        [SQUARES] = {MATRIX_ROW + 1, SQUARE, SPREAD_INVERSE},
        [RELAY] = {m->odd ? RELAY_WORDS : 0, ODD, SUM},
        [LAST] = {m->odd ? 1 : 0, ODD, SUM},
        [PRODUCTS] = {4 * s + 1, PRODUCT, PHASES},
    };
    for (int k = 0; k < BUFFERS; k++)
        n[k] = all[k];
}

/* Ranks of the buffers (narrow.h): those of the subtraction in the middle, the largest first. */
enum { RANK_FIRST = 2, RANK_SUBTRACT, RANK_REST = 16 };

/* x itself takes part; -M with 16 bits counts by half of its size. */
static void rank_subtraction(const struct softmax *m, const struct need n[BUFFERS], int32_t rank[BUFFERS],
                             int32_t *rank_of_x)
{
    enum { MEMBERS = 5 };
    static const enum buffer member[MEMBERS] = {BUFFERS, DIFFERENCE, NEGATED_16, NEGATED, MATRIX};
    int32_t words[MEMBERS];
    for (int k = 0; k < MEMBERS; k++)
        words[k] = k == 0 ? m->slice : n[member[k]].words / (member[k] == NEGATED_16 ? 2 : 1);
    for (int k = 0; k < MEMBERS; k++) {
        int32_t *r = k == 0 ? rank_of_x : &rank[member[k]];
        *r = RANK_SUBTRACT;
        for (int j = 0; j < MEMBERS; j++)
            *r += words[j] > words[k] || (words[j] == words[k] && j < k);
    }
}

static void size_buffers(struct plan *p, uint32_t index, const struct softmax *m, struct softmax_work *work)
{
    const struct value *in = m->in;
    bool alone = plan_sole_reader(p, m->step->in[0]) == m->step && in->offset == 0 && !p->buffers[in->buffer].late;
    struct need n[BUFFERS];
    int32_t rank[BUFFERS], rank_of_x;
    needs_of(m, n);
    for (int k = 0; k < BUFFERS; k++)
        rank[k] = k == WHOLE || k == REPEATED ? RANK_FIRST : RANK_REST;
    rank_subtraction(m, n, rank, &rank_of_x);
    for (int k = 0; k < BUFFERS; k++) {
        struct narrow_buffer b = {.words = n[k].words, .first = (int32_t)index, .last = (int32_t)index,
                                  .from = n[k].from, .until = n[k].until, .late = rank[k]};
        if (k == WHOLE && alone && !m->tables) { /* it is put together around the slice of tile 0 */
            struct narrow_buffer *slices = &p->buffers[in->buffer];
            b.group = slices->group = slices->group ? slices->group : in->buffer + 1;
            b.late = 0;
        }
        work->buffer[k] = n[k].words ? plan_buffer(p, b) : NO_BUFFER;
    }
    plan_dies_in_phase(p, m->step->in[0], index, EXP);
    if (alone && m->tables && !p->buffers[in->buffer].group)
        p->buffers[in->buffer].late = rank_of_x;
}

static uint32_t table_of(struct plan *p, const struct softmax *m, uint32_t inside, uint32_t behind)
{
    uint32_t *numbers = ARENA_ARRAY(p->arena, uint32_t, 4 * (size_t)m->words);
    for (int32_t k = 0; k < 4 * m->words; k++)
        numbers[k] = k < m->k ? inside : behind;
    uint32_t q = lanes_parameter(p, m->step->op, numbers, m->words, m->c.words);
    if (!m->everywhere && m->c.tiles > 1) /* always whole: three programs of three */
        p->parameters[q].part = 0;
    return q;
}

/* 1.0 for the last element: in a row of its own, on the first tile. */
static uint32_t one_of(struct plan *p, const struct softmax *m)
{
    const uint32_t numbers[4] = {f32_bits(1)};
    return lanes_parameter(p, m->step->op, numbers, 1, 1);
}

static bool size_softmax(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct value *out = &p->values[s->out];
    struct softmax m = softmax_of(p, s);
    struct softmax_work *work = m.d->work;
    size_buffers(p, index, &m, work);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = m.slice, .first = (int32_t)index, .from = RESULT,
                                                        .last = (int32_t)out->last, .late = RANK_REST});
    if (m.tables) {
        /* The bytes behind are zero points in what a FULLY_CONNECTED makes, else any: nothing may overflow then. */
        const uint32_t least = p->steps[m.in->first].family == &family_fully_connected ? 0x80000000 : 0xc0000000;
        float scale = m.d->in->quant.scale[0] * m.d->beta;
        work->table[0] = table_of(p, &m, 0, least);
        work->table[1] = table_of(p, &m, 0, least);
        work->table[2] = table_of(p, &m, f32_bits(scale), f32_bits(FLT_MAX * scale));
        if (m.odd)
            work->one = one_of(p, &m);
    }
    plan_wide_floor(p, m.tables ? MASK_LOWEST_ROW : LOWEST_ROW);
    return true;
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

/* Words at `where` from the first tile to all others. */
static void spread_out(const struct softmax *m, struct program *p, int32_t where, int32_t words, int32_t row)
{
    for (int32_t t = 1; t < m->c.tiles; t++)
        emit_copy(p, 0, 1 << t, words, where, where, row);
    if (m->c.tiles > 1)
        emit_exchange_end(p);
}

/* `words` words of the first tile through wide rows, one to a row and two buffers of a block, to who reduces them. */
struct feed {
    int32_t words, block, blocks, rest; /* rows of a block, of the last one */
};

static struct feed feed_of(int32_t words)
{
    enum { BLOCK = 4 };
    struct feed f = {.words = words, .blocks = (int32_t)ceil_div(words, BLOCK)};
    f.block = (int32_t)ceil_div(words, f.blocks);
    f.rest = words - f.block * (f.blocks - 1);
    return f;
}

static void feed_words(struct program *p, const struct feed *f, int32_t from, int32_t row, int32_t par)
{
    int32_t used = program_flag(p, FIRST_TILE, ISA_PARAM);
    struct isa_to_wide i = {
        .tiles = FIRST_TILE, .p = signal_at(1), .par = par, .wait = {wait_room(ISA_PARAM, 1, used - 1, 1)}};
    i.n = narrow_words(from, f->words > 1 ? LOOPS({f->words, 1}) : NO_LOOPS);
    i.w = buffered(wide_rows(row, LOOPS({f->block, 1}, {f->blocks, 0})), 1, f->block);
    if (f->rest < f->block)
        i.w = short_last(i.w, 1, f->rest, f->block - f->rest);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = i});
}

/* Loops and units of the instruction that reduces what feed_words brings; `ready`: N2W before it. */
static void take_words(struct isa_tensor *i, const struct feed *f, int32_t row, int32_t ready)
{
    set_loops(i, LOOPS({f->block, 0}, {f->blocks, 0}));
    i->w = buffered(tensor_unit(4LL * row, LOOPS({f->block, 4}, {f->blocks, 0})), 1, 4 * f->block);
    if (f->rest < f->block) {
        i->w = short_last(i->w, 1, f->rest, 4 * (f->block - f->rest));
        i->ldim = 1;
        i->llim = f->rest - 1;
    }
    i->p = buffered(tensor_unit(0, LOOPS({f->words, 0})), 1, 4);
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, ready + 1, 1);
    i->chdim = 1;
    i->redmask = 3;
}

/* One row of constants at `from` as weights of all tiles. */
static void constant_row(struct program *p, int32_t from, int32_t row)
{
    int32_t ready = program_flag(p, ALL_TILES, ISA_S_IN);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = ALL_TILES,
                                                 .n = narrow_words(from, LOOPS({4, 1})),
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

/* ---- tables ---- */

/* Every word of the slices of `from`, or of v, each byte with its number of table `t`, to where `o` says of each tile.
 */
static bool apply_table(const struct softmax *m, struct program *p, int t, struct isa_tensor numbers,
                        const struct value *from,
                        struct isa_ttu (*o)(const struct softmax *m, int32_t tile, int32_t words))
{
    struct slice_class c[2];
    int n = slice_classes(&m->c, c);
    int32_t loaded = program_flag(p, m->all, ISA_W2S), ready = program_flag(p, m->all, ISA_N2W);
    lanes_load(m->plan, m->work->table[t], &m->c, t == 2 ? LANES_MULTIPLIERS : LANES_BIASES, 4, p);
    struct isa_inst inst[ISA_TILES];
    int count = 0;
    for (int k = 0; k < n; k++)
        for (int32_t tile = 0; tile < m->c.tiles; tile++) {
            int32_t words = c[k].words, start = from ? slice_at(m->plan, from, tile) : at(m, DIFFERENCE);
            if (!(c[k].tiles >> tile & 1))
                continue;
            struct isa_tensor i = numbers;
            set_loops(&i, LOOPS({1, 0}, {2, 0}, {words, 0}));
            i.a = tensor_unit(4LL * start, LOOPS({1, 4}, {2, 0}, {1, 4 * words}, {words, 4}));
            i.w = buffered(tensor_unit(4LL * IDENTITY_ROW, LOOPS({2, 0}, {words, 0})), 1, 0);
            i.p = buffered(tensor_unit(0, LOOPS({2, 0}, {words, 0})), 0, 4);
            i.o = o(m, tile, words);
            i.avdata = signal_at(3);
            i.param = signal_at(1);
            i.wait[0] = wait_data(ISA_W2S, 2, loaded + 1, 1);
            i.wait[1] = wait_data(ISA_N2W, 3, ready, 1);
            i.chdim = 2;
            int same = 0;
            while (same < count && (inst[same].tensor.o.base != i.o.base || inst[same].tensor.lim[2] != i.lim[2]))
                same++;
            if (same == count)
                inst[count++] = (struct isa_inst){.op = ISA_MAC, .tensor = i};
            inst[same].tensor.tiles |= 1 << tile;
        }
    for (int k = 0; k < count; k++)
        program_add(p, inst[k]);
    return lanes_send(m->plan, m->work->table[t], &m->c, p);
}

/* Behind a step that took rows from a ring. */
static void end_of_ring(struct program *p)
{
    emit_core_sync(p, 0);
    emit_barrier(p, 0);
}

/* ---- the maximum ---- */

static void set_own_numbers(const struct softmax *m, struct isa_tensor *i)
{
    set_clamp(i, m->d->in, TFL_ACT_NONE);
    i->scale = (int32_t)f32_bits(1);
}

static struct isa_ttu to_whole(const struct softmax *m, int32_t tile, int32_t words)
{
    return tensor_unit(4LL * (at(m, WHOLE) + m->slice * tile),
                       LOOPS({1, 4}, {1, 4 * m->words}, {2, 0}, {words, 4}));
}

/* x with the lowest number behind the last element, to its place in the whole vector; the tables may come by ring. */
static bool mask_input(const struct softmax *m, struct program *p)
{
    struct isa_tensor i = tensor(0, 1, 0, 0);
    set_own_numbers(m, &i);
    i.azp = i.ozp;
    i.mem_bias = 1;
    bool ring = apply_table(m, p, 0, i, m->in, to_whole);
    if (m->c.tiles > 1)
        fence_all(p);
    return ring;
}

static bool behind(const struct softmax *m, const struct family *f)
{
    return m->step > m->plan->steps && m->step[-1].family == f;
}

/* A pool ends with all that is needed (catalogue: prbodmann all_cnn, nin_cnn). */
static void begin(const struct softmax *m, struct program *p)
{
    if (behind(m, &family_infeed_vector) || behind(m, &family_flatten)) {
        fence_all(p);
    } else if (!behind(m, &family_channel_pool)) { /* which ends with all that is needed */
        emit_barrier(p, LAYER_FLAGS);
        fence_layer(p, 1);
    }
    if (m->tables && !m->has_identity) {
        emit_identity(p, at(m, IDENTITY), IDENTITY_ROW, true);
        fence_all(p);
    }
}

static void gather_input(const struct softmax *m, struct program *p)
{
    int32_t row = (behind(m, &family_infeed_vector) ? infeed_vector_top(m->in) : m->row) - 2;
    bool ring = m->tables && mask_input(m, p);
    for (int32_t t = 0; t < m->c.tiles; t++) {
        int32_t to = at(m, WHOLE) + m->c.words * t, from = m->tables ? to : slice_at(m->plan, m->in, t);
        if (t > 0 || from != to)
            emit_copy(p, t, FIRST_TILE, slice_words(&m->c, t), from, to, m->tables ? MASK_RECEIVE_ROW : row);
    }
    if (m->c.tiles > 1)
        emit_exchange_end(p);
    fence_layer(p, 1);
    if (ring)
        end_of_ring(p);
    if (!m->in->in_place)
        fence_layer(p, 1);
}

static void set_max(const struct softmax *m, struct isa_tensor *i, int64_t to)
{
    set_own_numbers(m, i);
    i->wzp = unsigned_zero_point(m->d->in);
    i->cbias = -i->wzp;
    i->a = tensor_unit(0, LOOPS({1, 0}));
    i->o = tensor_unit(to, LOOPS({1, 4}, {1, 4}, {1, 4}, {1, 4}));
}

/* On one tile: all bytes in one go. */
static void maximum_of_few(const struct softmax *m, struct program *p)
{
    int32_t row = m->row - 2, q = m->words, ready = program_flag(p, FIRST_TILE, ISA_N2W);
    int32_t used = program_flag(p, FIRST_TILE, ISA_PARAM);
    program_add(p, (struct isa_inst){
                       .op = ISA_TO_WIDE,
                       .to_wide = {.tiles = FIRST_TILE,
                                   .n = narrow_words(at(m, WHOLE), q > 1 ? LOOPS({q, 1}) : NO_LOOPS),
                                   .w = buffered(wide_rows(row, LOOPS({q, 0})), 0, 1),
                                   .p = signal_at(0),
                                   .wait = {wait_room(ISA_PARAM, 0, used - 1, 1)}}});
    struct isa_tensor i = tensor(FIRST_TILE, 1, 0, 0);
    set_max(m, &i, 4LL * at(m, LARGEST));
    set_loops(&i, LOOPS({4, 0}, {q, 0}));
    i.w = buffered(tensor_unit(4LL * row, LOOPS({4, 1}, {q, 0})), 1, 4);
    i.p = buffered(tensor_unit(0, LOOPS({4 * q, 0})), 1, 4);
    i.param = signal_at(1);
    i.wait[0] = wait_data(ISA_N2W, 1, ready + 1, 1);
    i.chdim = 1;
    i.redmask = 3;
    add_tensor(p, ISA_MAX, i);
    fence_layer(p, 3);
}

/* Over all words lane by lane, then over the four lanes. */
static void maximum(const struct softmax *m, struct program *p)
{
    int32_t row = m->row - 8, ready = program_flag(p, FIRST_TILE, ISA_N2W);
    struct feed f = feed_of(m->words);
    feed_words(p, &f, at(m, WHOLE), row, 1);
    struct isa_tensor i = tensor(FIRST_TILE, 1, 0, 0);
    take_words(&i, &f, row, ready);
    set_max(m, &i, 4LL * at(m, LANE_MAX));
    add_tensor(p, ISA_MAX, i);
    emit_fence(p, (struct fence){.threads = 1});

    ready = program_flag(p, FIRST_TILE, ISA_N2W);
    int32_t used = program_flag(p, FIRST_TILE, ISA_PARAM);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = FIRST_TILE,
                                                 .n = narrow_words(at(m, LANE_MAX), NO_LOOPS),
                                                 .w = buffered(wide_rows(row, NO_LOOPS), 1, 1),
                                                 .p = signal_at(1),
                                                 .wait = {wait_room(ISA_PARAM, 1, used, 1)},
                                                 .pack = 1}});
    i = tensor(FIRST_TILE, 1, 0, 0);
    set_max(m, &i, 4LL * at(m, LARGEST));
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

static void spread_maximum(const struct softmax *m, struct program *p)
{
    enum { RECEIVE = 10, ONES_ROW = 7 };
    int32_t row = m->row - (m->c.tiles > 1 ? ONES_ROW : 1);
    if (m->c.tiles > 1) {
        spread_out(m, p, at(m, LARGEST), 1, m->row - RECEIVE);
        fence_layer(p, 2);
    }
    emit_fill(p, ISA_MESH_NORTH, (struct constant){at(m, ONES), 4, 1}, true);
    constant_row(p, at(m, ONES), row);
    repeat(m, p, at(m, LARGEST), 4, row, at(m, REPEATED), m->words);
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
    int32_t zeros = m->row - 2;
    emit_fill(p, ISA_MESH_NORTH, (struct constant){at(m, MATRIX), 8, 0}, true);
    int32_t ready = program_flag(p, ALL_TILES, ISA_S_IN);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = m->all,
                                                 .n = narrow_words(at(m, MATRIX), LOOPS({4, 1}, {2, 4})),
                                                 .w = wide_rows(zeros, LOOPS({2, 1})),
                                                 .wait = {wait_data(ISA_S_IN, 2, ready, 0)},
                                                 .pack = 1}});
    fence_all(p);
    struct slice_class c[2];
    int n = slice_classes(&m->c, c);
    for (int k = 0; k < n; k++) {
        struct isa_tensor i = difference(m, c[k].tiles);
        i.a = tensor_unit(4LL * at(m, REPEATED), LOOPS({1, 1}, {1, 0}, {1, 4 * m->words}));
        i.w = masked(tensor_unit(4LL * zeros, LOOPS({1, 1})), 0);
        i.p = masked(tensor_unit(4LL * (m->row - 5), LOOPS({1, 1})), 0);
        i.o = masked(tensor_unit(4LL * at(m, NEGATED), LOOPS({1, 1}, {1, 0}, {1, 4 * c[k].words})), 1 << 2);
        i.nospill = 0;
        i.w1 = 3;
        add_tensor(p, ISA_MAC, i);
    }
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
    for (size_t k = 0; k < sizeof fills / sizeof *fills; k++)
        emit_fill(p, fills[k].mesh,
                  (struct constant){at(m, MATRIX) + fills[k].c.at, fills[k].c.words, fills[k].c.value}, true);
    struct isa_to_wide w = {.tiles = m->all,
                            .n = narrow_words(at(m, MATRIX), LOOPS({4, 1}, {2, 4})),
                            .w = wide_rows(m->row - 2, LOOPS({2, 1})),
                            .p = signal_at(1),
                            .pack = 1};
    for (int k = 0; k < 4; k++)
        w.wait[k] = wait_data(arrived[k], 2, program_flag(p, ALL_TILES, arrived[k]), 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
}

static struct isa_ttu in_place(const struct softmax *m, int32_t tile, int32_t words)
{
    (void)tile;
    return tensor_unit(4LL * at(m, DIFFERENCE), LOOPS({1, 4}, {1, 4 * words}, {2, 0}, {words, 4}));
}

/* v of the tiles' own slices. */
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
        /* The slice is part of a buffer for the whole vector. */
        bool whole = m->in->in_place || (t == 0 && !m->tables);
        if (done >> t & 1)
            continue;
        for (int32_t u = t + 1; !whole && u < m->c.tiles; u++)
            tiles |= slice_words(&m->c, u) == words ? 1 << u : 0;
        done |= tiles;
        int32_t pitch = 4 * (whole ? m->words : words);
        int64_t from = t == 0 && !m->tables ? at(m, WHOLE) : slice_at(m->plan, m->in, t);
        struct isa_tensor i = difference(m, tiles);
        set_loops(&i, LOOPS({2, 0}, {words, 0}));
        i.a = tensor_unit(4 * from, LOOPS({2 * words, 2}, {1, pitch}, {1, pitch}, {1, pitch}));
        i.w = tensor_unit(4LL * (m->row - 2), LOOPS({2, 4}, {words, 0}));
        i.p = buffered(tensor_unit(0, LOOPS({2, 0}, {words, 0})), 1, 4);
        i.o = tensor_unit(4LL * at(m, DIFFERENCE), LOOPS({words, 4}, {1, 4 * words}, {1, 4 * words}, {1, 4 * words}));
        i.avdata = signal_at(3);
        i.wait[0] = wait_data(ISA_N2W, 2, written, 1);
        i.wait[1] = wait_data(ISA_W2S, 2, loaded + 1, 1);
        i.chdim = 1;
        i.redmask = 1;
        i.mem_bias = 1;
        add_tensor(p, ISA_MAC, i);
    }
    fence_layer(p, 3);
    if (!m->tables)
        return;
    struct isa_tensor i = difference(m, 0);
    i.w16 = i.wzp = 0;
    i.azp = 255;
    i.mem_bias = 1;
    bool ring = apply_table(m, p, 1, i, NULL, in_place);
    fence_layer(p, 1);
    if (ring)
        end_of_ring(p);
    fence_layer(p, 1);
}

/* ---- exp ---- */

static struct isa_ttu to_exponentials(const struct softmax *m, int32_t tile, int32_t words)
{
    (void)tile;
    return tensor_unit(4LL * at(m, SLICE_E), LOOPS({2, 4}, {1, 8 * words}, {2, 0}, {words, 8}));
}

static struct isa_tensor exponential(int32_t tiles, float scale)
{
    struct isa_tensor i = tensor(tiles, scale, lut_make(LUT_EXP, U16).min, 0);
    i.azp = 255;
    i.lut = 1;
    i.out16 = 1;
    return i;
}

/* Words of 16-bit elements of tile t that are not cut in two. */
static int32_t pair_words(const struct softmax *m, int32_t t)
{
    return t < m->c.tiles - 1 ? 2 * m->slice : (m->odd ? m->k / 2 : m->pairs) - 2 * m->slice * t;
}

/* Where e of tile t lies before it goes to others: in its place among all, or, but on the first tile, alone. */
static int32_t place_of(const struct softmax *m, int32_t t)
{
    return at(m, ALL_E) + (m->everywhere ? 2 * m->slice * t : 0);
}

static bool compact_one(int tile, const void *arg, struct isa_inst *out)
{
    const struct softmax *m = arg;
    if (tile >= m->c.tiles || pair_words(m, tile) == 0)
        return false;
    int32_t n = pair_words(m, tile), own = 8 * slice_words(&m->c, tile);
    int32_t all = 4 * (m->everywhere || tile == 0 ? m->pairs : n);
    struct isa_tensor i = tensor(0, 1, -INFINITY, INFINITY);
    set_loops(&i, LOOPS({1, 0}, {n, 0}));
    i.a = tensor_unit(4LL * at(m, SLICE_E), LOOPS({n, 4}, {1, 0}, {1, own}, {1, 0}, {1, own}, {1, 0}, {1, own}));
    i.w = tensor_unit(4LL * IDENTITY_ROW, LOOPS({1, 4}, {n, 0}));
    i.p = buffered(tensor_unit(0, LOOPS({n, 0})), 0, 256);
    i.o = tensor_unit(4LL * place_of(m, tile), LOOPS({n, 4}, {1, all}, {1, all}, {1, all}));
    out->op = ISA_MAC;
    out->tensor = i;
    return true;
}

/* e without what lies behind the last element; then of all tiles to all tiles, or to the first. */
static void gather_elements(const struct softmax *m, struct program *p)
{
    program_add_tiles(p, compact_one, m);
    fence_layer(p, 1);
    fence_all(p);
    for (int32_t d = 0; d < (m->everywhere ? m->c.tiles : 1); d++)
        for (int32_t t = 0; t < m->c.tiles; t++)
            if (t != d && pair_words(m, t))
                emit_copy(p, t, 1 << d, pair_words(m, t), place_of(m, t), at(m, ALL_E) + 2 * m->slice * t,
                          IDENTITY_ROW - 2);
}

static void exponentials_by_table(const struct softmax *m, struct program *p)
{
    const struct lut table = lut_make(LUT_EXP, U16);
    emit_table(p, m->all, &table);
    struct isa_tensor i = exponential(0, 1);
    i.mem_mult = 1;
    if (apply_table(m, p, 2, i, NULL, to_exponentials)) {
        fence_layer(p, 1);
        end_of_ring(p);
    } else {
        fence_layer(p, 1);
    }
    fence_all(p);
    gather_elements(m, p);
}

static void exponentials(const struct softmax *m, struct program *p)
{
    if (!m->has_identity)
        emit_identity(p, at(m, IDENTITY), IDENTITY_ROW, true);
    int32_t written = program_flag(p, m->all, ISA_N2W);
    const struct lut table = lut_make(LUT_EXP, U16);
    emit_table(p, m->all, &table);
    for (int32_t t = 0; t < m->c.tiles; t++) {
        int32_t words = slice_words(&m->c, t);
        struct isa_tensor i = exponential(1 << t, m->d->in->quant.scale[0] * m->d->beta);
        set_loops(&i, LOOPS({words, 0}));
        i.a = tensor_unit(4LL * at(m, DIFFERENCE), LOOPS({1, 4}, {1, 4 * words}, {words, 4}));
        i.w = tensor_unit(4LL * IDENTITY_ROW, LOOPS({words, 0}));
        i.p = buffered(tensor_unit(0, LOOPS({words, 0})), 0, 4);
        i.o = tensor_unit(4LL * (at(m, SLICE_E) + 2 * m->slice * t), LOOPS({2, 4}, {1, 8 * m->words}, {words, 8}));
        i.avdata = signal_at(2);
        i.param = signal_at(0);
        i.wait[0] = wait_data(ISA_N2W, 1, written, 1);
        add_tensor(p, ISA_MAC, i);
    }
    fence_all(p);
    for (int32_t t = 1; t < m->c.tiles; t++) {
        int32_t place = at(m, SLICE_E) + 2 * m->slice * t;
        emit_copy(p, t, FIRST_TILE, 2 * slice_words(&m->c, t), place, place, IDENTITY_ROW - 2);
    }
}

/* ---- an odd number of elements: the last one alone ---- */

/* A mesh instruction of one direction, and the tile that it reaches. */
struct leg {
    enum isa_opcode op;
    enum isa_flag in, out;
    int32_t step, tiles; /* tiles that it passes, with both ends */
};

/* One word at `from` of tile `tile` along two legs to `to` of the last tile, through two buffers in turn. */
static void carry_word(const struct softmax *m, struct program *p, int32_t tile, const struct leg leg[2], int32_t from,
                       int32_t to)
{
    struct isa_ttu relay = buffered(masked(mesh_words(at(m, RELAY), NO_LOOPS), 1), 1, 4);
    const struct leg *first = leg[0].tiles > 1 ? &leg[0] : &leg[1], *before = NULL;
    for (const struct leg *l = first; l < leg + 2 && l->tiles > 1; before = l++) {
        const struct leg *next = l + 1 < leg + 2 && l[1].tiles > 1 ? l + 1 : NULL;
        for (int32_t k = 0; k < l->tiles; k++, tile += k < l->tiles ? l->step : 0) {
            struct isa_mesh i = {.tiles = 1 << tile};
            struct isa_wait *wait = i.wait;
            bool source = k == 0 && !before, target = k + 1 == l->tiles && !next;
            if (k + 1 < l->tiles) { /* sends */
                i.a = source ? mesh_words(from, NO_LOOPS) : relay;
                if (!source) {
                    enum isa_flag in = k == 0 ? before->in : l->in;
                    i.p[0] = signal_at(1);
                    *wait++ = wait_data(in, 1, program_flag(p, 1 << tile, in) + (k > 0), 1);
                }
            }
            if (k > 0) { /* receives */
                i.b = target ? mesh_words(to, NO_LOOPS) : relay;
                if (!target) {
                    enum isa_flag out = k + 1 == l->tiles ? next->out : l->out;
                    i.p[1] = signal_at(1);
                    *wait++ = wait_room(out, 1, program_flag(p, 1 << tile, out) - 1, 1);
                }
            }
            program_add(p, (struct isa_inst){.op = l->op, .mesh = i});
        }
    }
}

/* It goes to the first tile, is multiplied with 1.0 alone, and comes back to all. */
static void last_element(const struct softmax *m, struct program *p)
{
    enum { MESH_FLAGS = 0x7f8, MESH_THREADS = 0x3c0 };
    int32_t last = m->c.tiles - 1, row = last / 4, column = last % 4, place = at(m, ALL_E) + m->pairs - 1;
    const struct leg there[2] = {{ISA_MESH_NORTH, ISA_S_IN, ISA_N_OUT, -4, row + 1},
                                 {ISA_MESH_WEST, ISA_E_IN, ISA_W_OUT, -1, column + 1}};
    const struct leg back[2] = {{ISA_MESH_SOUTH, ISA_N_IN, ISA_S_OUT, 4, row + 1},
                                {ISA_MESH_EAST, ISA_W_IN, ISA_E_OUT, 1, column + 1}};
    const struct fence moved = {.flags = MESH_FLAGS, .threads = MESH_THREADS};
    int32_t from = at(m, SLICE_E) + pair_words(m, last);
    fence_all(p);
    fence_all(p);
    carry_word(m, p, last, there, from, at(m, LAST));
    emit_fence(p, moved);
    fence_all(p);
    fence_layer(p, 1);
    fence_all(p);
    fence_layer(p, 1);

    const struct slices alone = slices_of(1);
    int32_t loaded = program_flag(p, FIRST_TILE, ISA_W2S), ready = program_flag(p, FIRST_TILE, ISA_N2W);
    lanes_load(m->plan, m->work->one, &alone, LANES_MULTIPLIERS, 1, p);
    struct isa_tensor i = tensor(FIRST_TILE, 1, 0, U16);
    i.a = tensor_unit(4LL * at(m, LAST), LOOPS({1, 4}, {1, 4}, {1, 4}));
    i.w = masked(tensor_unit(4LL * IDENTITY_ROW, LOOPS({1, 1})), 0);
    i.p = masked(tensor_unit(0, LOOPS({1, 1})), 0);
    i.o = tensor_unit(4LL * place, LOOPS({1, 4}, {1, 4 * m->pairs}, {1, 4}));
    i.avdata = signal_at(2);
    i.param = signal_at(1);
    i.wait[0] = wait_data(ISA_W2S, 1, loaded + 1, 1);
    i.wait[1] = wait_data(ISA_N2W, 2, ready, 1);
    i.a16 = i.out16 = i.chdim = i.mem_mult = 1;
    i.lanes = i.lanes_last = 1;
    add_tensor(p, ISA_MAC, i);
    lanes_send(m->plan, m->work->one, &alone, p);
    fence_all(p);
    spread_out(m, p, place, 1, MASK_RECEIVE_ROW);
    fence_layer(p, 2);
    emit_ring_reset(p);
    fence_all(p);
    fence_all(p);
    carry_word(m, p, 0, back, place, place);
    emit_fence(p, moved);
    fence_all(p);
    fence_layer(p, 2);
}

/* ---- c = 46340^2 / S / 65535, on the first tile ---- */

static void inverse_sum(const struct softmax *m, struct program *p)
{
    enum { ROW = 2071 };
    const float step = 1.0f / U16;
    struct feed f = feed_of(m->pairs);
    const struct lut table = lut_make(LUT_RSQRT, ROOT);
    emit_table(p, FIRST_TILE, &table);
    int32_t ready = program_flag(p, FIRST_TILE, ISA_N2W);
    feed_words(p, &f, at(m, m->tables ? ALL_E : SLICE_E), ROW, 0);
    struct isa_tensor i = tensor(FIRST_TILE, step, -INFINITY, INFINITY);
    take_words(&i, &f, ROW, ready);
    i.a = tensor_unit(0, LOOPS({1, 0}));
    i.o = tensor_unit(4LL * at(m, INVERSE), LOOPS({2, 4}, {1, 8}, {1, 8}, {1, 8}));
    i.w16 = i.lut = i.norm = i.out16 = 1;
    add_tensor(p, ISA_SUM, i);
    fence_layer(p, 3);

    /* r of lane k times r of lane k: a product of every lane with each, of which the diagonal is kept. */
    i = tensor(FIRST_TILE, step, 0, 32768);
    set_loops(&i, LOOPS({2, 0}, {2, 0}));
    i.a = tensor_unit(4LL * at(m, INVERSE), LOOPS({4, 2}, {1, 8}, {1, 8}, {1, 8}));
    i.w = buffered(tensor_unit(4LL * ROW, LOOPS({2, 2}, {2, 0})), 1, 4);
    i.p = buffered(tensor_unit(0, LOOPS({1, 1}, {4, 0})), 1, 4);
    i.o = tensor_unit(4LL * at(m, SQUARES), LOOPS({2, 4}, {4, 4}, {1, 16}, {1, 16}, {1, 16}));
    i.param = signal_at(1);
    i.wait[0] = wait_data(ISA_N2W, 1, program_flag(p, FIRST_TILE, ISA_N2W) + 1, 1);
    i.a16 = i.w16 = i.out16 = 1;
    i.chdim = 4;
    int32_t used = program_flag(p, FIRST_TILE, ISA_PARAM);
    add_tensor(p, ISA_MAC, i);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = FIRST_TILE,
                                                 .n = narrow_words(at(m, INVERSE), LOOPS({2, 1})),
                                                 .w = buffered(wide_rows(ROW, LOOPS({2, 0})), 0, 1),
                                                 .p = signal_at(0),
                                                 .wait = {wait_room(ISA_PARAM, 0, used - 1, 1)}}});
    emit_fence(p, (struct fence){.threads = THREAD_TO_WIDE});

    i = tensor(FIRST_TILE, 1, -INFINITY, INFINITY);
    set_loops(&i, LOOPS({4, 0}));
    i.a = tensor_unit(4LL * at(m, SQUARES), LOOPS({4, 4}, {1, 16}, {1, 16}, {1, 16}));
    i.w = buffered(tensor_unit(4LL * IDENTITY_ROW, LOOPS({4, 1})), 1, 0);
    i.p = buffered(tensor_unit(0, LOOPS({4, 0})), 1, 4);
    i.o = tensor_unit(4LL * at(m, INVERSE), LOOPS({2, 4}, {1, 8}, {1, 8}, {1, 8}));
    i.a16 = i.out16 = 1;
    i.w1 = 3;
    i.chdim = 2;
    add_tensor(p, ISA_MAC, i);
    fence_flags(p, 1 << ISA_N2W);
    fence_flags(p, 1 << ISA_PARAM);
    fence_layer(p, 1);
    if (m->c.tiles > 1)
        fence_all(p);
}

/* ---- e c ---- */

/* c for every lane of every word: two words of 16-bit numbers, 2q times. */
static void spread_inverse(const struct softmax *m, struct program *p)
{
    enum { ROW = 2072, RECEIVE_ROW = 2069 };
    int32_t row = m->c.tiles > 1 ? ROW : m->row - 1, matrix = at(m, INVERSE) + 2;
    spread_out(m, p, at(m, INVERSE), 2, RECEIVE_ROW);
    fence_layer(p, 2);
    for (int k = 0; k < 2; k++) { /* the matrix that keeps one 16-bit number: 1, 256, 1, 256 */
        struct isa_mesh f = {
            .tiles = ALL_TILES, .b = mesh_words(matrix + k, LOOPS({2, 2})), .fill = 1, .value = k ? 0x100 : 1};
        if (k)
            f.p[1] = signal_at(1);
        program_add(p, (struct isa_inst){.op = ISA_MESH_NORTH, .mesh = f});
    }
    constant_row(p, matrix, row);
    repeat(m, p, at(m, INVERSE), 8, row, at(m, INVERSES), 2 * m->words);
}

/* Of e, two words at a time; an odd number of words is rounded up. */
static void feed_exponentials(struct program *p, int32_t tiles, int32_t from, int32_t words, int32_t row)
{
    int32_t pairs = (int32_t)ceil_div(words, 2), used = program_flag(p, tiles, ISA_PARAM);
    struct isa_to_wide w = {.tiles = tiles,
                            .n = narrow_words(from, LOOPS({2, 2}, {2, 1}, {pairs, 4})),
                            .w = buffered(wide_rows(row, LOOPS({pairs, 0})), 0, 1),
                            .p = signal_at(0),
                            .wait = {wait_room(ISA_PARAM, 0, used - 1, 1)},
                            .par = 1,
                            .par2 = 1,
                            .pack = 2};
    if (words % 2)
        w.n = short_last(w.n, 2, 2, 0);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
}

/* y of the tiles' own slices. */
static void product(const struct softmax *m, struct program *p)
{
    enum { ROW = 2077 };
    struct slice_class c[2];
    int n = slice_classes(&m->c, c);
    if (m->tables)
        for (int k = 0; k < n; k++)
            feed_exponentials(p, c[k].tiles, at(m, SLICE_E), c[k].words, ROW);
    else
        for (int32_t t = 0; t < m->c.tiles; t++)
            feed_exponentials(p, 1 << t, at(m, SLICE_E) + 2 * m->slice * t, slice_words(&m->c, t), ROW);
    const float root = 1.0f / ROOT;
    for (int k = 0; k < n; k++) {
        int32_t words = c[k].words, pairs = (int32_t)ceil_div(words, 2), pitch = 8 * m->words;
        struct isa_tensor i = tensor(c[k].tiles, root * root * (1.0f / m->d->out->quant.scale[0]), 0, 255);
        set_loops(&i, LOOPS({2, 0}, {pairs, 0}));
        i.a = tensor_unit(4LL * at(m, INVERSES), LOOPS({1, 4}, {words, 0}, {1, pitch}, {1, pitch}, {1, pitch}));
        i.w = buffered(tensor_unit(4LL * ROW, LOOPS({2, 2}, {pairs, 0})), 1, 4);
        if (words % 2) {
            i.w = short_last(i.w, 1, 1, 2);
            i.ldim = 1;
        }
        i.p = buffered(tensor_unit(0, LOOPS({words, 0})), 0, 4);
        i.o = tensor_unit(4LL * value_at(m->plan, m->out),
                          LOOPS({words, 4}, {1, 4 * words}, {1, 4 * words}, {1, 4 * words}));
        i.param = signal_at(1);
        i.wait[0] = wait_data(ISA_N2W, 1, 1, 1);
        i.a16 = i.w16 = 1;
        i.chdim = 1;
        add_tensor(p, ISA_MAC, i);
    }
    fence_flags(p, 1 << ISA_N2W);
    fence_flags(p, 1 << ISA_PARAM);
    fence_layer(p, 2);
}

static void emit_softmax(const struct plan *plan, const struct step *s, struct program *p)
{
    struct softmax m = softmax_of(plan, s);
    begin(&m, p);
    gather_input(&m, p);
    if (m.c.tiles > 1)
        maximum(&m, p);
    else
        maximum_of_few(&m, p);
    spread_maximum(&m, p);
    subtract(&m, p);
    if (m.tables)
        exponentials_by_table(&m, p);
    else
        exponentials(&m, p);
    if (m.c.tiles > 1)
        emit_exchange_end(p);
    if (m.odd)
        last_element(&m, p);
    else
        fence_layer(p, m.c.tiles > 1 ? 2 : 1);
    inverse_sum(&m, p);
    spread_inverse(&m, p);
    product(&m, p);
}

const struct family family_softmax = {.name = "softmax", .size = size_softmax, .emit = emit_softmax};

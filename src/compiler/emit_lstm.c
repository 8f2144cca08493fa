/* UNIDIRECTIONAL_SEQUENCE_LSTM: one loop of the scalar core, a pass for each time step.
 *
 * Cells go in groups of 64 to consecutive tiles, as the outputs of a FULLY_CONNECTED; a tile has the weights of its
 * cells for all gates, its slice of both states, and makes its part of each result.  A pass:
 *   1 the results made so far move down by one, so that the newest always has the same address;
 *   2 x of this step goes from tile 0 to all tiles that compute, from an address in a scalar register; with several
 *     tiles their parts of the hidden state too;
 *   3 for each gate a = W x + bias and b = R h, 8 bits each;
 *   4 gate = table(a + b): logistic, tanh;
 *   5 added = input * cell gate, kept = forget * cell state, both 16 bits;
 *   6 shown = tanh(kept + added), cell state = kept + added;
 *   7 hidden state = output gate * shown.
 * Numbers and instructions 3 to 7 are those of keras_lstm_mnist_ptq (docs/sim.md, "LSTM"; results equal the official
 * program's).  Otherwise that program differs: it makes constants and loads tables anew in each step, takes the gates
 * in another order, and keeps the results in the host's memory, for which the driver would have to follow descriptors
 * from the device (here all transfers are known beforehand).  Several tiles have no official instance. */
#include "compiler/families.h"
#include "compiler/lstm.h"
#include "compiler/scalar.h"

enum {
    RECEIVE_ROW = 2078, /* two; what is sent lies in the third and fourth row below them (emit_vector.c) */
    OPERAND_ROW = 2076, /* two: the elements of a factor, in turn */
    IDENTITY_ROW = 2073,
    SUM_ROW = IDENTITY_ROW - FACTOR_ROWS,
    CELL_ROW = SUM_ROW - FACTOR_ROWS,
    IDENTITY_WORDS = 4,
    X_REGISTER = 7,
    THREAD_TO_WIDE = 1 << 5,
    HALF_ZERO = 16384, /* zero point of 16-bit numbers in 2/32767 */
    CELL_ZERO = 32768,
};
_Static_assert(CELL_ROW == WIDE_ROWS - LSTM_WIDE_ROWS, "the rows that lstm.h promises");

/* Slots of the gates in work space: the three with the logistic function side by side. */
enum slot { SLOT_INPUT, SLOT_FORGET, SLOT_OUTPUT, SLOT_CELL };
static const enum slot slot_of[LSTM_GATES] = {SLOT_INPUT, SLOT_FORGET, SLOT_CELL, SLOT_OUTPUT};

/* Quantised numbers in the unsigned domain. */
struct numbers {
    float scale;
    int32_t zero, limit;
};
static const struct numbers GATE = {1.0f / 255, 0, 255}, CANDIDATE = {2.0f / 255, 128, 255},
                            HALF = {2.0f / 32767, HALF_ZERO, 65535};

/* Work space of a tile: words from the start of the step's buffer.  `pitch` words hold 8 bits of each cell. */
struct places {
    int32_t pitch;
    int32_t x, h, history;      /* this step's input; the whole hidden state; results, the newest last */
    int32_t from_x, from_h, gate; /* four slots each */
    int32_t products, wide;     /* one word for each cell and one more; an operand in 16 bits */
    int32_t kept, added, shown; /* 16 bits */
    int32_t constants, end;
};

static struct places places_of(int32_t steps, int32_t inputs, int32_t cells)
{
    struct slices s = slices_of(cells);
    struct places p = {.pitch = s.tiles > 1 ? s.words : s.total};
    int32_t at = 0;
    p.x = at, at += (int32_t)ceil_div(inputs, 4);
    p.history = at, at += steps * p.pitch;
    p.h = s.tiles > 1 ? at : at - p.pitch; /* on one tile the newest result is the hidden state */
    at += s.tiles > 1 ? s.tiles * s.words : 0;
    p.from_x = at, at += LSTM_GATES * p.pitch;
    p.from_h = at, at += LSTM_GATES * p.pitch;
    p.gate = at, at += LSTM_GATES * p.pitch;
    p.products = at, at += 4 * p.pitch + 1;
    p.wide = at, at += 2 * p.pitch;
    p.kept = at, at += 2 * p.pitch;
    p.added = at, at += 2 * p.pitch;
    p.shown = at, at += 2 * p.pitch;
    p.constants = at, at += IDENTITY_WORDS + 2 * FACTOR_WORDS;
    p.end = at;
    return p;
}

int32_t lstm_words(int32_t steps, int32_t inputs, int32_t cells)
{
    return places_of(steps, inputs, cells).end;
}

static bool size_lstm(struct plan *p, uint32_t index)
{
    enum { FIRST_OF_ALL = 1 << 20 }; /* the loop cannot stream: its parameters are placed before all others */
    struct step *s = &p->steps[index];
    const struct lstm_detail *d = s->detail;
    plan_value_buffer(p, s->out);
    for (int g = 0; g < LSTM_GATES; g++) {
        for (int recurrent = 0; recurrent < 2; recurrent++) {
            struct weights w = weights_of(p->arena, recurrent ? &d->from_h[g] : &d->from_x[g], false);
            struct segment segment = segment_make(p->arena, &w, SEGMENT_WIDE, false);
            uint32_t q = plan_parameter(p, (struct parameter){.op = s->op, .kind = PLACE_SPREAD, .level = FIRST_OF_ALL,
                                                              .prefix = segment_arrays(&segment), .segment = segment});
            if (g == 0 && !recurrent)
                s->parameter = q;
        }
    }
    s->temporary = plan_buffer(p, (struct narrow_buffer){.words = lstm_words(d->steps, d->inputs, d->cells),
                                                         .first = index, .last = index, .late = true});
    plan_wide_floor(p, CELL_ROW);
    return true;
}

/* ---- one instruction on all tiles that compute ---- */

struct lstm {
    const struct plan *plan;
    const struct step *step;
    const struct lstm_detail *d;
    struct slices cells;
    int32_t tiles; /* mask */
    struct places at; /* narrow words */
    int32_t x, hidden, cell; /* all steps; slices of the states */
    struct common_step sum;  /* of kept and added */
};

/* Operands and result of an instruction, narrow words, and its numbers. */
struct action {
    const struct lstm *l;
    int32_t a, b, to;
    int32_t slots; /* of gates side by side */
    const struct parameter *weights;
    struct isa_tensor numbers;
    int32_t ready, used; /* flags before */
};

static struct lstm lstm_of(const struct plan *plan, const struct step *s)
{
    const struct lstm_detail *d = s->detail;
    struct lstm l = {.plan = plan, .step = s, .d = d, .cells = slices_of(d->cells),
                     .at = places_of(d->steps, d->inputs, d->cells)};
    int32_t *places[] = {&l.at.x,        &l.at.h,    &l.at.history, &l.at.from_x, &l.at.from_h, &l.at.gate,
                         &l.at.products, &l.at.wide, &l.at.kept,    &l.at.added,  &l.at.shown,  &l.at.constants};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        *places[i] += plan->buffers[s->temporary].at;
    l.tiles = (1 << l.cells.tiles) - 1;
    l.x = value_at(plan, plan_in(plan, s, 0));
    l.hidden = value_at(plan, plan_in(plan, s, 1));
    l.cell = value_at(plan, plan_in(plan, s, 2));
    l.sum = common_step_of(d->cell->quant.scale[0], HALF.scale);
    return l;
}

static int32_t newest(const struct lstm *l) { return l->at.history + (l->d->steps - 1) * l->at.pitch; }
static int32_t slot(const struct lstm *l, int32_t base, enum slot k) { return base + (int32_t)k * l->at.pitch; }

static struct numbers numbers_of(const struct tfl_tensor *t)
{
    return (struct numbers){t->quant.scale[0], unsigned_zero_point(t), t->type == TFL_INT16 ? 65535 : 255};
}

static int32_t bits(float f) { return (int32_t)f32_bits(f); }

/* Multiplier, clamp and zero point of a result; as set_clamp has them. */
static void set_result(struct isa_tensor *i, float multiplier, struct numbers n)
{
    float steps = 1.0f / n.scale;
    i->scale = bits(multiplier);
    i->max = bits((float)(n.limit - n.zero) * n.scale * steps);
    i->min = bits((float)-n.zero * n.scale * steps);
    i->ozp = n.zero;
    i->out16 = n.limit > 255;
}

/* The result of a table: `multiplier` makes real numbers of the sum. */
static void set_function(struct isa_tensor *i, float multiplier, enum lut_function f, struct numbers n)
{
    struct lut t = lut_make(f, 1.0f / n.scale);
    set_result(i, multiplier, n);
    i->lut = 1;
    i->odd = t.odd ? 3 : 0;
    i->max = bits(t.max);
    i->min = bits(t.min);
}

static struct isa_tensor lanes_of_a_word(void)
{
    return (struct isa_tensor){.one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3};
}

static void next_operation(struct program *p) { emit_fence(p, (struct fence){.flags = LAYER_FLAGS}); }

/* Words of 8-bit cells on the tile. */
static bool cells_on(const struct action *a, int tile, int32_t *words)
{
    *words = tile < a->l->cells.tiles ? slice_words(&a->l->cells, tile) : 0;
    return *words > 0;
}

/* ---- copies of words ---- */

/* Rows of words, each word for itself, through the identity matrix. */
static struct isa_tensor copied(int32_t from, int32_t to, int32_t words, int32_t rows, int32_t pitch)
{
    struct isa_tensor i = lanes_of_a_word();
    struct loops nest = LOOPS({1, 4}, {words, 0}), sums = LOOPS({words, 0});
    i.lim[1] = words - 1;
    if (rows > 1) {
        i.lim[2] = rows - 1;
        loop(&nest, rows, 0);
        loop(&sums, rows, 0);
    }
    i.a = tensor_unit(4LL * from, LOOPS({1, 4}, {1, 0}, {words, 4}, {rows, 4LL * pitch}));
    i.o = tensor_unit(4LL * to, LOOPS({1, 4}, {words, 4}, {rows, 4LL * pitch}));
    i.w = tensor_unit(4LL * IDENTITY_ROW, nest);
    i.p = buffered(tensor_unit(0, sums), 0, ROW_WORDS * 4);
    set_copy_numerics(&i);
    return i;
}

static bool copy_slice(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t words;
    if (!cells_on(a, tile, &words))
        return false;
    out->op = ISA_MAC;
    out->tensor = copied(a->a, a->to, words, 1, 0);
    return true;
}

static void copy_slices(const struct lstm *l, int32_t from, int32_t to, struct program *p)
{
    program_add_tiles(p, copy_slice, &(struct action){.l = l, .a = from, .to = to});
}

/* All results but the oldest move down by one, front first. */
static void move_history(const struct lstm *l, struct program *p)
{
    if (l->d->steps == 1)
        return;
    struct isa_inst i = {.op = ISA_MAC};
    i.tensor = copied(l->at.history + l->at.pitch, l->at.history, l->at.pitch, l->d->steps - 1, l->at.pitch);
    i.tensor.tiles = l->tiles;
    program_add(p, i);
}

/* ---- the gates' sums ---- */

static bool load_bias(int tile, const void *arg, struct isa_inst *out)
{
    enum { BANK = 32, BIASES = 64 };
    const struct action *a = arg;
    int32_t words;
    if (!cells_on(a, tile, &words))
        return false;
    out->op = ISA_TO_NARROW;
    out->to_narrow.w = wide_rows(a->weights->at.chunks[tile].row, NO_LOOPS);
    out->to_narrow.w.mask = 1;
    out->to_narrow.n = buffered(narrow_words(BIASES, LOOPS({BANK, 1}, {1, 64})), 2, BANK);
    out->to_narrow.p = signal_at(2);
    out->to_narrow.wait[0] = wait_room(ISA_AVDATA, 2, a->used - 1, 1);
    out->to_narrow.par = out->to_narrow.pack = 1;
    return true;
}

static bool multiply_weights(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t words, n = (int32_t)ceil_div(a->slots, 4);
    if (!cells_on(a, tile, &words))
        return false;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = a->numbers;
    i->acc4 = n > 1;
    i->one = i->nospill = 1;
    i->lanes = i->lanes_last = 4 * words - 1;
    i->lim[0] = n - 1;
    i->chdim = i->redmask = 1;
    i->a = tensor_unit(4LL * a->a, LOOPS({n, 4}, {1, 4LL * n}, {1, 4LL * n}));
    i->w = tensor_unit(4LL * (a->weights->at.chunks[tile].row + a->weights->prefix), LOOPS({n, 4}));
    i->p = tensor_unit(0, LOOPS({n, 0}));
    i->o = tensor_unit(4LL * a->to, LOOPS({words, 4}, {1, 4LL * words}, {1, 4LL * words}));
    i->avdata = signal_at(2);
    i->param = signal_at(1);
    if (i->mem_bias)
        i->wait[0] = wait_data(ISA_W2S, 1, a->ready + 1, 1);
    return true;
}

/* `inputs` elements at `from` times the matrix of operation `w`, into 8 bits of the hidden state's numbers. */
static void emit_matrix(const struct lstm *l, const struct weighted *w, const struct parameter *q, int32_t inputs,
                        int32_t from, int32_t to, struct program *p)
{
    struct action a = {.l = l, .a = from, .to = to, .slots = inputs, .weights = q};
    set_weighted_numerics(&a.numbers, w, &q->segment);
    next_operation(p);
    a.ready = program_flag(p, l->tiles, ISA_W2S);
    a.used = program_flag(p, l->tiles, ISA_AVDATA);
    if (q->segment.bias)
        program_add_tiles(p, load_bias, &a);
    program_add_tiles(p, multiply_weights, &a);
}

static void emit_gate_sums(const struct lstm *l, struct program *p)
{
    const struct parameter *q = &l->plan->parameters[l->step->parameter];
    for (int g = 0; g < LSTM_GATES; g++, q += 2) {
        emit_matrix(l, &l->d->from_x[g], q, l->d->inputs, l->at.x, slot(l, l->at.from_x, slot_of[g]), p);
        emit_matrix(l, &l->d->from_h[g], q + 1, l->d->cells, l->at.h, slot(l, l->at.from_h, slot_of[g]), p);
    }
}

/* ---- sums of two tensors ---- */

static bool add_bytes(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t q, w = a->slots;
    int64_t next = 4LL * a->l->at.pitch;
    if (!cells_on(a, tile, &q))
        return false;
    struct loops nest = w > 1 ? LOOPS({2, 0}, {2, 0}, {w, 0}, {q, 0}) : LOOPS({2, 0}, {2, 0}, {q, 0});
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = a->numbers;
    for (unsigned k = 0; k < loop_count(&nest); k++)
        i->lim[k] = (int32_t)nest.dim[k].count - 1;
    i->w16 = 1;
    i->redmask = 3;
    i->chdim = (int32_t)loop_count(&nest) - 1;
    i->a = tensor_unit(4LL * a->a, LOOPS({2, 2}, {2, 4LL * (a->b - a->a)}, {w, next}, {1, next}, {1, next}, {q, 4}));
    i->o = tensor_unit(4LL * a->to, LOOPS({1, 4}, {w, next}, {1, next}, {1, next}, {q, 4}));
    i->w = tensor_unit(4LL * SUM_ROW, LOOPS({FACTOR_ROWS, 4}, {(int64_t)w * q, 0}));
    i->p = buffered(tensor_unit(0, LOOPS({FACTOR_ROWS, 0}, {(int64_t)w * q, 0})), 1, 4);
    i->avdata = signal_at(4);
    return true;
}

/* `slots` gates side by side, from the sums of both products. */
static void emit_gates(const struct lstm *l, enum slot first, int32_t slots, enum lut_function f, struct numbers n,
                       struct program *p)
{
    struct action a = {.l = l, .a = slot(l, l->at.from_x, first), .b = slot(l, l->at.from_h, first),
                       .to = slot(l, l->at.gate, first), .slots = slots, .numbers = lanes_of_a_word()};
    set_function(&a.numbers, l->d->hidden->quant.scale[0], f, n);
    a.numbers.cbias = -2 * unsigned_zero_point(l->d->hidden);
    next_operation(p);
    struct lut t = lut_make(f, 1.0f / n.scale);
    emit_table(p, l->tiles, &t);
    program_add_tiles(p, add_bytes, &a);
}

static bool add_halves(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t q;
    if (!cells_on(a, tile, &q))
        return false;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = a->numbers;
    i->lim[0] = 3, i->lim[1] = 1, i->lim[2] = q - 1;
    i->a16 = i->w16 = 1;
    i->redmask = 3;
    i->chdim = 2;
    int64_t all = 8LL * q;
    i->a = tensor_unit(4LL * a->a, LOOPS({4, 2}, {2, 4LL * (a->b - a->a)}, {1, all}, {1, all}, {1, all}, {q, 8}));
    i->o = tensor_unit(4LL * a->to, LOOPS({2, 4}, {1, all}, {1, all}, {1, all}, {q, 8}));
    i->w = tensor_unit(4LL * CELL_ROW, LOOPS({4, 4}, {2, 2}, {q, 0}));
    i->p = buffered(tensor_unit(0, LOOPS({8, 0}, {q, 0})), 1, 4);
    i->avdata = signal_at(4);
    return true;
}

static void emit_cell_sum(const struct lstm *l, struct isa_tensor numbers, int32_t to, struct program *p)
{
    struct action a = {.l = l, .a = l->at.kept, .b = l->at.added, .to = to, .numbers = numbers};
    a.numbers.cbias = -(l->sum.m[0] * CELL_ZERO + l->sum.m[1] * HALF_ZERO);
    next_operation(p);
    program_add_tiles(p, add_halves, &a);
}

/* ---- products of two tensors, element by element: as MUL (emit_product.c), with 16-bit numbers ---- */

/* Elements of operand b become weights, the words of a row of them in turn; each product has a word of its own, of
 * which the next one overwrites all but the first lane. */
static bool multiply(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t q;
    if (!cells_on(a, tile, &q))
        return false;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = a->numbers;
    int32_t bytes = i->a16 ? 2 : 1, per_word = 4 / bytes, words = bytes * q;
    i->lim[0] = per_word - 1, i->lim[1] = words - 1;
    i->chdim = 4;
    i->a = tensor_unit(4LL * a->a, LOOPS({4LL * q, bytes}, {1, 4LL * words}, {1, 4LL * words}, {1, 4LL * words}));
    i->w = buffered(tensor_unit(4LL * OPERAND_ROW, LOOPS({per_word, bytes}, {words, 0})), 1, 4);
    i->p = buffered(tensor_unit(0, LOOPS({1, 1}, {4LL * q, 0})), 1, 4);
    i->o = tensor_unit(4LL * a->to, i->out16 ? LOOPS({2, 4}, {4LL * q, 4}, {1, 16LL * q}, {1, 16LL * q})
                                             : LOOPS({1, 4}, {4LL * q, 4}, {1, 16LL * q}, {1, 16LL * q}));
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, a->ready + 1, 1);
    return true;
}

static bool feed(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t q;
    if (!cells_on(a, tile, &q))
        return false;
    int32_t words = a->numbers.a16 ? 2 * q : q;
    out->op = ISA_TO_WIDE;
    out->to_wide.n = narrow_words(a->b, LOOPS({words, 1}));
    out->to_wide.w = buffered(wide_rows(OPERAND_ROW, LOOPS({words, 0})), 0, 1);
    out->to_wide.p = signal_at(0);
    out->to_wide.wait[0] = wait_room(ISA_PARAM, 0, a->used - 1, 1);
    return true;
}

/* The first lanes of four products to one element each. */
static bool pack(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t q, half = a->numbers.out16, words;
    if (!cells_on(a, tile, &q))
        return false;
    words = half ? 2 : 1;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = lanes_of_a_word();
    i->lim[0] = 3, i->lim[1] = q - 1;
    i->a16 = i->out16 = half;
    i->a1 = !half;
    i->w1 = 3;
    i->chdim = 2;
    int64_t from = 16LL * q, to = 4LL * words * q;
    i->a = tensor_unit(4LL * a->l->at.products, LOOPS({4LL * q, 4}, {1, from}, {1, from}, {1, from}));
    i->w = buffered(tensor_unit(4LL * IDENTITY_ROW, LOOPS({4, 1}, {q, 0})), 1, 0);
    i->p = buffered(tensor_unit(0, LOOPS({4, 0}, {q, 0})), 1, 4);
    i->o = tensor_unit(4LL * a->to, LOOPS({(int64_t)words * q, 4}, {1, to}, {1, to}, {1, to}));
    set_copy_numerics(i);
    return true;
}

/* a * b; na, nb: their numbers, which also say how wide both are. */
static void emit_product(const struct lstm *l, int32_t a, struct numbers na, int32_t b, struct numbers nb, int32_t to,
                         struct numbers result, struct program *p)
{
    struct action m = {.l = l, .a = a, .b = b, .to = l->at.products, .numbers = lanes_of_a_word()};
    set_result(&m.numbers, weighted_multiplier(na.scale, nb.scale, result.scale), result);
    m.numbers.a16 = m.numbers.w16 = nb.limit > 255;
    m.numbers.a1 = !m.numbers.a16;
    m.numbers.w1 = m.numbers.a16 ? 0 : 3;
    m.numbers.azp = na.zero;
    m.numbers.wzp = nb.zero;
    next_operation(p);
    m.ready = program_flag(p, l->tiles, ISA_N2W);
    m.used = program_flag(p, l->tiles, ISA_PARAM);
    program_add_tiles(p, multiply, &m);
    program_add_tiles(p, feed, &m);
    emit_fence(p, (struct fence){.threads = THREAD_TO_WIDE});
    m.to = to;
    program_add_tiles(p, pack, &m);
}

static bool widen(int tile, const void *arg, struct isa_inst *out)
{
    const struct action *a = arg;
    int32_t q;
    if (!cells_on(a, tile, &q))
        return false;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = a->numbers;
    i->lim[0] = q - 1;
    i->a = tensor_unit(4LL * a->a, LOOPS({1, 4}, {1, 4LL * q}, {q, 4}));
    i->w = tensor_unit(4LL * IDENTITY_ROW, LOOPS({q, 0}));
    i->p = buffered(tensor_unit(0, LOOPS({q, 0})), 0, 4);
    i->o = tensor_unit(4LL * a->to, LOOPS({2, 4}, {1, 8LL * q}, {q, 8}));
    i->avdata = signal_at(2);
    i->param = signal_at(0);
    return true;
}

/* A gate in 16 bits, to be multiplied with 16 bits. */
static void emit_wide_gate(const struct lstm *l, enum slot k, struct program *p)
{
    struct action a = {.l = l, .a = slot(l, l->at.gate, k), .to = l->at.wide, .numbers = lanes_of_a_word()};
    set_result(&a.numbers, 1, GATE);
    a.numbers.out16 = 1;
    next_operation(p);
    program_add_tiles(p, widen, &a);
}

/* ---- a time step ---- */

static void emit_exchange(const struct lstm *l, struct program *p)
{
    next_operation(p);
    move_history(l, p);
    for (int32_t t = 0; t < l->cells.tiles && l->cells.tiles > 1; t++)
        emit_copy(p, t, l->tiles, slice_words(&l->cells, t), newest(l), l->at.h + t * l->cells.words, RECEIVE_ROW);
    emit_copy_rows(p, 0, l->tiles, (int32_t)ceil_div(l->d->inputs, 4), 1,
                   (struct rows){.at = l->x, .reg = X_REGISTER}, (struct rows){.at = l->at.x}, RECEIVE_ROW);
    emit_barrier(p, 0);
}

static void emit_cell(const struct lstm *l, struct program *p)
{
    struct numbers cell = numbers_of(l->d->cell);
    struct isa_tensor state = lanes_of_a_word(), shown = lanes_of_a_word();
    emit_product(l, slot(l, l->at.gate, SLOT_INPUT), GATE, slot(l, l->at.gate, SLOT_CELL), CANDIDATE, l->at.added, HALF,
                 p);
    emit_wide_gate(l, SLOT_FORGET, p);
    emit_product(l, l->at.wide, GATE, l->cell, cell, l->at.kept, cell, p);
    set_result(&state, rescale_multiplier(l->sum.step, cell.scale), cell);
    set_function(&shown, l->sum.step, LUT_TANH, HALF);
    emit_cell_sum(l, state, l->cell, p);
    next_operation(p);
    struct lut fine = lut_make(LUT_TANH, 1.0f / HALF.scale);
    emit_table(p, l->tiles, &fine);
    emit_cell_sum(l, shown, l->at.shown, p);
}

static void emit_time_step(const struct lstm *l, struct program *p)
{
    emit_exchange(l, p);
    emit_gate_sums(l, p);
    emit_gates(l, SLOT_INPUT, 3, LUT_LOGISTIC, GATE, p);
    emit_gates(l, SLOT_CELL, 1, LUT_TANH, CANDIDATE, p);
    emit_cell(l, p);
    emit_wide_gate(l, SLOT_OUTPUT, p);
    emit_product(l, l->at.wide, GATE, l->at.shown, HALF, newest(l), numbers_of(l->d->hidden), p);
    next_operation(p);
    emit_ring_reset(p);
}

/* ---- before and after ---- */

static void emit_constants(const struct lstm *l, struct program *p)
{
    static const int32_t equal[2] = {1, 1};
    emit_identity(p, l->at.constants, IDENTITY_ROW, true);
    emit_byte_factors(p, equal, 0, l->at.constants + IDENTITY_WORDS, SUM_ROW);
    emit_half_factors(p, l->sum.m, l->at.constants + IDENTITY_WORDS + FACTOR_WORDS, CELL_ROW);
}

/* The results of all steps from the tiles that made them to those that hold them as pixels. */
static void emit_spread(const struct lstm *l, struct program *p)
{
    const struct value *out = plan_out(l->plan, l->step);
    const struct grid *g = &out->grid;
    emit_exchange_begin(p);
    for (int t = 0; t < ISA_TILES; t++) {
        struct span ys = g->own_y[t / GRID], xs = g->own_x[t % GRID];
        int32_t h = span_size(ys), w = span_size(xs); /* one of both is 1 in all the image */
        if (h <= 0 || w <= 0)
            continue;
        int32_t first = ys.first * g->x + xs.first, to = value_at(l->plan, out) + grid_at(g, t, ys.first, xs.first);
        for (int32_t k = 0; k < l->cells.tiles; k++)
            emit_copy_rows(p, k, 1 << t, slice_words(&l->cells, k), h * w,
                           (struct rows){.at = l->at.history + first * l->at.pitch, .pitch = l->at.pitch},
                           (struct rows){.at = to + k * l->cells.words, .pitch = w > 1 ? g->words : grid_pitch(g, t)},
                           RECEIVE_ROW);
    }
    emit_barrier(p, 0);
}

static bool on_chip(const struct plan *plan, const struct step *s)
{
    const struct parameter *q = &plan->parameters[s->parameter];
    for (int k = 0; k < 2 * LSTM_GATES; k++) {
        if (q[k].streamed)
            return status_fail(plan->st, STATUS_LIMIT,
                               "%s: its weights must stay on the chip, and other models have taken the room: compile "
                               "it before them or alone",
                               plan_op_text(plan, s->op));
        for (uint32_t t = 0; t < q[k].at.count; t++)
            if (q[k].at.chunks[t].tile != (int32_t)t)
                return status_fail(plan->st, STATUS_LIMIT,
                                   "%s: its weights found no room beside those of other models: compile it before them "
                                   "or alone",
                                   plan_op_text(plan, s->op));
    }
    return true;
}

static void emit_lstm(const struct plan *plan, const struct step *s, struct program *p)
{
    if (!on_chip(plan, s))
        return;
    struct lstm l = lstm_of(plan, s);
    int32_t words = (int32_t)ceil_div(l.d->inputs, 4);
    next_operation(p);
    emit_constants(&l, p);
    next_operation(p);
    copy_slices(&l, l.hidden, newest(&l), p);
    next_operation(p);
    emit_ring_reset(p);
    struct scalar_loop steps = scalar_loop_begin(p, X_REGISTER, l.x, words, l.x + l.d->steps * words);
    emit_time_step(&l, p);
    scalar_loop_end(p, &steps);
    copy_slices(&l, newest(&l), l.hidden, p);
    if (plan_out(plan, s)->layout == LAYOUT_GRID) {
        next_operation(p);
        emit_spread(&l, p);
    } else {
        copy_slices(&l, newest(&l), value_at(plan, plan_out(plan, s)), p);
    }
}

const struct family family_lstm = {.name = "LSTM", .size = size_lstm, .emit = emit_lstm, .closes = true};

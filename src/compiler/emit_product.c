/* MUL of two tensors: the words of one operand become weights, one word a row; byte by byte they are multiplied with
 * the other operand's, which gives a word for each byte; an identity matrix packs four of these into one. Facts:
 * looming_64x64, looming_128x128 (a tensor with itself, one word a pixel).  Two operands, more words and planes with
 * borders follow the same form without an official instance.
 *
 * The products take four times the memory of the result.  Where the plan asks for it (plan->piece_room) that is made in
 * pieces, bands of rows one after the other, as few as leave the room; there is no official instance of this. */
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/scalar.h"

enum {
    LOOP_LIMIT = 1 << 14,
    IDENTITY_WORDS = 4,
    RING_ROW = 2072,
    THREAD_TO_WIDE = 1 << 5,
    MOST_PIECES = 8
};

struct product_buffers {
    uint32_t bytes, identity;
    int32_t rows; /* of a piece */
};

static int32_t rows_of(const struct value *v)
{
    int32_t rows = 1;
    for (int i = 0; v->layout == LAYOUT_GRID && i < GRID; i++)
        rows = span_size(v->grid.own_y[i]) > rows ? span_size(v->grid.own_y[i]) : rows;
    return rows;
}

static bool in_place(const struct plan *p, const struct step *s)
{
    for (uint32_t k = 0; k < s->n_in; k++)
        if (plan_in(p, s, k)->buffer == plan_out(p, s)->buffer)
            return true;
    return false;
}

/* Words that are left beside the values that are alive.  A result without a buffer yet counts as in place. */
static int64_t words_left(const struct plan *p, uint32_t index)
{
    const struct step *s = &p->steps[index];
    bool counts = plan_out(p, s)->buffer != NO_BUFFER && !in_place(p, s);
    int64_t left = p->piece_room - IDENTITY_WORDS;
    for (uint32_t i = 0; i < p->n_values; i++) {
        const struct value *v = &p->values[i];
        if (v->first <= index && index <= v->last && v->layout != LAYOUT_PARTS && (i != s->out || counts))
            left -= v->layout == LAYOUT_WHOLE ? ceil_div(v->z, 4) : box_words(v);
    }
    return left;
}

/* Rows of the image whose products are made at a time: as many as there is room for.  words: of all products. */
static int32_t rows_of_piece(const struct plan *p, uint32_t index, int32_t words)
{
    int32_t rows = rows_of(plan_out(p, &p->steps[index])), pieces = 2;
    while (pieces < MOST_PIECES && ceil_div(rows, pieces) * (words / rows) >= words_left(p, index))
        pieces++;
    return (int32_t)ceil_div(rows, pieces);
}

static bool size_product(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct product_buffers *b = ARENA_NEW(p->arena, struct product_buffers);
    const struct binary_detail *d = s->detail;
    struct value flat = *plan_out(p, s); /* the products lie without a border */
    memcpy(flat.grid.plane_y, flat.grid.own_y, sizeof flat.grid.own_y);
    memcpy(flat.grid.plane_x, flat.grid.own_x, sizeof flat.grid.own_x);
    int32_t words = 4 * box_words(&flat), rows = rows_of(&flat);
    b->rows = rows;
    if (p->piece_room && rows > 1 && words >= words_left(p, index)) {
        plan_value_in_place(p, index); /* of one shape, so that a piece lies where its operand did */
        b->rows = rows_of_piece(p, index, words);
    } else { /* Three phases: multiply, pack, and until all is done; the result may lie where an operand was. */
        for (uint32_t k = 0; k < s->n_in; k++)
            plan_dies_in_phase(p, s->in[k], index, 1);
        plan_value_buffer(p, s->out);
        p->buffers[plan_out(p, s)->buffer].from = 1;
    }
    b->bytes = plan_buffer(p, (struct narrow_buffer){
                                  .words = words / rows * b->rows + 1, .first = index, .last = index, .until = 3});
    b->identity =
        plan_buffer(p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = index, .last = index, .late = true});
    struct binary_detail *with = ARENA_NEW(p->arena, struct binary_detail);
    *with = *d;
    with->buffers = b;
    s->detail = with;
    plan_wide_floor(p, RING_ROW);
    return true;
}

struct product {
    const struct plan *plan;
    const struct step *step;
    int32_t row;         /* of a tile: first of the piece */
    int32_t ready, used; /* N2W and PARAM before */
};

static const struct product_buffers *buffers_of(const struct product *m)
{
    return ((const struct binary_detail *)m->step->detail)->buffers;
}

/* The rows of this piece. */
static bool piece_of(const struct product *m, const struct value *v, int tile, struct box *b)
{
    if (!box_of(m->plan, v, tile, b))
        return false;
    int32_t left = b->h - m->row, rows = buffers_of(m)->rows;
    b->at += m->row * b->pitch;
    b->h = left < rows ? left : rows;
    return left > 0;
}

static struct isa_tensor byte_by_byte(int32_t w, int32_t h)
{
    return (struct isa_tensor){.lim = {3, 0, w - 1, h - 1}, .one = 1, .a1 = 1, .w1 = 3, .lanes = 3, .lanes_last = 3};
}

static bool multiply(int tile, const void *arg, struct isa_inst *out)
{
    const struct product *m = arg;
    const struct binary_detail *d = m->step->detail;
    struct box x;
    if (!piece_of(m, plan_in(m->plan, m->step, 0), tile, &x))
        return false;
    int32_t w = x.w * x.words, h = x.h;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = byte_by_byte(w, h);
    i->a = tensor_unit(4LL * x.at, LOOPS({4, 1}, {w, 4}, {h, 4LL * x.pitch}, {1, 4LL * x.pitch * h}));
    i->w = buffered(tensor_unit(4LL * RING_ROW, LOOPS({4, 1}, {1, 0}, {w, 0}, {h, 0})), 1, 4);
    i->p = buffered(tensor_unit(0, LOOPS({1, 1}, {4, 0}, {w, 0}, {h, 0})), 1, 4);
    i->o = tensor_unit(4LL * m->plan->buffers[buffers_of(m)->bytes].at,
                       LOOPS({1, 4}, {4, 4}, {w, 16}, {h, 16LL * w}, {1, 16LL * w * h}));
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, m->ready + 1, 1);
    i->nospill = 1;
    i->chdim = 4;
    set_clamp(i, d->out, d->activation);
    i->scale = (int32_t)f32_bits(
        weighted_multiplier(d->in[0]->quant.scale[0], d->in[1]->quant.scale[0], d->out->quant.scale[0]));
    i->azp = unsigned_zero_point(d->in[0]);
    i->wzp = unsigned_zero_point(d->in[1]);
    return true;
}

static bool feed(int tile, const void *arg, struct isa_inst *out)
{
    const struct product *m = arg;
    struct box y;
    if (!piece_of(m, plan_in(m->plan, m->step, 1), tile, &y))
        return false;
    int32_t w = y.w * y.words;
    out->op = ISA_TO_WIDE;
    out->to_wide.n = narrow_words(y.at, LOOPS({w, 1}, {y.h, y.pitch}));
    out->to_wide.w = buffered(
        wide_rows(RING_ROW, (int64_t)w * y.h <= LOOP_LIMIT ? LOOPS({(int64_t)w * y.h, 0}) : LOOPS({w, 0}, {y.h, 0})),
        0, 1);
    out->to_wide.p = signal_at(0);
    out->to_wide.wait[0] = wait_room(ISA_PARAM, 0, m->used - 1, 1);
    return true;
}

static bool pack(int tile, const void *arg, struct isa_inst *out)
{
    const struct product *m = arg;
    struct box to;
    if (!piece_of(m, plan_out(m->plan, m->step), tile, &to))
        return false;
    int32_t w = to.w * to.words, h = to.h;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = byte_by_byte(w, h);
    i->a = tensor_unit(4LL * m->plan->buffers[buffers_of(m)->bytes].at,
                       LOOPS({4, 4}, {w, 16}, {h, 16LL * w}, {1, 16LL * w * h}));
    i->w = buffered(tensor_unit(4LL * m->step->identity_row, LOOPS({4, 1}, {1, 0}, {w, 0}, {h, 0})), 1, 0);
    i->p = buffered(tensor_unit(0, LOOPS({4, 0}, {1, 0}, {w, 0}, {h, 0})), 1, 4);
    i->o = tensor_unit(4LL * to.at, LOOPS({1, 4}, {w, 4}, {h, 4LL * to.pitch}, {1, 4LL * to.pitch * h}));
    i->chdim = 2;
    i->nospill = 1;
    set_copy_numerics(i);
    return true;
}

static void emit_piece(const struct plan *plan, const struct step *s, int32_t row, struct program *p)
{
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    struct product m = {plan, s, row, program_flag(p, ALL_TILES, ISA_N2W), program_flag(p, ALL_TILES, ISA_PARAM)};
    program_add_tiles(p, multiply, &m);
    program_add_tiles(p, feed, &m);
    if (s->writes_identity && row == 0)
        emit_identity(p, plan->buffers[buffers_of(&m)->identity].at, s->identity_row, true);
    emit_fence(p, (struct fence){.threads = THREAD_TO_WIDE});
    program_add_tiles(p, pack, &m);
}

static void emit_product(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct product_buffers *b = ((const struct binary_detail *)s->detail)->buffers;
    for (int32_t row = 0; row < rows_of(plan_out(plan, s)); row += b->rows)
        emit_piece(plan, s, row, p);
    emit_fence(p, (struct fence){.flags = 1 << ISA_N2W, .value = s->writes_identity});
    emit_fence(p, (struct fence){.flags = 1 << ISA_PARAM});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_product = {.name = "product", .size = size_product, .emit = emit_product,
                                      .reads = reads_as_it_is, .closes = true, .identity = true};

/* SOFTMAX and L2_NORMALIZATION of every pixel of an image over its channels, each tile its own pixels; of a vector the
 * first tile.
 *
 * SOFTMAX: the arithmetic of vectors (emit_softmax.c), pixel by pixel.  One step finds the largest channel M of each
 * pixel, another goes on from v = 255 + x - M:
 *   e = 65535 exp(..)   16 bits, by table                     c = r r / 65535   a product of 16-bit numbers
 *   r = 46340 / sqrt(S) S = sum of e: instruction 0x03        y = e c
 * Facts: the two SOFTMAX of model_cvat4tailorf32 (32x32x2, 32x32x6; compiler 16).  Different here: that program hides
 * the bytes behind the last channel with tables of masks, here loops stop before them (as in its MUL of one channel);
 * it subtracts by partial sums in wide memory, here as SUB does; it sums pairs of words, here one.
 *
 * L2_NORMALIZATION: the same with squares (by a table) in place of e, and y = x r; no official instance that shows it.
 */
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/pixel_norm.h"
#include "compiler/scalar.h"

#include <math.h>

enum {
    U16 = 65535,
    ROOT = 46340,
    IDENTITY_ROW = WIDE_ROWS - 1,
    RING_ROWS = 4, /* two in turn */
    IDENTITY_WORDS = 4,
    THREAD_TO_WIDE = 1 << 5,
};

/* ---- pieces ---- */

static void set_loops(struct isa_tensor *i, struct loops l)
{
    for (unsigned k = 0; k < loop_count(&l); k++)
        i->lim[k] = (int32_t)l.dim[k].count - 1;
}

/* In the last pass of loop 1 loop 0 has `count` of its `of` iterations, each a stride of W. */
static void shorten(struct isa_tensor *i, int32_t count, int32_t of, int32_t stride)
{
    if (count == of)
        return;
    i->ldim = 1;
    i->llim = count - 1;
    i->w = short_last(i->w, 1, count, stride * (of - count));
}

static int32_t ring_row(const struct plan *p, const struct step *s) { return plan_top(p, s) - RING_ROWS; }

/* `words` words of every pixel of a tile, one to a row. */
static struct isa_inst feed(int32_t row, struct loops pixels, int32_t at, int32_t words, int32_t n)
{
    struct loops l = NO_LOOPS;
    loop(&l, words, 1);
    for (unsigned k = 0; k < loop_count(&pixels); k++)
        loop(&l, pixels.dim[k].count, pixels.dim[k].stride);
    return (struct isa_inst){.op = ISA_TO_WIDE,
                             .to_wide = {.n = narrow_words(at, l),
                                         .w = buffered(wide_rows(row, LOOPS({words, 0}, {n, 0})), 0, 1),
                                         .p = signal_at(0),
                                         .wait = {wait_room(ISA_PARAM, 0, -1, 1)}}};
}

struct stage {
    const struct plan *plan;
    const struct step *step;
};

/* ---- the largest channel ---- */

static int32_t channels_of(const struct plan *p, const struct step *s) { return plan_in(p, s, 0)->z; }

static bool size_channel_max(struct plan *p, uint32_t index)
{
    plan_value_buffer(p, p->steps[index].out);
    plan_wide_floor(p, ring_row(p, &p->steps[index]));
    return true;
}

static bool feed_channels(int tile, const void *arg, struct isa_inst *out)
{
    const struct stage *m = arg;
    struct box x;
    if (!box_of(m->plan, plan_in(m->plan, m->step, 0), tile, &x))
        return false;
    *out = feed(ring_row(m->plan, m->step), LOOPS({x.w, x.words}, {x.h, x.pitch}), x.at, x.words, x.w * x.h);
    return true;
}

static bool largest(int tile, const void *arg, struct isa_inst *out)
{
    const struct stage *m = arg;
    const struct tfl_tensor *t = m->step->detail;
    struct box x, to;
    if (!box_of(m->plan, plan_in(m->plan, m->step, 0), tile, &x))
        return false;
    box_of(m->plan, plan_out(m->plan, m->step), tile, &to);
    int32_t n = x.w * x.h, q = x.words, rest = (channels_of(m->plan, m->step) - 1) % 4 + 1;
    out->op = ISA_MAX;
    struct isa_tensor *i = &out->tensor;
    *i = (struct isa_tensor){.one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3, .chdim = 1, .redmask = 3};
    set_clamp(i, t, TFL_ACT_NONE);
    i->scale = (int32_t)f32_bits(1);
    i->wzp = i->ozp;
    i->cbias = -i->wzp;
    set_loops(i, LOOPS({4, 0}, {q, 0}, {n, 0}));
    i->a = tensor_unit(0, NO_LOOPS);
    i->w = buffered(tensor_unit(4LL * ring_row(m->plan, m->step), LOOPS({4, 1}, {q, 0}, {n, 0})), 1, 4);
    shorten(i, rest, 4, 1);
    i->p = buffered(tensor_unit(0, LOOPS({4 * q - (4 - rest), 0}, {n, 0})), 1, 4);
    i->o = tensor_unit(4LL * to.at, LOOPS({1, 4}, {to.w, 4LL * to.words}, {to.h, 4LL * to.pitch}));
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, 1, 1);
    return true;
}

static void emit_channel_max(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct stage m = {plan, s};
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    program_add_tiles(p, feed_channels, &m);
    program_add_tiles(p, largest, &m);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_channel_max = {
    .name = "largest channel", .size = size_channel_max, .emit = emit_channel_max, .closes = true};

/* ---- from v to the result ---- */

static bool size_norm(struct plan *p, uint32_t index)
{
    enum { BEHIND = 3 }; /* words behind the last pixel that are read with it, or written */
    struct step *s = &p->steps[index];
    struct pixel_norm *d = arena_copy(p->arena, s->detail, sizeof *d);
    const struct value *v = plan_in(p, s, 0);
    struct value *out = &p->values[s->out];
    int32_t q = (int32_t)ceil_div(v->z, 4), n = v->layout == LAYOUT_WHOLE ? 1 : box_words(v) / q;
    int32_t words[PIXEL_BUFFERS] = {[PIXEL_WIDE] = 2 * n * q + BEHIND,
                                    [PIXEL_SQUARES] = 4 * n + BEHIND,
                                    [PIXEL_INVERSE] = 2 * n,
                                    [PIXEL_IDENTITY] = IDENTITY_WORDS};
    if (out->layout == LAYOUT_WHOLE)
        out->buffer = plan_buffer(p, (struct narrow_buffer){.words = q, .first = (int32_t)index, .last = out->last});
    else
        plan_value_buffer(p, s->out);
    for (int k = 0; k < PIXEL_BUFFERS; k++)
        d->buffer[k] = plan_buffer(p, (struct narrow_buffer){
            .words = words[k], .first = (int32_t)index, .last = (int32_t)index, .late = true});
    s->detail = d;
    plan_wide_floor(p, ring_row(p, &p->steps[index]));
    return true;
}

struct norm {
    const struct plan *plan;
    const struct step *step;
    const struct pixel_norm *d;
    int32_t channels;
    struct isa_tensor wide, root, product; /* numbers of the three stages that differ */
};

static int32_t at(const struct norm *m, enum pixel_norm_buffer b) { return m->plan->buffers[m->d->buffer[b]].at; }

/* The tile's part of the input or of the result; a whole vector is one pixel of the first tile. */
static bool part_of(const struct norm *m, const struct value *v, int tile, struct box *b)
{
    int32_t words = (int32_t)ceil_div(v->z, 4);
    if (v->layout != LAYOUT_WHOLE)
        return box_of(m->plan, v, tile, b);
    *b = (struct box){.at = value_at(m->plan, v), .h = 1, .w = 1, .words = words, .pitch = words, .rows = 1};
    return tile == 0;
}

/* What a tile has of the pixels, and where their results go. */
struct part {
    struct box in, out;
};

typedef void stage_fn(const struct norm *m, const struct part *t, struct isa_inst *out);

struct work {
    const struct norm *m;
    stage_fn *make;
};

static bool on_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct work *w = arg;
    const struct step *s = w->m->step;
    struct part t;
    if (!part_of(w->m, plan_in(w->m->plan, s, 0), tile, &t.in))
        return false;
    part_of(w->m, plan_out(w->m->plan, s), tile, &t.out);
    w->make(w->m, &t, out);
    return true;
}

static void add(struct program *p, stage_fn *make, const struct norm *m)
{
    program_add_tiles(p, on_tile, &(struct work){m, make});
}

static struct isa_tensor numbers(float scale, float min, float max)
{
    return (struct isa_tensor){.one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3, .scale = (int32_t)f32_bits(scale),
                               .min = (int32_t)f32_bits(min), .max = (int32_t)f32_bits(max)};
}

/* 16-bit numbers of all channels. */
static void widen(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    int32_t n = v.w * v.h, q = v.words;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = m->wide;
    i->out16 = 1;
    i->chdim = 1;
    set_loops(i, LOOPS({n, 0}, {q, 0}));
    i->a = tensor_unit(4LL * v.at, LOOPS({1, 4}, {v.w, 4LL * q}, {v.h, 4LL * v.pitch}, {q, 4}));
    i->o = tensor_unit(4LL * at(m, PIXEL_WIDE), LOOPS({2, 4}, {n, 8LL * q}, {q, 8}));
    i->w = tensor_unit(4LL * IDENTITY_ROW, LOOPS({n, 0}, {q, 0}));
    i->p = buffered(tensor_unit(0, LOOPS({n, 0}, {q, 0})), 0, 4);
}

/* Words of a pixel that hold an element. */
static int32_t pair_words(const struct norm *m) { return (int32_t)ceil_div(m->channels, 2); }

static void feed_sums(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    *out = feed(ring_row(m->plan, m->step), LOOPS({v.w * v.h, 2 * v.words}), at(m, PIXEL_WIDE), pair_words(m),
                v.w * v.h);
}

/* Both halves of a word at once; one by one where the last word holds one only. */
static void roots(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    int32_t n = v.w * v.h, words = pair_words(m), halves = m->channels % 2 ? 2 : 1;
    out->op = ISA_SUM;
    struct isa_tensor *i = &out->tensor;
    *i = m->root;
    i->w16 = i->lut = i->norm = i->out16 = 1;
    i->a16 = halves == 2;
    i->chdim = 2;
    i->redmask = 3;
    set_loops(i, LOOPS({halves, 0}, {words, 0}, {n, 0}));
    i->a = tensor_unit(0, NO_LOOPS);
    i->w = buffered(tensor_unit(4LL * ring_row(m->plan, m->step), LOOPS({halves, 2}, {words, 0}, {n, 0})), 1, 4);
    shorten(i, halves == 2 ? 1 : halves, halves, 2);
    i->p = buffered(tensor_unit(0, LOOPS({halves == 2 ? m->channels : words, 0}, {n, 0})), 1, 4);
    i->o = tensor_unit(4LL * at(m, PIXEL_INVERSE), LOOPS({2, 4}, {n, 8}));
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, 1, 1);
}

static void feed_roots(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    *out = feed(ring_row(m->plan, m->step), LOOPS({v.w * v.h, 2}), at(m, PIXEL_INVERSE), 2, v.w * v.h);
}

/* Of every lane with each, of which the first is kept. */
static void squares(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    int32_t n = v.w * v.h;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = numbers(1.0f / U16, 0, 32768);
    i->a16 = i->w16 = i->out16 = 1;
    i->chdim = 3;
    set_loops(i, LOOPS({2, 0}, {2, 0}, {n, 0}));
    i->a = tensor_unit(4LL * at(m, PIXEL_INVERSE), LOOPS({4, 2}, {n, 8}));
    i->w = buffered(tensor_unit(4LL * ring_row(m->plan, m->step), LOOPS({2, 2}, {2, 0}, {n, 0})), 1, 4);
    i->p = buffered(tensor_unit(0, LOOPS({1, 1}, {4, 0}, {n, 0})), 1, 4);
    i->o = tensor_unit(4LL * at(m, PIXEL_SQUARES), LOOPS({2, 4}, {4, 4}, {n, 16}));
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, 1, 1);
}

/* The four squares side by side. */
static void pack(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    int32_t n = v.w * v.h;
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = numbers(1, -INFINITY, INFINITY);
    i->a16 = i->out16 = 1;
    i->w1 = 3;
    i->chdim = 2;
    set_loops(i, LOOPS({4, 0}, {1, 0}, {n, 0}));
    i->a = tensor_unit(4LL * at(m, PIXEL_SQUARES), LOOPS({4, 4}, {n, 16}));
    i->w = buffered(tensor_unit(4LL * IDENTITY_ROW, LOOPS({4, 1}, {1, 0}, {n, 0})), 1, 0);
    i->p = buffered(tensor_unit(0, LOOPS({4, 0}, {1, 0}, {n, 0})), 1, 4);
    i->o = tensor_unit(4LL * at(m, PIXEL_INVERSE), LOOPS({2, 4}, {n, 8}));
}

/* Four words of 16-bit numbers in a row, which makes two of the result; the last two may be of the next pixel. */
static void feed_products(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in;
    int32_t n = v.w * v.h, pairs = (int32_t)ceil_div(v.words, 2);
    *out = (struct isa_inst){
        .op = ISA_TO_WIDE,
        .to_wide = {.n = narrow_words(at(m, PIXEL_WIDE), LOOPS({2, 2}, {2, 1}, {pairs, 4}, {n, 2LL * v.words})),
                    .w = buffered(wide_rows(ring_row(m->plan, m->step), LOOPS({pairs, 0}, {n, 0})), 0, 1),
                    .p = signal_at(0),
                    .wait = {wait_room(ISA_PARAM, 0, -1, 1)},
                    .par = 1,
                    .par2 = 1,
                    .pack = 2}};
}

static void products(const struct norm *m, const struct part *t, struct isa_inst *out)
{
    struct box v = t->in, to = t->out;
    int32_t n = v.w * v.h, q = v.words, pairs = (int32_t)ceil_div(q, 2);
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = m->product;
    i->a16 = i->w16 = 1;
    i->chdim = 1;
    set_loops(i, LOOPS({2, 0}, {pairs, 0}, {n, 0}));
    i->a = tensor_unit(4LL * at(m, PIXEL_INVERSE), LOOPS({1, 4}, {q, 0}, {n, 8}));
    i->w = buffered(tensor_unit(4LL * ring_row(m->plan, m->step), LOOPS({2, 2}, {pairs, 0}, {n, 0})), 1, 4);
    shorten(i, 2 - q % 2, 2, 2);
    i->p = buffered(tensor_unit(0, LOOPS({q, 0}, {n, 0})), 0, 4);
    i->o = tensor_unit(4LL * to.at, LOOPS({q, 4}, {to.w, 4LL * q}, {to.h, 4LL * to.pitch}));
    i->param = signal_at(1);
    i->wait[0] = wait_data(ISA_N2W, 1, 1, 1);
}

static void close(struct program *p) { emit_fence(p, (struct fence){.flags = LAYER_FLAGS}); }

static void begin(const struct norm *m, struct program *p)
{
    close(p);
    emit_identity(p, at(m, PIXEL_IDENTITY), IDENTITY_ROW, true);
    emit_fence(p, (struct fence){.threads = THREAD_TO_WIDE});
}

static void inverse_roots(const struct norm *m, struct program *p, float steps)
{
    const struct lut root = lut_make(LUT_RSQRT, steps);
    emit_table(p, ALL_TILES, &root);
    add(p, feed_sums, m);
    add(p, roots, m);
    close(p);
}

static void multiply(const struct norm *m, struct program *p)
{
    add(p, feed_products, m);
    add(p, products, m);
    close(p);
}

static void emit_pixel_softmax(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct pixel_norm *d = s->detail;
    const struct lut exponential = lut_make(LUT_EXP, U16);
    const float root = 1.0f / ROOT;
    struct norm m = {.plan = plan, .step = s, .d = d, .channels = channels_of(plan, s)};
    m.wide = numbers(d->in->quant.scale[0] * d->beta, exponential.min, exponential.max);
    m.wide.azp = 255;
    m.wide.lut = 1;
    m.root = numbers(1.0f / U16, -INFINITY, INFINITY);
    m.product = numbers(root * root * (1.0f / d->out->quant.scale[0]), 0, 255);
    begin(&m, p);
    emit_table(p, ALL_TILES, &exponential);
    add(p, widen, &m);
    close(p);
    inverse_roots(&m, p, ROOT);
    add(p, squares, &m);
    add(p, feed_roots, &m);
    close(p);
    add(p, pack, &m);
    close(p);
    multiply(&m, p);
}

const struct family family_pixel_softmax = {
    .name = "softmax of pixels", .size = size_norm, .emit = emit_pixel_softmax, .closes = true};

static void emit_l2_norm(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct pixel_norm *d = s->detail;
    const struct lut square = lut_square(1);
    struct norm m = {.plan = plan, .step = s, .d = d, .channels = channels_of(plan, s)};
    int32_t zero = unsigned_zero_point(d->in);
    float steps = lut_root_steps((size_t)m.channels, zero);
    m.wide = numbers(1, square.min, square.max);
    m.wide.azp = zero;
    m.wide.lut = 1;
    m.root = numbers(1, -INFINITY, INFINITY);
    begin(&m, p);
    emit_table(p, ALL_TILES, &square);
    add(p, widen, &m);
    close(p);
    inverse_roots(&m, p, steps);
    m.wide = numbers(1, -INFINITY, INFINITY); /* x itself, with 16 bits */
    add(p, widen, &m);
    close(p);
    m.product = numbers(1.0f / steps * (1.0f / d->out->quant.scale[0]), 0, 0);
    set_clamp(&m.product, d->out, TFL_ACT_NONE);
    m.product.wzp = zero;
    multiply(&m, p);
}

const struct family family_l2_norm = {.name = "L2 norm", .size = size_norm, .emit = emit_l2_norm, .closes = true};

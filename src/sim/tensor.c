/* The tensor unit, step by step: opcodes 0x01, 0x02, 0x03, 0x05, and the table 0x19. */
#include "sim/tensor.h"

#include <math.h>

#include "sim/memory.h"
#include "sim/resize.h"

static void table_load(struct table *t, const struct isa_table_op *i)
{
    for (unsigned s = 0; s < 8; s++)
        for (unsigned k = 0; k < 5; k++)
            t->coef[s][k] = f32_of((uint32_t)i->coef[s][k]);
    for (unsigned s = 0; s < 7; s++)
        t->limit[s] = f32_of((uint32_t)i->limit[s]);
    t->loaded = true;
}

static void requant_setup(struct requant *q, const struct isa_tensor *i, const struct table *t)
{
    *q = (struct requant){.scale = f32_of((uint32_t)i->scale), .min = f32_of((uint32_t)i->min),
                          .max = f32_of((uint32_t)i->max), .zero_point = i->ozp,
                          .limit = i->out16 ? 65535 : 255, .lut = i->lut, .norm = i->norm, .odd = i->odd, .table = t};
}

enum step tensor_begin(struct chip *c, int tile, struct unit *u)
{
    struct tile *t = &c->tile[tile];
    const struct isa_inst *in = u->at.inst;
    if (in->op == ISA_TABLE) {
        table_load(&t->table, &in->table);
        u->busy = false;
        return STEP_MOVED;
    }
    const struct isa_tensor *i = &in->tensor;
    struct tensor_run *r = u->run;
    bool a = r->a.odd, o = r->o.odd, w = r->w.odd, p = r->p.odd, bank = r->bank;
    struct fast *fast = r->fast;
    *r = (struct tensor_run){.i = i, .nest = {.llim = i->llim, .ldim = i->ldim}, .fresh = true, .zp_row = i->zp_first};
    memcpy(r->nest.lim, i->lim, sizeof i->lim);
    walk_start(&r->master.w, &r->nest, 8, false);
    waits_begin(&r->master, i->wait, 6, SIDE_ANY);
    walk_start(&r->a, &i->a, 8, a);
    walk_start(&r->o, &i->o, 8, o);
    walk_start(&r->w, &i->w, 8, w);
    walk_start(&r->p, &i->p, 8, p);
    r->bank = bank;
    r->fast = fast;
    r->spill = !i->nospill;
    while (!i->o.ldim && r->out_loop < 7 && i->o.lim[r->out_loop] == 0 &&
           (!i->o.boff || i->o.bdim > (int32_t)r->out_loop))
        r->out_loop++;
    r->size_a = i->a16 ? 2 : 1;
    r->size_w = i->w16 ? 2 : 1;
    r->products = i->w1 ? 1 : 4 / (r->size_a * r->size_w);
    if (i->lut && !t->table.loaded)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "uses the table, but none was loaded");
    if (i->psum.en)
        return chip_fault(c, &u->at, tile, STATUS_UNSUPPORTED, "raises PARTIAL_SUMS: not in any official stream");
    requant_setup(&r->q, i, &t->table);
    fast_plan(c, in->op, r);
    if (in->op == ISA_RESIZE) { /* no clamp, no zero points */
        r->q.min = -INFINITY, r->q.max = INFINITY;
        r->q.zero_point = 0;
    }
    return STEP_MOVED;
}

void tensor_rewind(struct tensor_run *r)
{
    r->a.odd = r->o.odd = r->w.odd = r->p.odd = r->bank = false;
}

/* ---- per channel group ---- */

/* Values of the lanes from the bias/multiplier store; lanes that nobody has written are taken out of *known. */
static void slots_read(const struct tile *t, unsigned base, bool bank, unsigned lanes, uint32_t *value, uint64_t *known)
{
    unsigned slot = base + (bank ? 32 : 0);
    le32_get(value, t->scaling + 8 * slot, lanes);
    for (unsigned lane = 0; lane < lanes; lane++)
        if ((t->scaling_known[slot + lane / 2] >> 4 * (lane % 2) & 0xf) != 0xf)
            *known &= ~(1ull << lane);
}

/* Sums saturate (LIKELY): compiler 16 has nothing but the lowest bias to keep lanes behind an odd number of classes
 * from counting in SOFTMAX, and what it is added to may be negative. */
static uint32_t bias_of(uint32_t raw) { return raw == 0x80000000u ? 0xc0000000u : raw; }

enum step tensor_group(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    const struct isa_tensor *i = r->i;
    const struct tile *t = &c->tile[tile];
    uint32_t raw[LANES];
    bool last = true, resize = u->at.inst->op == ISA_RESIZE;
    for (int k = i->chdim; k < 8; k++)
        last = last && r->master.w.i[k] == r->nest.lim[k];
    r->lanes = (uint32_t)(last ? i->lanes_last : i->lanes) + 1;
    if (r->groups && i->perch) {
        r->zp_row += i->zp_step;
        if (r->zp_row > i->zp_last)
            r->zp_row = i->zp_first;
    }
    r->groups++;
    bool bank = r->bank;
    if (i->mem_bias || i->mem_mult)
        r->bank = !bank;
    r->header_known = ~0ull;
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        r->scale[lane] = r->q.scale;
        r->bias[lane] = resize ? 0 : i->cbias; /* not a field of 0x05 */
        r->zero_point[lane] = i->wzp;
    }
    if (i->mem_mult) {
        slots_read(t, 0, bank, r->lanes, raw, &r->header_known);
        for (unsigned lane = 0; lane < r->lanes; lane++)
            r->scale[lane] = f32_of(raw[lane]) * r->q.scale;
    }
    if (i->mem_bias && !resize) { /* set, but nothing loaded: one nearest resize */
        slots_read(t, 64, bank, r->lanes, raw, &r->header_known);
        for (unsigned lane = 0; lane < r->lanes; lane++)
            r->bias[lane] = (int32_t)((uint32_t)r->bias[lane] + bias_of(raw[lane]));
    }
    if (i->perch) {
        struct row zp;
        if (!row_read(c, &u->at, tile, r->zp_row, &zp))
            return STEP_FAILED;
        le32_get((uint32_t *)r->zero_point, zp.data, r->lanes);
        for (unsigned lane = 0; c->options.strict && lane < r->lanes; lane++)
            if (zp.known[lane] != 0xf)
                r->header_known &= ~(1ull << lane);
    }
    return STEP_MOVED;
}

/* ---- one step ---- */

static uint32_t element(const uint8_t *p, uint32_t size)
{
    return size == 2 ? le16(p) : *p;
}

static bool operand_a(struct chip *c, int tile, struct unit *u, int64_t *at)
{
    const struct tensor_run *r = u->run;
    int64_t size = r->size_a * r->products;
    *at = walk_at(&r->a);
    if (*at < 0 || *at + size > NARROW_BYTES)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "reads narrow byte %lld of %d", (long long)*at,
                          NARROW_BYTES), false;
    return true;
}

static bool bytes_known(const uint8_t *known, int64_t at, uint32_t size)
{
    bool all = true;
    for (int64_t k = at; k < at + size; k++)
        all = all && (known[k / 4] >> k % 4 & 1);
    return all;
}

bool quarter_row(struct chip *c, int tile, struct unit *u, int64_t at, int64_t *row)
{
    *row = at >> 2;
    if (at < 0 || *row >= WIDE_ROWS)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "uses quarter row %lld of wide memory",
                          (long long)at), false;
    return true;
}

/* Sums that live in wide memory: 64 lanes of int32 in one row. */
static bool sums_fetch(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    int64_t row;
    if (!quarter_row(c, tile, u, walk_at(&r->p), &row))
        return false;
    const struct tile *t = &c->tile[tile];
    r->known = 0;
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        r->acc[lane] = (int32_t)le32(t->wide + ROW_BYTES * row + 4 * lane);
        r->known |= (uint64_t)(t->wide_known[ROW_CELLS * row + lane] == 0xf) << lane;
    }
    return true;
}

static bool sums_store(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    int64_t row;
    if (!quarter_row(c, tile, u, walk_at(&r->p), &row) || !row_free(c, &u->at, tile, row))
        return false;
    struct tile *t = &c->tile[tile];
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        put_le32(t->wide + ROW_BYTES * row + 4 * lane, (uint32_t)r->acc[lane]);
        t->wide_known[ROW_CELLS * row + lane] = r->known >> lane & 1 ? 0xf : 0;
    }
    return true;
}

static void sums_clear(struct tensor_run *r, enum isa_opcode op)
{
    for (unsigned lane = 0; lane < LANES; lane++)
        r->acc[lane] = op == ISA_MAX ? INT32_MIN : 0;
    r->known = ~0ull;
}

/* One product of a lane.  at: byte of A in narrow memory; cell: byte of W in wide memory. */
struct product {
    int64_t at, cell;
    int32_t a, w; /* less their zero points */
};

static struct product product_of(const struct tile *t, const struct tensor_run *r, int64_t at, int64_t row,
                                 unsigned byte, unsigned lane, unsigned k)
{
    struct product p = {.at = at + (int64_t)k * r->size_a,
                        .cell = ROW_BYTES * row + 4 * lane + ((byte + k * r->size_w) & 3)};
    p.w = (int32_t)element(t->wide + p.cell, r->size_w) - r->zero_point[lane];
    p.a = at < 0 ? 1 : (int32_t)element(t->narrow + p.at, r->size_a) - r->i->azp;
    return p;
}

/* Strict: a lane stays known if each product is, be it because one factor is known to be zero. */
static bool product_known(const struct tile *t, const struct tensor_run *r, const struct product *p)
{
    bool a = p->at < 0 || bytes_known(t->narrow_known, p->at, r->size_a);
    bool w = bytes_known(t->wide_known, p->cell, r->size_w);
    return (a && w) || (a && !p->a) || (w && !p->w);
}

/* 0x01: sum of (A - azp) * (W - wzp); 0x02: maximum of W; 0x03: sum of W - wzp; 0x05: see resize.h. */
static bool accumulate(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    enum isa_opcode op = u->at.inst->op;
    const struct tile *t = &c->tile[tile];
    int64_t at = -ROW_BYTES, row; /* negative: no operand A */
    if (op == ISA_RESIZE)
        return resize_accumulate(c, tile, u);
    if ((op == ISA_MAC && !operand_a(c, tile, u, &at)) || !quarter_row(c, tile, u, walk_at(&r->w), &row))
        return false;
    unsigned byte = (unsigned)walk_at(&r->w) & 3, products = op == ISA_MAX ? 1 : r->products;
    for (unsigned lane = 0; lane < r->lanes; lane++)
        for (unsigned k = 0; k < products; k++) {
            struct product p = product_of(t, r, at, row, byte, lane, k);
            if (op == ISA_MAX) {
                p.w += r->zero_point[lane]; /* the zero point plays no part */
                r->acc[lane] = r->acc[lane] > p.w ? r->acc[lane] : p.w;
            } else {
                r->acc[lane] = (int32_t)((uint32_t)r->acc[lane] + (uint32_t)p.a * (uint32_t)p.w);
            }
            if (c->options.strict && !product_known(t, r, &p))
                r->known &= ~(1ull << lane);
        }
    r->macs += (uint64_t)products * r->lanes;
    return true;
}

/* The lanes of n sums as bytes of the output; each sum padded to whole words. */
static void lanes_out(const struct tensor_run *r, const int32_t (*acc)[LANES], unsigned n, uint8_t *out)
{
    const struct isa_tensor *i = r->i;
    unsigned lanes = (unsigned)round_up(r->lanes, 4), bytes = (unsigned)round_up(r->lanes * (i->out16 ? 2 : 1), 4);
    if (!i->out16 && !i->lut) {
        struct simd_requant q = {.min = r->q.min, .max = r->q.max, .zero_point = r->q.zero_point, .bias = r->bias,
                                 .scale = r->scale};
        simd_requantize(&q, acc, n, lanes, out);
        for (unsigned p = 0; lanes > r->lanes && p < n; p++)
            memset(out + p * lanes + r->lanes, 0, lanes - r->lanes);
        return;
    }
    memset(out, 0, n * bytes);
    for (unsigned p = 0; p < n; p++, out += bytes)
        for (unsigned lane = 0; lane < r->lanes; lane++) {
            uint32_t sum = (uint32_t)acc[p][lane] + (uint32_t)r->bias[lane];
            int32_t v = requantize(&r->q, r->scale[lane], (int32_t)sum);
            if (i->out16)
                put_le16(out + 2 * lane, (uint16_t)v);
            else
                out[lane] = (uint8_t)v;
        }
}

/* Strict: which bytes of a word of the output, from byte k of the sum on, are known. */
static uint8_t word_known(const struct tensor_run *r, unsigned k)
{
    uint64_t lanes_known = r->known & r->header_known;
    unsigned known = 0;
    for (unsigned b = 0; b < 4; b++)
        known |= (unsigned)(lanes_known >> (k + b) / (r->i->out16 ? 2 : 1) & 1) << b;
    return (uint8_t)known;
}

/* n words of results, `stride` bytes apart. */
static bool words_out(struct chip *c, int tile, struct unit *u, int64_t at, int64_t stride, uint32_t n,
                      const uint8_t *words)
{
    uint8_t *narrow = c->tile[tile].narrow;
    int64_t end = at + (n - 1) * stride;
    bool aligned = !(at % 4) && !(stride % 4);
    bool inside = aligned && at >= 0 && end >= 0 && at + 4 <= NARROW_BYTES && end + 4 <= NARROW_BYTES;
    if (inside && stride == 4) {
        memcpy(narrow + at, words, 4 * (size_t)n);
        return true;
    }
    for (uint32_t k = 0; k < n; k++, at += stride) {
        if (!inside && (at < 0 || at + 4 > NARROW_BYTES || at % 4))
            return chip_fault(c, &u->at, tile, STATUS_INVALID, "writes narrow byte %lld of %d", (long long)at,
                              NARROW_BYTES), false;
        memcpy(narrow + at, words + 4 * k, 4);
    }
    return true;
}

enum step tensor_output(struct chip *c, int tile, struct unit *u, const int32_t (*acc)[LANES], unsigned n)
{
    struct tensor_run *r = u->run;
    struct tile *t = &c->tile[tile];
    uint8_t out[FAST_POSITIONS * 2 * LANES];
    unsigned in_sum = (unsigned)ceil_div(r->lanes * (r->i->out16 ? 2 : 1), 4), words = n * in_sum, loop = r->out_loop;
    lanes_out(r, acc, n, out);
    for (unsigned k = 0, m; k < words; k += m) {
        if (r->o.done)
            return chip_fault(c, &u->at, tile, STATUS_INVALID, "more results than output addresses");
        int64_t at = walk_at(&r->o), run = c->options.plain ? 1 : walk_run(&r->o, loop);
        m = run < words - k ? (unsigned)run : words - k;
        if (!words_out(c, tile, u, at, r->i->o.step[loop], m, out + 4 * k))
            return STEP_FAILED;
        for (unsigned w = 0; c->options.strict && w < m; w++) /* n = 1: strict has no fast path */
            t->narrow_known[(at + w * r->i->o.step[loop]) / 4] = word_known(r, 4 * (k + w));
        walk_skip(&r->o, loop, m, 0);
        flag_raise_run(&t->flag[ISA_AVDATA], &r->i->avdata, &r->o, loop, m);
    }
    return STEP_MOVED;
}

/* Do the loops of redmask stand at their starts, or at their ends? */
static bool reduction_at(const struct tensor_run *r, bool end)
{
    bool cut = walk_short(&r->master.w);
    for (unsigned k = 0; k < 8; k++)
        if (r->i->redmask >> k & 1) {
            int32_t lim = k == 0 && cut ? r->nest.llim : r->nest.lim[k];
            if (r->master.w.i[k] != (end ? lim : 0))
                return false;
        }
    return true;
}

static enum step plain_step(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    struct tile *t = &c->tile[tile];
    const struct isa_tensor *i = r->i;
    bool last = r->spill && reduction_at(r, true);
    if (r->spill ? reduction_at(r, false) : r->fresh)
        sums_clear(r, u->at.inst->op);
    else if (r->spill && !sums_fetch(c, tile, u))
        return STEP_FAILED;
    if (!accumulate(c, tile, u) || (r->spill && !sums_store(c, tile, u)))
        return STEP_FAILED;
    walk_next(&r->master.w);
    walk_next(&r->a);
    walk_next(&r->w);
    walk_next(&r->p);
    if (!r->spill)
        last = r->p.level >= (i->p.boff ? i->p.bdim : 8);
    r->fresh = last;
    r->master.open = false;
    if (last && tensor_output(c, tile, u, &r->acc, 1) == STEP_FAILED)
        return STEP_FAILED;
    flag_raise(&t->flag[ISA_PARAM], &i->param, &r->w);
    return STEP_MOVED;
}

static enum step tensor_end(struct chip *c, int tile, struct unit *u)
{
    struct tensor_run *r = u->run;
    if (!r->o.done || !r->p.done)
        return chip_fault(c, &u->at, tile, STATUS_INVALID, "loop nests of different length");
    struct tile_account *account = &c->tile[tile].account;
    account->macs += r->macs;
    if (r->used_fast)
        account->fast++;
    else
        account->slow++;
    u->busy = false;
    return STEP_MOVED;
}

enum step tensor_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    struct tensor_run *r = u->run;
    struct tile *t = &c->tile[tile];
    enum step moved = STEP_IDLE;
    while (!r->master.w.done) {
        if (!q->left)
            return moved;
        if (!waits_over(t->flag, ISA_FLAGS, r->i->wait, 6, SIDE_ANY, &r->master, u->passes, &u->stop))
            return moved;
        if (r->master.w.level >= r->i->chdim && tensor_group(c, tile, u) == STEP_FAILED)
            return STEP_FAILED;
        enum step fast = r->fast->usable ? fast_block(c, tile, u) : STEP_IDLE;
        if (fast == STEP_FAILED ||
            (fast == STEP_IDLE && (plain_step(c, tile, u) == STEP_FAILED || !chip_spend(c, &u->at, tile, 1))))
            return STEP_FAILED;
        if (fast == STEP_IDLE)
            r->fast->usable = false;
        r->used_fast |= fast == STEP_MOVED;
        q->left--;
        moved = STEP_MOVED;
    }
    return tensor_end(c, tile, u);
}

/* Inputs: host -> FIFO -> ring A -> wide rows -> narrow memory.
 * Facts: ../shared/isa/tile-dma.md section 5, mapping.md section 3 and 6 (A); vectors of any length by the rule of
 * bright_16x16 .. bright_128x128 and dense_256, dense_512 (slices_of). */
#include "compiler/families.h"
#include "compiler/scalar.h"

enum { UNIT = 8, FIFO_HALF_UNITS = 16384, ROW_BYTES = 256, EXCHANGE_ROWS = 6 };

void emit_host_infeed(struct program *p, const char *name, const struct host_band *bands, int n)
{
    enum { COUNTER_START = 0x7ffc }; /* bits 41..55 of 0x24: the counter starts at -4 (GUESS in mapping.md) */
    int64_t units = 0;
    for (int i = 0; i < n; i++)
        units += bands[i].units;
    scalar_io_base(p, DWN_INPUT, name);
    program_add(p, (struct isa_inst){.op = ISA_SYNC, .sync = {.flags = 1 << ISA_AVDATA_INFEED, .value = COUNTER_START,
                                                              .engines = ENGINES_USUAL}});
    emit_core_sync(p, 1 << ISA_AVDATA_POP);
    program_add(p, (struct isa_inst){.op = ISA_INFEED,
                                     .infeed = {.av = 1, .t = fifo_units(0, units, FIFO_HALF_UNITS),
                                                .p = signal_at(0), .wait = wait_core(ISA_AVDATA_INFEED, 0, 1)}});
    for (int i = 0; i < n; i++) {
        if (bands[i].units == 0)
            continue;
        scalar_io_address(p, UNIT * bands[i].first);
        scalar_descriptor(p, 6, UNIT * bands[i].units, TAG_INPUT);
        program_hint(p, DWN_INFEED, DWN_INPUT, name, UNIT * bands[i].first, UNIT * bands[i].units);
    }
}

void emit_inject_activations(struct program *p, int64_t first, int64_t units, int32_t dst)
{
    program_add(p, (struct isa_inst){.op = ISA_INJECT,
                                     .inject = {.src = 1,
                                                .t = fifo_units(first, units, FIFO_HALF_UNITS),
                                                .p = {[1] = signal_at(0)},
                                                .wait = {wait_core(ISA_AVDATA_POP, first + 1, 1)},
                                                .one = 1,
                                                .dst = dst,
                                                .cells = ROW_WORDS - 1}});
}

/* ---- parameters that come with every inference ---- */

void emit_host_parameters(struct program *p, int64_t offset, int64_t packets)
{
    enum { FIFO_PACKETS = 2048 };
    scalar_parameter_address(p, offset);
    scalar_descriptor(p, 6, packets * PACKET, TAG_PARAMETER);
    program_hint(p, DWN_INFEED, DWN_PARAMETER, "", offset, packets * PACKET);
    program_add(p, (struct isa_inst){
                       .op = ISA_INFEED,
                       .infeed = {.t = fifo_units(p->host_packets, packets, FIFO_PACKETS / 2), .p = signal_at(0),
                                  .wait = wait_core(ISA_PARAM_INFEED, p->host_packets + 4 - FIFO_PACKETS, 1)}});
    p->host_packets += packets;
}

static struct isa_inject injected(int64_t first, int64_t packets, int32_t lanes, int32_t dst)
{
    enum { FIFO_HALF_PACKETS = 1024 };
    return (struct isa_inject){.t = fifo_units(first, packets, FIFO_HALF_PACKETS),
                               .p = {[1] = signal_at(0)},
                               .wait = {wait_core(ISA_PARAM_POP, first + 1, 1)},
                               .one = 1,
                               .dst = dst,
                               .cells = lanes - 1};
}

void emit_inject_parameters(struct program *p, int64_t first, int64_t packets, int32_t lanes, int32_t dst)
{
    program_add(p, (struct isa_inst){.op = ISA_INJECT, .inject = injected(first, packets, lanes, dst)});
}

void emit_stream(struct program *p, const struct parameter *q, int32_t dst)
{
    int64_t packets = (int64_t)q->segment.data.size / PACKET, sent = p->host_packets;
    emit_host_parameters(p, q->offset, packets);
    struct isa_inject in = injected(sent, packets, q->segment.lanes, dst);
    in.wait[1] = wait_core(ISA_PRODUCER_A, program_flag(p, ALL_TILES, ISA_RPROD_A), 0);
    in.wait[1].dim = 2;
    program_add(p, (struct isa_inst){.op = ISA_INJECT, .inject = in});
}

/* ---- cached parameters, from the tiles that keep them ---- */

void emit_broadcast(struct program *p, const struct parameter *q, int32_t dst)
{
    for (uint32_t k = 0; k < q->at.count; k++) {
        const struct place_chunk *c = &q->at.chunks[k];
        program_add(p, (struct isa_inst){
                           .op = ISA_RING_SEND,
                           .send = {.tiles = 1 << c->tile,
                                    .w = masked(wide_rows(c->row, LOOPS({c->rows, 1})), 1),
                                    .p = {[1] = signal_at(0)},
                                    .wait = {wait_data(ISA_RPROD_B, 1, program_flag(p, ALL_TILES, ISA_RPROD_B), 1)},
                                    .chan = 1,
                                    .dst = dst}});
    }
}

/* ---- vectors ---- */

/* Two rings' worth of wide rows at the top of wide memory. */
static int32_t vector_bytes(const struct value *v) { return v->z * v->element; }
static int32_t ring_rows(const struct value *v) { return (int32_t)ceil_div(vector_bytes(v), ROW_BYTES); }

/* A SOFTMAX right behind begins its exchange while the ring is in use: a ring of one row lies below the rows of the
 * exchange, a larger one above them (bright_16; bright_64, bright_128). */
static bool ring_below_exchange(const struct value *v) { return v->in_place && ring_rows(v) == 1; }

int32_t infeed_vector_top(const struct value *v)
{
    return ring_below_exchange(v) ? WIDE_ROWS : WIDE_ROWS - 2 * ring_rows(v);
}

static int32_t ring_row(const struct value *v)
{
    return WIDE_ROWS - 2 * ring_rows(v) - (ring_below_exchange(v) ? EXCHANGE_ROWS : 0);
}

static bool size_vector(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct value *v = &p->values[s->out];
    struct slices c = value_slices(v);
    int32_t room = c.words > ROW_WORDS ? c.words : ROW_WORDS;
    if (2 * ring_rows(v) > WIDE_ROWS / 2)
        return status_fail(p->st, STATUS_LIMIT, "input \"%.80s\" is a vector of %d bytes; %d are possible",
                           v->tensor->name, vector_bytes(v), WIDE_ROWS / 4 * ROW_BYTES);
    /* A staging buffer that the official programs reserve and do not use (mapping.md section 4, A). */
    plan_buffer(p, (struct narrow_buffer){.words = 2 * room, .first = index, .last = index, .late = true});
    const struct step *reader = plan_sole_reader(p, s->out);
    v->in_place = reader && reader->family == &family_softmax;
    v->buffer = plan_buffer(
        p, (struct narrow_buffer){
               .words = v->in_place ? c.total : c.words, .first = v->first, .last = v->last, .late = !v->in_place});
    plan_wide_floor(p, ring_row(v));
    return true;
}

/* One 0x14: every tile of `tiles` (all in one column) keeps its own words of the bytes that its row of tiles gets; what
 * stands before them goes to `spare`. */
static void keep_slice(struct program *p, int32_t tiles, int32_t column, const struct slices *c, int32_t words,
                       int32_t row, int32_t spare, int32_t to)
{
    int32_t start = column * c->words, skip = start % ROW_WORDS, rows = (int32_t)ceil_div(skip + words, ROW_WORDS);
    int32_t room = c->words > ROW_WORDS ? c->words : ROW_WORDS;
    struct isa_to_narrow i = {
        .tiles = tiles,
        .w = wide_rows(row + start / ROW_WORDS, rows > 1 ? LOOPS({rows, 1}) : NO_LOOPS),
        .n = buffered(narrow_words(to, LOOPS({words, 1})), 1, room),
        .p = signal_at(0),
        .wait = {wait_data(ISA_RREAD_A, 1, 1, 1), wait_room(ISA_AVDATA, 1, -1, 1)},
        .pack = skip ? 2 : 1,
    };
    if (skip)
        i.s = (struct isa_prefix){.en = 1, .dim = 1, .base = spare, .lim = skip - 1, .end = spare + skip - 1};
    program_add(p, (struct isa_inst){.op = ISA_TO_NARROW, .to_narrow = i});
}

static void keep_slices(struct program *p, const struct slices *c, int32_t row, int32_t to)
{
    int32_t last = c->tiles - 1, rest = slice_words(c, last);
    for (int32_t column = 0; column < 4; column++) {
        int32_t tiles = 0x1111 << column & ((1 << c->tiles) - 1);
        bool shorter = rest < c->words && last % 4 == column;
        if (shorter)
            tiles &= ~(1 << last);
        if (tiles)
            keep_slice(p, tiles, column, c, c->words, row, to, to);
        if (shorter)
            keep_slice(p, 1 << last, column, c, rest, row, to, to);
    }
}

static void keep_slices_in_place(struct program *p, const struct slices *c, int32_t row, int32_t to)
{
    for (int32_t t = 0; t < c->tiles; t++)
        keep_slice(p, 1 << t, t % 4, c, slice_words(c, t), row, to, to + t * c->words);
}

/* 0x11 and 0x26: the bytes of tile row i. */
static void receive_bytes(struct program *p, int32_t i, const struct slices *c, const struct value *v, int32_t row)
{
    int64_t first = 16LL * c->words * i, end = first + 16LL * c->words, all = vector_bytes(v);
    end = end < all ? end : all;
    int32_t ring = ring_rows(v), units = (int32_t)(ceil_div(end, UNIT) - first / UNIT);
    int32_t rows = (int32_t)ceil_div((int64_t)units * UNIT, ROW_BYTES), rest = rows % ring;
    struct isa_ttu w = rows == 1 ? masked(wide_rows(row, NO_LOOPS), ring > 1) : wide_rows(row, LOOPS({ring, 1}));
    w = buffered(w, 1, ring);
    if (rows > 1 && rest)
        w = short_last(w, 1, rest, ring - rest);
    int32_t words = ROW_WORDS * ring;
    program_add(p, (struct isa_inst){.op = ISA_RING_RECV_A,
                                     .recv = {.tiles = 0xf << 4 * i, .w = w, .p = signal_at(1),
                                              .wait = wait_room(ISA_W2N, 1, -words, words)}});
    emit_inject_activations(p, first / UNIT, units, 0xf << 4 * i);
}

static void emit_vector(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct value *v = plan_out(plan, s);
    struct slices c = value_slices(v);
    int32_t row = ring_row(v);
    emit_fence(p, (struct fence){.threads = 1 << 5});
    emit_host_infeed(p, v->tensor->name, &(struct host_band){0, ceil_div(vector_bytes(v), UNIT)}, 1);
    if (v->in_place)
        keep_slices_in_place(p, &c, row, value_at(plan, v));
    else
        keep_slices(p, &c, row, value_at(plan, v));
    for (int32_t i = 0; i < ceil_div(c.tiles, 4); i++)
        receive_bytes(p, i, &c, v, row);
    emit_fence(p, (struct fence){0});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_infeed_vector = {.name = "infeed of a vector", .size = size_vector, .emit = emit_vector};

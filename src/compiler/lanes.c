/* Facts: SOFTMAX over 1001 classes in mobilenet_v1_0.25_128 and 0.5_160 (rows beside the layer before it), 0.75_192
 * (on one tile each, over ring B), over 10 classes in keras_lstm.  From the host: on several tiles and on one in
 * mobilenet_v1_0.25_128 compiled together with 1.0_224, 0.5_160 and 0.75_192; on one in the 15.0 classifier's SOFTMAX
 * over 2 classes. */
#include "compiler/lanes.h"

#include "compiler/families.h"
#include "compiler/scalar.h"

enum { LANES = 16, NUMBERS = 4 };

uint32_t lanes_parameter(struct plan *p, uint32_t op, const uint32_t *numbers, int32_t words, int32_t slice)
{
    size_t row = (size_t)LANES * sizeof(uint32_t);
    uint8_t *data = arena_alloc(p->arena, (size_t)words * row);
    for (int32_t i = 0; i < words; i++)
        for (int32_t k = 0; k < NUMBERS; k++)
            put_le32(data + (size_t)i * row + 4 * (size_t)k, numbers[NUMBERS * i + k]);
    return plan_parameter(p, (struct parameter){.op = op, .kind = PLACE_CONV, .part = slice,
                                                .segment = {.data = bytes_of(data, (size_t)words * row),
                                                            .form = SEGMENT_WIDE, .groups = 1, .lanes = LANES,
                                                            .rows = words}});
}

int slice_classes(const struct slices *c, struct slice_class out[2])
{
    int32_t last = c->tiles - 1, rest = slice_words(c, last), all = (1 << c->tiles) - 1;
    int32_t full = last ? c->words : rest;
    out[0] = (struct slice_class){rest == full ? all : all & ~(1 << last), 0, full};
    out[1] = (struct slice_class){1 << last, last, rest};
    return rest == full ? 1 : 2;
}

/* The rows lie where they are used. */
static bool at_home(const struct parameter *q)
{
    return !q->streamed && q->at.parted;
}

/* One row a word, without a loop for a single one. */
static struct loops rows_of(int32_t words, int64_t stride)
{
    return words > 1 ? LOOPS({1, 1}, {words, stride}) : NO_LOOPS;
}

/* Words of a slice one after the other into the same row. */
static struct isa_ring_recv received(int32_t words, int32_t tile, struct program *p)
{
    int32_t each = words > 1 ? 0 : 1; /* a signal for each word */
    return (struct isa_ring_recv){
        .tiles = 1 << tile,
        .w = buffered(wide_rows(LANES_ROW, words > 1 ? LOOPS({words, 0}) : NO_LOOPS), each, 1),
        .p = signal_at(each),
        .wait = wait_room(ISA_W2S, each, program_flag(p, 1 << tile, ISA_W2S) - 1, 1)};
}

void lanes_load(const struct plan *plan, uint32_t parameter, const struct slices *c, int32_t store, int32_t numbers,
                struct program *p)
{
    enum { BANK = 32 };
    const struct parameter *q = &plan->parameters[parameter];
    bool home = at_home(q);
    enum isa_flag arrived = q->streamed ? ISA_RREAD_A : ISA_RREAD_B;
    for (int32_t t = 0; t < c->tiles && !home; t++)
        program_add(p, (struct isa_inst){.op = q->streamed ? ISA_RING_RECV_A : ISA_RING_RECV_B,
                                         .recv = received(slice_words(c, t), t, p)});
    int32_t done = 0;
    for (int32_t t = 0; t < c->tiles; t++) {
        int32_t words = slice_words(c, t), row = home ? q->at.chunks[t].row : LANES_ROW, tiles = 0;
        for (int32_t u = t; u < c->tiles; u++)
            if (!(done >> u & 1) && slice_words(c, u) == words && (!home || q->at.chunks[u].row == row))
                tiles |= 1 << u;
        if (done >> t & 1)
            continue;
        done |= tiles;
        struct isa_to_narrow w = {.tiles = tiles, .p = signal_at(2), .par = 1, .pack = 1};
        struct isa_wait *wait = w.wait;
        struct loops to = LOOPS({ceil_div(numbers, 2), 1}, {1, 64});
        if (words > 1)
            loop(&to, words, 0);
        w.n = buffered(narrow_words(store, to), 2, BANK);
        w.w = wide_rows(row, rows_of(words, home));
        if (!home)
            w.w = buffered(w.w, 1, 1);
        if (!home || words == 1)
            w.w.mask = 1;
        /* What 0x11 announces was counted when it was appended. */
        if (!home)
            *wait++ = wait_data(arrived, 1, program_flag(p, tiles, arrived) - words + 1, 1);
        *wait = wait_room(ISA_AVDATA, 2, program_flag(p, tiles, ISA_AVDATA) - 1, 1);
        program_add(p, (struct isa_inst){.op = ISA_TO_NARROW, .to_narrow = w});
    }
}

/* From where row `row` of the table lies, for tile t. */
static void send_cached(const struct placed *at, int32_t row, int32_t rows, int32_t t, struct program *p)
{
    for (uint32_t k = 0; k < at->count; row -= at->chunks[k++].rows) {
        int32_t left = at->chunks[k].rows - row, here = rows < left ? rows : left;
        if (row < 0 || here <= 0)
            continue;
        program_add(p, (struct isa_inst){
                           .op = ISA_RING_SEND,
                           .send = {.tiles = 1 << at->chunks[k].tile,
                                    .w = masked(wide_rows(at->chunks[k].row + row, LOOPS({here, 1})), 1),
                                    .p = {[1] = signal_at(0)},
                                    .wait = {wait_data(ISA_RPROD_B, 1, program_flag(p, ALL_TILES, ISA_RPROD_B), 1)},
                                    .chan = 1, .dst = 1 << t}});
        rows -= here;
        row += here;
    }
}

bool lanes_send(const struct plan *plan, uint32_t parameter, const struct slices *c, struct program *p)
{
    const struct parameter *q = &plan->parameters[parameter];
    if (at_home(q))
        return false;
    int64_t sent = p->host_packets;
    if (q->streamed && c->tiles == 1) {
        emit_stream(p, q, 1);
        return false;
    }
    if (q->streamed)
        emit_host_parameters(p, q->offset, (int64_t)q->segment.data.size / PACKET);
    for (int32_t t = 0; t < c->tiles; t++) {
        int32_t words = slice_words(c, t);
        if (q->streamed)
            emit_inject_parameters(p, sent + c->words * t, words, q->segment.lanes, 1 << t);
        else
            send_cached(&q->at, c->words * t, words, t, p);
    }
    return !q->streamed;
}

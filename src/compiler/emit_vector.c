/* Moving vectors between tiles, over ring A.
 * Facts: ../shared/isa/mapping.md section 6 (A), tile-dma.md section 5; lengths above one row from bright_64x64,
 * bright_128x128. */
#include "compiler/families.h"
#include "compiler/scalar.h"

enum { SEND_BELOW_RECEIVE = 4, GATHER_ROW = 2078 };

/* Of the narrow side: rows of words; a single word has no loop. */
static struct isa_ttu narrow_side(int32_t words, int32_t rows, struct rows r)
{
    if (rows > 1)
        return narrow_words(r.at, LOOPS({words, 1}, {rows, r.pitch}));
    return narrow_words(r.at, words == 1 ? NO_LOOPS : LOOPS({words, 1}));
}

void emit_copy(struct program *p, int32_t src, int32_t dst, int32_t words, int32_t from, int32_t to,
               int32_t receive_row)
{
    emit_copy_rows(p, src, dst, words, 1, (struct rows){.at = from}, (struct rows){.at = to}, receive_row);
}

void emit_copy_rows(struct program *p, int32_t src, int32_t dst, int32_t words, int32_t rows, struct rows from,
                    struct rows to, int32_t receive_row)
{
    int32_t all = words * rows, wide = (int32_t)ceil_div(all, ROW_WORDS), dim = wide == 1, from_tile = 1 << src;
    int32_t read = program_flag(p, dst, ISA_RREAD_A), moved = program_flag(p, dst, ISA_W2N), pack = rows > 1 ? 2 : 1;
    int32_t ticket = program_flag(p, ALL_TILES, ISA_RPROD_A), written = program_flag(p, from_tile, ISA_N2W);
    int32_t sent = program_flag(p, from_tile, ISA_RWRITE), send_row = receive_row - SEND_BELOW_RECEIVE;
    struct loops row_loops = wide == 1 ? NO_LOOPS : LOOPS({wide, 0});
    struct isa_ttu receive = buffered(wide_rows(receive_row, row_loops), dim, 1);
    struct isa_ttu send = masked(wide_rows(send_row, wide == 1 ? NO_LOOPS : LOOPS({1, 1}, {wide, 0})), 1);

    program_add(p, (struct isa_inst){.op = ISA_TO_NARROW,
                                     .to_narrow = {.tiles = dst,
                                                   .w = receive,
                                                   .n = narrow_side(words, rows, to),
                                                   .p = signal_at(all == 1),
                                                   .wait = {wait_data(ISA_RREAD_A, dim, read + 1, 1)},
                                                   .pack = pack}});
    program_add(p, (struct isa_inst){.op = ISA_RING_RECV_A,
                                     .recv = {.tiles = dst, .w = receive, .p = signal_at(dim),
                                              .wait = wait_room(ISA_W2N, dim, moved - ROW_WORDS, ROW_WORDS)}});
    program_add(p, (struct isa_inst){
                       .op = ISA_RING_SEND,
                       .send = {.tiles = from_tile,
                                .w = buffered(send, 1, 1),
                                .p = {signal_at(1), signal_at(2)},
                                .wait = {wait_data(ISA_RPROD_A, 2, ticket, 1), wait_data(ISA_N2W, 1, written + 1, 1)},
                                .dst = dst}});
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE,
                                     .to_wide = {.tiles = from_tile, .breg = from.reg, .dynb = from.reg > 0,
                                                 .n = narrow_side(words, rows, from),
                                                 .w = buffered(wide_rows(send_row, row_loops), dim, 1),
                                                 .p = signal_at(dim),
                                                 .wait = {wait_room(ISA_RWRITE, dim, sent - 1, 1)},
                                                 .pack = pack}});
}

/* ---- gather: slices -> the whole vector on every tile that computes with it ---- */

static const struct family *maker(const struct plan *p, const struct step *s)
{
    return p->steps[plan_in(p, s, 0)->first].family;
}

static bool after_infeed(const struct plan *p, const struct step *s) { return maker(p, s) == &family_infeed_vector; }

static bool size_gather(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    const struct value *slices = plan_in(p, s, 0);
    struct value *whole = &p->values[s->out];
    /* As one step with the infeed: the official buffer is alive while the input comes in. */
    uint32_t first = after_infeed(p, s) ? slices->first : index;
    whole->buffer = plan_buffer(p, (struct narrow_buffer){.words = 16 * slices_of(whole->z).groups,
                                                          .first = first,
                                                          .last = whole->last,
                                                          .late = maker(p, s) == &family_channel_pool});
    plan_wide_floor(p, GATHER_ROW - 1 - SEND_BELOW_RECEIVE);
    return true;
}

void emit_exchange_begin(struct program *p)
{
    emit_fence(p, (struct fence){0});
    emit_exchange_end(p);
    emit_barrier(p, LAYER_FLAGS);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_ring_reset(p);
    emit_fence(p, (struct fence){0});
    emit_fence(p, (struct fence){0});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

static void emit_gather(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    struct slices c = slices_of(in->z);
    int32_t row = GATHER_ROW;
    if (after_infeed(plan, s)) { /* perhaps with steps between, in which some tiles had no part */
        int32_t counted = 1 << ISA_RREAD_A | 1 << ISA_W2N;
        emit_barrier(p, program_flags_agree(p, out->tiles, counted) ? 0 : LAYER_FLAGS);
    } else if (maker(plan, s) == &family_softmax) {
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
        row--;
    } else if (maker(plan, s) == &family_channel_pool) { /* ends with all that is needed, and leaves a row in use */
        if (s[-1].out != s->in[0]) /* steps of another branch between */
            emit_exchange_begin(p);
        row--;
    } else if (maker(plan, s) == &family_raster) {
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    } else if (maker(plan, s) == &family_fully_connected) { /* catalogue: MobileNet v2 of Teachable Machine */
        emit_barrier(p, LAYER_FLAGS);
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    } else {
        emit_exchange_begin(p);
    }
    if (row == GATHER_ROW && plan_finds_identity(plan, s)) /* a later step may want it */
        row--;
    for (int32_t t = 0; t < c.tiles; t++)
        emit_copy(p, t, out->tiles, slice_words(&c, t), slice_at(plan, in, t), value_at(plan, out) + c.words * t, row);
    emit_barrier(p, 0);
}

const struct family family_gather = {.name = "gather", .size = size_gather, .emit = emit_gather};

#include "compiler/outgoing.h"

#include "compiler/scalar.h"

enum { MEMORY = 4096 };

/* What is in scalar memory to the host, two words at a time: of an odd number the last waits for what follows
 * (tf2_ssd_mobilenet_v2 segment 2 of 3, 23 words for each of 479 rows of 91 scores). */
static void empty_memory(struct outgoing *o)
{
    enum { ENGINE_LOAD = 8 };
    bool last = o->sent + o->filled == o->words;
    int32_t words = last ? o->filled : o->filled / 2 * 2, waits = o->filled - words;
    int64_t bytes = 4 * (int64_t)words + (last && o->words % 2 ? 4 : 0);
    program_add(o->p, (struct isa_inst){.op = ISA_SYNC, .sync = {.engines = ENGINE_LOAD}});
    scalar_move(o->p, 6, 5);
    scalar_move(o->p, 7, 4);
    scalar_descriptor(o->p, 6, bytes, TAG_OUTPUT);
    program_hint(o->p, DWN_OUTFEED, DWN_OUTPUT, o->name, o->before + 4 * o->sent, bytes);
    scalar_push_memory(o->p, words);
    if (last && o->words % 2)
        scalar_push_zero(o->p);
    if (!last)
        scalar_advance_address(o->p, (uint32_t)(4 * words));
    if (waits)
        scalar_copy_word(o->p, words, 0);
    o->sent += words;
    o->filled = waits;
}

/* 0x10: all rows of one tile to the scalar core. */
static void send_to_memory(struct program *p, int tile, int32_t row, int32_t words)
{
    enum { ENGINE_OUTFEED = 0x10 };
    int32_t rows = (int32_t)ceil_div(words, ROW_WORDS), ticket = program_flag(p, ALL_TILES, ISA_RPROD_A);
    int32_t written = p->flag[tile][ISA_N2W] - rows;
    struct loops l = rows == 1 ? NO_LOOPS : LOOPS({1, 1}, {rows, 0});
    program_add(p, (struct isa_inst){
                       .op = ISA_RING_SEND,
                       .send = {.tiles = 1 << tile,
                                .w = buffered(masked(wide_rows(row, l), 1), 1, 1),
                                .p = {signal_at(1), signal_at(1)},
                                .wait = {wait_data(ISA_RPROD_A, 1, ticket, 1), wait_data(ISA_N2W, 1, written + 1, 1)},
                                .core = 1}});
    program_add(p, (struct isa_inst){.op = ISA_SYNC, .sync = {.engines = ENGINE_OUTFEED}});
}

void outgoing_add(struct outgoing *o, int tile, int32_t words)
{
    send_to_memory(o->p, tile, o->row, words);
    for (int32_t left = words, take; left > 0; left -= take) {
        int32_t room = MEMORY - o->filled;
        take = left <= room ? left : room / ROW_WORDS * ROW_WORDS; /* of what does not fit: whole rows */
        if (take) {
            struct isa_ttu to = {.base = o->filled, .step = {1, 1 - take, 1 - take}, .lim = {take - 1}, .mask = 1};
            program_add(o->p, (struct isa_inst){.op = ISA_OUTFEED, .outfeed = {.t = to, .cells = ROW_WORDS - 1}});
        }
        o->filled += take;
        if (take < left)
            empty_memory(o);
    }
}

void outgoing_end(struct outgoing *o) { empty_memory(o); }

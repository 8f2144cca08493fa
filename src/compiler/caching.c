#include "compiler/caching.h"

#include "compiler/families.h"
#include "compiler/scalar.h"

enum {
    FIFO_PACKETS = 2048,
    FIRST_SEQ = 0x8000, /* compiler 16 numbers the tile instructions of this program from here */
    PACKETS_PER_FULL_ROW = 4,
};

/* Packets of chunk k: whole rows, the last chunk takes the rest (a last row may be partly filled). */
static int64_t chunk_packets(const struct cached_segment *s, uint32_t k)
{
    int64_t per_row = s->segment->lanes / 16, before = 0;
    for (uint32_t i = 0; i < k; i++)
        before += s->at.chunks[i].rows * per_row;
    int64_t left = (int64_t)s->segment->data.size / PACKET - before, here = s->at.chunks[k].rows * per_row;
    return left < here ? left : here;
}

static void request_blob(struct program *p, int64_t bytes)
{
    int64_t packets = bytes / PACKET;
    program_field_offset(p, DWN_PARAMETER, "", false);
    scalar_set(p, REG_PARAM_LO, 0);
    program_field_offset(p, DWN_PARAMETER, "", true);
    scalar_set(p, REG_PARAM_HI, 0);
    scalar_move(p, 3, REG_PARAM_LO);
    scalar_move(p, 2, REG_PARAM_HI);
    scalar_move(p, 4, 3);
    scalar_move(p, 5, 2);
    scalar_descriptor(p, 4, bytes, TAG_PARAMETER);
    program_hint(p, DWN_INFEED, DWN_PARAMETER, "", 0, bytes);
    /* Packet k may come in when packet k - 2048 has left: the FIFO never overflows. */
    int64_t room = 1 - (packets < FIFO_PACKETS ? packets : FIFO_PACKETS);
    program_add(p, (struct isa_inst){.op = ISA_INFEED,
                                     .infeed = {.t = fifo_units(0, packets, FIFO_PACKETS / 2), .p = signal_at(0),
                                                .wait = wait_core(ISA_PARAM_INFEED, room, 1)}});
}

static void receive(struct program *p, const struct place_chunk *c, int32_t header)
{
    struct isa_ring_recv r = {.tiles = 1 << c->tile, .w = wide_rows(c->row + header, NO_LOOPS)};
    if (c->rows - header > 1)
        r.w = wide_rows(c->row + header, LOOPS({c->rows - header, 1}));
    if (header)
        r.s = (struct isa_prefix){
            .en = 1, .base = c->row, .lim = header - 1, .end = c->row + header - 1, .step = header};
    program_add(p, (struct isa_inst){.op = ISA_RING_RECV_A, .recv = r});
}

bool caching_executable(struct arena *a, const struct cached_segment *segments, uint32_t count, uint64_t token,
                        struct dwn_executable *out, struct status *st)
{
    int64_t bytes = 0, sent = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += (int64_t)segments[i].segment->data.size;
    uint8_t *blob = arena_alloc(a, (size_t)bytes), *to = blob;

    struct program p;
    program_init(&p, a, FIRST_SEQ, st);
    emit_start(&p);
    request_blob(&p, bytes);
    for (uint32_t i = 0; i < count; i++) {
        const struct cached_segment *s = &segments[i];
        for (uint32_t k = 0; k < s->at.count; k++)
            receive(&p, &s->at.chunks[k], s->header);
        for (uint32_t k = 0; k < s->at.count; k++) {
            int64_t packets = chunk_packets(s, k);
            emit_inject_parameters(&p, sent, packets, s->segment->lanes, 1 << s->at.chunks[k].tile);
            sent += packets;
        }
        memcpy(to, s->segment->data.data, s->segment->data.size);
        to += s->segment->data.size;
    }
    emit_last_barrier(&p);
    scalar_set(&p, 2, 0);
    scalar_set(&p, 3, 0);
    scalar_move(&p, 4, 3);
    scalar_move(&p, 5, 2);
    emit_interrupt(&p, 4);
    program_end(&p, false);

    *out = (struct dwn_executable){.type = DWN_PARAMETER_CACHING, .name = "Unknown", .chip = "beagle", .batch_size = 1,
                                   .token = token, .parameters = bytes_of(blob, (size_t)bytes)};
    return program_finish(&p, out);
}

/* Outputs: narrow memory -> wide rows -> ring A -> host.
 * Facts: ../shared/isa/mapping.md section 6, tile-dma.md section 5. */
#include "compiler/families.h"
#include "compiler/scalar.h"

enum { UNIT = 8, OUT_ROW = 2078 };

/* 0x13: `words` words at `from` of these tiles into the two rows of the output ring. */
static void stage_words(struct program *p, int32_t tiles, int32_t from, int32_t words)
{
    int32_t rows = (int32_t)ceil_div(words, ROW_WORDS), dim = rows == 1;
    int32_t sent = program_flag(p, tiles, ISA_RWRITE);
    program_add(p, (struct isa_inst){
                       .op = ISA_TO_WIDE,
                       .to_wide = {.tiles = tiles, .n = narrow_words(from, words == 1 ? NO_LOOPS : LOOPS({words, 1})),
                                   .w = buffered(wide_rows(OUT_ROW, rows == 1 ? NO_LOOPS : LOOPS({rows, 0})), dim, 1),
                                   .p = signal_at(dim), .wait = {wait_room(ISA_RWRITE, dim, sent - 1, 1)}, .pack = 1}});
}

/* 0x27 and 0x10: `rows` rows of one tile, of which `units` 8-byte words go to the host. */
void emit_send_rows(struct program *p, int32_t tile, int32_t row, int32_t rows, int32_t units)
{
    int32_t ticket = program_flag(p, ALL_TILES, ISA_RPROD_A);
    struct loops l = rows == 1 ? NO_LOOPS : LOOPS({1, 1}, {rows, 0});
    struct isa_ttu t = host_words(units);
    if (units == 1)
        t.step[0] = 1;
    program_add(p, (struct isa_inst){.op = ISA_OUTFEED,
                                     .outfeed = {.t = t, .p = signal_at(1), .cells = ROW_WORDS - 1, .host = 1}});
    /* The rows were counted when 0x13 was appended: wait for the first of them. */
    int32_t written = program_flag(p, 1 << tile, ISA_N2W) - rows;
    program_add(p, (struct isa_inst){.op = ISA_RING_SEND,
                                     .send = {.tiles = 1 << tile,
                                              .w = buffered(masked(wide_rows(row, l), 1), 1, 1),
                                              .p = {signal_at(1), signal_at(2)},
                                              .wait = {wait_data(ISA_RPROD_A, 2, ticket, 1),
                                                       wait_data(ISA_N2W, 1, written + 1, 1)},
                                              .core = 1}});
}

/* ---- vectors ---- */

static bool size_vector(struct plan *p, uint32_t index)
{
    (void)index;
    plan_wide_floor(p, OUT_ROW);
    return true;
}

static void emit_vector(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct value *v = plan_in(plan, s, 0);
    const char *name = ((const struct tfl_tensor *)s->detail)->name;
    struct slices c = value_slices(v);
    int32_t last = c.tiles - 1, rest = slice_words(&c, last), all = (1 << c.tiles) - 1, from = value_at(plan, v);
    int64_t size = round_up((int64_t)v->z * v->element, UNIT);
    if (s == plan->steps || s[-1].family != &family_softmax) /* which ends with fences */
        emit_barrier(p, LAYER_FLAGS);
    emit_barrier(p, 0);
    scalar_io_base(p, DWN_OUTPUT, name);
    scalar_move(p, 5, REG_IO_LO);
    scalar_move(p, 4, REG_IO_HI);
    if (rest == c.words || last == 0) {
        stage_words(p, all, from, rest);
    } else {
        stage_words(p, all & ~(1 << last), from, c.words);
        stage_words(p, 1 << last, from, rest);
    }
    scalar_move(p, 6, 5);
    scalar_move(p, 7, 4);
    scalar_descriptor(p, 6, size, TAG_OUTPUT);
    program_hint(p, DWN_OUTFEED, DWN_OUTPUT, name, 0, size);
    for (int32_t t = 0; t < c.tiles; t++) {
        int32_t words = slice_words(&c, t);
        int64_t bytes = t == last ? size - 4LL * c.words * last : 4LL * c.words;
        emit_send_rows(p, t, OUT_ROW, (int32_t)ceil_div(words, ROW_WORDS), (int32_t)(bytes / UNIT));
    }
}

const struct family family_outfeed_vector = {.name = "outfeed of a vector", .size = size_vector, .emit = emit_vector};

/* Constants that programs make on the chip: mesh instructions that write a value where nobody sends.
 * Facts: ../shared/isa/tile-dma.md; identity rows of every infeed of an image; factors: every ADD, the cell state of
 * keras_lstm. */
#include "compiler/families.h"

void emit_fill(struct program *p, enum isa_opcode mesh, struct constant c, bool signal)
{
    struct isa_mesh m = {.tiles = ALL_TILES,
                         .b = mesh_words(c.at, c.words > 1 ? LOOPS({c.words, 1}) : NO_LOOPS),
                         .fill = 1,
                         .value = c.value};
    if (signal)
        m.p[1] = signal_at(1);
    program_add(p, (struct isa_inst){.op = mesh, .mesh = m});
}

void emit_identity(struct program *p, int32_t at, int32_t row, bool counted)
{
    for (int k = 0; k < 4; k++)
        emit_fill(p, ISA_MESH_NORTH, (struct constant){at + k, 1, 1 << 8 * k}, k == 3);
    struct isa_to_wide w = {.tiles = ALL_TILES,
                            .n = narrow_words(at, LOOPS({4, 1})),
                            .w = wide_rows(row, NO_LOOPS),
                            .pack = 1,
                            .wait = {wait_data(ISA_S_IN, 1, program_flag(p, ALL_TILES, ISA_S_IN), 0)}};
    if (counted)
        w.p = signal_at(1);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
}

/* The rows of factors, when the fills of all four directions have arrived. */
static void factors_to_wide(struct program *p, int32_t at, int32_t row)
{
    static const enum isa_flag arrived[] = {ISA_N_IN, ISA_S_IN, ISA_W_IN, ISA_E_IN};
    struct isa_to_wide w = {.tiles = ALL_TILES,
                            .n = narrow_words(at, LOOPS({4, 1}, {FACTOR_ROWS, 4})),
                            .w = wide_rows(row, LOOPS({FACTOR_ROWS, 1})),
                            .p = signal_at(1),
                            .pack = 1};
    for (unsigned i = 0; i < 4; i++)
        w.wait[i] = wait_data(arrived[i], 2, program_flag(p, ALL_TILES, arrived[i]), 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
}

static const enum isa_opcode turn[] = {ISA_MESH_NORTH, ISA_MESH_EAST, ISA_MESH_WEST, ISA_MESH_SOUTH};

/* Ten fills, the mesh directions in turn. */
void emit_byte_factors(struct program *p, const int32_t factor[2], int32_t zero, int32_t at, int32_t row)
{
    uint32_t z = (uint32_t)zero;
    unsigned n = 0;
    for (int k = 0; k < 2; k++) {
        uint32_t f = (uint32_t)(factor[k] + zero), low = z << 16 | f, high = f << 16 | z;
        int32_t to = at + k * FACTOR_WORDS / 2;
        const struct constant c[] = {{to, 1, (int32_t)low},
                                     {to + 1, 1, (int32_t)high},
                                     {to + 2, 4, (int32_t)(z << 16 | z)},
                                     {to + 6, 1, (int32_t)low},
                                     {to + 7, 1, (int32_t)high}};
        for (unsigned i = 0; i < sizeof c / sizeof *c; i++)
            emit_fill(p, turn[n++ % 4], c[i], true);
    }
    factors_to_wide(p, at, row);
}

/* The diagonal, one word by each direction, then the zeroes between. */
void emit_half_factors(struct program *p, const int32_t factor[2], int32_t at, int32_t row)
{
    enum { DIAGONAL = 5 };
    int32_t both = (int32_t)((uint32_t)factor[1] << 16 | (uint32_t)factor[0]);
    for (int k = 0; k < FACTOR_ROWS; k++)
        emit_fill(p, turn[k], (struct constant){at + DIAGONAL * k, 1, both}, true);
    struct isa_mesh zeroes = {.tiles = ALL_TILES,
                              .b = mesh_words(at + 1, LOOPS({DIAGONAL - 1, 1}, {FACTOR_ROWS - 1, DIAGONAL})),
                              .p = {[1] = signal_at(2)},
                              .fill = 1};
    program_add(p, (struct isa_inst){.op = turn[0], .mesh = zeroes});
    factors_to_wide(p, at, row);
}

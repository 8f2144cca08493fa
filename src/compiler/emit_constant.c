/* Constants that programs make on the chip: mesh instructions that write a value where nobody sends.
 * Facts: ../shared/isa/tile-dma.md; identity rows of every infeed of an image. */
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

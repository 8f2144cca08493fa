#include "isa/table.h"

#define VIEW(name, m, values, text) static const struct isa_view name = {ISA_MEMBER(m), values, text}
#define FV(name, bit, width, m, doc, view) ISA_ROW(name, bit, width, false, m, PROVEN, doc, NUMBER, SINGLE, &view)
#define XV(name, bit, width, m, doc, view) ISA_ROW(name, bit, width, false, m, PROVEN, doc, HEX, SINGLE, &view)
#define ZV(bit, width, view) ZERO_IN(bit, width, &view)

enum { LOAD_MODES = 0xf, STORE_MODES = 0xffff };
VIEW(load_none, bundle.load, 1 << 0, "load = 0");
VIEW(load_some, bundle.load, LOAD_MODES & ~(1 << 0), "load > 0");
VIEW(load_absolute, bundle.load, 1 << 1, "load = 1");
VIEW(load_register, bundle.load, 1 << 2, "load = 2");
VIEW(load_step, bundle.load, 1 << 3, "load = 3");
VIEW(load_indirect, bundle.load, 1 << 2 | 1 << 3, "load = 2, 3");
VIEW(store_absolute, bundle.store, 1 << 1, "store = 1");
VIEW(store_register, bundle.store, 1 << 2, "store = 2");
VIEW(store_step, bundle.store, 1 << 3, "store = 3");
VIEW(store_indirect, bundle.store, 1 << 2 | 1 << 3, "store = 2, 3");
VIEW(store_slot, bundle.store, 1 << 5, "store = 5");
VIEW(store_plain, bundle.store, STORE_MODES & ~(1 << 1 | 1 << 2 | 1 << 3 | 1 << 5), "store = 0, 4, 6 and above");
VIEW(alu_immediate, bundle.alu_imm, 1 << 1, "alu_imm = 1");
VIEW(alu_register, bundle.alu_imm, 1 << 0, "alu_imm = 0");

static const struct isa_field bundle[] = {
    F("pred_en", 0, 1, bundle.pred_en, PROVEN, "1: executed only if predicate pred_reg equals pred_val"),
    F("pred_reg", 1, 3, bundle.pred_reg, PROVEN, "predicate register"),
    F("pred_val", 4, 1, bundle.pred_val, PROVEN, "required value"),
    Z(5, 1), OPCODE,
    F("load", 12, 2, bundle.load, PROVEN, "0 none, 1 absolute, 2 by register, 3 by register with increment"),
    ZV(14, 17, load_none),
    FV("load_dst", 14, 5, bundle.load_dst, "destination register", load_some),
    XV("load_addr", 19, 12, bundle.load_addr, "word address", load_absolute),
    FV("load_reg", 19, 5, bundle.load_reg, "address register", load_indirect),
    ZV(24, 7, load_register),
    FV("load_inc", 24, 7, bundle.load_inc, "added to the address register afterwards", load_step),
    Z(31, 1),
    F("store", 32, 4, bundle.store, PROVEN,
      "0 none, 1 absolute, 2 by register, 3 by register with increment, 4 push a word to the output stream, "
      "5 write descriptor slot, 6 issue descriptor"),
    XV("store_addr", 36, 12, bundle.store_addr, "word address", store_absolute),
    FV("store_reg", 36, 5, bundle.store_reg, "address register", store_indirect),
    ZV(41, 7, store_register),
    FV("store_inc", 41, 7, bundle.store_inc, "added to the address register afterwards", store_step),
    FV("store_slot", 36, 2, bundle.store_slot, "descriptor slot", store_slot),
    ZV(38, 10, store_slot),
    ZV(36, 12, store_plain),
    Z(48, 1),
    F("store_data", 49, 5, bundle.store_data, PROVEN, "data register"),
    X("alu", 54, 5, bundle.alu, PROVEN, "operation, 0 = none"),
    F("alu_imm", 59, 1, bundle.alu_imm, PROVEN, "1: the second operand is imm"),
    F("alu_dst", 60, 5, bundle.alu_dst, PROVEN, "destination register, or predicate for the compares"),
    F("alu_a", 65, 5, bundle.alu_a, PROVEN, "first operand register"),
    FV("alu_b", 70, 5, bundle.alu_b, "second operand register", alu_register),
    ZV(75, 27, alu_register),
    XV("alu_value", 70, 32, bundle.imm, "immediate", alu_immediate),
    F("trans", 102, 3, bundle.trans, LIKELY, "transcendental: 0 none, 2 reciprocal, 3 power of two"),
    F("trans_dst", 105, 5, bundle.trans_dst, LIKELY, "its destination register"),
    F("trans_src", 110, 5, bundle.trans_src, LIKELY, "its source register"),
    Z(115, 13),
};

static const struct isa_field halt[] = {
    Z(0, 6), OPCODE, Z(12, 2),
    F("more", 14, 1, halt.more, LIKELY, "another bitstream of this executable follows (newer compilers)"),
    Z(15, 1),
    F("last", 16, 1, halt.last, LIKELY, "last bitstream of the executable"),
    Z(17, 111),
};

static const struct isa_field branch[] = {
    Z(0, 6), OPCODE,
    F("cond", 12, 1, branch.cond, PROVEN, "1: conditional"),
    F("pred", 13, 3, branch.pred, PROVEN, "predicate register"),
    F("value", 16, 1, branch.value, PROVEN, "taken where the predicate has this value"),
    S("target", 17, 15, branch.target, PROVEN, "words from this one"),
    Z(32, 1),
    F("one", 33, 1, branch.one, UNKNOWN, "1 in every instance: nothing to compare"),
    Z(34, 94),
};

static const struct isa_field loop[] = {
    Z(0, 6), OPCODE,
    F("count", 12, 16, loop.count, PROVEN, "iterations, at least 1"),
    F("length", 28, 6, loop.length, PROVEN, "words of the body, which starts at the next word"),
    Z(34, 94),
};

static const struct isa_field sync[] = {
    Z(0, 6), OPCODE,
    X("tiles", 12, 16, sync.tiles, PROVEN,
      "tiles that are waited for: their fence (0x1a, core = 1) or their ring producers"),
    Z(28, 4),
    X("flags", 32, 9, sync.flags, PROVEN, "scalar-side sync flags to set, bit = flag id"),
    S("value", 41, 16, sync.value, LIKELY,
      "what they are set to: 32764 = FIFO size - 4 for AVDATA_INFEED (121 of 121), 1 or more for PARAM_INFEED, else 0"),
    F("tiles_again_en", 57, 1, sync.tiles_again_en, PROVEN, "1: wait for the fence of tiles_again"),
    Z(58, 15),
    X("tiles_again", 73, 16, sync.tiles_again, PROVEN, "equal to tiles where tiles_again_en is 1, else 0"),
    Z(89, 84),
    S("val37", 173, 16, sync.val37, PROVEN,
      "wait until PRODUCER_A has this value: passes of all 0x10 but those on channel 1 to tiles (210 of 210)"),
    S("val38", 189, 16, sync.val38, PROVEN,
      "wait until PRODUCER_B has this value: passes of all 0x10 on channel 1 (139 of 139)"),
    Z(205, 37),
    X("mask242", 242, 2, sync.mask242, PROVEN, "which of these waits is done: 1 PRODUCER_A, 2 PRODUCER_B"),
    Z(244, 2),
    X("engines", 246, 5, sync.engines, LIKELY,
      "scalar-side engines to wait for: 8 = 0x27, 16 = the scalar core's own memory accesses; 1, 2, 4 GUESS: "
      "activation FIFO, parameter FIFO (0x26), infeed (0x25), by the order of their control registers"),
    Z(251, 5),
};

static const struct isa_field infeed[] = {
    Z(0, 6), OPCODE,
    F("av", 12, 1, infeed.av, PROVEN, "1 activations, 0 parameters"),
    TTU3("T", 13, infeed.t, 16, 15), SIGNAL("P0", 174, infeed.p, 2), WAIT("R0", 177, infeed.wait, 4, 2, 1),
    Z(216, 40),
};

static const struct isa_field inject[] = {
    Z(0, 6), OPCODE,
    F("src", 12, 2, inject.src, PROVEN, "0 parameters (64-byte units), 1 activations (8), 2 scalar memory (4)"),
    TTU3("T", 14, inject.t, 21, 20), Z(225, 83),
    SIGNAL("P0", 308, inject.p[0], 2), SIGNAL("P1", 311, inject.p[1], 2),
    WAIT("R0", 314, inject.wait[0], 4, 2, 1), WAIT("R1", 353, inject.wait[1], 4, 2, 1),
    F("one", 392, 17, inject.one, UNKNOWN, "1 in every instance: nothing to compare"),
    X("dst", 409, 16, inject.dst, PROVEN, "mask of the tiles that receive"),
    Z(425, 9),
    F("cells", 434, 6, inject.cells, PROVEN, "cells of 4 bytes in a row, minus 1"),
    Z(440, 72),
};

static const struct isa_field outfeed[] = {
    Z(0, 6), OPCODE,
    TTU3("T", 12, outfeed.t, 16, 15), SIGNAL("P0", 173, outfeed.p, 2), WAIT("R0", 176, outfeed.wait, 4, 2, 1),
    Z(215, 7),
    F("cells", 222, 6, outfeed.cells, LIKELY, "cells of 4 bytes in a row, minus 1: 63 in every instance"),
    F("host", 228, 1, outfeed.host, PROVEN, "1: to the host queue, 0: to scalar memory"),
    Z(229, 27),
};

static const struct isa_field start[] = {
    Z(0, 6), OPCODE, Z(12, 14),
    F("length", 26, 14, start.length, PROVEN, "words of the bitstream, minus 2"),
    Z(40, 88),
};

static const struct isa_field end[] = {
    Z(0, 6), OPCODE, Z(12, 14),
    F("one", 26, 1, end.one, UNKNOWN, "1 in every instance: nothing to compare"),
    Z(27, 101),
};

static const char bundle_doc[] =
    "Five slots: load, store, ALU, transcendental, predicate. All read the registers as they were before the word, "
    "then write. 32 registers s0..s31 of 32 bits, 8 predicates, 4096 words of scalar memory. ALU: 01 add, 02 sub, 03 "
    "and, 04 or, 05 xor, 06 shl, 07 shr (logical), 09 eq, 0a ne, 0c lt, 0d ge (signed), 0f mov, 10 int to float, 11 "
    "float to int, 12 fadd, 13 fsub, 14 fmul, 15 fmax, 16 fmin; 0f, 10, 11 take the second operand only (integer "
    "operations, moves, compares, fmul PROVEN by simulation of all descriptors; the other float operations LIKELY; "
    "rounding of 11 unknown; 08, 0b, 0e and 17 up never met). Host descriptors: slots 0, 1 address, 2 size in bytes, "
    "3 tag (1 input, 2 parameters, 3 output, 4 interrupt 0), then issue; slots keep their values (PROVEN, 170 "
    "executables). The driver patches base addresses into `alu_value` (bit 70) of a mov. Distances that official "
    "code keeps: ALU 1 word, load 2, transcendental 3.";
static const char halt_doc[] =
    "Ends a bitstream: four empty bundles and 0x3f follow. `last` in the last (or only) bitstream of an executable, "
    "`more` in the others of newer compilers (old ones have neither). Registers and scalar memory live on across "
    "bitstreams (PROVEN by simulation).";
static const char branch_doc[] =
    "Jumps by `target` words from its own position if unconditional or if predicate `pred` equals `value` (PROVEN by "
    "simulation). No delay slot.";
static const char loop_doc[] =
    "Runs the next `length` words `count` times; loops are not nested (PROVEN by simulation of the softmax programs "
    "that older compilers write for the scalar core).";
static const char sync_doc[] =
    "Holds the scalar core until `engines` are idle, the fences of `tiles_again` (0x1a with core = 1) have been "
    "reached, and the ring producers have done val37 and val38 passes (mask242); then sets `flags` to `value`. "
    "PROVEN: pairing with fences; both pass counts, 349 of 349, counted from the last 0x24 that cleared PRODUCER_A "
    "or PRODUCER_B (these name tiles, but no tiles_again). LIKELY: engine 8 is 0x27 (alone in front of scalar code "
    "that reads what a 0x27 brought, 64), 16 is scalar memory access of the core (alone in front of a 0x27 that "
    "overwrites it, 211).";
static const char infeed_doc[] =
    "Takes data of host descriptors into a FIFO of two halves: activations (av = 1) 2 x 16384 units of 8 bytes, "
    "parameters 2 x 1024 units of 64 bytes (PROVEN for the limits, 4 492 with 0x26). The wait is a credit, so that "
    "the FIFO does not overflow: unit k waits for the consumed counter >= val + k (LIKELY).";
static const char inject_doc[] =
    "Takes units from a FIFO or from scalar memory and sends them as rows to consumer 0 (0x11) of the tiles in "
    "`dst`. A row has cells + 1 cells of 4 bytes, so rows = ceil(units * size / (4 * (cells + 1))), and lands in "
    "cells 0..cells of one wide row (PROVEN: rows sent = rows received). R0: as many units must have arrived (val = "
    "first unit + 1). P1 raises the ring count; P0 only with src = 2.";
static const char outfeed_doc[] =
    "Takes rows that 0x10 sent to the core. host = 1: (lim0 + 1) * 8 bytes to the host queue. host = 0: 64 words a "
    "row into scalar memory at T.base (words), either as a loop back in two halves for 0x26 src 2 (P0 enabled) or "
    "for scalar code (P0 off). PROVEN: rows, and bytes of the output layers in 58 executables.";
static const char start_doc[] =
    "First word of every bitstream. A bitstream holds at most 16384 words; longer programs are several (PROVEN).";
static const char end_doc[] =
    "Last word of every bitstream, always 0x04000fc0; behind 0x21 and four empty bundles (PROVEN, all streams).";

const struct isa_op isa_scalar_ops[10] = {
    {ISA_BUNDLE, "bundle", "scalar bundle", bundle_doc, 1, FIELDS(bundle)},
    {ISA_HALT, "halt", "halt", halt_doc, 1, FIELDS(halt)},
    {ISA_BRANCH, "branch", "branch", branch_doc, 1, FIELDS(branch)},
    {ISA_LOOP, "loop", "hardware loop", loop_doc, 1, FIELDS(loop)},
    {ISA_SYNC, "sync", "scalar fence", sync_doc, 2, FIELDS(sync)},
    {ISA_INFEED, "infeed", "host to FIFO", infeed_doc, 2, FIELDS(infeed)},
    {ISA_INJECT, "inject", "FIFO or scalar memory to ring", inject_doc, 4, FIELDS(inject)},
    {ISA_OUTFEED, "outfeed", "ring to host or scalar memory", outfeed_doc, 2, FIELDS(outfeed)},
    {ISA_START, "start", "first word of a bitstream", start_doc, 1, FIELDS(start)},
    {ISA_END, "end", "last word of a bitstream", end_doc, 1, FIELDS(end)},
};

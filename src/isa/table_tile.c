#include "isa/table.h"

#define HEAD(m) \
    Z(0, 6), OPCODE, X("tiles", 12, 16, m.tiles, PROVEN, "tile mask; 0 where tdyn"), \
    F("breg", 28, 5, m.breg, LIKELY, "scalar register that replaces a base address (dynb of 0x13)"), \
    F("treg", 33, 5, m.treg, LIKELY, "scalar register that holds the tile mask"), \
    F("tdyn", 38, 1, m.tdyn, LIKELY, "1: the tile mask is in register treg"), Z(39, 7), \
    F("seq", 46, 16, m.seq, PROVEN, "running number of the tile instruction")

static const struct isa_field ring_send[] = {
    HEAD(send),
    TTU4("W", 62, send.w, 17, 16), PREFIX("S", 267, send.s, 2),
    SIGNAL("P0", 335, send.p[0], 3), SIGNAL("P1", 339, send.p[1], 3),
    WAIT("R0", 343, send.wait[0], 5, 2, 2), WAIT("R1", 384, send.wait[1], 5, 2, 2),
    WAIT("R2", 425, send.wait[2], 5, 2, 2),
    F("chan", 466, 1, send.chan, PROVEN,
      "ring channel: 0 goes to consumer 0 (0x11), 1 to consumer 1 (0x12); to the core: 0 results, 1 parameters"),
    X("dst", 467, 16, send.dst, PROVEN, "mask of the tiles that receive"),
    F("core", 483, 1, send.core, PROVEN, "1: goes to the scalar core (the next 0x27), dst is 0"),
    Z(484, 28),
};

static const struct isa_field ring_recv[] = {
    HEAD(recv),
    TTU4("W", 62, recv.w, 17, 16), PREFIX("S", 267, recv.s, 2), SIGNAL("P0", 335, recv.p, 3),
    WAIT("R0", 339, recv.wait, 5, 2, 2), Z(380, 132),
};

static const struct isa_field to_wide[] = {
    HEAD(to_wide),
    TTU6("N", 62, to_wide.n, 17, 16), TTU4("W", 337, to_wide.w, 17, 16),
    F("dynb", 542, 1, to_wide.dynb, LIKELY, "1: N.base is in scalar register breg (words)"),
    SIGNAL("P0", 543, to_wide.p, 3),
    WAIT("R0", 547, to_wide.wait[0], 5, 3, 2), WAIT("R1", 589, to_wide.wait[1], 5, 3, 2),
    WAIT("R2", 631, to_wide.wait[2], 5, 3, 2), WAIT("R3", 673, to_wide.wait[3], 5, 3, 2),
    WAIT("R4", 715, to_wide.wait[4], 5, 3, 2), WAIT("R5", 757, to_wide.wait[5], 5, 3, 2),
    F("par", 799, 1, to_wide.par, LIKELY,
      "1: bytes of loop 0 (4 words) are transposed, so that a lane gets the bytes of one channel"),
    F("par2", 800, 1, to_wide.par2, LIKELY,
      "1: the same with 16-bit elements, loop 0 has 2: in 278 of 278 the tensor operation behind it has a16 = w16 = 1, "
      "in none of 235 with par alone"),
    F("pack", 801, 3, to_wide.pack, PROVEN, "innermost narrow loops that form one stream cut into rows of 64 words"),
    Z(804, 92),
};

static const struct isa_field to_narrow[] = {
    HEAD(to_narrow),
    TTU4("W", 62, to_narrow.w, 17, 16), TTU6("N", 267, to_narrow.n, 17, 16), PREFIX("S", 542, to_narrow.s, 3),
    SIGNAL("P0", 611, to_narrow.p, 3),
    WAIT("R0", 615, to_narrow.wait[0], 5, 3, 2), WAIT("R1", 657, to_narrow.wait[1], 5, 3, 2),
    WAIT("R2", 699, to_narrow.wait[2], 5, 3, 2), WAIT("R3", 741, to_narrow.wait[3], 5, 3, 2),
    WAIT("R4", 783, to_narrow.wait[4], 5, 3, 2), WAIT("R5", 825, to_narrow.wait[5], 5, 3, 2),
    F("par", 867, 1, to_narrow.par, LIKELY, "the target is the bias/scale store of the tensor unit"),
    Z(868, 2),
    F("pack", 870, 3, to_narrow.pack, PROVEN, "innermost narrow loops that form one stream cut from rows of 64 words"),
    Z(873, 23),
};

static const struct isa_field mesh[] = {
    HEAD(mesh),
    TTU4("A", 62, mesh.a, 17, 16), TTU4("B", 267, mesh.b, 17, 16), Z(472, 1),
    SIGNAL("P0", 473, mesh.p[0], 3), SIGNAL("P1", 477, mesh.p[1], 3),
    WAIT("R0", 481, mesh.wait[0], 5, 2, 2), WAIT("R1", 522, mesh.wait[1], 5, 2, 2),
    WAIT("R2", 563, mesh.wait[2], 5, 2, 2), WAIT("R3", 604, mesh.wait[3], 5, 2, 2),
    WAIT("R4", 645, mesh.wait[4], 5, 2, 2), WAIT("R5", 686, mesh.wait[5], 5, 2, 2),
    F("fill", 727, 1, mesh.fill, PROVEN, "1: B is filled with `value`, nothing is received"),
    X("value", 728, 32, mesh.value, PROVEN, "the word to fill with"),
    Z(760, 8),
};

#define COEFFICIENT(i, j) R("c" #i "." #j, 62 + 32 * (5 * (i) + (j)), table.coef[i][j], PROVEN, NULL)
#define SEGMENT(i) COEFFICIENT(i, 0), COEFFICIENT(i, 1), COEFFICIENT(i, 2), COEFFICIENT(i, 3), COEFFICIENT(i, 4)
#define LIMIT(i) R("t" #i, 1342 + 32 * (i), table.limit[i], PROVEN, NULL)

static const struct isa_field table[] = {
    Z(0, 6), OPCODE, X("tiles", 12, 16, table.tiles, PROVEN, "tile mask"), Z(28, 18),
    F("seq", 46, 16, table.seq, PROVEN, "running number of the tile instruction"),
    SEGMENT(0), SEGMENT(1), SEGMENT(2), SEGMENT(3), SEGMENT(4), SEGMENT(5), SEGMENT(6), SEGMENT(7),
    LIMIT(0), LIMIT(1), LIMIT(2), LIMIT(3), LIMIT(4), LIMIT(5), LIMIT(6),
    F("three", 1566, 2, table.three, UNKNOWN, "3 in every instance: nothing to compare"),
    Z(1568, 96),
};

static const struct isa_field fence[] = {
    Z(0, 6), OPCODE, X("tiles", 12, 16, fence.tiles, PROVEN, "tile mask"),
    F("seq", 28, 16, fence.seq, PROVEN, "running number of the tile instruction"),
    X("flags", 44, 19, fence.flags, PROVEN, "sync flags to set, bit = flag id; the threshold chains start from there"),
    S("value", 63, 16, fence.value, PROVEN, "what they are set to"),
    X("threads", 79, 10, fence.threads, LIKELY,
      "threads to wait for: bit 0 tensor op, 5 0x13, 6..9 0x15..0x18; 1 and 2 among 0x14, 0x11, 0x10; 3, 4 the rest"),
    X("ring", 89, 2, fence.ring, LIKELY,
      "ring producer flag to wait for: 1 RPROD_A, 2 RPROD_B; only 48 fences of runtime version 10, each right "
      "behind the 0x24 that waited for the same count on the scalar core's side"),
    S("ring_value", 91, 16, fence.ring_value, LIKELY,
      "until it has this value: the passes of all 0x10 that raise it since it was last set (48 of 48)"),
    F("core", 107, 1, fence.core, PROVEN, "1: also tells the scalar core, which waits in the 0x24 that follows"),
    Z(108, 1),
    F("end", 109, 2, fence.end, GUESS, "3 in the last fence of an executable, else 0: drain before completion?"),
    Z(111, 17),
};

static const char ring_send_doc[] =
    "Thread: ring producer. Reads the rows of W and puts them on the ring in program order of all tiles: a wait on "
    "RPROD_A is a ticket (PROVEN, 5 608 links), its value the passes of all earlier 0x10. P0 raises RWRITE, the rows "
    "may be overwritten. P1 raises RPROD_A on channel 0, RPROD_B on channel 1, and both for channel 1 to the core, "
    "and likewise PRODUCER_A and PRODUCER_B of the scalar core (PROVEN by the counts that 0x24 waits for, 349 of "
    "349). Rows on channel 0 reach consumer 0 (0x11) of the tiles in `dst`, on channel 1 consumer 1 (0x12); with "
    "core = 1 the next 0x27 (PROVEN: rows sent = rows received, per tile and executable). The prefix S is never used.";
static const char ring_recv_a_doc[] =
    "Thread: ring consumer 0. Writes rows that come from 0x10 on channel 0 and from 0x26 into W, in order: at each "
    "repetition the prefix rows S (per-channel arrays, PROVEN 2 720), then the main rows. P0 raises RREAD_A once for "
    "each pass of the loops below dim. The wait is a credit: W2N (activations, val in 4-byte words) or PARAM "
    "(weights, in blocks) says how much of the previous content has been used.";
static const char ring_recv_b_doc[] =
    "Thread: ring consumer 1. As 0x11 for channel 1; P0 raises RREAD_B. Streamed weights come this way where "
    "consumer 0 carries activations.";
static const char to_wide_doc[] =
    "Thread: narrow to wide. Reads words of narrow memory in the order of N and packs them into the rows of W, 64 "
    "words a row; the innermost `pack` loops form one stream, after them a new row starts (PROVEN: rows = "
    "product(outer) * ceil(words / 64), 13 482 with 0x14). P0 raises N2W. With par the data is turned for use as "
    "operand W of a tensor operation: loop 0 gathers 4 words and their 4x4 bytes are transposed (LIKELY), with par2 "
    "2x2 elements of 16 bits. With par the loop that the last iteration shortens is loop 1, not loop 0 (PROVEN by "
    "lskip, 8 instances where the two differ).";
static const char to_narrow_doc[] =
    "Thread: wide to narrow. Takes the words of the rows of W in order and writes them to the narrow addresses of N; "
    "the prefix S (words in front that the image row does not need) comes first. P0 counts narrow loops and raises "
    "W2N. Waits on RREAD_A or RREAD_B count wide loops (PROVEN 23 071), AVDATA narrow loops (LIKELY). With par = 1 "
    "the target is the bias/scale store of the tensor unit: 32 addresses of 8 bytes for a 256-byte row, bank 0 at 0, "
    "bank 1 at 64 (bank 0 if multipliers are there, PROVEN 9 033); P0 then raises W2S "
    "(PROVEN: as often as tensor operations wait for it, 6 667 of 6 667).";
#define MESH_DOC(from, to, in, out) \
    "Thread: mesh bus. Data moves from " from " to " to ". The instruction names what a tile sends (A, its words are " \
    "read here) and what it receives (B, where they are written); an unused side is all zero. The k-th word sent " \
    "through a link is the k-th received (PROVEN: 3 291 links). P0 raises " out " (A side), P1 raises " in \
    " (B side). With fill = 1 nothing is received: B is filled with `value`, which makes image borders and constants."
static const char table_doc[] =
    "Loads the table of the tensor unit, a piecewise polynomial of degree 4: segment i is the number of limits t <= "
    "x, y = c[i].0 + c[i].1 x + ... + c[i].4 x^4 (PROVEN as a layout: 68 tables regenerated; order of the float "
    "operations and the side of an exact tie unknown). x is in real units, y in steps of the output. Known "
    "functions: exp on -13.04 .. 0, 1/sqrt on 1 .. 4, logistic on -10.4 .. 10.4, tanh on 0 .. 6.87 with odd = 3.";
static const char fence_doc[] =
    "Waits until the named threads of the tiles have finished all earlier instructions, sets the flags to `value`, "
    "and lets the following instructions go (LIKELY; the threshold chains of all other instructions restart at these "
    "values, PROVEN 74 044). Flags 0..16 are cleared between layers, all 19 at the start of a program; 17 and 18 "
    "count over all tiles and are cleared together with the scalar core's PRODUCER_A and PRODUCER_B (0x24). With "
    "threads = 0 it only sets flags. seq rises by one with every tile instruction; newer PARAMETER_CACHING programs "
    "count from 0x8000.";

const struct isa_op isa_tile_ops[11] = {
    {ISA_RING_SEND, "ring.send", "wide memory to ring", ring_send_doc, 4, FIELDS(ring_send)},
    {ISA_RING_RECV_A, "ring.recv_a", "ring consumer 0 to wide memory", ring_recv_a_doc, 4, FIELDS(ring_recv)},
    {ISA_RING_RECV_B, "ring.recv_b", "ring consumer 1 to wide memory", ring_recv_b_doc, 4, FIELDS(ring_recv)},
    {ISA_TO_WIDE, "to_wide", "narrow to wide memory", to_wide_doc, 7, FIELDS(to_wide)},
    {ISA_TO_NARROW, "to_narrow", "wide to narrow memory", to_narrow_doc, 7, FIELDS(to_narrow)},
    {ISA_MESH_SOUTH, "mesh.south", "tile t to t + 4", MESH_DOC("north", "south", "N_IN", "S_OUT"), 6, FIELDS(mesh)},
    {ISA_MESH_WEST, "mesh.west", "tile t to t - 1", MESH_DOC("east", "west", "E_IN", "W_OUT"), 6, FIELDS(mesh)},
    {ISA_MESH_NORTH, "mesh.north", "tile t to t - 4", MESH_DOC("south", "north", "S_IN", "N_OUT"), 6, FIELDS(mesh)},
    {ISA_MESH_EAST, "mesh.east", "tile t to t + 1", MESH_DOC("west", "east", "W_IN", "E_OUT"), 6, FIELDS(mesh)},
    {ISA_TABLE, "table", "loads the piecewise polynomial", table_doc, 13, FIELDS(table)},
    {ISA_FENCE, "fence", "tile fence", fence_doc, 1, FIELDS(fence)},
};

/* Macros in which the instruction table is written; see isa.h for what a field is.
 *
 * A line of the table is
 *     F(name, bit, width, member, known, doc)      unsigned
 *     S(...)                                       signed
 *     X(...) R(...)                                unsigned, written in hexadecimal; float32 bits
 *     Z(bit, width)                                zero in every official stream
 * and for the groups that come again in many instructions
 *     TTU3/4/6/8(name, bit, member, step width, limit width), SIGNAL, WAIT, PREFIX.
 * `member` is a path inside struct isa_inst. */
#ifndef ISA_TABLE_H
#define ISA_TABLE_H

#include "isa/isa.h"

#include <stddef.h>

#define ISA_MEMBER(m) (uint32_t)offsetof(struct isa_inst, m)
#define ISA_ROW(name, bit, width, sign, m, known, doc, form, block, view) \
    {name, bit, width, sign, ISA_##known, ISA_MEMBER(m), doc, ISA_##form, ISA_##block, view}

#define F(name, bit, width, m, known, doc) ISA_ROW(name, bit, width, false, m, known, doc, NUMBER, SINGLE, NULL)
#define S(name, bit, width, m, known, doc) ISA_ROW(name, bit, width, true, m, known, doc, NUMBER, SINGLE, NULL)
#define X(name, bit, width, m, known, doc) ISA_ROW(name, bit, width, false, m, known, doc, HEX, SINGLE, NULL)
#define R(name, bit, m, known, doc) ISA_ROW(name, bit, 32, false, m, known, doc, FLOAT, SINGLE, NULL)
#define Z(bit, width) ZERO_IN(bit, width, NULL)
#define ZERO_IN(bit, width, view) \
    {"zero", bit, width, false, ISA_ZERO, ISA_NO_MEMBER, NULL, ISA_NUMBER, ISA_SINGLE, view}

/* One member of a group: known as the group is, described where the group is. */
#define G(name, bit, width, sign, m, block) ISA_ROW(name, bit, width, sign, m, PROVEN, NULL, NUMBER, block, NULL)

/* Address generator: base L | n x (step S, lim L) | mask n | bdim D | boff S | llim L | ldim D | lskip L. */
#define TTU_LOOP(p, at, m, s, l, k) \
    G(p ".step" #k, (at) + (l) + (k) * ((s) + (l)), s, true, m.step[k], TTU), \
    G(p ".lim" #k, (at) + (l) + (k) * ((s) + (l)) + (s), l, false, m.lim[k], TTU)
#define TTU_TAIL(p, at, m, s, l, n, d) \
    ISA_ROW(p ".mask", at, n, false, m.mask, PROVEN, NULL, HEX, TTU, NULL), \
    G(p ".bdim", (at) + (n), d, false, m.bdim, TTU), \
    G(p ".boff", (at) + (n) + (d), s, true, m.boff, TTU), \
    G(p ".llim", (at) + (n) + (d) + (s), l, false, m.llim, TTU), \
    G(p ".ldim", (at) + (n) + (d) + (s) + (l), d, false, m.ldim, TTU), \
    G(p ".lskip", (at) + (n) + 2 * (d) + (s) + (l), l, true, m.lskip, TTU)
#define TTU_BASE(p, at, m, l) G(p ".base", at, l, false, m.base, TTU)
#define TTU3(p, at, m, s, l) \
    TTU_BASE(p, at, m, l), TTU_LOOP(p, at, m, s, l, 0), TTU_LOOP(p, at, m, s, l, 1), TTU_LOOP(p, at, m, s, l, 2), \
    TTU_TAIL(p, (at) + (l) + 3 * ((s) + (l)), m, s, l, 3, 2)
#define TTU4(p, at, m, s, l) \
    TTU_BASE(p, at, m, l), TTU_LOOP(p, at, m, s, l, 0), TTU_LOOP(p, at, m, s, l, 1), TTU_LOOP(p, at, m, s, l, 2), \
    TTU_LOOP(p, at, m, s, l, 3), TTU_TAIL(p, (at) + (l) + 4 * ((s) + (l)), m, s, l, 4, 2)
#define TTU6(p, at, m, s, l) \
    TTU_BASE(p, at, m, l), TTU_LOOP(p, at, m, s, l, 0), TTU_LOOP(p, at, m, s, l, 1), TTU_LOOP(p, at, m, s, l, 2), \
    TTU_LOOP(p, at, m, s, l, 3), TTU_LOOP(p, at, m, s, l, 4), TTU_LOOP(p, at, m, s, l, 5), \
    TTU_TAIL(p, (at) + (l) + 6 * ((s) + (l)), m, s, l, 6, 3)
#define TTU8(p, at, m, s, l) \
    TTU_BASE(p, at, m, l), TTU_LOOP(p, at, m, s, l, 0), TTU_LOOP(p, at, m, s, l, 1), TTU_LOOP(p, at, m, s, l, 2), \
    TTU_LOOP(p, at, m, s, l, 3), TTU_LOOP(p, at, m, s, l, 4), TTU_LOOP(p, at, m, s, l, 5), \
    TTU_LOOP(p, at, m, s, l, 6), TTU_LOOP(p, at, m, s, l, 7), \
    TTU_TAIL(p, (at) + (l) + 8 * ((s) + (l)), m, s, l, 8, 3)

/* Signal: en 1 | dim d. */
#define SIGNAL(p, at, m, d) G(p ".en", at, 1, false, m.en, SIGNAL), G(p ".dim", (at) + 1, d, false, m.dim, SIGNAL)

/* Wait: id i | dim d | val 16 | step 16 | fl f. */
#define WAIT(p, at, m, i, d, f) \
    G(p ".id", at, i, false, m.id, WAIT), G(p ".dim", (at) + (i), d, false, m.dim, WAIT), \
    G(p ".val", (at) + (i) + (d), 16, true, m.val, WAIT), G(p ".step", (at) + (i) + (d) + 16, 16, true, m.step, WAIT), \
    G(p ".fl", (at) + (i) + (d) + 32, f, false, m.fl, WAIT)

/* Prefix: en 1 | dim d | base 16 | lim 16 | end 16 | step 17. */
#define PREFIX(p, at, m, d) \
    G(p ".en", at, 1, false, m.en, PREFIX), G(p ".dim", (at) + 1, d, false, m.dim, PREFIX), \
    G(p ".base", (at) + 1 + (d), 16, false, m.base, PREFIX), G(p ".lim", (at) + 17 + (d), 16, false, m.lim, PREFIX), \
    G(p ".end", (at) + 33 + (d), 16, false, m.end, PREFIX), G(p ".step", (at) + 49 + (d), 17, true, m.step, PREFIX)

#define OPCODE F("op", 6, 6, op, PROVEN, "opcode")
#define FIELDS(array) array, sizeof(array) / sizeof *(array)

extern const struct isa_op isa_tensor_ops[4], isa_tile_ops[11], isa_scalar_ops[10];

#endif

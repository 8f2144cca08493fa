#include "isa/table.h"

#define NEST(k) G("L.lim" #k, 62 + 14 * (k), 14, false, tensor.lim[k], NEST)

/* Bits 0..1980: the same in all four. */
#define TENSOR_HEAD \
    Z(0, 6), OPCODE, X("tiles", 12, 16, tensor.tiles, PROVEN, "tile mask"), Z(28, 18), \
    F("seq", 46, 16, tensor.seq, PROVEN, "running number of the tile instruction"), \
    NEST(0), NEST(1), NEST(2), NEST(3), NEST(4), NEST(5), NEST(6), NEST(7), \
    G("L.llim", 174, 14, false, tensor.llim, NEST), G("L.ldim", 188, 3, false, tensor.ldim, NEST), \
    TTU8("A", 191, tensor.a, 19, 18), TTU8("O", 574, tensor.o, 19, 18), \
    TTU8("W", 957, tensor.w, 15, 14), TTU8("P", 1260, tensor.p, 15, 14), \
    SIGNAL("AVDATA", 1563, tensor.avdata, 4), SIGNAL("PARAM", 1568, tensor.param, 4), \
    SIGNAL("PSUM", 1573, tensor.psum, 4), \
    WAIT("R0", 1578, tensor.wait[0], 5, 3, 1), WAIT("R1", 1619, tensor.wait[1], 5, 3, 1), \
    WAIT("R2", 1660, tensor.wait[2], 5, 3, 1), WAIT("R3", 1701, tensor.wait[3], 5, 3, 1), \
    WAIT("R4", 1742, tensor.wait[4], 5, 3, 1), WAIT("R5", 1783, tensor.wait[5], 5, 3, 1), \
    Z(1824, 19), \
    F("acc4", 1843, 1, tensor.acc4, UNKNOWN, \
      "1 exactly in 8-bit operations (a16 = w16 = a1 = w1 = 0) of more than one step per sum (10 117 of 10 117); " \
      "it does not choose the number of products: with one product where it is 0, 89 of 125 official outputs change"), \
    F("one", 1844, 1, tensor.one, UNKNOWN, "1 in every instance: nothing to compare"), \
    F("nospill", 1845, 1, tensor.nospill, PROVEN, "0: the partial sums visit more than one row (unit P walks)"), \
    F("a16", 1846, 1, tensor.a16, LIKELY, \
      "A holds 16-bit elements; also 1 in average pooling, where W carries the data"), \
    F("w16", 1847, 1, tensor.w16, LIKELY, "W holds 16-bit elements, two in a 4-byte lane word"), \
    Z(1848, 2), \
    F("a1", 1850, 1, tensor.a1, LIKELY, "A advances one byte a step"), \
    F("w1", 1851, 2, tensor.w1, LIKELY, \
      "3: W advances one quarter row (a byte for each lane) a step; 0: one row"), \
    F("perch", 1853, 1, tensor.perch, PROVEN, "zero points of W per channel, from wide memory rows zp_*; wzp is 0"), \
    F("wzp", 1854, 16, tensor.wzp, PROVEN, "zero point of W"), \
    F("azp", 1870, 16, tensor.azp, PROVEN, "zero point of A"), \
    F("zp_last", 1886, 12, tensor.zp_last, PROVEN, "row of the last zero-point slot"), \
    F("zp_step", 1898, 12, tensor.zp_step, PROVEN, "rows from one zero-point slot to the next"), \
    F("zp_first", 1910, 12, tensor.zp_first, PROVEN, "row of the first zero-point slot"), \
    Z(1922, 1), \
    F("chdim", 1923, 3, tensor.chdim, PROVEN, \
      "master loop at which the next channel group (bias, multiplier, zero point) starts"), \
    X("redmask", 1926, 8, tensor.redmask, PROVEN, "master loops that are summed over"), \
    F("lanes_last", 1934, 6, tensor.lanes_last, PROVEN, "lanes - 1 of the last channel group"), \
    F("lanes", 1940, 6, tensor.lanes, PROVEN, "lanes - 1 of the other channel groups"), \
    F("lut", 1946, 1, tensor.lut, LIKELY, "the result goes through the table of the last 0x19"), \
    F("norm", 1947, 1, tensor.norm, LIKELY, "range reduction for the 1/sqrt table, to [1, 4); only in 0x03. Of 125 " \
      "official outputs 3 change without it, 1 with [1/2, 2) and 19 with [1/4, 1)"), \
    F("out16", 1948, 1, tensor.out16, LIKELY, "16-bit results, twice the words"), \
    R("scale", 1949, tensor.scale, PROVEN, "float32 multiplier; 1 where mem_mult")

#define TENSOR_TAIL \
    F("mem_bias", 2093, 1, tensor.mem_bias, PROVEN, "int32 bias per channel from the bias/scale store"), \
    F("mem_mult", 2094, 1, tensor.mem_mult, PROVEN, "float32 multiplier per channel from the bias/scale store"), \
    F("odd", 2095, 2, tensor.odd, LIKELY, "3: odd function, the table holds x >= 0 (tanh)"), \
    Z(2097, 79)

static const struct isa_field arithmetic[] = {
    TENSOR_HEAD,
    R("max", 1981, tensor.max, PROVEN, "float32 upper clamp, in output steps relative to ozp"),
    R("min", 2013, tensor.min, PROVEN, "float32 lower clamp"),
    S("cbias", 2045, 32, tensor.cbias, PROVEN, "constant added to the accumulator"),
    F("ozp", 2077, 16, tensor.ozp, PROVEN, "output zero point"),
    TENSOR_TAIL,
};

#define AXIS(p, m, bit) \
    F(p ".loop", bit, 3, m.loop, LIKELY, "master loop that walks the outputs of this axis"), \
    F(p ".nearest", (bit) + 3, 1, m.nearest, GUESS, \
      "1: round the position to the nearest input instead of two taps; one instance, in a model without its source"), \
    Z((bit) + 4, 4), \
    F(p ".phase", (bit) + 8, 8, m.phase, LIKELY, "position of the first output, in 1/(2*factor) of an input element"), \
    F(p ".factor", (bit) + 16, 16, m.factor, GUESS, \
      "outputs per input; always 2. Positions in 1/2 or 1/8 of an element instead of 1/4 change all 5 outputs of " \
      "MoveNet; no instance tells what another factor does")
#define PITCH(p, m, bit, width) \
    F(p ".pitch", bit, width, m.pitch, LIKELY, "bytes from one input element to the next; equals a stride of A")

/* Seven instances in two models (movenet, a lane detector), all of factor 2. */
static const struct isa_field resize[] = {
    TENSOR_HEAD,
    AXIS("x", tensor.x, 1981), AXIS("y", tensor.y, 2013),
    PITCH("x", tensor.x, 2045, 32), PITCH("y", tensor.y, 2077, 16),
    TENSOR_TAIL,
};

static const char mac_doc[] =
    "acc = bias + sum over the loops in redmask of (A - azp) * (W - wzp), exact in int32; r = clamp(float(acc) * "
    "scale, min, max); with lut r = table(r); out = saturate(round(r) + ozp) to 8 or 16 bits (fields PROVEN on every "
    "convolution with a known layer; rounding to nearest LIKELY, ties unknown). Everything is unsigned: int8 data "
    "has its sign bit flipped in memory. Four units walk in step with the master loops L: A reads 4 bytes (4 input "
    "channels) a step from narrow memory, W one 256-byte row (64 output channels by 4 input channels), P the partial "
    "sums, O counts the words written. Lanes are output channels, 4 in depthwise. P stays inside the unit (nospill = "
    "1, boff = 4: the next accumulator; LIKELY) or goes to wide memory (nospill = 0, then boff = 0). Element-wise "
    "addition is the same operation with two 16-bit weights, average pooling has the data in W and no A. There is no "
    "padding: the border lies in narrow memory.";
static const char max_doc[] =
    "As 0x01 with the maximum in place of the sum: unit A is unused (PROVEN, 92 with 0x03), W walks the data that "
    "0x13 with par has put into wide memory, values pass unchanged with scale 1, wzp = ozp = z, cbias = -z (PROVEN, "
    "53). Max pooling and the maximum of SOFTMAX.";
static const char sum_doc[] =
    "Sum without a second operand, with the 1/sqrt table: r = 46340 / sqrt(sum / 65535) in SOFTMAX (27 instances, "
    "one use). Field norm is taken for the range reduction: sum = m * 4^k with m in [1, 4), the table gives "
    "1/sqrt(m), the result is shifted by k (GUESS). Unit A unused.";
static const char resize_doc[] =
    "Two taps in each axis, weights are fractions of 7 bits (scale 2^-14 when there are 2x2 taps, GUESS), or one tap "
    "with x.nearest = y.nearest = 1 (scale 1, no reduction; GUESS). For output i of this tile the input position is "
    "(phase + 2 i) / (2 factor) elements from A.base, which is one element before the tile's own (the halo): phase 3 "
    "where the tile's first output is even, 1 where it is odd, for factor 2 with half-pixel centres (LIKELY, 7 "
    "instances of 7). Loops of A that walk outputs have stride 0; A moves by pitch instead (LIKELY: x.pitch and "
    "y.pitch equal the tap strides of A, 7 of 7).";

const struct isa_op isa_tensor_ops[4] = {
    {ISA_MAC, "mac", "multiply-accumulate", mac_doc, 17, FIELDS(arithmetic)},
    {ISA_MAX, "max", "maximum", max_doc, 17, FIELDS(arithmetic)},
    {ISA_SUM, "sum", "sum with range reduction and table", sum_doc, 17, FIELDS(arithmetic)},
    {ISA_RESIZE, "resize", "resize", resize_doc, 17, FIELDS(resize)},
};

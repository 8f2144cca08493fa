/* Prints docs/isa.md: the prose below, and the instruction table of src/isa. */
#include "isa/isa.h"

#include <stdio.h>

static const char introduction[] =
    "# The instruction set of the Edge TPU\n"
    "\n"
    "Written by `tools/isa_doc` from the table in `src/isa/table*.c`; change it there. Nothing here comes from "
    "a manual: it was\n"
    "found by comparing public compiled models with their sources. So every statement says how sure it is:\n"
    "\n"
    "| word | means |\n"
    "|---|---|\n"
    "| PROVEN | holds for every instance in the public models, and a test would have failed otherwise; numbers "
    "are instances |\n"
    "| LIKELY | fits everything seen, but no test tells it from every alternative |\n"
    "| GUESS | the best idea we have |\n"
    "| UNKNOWN | the bits are set in official streams, we do not know why; kept as they are |\n"
    "| zero | zero in every official stream; the decoder refuses anything else |\n"
    "\n"
    "`tests/corpus/test_isa_corpus.c` decodes and re-encodes every instruction of the corpus and counts the "
    "UNKNOWN ones.\n"
    "\n"
    "## Words and streams\n"
    "\n"
    "A bitstream is a sequence of 16-byte words. An instruction has 1 to 17 words and is one little-endian "
    "integer; bit 0 is\n"
    "the lowest bit of its first byte. Bits 6..11 of the first word are the opcode, which fixes the length. "
    "Opcodes below 0x20 are\n"
    "for the tiles, the others for the scalar core, which fetches everything and hands tile instructions on. A "
    "bitstream is\n"
    "0x3e, the program, 0x21, four empty 0x20, 0x3f.\n"
    "\n"
    "A *limit* is a count minus 1. `s` = signed.\n"
    "\n"
    "## The machine that the instructions assume\n"
    "\n"
    "* 16 tiles in a 4x4 grid, tile t = 4 * row + column, row 0 north, column 0 west; bit t of a tile mask "
    "(PROVEN by the mesh).\n"
    "* Narrow memory of a tile: 192 KiB, activations. Addresses are 4-byte words in 0x10..0x18, bytes in tensor "
    "operations.\n"
    "* Wide memory of a tile: at least 2080 rows of 256 bytes = 64 cells of 4 bytes (highest row met: 2079), "
    "parameters from row 0\n"
    "  upwards, stream buffers from the top downwards. Addresses are rows in 0x10..0x14, quarter rows in tensor "
    "operations.\n"
    "* A bias/scale store in the tensor unit, filled by 0x14 with par = 1 (LIKELY).\n"
    "* Ten threads a tile, which run at the same time; an instruction goes to the thread of its opcode on every "
    "tile of its\n"
    "  mask. Order between threads comes only from sync flags and from 0x1a:\n"
    "  tensor unit (0x01..0x05, 0x19), ring producer (0x10), ring consumers 0 and 1 (0x11, 0x12), narrow to "
    "wide (0x13), wide to\n"
    "  narrow (0x14), four mesh buses (0x15..0x18).\n"
    "* A ring that connects the tiles and the scalar core; mesh links between neighbours.\n"
    "* The scalar core: 32 registers, 8 predicates, 4096 words of memory, FIFOs for activations (2 x 16384 "
    "units of 8 bytes) and\n"
    "  parameters (2 x 1024 units of 64 bytes) from the host, and the engines of 0x25, 0x26 and 0x27.\n"
    "\n"
    "Numbers are unsigned: int8 data has its sign bit flipped on the way in and out.\n"
    "\n"
    "## Sync flags\n"
    "\n"
    "16-bit counters. A signal raises one; a wait compares modulo 2^16; 0x1a and 0x24 set them. Names and order "
    "are those of the\n"
    "registers in libedgetpu's `driver/config/beagle/beagle_csr_offsets.h` (tile 0x42028 + 8 id, scalar core "
    "0x44050 + 8 id; Apache-2.0).\n"
    "That the id in an instruction is this position is PROVEN by the chains of thresholds.\n"
    "\n";

static const char *const flag_meaning[ISA_FLAGS] = {
    "tensor operation: results written",
    "tensor operation: weight blocks used",
    "tensor operation; never used",
    "0x15 writing B",
    "0x16 writing B",
    "0x17 writing B",
    "0x18 writing B",
    "0x17 reading A",
    "0x18 reading A",
    "0x15 reading A",
    "0x16 reading A",
    "0x14: words written to narrow memory",
    ("0x14 with par: bias/scale words written"),
    "0x13",
    "0x11",
    "0x12",
    "0x10: rows read, they may be overwritten",
    "0x10 of all tiles, on channel 0 or to the core",
    "0x10 of all tiles, on channel 1",
};

static const char *const scalar_flag_meaning[ISA_SCALAR_FLAGS] = {
    "activation units arrived in the FIFO (0x26 src 1 waits for them; LIKELY)",
    "parameter units arrived (0x26 src 0; LIKELY)", "activation units consumed: credit of 0x25 (LIKELY)",
    "parameter units consumed: credit of 0x25 (LIKELY)", "words consumed: credit of 0x27 in a loop back (LIKELY)",
    "as RPROD_A", "as RPROD_B", "words of 0x27 arrived in scalar memory (0x26 src 2; LIKELY)", "never waited for",
};

static const char blocks[] =
    "## Building blocks\n"
    "\n"
    "### Address generator (TTU)\n"
    "\n"
    "Nested loops, loop 0 innermost, around one running address: `base | n x (step, lim) | mask | bdim | boff | "
    "llim | ldim | lskip`.\n"
    "\n"
    "* When loop k advances (all inner loops have wrapped), step k is added. With the ordinary stride s of each "
    "loop,\n"
    "  step[k] = s[k] - sum of s[j] * lim[j] over j < k. Unused loops have lim 0 and stride 0. PROVEN.\n"
    "* mask: bit k = (s[k] != 0), PROVEN for every loop of more than one iteration (163 945 of 0x10..0x18, all "
    "tensor units).\n"
    "* ldim != 0: in the last iteration of loop ldim, loop 0 has limit llim (longer or shorter). lskip = s[0] * "
    "(lim[0] - llim) is\n"
    "  an address correction, added when loop 0 wraps early. PROVEN for every unit with ldim (8 000 and more): "
    "it is not a count of elements, as one\n"
    "  could think from infeeds, where s[0] = 1. In N of 0x13 with par it is loop 1 that is shortened (PROVEN, 8).\n"
    "* boff != 0: a ring of buffers. Each completed pass of the loops below bdim moves the base by boff, two "
    "buffers (PROVEN for\n"
    "  the thresholds that go with it, 35 798; LIKELY for the address; LIKELY carried on to the next instruction).\n"
    "* An unused unit is all zero.\n"
    "\n"
    "### Prefix\n"
    "\n"
    "`en | dim | base | lim | end | step`: lim + 1 rows or words in front of the main loops, again at each pass "
    "of the loops below\n"
    "dim; the start moves by step each time and wraps from `end` to `base`. Total = (lim + 1) * product(lim[k] "
    "+ 1, k >= max(1, dim))\n"
    "of the wide unit (PROVEN by ring sums, 5 440). Bias rows in 0x11 and 0x12, words to skip in 0x14.\n"
    "\n"
    "### Signal\n"
    "\n"
    "`en | dim`: the flag of this side goes up by 1 each time loops 0..dim-1 have run through; dim 0 = each "
    "element (PROVEN).\n"
    "\n"
    "### Wait\n"
    "\n"
    "`id | dim | val | step | fl`: before each pass i of loops 0..dim-1, wait for flag[id] >= val + i * step "
    "(PROVEN by the chains).\n"
    "fl bit 0 enables; bit 1 is set exactly where a thread waits for room (credit) and clear where it waits for "
    "data; its effect\n"
    "in the hardware is UNKNOWN. Tensor and scalar records have no bit 1.\n"
    "\n"
    "In the tables below a block is one row: name of each member, its first bit, its width, `s` if signed.\n"
    "\n";

static const char *known_name(enum isa_known k)
{
    static const char *const names[] = {"PROVEN", "LIKELY", "GUESS", "UNKNOWN", "zero"};
    return names[k];
}

static const char *block_name(enum isa_block b)
{
    static const char *const names[] = {"", "master loop nest", "address generator", "signal", "wait", "prefix"};
    return names[b];
}

static void put(FILE *out, const char *text)
{
    fputs(text, out);
}

static void print_flags(FILE *out)
{
    put(out, "| id | flag of a tile | raised by | id | flag of the scalar core | counts |\n"
             "|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < ISA_FLAGS; i++) {
        fprintf(out, "| %u | %s | %s |", i, isa_flag_name(i), flag_meaning[i]);
        if (i < ISA_SCALAR_FLAGS)
            fprintf(out, " %u | %s | %s |\n", i, isa_scalar_flag_name(i), scalar_flag_meaning[i]);
        else
            put(out, " | | |\n");
    }
    put(out, "\n");
}

static size_t group_name_length(const struct isa_field *f)
{
    return strcspn(f->name, ".");
}

/* Fields that come in one row of the table, from f on: a block, or a run of members without a text of their own. */
static unsigned row_length(const struct isa_field *f, const struct isa_field *end)
{
    if (f->doc || f->member == ISA_NO_MEMBER)
        return 1;
    unsigned n = 1;
    while (f + n < end && !f[n].doc && f[n].member != ISA_NO_MEMBER && f[n].block == f->block &&
           (f->block == ISA_SINGLE || (group_name_length(f) == group_name_length(f + n) &&
                                       strncmp(f->name, f[n].name, group_name_length(f)) == 0)))
        n++;
    return n;
}

static void print_single(FILE *out, const struct isa_field *f)
{
    fprintf(out, "| %u", f->bit);
    if (f->width > 1)
        fprintf(out, "..%u", f->bit + f->width - 1u);
    fprintf(out, "%s | %s | %s |", f->is_signed ? " s" : "", f->member == ISA_NO_MEMBER ? "" : f->name,
            known_name(f->known));
    if (f->doc)
        fprintf(out, " %s", f->doc);
    if (f->view)
        fprintf(out, "%s where %s", f->doc ? ";" : "", f->view->text);
    put(out, " |\n");
}

static void print_run(FILE *out, const struct isa_field *f, unsigned n)
{
    const struct isa_field *last = &f[n - 1];
    fprintf(out, "| %u..%u | ", f->bit, last->bit + last->width - 1u);
    if (f->block == ISA_SINGLE)
        fprintf(out, "%s .. %s | %s |", f->name, last->name, known_name(f->known));
    else
        fprintf(out, "%.*s | %s | %s:", (int)group_name_length(f), f->name, known_name(f->known), block_name(f->block));
    for (unsigned i = 0; i < n; i++) {
        const char *name = f->block == ISA_SINGLE ? f[i].name : f[i].name + group_name_length(f) + 1;
        fprintf(out, "%s %s %u(%u%s)", i ? "," : "", name, f[i].bit, f[i].width, f[i].is_signed ? " s" : "");
    }
    put(out, " |\n");
}

static void print_op(FILE *out, const struct isa_op *op)
{
    fprintf(out, "## 0x%02x `%s`: %s\n\n%u word%s, %u bits.\n\n%s\n\n", (unsigned)op->opcode, op->mnemonic,
            op->title, op->words, op->words == 1 ? "" : "s", op->words * 128, op->doc);
    put(out, "| bits | field | known | meaning |\n|---|---|---|---|\n");
    const struct isa_field *end = op->fields + op->n_fields;
    for (const struct isa_field *f = op->fields; f < end;) {
        unsigned n = row_length(f, end);
        if (n == 1)
            print_single(out, f);
        else
            print_run(out, f, n);
        f += n;
    }
    put(out, "\n");
}

static bool same_table(const struct isa_op *a, const struct isa_op *b)
{
    return a->fields == b->fields;
}

static void print_ops(FILE *out)
{
    put(out, "## Opcodes\n\n| opcode | mnemonic | words | |\n|---|---|---|---|\n");
    for (unsigned code = 0; code < ISA_OPCODES; code++) {
        const struct isa_op *op = isa_op_of(code);
        if (op)
            fprintf(out, "| 0x%02x | `%s` | %u | %s |\n", code, op->mnemonic, op->words, op->title);
    }
    put(out, "\n");
    for (unsigned code = 0; code < ISA_OPCODES; code++) {
        const struct isa_op *op = isa_op_of(code);
        if (!op)
            continue;
        unsigned first = 0; /* an earlier opcode with the same fields */
        while (first < code && !(isa_op_of(first) && same_table(isa_op_of(first), op)))
            first++;
        if (first == code)
            print_op(out, op);
        else
            fprintf(out, "## 0x%02x `%s`: %s\n\n%s\n\nFields as in 0x%02x.\n\n", code, op->mnemonic, op->title, op->doc,
                    first);
    }
}

static const char text_form[] =
    "## Assembly text\n"
    "\n"
    "One line an instruction: mnemonic, then every field that is not 0, so that the text tells every bit.\n"
    "\n"
    "| text | means |\n"
    "|---|---|\n"
    "| `L(9 16)` | master loops, counts, loop 0 first; `last=loop:limit` |\n"
    "| `W@2074(3*1 50*0) ring=1:3` | address generator: base, count*stride of each loop; ring=bdim:boff; "
    "`last=ldim:llim:lskip`; "
    "`mask=` only where it is not the usual one |\n"
    "| `S@42*3..44+1@2` | prefix: base, count, end, step, dim |\n"
    "| `signal P0@1` | signal with dim 1 |\n"
    "| `wait RREAD_A>=1+1@2` | wait: flag, val, step, dim; `credit` where fl = 3; `(off)` where it is not enabled |\n"
    "| `bundle if p0 \\| ld s3, [s4], 1 \\| desc 1, s5 \\| add s6, s5, 16` | the slots of 0x20 |\n"
    "\n";

static const char open_questions[] =
    "## Open\n"
    "\n"
    "* acc4 and bit 1844 of tensor operations; `three` of 0x19; `one` of 0x22, 0x26, 0x3f: values follow rules, "
    "purpose unknown.\n"
    "* 0x1a: which of thread bits 1..4 is which of 0x10, 0x11, 0x12, 0x14 (1 and 2 are waited for after 0x13, "
    "0x10, 0x11, 0x14, so\n"
    "  0x14 is one of them); `end`.\n"
    "* 0x24: engines 1, 2 and 4.\n"
    "* Rounding of ties, order of float operations in the table, `norm`.\n"
    "* Effect of fl bit 1 (credit).\n";

int main(void)
{
    put(stdout, introduction);
    print_flags(stdout);
    put(stdout, blocks);
    put(stdout, text_form);
    print_ops(stdout);
    put(stdout, open_questions);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

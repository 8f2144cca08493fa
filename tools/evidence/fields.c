/* Rung a's other half: which bits are set whose meaning is unknown or guessed. */
#include "evidence.h"
#include "fields.h"

struct field_counts *field_counts_new(struct arena *a)
{
    struct field_counts *f = ARENA_NEW(a, struct field_counts);
    for (unsigned opcode = 0; opcode < ISA_OPCODES; opcode++) {
        const struct isa_op *op = isa_op_of(opcode);
        if (op)
            f->set[opcode] = ARENA_ARRAY(a, uint64_t, op->n_fields);
    }
    return f;
}

static void count(struct field_counts *f, const uint8_t *words, const struct isa_op *op)
{
    f->instructions[op->opcode]++;
    for (unsigned k = 0; k < op->n_fields; k++)
        f->set[op->opcode][k] += bits_get(words, op->fields[k].bit, op->fields[k].width) != 0;
}

static bool add_package(struct bytes options, void *arg, struct status *st)
{
    struct field_counts *f = arg;
    struct arena *a = arena_new();
    struct dwn_package *p;
    bool ok = dwn_from_custom_options(a, options, &p, st);
    for (uint32_t e = 0; ok && e < p->n_executables; e++)
        for (uint32_t s = 0; s < p->executables[e].n_streams; s++) {
            struct bytes code = p->executables[e].streams[s].code;
            for (size_t at = 0; at + ISA_WORD <= code.size;) {
                unsigned n = isa_length(code.data + at);
                if (n == 0 || at + (size_t)n * ISA_WORD > code.size)
                    break;
                count(f, code.data + at, isa_op_of((unsigned)bits_get(code.data + at, 6, 6)));
                at += (size_t)n * ISA_WORD;
            }
        }
    arena_free(a);
    return ok;
}

void field_counts_add(struct field_counts *f, struct bytes file)
{
    struct arena *a = arena_new();
    struct status st = {0};
    corpus_packages(a, file, add_package, f, &st);
    arena_free(a);
}

/* Every instruction of every official executable decodes, encodes to the same bits, and its text tells all of them.
 * Prints what the table does not understand yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "darwinn/package.h"
#include "isa/isa.h"
#include "support/corpus.h"

struct census {
    struct arena *arena; /* of one model */
    size_t executables, streams, instructions, bits;
    size_t unknown[ISA_OPCODES][256]; /* instances with a set bit, per field */
    size_t by_opcode[ISA_OPCODES];
};

static void count_fields(struct census *c, const struct isa_inst *in)
{
    const struct isa_op *op = isa_op_of(in->op);
    assert_true(op->n_fields <= 256);
    c->instructions++;
    c->bits += op->words * 128;
    c->by_opcode[in->op]++;
    for (unsigned i = 0; i < op->n_fields; i++)
        if (isa_field_exists(&op->fields[i], in) && isa_field_value(&op->fields[i], in))
            c->unknown[in->op][i]++;
}

static bool check_stream(struct census *c, struct bytes code, struct status *st)
{
    struct isa_program p;
    struct bytes back;
    if (!isa_decode_stream(c->arena, code, &p, st) || !isa_encode_stream(c->arena, p.inst, p.count, &back, st))
        return false;
    if (!bytes_equal(code, back))
        return status_fail(st, STATUS_INTERNAL, "the words come back changed");
    c->streams++;
    for (size_t i = 0; i < p.count; i++) {
        count_fields(c, &p.inst[i]);
        struct buf text = {0};
        isa_print(&text, &p.inst[i]);
        bool ok = text.size > 0 && memchr(text.data, '\n', text.size) == NULL;
        buf_free(&text);
        if (!ok)
            return status_fail(st, STATUS_INTERNAL, "word %u: text is not one line", p.word[i]);
    }
    return true;
}

static bool check_package(struct bytes options, void *arg, struct status *st)
{
    struct census *c = arg;
    struct dwn_package *p;
    if (!dwn_from_custom_options(c->arena, options, &p, st))
        return false;
    for (uint32_t e = 0; e < p->n_executables; e++) {
        c->executables++;
        for (uint32_t s = 0; s < p->executables[e].n_streams; s++)
            if (!check_stream(c, p->executables[e].streams[s].code, st))
                return status_context(st, "executable %u, stream %u: ", e, s);
    }
    return true;
}

static void print_census(const struct census *c)
{
    print_message("%zu executables, %zu streams, %zu instructions, %zu bits, all round trip\n", c->executables,
                  c->streams, c->instructions, c->bits);
    for (unsigned code = 0; code < ISA_OPCODES; code++) {
        const struct isa_op *op = isa_op_of(code);
        for (unsigned i = 0; op && i < op->n_fields; i++)
            if (op->fields[i].known == ISA_UNKNOWN)
                print_message("unknown: %s.%s is set in %zu of %zu\n", op->mnemonic, op->fields[i].name,
                              c->unknown[code][i], c->by_opcode[code]);
    }
}

static void every_official_instruction_round_trips(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct corpus corpus;
    corpus_list(a, CORPUS_DIR, &corpus);
    if (!corpus.count) {
        print_message("no corpus at " CORPUS_DIR ": skipped\n");
        arena_free(a);
        skip();
    }
    struct census *c = ARENA_NEW(a, struct census);
    for (uint32_t i = 0; i < corpus.count; i++) {
        struct status st = {0};
        struct bytes file;
        c->arena = arena_new();
        if (!file_read(c->arena, corpus.pairs[i].compiled, &file, &st) ||
            !corpus_packages(c->arena, file, check_package, c, &st))
            fail_msg("%s: %s", corpus.pairs[i].name, st.message);
        arena_free(c->arena);
    }
    print_census(c);
    assert_true(c->instructions > 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_official_instruction_round_trips)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The table itself: every bit of every instruction belongs to exactly one field, in every mode. */
#include "isa_test.h"

#include <stdlib.h>

static void all_opcodes_are_there(void **state)
{
    (void)state;
    unsigned count = 0;
    EACH_OP(op) {
        count++;
        assert_int_equal(op->opcode, code);
        assert_true(op->words >= 1 && op->words <= ISA_MAX_WORDS);
        uint8_t first[ISA_WORD] = {0};
        bits_put(first, 6, 6, code);
        assert_int_equal(isa_length(first), op->words);
    }
    assert_int_equal(count, 25);
    assert_null(isa_op_of(ISA_OPCODES));
    assert_null(isa_op_of(0));
}

/* Values of the selectors of an op: at most a few, of at most 4 bits each. */
static unsigned selectors_of(const struct isa_op *op, const struct isa_field **out, unsigned max)
{
    unsigned n = 0;
    EACH_FIELD(s, op) {
        bool selects = false;
        EACH_FIELD(f, op)
            selects |= f->view && f->view->selector == s->member;
        if (selects) {
            assert_true(n < max);
            assert_true(s->width <= 5);
            out[n++] = s;
        }
    }
    return n;
}

static void check_tiling(const struct isa_op *op, const struct isa_inst *mode)
{
    uint8_t owner[ISA_MAX_WORDS * 128] = {0};
    EACH_FIELD(f, op) {
        if (!isa_field_exists(f, mode))
            continue;
        assert_true(f->width >= 1 && f->bit + f->width <= op->words * 128u);
        for (unsigned b = f->bit; b < f->bit + f->width; b++)
            owner[b]++;
    }
    for (unsigned b = 0; b < op->words * 128; b++)
        if (owner[b] != 1)
            fail_msg("%s: bit %u belongs to %d fields", op->mnemonic, b, owner[b]);
}

static void every_bit_belongs_to_one_field_in_every_mode(void **state)
{
    (void)state;
    EACH_OP(op) {
        const struct isa_field *selector[4];
        unsigned n = selectors_of(op, selector, 4), bits = 0;
        for (unsigned i = 0; i < n; i++)
            bits += selector[i]->width;
        for (unsigned mode = 0; mode < 1u << bits; mode++) {
            struct isa_inst in = {.op = op->opcode};
            for (unsigned i = 0, m = mode; i < n; m >>= selector[i++]->width) {
                int32_t v = (int32_t)(m & ((1u << selector[i]->width) - 1));
                memcpy((uint8_t *)&in + selector[i]->member, &v, sizeof v);
            }
            check_tiling(op, &in);
        }
    }
}

static void selectors_come_before_what_they_select(void **state)
{
    (void)state;
    EACH_OP(op) EACH_FIELD(f, op) EACH_FIELD(s, op)
        if (f->view && f->view->selector == s->member)
            assert_true(s < f && !s->view && f->view->text);
}

static int by_offset(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void no_two_fields_share_a_member(void **state)
{
    (void)state;
    EACH_OP(op) {
        uint32_t member[256];
        unsigned n = 0;
        assert_true(op->n_fields <= 256);
        EACH_FIELD(f, op) {
            if (f->member == ISA_NO_MEMBER)
                continue;
            assert_true(f->member % sizeof(int32_t) == 0 && f->member < sizeof(struct isa_inst));
            member[n++] = f->member;
        }
        qsort(member, n, sizeof *member, by_offset);
        for (unsigned i = 1; i < n; i++)
            assert_int_not_equal(member[i], member[i - 1]);
    }
}

/* The size of the struct that a decoded instruction fills: the union member of its op. */
static size_t struct_size(unsigned opcode)
{
    const struct isa_inst *in = NULL;
    switch ((enum isa_opcode)opcode) {
    case ISA_MAC: case ISA_MAX: case ISA_SUM: case ISA_RESIZE: return sizeof in->tensor;
    case ISA_RING_SEND: return sizeof in->send;
    case ISA_RING_RECV_A: case ISA_RING_RECV_B: return sizeof in->recv;
    case ISA_TO_WIDE: return sizeof in->to_wide;
    case ISA_TO_NARROW: return sizeof in->to_narrow;
    case ISA_MESH_SOUTH: case ISA_MESH_WEST: case ISA_MESH_NORTH: case ISA_MESH_EAST: return sizeof in->mesh;
    case ISA_TABLE: return sizeof in->table;
    case ISA_FENCE: return sizeof in->fence;
    case ISA_BUNDLE: return sizeof in->bundle;
    case ISA_HALT: return sizeof in->halt;
    case ISA_BRANCH: return sizeof in->branch;
    case ISA_LOOP: return sizeof in->loop;
    case ISA_SYNC: return sizeof in->sync;
    case ISA_INFEED: return sizeof in->infeed;
    case ISA_INJECT: return sizeof in->inject;
    case ISA_OUTFEED: return sizeof in->outfeed;
    case ISA_START: return sizeof in->start;
    case ISA_END: return sizeof in->end;
    }
    return 0;
}

/* A struct member that no field names would be lost without a word when it is encoded.  The members that exist for
 * another opcode or for more loops than this unit has are the only ones allowed; they are counted here. */
static void every_struct_member_has_a_field(void **state)
{
    (void)state;
    EACH_OP(op) {
        size_t members = struct_size(code) / sizeof(int32_t), named = 0, loops_missing = 0, n_loops = 0;
        EACH_FIELD(f, op) {
            named += f->member != ISA_NO_MEMBER && f->bit != 6;
            const char *dot = strchr(f->name, '.');
            n_loops += f->block == ISA_TTU && strncmp(dot, ".step", 5) == 0;
            if (f->block == ISA_TTU && strcmp(dot, ".mask") == 0) {
                loops_missing += 2 * (8 - n_loops);
                n_loops = 0;
            }
        }
        size_t other = code == ISA_RESIZE ? 4 : struct_size(code) == struct_size(ISA_MAC) ? 10 : 0;
        if (members != named + loops_missing + other)
            fail_msg("%s: %zu members, %zu fields, %zu loops and %zu others missing", op->mnemonic, members, named,
                     loops_missing, other);
    }
}

static void every_field_is_documented(void **state)
{
    (void)state;
    EACH_OP(op) {
        assert_true(*op->mnemonic && *op->title);
        assert_true(strlen(op->doc) > 100);
        EACH_FIELD(f, op)
            if (f->known != ISA_ZERO && f->block == ISA_SINGLE && strncmp(f->name, "c", 1) && strncmp(f->name, "t", 1))
                if (!f->doc || !*f->doc)
                    fail_msg("%s: %s has no doc", op->mnemonic, f->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_opcodes_are_there),
        cmocka_unit_test(every_bit_belongs_to_one_field_in_every_mode),
        cmocka_unit_test(selectors_come_before_what_they_select),
        cmocka_unit_test(no_two_fields_share_a_member),
        cmocka_unit_test(every_struct_member_has_a_field),
        cmocka_unit_test(every_field_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

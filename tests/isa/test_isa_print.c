#include "isa_test.h"

static char text[2][1 << 14];

static const char *print(unsigned which, const struct isa_inst *in)
{
    struct buf b = {0};
    isa_print(&b, in);
    assert_true(b.size < sizeof text[which]);
    memcpy(text[which], b.data, b.size);
    text[which][b.size] = 0;
    buf_free(&b);
    return text[which];
}

/* Whatever bit is flipped, the text changes. */
static void the_text_tells_every_bit(void **state)
{
    (void)state;
    uint64_t seed = 4;
    EACH_OP(op) for (unsigned round = 0; round < 4; round++) {
        uint8_t words[ISA_MAX_WORDS * ISA_WORD];
        random_words(words, op, &seed);
        if (round == 0) { /* from nothing set */
            memset(words, 0, sizeof words);
            bits_put(words, 6, 6, op->opcode);
        }
        struct isa_inst in;
        struct status st = {0};
        unsigned n;
        assert_true(isa_decode(bytes_of(words, op->words * ISA_WORD), 0, &in, &n, &st));
        print(0, &in);
        for (unsigned bit = 0; bit < op->words * 128; bit++) {
            words[bit / 8] ^= (uint8_t)(1 << bit % 8);
            st = (struct status){0};
            if (isa_decode(bytes_of(words, op->words * ISA_WORD), 0, &in, &n, &st))
                if (strcmp(text[0], print(1, &in)) == 0)
                    fail_msg("bit %u does not show in: %s", bit, text[0]);
            words[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void lines_read_well(void **state)
{
    (void)state;
    struct isa_inst in = {.op = ISA_RING_RECV_A};
    in.recv.tiles = 0xf, in.recv.seq = 16;
    const struct isa_dim d[] = {{3, 1}, {50, 0}};
    isa_ttu_set(&in.recv.w, 4, 2074, d, 2);
    in.recv.w.bdim = 1, in.recv.w.boff = 3;
    in.recv.p = (struct isa_signal){1, 1};
    in.recv.wait = (struct isa_wait){.id = ISA_W2N, .dim = 1, .val = -192, .step = 192, .fl = 3};
    assert_string_equal(print(0, &in), "ring.recv_a tiles=0xf seq=16 W@2074(3*1 50*0) ring=1:3 signal P0@1 "
                                       "credit W2N>=-192+192@1");
    in = (struct isa_inst){.op = ISA_BUNDLE,
                           .bundle = {.pred_en = 1, .pred_val = 1, .alu = 1, .alu_imm = 1, .alu_dst = 6, .alu_a = 5,
                                      .imm = 0x10, .store = 5, .store_slot = 1, .store_data = 5}};
    assert_string_equal(print(0, &in), "bundle if p0 | desc 1, s5 | add s6, s5, 16");
    in = (struct isa_inst){.op = ISA_BUNDLE};
    assert_string_equal(print(0, &in), "bundle");
    in = (struct isa_inst){.op = ISA_BUNDLE, .bundle = {.alu = 0x14, .alu_imm = 1, .imm = 0x3fb8aa3b}};
    assert_string_equal(print(0, &in), "bundle fmul s0, s0, 1.44269502");
    in = (struct isa_inst){.op = ISA_MESH_SOUTH, .mesh = {.tiles = 0xff, .fill = 1, .value = (int32_t)0x80808080}};
    assert_string_equal(print(0, &in), "mesh.south tiles=0xff fill=1 value=0x80808080");
    in = (struct isa_inst){.op = ISA_MAC, .tensor = {.scale = (int32_t)0x39b75296, .max = 0x7f800000}};
    assert_string_equal(print(0, &in), "mac scale=0.000349660113 max=inf");
    in = (struct isa_inst){.op = (enum isa_opcode)0x30};
    assert_string_equal(print(0, &in), "unknown opcode 0x30");
}

static void flag_names(void **state)
{
    (void)state;
    assert_string_equal(isa_flag_name(ISA_RPROD_B), "RPROD_B");
    assert_int_equal(ISA_RPROD_B, 18);
    assert_string_equal(isa_scalar_flag_name(ISA_SCALAR_PIPELINE), "SCALAR_PIPELINE");
    assert_null(isa_flag_name(19));
    assert_null(isa_scalar_flag_name(9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_tells_every_bit),
        cmocka_unit_test(lines_read_well),
        cmocka_unit_test(flag_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "isa_test.h"

static void random_bits_decode_and_encode_to_the_same(void **state)
{
    (void)state;
    uint64_t seed = 1;
    EACH_OP(op) for (unsigned round = 0; round < 200; round++) {
        uint8_t words[ISA_MAX_WORDS * ISA_WORD], back[sizeof words];
        random_words(words, op, &seed);
        struct isa_inst in;
        struct status st = {0};
        unsigned n = 0, m = 0;
        if (!isa_decode(bytes_of(words, op->words * ISA_WORD), 0, &in, &n, &st))
            fail_msg("%s", st.message);
        assert_int_equal(in.op, op->opcode);
        assert_int_equal(n, op->words);
        if (!isa_encode(&in, back, &m, &st))
            fail_msg("%s", st.message);
        assert_int_equal(m, n);
        assert_memory_equal(words, back, n * ISA_WORD);
    }
}

/* Smallest, largest and random value of each field alone: it arrives in its bits and nowhere else. */
static void every_field_alone_arrives_in_its_bits(void **state)
{
    (void)state;
    uint64_t seed = 2;
    EACH_OP(op) EACH_FIELD(f, op) {
        if (f->member == ISA_NO_MEMBER || f->bit == 6 || f->view)
            continue;
        int64_t low = f->is_signed ? -((int64_t)1 << (f->width - 1)) : 0;
        int64_t high = ((int64_t)1 << (f->is_signed ? f->width - 1 : f->width)) - 1;
        const int64_t values[] = {low, high, bits_sign(random_next(&seed), f->width) & high};
        for (unsigned i = 0; i < 3; i++) {
            struct isa_inst in = {.op = op->opcode}, again;
            int32_t v = (int32_t)(uint32_t)(uint64_t)values[i];
            memcpy((uint8_t *)&in + f->member, &v, sizeof v);
            uint8_t words[ISA_MAX_WORDS * ISA_WORD], want[sizeof words] = {0};
            unsigned n;
            struct status st = {0};
            assert_true(isa_encode(&in, words, &n, &st));
            bits_put(want, 6, 6, op->opcode);
            bits_put(want, f->bit, f->width, (uint64_t)values[i] & (~(uint64_t)0 >> (64 - f->width)));
            assert_memory_equal(words, want, n * ISA_WORD);
            assert_true(isa_decode(bytes_of(words, n * ISA_WORD), 0, &again, &n, &st));
            assert_true(isa_field_value(f, &again) == values[i]);
        }
    }
}

static void a_value_that_does_not_fit_is_named(void **state)
{
    (void)state;
    EACH_OP(op) EACH_FIELD(f, op) {
        if (f->member == ISA_NO_MEMBER || f->bit == 6 || f->width == 32 || f->view)
            continue;
        int32_t high = (int32_t)1 << (f->is_signed ? f->width - 1 : f->width);
        const int32_t bad[] = {high, f->is_signed ? -high - 1 : -1, INT32_MAX, INT32_MIN};
        for (unsigned i = 0; i < 4; i++) {
            struct isa_inst in = {.op = op->opcode};
            memcpy((uint8_t *)&in + f->member, &bad[i], sizeof bad[i]);
            uint8_t words[ISA_MAX_WORDS * ISA_WORD];
            unsigned n;
            struct status st = {0};
            assert_false(isa_encode(&in, words, &n, &st));
            assert_int_equal(st.code, STATUS_LIMIT);
            assert_non_null(strstr(st.message, f->name));
        }
    }
}

static void alternatives_of_the_bundle(void **state)
{
    (void)state;
    uint8_t words[ISA_MAX_WORDS * ISA_WORD];
    struct isa_inst in, out;
    unsigned n;
    struct status st = {0};
    for (int load = 0; load < 4; load++)
        for (int store = 0; store < 16; store++)
            for (int imm = 0; imm < 2; imm++) {
                in = (struct isa_inst){.op = ISA_BUNDLE, .bundle = {.load = load, .store = store, .alu_imm = imm}};
                struct isa_bundle *b = &in.bundle;
                b->load_dst = load ? 21 : 0;
                if (load == 1)
                    b->load_addr = 0xabc;
                if (load >= 2)
                    b->load_reg = 19;
                if (load == 3)
                    b->load_inc = 77;
                if (store == 1)
                    b->store_addr = 0xdef;
                if (store == 2 || store == 3)
                    b->store_reg = 30;
                if (store == 3)
                    b->store_inc = 101;
                if (store == 5)
                    b->store_slot = 3;
                if (imm)
                    b->imm = (int32_t)0xdeadbeef;
                else
                    b->alu_b = 17;
                assert_true(isa_encode(&in, words, &n, &st));
                assert_true(isa_decode(bytes_of(words, ISA_WORD), 0, &out, &n, &st));
                assert_memory_equal(&in, &out, sizeof in);
            }
}

static bool decode(const uint8_t *words, size_t size, size_t at, struct status *st)
{
    struct isa_inst in;
    unsigned n;
    *st = (struct status){0};
    return isa_decode(bytes_of(words, size), at, &in, &n, st);
}

static void damaged_words_are_refused(void **state)
{
    (void)state;
    struct status st;
    EACH_OP(op) {
        uint8_t words[ISA_MAX_WORDS * ISA_WORD] = {0};
        bits_put(words, 6, 6, op->opcode);
        assert_true(decode(words, op->words * ISA_WORD, 0, &st));
        assert_false(decode(words, op->words * ISA_WORD - 1, 0, &st)); /* cut off */
        assert_false(decode(words, op->words * ISA_WORD, 1, &st) && op->words == 1);
        EACH_FIELD(f, op) {
            if (f->member != ISA_NO_MEMBER || f->view)
                continue;
            for (unsigned bit = f->bit; bit < f->bit + f->width; bit++) {
                bits_put(words, bit, 1, 1);
                assert_false(decode(words, op->words * ISA_WORD, 0, &st));
                assert_non_null(strstr(st.message, "always zero"));
                bits_put(words, bit, 1, 0);
            }
        }
    }
    uint8_t unknown[ISA_WORD] = {0};
    assert_false(decode(unknown, sizeof unknown, 0, &st));
    assert_non_null(strstr(st.message, "unknown opcode 0x00"));
    assert_false(decode(unknown, sizeof unknown, SIZE_MAX, &st));
    assert_false(decode(NULL, 0, 0, &st));
}

static void streams(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct status st = {0};
    const struct isa_inst program[] = {
        {.op = ISA_START},
        {.op = ISA_TO_WIDE, .to_wide = {.tiles = 0xffff, .pack = 1}},
        {.op = ISA_BUNDLE},
        {.op = ISA_HALT, .halt = {.last = 1}},
        {.op = ISA_END, .end = {.one = 1}},
    };
    struct bytes stream;
    struct isa_program back;
    assert_true(isa_encode_stream(a, program, 5, &stream, &st));
    assert_int_equal(stream.size, 11 * ISA_WORD);
    assert_true(isa_decode_stream(a, stream, &back, &st));
    assert_int_equal(back.count, 5);
    assert_int_equal(back.word[2], 8);
    assert_int_equal(back.inst[0].start.length, 9);
    assert_int_equal(back.inst[1].to_wide.tiles, 0xffff);
    assert_false(isa_decode_stream(a, bytes_of(stream.data, stream.size - 1), &back, &st));
    st = (struct status){0};
    assert_false(isa_decode_stream(a, bytes_of(stream.data, 3 * ISA_WORD), &back, &st));
    assert_non_null(strstr(st.message, "cut off"));
    st = (struct status){0};
    assert_true(isa_decode_stream(a, bytes_of(NULL, 0), &back, &st));
    assert_int_equal(back.count, 0);
    const struct isa_inst bad = {.op = ISA_LOOP, .loop = {.count = 1 << 16}};
    assert_false(isa_encode_stream(a, &bad, 1, &stream, &st));
    assert_non_null(strstr(st.message, "count"));
    const struct isa_inst alone = {.op = ISA_START}; /* found by fuzz_isa: no length says "one word" */
    st = (struct status){0};
    assert_false(isa_encode_stream(a, &alone, 1, &stream, &st));
    assert_int_equal(st.code, STATUS_LIMIT);
    assert_non_null(strstr(st.message, "length = -1"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bits_decode_and_encode_to_the_same),
        cmocka_unit_test(every_field_alone_arrives_in_its_bits),
        cmocka_unit_test(a_value_that_does_not_fit_is_named),
        cmocka_unit_test(alternatives_of_the_bundle),
        cmocka_unit_test(damaged_words_are_refused),
        cmocka_unit_test(streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

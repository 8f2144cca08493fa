/* The books of a program: loops, flag counts, field offsets, hints, chunks; and the fixed instructions around the
 * layers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/families.h"
#include "compiler/program.h"
#include "compiler/scalar.h"

struct fixture {
    struct arena *a;
    struct status st;
    struct program p;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.a = arena_new()};
    program_init(&f.p, f.a, 0, &f.st);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_free(f->a);
    return 0;
}

static void steps_undo_the_inner_loops(void **state)
{
    (void)state;
    struct isa_ttu t = tensor_unit(100, LOOPS({4, 2}, {3, 100}, {1, 7}));
    assert_int_equal(t.base, 100);
    assert_int_equal(t.step[0], 2);
    assert_int_equal(t.step[1], 100 - 2 * 3);
    assert_int_equal(t.step[2], 7 - 2 * 3 - 100 * 2);
    assert_int_equal(t.step[3], 0 - 2 * 3 - 100 * 2);
    assert_int_equal(t.lim[0], 3);
    assert_int_equal(t.mask, 7);
    t = wide_rows(5, NO_LOOPS); /* one element: official movers carry step 1, the mask stays empty */
    assert_int_equal(t.step[0], 1);
    assert_int_equal(t.step[1], 0);
    assert_int_equal(t.mask, 0);
}

static void host_fifos_run_in_halves(void **state)
{
    (void)state;
    struct isa_ttu t = fifo_units(5000, 2500, 1024);
    assert_int_equal(t.base, 5000 - 2 * 2048);
    assert_int_equal(t.lim[0], 1023);
    assert_int_equal(t.lim[1], 2);
    assert_int_equal(t.ldim, 1);
    assert_int_equal(t.llim, 2500 - 2048 - 1);
    assert_int_equal(t.lskip, 1024 - (2500 - 2048));
    t = fifo_units(0, 2048, 1024); /* whole halves: no shorter last one */
    assert_int_equal(t.lim[1], 1);
    assert_int_equal(t.ldim, 0);
    t = fifo_units(0, 1, 1024);
    assert_int_equal(t.lim[0], 0);
    assert_int_equal(t.step[1], 0);
}

static void flags_count_until_a_fence_sets_them(void **state)
{
    struct fixture *f = *state;
    struct isa_ring_recv r = {.tiles = 0x6, .w = wide_rows(0, LOOPS({4, 1}, {3, 0})), .p = signal_at(1)};
    program_add(&f->p, (struct isa_inst){.op = ISA_RING_RECV_A, .recv = r});
    program_add(&f->p, (struct isa_inst){.op = ISA_RING_RECV_A, .recv = r});
    assert_int_equal(program_flag(&f->p, 0x6, ISA_RREAD_A), 6);
    assert_int_equal(program_flag(&f->p, 0x1, ISA_RREAD_A), 0);
    emit_fence(&f->p, (struct fence){.flags = 1 << ISA_RREAD_A, .tiles = 0x2});
    assert_int_equal(program_flag(&f->p, 0x2, ISA_RREAD_A), 0);
    assert_int_equal(program_flag(&f->p, 0x4, ISA_RREAD_A), 6);
    assert_int_equal(f->st.code, STATUS_OK);
    program_flag(&f->p, 0x6, ISA_RREAD_A); /* tiles that do not agree: a defect of ours, not a wrong threshold */
    assert_int_equal(f->st.code, STATUS_INTERNAL);
}

static void ring_tickets_count_over_all_tiles(void **state)
{
    struct fixture *f = *state;
    for (int t = 0; t < 3; t++)
        emit_copy(&f->p, t, 0x7, 16, 0, 16 * t, 2078);
    assert_int_equal(program_flag(&f->p, ALL_TILES, ISA_RPROD_A), 3);
    assert_int_equal(program_flag(&f->p, 0x7, ISA_W2N), 48);
    assert_int_equal(program_flag(&f->p, 0x1, ISA_RWRITE), 1);
    emit_ring_reset(&f->p);
    assert_int_equal(program_flag(&f->p, ALL_TILES, ISA_RPROD_A), 0);
}

static void sequence_numbers_run_over_fences_and_tile_instructions(void **state)
{
    struct fixture *f = *state;
    emit_prologue(&f->p);
    emit_copy(&f->p, 0, 1, 16, 0, 0, 2078);
    int32_t next = 0;
    for (size_t i = 0; i < f->p.count; i++) {
        if (f->p.inst[i].op == ISA_FENCE)
            assert_int_equal(f->p.inst[i].fence.seq, next++);
        else if (f->p.inst[i].op == ISA_TO_NARROW)
            assert_int_equal(f->p.inst[i].to_narrow.seq, next++);
    }
    assert_int_equal(next, 3);
    assert_int_equal(f->p.seq, 6);
}

static void field_offsets_point_at_the_immediate(void **state)
{
    struct fixture *f = *state;
    emit_prologue(&f->p);
    static const uint32_t at[4] = {582, 710, 838, 966}; /* container.md 2.1, in every official executable */
    assert_int_equal(f->p.n_offsets, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f->p.offsets[i].offset_bit, at[i]);
        assert_int_equal(f->p.offsets[i].upper, i % 2);
    }
}

static void contiguous_transfers_make_one_hint(void **state)
{
    struct fixture *f = *state;
    program_hint(&f->p, DWN_INFEED, DWN_PARAMETER, "", 0, 640);
    program_hint(&f->p, DWN_INFEED, DWN_PARAMETER, "", 640, 64);
    program_hint(&f->p, DWN_INFEED, DWN_PARAMETER, "", 1024, 64);
    program_hint(&f->p, DWN_INFEED, DWN_INPUT, "x", 1088, 64);
    assert_int_equal(f->p.n_hints, 3);
    assert_int_equal(f->p.hints[0].hint.size, 704);
}

static void a_program_ends_in_a_stream(void **state)
{
    struct fixture *f = *state;
    struct dwn_executable x = {0};
    emit_prologue(&f->p);
    emit_epilogue(&f->p);
    assert_true(program_finish(&f->p, &x));
    assert_int_equal(x.n_streams, 1);
    assert_int_equal(x.streams[0].code.size, ISA_WORD * f->p.words);
    assert_int_equal(x.hints[0].kind, DWN_HINT_INSTRUCTION);
    assert_int_equal(x.hints[x.n_hints - 1].kind, DWN_HINT_INTERRUPT);
}

/* Long programs are cut before a fence; numbers, field offsets and hints go on in the next chunk. */
static void long_programs_are_cut_before_fences(void **state)
{
    struct fixture *f = *state;
    struct dwn_executable x = {0};
    emit_prologue(&f->p);
    for (int i = 0; i < 1500; i++) {
        for (int k = 0; k < 3; k++)
            emit_copy(&f->p, 0, 1, 16, 0, 0, 2078);
        emit_fence(&f->p, (struct fence){.flags = 0x1ffff});
    }
    scalar_io_base(&f->p, DWN_OUTPUT, "y");
    scalar_descriptor(&f->p, 6, 64, TAG_OUTPUT);
    program_hint(&f->p, DWN_OUTFEED, DWN_OUTPUT, "y", 0, 64);
    emit_epilogue(&f->p);
    assert_true(program_finish(&f->p, &x));
    assert_in_range(x.n_streams, 5, 7);
    int32_t seq = 0;
    for (uint32_t i = 0; i < x.n_streams; i++) {
        struct isa_program p;
        assert_in_range(x.streams[i].code.size / ISA_WORD, 10, PROGRAM_CHUNK_WORDS);
        assert_true(isa_decode_stream(f->a, x.streams[i].code, &p, &f->st));
        assert_int_equal(p.inst[0].op, ISA_START);
        assert_int_equal(p.inst[1].op, ISA_FENCE);
        assert_int_equal(p.inst[1].fence.seq, seq);
        assert_int_equal(p.inst[p.count - 6].halt.more, i + 1 < x.n_streams);
        for (size_t k = 0; k < p.count; k++)
            seq += p.inst[k].op < ISA_BUNDLE; /* tile instructions, fences among them */
    }
    const struct dwn_stream *last = &x.streams[x.n_streams - 1];
    assert_int_equal(x.streams[0].n_offsets, 4);
    assert_int_equal(last->n_offsets, 2);
    struct isa_inst set;
    unsigned words;
    assert_true(isa_decode(last->code, last->offsets[0].offset_bit / 128, &set, &words, &f->st));
    assert_int_equal(set.bundle.alu_dst, REG_IO_HI);
    assert_int_equal(x.n_hints, x.n_streams + 2);
    assert_int_equal(x.hints[x.n_hints - 3].kind, DWN_HINT_INSTRUCTION);
    assert_int_equal(x.hints[x.n_hints - 2].desc, DWN_OUTPUT);
}

/* A loop that reaches over the end of a chunk goes to the next one whole. */
static void loops_are_not_cut(void **state)
{
    struct fixture *f = *state;
    struct dwn_executable x = {0};
    emit_prologue(&f->p);
    while (f->p.words < PROGRAM_CHUNK_WORDS - 500)
        emit_fence(&f->p, (struct fence){.flags = 0x1ffff});
    uint32_t before = f->p.words;
    struct scalar_loop l = scalar_loop_begin(&f->p, 7, 100, 5, 200);
    for (int i = 0; i < 1000; i++)
        emit_fence(&f->p, (struct fence){.flags = 0x1ffff});
    scalar_loop_end(&f->p, &l);
    emit_epilogue(&f->p);
    assert_true(program_finish(&f->p, &x));
    assert_int_equal(x.n_streams, 2);
    assert_in_range(x.streams[0].code.size / ISA_WORD, before, before + 10);
    struct isa_program p;
    assert_true(isa_decode_stream(f->a, x.streams[1].code, &p, &f->st));
    size_t k = 0;
    while (k < p.count && p.inst[k].op != ISA_BRANCH)
        k++;
    assert_true(k < p.count);
    assert_int_equal(p.inst[k].branch.target, -1002); /* an addition and a comparison stand before it */
    assert_int_equal(k, 1003); /* 0x3e, the body, these two: fences and bundles are a word each */
}

/* What a pass leaves in the flags, the next one would not expect. */
static void a_loop_must_leave_the_flags_alone(void **state)
{
    struct fixture *f = *state;
    struct dwn_executable x = {0};
    emit_prologue(&f->p);
    struct scalar_loop l = scalar_loop_begin(&f->p, 7, 0, 1, 2);
    emit_copy(&f->p, 0, 1, 16, 0, 0, 2078);
    scalar_loop_end(&f->p, &l);
    emit_epilogue(&f->p);
    assert_false(program_finish(&f->p, &x));
    assert_non_null(strstr(f->st.message, "loop"));
}

static void values_that_fit_no_field_are_an_error(void **state)
{
    struct fixture *f = *state;
    struct dwn_executable x = {0};
    emit_prologue(&f->p);
    emit_copy(&f->p, 0, 1, 16, 1 << 20, 0, 2078); /* narrow addresses have 16 bits */
    emit_epilogue(&f->p);
    assert_false(program_finish(&f->p, &x));
    assert_true(f->st.message[0] != 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_undo_the_inner_loops),
        cmocka_unit_test(host_fifos_run_in_halves),
        TEST(flags_count_until_a_fence_sets_them),
        TEST(ring_tickets_count_over_all_tiles),
        TEST(sequence_numbers_run_over_fences_and_tile_instructions),
        TEST(field_offsets_point_at_the_immediate),
        TEST(contiguous_transfers_make_one_hint),
        TEST(a_program_ends_in_a_stream),
        TEST(long_programs_are_cut_before_fences),
        TEST(loops_are_not_cut),
        TEST(a_loop_must_leave_the_flags_alone),
        TEST(values_that_fit_no_field_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

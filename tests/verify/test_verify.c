/* The verifier on a package made by hand: a clean one passes, each seeded defect is found by the rule that names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "isa/isa.h"
#include "verify/verify.h"

/* The smallest STAND_ALONE program: one tile sends 8 bytes to the host, into a buffer that a descriptor names.  Kept as
 * structs so that each test changes one thing. */
struct sample {
    struct arena *a;
    struct isa_inst inst[64];
    size_t count;
    struct dwn_executable x;
    struct dwn_package p;
    struct dwn_stream stream;
    struct dwn_layer out;
    struct dwn_hint hints[3];
    struct dwn_field_offset address[2];
};

static struct isa_inst fence(int32_t seq, int32_t flags, int32_t core, int32_t end)
{
    return (struct isa_inst){
        .op = ISA_FENCE,
        .fence = {.tiles = 0xffff, .seq = seq, .flags = flags, .threads = 0x3ff, .core = core, .end = end}};
}

static struct isa_inst core_sync(void)
{
    struct isa_inst i = {.op = ISA_SYNC};
    i.sync.tiles = 0xffff;
    return i;
}

static struct isa_ttu unit(unsigned loops, int64_t base, int64_t count)
{
    struct isa_ttu t = {0};
    struct isa_dim d = {count, 1};
    isa_ttu_set(&t, loops, base, &d, 1);
    return t;
}

static size_t add(struct sample *s, struct isa_inst i)
{
    s->inst[s->count] = i;
    return s->count++;
}

/* Scalar bundles: a constant into a register; a register into a descriptor slot; the descriptor itself. */
static struct isa_inst move(int32_t reg, int32_t value)
{
    return (struct isa_inst){.op = ISA_BUNDLE, .bundle = {.alu = 0x0f, .alu_imm = 1, .alu_dst = reg, .imm = value}};
}

static struct isa_inst slot(int32_t n, int32_t reg)
{
    return (struct isa_inst){.op = ISA_BUNDLE, .bundle = {.store = 5, .store_slot = n, .store_data = reg}};
}

static void descriptor(struct sample *s, int32_t size, int32_t tag)
{
    add(s, move(2, size));
    add(s, move(3, tag));
    for (int32_t n = 0; n < 4; n++)
        add(s, slot(n, n));
    add(s, (struct isa_inst){.op = ISA_BUNDLE, .bundle = {.store = 6}});
}

enum { AT_FENCE = 1, AT_ADDRESS = 3, AT_SIZE = 5, AT_TO_WIDE = 12, AT_OUTFEED, AT_SEND, AT_LAST_FENCE, AT_HALT = 26,
       ADDRESS_WORD = 4 };

static void make(struct sample *s)
{
    *s = (struct sample){.a = arena_new()};
    add(s, (struct isa_inst){.op = ISA_START});
    add(s, fence(0, 0x7ffff, 1, 0));
    add(s, core_sync());
    add(s, move(1, 0)); /* upper and lower half of the address of the output: the driver's */
    add(s, move(0, 0));
    descriptor(s, 8, 3);
    struct isa_inst to_wide = {.op = ISA_TO_WIDE};
    to_wide.to_wide = (struct isa_to_wide){
        .tiles = 1, .seq = 1, .n = unit(6, 0, 2), .w = unit(4, 2078, 1), .p = {1, 1}, .pack = 1};
    add(s, to_wide);
    struct isa_inst outfeed = {.op = ISA_OUTFEED};
    outfeed.outfeed.host = 1;
    outfeed.outfeed.cells = 63;
    add(s, outfeed);
    struct isa_inst send = {.op = ISA_RING_SEND};
    send.send = (struct isa_ring_send){.tiles = 1, .seq = 2, .w = unit(4, 2078, 1), .p = {{1, 1}, {1, 1}}, .core = 1};
    send.send.wait[0] = (struct isa_wait){.id = 17, .dim = 1, .val = 0, .step = 1, .fl = 1};
    send.send.wait[1] = (struct isa_wait){.id = 13, .dim = 1, .val = 1, .step = 1, .fl = 1};
    add(s, send);
    add(s, fence(3, 0, 1, 3));
    add(s, core_sync());
    add(s, move(0, 0));
    add(s, move(1, 0));
    descriptor(s, 0, 4);
    struct isa_inst halt = {.op = ISA_HALT};
    halt.halt.last = 1;
    add(s, halt);
    for (int k = 0; k < 4; k++)
        add(s, (struct isa_inst){.op = ISA_BUNDLE});
    struct isa_inst end = {.op = ISA_END};
    end.end.one = 1;
    add(s, end);
    s->out = (struct dwn_layer){
        .name = "out", .size_bytes = 8, .y = 1, .x = 1, .z = 8, .output = true, .execution_count = 1, .scale = 1};
    s->hints[0] = (struct dwn_hint){.kind = DWN_HINT_INSTRUCTION};
    s->hints[1] = (struct dwn_hint){
        .kind = DWN_HINT_DESCRIPTOR, .direction = DWN_OUTFEED, .desc = DWN_OUTPUT, .name = "out", .size = 8};
    s->hints[2] = (struct dwn_hint){.kind = DWN_HINT_INTERRUPT, .direction = DWN_OUTFEED};
    for (uint32_t n = 0; n < 2; n++)
        s->address[n] = (struct dwn_field_offset){
            .desc = DWN_OUTPUT, .name = "out", .upper = n == 0, .offset_bit = 128 * (ADDRESS_WORD + n) + 70};
    s->stream.offsets = s->address;
    s->stream.n_offsets = 2;
    s->x = (struct dwn_executable){.type = DWN_STAND_ALONE,
                                   .narrow_bytes = 64,
                                   .streams = &s->stream,
                                   .n_streams = 1,
                                   .outputs = &s->out,
                                   .n_outputs = 1,
                                   .hints = s->hints,
                                   .n_hints = 3,
                                   .fully_deterministic = true};
    s->p = (struct dwn_package){.executables = &s->x, .n_executables = 1};
}

/* Encodes, verifies, and gives the ids of what was found. */
static const char *found(struct sample *s)
{
    struct status st = {0};
    struct verify_report r;
    if (!isa_encode_stream(s->a, s->inst, s->count, &s->stream.code, &st))
        fail_msg("%s", st.message);
    verify_package(s->a, &s->p, &r);
    const char *ids = "";
    for (uint32_t k = 0; k < r.count; k++)
        if (!strstr(ids, r.findings[k].rule->id))
            ids = arena_text(s->a, "%s%s%s", ids, *ids ? " " : "", r.findings[k].rule->id);
    return ids;
}

static void a_clean_package_passes(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    assert_string_equal(found(&s), "");
    arena_free(s.a);
}

#define DEFECT(name, expected, ...)                                                                                    \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        struct sample s;                                                                                               \
        make(&s);                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        assert_string_equal(found(&s), expected);                                                                      \
        arena_free(s.a);                                                                                               \
    }

DEFECT(a_number_is_skipped, "sequence", s.inst[AT_SEND].send.seq = 3; s.inst[AT_LAST_FENCE].fence.seq = 4)
DEFECT(no_tile_is_named, "tiles sync-balance cache-read", s.inst[AT_TO_WIDE].to_wide.tiles = 0)
DEFECT(the_core_waits_for_other_tiles, "fence-pair", s.inst[AT_FENCE + 1].sync.tiles = 0x7fff)
DEFECT(no_last_fence, "drain", s.inst[AT_LAST_FENCE].fence.end = 0)
DEFECT(halt_is_not_the_last, "frame-chunk", s.inst[AT_HALT].halt.last = 0; s.inst[AT_HALT].halt.more = 1)
DEFECT(a_bundle_too_few, "frame-end", s.count--; s.inst[s.count - 1] = s.inst[s.count])
DEFECT(mask_bit_missing, "loop-mask", s.inst[AT_TO_WIDE].to_wide.n.mask = 0)
DEFECT(a_row_too_many, "pack", s.inst[AT_TO_WIDE].to_wide.n.lim[0] = 15;
       s.inst[AT_TO_WIDE].to_wide.w = unit(4, 2077, 2); s.inst[AT_TO_WIDE].to_wide.p.dim = 1)
DEFECT(flag_does_not_exist, "wait-form", s.inst[AT_SEND].send.wait[2] = (struct isa_wait){.id = 25, .fl = 1})
DEFECT(above_the_declared_memory, "narrow-range", s.inst[AT_TO_WIDE].to_wide.n.base = 15)
DEFECT(above_wide_memory, "wide-range", s.inst[AT_TO_WIDE].to_wide.w.base = 2080; s.inst[AT_SEND].send.w.base = 2080)
DEFECT(row_that_nothing_wrote, "cache-read", s.inst[AT_SEND].send.w.base = 2000)
DEFECT(rows_that_nobody_takes, "ring-a ring-out", s.inst[AT_SEND].send.core = 0; s.inst[AT_SEND].send.dst = 2)
DEFECT(too_many_bytes_for_the_layer, "out-bytes host-bytes", s.inst[AT_OUTFEED].outfeed.t.lim[0] = 1)
DEFECT(wait_without_signal, "sync-balance", s.inst[AT_TO_WIDE].to_wide.p.en = 0)
DEFECT(wait_for_too_much, "sync-balance", s.inst[AT_SEND].send.wait[1].val = 2)
DEFECT(out_of_turn, "ticket", s.inst[AT_SEND].send.wait[0].val = 1)
DEFECT(hint_of_no_layer, "hint-range hint-cover hint-program", s.hints[1].name = "other")
DEFECT(hint_too_small, "hint-range hint-cover hint-program", s.hints[1].size = 4)
DEFECT(no_interrupt, "hints hint-program", s.x.n_hints = 2)
DEFECT(layer_of_a_wrong_size, "out-bytes hint-range hint-cover hint-program host-bytes layer",
       s.out.size_bytes = 16; s.hints[1].size = 24; s.inst[AT_OUTFEED].outfeed.t.lim[0] = 5)
DEFECT(descriptor_behind_its_buffer, "descriptor hint-program host-bytes", s.inst[AT_SIZE].bundle.imm = 16)
DEFECT(descriptor_shorter_than_its_hint, "hint-program host-bytes", s.inst[AT_SIZE].bundle.imm = 0)
DEFECT(a_row_that_nobody_takes, "ring-core ring-out", s.inst[AT_SEND].send.chan = 1)
DEFECT(no_partner, "pair", s.x.type = DWN_EXECUTION_ONLY)

/* A host infeed and an injection in front of everything: 2 units of 8 bytes. */
static void infeeds_and_injections(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    memmove(&s.inst[AT_TO_WIDE + 2], &s.inst[AT_TO_WIDE], (s.count - AT_TO_WIDE) * sizeof *s.inst);
    s.count += 2;
    s.inst[AT_TO_WIDE] = (struct isa_inst){.op = ISA_INFEED, .infeed = {.av = 1, .t = unit(3, 0, 2)}};
    s.inst[AT_TO_WIDE + 1] = (struct isa_inst){
        .op = ISA_INJECT,
        .inject = {
            .src = 1, .t = unit(3, 0, 2), .one = 1, .wait = {{.id = ISA_AVDATA_POP, .val = 1, .step = 1, .fl = 1}}}};
    assert_string_equal(found(&s), "host-bytes"); /* no descriptor fetches them */
    s.inst[AT_TO_WIDE + 1].inject.t.base = 1;
    assert_string_equal(found(&s), "host-bytes inject");
    s.inst[AT_TO_WIDE + 1].inject.t.base = 0;
    s.inst[AT_TO_WIDE].infeed.t.base = 1;
    assert_string_equal(found(&s), "host-bytes infeed");
    arena_free(s.a);
}

/* One sum of 8 lanes is two words. */
static void words_of_a_tensor_instruction(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    memmove(&s.inst[AT_TO_WIDE + 1], &s.inst[AT_TO_WIDE], (s.count - AT_TO_WIDE) * sizeof *s.inst);
    s.count++;
    struct isa_tensor t = {.tiles = 1, .seq = 1, .one = 1, .nospill = 1, .lanes = 7, .lanes_last = 7};
    t.o = unit(8, 0, 2);
    t.o.step[0] = 4;
    for (int k = 1; k < 8; k++)
        t.o.step[k] = -4;
    s.inst[AT_TO_WIDE] = (struct isa_inst){.op = ISA_MAC, .tensor = t};
    s.inst[AT_TO_WIDE + 1].to_wide.seq = 2, s.inst[AT_SEND + 1].send.seq = 3, s.inst[AT_LAST_FENCE + 1].fence.seq = 4;
    assert_string_equal(found(&s), "race-read"); /* 0x13 does not wait for them */
    s.inst[AT_TO_WIDE].tensor.avdata = (struct isa_signal){1, 1};
    s.inst[AT_TO_WIDE + 1].to_wide.wait[0] = (struct isa_wait){
        .id = ISA_AVDATA, .dim = 4, .val = 1, .step = 1, .fl = 1};
    assert_string_equal(found(&s), "");
    s.inst[AT_TO_WIDE].tensor.ozp = 5;
    assert_string_equal(found(&s), "zero-point-out"); /* the layer has 0 */
    s.inst[AT_TO_WIDE].tensor.ozp = 0;
    s.inst[AT_TO_WIDE].tensor.lanes = s.inst[AT_TO_WIDE].tensor.lanes_last = 11;
    assert_string_equal(found(&s), "output");
    arena_free(s.a);
}

/* Two tiles do the same with another scale. */
static void tiles_that_differ_in_numerics(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    memmove(&s.inst[AT_TO_WIDE + 2], &s.inst[AT_TO_WIDE], (s.count - AT_TO_WIDE) * sizeof *s.inst);
    s.count += 2;
    struct isa_tensor t = {.tiles = 2, .seq = 1, .one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3};
    s.inst[AT_TO_WIDE] = (struct isa_inst){.op = ISA_MAC, .tensor = t};
    t.tiles = 4, t.seq = 2;
    s.inst[AT_TO_WIDE + 1] = (struct isa_inst){.op = ISA_MAC, .tensor = t};
    s.inst[AT_TO_WIDE + 2].to_wide.seq = 3, s.inst[AT_SEND + 2].send.seq = 4, s.inst[AT_LAST_FENCE + 2].fence.seq = 5;
    assert_string_equal(found(&s), "");
    s.inst[AT_TO_WIDE + 1].tensor.scale = 1 << 23;
    assert_string_equal(found(&s), "siblings");
    arena_free(s.a);
}

/* A wait that its own signal would have to end: the count of all signals is right, their order is not. */
static void waits_for_ever(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    s.inst[AT_TO_WIDE].to_wide.wait[0] = (struct isa_wait){.id = ISA_RWRITE, .dim = 6, .val = 1, .step = 1, .fl = 1};
    assert_string_equal(found(&s), "deadlock");
    arena_free(s.a);
}

/* A border filled with 1 around data of zero point 2; what another unit still reads is written over. */
static void borders_and_live_data(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    memmove(&s.inst[AT_TO_WIDE + 3], &s.inst[AT_TO_WIDE], (s.count - AT_TO_WIDE) * sizeof *s.inst);
    s.count += 3;
    struct isa_mesh fill = {.tiles = 2, .seq = 1, .b = unit(4, 0, 1), .fill = 1, .value = 0x02020202};
    struct isa_tensor t = {.tiles = 2, .seq = 3, .one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3, .azp = 2};
    s.inst[AT_TO_WIDE] = (struct isa_inst){.op = ISA_MESH_EAST, .mesh = fill};
    s.inst[AT_TO_WIDE + 1] = fence(2, 0, 0, 0);
    s.inst[AT_TO_WIDE + 2] = (struct isa_inst){.op = ISA_MAC, .tensor = t};
    s.inst[AT_TO_WIDE + 3].to_wide.seq = 4, s.inst[AT_SEND + 3].send.seq = 5, s.inst[AT_LAST_FENCE + 3].fence.seq = 6;
    assert_string_equal(found(&s), "");
    s.inst[AT_TO_WIDE].mesh.value = 0x01010101;
    assert_string_equal(found(&s), "zero-point");
    s.inst[AT_TO_WIDE].mesh.value = 0x02020202;
    struct isa_inst swap = s.inst[AT_TO_WIDE]; /* the border is filled while 0x01 reads */
    s.inst[AT_TO_WIDE] = s.inst[AT_TO_WIDE + 2];
    s.inst[AT_TO_WIDE].tensor.seq = 1;
    swap.mesh.seq = 2;
    s.inst[AT_TO_WIDE + 2] = s.inst[AT_TO_WIDE + 1];
    s.inst[AT_TO_WIDE + 2].fence.seq = 3;
    s.inst[AT_TO_WIDE + 1] = swap;
    assert_string_equal(found(&s), "race-overwrite");
    arena_free(s.a);
}

static void mesh_words_that_do_not_arrive(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    memmove(&s.inst[AT_TO_WIDE + 1], &s.inst[AT_TO_WIDE], (s.count - AT_TO_WIDE) * sizeof *s.inst);
    s.count++;
    struct isa_inst mesh = {.op = ISA_MESH_EAST};
    mesh.mesh = (struct isa_mesh){.tiles = 1, .seq = 1, .a = unit(4, 0, 3)};
    s.inst[AT_TO_WIDE] = mesh;
    s.inst[AT_TO_WIDE + 1].to_wide.seq = 2, s.inst[AT_SEND + 1].send.seq = 3, s.inst[AT_LAST_FENCE + 1].fence.seq = 4;
    assert_string_equal(found(&s), "mesh-count");
    s.inst[AT_TO_WIDE].mesh.tiles = 8; /* the east edge */
    assert_string_equal(found(&s), "mesh-edge");
    arena_free(s.a);
}

static void field_offset_that_points_nowhere(void **state)
{
    (void)state;
    struct sample s;
    make(&s);
    s.address[0].offset_bit = 70;
    s.address[1].offset_bit = 198;
    assert_string_equal(found(&s), "field-offset descriptor hint-program");
    arena_free(s.a);
}

static void arbitrary_words_are_findings_and_no_crash(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint64_t seed = 5;
    for (int round = 0; round < 2000; round++) {
        struct sample s;
        make(&s);
        found(&s);
        uint8_t *code = arena_copy(a, s.stream.code.data, s.stream.code.size);
        for (int k = 0; k < 4; k++)
            code[random_next(&seed) % s.stream.code.size] ^= (uint8_t)random_next(&seed);
        s.stream.code.data = code;
        struct verify_report r;
        verify_package(a, &s.p, &r);
        arena_free(s.a);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_package_passes),       cmocka_unit_test(a_number_is_skipped),
        cmocka_unit_test(no_tile_is_named),             cmocka_unit_test(the_core_waits_for_other_tiles),
        cmocka_unit_test(no_last_fence),                cmocka_unit_test(halt_is_not_the_last),
        cmocka_unit_test(a_bundle_too_few),             cmocka_unit_test(mask_bit_missing),
        cmocka_unit_test(a_row_too_many),               cmocka_unit_test(flag_does_not_exist),
        cmocka_unit_test(above_the_declared_memory),    cmocka_unit_test(above_wide_memory),
        cmocka_unit_test(row_that_nothing_wrote),       cmocka_unit_test(rows_that_nobody_takes),
        cmocka_unit_test(too_many_bytes_for_the_layer), cmocka_unit_test(wait_without_signal),
        cmocka_unit_test(wait_for_too_much),            cmocka_unit_test(out_of_turn),
        cmocka_unit_test(hint_of_no_layer),             cmocka_unit_test(hint_too_small),
        cmocka_unit_test(no_interrupt),                 cmocka_unit_test(layer_of_a_wrong_size),
        cmocka_unit_test(descriptor_behind_its_buffer), cmocka_unit_test(descriptor_shorter_than_its_hint),
        cmocka_unit_test(a_row_that_nobody_takes),
        cmocka_unit_test(infeeds_and_injections),       cmocka_unit_test(words_of_a_tensor_instruction),
        cmocka_unit_test(tiles_that_differ_in_numerics), cmocka_unit_test(waits_for_ever),
        cmocka_unit_test(borders_and_live_data),
        cmocka_unit_test(no_partner),                   cmocka_unit_test(mesh_words_that_do_not_arrive),
        cmocka_unit_test(field_offset_that_points_nowhere), cmocka_unit_test(arbitrary_words_are_findings_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

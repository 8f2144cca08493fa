#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample.h"

static struct flat_table open_sample(struct flat *f, struct bytes data)
{
    struct status st = {0};
    struct flat_table t;
    if (!flat_open(f, data, "SMPL", &t, &st))
        fail_msg("%s", st.message);
    return t;
}

static void what_is_built_is_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct flat f;
    uint32_t n;
    struct flat_table t = open_sample(&f, sample_build(a, false));
    assert_int_equal(flat_u8(t, ROOT_B, 0), 1);
    assert_int_equal((int8_t)flat_u8(t, ROOT_I8, 7), -3);
    assert_int_equal(flat_u16(t, ROOT_U16, 0), 65535);
    assert_false(flat_has(t, ROOT_I32));
    assert_int_equal((int32_t)flat_u32(t, ROOT_I32, (uint32_t)-5), -5);
    assert_int_equal(flat_u32(t, ROOT_U32, 0), 4000000000u);
    assert_true((int64_t)flat_u64(t, ROOT_I64, 0) == INT64_C(-9000000000000000000));
    assert_true(flat_f32(t, ROOT_F32, 1.5f) == 0.25f);
    assert_string_equal(flat_text(a, t, ROOT_NAME), "tile");
    assert_null(flat_text(a, t, ROOT_INTS + 20)); /* beyond the vtable */
    assert_true(bytes_equal(flat_bytes(t, ROOT_BYTES), bytes_of("\1\2\377", 3)));
    assert_true((uintptr_t)(flat_bytes(t, ROOT_BYTES).data - f.buf.data) % 32 == 0);
    assert_int_equal(flat_i32s(a, t, ROOT_INTS, &n)[2], INT32_MAX);
    assert_int_equal(n, 3);
    assert_true(flat_i64s(a, t, ROOT_LONGS, &n)[1] == INT64_C(9000000000000000000));
    assert_true(flat_f32s(a, t, ROOT_FLOATS, &n)[1] == -2.0f);
    struct flat_vector texts = flat_vec(t, ROOT_TEXTS, 4), smalls = flat_vec(t, ROOT_SMALLS, 4);
    assert_int_equal(texts.count, 3);
    assert_int_equal(flat_vec_bytes(texts, 1).size, 0);
    assert_true(bytes_equal(flat_vec_bytes(texts, 2), sample_text("narrow")));
    assert_int_equal(flat_u32(flat_vec_table(smalls, 2), SMALL_VALUE, 0), 11);
    assert_true(flat_vec_u64(flat_vec(t, ROOT_RANGES, 8), 1) == ((uint64_t)7 << 32 | UINT32_MAX));
    assert_true(bytes_equal(flat_bytes(flat_sub(t, ROOT_ANY), NAMED_LABEL), sample_text("wide")));
    assert_int_equal(flat_u32(flat_sub(t, ROOT_CHILD), ROOT_I32, 0), 6);
    assert_null(flat_sub(flat_sub(t, ROOT_CHILD), ROOT_CHILD).f);
    assert_false(f.bad);
    arena_free(a);
}

static void elements_outside_a_vector_are_absent_and_bad(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct flat f;
    struct status st = {0};
    struct flat_table t = open_sample(&f, sample_build(a, false));
    assert_int_equal(flat_vec_u32(flat_vec(t, ROOT_INTS, 4), 3), 0);
    assert_true(f.bad);
    assert_false(flat_check(&f, "sample", &st));
    assert_int_equal(st.code, STATUS_INVALID);
    arena_free(a);
}

/* A table of one u32, as the C++ builder writes it: root offset, padding, vtable, table. */
static void bytes_are_those_of_the_official_builder(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct flat_builder *b = flat_builder_new(a, false);
    flat_ref root = sample_small(b, 0x11223344);
    static const uint8_t expected[] = {
        12, 0, 0, 0,              /* root table at 12                         */
        0, 0,                     /* the vtable is not aligned; what is above it is */
        6, 0, 8, 0, 4, 0,         /* vtable: 6 bytes, table 8, field 0 at 4   */
        6, 0, 0, 0,               /* table: vtable 6 bytes in front           */
        0x44, 0x33, 0x22, 0x11,
    };
    assert_true(bytes_equal(flat_finish(b, root, NULL), bytes_of(expected, sizeof expected)));
    arena_free(a);
}

/* Padding in front of the fields counts as part of the table, so tables of one type can have different vtables. */
static void equal_vtables_are_written_once(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct flat_builder *b = flat_builder_new(a, false);
    flat_ref table[5];
    for (int32_t i = 0; i < 5; i++)
        table[i] = sample_small(b, i + 1);
    assert_int_equal(table[0], 8);
    assert_int_equal(table[1], 8 + 6 + 2 + 8);  /* the vtable of 0; padding, which makes table 1 one of 10 bytes */
    assert_int_equal(table[2], 24 + 6 + 2 + 8); /* the vtable of 1; again padding: vtable 1 serves */
    assert_int_equal(table[3], 40 + 8);         /* no padding: vtable 0 serves */
    assert_int_equal(table[4], 48 + 8);
    arena_free(a);
}

static void forced_defaults_are_written(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct flat f;
    struct flat_table t = open_sample(&f, sample_build(a, true));
    assert_true(flat_has(t, ROOT_I32));
    assert_int_equal((int32_t)flat_u32(t, ROOT_I32, 0), -5);
    arena_free(a);
}

static void try_to_read(struct bytes data)
{
    struct arena *a = arena_new();
    struct flat f;
    struct flat_table t;
    struct status st = {0};
    if (flat_open(&f, data, "SMPL", &t, &st))
        walk_root(a, t, 0);
    else
        assert_int_not_equal(st.code, STATUS_OK);
    arena_free(a);
}

/* Under ASan: nothing outside the buffer is touched.  The copy is exactly as long as the data. */
static void damaged_buffers_are_read_in_bounds(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct bytes good = sample_build(a, false);
    for (size_t n = 0; n < good.size; n++) {
        uint8_t *cut = test_malloc(n ? n : 1);
        memcpy(cut, good.data, n);
        try_to_read(bytes_of(cut, n));
        test_free(cut);
    }
    uint8_t *copy = test_malloc(good.size);
    memcpy(copy, good.data, good.size);
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        try_to_read(bytes_of(copy, good.size));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint64_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(copy, good.data, good.size);
        for (unsigned k = 0; k < 4; k++)
            copy[random_next(&seed) % good.size] = (uint8_t)random_next(&seed);
        try_to_read(bytes_of(copy, good.size));
    }
    test_free(copy);
    arena_free(a);
}

/* A vector of 10,000 references to one text of 10,000 bytes: 50 KB of file must not become 100 MB of copies. */
static void sharing_cannot_multiply_work(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct arena *a = arena_new();
    struct flat_builder *b = flat_builder_new(a, false);
    flat_ref *refs = ARENA_ARRAY(a, flat_ref, N);
    flat_ref label = flat_put_text(b, bytes_of(memset(arena_alloc(a, N), 'x', N), N));
    flat_table_start(b);
    flat_add_ref(b, NAMED_LABEL, label);
    refs[0] = flat_table_end(b);
    for (unsigned i = 1; i < N; i++)
        refs[i] = refs[0];
    flat_ref list = flat_put_refs(b, refs, N);
    flat_table_start(b);
    flat_add_ref(b, ROOT_SMALLS, list);
    struct flat f;
    struct flat_table t = open_sample(&f, flat_finish(b, flat_table_end(b), "SMPL"));
    struct flat_vector v = flat_vec(t, ROOT_SMALLS, 4);
    uint32_t read = 0;
    for (uint32_t i = 0; i < v.count; i++)
        read += flat_text(a, flat_vec_table(v, i), NAMED_LABEL) != NULL;
    assert_in_range(read, 1, 16 * (f.buf.size + 4096) / N);
    assert_true(f.bad);
    arena_free(a);
}

static void tables_outside_the_buffer_are_refused(void **state)
{
    (void)state;
    struct flat f;
    struct flat_table t;
    static const uint8_t far[] = {0xf0, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    struct status st = {0};
    assert_false(flat_open(&f, bytes_of(far, sizeof far), NULL, &t, &st));
    assert_null(t.f);
    st = (struct status){0};
    assert_false(flat_open(&f, bytes_of(NULL, 0), NULL, &t, &st));
    st = (struct status){0};
    assert_false(flat_open(&f, bytes_of("\4\0\0\0ABCD", 8), "SMPL", &t, &st));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_is_read),
        cmocka_unit_test(elements_outside_a_vector_are_absent_and_bad),
        cmocka_unit_test(bytes_are_those_of_the_official_builder),
        cmocka_unit_test(equal_vtables_are_written_once),
        cmocka_unit_test(forced_defaults_are_written),
        cmocka_unit_test(damaged_buffers_are_read_in_bounds),
        cmocka_unit_test(sharing_cannot_multiply_work),
        cmocka_unit_test(tables_outside_the_buffer_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

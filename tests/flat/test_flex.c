#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample.h"

static struct flex open_flex(struct bytes data)
{
    struct flex root;
    struct status st = {0};
    if (!flex_open(data, &root, &st))
        fail_msg("%s", st.message);
    return root;
}

static int64_t int_at(struct flex map, const char *key)
{
    struct flex v;
    int64_t i;
    assert_true(flex_find(map, key, &v));
    assert_true(flex_int(v, &i));
    return i;
}

static void maps_come_back_as_written(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const uint8_t three[] = {1, 2, 127};
    const struct flex_entry entries[] = {
        {.key = "big", .kind = FLEX_PUT_INT, .i = INT64_C(-5000000000)},
        {.key = "exact", .kind = FLEX_PUT_FLOAT, .f = 0.5},
        {.key = "fine", .kind = FLEX_PUT_FLOAT, .f = 0.1},
        {.key = "flag", .kind = FLEX_PUT_BOOL, .i = 1},
        {.key = "small", .kind = FLEX_PUT_INT, .i = -1},
        {.key = "text", .kind = FLEX_PUT_STRING, .bytes = sample_text("narrow memory")},
        {.key = "three", .kind = FLEX_PUT_VECTOR, .bytes = bytes_of(three, 3)},
    };
    struct flex map = open_flex(flex_write_map(a, entries, 7)), v;
    const char *key;
    double f;
    struct bytes text = {0};
    assert_true(flex_is_map(map));
    assert_int_equal(flex_count(map), 7);
    assert_true(int_at(map, "big") == INT64_C(-5000000000));
    assert_int_equal(int_at(map, "small"), -1);
    assert_int_equal(int_at(map, "flag"), 1);
    assert_true(flex_find(map, "exact", &v) && flex_float(v, &f) && f == 0.5);
    assert_true(flex_find(map, "fine", &v) && flex_float(v, &f) && f == 0.1);
    assert_true(flex_find(map, "text", &v) && flex_bytes(v, &text));
    assert_true(bytes_equal(text, sample_text("narrow memory")));
    assert_true(flex_find(map, "three", &v));
    assert_int_equal(flex_count(v), 3);
    assert_true(flex_at(v, 2, &v));
    int64_t last;
    assert_true(flex_int(v, &last) && last == 127);
    assert_true(flex_key(map, 6, &key));
    assert_string_equal(key, "three");
    assert_false(flex_key(map, 7, &key));
    assert_false(flex_find(map, "absent", &v));
    arena_free(a);
}

/* container.md section 4, spelt out for a package of 5 bytes: here all widths are 1. */
static void the_custom_operator_has_the_official_bytes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const uint8_t expected[] = {
        '1', 0, '4', 0, 5, 'D', 'W', 'N', '1', '!', 0, '5', 0, '6', 0, 1, 18, 4, '7', 0, 0,
        5, 22, 21, 13, 12, 8,           /* keys: distances back from their slots  */
        5, 1, 5,                        /* keys 5 back, of width 1; five values   */
        0, 26, 0xff, 17, 13,            /* values                                 */
        0x04, 0x14, 0x04, 0x28, 0x28,   /* types                                  */
        10, 0x24, 1,                    /* root                                   */
    };
    struct bytes made = flex_write_custom_op(a, sample_text("DWN1!"), 18), package = {0};
    struct flex v;
    assert_int_equal(made.size, sizeof expected);
    assert_memory_equal(made.data, expected, sizeof expected);
    assert_true(flex_find(open_flex(made), "4", &v) && flex_bytes(v, &package));
    assert_true(bytes_equal(package, sample_text("DWN1!")));
    arena_free(a);
}

static void wide_packages_widen_the_slots(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 255, 256, 65535, 65536, 200000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena *a = arena_new();
        struct bytes package = bytes_of(memset(arena_alloc(a, sizes[i]), 0xa5, sizes[i]), sizes[i]), back = {0};
        struct flex map = open_flex(flex_write_custom_op(a, package, 18)), v;
        assert_true(flex_find(map, "4", &v) && flex_bytes(v, &back) && bytes_equal(back, package));
        assert_int_equal(int_at(map, "5"), -1);
        assert_true(flex_find(map, "7", &v));
        assert_int_equal(flex_count(v), 0);
        arena_free(a);
    }
}

static void try_to_read(struct bytes data)
{
    struct flex root;
    struct status st = {0};
    unsigned steps = 10000;
    if (flex_open(data, &root, &st))
        walk_flex(root, 0, &steps);
}

static void damaged_buffers_are_read_in_bounds(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct bytes good = flex_write_custom_op(a, sample_text("a package"), 18);
    uint8_t *copy = test_malloc(good.size);
    for (size_t n = 0; n < good.size; n++) { /* the end stays: FlexBuffers are read from there */
        memcpy(copy, good.data + good.size - n, n);
        uint8_t *cut = test_malloc(n ? n : 1);
        memcpy(cut, copy, n);
        try_to_read(bytes_of(cut, n));
        test_free(cut);
    }
    uint64_t seed = 2;
    for (unsigned round = 0; round < 100000; round++) {
        memcpy(copy, good.data, good.size);
        for (unsigned k = 0; k < 3; k++)
            copy[random_next(&seed) % good.size] = (uint8_t)random_next(&seed);
        try_to_read(bytes_of(copy, good.size));
    }
    test_free(copy);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_come_back_as_written),
        cmocka_unit_test(the_custom_operator_has_the_official_bytes),
        cmocka_unit_test(wide_packages_widen_the_slots),
        cmocka_unit_test(damaged_buffers_are_read_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

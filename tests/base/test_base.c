#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"

static void bit_fields_round_trip_at_every_offset(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned at = 0; at < 70; at++)
        for (unsigned width = 1; width <= 64; width++) {
            uint8_t p[24], q[24];
            for (size_t i = 0; i < sizeof p; i++)
                p[i] = q[i] = (uint8_t)random_next(&seed);
            uint64_t mask = width == 64 ? ~(uint64_t)0 : ((uint64_t)1 << width) - 1, v = random_next(&seed) & mask;
            uint64_t old = bits_get(p, at, width);
            bits_put(p, at, width, v);
            assert_true(bits_get(p, at, width) == v);
            bits_put(p, at, width, old);
            assert_memory_equal(p, q, sizeof p); /* no other bit has moved */
        }
}

static void sign_extension(void **state)
{
    (void)state;
    assert_int_equal(bits_sign(0x1ffff, 17), -1);
    assert_int_equal(bits_sign(0x0ffff, 17), 0xffff);
    assert_true(bits_sign(~(uint64_t)0, 64) == -1);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t n = 0; n < 100000; n = n * 3 + 1) {
        uint8_t *p = arena_alloc(a, n);
        assert_true((uintptr_t)p % 16 == 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xaa, n);
    }
    assert_string_equal(arena_text(a, "%s %d", "tile", 3), "tile 3");
    arena_free(a);
}

static void first_failure_wins_and_context_goes_in_front(void **state)
{
    (void)state;
    struct status st = {0};
    assert_false(status_fail(&st, STATUS_INVALID, "bad %d", 1));
    status_fail(&st, STATUS_LIMIT, "later");
    status_context(&st, "op %d: ", 7);
    assert_int_equal(st.code, STATUS_INVALID);
    assert_string_equal(st.message, "op 7: bad 1");
}

static void files_are_written_whole_or_not_at_all(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct status st = {0};
    char dir[] = "/tmp/edgetpu_base_XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = path_join(a, dir, "x");
    struct bytes back;
    assert_true(file_write(path, bytes_of("abc", 3), &st));
    assert_true(file_read(a, path, &back, &st));
    assert_true(bytes_equal(back, bytes_of("abc", 3)));
    assert_false(file_write(path_join(a, dir, "no/such/dir"), bytes_of("abc", 3), &st));
    assert_int_equal(st.code, STATUS_IO);
    st = (struct status){0};
    assert_false(file_read(a, dir, &back, &st));
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    arena_free(a);
}

static void paths(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(path_stem(a, "dir.d/model.v2.tflite"), "model.v2");
    assert_string_equal(path_stem(a, "model"), "model");
    assert_string_equal(path_join(a, "./", "x"), "./x");
    assert_string_equal(path_join(a, "out", "x"), "out/x");
    assert_string_equal(path_join(a, "", "x"), "x");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bit_fields_round_trip_at_every_offset),
        cmocka_unit_test(sign_extension),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(first_failure_wins_and_context_goes_in_front),
        cmocka_unit_test(files_are_written_whole_or_not_at_all),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* .npy files: written as NumPy writes them, read back, refused where damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "interp/npy.h"

static void the_bytes_are_numpys(void **state)
{
    (void)state;
    /* numpy.save of np.array([[1, -2, 3]], np.int16) */
    char header[] = "\x93NUMPY\1\0\x76\0{'descr': '<i2', 'fortran_order': False, 'shape': (1, 3), }";
    struct npy in = {TFL_INT16, (int32_t[]){1, 3}, 2, bytes_of("\1\0\xfe\xff\3\0", 6)};
    struct buf out = {0};
    struct status st = {0};
    assert_true(npy_write(&in, &out, &st));
    assert_int_equal(out.size, 128 + 6);
    assert_memory_equal(out.data, header, sizeof header - 1);
    assert_int_equal(out.data[127], '\n');
    assert_memory_equal(out.data + 128, in.data.data, 6);
    buf_free(&out);
}

static void every_type_and_rank_comes_back(void **state)
{
    (void)state;
    static const enum tfl_type types[] = {TFL_FLOAT32, TFL_INT8, TFL_UINT8, TFL_INT16, TFL_INT32, TFL_INT64, TFL_BOOL};
    static const int32_t shape[] = {2, 1, 3};
    uint8_t data[48] = {1, 2, 3, 250};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (uint32_t rank = 0; rank <= 3; rank++) {
            struct arena *a = arena_new();
            size_t n = rank == 0 ? 1 : rank == 3 ? 6 : 2;
            struct npy in = {types[i], (int32_t *)(uintptr_t)shape, rank, bytes_of(data, n * tfl_type_size(types[i]))};
            struct npy back;
            struct buf file = {0};
            struct status st = {0};
            assert_true(npy_write(&in, &file, &st));
            assert_true(npy_read(a, bytes_of(file.data, file.size), &back, &st));
            assert_int_equal(back.type, in.type);
            assert_int_equal(back.rank, rank);
            if (rank)
                assert_memory_equal(back.shape, shape, rank * 4);
            assert_true(bytes_equal(back.data, in.data));
            buf_free(&file);
            arena_free(a);
        }
}

static bool reads(const char *header, size_t data)
{
    struct arena *a = arena_new();
    struct buf f = {0};
    struct npy n;
    struct status st = {0};
    uint8_t length[2];
    put_le16(length, (uint16_t)strlen(header));
    buf_put(&f, "\x93NUMPY\1\0", 8);
    buf_put(&f, length, 2);
    buf_put(&f, header, strlen(header));
    buf_zero(&f, data);
    bool ok = npy_read(a, bytes_of(f.data, f.size), &n, &st);
    assert_true(ok || st.message[0]);
    for (size_t cut = 0; cut < f.size; cut++) { /* every truncation is refused */
        struct status ignored = {0};
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, f.data, cut);
        assert_false(npy_read(a, bytes_of(exact, cut), &n, &ignored));
        free(exact);
    }
    buf_free(&f);
    arena_free(a);
    return ok;
}

static void damage_is_refused(void **state)
{
    (void)state;
    assert_true(reads("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", 6));
    assert_true(reads("{'shape':(5,),'fortran_order':False,'descr':'<f4'}", 20));
    assert_false(reads("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", 5));
    assert_false(reads("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", 6));
    assert_false(reads("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", 4));
    assert_false(reads("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", 4));
    assert_false(reads("{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -3), }\n", 6));
    assert_false(reads("{'descr': '|u1', 'fortran_order': False, 'shape': (99999, 99999), }\n", 6));
    assert_false(reads("{'descr': '|u1', 'fortran_order': False, 'shape': (6", 6));
    assert_false(reads("{'fortran_order': False, 'shape': (6,), }", 6));
    assert_false(reads("", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_numpys),
        cmocka_unit_test(every_type_and_rank_comes_back),
        cmocka_unit_test(damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "isa_test.h"

/* Walks the unit as the machine does: one running address, step[k] when loop k advances. */
static int64_t walk(const struct isa_ttu *t, unsigned n, int64_t *address, int64_t max)
{
    int64_t count = 0, at = t->base, i[8] = {0};
    for (;;) {
        if (count < max)
            address[count] = at;
        count++;
        unsigned k = 0;
        for (; k < n; k++) {
            int64_t lim = k == 0 && t->ldim && i[t->ldim] == t->lim[t->ldim] ? t->llim : t->lim[k];
            if (i[k]++ < lim)
                break;
            i[k] = 0;
        }
        if (k == n)
            return count;
        at += t->step[k];
    }
}

static void set_walks_every_element_in_order(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < 200; round++) {
        struct isa_dim d[4];
        unsigned n = 1 + random_next(&seed) % 4;
        int64_t total = 1;
        for (unsigned k = 0; k < n; k++) {
            d[k] = (struct isa_dim){1 + (int64_t)(random_next(&seed) % 4), (int64_t)(random_next(&seed) % 100) - 50};
            total *= d[k].count;
        }
        struct isa_ttu t;
        isa_ttu_set(&t, 6, 1000, d, n);
        int64_t address[256];
        assert_int_equal(walk(&t, 6, address, 256), total);
        assert_int_equal(isa_ttu_count(&t, 6), total);
        for (int64_t e = 0; e < total; e++) {
            int64_t want = 1000, rest = e;
            for (unsigned k = 0; k < n; rest /= d[k++].count)
                want += rest % d[k].count * d[k].stride;
            assert_int_equal(address[e], want);
        }
        for (unsigned k = 0; k < 6; k++) {
            assert_int_equal(isa_ttu_stride(&t, k), k < n ? d[k].stride : 0);
            assert_int_equal(t.mask >> k & 1, k < n && d[k].stride != 0);
        }
    }
}

static void a_shorter_last_iteration_is_counted(void **state)
{
    (void)state;
    const struct isa_dim d[] = {{16, 1}, {28, 24}, {2, 16}};
    struct isa_ttu t;
    isa_ttu_set(&t, 4, 0, d, 3);
    t.ldim = 2, t.llim = 7;
    assert_int_equal(walk(&t, 4, NULL, 0), 28 * (16 + 8));
    assert_int_equal(isa_ttu_count(&t, 4), 28 * (16 + 8));
    t.llim = 20; /* or a longer one */
    assert_int_equal(isa_ttu_count(&t, 4), 28 * (16 + 21));
}

/* mobilenet's image infeed, word for word as the official compiler has it */
static void steps_as_in_an_official_stream(void **state)
{
    (void)state;
    const struct isa_dim d[] = {{3, 1}, {56, 3}, {1, 672}};
    struct isa_ttu t;
    isa_ttu_set(&t, 8, 672, d, 3);
    assert_int_equal(t.step[1], 1);
    assert_int_equal(t.step[2], 672 - 2 - 55 * 3);
    assert_int_equal(t.step[3], -2 - 55 * 3); /* unused loops go back to the start */
    assert_int_equal(t.mask, 7);
}

static void absurd_values_stay_defined(void **state)
{
    (void)state;
    struct isa_ttu t;
    const struct isa_dim d[] = {{INT64_C(1) << 40, INT64_C(1) << 20}, {2, -(INT64_C(1) << 40)}};
    isa_ttu_set(&t, 4, -(INT64_C(1) << 50), d, 2);
    assert_int_equal(t.base, INT32_MIN);
    assert_int_equal(t.lim[0], INT32_MAX);
    for (unsigned k = 0; k < 8; k++)
        t.lim[k] = t.step[k] = 0x3ffff;
    assert_true(isa_ttu_count(&t, 8) == INT64_MAX);
    isa_ttu_stride(&t, 7); /* no undefined behaviour under UBSan */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_walks_every_element_in_order),
        cmocka_unit_test(a_shorter_last_iteration_is_counted),
        cmocka_unit_test(steps_as_in_an_official_stream),
        cmocka_unit_test(absurd_values_stay_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

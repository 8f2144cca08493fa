/* What a real Edge TPU gave, as far as it was ever published, comes out of the simulated one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/device.h"
#include "support/picture.h"

static void recorded_results(void **state)
{
    (void)state;
    unsigned present = 0;
    for (unsigned k = 0; k < device_case_count; k++) {
        const struct device_case *c = &device_cases[k];
        struct arena *a = arena_new();
        struct status st = {0};
        struct device_result r;
        if (!device_run(a, CORPUS_DIR, c, false, &r, &st))
            fail_msg("%s", st.message);
        present += r.present;
        if (r.present && c->numbers)
            print_message("%s: %d of %d recorded numbers%s%s\n", c->model, r.equal, r.numbers, c->note ? "; " : "",
                          c->note ? c->note : "");
        else if (r.present)
            print_message("%s: label %d at %.3f, demanded: %.2f\n", c->model, c->label, r.score, c->score);
        if (r.present && c->settled && c->numbers) {
            assert_int_not_equal(r.numbers, 0);
            assert_int_equal(r.equal, r.numbers);
        } else if (r.present && c->settled) {
            assert_true(r.labelled);
        }
        arena_free(a);
    }
    if (!present) {
        print_message("no corpus at " CORPUS_DIR ": skipped\n");
        skip();
    }
}

/* 2 x 2 pixels, 24 bits, rows from the bottom: blue, green / red, white. */
static const uint8_t bmp[70] = {
    'B', 'M', 70, [10] = 54, [14] = 40, [18] = 2, [22] = 2, [26] = 1, [28] = 24,
    [54] = 255, 0, 0, 0, 255, 0, [62] = 0, 0, 255, 255, 255, 255,
};

static void bmp_is_read_from_the_top(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct status st = {0};
    struct picture p;
    static const uint8_t want[12] = {255, 0, 0, 255, 255, 255, 0, 0, 255, 0, 255, 0};
    assert_true(picture_from_bmp(a, bytes_of(bmp, sizeof bmp), &p, &st));
    assert_int_equal(p.height, 2);
    assert_int_equal(p.width, 2);
    assert_memory_equal(p.rgb, want, sizeof want);
    struct picture q = picture_resize(a, &p, 1, 1);
    assert_int_equal(q.rgb[0], 127); /* mean of 255, 255, 0, 0, truncated */
    arena_free(a);
}

static void bad_bmp_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof bmp; size++) {
        struct arena *a = arena_new();
        struct status st = {0};
        struct picture p;
        uint8_t *exact = arena_copy(a, bmp, size); /* so that the sanitiser sees an overrun */
        assert_false(picture_from_bmp(a, bytes_of(exact, size), &p, &st));
        arena_free(a);
    }
    uint64_t seed = 1;
    for (unsigned k = 0; k < 20000; k++) {
        struct arena *a = arena_new();
        struct status st = {0};
        struct picture p;
        uint8_t *bad = arena_copy(a, bmp, sizeof bmp);
        for (unsigned n = 0; n < 1 + k % 4; n++)
            bad[2 + random_next(&seed) % 52] = (uint8_t)random_next(&seed);
        picture_from_bmp(a, bytes_of(bad, sizeof bmp), &p, &st);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bmp_is_read_from_the_top),
        cmocka_unit_test(bad_bmp_is_refused),
        cmocka_unit_test(recorded_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Damaged models: cut off at every 64th byte, and with random bytes changed.  Meant for the sanitised build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/make_model.h"
#include "support/model_exercise.h"

enum { N_MODELS = 3, MUTATIONS = 10000 };

static bool accepted(struct bytes file, uint8_t choice)
{
    struct arena *a = arena_new();
    bool read;
    const char *fault = model_exercise(a, file, choice, &read);
    if (fault)
        fail_msg("%s", fault);
    arena_free(a);
    return read;
}

static struct bytes model(struct arena *a, int i)
{
    struct tfl_model *m = i == 0   ? make_fc_chain(a, TFL_INT8, 1, 16, 16, 3)
                          : i == 1 ? make_conv_net(a, TFL_UINT8, 2, 8, 4, 3)
                                   : make_mobilenet(a, TFL_INT8, 3, 32, 2, 4);
    struct bytes file;
    struct status st = {0};
    assert_true(tfl_write(a, m, &(struct tfl_write_options){0}, &file, &st));
    return file;
}

static void truncated_models_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int i = 0; i < N_MODELS; i++) {
        struct bytes whole = model(a, i);
        assert_true(accepted(whole, 0xff));
        for (size_t n = 0; n < whole.size; n += 64)
            assert_false(accepted(bytes_of(whole.data, n), 0xff));
    }
    arena_free(a);
}

/* One byte: any value, or one near the old one (offsets and counts that are off by a little). */
static uint8_t changed(uint8_t old, uint64_t r)
{
    return (uint8_t)(r & 1 ? old + (r >> 8) % 7 - 3 : r >> 8);
}

static void mutated_models_do_no_harm(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint64_t seed = 7;
    unsigned read = 0;
    for (int i = 0; i < N_MODELS; i++) {
        struct bytes whole = model(a, i);
        uint8_t *copy = arena_alloc(a, whole.size);
        for (int k = 0; k < MUTATIONS / N_MODELS; k++) {
            memcpy(copy, whole.data, whole.size);
            for (uint64_t n = 1 + random_next(&seed) % 3; n > 0; n--) {
                uint8_t *p = &copy[random_next(&seed) % whole.size];
                *p = changed(*p, random_next(&seed));
            }
            read += accepted(bytes_of(copy, whole.size), (uint8_t)k);
        }
    }
    print_message("%d mutations: %u were still read\n", MUTATIONS, read);
    assert_in_range(read, MUTATIONS / 20, MUTATIONS * 19 / 20); /* both sides of the reader were tried */
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncated_models_are_refused),
        cmocka_unit_test(mutated_models_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Damaged models: truncated at every 64th byte and mutated at random.  Each compiles or is refused with a reason; what
 * compiles is a file that reads again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "compiler/compiler.h"
#include "support/make_model.h"

enum { KINDS = 5 };

static bool try_bytes(struct bytes file)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct tfl_model *m, *again;
    bool compiled = false;
    if (tfl_read(a, file, &m, &st)) {
        const struct compile_options o = {.min_runtime_version = 14, .multiple_subgraphs = true};
        struct compile_result r;
        compiled = compile_models(a, (const struct tfl_model *const[]){m}, 1, &o, &r, &st);
        if (compiled) {
            assert_non_null(compile_operator_table(a, m, &r));
            assert_true(tfl_read(a, r.file, &again, &st));
        }
    }
    assert_true(compiled || st.message[0]);
    arena_free(a);
    return compiled;
}

static struct tfl_model *pool_net(struct arena *a)
{
    struct maker *k = maker_new(a, TFL_UINT8, 4);
    int x = make_input(k, 3, (int32_t[]){12, 10, 3});
    x = make_pool(k, TFL_OP_MAX_POOL_2D, x, &(struct make_window){.size = 3, .stride = 2});
    x = make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &(struct make_window){.size = 2, .padding = TFL_PAD_VALID});
    x = make_reduce(k, TFL_OP_MEAN, x, 2, (int32_t[]){1, 2}, true);
    make_output(k, make_conv_2d(k, x, &(struct make_window){.size = 1, .channels = 10}));
    return maker_finish(k);
}

static struct tfl_model *lstm_net(struct arena *a)
{
    struct maker *k = maker_new(a, TFL_INT8, 5);
    int x = make_lstm(k, make_input(k, 2, (int32_t[]){3, 5}), &(struct make_lstm){.cells = 6});
    make_output(k, make_fully_connected(k, make_flatten(k, x), 4, TFL_ACT_NONE));
    return maker_finish(k);
}

static struct bytes model_file(struct arena *a, int kind)
{
    struct status st = {0};
    struct bytes file;
    struct tfl_model *m = kind == 0   ? make_fc_chain(a, TFL_INT8, 1, 40, 70, 2)
                          : kind == 1 ? make_fc_chain(a, TFL_UINT8, 2, 130, 9, 3)
                          : kind == 2 ? make_conv_net(a, TFL_INT8, 3, 16, 8, 2)
                          : kind == 3 ? pool_net(a)
                                      : lstm_net(a);
    assert_true(tfl_write(a, m, &(struct tfl_write_options){0}, &file, &st));
    return file;
}

static void truncated_models(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int kind = 0; kind < KINDS; kind++) {
        struct bytes file = model_file(a, kind);
        for (size_t n = 0; n < file.size; n += 64) {
            uint8_t *exact = malloc(n ? n : 1); /* its own block, so that sanitizers see an overrun */
            memcpy(exact, file.data, n);
            assert_false(try_bytes(bytes_of(exact, n)));
            free(exact);
        }
    }
    arena_free(a);
}

static void mutated_models(void **state)
{
    (void)state;
    const char *count = getenv("MUTATIONS");
    unsigned n = count ? (unsigned)atoi(count) : 1000, compiled = 0;
    uint64_t s = 1;
    struct arena *a = arena_new();
    for (int kind = 0; kind < KINDS; kind++) {
        struct bytes file = model_file(a, kind);
        uint8_t *copy = malloc(file.size);
        for (unsigned i = 0; i < n; i++) {
            memcpy(copy, file.data, file.size);
            for (uint64_t k = 1 + random_next(&s) % 4; k > 0; k--)
                copy[random_next(&s) % file.size] =
                    (uint8_t)(random_next(&s) % 3 ? random_next(&s) : 0xff * (random_next(&s) & 1));
            compiled += try_bytes(bytes_of(copy, file.size));
        }
        free(copy);
    }
    print_message("%u of %u mutated models compile\n", compiled, KINDS * n);
    assert_in_range(compiled, 1, 3 * n - 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(truncated_models), cmocka_unit_test(mutated_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

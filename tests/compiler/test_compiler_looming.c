/* Networks of the form of looming_* (two convolutions of one channel, each multiplied with itself, their sum pooled in
 * large windows, flattened) in other sizes: compiled and run on the simulated chip they give exactly the kernels'
 * bytes. VERBOSE=1  prints each */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

struct form {
    int32_t y, x, zones_y, zones_x;
    bool late_square; /* the second product behind something else */
};

static const struct tfl_model *looming(struct arena *a, const struct form *f)
{
    struct maker *k = maker_new(a, TFL_INT8, (uint64_t)f->y);
    const struct make_window gradient = {.channels = 1, .size = 3};
    int x = make_input(k, 3, (int32_t[]){f->y, f->x, 1});
    int dx = make_conv_2d(k, x, &gradient), dy = make_conv_2d(k, x, &gradient);
    int xx = make_binary(k, TFL_OP_MUL, dx, dx, TFL_ACT_NONE);
    if (f->late_square)
        dy = make_unary(k, TFL_OP_RELU, dy);
    int yy = make_binary(k, TFL_OP_MUL, dy, dy, TFL_ACT_NONE);
    int sum = make_binary(k, TFL_OP_ADD, xx, yy, TFL_ACT_NONE);
    const struct make_window zone = {
        .size = f->y / f->zones_y, .width = f->x / f->zones_x, .stride = f->y / f->zones_y, .padding = TFL_PAD_VALID};
    int pool = make_pool(k, TFL_OP_AVERAGE_POOL_2D, sum, &zone);
    maker_tensor(k, pool)->quant = maker_tensor(k, sum)->quant;
    make_output(k, make_flatten(k, pool));
    return maker_finish(k);
}

static void all_sizes(void **state)
{
    static const struct form forms[] = {
        {32, 32, 3, 3, false},  {48, 48, 3, 3, false},   {64, 64, 2, 2, false}, {64, 64, 3, 3, true},
        {64, 64, 4, 4, false},  {64, 64, 1, 1, false},   {60, 60, 5, 5, false}, {80, 80, 3, 3, false},
        {96, 96, 3, 3, false},  {96, 96, 6, 6, false},   {50, 50, 3, 3, false}, {37, 37, 3, 3, true},
        {128, 128, 2, 2, true}, {192, 192, 3, 3, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct arena *a = arena_new();
        struct judgement j = judge(a, looming(a, &forms[i]));
        if (getenv("VERBOSE") || j.fault)
            print_message("%dx%d, %dx%d zones: %u operators mapped: %s\n", forms[i].y, forms[i].x, forms[i].zones_y,
                          forms[i].zones_x, j.compiled.n_subgraphs, j.fault ? j.fault : "equal");
        assert_null(j.fault);
        assert_int_equal(j.compiled.n_subgraphs, 1);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

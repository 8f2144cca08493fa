/* A grid of convolutions, compiled and run on the simulated chip: each compiles, or says why not; what compiles gives
 * exactly the kernels' bytes. SEEDS=n  how many random models (100)    LARGE=1  sizes and channels up to 224 and 256
 * VERBOSE=1  prints each */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static int32_t same_or_valid(int32_t in, const struct make_window *w)
{
    int32_t reach = (w->size - 1) * (w->dilation ? w->dilation : 1) + 1;
    return w->padding == TFL_PAD_SAME || in >= reach;
}

static const struct tfl_model *random_model(struct arena *a, uint64_t seed, bool large, const char **name)
{
    static const int32_t kernels[] = {1, 3, 5, 7}, strides[] = {1, 1, 2, 3},
                         channels[] = {1, 3, 4, 16, 31, 64, 65, 256};
    static const int32_t sizes[] = {1, 5, 8, 17, 28, 56, 112, 224};
    static const enum tfl_activation acts[] = {TFL_ACT_NONE, TFL_ACT_RELU, TFL_ACT_RELU6};
    uint64_t s = seed;
    enum tfl_type type = random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8;
    struct maker *k = maker_new(a, type, seed);
    int32_t y = ANY(&s, sizes), x = random_next(&s) % 4 ? y : ANY(&s, sizes), c = ANY(&s, channels);
    if (!large) {
        y = y > 28 ? 24 : y, x = x > 28 ? 20 : x, c = c > 65 ? 70 : c;
    }
    uint64_t layers = 1 + random_next(&s) % 2;
    *name = arena_text(a, "%dx%dx%d %s", y, x, c, type == TFL_INT8 ? "int8" : "uint8");
    int t = make_input(k, 3, (int32_t[]){y, x, c});
    for (uint64_t i = 0; i < layers; i++) {
        struct make_window w = {.size = ANY(&s, kernels),
                                .stride = ANY(&s, strides),
                                .dilation = random_next(&s) % 4 ? 1 : 2,
                                .padding = random_next(&s) % 2 ? TFL_PAD_SAME : TFL_PAD_VALID,
                                .activation = ANY(&s, acts),
                                .channels = ANY(&s, channels)};
        bool depthwise = random_next(&s) % 3 == 0;
        if (!large && w.channels > 65)
            w.channels = 70;
        if (w.stride > 1)
            w.dilation = 1;
        if (!same_or_valid(y, &w) || !same_or_valid(x, &w))
            w.padding = TFL_PAD_SAME;
        if (depthwise)
            w.channels = 1;
        *name = arena_text(a, "%s, %s %dx%d/%d d%d %s -> %d", *name, depthwise ? "depthwise" : "conv", w.size, w.size,
                           w.stride, w.dilation, w.padding == TFL_PAD_SAME ? "same" : "valid",
                           depthwise ? c : w.channels);
        t = depthwise ? make_depthwise_conv_2d(k, t, &w) : make_conv_2d(k, t, &w);
        const struct tfl_tensor *out = maker_tensor(k, t);
        y = out->shape[1], x = out->shape[2], c = out->shape[3];
    }
    make_output(k, t);
    return maker_finish(k);
}

static void grid_of_convolutions(void **state)
{
    (void)state;
    const char *seeds = getenv("SEEDS"), *first = getenv("FIRST");
    bool large = getenv("LARGE"), verbose = getenv("VERBOSE");
    uint64_t n = seeds ? strtoull(seeds, NULL, 10) : 100, from = first ? strtoull(first, NULL, 10) : 1;
    unsigned exact = 0, partly = 0, refused = 0, too_large = 0, wrong = 0;
    for (uint64_t seed = from; seed < from + n; seed++) {
        struct arena *a = arena_new();
        const char *name, *why = NULL;
        const struct tfl_model *m = random_model(a, seed, large, &name);
        struct judgement j = judge(a, m);
        for (uint32_t i = 0; i < j.compiled.n_ops && !why; i++)
            why = j.compiled.ops[i].why;
        bool limit = j.fault && strstr(j.fault, "do not fit");
        if (limit)
            too_large++;
        else if (j.fault)
            wrong++;
        else if (j.compiled.n_mapped == j.compiled.n_ops)
            exact++;
        else if (j.compiled.n_mapped)
            partly++;
        else
            refused++;
        if ((j.fault && !limit) || verbose)
            print_message("seed %llu: %s: %s\n", (unsigned long long)seed, name,
                          j.fault ? j.fault
                          : why   ? why
                                  : "exact");
        if (!j.fault && j.compiled.n_mapped < j.compiled.n_ops)
            assert_non_null(why); /* a refusal always has a reason */
        arena_free(a);
    }
    print_message(
        "%llu models: %u exact, %u exact with a part on the CPU, %u refused with a reason, %u too large, %u wrong\n",
        (unsigned long long)n, exact, partly, refused, too_large, wrong);
    assert_int_equal(wrong, 0);
    assert_true(exact > n / 4 || n < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grid_of_convolutions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Random pools and reductions, alone, between convolutions and at the end of a classifier, and whole small networks,
 * on the chip: each compiles, or says why not; what compiles gives exactly the kernels' bytes.
 *   SEEDS=n  how many of each (60)    FIRST=n  first seed    LARGE=1  larger images    VERBOSE=1  prints each */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

struct recipe {
    struct arena *a;
    struct maker *k;
    uint64_t s;
    bool large;
    const char *name;
    int t;
};

static const struct tfl_tensor *now(struct recipe *r) { return maker_tensor(r->k, r->t); }

static void start(struct recipe *r, struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {5, 6, 7, 8, 13, 16, 24, 56, 96},
        channels[] = {1, 3, 4, 8, 16, 24, 64, 65, 72, 128, 200};
    *r = (struct recipe){.a = a, .s = seed, .large = getenv("LARGE")};
    enum tfl_type type = random_next(&r->s) % 2 ? TFL_INT8 : TFL_UINT8;
    int32_t y = ANY(&r->s, sizes), x = random_next(&r->s) % 3 ? y : ANY(&r->s, sizes), c = ANY(&r->s, channels);
    if (!r->large)
        y = y > 24 ? 20 : y, x = x > 24 ? 18 : x;
    r->k = maker_new(a, type, seed);
    r->t = make_input(r->k, 3, (int32_t[]){y, x, c});
    r->name = arena_text(a, "%s %dx%dx%d", type == TFL_INT8 ? "int8" : "uint8", y, x, c);
}

static void conv(struct recipe *r)
{
    static const int32_t channels[] = {2, 4, 16, 40, 96};
    struct make_window w = {.size = random_next(&r->s) % 2 ? 1 : 3, .channels = ANY(&r->s, channels),
                            .activation = TFL_ACT_RELU6};
    r->t = make_conv_2d(r->k, r->t, &w);
    r->name = arena_text(r->a, "%s, conv %d -> %d", r->name, w.size, w.channels);
}

static void pool(struct recipe *r)
{
    static const int32_t kernels[] = {1, 2, 2, 3, 3, 4, 5, 7}, strides[] = {1, 2, 2, 3, 4};
    const int32_t *d = now(r)->shape;
    struct make_window w = {.size = ANY(&r->s, kernels), .stride = ANY(&r->s, strides),
                            .padding = random_next(&r->s) % 2 ? TFL_PAD_SAME : TFL_PAD_VALID};
    w.width = random_next(&r->s) % 4 ? w.size : ANY(&r->s, kernels);
    if (w.padding == TFL_PAD_VALID && (w.size > d[1] || w.width > d[2]))
        w.padding = TFL_PAD_SAME;
    if (random_next(&r->s) % 4 == 0)
        w.activation = TFL_ACT_RELU;
    bool max = random_next(&r->s) % 3 == 0;
    r->t = make_pool(r->k, max ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, r->t, &w);
    r->name = arena_text(r->a, "%s, %s %dx%d/%d %s", r->name, max ? "max" : "average", w.size, w.width, w.stride,
                         w.padding == TFL_PAD_SAME ? "same" : "valid");
}

static const struct tfl_model *pools(struct arena *a, uint64_t seed, const char **name)
{
    struct recipe r;
    start(&r, a, seed);
    if (random_next(&r.s) % 2)
        conv(&r);
    pool(&r);
    if (random_next(&r.s) % 3 == 0)
        pool(&r);
    if (random_next(&r.s) % 2)
        conv(&r);
    make_output(r.k, r.t);
    *name = r.name;
    return maker_finish(r.k);
}

/* MEAN, SUM, REDUCE_MAX over rows, columns, or both; or a pool of the whole image. */
static void reduce(struct recipe *r)
{
    static const enum tfl_builtin codes[] = {TFL_OP_MEAN, TFL_OP_MEAN, TFL_OP_SUM, TFL_OP_REDUCE_MAX};
    static const int32_t axes[][2] = {{1, 2}, {2, 1}, {1, 2}, {1, 0}, {2, 0}};
    const int32_t *d = now(r)->shape;
    if (random_next(&r->s) % 2) {
        bool max = random_next(&r->s) % 3 == 0;
        struct make_window w = {.size = d[1], .width = d[2], .stride = 1, .padding = TFL_PAD_VALID};
        r->t = make_pool(r->k, max ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, r->t, &w);
        r->name = arena_text(r->a, "%s, %s of all", r->name, max ? "max" : "average");
        return;
    }
    uint64_t n = random_next(&r->s) % 5;
    bool keep = n > 2 || random_next(&r->s) % 2;
    enum tfl_builtin code = ANY(&r->s, codes);
    r->t = make_reduce(r->k, code, r->t, n > 2 ? 1 : 2, axes[n], keep);
    r->name = arena_text(r->a, "%s, %s (%d,%d)%s", r->name, tfl_op_name(code), axes[n][0], axes[n][1],
                         keep ? " keep_dims" : "");
}

static const struct tfl_model *heads(struct arena *a, uint64_t seed, const char **name)
{
    static const int32_t units[] = {1, 4, 10, 30, 64, 130};
    struct recipe r;
    start(&r, a, seed);
    if (random_next(&r.s) % 2)
        conv(&r);
    reduce(&r);
    bool pixel = now(&r)->rank == 2 || (now(&r)->shape[1] == 1 && now(&r)->shape[2] == 1);
    int32_t n = ANY(&r.s, units);
    switch (pixel ? random_next(&r.s) % 4 : 0) {
    case 1:
        r.t = make_fully_connected(r.k, now(&r)->rank == 2 ? r.t : make_flatten(r.k, r.t), n, TFL_ACT_NONE);
        r.name = arena_text(a, "%s, fully connected -> %d", r.name, n);
        break;
    case 2:
        if (now(&r)->rank == 4) {
            r.t = make_conv_2d(r.k, r.t, &(struct make_window){.size = 1, .channels = n});
            r.name = arena_text(a, "%s, conv 1 -> %d", r.name, n);
        }
        break;
    case 3:
        r.t = make_softmax(r.k, now(&r)->rank == 2 ? r.t : make_flatten(r.k, r.t));
        r.name = arena_text(a, "%s, softmax", r.name);
        break;
    default:
        break;
    }
    make_output(r.k, r.t);
    *name = r.name;
    return maker_finish(r.k);
}

/* The end of a classifier whose channels are exchanged between the tiles. */
static const struct tfl_model *exchanges(struct arena *a, uint64_t seed, const char **name)
{
    static const int32_t channels[] = {256, 256, 512, 768, 1024}, units[] = {10, 64, 65, 200, 1001};
    uint64_t s = seed;
    enum tfl_type type = random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8;
    struct maker *k = maker_new(a, type, seed);
    int32_t y = 4 + (int32_t)(random_next(&s) % 8), x = random_next(&s) % 2 ? y : 4 + (int32_t)(random_next(&s) % 10);
    int32_t c = ANY(&s, channels), n = ANY(&s, units);
    bool max = random_next(&s) % 4 == 0, soft = random_next(&s) % 2;
    int t = make_input(k, 3, (int32_t[]){y, x, 3});
    t = make_conv_2d(k, t, &(struct make_window){.size = 1, .channels = c, .activation = TFL_ACT_RELU6});
    if (random_next(&s) % 3 == 0)
        t = make_reduce(k, TFL_OP_MEAN, t, 2, (int32_t[]){1, 2}, true);
    else
        t = make_pool(k, max ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, t,
                      &(struct make_window){.size = y, .width = x, .stride = 1, .padding = TFL_PAD_VALID});
    *name = arena_text(a, "%s %dx%dx%d, %s -> %d%s", type == TFL_INT8 ? "int8" : "uint8", y, x, c,
                       max ? "max" : "average", n,
                       soft ? ", softmax" : "");
    if (random_next(&s) % 4)
        t = make_conv_2d(k, t, &(struct make_window){.size = 1, .channels = n});
    t = make_flatten(k, t);
    make_output(k, soft ? make_softmax(k, t) : t);
    return maker_finish(k);
}

typedef const struct tfl_model *recipe_fn(struct arena *a, uint64_t seed, const char **name);

/* Runs the recipe over the seeds; at least `least` of 100 must be whole and exact. */
static void run(recipe_fn *make, unsigned least)
{
    const char *seeds = getenv("SEEDS"), *first = getenv("FIRST");
    uint64_t n = seeds ? strtoull(seeds, NULL, 10) : 60, from = first ? strtoull(first, NULL, 10) : 1;
    unsigned exact = 0, partly = 0, too_large = 0, wrong = 0;
    for (uint64_t seed = from; seed < from + n; seed++) {
        struct arena *a = arena_new();
        const char *name, *why = NULL;
        struct judgement j = judge(a, make(a, seed, &name));
        for (uint32_t i = 0; i < j.compiled.n_ops && !why; i++)
            why = j.compiled.ops[i].why;
        bool limit = j.fault && strstr(j.fault, "do not fit");
        bool whole = !j.fault && j.compiled.n_mapped == j.compiled.n_ops;
        exact += whole;
        too_large += limit;
        wrong += j.fault && !limit;
        partly += !j.fault && !whole;
        if ((j.fault && !limit) || getenv("VERBOSE"))
            print_message("seed %llu: %s: %s\n", (unsigned long long)seed, name,
                          j.fault ? j.fault : why ? why : "exact");
        if (!j.fault && !whole)
            assert_non_null(why); /* a refusal always has a reason */
        arena_free(a);
    }
    print_message("%llu models: %u exact, %u exact with a part on the CPU, %u too large, %u wrong\n",
                  (unsigned long long)n, exact, partly,
                  too_large, wrong);
    assert_int_equal(wrong, 0);
    assert_true(n < 20 || exact * 100 >= least * n);
}

static void random_pools(void **state)
{
    (void)state;
    run(pools, 90);
}

static void random_heads(void **state)
{
    (void)state;
    run(heads, 60);
}

static void random_exchanges(void **state)
{
    (void)state;
    run(exchanges, 100);
}

static void whole_networks(void **state)
{
    (void)state;
    for (int type = 0; type < 2; type++) {
        struct arena *a = arena_new();
        enum tfl_type t = type ? TFL_INT8 : TFL_UINT8;
        const struct tfl_model *m[] = {make_mobilenet(a, t, 1, 64, 8, 10), make_mobilenet(a, t, 2, 128, 8, 30),
                                       make_conv_net(a, t, 3, 32, 16, 4)};
        for (size_t i = 0; i < sizeof m / sizeof *m; i++) {
            struct judgement j = judge(a, m[i]);
            if (j.fault)
                fail_msg("network %zu: %s", i, j.fault);
            assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
        }
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_pools), cmocka_unit_test(random_heads),
                                       cmocka_unit_test(random_exchanges), cmocka_unit_test(whole_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

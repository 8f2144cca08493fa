/* Random pools and reductions, alone, between convolutions and at the end of a classifier, and whole small networks,
 * on the chip: each compiles, or says why not; what compiles gives exactly the kernels' bytes.
 *   LARGE=1  larger images    SEEDS, FIRST, VERBOSE as in judge.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "isa/isa.h"
#include "support/make_model.h"
#include "support/twin.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

struct recipe {
    struct arena *a;
    struct maker *k;
    uint64_t s;
    bool large;
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
}

static void conv(struct recipe *r)
{
    static const int32_t channels[] = {2, 4, 16, 40, 96};
    struct make_window w = {.size = random_next(&r->s) % 2 ? 1 : 3, .channels = ANY(&r->s, channels),
                            .activation = TFL_ACT_RELU6};
    r->t = make_conv_2d(r->k, r->t, &w);
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
}

static const struct tfl_model *pools(struct arena *a, uint64_t seed)
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
    return maker_finish(r.k);
}

/* MEAN, SUM, REDUCE_MAX, REDUCE_MIN over rows, columns, or both; or a pool of the whole image. */
static void reduce(struct recipe *r)
{
    static const enum tfl_builtin codes[] = {TFL_OP_MEAN, TFL_OP_MEAN, TFL_OP_SUM, TFL_OP_REDUCE_MAX,
                                             TFL_OP_REDUCE_MIN};
    static const int32_t axes[][2] = {{1, 2}, {2, 1}, {1, 2}, {1, 0}, {2, 0}};
    const int32_t *d = now(r)->shape;
    if (random_next(&r->s) % 2) {
        bool max = random_next(&r->s) % 3 == 0;
        struct make_window w = {.size = d[1], .width = d[2], .stride = 1, .padding = TFL_PAD_VALID};
        r->t = make_pool(r->k, max ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, r->t, &w);
        return;
    }
    uint64_t n = random_next(&r->s) % 5;
    bool keep = n > 2 || random_next(&r->s) % 2;
    enum tfl_builtin code = ANY(&r->s, codes);
    r->t = make_reduce(r->k, code, r->t, n > 2 ? 1 : 2, axes[n], keep);
}

static const struct tfl_model *heads(struct arena *a, uint64_t seed)
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
        break;
    case 2:
        if (now(&r)->rank == 4) {
            r.t = make_conv_2d(r.k, r.t, &(struct make_window){.size = 1, .channels = n});
        }
        break;
    case 3:
        r.t = make_softmax(r.k, now(&r)->rank == 2 ? r.t : make_flatten(r.k, r.t));
        break;
    default:
        break;
    }
    make_output(r.k, r.t);
    return maker_finish(r.k);
}

/* The end of a classifier whose channels are exchanged between the tiles. */
static const struct tfl_model *exchanges(struct arena *a, uint64_t seed)
{
    static const int32_t channels[] = {1, 3, 10, 30, 65, 100, 192, 256, 256, 320, 512, 768, 1000, 1024, 1280, 2048},
                         units[] = {10, 64, 65, 200, 1001};
    uint64_t s = seed;
    enum tfl_type type = random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8;
    struct maker *k = maker_new(a, type, seed);
    int32_t y = 1 + (int32_t)(random_next(&s) % 11), x = random_next(&s) % 2 ? y : 1 + (int32_t)(random_next(&s) % 20);
    int32_t c = ANY(&s, channels), n = ANY(&s, units);
    bool max = random_next(&s) % 4 == 0, soft = random_next(&s) % 2;
    int t = make_input(k, 3, (int32_t[]){y, x, 3});
    t = make_conv_2d(k, t, &(struct make_window){.size = 1, .channels = c, .activation = TFL_ACT_RELU6});
    if (random_next(&s) % 3 == 0)
        t = make_reduce(k, TFL_OP_MEAN, t, 2, (int32_t[]){1, 2}, true);
    else
        t = make_pool(k, max ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, t,
                      &(struct make_window){.size = y, .width = x, .stride = 1, .padding = TFL_PAD_VALID});
    if (random_next(&s) % 4)
        t = make_conv_2d(k, t, &(struct make_window){.size = 1, .channels = n});
    t = make_flatten(k, t);
    make_output(k, soft ? make_softmax(k, t) : t);
    return maker_finish(k);
}

/* Reductions of channels; the pixels are one channel then, for a convolution or beside the image they came from. */
static const struct tfl_model *over_channels(struct arena *a, uint64_t seed)
{
    static const enum tfl_builtin codes[] = {TFL_OP_MEAN, TFL_OP_SUM, TFL_OP_REDUCE_MAX, TFL_OP_REDUCE_MIN};
    struct recipe r;
    start(&r, a, seed);
    if (random_next(&r.s) % 2)
        conv(&r);
    int image = r.t;
    r.t = make_reduce(r.k, ANY(&r.s, codes), r.t, 1, (int32_t[]){3}, true);
    switch (random_next(&r.s) % 3) {
    case 0: conv(&r); break;
    case 1: r.t = make_binary(r.k, TFL_OP_SUB, image, r.t, TFL_ACT_NONE); break;
    default: break;
    }
    make_output(r.k, r.t);
    return maker_finish(r.k);
}

static void channels(void **state)
{
    (void)state;
    judge_draws(over_channels, 40, 95);
}

static void random_pools(void **state)
{
    (void)state;
    judge_draws(pools, 60, 90);
}

static void random_heads(void **state)
{
    (void)state;
    judge_draws(heads, 60, 60);
}

static void random_exchanges(void **state)
{
    (void)state;
    judge_draws(exchanges, 80, 100);
}

/* Few pixels of few channels: loops of one word. */
static void small_exchanges(void **state)
{
    (void)state;
    for (int32_t y = 1; y <= 3; y++)
        for (int32_t x = 1; x <= 5; x++)
            for (int32_t z = 1; z <= 5; z += 2) {
                struct arena *a = arena_new();
                struct maker *k = maker_new(a, TFL_INT8, 1);
                int t = make_input(k, 3, (int32_t[]){y, x, z});
                t = make_reduce(k, TFL_OP_MEAN, t, 2, (int32_t[]){1, 2}, false);
                make_output(k, make_fully_connected(k, t, 3, TFL_ACT_NONE));
                assert_true(judge_exact(a, maker_finish(k)));
                arena_free(a);
            }
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

/* Chained as in YOLO: all are joined, so the borders that the windows read have other readers of their pixels. */
static const struct tfl_model *pyramid(struct arena *a, int32_t side, int32_t channels, bool padded_twice)
{
    const struct make_window five = {.size = 5, .stride = 1};
    struct maker *k = maker_new(a, side % 2 ? TFL_INT8 : TFL_UINT8, (uint64_t)side);
    int x[3], first = make_conv_2d(k, make_input(k, 3, (int32_t[]){side, side, 4}),
                                   &(struct make_window){.channels = channels, .size = 1});
    x[0] = first;
    for (int i = 1; i < 3; i++) {
        x[i] = make_pool(k, TFL_OP_MAX_POOL_2D, x[i - 1], &five);
        maker_tensor(k, x[i])->quant = maker_tensor(k, x[0])->quant;
    }
    int joined = make_concatenation(k, 3, x, 3);
    maker_tensor(k, joined)->quant = maker_tensor(k, x[0])->quant;
    make_output(k, joined);
    if (padded_twice) /* with the zero point, which is not the least value */
        make_output(k, make_conv_2d(k, first, &(struct make_window){.channels = 8, .size = 3}));
    return maker_finish(k);
}

/* One instruction for all tiles with as many pixels; a window that another padding keeps from reading beyond the border
 * still gives the same bytes. */
static void maxima_read_padding(void **state)
{
    static const struct {
        int32_t side, channels;
        bool padded_twice;
        uint32_t instructions; /* of two pools */
    } nets[] = {{20, 64, false, 2}, {20, 128, false, 2}, {10, 128, false, 8}, {7, 12, false, 8}, {13, 64, true, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct arena *a = arena_new();
        const struct tfl_model *m = pyramid(a, nets[i].side, nets[i].channels, nets[i].padded_twice);
        struct compile_result r;
        struct twin_facts facts;
        struct status st = {0};
        assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
        assert_true(twin_facts(a, r.file, &facts, &st));
        if (nets[i].instructions)
            assert_int_equal(facts.opcodes[ISA_MAX], nets[i].instructions);
        else
            assert_true(facts.opcodes[ISA_MAX] > 8);
        assert_true(judge_exact(a, m));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(channels), cmocka_unit_test(random_pools),
                                       cmocka_unit_test(random_heads),
                                       cmocka_unit_test(random_exchanges), cmocka_unit_test(small_exchanges),
                                       cmocka_unit_test(whole_networks), cmocka_unit_test(maxima_read_padding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

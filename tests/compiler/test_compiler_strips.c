/* Image strips: networks with layers that do not fit narrow memory compile, run on the simulated chip in strict mode
 * and give exactly the kernels' bytes. SEEDS=n  how many random models (8)    FIRST=n  number of the first    VERBOSE=1
 * prints each */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "darwinn/package.h"
#include "support/corpus.h"
#include "isa/isa.h"
#include "sim/sim.h"
#include "support/make_model.h"
#include "support/trial.h"
#include "support/twin.h"

static void check(struct arena *a, struct maker *k, int x)
{
    make_output(k, x);
    struct judgement j = judge(a, maker_finish(k));
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
}

static bool count_bands(struct bytes options, void *arg, struct status *st)
{
    struct dwn_package *p;
    struct arena *a = arena_new();
    unsigned *bands = arg;
    bool ok = dwn_from_custom_options(a, options, &p, st);
    for (uint32_t e = 0; ok && e < p->n_executables; e++)
        for (uint32_t k = 0; k < p->executables[e].n_hints; k++)
            *bands += p->executables[e].hints[k].kind == DWN_HINT_DESCRIPTOR &&
                      p->executables[e].hints[k].desc == DWN_INPUT;
    arena_free(a);
    return ok;
}

/* The image behind the strips stays: 40x40x16 in two parts. */
static void stem(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 1);
    int x = make_input(k, 3, (int32_t[]){160, 160, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 128, .size = 3, .stride = 1, .activation = TFL_ACT_RELU6});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 16, .size = 3, .stride = 4});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3});
    check(a, k, x);
    arena_free(a);
}

/* The output itself does not fit. */
static void output_in_passes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 2);
    int x = make_input(k, 3, (int32_t[]){112, 112, 4});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 256, .size = 1});
    check(a, k, x);
    arena_free(a);
}

/* Operands of an ADD and a MUL with other rows than the result, because a 3x3 convolution reads them too; a pool. */
static void residual(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 3);
    const struct make_window one = {.channels = 24, .size = 1, .activation = TFL_ACT_RELU6},
                             three = {.channels = 1, .size = 3};
    int x = make_input(k, 3, (int32_t[]){200, 200, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 24, .size = 3, .stride = 2});
    int y = make_depthwise_conv_2d(k, make_conv_2d(k, x, &one), &three);
    x = make_binary(k, TFL_OP_ADD, x, y, TFL_ACT_NONE);
    y = make_unary(k, TFL_OP_LOGISTIC, make_depthwise_conv_2d(k, x, &three));
    x = make_binary(k, TFL_OP_MUL, x, y, TFL_ACT_NONE);
    x = make_conv_2d(k, x, &(struct make_window){.channels = 96, .size = 1});
    x = make_pool(k, TFL_OP_AVERAGE_POOL_2D, x, &(struct make_window){.size = 3, .stride = 4});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3});
    check(a, k, x);
    arena_free(a);
}

/* x * LOGISTIC(x) of images that fit three times, but not with four times their size beside them: products in pieces,
 * no strips.  Rows of tiles of unequal height; a product that is read with a border. */
static void products_in_pieces(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i ? TFL_UINT8 : TFL_INT8, 20 + i);
        int x = make_input(k, 3, (int32_t[]){i ? 101 : 90, 100, 3});
        x = make_conv_2d(k, x, &(struct make_window){.channels = i ? 64 : 90, .size = 1});
        x = make_binary(k, TFL_OP_MUL, x, make_unary(k, TFL_OP_LOGISTIC, x), TFL_ACT_NONE);
        x = i ? make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3, .stride = 2}) : x;
        make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 4, .size = 1}));
        struct judgement j = judge(a, maker_finish(k));
        struct status st = {0};
        unsigned bands = 0;
        if (j.fault)
            fail_msg("%s", j.fault);
        assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
        assert_true(corpus_packages(a, j.compiled.file, count_bands, &bands, &st));
        assert_int_equal(bands, 1);
        arena_free(a);
    }
}

/* Moves of rows: a PAD that windows with padding of their own read, a CONCATENATION of rows. */
static void moved_rows(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 4);
    int x = make_input(k, 3, (int32_t[]){170, 171, 3});
    x = make_pad(k, x, (int32_t[]){0, 0, 3, 14, 0, 6, 0, 0});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 96, .size = 3});
    int y = make_pool(k, TFL_OP_MAX_POOL_2D, x, &(struct make_window){.size = 3, .stride = 3});
    int z = make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3, .stride = 3});
    int both[] = {y, make_quantize(k, z, TFL_UINT8)};
    x = make_concatenation(k, 2, both, 1);
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 1});
    check(a, k, x);
    arena_free(a);
}

/* Inside a network, where a skip connection is alive beside the strips and goes on behind them. */
static void inside(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 5);
    const struct make_window wide = {.channels = 400, .size = 1, .activation = TFL_ACT_RELU6},
                             three = {.channels = 1, .size = 3}, narrow = {.channels = 16, .size = 1};
    int x = make_input(k, 3, (int32_t[]){61, 61, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 16, .size = 3});
    int y = make_conv_2d(k, make_depthwise_conv_2d(k, make_conv_2d(k, x, &wide), &three), &narrow);
    y = make_binary(k, TFL_OP_ADD, x, y, TFL_ACT_NONE);
    int z = make_depthwise_conv_2d(k, make_conv_2d(k, y, &wide), &(struct make_window){.channels = 1, .size = 5});
    y = make_binary(k, TFL_OP_ADD, y, make_conv_2d(k, z, &narrow), TFL_ACT_NONE);
    make_output(k, y);
    check(a, k, make_binary(k, TFL_OP_ADD, x, y, TFL_ACT_NONE));
    arena_free(a);
}

/* An image with few rows: its strips are columns.  Two outputs leave behind them. */
static void columns(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 6);
    const struct make_window wide = {.channels = 400, .size = 1, .activation = TFL_ACT_RELU6},
                             three = {.channels = 1, .size = 3};
    int x = make_input(k, 3, (int32_t[]){10, 480, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 12, .size = 3});
    x = make_depthwise_conv_2d(k, make_conv_2d(k, x, &wide), &three);
    make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 5, .size = 1}));
    check(a, k, make_conv_2d(k, x, &(struct make_window){.channels = 9, .size = 1}));
    arena_free(a);
}

/* No image after any of 120 steps fits: one group has all of them.  Only compiled: running it takes minutes. */
static void many_steps(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 7);
    int x = make_input(k, 3, (int32_t[]){256, 256, 3});
    for (int i = 0; i < 120; i++)
        x = make_conv_2d(k, x, &(struct make_window){.channels = 64, .size = 1});
    make_output(k, x);
    const struct tfl_model *m = maker_finish(k);
    struct compile_result r;
    struct status st = {0};
    assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    assert_int_equal(r.n_mapped, 120);
    arena_free(a);
}

/* A row for each tile row does not fit with what it reads around it, and the output leaves row by row: strips of rows
 * that are cut into strips of columns. */
static void rows_and_columns(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 8);
    int x = make_input(k, 3, (int32_t[]){64, 64, 772});
    check(a, k, make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3, .dilation = 3}));
    arena_free(a);
}

/* The official form of columns: the input comes once and is kept in wide memory, parts of the end are joined behind the
 * last strip (catalogue: 64x64xN).  Tile rows of unequal height, strips of unequal width, a stride. */
static void kept_columns(void **state)
{
    static const struct {
        int32_t rows, columns, channels, size, stride;
    } shapes[] = {{64, 64, 340, 1, 1}, {61, 70, 330, 3, 2}};
    (void)state;
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i ? TFL_UINT8 : TFL_INT8, 8 + i);
        int x = make_input(k, 3, (int32_t[]){shapes[i].rows, shapes[i].columns, 3});
        x = make_conv_2d(k, x, &(struct make_window){.channels = shapes[i].channels, .size = shapes[i].size});
        x = make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3});
        x = make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3, .stride = shapes[i].stride});
        if (i)
            x = make_conv_2d(k, x, &(struct make_window){.channels = 12, .size = 1});
        check(a, k, x);
        arena_free(a);
    }
}

/* Whole, the output does not fit beside its parts: rows, and columns in each of them. */
static void output_in_rows_and_columns(void **state)
{
    static const struct {
        int32_t rows, columns, z, channels, size;
    } shapes[] = {{64, 64, 3, 400, 3}, {55, 62, 4, 480, 1}};
    (void)state;
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, i ? TFL_UINT8 : TFL_INT8, 10 + i);
        int x = make_input(k, 3, (int32_t[]){shapes[i].rows, shapes[i].columns, shapes[i].z});
        x = make_conv_2d(k, x, &(struct make_window){.channels = shapes[i].channels, .size = shapes[i].size});
        x = make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = i ? 5 : 3});
        check(a, k, x);
        arena_free(a);
    }
}

/* The same where a convolution's sums fill wide memory up to the identity matrix of the input, which the next strip of
 * rows finds again: they overwrote it. */
static void sums_below_the_identity(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 12);
    const struct make_window window = {.channels = 400, .size = 3};
    int x = make_conv_2d(k, make_input(k, 3, (int32_t[]){64, 64, 3}), &window);
    make_output(k, make_conv_2d(k, x, &window));
    const struct tfl_model *m = maker_finish(k);
    struct compile_result r;
    struct tfl_model *compiled;
    struct status st = {0};
    assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    assert_true(tfl_read(a, r.file, &compiled, &st));
    struct sim *sim = sim_new(&(struct sim_options){0}); /* 6e9 multiply-adds: too many for the strict one */
    const char *fault = trial_difference(a, m, compiled, sim, 1);
    sim_free(sim);
    if (fault)
        fail_msg("%s", fault);
    arena_free(a);
}

static struct twin_facts facts_of(struct arena *a, const struct tfl_model *m)
{
    struct compile_result r;
    struct twin_facts facts;
    struct status st = {0};
    assert_true(compile_models(a, &m, 1, &(struct compile_options){.min_runtime_version = 14}, &r, &st));
    assert_true(twin_facts(a, r.file, &facts, &st));
    return facts;
}

/* Pixels go to the tiles of a strip over the mesh; over the ring each pass took 16 instructions 0x13 and more. */
static void over_the_mesh(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 12);
    int x = make_input(k, 3, (int32_t[]){90, 86, 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 88, .size = 1});
    const struct tfl_quant numbers = maker_tensor(k, x)->quant;
    x = make_resize(k, TFL_OP_RESIZE_NEAREST_NEIGHBOR, x, 180, 172, false, false);
    maker_tensor(k, x)->quant = numbers;
    x = make_depthwise_conv_2d(k, x, &(struct make_window){.channels = 1, .size = 3});
    x = make_unary(k, TFL_OP_LOGISTIC, x);
    x = make_conv_2d(k, x, &(struct make_window){.channels = 8, .size = 3, .stride = 3});
    make_output(k, x);
    const struct tfl_model *m = maker_finish(k);
    struct twin_facts facts = facts_of(a, m);
    assert_true(facts.opcodes[ISA_MESH_NORTH] + facts.opcodes[ISA_MESH_WEST] > 8);
    assert_in_range(facts.opcodes[ISA_TO_WIDE], 0, 8);
    assert_true(judge_exact(a, m));
    arena_free(a);
}

/* x * sigmoid(x) behind a convolution: its product takes six images' room. */
static int swish(struct maker *k, int x, int32_t size, int32_t channels)
{
    x = make_conv_2d(k, x, &(struct make_window){.channels = channels, .size = size});
    return make_binary(k, TFL_OP_MUL, x, make_unary(k, TFL_OP_LOGISTIC, x), TFL_ACT_NONE);
}

/* Every repeated step brings its instructions from the host again: those that fit are not drawn into a group to spare a
 * move (yolov8n, its first block).  Only compiled: running it takes long. */
static void no_more_steps_than_needed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 13);
    int x = swish(k, make_input(k, 3, (int32_t[]){160, 160, 3}), 1, 32);
    x = swish(k, x, 1, 16);
    x = swish(k, swish(k, x, 3, 16), 3, 16);
    x = swish(k, x, 1, 32);
    make_output(k, swish(k, x, 1, 8));
    struct twin_facts facts = facts_of(a, maker_finish(k));
    assert_in_range(facts.opcodes[ISA_TABLE], 6, 12);
    arena_free(a);
}

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

enum { MOST_MACS = 60 << 20 }; /* seconds of simulation */

/* A convolution, plain or depthwise, of an image of x; *macs goes up by its products, or nothing is added. */
static int random_layer(struct maker *k, int x, uint64_t *s, int64_t *macs)
{
    static const int32_t kernels[] = {1, 1, 3, 3, 5, 7}, strides[] = {1, 1, 1, 2, 2, 3},
                         channels[] = {2, 3, 8, 17, 48, 64, 160};
    struct make_window w = {.size = ANY(s, kernels), .stride = ANY(s, strides), .channels = ANY(s, channels),
                            .padding = random_next(s) % 4 ? TFL_PAD_SAME : TFL_PAD_VALID, .activation = TFL_ACT_RELU6};
    const struct tfl_tensor *t = maker_tensor(k, x);
    int32_t rows = t->shape[1], columns = t->shape[2], in = t->shape[3];
    bool depthwise = random_next(s) % 3 == 0, same = w.padding == TFL_PAD_SAME || rows < w.size || columns < w.size;
    w.dilation = w.stride == 1 && same && random_next(s) % 4 == 0 ? 2 : 1;
    w.padding = same ? TFL_PAD_SAME : TFL_PAD_VALID;
    int64_t all = (int64_t)(rows / w.stride) * (columns / w.stride) * w.size * w.size * in *
                  (depthwise ? 4 : round_up(w.channels, 64));
    if (*macs + all > MOST_MACS)
        return x;
    *macs += all;
    if (depthwise)
        w.channels = 1;
    return depthwise ? make_depthwise_conv_2d(k, x, &w) : make_conv_2d(k, x, &w);
}

static int random_chain(struct maker *k, uint64_t *s)
{
    static const int32_t sizes[] = {150, 161, 200, 230}, channels[] = {1, 2, 3, 3, 4}, wide[] = {64, 96, 120};
    int32_t rows = ANY(s, sizes), columns = ANY(s, sizes);
    int64_t macs = 0;
    int x = make_input(k, 3, (int32_t[]){rows, columns, ANY(s, channels)});
    x = make_conv_2d(k, x, &(struct make_window){.size = random_next(s) % 2 ? 1 : 2, .channels = ANY(s, wide)});
    for (uint64_t n = 1 + random_next(s) % 4; n > 0; n--) {
        uint64_t kind = random_next(s) % 8;
        int y = random_layer(k, x, s, &macs);
        const int32_t *a = maker_tensor(k, x)->shape, *b = maker_tensor(k, y)->shape;
        bool alike = x != y && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
        if (alike && kind < 4)
            y = make_binary(k, kind ? TFL_OP_ADD : TFL_OP_MUL, x, y, TFL_ACT_NONE);
        if (kind == 5)
            y = make_unary(k, TFL_OP_LOGISTIC, y);
        if (kind == 6 && b[1] >= 3 && b[2] >= 3)
            y = make_pool(k, random_next(s) % 2 ? TFL_OP_MAX_POOL_2D : TFL_OP_AVERAGE_POOL_2D, y,
                          &(struct make_window){.size = 3, .stride = 2});
        x = y;
    }
    return x;
}

static void random_networks(void **state)
{
    (void)state;
    const char *seeds = getenv("SEEDS"), *first = getenv("FIRST");
    uint64_t n = seeds ? strtoull(seeds, NULL, 10) : 8, from = first ? strtoull(first, NULL, 10) : 1;
    unsigned in_strips = 0, exact = 0, wrong = 0, refused = 0;
    for (uint64_t seed = from; seed < from + n; seed++) {
        struct arena *a = arena_new();
        uint64_t s = seed;
        struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
        make_output(k, random_chain(k, &s));
        const struct tfl_model *m = maker_finish(k);
        struct judgement j = judge(a, m);
        struct status st = {0};
        unsigned bands = 0;
        bool limit = j.fault && strstr(j.fault, "do not fit");
        if (!j.fault && corpus_packages(a, j.compiled.file, count_bands, &bands, &st) && bands > 1)
            in_strips++;
        exact += !j.fault, refused += limit, wrong += j.fault && !limit;
        if (j.fault || getenv("VERBOSE"))
            print_message("seed %llu: %u bands of the input, %u of %u operators: %s\n", (unsigned long long)seed, bands,
                          j.compiled.n_mapped, j.compiled.n_ops, j.fault ? j.fault : "exact");
        arena_free(a);
    }
    print_message("%llu models: %u exact, of these %u in strips; %u do not fit, %u wrong\n", (unsigned long long)n,
                  exact, in_strips, refused, wrong);
    assert_int_equal(wrong, 0);
    assert_true(in_strips > 0);
}

/* A tile with more pixels than a loop of the tensor unit counts (2^14): loops of rows and columns, word by word and in
 * a sum (bodypix_mobilenet_v1_075_512_512: PAD to 513x513). */
static void many_pixels_a_tile(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_INT8, 11);
    int x = make_input(k, 3, (int32_t[]){515, 515, 1});
    x = make_pad(k, x, (int32_t[]){0, 0, 0, 1, 0, 1, 0, 0});
    check(a, k, make_binary(k, TFL_OP_ADD, x, x, TFL_ACT_NONE));
    arena_free(a);
}

/* An output that nobody else reads, of an image made before the strips, leaves behind them; one that they read too. */
static void outputs_before_strips(void **state)
{
    (void)state;
    for (int read_too = 0; read_too < 2; read_too++) {
        struct arena *a = arena_new();
        struct maker *k = maker_new(a, TFL_INT8, 12);
        const struct make_window wide = {.channels = 400, .size = 1, .activation = TFL_ACT_RELU6},
                                 three = {.channels = 1, .size = 3}, narrow = {.channels = 16, .size = 1};
        int x = make_input(k, 3, (int32_t[]){61, 61, 3});
        x = make_conv_2d(k, x, &(struct make_window){.channels = 16, .size = 3});
        int y = make_conv_2d(k, x, &narrow);
        make_output(k, y);
        x = make_depthwise_conv_2d(k, make_conv_2d(k, read_too ? y : x, &wide), &three);
        check(a, k, make_conv_2d(k, x, &narrow));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stem), cmocka_unit_test(many_pixels_a_tile),
                                       cmocka_unit_test(outputs_before_strips), cmocka_unit_test(output_in_passes),
                                       cmocka_unit_test(residual), cmocka_unit_test(products_in_pieces),
                                       cmocka_unit_test(moved_rows),
                                       cmocka_unit_test(inside), cmocka_unit_test(columns),
                                       cmocka_unit_test(many_steps),
                                       cmocka_unit_test(rows_and_columns),
                                       cmocka_unit_test(kept_columns), cmocka_unit_test(output_in_rows_and_columns),
                                       cmocka_unit_test(sums_below_the_identity),
                                       cmocka_unit_test(over_the_mesh), cmocka_unit_test(no_more_steps_than_needed),
                                       cmocka_unit_test(random_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tensors that are images under other names (view.h): heads of YOLOv5, whole and in random pieces, compiled and run on
 * the simulated chip, give exactly the kernels' bytes.  SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

struct head {
    int32_t y, x, anchors, c;
};

static int part_of(struct maker *k, const struct head *h, int x, int32_t from, int32_t count)
{
    return make_strided_slice(k, x, (int32_t[]){0, 0, 0, from}, (int32_t[]){1, h->y * h->x, h->anchors, from + count},
                              (int32_t[]){1, 1, 1, 1});
}

static int times(struct maker *k, int x, uint32_t rank, const int32_t *shape)
{
    return make_binary(k, TFL_OP_MUL, x, make_random(k, rank, shape), TFL_ACT_NONE);
}

/* As yolov5n has it: centres, sizes and scores of the boxes. */
static int yolo_head(struct maker *k, const struct head *h, int image)
{
    static const int32_t pair[] = {2};
    const int32_t pixels = h->y * h->x;
    int x = make_reshape(k, image, 4, (int32_t[]){1, pixels, h->anchors, h->c});
    int centre = times(k, part_of(k, h, x, 0, 2), 0, NULL);
    centre = make_binary(k, TFL_OP_ADD, centre, make_random(k, 4, (int32_t[]){1, pixels, 1, 2}), TFL_ACT_NONE);
    centre = times(k, times(k, centre, 0, NULL), 1, pair);
    int size = part_of(k, h, x, 2, 2);
    size = times(k, make_binary(k, TFL_OP_MUL, size, size, TFL_ACT_NONE), 4, (int32_t[]){1, 1, h->anchors, 2});
    size = times(k, size, 1, pair);
    int score = make_unary(k, TFL_OP_LOGISTIC, part_of(k, h, x, 4, h->c - 4));
    return make_concatenation(k, 3, (int[]){centre, size, score}, 3);
}

enum { HEADS = 3 };

/* The heads' rows one behind another; features of each come from the host. */
static const struct tfl_model *detector(struct maker *k, int n, const struct head *heads)
{
    struct tfl_quant numbers;
    int inputs[HEADS], rows[HEADS];
    for (int i = 0; i < n; i++)
        inputs[i] = make_input(k, 3, (int32_t[]){heads[i].y, heads[i].x, 8});
    for (int i = 0; i < n; i++) {
        const struct head *h = &heads[i];
        int x = make_conv_2d(k, inputs[i], &(struct make_window){.channels = h->anchors * h->c, .size = 1});
        x = yolo_head(k, h, x);
        if (i > 0)
            maker_tensor(k, x)->quant = numbers;
        numbers = maker_tensor(k, x)->quant;
        rows[i] = make_reshape(k, x, 3, (int32_t[]){1, h->y * h->x * h->anchors, h->c});
        maker_tensor(k, rows[i])->quant = numbers;
    }
    int joined = n > 1 ? make_concatenation(k, (uint32_t)n, rows, 1) : rows[0];
    maker_tensor(k, joined)->quant = numbers;
    make_output(k, joined);
    return maker_finish(k);
}

static const struct tfl_model *random_yolo(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {2, 3, 4, 5, 8, 10}, channels[] = {5, 6, 7, 8, 12, 25};
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    int32_t c = ANY(&s, channels);
    int n = 1 + (int)(random_next(&s) % HEADS);
    struct head heads[HEADS];
    for (int i = 0; i < n; i++)
        heads[i] = (struct head){ANY(&s, sizes), ANY(&s, sizes), 2 + (int32_t)(random_next(&s) % 2), c};
    return detector(k, n, heads);
}

static void yolo(void **state)
{
    (void)state;
    judge_draws(random_yolo, 25, 95);
}

/* Images of more than 64 KiB, which no tile could hold whole.  As officially, more rows than a tile takes stay on the
 * CPU: RESHAPE to 1x2352x85 and the CONCATENATION that reads it; the other rows leave the chip as images. */
static void large_heads(void **state)
{
    static const struct head heads[] = {{28, 28, 3, 85}, {5, 5, 3, 85}, {17, 16, 3, 85}};
    struct arena *a = arena_new();
    (void)state;
    assert_true(judge_exact(a, detector(maker_new(a, TFL_INT8, 1), 2, heads + 1)));
    const struct tfl_model *m = detector(maker_new(a, TFL_INT8, 2), 2, heads);
    struct judgement j = judge(a, m);
    if (j.fault)
        fail_msg("%s", j.fault);
    uint32_t last = m->subgraphs[0].n_operators - 1;
    for (uint32_t i = 0; i <= last; i++)
        assert_int_equal(j.compiled.ops[i].mapped, i != 14 && i != last);
    arena_free(a);
}

/* A head of 1x2304x2x85 begins with a RESHAPE that stays on the CPU, as officially. */
static void too_large(void **state)
{
    static const struct head large = {48, 48, 2, 85};
    struct arena *a = arena_new();
    (void)state;
    struct judgement j = judge(a, detector(maker_new(a, TFL_INT8, 1), 1, &large));
    if (j.fault)
        fail_msg("%s", j.fault);
    assert_int_equal(j.compiled.n_mapped, 1);
    assert_non_null(strstr(j.compiled.ops[1].why, "1x2304x2x85"));
    arena_free(a);
}

/* One operator after the other on the views that there are; some are outputs. */
static const struct tfl_model *random_pieces(struct arena *a, uint64_t seed)
{
    static const int32_t sizes[] = {1, 2, 4, 5, 7, 9, 13}, channels[] = {1, 2, 3, 4, 5, 8, 11};
    static const enum tfl_builtin pairs[] = {TFL_OP_ADD, TFL_OP_SUB, TFL_OP_MUL};
    static const enum tfl_builtin tables[] = {TFL_OP_LOGISTIC, TFL_OP_TANH, TFL_OP_RELU};
    enum { MOST = 8 };
    uint64_t s = seed;
    struct maker *k = maker_new(a, random_next(&s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    const struct head h = {ANY(&s, sizes), 2 + ANY(&s, sizes), 2 + (int32_t)(random_next(&s) % 4), ANY(&s, channels)};
    const int32_t pixels = h.y * h.x;
    int x = make_input(k, 3, (int32_t[]){h.y, h.x, h.anchors * h.c}), have[MOST + 1], n = 0;
    if (random_next(&s) % 2)
        x = make_conv_2d(k, x, &(struct make_window){.channels = h.anchors * h.c, .size = 1});
    have[n++] = make_reshape(k, x, 4, (int32_t[]){1, pixels, h.anchors, h.c});
    while (n < 2 + (int)(random_next(&s) % (MOST - 1)) && n < MOST) {
        int from = have[random_next(&s) % (uint64_t)n];
        int32_t c = maker_tensor(k, from)->shape[3], first = (int32_t)(random_next(&s) % (uint64_t)c);
        const int32_t shapes[][4] = {{1, 1, 1, 1},         {1, 1, 1, c},      {1, 1, h.anchors, c},
                                     {1, 1, h.anchors, 1}, {1, pixels, 1, c}, {1, pixels, h.anchors, c},
                                     {1, pixels, 1, 1}};
        switch (random_next(&s) % 5) {
        case 0: have[n++] = part_of(k, &h, from, first, 1 + (int32_t)(random_next(&s) % (uint64_t)(c - first))); break;
        case 1: have[n++] = make_unary(k, ANY(&s, tables), from); break;
        case 2:
            have[n++] = make_binary(k, ANY(&s, pairs), from, make_random(k, 4, ANY(&s, shapes)), TFL_ACT_NONE);
            break;
        case 3: have[n++] = make_binary(k, ANY(&s, pairs), from, from, TFL_ACT_RELU); break;
        default:
            have[n] = make_concatenation(k, 2, (int[]){from, have[random_next(&s) % (uint64_t)n]}, 3);
            n++;
            break;
        }
    }
    for (int i = 1; i < n; i++)
        if (i + 1 == n || random_next(&s) % 4 == 0)
            make_output(k, have[i]);
    return maker_finish(k);
}

static void pieces(void **state)
{
    (void)state;
    judge_draws(random_pieces, 60, 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(yolo), cmocka_unit_test(large_heads),
                                       cmocka_unit_test(too_large),
                                       cmocka_unit_test(pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

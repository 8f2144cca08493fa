/* Graphs with branches and element-wise operators on images: random models, compiled and run on the simulated chip,
 * give exactly the kernels' bytes. SEEDS, FIRST, VERBOSE as in judge.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compiler/judge.h"
#include "support/make_model.h"

#define ANY(s, list) (list)[random_next(s) % (sizeof(list) / sizeof *(list))]

static const int32_t channels[] = {1, 3, 4, 7, 16, 24, 30, 64, 68};
static const int32_t sizes[] = {1, 2, 3, 4, 5, 8, 10, 13, 16, 17, 24};
static const enum tfl_activation activations[] = {TFL_ACT_NONE, TFL_ACT_RELU, TFL_ACT_RELU6, TFL_ACT_RELU_N1_TO_1};

struct draw {
    struct maker *k;
    uint64_t s;
    int32_t y, x, c;
};

static int convolution(struct draw *d, int t, int32_t size, int32_t stride, int32_t c, enum tfl_activation act)
{
    return make_conv_2d(d->k, t,
                        &(struct make_window){.channels = c, .size = size, .stride = stride, .activation = act});
}

static int input(struct draw *d) { return make_input(d->k, 3, (int32_t[]){d->y, d->x, d->c}); }

/* ---- each operator alone ---- */

static void one_binary(struct draw *d)
{
    static const enum tfl_builtin codes[] = {TFL_OP_ADD, TFL_OP_SUB, TFL_OP_MUL};
    enum tfl_builtin code = ANY(&d->s, codes);
    enum tfl_activation act = ANY(&d->s, activations);
    uint64_t second = random_next(&d->s) % 6;
    int a = input(d), b;
    if (second < 2)
        b = input(d);
    else if (second == 2)
        b = convolution(d, a, 1, 1, d->c, TFL_ACT_NONE);
    else if (second == 3)
        b = make_random(d->k, 0, NULL);
    else if (second == 4)
        b = make_random(d->k, 1, &d->c);
    else
        b = a;
    bool swap = second != 5 && second != 3 && second != 4 && random_next(&d->s) % 2;
    make_output(d->k, swap ? make_binary(d->k, code, b, a, act) : make_binary(d->k, code, a, b, act));
}

/* MAXIMUM or MINIMUM with a constant of the same scale. */
static void one_limit(struct draw *d)
{
    int x = input(d), c = make_random(d->k, 0, NULL);
    int y = make_binary(d->k, random_next(&d->s) % 2 ? TFL_OP_MAXIMUM : TFL_OP_MINIMUM, x, c, TFL_ACT_NONE);
    const struct tfl_quant q = maker_tensor(d->k, x)->quant;
    maker_tensor(d->k, c)->quant = q;
    maker_tensor(d->k, y)->quant = q;
    make_output(d->k, y);
}

static void one_unary(struct draw *d)
{
    if (random_next(&d->s) % 8 == 0) {
        one_limit(d);
        return;
    }
    static const enum tfl_builtin codes[] = {TFL_OP_LOGISTIC, TFL_OP_TANH,         TFL_OP_RELU,
                                             TFL_OP_RELU6,    TFL_OP_RELU_N1_TO_1, TFL_OP_QUANTIZE};
    enum tfl_builtin code = ANY(&d->s, codes);
    int a = input(d);
    if (random_next(&d->s) % 2)
        a = convolution(d, a, 3, 1, d->c, TFL_ACT_NONE);
    int b = code == TFL_OP_QUANTIZE ? make_quantize(d->k, a, random_next(&d->s) % 2 ? TFL_INT8 : TFL_UINT8)
                                    : make_unary(d->k, code, a);
    if (code == TFL_OP_QUANTIZE && random_next(&d->s) % 4)
        maker_tensor(d->k, b)->quant.scale[0] *= 1.3f;
    make_output(d->k, b);
}

static void residual(struct draw *d)
{
    int x = input(d);
    uint64_t blocks = 1 + random_next(&d->s) % 3;
    x = convolution(d, x, 3, 1 + (int32_t)(random_next(&d->s) % 2), ANY(&d->s, channels), TFL_ACT_RELU6);
    for (uint64_t i = 0; i < blocks; i++) {
        int32_t c = maker_tensor(d->k, x)->shape[3];
        int y = convolution(d, x, random_next(&d->s) % 2 ? 3 : 1, 1, ANY(&d->s, channels), TFL_ACT_RELU);
        if (random_next(&d->s) % 2)
            y = make_depthwise_conv_2d(d->k, y,
                                       &(struct make_window){.channels = 1, .size = 3, .activation = TFL_ACT_RELU6});
        y = convolution(d, y, random_next(&d->s) % 2 ? 3 : 1, 1, c, TFL_ACT_NONE);
        int shortcut = random_next(&d->s) % 3 ? x : convolution(d, x, 1, 1, c, TFL_ACT_NONE);
        x = make_binary(d->k, random_next(&d->s) % 8 ? TFL_OP_ADD : TFL_OP_MUL, shortcut, y, ANY(&d->s, activations));
        if (random_next(&d->s) % 4 == 0)
            make_output(d->k, x);
    }
    make_output(d->k, convolution(d, x, 3, 1, ANY(&d->s, channels), TFL_ACT_NONE));
}

/* ---- moves ---- */

static int32_t up_to(struct draw *d, int32_t n) { return (int32_t)(random_next(&d->s) % (uint64_t)n); }

static int joined(struct draw *d, int x)
{
    const struct tfl_tensor *t = maker_tensor(d->k, x);
    int32_t y = t->shape[1], w = t->shape[2], c = t->shape[3], axis = 1 + up_to(d, 3);
    bool other = axis == 3 || up_to(d, 2);
    int parts[3] = {x, convolution(d, x, 3, 1, axis == 3 ? ANY(&d->s, channels) : c, TFL_ACT_NONE), x};
    if (other && axis < 3 && y > 1 && w > 1)
        parts[1] = make_slice(d->k, parts[1], (int32_t[]){0, axis == 1, axis == 2, 0},
                              (int32_t[]){1, y - (axis == 1), w - (axis == 2), c});
    return make_concatenation(d->k, 2 + (uint32_t)up_to(d, 2), parts, axis);
}

static int sliced(struct draw *d, int x)
{
    const struct tfl_tensor *t = maker_tensor(d->k, x);
    int32_t begin[4] = {0}, end[4] = {1, 0, 0, 0}, size[4] = {1, 0, 0, 0}, strides[4] = {1, 1, 1, 1};
    bool strided = up_to(d, 2);
    for (int i = 1; i < 4; i++) {
        begin[i] = up_to(d, 3) ? 0 : up_to(d, t->shape[i]);
        size[i] = 1 + up_to(d, t->shape[i] - begin[i]);
        end[i] = begin[i] + size[i];
        strides[i] = i < 3 && strided ? 1 + up_to(d, 3) : 1;
    }
    return strided ? make_strided_slice(d->k, x, begin, end, strides) : make_slice(d->k, x, begin, size);
}

static int cut_up(struct draw *d, int x)
{
    const struct tfl_tensor *t = maker_tensor(d->k, x);
    int32_t axis = 1 + up_to(d, 3), n = t->shape[axis] % 3 == 0 ? 3 : t->shape[axis] % 2 == 0 ? 2 : 1;
    int out[3];
    make_split(d->k, x, axis, (uint32_t)n, out);
    for (int i = 1; i < n; i++)
        make_output(d->k, out[i]);
    return out[0];
}

static int depth_to_space(struct draw *d, int x)
{
    const struct tfl_tensor t = *maker_tensor(d->k, x);
    if (t.shape[3] % 4)
        return make_unary(d->k, TFL_OP_RELU, x);
    int y = make_tensor(d->k, t.type, 4, (int32_t[]){1, 2 * t.shape[1], 2 * t.shape[2], t.shape[3] / 4},
                        t.quant.scale[0], t.quant.zero_point[0], 1);
    make_operator(d->k, TFL_OP_DEPTH_TO_SPACE, 1, &x, 1, &y)->options.depth_to_space.block_size = 2;
    return y;
}

static int moved(struct draw *d, int x)
{
    const struct tfl_tensor *t = maker_tensor(d->k, x);
    int32_t y = t->shape[1], w = t->shape[2];
    switch (up_to(d, 7)) {
    case 0: return joined(d, x);
    case 1: return sliced(d, x);
    case 2: return cut_up(d, x);
    case 3: return make_pad(d->k, x, (int32_t[]){0, 0, up_to(d, 4), up_to(d, 4), up_to(d, 4), up_to(d, 4), 0, 0});
    case 4:
        return make_resize(d->k, TFL_OP_RESIZE_NEAREST_NEIGHBOR, x, y * (1 + up_to(d, 3)), w * (1 + up_to(d, 3)),
                           false, up_to(d, 2));
    case 5: return y % 2 || w % 2 ? depth_to_space(d, x) : make_space_to_depth(d->k, x, 2);
    default: return depth_to_space(d, x);
    }
}

static void moves(struct draw *d)
{
    int x = input(d);
    for (int i = 1 + up_to(d, 2); i > 0; i--) {
        if (up_to(d, 2))
            x = convolution(d, x, 3, 1, ANY(&d->s, channels), TFL_ACT_NONE);
        x = moved(d, x);
    }
    if (up_to(d, 2))
        x = make_conv_2d(d->k, x,
                         &(struct make_window){.channels = 8, .size = 1 + 2 * up_to(d, 2), .padding = TFL_PAD_SAME});
    make_output(d->k, x);
}

/* ---- several inputs and outputs ---- */

/* Images and vectors in and out, results from the middle of the network. */
static void ports(struct draw *d)
{
    int32_t n = 4 * (1 + up_to(d, 40));
    int image = input(d), second = up_to(d, 2) ? input(d) : image, vector = make_input(d->k, 1, &n);
    int x = convolution(d, image, 3, 1, ANY(&d->s, channels), TFL_ACT_RELU6);
    make_output(d->k, x);
    int y = convolution(d, second, 1, 1, maker_tensor(d->k, x)->shape[3], TFL_ACT_NONE);
    if (up_to(d, 2))
        make_output(d->k, y);
    int z = make_binary(d->k, TFL_OP_ADD, x, y, TFL_ACT_NONE);
    int v = make_fully_connected(d->k, vector, 4 * (1 + up_to(d, 30)), TFL_ACT_RELU);
    if (up_to(d, 2))
        make_output(d->k, v);
    make_output(d->k, make_unary(d->k, TFL_OP_LOGISTIC, make_fully_connected(d->k, v, 1 + up_to(d, 10), TFL_ACT_NONE)));
    make_output(d->k, convolution(d, z, 3, 2, ANY(&d->s, channels), TFL_ACT_NONE));
}

/* ---- the loop ---- */

typedef void draw_fn(struct draw *d);

static const struct tfl_model *drawn(struct arena *a, uint64_t seed, draw_fn *draw)
{
    struct draw d = {.s = seed * 977};
    d.k = maker_new(a, random_next(&d.s) % 2 ? TFL_INT8 : TFL_UINT8, seed);
    d.y = ANY(&d.s, sizes), d.x = random_next(&d.s) % 3 ? d.y : ANY(&d.s, sizes), d.c = ANY(&d.s, channels);
    draw(&d);
    return maker_finish(d.k);
}

static const struct tfl_model *binary(struct arena *a, uint64_t seed) { return drawn(a, seed, one_binary); }
static const struct tfl_model *unary(struct arena *a, uint64_t seed) { return drawn(a, seed, one_unary); }
static const struct tfl_model *with_moves(struct arena *a, uint64_t seed) { return drawn(a, seed, moves); }
static const struct tfl_model *with_residuals(struct arena *a, uint64_t seed) { return drawn(a, seed, residual); }
static const struct tfl_model *with_ports(struct arena *a, uint64_t seed) { return drawn(a, seed, ports); }

enum { MODELS = 40 }; /* of each kind */

static void binaries(void **state) { (void)state, judge_draws(binary, MODELS, 90); }
static void unaries(void **state) { (void)state, judge_draws(unary, MODELS, 90); }
static void all_moves(void **state) { (void)state, judge_draws(with_moves, MODELS, 70); }
static void residuals(void **state) { (void)state, judge_draws(with_residuals, MODELS, 80); }
static void many_ports(void **state) { (void)state, judge_draws(with_ports, MODELS, 90); }

static void mobilenet_v2(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct judgement j = judge(a, make_mobilenet_v2(a, TFL_INT8, 1, 32, 10));
    assert_string_equal(j.fault ? j.fault : "exact", "exact");
    assert_int_equal(j.compiled.n_mapped, j.compiled.n_ops);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(binaries),   cmocka_unit_test(unaries),
                                       cmocka_unit_test(residuals),  cmocka_unit_test(all_moves),
                                       cmocka_unit_test(many_ports), cmocka_unit_test(mobilenet_v2)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Shapes, windows and refusals; convolutions against loops written out. */
#include "kern_test.h"

/* ---- convolutions, written out in integers ---- */

struct naive {
    const struct kern_tensor *x, *w;
    struct kern_window p;
    int32_t before_h, before_w;
    bool depthwise;
};

static int64_t tap(const struct naive *n, int32_t oy, int32_t ox, int32_t fy, int32_t fx, int32_t ch, int32_t oc)
{
    const struct kern_tensor *x = n->x, *w = n->w;
    int32_t iy = oy * n->p.stride_h - n->before_h + fy * n->p.dilation_h;
    int32_t ix = ox * n->p.stride_w - n->before_w + fx * n->p.dilation_w;
    if (iy < 0 || iy >= x->dim[1] || ix < 0 || ix >= x->dim[2])
        return 0;
    int32_t groups = x->dim[3] / w->dim[3], first = n->depthwise ? oc / (w->dim[3] / x->dim[3])
                                                                 : oc / (w->dim[0] / groups) * w->dim[3];
    size_t in = (size_t)((iy * x->dim[2] + ix) * x->dim[3] + first + ch);
    size_t wt = n->depthwise ? (size_t)((fy * w->dim[2] + fx) * w->dim[3] + oc)
                             : (size_t)(((oc * w->dim[1] + fy) * w->dim[2] + fx) * w->dim[3] + ch);
    return (int64_t)(at(x, in) - x->zero[0]) * (at(w, wt) - w->zero[0]);
}

/* With scales of 1 everywhere the output is the sum itself, clamped. */
static void check_sums(const struct naive *n, const struct kern_tensor *y)
{
    size_t i = 0;
    for (int32_t oy = 0; oy < y->dim[1]; oy++)
        for (int32_t ox = 0; ox < y->dim[2]; ox++)
            for (int32_t oc = 0; oc < y->dim[3]; oc++, i++) {
                int64_t sum = 0;
                for (int32_t fy = 0; fy < n->w->dim[1]; fy++)
                    for (int32_t fx = 0; fx < n->w->dim[2]; fx++)
                        for (int32_t ch = 0; ch < (n->depthwise ? 1 : n->w->dim[3]); ch++)
                            sum += tap(n, oy, ox, fy, fx, ch, oc);
                assert_int_equal(at(y, i), sum < -128 ? -128 : sum > 127 ? 127 : sum);
            }
}

static struct kern_tensor *small_tensor(struct bench *b, uint32_t rank, const int32_t *dim, int64_t zero)
{
    struct kern_tensor *t = random_tensor(b, KERN_I8, rank, dim, 1, zero);
    for (size_t i = 0; i < kern_elements(t); i++)
        ((int8_t *)t->data)[i] = (int8_t)(random_next(&b->random) % 7) - 3;
    return t;
}

static void convolutions_are_their_sums(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct bench b;
        bench_open(&b, KERN_TFLITE, seed);
        int32_t k = 1 + (int32_t)(seed % 3), groups = seed % 4 == 0 ? 2 : 1, depth = 3;
        struct naive n = {.depthwise = seed % 2, .p = {.same = seed % 5 < 3, .stride_h = 1 + (int32_t)(seed % 2),
                          .stride_w = 1 + (int32_t)(seed / 2 % 3), .dilation_h = 1 + (int32_t)(seed / 3 % 2),
                          .dilation_w = 1}};
        n.x = small_tensor(&b, DIMS(1, 8, 7, depth * groups), 1);
        n.w = n.depthwise ? small_tensor(&b, DIMS(1, k, 2, depth * groups * 2), 0)
                          : small_tensor(&b, DIMS(4, k, 2, depth), 0);
        struct kern_tensor *y = tensor(&b, KERN_I8, 0, NULL, 1, 0);
        if (n.depthwise)
            RUN(&b, kern_depthwise_conv_2d(&b.c, &n.p, n.x, n.w, NULL, y));
        else
            RUN(&b, kern_conv_2d(&b.c, &n.p, n.x, n.w, NULL, y));
        int32_t total_h = (y->dim[1] - 1) * n.p.stride_h + (k - 1) * n.p.dilation_h + 1 - 8;
        int32_t total_w = (y->dim[2] - 1) * n.p.stride_w + 2 - 7;
        n.before_h = n.p.same && total_h > 0 ? total_h / 2 : 0;
        n.before_w = n.p.same && total_w > 0 ? total_w / 2 : 0;
        check_sums(&n, y);
        bench_close(&b);
    }
}

/* ---- refusals: a sentence with the tensor's name, never a crash ---- */

static void refuse(struct bench *b, bool ok, const char *part)
{
    assert_false(ok);
    if (!strstr(b->st.message, part))
        fail_msg("'%s' does not say '%s'", b->st.message, part);
    b->st = (struct status){0};
}

static void bad_tensors_are_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, KERN_TFLITE, 1);
    struct kern_tensor *x = random_tensor(&b, KERN_I8, DIMS(1, 4, 4, 3), 0.1f, 0);
    struct kern_tensor *u = random_tensor(&b, KERN_U8, DIMS(1, 4, 4, 3), 0.1f, 0);
    struct kern_tensor *flat = random_tensor(&b, KERN_I8, DIMS(1, 48), 0.1f, 0);
    struct kern_tensor *w = random_tensor(&b, KERN_I8, DIMS(5, 2, 2, 3), 0.1f, 0);
    struct kern_tensor *bias = random_tensor(&b, KERN_I32, DIMS(4), 0, 0);
    struct kern_tensor *y = tensor(&b, KERN_I8, 0, NULL, 0.1f, 0), *bare = tensor(&b, KERN_I8, 0, NULL, 0, 0);
    struct kern_window p = {.stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1};
    refuse(&b, kern_conv_2d(&b.c, &p, u, w, NULL, y), "one type");
    refuse(&b, kern_conv_2d(&b.c, &p, flat, w, NULL, y), "2 dimensions, expected 4");
    refuse(&b, kern_conv_2d(&b.c, &p, x, w, bias, y), "4 elements, expected 5");
    refuse(&b, kern_conv_2d(&b.c, &p, x, w, NULL, bare), "one scale");
    struct kern_window bad = p;
    bad.stride_w = 0;
    refuse(&b, kern_conv_2d(&b.c, &bad, x, w, NULL, y), "stride 0");
    bad = p, bad.dilation_h = 5;
    refuse(&b, kern_conv_2d(&b.c, &bad, x, w, NULL, y), "larger than its input");
    bad = p, bad.act = (enum kern_activation)4;
    refuse(&b, kern_conv_2d(&b.c, &bad, x, w, NULL, y), "activation 4");
    w->zero = arena_copy(b.a, &(int64_t){300}, 8);
    refuse(&b, kern_conv_2d(&b.c, &p, x, w, NULL, y), "zero point 300");
    refuse(&b, kern_reshape(&b.c, (int32_t[]){-1, -1}, 2, x, y), "two sizes of -1");
    refuse(&b, kern_reshape(&b.c, (int32_t[]){-1, 7}, 2, x, y), "would have 42");
    refuse(&b, kern_add(&b.c, KERN_ACT_NONE, x, flat, y), "broadcast");
    refuse(&b, kern_concatenation(&b.c, 4, KERN_ACT_NONE, (kern_in[]){x}, 1, y), "axis 4");
    refuse(&b, kern_gather_nd(&b.c, x, bias, y), "outside");
    bench_close(&b);
}

static void division_by_zero_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, KERN_TFLITE, 1);
    struct kern_tensor *x = random_tensor(&b, KERN_I32, DIMS(4), 0, 0), *z = random_tensor(&b, KERN_I32, DIMS(4), 0, 0);
    struct kern_tensor *y = tensor(&b, KERN_I32, 0, NULL, 0, 0);
    memcpy(z->data, (int32_t[]){3, -1, 2, 0}, 16);
    refuse(&b, kern_binary(&b.c, KERN_FLOOR_DIV, KERN_ACT_NONE, x, z, y), "divisor of 0");
    memcpy(x->data, (int32_t[]){-7, INT32_MIN, 7, -8}, 16);
    memcpy(z->data, (int32_t[]){2, -1, -2, 4}, 16);
    RUN(&b, kern_binary(&b.c, KERN_FLOOR_DIV, KERN_ACT_NONE, x, z, y));
    assert_memory_equal(y->data, ((int32_t[]){-4, INT32_MIN, -4, -2}), 16);
    RUN(&b, kern_binary(&b.c, KERN_FLOOR_MOD, KERN_ACT_NONE, x, z, y));
    assert_memory_equal(y->data, ((int32_t[]){1, 0, -1, 0}), 16);
    bench_close(&b);
}

/* ---- sums longer than 32 bits hold ---- */

static void long_sums_do_not_overflow_their_blocks(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, KERN_TFLITE, 1);
    enum { N = 66000 }; /* 66000 * 255 * 255 > 2^31: wraps, as TFLite's int32 does */
    struct kern_tensor *x = random_tensor(&b, KERN_U8, DIMS(1, N), 1, 0);
    struct kern_tensor *w = random_tensor(&b, KERN_U8, DIMS(1, N), 1, 0);
    memset(x->data, 255, N);
    memset(w->data, 255, N);
    struct kern_tensor *y = tensor(&b, KERN_U8, 0, NULL, 1, 0);
    RUN(&b, kern_fully_connected(&b.c, KERN_ACT_NONE, false, x, w, NULL, y));
    assert_int_equal(at(y, 0), 0); /* 66000 * 65025 - 2^32 is negative */
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_their_sums),
        cmocka_unit_test(bad_tensors_are_refused),
        cmocka_unit_test(division_by_zero_is_refused),
        cmocka_unit_test(long_sums_do_not_overflow_their_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

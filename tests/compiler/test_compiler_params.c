/* Parameter segments byte for byte: the padding rules of ../shared/isa/parameters.md on layers small enough to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/numerics.h"
#include "compiler/params.h"

enum { Z = 0x80 };

/* Weights 1, 2, 3 ... in TFLite order. */
static uint8_t *counting(struct arena *a, size_t n)
{
    uint8_t *w = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        w[i] = (uint8_t)(i + 1);
    return w;
}

static void wide_rows_hold_16_channels_in_64_bytes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const int32_t bias[5] = {10, 20, 30, 40, 50};
    const float mult[5] = {1, 2, 3, 4, 5};
    const int32_t zeros[5] = {Z, Z, Z, Z, Z};
    struct weights w = {.outputs = 5, .kh = 1, .kw = 1, .inputs = 6, .data = counting(a, 30), .zero = Z,
                        .multiplier = mult, .bias = bias, .zeros = zeros};
    struct segment s = segment_make(a, &w, SEGMENT_WIDE, false);
    assert_int_equal(s.lanes, 16);
    assert_int_equal(s.groups, 1);
    assert_int_equal(s.rows, 3 + 2);
    assert_int_equal(s.data.size, 5 * 64);
    const uint8_t *p = s.data.data;
    /* Array padding: first multiplier, 0, Z up to 8 channels; 0 up to 16. */
    assert_int_equal(le32(p + 4 * 4), f32_bits(5));
    assert_int_equal(le32(p + 4 * 7), f32_bits(1));
    assert_int_equal(le32(p + 4 * 8), 0);
    assert_int_equal(le32(p + 64 + 4 * 4), 50);
    assert_int_equal(le32(p + 64 + 4 * 5), 0);
    assert_int_equal(le32(p + 128 + 4 * 7), Z);
    assert_int_equal(le32(p + 128 + 4 * 8), 0);
    /* Inputs 0..3, then 4..5 and padding; channels 5..7 are Z, 8..15 are 0. */
    const uint8_t first[8] = {1, 2, 3, 4, 7, 8, 9, 10}, second[8] = {5, 6, Z, Z, 11, 12, Z, Z};
    assert_memory_equal(p + 192, first, 8);
    assert_memory_equal(p + 256, second, 8);
    assert_int_equal(p[192 + 4 * 5], Z);
    assert_int_equal(p[192 + 4 * 8], 0);
    arena_free(a);
}

static void groups_of_64_fill_whole_rows(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    float *mult = ARENA_ARRAY(a, float, 70);
    for (int i = 0; i < 70; i++)
        mult[i] = (float)i + 2;
    struct weights w =
        {.outputs = 70, .kh = 1, .kw = 1, .inputs = 4, .data = counting(a, 280), .zero = Z, .multiplier = mult};
    struct segment s = segment_make(a, &w, SEGMENT_WIDE, false);
    assert_int_equal(s.groups, 2);
    assert_int_equal(s.lanes, 64);
    assert_int_equal(s.rows, 4);
    const uint8_t *p = s.data.data + 512; /* second group: 6 channels, 2 of padding, 56 that nobody reads */
    assert_int_equal(le32(p), f32_bits(66));
    assert_int_equal(le32(p + 4 * 6), f32_bits(2)); /* the layer's first multiplier */
    assert_int_equal(le32(p + 4 * 8), f32_bits(1));
    assert_int_equal(p[256 + 4 * 7], Z);
    assert_int_equal(p[256 + 4 * 8], 0);
    arena_free(a);
}

static void kernels_run_kernel_outer_or_input_outer(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct weights w = {.outputs = 8, .kh = 2, .kw = 1, .inputs = 8, .data = counting(a, 128), .zero = Z};
    struct segment k = segment_make(a, &w, SEGMENT_WIDE, false), i = segment_make(a, &w, SEGMENT_WIDE, true);
    const uint8_t order_k[4] = {1, 5, 9, 13}, order_i[4] = {1, 9, 5, 13}; /* first weight of each row */
    for (int r = 0; r < 4; r++) {
        assert_int_equal(k.data.data[64 * r], order_k[r]);
        assert_int_equal(i.data.data[64 * r], order_i[r]);
    }
    arena_free(a);
}

static void depthwise_weights_are_diagonal_blocks(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const int32_t bias[6] = {1, 2, 3, 4, 5, 6};
    struct weights w =
        {.outputs = 6, .kh = 1, .kw = 2, .inputs = 1, .data = counting(a, 12), .flip = 0x80, .zero = Z, .bias = bias};
    struct segment s = segment_make(a, &w, SEGMENT_DEPTHWISE, false);
    assert_int_equal(s.data.size, 128); /* 2 groups of 16 * (1 + 2), filled up to packets */
    const uint8_t *p = s.data.data;
    const uint8_t block[16] = {0x81, Z, Z, Z, Z, 0x82, Z, Z, Z, Z, 0x83, Z, Z, Z, Z, 0x84};
    assert_int_equal(le32(p + 12), 4);
    assert_memory_equal(p + 16, block, 16);
    assert_int_equal(p[32], 0x80 ^ 7); /* second tap of channel 0 */
    assert_int_equal(le32(p + 48), 5);
    assert_int_equal(p[64], 0x80 ^ 5);
    assert_int_equal(p[64 + 10], Z); /* channel 6 does not exist */
    assert_int_equal(p[96], 0);
    arena_free(a);
}

static void narrow_form_has_16_bytes_a_row(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct weights w = {.outputs = 2, .kh = 1, .kw = 1, .inputs = 5, .data = counting(a, 10), .zero = 7};
    struct segment s = segment_make(a, &w, SEGMENT_NARROW, false);
    const uint8_t rows[32] = {1, 2, 3, 4, 6,  7, 8, 9, 7, 7, 7, 7, 7, 7, 7, 7,
                              5, 7, 7, 7, 10, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
    assert_int_equal(s.data.size, 64);
    assert_memory_equal(s.data.data, rows, 32);
    assert_int_equal(s.data.data[32], 0);
    arena_free(a);
}

/* What is stored depends on the quantisation: one scale, many equal ones, many; a bias of zeros is dropped. */
static void arrays_are_stored_where_they_say_something(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint8_t data[8] = {0}, no_bias[8] = {0}, some_bias[8] = {0, 0, 0, 0, 9};
    float one = 0.5f, equal[2] = {0.5f, 0.5f}, many[2] = {0.5f, 0.25f};
    int64_t zero[2] = {0, 0};
    struct tfl_tensor in = {.type = TFL_INT8, .quant = {.scale = &one, .zero_point = zero, .count = 1}}, out = in;
    struct tfl_tensor weights = {.type = TFL_INT8, .rank = 2, .shape = (int32_t[]){2, 4}, .data = bytes_of(data, 8),
                                 .quant = {.scale = &one, .zero_point = zero, .count = 1}};
    struct tfl_tensor bias = {.type = TFL_INT32, .rank = 1, .shape = (int32_t[]){2}, .data = bytes_of(no_bias, 8)};
    struct weighted op = {.in = &in, .weights = &weights, .bias = &bias, .out = &out};
    struct weights w = weights_of(a, &op, false);
    assert_null(w.bias);
    assert_null(w.multiplier);
    assert_null(w.zeros);
    assert_int_equal(w.zero, 128);
    bias.data = bytes_of(some_bias, 8);
    weights.quant = (struct tfl_quant){.scale = equal, .zero_point = zero, .count = 2};
    w = weights_of(a, &op, false);
    assert_int_equal(w.bias[1], 9);
    assert_null(w.multiplier);
    assert_int_equal(w.zeros[1], 128);
    weights.quant.scale = many;
    w = weights_of(a, &op, false);
    assert_true(w.multiplier[1] == 0.25f);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_rows_hold_16_channels_in_64_bytes),
        cmocka_unit_test(groups_of_64_fill_whole_rows),
        cmocka_unit_test(kernels_run_kernel_outer_or_input_outer),
        cmocka_unit_test(depthwise_weights_are_diagonal_blocks),
        cmocka_unit_test(narrow_form_has_16_bytes_a_row),
        cmocka_unit_test(arrays_are_stored_where_they_say_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

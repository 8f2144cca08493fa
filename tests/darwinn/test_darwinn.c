/* Run with --write FILE it writes the sample package there (tests/tools/test_objdump.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/file.h"
#include "flat/flat.h"
#include "sample.h"

static struct bytes write_package(struct arena *a, const struct dwn_package *p)
{
    struct status st = {0};
    struct bytes out;
    if (!dwn_write(a, p, &out, &st))
        fail_msg("%s", st.message);
    return out;
}

static struct dwn_package *read_package(struct arena *a, struct bytes data)
{
    struct status st = {0};
    struct dwn_package *p;
    if (!dwn_read(a, data, &p, &st))
        fail_msg("%s", st.message);
    return p;
}

/* The sample after `spoil` has been at it must be refused with this code. */
static void refused(void (*spoil)(struct dwn_package *), enum status_code code)
{
    struct arena *a = arena_new();
    struct dwn_package good = sample_package(a), *p;
    struct status st = {0};
    spoil(&good);
    assert_false(dwn_read(a, write_package(a, &good), &p, &st));
    assert_int_equal(st.code, code);
    arena_free(a);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dwn_package sample = sample_package(a);
    struct bytes data = write_package(a, &sample);
    const struct dwn_package *p = read_package(a, data);
    const struct dwn_executable *x = &p->executables[0], *c = &p->executables[1];
    assert_int_equal(p->n_executables, 2);
    assert_string_equal(p->compiler_version, "cl/");
    assert_int_equal(x->type, DWN_EXECUTION_ONLY);
    assert_true(x->token == UINT64_C(0x0123456789abcdef) && c->token == x->token);
    assert_int_equal(x->n_streams, 2);
    assert_string_equal(x->streams[1].offsets[0].name, "image");
    assert_true(x->streams[1].offsets[1].upper);
    assert_int_equal(x->streams[1].offsets[1].offset_bit, 710);
    assert_int_equal(x->n_hints, 9);
    assert_int_equal(x->hints[4].kind, DWN_HINT_FENCE);
    assert_int_equal(x->hints[5].offset, 8);
    assert_string_equal(x->outputs[0].name, "map");
    assert_int_equal(x->outputs[0].type, DWN_I8);
    assert_int_equal(x->outputs[0].shape[2].end, 6);
    assert_false(c->has_inputs || c->has_outputs);
    assert_int_equal(c->parameters.data[103], (uint8_t)(3 * 103));
    assert_true(bytes_equal(write_package(a, p), data));
    arena_free(a);
}

/* The driver maps executables and parameters where they lie (spec/runtime.md 1.3). */
static void parameters_start_on_a_page_of_the_package(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dwn_package sample = sample_package(a);
    const struct dwn_package *p = read_package(a, write_package(a, &sample));
    assert_int_equal(p->raw.size % 4096, 0);
    for (uint32_t i = 0; i < p->n_executables; i++) {
        assert_int_equal((p->executables[i].raw.data - p->raw.data) % 4096, 0);
        assert_int_equal((p->executables[i].parameters.data - p->raw.data) % 4096, 0);
    }
    arena_free(a);
}

static void a_package_is_found_in_custom_options(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dwn_package sample = sample_package(a), *p;
    struct bytes data = write_package(a, &sample), options = flex_write_custom_op(a, data, 18);
    struct status st = {0};
    assert_true(dwn_from_custom_options(a, options, &p, &st));
    assert_true(bytes_equal(p->raw, data));
    const struct flex_entry other[] = {{.key = "5", .kind = FLEX_PUT_INT}};
    assert_false(dwn_from_custom_options(a, flex_write_map(a, other, 1), &p, &st));
    arena_free(a);
}

static void offset_outside_its_chunk(struct dwn_package *p)
{
    p->executables[0].streams[0].offsets[0].offset_bit = 128 * SAMPLE_WORDS - 31;
}
static void half_a_word(struct dwn_package *p)
{
    p->executables[0].streams[0].code.size -= 8;
}
static void no_code(struct dwn_package *p)
{
    p->executables[0].n_streams = 0;
}
static void hint_for_a_missing_chunk(struct dwn_package *p)
{
    p->executables[0].hints[0].index = 2;
}
static void unknown_interrupt(struct dwn_package *p)
{
    p->executables[0].hints[8].index = 4;
}
static void negative_size(struct dwn_package *p)
{
    p->executables[0].hints[1].size = -1;
}
static void unknown_type(struct dwn_package *p)
{
    p->executables[0].inputs[0].type = (enum dwn_data_type)6;
}
static void empty_layer(struct dwn_package *p)
{
    p->executables[0].inputs[0].z = 0;
}
static void huge_layer(struct dwn_package *p)
{
    p->executables[0].inputs[0].z = p->executables[0].inputs[0].y = 1 << 20;
}
static void input_among_outputs(struct dwn_package *p)
{
    p->executables[0].outputs[0].output = false;
}
static void two_of_a_type(struct dwn_package *p)
{
    p->executables[1].type = DWN_EXECUTION_ONLY;
}
static void a_pair_that_cannot_run(struct dwn_package *p)
{
    p->executables[1].type = DWN_STAND_ALONE;
}
static void no_batch(struct dwn_package *p)
{
    p->executables[0].batch_size = 0;
}
static void several_chips(struct dwn_package *p)
{
    p->virtual_chip_id = -1;
}
static void none_at_all(struct dwn_package *p)
{
    p->n_executables = 0;
}

static void what_cannot_run_is_refused(void **state)
{
    (void)state;
    refused(offset_outside_its_chunk, STATUS_INVALID);
    refused(half_a_word, STATUS_INVALID);
    refused(no_code, STATUS_INVALID);
    refused(hint_for_a_missing_chunk, STATUS_INVALID);
    refused(unknown_interrupt, STATUS_INVALID);
    refused(negative_size, STATUS_INVALID);
    refused(unknown_type, STATUS_INVALID);
    refused(empty_layer, STATUS_INVALID);
    refused(huge_layer, STATUS_LIMIT);
    refused(input_among_outputs, STATUS_INVALID);
    refused(two_of_a_type, STATUS_INVALID);
    refused(a_pair_that_cannot_run, STATUS_INVALID);
    refused(no_batch, STATUS_INVALID);
    refused(several_chips, STATUS_UNSUPPORTED);
    refused(none_at_all, STATUS_INVALID);
}

static void try_to_read(struct bytes data)
{
    struct arena *a = arena_new();
    struct dwn_package *p;
    struct bytes again;
    struct status st = {0};
    if (dwn_read(a, data, &p, &st))
        assert_true(dwn_write(a, p, &again, &st));
    else
        assert_int_not_equal(st.code, STATUS_OK);
    arena_free(a);
}

/* Under ASan.  Most of the package is padding, so only bytes that are not 0 are changed. */
static void damaged_packages_are_read_in_bounds(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dwn_package sample = sample_package(a);
    struct bytes good = write_package(a, &sample);
    uint8_t *copy = test_malloc(good.size);
    for (size_t n = 0; n < good.size; n += n < 64 || good.size - n <= 64 ? 1 : 61) {
        uint8_t *cut = test_malloc(n ? n : 1);
        memcpy(cut, good.data, n);
        try_to_read(bytes_of(cut, n));
        test_free(cut);
    }
    uint64_t seed = 3;
    memcpy(copy, good.data, good.size);
    for (size_t i = 0; i < good.size; i++) {
        if (!good.data[i])
            continue;
        copy[i] ^= (uint8_t)(1 << random_next(&seed) % 8);
        try_to_read(bytes_of(copy, good.size));
        copy[i] = (uint8_t)random_next(&seed);
        try_to_read(bytes_of(copy, good.size));
        copy[i] = good.data[i];
    }
    test_free(copy);
    arena_free(a);
}

static void grids_halve_twice(void **state)
{
    (void)state;
    static const struct {
        int32_t n, part[4];
    } cases[] = {{23, {6, 6, 6, 5}}, {54, {14, 13, 14, 13}}, {3, {1, 1, 1, 0}}, {2, {1, 0, 1, 0}}, {1, {1, 0, 0, 0}},
                 {16, {4, 4, 4, 4}}, {7, {2, 2, 2, 1}}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t part[4];
        dwn_split4(cases[i].n, part);
        assert_memory_equal(part, cases[i].part, sizeof part);
    }
}

static void sizes_as_specified(void **state)
{
    (void)state;
    assert_int_equal(dwn_input_size(1, 1, 1001, 1), 1008);
    assert_int_equal(dwn_input_size(5, 7, 3, 1), 112);
    assert_int_equal(dwn_output_size(48, 48, 17, 1), 46080);
    assert_int_equal(dwn_output_size(1, 1, 20, 2), 40);
    assert_int_equal(dwn_output_size(2304, 1, 1, 1), 9216);
}

/* Every element gets a value of its own at the place where the tile that makes it puts it, worked out here from the
 * grid and not from the maps. */
static void relayout_finds_every_element(void **state)
{
    (void)state;
    static const int32_t shapes[][4] = {{5, 7, 3, 1}, {48, 48, 17, 1}, {1, 9, 4, 1}, {2, 1, 1, 1}, {33, 33, 21, 3}};
    for (unsigned s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct arena *a = arena_new();
        int32_t y = shapes[s][0], x = shapes[s][1], z = shapes[s][2], passes = shapes[s][3], depth = (z + 3) / 4 * 4;
        struct dwn_layer l = sample_layer(a, "map", true, DWN_I8, y, x, z);
        dwn_layout_make(a, y, x, z, passes, &l.layout);
        size_t n = (size_t)y * (size_t)x * (size_t)z, at = 0;
        uint8_t *device = arena_alloc(a, (size_t)l.size_bytes), *host = arena_alloc(a, n);
        int32_t y0 = 0, height[4], width[4];
        dwn_split4(x, width);
        for (int32_t p = 0; p < passes; p++) {
            dwn_split4(y / passes + (p < y % passes), height);
            for (int row = 0; row < 4; y0 += height[row++])
                for (int column = 0, x0 = 0; column < 4; x0 += width[column++])
                    for (int32_t j = 0; j < height[row]; j++)
                        for (int32_t i = 0; i < width[column]; i++, at += (size_t)depth)
                            for (int32_t k = 0; k < z; k++)
                                device[at + (size_t)k] = (uint8_t)(((y0 + j) * x + x0 + i) * z + k);
        }
        assert_in_range(at, l.size_bytes - 7, l.size_bytes);
        struct status st = {0};
        assert_true(dwn_relayout(&l, bytes_of(device, (size_t)l.size_bytes), host, n, &st));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(host[i], (uint8_t)i ^ 0x80);
        arena_free(a);
    }
}

static void wide_elements_are_counted_as_elements(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dwn_layer l = sample_layer(a, "state", true, DWN_I16, 1, 2, 2);
    uint8_t device[16] = {1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8}, out[8];
    static const uint8_t expected[8] = {1, 0x82, 3, 0x84, 5, 0x86, 7, 0x88};
    struct status st = {0};
    assert_int_equal(l.size_bytes, 16);
    assert_true(dwn_relayout(&l, bytes_of(device, 16), out, 8, &st));
    assert_memory_equal(out, expected, 8);
    arena_free(a);
}

static void layouts_that_point_outside_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint8_t device[256] = {0}, out[105];
    for (unsigned fault = 0; fault < 7; fault++) {
        struct dwn_layer l = sample_layer(a, "map", true, DWN_U8, 5, 7, 3);
        size_t size = (size_t)l.size_bytes, out_size = sizeof out;
        switch (fault) {
        case 0: l.layout.tile_offset[10] = 1000; break;
        case 1: l.layout.tile_offset[0] = -1; break;
        case 2: l.layout.y_tile[4] = 13; break;
        case 3: l.layout.x_tile[0] = INT32_MIN; break;
        case 4: l.layout.n_x_row_size = 6; break;
        case 5: size = 130; break;
        case 6: out_size--; break;
        }
        struct status st = {0};
        assert_false(dwn_relayout(&l, bytes_of(device, size), out, out_size, &st));
        assert_int_equal(st.code, STATUS_INVALID);
    }
    arena_free(a);
}

static int write_sample(const char *path)
{
    struct arena *a = arena_new();
    struct dwn_package sample = sample_package(a);
    struct bytes data;
    struct status st = {0};
    bool ok = dwn_write(a, &sample, &data, &st) && file_write(path, data, &st);
    if (!ok)
        fprintf(stderr, "%s\n", st.message);
    arena_free(a);
    return !ok;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_sample(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(parameters_start_on_a_page_of_the_package),
        cmocka_unit_test(a_package_is_found_in_custom_options),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(damaged_packages_are_read_in_bounds),
        cmocka_unit_test(grids_halve_twice),
        cmocka_unit_test(sizes_as_specified),
        cmocka_unit_test(relayout_finds_every_element),
        cmocka_unit_test(wide_elements_are_counted_as_elements),
        cmocka_unit_test(layouts_that_point_outside_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

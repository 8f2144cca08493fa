/* Sorting, placement of parameters and of narrow buffers: examples of ../shared/isa/placement.md and mapping.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "compiler/narrow.h"
#include "compiler/place.h"
#include "compiler/sort.h"

/* ---- sort ---- */

static bool descending(const void *context, uint32_t x, uint32_t y)
{
    const uint32_t *key = context;
    return key[x] > key[y];
}

/* Keys 0 .. modulus-1 from a small generator, sorted; a hash of the order. */
static uint32_t order_hash(uint32_t n, uint32_t modulus)
{
    uint32_t *key = calloc(n, sizeof *key), *index = calloc(n, sizeof *index), hash = 0, s = n;
    for (uint32_t i = 0; i < n; i++) {
        s = (s * 1103515245u + 12345u) & 0x7fffffff;
        key[i] = (s >> 16) % modulus;
        index[i] = i;
    }
    sort_libcxx(index, n, descending, key);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(i == 0 || key[index[i - 1]] >= key[index[i]]);
        hash = hash * 31 + index[i];
    }
    free(key);
    free(index);
    return hash;
}

/* The order of equal keys above 30 elements: hashes from the script that reproduces 99 official executables. */
static void equal_keys_come_out_as_in_libcxx(void **state)
{
    (void)state;
    assert_int_equal(order_hash(31, 3), 0x9f2af3fb);
    assert_int_equal(order_hash(54, 5), 0x4146c447);
    assert_int_equal(order_hash(100, 7), 0x9cc5f416);
    assert_int_equal(order_hash(1200, 40), 0x9cfcfe24);
    assert_int_equal(order_hash(40, 1), 0xd60ef814);
}

static void up_to_30_elements_sorting_is_stable(void **state)
{
    (void)state;
    for (uint32_t n = 6; n <= 30; n++) {
        uint32_t key[30], index[30];
        for (uint32_t i = 0; i < n; i++)
            key[i] = (i * 7) % 3, index[i] = i;
        sort_libcxx(index, n, descending, key);
        for (uint32_t i = 1; i < n; i++)
            assert_true(key[index[i - 1]] > key[index[i]] || index[i - 1] < index[i]);
    }
}

/* ---- parameters ---- */

static void equal_loads_take_the_tiles_in_heap_order(void **state)
{
    (void)state;
    static const int32_t order[16] = {0, 1, 3, 7, 15, 8, 4, 9, 10, 2, 5, 11, 12, 6, 13, 14};
    struct place_item items[16];
    struct placed out[16];
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < 16; i++)
        items[i] = (struct place_item){.kind = PLACE_CONV, .groups = 1, .rows = 10, .op = i};
    place_parameters(a, items, 16, &(struct place_room){.cap = 2000}, out);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(out[i].count, 1);
        assert_int_equal(out[i].chunks[0].tile, order[i]);
        assert_int_equal(out[i].chunks[0].row, 0);
    }
    arena_free(a);
}

/* The example of placement.md section 2, step 4. */
static void a_segment_larger_than_a_tile_is_cut_by_rows(void **state)
{
    (void)state;
    static const int32_t tiles[8] = {12, 11, 10, 9, 13, 8, 4, 0};
    const struct place_item items[2] = {{.kind = PLACE_CONV, .groups = 1, .rows = 14420, .op = 0},
                                        {.kind = PLACE_CONV, .groups = 1, .rows = 100, .op = 1}};
    struct placed out[2];
    struct arena *a = arena_new();
    place_parameters(a, items, 2, &(struct place_room){.cap = 1956}, out);
    assert_int_equal(out[0].count, 8);
    int32_t rows = 0;
    for (uint32_t k = 0; k < 8; k++) {
        assert_int_equal(out[0].chunks[k].tile, tiles[k]);
        rows += out[0].chunks[k].rows;
    }
    assert_int_equal(rows, 14420);
    assert_int_equal(out[1].chunks[0].tile, 1);
    arena_free(a);
}

/* On one tile, what is spread and what lies in parts: the last one first. */
static void the_last_lies_lowest_on_its_tile(void **state)
{
    (void)state;
    const struct place_item items[3] = {{.kind = PLACE_CONV, .groups = 1, .rows = 1, .part = 1, .op = 0},
                                        {.kind = PLACE_CONV, .groups = 1, .rows = 7, .op = 1},
                                        {.kind = PLACE_CONV, .groups = 1, .rows = 1, .part = 1, .op = 2}};
    struct placed out[3];
    struct arena *a = arena_new();
    place_parameters(a, items, 3, &(struct place_room){.cap = 100}, out);
    assert_int_equal(out[2].chunks[0].row, 0);
    assert_int_equal(out[0].chunks[0].row, 1);
    arena_free(a);
}

static uint32_t spread_counts(int32_t groups, int32_t first_rows, int32_t last_rows)
{
    const struct place_item item = {.kind = PLACE_SPREAD, .groups = groups, .rows = 1};
    struct placed out;
    struct arena *a = arena_new();
    place_parameters(a, &item, 1, &(struct place_room){.cap = 100}, &out);
    assert_int_equal(out.chunks[0].rows, first_rows);
    assert_int_equal(out.chunks[out.count - 1].rows, last_rows);
    uint32_t count = out.count;
    arena_free(a);
    return count;
}

static void vectors_spread_over_consecutive_tiles(void **state)
{
    (void)state;
    assert_int_equal(spread_counts(16, 1, 1), 16);
    assert_int_equal(spread_counts(24, 2, 2), 12);
    assert_int_equal(spread_counts(40, 3, 1), 14);
}

/* bright_64x64: the second of two layers of 1024 rows goes to tile 1; one of 2100 rows goes nowhere. */
static void vectors_that_do_not_fit_on_tile_0_move_on(void **state)
{
    (void)state;
    const struct place_item items[3] = {{.kind = PLACE_SPREAD, .groups = 1, .rows = 1024, .op = 0},
                                        {.kind = PLACE_SPREAD, .groups = 1, .rows = 1024, .op = 1},
                                        {.kind = PLACE_SPREAD, .groups = 1, .rows = 2100, .op = 2}};
    struct placed out[3];
    struct arena *a = arena_new();
    place_parameters(a, items, 2, &(struct place_room){.cap = 2015}, out);
    assert_int_equal(out[0].chunks[0].tile, 0);
    assert_int_equal(out[1].chunks[0].tile, 1);
    place_parameters(a, items, 3, &(struct place_room){.cap = 2015}, out);
    assert_int_equal(out[2].count, 0);
    arena_free(a);
}

/* What is larger than all that is left is passed over; what comes behind it may fit. */
static void smaller_segments_fill_what_is_left(void **state)
{
    (void)state;
    const int32_t rows[5] = {1500, 200, 90, 20, 10};
    struct place_item items[5];
    struct placed out[5];
    struct place_room room = {.cap = 100};
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < 5; i++)
        items[i] = (struct place_item){.kind = PLACE_CONV, .groups = 1, .rows = rows[i], .op = i};
    place_parameters(a, items, 5, &room, out);
    assert_true(out[0].count > 0 && out[2].count > 0 && out[4].count > 0);
    assert_int_equal(out[1].count + out[3].count, 0);
    for (int t = 0; t < PLACE_TILES; t++)
        assert_int_equal(room.base[t], room.cap);
    arena_free(a);
}

/* ---- four models of one command: mobilenet_v1_1.0_224, 0.25_128, 0.5_160, 0.75_192 (google-coral/test_data) ---- */

enum { V1_ITEMS = 32, V1_MODELS = 4, V1_CAP = 1981, V1_SPREAD = 27 };

/* The segments of mobilenet_v1 in their order: `quarters` of 1.0's channels. */
static void v1_items(struct place_item *items, int32_t quarters, uint32_t first_op)
{
    static const int32_t widths[14] = {32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
    int32_t in = 3, n = 0;
    for (int32_t k = 0; k < 14; k++) {
        int32_t out = widths[k] * quarters / 4, groups = (out + 63) / 64;
        if (k)
            items[n++] = (struct place_item){.kind = PLACE_DEPTHWISE, .groups = 1, .rows = (in / 4 * 160 + 255) / 256};
        items[n++] = (struct place_item){
            .kind = PLACE_CONV, .groups = 1, .rows = groups * (1 + (k ? 1 : 9) * ((in + 3) / 4))};
        in = out;
    }
    items[n++] = (struct place_item){.kind = PLACE_SPREAD, .groups = 16, .rows = 1 + in / 4};
    for (int32_t k = 0; k < 3; k++)
        items[n++] = (struct place_item){.kind = PLACE_CONV, .groups = 1, .rows = 251, .part = 16};
    items[n++] = (struct place_item){.kind = PLACE_CONV, .groups = 1, .rows = 1, .part = 1};
    assert_int_equal(n, V1_ITEMS);
    for (int32_t k = 0; k < n; k++)
        items[k].op = first_op + (uint32_t)(k <= V1_SPREAD ? k : V1_SPREAD + 2); /* behind it a pool and SOFTMAX */
}

/* All places of 0.25_128 are the official ones, and so are the rows that the others have cached. */
static void models_of_one_command_share_all_tiles(void **state)
{
    (void)state;
    static const int32_t quarters[V1_MODELS] = {4, 1, 2, 3};
    static const struct place_chunk depthwise[13] = {
        {4, 1944, 2},  {11, 1132, 3}, {4, 1946, 5},  {15, 1962, 5}, {11, 1135, 10}, {8, 1570, 10}, {10, 729, 20},
        {9, 1776, 20}, {7, 1756, 20}, {3, 644, 20},  {2, 1676, 20}, {12, 644, 20},  {12, 664, 40}};
    struct place_item items[V1_MODELS * V1_ITEMS];
    struct placed out[V1_MODELS * V1_ITEMS];
    struct place_room room = {.cap = V1_CAP};
    struct arena *a = arena_new();
    for (uint32_t m = 0; m < V1_MODELS; m++)
        v1_items(items + m * V1_ITEMS, quarters[m], 31 * m);
    place_parameters(a, items, V1_MODELS * V1_ITEMS, &room, out);
    const struct placed *small = out + V1_ITEMS;
    for (uint32_t k = 0; k < V1_ITEMS; k++) {
        bool is_depthwise = items[V1_ITEMS + k].kind == PLACE_DEPTHWISE, spread = k == V1_SPREAD;
        assert_int_equal(small[k].count, is_depthwise ? 1 : spread ? 16 : 0);
        if (is_depthwise)
            assert_memory_equal(&small[k].chunks[0], &depthwise[k / 2], sizeof depthwise[0]);
        for (uint32_t t = 0; spread && t < 16; t++)
            assert_int_equal(small[k].chunks[t].row, 322);
    }
    int32_t rows[V1_MODELS] = {0};
    for (uint32_t k = 0; k < V1_MODELS * V1_ITEMS; k++)
        for (uint32_t c = 0; c < out[k].count; c++)
            rows[k / V1_ITEMS] += out[k].chunks[c].rows;
    assert_int_equal(rows[1], 195 + 16 * 65);
    assert_int_equal(rows[2], 388 + 16 * 129 + 1032 + 520 + 1);
    assert_int_equal(rows[3], 582 + 16 * 193 + 2316 + 1164 + 5 * 582 + 147 + 26);
    assert_int_equal(rows[0] + rows[1] + rows[2] + rows[3], 16 * V1_CAP);
    arena_free(a);
}

/* Eight models of the same segments (prbodmann all_cnn, all_cnn_0, _1, _2, and conv_pools that are not known): the
 * official numbers of cached segments and of their chunks (catalogue P309, P306, P307, P308), which follow from one
 * number, the rows that the unknown four leave.  1952 is one of eight between 1880 and 1960 that give all of them. */
static void equal_models_of_one_command(void **state)
{
    (void)state;
    enum { MODELS = 8, SEGMENTS = 12 };
    static const int32_t rows[SEGMENTS] = {24, 438, 438, 657, 1305, 1305, 1305, 153, 51, 3, 3, 3};
    static const uint32_t segments[4] = {3, 3, 4, 6}, chunks[4] = {3, 9, 8, 6};
    struct place_item items[MODELS * SEGMENTS];
    struct placed out[MODELS * SEGMENTS];
    struct place_room room = {.cap = 1952};
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < MODELS * SEGMENTS; i++) {
        uint32_t k = i % SEGMENTS;
        items[i] = (struct place_item){.kind = PLACE_CONV, .groups = 1, .rows = rows[k], .part = k < 9 ? 0 : 16,
                                       .op = i / SEGMENTS * SEGMENTS + (k < 9 ? k : 10)};
    }
    place_parameters(a, items, MODELS * SEGMENTS, &room, out);
    for (uint32_t m = 0; m < 4; m++) {
        uint32_t cached = 0, pieces = 0;
        for (uint32_t i = m * SEGMENTS; i < (m + 1) * SEGMENTS; i++)
            cached += out[i].count > 0, pieces += out[i].count;
        assert_int_equal(cached, segments[m]);
        assert_int_equal(pieces, chunks[m]);
    }
    arena_free(a);
}

/* Random segments: chunks stay inside the tiles, never overlap, and hold every row once. */
static void placements_are_disjoint(void **state)
{
    (void)state;
    enum { N = 60, CAP = 1900 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t s = seed;
        struct place_item items[N];
        struct placed out[N];
        static bool used[16][CAP];
        uint32_t n = 1 + (uint32_t)(random_next(&s) % N), streamed = 0;
        struct arena *a = arena_new();
        memset(used, 0, sizeof used);
        for (uint32_t i = 0; i < n; i++) {
            enum place_kind kind = (enum place_kind)(random_next(&s) % 3);
            items[i] = (struct place_item){.kind = kind,
                                           .groups = kind == PLACE_SPREAD ? 1 + (int32_t)(random_next(&s) % 40) : 1,
                                           .rows = 1 + (int32_t)(random_next(&s) % (kind == PLACE_CONV ? 3000 : 60)),
                                           .op = i};
        }
        struct place_room room = {.base = {5, 100, 1000}, .cap = CAP};
        place_parameters(a, items, n, &room, out);
        for (uint32_t i = 0; i < n; i++) {
            int32_t rows = 0;
            for (uint32_t k = 0; k < out[i].count; k++) {
                const struct place_chunk *c = &out[i].chunks[k];
                rows += c->rows;
                assert_in_range(c->row + c->rows, 1, CAP);
                assert_true(c->row >= (c->tile == 0 ? 5 : c->tile == 1 ? 100 : c->tile == 2 ? 1000 : 0));
                assert_true(c->row + c->rows <= room.base[c->tile]);
                for (int32_t r = c->row; r < c->row + c->rows; r++) {
                    assert_false(used[c->tile][r]);
                    used[c->tile][r] = true;
                }
            }
            streamed += rows == 0;
            assert_true(rows == 0 || rows == items[i].rows * items[i].groups);
        }
        assert_true(streamed < n);
        arena_free(a);
    }
}

/* ---- narrow memory ---- */

/* dense_256: gathered input at 0, result above it, then the infeed's temporaries (mapping.md section 4, A). */
static void narrow_buffers_of_dense_256(void **state)
{
    (void)state;
    struct narrow_buffer b[4] = {{.words = 128, .first = 0, .last = 0, .late = true},
                                 {.words = 16, .first = 0, .last = 1, .late = true},
                                 {.words = 64, .first = 0, .last = 2},
                                 {.words = 16, .first = 2, .last = 3}};
    struct arena *a = arena_new();
    int32_t words = narrow_allocate(a, b, 4, INT32_MAX);
    assert_int_equal(b[2].at, 0);
    assert_int_equal(b[3].at, 64);
    assert_int_equal(b[0].at, 64);
    assert_int_equal(b[1].at, 192);
    assert_int_equal(4 * words, 256 + 576);
    arena_free(a);
}

/* looming_64x64: the plane of the image, two convolutions with their products byte by byte and packed, the enlarged
 * sum, the pool, and the temporaries. */
static void narrow_buffers_of_looming_64(void **state)
{
    (void)state;
    enum { PLANE, CONV1, BYTES1, SQUARE1, CONV2, BYTES2, SQUARE2, SUM, POOL, STAGE, IDENTITY, MATRIX, ONES, N };
    static const int32_t at[N] = {256, 0, 580, 0, 1281, 256, 1281, 256, 0, 0, 1605, 1220, 1236};
    struct narrow_buffer b[N] = {[PLANE] = {.words = 324, .first = 0, .last = 3},
                                 [CONV1] = {.words = 256, .first = 1, .last = 2, .until = 1},
                                 [BYTES1] = {.words = 1025, .first = 2, .last = 2, .until = 3},
                                 [SQUARE1] = {.words = 256, .first = 2, .last = 5, .from = 1},
                                 [CONV2] = {.words = 256, .first = 3, .last = 4, .until = 1},
                                 [BYTES2] = {.words = 1025, .first = 4, .last = 4, .until = 3},
                                 [SQUARE2] = {.words = 256, .first = 4, .last = 5, .from = 1},
                                 [SUM] = {.words = 964, .first = 5, .last = 6, .sum = true},
                                 [POOL] = {.words = 1, .first = 6, .last = 7},
                                 [STAGE] = {.words = 128, .first = 0, .last = 0, .late = true},
                                 [IDENTITY] = {.words = 4, .first = 2, .last = 2, .late = true},
                                 [MATRIX] = {.words = 16, .first = 5, .last = 5, .late = true},
                                 [ONES] = {.words = 1, .first = 5, .last = 6, .late = true}};
    struct arena *a = arena_new();
    narrow_allocate(a, b, N, INT32_MAX);
    for (int i = 0; i < N; i++)
        assert_int_equal(b[i].at, at[i]);
    arena_free(a);
}

static void narrow_buffers_alive_together_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 40 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t s = seed;
        struct narrow_buffer b[N];
        struct arena *a = arena_new();
        for (int i = 0; i < N; i++) {
            int32_t first = (int32_t)(random_next(&s) % 30);
            b[i] = (struct narrow_buffer){.words = 1 + (int32_t)(random_next(&s) % 500),
                                          .first = first,
                                          .last = first + (int32_t)(random_next(&s) % 5),
                                          .late = random_next(&s) % 4 == 0};
        }
        int32_t words = narrow_allocate(a, b, N, INT32_MAX);
        for (int i = 0; i < N; i++) {
            assert_in_range(b[i].at + b[i].words, 1, words);
            for (int k = 0; k < i; k++) {
                bool together = b[i].first <= b[k].last && b[k].first <= b[i].last;
                assert_true(!together || b[i].at >= b[k].at + b[k].words || b[k].at >= b[i].at + b[i].words);
            }
        }
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_keys_come_out_as_in_libcxx),
        cmocka_unit_test(up_to_30_elements_sorting_is_stable),
        cmocka_unit_test(equal_loads_take_the_tiles_in_heap_order),
        cmocka_unit_test(the_last_lies_lowest_on_its_tile),
        cmocka_unit_test(a_segment_larger_than_a_tile_is_cut_by_rows),
        cmocka_unit_test(vectors_spread_over_consecutive_tiles),
        cmocka_unit_test(vectors_that_do_not_fit_on_tile_0_move_on),
        cmocka_unit_test(smaller_segments_fill_what_is_left),
        cmocka_unit_test(models_of_one_command_share_all_tiles),
        cmocka_unit_test(equal_models_of_one_command),
        cmocka_unit_test(placements_are_disjoint),
        cmocka_unit_test(narrow_buffers_of_dense_256),
        cmocka_unit_test(narrow_buffers_of_looming_64),
        cmocka_unit_test(narrow_buffers_alive_together_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

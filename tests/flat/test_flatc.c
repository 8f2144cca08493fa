/* Our builder and reader against Debian's flatc, both ways.  Skips where flatc is not installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "sample.h"

struct workshop { /* a folder of our own, which vanishes with close_workshop */
    struct arena *a;
    char dir[64];
};

static void open_workshop(struct workshop *w)
{
    if (system("flatc --version >/dev/null 2>&1") != 0) {
        print_message("flatc is not installed (Debian: flatbuffers-compiler)\n");
        skip();
    }
    w->a = arena_new();
    strcpy(w->dir, "/tmp/edgetpu_flatc_XXXXXX");
    assert_non_null(mkdtemp(w->dir));
}

static void close_workshop(struct workshop *w)
{
    assert_int_equal(system(arena_text(w->a, "rm -r '%s'", w->dir)), 0);
    arena_free(w->a);
}

/* Runs flatc in the folder; `arguments` may name files of tests/flat as $S/name. */
static void flatc(struct workshop *w, const char *arguments)
{
    const char *command = arena_text(w->a, "cd '%s' && S='%s/tests/flat' && flatc %s >log 2>&1 || { cat log; exit 1; }",
                                     w->dir, SOURCE_DIR, arguments);
    if (system(command) != 0)
        fail_msg("flatc %s", arguments);
}

static struct bytes get(struct workshop *w, const char *name)
{
    struct status st = {0};
    struct bytes b;
    if (!file_read(w->a, path_join(w->a, w->dir, name), &b, &st))
        fail_msg("%s", st.message);
    return b;
}

static void put(struct workshop *w, const char *name, struct bytes data)
{
    struct status st = {0};
    if (!file_write(path_join(w->a, w->dir, name), data, &st))
        fail_msg("%s", st.message);
}

static const char TO_JSON[] = "--json --strict-json --defaults-json --raw-binary";

static void flatc_reads_in_ours_what_it_reads_in_its_own(void **state)
{
    (void)state;
    struct workshop w;
    open_workshop(&w);
    flatc(&w, "--binary --strict-json $S/sample.fbs $S/sample.json");
    flatc(&w, arena_text(w.a, "%s $S/sample.fbs -- sample.bin", TO_JSON));
    struct bytes theirs = get(&w, "sample.json");
    assert_true(theirs.size > 500);
    for (int force = 0; force < 2; force++) {
        put(&w, "ours.bin", sample_build(w.a, force));
        flatc(&w, arena_text(w.a, "%s $S/sample.fbs -- ours.bin", TO_JSON));
        struct bytes ours = get(&w, "ours.json");
        if (force) { /* what is written though it is a default is shown all the same: --defaults-json */
            assert_non_null(memmem(ours.data, ours.size, "\"i32\": -5", 9));
            continue;
        }
        assert_int_equal(ours.size, theirs.size);
        assert_memory_equal(ours.data, theirs.data, ours.size);
    }
    close_workshop(&w);
}

static void we_read_what_flatc_wrote(void **state)
{
    (void)state;
    struct workshop w;
    open_workshop(&w);
    flatc(&w, "--binary --strict-json $S/sample.fbs $S/sample.json");
    struct flat f, g;
    struct flat_table theirs, ours;
    struct status st = {0};
    assert_true(flat_open(&f, get(&w, "sample.bin"), "SMPL", &theirs, &st));
    assert_true(flat_open(&g, sample_build(w.a, false), "SMPL", &ours, &st));
    assert_false(flat_has(theirs, ROOT_I32));
    assert_true(walk_root(w.a, theirs, 0) == walk_root(w.a, ours, 0)); /* test_flat.c tells what is in ours */
    assert_string_equal(flat_text(w.a, flat_sub(theirs, ROOT_CHILD), ROOT_NAME), "inner");
    assert_false(f.bad);
    close_workshop(&w);
}

static void we_read_flexbuffers_of_flatc(void **state)
{
    (void)state;
    struct workshop w;
    open_workshop(&w);
    flatc(&w, "--flexbuffers --binary $S/flex.json");
    struct flex map, v, list, inner;
    struct status st = {0};
    struct bytes text = {0};
    double f = 0;
    int64_t i = 0;
    assert_true(flex_open(get(&w, "flex.bin"), &map, &st));
    assert_int_equal(flex_count(map), 7);
    assert_true(flex_find(map, "fraction", &v) && flex_float(v, &f));
    assert_true(f == 0.1);
    assert_true(flex_find(map, "large", &v) && flex_int(v, &i));
    assert_true(i == INT64_C(5000000000));
    assert_true(flex_find(map, "minus", &v) && flex_int(v, &i));
    assert_true(i == -70000);
    assert_true(flex_find(map, "text", &v) && flex_bytes(v, &text));
    assert_true(bytes_equal(text, sample_text("narrow")));
    assert_true(flex_find(map, "blank", &v) && flex_bytes(v, &text));
    assert_int_equal(text.size, 0);
    assert_true(flex_find(map, "many", &list));
    assert_int_equal(flex_count(list), 3);
    assert_true(flex_at(list, 2, &v) && flex_int(v, &i));
    assert_true(i == 300);
    assert_true(flex_find(map, "deep", &v) && flex_find(v, "list", &list) && flex_count(list) == 4);
    assert_true(flex_at(list, 1, &inner) && flex_bytes(inner, &text) && bytes_equal(text, sample_text("two")));
    assert_true(flex_at(list, 2, &inner) && flex_float(inner, &f) && f == 2.5);
    assert_true(flex_at(list, 3, &inner) && flex_at(inner, 0, &v) && flex_int(v, &i) && i == -3);
    assert_true(flex_find(map, "deep", &v) && flex_find(v, "yes", &inner) && flex_int(inner, &i) && i == 1);
    close_workshop(&w);
}

static struct bytes in_holder(struct arena *a, struct bytes flex)
{
    struct flat_builder *b = flat_builder_new(a, false);
    flat_force_vector_alignment(b, flex.size, 8);
    flat_ref bytes = flat_put_vector(b, flex.data, (uint32_t)flex.size, 1);
    flat_table_start(b);
    flat_add_ref(b, 0, bytes);
    return flat_finish(b, flat_table_end(b), NULL);
}

static void flatc_reads_our_flexbuffers(void **state)
{
    (void)state;
    struct workshop w;
    open_workshop(&w);
    static const uint8_t ints[] = {1, 2, 127};
    const struct flex_entry entries[] = {
        {.key = "big", .kind = FLEX_PUT_INT, .i = INT64_C(-5000000000)},
        {.key = "flag", .kind = FLEX_PUT_BOOL, .i = 1},
        {.key = "half", .kind = FLEX_PUT_FLOAT, .f = 0.5},
        {.key = "ints", .kind = FLEX_PUT_VECTOR, .bytes = bytes_of(ints, 3)},
        {.key = "none", .kind = FLEX_PUT_VECTOR},
        {.key = "text", .kind = FLEX_PUT_STRING, .bytes = sample_text("narrow")},
    };
    put(&w, "ours.bin", in_holder(w.a, flex_write_map(w.a, entries, sizeof entries / sizeof *entries)));
    flatc(&w, arena_text(w.a, "%s $S/holder.fbs -- ours.bin", TO_JSON));
    struct bytes json = get(&w, "ours.json");
    char *text = arena_text(w.a, "%.*s", (int)json.size, (const char *)json.data);
    static const char expected[] = "{ \"big\": -5000000000, \"flag\": true, \"half\": 0.5, \"ints\": [ 1, 2, 127 ], "
                                   "\"none\": [  ], \"text\": \"narrow\" }";
    if (!strstr(text, expected))
        fail_msg("%s", text);
    close_workshop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flatc_reads_in_ours_what_it_reads_in_its_own),
        cmocka_unit_test(we_read_what_flatc_wrote),
        cmocka_unit_test(we_read_flexbuffers_of_flatc),
        cmocka_unit_test(flatc_reads_our_flexbuffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

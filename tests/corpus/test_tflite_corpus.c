/* The TFLite reader and writer over every public model: reading, writing and reading again changes nothing, and the
 * compiled models of compiler 16 (min_runtime_version 14) come back byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <fts.h>

#include "base/file.h"
#include "support/corpus.h"
#include "support/model_equal.h"

struct tally {
    unsigned models, exact, with_zip, rewritten_by_others;
};

/* 0 differs, 1 equal, 2 equal up to a zip archive that a metadata tool has appended. */
static int equal_to_file(struct bytes written, struct bytes file)
{
    if (bytes_equal(written, file))
        return 1;
    struct bytes start = bytes_of(file.data, written.size < file.size ? written.size : file.size);
    bool zip = file.size >= written.size + 2 && memcmp(file.data + written.size, "PK", 2) == 0;
    return bytes_equal(written, start) && zip ? 2 : 0;
}

static void check(const char *path, struct tally *tally)
{
    struct arena *a = arena_new();
    struct status st = {0};
    struct bytes file, full, official;
    struct tfl_model *m, *again;
    if (!file_read(a, path, &file, &st) || !tfl_read(a, file, &m, &st))
        fail_msg("%s: %s", path, st.message);
    if (!tfl_write(a, m, &(struct tfl_write_options){0}, &full, &st) || !tfl_read(a, full, &again, &st))
        fail_msg("%s, written and read again: %s", path, st.message);
    const char *why = model_difference(a, m, again);
    if (why)
        fail_msg("%s, written and read again: %s", path, why);
    tally->models++;
    if (corpus_runtime_version(a, m) == 14) {
        assert_true(tfl_write(a, m, &(struct tfl_write_options){.official = true}, &official, &st));
        int equal = equal_to_file(official, file);
        tally->exact += equal == 1;
        tally->with_zip += equal == 2;
        tally->rewritten_by_others += !equal && m->n_metadata;
        if (!equal && !m->n_metadata)
            fail_msg("%s: our bytes differ from the official ones", path);
    }
    arena_free(a);
}

static void every_model_survives_reading_and_writing(void **state)
{
    (void)state;
    struct tally tally = {0};
    char *roots[] = {CORPUS_DIR, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(tree);
    for (FTSENT *e; (e = fts_read(tree));) {
        size_t n = strlen(e->fts_path);
        if (e->fts_info == FTS_F && n > 7 && strcmp(e->fts_path + n - 7, ".tflite") == 0)
            check(e->fts_path, &tally);
    }
    fts_close(tree);
    if (!tally.models) {
        print_message("no corpus at %s: skipped\n", CORPUS_DIR);
        skip();
    }
    print_message("%u models read, written and read again; of those for runtime 14, %u byte-exact, %u with a zip "
                  "behind, %u rewritten by a metadata tool\n",
                  tally.models, tally.exact, tally.with_zip, tally.rewritten_by_others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_survives_reading_and_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

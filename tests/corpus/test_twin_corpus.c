/* Catalogue rows of compiler 16 whose files are not in the corpus: models of the same operators and shapes give as
 * many instructions of every opcode as the official file has.  A row for each behaviour that no shipped pair shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "attempt.h"
#include "base/file.h"

static const char *const equal_rows[] = {
    "P003", /* one convolution over 128 channels */
    "P082", /* 64x64x340 on two strips of columns; likewise: */
    "P088", /* 375 channels, which hardly fit */
    "P093", /* 400 channels, whose output does not fit: rows, and columns in each of them */
    "P114", /* 640 channels */
    "P154", /* dense_1024 */
    "P182", /* 7x7x320 from the host: one identity matrix for the input, the exchange before a pool and SOFTMAX */
    "P185", /* outputs that are read inside; of 5x5 pixels */
    "P212", /* an input that the file has values for */
    "P428", /* an output leaves as soon as it is made: the flags begin anew behind it */
    "P196", /* a row of pixels to a dense layer */
    "P245", /* 118x100x8 to a vector of 94400, LOGISTIC behind its dense layer */
    "P247", /* 7x7x320 to the host: tiles of 2x1 and of 1x2 pixels apart */
    "P268", /* VALID convolutions of 32x32 and 15x15, pools of 30x30 and 13x13: who shares instructions */
    "P269", /* the same with 33 and 41 words of channels */
    "P277", /* LeNet: an image of 5x5x16 to a vector; 28x28 pixels in bands that begin inside an 8-byte unit */
    "P244", /* five convolutions on strips */
    "P310", /* pool of 8x8x10 by exchange, SOFTMAX behind it */
    "P322", /* borders counted anew where a layer has nothing to do with those that came in last */
    "P403", /* MEAN over 7x7x1024; LOGISTIC with the identity matrix that the exchange left */
    "P433", /* SOFTMAX over 965 classes: an odd number on several tiles */
    "P469", /* pool of 7x7x1280: two groups of channels a tile */
    "P481", /* FULLY_CONNECTED behind FULLY_CONNECTED */
};

static bool listed(const struct catalogue_row *row)
{
    for (size_t k = 0; k < sizeof equal_rows / sizeof *equal_rows; k++)
        if (strcmp(row->id, equal_rows[k]) == 0)
            return true;
    return false;
}

static struct catalogue_row *read_catalogue(struct arena *a, uint32_t *n)
{
    struct bytes text;
    struct catalogue_row *rows;
    struct status st = {0};
    if (!file_read(a, CORPUS_DIR "/catalogue.tsv", &text, &st)) {
        arena_free(a);
        print_message("skipped: %s\n", st.message);
        skip();
    }
    assert_true(catalogue_read(a, text, &rows, n, &st));
    return rows;
}

static void instructions_as_officially(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint32_t n;
    const struct catalogue_row *rows = read_catalogue(a, &n);
    for (uint32_t k = 0; k < n; k++) {
        struct attempt x;
        if (!listed(&rows[k]))
            continue;
        attempt_nearest(&rows[k], 1, &x);
        if (x.st.code)
            fail_msg("%s: %s", rows[k].id, x.st.message);
        if (!x.verdict.same_all || !x.verdict.same_outer)
            fail_msg("%s: %s, ours %s: %s", rows[k].id, rows[k].executables, x.facts.executables,
                     twin_difference(x.a, &rows[k], &x.facts));
        attempt_free(&x);
    }
    arena_free(a);
}

/* mobilenet_v2_1.0_224 (P445) was compiled together with models that are not known and left no room for any of its
 * convolutions: they and the tables of SOFTMAX come from the host, depthwise and dense layers are cached.  So it is
 * with these. */
static void instructions_in_company(void **state)
{
    (void)state;
    static const char *const ids[] = {"P445", "P433", "P433", "P433", "P403"};
    enum { MODELS = sizeof ids / sizeof *ids };
    const struct catalogue_row *together[MODELS] = {0};
    struct attempt x[MODELS];
    struct arena *a = arena_new();
    uint32_t n;
    const struct catalogue_row *rows = read_catalogue(a, &n);
    for (uint32_t k = 0; k < n; k++)
        for (unsigned i = 0; i < MODELS; i++)
            if (strcmp(rows[k].id, ids[i]) == 0)
                together[i] = &rows[k];
    attempt_together(together, MODELS, 1, x);
    if (x[0].st.code)
        fail_msg("%s", x[0].st.message);
    if (!x[0].verdict.same_all)
        fail_msg("%s, ours %s: %s", together[0]->executables, x[0].facts.executables,
                 twin_difference(a, together[0], &x[0].facts));
    for (unsigned i = 0; i < MODELS; i++)
        attempt_free(&x[i]);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(instructions_as_officially),
                                       cmocka_unit_test(instructions_in_company)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

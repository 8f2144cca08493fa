/* The verifier finds nothing in any official executable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "support/corpus.h"
#include "verify/verify.h"

struct count {
    const char *name;
    unsigned packages, findings;
    bool loud;
};

static bool verify(struct bytes options, void *arg, struct status *st)
{
    struct count *c = arg;
    struct arena *a = arena_new();
    struct dwn_package *p;
    bool ok = dwn_from_custom_options(a, options, &p, st);
    if (ok) {
        struct verify_report r;
        verify_package(a, p, &r);
        c->packages++;
        c->findings += r.count;
        for (uint32_t k = 0; k < r.count && (k < 1 || c->loud); k++)
            printf("%s: %s: executable %d chunk %d word %d: %s\n", c->name, r.findings[k].rule->id,
                   (int)r.findings[k].executable, (int)r.findings[k].chunk, (int)r.findings[k].word,
                   r.findings[k].text);
    }
    arena_free(a);
    return ok;
}

static void nothing_is_found_in_official_executables(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct corpus corpus;
    struct count count = {.loud = getenv("LOUD") != NULL};
    corpus_list(a, CORPUS_DIR "/models", &corpus);
    if (!corpus.count) {
        print_message("no corpus at " CORPUS_DIR ": skipped\n");
        arena_free(a);
        skip();
    }
    unsigned dirty = 0;
    for (uint32_t k = 0; k < corpus.count; k++) {
        struct arena *b = arena_new();
        struct bytes file;
        struct status st = {0};
        unsigned before = count.findings;
        count.name = corpus.pairs[k].name;
        if (!file_read(b, corpus.pairs[k].compiled, &file, &st) || !corpus_packages(b, file, verify, &count, &st))
            fail_msg("%s: %s", corpus.pairs[k].name, st.message);
        dirty += count.findings > before;
        arena_free(b);
    }
    printf("%u packages of %u files verified: %u findings in %u files\n", count.packages, corpus.count, count.findings,
           dirty);
    assert_int_equal(count.findings, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_found_in_official_executables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Official packages come back byte for byte from what we read out of them, and the layouts and sizes that we
 * compute are those that stand in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/file.h"
#include "darwinn/package.h"
#include "flat/flat.h"
#include "support/corpus.h"

enum { RUNTIMES = 16, CURRENT = 14 };

struct score {
    unsigned of, same;
};

struct scores {
    struct arena *arena;
    struct score executable[RUNTIMES], package[RUNTIMES], options[RUNTIMES], layout[RUNTIMES], size[RUNTIMES];
};

static void count(struct score *s, bool same)
{
    s->of++;
    s->same += same;
}

static bool ints_equal(const int32_t *a, uint32_t n_a, const int32_t *b, uint32_t n_b)
{
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof *a) == 0);
}

static bool layouts_equal(const struct dwn_layout *a, const struct dwn_layout *b)
{
    return ints_equal(a->y_tile, a->n_y_tile, b->y_tile, b->n_y_tile) &&
           ints_equal(a->x_tile, a->n_x_tile, b->x_tile, b->n_x_tile) &&
           ints_equal(a->tile_offset, a->n_tile_offset, b->tile_offset, b->n_tile_offset) &&
           ints_equal(a->x_offset, a->n_x_offset, b->x_offset, b->n_x_offset) &&
           ints_equal(a->y_offset, a->n_y_offset, b->y_offset, b->n_y_offset) &&
           ints_equal(a->x_row_size, a->n_x_row_size, b->x_row_size, b->n_x_row_size);
}

static void check_layers(struct scores *s, const struct dwn_executable *x, int rt)
{
    for (uint32_t i = 0; i < x->n_inputs; i++) {
        const struct dwn_layer *l = &x->inputs[i];
        count(&s->size[rt], dwn_input_size(l->y, l->x, l->z, (int32_t)dwn_type_size(l->type)) == l->size_bytes);
    }
    for (uint32_t i = 0; i < x->n_outputs; i++) {
        const struct dwn_layer *l = &x->outputs[i];
        struct dwn_layout ours;
        int32_t passes = l->layout.n_tile_offset < 16 ? 1 : (int32_t)l->layout.n_tile_offset / 16;
        dwn_layout_make(s->arena, l->y, l->x, l->z, passes, &ours);
        count(&s->layout[rt], layouts_equal(&ours, &l->layout));
        count(&s->size[rt], dwn_output_size(l->y, l->x, l->z, (int32_t)dwn_type_size(l->type)) == l->size_bytes);
    }
}

static bool check_package(struct bytes options, void *arg, struct status *st)
{
    struct scores *s = arg;
    struct dwn_package *p;
    struct bytes again = {0};
    if (!dwn_from_custom_options(s->arena, options, &p, st))
        return false;
    int rt = p->min_runtime_version;
    assert_in_range(rt, 0, RUNTIMES - 1);
    for (uint32_t i = 0; i < p->n_executables; i++) {
        const struct dwn_executable *x = &p->executables[i];
        if (!dwn_write_executable(s->arena, x, &again, st))
            return false;
        count(&s->executable[rt], bytes_equal(again, x->raw));
        check_layers(s, x, rt);
    }
    if (!dwn_write(s->arena, p, &again, st))
        return false;
    count(&s->package[rt], bytes_equal(again, p->raw));
    count(&s->options[rt], bytes_equal(flex_write_custom_op(s->arena, p->raw, 18), options));
    return true;
}

static void report(const char *what, const struct score s[RUNTIMES])
{
    for (int rt = 0; rt < RUNTIMES; rt++)
        if (s[rt].of)
            printf("runtime %-2d  %-14s %3u of %3u\n", rt, what, s[rt].same, s[rt].of);
}

static void official_packages_come_back_byte_for_byte(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct corpus corpus;
    corpus_list(a, CORPUS_DIR "/models", &corpus);
    if (!corpus.count) {
        arena_free(a);
        print_message("no corpus at " CORPUS_DIR "\n");
        skip();
    }
    struct scores s = {0};
    for (uint32_t i = 0; i < corpus.count; i++) {
        struct bytes file;
        struct status st = {0};
        s.arena = arena_new();
        if (!file_read(s.arena, corpus.pairs[i].compiled, &file, &st) ||
            !corpus_packages(s.arena, file, check_package, &s, &st))
            fail_msg("%s: %s", corpus.pairs[i].name, st.message);
        arena_free(s.arena);
    }
    report("executables", s.executable);
    report("packages", s.package);
    report("custom options", s.options);
    report("output layouts", s.layout);
    report("layer sizes", s.size);
    for (int rt = 0; rt < RUNTIMES; rt++) { /* older compilers wrote other options and 1-D layouts (container.md 8) */
        assert_int_equal(s.executable[rt].same, s.executable[rt].of);
        assert_int_equal(s.package[rt].same, s.package[rt].of);
        assert_int_equal(s.size[rt].same, s.size[rt].of);
    }
    assert_true(s.package[CURRENT].of > 0);
    assert_int_equal(s.options[CURRENT].same, s.options[CURRENT].of);
    assert_int_equal(s.layout[CURRENT].same, s.layout[CURRENT].of);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(official_packages_come_back_byte_for_byte)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

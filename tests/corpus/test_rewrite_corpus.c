/* From a source model to the official compiled file, given which operators are mapped and the bytes of the Edge TPU
 * operators: partitions, interfaces, kept tensors, buffers, options and the order of everything are ours.
 * And: every operator of every public source passes graph_check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/file.h"
#include "graph/partition.h"
#include "support/corpus.h"
#include "support/model_equal.h"

static bool is_edgetpu(const struct tfl_operator *o)
{
    return o->custom_code && strcmp(o->custom_code, TFL_EDGETPU_CUSTOM_OP) == 0;
}

static struct tfl_model *model_at(struct arena *a, const char *path, struct bytes *file)
{
    struct status st = {0};
    struct tfl_model *m = NULL;
    if (!file_read(a, path, file, &st) || !tfl_read(a, *file, &m, &st))
        fail_msg("%s: %s", path, st.message);
    return m;
}

/* An operator of the source is left to the CPU if the compiled model has one with outputs of the same names. */
static bool same_outputs(const struct tfl_subgraph *g, const struct tfl_operator *o, const struct tfl_subgraph *h,
                         const struct tfl_operator *p)
{
    bool same = o->n_outputs == p->n_outputs;
    for (uint32_t i = 0; same && i < o->n_outputs; i++)
        same = strcmp(g->tensors[o->outputs[i]].name, h->tensors[p->outputs[i]].name) == 0;
    return same;
}

static bool is_mapped(const struct tfl_subgraph *source, const struct tfl_operator *o,
                      const struct tfl_subgraph *compiled)
{
    for (uint32_t i = 0; i < compiled->n_operators; i++)
        if (!is_edgetpu(&compiled->operators[i]) && same_outputs(source, o, compiled, &compiled->operators[i]))
            return false;
    return true;
}

/* NULL: the rewritten source is the official file. */
static const char *rewrite(struct arena *a, const struct tfl_model *source, const struct tfl_model *compiled,
                           struct bytes file)
{
    struct status st = {0};
    const struct tfl_subgraph *g = &source->subgraphs[0], *h = &compiled->subgraphs[0];
    struct graph graph;
    if (!graph_build(a, g, &graph, &st))
        return arena_text(a, "%s", st.message);
    bool *mapped = ARENA_ARRAY(a, bool, g->n_operators);
    for (uint32_t i = 0; i < g->n_operators; i++)
        mapped[i] = is_mapped(g, &g->operators[i], h);
    struct partitions parts;
    partition_graph(a, &graph, mapped, &parts);
    struct bytes *custom_options = ARENA_ARRAY(a, struct bytes, h->n_operators + parts.count);
    for (uint32_t i = 0, k = 0; i < h->n_operators; i++)
        if (is_edgetpu(&h->operators[i]))
            custom_options[k++] = h->operators[i].custom_options;
    struct tfl_model *ours, *again;
    struct bytes written;
    if (!graph_rewrite(a, source, &graph, &parts, custom_options, &ours, &st) ||
        !tfl_write(a, ours, &(struct tfl_write_options){.official = true}, &written, &st) ||
        !tfl_read(a, written, &again, &st))
        return arena_text(a, "%s", st.message);
    if (bytes_equal(written, file))
        return NULL;
    const char *why = model_difference(a, again, compiled);
    return why ? why : "equal content, other bytes";
}

static void rewritten_sources_are_the_official_files(void **state)
{
    (void)state;
    struct arena *list = arena_new();
    struct corpus corpus;
    corpus_list(list, CORPUS_DIR, &corpus);
    unsigned pairs = 0, exact = 0;
    for (uint32_t i = 0; i < corpus.count; i++) {
        struct arena *a = arena_new();
        struct bytes file, source_file;
        const struct tfl_model *compiled = model_at(a, corpus.pairs[i].compiled, &file);
        if (corpus_runtime_version(a, compiled) == 14 && corpus.pairs[i].source) {
            const char *why = rewrite(a, model_at(a, corpus.pairs[i].source, &source_file), compiled, file);
            pairs++, exact += !why;
            if (why)
                print_message("%s: %s\n", corpus.pairs[i].name, why);
        }
        arena_free(a);
    }
    arena_free(list);
    if (!corpus.count) {
        print_message("no corpus at %s: skipped\n", CORPUS_DIR);
        skip();
    }
    print_message("%u of %u pairs for runtime 14: rewritten source equals the official file\n", exact, pairs);
    assert_int_equal(exact, pairs);
}

static void every_public_operator_passes_the_check(void **state)
{
    (void)state;
    struct arena *list = arena_new();
    struct corpus corpus;
    corpus_list(list, CORPUS_DIR, &corpus);
    unsigned checked = 0, without_rule = 0, failed = 0;
    for (uint32_t i = 0; i < corpus.count; i++) {
        if (!corpus.pairs[i].source)
            continue;
        struct arena *a = arena_new();
        struct status st = {0};
        struct bytes file;
        struct graph graph;
        const struct tfl_model *m = model_at(a, corpus.pairs[i].source, &file);
        if (!graph_build(a, &m->subgraphs[0], &graph, &st))
            fail_msg("%s: %s", corpus.pairs[i].source, st.message);
        for (uint32_t op = 0; op < m->subgraphs[0].n_operators; op++) {
            if (graph_has_check(m->subgraphs[0].operators[op].code))
                checked++;
            else
                without_rule++;
            if (!graph_check(a, &m->subgraphs[0], op, &st)) {
                print_message("%s: %s\n", corpus.pairs[i].source, st.message);
                st = (struct status){0};
                failed++;
            }
        }
        arena_free(a);
    }
    arena_free(list);
    if (!checked)
        skip();
    print_message("%u operators checked, %u have no rule\n", checked, without_rule);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewritten_sources_are_the_official_files),
        cmocka_unit_test(every_public_operator_passes_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* evidence: measures the ladder a-e over a corpus of official models. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "evidence.h"
#include "jobs.h"

static const char usage[] =
    "usage: evidence [options] CORPUS [OUT.md]\n"
    "Measures every compiled model below CORPUS/models and prints the ladder; OUT.md gets the whole report.\n"
    "  -r, --rungs LETTERS  which of abcde (default all)\n"
    "  -n, --name TEXT      only models whose path contains TEXT\n"
    "  -f, --faults N       seeded fault kinds per model, on models up to 200 KiB (default: all kinds)\n"
    "  -j, --jobs N         processes (default 2)\n"
    "  -t, --timeout SEC    per model (default 300)\n"
    "  -v, --verbose        a line per model\n"
    "  -h, --help\n";

struct settings {
    const char *rungs, *name;
    unsigned faults, jobs, timeout;
    bool verbose;
};

enum { FAULT_BYTES = 200 * 1024 };

/* Seeded faults are tried on the small models: each costs several runs, some on the strict simulator. */
static bool faults_for(const struct corpus_pair *pair)
{
    struct stat info;
    return stat(pair->compiled, &info) == 0 && info.st_size <= FAULT_BYTES;
}

struct run_arg {
    const struct settings *s;
    const struct corpus *c;
};

static void measure_one(uint32_t k, void *arg, void *result)
{
    const struct run_arg *r = arg;
    const struct corpus_pair *pair = &r->c->pairs[k];
    measure(pair, r->s->rungs, k, faults_for(pair) ? r->s->faults : 0, result);
}

static void print_one(uint32_t k, void *arg, const void *result)
{
    const struct run_arg *a = arg;
    const struct row *r = result;
    if (a->s->verbose)
        printf("%s: %s, findings %d, equal %d/%d, compiled %d %d %d, e %d%d%d%d%d %s%s%s\n", a->c->pairs[k].name,
               r->done ? "done" : "DIED", r->findings, r->equal, r->ran, r->compiled, r->clean, r->same_output,
               r->level[0], r->level[1], r->level[2], r->level[3], r->level[4], r->ran_why,
               r->compiled_why[0] ? " | " : "", r->compiled_why);
}

static void measure_all(const struct settings *s, const struct corpus *c, struct row *rows)
{
    struct run_arg arg = {s, c};
    jobs_run(&(struct jobs){c->count, s->jobs, s->timeout, sizeof *rows, rows, measure_one, print_one, &arg});
}

static void select_models(struct corpus *c, const char *name)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < c->count; k++)
        if (!name || strstr(c->pairs[k].name, name))
            c->pairs[kept++] = c->pairs[k];
    c->count = kept;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"rungs", 1, NULL, 'r'},   {"name", 1, NULL, 'n'},    {"faults", 1, NULL, 'f'}, {"jobs", 1, NULL, 'j'},
        {"timeout", 1, NULL, 't'}, {"verbose", 0, NULL, 'v'}, {"help", 0, NULL, 'h'},   {0}};
    struct settings s = {.rungs = "abcde", .faults = 1000, .jobs = 2, .timeout = 300};
    for (int o; (o = getopt_long(argc, argv, "r:n:f:j:t:vh", options, NULL)) != -1;)
        switch (o) {
        case 'r': s.rungs = optarg; break;
        case 'n': s.name = optarg; break;
        case 'f': s.faults = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'j': s.jobs = (unsigned)strtoul(optarg, NULL, 10); break;
        case 't': s.timeout = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'v': s.verbose = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    if (argc - optind < 1 || argc - optind > 2 || s.jobs < 1 || s.jobs > MAX_JOBS) {
        fputs(usage, stderr);
        return 2;
    }
    struct arena *a = arena_new();
    struct corpus corpus;
    struct status st = {0};
    corpus_list(a, path_join(a, argv[optind], "models"), &corpus);
    select_models(&corpus, s.name);
    struct twins *twins = strpbrk(s.rungs, "de") ? twins_measure(a, argv[optind], s.name, s.jobs, s.timeout) : NULL;
    if (!corpus.count && !twins) {
        fprintf(stderr, "evidence: no compiled models below %s/models\n", argv[optind]);
        return 1;
    }
    struct row *rows = ARENA_ARRAY(a, struct row, corpus.count);
    struct field_counts *fields = field_counts_new(a);
    for (uint32_t k = 0; k < corpus.count && strchr(s.rungs, 'a'); k++) {
        struct arena *b = arena_new();
        struct bytes file;
        if (file_read(b, corpus.pairs[k].compiled, &file, &st))
            field_counts_add(fields, file);
        arena_free(b);
    }
    measure_all(&s, &corpus, rows);
    struct device_results *device = strchr(s.rungs, 'c') && !s.name ? device_measure(a, argv[optind]) : NULL;
    struct buf text = {0};
    report_write(&text, &corpus, rows, fields, device, twins);
    buf_zero(&text, 1);
    const char *end = strstr((const char *)text.data, "\n## Per model");
    fwrite(text.data, 1, end ? (size_t)(end - (const char *)text.data) : text.size - 1, stdout);
    bool ok = argc - optind < 2 || file_write(argv[optind + 1], bytes_of(text.data, text.size - 1), &st);
    if (!ok)
        fprintf(stderr, "evidence: %s\n", st.message);
    buf_free(&text);
    arena_free(a);
    return ok ? 0 : 1;
}

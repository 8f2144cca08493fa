/* evidence: measures the ladder a-e over a corpus of official models. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "evidence.h"

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

struct job {
    pid_t pid;
    int pipe;
    uint32_t model;
    size_t have;
};

enum { MAX_JOBS = 64, FAULT_BYTES = 200 * 1024 };

/* Seeded faults are tried on the small models: each costs several runs, some on the strict simulator. */
static bool faults_for(const struct corpus_pair *pair)
{
    struct stat info;
    return stat(pair->compiled, &info) == 0 && info.st_size <= FAULT_BYTES;
}

static void start(const struct settings *s, const struct corpus_pair *pair, uint32_t model, struct job *j)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0 || (j->pid = fork()) < 0) {
        perror("evidence");
        exit(1);
    }
    if (j->pid == 0) {
        close(ends[0]);
        alarm(s->timeout);
        struct row row = {0};
        measure(pair, s->rungs, model, faults_for(pair) ? s->faults : 0, &row);
        const char *p = (const char *)&row;
        for (size_t done = 0; done < sizeof row;) {
            ssize_t n = write(ends[1], p + done, sizeof row - done);
            if (n <= 0)
                _exit(1);
            done += (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    *j = (struct job){j->pid, ends[0], model, 0};
}

/* Reads what a child has to say; true when it is finished. */
static bool finish(struct job *j, struct row *row)
{
    ssize_t n = read(j->pipe, (char *)row + j->have, sizeof *row - j->have);
    if (n > 0)
        j->have += (size_t)n;
    if (n > 0 && j->have < sizeof *row)
        return false;
    close(j->pipe);
    int state;
    waitpid(j->pid, &state, 0);
    if (j->have < sizeof *row)
        *row = (struct row){0};
    return true;
}

static void measure_all(const struct settings *s, const struct corpus *c, struct row *rows)
{
    struct job jobs[MAX_JOBS];
    unsigned running = 0;
    uint32_t next = 0;
    while (next < c->count || running) {
        while (running < s->jobs && next < c->count) {
            start(s, &c->pairs[next], next, &jobs[running++]);
            next++;
        }
        struct pollfd wait[MAX_JOBS];
        for (unsigned k = 0; k < running; k++)
            wait[k] = (struct pollfd){jobs[k].pipe, POLLIN, 0};
        poll(wait, running, -1);
        for (unsigned k = running; k-- > 0;)
            if (wait[k].revents && finish(&jobs[k], &rows[jobs[k].model])) {
                const struct row *r = &rows[jobs[k].model];
                if (s->verbose)
                    printf("%s: %s, findings %d, equal %d/%d, compiled %d %d %d, e %d%d%d%d%d %s%s%s\n",
                           c->pairs[jobs[k].model].name, r->done ? "done" : "DIED", r->findings, r->equal, r->ran,
                           r->compiled, r->clean, r->same_output, r->level[0], r->level[1], r->level[2], r->level[3],
                           r->level[4], r->ran_why, r->compiled_why[0] ? " | " : "", r->compiled_why);
                jobs[k] = jobs[--running];
            }
    }
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
    if (!corpus.count) {
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
    report_write(&text, &corpus, rows, fields, device);
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

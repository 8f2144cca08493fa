/* Rung c's other half: what was published of a real chip's outputs. */
#include "evidence.h"
#include "support/device.h"

struct device_results {
    struct device_result chip, cpu;
    const char *failed;
    const struct device_case *c;
    const struct device_results *next;
};

static struct device_results *run(struct arena *a, const char *corpus, const struct device_case *c)
{
    struct device_results *d = ARENA_NEW(a, struct device_results);
    struct arena *work = arena_new();
    struct status st = {0};
    *d = (struct device_results){.c = c};
    if (!device_run(work, corpus, c, false, &d->chip, &st) ||
        (c->numbers && !device_run(work, corpus, c, true, &d->cpu, &st)))
        d->failed = arena_text(a, "%s", st.message);
    arena_free(work);
    return d;
}

struct device_results *device_measure(struct arena *a, const char *corpus)
{
    struct device_results *first = NULL;
    for (unsigned k = device_case_count; k-- > 0;) {
        struct device_results *d = run(a, corpus, &device_cases[k]);
        d->next = first;
        first = d;
    }
    return first;
}

static const char *short_name(const char *model)
{
    const char *slash = strrchr(model, '/');
    return slash ? slash + 1 : model;
}

void device_ladder(struct buf *o, const struct device_results *d)
{
    int labels = 0, right = 0;
    for (; d; d = d->next) {
        if (d->chip.present && d->c->numbers)
            buf_text(o, "| c | numbers recorded from a real chip, %s%s%s | %d of %d |\n", short_name(d->c->model),
                     d->c->note ? ": " : "", d->c->note ? d->c->note : "", d->chip.equal, d->chip.numbers);
        labels += d->chip.present && !d->c->numbers;
        right += d->chip.labelled;
    }
    buf_text(o, "| c | device tests that demand a label with a score, models in the corpus | %d of %d |\n", right,
             labels);
}

void device_report(struct buf *o, const struct device_results *d)
{
    buf_text(o, "\n## Recorded on a real chip\nOfficial executables on the simulator, the pictures of "
                "google-coral/test_data, resized as "
                "its tests do. Numbers are compared as printed, 6 significant digits; the processor's numbers are "
                "those of the plain "
                "model on our kernels in TFLite's numerics.\n\n| model | chip | processor | |\n|---|---|---|---|\n");
    for (; d; d = d->next) {
        buf_text(o, "| %s | ", short_name(d->c->model));
        if (d->failed)
            buf_text(o, "| | %s", d->failed);
        else if (!d->chip.present)
            buf_text(o, "| | not in the corpus");
        else if (d->c->numbers)
            buf_text(o, "%d of %d | %d of %d | %s", d->chip.equal, d->chip.numbers, d->cpu.equal, d->cpu.numbers,
                     d->c->note ? d->c->note : "");
        else
            buf_text(o, "%s | | label %d at %.3f, demanded: more than %.2f", d->chip.labelled ? "+" : "-", d->c->label,
                     d->chip.score, d->c->score);
        buf_text(o, " |\n");
    }
}

/* The cycle estimate (src/sim/cycles.h) against what is known: estimated_cycles in the executables of older compilers,
 * and latencies that Coral published (../shared/spec/peers.md 5.2). */
#include <math.h>
#include <stdlib.h>

#include "compiler/compiler.h"
#include "evidence.h"
#include "sim/cycles.h"
#include "support/make_model.h"

void cycles_measure(struct arena *a, const struct dwn_package *p, struct row *out)
{
    for (uint32_t e = 0; e < p->n_executables; e++) {
        const struct dwn_executable *x = &p->executables[e];
        struct cycles c;
        struct status st = {0};
        if (x->type == DWN_PARAMETER_CACHING || !cycles_estimate(a, x, &c, &st))
            continue;
        out->official_cycles += x->estimated_cycles64 > 0 ? x->estimated_cycles64 : x->estimated_cycles;
        out->cycles += (long long)c.total;
        out->ms += 1e3 * cycles_seconds(&c, &cycles_usb3);
        out->chip_ms += 1e3 * cycles_chip_seconds(&c, &cycles_usb3);
    }
}

/* The first model with each official number: the number depends on the network only. */
static bool first_of_its_number(const struct row *rows, uint32_t k)
{
    if (rows[k].official_cycles <= 0 || rows[k].cycles <= 0)
        return false;
    for (uint32_t j = 0; j < k; j++)
        if (rows[j].official_cycles == rows[k].official_cycles)
            return false;
    return true;
}

static double error_of(const struct row *r)
{
    return 100.0 * ((double)r->cycles / (double)r->official_cycles - 1);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *sorted, size_t n)
{
    return n == 0 ? 0 : n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Our number over the official one, divided by what that is in the middle of the other networks: what a factor fitted
 * to those would leave.  Without others: the error as it is. */
static double left_out(const struct corpus *c, const struct row *rows, uint32_t k)
{
    struct arena *a = arena_new();
    double *ratio = ARENA_ARRAY(a, double, c->count + 1);
    size_t n = 0;
    for (uint32_t j = 0; j < c->count; j++)
        if (first_of_its_number(rows, j) && j != k)
            ratio[n++] = 1 + error_of(&rows[j]) / 100;
    qsort(ratio, n, sizeof *ratio, ascending);
    double error = n ? 100 * ((1 + error_of(&rows[k]) / 100) / median(ratio, n) - 1) : error_of(&rows[k]);
    arena_free(a);
    return error;
}

void cycles_ladder(struct buf *o, const struct corpus *c, const struct row *rows)
{
    struct arena *a = arena_new();
    double *error = ARENA_ARRAY(a, double, c->count + 1), *left = ARENA_ARRAY(a, double, c->count + 1);
    size_t n = 0;
    for (uint32_t k = 0; k < c->count; k++)
        if (first_of_its_number(rows, k)) {
            left[n] = fabs(left_out(c, rows, k));
            error[n++] = fabs(error_of(&rows[k]));
        }
    qsort(error, n, sizeof *error, ascending);
    qsort(left, n, sizeof *left, ascending);
    if (n)
        buf_text(o,
                 "| - | steps counted against estimated_cycles of older compilers, %zu networks: median error, worst; "
                 "with one factor, each network left out of its fit | %.0f %%, %.0f %%; %.0f %%, %.0f %% |\n",
                 n, median(error, n), error[n - 1], median(left, n), left[n - 1]);
    arena_free(a);
}

struct published {
    const char *name;
    double ms;
    struct row ours;
};

/* A network of the published table that our compiler maps whole: MobileNet v1, random weights. */
static bool compiled_v1(struct arena *a, struct row *ours)
{
    const struct tfl_model *m = make_mobilenet(a, TFL_UINT8, 1, 224, 32, 1001);
    struct compile_options options = {.min_runtime_version = 14};
    struct compile_result result;
    struct status st = {0};
    struct tfl_model *out;
    struct dwn_package *p;
    if (!compile_models(a, &m, 1, &options, &result, &st) || !tfl_read(a, result.file, &out, &st) ||
        out->subgraphs[0].n_operators != 1 ||
        !dwn_from_custom_options(a, out->subgraphs[0].operators[0].custom_options, &p, &st))
        return false;
    cycles_measure(a, p, ours);
    return true;
}

static double chip_published(const struct published *p) /* what the published time leaves for the chip */
{
    return p->ms - (p->ours.ms - p->ours.chip_ms);
}

static void published(struct buf *o, const struct corpus *c, const struct row *rows)
{
    enum { MOST = 2 };
    struct arena *a = arena_new();
    struct published p[MOST];
    unsigned n = 0;
    p[n] = (struct published){"MobileNet v1 1.0 224, random weights, our compiler", 2.4, {0}};
    n += compiled_v1(a, &p[n].ours);
    for (uint32_t k = 0; k < c->count && n < MOST; k++)
        if (strstr(c->pairs[k].name, "mobilenet_v2_mask_classification") && rows[k].ms > 0)
            p[n++] = (struct published){"MobileNet v2 1.0 224 with a head of 2 classes", 2.6, rows[k]};
    for (unsigned k = 0; k < n; k++) {
        double factor = 0; /* of the others */
        for (unsigned j = 0; j < n; j++)
            factor += j == k ? 0 : chip_published(&p[j]) / p[j].ours.chip_ms / (n - 1);
        double left = p[k].ours.ms - p[k].ours.chip_ms + p[k].ours.chip_ms * factor;
        buf_text(o, "| %s | %.2f | %.1f | %+.0f %% | ", p[k].name, p[k].ours.ms, p[k].ms,
                 100 * (p[k].ours.ms / p[k].ms - 1));
        if (n > 1)
            buf_text(o, "%+.0f %%", 100 * (left / p[k].ms - 1));
        buf_text(o, " |\n");
    }
    arena_free(a);
}

void cycles_report(struct buf *o, const struct corpus *c, const struct row *rows)
{
    buf_text(
        o,
        "\n## Cycles\n`src/sim/cycles.c` counts the loop steps of every unit between fences. What the official "
        "estimated_cycles counts is not known: it is the same for a network whichever compiler version made the "
        "instructions and wherever its parameters lie, lies below the iterations of the tensor unit in some "
        "executables "
        "and above them in others, and grows from PoseNet 353x481 to 721x1281 by more than its pixels do (5.90 against "
        "5.4), which points to the strips of the official plan. Compiler 16 does not write it; neither do we. Left "
        "out: with "
        "the one factor that fits the other networks.\n\n"
        "| model | steps | official | error | left out |\n|---|---|---|---|---|\n");
    for (uint32_t k = 0; k < c->count; k++)
        if (first_of_its_number(rows, k))
            buf_text(o, "| %s | %lld | %lld | %+.0f %% | %+.0f %% |\n", c->pairs[k].name, rows[k].cycles,
                     rows[k].official_cycles, error_of(&rows[k]), left_out(c, rows, k));
    buf_text(
        o,
        "\nMilliseconds per run, desktop with USB 3: estimate and what Coral published. %.0f MHz; %.0f MB/s from the "
        "published times of VGG16 and VGG19; %.2f ms of overhead; %.2f cycles per step are the mean of these two "
        "networks, left out: the factor of the other one.\n\n"
        "| model | estimate | published | error | left out |\n|---|---|---|---|---|\n",
        1e-6 * cycles_usb3.clock_hz, 1e-6 * cycles_usb3.bytes_per_second, 1e3 * cycles_usb3.overhead,
        cycles_usb3.cycles_per_step);
    published(o, c, rows);
}

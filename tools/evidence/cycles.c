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

void cycles_ladder(struct buf *o, const struct corpus *c, const struct row *rows)
{
    struct arena *a = arena_new();
    double *error = ARENA_ARRAY(a, double, c->count + 1);
    size_t n = 0;
    for (uint32_t k = 0; k < c->count; k++)
        if (first_of_its_number(rows, k))
            error[n++] = fabs(error_of(&rows[k]));
    qsort(error, n, sizeof *error, ascending);
    if (n)
        buf_text(o,
                 "| - | cycle estimate against estimated_cycles of older compilers, %zu networks: median error, worst "
                 "| %.0f %%, %.0f %% |\n",
                 n, n % 2 ? error[n / 2] : (error[n / 2 - 1] + error[n / 2]) / 2, error[n - 1]);
    arena_free(a);
}

/* A network of the published table that our compiler maps whole: MobileNet v1, random weights. */
static void published(struct buf *o, const struct corpus *c, const struct row *rows)
{
    struct arena *a = arena_new();
    const struct tfl_model *m = make_mobilenet(a, TFL_UINT8, 1, 224, 32, 1001);
    struct compile_options options = {.min_runtime_version = 14};
    struct compile_result result;
    struct status st = {0};
    struct row ours = {0};
    struct tfl_model *out;
    struct dwn_package *p;
    if (compile_models(a, &m, 1, &options, &result, &st) && tfl_read(a, result.file, &out, &st) &&
        out->subgraphs[0].n_operators == 1 &&
        dwn_from_custom_options(a, out->subgraphs[0].operators[0].custom_options, &p, &st)) {
        cycles_measure(a, p, &ours);
        buf_text(o, "| MobileNet v1 1.0 224, random weights, our compiler | %.2f | 2.4 |\n", ours.ms);
    }
    for (uint32_t k = 0; k < c->count; k++)
        if (strstr(c->pairs[k].name, "mobilenet_v2_mask_classification"))
            buf_text(o, "| MobileNet v2 1.0 224 with a head of 2 classes, %s | %.2f | 2.6 |\n", c->pairs[k].name,
                     rows[k].ms);
    arena_free(a);
}

void cycles_report(struct buf *o, const struct corpus *c, const struct row *rows)
{
    buf_text(
        o,
        "\n## Cycles\n`src/sim/cycles.c` counts the loop steps of every unit between fences; nothing in it is fitted "
        "to the "
        "numbers below. What the official estimated_cycles counts is not known: it is the same for a network whichever "
        "compiler version made the instructions and wherever its parameters lie, and lies below the iterations of the "
        "tensor unit in some executables, so it is an estimate made from the graph, not a measurement.\n\n"
        "| model | estimate | official | error |\n|---|---|---|---|\n");
    for (uint32_t k = 0; k < c->count; k++)
        if (first_of_its_number(rows, k))
            buf_text(o, "| %s | %lld | %lld | %+.0f %% |\n", c->pairs[k].name, rows[k].cycles, rows[k].official_cycles,
                     error_of(&rows[k]));
    buf_text(o,
             "\nMilliseconds per run, desktop with USB 3: estimate (%.0f MHz, %.0f MB/s, %.1f ms of overhead, assumed) "
             "and what "
             "Coral published.\n\n| model | estimate | published |\n|---|---|---|\n",
             1e-6 * cycles_usb3.clock_hz, 1e-6 * cycles_usb3.bytes_per_second, 1e3 * cycles_usb3.overhead);
    published(o, c, rows);
}

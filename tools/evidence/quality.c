/* How good our executables are where they are not the official ones: ours over the official one's, for each pair with
 * the same operators mapped.  Both are measured by the same means (cycles by src/sim/cycles.h). */
#include <stdlib.h>

#include "evidence.h"
#include "isa/table.h"
#include "sim/cycles.h"

static const char *const measure_name[QUALITIES] = {"estimated cycles of a run", "tile instructions",
                                                    "bytes of cached parameters", "bytes of the file"};

static long long tile_instructions(struct arena *a, const struct dwn_executable *x)
{
    long long count = 0;
    for (uint32_t s = 0; s < x->n_streams; s++) {
        struct isa_program p;
        struct status st = {0};
        if (!isa_decode_stream(a, x->streams[s].code, &p, &st))
            continue;
        for (size_t k = 0; k < p.count; k++)
            count += p.inst[k].op <= ISA_FENCE;
    }
    return count;
}

void quality_add(struct arena *a, const struct dwn_package *p, long long out[QUALITIES])
{
    for (uint32_t e = 0; e < p->n_executables; e++) {
        const struct dwn_executable *x = &p->executables[e];
        struct cycles c;
        struct status st = {0};
        if (x->type == DWN_PARAMETER_CACHING) {
            out[QUALITY_CACHED] += (long long)x->parameters.size;
            continue;
        }
        if (cycles_estimate(a, x, &c, &st))
            out[QUALITY_CYCLES] += (long long)c.total;
        out[QUALITY_INSTRUCTIONS] += tile_instructions(a, x);
    }
}

/* Zero for zero is no worse. */
static double ratio_of(const struct row *r, int k)
{
    long long ours = r->our_quality[k], official = r->official_quality[k];
    return official ? (double)ours / (double)official : ours ? 1e9 : 1;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool counts(const struct row *r) { return r->compiled && r->same_mapping && r->our_quality[QUALITY_FILE]; }

/* Over all models, or those of the compiler that we replace: older ones have other instructions for the same. */
static void ladder_line(struct buf *o, const struct corpus *c, const struct row *rows, int k, bool newest)
{
    double *ratio = malloc((c->count + 1) * sizeof *ratio);
    size_t n = 0, above = 0;
    for (uint32_t m = 0; m < c->count; m++)
        if (counts(&rows[m]) && (!newest || rows[m].runtime == COMPILER_16)) {
            ratio[n] = ratio_of(&rows[m], k);
            above += ratio[n++] > QUALITY_LIMIT;
        }
    qsort(ratio, n, sizeof *ratio, ascending);
    if (n)
        buf_text(o,
                 "| d | %s, ours over official, %zu models%s: median, worst, number above %.1f | %.3f, %.3f, %zu |\n",
                 measure_name[k], n, newest ? " of compiler 16" : "", QUALITY_LIMIT, ratio[n / 2], ratio[n - 1], above);
    free(ratio);
}

void quality_ladder(struct buf *o, const struct corpus *c, const struct row *rows)
{
    for (int k = 0; k < QUALITIES; k++)
        for (int newest = 0; newest < 2; newest++)
            ladder_line(o, c, rows, k, newest);
}

void quality_report(struct buf *o, const struct corpus *c, const struct row *rows)
{
    buf_text(o, "\n## Quality\nOurs over the official executable's, models in which one of the four is above %.1f.\n\n"
                "| model | cycles | tile instructions | cached bytes | file |\n|---|---|---|---|---|\n",
             QUALITY_LIMIT);
    for (uint32_t m = 0; m < c->count; m++) {
        bool above = false;
        for (int k = 0; k < QUALITIES; k++)
            above = above || (counts(&rows[m]) && ratio_of(&rows[m], k) > QUALITY_LIMIT);
        if (!above)
            continue;
        buf_text(o, "| %s |", c->pairs[m].name);
        for (int k = 0; k < QUALITIES; k++)
            buf_text(o, " %lld / %lld = %.3f |", rows[m].our_quality[k], rows[m].official_quality[k],
                     ratio_of(&rows[m], k));
        buf_text(o, "\n");
    }
}

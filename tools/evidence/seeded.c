/* Rung b's other half: who notices seeded faults (tests/support/fault_judge.h), by kind. */
#include "evidence.h"

struct count {
    int n[FAULT_VERDICTS], all;
};

/* kind MAX_KINDS: all of them. */
static struct count count(const struct corpus *c, const struct row *rows, unsigned kind)
{
    struct count sum = {0};
    for (uint32_t m = 0; m < c->count; m++)
        for (unsigned k = 0; k < MAX_KINDS; k++)
            for (unsigned v = FAULT_NO_PLACE + 1; v < FAULT_VERDICTS && (k == kind || kind == MAX_KINDS); v++)
                sum.n[v] += rows[m].fault[k][v], sum.all += rows[m].fault[k][v];
    return sum;
}

static int models(const struct corpus *c, const struct row *rows)
{
    int n = 0;
    for (uint32_t m = 0; m < c->count; m++)
        n += rows[m].faulted;
    return n;
}

void seeded_ladder(struct buf *o, const struct corpus *c, const struct row *rows)
{
    static const struct {
        enum fault_verdict verdict;
        const char *text;
    } lines[] = {
        {FAULT_BY_VERIFIER, "noticed by the verifier"},
        {FAULT_BY_SIMULATOR, "not by it, but by the simulator's strict mode"},
        {FAULT_BY_OUTPUT, "by neither, but the output changes"},
        {FAULT_UNNOTICED, "by none of the three, though the output on other inputs changes"},
        {FAULT_HARMLESS, "harmless: the outputs on all inputs tried are the same"},
    };
    struct count all = count(c, rows, MAX_KINDS);
    for (unsigned k = 0; all.all && k < sizeof lines / sizeof *lines; k++)
        buf_text(o, "| b | seeded faults, %u kinds in %d models: %s | %d of %d |\n", fault_kinds(), models(c, rows),
                 lines[k].text, all.n[lines[k].verdict], all.all);
}

void seeded_report(struct buf *o, const struct corpus *c, const struct row *rows)
{
    if (!count(c, rows, MAX_KINDS).all)
        return;
    buf_text(
        o,
        "\n## Seeded faults\nOne defect in an official executable that runs (`tests/support/faults.c`), at a "
        "seeded place. Each fault "
        "counts once, for the first that notices it. Outputs are compared on %d seeded inputs of six kinds; a fault "
        "is harmless if the outputs on these and %d more are the same.\n\n"
        "| kind | verifier | simulator | output | unnoticed | harmless | of |\n|---|---|---|---|---|---|---|\n",
        FAULT_COMPARED, FAULT_INPUTS - FAULT_COMPARED);
    for (unsigned k = 0; k < fault_kinds(); k++) {
        struct count n = count(c, rows, k);
        buf_text(o, "| %s | %d | %d | %d | %d | %d | %d |\n", fault_name(k), n.n[FAULT_BY_VERIFIER],
                 n.n[FAULT_BY_SIMULATOR], n.n[FAULT_BY_OUTPUT], n.n[FAULT_UNNOTICED], n.n[FAULT_HARMLESS], n.all);
    }
}

/* docs/evidence.md: the ladder's numbers, then what lies behind them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "fields.h"

struct totals {
    int models, sources, dead;
    long long instructions, reencoded;
    int executables, executables_equal, packages, packages_equal;
    int new_packages, new_packages_equal;
    int clean, findings;
    int equal, ran;
    long long bytes, bytes_off;
    int compiled, mapping, verified, simulated, same_output;
    int c16, level[LEVELS];
    long long official_tile, our_tile, alike; /* of older compilers */
};

static struct totals add_up(const struct corpus *c, const struct row *rows)
{
    struct totals t = {0};
    for (uint32_t k = 0; k < c->count; k++) {
        const struct row *r = &rows[k];
        t.models++;
        t.sources += c->pairs[k].source != NULL;
        t.dead += !r->done;
        t.instructions += r->instructions, t.reencoded += r->reencoded;
        t.executables += r->executables, t.executables_equal += r->executables_equal;
        t.packages += r->packages, t.packages_equal += r->packages_equal;
        if (r->runtime == COMPILER_16)
            t.new_packages += r->packages, t.new_packages_equal += r->packages_equal;
        t.clean += r->done && r->findings == 0;
        t.findings += r->findings;
        t.ran += r->ran == SEEDS;
        t.equal += r->equal == SEEDS;
        t.bytes += r->bytes, t.bytes_off += r->bytes_off;
        t.compiled += r->compiled, t.mapping += r->same_mapping, t.verified += r->clean, t.simulated += r->simulated;
        t.same_output += r->same_output;
        if (r->runtime != COMPILER_16)
            t.official_tile += r->official_tile, t.our_tile += r->our_tile, t.alike += r->alike;
        if (r->runtime == COMPILER_16 && c->pairs[k].source) {
            t.c16++;
            for (int l = 0; l < LEVELS; l++)
                t.level[l] += r->level[l];
        }
    }
    return t;
}

static void ladder(struct buf *o, const struct totals *t, const struct corpus *c, const struct row *rows,
                   const struct device_results *d, const struct twins *twins)
{
    buf_text(o, "| rung | what | number |\n|---|---|---|\n");
    buf_text(o,
             "| a | instructions of official executables that decode and re-encode to the same bits | %lld of %lld |\n",
             t->reencoded, t->instructions);
    buf_text(o, "| a | executables written back byte for byte from their structs | %d of %d |\n", t->executables_equal,
             t->executables);
    buf_text(o,
             "| a | custom options (package and FlexBuffer) written back byte for byte, all compilers | %d of %d |\n",
             t->packages_equal, t->packages);
    buf_text(o, "| a | the same, compiler 16 | %d of %d |\n", t->new_packages_equal, t->new_packages);
    buf_text(o, "| b | official models in which the verifier finds nothing | %d of %d (%d findings) |\n", t->clean,
             t->models, t->findings);
    seeded_ladder(o, c, rows);
    buf_text(o, "| c | official executables that run on the simulator, %d seeded inputs each | %d of %d |\n", SEEDS,
             t->ran, t->sources);
    buf_text(o, "| c | of these, output equal to our kernels in chip numerics, every byte | %d of %d |\n", t->equal,
             t->sources);
    buf_text(o, "| c | output bytes that differ from TFLite's integer kernels | %lld of %lld |\n", t->bytes_off,
             t->bytes);
    if (d)
        device_ladder(o, d);
    buf_text(o, "| d | models that we compile with something on the Edge TPU | %d of %d |\n", t->compiled, t->sources);
    buf_text(o, "| d | same operators mapped as officially | %d of %d |\n", t->mapping, t->sources);
    buf_text(o, "| d | our executables in which the verifier finds nothing | %d of %d |\n", t->verified, t->sources);
    buf_text(o, "| d | our executables that run on the strict simulator | %d of %d |\n", t->simulated, t->sources);
    buf_text(o, "| d | output equal to the official executable's, every byte | %d of %d |\n", t->same_output,
             t->sources);
    quality_ladder(o, c, rows);
    for (int l = 0; l < LEVELS; l++)
        buf_text(o, "| e | compiler-16 pairs whose %s is byte-identical (token apart) | %d of %d |\n", level_name[l],
                 t->level[l], t->c16);
    buf_text(o,
             "| e | tile instructions of older compilers that ours has too, in order (ours: %lld) | %lld of %lld |\n",
             t->our_tile, t->alike, t->official_tile);
    if (twins)
        twins_ladder(o, twins);
    cycles_ladder(o, c, rows);
    if (t->dead)
        buf_text(o, "| - | models whose measurement crashed or ran out of time | %d |\n", t->dead);
}

static void cell(struct buf *o, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_text(o, "\\");
        buf_text(o, "%c", *text == '\n' ? ' ' : *text);
    }
}

static void per_model(struct buf *o, const struct corpus *c, const struct row *rows)
{
    buf_text(o, "\n## Per model\nrt = runtime version of the package (14: compiler 16). c: inputs equal of inputs run. "
                "d: + equal to the official "
                "executable's output. e: P parameters, C caching stream, E execution stream, K package, F file. ratio: "
                "words of our "
                "execution stream over the official one's. alike: tile instructions of the official execution stream "
                "that ours has too, in order, of all; in brackets those up to the first difference.\n\n"
                "| model | rt | operators (mapped) | b | c | off from TFLite (largest) | d | e | ratio | alike "
                "| why not |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (uint32_t k = 0; k < c->count; k++) {
        const struct row *r = &rows[k];
        buf_text(o, "| ");
        cell(o, c->pairs[k].name);
        if (!r->done) {
            buf_text(o, " | | | | | | | | | | the measurement crashed or ran out of time |\n");
            continue;
        }
        buf_text(o, " | %d | %d (%d) | %d | %d of %d | ", r->runtime, r->n_ops, r->official_mapped, r->findings,
                 r->equal, r->ran);
        if (r->bytes)
            buf_text(o, "%.4f %% (%d)", 100.0 * (double)r->bytes_off / (double)r->bytes, r->largest_off);
        buf_text(o, " | %s | ", r->same_output ? "+" : "-");
        for (int l = 0; l < LEVELS; l++)
            buf_text(o, "%c", r->level[l] ? "PCEKF"[l] : '.');
        buf_text(o, " | ");
        if (r->official_instructions)
            buf_text(o, "%.3f", (double)r->our_instructions / (double)r->official_instructions);
        buf_text(o, " | ");
        if (r->official_tile)
            buf_text(o, "%lld of %lld (%lld)", r->alike, r->official_tile, r->prefix);
        buf_text(o, " | ");
        cell(o, r->findings ? r->finding : "");
        cell(o, r->ran_why);
        if (r->ran_why[0] && r->compiled_why[0])
            buf_text(o, "; ours: ");
        cell(o, r->compiled_why);
        if (!r->compiled_why[0])
            cell(o, r->first_difference);
        buf_text(o, " |\n");
    }
}

static void unknown_fields(struct buf *o, const struct field_counts *f)
{
    static const char *const word[] = {"proven", "likely", "guess", "unknown", "zero"};
    buf_text(o, "\n## Fields that are not fully understood\nInstructions of the official executables in which the "
                "field is not zero.\n\n"
                "| instruction | field | bits | status | not zero in | of |\n|---|---|---|---|---|---|\n");
    for (unsigned opcode = 0; opcode < ISA_OPCODES; opcode++) {
        const struct isa_op *op = isa_op_of(opcode);
        for (unsigned k = 0; op && k < op->n_fields; k++) {
            const struct isa_field *field = &op->fields[k];
            if (f->set[opcode][k] && (field->known == ISA_UNKNOWN || field->known == ISA_GUESS))
                buf_text(o, "| %02x %s | %s | %u..%u | %s | %llu | %llu |\n", opcode, op->mnemonic, field->name,
                         field->bit, field->bit + field->width - 1u, word[field->known],
                         (unsigned long long)f->set[opcode][k], (unsigned long long)f->instructions[opcode]);
        }
    }
}

void report_write(struct buf *out, const struct corpus *c, const struct row *rows, const struct field_counts *f,
                  const struct device_results *d, const struct twins *twins)
{
    struct totals t = add_up(c, rows);
    buf_text(out,
             "# Evidence\nMade by `make evidence` over the public corpus (distinct compiled models: %d, with their "
             "source: %d). Not edited by hand.\n"
             "What each rung means stands in the README.\n\n",
             t.models, t.sources);
    ladder(out, &t, c, rows, d, twins);
    per_model(out, c, rows);
    if (twins)
        twins_report(out, twins);
    if (d)
        device_report(out, d);
    seeded_report(out, c, rows);
    quality_report(out, c, rows);
    cycles_report(out, c, rows);
    unknown_fields(out, f);
}

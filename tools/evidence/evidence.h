/* The ladder of evidence (README): what is measured for each official model. */
#ifndef EVIDENCE_EVIDENCE_H
#define EVIDENCE_EVIDENCE_H

#include "base/arena.h"
#include "darwinn/package.h"
#include "support/corpus.h"
#include "support/fault_judge.h"

enum { SEEDS = 3, WHY = 300, MAX_KINDS = 100 };
enum { COMPILER_16 = 14 }; /* min_runtime_version of what it makes */

/* Byte-identity of one compiled model with the official one, the caching token apart. */
enum level { PARAMETERS, CACHING_STREAM, EXECUTION_STREAM, PACKAGE, WHOLE_FILE, LEVELS };
extern const char *const level_name[LEVELS];

/* What makes an executable good (quality.c). */
enum { QUALITY_CYCLES, QUALITY_INSTRUCTIONS, QUALITY_CACHED, QUALITY_FILE, QUALITIES };
#define QUALITY_LIMIT 1.2

/* Everything measured on one pair.  Plain data: it crosses a pipe, since every model is measured in a
 * process of its own (a crash or an endless run is then one failed row, not the end). */
struct row {
    int done; /* 0: the process died or ran out of time */
    int runtime; /* min_runtime_version of the package */
    int n_ops, official_mapped;
    /* a */
    long long instructions, reencoded;
    int executables, executables_equal, packages, packages_equal;
    /* b */
    int findings;
    char finding[WHY];
    int faulted, fault[MAX_KINDS][FAULT_VERDICTS]; /* seeded faults: tried on this model; by kind and verdict */
    /* cycles: the official number (0: none), our estimate, and milliseconds of a run over USB 3 */
    long long official_cycles, cycles;
    double ms, chip_ms; /* chip_ms: the part of it on the chip */
    /* c */
    int ran, equal; /* seeded inputs: official executable on the simulator; equal to the edgetpu kernels */
    char ran_why[WHY];
    long long bytes, bytes_off; /* outputs compared with tflite numerics; how many differ */
    int largest_off;
    /* d */
    int compiled, same_mapping, clean, simulated, same_output;
    long long official_quality[QUALITIES], our_quality[QUALITIES];
    char compiled_why[WHY];
    /* e */
    int level[LEVELS];
    long long our_instructions, official_instructions;
    long long official_tile, our_tile, prefix, alike; /* tile instructions: of each, equal up to the first difference,
                                                         and equal in order (alike.c) */
    char first_difference[WHY];
};

/* Fills everything of one pair.  rungs: which of "abcde"; faults: kinds of seeded faults to try, 0: none;
 * model: its number, for their places. */
void measure(const struct corpus_pair *pair, const char *rungs, uint32_t model, unsigned faults, struct row *out);

/* Adds to the tile instructions of the row, for one executable. */
void alike_add(struct arena *a, const struct dwn_executable *official, const struct dwn_executable *ours,
               struct row *r);

/* Counts of set bits in fields that are not understood, over all instructions that `measure_fields` is given. */
struct field_counts;
struct field_counts *field_counts_new(struct arena *a);
void field_counts_add(struct field_counts *f, struct bytes file);

/* Recordings from a real chip (device.c). */
struct device_results;
struct device_results *device_measure(struct arena *a, const char *corpus);
void device_ladder(struct buf *out, const struct device_results *d);
void device_report(struct buf *out, const struct device_results *d);

/* The cycle estimate against what is known (cycles.c). */
void cycles_measure(struct arena *a, const struct dwn_package *p, struct row *out);
void cycles_ladder(struct buf *out, const struct corpus *c, const struct row *rows);
void cycles_report(struct buf *out, const struct corpus *c, const struct row *rows);

/* Adds those of one package, its file's size apart. */
void quality_add(struct arena *a, const struct dwn_package *p, long long out[QUALITIES]);
void quality_ladder(struct buf *out, const struct corpus *c, const struct row *rows);
void quality_report(struct buf *out, const struct corpus *c, const struct row *rows);

/* Who notices seeded faults (seeded.c). */
void seeded_ladder(struct buf *out, const struct corpus *c, const struct row *rows);
void seeded_report(struct buf *out, const struct corpus *c, const struct row *rows);

/* Pairs of the catalogue whose files are not in the corpus: models of the same operators and shapes, against what the
 * catalogue tells of the official results (twins.c).  NULL where there is no catalogue, or no such row whose name
 * contains `name` (NULL: any). */
struct twins;
struct twins *twins_measure(struct arena *a, const char *corpus, const char *name, unsigned jobs, unsigned timeout);
void twins_ladder(struct buf *out, const struct twins *t);
void twins_report(struct buf *out, const struct twins *t);

/* docs/evidence.md from the rows.  d, t: NULL where not measured. */
void report_write(struct buf *out, const struct corpus *c, const struct row *rows, const struct field_counts *f,
                  const struct device_results *d, const struct twins *t);

#endif

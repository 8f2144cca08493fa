/* An estimate of the time that an executable takes on the chip, read off its instructions without running them.
 *
 * Work is counted per unit in the steps of its own loops: iterations of a tensor instruction, words of a mesh bus or
 * of the bridge between narrow and wide memory, rows on the ring.  Units of a tile run side by side and wait for each
 * other only through flags, so the stretch between two fences of all threads (a layer, roughly) takes as long as the
 * busiest unit of the busiest tile, and stretches follow one another.  What the host link moves is counted in bytes and
 * comes on top.  How good this is stands in docs/evidence.md, "Cycles". */
#ifndef SIM_CYCLES_H
#define SIM_CYCLES_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "darwinn/package.h"

enum cycles_unit {
    CYCLES_TENSOR,    /* iterations of 0x01 0x02 0x03 0x05  */
    CYCLES_TO_WIDE,   /* words of 0x13                      */
    CYCLES_TO_NARROW, /* words of 0x14                      */
    CYCLES_MESH,      /* words, the busiest of the 4 buses  */
    CYCLES_RING,      /* rows sent by 0x10 and 0x26, all tiles together */
    CYCLES_UNITS
};
extern const char *const cycles_unit_name[CYCLES_UNITS];

struct cycles_region {
    uint32_t stream, first, last;  /* words: of its first instruction, and of the fence that ends it */
    uint64_t cycles;               /* of the busiest unit */
    uint64_t unit[CYCLES_UNITS];   /* cycles of each unit, in its busiest tile */
    enum cycles_unit busiest;
};

struct cycles {
    struct cycles_region *regions; /* those in which some unit works */
    uint32_t n_regions;
    uint64_t total, unit[CYCLES_UNITS]; /* sums over the regions */
    uint64_t host_in, host_out;    /* bytes of inputs and outputs */
    uint64_t parameters;           /* bytes streamed with this executable */
    uint64_t instructions;         /* bytes of its programs: they cross the link in every run, too */
};

/* Fails where a stream does not decode. */
bool cycles_estimate(struct arena *a, const struct dwn_executable *x, struct cycles *out, struct status *st);
/* The same where the streams are decoded already, one program for each. */
struct isa_program;
void cycles_count(struct arena *a, const struct dwn_executable *x, const struct isa_program *streams,
                  struct cycles *out);

/* How the chip is connected, and how long it really takes for what is counted. */
struct cycles_link {
    const char *name;
    double clock_hz, bytes_per_second, overhead; /* overhead: seconds per run: driver, interrupt */
    double cycles_per_step; /* measured cycles for one that is counted: what units wait for each other, and more */
};
extern const struct cycles_link cycles_usb3;

/* Seconds of one run: overhead, the bytes over the link, then the chip; nothing overlaps. */
double cycles_seconds(const struct cycles *c, const struct cycles_link *link);
double cycles_chip_seconds(const struct cycles *c, const struct cycles_link *link);
double cycles_link_seconds(const struct cycles *c, const struct cycles_link *link); /* with the overhead */

/* A table: a line for each region, then the sums.  Appends to out. */
void cycles_print(struct buf *out, const struct cycles *c, const struct cycles_link *link);

#endif

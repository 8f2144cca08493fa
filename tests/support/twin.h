/* Twins: models made from a row of the catalogue, with the operators, shapes and options of the original and seeded
 * random weights; and how our compiler's result compares with what the row tells of the official one.
 *
 * The catalogue does not say which tensor an operator reads, so the twin is wired by shape: the youngest tensor of that
 * shape that nobody has read yet, else an input of the model, else the youngest that fits (of ADD: behind two
 * convolutions at least, as residual blocks are); where that gives too many inputs, the youngest that fits comes before
 * another input.  Nor does it say which tensors are outputs beside those that nobody reads: that is a choice.  What
 * constants hold is chosen to fit the shapes: paddings in equal halves, slices one behind another.  Scales are random,
 * but equal where TFLite's converter makes them so. */
#ifndef SUPPORT_TWIN_H
#define SUPPORT_TWIN_H

#include "support/catalogue.h"

/* What the catalogue does not tell and the official result depends on: a variant is one of the scales, with or without
 * TWIN_ZERO_BIAS. */
enum twin_variant {
    TWIN_ZERO_BIAS = 1,       /* every bias is zero, as in models that were never trained: it is not stored */
    TWIN_PLAIN_SCALES = 0,    /* convolutions as the row says (per channel or per tensor), dense layers per tensor */
    TWIN_DENSE_PER_CHANNEL = 2, /* dense layers too per channel, as converters write since 2.16 */
    TWIN_ONE_SCALE = 4,       /* all channels of a tensor have one scale, as in models that were made by hand */
    TWIN_VARIANTS = 6,
};
/* For messages: "" or ", zero biases". */
extern const char *const twin_variant_text[TWIN_VARIANTS];
/* Can this variant be another model than those before it? */
bool twin_variant_applies(const struct catalogue_row *row, unsigned variant);

/* Outputs that are read inside too are among the youngest tensors of each shape. */
enum { TWIN_MOST_GIVEN = 16, TWIN_MOST_CHOICES = 32 };
/* How many sets of outputs the model may have, TWIN_MOST_CHOICES at most; 1 where only those are outputs that nobody
 * reads; 0: it cannot be wired. */
unsigned twin_choices(struct arena *a, const struct catalogue_row *row);

/* choice: of the outputs, from 0.  Fails with a reason where the row has operators that the builder does not know or
 * that cannot be wired. */
bool twin_build(struct arena *a, const struct catalogue_row *row, unsigned variant, unsigned choice, uint64_t seed,
                struct tfl_model **out, struct status *st);

/* What a compiled file shows of itself in the catalogue. */
struct twin_facts {
    const char *outer_graph, *executables; /* as the columns of the same name */
    uint32_t opcodes[CATALOGUE_OPCODES];
    int64_t size;
    bool compiled; /* something runs on the Edge TPU */
};
bool twin_facts(struct arena *a, struct bytes compiled, struct twin_facts *out, struct status *st);

/* Facts against the row. */
struct twin_verdict {
    bool same_outer;  /* the same operators are left to the CPU */
    bool same_tile;   /* as many instructions of each opcode of the tiles, 0x01..0x1a */
    bool same_all;    /* of every opcode */
    uint32_t distance; /* how many instructions more or fewer, over all opcodes */
    bool same_size;   /* the file, TWIN_SIZE_SLACK bytes either way: names are not known, and packages grow by pages */
};
enum { TWIN_LAST_TILE_OPCODE = 0x1a, TWIN_SIZE_SLACK = 4096 + 1024 };
struct twin_verdict twin_compare(const struct catalogue_row *row, const struct twin_facts *facts);

/* "01:+2 1a:-4": opcodes in which the facts have more (+) or fewer instructions than the row, "" where they agree. */
const char *twin_difference(struct arena *a, const struct catalogue_row *row, const struct twin_facts *facts);

#endif

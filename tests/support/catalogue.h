/* The catalogue of public pairs (CORPUS/catalogue.tsv, described in CORPUS/CATALOGUE.md): one line a pair, for most of
 * which only facts are at hand, not the files: the source's operators with shapes and options, and of the official
 * compiled file the number of instructions by opcode, its size, and what it left to the CPU. */
#ifndef SUPPORT_CATALOGUE_H
#define SUPPORT_CATALOGUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tflite/model.h"

enum { CATALOGUE_OPCODES = 64, CATALOGUE_NO_RUNTIME = 0 };

struct catalogue_shape {
    uint32_t rank; /* 0: a scalar, "()" in the file */
    int32_t dim[TFL_MAX_RANK];
};

/* NAME[a+b;c+d->y key=value,key=value]: a, b are activations, c, d constants. */
struct catalogue_op {
    enum tfl_builtin code;
    const char *custom; /* code == TFL_OP_CUSTOM */
    struct catalogue_shape *inputs, *constants, *outputs;
    uint32_t n_inputs, n_constants, n_outputs;
    const char *attributes; /* "pad=SAME,sw=1,sh=1", "" */
};

struct catalogue_types { /* of the model's inputs or outputs, in order */
    enum tfl_type *type;
    uint32_t count;
};

struct catalogue_row {
    const char *id, *name; /* name: repository and path of the compiled file */
    const char *outer_graph; /* "1 TPU op; CPU: DEQUANTIZE 1, QUANTIZE 1" */
    const char *executables; /* "EXEC:132 CACHING:34": instructions of each */
    const char *ops;         /* the operators, see catalogue_ops */
    int64_t compiled_size;
    int32_t min_runtime; /* of the official package: 14 is compiler 16; CATALOGUE_NO_RUNTIME where it is not known */
    uint32_t n_ops;
    uint32_t opcodes[CATALOGUE_OPCODES]; /* instructions of all executables together */
    bool shipped;                        /* both files are in the corpus */
    bool uint8_inside;                   /* activations between the operators are UINT8, else INT8 */
    bool per_channel;                    /* some weights have a scale for each channel */
    struct catalogue_types in, out;
};

/* Reads the whole file; fails at the first line that is not as described there, naming it.  `text` must outlive the
 * rows. */
bool catalogue_read(struct arena *a, struct bytes text, struct catalogue_row **rows, uint32_t *count,
                    struct status *st);

/* The operators of a row; fails where there are more or fewer than n_ops, or one cannot be read. */
bool catalogue_ops(struct arena *a, const struct catalogue_row *row, struct catalogue_op **ops, struct status *st);

/* An attribute as a number or a word ("" where it is absent). */
int32_t catalogue_number(const struct catalogue_op *op, const char *key, int32_t absent);
const char *catalogue_word(struct arena *a, const struct catalogue_op *op, const char *key);

#endif

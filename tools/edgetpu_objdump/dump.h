/* The parts of edgetpu_objdump. */
#ifndef EDGETPU_OBJDUMP_DUMP_H
#define EDGETPU_OBJDUMP_DUMP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "darwinn/package.h"
#include "isa/isa.h"

/* ---- what is in a FILE (load.c) ---- */

struct found {
    const struct dwn_package *package;
    struct bytes options;        /* custom_options it was found in; data NULL in a bare package file */
    uint32_t subgraph, operator; /* where in the model */
};

struct module {
    const char *path;
    struct found *packages;
    uint32_t count; /* at least 1 */
};

/* A compiled .tflite model, or a bare package ("DWN1" at byte 4). */
bool module_load(struct arena *a, const char *path, struct module *out, struct status *st);

/* ---- text (text.c, disassemble.c) ---- */

void print_headers(struct buf *out, const struct found *f);
void print_hints(struct buf *out, const struct dwn_executable *x);
void print_layouts(struct buf *out, const struct dwn_executable *x);
void print_parameters(struct buf *out, const struct dwn_executable *x, bool hex);
/* One line per instruction: word address, assembly, and behind a ';' what the driver patches in, host transfers
 * as far as they can be followed through the registers, and where branches and loops go.  hex: the words below. */
bool print_code(struct arena *a, struct buf *out, const struct dwn_executable *x, bool hex, struct status *st);

/* ---- names (names.c) ---- */

const char *name_of_type(enum dwn_type type);
const char *name_of_desc(enum dwn_desc desc);
const char *name_of_hint(enum dwn_hint_kind kind);
const char *name_of_data_type(enum dwn_data_type type);
/* In quotes, control characters, quotes and backslashes as \xNN; (none) for NULL. */
void print_quoted(struct buf *out, const char *s);

/* ---- checks (check.c) ---- */

struct notes { /* what was found; count 0: all well */
    const char **text;
    uint32_t count, capacity;
};

struct roundtrip {
    uint32_t instructions, words;
    uint32_t unexplained; /* instructions with a bit set in a field whose meaning is unknown */
    struct notes notes;
};

/* Every bit is in a field, and instructions, executables and package are rebuilt from what was read, bit by bit. */
void check_roundtrip(struct arena *a, const struct dwn_package *p, struct roundtrip *out);
void check_rules(struct arena *a, const struct dwn_package *p, struct notes *out); /* src/verify */

/* ---- JSON (json.c) ---- */

struct cJSON;
struct json_wish {
    bool roundtrip, verify;
    bool parameters; /* their bytes, too */
};
/* Everything about the module; the caller deletes it.  Adds the number of notes of the checks to *notes. */
struct cJSON *json_module(struct arena *a, const struct module *m, struct json_wish wish, uint32_t *notes);

#endif

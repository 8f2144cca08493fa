#include "support/catalogue.h"

#include <errno.h>
#include <stdlib.h>

enum { LARGEST_DIMENSION = 1 << 24, MAX_SHAPES = 64 };

/* ---- text ---- */

/* Cuts `*rest` at the first `mark`: what stands before it; *rest is what follows (empty where there is no mark). */
static struct bytes cut(struct bytes *rest, char mark)
{
    const uint8_t *at = rest->size ? memchr(rest->data, mark, rest->size) : NULL;
    size_t size = at ? (size_t)(at - rest->data) : rest->size;
    struct bytes part = bytes_of(rest->data, size);
    *rest = at ? bytes_of(at + 1, rest->size - size - 1) : bytes_of(rest->data + rest->size, 0);
    return part;
}

static char *copied(struct arena *a, struct bytes text)
{
    return arena_text(a, "%.*s", (int)text.size, (const char *)text.data);
}

static struct bytes spanned(const char *text)
{
    return bytes_of(text, strlen(text));
}

static bool same(struct bytes text, const char *word)
{
    return bytes_equal(text, spanned(word));
}

/* Decimal digits or, for base 16, hexadecimal ones; nothing else. */
static bool number(struct bytes text, unsigned base, int64_t limit, int64_t *out)
{
    *out = 0;
    for (size_t k = 0; k < text.size; k++) {
        uint8_t c = text.data[k];
        unsigned digit = 99;
        if (c >= '0' && c <= '9')
            digit = (unsigned)c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)c - 'a' + 10;
        if (digit >= base)
            return false;
        *out = *out * base + digit;
        if (*out > limit)
            return false;
    }
    return text.size > 0;
}

/* ---- operators ---- */

static bool read_shape(struct bytes text, struct catalogue_shape *out)
{
    *out = (struct catalogue_shape){0};
    if (same(text, "()"))
        return true;
    while (text.size) {
        int64_t n;
        if (out->rank == TFL_MAX_RANK || !number(cut(&text, 'x'), 10, LARGEST_DIMENSION, &n) || n == 0)
            return false;
        out->dim[out->rank++] = (int32_t)n;
    }
    return out->rank > 0;
}

/* Shapes with '+' between them; none at all is a list too. */
static bool read_shapes(struct arena *a, struct bytes text, struct catalogue_shape **out, uint32_t *count)
{
    *count = 0;
    *out = ARENA_ARRAY(a, struct catalogue_shape, MAX_SHAPES);
    while (text.size)
        if (*count == MAX_SHAPES || !read_shape(cut(&text, '+'), &(*out)[(*count)++]))
            return false;
    return true;
}

static bool read_code(struct arena *a, struct bytes name, struct catalogue_op *out)
{
    static const struct {
        const char *name;
        enum tfl_builtin code;
    } builtins[] = {
#define X(name, number) {#name, TFL_OP_##name},
#include "tflite/operators.def"
#undef X
    };
    struct bytes rest = name;
    if (same(cut(&rest, ':'), "CUSTOM") && rest.size) {
        out->code = TFL_OP_CUSTOM;
        out->custom = copied(a, rest);
        return true;
    }
    for (size_t k = 0; k < sizeof builtins / sizeof *builtins; k++)
        if (same(name, builtins[k].name)) {
            out->code = builtins[k].code;
            return out->code != TFL_OP_CUSTOM;
        }
    return false;
}

static bool read_op(struct arena *a, struct bytes name, struct bytes body, struct catalogue_op *out)
{
    struct bytes shapes = cut(&body, ' ');
    out->attributes = copied(a, body);
    struct bytes constants = cut(&shapes, '>');
    if (!constants.size || constants.data[constants.size - 1] != '-' || !shapes.size)
        return false;
    constants.size--;
    struct bytes inputs = cut(&constants, ';');
    return read_code(a, name, out) && read_shapes(a, inputs, &out->inputs, &out->n_inputs) &&
           read_shapes(a, constants, &out->constants, &out->n_constants) &&
           read_shapes(a, shapes, &out->outputs, &out->n_outputs);
}

bool catalogue_ops(struct arena *a, const struct catalogue_row *row, struct catalogue_op **ops, struct status *st)
{
    struct bytes rest = spanned(row->ops);
    *ops = ARENA_ARRAY(a, struct catalogue_op, row->n_ops);
    uint32_t n = 0;
    while (rest.size) {
        struct bytes name = cut(&rest, '['), body = cut(&rest, ']');
        if (rest.size && *rest.data == ' ')
            cut(&rest, ' ');
        if (n == row->n_ops || !read_op(a, name, body, &(*ops)[n]))
            return status_fail(st, STATUS_INVALID, "operator %u cannot be read: %.*s[%.*s]", n,
                               (int)(name.size < 40 ? name.size : 40), (const char *)name.data,
                               (int)(body.size < 200 ? body.size : 200), (const char *)body.data);
        n++;
    }
    if (n != row->n_ops)
        return status_fail(st, STATUS_INVALID, "%u operators instead of %u", n, row->n_ops);
    return true;
}

static struct bytes attribute(const struct catalogue_op *op, const char *key)
{
    struct bytes rest = spanned(op->attributes);
    while (rest.size) {
        struct bytes value = cut(&rest, ',');
        if (same(cut(&value, '='), key))
            return value;
    }
    return bytes_of("", 0);
}

int32_t catalogue_number(const struct catalogue_op *op, const char *key, int32_t absent)
{
    struct bytes text = attribute(op, key);
    bool minus = text.size && *text.data == '-';
    int64_t n;
    if (!number(minus ? bytes_of(text.data + 1, text.size - 1) : text, 10, LARGEST_DIMENSION, &n))
        return absent;
    return (int32_t)(minus ? -n : n);
}

const char *catalogue_word(struct arena *a, const struct catalogue_op *op, const char *key)
{
    return copied(a, attribute(op, key));
}

/* ---- rows ---- */

/* "float32int8int8", as many as there are. */
static bool read_types(struct arena *a, struct bytes text, struct catalogue_types *out)
{
    static const struct {
        const char *name;
        enum tfl_type type;
    } types[] = {{"float32", TFL_FLOAT32}, {"uint8", TFL_UINT8}, {"int8", TFL_INT8},
                 {"int16", TFL_INT16},     {"int32", TFL_INT32}, {"int64", TFL_INT64}};
    *out = (struct catalogue_types){ARENA_ARRAY(a, enum tfl_type, MAX_SHAPES), 0};
    while (text.size) {
        size_t k = 0, n = 0;
        for (; k < sizeof types / sizeof *types; k++) {
            n = strlen(types[k].name);
            if (n <= text.size && memcmp(text.data, types[k].name, n) == 0)
                break;
        }
        if (k == sizeof types / sizeof *types || out->count == MAX_SHAPES)
            return false;
        out->type[out->count++] = types[k].type;
        text = bytes_of(text.data + n, text.size - n);
    }
    return out->count > 0;
}

/* "int8/uint8 per-channel io uint8>uint8": UINT8 inside only where there is no INT8 at all. */
static bool read_numerics(struct arena *a, struct bytes text, struct catalogue_row *out)
{
    struct bytes inside = cut(&text, ' '), scales = cut(&text, ' '), io = cut(&text, ' '), in = cut(&text, '>');
    out->uint8_inside = same(inside, "uint8");
    out->per_channel = same(scales, "per-channel");
    return inside.size && (out->per_channel || same(scales, "per-tensor")) && same(io, "io") &&
           read_types(a, in, &out->in) && read_types(a, text, &out->out);
}

/* "01:9 10:16": opcode (hexadecimal) and count. */
static bool read_opcodes(struct bytes text, struct catalogue_row *out)
{
    while (text.size) {
        struct bytes count = cut(&text, ' '), opcode = cut(&count, ':');
        int64_t k, n;
        if (!number(opcode, 16, CATALOGUE_OPCODES - 1, &k) || !number(count, 10, INT32_MAX, &n))
            return false;
        out->opcodes[k] = (uint32_t)n;
    }
    return true;
}

enum { MAX_COLUMNS = 40 };

/* The columns that we read, by the name in the first line. */
enum column { ID, STATE, REPO, PATH, SIZE, RUNTIME, EXECUTABLES, OPCODE_COUNTS, NUMERICS, OUTER, N_OPS, OPS, COLUMNS };
static const char *const column_name[COLUMNS] = {
    "id",          "state",         "repo",     "compiled_path", "compiled_size", "min_runtime",
    "executables", "opcode_counts", "numerics", "outer_graph",   "n_ops",         "ops"};

static uint32_t split_line(struct bytes line, struct bytes *cells)
{
    uint32_t n = 0;
    while (n < MAX_COLUMNS && (n == 0 || line.size))
        cells[n++] = cut(&line, '\t');
    return line.size ? 0 : n;
}

static bool find_columns(struct bytes header, uint32_t *place, struct status *st)
{
    struct bytes cells[MAX_COLUMNS];
    uint32_t n = split_line(header, cells);
    for (int c = 0; c < COLUMNS; c++) {
        place[c] = 0;
        while (place[c] < n && !same(cells[place[c]], column_name[c]))
            place[c]++;
        if (place[c] == n)
            return status_fail(st, STATUS_INVALID, "the catalogue has no column %s", column_name[c]);
    }
    return true;
}

static bool read_row(struct arena *a, const struct bytes *cell, const uint32_t *place, struct catalogue_row *out)
{
    int64_t runtime = CATALOGUE_NO_RUNTIME, n_ops;
    *out = (struct catalogue_row){.id = copied(a, cell[place[ID]]),
                                  .outer_graph = copied(a, cell[place[OUTER]]),
                                  .executables = copied(a, cell[place[EXECUTABLES]]),
                                  .ops = copied(a, cell[place[OPS]]),
                                  .shipped = same(cell[place[STATE]], "shipped")};
    out->name = arena_text(a, "%s/%s", copied(a, cell[place[REPO]]), copied(a, cell[place[PATH]]));
    bool ok = number(cell[place[SIZE]], 10, INT32_MAX, &out->compiled_size) &&
              (!cell[place[RUNTIME]].size || number(cell[place[RUNTIME]], 10, 1000, &runtime)) &&
              number(cell[place[N_OPS]], 10, 100000, &n_ops) && read_opcodes(cell[place[OPCODE_COUNTS]], out) &&
              read_numerics(a, cell[place[NUMERICS]], out);
    out->min_runtime = (int32_t)runtime;
    out->n_ops = ok ? (uint32_t)n_ops : 0;
    return ok;
}

bool catalogue_read(struct arena *a, struct bytes text, struct catalogue_row **rows, uint32_t *count,
                    struct status *st)
{
    uint32_t place[COLUMNS], line = 1;
    size_t lines = 1, room = 0;
    for (size_t k = 0; k < text.size; k++)
        lines += text.data[k] == '\n';
    *rows = ARENA_ARRAY(a, struct catalogue_row, lines);
    *count = 0;
    if (!find_columns(cut(&text, '\n'), place, st))
        return false;
    for (int c = 0; c < COLUMNS; c++)
        room = place[c] >= room ? place[c] + 1 : room;
    while (text.size) {
        struct bytes cells[MAX_COLUMNS], row = cut(&text, '\n');
        line++;
        if (split_line(row, cells) < room || !read_row(a, cells, place, &(*rows)[*count]))
            return status_fail(st, STATUS_INVALID, "line %u of the catalogue cannot be read", line);
        ++*count;
    }
    return true;
}

#include "interp/npy.h"

#include <ctype.h>
#include <stdlib.h>

static const char MAGIC[] = "\x93NUMPY";
enum { MAGIC_SIZE = 6, MAX_RANK = 32 };

static const struct {
    enum tfl_type type;
    const char *descr;
} types[] = {
    {TFL_FLOAT32, "<f4"}, {TFL_FLOAT16, "<f2"}, {TFL_FLOAT64, "<f8"}, {TFL_INT8, "|i1"},   {TFL_UINT8, "|u1"},
    {TFL_INT16, "<i2"},   {TFL_UINT16, "<u2"},  {TFL_INT32, "<i4"},   {TFL_UINT32, "<u4"}, {TFL_INT64, "<i8"},
    {TFL_UINT64, "<u8"},  {TFL_BOOL, "|b1"},
};

bool npy_is(struct bytes file)
{
    return file.size >= MAGIC_SIZE && memcmp(file.data, MAGIC, MAGIC_SIZE) == 0;
}

/* The text after `'key':`, blanks skipped; NULL if the key is missing. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':')
        at++;
    return at;
}

static bool read_type(const char *header, enum tfl_type *out, struct status *st)
{
    const char *descr = value_of(header, "'descr'");
    if (!descr || *descr++ != '\'')
        return status_fail(st, STATUS_UNSUPPORTED, "npy: no simple element type");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strncmp(descr, types[i].descr, 3) == 0 && descr[3] == '\'') {
            *out = types[i].type;
            return true;
        }
    return status_fail(st, STATUS_UNSUPPORTED, "npy: element type '%.8s' is not handled", descr);
}

/* "(1, 2, 3)", "(5,)", "()". */
static bool read_shape(const char *header, struct npy *out, uint64_t *elements, struct status *st)
{
    const char *at = value_of(header, "'shape'");
    *elements = 1;
    if (!at || *at++ != '(')
        return status_fail(st, STATUS_INVALID, "npy: no shape");
    for (out->rank = 0; *at && *at != ')'; out->rank++) {
        if (!isdigit((unsigned char)*at) || out->rank == MAX_RANK)
            return status_fail(st, STATUS_INVALID, "npy: bad shape");
        char *end;
        unsigned long n = strtoul(at, &end, 10);
        if (n > INT32_MAX || *elements * n > INT32_MAX)
            return status_fail(st, STATUS_LIMIT, "npy: 2^31 elements or more");
        out->shape[out->rank] = (int32_t)n;
        *elements *= n;
        for (at = end; *at == ',' || *at == ' ';)
            at++;
    }
    return *at == ')' || status_fail(st, STATUS_INVALID, "npy: bad shape");
}

bool npy_read(struct arena *a, struct bytes file, struct npy *out, struct status *st)
{
    if (!npy_is(file) || file.size < 12)
        return status_fail(st, STATUS_INVALID, "not a .npy file");
    unsigned version = file.data[6];
    if (version < 1 || version > 3)
        return status_fail(st, STATUS_UNSUPPORTED, "npy: version %u", version);
    size_t start = version == 1 ? 10 : 12, length = version == 1 ? le16(file.data + 8) : le32(file.data + 8);
    if (length > file.size - start)
        return status_fail(st, STATUS_INVALID, "npy: the header is cut off");
    char *header = arena_alloc(a, length + 1);
    memcpy(header, file.data + start, length);
    const char *fortran = value_of(header, "'fortran_order'");
    if (!fortran || strncmp(fortran, "False", 5) != 0)
        return status_fail(st, STATUS_UNSUPPORTED, "npy: only C order is handled");
    *out = (struct npy){.shape = ARENA_ARRAY(a, int32_t, MAX_RANK),
                        .data = bytes_of(file.data + start + length, file.size - start - length)};
    uint64_t elements;
    if (!read_type(header, &out->type, st) || !read_shape(header, out, &elements, st))
        return false;
    return out->data.size == elements * tfl_type_size(out->type) ||
           status_fail(st, STATUS_INVALID, "npy: %zu bytes of data, the shape says %llu", out->data.size,
                       (unsigned long long)(elements * tfl_type_size(out->type)));
}

bool npy_write(const struct npy *array, struct buf *out, struct status *st)
{
    const char *descr = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == array->type)
            descr = types[i].descr;
    if (!descr)
        return status_fail(st, STATUS_UNSUPPORTED, "NumPy has no type %s", tfl_type_name(array->type));
    struct buf header = {0};
    buf_text(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (uint32_t i = 0; i < array->rank; i++)
        buf_text(&header, "%s%d%s", i ? ", " : "", array->shape[i], array->rank == 1 ? "," : "");
    buf_text(&header, "), }");
    while ((10 + header.size + 1) % 64 != 0) /* the data begins at a multiple of 64 */
        buf_put(&header, " ", 1);
    buf_put(&header, "\n", 1);
    uint8_t length[2];
    put_le16(length, (uint16_t)header.size);
    buf_put(out, MAGIC, MAGIC_SIZE);
    buf_put(out, "\1\0", 2);
    buf_put(out, length, 2);
    buf_put(out, header.data, header.size);
    buf_put(out, array->data.data, array->data.size);
    buf_free(&header);
    return true;
}

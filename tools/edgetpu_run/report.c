#include "run.h"

#include "base/file.h"
#include "interp/npy.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

enum { TOP = 5 };

static double element(const struct tfl_tensor *t, const uint8_t *p)
{
    switch (t->type) {
    case TFL_FLOAT32: return f32_of(le32(p));
    case TFL_INT8: return (int8_t)*p;
    case TFL_UINT8:
    case TFL_BOOL: return *p;
    case TFL_INT16: return (int16_t)le16(p);
    case TFL_INT32: return (int32_t)le32(p);
    case TFL_INT64: return (double)(int64_t)le64(p);
    default: return NAN;
    }
}

/* In real units where the tensor has one scale. */
static double real(const struct tfl_tensor *t, struct bytes data, size_t i)
{
    double v = element(t, data.data + i * tfl_type_size(t->type));
    return t->quant.count == 1 ? (v - (double)t->quant.zero_point[0]) * t->quant.scale[0] : v;
}

static void print_top(const struct tfl_tensor *t, struct bytes data, size_t n)
{
    size_t best[TOP], found = 0;
    for (size_t i = 0; i < n; i++) { /* insertion keeps the first of equals in front */
        double v = real(t, data, i);
        size_t at = found;
        while (at > 0 && v > real(t, data, best[at - 1]))
            at--;
        if (at == TOP)
            continue;
        found = found < TOP ? found + 1 : TOP;
        for (size_t j = found - 1; j > at; j--)
            best[j] = best[j - 1];
        best[at] = i;
    }
    printf("    top:");
    for (size_t i = 0; i < found; i++)
        printf(" [%zu]=%.6g", best[i], real(t, data, best[i]));
    printf("\n");
}

void print_output(struct arena *a, const struct tfl_tensor *t, struct bytes data)
{
    size_t n = (size_t)tfl_elements(t);
    double lo = INFINITY, hi = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = real(t, data, i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
        sum += v;
    }
    printf("%s: %s %s, min %.6g, max %.6g, mean %.6g\n", t->name ? t->name : "(no name)", tfl_shape_text(a, t),
           tfl_type_name(t->type), lo, hi, sum / (double)n);
    if (t->rank && (size_t)t->shape[t->rank - 1] == n && n > 1)
        print_top(t, data, n);
}

bool save_output(struct arena *a, const char *dir, uint32_t index, const struct tfl_tensor *t, struct bytes data,
                 struct status *st)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return status_fail(st, STATUS_IO, "%s: %s", dir, strerror(errno));
    char *name = arena_text(a, "%u_%.100s.npy", index, t->name ? t->name : "");
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            *c = '_';
    struct npy array = {t->type, t->shape, t->rank, data};
    struct buf file = {0};
    bool ok = npy_write(&array, &file, st) &&
              file_write(path_join(a, dir, name), bytes_of(file.data, file.size), st);
    buf_free(&file);
    return ok;
}

/* NumPy's .npy files: one array, C order, little-endian. */
#ifndef INTERP_NPY_H
#define INTERP_NPY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tflite/model.h"

struct npy {
    enum tfl_type type;
    int32_t *shape;
    uint32_t rank;
    struct bytes data; /* points into the file */
};

bool npy_is(struct bytes file); /* begins with the magic bytes */
/* Versions 1 to 3 of the format; the element types are those of TFLite that NumPy has.  Refuses Fortran order, big
 * endian, structures, and files whose size does not match their shape. */
bool npy_read(struct arena *a, struct bytes file, struct npy *out, struct status *st);
/* False: the type is not one of NumPy's. */
bool npy_write(const struct npy *array, struct buf *out, struct status *st);

#endif

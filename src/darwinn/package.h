/* The executable package: what stands in the custom operator of a compiled
 * model, as plain structs, read from and written to bytes
 * (../shared/isa/container.md; schema facts: Apache-licensed libedgetpu executable.fbs). */
#ifndef DARWINN_PACKAGE_H
#define DARWINN_PACKAGE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum dwn_type { DWN_STAND_ALONE = 0, DWN_PARAMETER_CACHING = 1, DWN_EXECUTION_ONLY = 2 };
enum dwn_desc { DWN_OUTPUT = 0, DWN_INPUT = 1, DWN_PARAMETER = 2, DWN_SCRATCH = 3 };
enum dwn_hint_kind { DWN_HINT_DESCRIPTOR = 1, DWN_HINT_INSTRUCTION = 2, DWN_HINT_INTERRUPT = 3, DWN_HINT_FENCE = 4 };
enum dwn_direction { DWN_INFEED = 0, DWN_OUTFEED = 1 };
enum dwn_data_type {
    DWN_U8 = 0, DWN_U16 = 1, DWN_I32 = 2, DWN_BF16 = 3, DWN_F16 = 4, DWN_F32 = 5, DWN_I8 = 8, DWN_I16 = 9,
};

enum { DWN_MAX_EXECUTABLES = 3 }; /* one of each type; libedgetpu package_registry.cc knows no more */

struct dwn_field_offset { /* where the driver writes half of a base address */
    enum dwn_desc desc;
    const char *name; /* layer name; "" for parameter and scratch; NULL absent */
    int32_t batch;
    bool upper;
    uint32_t offset_bit; /* in its own chunk */
};

struct dwn_stream { /* one instruction chunk */
    struct bytes code;
    struct dwn_field_offset *offsets;
    uint32_t n_offsets;
};

struct dwn_hint {
    enum dwn_hint_kind kind;
    enum dwn_direction direction;
    enum dwn_desc desc; /* descriptor hints */
    const char *name;
    int32_t batch, offset, size;
    int32_t index; /* instruction chunk, or interrupt type */
};

struct dwn_range { int32_t start, end; };

struct dwn_layout { /* output re-layout: six maps, see executable.fbs */
    int32_t *y_tile, *x_tile, *tile_offset, *x_offset, *y_offset, *x_row_size;
    uint32_t n_y_tile, n_x_tile, n_tile_offset, n_x_offset, n_y_offset, n_x_row_size;
};

struct dwn_layer {
    const char *name;
    int32_t size_bytes, y, x, z;
    int32_t zero_point; /* as the chip counts: TFLite's + 128 for DWN_I8, + 32768 for DWN_I16 */
    float scale;
    enum dwn_data_type type;
    bool output;
    bool has_layout;
    struct dwn_layout layout;
    int32_t execution_count; /* 1 */
    bool cache_on_dram;
    struct dwn_range *shape; /* outputs: (0, d-1) per TFLite dimension */
    uint32_t rank;
    bool has_shape;
};

struct dwn_executable {
    enum dwn_type type;
    const char *name, *chip;
    bool has_serialized_model; /* an empty vector in EXECUTION_ONLY; one with content is refused */
    int32_t version, batch_size, scratch_bytes, narrow_bytes;
    int32_t estimated_cycles;
    int64_t estimated_cycles64;
    bool use_dram;
    uint64_t token;
    struct dwn_stream *streams;
    struct dwn_hint *hints;
    struct dwn_layer *inputs, *outputs;
    uint32_t n_streams, n_hints, n_inputs, n_outputs;
    bool has_hints, has_inputs, has_outputs; /* vectors present, though perhaps empty */
    bool fully_deterministic;
    struct bytes parameters;
    struct bytes raw; /* as read */
};

struct dwn_package {
    int32_t min_runtime_version, keypair_version, virtual_chip_id;
    const char *compiler_version, *model_identifier; /* NULL: absent */
    struct bytes signature; /* empty in every file known; the open runtime does not look at it */
    struct dwn_executable *executables; /* in vector order: EXECUTION_ONLY first */
    uint32_t n_executables;
    struct bytes raw; /* as read */
};

/* A package ("DWN1" flatbuffer).  `data` must outlive the result.  Verified: every offset and
 * enum; chunks of whole instruction words; patched fields and instruction hints inside their
 * chunk and list; dimensions positive; the executables one of the sets that the runtime takes
 * (any one; EXECUTION_ONLY and PARAMETER_CACHING; all three).  What the program does is src/verify's matter.
 * STATUS_UNSUPPORTED: slices (shape_info), several chips, a model inside: in no file known. */
bool dwn_read(struct arena *a, struct bytes data, struct dwn_package **out, struct status *st);

/* From the custom_options of an `edgetpu-custom-op` (FlexBuffer map, key "4"). */
bool dwn_package_bytes(struct bytes options, struct bytes *package, struct status *st);
bool dwn_from_custom_options(struct arena *a, struct bytes options, struct dwn_package **out, struct status *st);

/* Byte-exact as the official compiler (container.md sections 2 and 3); `raw` is not looked at.
 * STATUS_LIMIT from 2 GiB on. */
bool dwn_write_executable(struct arena *a, const struct dwn_executable *x, struct bytes *out, struct status *st);
bool dwn_write(struct arena *a, const struct dwn_package *p, struct bytes *out, struct status *st);

/* Rows or columns of each of the four tiles along one axis: n halved twice, the larger half first
 * (container.md 2.4). */
void dwn_split4(int32_t n, int32_t part[4]);
/* Fills the layout of an output of y*x*z elements made in `passes` passes over y by the 4x4 grid
 * (container.md 2.4).  It counts elements, whatever their size. */
void dwn_layout_make(struct arena *a, int32_t y, int32_t x, int32_t z, int32_t passes, struct dwn_layout *out);
/* Bytes of an output in device layout (its size_bytes), container.md 2.3. */
int32_t dwn_output_size(int32_t y, int32_t x, int32_t z, int32_t element_bytes);
int32_t dwn_input_size(int32_t y, int32_t x, int32_t z, int32_t element_bytes);

unsigned dwn_type_size(enum dwn_data_type type); /* bytes per element */
/* The chip computes on unsigned numbers: flips the sign bit of every element of DWN_I8 and DWN_I16
 * data, in either direction; other types stay as they are. */
void dwn_flip_sign(enum dwn_data_type type, uint8_t *data, size_t size);

/* Device bytes -> TFLite bytes (y*x*z elements, row-major; out_size exactly these), sign flipped.
 * Fails where the layout points outside `device`. */
bool dwn_relayout(const struct dwn_layer *l, struct bytes device, uint8_t *out, size_t out_size, struct status *st);

#endif

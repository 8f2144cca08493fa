#include "darwinn/package.h"

#include "darwinn/schema.h"
#include "flat/flat.h"

enum { INSTRUCTION_WORD = 16 };

static int32_t i32(struct flat_table t, unsigned field, int32_t absent)
{
    return (int32_t)flat_u32(t, field, (uint32_t)absent);
}

/* The number of elements a vector has, each made by the caller. */
static struct flat_vector tables(struct flat_table t, unsigned field, uint32_t *count)
{
    struct flat_vector v = flat_vec(t, field, 4);
    *count = v.count;
    return v;
}

struct meta {
    enum dwn_desc desc;
    const char *name;
    int32_t batch;
    bool upper;
};

static bool read_meta(struct arena *a, struct flat_table t, struct meta *m, struct status *st)
{
    uint16_t desc = flat_u16(t, META_DESC, DWN_OUTPUT), position = flat_u16(t, META_POSITION, 0);
    if (desc > DWN_SCRATCH || position > 1)
        return status_fail(st, STATUS_INVALID, "unknown base address kind %u, position %u", desc, position);
    *m = (struct meta){(enum dwn_desc)desc, flat_text(a, t, META_NAME), i32(t, META_BATCH, 0), position == 1};
    return true;
}

static bool read_offset(struct arena *a, struct flat_table t, size_t chunk_bits, struct dwn_field_offset *o,
                        struct status *st)
{
    struct meta m;
    if (!read_meta(a, flat_sub(t, FIELD_OFFSET_META), &m, st))
        return false;
    *o = (struct dwn_field_offset){m.desc, m.name, m.batch, m.upper, flat_u32(t, FIELD_OFFSET_BIT, 0)};
    if ((uint64_t)o->offset_bit + 32 > chunk_bits)
        return status_fail(st, STATUS_INVALID, "field at bit %u outside a chunk of %zu bits", o->offset_bit,
                           chunk_bits);
    return true;
}

static bool read_stream(struct arena *a, struct flat_table t, struct dwn_stream *s, struct status *st)
{
    s->code = flat_bytes(t, STREAM_CODE);
    if (s->code.size == 0 || s->code.size % INSTRUCTION_WORD)
        return status_fail(st, STATUS_INVALID, "%zu bytes are no whole instruction words", s->code.size);
    struct flat_vector v = tables(t, STREAM_OFFSETS, &s->n_offsets);
    s->offsets = ARENA_ARRAY(a, struct dwn_field_offset, s->n_offsets);
    for (uint32_t i = 0; i < s->n_offsets; i++)
        if (!read_offset(a, flat_vec_table(v, i), 8 * s->code.size, &s->offsets[i], st))
            return false;
    return true;
}

static bool read_descriptor(struct arena *a, struct flat_table t, struct dwn_hint *h, struct status *st)
{
    struct meta m;
    if (!read_meta(a, flat_sub(t, DESCRIPTOR_META), &m, st))
        return false;
    h->desc = m.desc;
    h->name = m.name;
    h->batch = m.batch;
    h->offset = i32(t, DESCRIPTOR_OFFSET, 0);
    h->size = i32(t, DESCRIPTOR_SIZE, 0);
    if (h->offset < 0 || h->size < 0)
        return status_fail(st, STATUS_INVALID, "transfer of %d bytes at %d", h->size, h->offset);
    return true;
}

static bool read_hint(struct arena *a, struct flat_table t, uint32_t n_streams, struct dwn_hint *h, struct status *st)
{
    struct flat_table what = flat_sub(t, HINT_UNION);
    uint8_t kind = flat_u8(t, HINT_KIND, 0);
    uint16_t direction = flat_u16(t, HINT_DIRECTION, DWN_INFEED);
    if (direction > DWN_OUTFEED)
        return status_fail(st, STATUS_INVALID, "unknown direction %u", direction);
    h->kind = (enum dwn_hint_kind)kind;
    h->direction = (enum dwn_direction)direction;
    switch (kind) {
    case DWN_HINT_DESCRIPTOR:
        return read_descriptor(a, what, h, st);
    case DWN_HINT_INSTRUCTION:
        h->index = i32(what, INSTRUCTION_CHUNK, 0);
        return (h->index >= 0 && (uint32_t)h->index < n_streams) ||
               status_fail(st, STATUS_INVALID, "chunk %d of %u", h->index, n_streams);
    case DWN_HINT_INTERRUPT:
        h->index = flat_u16(what, INTERRUPT_TYPE, 0);
        return h->index < 4 || status_fail(st, STATUS_INVALID, "interrupt %d of 4", h->index);
    case DWN_HINT_FENCE:
        return true;
    default:
        return status_fail(st, STATUS_INVALID, "unknown kind %u", kind);
    }
}

static bool read_hints(struct arena *a, struct flat_table t, struct dwn_executable *x, struct status *st)
{
    struct flat_vector v = tables(t, HINTS_HINTS, &x->n_hints);
    x->has_hints = t.f;
    x->fully_deterministic = flat_u8(t, HINTS_DETERMINISTIC, 0);
    x->hints = ARENA_ARRAY(a, struct dwn_hint, x->n_hints);
    for (uint32_t i = 0; i < x->n_hints; i++)
        if (!read_hint(a, flat_vec_table(v, i), x->n_streams, &x->hints[i], st))
            return status_context(st, "DMA hint %u: ", i);
    return true;
}

static void read_layout(struct arena *a, struct flat_table t, struct dwn_layout *l)
{
    l->y_tile = flat_i32s(a, t, 0, &l->n_y_tile);
    l->x_tile = flat_i32s(a, t, 1, &l->n_x_tile);
    l->tile_offset = flat_i32s(a, t, 2, &l->n_tile_offset);
    l->x_offset = flat_i32s(a, t, 3, &l->n_x_offset);
    l->y_offset = flat_i32s(a, t, 4, &l->n_y_offset);
    l->x_row_size = flat_i32s(a, t, 5, &l->n_x_row_size);
}

static void read_shape(struct arena *a, struct flat_table t, struct dwn_layer *l)
{
    struct flat_vector v = flat_vec(t, SHAPE_DIMENSION, 8);
    l->has_shape = t.f;
    l->rank = v.count;
    l->shape = ARENA_ARRAY(a, struct dwn_range, v.count);
    for (uint32_t i = 0; i < v.count; i++) {
        uint64_t both = flat_vec_u64(v, i);
        l->shape[i] = (struct dwn_range){(int32_t)(uint32_t)both, (int32_t)(both >> 32)};
    }
}

static bool check_layer(const struct dwn_layer *l, struct status *st)
{
    unsigned element = dwn_type_size(l->type);
    if (!element)
        return status_fail(st, STATUS_INVALID, "unknown data type %d", l->type);
    if (l->y < 1 || l->x < 1 || l->z < 1 || l->size_bytes < 0 || l->execution_count < 1)
        return status_fail(st, STATUS_INVALID, "%dx%dx%d elements in %d bytes, %d times", l->y, l->x, l->z,
                           l->size_bytes, l->execution_count);
    int64_t plane = (int64_t)l->y * l->x;
    if (plane > INT32_MAX || plane * l->z > INT32_MAX / (int64_t)element)
        return status_fail(st, STATUS_LIMIT, "%dx%dx%d elements", l->y, l->x, l->z);
    return true;
}

static bool read_layer(struct arena *a, struct flat_table t, bool output, struct dwn_layer *l, struct status *st)
{
    struct flat_table numerics = flat_sub(t, LAYER_NUMERICS), kind = flat_sub(t, LAYER_UNION);
    *l = (struct dwn_layer){
        .name = flat_text(a, t, LAYER_NAME),
        .size_bytes = i32(t, LAYER_SIZE, 0),
        .y = i32(t, LAYER_Y, 0),
        .x = i32(t, LAYER_X, 0),
        .z = i32(t, LAYER_Z, 0),
        .zero_point = i32(numerics, NUMERICS_ZERO_POINT, 0),
        .scale = flat_f32(numerics, NUMERICS_SCALE, 0),
        .type = (enum dwn_data_type)flat_u16(t, LAYER_TYPE, DWN_U8),
        .output = output,
        .execution_count = i32(t, LAYER_EXECUTION_COUNT, 1),
        .cache_on_dram = flat_u8(t, LAYER_CACHE_ON_DRAM, 0),
    };
    if (!l->name)
        return status_fail(st, STATUS_INVALID, "no name");
    if (flat_u8(t, LAYER_KIND, 0) != (output ? LAYER_IS_OUTPUT : LAYER_IS_INPUT))
        return status_fail(st, STATUS_INVALID, "\"%s\" is not of its list's kind", l->name);
    if (output && flat_has(kind, OUTPUT_SHAPE_INFO))
        return status_fail(st, STATUS_UNSUPPORTED, "\"%s\" comes in slices (shape_info)", l->name);
    if (output) {
        struct flat_table layout = flat_sub(kind, OUTPUT_LAYOUT);
        l->has_layout = layout.f;
        read_layout(a, layout, &l->layout);
    }
    read_shape(a, flat_sub(t, LAYER_SHAPE), l);
    return check_layer(l, st) || status_context(st, "\"%s\": ", l->name);
}

static bool read_layers(struct arena *a, struct flat_vector v, bool output, struct dwn_layer **out, struct status *st)
{
    *out = ARENA_ARRAY(a, struct dwn_layer, v.count);
    for (uint32_t i = 0; i < v.count; i++)
        if (!read_layer(a, flat_vec_table(v, i), output, &(*out)[i], st))
            return status_context(st, "%s layer %u: ", output ? "output" : "input", i);
    return true;
}

static bool read_streams(struct arena *a, struct flat_table t, struct dwn_executable *x, struct status *st)
{
    struct flat_vector v = tables(t, EXECUTABLE_STREAMS, &x->n_streams);
    if (!x->n_streams)
        return status_fail(st, STATUS_INVALID, "no instructions");
    x->streams = ARENA_ARRAY(a, struct dwn_stream, x->n_streams);
    for (uint32_t i = 0; i < x->n_streams; i++)
        if (!read_stream(a, flat_vec_table(v, i), &x->streams[i], st))
            return status_context(st, "instruction chunk %u: ", i);
    return true;
}

static bool read_scalars(struct arena *a, struct flat_table t, struct dwn_executable *x, struct status *st)
{
    uint16_t type = flat_u16(t, EXECUTABLE_TYPE, DWN_STAND_ALONE);
    if (type > DWN_EXECUTION_ONLY)
        return status_fail(st, STATUS_INVALID, "unknown executable type %u", type);
    x->type = (enum dwn_type)type;
    x->version = i32(t, EXECUTABLE_VERSION, 0);
    x->name = flat_text(a, t, EXECUTABLE_NAME);
    x->chip = flat_text(a, t, EXECUTABLE_CHIP);
    x->has_serialized_model = flat_has(t, EXECUTABLE_SERIALIZED_MODEL);
    if (flat_bytes(t, EXECUTABLE_SERIALIZED_MODEL).size)
        return status_fail(st, STATUS_UNSUPPORTED, "a serialized model inside");
    x->batch_size = i32(t, EXECUTABLE_BATCH_SIZE, 0);
    x->scratch_bytes = i32(t, EXECUTABLE_SCRATCH, 0);
    x->narrow_bytes = i32(t, EXECUTABLE_NARROW, 0);
    if (x->batch_size < 1 || x->scratch_bytes < 0 || x->narrow_bytes < 0)
        return status_fail(st, STATUS_INVALID, "batch size %d, %d scratch bytes, %d narrow bytes", x->batch_size,
                           x->scratch_bytes, x->narrow_bytes);
    x->estimated_cycles = i32(t, EXECUTABLE_CYCLES, 0);
    x->estimated_cycles64 = (int64_t)flat_u64(t, EXECUTABLE_CYCLES64, 0);
    x->use_dram = flat_u8(t, EXECUTABLE_USE_DRAM, 0);
    x->token = flat_u64(t, EXECUTABLE_TOKEN, 0);
    x->parameters = flat_bytes(t, EXECUTABLE_PARAMETERS);
    return true;
}

static bool read_executable(struct arena *a, struct bytes raw, struct dwn_executable *x, struct status *st)
{
    struct flat f;
    struct flat_table t;
    if (!flat_open(&f, raw, NULL, &t, st))
        return false;
    x->raw = raw;
    if (!read_scalars(a, t, x, st) || !read_streams(a, t, x, st) ||
        !read_hints(a, flat_sub(t, EXECUTABLE_HINTS), x, st))
        return false;
    struct flat_vector inputs = tables(t, EXECUTABLE_INPUTS, &x->n_inputs);
    struct flat_vector outputs = tables(t, EXECUTABLE_OUTPUTS, &x->n_outputs);
    x->has_inputs = inputs.f;
    x->has_outputs = outputs.f;
    return read_layers(a, inputs, false, &x->inputs, st) && read_layers(a, outputs, true, &x->outputs, st) &&
           flat_check(&f, "executable", st);
}

/* libedgetpu, package_registry.cc: no two of a type; one of any type, or a caching one and one that needs it,
 * or these two and a stand-alone one. */
static bool check_set(const struct dwn_package *p, struct status *st)
{
    unsigned seen = 0;
    for (uint32_t i = 0; i < p->n_executables; i++) {
        unsigned bit = 1u << p->executables[i].type;
        if (seen & bit)
            return status_fail(st, STATUS_INVALID, "several executables of type %d", p->executables[i].type);
        seen |= bit;
    }
    unsigned pair = 1u << DWN_PARAMETER_CACHING | 1u << DWN_EXECUTION_ONLY;
    return p->n_executables != 2 || seen == pair ||
           status_fail(st, STATUS_INVALID, "this pair of executable types cannot run");
}

static bool read_executables(struct arena *a, struct bytes multi, struct dwn_package *p, struct status *st)
{
    struct flat f;
    struct flat_table t;
    if (!flat_open(&f, multi, NULL, &t, st))
        return status_context(st, "list of executables: ");
    struct flat_vector v = flat_vec(t, MULTI_EXECUTABLES, 4);
    if (v.count < 1 || v.count > DWN_MAX_EXECUTABLES)
        return status_fail(st, STATUS_INVALID, "%u executables; 1 to %d are possible", v.count, DWN_MAX_EXECUTABLES);
    p->n_executables = v.count;
    p->executables = ARENA_ARRAY(a, struct dwn_executable, v.count);
    for (uint32_t i = 0; i < v.count; i++)
        if (!read_executable(a, flat_vec_bytes(v, i), &p->executables[i], st))
            return status_context(st, "executable %u: ", i);
    return flat_check(&f, "list of executables", st) && check_set(p, st);
}

bool dwn_read(struct arena *a, struct bytes data, struct dwn_package **out, struct status *st)
{
    struct flat f;
    struct flat_table t;
    if (!flat_open(&f, data, "DWN1", &t, st))
        return status_context(st, "package: ");
    struct dwn_package *p = ARENA_NEW(a, struct dwn_package);
    p->raw = data;
    p->min_runtime_version = i32(t, PACKAGE_MIN_RUNTIME, 0);
    p->keypair_version = i32(t, PACKAGE_KEYPAIR, 0);
    p->virtual_chip_id = i32(t, PACKAGE_CHIP_ID, 0);
    p->compiler_version = flat_text(a, t, PACKAGE_COMPILER);
    p->model_identifier = flat_text(a, t, PACKAGE_IDENTIFIER);
    p->signature = flat_bytes(t, PACKAGE_SIGNATURE);
    if (p->virtual_chip_id == -1 || flat_has(t, PACKAGE_MULTI_CHIP))
        return status_fail(st, STATUS_UNSUPPORTED, "package: for several chips");
    if (!read_executables(a, flat_bytes(t, PACKAGE_MULTI_EXECUTABLE), p, st) || !flat_check(&f, "package", st))
        return status_context(st, "package: ");
    *out = p;
    return true;
}

bool dwn_package_bytes(struct bytes options, struct bytes *package, struct status *st)
{
    struct flex root, value;
    if (!flex_open(options, &root, st))
        return status_context(st, "custom options: ");
    if (!flex_is_map(root) || !flex_find(root, "4", &value) || !flex_bytes(value, package))
        return status_fail(st, STATUS_INVALID, "custom options: no package under key \"4\"");
    return true;
}

bool dwn_from_custom_options(struct arena *a, struct bytes options, struct dwn_package **out, struct status *st)
{
    struct bytes package;
    return dwn_package_bytes(options, &package, st) && dwn_read(a, package, out, st);
}

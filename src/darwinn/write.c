/* Packages as the official compiler lays them out: what is created first lies at the end of the
 * buffer, so the order of the calls below is the order of container.md sections 2 and 3. */
#include "darwinn/package.h"

#include "darwinn/schema.h"
#include "flat/flat.h"

enum { PAGE = 4096 }; /* parameters and executables are mapped by the driver where they lie */

struct writer {
    struct arena *arena;
    struct flat_builder *b;
    flat_ref empty; /* the first empty Meta.name, which all others share */
};

static void add_i32(struct writer *w, unsigned field, int32_t value)
{
    flat_add(w->b, field, 4, (uint32_t)value, 0);
}

static flat_ref text(struct writer *w, const char *s)
{
    return s ? flat_put_text(w->b, bytes_of(s, strlen(s))) : 0;
}

static flat_ref meta_name(struct writer *w, const char *s)
{
    if (!s || *s)
        return text(w, s);
    if (!w->empty)
        w->empty = text(w, s);
    return w->empty;
}

static flat_ref meta(struct writer *w, enum dwn_desc desc, const char *name, int32_t batch, bool upper)
{
    flat_ref n = meta_name(w, name);
    flat_table_start(w->b);
    flat_add(w->b, META_DESC, 2, desc, 0);
    add_i32(w, META_BATCH, batch);
    flat_add_ref(w->b, META_NAME, n);
    flat_add(w->b, META_POSITION, 2, upper, 0);
    return flat_table_end(w->b);
}

static flat_ref field_offset(struct writer *w, const struct dwn_field_offset *o)
{
    flat_ref m = meta(w, o->desc, o->name, o->batch, o->upper);
    flat_table_start(w->b);
    flat_add_ref(w->b, FIELD_OFFSET_META, m);
    flat_add(w->b, FIELD_OFFSET_BIT, 4, o->offset_bit, 0);
    return flat_table_end(w->b);
}

static flat_ref stream(struct writer *w, const struct dwn_stream *s)
{
    flat_ref code = flat_put_vector(w->b, s->code.data, (uint32_t)s->code.size, 1);
    flat_ref *refs = ARENA_ARRAY(w->arena, flat_ref, s->n_offsets);
    for (uint32_t i = 0; i < s->n_offsets; i++)
        refs[i] = field_offset(w, &s->offsets[i]);
    flat_ref offsets = flat_put_refs(w->b, refs, s->n_offsets);
    flat_table_start(w->b);
    flat_add_ref(w->b, STREAM_CODE, code);
    flat_add_ref(w->b, STREAM_OFFSETS, offsets);
    return flat_table_end(w->b);
}

static flat_ref numerics(struct writer *w, const struct dwn_layer *l)
{
    flat_table_start(w->b);
    add_i32(w, NUMERICS_ZERO_POINT, l->zero_point);
    flat_add_f32(w->b, NUMERICS_SCALE, l->scale, 0);
    return flat_table_end(w->b);
}

static flat_ref ints(struct writer *w, const int32_t *values, uint32_t count)
{
    return values ? flat_put_i32s(w->b, values, count) : 0;
}

static flat_ref layout(struct writer *w, const struct dwn_layout *l)
{
    const flat_ref maps[] = {
        ints(w, l->y_tile, l->n_y_tile),           ints(w, l->x_tile, l->n_x_tile),
        ints(w, l->tile_offset, l->n_tile_offset), ints(w, l->x_offset, l->n_x_offset),
        ints(w, l->y_offset, l->n_y_offset),       ints(w, l->x_row_size, l->n_x_row_size),
    };
    flat_table_start(w->b);
    for (unsigned i = 0; i < sizeof maps / sizeof *maps; i++)
        flat_add_ref(w->b, i, maps[i]);
    return flat_table_end(w->b);
}

static flat_ref layer_kind(struct writer *w, const struct dwn_layer *l)
{
    flat_ref maps = l->output && l->has_layout ? layout(w, &l->layout) : 0;
    flat_table_start(w->b);
    flat_add_ref(w->b, OUTPUT_LAYOUT, maps);
    return flat_table_end(w->b);
}

static flat_ref shape(struct writer *w, const struct dwn_layer *l)
{
    uint8_t *ranges = arena_array(w->arena, l->rank, 8);
    for (uint32_t i = 0; i < l->rank; i++) {
        put_le32(ranges + 8 * (size_t)i, (uint32_t)l->shape[i].start);
        put_le32(ranges + 8 * (size_t)i + 4, (uint32_t)l->shape[i].end);
    }
    flat_ref dimension = flat_put_structs(w->b, ranges, l->rank, 8, 4);
    flat_table_start(w->b);
    flat_add_ref(w->b, SHAPE_DIMENSION, dimension);
    return flat_table_end(w->b);
}

static flat_ref layer(struct writer *w, const struct dwn_layer *l)
{
    flat_ref name = text(w, l->name), constants = numerics(w, l), kind = layer_kind(w, l);
    flat_ref dimensions = l->has_shape ? shape(w, l) : 0;
    flat_table_start(w->b);
    flat_add_ref(w->b, LAYER_NAME, name);
    add_i32(w, LAYER_SIZE, l->size_bytes);
    add_i32(w, LAYER_Y, l->y);
    add_i32(w, LAYER_X, l->x);
    add_i32(w, LAYER_Z, l->z);
    flat_add_ref(w->b, LAYER_NUMERICS, constants);
    flat_add(w->b, LAYER_TYPE, 2, l->type, DWN_U8);
    flat_add(w->b, LAYER_KIND, 1, l->output ? LAYER_IS_OUTPUT : LAYER_IS_INPUT, 0);
    flat_add_ref(w->b, LAYER_UNION, kind);
    flat_add(w->b, LAYER_EXECUTION_COUNT, 4, (uint32_t)l->execution_count, 1);
    flat_add(w->b, LAYER_CACHE_ON_DRAM, 1, l->cache_on_dram, 0);
    flat_add_ref(w->b, LAYER_SHAPE, dimensions);
    return flat_table_end(w->b);
}

static flat_ref *layers(struct writer *w, const struct dwn_layer *list, uint32_t count)
{
    flat_ref *refs = ARENA_ARRAY(w->arena, flat_ref, count);
    for (uint32_t i = 0; i < count; i++)
        refs[i] = layer(w, &list[i]);
    return refs;
}

static flat_ref hint_content(struct writer *w, const struct dwn_hint *h)
{
    flat_ref m = h->kind == DWN_HINT_DESCRIPTOR ? meta(w, h->desc, h->name, h->batch, false) : 0;
    flat_table_start(w->b);
    if (h->kind == DWN_HINT_DESCRIPTOR) {
        flat_add_ref(w->b, DESCRIPTOR_META, m);
        add_i32(w, DESCRIPTOR_OFFSET, h->offset);
        add_i32(w, DESCRIPTOR_SIZE, h->size);
    } else if (h->kind == DWN_HINT_INSTRUCTION)
        add_i32(w, INSTRUCTION_CHUNK, h->index);
    else if (h->kind == DWN_HINT_INTERRUPT)
        flat_add(w->b, INTERRUPT_TYPE, 2, (uint64_t)h->index, 0);
    return flat_table_end(w->b);
}

static flat_ref hint(struct writer *w, const struct dwn_hint *h)
{
    flat_ref content = hint_content(w, h);
    flat_table_start(w->b);
    flat_add(w->b, HINT_KIND, 1, h->kind, 0);
    flat_add_ref(w->b, HINT_UNION, content);
    flat_add(w->b, HINT_DIRECTION, 2, h->direction, DWN_INFEED);
    return flat_table_end(w->b);
}

static flat_ref hints(struct writer *w, const struct dwn_executable *x)
{
    flat_ref *refs = ARENA_ARRAY(w->arena, flat_ref, x->n_hints);
    for (uint32_t i = 0; i < x->n_hints; i++)
        refs[i] = hint(w, &x->hints[i]);
    flat_ref list = flat_put_refs(w->b, refs, x->n_hints);
    flat_table_start(w->b);
    flat_add_ref(w->b, HINTS_HINTS, list);
    flat_add(w->b, HINTS_DETERMINISTIC, 1, x->fully_deterministic, 0);
    return flat_table_end(w->b);
}

static flat_ref executable(struct writer *w, const struct dwn_executable *x)
{
    struct flat_builder *b = w->b;
    flat_ref *streams = ARENA_ARRAY(w->arena, flat_ref, x->n_streams);
    for (uint32_t i = 0; i < x->n_streams; i++)
        streams[i] = stream(w, &x->streams[i]);
    const flat_ref *inputs = layers(w, x->inputs, x->n_inputs), *outputs = layers(w, x->outputs, x->n_outputs);
    flat_force_vector_alignment(b, x->parameters.size, PAGE);
    flat_ref parameters = flat_put_vector(b, x->parameters.data, (uint32_t)x->parameters.size, 1);
    flat_ref name = text(w, x->name), model = x->has_serialized_model ? flat_put_vector(b, NULL, 0, 1) : 0;
    flat_ref code = flat_put_refs(b, streams, x->n_streams), dma = x->has_hints ? hints(w, x) : 0;
    flat_ref in = x->has_inputs ? flat_put_refs(b, inputs, x->n_inputs) : 0;
    flat_ref out = x->has_outputs ? flat_put_refs(b, outputs, x->n_outputs) : 0;
    flat_ref chip = text(w, x->chip);
    flat_table_start(b);
    add_i32(w, EXECUTABLE_VERSION, x->version);
    flat_add_ref(b, EXECUTABLE_NAME, name);
    flat_add_ref(b, EXECUTABLE_SERIALIZED_MODEL, model);
    add_i32(w, EXECUTABLE_BATCH_SIZE, x->batch_size);
    add_i32(w, EXECUTABLE_SCRATCH, x->scratch_bytes);
    flat_add_ref(b, EXECUTABLE_STREAMS, code);
    flat_add_ref(b, EXECUTABLE_PARAMETERS, parameters);
    flat_add_ref(b, EXECUTABLE_HINTS, dma);
    flat_add_ref(b, EXECUTABLE_INPUTS, in);
    flat_add_ref(b, EXECUTABLE_OUTPUTS, out);
    flat_add_ref(b, EXECUTABLE_CHIP, chip);
    add_i32(w, EXECUTABLE_CYCLES, x->estimated_cycles);
    add_i32(w, EXECUTABLE_NARROW, x->narrow_bytes);
    flat_add(b, EXECUTABLE_TYPE, 2, x->type, DWN_STAND_ALONE);
    flat_add(b, EXECUTABLE_TOKEN, 8, x->token, 0);
    flat_add(b, EXECUTABLE_USE_DRAM, 1, x->use_dram, 0);
    flat_add(b, EXECUTABLE_CYCLES64, 8, (uint64_t)x->estimated_cycles64, 0);
    return flat_table_end(b);
}

static bool finish(struct flat_builder *b, flat_ref root, const char *identifier, struct bytes *out, struct status *st)
{
    *out = flat_finish(b, root, identifier);
    return out->data || status_fail(st, STATUS_LIMIT, "the package would reach 2 GiB");
}

bool dwn_write_executable(struct arena *a, const struct dwn_executable *x, struct bytes *out, struct status *st)
{
    if (x->parameters.size > INT32_MAX) /* beyond what the format counts */
        return status_fail(st, STATUS_LIMIT, "%zu bytes of parameters", x->parameters.size);
    struct writer w = {.arena = a, .b = flat_builder_new(a, false)};
    return finish(w.b, executable(&w, x), NULL, out, st);
}

static bool write_multi(struct arena *a, const struct dwn_package *p, struct bytes *out, struct status *st)
{
    struct flat_builder *b = flat_builder_new(a, false);
    flat_ref *refs = ARENA_ARRAY(a, flat_ref, p->n_executables);
    for (uint32_t i = 0; i < p->n_executables; i++) {
        struct bytes x;
        if (!dwn_write_executable(a, &p->executables[i], &x, st))
            return status_context(st, "executable %u: ", i);
        flat_force_string_alignment(b, x.size, PAGE);
        refs[i] = flat_put_text(b, x);
    }
    flat_ref list = flat_put_refs(b, refs, p->n_executables);
    flat_table_start(b);
    flat_add_ref(b, MULTI_EXECUTABLES, list);
    return finish(b, flat_table_end(b), NULL, out, st);
}

bool dwn_write(struct arena *a, const struct dwn_package *p, struct bytes *out, struct status *st)
{
    struct bytes multi = {0};
    if (!write_multi(a, p, &multi, st))
        return false;
    struct writer w = {.arena = a, .b = flat_builder_new(a, true)};
    flat_force_vector_alignment(w.b, multi.size, PAGE);
    flat_ref executables = flat_put_vector(w.b, multi.data, (uint32_t)multi.size, 1);
    flat_ref signature = flat_put_vector(w.b, p->signature.data, (uint32_t)p->signature.size, 1);
    flat_ref compiler = text(&w, p->compiler_version), identifier = text(&w, p->model_identifier);
    flat_table_start(w.b);
    add_i32(&w, PACKAGE_MIN_RUNTIME, p->min_runtime_version);
    flat_add_ref(w.b, PACKAGE_MULTI_EXECUTABLE, executables);
    flat_add_ref(w.b, PACKAGE_SIGNATURE, signature);
    add_i32(&w, PACKAGE_KEYPAIR, p->keypair_version);
    flat_add_ref(w.b, PACKAGE_COMPILER, compiler);
    add_i32(&w, PACKAGE_CHIP_ID, p->virtual_chip_id);
    flat_add_ref(w.b, PACKAGE_IDENTIFIER, identifier);
    return finish(w.b, flat_table_end(w.b), "DWN1", out, st);
}

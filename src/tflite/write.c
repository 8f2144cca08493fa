/* tfl_write: objects in the order of ../shared/isa/container.md section 5, which decides every byte. */
#include "flat/flat.h"
#include "tflite/model.h"
#include "tflite/schema.h"

enum { CUSTOM_OP_ALIGNMENT = 32, DEPRECATED_CODE_MAX = 127 };

struct writer {
    struct arena *a;
    struct flat_builder *b;
    const struct tfl_model *m;
    bool official;
    uint32_t n_buffers;   /* numbered so far, buffer 0 included */
    struct bytes *buffers; /* their data */
    const struct tfl_operator **codes; /* the first operator of each operator code */
    uint32_t n_codes;
};

static flat_ref put_text(struct writer *w, const char *s)
{
    return s ? flat_put_text(w->b, bytes_of(s, strlen(s))) : 0;
}

static flat_ref put_data(struct writer *w, struct bytes data)
{
    return flat_put_vector(w->b, data.data, (uint32_t)data.size, 1);
}

static uint32_t add_buffer(struct writer *w, struct bytes data)
{
    w->buffers[w->n_buffers] = data;
    return w->n_buffers++;
}

static flat_ref put_quant(struct writer *w, const struct tfl_quant *q)
{
    if (q->count == 0)
        return 0;
    flat_ref scale = flat_put_f32s(w->b, q->scale, q->count);
    flat_ref zero_point = flat_put_i64s(w->b, q->zero_point, q->count);
    flat_table_start(w->b);
    flat_add_ref(w->b, QUANT_SCALE, scale);
    flat_add_ref(w->b, QUANT_ZERO_POINT, zero_point);
    flat_add(w->b, QUANT_DIMENSION, 4, (uint64_t)(q->count > 1 ? q->dim : 0), 0);
    return flat_table_end(w->b);
}

static flat_ref put_tensor(struct writer *w, const struct tfl_tensor *t)
{
    uint32_t buffer = t->data.size ? add_buffer(w, t->data) : 0;
    flat_ref quant = put_quant(w, &t->quant);
    flat_ref name = put_text(w, t->name);
    flat_ref shape = flat_put_i32s(w->b, t->shape, t->rank);
    bool signature = !w->official && t->shape_signature;
    flat_ref shape_signature = signature ? flat_put_i32s(w->b, t->shape_signature, t->rank) : 0;
    flat_table_start(w->b);
    flat_add_ref(w->b, TENSOR_SHAPE, shape);
    flat_add(w->b, TENSOR_TYPE, 1, t->type, 0);
    flat_add(w->b, TENSOR_BUFFER, 4, buffer, 0);
    flat_add_ref(w->b, TENSOR_NAME, name);
    flat_add_ref(w->b, TENSOR_QUANTIZATION, quant);
    flat_add(w->b, TENSOR_VARIABLE, 1, t->is_variable, 0);
    flat_add_ref(w->b, TENSOR_SIGNATURE, shape_signature);
    flat_add(w->b, TENSOR_HAS_RANK, 1, !w->official && t->has_rank, 0);
    return flat_table_end(w->b);
}

/* ---- options: objects first, then the table that refers to them ---- */

struct options_writer {
    struct writer *w;
    flat_ref refs[64]; /* by field id */
};

static void put_object_field(void *ctx, struct tfl_field f)
{
    struct options_writer *c = ctx;
    switch (f.kind) {
    case TFL_FIELD_I32S: {
        const struct tfl_i32s *v = f.value;
        c->refs[f.id] = v->data ? flat_put_i32s(c->w->b, v->data, v->count) : 0;
        break;
    }
    case TFL_FIELD_I64S: {
        const struct tfl_i64s *v = f.value;
        c->refs[f.id] = v->data ? flat_put_i64s(c->w->b, v->data, v->count) : 0;
        break;
    }
    case TFL_FIELD_F32S: {
        const struct tfl_f32s *v = f.value;
        c->refs[f.id] = v->data ? flat_put_f32s(c->w->b, v->data, v->count) : 0;
        break;
    }
    case TFL_FIELD_U8S: {
        const struct bytes *v = f.value;
        c->refs[f.id] = v->data ? put_data(c->w, *v) : 0;
        break;
    }
    case TFL_FIELD_TEXT:
        c->refs[f.id] = put_text(c->w, *(const char **)f.value);
        break;
    default:
        break;
    }
}

static void add_field(void *ctx, struct tfl_field f)
{
    struct options_writer *c = ctx;
    struct flat_builder *b = c->w->b;
    uint64_t absent = (uint64_t)(int64_t)f.absent;
    switch (f.kind) {
    case TFL_FIELD_I8: flat_add(b, f.id, 1, (uint64_t)*(int8_t *)f.value, absent); break;
    case TFL_FIELD_BOOL: flat_add(b, f.id, 1, *(bool *)f.value, absent); break;
    case TFL_FIELD_I32: case TFL_FIELD_GRAPH: flat_add(b, f.id, 4, (uint64_t)*(int32_t *)f.value, absent); break;
    case TFL_FIELD_U32: flat_add(b, f.id, 4, *(uint32_t *)f.value, absent); break;
    case TFL_FIELD_I64: flat_add(b, f.id, 8, (uint64_t)*(int64_t *)f.value, absent); break;
    case TFL_FIELD_F32: flat_add_f32(b, f.id, *(float *)f.value, (float)f.absent); break;
    case TFL_FIELD_PAD: flat_add(b, f.id, 1, *(enum tfl_padding *)f.value, absent); break;
    case TFL_FIELD_ACT: flat_add(b, f.id, 1, *(enum tfl_activation *)f.value, absent); break;
    case TFL_FIELD_TYPE: flat_add(b, f.id, 1, *(enum tfl_type *)f.value, absent); break;
    case TFL_FIELD_I32S: case TFL_FIELD_I64S: case TFL_FIELD_F32S: case TFL_FIELD_U8S: case TFL_FIELD_TEXT:
        flat_add_ref(b, f.id, c->refs[f.id]);
        break;
    }
}

static flat_ref put_options(struct writer *w, const struct tfl_operator *o)
{
    if (o->options_type == TFL_OPTIONS_NONE)
        return 0;
    struct options_writer c = {.w = w};
    union tfl_options options = o->options; /* the visitor hands out pointers that could be written */
    tfl_options_visit(o->options_type, &options, put_object_field, &c);
    flat_table_start(w->b);
    tfl_options_visit(o->options_type, &options, add_field, &c);
    return flat_table_end(w->b);
}

/* ---- operators ---- */

static bool same_code(const struct writer *w, const struct tfl_operator *x, const struct tfl_operator *y)
{
    if (x->code != y->code || (!w->official && x->version != y->version))
        return false;
    return x->code != TFL_OP_CUSTOM || strcmp(x->custom_code, y->custom_code) == 0;
}

static uint32_t code_index(struct writer *w, const struct tfl_operator *o)
{
    for (uint32_t i = 0; i < w->n_codes; i++)
        if (same_code(w, w->codes[i], o))
            return i;
    w->codes[w->n_codes] = o;
    return w->n_codes++;
}

static flat_ref put_custom_options(struct writer *w, const struct tfl_operator *o)
{
    if (!o->custom_options.data)
        return 0;
    if (o->custom_code && strcmp(o->custom_code, TFL_EDGETPU_CUSTOM_OP) == 0)
        flat_force_vector_alignment(w->b, o->custom_options.size, CUSTOM_OP_ALIGNMENT);
    return put_data(w, o->custom_options);
}

static flat_ref put_operator(struct writer *w, const struct tfl_operator *o)
{
    flat_ref options = put_options(w, o);
    flat_ref custom_options = put_custom_options(w, o);
    flat_ref inputs = flat_put_i32s(w->b, o->inputs, o->n_inputs);
    flat_ref outputs = flat_put_i32s(w->b, o->outputs, o->n_outputs);
    flat_ref intermediates = o->n_intermediates ? flat_put_i32s(w->b, o->intermediates, o->n_intermediates) : 0;
    bool second = o->options_type > TFL_OPTIONS2; /* of the schema's two unions */
    flat_table_start(w->b);
    flat_add(w->b, OP_CODE, 4, code_index(w, o), 0);
    flat_add_ref(w->b, OP_INPUTS, inputs);
    flat_add_ref(w->b, OP_OUTPUTS, outputs);
    flat_add(w->b, second ? OP_OPTIONS2_TYPE : OP_OPTIONS_TYPE, 1, o->options_type % TFL_OPTIONS2, 0);
    flat_add_ref(w->b, second ? OP_OPTIONS2 : OP_OPTIONS, options);
    flat_add_ref(w->b, OP_CUSTOM_OPTIONS, custom_options);
    flat_add_ref(w->b, OP_INTERMEDIATES, intermediates);
    return flat_table_end(w->b);
}

static flat_ref put_code(struct writer *w, const struct tfl_operator *o)
{
    flat_ref custom = o->code == TFL_OP_CUSTOM ? put_text(w, o->custom_code) : 0;
    uint32_t code = (uint32_t)o->code;
    flat_table_start(w->b);
    flat_add(w->b, CODE_DEPRECATED, 1, code < DEPRECATED_CODE_MAX ? code : DEPRECATED_CODE_MAX, 0);
    flat_add_ref(w->b, CODE_CUSTOM, custom);
    flat_add(w->b, CODE_VERSION, 4, w->official ? 1 : (uint32_t)o->version, 1);
    flat_add(w->b, CODE_BUILTIN, 4, code, 0);
    return flat_table_end(w->b);
}

/* ---- subgraph and model ---- */

static flat_ref put_subgraph(struct writer *w, const struct tfl_subgraph *g)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, (size_t)g->n_tensors + g->n_operators);
    for (uint32_t i = 0; i < g->n_tensors; i++)
        refs[i] = put_tensor(w, &g->tensors[i]);
    flat_ref tensors = flat_put_refs(w->b, refs, g->n_tensors);
    flat_ref inputs = flat_put_i32s(w->b, g->inputs, g->n_inputs);
    flat_ref outputs = flat_put_i32s(w->b, g->outputs, g->n_outputs);
    for (uint32_t i = 0; i < g->n_operators; i++)
        refs[i] = put_operator(w, &g->operators[i]);
    flat_ref operators = flat_put_refs(w->b, refs, g->n_operators);
    flat_ref name = put_text(w, g->name);
    flat_table_start(w->b);
    flat_add_ref(w->b, GRAPH_TENSORS, tensors);
    flat_add_ref(w->b, GRAPH_INPUTS, inputs);
    flat_add_ref(w->b, GRAPH_OUTPUTS, outputs);
    flat_add_ref(w->b, GRAPH_OPERATORS, operators);
    flat_add_ref(w->b, GRAPH_NAME, name);
    return flat_table_end(w->b);
}

static flat_ref put_metadata(struct writer *w)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, w->m->n_metadata);
    for (uint32_t i = 0; i < w->m->n_metadata; i++) {
        flat_ref name = put_text(w, w->m->metadata[i].name);
        uint32_t buffer = add_buffer(w, w->m->metadata[i].data);
        flat_table_start(w->b);
        flat_add_ref(w->b, METADATA_NAME, name);
        flat_add(w->b, METADATA_BUFFER, 4, buffer, 0);
        refs[i] = flat_table_end(w->b);
    }
    return flat_put_refs(w->b, refs, w->m->n_metadata);
}

static flat_ref put_entries(struct writer *w, const struct tfl_signature_entry *entries, uint32_t count)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, count);
    for (uint32_t i = 0; i < count; i++) {
        flat_ref name = put_text(w, entries[i].name);
        flat_table_start(w->b);
        flat_add_ref(w->b, MAP_NAME, name);
        flat_add(w->b, MAP_TENSOR, 4, entries[i].tensor, 0);
        refs[i] = flat_table_end(w->b);
    }
    return flat_put_refs(w->b, refs, count);
}

static flat_ref put_signatures(struct writer *w)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, w->m->n_signatures);
    for (uint32_t i = 0; i < w->m->n_signatures; i++) {
        const struct tfl_signature *s = &w->m->signatures[i];
        flat_ref inputs = put_entries(w, s->inputs, s->n_inputs);
        flat_ref outputs = put_entries(w, s->outputs, s->n_outputs);
        flat_ref key = put_text(w, s->key);
        flat_table_start(w->b);
        flat_add_ref(w->b, SIGNATURE_INPUTS, inputs);
        flat_add_ref(w->b, SIGNATURE_OUTPUTS, outputs);
        flat_add_ref(w->b, SIGNATURE_KEY, key);
        flat_add(w->b, SIGNATURE_SUBGRAPH, 4, s->subgraph, 0);
        refs[i] = flat_table_end(w->b);
    }
    return flat_put_refs(w->b, refs, w->m->n_signatures);
}

static flat_ref put_buffers(struct writer *w)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, w->n_buffers);
    for (uint32_t i = 0; i < w->n_buffers; i++) {
        flat_ref data = put_data(w, w->buffers[i]);
        flat_table_start(w->b);
        flat_add_ref(w->b, BUFFER_DATA, data);
        refs[i] = flat_table_end(w->b);
    }
    return flat_put_refs(w->b, refs, w->n_buffers);
}

static flat_ref put_codes(struct writer *w)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, w->n_codes);
    for (uint32_t i = 0; i < w->n_codes; i++)
        refs[i] = put_code(w, w->codes[i]);
    return flat_put_refs(w->b, refs, w->n_codes);
}

/* The data that a file must hold; the rest is small against it. */
static size_t data_size(const struct tfl_model *m)
{
    size_t size = 0;
    for (uint32_t i = 0; i < m->n_subgraphs; i++) {
        const struct tfl_subgraph *g = &m->subgraphs[i];
        for (uint32_t k = 0; k < g->n_tensors; k++)
            size += g->tensors[k].data.size;
        for (uint32_t k = 0; k < g->n_operators; k++)
            size += g->operators[k].custom_options.size;
    }
    for (uint32_t i = 0; i < m->n_metadata; i++)
        size += m->metadata[i].data.size;
    return size;
}

/* Room for everything that is numbered while writing. */
static void make_tables(struct writer *w)
{
    size_t operators = 0, buffers = 1 + (size_t)w->m->n_metadata;
    for (uint32_t i = 0; i < w->m->n_subgraphs; i++) {
        operators += w->m->subgraphs[i].n_operators;
        buffers += w->m->subgraphs[i].n_tensors;
    }
    w->codes = ARENA_ARRAY(w->a, const struct tfl_operator *, operators);
    w->buffers = ARENA_ARRAY(w->a, struct bytes, buffers);
    w->n_buffers = 1; /* 0: the empty one */
}

static flat_ref put_model(struct writer *w, const char *description)
{
    flat_ref *refs = ARENA_ARRAY(w->a, flat_ref, w->m->n_subgraphs);
    for (uint32_t i = 0; i < w->m->n_subgraphs; i++)
        refs[i] = put_subgraph(w, &w->m->subgraphs[i]);
    bool metadata = !w->official && w->m->n_metadata, signatures = !w->official && w->m->n_signatures;
    flat_ref metadata_ref = metadata ? put_metadata(w) : 0;
    flat_ref signatures_ref = signatures ? put_signatures(w) : 0;
    flat_ref buffers = put_buffers(w);
    flat_ref text = put_text(w, description);
    flat_ref codes = put_codes(w);
    flat_ref subgraphs = flat_put_refs(w->b, refs, w->m->n_subgraphs);
    flat_table_start(w->b);
    flat_add(w->b, MODEL_VERSION, 4, SCHEMA_VERSION, 0);
    flat_add_ref(w->b, MODEL_OPERATOR_CODES, codes);
    flat_add_ref(w->b, MODEL_SUBGRAPHS, subgraphs);
    flat_add_ref(w->b, MODEL_DESCRIPTION, text);
    flat_add_ref(w->b, MODEL_BUFFERS, buffers);
    flat_add_ref(w->b, MODEL_METADATA, metadata_ref);
    flat_add_ref(w->b, MODEL_SIGNATURES, signatures_ref);
    return flat_table_end(w->b);
}

bool tfl_write(struct arena *a, const struct tfl_model *m, const struct tfl_write_options *o, struct bytes *out,
               struct status *st)
{
    if (o->official && m->n_subgraphs != 1)
        return status_fail(st, STATUS_UNSUPPORTED, "%u subgraphs; the official layout has one", m->n_subgraphs);
    if (data_size(m) > INT32_MAX)
        return status_fail(st, STATUS_LIMIT, "the model holds %zu bytes of data; a file ends at 2 GiB", data_size(m));
    struct writer w = {.a = a, .b = flat_builder_new(a, false), .m = m, .official = o->official};
    make_tables(&w);
    flat_ref root = put_model(&w, o->description ? o->description : m->description);
    *out = flat_finish(w.b, root, "TFL3");
    return out->data || status_fail(st, STATUS_LIMIT, "the model would reach 2 GiB");
}

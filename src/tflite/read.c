/* tfl_read: from the bytes of a file to a verified struct tfl_model.
 *
 * The FlatBuffer reader answers "absent" where an offset leads outside the file and remembers that (flat.h), so each
 * function reads what it needs and tfl_read asks once at the end.  Loops over counts are bounded by the file because
 * each element entered is paid from the reader's budget; they stop as soon as the reader is bad. */
#include <math.h>

#include "flat/flat.h"
#include "tflite/model.h"
#include "tflite/schema.h"

struct code {
    enum tfl_builtin code;
    enum tfl_options_type options; /* the table that belongs to it */
    const char *custom;
    int32_t version;
};

struct reader {
    struct arena *a;
    struct status *st;
    struct flat f;
    struct bytes file;
    struct bytes *buffers;
    struct code *codes;
    uint32_t n_buffers, n_codes;
    struct tfl_model *m;
};

static bool invalid(struct reader *r, const char *what)
{
    return status_fail(r->st, STATUS_INVALID, "%s", what);
}

static const char *text_or_empty(struct reader *r, struct flat_table t, unsigned field)
{
    const char *s = flat_text(r->a, t, field);
    return s ? s : "";
}

/* Data that stands behind the FlatBuffer: only valid if offset > 1 (schema, tables Buffer and Operator). */
static bool outside_range(struct reader *r, struct flat_table t, unsigned offset_field, unsigned size_field,
                          struct bytes *out)
{
    uint64_t offset = flat_u64(t, offset_field, 0), size = flat_u64(t, size_field, 0);
    if (offset <= 1)
        return true;
    if (offset > r->file.size || size > r->file.size - offset)
        return status_fail(r->st, STATUS_INVALID, "data at %llu + %llu lies outside the file of %zu bytes",
                           (unsigned long long)offset, (unsigned long long)size, r->file.size);
    *out = bytes_of(r->file.data + offset, (size_t)size);
    return true;
}

/* A vector of tables of which an honest file spends at least MIN_TABLE bytes on each: one that names the same table a
 * million times must not make us allocate a million structs. */
enum { MIN_TABLE = 16 };

static bool read_tables(struct reader *r, struct flat_table t, unsigned field, const char *what,
                        struct flat_vector *out)
{
    *out = flat_vec(t, field, 4);
    return out->count <= r->file.size / MIN_TABLE ||
           status_fail(r->st, STATUS_INVALID, "%u %s in a file of %zu bytes", out->count, what, r->file.size);
}

static bool read_buffers(struct reader *r, struct flat_table model)
{
    struct flat_vector v = flat_vec(model, MODEL_BUFFERS, 4);
    r->n_buffers = v.count;
    r->buffers = ARENA_ARRAY(r->a, struct bytes, v.count);
    for (uint32_t i = 0; i < v.count && !r->f.bad; i++) {
        struct flat_table t = flat_vec_table(v, i);
        r->buffers[i] = flat_bytes(t, BUFFER_DATA);
        if (!outside_range(r, t, BUFFER_OFFSET, BUFFER_SIZE, &r->buffers[i]))
            return status_context(r->st, "buffer %u: ", i);
    }
    return true;
}

static bool read_codes(struct reader *r, struct flat_table model)
{
    struct flat_vector v;
    if (!read_tables(r, model, MODEL_OPERATOR_CODES, "operator codes", &v))
        return false;
    r->n_codes = v.count;
    r->codes = ARENA_ARRAY(r->a, struct code, v.count);
    for (uint32_t i = 0; i < v.count && !r->f.bad; i++) {
        struct flat_table t = flat_vec_table(v, i);
        /* The old byte ends at 127; writers fill both fields, older ones only the byte. */
        int32_t old = (int8_t)flat_u8(t, CODE_DEPRECATED, 0), new = (int32_t)flat_u32(t, CODE_BUILTIN, 0);
        struct code *c = &r->codes[i];
        c->code = (enum tfl_builtin)(new > old ? new : old);
        c->version = (int32_t)flat_u32(t, CODE_VERSION, 1);
        c->custom = c->code == TFL_OP_CUSTOM ? text_or_empty(r, t, CODE_CUSTOM) : NULL;
        if (strcmp(tfl_op_name(c->code), "UNKNOWN") == 0 || c->code == TFL_OP_PLACEHOLDER_FOR_GREATER_OP_CODES)
            return status_fail(r->st, STATUS_UNSUPPORTED, "operator code %d is not in the schema that we know",
                               (int)c->code);
        c->options = tfl_options_of(c->code);
    }
    return true;
}

/* ---- tensors ---- */

static bool check_shape(struct reader *r, const struct tfl_tensor *t)
{
    if (t->rank > TFL_MAX_RANK)
        return status_fail(r->st, STATUS_UNSUPPORTED, "%u dimensions; we handle at most %d", t->rank, TFL_MAX_RANK);
    int64_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0)
            return status_fail(r->st, STATUS_UNSUPPORTED,
                               "dimension %u is %d; the model must be converted with fixed input shapes", i,
                               t->shape[i]);
        n *= t->shape[i];
        if (n > INT32_MAX)
            return status_fail(r->st, STATUS_LIMIT, "the shape has 2^31 elements or more");
    }
    return true;
}

static bool read_shape(struct reader *r, struct flat_table table, struct tfl_tensor *t)
{
    t->shape = flat_i32s(r->a, table, TENSOR_SHAPE, &t->rank);
    t->has_rank = flat_u8(table, TENSOR_HAS_RANK, 0) != 0;
    if (!check_shape(r, t))
        return false;
    uint32_t n;
    t->shape_signature = flat_i32s(r->a, table, TENSOR_SIGNATURE, &n);
    if (n == 0) /* writers differ in how they say "none" */
        t->shape_signature = NULL;
    else if (n != t->rank)
        return status_fail(r->st, STATUS_INVALID, "shape_signature has %u dimensions, shape %u", n, t->rank);
    for (uint32_t i = 0; i < n; i++)
        t->dynamic |= t->shape_signature[i] < 0 && t->shape[i] == 0;
    return true;
}

static bool read_data(struct reader *r, struct flat_table table, struct tfl_tensor *t)
{
    uint32_t buffer = flat_u32(table, TENSOR_BUFFER, 0);
    if (flat_u32(table, TENSOR_EXTERNAL_BUFFER, 0))
        return status_fail(r->st, STATUS_UNSUPPORTED, "its data is in another file (external_buffer)");
    if (buffer == 0) /* by convention no data, whatever buffer 0 holds */
        return true;
    if (buffer >= r->n_buffers)
        return status_fail(r->st, STATUS_INVALID, "buffer %u of %u", buffer, r->n_buffers);
    t->data = r->buffers[buffer];
    if (t->data.size == 0)
        return true;
    if (flat_has(table, TENSOR_SPARSITY))
        return status_fail(r->st, STATUS_UNSUPPORTED, "sparse constants are not supported");
    if (t->is_variable)
        return invalid(r, "a variable tensor with constant data");
    int64_t size = tfl_bytes(t);
    bool fixed = t->type != TFL_STRING && t->type != TFL_RESOURCE && t->type != TFL_VARIANT;
    if (fixed && (uint64_t)size != t->data.size)
        return status_fail(r->st, STATUS_INVALID, "%s %s needs %lld bytes of data, the file has %zu",
                           tfl_type_name(t->type), tfl_shape_text(r->a, t), (long long)size, t->data.size);
    return true;
}

static bool check_quant(struct reader *r, const struct tfl_tensor *t)
{
    const struct tfl_quant *q = &t->quant;
    if (q->count > 1 && (q->dim < 0 || (uint32_t)q->dim >= t->rank || (uint32_t)t->shape[q->dim] != q->count))
        return status_fail(r->st, STATUS_INVALID, "%u scales along dimension %d of shape %s", q->count, q->dim,
                           tfl_shape_text(r->a, t));
    int64_t low = t->type == TFL_INT8 ? INT8_MIN : 0, high = t->type == TFL_INT8 ? INT8_MAX : UINT8_MAX;
    bool bounded = t->type == TFL_INT8 || t->type == TFL_UINT8;
    for (uint32_t i = 0; i < q->count; i++) {
        if (!isfinite(q->scale[i]) || q->scale[i] <= 0)
            return status_fail(r->st, STATUS_INVALID, "scale %g; scales are finite and positive", (double)q->scale[i]);
        if (bounded && (q->zero_point[i] < low || q->zero_point[i] > high))
            return status_fail(r->st, STATUS_INVALID, "zero point %lld of %s", (long long)q->zero_point[i],
                               tfl_type_name(t->type));
    }
    return true;
}

static bool read_quant(struct reader *r, struct flat_table tensor, struct tfl_tensor *t)
{
    struct flat_table table = flat_sub(tensor, TENSOR_QUANTIZATION);
    struct tfl_quant *q = &t->quant;
    if (flat_u8(table, QUANT_DETAILS_TYPE, 0) > 1)
        return status_fail(r->st, STATUS_UNSUPPORTED, "block-wise quantisation (details type %u)",
                           flat_u8(table, QUANT_DETAILS_TYPE, 0));
    q->scale = flat_f32s(r->a, table, QUANT_SCALE, &q->count);
    if (q->count == 0) /* min and max alone do not quantise a tensor */
        return true;
    uint32_t n;
    q->zero_point = flat_i64s(r->a, table, QUANT_ZERO_POINT, &n);
    if (n < q->count) { /* none, or one for all channels */
        if (n > 1)
            return status_fail(r->st, STATUS_INVALID, "%u scales and %u zero points", q->count, n);
        int64_t common = n ? q->zero_point[0] : 0;
        q->zero_point = ARENA_ARRAY(r->a, int64_t, q->count);
        for (uint32_t i = 0; i < q->count; i++)
            q->zero_point[i] = common;
    } else if (n > q->count) {
        return status_fail(r->st, STATUS_INVALID, "%u scales and %u zero points", q->count, n);
    }
    if (q->count > 1) /* one scale has no dimension, whatever the file says */
        q->dim = (int32_t)flat_u32(table, QUANT_DIMENSION, 0);
    return check_quant(r, t);
}

static bool read_tensor(struct reader *r, struct flat_table table, struct tfl_tensor *t)
{
    t->name = text_or_empty(r, table, TENSOR_NAME);
    t->type = (enum tfl_type)(int8_t)flat_u8(table, TENSOR_TYPE, 0);
    t->is_variable = flat_u8(table, TENSOR_VARIABLE, 0) != 0;
    if (strcmp(tfl_type_name(t->type), "UNKNOWN") == 0)
        return status_fail(r->st, STATUS_UNSUPPORTED, "type %d is not in the schema that we know", (int)t->type);
    return read_shape(r, table, t) && read_data(r, table, t) && read_quant(r, table, t);
}

/* ---- options ---- */

struct options_reader {
    struct reader *r;
    struct flat_table table;
};

static int checked_enum(struct options_reader *c, const struct tfl_field *f, int last)
{
    int value = (int8_t)flat_u8(c->table, f->id, (uint8_t)(int)f->absent);
    if (value < 0 || value > last) {
        status_fail(c->r->st, STATUS_INVALID, "%s is %d", f->name, value);
        return 0;
    }
    return value;
}

static int32_t checked_subgraph(struct options_reader *c, const struct tfl_field *f)
{
    int32_t value = (int32_t)flat_u32(c->table, f->id, 0);
    if (value < 0 || (uint32_t)value >= c->r->m->n_subgraphs) {
        status_fail(c->r->st, STATUS_INVALID, "%s is %d, the model has %u", f->name, value, c->r->m->n_subgraphs);
        return 0;
    }
    return value;
}

static void read_field(void *ctx, struct tfl_field f)
{
    struct options_reader *c = ctx;
    struct flat_table t = c->table;
    struct arena *a = c->r->a;
    switch (f.kind) {
    case TFL_FIELD_I8: *(int8_t *)f.value = (int8_t)flat_u8(t, f.id, (uint8_t)(int)f.absent); break;
    case TFL_FIELD_BOOL: *(bool *)f.value = flat_u8(t, f.id, f.absent != 0) != 0; break;
    case TFL_FIELD_I32: *(int32_t *)f.value = (int32_t)flat_u32(t, f.id, (uint32_t)(int32_t)f.absent); break;
    case TFL_FIELD_U32: *(uint32_t *)f.value = flat_u32(t, f.id, (uint32_t)f.absent); break;
    case TFL_FIELD_I64: *(int64_t *)f.value = (int64_t)flat_u64(t, f.id, (uint64_t)(int64_t)f.absent); break;
    case TFL_FIELD_F32: *(float *)f.value = flat_f32(t, f.id, (float)f.absent); break;
    case TFL_FIELD_GRAPH: *(int32_t *)f.value = checked_subgraph(c, &f); break;
    case TFL_FIELD_PAD: *(enum tfl_padding *)f.value = (enum tfl_padding)checked_enum(c, &f, TFL_PAD_VALID); break;
    case TFL_FIELD_ACT:
        *(enum tfl_activation *)f.value = (enum tfl_activation)checked_enum(c, &f, TFL_ACT_SIGN_BIT);
        break;
    case TFL_FIELD_TYPE: *(enum tfl_type *)f.value = (enum tfl_type)checked_enum(c, &f, TFL_INT2); break;
    case TFL_FIELD_I32S: {
        struct tfl_i32s *v = f.value;
        v->data = flat_i32s(a, t, f.id, &v->count);
        break;
    }
    case TFL_FIELD_I64S: {
        struct tfl_i64s *v = f.value;
        v->data = flat_i64s(a, t, f.id, &v->count);
        break;
    }
    case TFL_FIELD_F32S: {
        struct tfl_f32s *v = f.value;
        v->data = flat_f32s(a, t, f.id, &v->count);
        break;
    }
    case TFL_FIELD_U8S: *(struct bytes *)f.value = flat_bytes(t, f.id); break;
    case TFL_FIELD_TEXT: *(const char **)f.value = flat_text(a, t, f.id); break;
    }
}

static bool read_options(struct reader *r, struct flat_table table, enum tfl_options_type own,
                         struct tfl_operator *o)
{
    unsigned one = flat_u8(table, OP_OPTIONS_TYPE, 0), two = flat_u8(table, OP_OPTIONS2_TYPE, 0);
    unsigned type = two ? TFL_OPTIONS2 + two : one;
    struct flat_table t = flat_sub(table, two ? OP_OPTIONS2 : OP_OPTIONS);
    o->options = tfl_options_default(own);
    if (type == 0 || !t.f)
        return true;
    if (type != own) {
        const char *name = tfl_options_name((enum tfl_options_type)type);
        return status_fail(r->st, STATUS_INVALID, "its options are those of %s", name ? name : "an unknown operator");
    }
    o->options_type = own;
    tfl_options_visit(own, &o->options, read_field, &(struct options_reader){r, t});
    return r->st->code == STATUS_OK;
}

/* ---- operators and subgraphs ---- */

static bool read_indices(struct reader *r, struct flat_table t, unsigned field, const char *what, bool optional,
                         uint32_t n_tensors, int32_t **out, uint32_t *count)
{
    *out = flat_i32s(r->a, t, field, count);
    for (uint32_t i = 0; i < *count; i++) {
        int32_t k = (*out)[i];
        if ((k < 0 && !(optional && k == -1)) || k >= (int64_t)n_tensors)
            return status_fail(r->st, STATUS_INVALID, "%s %u is tensor %d of %u", what, i, k, n_tensors);
    }
    return true;
}

static bool read_operator(struct reader *r, struct flat_table t, uint32_t n_tensors, struct tfl_operator *o)
{
    uint32_t index = flat_u32(t, OP_CODE, 0);
    if (index >= r->n_codes)
        return status_fail(r->st, STATUS_INVALID, "operator code %u of %u", index, r->n_codes);
    const struct code *c = &r->codes[index];
    o->code = c->code, o->custom_code = c->custom, o->version = c->version;
    o->custom_options = flat_bytes(t, OP_CUSTOM_OPTIONS);
    bool ok = read_indices(r, t, OP_INPUTS, "input", true, n_tensors, &o->inputs, &o->n_inputs) &&
              read_indices(r, t, OP_OUTPUTS, "output", false, n_tensors, &o->outputs, &o->n_outputs) &&
              read_indices(r, t, OP_INTERMEDIATES, "intermediate", true, n_tensors, &o->intermediates,
                           &o->n_intermediates) &&
              read_options(r, t, c->options, o) &&
              outside_range(r, t, OP_LARGE_OFFSET, OP_LARGE_SIZE, &o->custom_options);
    return ok || status_context(r->st, "(%s) ", o->custom_code ? o->custom_code : tfl_op_name(o->code));
}

/* A tensor has one source: the file, the caller, or one operator. */
static bool check_single_writer(struct reader *r, const struct tfl_subgraph *g)
{
    bool *written = ARENA_ARRAY(r->a, bool, g->n_tensors);
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct tfl_tensor *t = &g->tensors[g->inputs[i]];
        if (t->data.size)
            return status_fail(r->st, STATUS_INVALID, "graph input %u (\"%s\") has constant data", i, t->name);
        written[g->inputs[i]] = true;
    }
    for (uint32_t i = 0; i < g->n_operators; i++) {
        const struct tfl_operator *o = &g->operators[i];
        for (uint32_t k = 0; k < o->n_outputs; k++) {
            const struct tfl_tensor *t = &g->tensors[o->outputs[k]];
            if (t->data.size || written[o->outputs[k]])
                return status_fail(r->st, STATUS_INVALID, "operator %u (%s) writes tensor %d (\"%s\"), %s", i,
                                   tfl_op_name(o->code), o->outputs[k], t->name,
                                   t->data.size ? "a constant" : "which already has a value");
            written[o->outputs[k]] = true;
        }
    }
    return true;
}

static bool read_tensors(struct reader *r, struct flat_table t, struct tfl_subgraph *g)
{
    struct flat_vector v;
    if (!read_tables(r, t, GRAPH_TENSORS, "tensors", &v))
        return false;
    g->n_tensors = v.count;
    g->tensors = ARENA_ARRAY(r->a, struct tfl_tensor, v.count);
    for (uint32_t i = 0; i < v.count; i++) {
        if (!read_tensor(r, flat_vec_table(v, i), &g->tensors[i]))
            return status_context(r->st, "tensor %u (\"%s\"): ", i, g->tensors[i].name);
        if (r->f.bad)
            return false;
    }
    return true;
}

static bool read_operators(struct reader *r, struct flat_table t, struct tfl_subgraph *g)
{
    struct flat_vector v;
    if (!read_tables(r, t, GRAPH_OPERATORS, "operators", &v))
        return false;
    g->n_operators = v.count;
    g->operators = ARENA_ARRAY(r->a, struct tfl_operator, v.count);
    for (uint32_t i = 0; i < v.count; i++) {
        if (!read_operator(r, flat_vec_table(v, i), g->n_tensors, &g->operators[i]))
            return status_context(r->st, "operator %u ", i);
        if (r->f.bad)
            return false;
    }
    return true;
}

static bool read_subgraph(struct reader *r, struct flat_table t, struct tfl_subgraph *g)
{
    g->name = flat_text(r->a, t, GRAPH_NAME);
    return read_tensors(r, t, g) &&
           read_indices(r, t, GRAPH_INPUTS, "graph input", false, g->n_tensors, &g->inputs, &g->n_inputs) &&
           read_indices(r, t, GRAPH_OUTPUTS, "graph output", false, g->n_tensors, &g->outputs, &g->n_outputs) &&
           read_operators(r, t, g) && check_single_writer(r, g);
}

static bool read_subgraphs(struct reader *r, struct flat_table model)
{
    struct flat_vector v;
    if (!read_tables(r, model, MODEL_SUBGRAPHS, "subgraphs", &v))
        return false;
    if (v.count == 0)
        return invalid(r, "the model has no subgraph");
    r->m->n_subgraphs = v.count;
    r->m->subgraphs = ARENA_ARRAY(r->a, struct tfl_subgraph, v.count);
    for (uint32_t i = 0; i < v.count && !r->f.bad; i++)
        if (!read_subgraph(r, flat_vec_table(v, i), &r->m->subgraphs[i]))
            return v.count == 1 ? false : status_context(r->st, "subgraph %u: ", i);
    return true;
}

/* ---- metadata and signatures ---- */

static bool read_metadata(struct reader *r, struct flat_table model)
{
    struct flat_vector v = flat_vec(model, MODEL_METADATA, 4);
    r->m->n_metadata = v.count;
    r->m->metadata = ARENA_ARRAY(r->a, struct tfl_metadata, v.count);
    for (uint32_t i = 0; i < v.count && !r->f.bad; i++) {
        struct flat_table t = flat_vec_table(v, i);
        uint32_t buffer = flat_u32(t, METADATA_BUFFER, 0);
        if (buffer >= r->n_buffers)
            return status_fail(r->st, STATUS_INVALID, "metadata %u: buffer %u of %u", i, buffer, r->n_buffers);
        r->m->metadata[i] = (struct tfl_metadata){text_or_empty(r, t, METADATA_NAME), r->buffers[buffer]};
    }
    return true;
}

static bool read_entries(struct reader *r, struct flat_table t, unsigned field, uint32_t n_tensors,
                         struct tfl_signature_entry **out, uint32_t *count)
{
    struct flat_vector v = flat_vec(t, field, 4);
    *count = v.count;
    *out = ARENA_ARRAY(r->a, struct tfl_signature_entry, v.count);
    for (uint32_t i = 0; i < v.count && !r->f.bad; i++) {
        struct flat_table e = flat_vec_table(v, i);
        (*out)[i] = (struct tfl_signature_entry){text_or_empty(r, e, MAP_NAME), flat_u32(e, MAP_TENSOR, 0)};
        if ((*out)[i].tensor >= n_tensors)
            return status_fail(r->st, STATUS_INVALID, "\"%s\" is tensor %u of %u", (*out)[i].name, (*out)[i].tensor,
                               n_tensors);
    }
    return true;
}

static bool read_signatures(struct reader *r, struct flat_table model)
{
    struct flat_vector v = flat_vec(model, MODEL_SIGNATURES, 4);
    struct tfl_model *m = r->m;
    m->n_signatures = v.count;
    m->signatures = ARENA_ARRAY(r->a, struct tfl_signature, v.count);
    for (uint32_t i = 0; i < v.count && !r->f.bad; i++) {
        struct flat_table t = flat_vec_table(v, i);
        struct tfl_signature *s = &m->signatures[i];
        s->key = text_or_empty(r, t, SIGNATURE_KEY);
        s->subgraph = flat_u32(t, SIGNATURE_SUBGRAPH, 0);
        if (s->subgraph >= m->n_subgraphs)
            return status_fail(r->st, STATUS_INVALID, "signature \"%s\": subgraph %u of %u", s->key, s->subgraph,
                               m->n_subgraphs);
        uint32_t n = m->subgraphs[s->subgraph].n_tensors;
        if (!read_entries(r, t, SIGNATURE_INPUTS, n, &s->inputs, &s->n_inputs) ||
            !read_entries(r, t, SIGNATURE_OUTPUTS, n, &s->outputs, &s->n_outputs))
            return status_context(r->st, "signature \"%s\": ", s->key);
    }
    return true;
}

bool tfl_read(struct arena *a, struct bytes file, struct tfl_model **out, struct status *st)
{
    struct reader r = {.a = a, .st = st, .file = file, .m = ARENA_NEW(a, struct tfl_model)};
    struct flat_table model;
    if (!flat_open(&r.f, file, "TFL3", &model, st))
        return status_context(st, "not a TFLite model: ");
    r.m->version = flat_u32(model, MODEL_VERSION, 0);
    r.m->description = flat_text(a, model, MODEL_DESCRIPTION);
    if (r.m->version != SCHEMA_VERSION)
        return status_fail(st, STATUS_UNSUPPORTED, "schema version %u; we read version %d", r.m->version,
                           SCHEMA_VERSION);
    bool ok = read_buffers(&r, model) && read_codes(&r, model) && read_subgraphs(&r, model) &&
              read_metadata(&r, model) && read_signatures(&r, model);
    if (r.f.bad) /* the cause; what was said before is its consequence */
        *st = (struct status){0};
    *out = r.m;
    return flat_check(&r.f, "the model is damaged", st) && ok;
}

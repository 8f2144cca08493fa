#include "support/model_equal.h"

/* Returns the sentence unless the condition holds. */
#define SAME(condition, ...)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return arena_text(a, __VA_ARGS__);                                                                         \
    } while (0)

static bool same_text(const char *x, const char *y)
{
    return x == y || (x && y && strcmp(x, y) == 0);
}

static bool same_array(const void *x, const void *y, uint32_t n, size_t size)
{
    return n == 0 || memcmp(x, y, n * size) == 0;
}

static const char *tensor_difference(struct arena *a, const struct tfl_tensor *x, const struct tfl_tensor *y)
{
    SAME(same_text(x->name, y->name), "names %s and %s", x->name, y->name);
    SAME(x->type == y->type, "types %s and %s", tfl_type_name(x->type), tfl_type_name(y->type));
    SAME(x->rank == y->rank && same_array(x->shape, y->shape, x->rank, 4), "shapes %s and %s", tfl_shape_text(a, x),
         tfl_shape_text(a, y));
    SAME(x->has_rank == y->has_rank && x->dynamic == y->dynamic && x->is_variable == y->is_variable, "flags");
    SAME(bytes_equal(x->data, y->data), "data of %zu and %zu bytes", x->data.size, y->data.size);
    const struct tfl_quant *p = &x->quant, *q = &y->quant;
    SAME(p->count == q->count && p->dim == q->dim && same_array(p->scale, q->scale, p->count, 4) &&
             same_array(p->zero_point, q->zero_point, p->count, 8),
         "quantisation");
    SAME(!x->shape_signature == !y->shape_signature &&
             (!x->shape_signature || same_array(x->shape_signature, y->shape_signature, x->rank, 4)),
         "shape signatures");
    return NULL;
}

/* Options are compared by turning both into the same list of fields. */
struct fields {
    struct tfl_field f[64];
    int n;
};

static void collect(void *ctx, struct tfl_field f)
{
    struct fields *c = ctx;
    c->f[c->n++] = f;
}

static bool same_field(const struct tfl_field *x, const struct tfl_field *y)
{
    switch (x->kind) {
    case TFL_FIELD_I8: return *(int8_t *)x->value == *(int8_t *)y->value;
    case TFL_FIELD_BOOL: return *(bool *)x->value == *(bool *)y->value;
    case TFL_FIELD_I32: case TFL_FIELD_U32: case TFL_FIELD_F32: case TFL_FIELD_GRAPH:
        return memcmp(x->value, y->value, 4) == 0;
    case TFL_FIELD_I64: return *(int64_t *)x->value == *(int64_t *)y->value;
    case TFL_FIELD_PAD: return *(enum tfl_padding *)x->value == *(enum tfl_padding *)y->value;
    case TFL_FIELD_ACT: return *(enum tfl_activation *)x->value == *(enum tfl_activation *)y->value;
    case TFL_FIELD_TYPE: return *(enum tfl_type *)x->value == *(enum tfl_type *)y->value;
    case TFL_FIELD_I32S: {
        const struct tfl_i32s *p = x->value, *q = y->value;
        return !p->data == !q->data && p->count == q->count && same_array(p->data, q->data, p->count, 4);
    }
    case TFL_FIELD_I64S: {
        const struct tfl_i64s *p = x->value, *q = y->value;
        return !p->data == !q->data && p->count == q->count && same_array(p->data, q->data, p->count, 8);
    }
    case TFL_FIELD_F32S: {
        const struct tfl_f32s *p = x->value, *q = y->value;
        return !p->data == !q->data && p->count == q->count && same_array(p->data, q->data, p->count, 4);
    }
    case TFL_FIELD_U8S: {
        const struct bytes *p = x->value, *q = y->value;
        return !p->data == !q->data && bytes_equal(*p, *q);
    }
    case TFL_FIELD_TEXT: return same_text(*(const char **)x->value, *(const char **)y->value);
    }
    return false;
}

static const char *operator_difference(struct arena *a, const struct tfl_operator *x, const struct tfl_operator *y)
{
    SAME(x->code == y->code && same_text(x->custom_code, y->custom_code), "operators %s and %s", tfl_op_name(x->code),
         tfl_op_name(y->code));
    SAME(x->version == y->version, "versions %d and %d", x->version, y->version);
    SAME(x->n_inputs == y->n_inputs && same_array(x->inputs, y->inputs, x->n_inputs, 4), "inputs");
    SAME(x->n_outputs == y->n_outputs && same_array(x->outputs, y->outputs, x->n_outputs, 4), "outputs");
    SAME(x->n_intermediates == y->n_intermediates &&
             same_array(x->intermediates, y->intermediates, x->n_intermediates, 4),
         "intermediates");
    SAME(!x->custom_options.data == !y->custom_options.data && bytes_equal(x->custom_options, y->custom_options),
         "custom options");
    SAME(x->options_type == y->options_type, "option tables %d and %d", (int)x->options_type, (int)y->options_type);
    struct fields p = {.n = 0}, q = {.n = 0};
    union tfl_options ox = x->options, oy = y->options;
    tfl_options_visit(x->options_type, &ox, collect, &p);
    tfl_options_visit(y->options_type, &oy, collect, &q);
    for (int i = 0; i < p.n; i++)
        SAME(same_field(&p.f[i], &q.f[i]), "option %s", p.f[i].name);
    return NULL;
}

static const char *subgraph_difference(struct arena *a, const struct tfl_subgraph *x, const struct tfl_subgraph *y)
{
    SAME(same_text(x->name, y->name), "names");
    SAME(x->n_tensors == y->n_tensors, "%u and %u tensors", x->n_tensors, y->n_tensors);
    SAME(x->n_operators == y->n_operators, "%u and %u operators", x->n_operators, y->n_operators);
    SAME(x->n_inputs == y->n_inputs && same_array(x->inputs, y->inputs, x->n_inputs, 4), "graph inputs");
    SAME(x->n_outputs == y->n_outputs && same_array(x->outputs, y->outputs, x->n_outputs, 4), "graph outputs");
    for (uint32_t i = 0; i < x->n_tensors; i++) {
        const char *why = tensor_difference(a, &x->tensors[i], &y->tensors[i]);
        SAME(!why, "tensor %u (%s): %s", i, x->tensors[i].name, why);
    }
    for (uint32_t i = 0; i < x->n_operators; i++) {
        const char *why = operator_difference(a, &x->operators[i], &y->operators[i]);
        SAME(!why, "operator %u (%s): %s", i, tfl_op_name(x->operators[i].code), why);
    }
    return NULL;
}

static bool same_entries(const struct tfl_signature_entry *x, const struct tfl_signature_entry *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!same_text(x[i].name, y[i].name) || x[i].tensor != y[i].tensor)
            return false;
    return true;
}

const char *model_difference(struct arena *a, const struct tfl_model *x, const struct tfl_model *y)
{
    SAME(x->version == y->version && same_text(x->description, y->description), "version or description");
    SAME(x->n_subgraphs == y->n_subgraphs, "%u and %u subgraphs", x->n_subgraphs, y->n_subgraphs);
    for (uint32_t i = 0; i < x->n_subgraphs; i++) {
        const char *why = subgraph_difference(a, &x->subgraphs[i], &y->subgraphs[i]);
        SAME(!why, "subgraph %u: %s", i, why);
    }
    SAME(x->n_metadata == y->n_metadata, "%u and %u metadata entries", x->n_metadata, y->n_metadata);
    for (uint32_t i = 0; i < x->n_metadata; i++)
        SAME(same_text(x->metadata[i].name, y->metadata[i].name) &&
                 bytes_equal(x->metadata[i].data, y->metadata[i].data),
             "metadata %s", x->metadata[i].name);
    SAME(x->n_signatures == y->n_signatures, "%u and %u signatures", x->n_signatures, y->n_signatures);
    for (uint32_t i = 0; i < x->n_signatures; i++) {
        const struct tfl_signature *p = &x->signatures[i], *q = &y->signatures[i];
        SAME(same_text(p->key, q->key) && p->subgraph == q->subgraph && p->n_inputs == q->n_inputs &&
                 p->n_outputs == q->n_outputs && same_entries(p->inputs, q->inputs, p->n_inputs) &&
                 same_entries(p->outputs, q->outputs, p->n_outputs),
             "signature %s", p->key);
    }
    return NULL;
}

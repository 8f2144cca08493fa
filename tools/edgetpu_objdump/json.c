#include "dump.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Length of the UTF-8 sequence at p, 0 where it is none (RFC 3629). */
static unsigned utf8_length(const uint8_t *p)
{
    unsigned n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    for (unsigned i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool wrong = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
                 (*p == 0xf4 && p[1] > 0x8f);
    return wrong ? 0 : n;
}

/* JSON is UTF-8; a byte that is not is taken as a Latin-1 character. */
static cJSON *text(const char *s)
{
    if (!s)
        return cJSON_CreateNull();
    struct buf b = {0};
    for (const uint8_t *p = (const uint8_t *)s; *p;) {
        unsigned n = utf8_length(p);
        if (n)
            buf_put(&b, p, n);
        else
            buf_put(&b, (const uint8_t[]){(uint8_t)(0xc0 | *p >> 6), (uint8_t)(0x80 | (*p & 0x3f))}, 2);
        p += n ? n : 1;
    }
    buf_zero(&b, 1);
    cJSON *j = cJSON_CreateString((const char *)b.data);
    buf_free(&b);
    return j;
}

static void add_text(cJSON *to, const char *name, const char *s)
{
    cJSON_AddItemToObject(to, name, text(s));
}

static void add_number(cJSON *to, const char *name, double v)
{
    cJSON_AddItemToObject(to, name, cJSON_CreateNumber(v));
}

/* Integers wider than the 53 bits of a JSON number. */
static void add_wide(cJSON *to, const char *name, uint64_t v)
{
    char hex[19];
    snprintf(hex, sizeof hex, "0x%016" PRIx64, v);
    add_text(to, name, hex);
}

static void add_hex(cJSON *to, const char *name, struct bytes b)
{
    struct buf t = {0};
    for (size_t i = 0; i < b.size; i++)
        buf_text(&t, "%02x", b.data[i]);
    buf_zero(&t, 1);
    add_text(to, name, (const char *)t.data);
    buf_free(&t);
}

static void add_ints(cJSON *to, const char *name, const int32_t *v, uint32_t n)
{
    cJSON *list = cJSON_AddArrayToObject(to, name);
    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(v[i]));
}

/* Floats as numbers; what JSON cannot say (infinities, NaN) as text with its bits. */
static cJSON *float_value(uint32_t bits)
{
    float v = f32_of(bits);
    char t[24];
    if (isfinite(v))
        return cJSON_CreateNumber((double)v);
    snprintf(t, sizeof t, "bits 0x%08" PRIx32, bits);
    return text(t);
}

/* Fields that are 0 are left out, as in assembly text. */
static cJSON *json_instruction(const struct isa_inst *in, uint32_t word)
{
    const struct isa_op *op = isa_op_of(in->op);
    cJSON *j = cJSON_CreateObject(), *fields;
    add_number(j, "word", word);
    add_number(j, "words", op->words);
    add_number(j, "opcode", op->opcode);
    add_text(j, "mnemonic", op->mnemonic);
    struct buf line = {0};
    isa_print(&line, in);
    buf_zero(&line, 1);
    add_text(j, "assembly", (const char *)line.data);
    buf_free(&line);
    fields = cJSON_AddObjectToObject(j, "fields");
    for (const struct isa_field *f = op->fields; f < op->fields + op->n_fields; f++) {
        if (f->member == ISA_NO_MEMBER || !isa_field_exists(f, in))
            continue;
        int64_t v = isa_field_value(f, in);
        if (v)
            cJSON_AddItemToObject(fields, f->name,
                                  f->form == ISA_FLOAT ? float_value((uint32_t)v) : cJSON_CreateNumber((double)v));
    }
    return j;
}

static cJSON *json_offset(const struct dwn_field_offset *o)
{
    cJSON *j = cJSON_CreateObject();
    add_text(j, "base", name_of_desc(o->desc));
    add_text(j, "name", o->name);
    add_number(j, "batch", o->batch);
    add_text(j, "half", o->upper ? "upper" : "lower");
    add_number(j, "bit", o->offset_bit);
    return j;
}

static cJSON *json_stream(struct arena *a, const struct dwn_stream *s)
{
    cJSON *j = cJSON_CreateObject(), *offsets, *list;
    add_number(j, "words", (double)(s->code.size / ISA_WORD));
    offsets = cJSON_AddArrayToObject(j, "field_offsets");
    for (uint32_t i = 0; i < s->n_offsets; i++)
        cJSON_AddItemToArray(offsets, json_offset(&s->offsets[i]));
    struct isa_program p;
    struct status st = {0};
    if (!isa_decode_stream(a, s->code, &p, &st)) {
        add_text(j, "error", st.message);
        add_hex(j, "code", s->code);
        return j;
    }
    list = cJSON_AddArrayToObject(j, "instructions");
    for (size_t i = 0; i < p.count; i++)
        cJSON_AddItemToArray(list, json_instruction(&p.inst[i], p.word[i]));
    return j;
}

static cJSON *json_hint(const struct dwn_hint *h)
{
    cJSON *j = cJSON_CreateObject();
    add_text(j, "kind", name_of_hint(h->kind));
    add_text(j, "direction", h->direction == DWN_INFEED ? "infeed" : "outfeed");
    if (h->kind == DWN_HINT_DESCRIPTOR) {
        add_text(j, "base", name_of_desc(h->desc));
        add_text(j, "name", h->name);
        add_number(j, "batch", h->batch);
        add_number(j, "offset", h->offset);
        add_number(j, "size", h->size);
    } else if (h->kind != DWN_HINT_FENCE)
        add_number(j, h->kind == DWN_HINT_INSTRUCTION ? "chunk" : "interrupt", h->index);
    return j;
}

static cJSON *json_layout(const struct dwn_layout *m)
{
    cJSON *j = cJSON_CreateObject();
    add_ints(j, "y_tile", m->y_tile, m->n_y_tile);
    add_ints(j, "x_tile", m->x_tile, m->n_x_tile);
    add_ints(j, "tile_offset", m->tile_offset, m->n_tile_offset);
    add_ints(j, "x_offset", m->x_offset, m->n_x_offset);
    add_ints(j, "y_offset", m->y_offset, m->n_y_offset);
    add_ints(j, "x_row_size", m->x_row_size, m->n_x_row_size);
    return j;
}

static cJSON *json_layer(const struct dwn_layer *l)
{
    cJSON *j = cJSON_CreateObject();
    add_text(j, "name", l->name);
    add_number(j, "y", l->y);
    add_number(j, "x", l->x);
    add_number(j, "z", l->z);
    add_text(j, "type", name_of_data_type(l->type));
    add_number(j, "zero_point", l->zero_point);
    cJSON_AddItemToObject(j, "scale", float_value(f32_bits(l->scale)));
    add_number(j, "size_bytes", l->size_bytes);
    add_number(j, "execution_count", l->execution_count);
    cJSON_AddBoolToObject(j, "cache_on_dram", l->cache_on_dram);
    if (l->has_shape) {
        cJSON *shape = cJSON_AddArrayToObject(j, "shape");
        for (uint32_t i = 0; i < l->rank; i++)
            cJSON_AddItemToArray(shape, cJSON_CreateIntArray((const int[]){l->shape[i].start, l->shape[i].end}, 2));
    }
    if (l->has_layout)
        cJSON_AddItemToObject(j, "layout", json_layout(&l->layout));
    return j;
}

static void add_layers(cJSON *to, const char *name, const struct dwn_layer *l, uint32_t n)
{
    cJSON *list = cJSON_AddArrayToObject(to, name);
    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, json_layer(&l[i]));
}

static cJSON *json_executable(struct arena *a, const struct dwn_executable *x, bool parameters)
{
    cJSON *j = cJSON_CreateObject(), *list;
    add_text(j, "type", name_of_type(x->type));
    add_text(j, "name", x->name);
    add_text(j, "chip", x->chip);
    add_number(j, "bytes", (double)x->raw.size);
    add_number(j, "version", x->version);
    add_number(j, "batch_size", x->batch_size);
    add_number(j, "scratch_bytes", x->scratch_bytes);
    add_number(j, "narrow_bytes", x->narrow_bytes);
    add_number(j, "estimated_cycles", x->estimated_cycles64 ? (double)x->estimated_cycles64 : x->estimated_cycles);
    cJSON_AddBoolToObject(j, "use_dram", x->use_dram);
    add_wide(j, "token", x->token);
    add_number(j, "parameter_bytes", (double)x->parameters.size);
    if (parameters)
        add_hex(j, "parameters", x->parameters);
    cJSON_AddBoolToObject(j, "fully_deterministic", x->fully_deterministic);
    list = cJSON_AddArrayToObject(j, "hints");
    for (uint32_t i = 0; i < x->n_hints; i++)
        cJSON_AddItemToArray(list, json_hint(&x->hints[i]));
    add_layers(j, "inputs", x->inputs, x->n_inputs);
    add_layers(j, "outputs", x->outputs, x->n_outputs);
    list = cJSON_AddArrayToObject(j, "chunks");
    for (uint32_t i = 0; i < x->n_streams; i++)
        cJSON_AddItemToArray(list, json_stream(a, &x->streams[i]));
    return j;
}

static void add_notes(cJSON *to, const char *name, const struct notes *n, uint32_t *count)
{
    cJSON *list = cJSON_AddArrayToObject(to, name);
    for (uint32_t i = 0; i < n->count; i++)
        cJSON_AddItemToArray(list, text(n->text[i]));
    *count += n->count;
}

static void add_roundtrip(struct arena *a, cJSON *to, const struct dwn_package *p, uint32_t *count)
{
    struct roundtrip r;
    check_roundtrip(a, p, &r);
    cJSON *j = cJSON_AddObjectToObject(to, "roundtrip");
    add_number(j, "instructions", r.instructions);
    add_number(j, "words", r.words);
    add_number(j, "instructions_with_unknown_bits", r.unexplained);
    add_notes(j, "differences", &r.notes, count);
}

static cJSON *json_package(struct arena *a, const struct found *f, struct json_wish wish, uint32_t *notes)
{
    const struct dwn_package *p = f->package;
    cJSON *j = cJSON_CreateObject(), *list;
    if (f->options.data) {
        add_number(j, "subgraph", f->subgraph);
        add_number(j, "operator", f->operator);
    }
    add_number(j, "bytes", (double)p->raw.size);
    add_number(j, "min_runtime_version", p->min_runtime_version);
    add_text(j, "compiler_version", p->compiler_version);
    add_text(j, "model_identifier", p->model_identifier);
    add_number(j, "keypair_version", p->keypair_version);
    add_number(j, "virtual_chip_id", p->virtual_chip_id);
    add_number(j, "signature_bytes", (double)p->signature.size);
    list = cJSON_AddArrayToObject(j, "executables");
    for (uint32_t i = 0; i < p->n_executables; i++)
        cJSON_AddItemToArray(list, json_executable(a, &p->executables[i], wish.parameters));
    if (wish.roundtrip)
        add_roundtrip(a, j, p, notes);
    if (wish.verify) {
        struct notes n;
        check_rules(a, p, &n);
        add_notes(j, "findings", &n, notes);
    }
    return j;
}

cJSON *json_module(struct arena *a, const struct module *m, struct json_wish wish, uint32_t *notes)
{
    cJSON *j = cJSON_CreateObject();
    add_text(j, "file", m->path);
    cJSON *list = cJSON_AddArrayToObject(j, "packages");
    for (uint32_t i = 0; i < m->count; i++)
        cJSON_AddItemToArray(list, json_package(a, &m->packages[i], wish, notes));
    return j;
}

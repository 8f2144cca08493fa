#include "summary.h"

#include <stdio.h>

/* 0.00B, 932.50KiB, 1.02MiB. */
static const char *size_text(struct arena *a, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    double v = (double)bytes;
    unsigned u = 0;
    for (; v >= 1024 && u < 3; u++)
        v /= 1024;
    return arena_text(a, "%.2f%s", v, units[u]);
}

void summary_print(struct arena *a, const struct output *o, bool show_operations)
{
    const struct compile_result *r = &o->result;
    printf("Input model: %s\nInput size: %s\n", o->input, size_text(a, o->input_size));
    printf("Output model: %s\nOutput size: %s\n", o->model, size_text(a, r->file.size));
    printf("On-chip memory used for caching model parameters: %s\n", size_text(a, r->cached_bytes));
    printf("On-chip memory remaining for caching model parameters: %s\n", size_text(a, r->remaining_bytes));
    printf("Off-chip memory used for streaming uncached model parameters: %s\n", size_text(a, r->streamed_bytes));
    printf("Number of Edge TPU subgraphs: %u\nTotal number of operations: %u\nOperation log: %s\n", r->n_subgraphs,
           r->n_ops, o->log);
    if (r->n_mapped < r->n_ops)
        printf("\nModel successfully compiled but not all operations are supported by the Edge TPU. A percentage of "
               "the model will "
               "instead run on the CPU, which is slower. If possible, consider updating your model to use only "
               "operations "
               "supported by the Edge TPU. For details, visit g.co/coral/model-reqs.\n"
               "Number of operations that will run on Edge TPU: %u\nNumber of operations that will run on CPU: %u\n",
               r->n_mapped, r->n_ops - r->n_mapped);
    if (show_operations)
        printf("\n%s", compile_operator_table(a, o->source, r));
    else
        printf("See the operation log file for individual operation details.\n");
}

const char *summary_log(struct arena *a, const struct output *o)
{
    return arena_text(a, VERSION_LINE "Input: %s\nOutput: %s\n\n%s", o->input, o->model,
                      compile_operator_table(a, o->source, &o->result));
}

/* ---- JSON ---- */

static void put_json_text(struct buf *b, const char *s)
{
    buf_text(b, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_text(b, "\\%c", c);
        else if (c < 0x20)
            buf_text(b, "\\u%04x", c);
        else
            buf_put(b, s, 1);
    }
    buf_text(b, "\"");
}

static void put_field(struct buf *b, const char *name, const char *value)
{
    buf_text(b, "\"%s\": ", name);
    put_json_text(b, value);
}

static void put_operator(struct buf *b, const struct output *o, uint32_t i)
{
    const struct compile_op_status *s = &o->result.ops[i];
    const struct tfl_operator *op = &o->source->subgraphs[0].operators[i];
    buf_text(b, "      {\"index\": %u, ", i);
    put_field(b, "operator", tfl_op_name(op->code));
    if (op->n_outputs) {
        buf_text(b, ", ");
        put_field(b, "output", o->source->subgraphs[0].tensors[op->outputs[0]].name);
    }
    buf_text(b, ", \"runs_on\": \"%s\", ", s->mapped ? "edgetpu" : "cpu");
    put_field(b, "status", s->status);
    if (s->why) {
        buf_text(b, ", ");
        put_field(b, "why", s->why);
    }
    buf_text(b, ", \"cached_bytes\": %llu, \"streamed_bytes\": %llu}", (unsigned long long)s->cached_bytes,
             (unsigned long long)s->streamed_bytes);
}

const char *summary_json(struct arena *a, const struct output *outputs, int count)
{
    struct buf b = {0};
    buf_text(&b, "[\n");
    for (int k = 0; k < count; k++) {
        const struct output *o = &outputs[k];
        const struct compile_result *r = &o->result;
        buf_text(&b, "  {");
        put_field(&b, "input", o->input);
        buf_text(&b, ", ");
        put_field(&b, "output", o->model);
        buf_text(&b, ", \"subgraphs\": %u, \"operators\": %u, \"mapped\": %u,\n", r->n_subgraphs, r->n_ops,
                 r->n_mapped);
        buf_text(&b,
                 "   \"cached_bytes\": %llu, \"remaining_bytes\": %llu, \"streamed_bytes\": %llu,\n   \"operations\": "
                 "[\n",
                 (unsigned long long)r->cached_bytes, (unsigned long long)r->remaining_bytes,
                 (unsigned long long)r->streamed_bytes);
        for (uint32_t i = 0; i < r->n_ops; i++) {
            put_operator(&b, o, i);
            buf_text(&b, i + 1 < r->n_ops ? ",\n" : "\n");
        }
        buf_text(&b, "   ]}%s\n", k + 1 < count ? "," : "");
    }
    buf_text(&b, "]\n");
    const char *text = arena_text(a, "%.*s", (int)b.size, (const char *)b.data);
    buf_free(&b);
    return text;
}

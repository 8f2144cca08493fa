#include "dump.h"

#include <inttypes.h>

static void print_layer(struct buf *out, const char *what, uint32_t i, const struct dwn_layer *l)
{
    buf_text(out, "    %-6s %-3u           ", what, i);
    print_quoted(out, l->name);
    buf_text(out, " %dx%dx%d %s, zero point %d, scale %.9g, %d bytes", l->y, l->x, l->z, name_of_data_type(l->type),
             l->zero_point, (double)l->scale, l->size_bytes);
    if (l->execution_count != 1)
        buf_text(out, ", %d times", l->execution_count);
    if (l->cache_on_dram)
        buf_text(out, ", cached on DRAM");
    for (uint32_t k = 0; k < l->rank; k++)
        buf_text(out, "%s%d..%d", k ? " x " : ", shape ", l->shape[k].start, l->shape[k].end);
    buf_text(out, "\n");
}

static void print_executable_header(struct buf *out, const struct dwn_executable *x)
{
    buf_text(out, "    name                 ");
    print_quoted(out, x->name);
    buf_text(out, "\n    chip                 ");
    print_quoted(out, x->chip);
    buf_text(out, "\n    batch size           %d\n", x->batch_size);
    buf_text(out, "    parameters           %zu bytes\n", x->parameters.size);
    buf_text(out, "    caching token        0x%016" PRIx64 "\n", x->token);
    buf_text(out, "    narrow memory        %d bytes per tile\n", x->narrow_bytes);
    buf_text(out, "    scratch              %d bytes\n", x->scratch_bytes);
    if (x->estimated_cycles || x->estimated_cycles64)
        buf_text(out, "    estimated cycles     %" PRId64 "\n",
                 x->estimated_cycles64 ? x->estimated_cycles64 : x->estimated_cycles);
    if (x->use_dram)
        buf_text(out, "    parameters           on the DRAM of the TPU\n");
    for (uint32_t i = 0; i < x->n_streams; i++)
        buf_text(out, "    chunk %-3u            %zu words, %u fields patched\n", i, x->streams[i].code.size / ISA_WORD,
                 x->streams[i].n_offsets);
    if (x->has_hints)
        buf_text(out, "    DMA hints            %u, %sfully deterministic\n", x->n_hints,
                 x->fully_deterministic ? "" : "not ");
    for (uint32_t i = 0; i < x->n_inputs; i++)
        print_layer(out, "input", i, &x->inputs[i]);
    for (uint32_t i = 0; i < x->n_outputs; i++)
        print_layer(out, "output", i, &x->outputs[i]);
}

void print_headers(struct buf *out, const struct found *f)
{
    const struct dwn_package *p = f->package;
    buf_text(out, "  runtime version        %d\n  compiler               ", p->min_runtime_version);
    print_quoted(out, p->compiler_version);
    buf_text(out, "\n  model identifier       ");
    print_quoted(out, p->model_identifier);
    buf_text(out, "\n  keypair, virtual chip  %d, %d\n", p->keypair_version, p->virtual_chip_id);
    buf_text(out, "  signature              %zu bytes\n", p->signature.size);
    for (uint32_t i = 0; i < p->n_executables; i++) {
        buf_text(out, "\n  Executable %u: %s, %zu bytes\n", i, name_of_type(p->executables[i].type),
                 p->executables[i].raw.size);
        print_executable_header(out, &p->executables[i]);
    }
}

static void print_hint(struct buf *out, const struct dwn_hint *h)
{
    buf_text(out, h->kind == DWN_HINT_FENCE ? "%-8s %s" : "%-8s %-11s",
             h->direction == DWN_INFEED ? "infeed" : "outfeed", name_of_hint(h->kind));
    switch (h->kind) {
    case DWN_HINT_DESCRIPTOR:
        buf_text(out, " %-9s ", name_of_desc(h->desc));
        if (h->name && *h->name)
            print_quoted(out, h->name);
        buf_text(out, " [%d, %" PRId64 ")", h->offset, (int64_t)h->offset + h->size);
        if (h->batch)
            buf_text(out, " batch %d", h->batch);
        break;
    case DWN_HINT_INSTRUCTION:
        buf_text(out, " chunk %d", h->index);
        break;
    case DWN_HINT_INTERRUPT:
        buf_text(out, " %d", h->index);
        break;
    case DWN_HINT_FENCE:
        break;
    }
}

void print_hints(struct buf *out, const struct dwn_executable *x)
{
    for (uint32_t i = 0; i < x->n_hints; i++) {
        buf_text(out, "%6u:  ", i);
        print_hint(out, &x->hints[i]);
        buf_text(out, "\n");
    }
}

/* Values with the length of their runs: "0*12 4*12 8*12". */
static void print_map(struct buf *out, const char *name, const int32_t *v, uint32_t n)
{
    buf_text(out, "      %-12s", name);
    for (uint32_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && v[i + run] == v[i];)
            run++;
        buf_text(out, run > 1 ? " %d*%u" : " %d", v[i], run);
    }
    buf_text(out, "\n");
}

void print_layouts(struct buf *out, const struct dwn_executable *x)
{
    for (uint32_t i = 0; i < x->n_outputs; i++) {
        const struct dwn_layer *l = &x->outputs[i];
        const struct dwn_layout *m = &l->layout;
        buf_text(out, "    output %u ", i);
        print_quoted(out, l->name);
        buf_text(out, " %dx%dx%d%s\n", l->y, l->x, l->z, l->has_layout ? "" : ": no layout");
        if (!l->has_layout)
            continue;
        print_map(out, "y tile", m->y_tile, m->n_y_tile);
        print_map(out, "x tile", m->x_tile, m->n_x_tile);
        print_map(out, "tile offset", m->tile_offset, m->n_tile_offset);
        print_map(out, "x offset", m->x_offset, m->n_x_offset);
        print_map(out, "y offset", m->y_offset, m->n_y_offset);
        print_map(out, "x row size", m->x_row_size, m->n_x_row_size);
    }
}

/* FNV-1a, to tell two blobs apart at a glance. */
static uint64_t fingerprint(struct bytes b)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < b.size; i++)
        h = (h ^ b.data[i]) * UINT64_C(0x100000001b3);
    return h;
}

void print_parameters(struct buf *out, const struct dwn_executable *x, bool hex)
{
    struct bytes p = x->parameters;
    buf_text(out, "    %zu bytes, FNV-1a %016" PRIx64 "\n", p.size, fingerprint(p));
    for (size_t i = 0; hex && i < p.size; i += 16) {
        buf_text(out, "  %08zx ", i);
        for (size_t k = i; k < i + 16 && k < p.size; k++)
            buf_text(out, k % 4 ? "%02x" : " %02x", p.data[k]);
        buf_text(out, "\n");
    }
}

/* A package on the chip: buffers, token rule, streams, output re-layout.
 * Source: ../shared/isa/scalar-core.md, container.md; token rule: ../shared/spec/runtime.md. */
#include "sim/sim.h"

#include <stdlib.h>

#include "sim/load.h"
#include "sim/pool.h"
#include "sim/tensor.h"

enum { DEFAULT_BUDGET_LOG2 = 36 };

struct sim {
    struct chip chip;
    struct loader loader;
    bool loaded;        /* some parameters are cached */
    uint64_t token;
    uint64_t *programs; /* digests of the PARAMETER_CACHING executables of this token that have run */
    uint32_t n_programs;
    uint8_t *cached[16]; /* what of wide memory they wrote, as wide_known */
};

static void *get(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        abort(); /* as the arena: a machine without memory is not an input error */
    return p;
}

struct sim *sim_new(const struct sim_options *o)
{
    struct sim *s = get(sizeof *s);
    struct chip *c = &s->chip;
    c->options = *o;
    c->budget = o->budget ? o->budget : 1ull << DEFAULT_BUDGET_LOG2;
    c->pool = pool_new(o->threads);
    c->ring_depth = o->strict ? 1 : RING_DEPTH;
    c->link_depth = o->strict ? 1 : LINK_DEPTH;
    c->avdata = (struct fifo_slots){get(AVDATA_FIFO * 8), get(AVDATA_FIFO)};
    c->parameters = (struct fifo_slots){get(PARAMETER_FIFO * 64), get(PARAMETER_FIFO)};
    for (unsigned t = 0; t < 16; t++) {
        struct tile *tile = &c->tile[t];
        tile->narrow = get(NARROW_BYTES);
        tile->wide = get((size_t)WIDE_ROWS * ROW_BYTES);
        tile->narrow_known = get(NARROW_WORDS);
        tile->wide_known = get((size_t)WIDE_ROWS * ROW_CELLS);
        tile->unit[UNIT_TENSOR].run = get(sizeof(struct tensor_run));
        tile->unit[UNIT_TENSOR].run->fast = get(sizeof(struct fast));
        s->cached[t] = get((size_t)WIDE_ROWS * ROW_CELLS);
    }
    return s;
}

void sim_free(struct sim *s)
{
    if (!s)
        return;
    struct chip *c = &s->chip;
    pool_free(c->pool);
    for (unsigned t = 0; t < 16; t++) {
        struct tile *tile = &c->tile[t];
        free(tile->narrow), free(tile->wide), free(tile->narrow_known), free(tile->wide_known);
        fast_free(tile->unit[UNIT_TENSOR].run->fast);
        free(tile->unit[UNIT_TENSOR].run->fast);
        free(tile->unit[UNIT_TENSOR].run);
        free(s->cached[t]);
    }
    for (unsigned e = 0; e < ENGINES; e++)
        free(c->engine[e].queue);
    free(c->avdata.data), free(c->avdata.known), free(c->parameters.data), free(c->parameters.known);
    loader_free(&s->loader);
    free(c->log), free(c->descriptor), free(s->programs);
    free(s);
}

void sim_reset(struct sim *s)
{
    s->loaded = false;
    s->n_programs = 0;
    for (unsigned t = 0; t < 16; t++)
        memset(s->cached[t], 0, (size_t)WIDE_ROWS * ROW_CELLS);
}

struct sim_counters sim_count(const struct sim *s)
{
    return s->chip.count;
}

/* ---- one executable ---- */

/* Everything but the wide memories starts anew; the program itself resets the flags once more. */
static void chip_start(struct sim *s, const struct dwn_executable *x, struct status *st)
{
    struct chip *c = &s->chip;
    memset(&c->core, 0, sizeof c->core);
    memset(c->outfeed, 0, sizeof c->outfeed);
    for (unsigned k = 0; k < RING_ROWS; k++)
        c->rows.readers[k] = 0, c->rows.free[k] = (uint16_t)k;
    c->rows.n_free = RING_ROWS;
    memset(c->avdata.known, 0, AVDATA_FIFO);
    memset(c->parameters.known, 0, PARAMETER_FIFO);
    for (unsigned e = 0; e < ENGINES; e++)
        c->engine[e] = (struct engine){.queue = c->engine[e].queue, .capacity = c->engine[e].capacity};
    for (unsigned t = 0; t < 16; t++) {
        struct tile *tile = &c->tile[t];
        if (c->options.strict) {
            memset(tile->narrow_known, 0, NARROW_WORDS);
            memset(tile->scaling_known, 0, sizeof tile->scaling_known);
            memcpy(tile->wide_known, s->cached[t], (size_t)WIDE_ROWS * ROW_CELLS);
        }
        memset(tile->flag, 0, sizeof tile->flag);
        memset(tile->ring, 0, sizeof tile->ring);
        memset(tile->in, 0, sizeof tile->in);
        tile->table.loaded = false;
        tile->account = (struct tile_account){0};
        tile->front = tile->notified = 0;
        for (unsigned u = 0; u < UNITS; u++) {
            tile->unit[u].busy = false;
            tile->unit[u].next = 0;
            tile->unit[u].rewind = true;
        }
    }
    c->exe = x;
    for (unsigned t = 0; t < 16; t++)
        c->guard[t] = c->options.strict && x->type != DWN_PARAMETER_CACHING ? s->cached[t] : NULL;
    c->log_count = c->n_descriptors = 0;
    memset(c->at_descriptor, 0, sizeof c->at_descriptor);
    c->interrupted = false;
    c->random = c->options.seed;
    c->steps = 0;
    c->st = st;
}

static uint32_t element_bytes(enum dwn_data_type type)
{
    switch (type) {
    case DWN_U8:
    case DWN_I8: return 1;
    case DWN_U16:
    case DWN_I16:
    case DWN_BF16:
    case DWN_F16: return 2;
    default: return 4;
    }
}

static struct host_buffer *buffer_add(struct chip *c, struct arena *a, enum dwn_desc desc, const char *name,
                                      size_t size)
{
    struct host_buffer *b = &c->buffer[c->n_buffers];
    *b = (struct host_buffer){.desc = desc, .name = name, .size = size};
    /* far apart, and near the end of 32 bits, so that a forgotten carry shows */
    b->base = ((uint64_t)(c->n_buffers + 1) << 40) + 0xffffe000u;
    b->data = arena_alloc(a, size);
    b->known = c->options.strict ? arena_alloc(a, size) : NULL;
    c->n_buffers++;
    return b;
}

static bool layer_size(const struct dwn_layer *l, size_t *elements, struct status *st)
{
    if (l->y < 1 || l->x < 1 || l->z < 1 || (int64_t)l->y * l->x > 1 << 28 || (int64_t)l->y * l->x * l->z > 1 << 28 ||
        l->size_bytes < 0 || l->execution_count < 1 || (int64_t)l->size_bytes * l->execution_count > 1 << 30)
        return status_fail(st, STATUS_INVALID, "layer %s: absurd size", l->name);
    *elements = (size_t)l->y * (size_t)l->x * (size_t)l->z;
    return true;
}

/* Signed data travels as unsigned: the sign bit is flipped. */
static void flip_sign(uint8_t *data, size_t size, enum dwn_data_type type)
{
    uint32_t step = type == DWN_I8 ? 1 : type == DWN_I16 ? 2 : 0;
    for (size_t k = step ? step - 1 : 0; step && k < size; k += step)
        data[k] ^= 0x80;
}

static bool buffers_make(struct chip *c, struct arena *a, const struct dwn_executable *x, const struct bytes *inputs)
{
    c->buffer = ARENA_ARRAY(a, struct host_buffer, (size_t)x->n_inputs + x->n_outputs + 2);
    c->n_buffers = 0;
    for (uint32_t k = 0; k < x->n_inputs; k++) {
        const struct dwn_layer *l = &x->inputs[k];
        size_t elements = 0;
        if (!layer_size(l, &elements, c->st))
            return false;
        size_t bytes = elements * element_bytes(l->type);
        if (inputs[k].size != bytes)
            return status_fail(c->st, STATUS_INVALID, "input %s: %zu bytes given, it has %zu", l->name, inputs[k].size,
                               bytes);
        size_t device = (size_t)l->size_bytes * (size_t)l->execution_count;
        struct host_buffer *b = buffer_add(c, a, DWN_INPUT, l->name, device > bytes ? device : bytes);
        if (bytes)
            memcpy(b->data, inputs[k].data, bytes);
        flip_sign(b->data, bytes, l->type);
    }
    for (uint32_t k = 0; k < x->n_outputs; k++) {
        const struct dwn_layer *l = &x->outputs[k];
        size_t elements = 0;
        if (!layer_size(l, &elements, c->st))
            return false;
        buffer_add(c, a, DWN_OUTPUT, l->name, (size_t)l->size_bytes * (size_t)l->execution_count);
    }
    if (x->scratch_bytes < 0 || x->scratch_bytes > 1 << 30)
        return status_fail(c->st, STATUS_INVALID, "scratch of %d bytes", x->scratch_bytes);
    buffer_add(c, a, DWN_SCRATCH, "", (size_t)x->scratch_bytes);
    struct host_buffer *p = buffer_add(c, a, DWN_PARAMETER, "", 0);
    p->data = (uint8_t *)(uintptr_t)x->parameters.data; /* only read */
    p->size = x->parameters.size;
    return true;
}

/* The hints list the descriptors in the order of issue, neighbours in the buffer merged into one. */
static bool hints_check(const struct chip *c)
{
    const struct dwn_executable *x = c->exe;
    uint32_t at = 0;
    if (!x->has_hints || !x->fully_deterministic)
        return true;
    for (uint32_t k = 0; k < x->n_hints; k++) {
        const struct dwn_hint *h = &x->hints[k];
        if (h->kind == DWN_HINT_INTERRUPT && (at >= c->n_descriptors || c->descriptor[at++].tag != 4))
            return status_fail(c->st, STATUS_INVALID, "hint %u announces an interrupt that was not raised", k);
        if (h->kind != DWN_HINT_DESCRIPTOR)
            continue;
        const struct host_buffer *b = host_buffer_find(c, h->desc, h->name);
        for (int64_t done = 0; done < h->size; at++) {
            const struct descriptor *d = at < c->n_descriptors ? &c->descriptor[at] : NULL;
            if (!d || d->buffer != b || (int64_t)d->offset != h->offset + done || done + d->size > h->size || !d->size)
                return status_fail(c->st, STATUS_INVALID,
                                   "hint %u (%s, offset %d, %d bytes) is not what the program does", k,
                                   h->name ? h->name : "?", h->offset, h->size);
            done += d->size;
        }
    }
    return at == c->n_descriptors
               ? true
               : status_fail(c->st, STATUS_INVALID, "%u descriptors were issued, %u hinted", c->n_descriptors, at);
}

static bool nothing_left(const struct chip *c)
{
    if (!c->interrupted)
        return status_fail(c->st, STATUS_INVALID, "ends without an interrupt");
    for (unsigned t = 0; t < 16; t++) {
        const struct tile *tile = &c->tile[t];
        if (tile->ring[0].count || tile->ring[1].count)
            return status_fail(c->st, STATUS_INVALID, "ends with rows under way to tile %u", t);
        for (unsigned d = 0; d < 4; d++)
            if (tile->in[d].count)
                return status_fail(c->st, STATUS_INVALID, "ends with words under way to tile %u", t);
    }
    return c->outfeed[0].count || c->outfeed[1].count
               ? status_fail(c->st, STATUS_INVALID, "ends with rows under way to the scalar core")
               : true;
}

static bool executable_run(struct sim *s, struct arena *a, const struct dwn_executable *x, const struct bytes *inputs,
                           struct status *st)
{
    struct chip *c = &s->chip;
    chip_start(s, x, st);
    if (x->batch_size > 1)
        return status_fail(st, STATUS_UNSUPPORTED, "batch of %d", x->batch_size);
    const struct loaded *l = buffers_make(c, a, x, inputs) ? loader_get(&s->loader, c, a, x) : NULL;
    if (!l)
        return false;
    c->program = l->program;
    c->count.cycles += l->cycles;
    return chip_run(c) && nothing_left(c) && hints_check(c);
}

/* ---- outputs ---- */

/* Strict: does some element depend on memory that nobody has written? */
static bool output_known(const struct dwn_layer *l, const struct host_buffer *b, uint8_t *out, size_t size,
                         struct status *st)
{
    struct dwn_layer unsigned_layer = *l;
    unsigned_layer.type = l->type == DWN_I8 ? DWN_U8 : l->type == DWN_I16 ? DWN_U16 : l->type;
    if (!dwn_relayout(&unsigned_layer, bytes_of(b->known, b->size), out, size, st))
        return false;
    for (size_t k = 0; k < size; k++)
        if (!out[k])
            return status_fail(st, STATUS_INVALID, "output %s: byte %zu depends on memory that nobody has written",
                               l->name, k);
    return true;
}

static bool outputs_take(struct chip *c, struct arena *a, struct bytes *outputs)
{
    const struct dwn_executable *x = c->exe;
    for (uint32_t k = 0; k < x->n_outputs; k++) {
        const struct dwn_layer *l = &x->outputs[k];
        const struct host_buffer *b = &c->buffer[x->n_inputs + k];
        size_t elements = 0;
        if (!layer_size(l, &elements, c->st))
            return false;
        size_t size = elements * element_bytes(l->type);
        uint8_t *out = arena_alloc(a, size);
        if (c->options.strict && !output_known(l, b, out, size, c->st))
            return false;
        if (!dwn_relayout(l, bytes_of(b->data, b->size), out, size, c->st))
            return status_context(c->st, "output %s: ", l->name);
        outputs[k] = bytes_of(out, size);
    }
    return true;
}

/* ---- package ---- */

/* FNV-1a, on words of 8 bytes in four lanes. */
static uint64_t digest(struct bytes b)
{
    enum { LANE = 8, BLOCK = 4 * LANE };
    uint64_t h[4] = {0xcbf29ce484222325u, 1, 2, b.size};
    size_t k = 0;
    for (; k + BLOCK <= b.size; k += BLOCK)
        for (unsigned lane = 0; lane < 4; lane++) {
            uint64_t x = (h[lane] ^ le64(b.data + k + LANE * lane)) * 0x100000001b3u;
            h[lane] = x ^ x >> 32;
        }
    for (; k < b.size; k++)
        h[0] = (h[0] ^ b.data[k]) * 0x100000001b3u;
    for (unsigned lane = 1; lane < 4; lane++)
        h[0] = (h[0] ^ h[lane]) * 0x100000001b3u;
    return h[0];
}

/* Models compiled together share a token: their parameters live side by side, each loaded once. */
static bool parameters_load(struct sim *s, struct arena *a, const struct dwn_executable *x, struct status *st)
{
    if (!s->loaded || s->token != x->token)
        sim_reset(s);
    uint64_t d = digest(x->raw) ^ digest(x->parameters);
    for (uint32_t k = 0; k < s->n_programs; k++)
        if (s->programs[k] == d)
            return true;
    if (!executable_run(s, a, x, NULL, st)) {
        sim_reset(s);
        return status_context(st, "PARAMETER_CACHING: ");
    }
    uint64_t *programs = realloc(s->programs, (s->n_programs + 1) * sizeof *programs);
    if (!programs)
        return status_fail(st, STATUS_LIMIT, "no memory");
    s->programs = programs;
    s->programs[s->n_programs++] = d;
    s->loaded = true;
    s->token = x->token;
    for (unsigned t = 0; s->chip.options.strict && t < 16; t++)
        memcpy(s->cached[t], s->chip.tile[t].wide_known, (size_t)WIDE_ROWS * ROW_CELLS);
    return true;
}

bool sim_run(struct sim *s, struct arena *a, const struct dwn_package *p, const struct bytes *inputs,
             struct bytes *outputs, struct status *st)
{
    const struct dwn_executable *caching = NULL, *execution = NULL;
    for (uint32_t k = 0; k < p->n_executables; k++) {
        const struct dwn_executable *x = &p->executables[k];
        if (x->type == DWN_PARAMETER_CACHING)
            caching = x;
        else
            execution = x;
    }
    if (!execution)
        return status_fail(st, STATUS_INVALID, "the package has nothing to execute");
    s->chip.count = (struct sim_counters){0};
    struct arena *work = arena_new();
    bool ok = (!caching || parameters_load(s, work, caching, st)) && executable_run(s, work, execution, inputs, st) &&
              outputs_take(&s->chip, a, outputs);
    arena_free(work);
    return ok;
}

#include "sim/load.h"

#include "sim/cycles.h"

/* The code of a stream with the base addresses in it; data NULL: failed. */
static struct bytes code_patch(struct chip *c, struct arena *a, const struct dwn_stream *s, uint32_t stream)
{
    const struct bytes failed = {NULL, 0};
    if (!s->code.size) {
        status_fail(c->st, STATUS_INVALID, "stream %u is empty", stream);
        return failed;
    }
    uint8_t *code = arena_copy(a, s->code.data, s->code.size);
    for (uint32_t f = 0; f < s->n_offsets; f++) {
        const struct dwn_field_offset *o = &s->offsets[f];
        const struct host_buffer *b = host_buffer_find(c, o->desc, o->name);
        if (!b) {
            status_fail(c->st, STATUS_INVALID, "stream %u: field offset for %s, which is no layer", stream,
                        o->name ? o->name : "?");
            return failed;
        }
        if ((uint64_t)o->offset_bit + 32 > (uint64_t)s->code.size * 8) {
            status_fail(c->st, STATUS_INVALID, "stream %u: field offset outside the code", stream);
            return failed;
        }
        bits_put(code, o->offset_bit, 32, (uint32_t)(o->upper ? b->base >> 32 : b->base));
    }
    return bytes_of(code, s->code.size);
}

static bool same(const struct loaded *k, const struct bytes *code, uint32_t n)
{
    if (!k->arena || k->n_streams != n)
        return false;
    for (uint32_t s = 0; s < n; s++)
        if (!bytes_equal(k->code[s], code[s]))
            return false;
    return true;
}

static bool decode(struct chip *c, struct loaded *k, const struct bytes *code, const struct dwn_executable *x)
{
    struct arena *a = k->arena;
    k->n_streams = x->n_streams;
    k->code = ARENA_ARRAY(a, struct bytes, x->n_streams);
    k->program = ARENA_ARRAY(a, struct isa_program, x->n_streams);
    for (uint32_t s = 0; s < x->n_streams; s++) {
        k->code[s] = bytes_of(arena_copy(a, code[s].data, code[s].size), code[s].size);
        if (!isa_decode_stream(a, k->code[s], &k->program[s], c->st))
            return status_context(c->st, "stream %u: ", s);
        if (!k->program[s].count)
            return status_fail(c->st, STATUS_INVALID, "stream %u is empty", s);
    }
    struct cycles cycles;
    cycles_count(a, x, k->program, &cycles);
    k->cycles = cycles.total;
    return true;
}

const struct loaded *loader_get(struct loader *l, struct chip *c, struct arena *work, const struct dwn_executable *x)
{
    struct bytes *code = ARENA_ARRAY(work, struct bytes, x->n_streams + 1);
    if (!x->n_streams)
        return status_fail(c->st, STATUS_INVALID, "no instruction stream"), NULL;
    for (uint32_t s = 0; s < x->n_streams; s++) {
        code[s] = code_patch(c, work, &x->streams[s], s);
        if (!code[s].data)
            return NULL;
    }
    for (unsigned n = 0; n < LOADED_KEPT; n++)
        if (same(&l->kept[n], code, x->n_streams))
            return &l->kept[n];
    struct loaded *k = &l->kept[l->next];
    if (k->arena)
        arena_free(k->arena);
    *k = (struct loaded){.arena = arena_new()};
    if (!decode(c, k, code, x)) {
        arena_free(k->arena);
        k->arena = NULL;
        return NULL;
    }
    l->next = (l->next + 1) % LOADED_KEPT;
    return k;
}

void loader_free(struct loader *l)
{
    for (unsigned n = 0; n < LOADED_KEPT; n++)
        if (l->kept[n].arena)
            arena_free(l->kept[n].arena);
}

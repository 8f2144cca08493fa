#include "sim/cycles.h"

#include "isa/isa.h"

const char *const cycles_unit_name[CYCLES_UNITS] = {"tensor", "to wide", "to narrow", "mesh", "ring"};

/* Cycles of one step of each unit.  Assumed, not fitted: one each, and four for a row on the ring (64 bytes per cycle,
 * a guess).  How far that is from what is known stands in docs/evidence.md. */
static const unsigned step_cycles[CYCLES_UNITS] = {1, 1, 1, 1, 4};

enum { ALL_THREADS = 0x3ff };

/* From published numbers (../shared/spec/peers.md 5.2).  Link: VGG19 has 5.31 MB of parameters more than VGG16, nearly
 * all of them streamed, and takes 12 ms longer.  Overhead: a small product over USB (libredgetpu).  Cycles per step:
 * the mean of what is left of MobileNet v1 (1.30) and v2 (1.65); docs/evidence.md, "Cycles", says how well one
 * foretells the other. */
const struct cycles_link cycles_usb3 = {"USB 3", 500e6, 442e6, 0.28e-3, 1.48};

/* Steps of the stretch so far. */
struct work {
    uint64_t unit[ISA_TILES][CYCLES_UNITS], bus[ISA_TILES][4], ring;
    uint32_t first;
    bool begun;
};

static uint64_t steps_of(const int32_t *lim, unsigned loops)
{
    uint64_t n = 1;
    for (unsigned k = 0; k < loops && n < UINT32_MAX; k++)
        n *= (uint64_t)lim[k] + 1;
    return n < UINT32_MAX ? n : UINT32_MAX;
}

static uint64_t elements_of(const struct isa_ttu *t, unsigned loops)
{
    int64_t n = isa_ttu_count(t, loops);
    return n < 0 ? 0 : n < UINT32_MAX ? (uint64_t)n : UINT32_MAX;
}

static unsigned tile_count(unsigned tiles)
{
    return (unsigned)__builtin_popcount(tiles & 0xffff);
}

static void work_add(struct work *w, const struct isa_inst *i, uint64_t times)
{
    /* 0x10..0x18 share their header; a mask from a register is taken as all tiles */
    unsigned tiles = (unsigned)(i->op <= ISA_RESIZE ? i->tensor.tiles : i->send.tdyn ? 0xffff : i->send.tiles);
    enum cycles_unit unit;
    uint64_t n;
    switch (i->op) {
    case ISA_MAC:
    case ISA_MAX:
    case ISA_SUM:
    case ISA_RESIZE:
        unit = CYCLES_TENSOR, n = steps_of(i->tensor.lim, 8);
        break;
    case ISA_TO_WIDE:
        unit = CYCLES_TO_WIDE, n = elements_of(&i->to_wide.n, 6);
        break;
    case ISA_TO_NARROW:
        unit = CYCLES_TO_NARROW, n = elements_of(&i->to_narrow.n, 6);
        break;
    case ISA_MESH_SOUTH:
    case ISA_MESH_WEST:
    case ISA_MESH_NORTH:
    case ISA_MESH_EAST: {
        uint64_t a = elements_of(&i->mesh.a, 4), b = elements_of(&i->mesh.b, 4);
        for (unsigned t = 0; t < ISA_TILES; t++)
            w->bus[t][i->op - ISA_MESH_SOUTH] += (tiles >> t & 1) * (a > b ? a : b) * times;
        return;
    }
    case ISA_RING_SEND:
        w->ring += elements_of(&i->send.w, 4) * tile_count(tiles) * times;
        return;
    case ISA_INJECT: { /* FIFO units of 8 or 64 bytes, gathered into rows */
        uint64_t bytes = elements_of(&i->inject.t, 3) * (i->inject.src == 1 ? 8 : i->inject.src ? 4 : 64);
        w->ring += bytes / (4 * ((uint64_t)i->inject.cells + 1)) * times;
        return;
    }
    default:
        return;
    }
    for (unsigned t = 0; t < ISA_TILES; t++)
        w->unit[t][unit] += (tiles >> t & 1) * n * times;
}

static void region_close(struct arena *a, struct cycles *c, size_t *capacity, uint32_t stream, uint32_t last,
                         struct work *w)
{
    struct cycles_region r = {.stream = stream, .first = w->first, .last = last};
    for (unsigned t = 0; t < ISA_TILES; t++) {
        for (unsigned d = 0; d < 4; d++)
            if (w->bus[t][d] > w->unit[t][CYCLES_MESH])
                w->unit[t][CYCLES_MESH] = w->bus[t][d];
        for (unsigned u = 0; u < CYCLES_UNITS; u++)
            if (w->unit[t][u] * step_cycles[u] > r.unit[u])
                r.unit[u] = w->unit[t][u] * step_cycles[u];
    }
    r.unit[CYCLES_RING] = w->ring * step_cycles[CYCLES_RING];
    for (unsigned u = 0; u < CYCLES_UNITS; u++)
        if (r.unit[u] > r.unit[r.busiest])
            r.busiest = (enum cycles_unit)u;
    *w = (struct work){0};
    if (!r.unit[r.busiest])
        return;
    r.cycles = r.unit[r.busiest];
    c->total += r.cycles;
    for (unsigned u = 0; u < CYCLES_UNITS; u++)
        c->unit[u] += r.unit[u];
    c->regions = arena_grow(a, c->regions, c->n_regions, sizeof *c->regions, capacity);
    c->regions[c->n_regions++] = r;
}

static void stream_add(struct arena *a, struct cycles *c, size_t *capacity, uint32_t stream,
                       const struct isa_program *p)
{
    struct work w = {0};
    uint64_t times = 1;
    uint32_t loop_end = 0; /* word behind the hardware loop that we are in */
    for (size_t k = 0; k < p->count; k++) {
        const struct isa_inst *i = &p->inst[k];
        if (!w.begun)
            w.first = p->word[k], w.begun = true;
        if (p->word[k] >= loop_end)
            times = 1;
        if (i->op == ISA_LOOP && i->loop.count > 0 && i->loop.length > 0)
            times = (uint64_t)i->loop.count, loop_end = p->word[k] + 1 + (uint32_t)i->loop.length;
        work_add(&w, i, times);
        if ((i->op == ISA_FENCE && (i->fence.threads & ALL_THREADS) == ALL_THREADS) || k + 1 == p->count)
            region_close(a, c, capacity, stream, p->word[k], &w);
    }
}

void cycles_count(struct arena *a, const struct dwn_executable *x, const struct isa_program *streams,
                  struct cycles *out)
{
    *out = (struct cycles){.parameters = x->parameters.size};
    size_t capacity = 0;
    for (uint32_t s = 0; s < x->n_streams; s++) {
        stream_add(a, out, &capacity, s, &streams[s]);
        out->instructions += x->streams[s].code.size;
    }
    for (uint32_t k = 0; k < x->n_inputs; k++)
        out->host_in += (uint64_t)x->inputs[k].size_bytes;
    for (uint32_t k = 0; k < x->n_outputs; k++)
        out->host_out += (uint64_t)x->outputs[k].size_bytes;
}

bool cycles_estimate(struct arena *a, const struct dwn_executable *x, struct cycles *out, struct status *st)
{
    struct isa_program *streams = ARENA_ARRAY(a, struct isa_program, x->n_streams);
    for (uint32_t s = 0; s < x->n_streams; s++)
        if (!isa_decode_stream(a, x->streams[s].code, &streams[s], st))
            return status_context(st, "stream %u: ", s);
    cycles_count(a, x, streams, out);
    return true;
}

double cycles_chip_seconds(const struct cycles *c, const struct cycles_link *link)
{
    return (double)c->total * link->cycles_per_step / link->clock_hz;
}

double cycles_link_seconds(const struct cycles *c, const struct cycles_link *link)
{
    double bytes = (double)c->host_in + (double)c->host_out + (double)c->parameters + (double)c->instructions;
    return link->overhead + bytes / link->bytes_per_second;
}

double cycles_seconds(const struct cycles *c, const struct cycles_link *link)
{
    return cycles_link_seconds(c, link) + cycles_chip_seconds(c, link);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static unsigned long long wide(uint64_t n)
{
    return n;
}

void cycles_print(struct buf *o, const struct cycles *c, const struct cycles_link *link)
{
    buf_text(o, "  part  stream:words        cycles  share ");
    for (unsigned u = 0; u < CYCLES_UNITS; u++)
        buf_text(o, " %11s", cycles_unit_name[u]);
    buf_text(o, "  busiest\n");
    for (uint32_t k = 0; k < c->n_regions; k++) {
        const struct cycles_region *r = &c->regions[k];
        buf_text(o, "  %4u  %2u:%6u..%-6u %9llu %5.1f %%", k, r->stream, r->first, r->last, wide(r->cycles),
                 share(r->cycles, c->total));
        for (unsigned u = 0; u < CYCLES_UNITS; u++)
            buf_text(o, " %11llu", wide(r->unit[u]));
        buf_text(o, "  %s\n", cycles_unit_name[r->busiest]);
    }
    buf_text(o, "  total                  %9llu        ", wide(c->total));
    for (unsigned u = 0; u < CYCLES_UNITS; u++)
        buf_text(o, " %11llu", wide(c->unit[u]));
    buf_text(o, "\n  link: %llu bytes in, %llu out, %llu of parameters, %llu of instructions\n", wide(c->host_in),
             wide(c->host_out), wide(c->parameters), wide(c->instructions));
    buf_text(o, "  estimate on %s: %.3f ms per run, %.3f ms of it on the chip at %.0f MHz, %.2f cycles per step\n",
             link->name, 1e3 * cycles_seconds(c, link), 1e3 * cycles_chip_seconds(c, link), 1e-6 * link->clock_hz,
             link->cycles_per_step);
}

/* Halo exchange: the pixels that a tile's plane has beyond its own, from the neighbours, or padding at the image's
 * edge.
 *
 * Rows travel first (0x17 north, 0x15 south), over a tile's own columns; then columns (0x16 west, 0x18 east), over all
 * rows that are needed, so that corners travel with them.  64 channels at a time: the exchange of the first group
 * starts while the producer still computes the next. Source: every 0x15..0x18 of the official mobilenet_v1_0.25_128,
 * 0.5_160, 0.75_192; gabor_* for borders of three pixels. */
#include "compiler/families.h"

struct exchange {
    const struct grid *g;
    const struct program *p;
    enum isa_opcode op;
    bool columns,
        low; /* low: data moves to lower tile rows or columns (0x17, 0x16), so tiles receive behind their own */
    int32_t base, padding; /* base: of the first word that is exchanged */
    int32_t words;         /* of a pixel, that are exchanged */
    int32_t block, blocks; /* words that go together, and how many such blocks */
    bool valid;        /* a convolution without padding in front reads the image */
    bool produced;     /* by a tensor instruction without a fence since: wait for its output */
};

/* The part of the plane that tile i of the axis receives. */
static struct span received(const struct exchange *e, int i)
{
    struct span own = e->columns ? e->g->own_x[i] : e->g->own_y[i];
    struct span plane = e->columns ? e->g->plane_x[i] : e->g->plane_y[i];
    return e->low ? (struct span){own.end, plane.end} : (struct span){plane.first, own.first};
}

/* What tile i of the axis would receive lies outside the image: it fills in the padding. */
static bool at_border(const struct exchange *e, int i)
{
    struct span got = received(e, i);
    return got.end <= 0 || got.first >= (e->columns ? e->g->x : e->g->y);
}

/* Rows ys, columns xs of a tile's plane; *block: loops of one block of 64 channels. */
static struct isa_ttu box(const struct exchange *e, int tile, struct span ys, struct span xs, int32_t *block)
{
    int32_t words = e->words, inner = words < e->block ? words : e->block;
    const struct isa_dim all[3] = {
        {inner, 1}, {span_size(xs), e->g->words}, {span_size(ys), grid_pitch(e->g, tile)}};
    struct loops l = NO_LOOPS;
    for (int k = 0; k < 3; k++)
        if (all[k].count > 1)
            loop(&l, all[k].count, all[k].stride);
    if (loop_count(&l) == 0)
        loop(&l, 1, 1);
    *block = (int32_t)loop_count(&l);
    if (e->blocks > 1)
        loop(&l, e->blocks, e->block);
    struct isa_ttu t = mesh_words(e->base + grid_at(e->g, tile, ys.first, xs.first), l);
    int32_t rest = words % e->block;
    return e->blocks > 1 && rest ? short_last(t, *block, rest, e->block - rest) : t;
}

static void add_wait(struct isa_mesh *m, unsigned *n, enum isa_flag f, int32_t dim, int32_t value)
{
    m->wait[(*n)++] = wait_data(f, dim, value, 1);
}

/* What tile `to` gets from tile `from` is in part what that one receives itself. */
static bool passes_on(const struct exchange *e, int from, int to)
{
    struct span given = received(e, to), got = received(e, from);
    return span_size(got) > 0 && given.first < got.end && got.first < given.end;
}

/* Where tile i of the axis sends, or -1. */
static int receiver_of(const struct exchange *e, int i)
{
    int to = e->low ? i - 1 : i + 1;
    bool sends = to >= 0 && to < GRID && i <= grid_edge(e->columns ? e->g->own_x : e->g->own_y) &&
                 span_size(received(e, to)) > 0 && !at_border(e, to);
    return sends ? to : -1;
}

/* The image is read by a convolution whose windows begin inside it. */
static bool for_valid_convolution(const struct plan *p, const struct value *v)
{
    const struct step *reader = plan_sole_reader(p, (uint32_t)(v - p->values));
    const struct conv_detail *d = reader && reader->family == &family_conv ? reader->detail : NULL;
    return d && d->y.before == 0 && d->x.before == 0;
}

/* Tiles that only receive columns share the instruction if their own rows begin at the same row of the plane, where a
 * VALID convolution follows and nothing has stood still since the image was made (catalogue P268 to P270: 32x32 and
 * 15x15; not the pools of 30x30 and 13x13 there).  After a fence they share it anyway (P276, P277, P305). */
static int32_t receivers_apart(const struct exchange *e, int tile)
{
    const struct grid *g = e->g;
    bool apart = e->columns && e->produced && e->valid && receiver_of(e, tile % GRID) < 0;
    return apart ? g->own_y[tile / GRID].first - g->plane_y[tile / GRID].first : 0;
}

static bool one_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct exchange *e = arg;
    const struct grid *g = e->g;
    int y = tile / GRID, x = tile % GRID, i = e->columns ? x : y, to = receiver_of(e, i);
    struct span across = e->columns ? g->need_y[y] : g->own_x[x];
    if (span_size(across) <= 0)
        return false;
    bool sends = to >= 0;
    bool receives = span_size(received(e, i)) > 0;
    struct isa_mesh *m = &out->mesh;
    out->op = e->op;
    if (receives) {
        int32_t dim;
        struct span got = received(e, i);
        m->b = e->columns ? box(e, tile, across, got, &dim) : box(e, tile, got, across, &dim);
        m->p[1] = signal_at(dim);
        m->fill = at_border(e, i);
        m->value = m->fill ? e->padding : 0;
    }
    if (sends) {
        int32_t dim;
        unsigned n = 0;
        struct span given = received(e, to);
        m->a = e->columns ? box(e, tile, across, given, &dim) : box(e, tile, given, across, &dim);
        static const enum isa_flag arrival[2][2] = {{ISA_N_IN, ISA_S_IN}, {ISA_W_IN, ISA_E_IN}};
        const int32_t *flag = e->p->flag[tile], ago = e->blocks - 1; /* the first of `blocks` signals already counted */
        if (passes_on(e, i, to))
            add_wait(m, &n, arrival[e->columns][e->low], dim, flag[arrival[e->columns][e->low]] + 1);
        if (e->produced)
            add_wait(m, &n, ISA_AVDATA, dim, flag[ISA_AVDATA] - ago);
        if (e->columns && g->plane_y[y].first < g->own_y[y].first)
            add_wait(m, &n, ISA_N_IN, dim, flag[ISA_N_IN] - ago);
        if (e->columns && g->plane_y[y].end > g->own_y[y].end)
            add_wait(m, &n, ISA_S_IN, dim, flag[ISA_S_IN] - ago);
    }
    return sends || receives;
}

void emit_halo(const struct plan *plan, const struct value *v, struct span words, int32_t padding, bool by_word,
               struct program *p)
{
    static const struct {
        enum isa_opcode op;
        bool columns, low;
    } order[] = {{ISA_MESH_NORTH, false, true},
                 {ISA_MESH_SOUTH, false, false},
                 {ISA_MESH_WEST, true, true},
                 {ISA_MESH_EAST, true, false}};
    struct exchange e = {.g = &v->grid,
                         .p = p,
                         .base = value_at(plan, v) + words.first,
                         .words = span_size(words),
                         .padding = (int32_t)(0x01010101u * (uint32_t)padding),
                         .valid = for_valid_convolution(plan, v),
                         .block = by_word ? 1 : 16};
    e.blocks = (int32_t)ceil_div(e.words, e.block);
    for (int t = 0; t < ISA_TILES; t++)
        e.produced = e.produced || p->flag[t][ISA_AVDATA] != 0;
    for (unsigned k = 0; k < sizeof order / sizeof *order; k++) {
        e.op = order[k].op, e.columns = order[k].columns, e.low = order[k].low;
        struct isa_inst inst[ISA_TILES];
        int32_t key[ISA_TILES];
        for (int t = 0; t < ISA_TILES; t++)
            key[t] = receivers_apart(&e, t);
        unsigned n = tile_classes(one_tile, &e, key, inst);
        for (unsigned i = 0; i < n; i++)
            program_add(p, inst[i]);
    }
}

#include "compiler/mesh.h"

#include <string.h>

#include "compiler/numerics.h"
#include "compiler/scalar.h"

/* ---- words through the tensor unit, which can rearrange them ---- */

enum { COUNT_LIMIT = 1 << 14 };

struct isa_inst mesh_copy_inst(int32_t row, int32_t n, int32_t from, struct loops a, int32_t to, struct loops o)
{
    struct isa_inst inst;
    memset(&inst, 0, sizeof inst); /* may be compared as bytes (tile_classes) */
    struct isa_tensor *i = &inst.tensor;
    inst.op = ISA_MAC;
    i->one = 1, i->nospill = 1, i->lanes = 3, i->lanes_last = 3;
    set_copy_numerics(i);
    i->lim[1] = n - 1;
    i->a = tensor_unit(4LL * from, a);
    i->o = tensor_unit(4LL * to, o);
    if (n > COUNT_LIMIT) { /* pixel rows in a loop of their own */
        int32_t inner = (int32_t)(o.dim[0].count * o.dim[1].count), outer = n / inner;
        i->lim[1] = inner - 1, i->lim[2] = outer - 1;
        i->w = tensor_unit(4LL * row, LOOPS({1, 4}, {inner, 0}, {outer, 0}));
        i->p = buffered(tensor_unit(0, LOOPS({inner, 0}, {outer, 0})), 0, 256);
        return inst;
    }
    i->w = tensor_unit(4LL * row, n > 1 ? LOOPS({1, 4}, {n, 0}) : LOOPS({1, 4}));
    i->p = n > 1 ? buffered(tensor_unit(0, LOOPS({n, 0})), 0, 256)
                 : buffered(masked(tensor_unit(0, LOOPS({1, 1})), 0), 1, 256);
    return inst;
}

void mesh_copy_words(struct program *p, int32_t tiles, int32_t row, int32_t n, int32_t from, struct loops a, int32_t to,
                     struct loops o)
{
    struct isa_inst i = mesh_copy_inst(row, n, from, a, to, o);
    i.tensor.tiles = tiles;
    program_add(p, i);
}

/* ---- words over the mesh ---- */

struct direction {
    enum isa_opcode op;
    enum isa_flag in, out;
};

static struct direction direction_of(enum isa_opcode op)
{
    switch (op) {
    case ISA_MESH_SOUTH: return (struct direction){op, ISA_N_IN, ISA_S_OUT};
    case ISA_MESH_WEST: return (struct direction){op, ISA_E_IN, ISA_W_OUT};
    case ISA_MESH_NORTH: return (struct direction){op, ISA_S_IN, ISA_N_OUT};
    default: return (struct direction){ISA_MESH_EAST, ISA_W_IN, ISA_E_OUT};
    }
}

static struct isa_ttu block_unit(const struct mesh_block *b)
{
    struct loops l = NO_LOOPS;
    if (b->width > 1)
        loop(&l, b->width, 1);
    if (b->height > 1)
        loop(&l, b->height, b->pitch);
    return mesh_words(b->at, l);
}

static void add_mesh(struct program *p, enum isa_opcode op, struct isa_mesh m)
{
    program_add(p, (struct isa_inst){.op = op, .mesh = m});
}

enum { RELAY = MESH_RELAY_WORDS / 2 /* words that a tile in between takes at a time */ };

/* Tiles in between pass `words` words on through two small buffers. */
static void pass_on(struct program *p, struct direction d, int32_t tiles, int32_t words, int32_t relay)
{
    int32_t rounds = (int32_t)ceil_div(words, RELAY), rest = words % RELAY;
    struct loops l = words == 1 ? LOOPS({1, 1}) : rounds > 1 ? LOOPS({RELAY, 1}, {rounds, 0}) : LOOPS({RELAY, 1});
    struct isa_ttu t = buffered(masked(mesh_words(relay, l), 1), 1, RELAY);
    if (rest && words > 1)
        t = short_last(t, 1, rest, RELAY - rest);
    int32_t in = program_flag(p, tiles, d.in), out = program_flag(p, tiles, d.out);
    add_mesh(p, d.op,
             (struct isa_mesh){.tiles = tiles,
                               .a = t,
                               .b = t,
                               .p = {signal_at(1), signal_at(1)},
                               .wait = {wait_data(d.in, 1, in + 1, 1), wait_room(d.out, 1, out - 1, 1)}});
}

/* Both flags of the direction to one value on all tiles; returns the tiles where one differed. */
static int32_t equalise(struct program *p, struct direction d)
{
    enum { FIRST_MESH_THREAD = 6 };
    int32_t most = 0, tiles = 0;
    for (int t = 0; t < ISA_TILES; t++) {
        most = p->flag[t][d.in] > most ? p->flag[t][d.in] : most;
        most = p->flag[t][d.out] > most ? p->flag[t][d.out] : most;
    }
    for (int t = 0; t < ISA_TILES; t++)
        tiles |= p->flag[t][d.in] != most || p->flag[t][d.out] != most ? 1 << t : 0;
    emit_fence(p, (struct fence){.flags = 1 << d.in | 1 << d.out,
                                 .value = most,
                                 .tiles = tiles,
                                 .threads = 1 << (d.op - ISA_MESH_SOUTH + FIRST_MESH_THREAD)});
    return tiles;
}

void mesh_pass_on(struct program *p, enum isa_opcode op, int32_t tiles, int32_t words, int32_t relay)
{
    pass_on(p, direction_of(op), tiles, words, relay);
}

int32_t mesh_equalise(struct program *p, enum isa_opcode op) { return equalise(p, direction_of(op)); }

/* One side of a hop. */
struct hop_side {
    int32_t tiles, key;
    struct mesh_block block;
};
static struct hop_side side_of(const struct mesh_hop *h, bool sends)
{
    return sends ? (struct hop_side){h->sender, h->sender_key, h->from}
                 : (struct hop_side){h->receiver, h->receiver_key, h->to};
}
static bool same_side(const struct hop_side *a, const struct hop_side *b)
{
    return a->key == b->key && a->block.at == b->block.at && a->block.width == b->block.width &&
           a->block.height == b->block.height && (a->block.height == 1 || a->block.pitch == b->block.pitch);
}

static void add_sides(struct program *p, enum isa_opcode op, const struct mesh_hop *h, uint32_t n, bool sends)
{
    for (uint32_t i = 0; i < n; i++) {
        struct hop_side side = side_of(&h[i], sends);
        bool put = side.tiles == 0;
        for (uint32_t k = 0; k < n; k++) {
            struct hop_side other = side_of(&h[k], sends);
            if (k == i || !same_side(&side, &other))
                continue;
            side.tiles |= other.tiles;
            put = put || k < i;
        }
        struct isa_mesh m = {.tiles = side.tiles};
        *(sends ? &m.a : &m.b) = block_unit(&side.block);
        if (!put)
            add_mesh(p, op, m);
    }
}

static int32_t words_of(const struct mesh_hop *h) { return h->from.width * h->from.height; }

/* Returns the tiles in between. */
static int32_t add_hops(struct program *p, struct direction d, const struct mesh_hop *h, uint32_t n, int32_t relay)
{
    int32_t relayed = 0;
    add_sides(p, d.op, h, n, true);
    for (uint32_t i = 0; i < n; i++) {
        int32_t tiles = 0;
        for (uint32_t k = i; k < n; k++)
            tiles |= words_of(&h[k]) == words_of(&h[i]) ? h[k].between & ~relayed : 0;
        if (tiles)
            pass_on(p, d, tiles, words_of(&h[i]), relay);
        relayed |= tiles;
    }
    add_sides(p, d.op, h, n, false);
    return relayed;
}

int32_t mesh_hops(struct program *p, enum isa_opcode op, const struct mesh_hop *h, uint32_t n, int32_t relay)
{
    struct direction d = direction_of(op);
    return add_hops(p, d, h, n, relay) ? equalise(p, d) : 0;
}

int32_t mesh_chain(struct program *p, enum isa_opcode op, const struct mesh_hop *h, uint32_t n, int32_t relay)
{
    struct direction d = direction_of(op);
    int32_t relayed = 0;
    for (uint32_t i = 0; i < n; i++)
        relayed |= add_hops(p, d, &h[i], 1, relay);
    return relayed ? equalise(p, d) : 0;
}

int32_t mesh_move(struct program *p, enum isa_opcode op, int32_t sender, struct mesh_block from, int32_t between,
                  int32_t receiver, struct mesh_block to, int32_t apart, int32_t relay)
{
    struct mesh_hop h[] = {{sender & apart, between, receiver & apart, from, to, 1, 1},
                           {sender & ~apart, 0, receiver & ~apart, from, to, 0, 0}};
    return mesh_hops(p, op, h, 2, relay);
}

void mesh_close(struct program *p, int32_t tiles)
{
    if (tiles)
        emit_fence(p, (struct fence){.tiles = tiles});
}

/* ---- an image on one tile ---- */

static int32_t column(int k) { return 0x1111 << k; }

/* Tile rows (columns) that own pixels, as a mask of GRID bits. */
static int32_t owners(const struct span own[GRID])
{
    int32_t mask = 0;
    for (int i = 0; i < GRID; i++)
        mask |= span_size(own[i]) > 0 ? 1 << i : 0;
    return mask;
}

bool mesh_gather_fits(const struct grid *g)
{
    bool equal = g->words == 1;
    for (int i = 0; i < GRID; i++) {
        equal = equal && (span_size(g->own_y[i]) == 0 || span_size(g->own_y[i]) == span_size(g->own_y[0]));
        equal = equal && (span_size(g->own_x[i]) == 0 || span_size(g->own_x[i]) == span_size(g->own_x[0]));
    }
    return equal;
}

void mesh_gather(struct program *p, const struct grid *g, int32_t row, int32_t from, int32_t to, int32_t relay)
{
    int32_t w = span_size(g->own_x[0]), h = span_size(g->own_y[0]), rows = 0, end = 0;
    for (int i = 0; i < GRID; i++)
        rows |= owners(g->own_y) >> i & 1 ? 0xf << GRID * i : 0;
    int32_t heads = column(0) & rows;
    struct loops a = LOOPS({1, 4}, {1, 0}, {w, 4}, {1, 0}, {h, 4 * w}, {1, 0}, {1, 4 * w * h});
    mesh_copy_words(p, 1, row, w * h, from, a, to, LOOPS({1, 4}, {w, 4}, {h, 4 * g->x}, {1, 4 * g->x * g->y}));
    if (heads & ~1)
        mesh_copy_words(p, heads & ~1, row, w * h, from, a, to,
                        LOOPS({1, 4}, {w, 4}, {h, 4 * g->x}, {1, 4 * g->x * h}));
    for (int k = 1, between = 0; k < GRID; between |= column(k++))
        if (span_size(g->own_x[k]))
            end = mesh_move(p, ISA_MESH_WEST, column(k) & rows, (struct mesh_block){from, w, h, w}, between & rows,
                            heads, (struct mesh_block){to + g->own_x[k].first, w, h, g->x}, 1, relay);
    mesh_close(p, end);
    emit_fence(p, (struct fence){0});
    end = 0;
    for (int k = GRID - 1; k > 0; k--) {
        int32_t between = 0;
        for (int j = 1; j < k; j++)
            between |= 1 << GRID * j;
        if (span_size(g->own_y[k]))
            end = mesh_move(p, ISA_MESH_NORTH, 1 << GRID * k, (struct mesh_block){to, g->x, h, g->x}, between, 1,
                            (struct mesh_block){to + g->own_y[k].first * g->x, g->x, h, g->x}, 0, relay);
    }
    mesh_close(p, end);
    emit_fence(p, (struct fence){0});
}

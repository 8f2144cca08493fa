/* RESHAPE of an image with one channel to a vector: [1,H,W,1] -> [1,H*W].
 *
 * On the grid every pixel is a word; in the vector four pixels are one.  The whole image is gathered on the first tile
 * over the mesh, a quarter of it sent to each of the first four, where a product with a 16 x 64 matrix of zeroes and
 * ones makes 16 bytes of 16 words; then the vector is gathered again and its slices go to their tiles. Facts:
 * color_*_64, color_*_128 (14 models), every field; other sizes for which all tiles are full and 16 have a slice follow
 * the same rule (flatten_fits). */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/scalar.h"
#include "compiler/select.h"

#include <math.h>

enum {
    IDENTITY_ROW = WIDE_ROWS - 1,
    GROUP = 16, /* pixels that become 16 bytes at a time */
    SELECT_ROW = 2030,
    HEADER_ROW = SELECT_ROW + GROUP,
    FIRST_TILES = 0xf, /* those that select */
};

struct flatten {
    const struct weighted *select;
    uint32_t work, relay, identity; /* narrow buffers */
};

bool flatten_fits(const struct grid *g)
{
    int32_t pixels = g->y * g->x / ISA_TILES;
    return g->words == 1 && g->y % GRID == 0 && g->x % GRID == 0 && pixels % ROW_WORDS == 0;
}

void *flatten_detail(struct arena *a, const struct tfl_tensor *result)
{
    struct flatten *f = ARENA_NEW(a, struct flatten);
    int32_t from[GROUP];
    for (int32_t i = 0; i < GROUP; i++)
        from[i] = 4 * i;
    f->select = select_make(a, result, GROUP, 4 * GROUP, from);
    return f;
}

static bool size_flatten(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct flatten *f = (struct flatten *)(uintptr_t)s->detail;
    struct value *out = &p->values[s->out];
    struct weights w = weights_of(p->arena, f->select, false);
    int32_t pixels = out->z / ISA_TILES;
    f->work = plan_buffer(
        p, (struct narrow_buffer){.words = 20 * pixels, .first = index, .last = index, .group = p->n_buffers + 1});
    /* The slices are the last thing made in the work buffer, and what remains of it. */
    out->buffer = plan_buffer(
        p, (struct narrow_buffer){
               .words = slices_of(out->z).words, .first = index, .last = out->last, .group = f->work + 1});
    f->relay = plan_buffer(
        p, (struct narrow_buffer){.words = MESH_RELAY_WORDS, .first = index, .last = index, .late = true});
    f->identity = plan_buffer(p, (struct narrow_buffer){.words = 4, .first = index, .last = index, .late = true});
    s->parameter = plan_parameter(p, (struct parameter){.op = s->op,
                                                        .kind = PLACE_CONV,
                                                        .segment = segment_make(p->arena, &w, SEGMENT_WIDE, false)});
    plan_wide_floor(p, SELECT_ROW);
    return true;
}

static void fence_all(struct program *p) { emit_fence(p, (struct fence){0}); }
static void fence_layer(struct program *p) { emit_fence(p, (struct fence){.flags = LAYER_FLAGS}); }

static void copy_words(struct program *p, int32_t tiles, int32_t n, int32_t from, struct loops a, int32_t to,
                       struct loops o)
{
    mesh_copy_words(p, tiles, IDENTITY_ROW, n, from, a, to, o);
}

static int32_t column(int32_t k) { return 0x1111 << k; }
static int32_t row_head(int32_t k) { return 1 << GRID * k; }
/* Tiles between number 0 and number k of a chain. */
static int32_t between(int32_t (*tile)(int32_t), int32_t k)
{
    int32_t mask = 0;
    for (int32_t j = 1; j < k; j++)
        mask |= tile(j);
    return mask;
}
static int32_t one_tile(int32_t k) { return 1 << k; }

/* ---- the parts ---- */

struct sizes {
    int32_t pixels;          /* of a tile */
    int32_t quarter, groups; /* pixels of a quarter of the image, and of 16 each */
    int32_t work, relay;
};

/* The quarters of the image at `from` of the first tile to `to` of the first four. */
static void deal_quarters(struct program *p, const struct sizes *z, int32_t from, int32_t to)
{
    int32_t bytes = 4 * z->quarter, tiles = 0;
    copy_words(p, 1, z->quarter, from,
               LOOPS({GROUP, 4}, {1, 0}, {z->groups, 4 * GROUP}, {1, 0}, {1, 4 * bytes}, {1, 0}, {1, 4 * bytes}), to,
               LOOPS({GROUP, 4}, {z->groups, 4 * GROUP}, {1, bytes}, {1, bytes}));
    for (int32_t k = 1; k < GRID; k++)
        tiles = mesh_move(p, ISA_MESH_EAST, 1, (struct mesh_block){from + z->quarter * k, GROUP, z->groups, GROUP},
                           between(one_tile, k), 1 << k, (struct mesh_block){to, GROUP, z->groups, GROUP}, 0, z->relay);
    mesh_close(p, tiles);
}

/* 16 words of a pixel each become 4. */
static void select_bytes(const struct plan *plan, const struct step *s, struct program *p, const struct sizes *z,
                         int32_t from, int32_t to)
{
    const struct flatten *f = s->detail;
    const struct parameter *q = &plan->parameters[s->parameter];
    enum isa_opcode receive = q->streamed ? ISA_RING_RECV_A : ISA_RING_RECV_B;
    enum isa_flag ring = q->streamed ? ISA_RREAD_A : ISA_RREAD_B;
    int32_t used = program_flag(p, FIRST_TILES, ISA_PARAM), arrived = program_flag(p, FIRST_TILES, ring);
    int32_t done = program_flag(p, FIRST_TILES, ISA_AVDATA), loaded = program_flag(p, FIRST_TILES, ISA_W2S);
    program_add(p,
                (struct isa_inst){.op = receive,
                                  .recv = {.tiles = FIRST_TILES,
                                           .w = buffered(masked(wide_rows(SELECT_ROW, LOOPS({GROUP, 1})), 1), 1, 0),
                                           .s = {.en = 1, .dim = 1, .base = HEADER_ROW, .end = HEADER_ROW, .step = 1},
                                           .p = signal_at(1),
                                           .wait = wait_room(ISA_PARAM, 1, used, 1)}});
    program_add(p,
                (struct isa_inst){
                    .op = ISA_TO_NARROW,
                    .to_narrow = {.tiles = FIRST_TILES,
                                  .w = masked(wide_rows(HEADER_ROW, NO_LOOPS), 1),
                                  .n = buffered(narrow_words(64, LOOPS({GROUP / 2, 1}, {1, 64})), 2, 32),
                                  .p = signal_at(2),
                                  .wait = {wait_data(ring, 1, arrived + 1, 1), wait_room(ISA_AVDATA, 2, done - 1, 1)},
                                  .par = 1,
                                  .pack = 1}});
    struct isa_tensor i = {.tiles = FIRST_TILES,
                           .lim = {GROUP - 1, z->groups - 1},
                           .avdata = signal_at(2),
                           .param = signal_at(2),
                           .wait = {wait_data(ring, 2, arrived + 1, 1), wait_data(ISA_W2S, 2, loaded + 1, 1)},
                           .acc4 = 1,
                           .one = 1,
                           .nospill = 1,
                           .chdim = 2,
                           .redmask = 1,
                           .lanes = GROUP - 1,
                           .lanes_last = GROUP - 1};
    i.a = tensor_unit(4LL * from, LOOPS({GROUP, 4}, {1, 4 * GROUP}, {z->groups, 4 * GROUP}));
    i.w = tensor_unit(4LL * SELECT_ROW, LOOPS({GROUP, 4}, {z->groups, 0}));
    i.p = buffered(tensor_unit(0, LOOPS({GROUP, 0}, {z->groups, 0})), 1, 4);
    i.o = tensor_unit(4LL * to, LOOPS({4, 4}, {z->groups, GROUP}, {1, GROUP}));
    set_weighted_numerics(&i, f->select, &q->segment);
    program_add(p, (struct isa_inst){.op = ISA_MAC, .tensor = i});
    if (q->streamed)
        emit_stream(p, q, FIRST_TILES);
    else
        emit_broadcast(p, q, FIRST_TILES);
}

/* The vector's quarters at `from` of the first four tiles to `to` of the four tiles that begin a row. */
static void gather_vector(struct program *p, const struct sizes *z, int32_t from, int32_t to)
{
    int32_t words = z->pixels, x = z->groups, tiles = 0;
    copy_words(p, 1, words, from, LOOPS({4, 4}, {1, 0}, {x, 16}, {1, 0}, {1, 4 * words}, {1, 0}, {1, 4 * words}), to,
               LOOPS({4, 4}, {x, 16}, {1, 4 * z->quarter}, {1, 4 * z->quarter}));
    for (int32_t k = 1; k < GRID; k++)
        tiles = mesh_move(p, ISA_MESH_WEST, 1 << k, (struct mesh_block){from, 4, x, 4}, between(one_tile, k), 1,
                           (struct mesh_block){to + words * k, 4, x, 4}, 0, z->work + 9 * z->pixels);
    mesh_close(p, tiles);
    fence_all(p);
    for (int32_t k = 1; k < GRID; k++)
        tiles = mesh_move(p, ISA_MESH_SOUTH, 1, (struct mesh_block){to + words * k, 4, x, 4}, between(row_head, k),
                           row_head(k), (struct mesh_block){to, 4, x, 4}, 0, z->work + 9 * z->pixels);
    mesh_close(p, tiles);
    fence_all(p);
}

/* Each row's quarter at `from` of its first tile to the slices at `to`. */
static void deal_slices(struct program *p, const struct sizes *z, int32_t from, int32_t to)
{
    int32_t words = z->pixels, slice = words / GRID, tiles = 0;
    struct loops a = LOOPS({slice, 4}, {1, 0}, {1, 4 * words}, {1, 0}, {1, 4 * words}, {1, 0}, {1, 4 * words});
    copy_words(p, 1, slice, from, a, to,
               LOOPS({slice, 4}, {1, 4 * z->quarter}, {1, 4 * z->quarter}, {1, 4 * z->quarter}));
    copy_words(p, column(0) & ~1, slice, from, a, to,
               LOOPS({slice, 4}, {1, 4 * slice}, {1, 4 * slice}, {1, 4 * slice}));
    for (int32_t k = 1; k < GRID; k++)
        tiles = mesh_move(p, ISA_MESH_EAST, column(0), (struct mesh_block){from + slice * k, slice, 1, slice},
                           between(column, k), column(k), (struct mesh_block){to, slice, 1, slice}, 0,
                           z->work + 9 * z->pixels);
    mesh_close(p, tiles);
}

static void emit_flatten(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct flatten *f = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    int32_t identity = plan->buffers[f->identity].at, image = value_at(plan, in), to = value_at(plan, out);
    struct sizes z = {.pixels = in->x / GRID * (in->y / GRID),
                      .work = plan->buffers[f->work].at,
                      .relay = plan->buffers[f->relay].at};
    z.quarter = GRID * z.pixels;
    z.groups = z.quarter / GROUP;
    /* The work buffer: a quarter of the image, then all of it; what comes later lies over these. */
    int32_t whole = z.work + z.quarter, bytes = z.work + z.quarter, vector = z.work + 5 * z.pixels;

    fence_layer(p);
    emit_identity(p, identity, IDENTITY_ROW, false);
    fence_all(p);
    mesh_gather(p, &in->grid, IDENTITY_ROW, image, whole, z.relay);
    emit_identity(p, identity, IDENTITY_ROW, false);
    fence_all(p);
    deal_quarters(p, &z, whole, z.work);
    fence_layer(p);
    fence_layer(p);
    emit_barrier(p, 0);
    select_bytes(plan, s, p, &z, z.work, bytes);
    fence_layer(p);
    fence_layer(p);
    gather_vector(p, &z, bytes, vector);
    deal_slices(p, &z, vector, to);
    fence_layer(p);
}

const struct family family_flatten = {.name = "flatten", .size = size_flatten, .emit = emit_flatten};

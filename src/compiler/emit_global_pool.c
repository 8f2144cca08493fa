/* A pool whose window is the whole image: one pixel comes out.  The pixels of all tiles are put side by side on the
 * first, over ring A, in any order; there they are one window.
 *
 * Any number of channels.  The reduction is that of mobilenet_v2_mask_classification (compiler 2.x, 7x7x1280, on the
 * first tile too); official programs bring the pixels there over the mesh, as halos. */
#include "compiler/families.h"
#include "compiler/pool.h"
#include "compiler/scalar.h"

enum {
    RECEIVE_ROW = 2078, LOWEST_RING_ROW = 2074,
    LIST_WORDS = 16384,  /* narrow words of the pixels that are reduced at a time, of more than 16 words of channels */
    GROUP_WORDS = 32768, /* the same of fewer */
    MOST_PIXELS = 8192,  /* in 2048 wide rows */
    FIRST_TILE = 1,
};

struct list { /* the pixels on the first tile */
    int32_t pixels, rows; /* wide rows of a group of channels */
    int32_t words;        /* per pixel, in all */
    int32_t group;        /* words of channels that lie side by side in a wide row: 16, fewer of very many pixels */
    int32_t groups;       /* that are reduced at a time */
};

static struct list list_of(const struct grid *g)
{
    struct list n = {.pixels = g->y * g->x, .words = g->words, .group = POOL_GROUP_WORDS};
    n.rows = (int32_t)ceil_div(n.pixels, POOL_ROW_PIXELS);
    while (n.group > 1 && n.rows * POOL_ROW_PIXELS * n.group > GROUP_WORDS)
        n.group /= 2;
    int32_t full = n.words / n.group, room = LIST_WORDS / (n.rows * POOL_ROW_PIXELS * n.group);
    n.groups = full < room ? full : room;
    n.groups = n.groups > 1 ? n.groups : 1;
    return n;
}

/* Narrow words of the list, and the word of one behind it. */
static int32_t list_words(const struct list *n)
{
    enum { ONE = 1 };
    int32_t side_by_side = n->words < n->groups * n->group ? n->words : n->groups * n->group;
    return n->rows * POOL_ROW_PIXELS * side_by_side + ONE;
}

const char *pool_global_refusal(struct arena *a, const struct shape4 *from)
{
    int64_t pixels = (int64_t)from->y * from->x;
    if (pixels > MOST_PIXELS)
        return arena_text(a, "%lld pixels in one window; %d are possible: pool smaller windows first",
                          (long long)pixels, MOST_PIXELS);
    struct grid g = grid_of(from->y, from->x, from->z);
    struct list n = list_of(&g);
    int64_t words = (int64_t)list_words(&n) + grid_words(&g) + g.words;
    if (words > NARROW_WORDS)
        return arena_text(a, "its pixels side by side take %lld bytes of one tile, %d are there: pool smaller windows "
                          "first", (long long)words * 4, 4 * NARROW_WORDS);
    return NULL;
}

static bool size_global_pool(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct value *out = &p->values[s->out];
    struct list n = list_of(&plan_in(p, s, 0)->grid);
    s->temporary = plan_buffer(p, (struct narrow_buffer){.words = list_words(&n), .first = (int32_t)index,
                                                         .last = (int32_t)index, .late = true});
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = grid_words(&out->grid), .first = (int32_t)index,
                                                        .last = (int32_t)out->last});
    plan_wide_floor(p, LOWEST_RING_ROW - n.groups * n.rows);
    return true;
}

struct part {
    const struct plan *plan;
    const struct step *s;
    struct list n;
    int32_t word, words; /* channels of this piece */
    int32_t list, one;   /* narrow words */
};

/* Words `word` .. of every pixel, tile after tile. */
static void collect(const struct part *q, struct program *p)
{
    const struct value *v = plan_in(q->plan, q->s, 0);
    const struct grid *g = &v->grid;
    int32_t to = q->list;
    for (int t = 0; t < ISA_TILES; t++) {
        struct span y = g->own_y[t / GRID], x = g->own_x[t % GRID];
        int32_t h = span_size(y), w = span_size(x), pitch = grid_pitch(g, t);
        int32_t from = value_at(q->plan, v) + grid_at(g, t, y.first, x.first) + q->word;
        if (h == 0 || w == 0)
            continue;
        if (q->words == g->words)
            emit_copy_rows(p, t, FIRST_TILE, w * q->words, h, (struct rows){.at = from, .pitch = pitch},
                           (struct rows){.at = to, .pitch = w * q->words}, RECEIVE_ROW);
        for (int32_t i = 0; q->words < g->words && i < h; i++)
            emit_copy_rows(p, t, FIRST_TILE, q->words, w, (struct rows){.at = from + i * pitch, .pitch = g->words},
                           (struct rows){.at = to + i * w * q->words, .pitch = q->words}, RECEIVE_ROW);
        to += q->words * h * w;
    }
}

/* `groups` groups of `words` words, from `at` of the piece on. */
static void reduce(const struct part *q, int32_t at, int32_t words, int32_t groups, struct program *p)
{
    const struct pool_detail *d = q->s->detail;
    int32_t rows = q->n.rows, pixels = q->n.pixels, base = LOWEST_RING_ROW - groups * rows;
    struct loops narrow = LOOPS({POOL_ROW_PIXELS, q->words}), wide = LOOPS({rows, 1});
    if (words > 1)
        loop(&narrow, words, 1);
    struct isa_to_wide w = {.tiles = FIRST_TILE, .p = signal_at(1), .par = 1, .pack = (int32_t)loop_count(&narrow)};
    loop(&narrow, rows, POOL_ROW_PIXELS * q->words);
    struct loops ones = LOOPS({pixels, 0}, {1, 0}, {1, 4}, {1, 4}), sums = LOOPS({pixels, 0});
    if (groups > 1) {
        loop(&narrow, groups, words);
        loop(&wide, groups, rows);
        loop(&ones, groups, 0);
        loop(&sums, groups, 0);
    }
    w.n = narrow_words(q->list + at, narrow);
    w.w = wide_rows(base, wide);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
    emit_fence(p, (struct fence){0});

    struct isa_tensor i = {.tiles = FIRST_TILE, .avdata = signal_at(3), .param = signal_at(4), .one = 1, .nospill = 1,
                           .w1 = 3, .chdim = 4,
                           .redmask = 3, .lanes = 4 * words - 1, .lanes_last = 4 * words - 1};
    int32_t group = POOL_ROW_PIXELS * rows;
    i.lim[0] = pixels - 1;
    i.lim[4] = groups - 1;
    i.a = d->kind == POOL_MAX ? tensor_unit(0, NO_LOOPS) : tensor_unit(4LL * q->one, ones);
    i.w = tensor_unit(POOL_ROW_PIXELS * base, LOOPS({pixels, 1}, {1, group}, {1, 1}, {1, group}, {groups, group},
                                                    {1, group * groups}));
    i.p = buffered(tensor_unit(0, sums), 1, 4);
    const struct value *out = plan_out(q->plan, q->s);
    i.o = tensor_unit(4LL * (value_at(q->plan, out) + grid_at(&out->grid, 0, 0, 0) + q->word + at),
                      LOOPS({words, 4}, {1, 4 * q->n.words}, {1, 4 * q->n.words}, {groups, 4 * words},
                            {1, 4 * q->n.words}));
    pool_set_numbers(&i, d, pixels);
    program_add(p, (struct isa_inst){.op = d->kind == POOL_MAX ? ISA_MAX : ISA_MAC, .tensor = i});
}

static void emit_global_pool(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct pool_detail *d = s->detail;
    struct part q = {.plan = plan, .s = s, .n = list_of(&plan_in(plan, s, 0)->grid),
                     .list = plan->buffers[s->temporary].at};
    q.one = q.list + plan->buffers[s->temporary].words - 1;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_exchange_begin(p);
    if (d->kind != POOL_MAX)
        emit_fill(p, ISA_MESH_NORTH, (struct constant){q.one, 1, 1}, false);
    for (; q.word < q.n.words; q.word += q.words) {
        int32_t most = q.n.groups * q.n.group, left = q.n.words - q.word;
        q.words = left < most ? left : most;
        int32_t full = q.words / q.n.group, rest = q.words % q.n.group;
        collect(&q, p);
        emit_exchange_end(p);
        emit_fence(p, (struct fence){0});
        if (full)
            reduce(&q, 0, q.n.group, full, p);
        if (full && rest)
            emit_fence(p, (struct fence){0});
        if (rest)
            reduce(&q, full * q.n.group, rest, 1, p);
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    }
}

const struct family family_global_pool = {.name = "pool of a whole image", .size = size_global_pool,
                                          .emit = emit_global_pool};

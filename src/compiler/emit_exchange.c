/* A pool of a whole image: the tiles exchange pixels for channels, then each reduces all pixels of its own channels.
 *
 * Every tile has all channels of its own pixels; the first tiles shall have a slice of the channels (64, above 1024
 * channels 128) of all pixels.  Two passes over the mesh: in each column tile row g gets the channels of its four
 * slices of the column's pixels, from g's neighbours and, relayed, from beyond; then in each row the tiles get their
 * slice of the other columns.  Transfers that are the same in several columns (rows) of tiles are one instruction.
 * All programs of this kind are alike but for the number of pixels and channels.
 *
 * Source: every instruction of the official mobilenet_v1_0.25_128 (4x4x256), 0.5_160 (5x5x512), 0.75_192 (6x6x768);
 * for one row of tiles, which gets whole pixels, read from deeplabv3_mnv2_dm05 (33x33x160).
 * Other numbers of channels and images of fewer than four rows or columns by the same rules; official files of which
 * only the number of instructions by opcode is known agree (catalogue: 7x7x1280, 8x8x10;
 * 4x4x10 and 3x2x1024 nearly). */
#include "compiler/families.h"
#include "compiler/pool.h"
#include "compiler/scalar.h"

enum {
    IDENTITY_ROW = WIDE_ROWS - 1,
    COPY_ROWS = 2,
    GROUP = POOL_GROUP_WORDS,  /* words of channels that are reduced together */
    RELAY_WORDS = 2,           /* for each direction */
    MOST_PIXELS = 2048,
    MOST_WORDS = 512,          /* of a pixel: 32 groups */
    GATHER_FLOOR = 2073,       /* of the gather that follows */
};

struct channel_pool { /* shared by both steps; the buffers are settled by the first one's size */
    struct pool_detail pool;
    uint32_t column, relay, one, identity;
};

bool channel_pool_fits(const struct shape4 *s)
{
    int64_t pixels = (int64_t)s->y * s->x, words = ceil_div(s->z, 4);
    bool whole_rows = words <= ISA_TILES * GROUP || (words <= MOST_WORDS && words % ROW_WORDS == 0);
    if (!whole_rows || pixels < 2 || pixels > MOST_PIXELS)
        return false;
    struct slices c = slices_of(s->z);
    int64_t across = ceil_div(s->x, GRID), image = ceil_div(s->y, GRID) * across * words;
    int64_t column = s->y * across * GRID * c.words, result = s->y * (s->x + POOL_ROW_PIXELS) * c.words;
    return image + column + result + ROW_WORDS <= NARROW_WORDS;
}

const void *channel_pool_detail(struct arena *a, const struct pool_detail *d)
{
    struct channel_pool *c = ARENA_NEW(a, struct channel_pool);
    c->pool = *d;
    return c;
}

/* ---- transfers over the mesh ---- */

/* One instruction, or two that will be one. */
struct move {
    enum isa_opcode op;
    int32_t tiles;
    struct isa_ttu a, b; /* of what is sent, received */
    int32_t send_dim, receive_dim; /* -1: does not */
    int32_t relay;       /* words that pass through; 0: does not relay */
    int32_t in, out;     /* relay: waits for so many arrivals, departures */
    int32_t copy;        /* not over the mesh: the tiles of column copy - 1 keep their own; 0: none */
    int sender;          /* the move it gets its words from, or -1 */
    int join;            /* a send that becomes part of the receiving move `join`; -1: stays alone */
    int same;            /* equal to this move of an earlier line, or -1 */
};

struct mesh {
    const struct program *p;
    struct move *move;
    int count;
    int *order, n_order; /* the moves in the order of the stream */
    int32_t flag[ISA_TILES][ISA_FLAGS];
    int32_t relay_at;
};

static const struct direction {
    enum isa_opcode op;
    enum isa_flag in, out;
    int32_t step, relay;
} SOUTH = {ISA_MESH_SOUTH, ISA_N_IN, ISA_S_OUT, GRID, RELAY_WORDS},
  WEST = {ISA_MESH_WEST, ISA_E_IN, ISA_W_OUT, -1, 2 * RELAY_WORDS},
  NORTH = {ISA_MESH_NORTH, ISA_S_IN, ISA_N_OUT, -GRID, 0},
  EAST = {ISA_MESH_EAST, ISA_W_IN, ISA_E_OUT, 1, 3 * RELAY_WORDS};

enum { MOST_MOVES = 1024 };

static struct mesh mesh_of(const struct plan *plan, const struct channel_pool *c, const struct program *p)
{
    struct mesh m = {.p = p, .move = ARENA_ARRAY(plan->arena, struct move, MOST_MOVES),
                     .order = ARENA_ARRAY(plan->arena, int, MOST_MOVES),
                     .relay_at = plan->buffers[c->relay].at};
    memcpy(m.flag, p->flag, sizeof m.flag);
    return m;
}

static int add_move(struct mesh *m, struct move v)
{
    m->move[m->count] = v;
    return m->count++;
}

static struct move move_of(enum isa_opcode op, int tile)
{
    return (struct move){.op = op, .tiles = 1 << tile, .send_dim = -1, .receive_dim = -1, .sender = -1, .join = -1,
                         .same = -1};
}

/* Words of a side: a signal for each round of its last loop. */
static int32_t signals(const struct loops *l) { return (int32_t)l->dim[loop_count(l) - 1].count; }

static int32_t words_of(const struct loops *l)
{
    int64_t n = 1;
    for (unsigned k = 0; k < loop_count(l); k++)
        n *= l->dim[k].count;
    return (int32_t)n;
}

/* The last move of this tile and direction, in the stream or in the line from `first` on; -1: none. */
static int last_move(const struct mesh *m, int first, enum isa_opcode op, int tile)
{
    for (int k = m->count - 1; k >= first; k--)
        if (m->move[k].op == op && m->move[k].tiles >> tile & 1)
            return k;
    for (int k = m->n_order - 1; k >= 0; k--)
        if (m->move[m->order[k]].op == op && m->move[m->order[k]].tiles >> tile & 1)
            return m->order[k];
    return -1;
}

struct side {
    int32_t at;
    struct loops l;
};

/* Words from tile src to tile dst; the line that is being made begins with move `first`. */
static void transfer(struct mesh *m, int first, const struct direction *d, int src, int dst, struct side from,
                     struct side to)
{
    struct move send = move_of(d->op, src), receive = move_of(d->op, dst);
    int last = last_move(m, first, d->op, src);
    send.a = mesh_words(from.at, from.l);
    send.send_dim = (int32_t)loop_count(&from.l) - 1;
    if (last >= 0 && m->move[last].receive_dim >= 0 && m->move[last].send_dim < 0)
        send.join = last;
    int sender = add_move(m, send);
    m->flag[src][d->out] += signals(&from.l);
    int32_t words = words_of(&from.l);
    for (int t = src + d->step; t != dst; t += d->step) {
        struct move relay = move_of(d->op, t);
        relay.relay = words;
        relay.in = m->flag[t][d->in] + 1;
        relay.out = m->flag[t][d->out] - 1;
        relay.a = relay.b = buffered(mesh_words(m->relay_at + d->relay, LOOPS({words, 0})), 0, 1);
        relay.sender = sender;
        sender = add_move(m, relay);
        m->flag[t][d->in] += words;
        m->flag[t][d->out] += words;
    }
    receive.b = mesh_words(to.at, to.l);
    receive.receive_dim = (int32_t)loop_count(&to.l) - 1;
    receive.sender = sender;
    m->flag[dst][d->in] += signals(&to.l);
    add_move(m, receive);
}

static bool same_move(const struct move *x, const struct move *y)
{
    return x->op == y->op && x->send_dim == y->send_dim && x->receive_dim == y->receive_dim && x->relay == y->relay &&
        x->in == y->in &&
           x->out == y->out && !memcmp(&x->a, &y->a, sizeof x->a) && !memcmp(&x->b, &y->b, sizeof x->b);
}

struct line { /* moves [first, end) */
    int first, end;
};

static bool same_line(const struct mesh *m, struct line x, struct line y)
{
    if (x.end - x.first != y.end - y.first)
        return false;
    for (int k = 0; k < x.end - x.first; k++)
        if (!same_move(&m->move[x.first + k], &m->move[y.first + k]))
            return false;
    return true;
}

/* The receive that a send becomes part of, as it stands in the stream; -1: none. */
static int joined(const struct mesh *m, const struct move *send)
{
    int to = send->join;
    while (to >= 0 && m->move[to].same >= 0)
        to = m->move[to].same;
    return to;
}

/* The moves of `y` become those of the equal line `x`, up to a receive of what was itself received on the way: from
 * there on they stay alone.  Why the official compiler stops there is not known; more instructions than needed do no
 * harm. */
static void join_line(struct mesh *m, struct line x, struct line y)
{
    bool joining = true;
    for (int k = 0; k < x.end - x.first; k++) {
        struct move *one = &m->move[x.first + k], *other = &m->move[y.first + k];
        const struct move *sender = one->sender >= 0 ? &m->move[one->sender] : NULL;
        if (one->receive_dim >= 0 && sender && (sender->relay || sender->join >= 0))
            joining = false;
        if (joining && joined(m, one) == joined(m, other)) {
            one->tiles |= other->tiles;
            other->same = x.first + k;
        } else {
            m->order[m->n_order++] = y.first + k;
        }
    }
}

/* Puts the lines, which may run at the same time, into the stream. */
static void put_lines(struct mesh *m, const struct line *line, int n)
{
    for (int i = 0; i < n; i++) {
        int twin = 0;
        while (twin < i && !same_line(m, line[twin], line[i]))
            twin++;
        if (twin < i) {
            join_line(m, line[twin], line[i]);
            continue;
        }
        for (int k = line[i].first; k < line[i].end; k++)
            m->order[m->n_order++] = k;
    }
}

static void add_mesh(const struct move *v, struct program *p)
{
    struct isa_mesh i = {.tiles = v->tiles, .a = v->a, .b = v->b};
    if (v->send_dim >= 0)
        i.p[0] = signal_at(v->send_dim);
    if (v->receive_dim >= 0)
        i.p[1] = signal_at(v->receive_dim);
    if (v->relay) {
        const struct direction *all[] = {&SOUTH, &WEST, &NORTH, &EAST}, *d = all[0];
        for (int k = 0; k < 4; k++)
            d = all[k]->op == v->op ? all[k] : d;
        i.p[0] = i.p[1] = signal_at(0);
        i.wait[0] = wait_data(d->in, 0, v->in, 1);
        i.wait[1] = wait_room(d->out, 0, v->out, 1);
    }
    program_add(p, (struct isa_inst){.op = v->op, .mesh = i});
}

/* Sends that join a receive become its other half. */
static void settle_joins(struct mesh *m)
{
    for (int k = 0; k < m->n_order; k++) {
        const struct move *send = &m->move[m->order[k]];
        int to = joined(m, send);
        if (to < 0)
            continue;
        m->move[to].a = send->a;
        m->move[to].send_dim = send->send_dim;
    }
}

/* ---- pixels for channels ---- */

struct exchange {
    const struct plan *plan;
    const struct grid *g;
    int32_t in, column, out; /* narrow words */
    int32_t row;             /* wide row of copies that stay on their tile */
    struct slices c;         /* of the channels */
    int32_t tile_rows;       /* that get channels */
};

/* Words of a pixel that tile row i gets, and where they begin. */
static int32_t line_at(const struct exchange *e, int i) { return GRID * e->c.words * i; }
static int32_t line_of(const struct exchange *e, int i)
{
    int32_t left = e->c.total - line_at(e, i), line = GRID * e->c.words;
    return left < line ? left : line;
}
/* Tiles of row i that get channels. */
static int row_tiles(const struct exchange *e, int i)
{
    int n = e->c.tiles - GRID * i;
    return n < GRID ? n : GRID;
}

static int32_t height(const struct exchange *e, int i) { return span_size(e->g->own_y[i]); }
static int32_t width(const struct exchange *e, int j) { return span_size(e->g->own_x[j]); }

/* `passes` rows of wide memory, two in turn, or one. */
static struct isa_ttu turns(int32_t row, int32_t passes)
{
    return passes > 1 ? buffered(wide_rows(row, LOOPS({passes, 0})), 0, 1) : masked(wide_rows(row, NO_LOOPS), 1);
}

/* A single row of tiles gets all words of the pixels: they lie one behind another on both sides. */
static bool whole_pixels(const struct exchange *e, int i) { return line_of(e, i) == e->g->words; }

/* A row's words of n pixels, as many at a time as fill a wide row at most. */
static struct loops kept_pixels(const struct exchange *e, int i, int32_t n, int32_t pitch)
{
    int32_t line = line_of(e, i), at_a_time = line < ROW_WORDS ? line : ROW_WORDS;
    if (whole_pixels(e, i))
        return n * line > ROW_WORDS ? LOOPS({ROW_WORDS, 1}, {ceil_div(n * line, ROW_WORDS), ROW_WORDS})
                                    : LOOPS({n * line, 1});
    struct loops l = LOOPS({at_a_time, 1});
    if (line > at_a_time)
        loop(&l, line / at_a_time, at_a_time);
    if (n > 1)
        loop(&l, n, pitch);
    return l;
}

/* The same as an address generator: the last row may be shorter (deeplabv3_mnv2_dm05). */
static struct isa_ttu kept_words(const struct exchange *e, int i, int32_t n, int32_t at, struct loops l)
{
    int32_t rest = n * line_of(e, i) % ROW_WORDS;
    struct isa_ttu t = narrow_words(at, l);
    return whole_pixels(e, i) && rest && n * line_of(e, i) > ROW_WORDS ? short_last(t, 1, rest, ROW_WORDS - rest) : t;
}

/* Wide rows of these. */
static int32_t kept_rows(const struct loops *l)
{
    int32_t rows = 1;
    for (unsigned k = 1; k < loop_count(l); k++)
        rows *= (int32_t)l->dim[k].count;
    return rows;
}

struct own { /* what a tile keeps: its pixels, in the first pass */
    const struct exchange *e;
    const struct program *p;
    int tile_row;
};

static bool keep_out(int tile, const void *arg, struct isa_inst *out)
{
    const struct own *o = arg;
    const struct exchange *e = o->e;
    int32_t n = height(e, tile / GRID) * width(e, tile % GRID);
    if (tile / GRID != o->tile_row || n == 0)
        return false;
    struct loops l = kept_pixels(e, o->tile_row, n, e->g->words);
    int32_t passes = kept_rows(&l);
    out->op = ISA_TO_WIDE;
    out->to_wide = (struct isa_to_wide){.n = kept_words(e, o->tile_row, n, e->in + line_at(e, o->tile_row), l),
                                        .w = turns(e->row, passes), .p = signal_at(0), .pack = 1};
    if (passes > 1)
        out->to_wide.wait[0] = wait_room(ISA_W2N, 0, o->p->flag[tile][ISA_W2N] - 1, 1);
    return true;
}

static bool keep_in(int tile, const void *arg, struct isa_inst *out)
{
    const struct own *o = arg;
    const struct exchange *e = o->e;
    int32_t w = width(e, tile % GRID), n = height(e, tile / GRID) * w;
    if (tile / GRID != o->tile_row || n == 0)
        return false;
    int32_t line = line_of(e, o->tile_row);
    struct loops l = kept_pixels(e, o->tile_row, n, line);
    int32_t passes = kept_rows(&l), to = e->column + e->g->own_y[o->tile_row].first * w * line;
    out->op = ISA_TO_NARROW;
    out->to_narrow = (struct isa_to_narrow){.w = turns(e->row, passes), .n = kept_words(e, o->tile_row, n, to, l),
                                            .p = signal_at(passes > 1), .pack = 1};
    out->to_narrow.wait[0] = wait_data(ISA_N2W, 0, o->p->flag[tile][ISA_N2W] + 1, 1);
    return true;
}

static void keep_own_pixels(const struct exchange *e, struct program *p)
{
    for (int i = 0; i < e->tile_rows; i++) {
        struct isa_inst out[ISA_TILES], in[ISA_TILES];
        struct own o = {e, p, i};
        unsigned n = tile_classes(keep_out, &o, NULL, out);
        if (tile_classes(keep_in, &o, NULL, in) != n) {
            status_fail(p->st, STATUS_INTERNAL, "tile row %d does not take what it gives", i);
            return;
        }
        for (unsigned k = 0; k < n; k++) {
            program_add(p, out[k]);
            program_add(p, in[k]);
        }
    }
}

/* Channels of tile (i, j)'s pixels, for tile row `to`. */
static void send_pixels(const struct exchange *e, struct mesh *m, int first, const struct direction *d, int i, int to,
                        int j)
{
    int32_t w = width(e, j), n = height(e, i) * w, line = line_of(e, to);
    struct loops l = whole_pixels(e, to) ? LOOPS({n * line, 1}) : LOOPS({line, 1});
    if (n == 0)
        return;
    if (n > 1 && !whole_pixels(e, to))
        loop(&l, n, e->g->words);
    transfer(m, first, d, GRID * i + j, GRID * to + j, (struct side){e->in + line_at(e, to), l},
             (struct side){e->column + e->g->own_y[i].first * w * line, LOOPS({line * n, 1})});
}

static void exchange_columns(const struct exchange *e, struct mesh *m, struct program *p)
{
    for (int southward = 1; southward >= 0; southward--)
        for (int to = 0; to < e->tile_rows; to++) {
            struct line line[GRID];
            for (int j = 0; j < GRID; j++) {
                line[j].first = m->count;
                for (int i = southward ? to - 1 : to + 1; i >= 0 && i < GRID; i += southward ? -1 : 1)
                    send_pixels(e, m, line[j].first, southward ? &SOUTH : &NORTH, i, to, j);
                line[j].end = m->count;
            }
            put_lines(m, line, GRID);
        }
    settle_joins(m);
    for (int k = 0; k < m->n_order; k++)
        if (m->move[m->order[k]].join < 0)
            add_mesh(&m->move[m->order[k]], p);
}

/* `words` words of column j's pixels, in the buffer of a column (pitch: its words a pixel) and in the result. */
static struct loops pixels_of(const struct exchange *e, int j, int32_t words, int32_t pitch, int32_t width_out)
{
    struct isa_dim d[3] = {{words, 1}, {width(e, j), pitch}, {e->g->y, pitch * width_out}};
    struct loops l = NO_LOOPS;
    unsigned n = loops_squeeze(d, 3);
    for (unsigned k = 0; k < n; k++)
        loop(&l, d[k].count, d[k].stride);
    if (n == 0) /* a single word */
        loop(&l, 1, 1);
    return l;
}

static void send_channels(const struct exchange *e, struct mesh *m, int first, const struct direction *d, int i, int j,
                          int to)
{
    int32_t words = slice_words(&e->c, GRID * i + to);
    if (width(e, j) == 0)
        return;
    transfer(m, first, d, GRID * i + j, GRID * i + to,
             (struct side){e->column + e->c.words * to, pixels_of(e, j, words, line_of(e, i), width(e, j))},
             (struct side){e->out + words * e->g->own_x[j].first, pixels_of(e, j, words, words, e->g->x)});
}

struct keeping { /* the tiles of column j keep their slice of their own column's pixels */
    const struct exchange *e;
    const struct program *p;
    int column;
};

/* As many pixels at a time as fill a wide row. */
struct batch {
    int32_t across, down;
};
static struct batch batch_of(int32_t words, int32_t w, int32_t y)
{
    struct batch b = {1, 1};
    for (int32_t k = 1; k <= w; k++)
        if (w % k == 0 && k * words <= ROW_WORDS)
            b.across = k;
    for (int32_t k = 1; b.across == w && k <= y; k++)
        if (y % k == 0 && k * w * words <= ROW_WORDS)
            b.down = k;
    return b;
}

/* A slice of w pixels in each of y lines, a wide row behind another; pitch: words a pixel; line: words a line.
 * *pack: loops that fill a row.  False where no loop makes rows. */
static bool slice_loops(struct loops *l, int32_t words, int32_t w, int32_t y, int32_t pitch, int32_t line,
                        int32_t *pack)
{
    struct batch b = batch_of(words, w, y);
    struct isa_dim row[3] = {{words, 1}, {b.across, pitch}, {b.down, line}};
    struct isa_dim rows[2] = {{w / b.across, (int64_t)pitch * b.across}, {y / b.down, (int64_t)line * b.down}};
    unsigned n_row = loops_squeeze(row, 3), n_rows = loops_squeeze(rows, 2);
    *l = NO_LOOPS;
    for (unsigned k = 0; k < n_row; k++)
        loop(l, row[k].count, row[k].stride);
    if (n_row == 0) { /* a single word */
        loop(l, 1, 1);
        n_row = 1;
    }
    bool several = (w / b.across) * (y / b.down) > 1;
    for (unsigned k = 0; several && k < n_rows; k++)
        loop(l, rows[k].count, rows[k].stride);
    *pack = (int32_t)n_row;
    return several;
}

static int32_t batches(int32_t words, int32_t w, int32_t y)
{
    struct batch b = batch_of(words, w, y);
    return (w / b.across) * (y / b.down);
}

static bool gives_slice(const struct exchange *e, int tile, int column)
{
    return tile % GRID == column && tile < e->c.tiles && width(e, column) > 0;
}

static bool slice_out(int tile, const void *arg, struct isa_inst *out)
{
    const struct keeping *k = arg;
    const struct exchange *e = k->e;
    if (!gives_slice(e, tile, k->column))
        return false;
    int32_t words = slice_words(&e->c, tile), line = line_of(e, tile / GRID), w = width(e, k->column), pack;
    int32_t passes = batches(words, w, e->g->y);
    struct loops l;
    slice_loops(&l, words, w, e->g->y, line, line * w, &pack);
    out->op = ISA_TO_WIDE;
    out->to_wide = (struct isa_to_wide){.n = narrow_words(e->column + e->c.words * k->column, l),
                                        .w = turns(e->row, passes), .p = signal_at(0), .pack = pack};
    if (passes > 1)
        out->to_wide.wait[0] = wait_room(ISA_W2N, 0, k->p->flag[tile][ISA_W2N] - 1, 1);
    return true;
}

static bool slice_in(int tile, const void *arg, struct isa_inst *out)
{
    const struct keeping *k = arg;
    const struct exchange *e = k->e;
    if (!gives_slice(e, tile, k->column))
        return false;
    int32_t words = slice_words(&e->c, tile), w = width(e, k->column), pack;
    struct loops l;
    slice_loops(&l, words, w, e->g->y, words, words * e->g->x, &pack);
    int32_t passes = batches(words, w, e->g->y);
    out->op = ISA_TO_NARROW;
    out->to_narrow = (struct isa_to_narrow){.w = turns(e->row, passes),
                                            .n = narrow_words(e->out + words * e->g->own_x[k->column].first, l),
                                            .p = signal_at(passes > 1 ? pack : (int32_t)loop_count(&l) - 1),
                                            .wait = {wait_data(ISA_N2W, 0, k->p->flag[tile][ISA_N2W] + 1, 1)},
                                            .pack = pack};
    return true;
}

/* Tiles that give in one instruction take in one. */
static void keep_own_channels(const struct exchange *e, int j, struct program *p)
{
    struct isa_inst out[ISA_TILES], in[ISA_TILES];
    int32_t giver[ISA_TILES] = {0};
    struct keeping k = {e, p, j};
    unsigned n_out = tile_classes(slice_out, &k, NULL, out);
    for (unsigned i = 0; i < n_out; i++)
        for (int t = 0; t < ISA_TILES; t++)
            if (out[i].to_wide.tiles >> t & 1)
                giver[t] = (int32_t)i;
    unsigned n_in = tile_classes(slice_in, &k, giver, in);
    for (unsigned i = 0; i < n_in; i++) {
        if (i < n_out)
            program_add(p, out[i]);
        program_add(p, in[i]);
    }
}

static void exchange_rows(const struct exchange *e, struct mesh *m, struct program *p)
{
    struct line line[GRID];
    for (int i = 0; i < e->tile_rows; i++) {
        line[i].first = m->count;
        for (int to = 0; to < row_tiles(e, i); to++) {
            struct move own = move_of(ISA_TO_WIDE, 0);
            own.tiles = 0;
            own.copy = to + 1;
            add_move(m, own);
            for (int j = to - 1; j >= 0; j--)
                send_channels(e, m, line[i].first, &EAST, i, j, to);
        }
        line[i].end = m->count;
    }
    put_lines(m, line, e->tile_rows);
    for (int i = 0; i < e->tile_rows; i++) {
        line[i].first = m->count;
        for (int to = 0; to < row_tiles(e, i); to++)
            for (int j = to + 1; j < GRID; j++)
                send_channels(e, m, line[i].first, &WEST, i, j, to);
        line[i].end = m->count;
    }
    put_lines(m, line, e->tile_rows);
    settle_joins(m);
    bool kept[GRID] = {false};
    for (int k = 0; k < m->n_order; k++) {
        const struct move *v = &m->move[m->order[k]];
        if (v->copy && !kept[v->copy - 1]) {
            kept[v->copy - 1] = true;
            keep_own_channels(e, v->copy - 1, p);
        }
        if (!v->copy && v->join < 0)
            add_mesh(v, p);
    }
}

/* Groups of 64 channels of a tile. */
static int32_t groups_of(const struct slices *c, int tile) { return (int32_t)ceil_div(slice_words(c, tile), GROUP); }

/* Wide rows of all pixels of a tile's channels, below the identity. */
static int32_t pool_row(const struct grid *g)
{
    struct slices c = slices_of(4 * g->words);
    return IDENTITY_ROW - (int32_t)ceil_div(g->x, POOL_ROW_PIXELS) * g->y * groups_of(&c, 0);
}

static bool size_exchange(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct channel_pool *c = (struct channel_pool *)(uintptr_t)s->detail;
    struct value *out = &p->values[s->out];
    const struct grid *g = &plan_in(p, s, 0)->grid;
    struct slices slices = slices_of(4 * g->words);
    int32_t slice = slice_words(&slices, 0), line = GRID * slices.words;
    int32_t widest = 0, now = (int32_t)index, floor = pool_row(g) - COPY_ROWS;
    line = slices.total < line ? slices.total : line;
    for (int j = 0; j < GRID; j++)
        widest = span_size(g->own_x[j]) > widest ? span_size(g->own_x[j]) : widest;
    /* 4 pixels at a time are read from each row, so the last is as long as whole blocks of 4. */
    int32_t words = (g->y - 1) * slice * g->x + slice * POOL_ROW_PIXELS * (int32_t)ceil_div(g->x, POOL_ROW_PIXELS);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = words, .first = now, .last = (int32_t)out->last});
    c->column = plan_buffer(p, (struct narrow_buffer){.words = g->y * widest * line, .first = now, .last = now,
                                                      .late = true});
    c->relay = plan_buffer(p, (struct narrow_buffer){.words = 4 * RELAY_WORDS, .first = now, .last = now,
                                                     .late = true});
    c->one = plan_buffer(p, (struct narrow_buffer){.words = 1, .first = now, .last = now + 1, .late = true});
    /* The official identity outlives its use: the gathered vector is placed beside it. */
    c->identity = plan_buffer(p, (struct narrow_buffer){.words = 4, .first = now, .last = now + 3, .late = true});
    plan_wide_floor(p, floor < GATHER_FLOOR ? floor : GATHER_FLOOR);
    return true;
}

static void emit_exchange(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct channel_pool *c = s->detail;
    const struct value *in = plan_in(plan, s, 0);
    struct exchange e = {.plan = plan, .g = &in->grid, .in = value_at(plan, in), .column = plan->buffers[c->column].at,
                         .out = value_at(plan, plan_out(plan, s)), .row = pool_row(&in->grid) - COPY_ROWS,
                         .c = slices_of(4 * in->grid.words)};
    e.tile_rows = (int32_t)ceil_div(e.c.tiles, GRID);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (plan_leaves_identity(plan, s) && !plan_identity_on_top(plan, s)) {
        emit_identity(p, plan->buffers[c->identity].at, IDENTITY_ROW, true);
        emit_fence(p, (struct fence){0});
    }
    keep_own_pixels(&e, p);
    struct mesh columns = mesh_of(plan, c, p);
    exchange_columns(&e, &columns, p);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    struct mesh rows = mesh_of(plan, c, p);
    exchange_rows(&e, &rows, p);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_exchange = {.name = "exchange of pixels for channels", .size = size_exchange,
                                       .emit = emit_exchange};

/* ---- the pool ---- */

static bool size_channel_pool(struct plan *p, uint32_t index)
{
    struct value *out = &p->values[p->steps[index].out];
    struct slices c = slices_of(out->z);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = slice_words(&c, 0), .first = (int32_t)index,
                                                        .last = (int32_t)out->last});
    return true;
}

struct reduction {
    const struct program *p;
    const struct channel_pool *c;
    const struct grid *g;
    struct slices slices;
    int32_t line, row, one, in, out; /* wide rows of a line; wide row; narrow words */
};

/* Channels side by side that are reduced together, and how often. */
static int32_t lanes_of(const struct reduction *r, int tile)
{
    int32_t words = slice_words(&r->slices, tile);
    return words < GROUP ? words : GROUP;
}

static bool turn_channels(int tile, const void *arg, struct isa_inst *out)
{
    const struct reduction *r = arg;
    if (tile >= r->slices.tiles)
        return false;
    int32_t words = slice_words(&r->slices, tile), lanes = lanes_of(r, tile), groups = groups_of(&r->slices, tile);
    int32_t rows = r->line * r->g->y;
    struct loops n = LOOPS({POOL_ROW_PIXELS, words}), w = LOOPS({rows, 1});
    if (lanes > 1)
        loop(&n, lanes, 1);
    int32_t pack = (int32_t)loop_count(&n);
    if (r->line > 1)
        loop(&n, r->line, POOL_ROW_PIXELS * words);
    loop(&n, r->g->y, words * r->g->x);
    int32_t before = (int32_t)loop_count(&n);
    if (groups > 1) {
        loop(&n, groups, GROUP);
        loop(&w, groups, rows);
    }
    out->op = ISA_TO_WIDE;
    out->to_wide = (struct isa_to_wide){.n = narrow_words(r->in, n), .w = wide_rows(r->row, w), .p = signal_at(1),
                                        .par = 1, .pack = pack};
    if (r->slices.total % GROUP == 0)
        pool_wait(&out->to_wide, r->p->flag[tile], before, r->slices.groups);
    return true;
}

static bool reduce_channels(int tile, const void *arg, struct isa_inst *out)
{
    const struct reduction *r = arg;
    if (tile >= r->slices.tiles)
        return false;
    const struct pool_detail *pool = &r->c->pool;
    const struct grid *g = r->g;
    int32_t words = slice_words(&r->slices, tile), lanes = lanes_of(r, tile), groups = groups_of(&r->slices, tile);
    int32_t pixels = g->y * g->x, block = POOL_ROW_PIXELS * r->line;
    struct isa_tensor *i = &out->tensor;
    out->op = pool->kind == POOL_MAX ? ISA_MAX : ISA_MAC;
    *i = (struct isa_tensor){.avdata = signal_at(3), .param = signal_at(4), .one = 1, .nospill = 1, .w1 = 3, .chdim = 4,
                             .redmask = 3, .lanes = 4 * lanes - 1, .lanes_last = 4 * lanes - 1};
    i->lim[0] = g->x - 1;
    i->lim[1] = g->y - 1;
    i->lim[4] = groups - 1;
    struct loops a = LOOPS({g->x, 0}, {g->y, 0}, {1, 4}, {1, 4}), sums = LOOPS({pixels, 0});
    if (groups > 1) {
        loop(&a, groups, 0);
        loop(&sums, groups, 0);
    }
    i->a = pool->kind == POOL_MAX ? tensor_unit(0, NO_LOOPS) : tensor_unit(4LL * r->one, a);
    i->w = tensor_unit(POOL_ROW_PIXELS * r->row, LOOPS({g->x, 1}, {g->y, block}, {1, pool->x.stride},
                                                       {1, block * pool->y.stride}, {groups, block * g->y},
                                                       {1, block * g->y * groups}));
    i->p = buffered(tensor_unit(0, sums), 1, 4);
    i->o = tensor_unit(4LL * r->out, LOOPS({lanes, 4}, {1, 4 * words}, {1, 4 * words}, {groups, 4 * lanes},
                                           {1, 4 * words}));
    pool_set_numbers(i, pool, pixels);
    return true;
}

static void emit_channel_pool(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct channel_pool *c = s->detail;
    const struct grid *g = &plan_in(plan, &s[-1], 0)->grid;
    struct reduction r = {.p = p, .c = c, .g = g, .slices = slices_of(4 * g->words), .row = pool_row(g),
                          .line = (int32_t)ceil_div(g->x, POOL_ROW_PIXELS), .one = plan->buffers[c->one].at,
                          .in = value_at(plan, plan_in(plan, s, 0)), .out = value_at(plan, plan_out(plan, s))};
    struct isa_mesh fill = {
        .tiles = (1 << r.slices.tiles) - 1, .b = mesh_words(r.one, NO_LOOPS), .fill = 1, .value = 1};
    program_add(p, (struct isa_inst){.op = ISA_MESH_NORTH, .mesh = fill});
    emit_fence(p, (struct fence){0});
    program_add_tiles(p, turn_channels, &r);
    emit_fence(p, (struct fence){0});
    program_add_tiles(p, reduce_channels, &r);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_channel_pool = {.name = "pool of the channels of a tile", .size = size_channel_pool,
                                           .emit = emit_channel_pool};

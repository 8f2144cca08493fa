/* A pool of a whole image for many channels: the tiles exchange pixels for channels, then each reduces all pixels of
 * its own 64 channels.
 *
 * Every tile has all channels of its own pixels; the first ceil(C / 256) rows of tiles shall have 64 channels a tile
 * of all pixels.  Two passes over the mesh: in each column tile row g gets 256 channels of the column's pixels, from
 * g's neighbours and, relayed, from beyond; then in each row the tiles get 64 channels of the other columns.
 * Transfers that are the same in several columns (rows) of tiles are one instruction.  All programs of this kind are
 * alike but for the number of pixels and channels.
 *
 * Source: every instruction of the official mobilenet_v1_0.25_128 (4x4x256), 0.5_160 (5x5x512), 0.75_192 (6x6x768). */
#include "compiler/families.h"
#include "compiler/pool.h"
#include "compiler/scalar.h"

enum {
    IDENTITY_ROW = WIDE_ROWS - 1,
    COPY_ROWS = 2,
    GROUP = POOL_GROUP_WORDS,  /* words of a tile's channels */
    LINE = GRID * GROUP,       /* of a row of tiles */
    RELAY_WORDS = 2,           /* for each direction */
    MOST_PIXELS = 1024,
    GATHER_FLOOR = 2073,       /* of the gather that follows */
};

struct channel_pool { /* shared by both steps; the buffers are settled by the first one's size */
    struct pool_detail pool;
    uint32_t column, relay, one, identity;
};

bool channel_pool_fits(const struct shape4 *s)
{
    return s->z % (4 * LINE) == 0 && s->z <= 4 * LINE * GRID && s->y >= GRID && s->x >= GRID &&
        (int64_t)s->y * s->x <= MOST_PIXELS;
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
    int32_t tile_rows;       /* that get channels */
};

static int32_t height(const struct exchange *e, int i) { return span_size(e->g->own_y[i]); }
static int32_t width(const struct exchange *e, int j) { return span_size(e->g->own_x[j]); }

/* `passes` rows of wide memory, two in turn, or one. */
static struct isa_ttu turns(int32_t row, int32_t passes)
{
    return passes > 1 ? buffered(wide_rows(row, LOOPS({passes, 0})), 0, 1) : masked(wide_rows(row, NO_LOOPS), 1);
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
    if (tile / GRID != o->tile_row)
        return false;
    struct loops l = LOOPS({LINE, 1});
    if (n > 1)
        loop(&l, n, e->g->words);
    out->op = ISA_TO_WIDE;
    out->to_wide = (struct isa_to_wide){.n = narrow_words(e->in + LINE * o->tile_row, l), .w = turns(e->row, n),
                                        .p = signal_at(0), .pack = 1};
    if (n > 1)
        out->to_wide.wait[0] = wait_room(ISA_W2N, 0, o->p->flag[tile][ISA_W2N] - 1, 1);
    return true;
}

static bool keep_in(int tile, const void *arg, struct isa_inst *out)
{
    const struct own *o = arg;
    const struct exchange *e = o->e;
    int32_t w = width(e, tile % GRID), n = height(e, tile / GRID) * w;
    if (tile / GRID != o->tile_row)
        return false;
    struct loops l = LOOPS({LINE, 1});
    if (n > 1)
        loop(&l, n, LINE);
    out->op = ISA_TO_NARROW;
    out->to_narrow = (struct isa_to_narrow){.w = turns(e->row, n),
                                            .n = narrow_words(e->column + e->g->own_y[o->tile_row].first * w * LINE, l),
                                            .p = signal_at(n > 1), .pack = 1};
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

/* 256 channels of tile (i, j)'s pixels, for tile row `to`. */
static void send_pixels(const struct exchange *e, struct mesh *m, int first, const struct direction *d, int i, int to,
                        int j)
{
    int32_t w = width(e, j), n = height(e, i) * w;
    struct loops l = LOOPS({LINE, 1});
    if (n > 1)
        loop(&l, n, e->g->words);
    transfer(m, first, d, GRID * i + j, GRID * to + j, (struct side){e->in + LINE * to, l},
             (struct side){e->column + e->g->own_y[i].first * w * LINE, LOOPS({LINE * n, 1})});
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

/* 64 channels of column j's pixels, in the buffer of a column and in the result. */
static struct loops pixels_of(const struct exchange *e, int j, int32_t words, int32_t width_out)
{
    struct isa_dim d[3] = {{GROUP, 1}, {width(e, j), words}, {e->g->y, words * width_out}};
    struct loops l = NO_LOOPS;
    unsigned n = loops_squeeze(d, 3);
    for (unsigned k = 0; k < n; k++)
        loop(&l, d[k].count, d[k].stride);
    return l;
}

static void send_channels(const struct exchange *e, struct mesh *m, int first, const struct direction *d, int i, int j,
                          int to)
{
    transfer(m, first, d, GRID * i + j, GRID * i + to,
             (struct side){e->column + GROUP * to, pixels_of(e, j, LINE, width(e, j))},
             (struct side){e->out + GROUP * e->g->own_x[j].first, pixels_of(e, j, GROUP, e->g->x)});
}

/* The tiles of column j keep 64 channels of their own column; as many pixels at a time as fill a row. */
static void keep_own_channels(const struct exchange *e, int j, struct program *p)
{
    int32_t w = width(e, j), y = e->g->y, at_a_time = 1, tiles = 0;
    for (int32_t k = 1; k <= y; k++)
        if (y % k == 0 && k * w * GROUP <= ROW_WORDS)
            at_a_time = k;
    for (int i = 0; i < e->tile_rows; i++)
        tiles |= 1 << (GRID * i + j);
    int32_t passes = y / at_a_time;
    struct isa_dim from[3] = {{GROUP, 1}, {w, LINE}, {at_a_time, LINE * w}};
    struct isa_dim to[3] = {{GROUP, 1}, {w, GROUP}, {at_a_time, GROUP * e->g->x}};
    struct loops out = NO_LOOPS, in = NO_LOOPS;
    unsigned n_from = loops_squeeze(from, 3), n_to = loops_squeeze(to, 3);
    for (unsigned k = 0; k < n_from; k++)
        loop(&out, from[k].count, from[k].stride);
    for (unsigned k = 0; k < n_to; k++)
        loop(&in, to[k].count, to[k].stride);
    if (passes > 1) {
        loop(&out, passes, LINE * w * at_a_time);
        loop(&in, passes, (int64_t)GROUP * e->g->x * at_a_time);
    }
    int32_t moved = program_flag(p, tiles, ISA_W2N), written = program_flag(p, tiles, ISA_N2W);
    struct isa_to_wide w13 = {.tiles = tiles, .n = narrow_words(e->column + GROUP * j, out), .w = turns(e->row, passes),
                              .p = signal_at(0),
                              .pack = (int32_t)n_from};
    if (passes > 1)
        w13.wait[0] = wait_room(ISA_W2N, 0, moved - 1, 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w13});
    struct isa_to_narrow n14 = {.tiles = tiles, .w = turns(e->row, passes),
                                .n = narrow_words(e->out + GROUP * e->g->own_x[j].first, in),
                                .p = signal_at((int32_t)loop_count(&in) - 1),
                                    .wait = {wait_data(ISA_N2W, 0, written + 1, 1)},
                                .pack = (int32_t)n_to};
    program_add(p, (struct isa_inst){.op = ISA_TO_NARROW, .to_narrow = n14});
}

static void exchange_rows(const struct exchange *e, struct mesh *m, struct program *p)
{
    struct line line[GRID];
    for (int i = 0; i < e->tile_rows; i++) {
        line[i].first = m->count;
        for (int to = 0; to < GRID; to++) {
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
        for (int to = 0; to < GRID; to++)
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

/* Wide rows of all pixels of 64 channels, below the identity. */
static int32_t pool_row(const struct grid *g) { return IDENTITY_ROW - (int32_t)ceil_div(g->x, POOL_ROW_PIXELS) * g->y; }

static bool size_exchange(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct channel_pool *c = (struct channel_pool *)(uintptr_t)s->detail;
    struct value *out = &p->values[s->out];
    const struct grid *g = &plan_in(p, s, 0)->grid;
    int32_t widest = 0, now = (int32_t)index, floor = pool_row(g) - COPY_ROWS;
    for (int j = 0; j < GRID; j++)
        widest = span_size(g->own_x[j]) > widest ? span_size(g->own_x[j]) : widest;
    /* 4 pixels at a time are read from each row, so the last is as long as whole blocks of 4. */
    int32_t words = (g->y - 1) * GROUP * g->x + GROUP * POOL_ROW_PIXELS * (int32_t)ceil_div(g->x, POOL_ROW_PIXELS);
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = words, .first = now, .last = (int32_t)out->last});
    c->column = plan_buffer(p, (struct narrow_buffer){.words = g->y * widest * LINE, .first = now, .last = now,
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
                         .tile_rows = in->grid.words / LINE};
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_identity(p, plan->buffers[c->identity].at, IDENTITY_ROW, true);
    emit_fence(p, (struct fence){0});
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
    out->buffer = plan_buffer(p, (struct narrow_buffer){.words = GROUP, .first = (int32_t)index,
                                                        .last = (int32_t)out->last});
    return true;
}

static void emit_channel_pool(const struct plan *plan, const struct step *s, struct program *p)
{
    static const enum isa_flag all[] = {ISA_AVDATA, ISA_E_IN, ISA_W_IN, ISA_S_IN, ISA_N_IN};
    const struct channel_pool *c = s->detail;
    const struct grid *g = &plan_in(plan, &s[-1], 0)->grid;
    int32_t tiles = (1 << g->words / GROUP) - 1, row = pool_row(g), one = plan->buffers[c->one].at;
    int32_t line = (int32_t)ceil_div(g->x, POOL_ROW_PIXELS);
    struct isa_mesh fill = {.tiles = tiles, .b = mesh_words(one, NO_LOOPS), .fill = 1, .value = 1};
    program_add(p, (struct isa_inst){.op = ISA_MESH_NORTH, .mesh = fill});
    emit_fence(p, (struct fence){0});

    struct loops n = LOOPS({POOL_ROW_PIXELS, GROUP}, {GROUP, 1});
    if (line > 1)
        loop(&n, line, POOL_ROW_PIXELS * GROUP);
    loop(&n, g->y, GROUP * g->x);
    struct isa_to_wide w = {.tiles = tiles, .n = narrow_words(value_at(plan, plan_in(plan, s, 0)), n),
                            .w = wide_rows(row, LOOPS({line * g->y, 1})),
                            .p = signal_at(1), .par = 1, .pack = 2};
    for (int k = 0; k < 5; k++) /* all that the groups of channels together wait for: nothing, since the fence */
        w.wait[k] = wait_data(all[k], (int32_t)loop_count(&n), 1 - g->words / GROUP, 1);
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = w});
    emit_fence(p, (struct fence){0});

    int32_t pixels = g->y * g->x, block = POOL_ROW_PIXELS * line;
    struct isa_tensor i = {.tiles = tiles, .avdata = signal_at(3), .param = signal_at(4), .one = 1, .nospill = 1,
                           .w1 = 3, .chdim = 4,
                           .redmask = 3, .lanes = 4 * GROUP - 1, .lanes_last = 4 * GROUP - 1};
    i.lim[0] = g->x - 1;
    i.lim[1] = g->y - 1;
    i.a = tensor_unit(4LL * one, LOOPS({g->x, 0}, {g->y, 0}, {1, 4}, {1, 4}));
    if (c->pool.kind == POOL_MAX)
        i.a = tensor_unit(0, NO_LOOPS);
    i.w = tensor_unit(POOL_ROW_PIXELS * row, LOOPS({g->x, 1}, {g->y, block}, {1, c->pool.x.stride},
                                                   {1, block * c->pool.y.stride},
                                                   {1, block * g->y}, {1, block * g->y}));
    i.p = buffered(tensor_unit(0, LOOPS({pixels, 0})), 1, 4);
    i.o = tensor_unit(4LL * value_at(plan, plan_out(plan, s)),
                      LOOPS({GROUP, 4}, {1, 4 * GROUP}, {1, 4 * GROUP}, {1, 4 * GROUP}, {1, 4 * GROUP}));
    pool_set_numbers(&i, &c->pool, pixels);
    program_add(p, (struct isa_inst){.op = c->pool.kind == POOL_MAX ? ISA_MAX : ISA_MAC, .tensor = i});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

const struct family family_channel_pool = {.name = "pool of the channels of a tile", .size = size_channel_pool,
                                           .emit = emit_channel_pool};

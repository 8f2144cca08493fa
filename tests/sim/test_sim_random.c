/* Random instructions through all paths of the simulator: one word at a time, in runs, in the strict chip, in a
 * shuffled order, on threads.  Memories come out the same, the same number of flags is raised, or all of them fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "program.h"

enum {
    PROGRAMS = 150,
    ROWS = 64,                /* random rows in wide memory, from row 0 */
    INPUT_WORDS = 48 * 64,    /* random words in narrow memory, from word 0 */
    OUT = 4096,               /* first word of the results of 0x01..0x03 */
    SUMS = 100,               /* first row of spilled sums */
    TURNED = 300,             /* first row of what 0x13 writes */
    DUMP_ROWS = 16, DUMP = 256 * DUMP_ROWS,
};

struct maker {
    struct program p;
    uint64_t seed;
};

static int32_t any(struct maker *m, int32_t low, int32_t high)
{
    return low + (int32_t)(random_next(&m->seed) % (uint64_t)(high - low + 1));
}

static bool chance(struct maker *m, int percent)
{
    return any(m, 0, 99) < percent;
}

/* Rows that words of a nest fill, or come from: a row ends where the loops below `pack` do, or is full. */
static int32_t rows_of(const struct isa_dim *d, unsigned n, unsigned pack)
{
    int64_t inner = 1, outer = 1;
    for (unsigned k = 0; k < n; k++)
        *(k < pack ? &inner : &outer) *= d[k].count;
    return (int32_t)(ceil_div(inner, 64) * outer);
}

/* A nest of `n` loops of words that stays in about `span` words. */
static void word_dims(struct maker *m, struct isa_dim *d, unsigned n, int32_t span)
{
    int64_t size = 1;
    for (unsigned k = 0; k < n; k++) {
        d[k].count = any(m, 1, k ? 5 : 20);
        d[k].stride = k == 0 ? (chance(m, 70) ? 1 : any(m, 1, 3)) : chance(m, 50) ? size : any(m, 0, span / 6);
        size *= d[k].count;
    }
}

static struct isa_signal any_signal(struct maker *m)
{
    return (struct isa_signal){chance(m, 60), any(m, 0, 3)};
}

static void add_to_narrow(struct maker *m)
{
    struct isa_dim d[3];
    struct isa_to_narrow *i = &program_add(&m->p, ISA_TO_NARROW)->to_narrow;
    i->tiles = 1, i->pack = any(m, 0, 3), i->p = any_signal(m);
    word_dims(m, d, 3, INPUT_WORDS);
    isa_ttu_set(&i->n, 6, any(m, 0, 600), d, 3);
    isa_ttu_set(&i->w, 4, any(m, 0, 20), (struct isa_dim[]){{rows_of(d, 3, (unsigned)i->pack), chance(m, 50)}}, 1);
    fence(&m->p, 0, false);
}

static void add_to_wide(struct maker *m)
{
    struct isa_dim d[3];
    struct isa_to_wide *i = &program_add(&m->p, ISA_TO_WIDE)->to_wide;
    i->tiles = 1, i->pack = any(m, 0, 3), i->par = chance(m, 40), i->par2 = i->par && chance(m, 50);
    i->p = any_signal(m);
    word_dims(m, d, 3, INPUT_WORDS);
    isa_ttu_set(&i->n, 6, any(m, 0, 600), d, 3);
    isa_ttu_set(&i->w, 4, TURNED, (struct isa_dim[]){{rows_of(d, 3, (unsigned)i->pack), chance(m, 50)}}, 1);
    fence(&m->p, 0, false);
}

/* Words from tile 0 to tile 1, then a fill of tile 0. */
static void add_mesh(struct maker *m)
{
    struct isa_dim d[2] = {{any(m, 1, 100), any(m, 0, 2)}, {any(m, 1, 4), any(m, 0, 200)}};
    struct isa_mesh *send = &program_add(&m->p, ISA_MESH_EAST)->mesh, *take = &program_add(&m->p, ISA_MESH_EAST)->mesh;
    send->tiles = 1, take->tiles = 2;
    send->p[0] = any_signal(m), take->p[1] = any_signal(m);
    isa_ttu_set(&send->a, 4, any(m, 0, 1000), d, 2);
    int64_t words = d[0].count * d[1].count;
    d[0].count = words % 2 ? words : words / 2, d[1].count = words / d[0].count;
    d[0].stride = any(m, 1, 2), d[1].stride = 2 * d[0].count;
    isa_ttu_set(&take->b, 4, any(m, 1, 20), d, 2);
    fence(&m->p, 0, false);
    fill(&m->p, 1, any(m, 0, 1000), any(m, 1, 150), any(m, 0, 1 << 30));
    fence(&m->p, 0, false);
}

/* 0x01, 0x02, 0x03: `steps` loops that are summed up, then positions, then channel groups. */
static void add_tensor(struct maker *m)
{
    int kind = any(m, 0, 9);
    enum isa_opcode op = kind == 0 ? ISA_MAX : kind == 1 ? ISA_SUM : ISA_MAC;
    struct isa_tensor *t = &program_add(&m->p, op)->tensor;
    *t = (struct isa_tensor){.tiles = 1, .one = 1, .nospill = 1, .scale = (int32_t)f32_bits(0.003f),
                             .max = (int32_t)f32_bits(130.0f), .min = (int32_t)f32_bits(-120.0f), .ozp = 120};
    t->a16 = chance(m, 15), t->w16 = chance(m, 15), t->w1 = chance(m, 15), t->out16 = chance(m, 10);
    t->wzp = chance(m, 90) ? any(m, 0, 255) : 40000, t->azp = chance(m, 50) ? 0 : any(m, 0, 255);
    t->cbias = chance(m, 20) ? any(m, -100, 100) : 0;
    struct isa_dim n[5] = {{any(m, 1, 5), 0}, {any(m, 1, 3), 0}, {any(m, 1, 20), 0}, {any(m, 1, 3), 0},
                           {any(m, 1, 2), 0}};
    struct isa_dim a[5], w[5], p[5], o[4];
    int32_t lanes = chance(m, 40) ? 4 : any(m, 1, 64), bytes = (int32_t)round_up(lanes * (t->out16 ? 2 : 1), 4);
    t->lanes = t->lanes_last = lanes - 1;
    t->chdim = any(m, 0, 4), t->redmask = 3;
    bool spill = op == ISA_MAC && chance(m, 25), in_place = chance(m, 20);
    int64_t position = chance(m, 80) ? 4 * any(m, 0, 9) : any(m, 0, 40);
    for (unsigned k = 0; k < 5; k++) {
        t->lim[k] = (int32_t)n[k].count - 1;
        a[k] = (struct isa_dim){n[k].count, k < 2 ? any(m, 0, 60) : k == 2 ? position : any(m, 0, 1000)};
        w[k] = (struct isa_dim){n[k].count, k < 2 ? 4 * any(m, 0, 4) : 0};
        p[k] = (struct isa_dim){n[k].count, 0};
    }
    w[4].stride = chance(m, 50) ? 4 * any(m, 0, 20) : 0;
    w[2].stride = chance(m, 15) ? 4 : 0;
    w[3].stride = chance(m, 10) ? 4 : 0;
    if (chance(m, 10))
        w[1].stride = 1;
    if (spill) { /* the last loop of the three adds to the same sums */
        t->nospill = 0, t->redmask = 3 | 1 << 4;
        p[2].stride = 4, p[3].stride = 4 * n[2].count;
    }
    isa_ttu_set(&t->a, 8, any(m, 0, 2000), a, 5);
    isa_ttu_set(&t->w, 8, 4 * any(m, 0, 8), w, 5);
    isa_ttu_set(&t->p, 8, 4 * SUMS, p, 5);
    if (!spill)
        t->p.bdim = 2, t->p.boff = 4;
    int64_t positions = n[2].count * n[3].count * (spill ? 1 : n[4].count), stride = bytes + 4 * any(m, 0, 3);
    o[0] = (struct isa_dim){bytes / 4, 4}, o[1] = (struct isa_dim){positions, stride};
    isa_ttu_set(&t->o, 8, in_place ? 4 * any(m, 0, 600) : 4 * OUT, o, 2);
    t->avdata = any_signal(m), t->param = (struct isa_signal){chance(m, 60), any(m, 0, 4)};
    if (chance(m, 30))
        t->wait[0] = (struct isa_wait){ISA_W2N, any(m, 0, 4), 0, 0, 1};
    fence(&m->p, 0, false);
}

/* A move that waits for a flag: the sides of the comparison must have raised it equally often. */
static void add_count(struct maker *m, int32_t flag)
{
    struct isa_to_wide *i = &program_add(&m->p, ISA_TO_WIDE)->to_wide;
    i->tiles = 1, i->pack = 1;
    isa_ttu_set(&i->n, 6, 0, (struct isa_dim[]){{1, 1}}, 1);
    isa_ttu_set(&i->w, 4, 1999, (struct isa_dim[]){{1, 1}}, 1);
    i->wait[0] = (struct isa_wait){flag, 0, any(m, 0, 12), 1, 1};
    fence(&m->p, 0, false);
}

/* Rows of one tile to the host; then all tiles wait for each other, so that the next rows come after them. */
static void wide_dump(struct program *p, int tile, int32_t row)
{
    struct isa_outfeed *o = &program_add(p, ISA_OUTFEED)->outfeed;
    o->host = 1, o->cells = 63, o->p = (struct isa_signal){1, 1};
    isa_ttu_set(&o->t, 3, 0, (struct isa_dim[]){{DUMP / 8, 0}}, 1);
    struct isa_ring_send *s = &program_add(p, ISA_RING_SEND)->send;
    s->tiles = 1 << tile, s->core = 1;
    isa_ttu_set(&s->w, 4, row, (struct isa_dim[]){{DUMP_ROWS, 1}}, 1);
    fence(p, 0, true);
}

static void narrow_dump(struct program *p, int tile, int32_t address)
{
    struct isa_to_wide *w = &program_add(p, ISA_TO_WIDE)->to_wide;
    w->tiles = 1 << tile, w->pack = 1;
    isa_ttu_set(&w->n, 6, address, (struct isa_dim[]){{64, 1}, {DUMP_ROWS, 64}}, 2);
    isa_ttu_set(&w->w, 4, 2000, (struct isa_dim[]){{DUMP_ROWS, 1}}, 1);
    fence(p, 0, false);
    wide_dump(p, tile, 2000);
}

/* Random rows in wide memory, random words in narrow memory of some tiles. */
static void begin(struct program *p, int32_t tiles)
{
    program_begin(p);
    descriptor(p, DWN_PARAMETER, "", 256 * ROWS, 2);
    struct isa_infeed *feed = &program_add(p, ISA_INFEED)->infeed;
    feed->p = (struct isa_signal){1, 0};
    isa_ttu_set(&feed->t, 3, 0, (struct isa_dim[]){{4 * ROWS, 1}}, 1);
    struct isa_ring_recv *r = &program_add(p, ISA_RING_RECV_A)->recv;
    r->tiles = tiles;
    isa_ttu_set(&r->w, 4, 0, (struct isa_dim[]){{ROWS, 1}}, 1);
    struct isa_inject *i = &program_add(p, ISA_INJECT)->inject;
    i->dst = tiles, i->cells = 63, i->one = 1, i->wait[0] = (struct isa_wait){ISA_PARAM_POP, 0, 1, 1, 1};
    isa_ttu_set(&i->t, 3, 0, (struct isa_dim[]){{4 * ROWS, 1}}, 1);
    fence(p, 0, false);
    for (int32_t at = 0; at <= OUT; at += OUT) { /* something everywhere */
        struct isa_to_narrow *n = &program_add(p, ISA_TO_NARROW)->to_narrow;
        n->tiles = tiles, n->pack = 1;
        isa_ttu_set(&n->w, 4, 0, (struct isa_dim[]){{INPUT_WORDS / 64, 1}}, 1);
        isa_ttu_set(&n->n, 6, at, (struct isa_dim[]){{64, 1}, {INPUT_WORDS / 64, 64}}, 2);
        fence(p, 0x7ffff, true);
    }
}

static void make(struct maker *m)
{
    struct program *p = &m->p;
    begin(p, 3);
    add_to_narrow(m);
    add_tensor(m);
    add_to_wide(m);
    if (chance(m, 50))
        add_tensor(m);
    add_mesh(m);
    const int32_t flags[] = {ISA_AVDATA, ISA_PARAM, ISA_W2N, ISA_N2W, ISA_E_OUT};
    if (chance(m, 40))
        add_count(m, flags[any(m, 0, 4)]);
    descriptor(p, DWN_OUTPUT, "y", 5 * DUMP, 3);
    narrow_dump(p, 0, 0);
    narrow_dump(p, 0, OUT);
    narrow_dump(p, 1, 0);
    wide_dump(p, 0, SUMS);
    wide_dump(p, 0, TURNED);
    program_end(p);
}

static void all_paths_agree(void **state)
{
    (void)state;
    static uint8_t rows[256 * ROWS];
    unsigned ran = 0, fast = 0, slow = 0;
    uint64_t seed = 77;
    for (unsigned k = 0; k < sizeof rows; k++)
        rows[k] = (uint8_t)random_next(&seed);
    for (unsigned n = 0; n < PROGRAMS; n++) {
        struct arena *a = arena_new();
        struct maker m = {.seed = 1000 + n};
        make(&m);
        struct dwn_executable x = executable(a, &m.p, DWN_STAND_ALONE);
        x.outputs = layer(a, "y", 5 * DUMP, true);
        x.n_outputs = 1;
        x.parameters = bytes_of(rows, sizeof rows);
        struct dwn_package package = {.executables = &x, .n_executables = 1};
        const struct sim_options paths[] = {{.plain = true}, {0}, {.seed = n + 1}, {.seed = n + 1, .plain = true},
                                            {.threads = 2}, {.strict = true}};
        struct bytes y[6] = {{0}};
        struct status st[6] = {{0}};
        for (unsigned k = 0; k < 6; k++) {
            struct sim *s = sim_new(&paths[k]);
            bool ok = sim_run(s, a, &package, NULL, &y[k], &st[k]);
            fast += (unsigned)sim_count(s).fast, slow += (unsigned)sim_count(s).slow;
            ran += k == 0 && ok;
            sim_free(s);
            if (k == 5 && !ok && y[0].size && strstr(st[k].message, "nobody has written"))
                continue; /* only the strict chip minds */
            if (ok != (y[0].size > 0))
                fail_msg("program %u, path %u: '%s', on the plain path '%s'", n, k, st[k].message, st[0].message);
            if (ok && !bytes_equal(y[0], y[k]))
                fail_msg("program %u, path %u: other bytes than on the plain path", n, k);
        }
        arena_free(a);
    }
    printf("%u of %u programs ran; tensor instructions fast %u, slow %u\n", ran, PROGRAMS, fast, slow);
    assert_true(ran > PROGRAMS / 2); /* else the comparison says little */
    assert_true(fast > PROGRAMS);
}

/* A product that is large enough for threads, on all tiles; `out`: byte of its results. */
static void large_product(struct program *p, int32_t out)
{
    enum { STEPS = 16, POSITIONS = 512 };
    begin(p, ALL_TILES);
    struct isa_tensor *t = &program_add(p, ISA_MAC)->tensor;
    *t = (struct isa_tensor){.tiles = ALL_TILES, .one = 1, .acc4 = 1, .nospill = 1, .lim = {STEPS - 1, POSITIONS - 1},
                             .redmask = 1, .chdim = 2, .lanes = 63, .lanes_last = 63, .wzp = 100, .azp = 7, .ozp = 120,
                             .scale = (int32_t)f32_bits(0.001f), .max = (int32_t)f32_bits(135.0f),
                             .min = (int32_t)f32_bits(-120.0f)};
    isa_ttu_set(&t->a, 8, 0, (struct isa_dim[]){{STEPS, 4}, {POSITIONS, 4}}, 2);
    isa_ttu_set(&t->w, 8, 0, (struct isa_dim[]){{STEPS, 4}, {POSITIONS, 0}}, 2);
    isa_ttu_set(&t->p, 8, 0, (struct isa_dim[]){{STEPS, 0}, {POSITIONS, 0}}, 2);
    isa_ttu_set(&t->o, 8, out, (struct isa_dim[]){{16 * POSITIONS, 4}}, 1);
    t->p.bdim = 1, t->p.boff = 4;
    fence(p, 0, true);
    descriptor(p, DWN_OUTPUT, "y", 3 * DUMP, 3);
    narrow_dump(p, 0, out / 4);
    narrow_dump(p, 7, out / 4 + 16 * POSITIONS - DUMP / 4);
    narrow_dump(p, 15, out / 4);
    program_end(p);
}

static void threads_give_the_same(void **state)
{
    (void)state;
    static uint8_t rows[256 * ROWS];
    uint64_t seed = 78;
    for (unsigned k = 0; k < sizeof rows; k++)
        rows[k] = (uint8_t)random_next(&seed);
    for (unsigned fails = 0; fails < 2; fails++) {
        struct arena *a = arena_new();
        struct program p;
        large_product(&p, fails ? 180000 : 64000);
        struct dwn_executable x = executable(a, &p, DWN_STAND_ALONE);
        x.outputs = layer(a, "y", 3 * DUMP, true);
        x.n_outputs = 1;
        x.parameters = bytes_of(rows, sizeof rows);
        struct dwn_package package = {.executables = &x, .n_executables = 1};
        struct bytes y[3] = {{0}};
        struct status st[3] = {{0}};
        for (unsigned k = 0; k < 3; k++) {
            struct sim *s = sim_new(&(struct sim_options){.threads = k ? 4 : 1});
            assert_int_equal(sim_run(s, a, &package, NULL, &y[k], &st[k]), !fails);
            sim_free(s);
            if (fails) /* the tile with the lowest number tells why */
                assert_string_equal(st[k].message, st[0].message);
            else
                assert_true(bytes_equal(y[k], y[0]));
        }
        assert_true(!fails || strstr(st[0].message, "tile 0"));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_paths_agree), cmocka_unit_test(threads_give_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

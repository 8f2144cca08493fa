/* The simulator on programs of a few instructions, one mechanism each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "program.h"
#include "sim/cycles.h"

static const struct sim_options strict = {.strict = true};

static void expect_failure(struct program *p, int32_t size, const struct sim_options *o, const char *part)
{
    struct arena *a = arena_new();
    struct status st = {0};
    const uint8_t *y;
    assert_false(run(a, p, size, o, &y, &st));
    if (!strstr(st.message, part))
        fail_msg("'%s' is not in '%s'", part, st.message);
    arena_free(a);
}

static void fill_reaches_the_host(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct program p;
    program_begin(&p);
    fill(&p, ALL_TILES, 100, 16, 0x04030201);
    fence(&p, 0, false);
    descriptor(&p, DWN_OUTPUT, "y", 64, 3);
    words_to_host(&p, 3, 100, 16);
    program_end(&p);
    const uint8_t *y;
    struct status st = {0};
    if (!run(a, &p, 64, &strict, &y, &st))
        fail_msg("%s", st.message);
    for (unsigned k = 0; k < 64; k++)
        assert_int_equal(y[k], 1 + k % 4);
    arena_free(a);
}

/* Tile t sends word t on, four times to the east and then south: a path through tiles 0 1 2 3 7. */
static void mesh_moves_words_to_neighbours(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct program p;
    program_begin(&p);
    fill(&p, 1, 0, 8, 0x11223344);
    fence(&p, 0x7ff, false);
    for (int t = 0; t < 4; t++) {
        struct isa_mesh *m = &program_add(&p, ISA_MESH_EAST)->mesh;
        m->tiles = 1 << t;
        if (t < 3)
            isa_ttu_set(&m->a, 4, t ? 8 * t : 0, (struct isa_dim[]){{8, 1}}, 1);
        if (t > 0)
            isa_ttu_set(&m->b, 4, 8 * t, (struct isa_dim[]){{8, 1}}, 1);
        m->p[1] = (struct isa_signal){1, 0};
        if (t > 0 && t < 3) /* passes on what it gets: word i goes out when i + 1 have come */
            m->wait[0] = (struct isa_wait){ISA_W_IN, 0, 1, 1, 1};
    }
    struct isa_mesh *south = &program_add(&p, ISA_MESH_SOUTH)->mesh;
    south->tiles = 1 << 3;
    isa_ttu_set(&south->a, 4, 24, (struct isa_dim[]){{8, 1}}, 1);
    south->wait[0] = (struct isa_wait){ISA_W_IN, 0, 1, 1, 1};
    struct isa_mesh *arrive = &program_add(&p, ISA_MESH_SOUTH)->mesh;
    arrive->tiles = 1 << 7;
    isa_ttu_set(&arrive->b, 4, 50, (struct isa_dim[]){{8, 2}}, 1); /* every other word */
    fill(&p, 1 << 7, 200, 1, 0); /* another unit is not held up */
    fence(&p, 0, false);
    descriptor(&p, DWN_OUTPUT, "y", 8, 3);
    words_to_host(&p, 7, 64, 2);
    program_end(&p);
    const uint8_t *y;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct status st = {0};
        struct sim_options o = {.seed = seed};
        if (!run(a, &p, 8, &o, &y, &st))
            fail_msg("seed %u: %s", (unsigned)seed, st.message);
        assert_int_equal(le32(y), 0x11223344); /* the last word came to 50 + 2 * 7 */
    }
    arena_free(a);
}

static void scalar_core_counts_loops_and_branches(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct program p;
    program_begin(&p);
    descriptor(&p, DWN_OUTPUT, "y", 16, 3);
    move_immediate(&p, 5, 0);
    program_add(&p, ISA_LOOP)->loop = (struct isa_loop){.count = 7, .length = 1};
    struct isa_bundle *add = &program_add(&p, ISA_BUNDLE)->bundle; /* s5 += 3; push the old s5 has no effect here */
    add->alu = 0x01, add->alu_imm = 1, add->alu_dst = 5, add->alu_a = 5, add->imm = 3;
    /* while (s5 < 30) s5 += 3, by branch */
    struct isa_bundle *less = &program_add(&p, ISA_BUNDLE)->bundle;
    less->alu = 0x0c, less->alu_imm = 1, less->alu_dst = 0, less->alu_a = 5, less->imm = 30;
    struct isa_bundle *more = &program_add(&p, ISA_BUNDLE)->bundle;
    *more = (struct isa_bundle){.pred_en = 1, .pred_reg = 0, .pred_val = 1, .alu = 0x01, .alu_imm = 1, .alu_dst = 5,
                                .alu_a = 5, .imm = 3};
    program_add(&p, ISA_BRANCH)->branch = (struct isa_branch){.cond = 1, .pred = 0, .value = 1, .target = -2, .one = 1};
    /* memory[9] = s5; s6 = memory[9]; a bundle that loads s6 and pushes s6 pushes the old one */
    struct isa_bundle *store = &program_add(&p, ISA_BUNDLE)->bundle;
    store->store = 1, store->store_addr = 9, store->store_data = 5;
    move_immediate(&p, 6, 77);
    struct isa_bundle *both = &program_add(&p, ISA_BUNDLE)->bundle;
    both->load = 1, both->load_dst = 6, both->load_addr = 9, both->store = 4, both->store_data = 6;
    struct isa_bundle *push = &program_add(&p, ISA_BUNDLE)->bundle;
    push->store = 4, push->store_data = 6;
    /* float: 2^(1/2 * 6) and back to an integer */
    move_immediate(&p, 7, (int32_t)f32_bits(3.0f));
    struct isa_bundle *power = &program_add(&p, ISA_BUNDLE)->bundle;
    power->trans = 3, power->trans_dst = 8, power->trans_src = 7;
    struct isa_bundle *whole = &program_add(&p, ISA_BUNDLE)->bundle;
    whole->alu = 0x11, whole->alu_dst = 9, whole->alu_b = 8;
    struct isa_bundle *last = &program_add(&p, ISA_BUNDLE)->bundle;
    last->store = 4, last->store_data = 9;
    struct isa_bundle *pad = &program_add(&p, ISA_BUNDLE)->bundle;
    pad->store = 4, pad->store_data = 0;
    program_end(&p);
    const uint8_t *y;
    struct status st = {0};
    if (!run(a, &p, 16, &strict, &y, &st))
        fail_msg("%s", st.message);
    assert_int_equal(le32(y), 77);
    assert_int_equal(le32(y + 4), 30);
    assert_int_equal(le32(y + 8), 8);
    arena_free(a);
}

/* ---- a fully connected layer, 8 inputs to 4 outputs per step, plain against fast ---- */

enum { IN = 24, OUT = 12, POSITIONS = 5 }; /* IN bytes a position; OUT lanes */

static void product_program(struct program *p, const uint8_t *x)
{
    program_begin(p);
    descriptor(p, DWN_PARAMETER, "", 64 * (1 + IN / 4), 2);
    struct isa_infeed *feed = &program_add(p, ISA_INFEED)->infeed;
    feed->p = (struct isa_signal){1, 0};
    isa_ttu_set(&feed->t, 3, 0, (struct isa_dim[]){{1 + IN / 4, 1}}, 1);
    struct isa_ring_recv *r = &program_add(p, ISA_RING_RECV_A)->recv; /* one header row, then the weights */
    r->tiles = 1;
    isa_ttu_set(&r->w, 4, 10, (struct isa_dim[]){{IN / 4, 1}}, 1);
    r->s = (struct isa_prefix){.en = 1, .dim = 1, .base = 9, .lim = 0, .end = 9, .step = 1};
    struct isa_inject *i = &program_add(p, ISA_INJECT)->inject;
    i->dst = 1, i->cells = 15, i->one = 1, i->wait[0] = (struct isa_wait){ISA_PARAM_POP, 0, 1, 1, 1};
    isa_ttu_set(&i->t, 3, 0, (struct isa_dim[]){{1 + IN / 4, 1}}, 1);
    fence(p, 0, false);
    for (int32_t k = 0; k < IN * POSITIONS / 4; k++)
        fill(p, 1, k, 1, (int32_t)le32(x + 4 * k));
    fence(p, 0x1ffff, false);
    struct isa_to_narrow *bias = &program_add(p, ISA_TO_NARROW)->to_narrow;
    bias->tiles = 1, bias->par = 1, bias->pack = 1;
    isa_ttu_set(&bias->w, 4, 9, (struct isa_dim[]){{1, 1}}, 1);
    isa_ttu_set(&bias->n, 6, 64, (struct isa_dim[]){{OUT / 2, 1}}, 1);
    bias->p = (struct isa_signal){1, 1};
    struct isa_tensor *t = &program_add(p, ISA_MAC)->tensor;
    *t = (struct isa_tensor){.tiles = 1, .one = 1, .acc4 = 1, .nospill = 1, .lim = {IN / 4 - 1, POSITIONS - 1},
                             .redmask = 1, .chdim = 2, .lanes = OUT - 1, .lanes_last = OUT - 1, .wzp = 100,
                             .azp = 7, .mem_bias = 1, .ozp = 120, .scale = (int32_t)f32_bits(0.01f),
                             .max = (int32_t)f32_bits(135.0f), .min = (int32_t)f32_bits(-120.0f)};
    isa_ttu_set(&t->a, 8, 0, (struct isa_dim[]){{IN / 4, 4}, {POSITIONS, IN}}, 2);
    isa_ttu_set(&t->w, 8, 40, (struct isa_dim[]){{IN / 4, 4}, {POSITIONS, 0}}, 2);
    isa_ttu_set(&t->p, 8, 0, (struct isa_dim[]){{IN / 4, 0}, {POSITIONS, 0}}, 2);
    isa_ttu_set(&t->o, 8, 4000, (struct isa_dim[]){{OUT / 4 * POSITIONS, 4}}, 1);
    t->p.bdim = 1, t->p.boff = 4;
    t->avdata = (struct isa_signal){1, 1};
    t->wait[0] = (struct isa_wait){ISA_W2S, 2, 1, 1, 1};
    fence(p, 0, false);
    descriptor(p, DWN_OUTPUT, "y", 64, 3);
    words_to_host(p, 0, 1000, 16);
    program_end(p);
}

static void product_equals_the_formula(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint64_t seed = 5;
    uint8_t x[IN * POSITIONS], parameters[64 * (1 + IN / 4)];
    for (unsigned k = 0; k < sizeof x; k++)
        x[k] = (uint8_t)random_next(&seed);
    for (unsigned k = 0; k < sizeof parameters; k++)
        parameters[k] = (uint8_t)random_next(&seed);
    for (unsigned lane = 0; lane < 16; lane++)
        put_le32(parameters + 4 * lane, (uint32_t)(int32_t)(random_next(&seed) % 20000) - 10000);
    struct program p;
    product_program(&p, x);
    struct dwn_executable e = executable(a, &p, DWN_STAND_ALONE);
    e.outputs = layer(a, "y", 64, true);
    e.n_outputs = 1;
    e.parameters = bytes_of(parameters, sizeof parameters);
    struct dwn_package package = {.executables = &e, .n_executables = 1};
    for (unsigned mode = 0; mode < 8; mode++) { /* the last two: on threads */
        struct sim_options o = {.plain = mode & 1, .seed = mode < 6 ? mode / 2 * 31 : 0, .threads = mode < 6 ? 1 : 4};
        struct sim *s = sim_new(&o);
        struct status st = {0};
        struct bytes y;
        if (!sim_run(s, a, &package, NULL, &y, &st))
            fail_msg("%s", st.message);
        assert_int_equal(sim_count(s).fast, mode & 1 ? 0 : 1);
        assert_int_equal(sim_count(s).macs, IN * OUT * POSITIONS);
        for (unsigned pos = 0; pos < POSITIONS; pos++)
            for (unsigned lane = 0; lane < OUT; lane++) {
                int32_t acc = (int32_t)le32(parameters + 4 * lane);
                for (unsigned k = 0; k < IN; k++)
                    acc += (x[IN * pos + k] - 7) * (parameters[64 + 64 * (k / 4) + 4 * lane + k % 4] - 100);
                float r = (float)acc * 0.01f;
                r = r > 135.0f ? 135.0f : r < -120.0f ? -120.0f : r;
                int32_t whole = (int32_t)r; /* to nearest, ties to even, the long way */
                float rest = r - (float)whole, far = rest < 0 ? -rest : rest;
                if (far > 0.5f || (far == 0.5f && whole & 1))
                    whole += rest < 0 ? -1 : 1;
                assert_int_equal(y.data[OUT * pos + lane], whole + 120);
            }
        sim_free(s);
    }
    arena_free(a);
}

/* Loop steps of the busiest unit between fences; a hardware loop counts as often as it runs. */
static void cycles_follow_the_loops(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct program p;
    uint8_t x[IN * POSITIONS] = {0};
    product_program(&p, x);
    struct dwn_executable e = executable(a, &p, DWN_STAND_ALONE);
    struct cycles c;
    struct status st = {0};
    assert_true(cycles_estimate(a, &e, &c, &st));
    assert_int_equal(c.unit[CYCLES_TENSOR], IN / 4 * POSITIONS);
    assert_int_equal(c.unit[CYCLES_MESH], IN / 4 * POSITIONS); /* one word each by fill() */
    assert_int_equal(c.unit[CYCLES_TO_NARROW], OUT / 2);
    uint64_t sum = 0;
    for (uint32_t k = 0; k < c.n_regions; k++) {
        sum += c.regions[k].cycles;
        assert_true(c.regions[k].first <= c.regions[k].last);
        for (unsigned u = 0; u < CYCLES_UNITS; u++)
            assert_true(c.regions[k].unit[u] <= c.regions[k].cycles);
    }
    assert_int_equal(sum, c.total);

    program_begin(&p);
    program_add(&p, ISA_LOOP)->loop = (struct isa_loop){.count = 3, .length = 6};
    fill(&p, ALL_TILES, 100, 20, 1);
    fill(&p, ALL_TILES, 100, 5, 1);
    fence(&p, 0, false);
    program_end(&p);
    e = executable(a, &p, DWN_STAND_ALONE);
    assert_true(cycles_estimate(a, &e, &c, &st));
    assert_int_equal(c.total, 3 * 20 + 5);
    assert_true(cycles_seconds(&c, &cycles_usb3) > cycles_usb3.overhead);
    arena_free(a);
}

/* ---- what must be refused ---- */

static void deadlock_names_who_waits_for_what(void **state)
{
    (void)state;
    struct program p;
    program_begin(&p);
    struct isa_to_narrow *n = &program_add(&p, ISA_TO_NARROW)->to_narrow;
    n->tiles = 1 << 5, n->pack = 1;
    isa_ttu_set(&n->w, 4, 3, (struct isa_dim[]){{1, 1}}, 1);
    isa_ttu_set(&n->n, 6, 0, (struct isa_dim[]){{4, 1}}, 1);
    n->wait[0] = (struct isa_wait){ISA_RREAD_A, 0, 9, 1, 1};
    program_end(&p);
    expect_failure(&p, 8, &strict, "deadlock");
    expect_failure(&p, 8, &strict, "tile 5 0x14 (stream 0 word 4) waits for ");
    expect_failure(&p, 8, &strict, ">= 9, has 0");
    expect_failure(&p, 8, &strict, "scalar core (stream 0 word ");
}

/* A flag is 16 bits: a count that has run too far ahead of a wait looks as if it had not come. */
static void deadlock_tells_of_a_flag_that_has_wrapped(void **state)
{
    (void)state;
    struct program p;
    for (int32_t count = 32767; count <= 40000; count += 40000 - 32767) {
        program_begin(&p);
        struct isa_mesh *m = &program_add(&p, ISA_MESH_NORTH)->mesh;
        m->tiles = 1 << 2, m->fill = 1, m->p[1] = (struct isa_signal){1, 0};
        isa_ttu_set(&m->b, 4, 0, (struct isa_dim[]){{200, 1}, {count / 200, 200}}, 2);
        if (count % 200) { /* 32767 = 163 * 200 + 167 */
            m = &program_add(&p, ISA_MESH_NORTH)->mesh;
            m->tiles = 1 << 2, m->fill = 1, m->p[1] = (struct isa_signal){1, 0};
            isa_ttu_set(&m->b, 4, 0, (struct isa_dim[]){{count % 200, 1}}, 1);
        }
        fence(&p, 0, true);
        struct isa_to_wide *w = &program_add(&p, ISA_TO_WIDE)->to_wide;
        w->tiles = 1 << 2, w->pack = 1, w->wait[0] = (struct isa_wait){ISA_S_IN, 0, 0, 1, 1};
        isa_ttu_set(&w->n, 6, 0, (struct isa_dim[]){{1, 1}}, 1);
        isa_ttu_set(&w->w, 4, 0, (struct isa_dim[]){{1, 1}}, 1);
        program_end(&p);
        struct arena *a = arena_new();
        struct status st = {0};
        const uint8_t *y;
        bool ok = run(a, &p, 8, &(struct sim_options){0}, &y, &st);
        assert_true(count == 40000 || ok || !strstr(st.message, "deadlock"));
        if (count == 40000 && !strstr(st.message, "waits for S_IN >= 0, has 40000, which its 16 bits take for less"))
            fail_msg("%s", st.message);
        arena_free(a);
    }
}

/* Two units write the same word, and no fence or flag says who comes first: the order of the steps shows. */
static void a_race_shows_in_other_orders(void **state)
{
    (void)state;
    struct program p;
    program_begin(&p);
    fill(&p, 1, 100, 16, 1);
    struct isa_mesh *m = &program_add(&p, ISA_MESH_SOUTH)->mesh;
    m->tiles = 1, m->fill = 1, m->value = 2;
    isa_ttu_set(&m->b, 4, 100, (struct isa_dim[]){{16, 1}}, 1);
    fence(&p, 0, false);
    descriptor(&p, DWN_OUTPUT, "y", 64, 3);
    words_to_host(&p, 0, 100, 16);
    program_end(&p);
    bool seen[3] = {false};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct arena *a = arena_new();
        struct status st = {0};
        const uint8_t *y;
        if (!run(a, &p, 64, &(struct sim_options){.seed = seed}, &y, &st))
            fail_msg("%s", st.message);
        assert_in_range(y[0], 1, 2);
        seen[y[0]] = true;
        arena_free(a);
    }
    assert_true(seen[1] && seen[2]);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    struct program p;
    program_begin(&p);
    fill(&p, 1, 49151, 2, 0);
    program_end(&p);
    const struct sim_options threads = {.threads = 4};
    expect_failure(&p, 8, &threads, "narrow word 49152");
    expect_failure(&p, 8, &strict, "narrow word 49152");
    program_begin(&p);
    struct isa_ring_send *s = &program_add(&p, ISA_RING_SEND)->send;
    s->tiles = 1, s->core = 1;
    isa_ttu_set(&s->w, 4, 2080, (struct isa_dim[]){{1, 1}}, 1);
    program_end(&p);
    expect_failure(&p, 8, &strict, "wide row 2080");
    program_begin(&p);
    struct isa_mesh *m = &program_add(&p, ISA_MESH_NORTH)->mesh;
    m->tiles = 1;
    isa_ttu_set(&m->a, 4, 0, (struct isa_dim[]){{1, 1}}, 1);
    program_end(&p);
    expect_failure(&p, 8, &strict, "over the edge");
    program_begin(&p);
    descriptor(&p, DWN_OUTPUT, "y", 16, 3); /* the output has 8 */
    program_end(&p);
    expect_failure(&p, 8, &strict, "no such buffer");
}

static void unwritten_memory_is_followed_to_the_output(void **state)
{
    (void)state;
    struct program p;
    program_begin(&p);
    fill(&p, 1, 0, 3, 1); /* the fourth word is missing */
    fence(&p, 0, false);
    descriptor(&p, DWN_OUTPUT, "y", 16, 3);
    words_to_host(&p, 0, 0, 4);
    program_end(&p);
    expect_failure(&p, 16, &strict, "byte 12 depends on memory that nobody has written");
    struct arena *a = arena_new();
    struct status st = {0};
    const uint8_t *y;
    assert_true(run(a, &p, 12, &strict, &y, &st)); /* which does not matter if it is padding */
    arena_free(a);
}

static void endless_loops_end(void **state)
{
    (void)state;
    struct program p;
    program_begin(&p);
    program_add(&p, ISA_BRANCH)->branch = (struct isa_branch){.target = 0, .one = 1};
    program_end(&p);
    expect_failure(&p, 8, &(struct sim_options){.budget = 100000}, "budget");
    program_begin(&p);
    fill(&p, ALL_TILES, 0, 1, 0);
    program_add(&p, ISA_BRANCH)->branch = (struct isa_branch){.target = -6, .one = 1};
    program_end(&p);
    expect_failure(&p, 8, &(struct sim_options){.budget = 100000}, "budget");
    program_begin(&p); /* absurd loop nest */
    struct isa_tensor *t = &program_add(&p, ISA_MAC)->tensor;
    *t = (struct isa_tensor){.tiles = 1, .one = 1, .nospill = 1, .lanes = 63, .lanes_last = 63};
    for (unsigned k = 0; k < 8; k++)
        t->lim[k] = t->p.lim[k] = t->a.lim[k] = t->w.lim[k] = 16383;
    program_end(&p);
    expect_failure(&p, 8, &(struct sim_options){.budget = 100000}, "budget");
}

static void broken_programs_are_refused(void **state)
{
    (void)state;
    struct program p;
    program_begin(&p);
    program_add(&p, ISA_HALT)->halt.last = 1;
    expect_failure(&p, 8, &strict, "without an interrupt");
    program_begin(&p);
    program_add(&p, ISA_BUNDLE);
    expect_failure(&p, 8, &strict, "runs over its end");
    program_begin(&p);
    program_add(&p, ISA_BRANCH)->branch = (struct isa_branch){.target = 999, .one = 1};
    program_end(&p);
    expect_failure(&p, 8, &strict, "where no instruction starts");
}

/* ---- the token rule ---- */

static void parameters_are_cached_until_another_token_comes(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static uint8_t row[64];
    memset(row, 42, sizeof row);
    struct program p;
    program_begin(&p);
    descriptor(&p, DWN_PARAMETER, "", 64, 2);
    struct isa_infeed *feed = &program_add(&p, ISA_INFEED)->infeed;
    feed->p = (struct isa_signal){1, 0};
    isa_ttu_set(&feed->t, 3, 0, (struct isa_dim[]){{1, 1}}, 1);
    struct isa_ring_recv *r = &program_add(&p, ISA_RING_RECV_A)->recv;
    r->tiles = 1;
    isa_ttu_set(&r->w, 4, 0, (struct isa_dim[]){{1, 1}}, 1);
    struct isa_inject *i = &program_add(&p, ISA_INJECT)->inject;
    i->dst = 1, i->cells = 15, i->one = 1, i->wait[0] = (struct isa_wait){ISA_PARAM_POP, 0, 1, 1, 1};
    isa_ttu_set(&i->t, 3, 0, (struct isa_dim[]){{1, 1}}, 1);
    program_end(&p);
    struct dwn_executable x[2] = {{0}, executable(a, &p, DWN_PARAMETER_CACHING)};
    x[1].parameters = bytes_of(row, sizeof row);
    program_begin(&p);
    descriptor(&p, DWN_OUTPUT, "y", 64, 3);
    struct isa_outfeed *o = &program_add(&p, ISA_OUTFEED)->outfeed;
    o->host = 1, o->cells = 63;
    isa_ttu_set(&o->t, 3, 0, (struct isa_dim[]){{8, 0}}, 1);
    struct isa_ring_send *s = &program_add(&p, ISA_RING_SEND)->send;
    s->tiles = 1, s->core = 1;
    isa_ttu_set(&s->w, 4, 0, (struct isa_dim[]){{1, 1}}, 1);
    program_end(&p);
    x[0] = executable(a, &p, DWN_EXECUTION_ONLY);
    x[0].outputs = layer(a, "y", 64, true);
    x[0].n_outputs = 1;
    x[0].token = x[1].token = 7;
    struct dwn_package package = {.executables = x, .n_executables = 2};
    struct sim *chip = sim_new(&strict);
    struct status st = {0};
    struct bytes y;
    for (unsigned k = 0; k < 5; k++) {
        if (k == 2)
            sim_reset(chip);
        if (k == 4)
            x[0].token = x[1].token = 8;
        if (!sim_run(chip, a, &package, NULL, &y, &st))
            fail_msg("%s", st.message);
        assert_memory_equal(y.data, row, sizeof row);
        assert_int_equal(sim_count(chip).parameter_bytes, k == 1 || k == 3 ? 0 : 64);
    }
    program_begin(&p); /* an inference that writes where the parameters are */
    fill(&p, 1, 0, 4, 0);
    fence(&p, 0, false);
    struct isa_to_wide *w = &program_add(&p, ISA_TO_WIDE)->to_wide;
    w->tiles = 1, w->pack = 1;
    isa_ttu_set(&w->n, 6, 0, (struct isa_dim[]){{4, 1}}, 1);
    isa_ttu_set(&w->w, 4, 0, (struct isa_dim[]){{1, 1}}, 1);
    program_end(&p);
    x[0].streams->code = executable(a, &p, DWN_EXECUTION_ONLY).streams->code;
    x[0].streams->n_offsets = 0;
    assert_false(sim_run(chip, a, &package, NULL, &y, &st));
    assert_non_null(strstr(st.message, "overwrites cached parameters in wide row 0"));
    sim_free(chip);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill_reaches_the_host),
        cmocka_unit_test(mesh_moves_words_to_neighbours),
        cmocka_unit_test(scalar_core_counts_loops_and_branches),
        cmocka_unit_test(product_equals_the_formula),
        cmocka_unit_test(cycles_follow_the_loops),
        cmocka_unit_test(deadlock_names_who_waits_for_what),
        cmocka_unit_test(deadlock_tells_of_a_flag_that_has_wrapped),
        cmocka_unit_test(a_race_shows_in_other_orders),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(unwritten_memory_is_followed_to_the_output),
        cmocka_unit_test(endless_loops_end),
        cmocka_unit_test(broken_programs_are_refused),
        cmocka_unit_test(parameters_are_cached_until_another_token_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

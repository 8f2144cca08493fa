/* Hand-made programs for the simulator: instructions in, a package out. */
#ifndef TESTS_SIM_PROGRAM_H
#define TESTS_SIM_PROGRAM_H

#include "isa/isa.h"
#include "sim/sim.h"

enum { PROGRAM_LIMIT = 400, ALL_TILES = 0xffff, ALL_THREADS = 0x3ff };

struct program {
    struct isa_inst inst[PROGRAM_LIMIT];
    size_t count;
    struct dwn_field_offset offset[16];
    uint32_t n_offsets;
    uint32_t word; /* length so far in words */
};

static inline struct isa_inst *program_add(struct program *p, enum isa_opcode op)
{
    assert_true(p->count < PROGRAM_LIMIT);
    struct isa_inst *i = &p->inst[p->count++];
    *i = (struct isa_inst){.op = op};
    p->word += isa_op_of(op)->words;
    return i;
}

static inline void move_immediate(struct program *p, int32_t reg, int32_t value)
{
    struct isa_bundle *b = &program_add(p, ISA_BUNDLE)->bundle;
    b->alu = 0x0f, b->alu_imm = 1, b->alu_dst = reg, b->imm = value;
}

static inline void store_slot(struct program *p, int32_t slot, int32_t reg)
{
    struct isa_bundle *b = &program_add(p, ISA_BUNDLE)->bundle;
    b->store = 5, b->store_slot = slot, b->store_data = reg;
}

/* name NULL: no buffer (the interrupt). */
static inline void descriptor(struct program *p, enum dwn_desc desc, const char *name, int32_t size, int32_t tag)
{
    for (int32_t half = 0; half < 2; half++) {
        if (name)
            p->offset[p->n_offsets++] =
                (struct dwn_field_offset){.desc = desc, .name = name, .upper = half, .offset_bit = 128 * p->word + 70};
        move_immediate(p, 1 + half, 0);
    }
    move_immediate(p, 3, size);
    move_immediate(p, 4, tag);
    for (int32_t slot = 0; slot < 4; slot++)
        store_slot(p, slot, 1 + slot);
    program_add(p, ISA_BUNDLE)->bundle.store = 6;
}

static inline void fence(struct program *p, int32_t flags, bool core)
{
    program_add(p, ISA_FENCE)->fence =
        (struct isa_fence){.tiles = ALL_TILES, .flags = flags, .threads = ALL_THREADS, .core = core};
    if (core)
        program_add(p, ISA_SYNC)->sync =
            (struct isa_sync){.tiles = ALL_TILES, .tiles_again_en = 1, .tiles_again = ALL_TILES, .engines = 0x0c};
}

static inline void program_begin(struct program *p)
{
    *p = (struct program){0};
    program_add(p, ISA_START);
    fence(p, 0x7ffff, true);
}

static inline void program_end(struct program *p)
{
    fence(p, 0, true);
    descriptor(p, 0, NULL, 0, 4);
    program_add(p, ISA_HALT)->halt.last = 1;
    program_add(p, ISA_END)->end.one = 1;
}

/* Constant words in narrow memory. */
static inline void fill(struct program *p, int32_t tiles, int32_t address, int32_t count, int32_t value)
{
    struct isa_mesh *m = &program_add(p, ISA_MESH_NORTH)->mesh;
    m->tiles = tiles, m->fill = 1, m->value = value;
    isa_ttu_set(&m->b, 4, address, (struct isa_dim[]){{count, 1}}, 1);
}

/* `words` words (at most 64) of one tile's narrow memory to the host. */
static inline void words_to_host(struct program *p, int tile, int32_t address, int32_t words)
{
    struct isa_to_wide *w = &program_add(p, ISA_TO_WIDE)->to_wide;
    w->tiles = 1 << tile, w->pack = 1;
    isa_ttu_set(&w->n, 6, address, (struct isa_dim[]){{words, 1}}, 1);
    isa_ttu_set(&w->w, 4, 2000, (struct isa_dim[]){{1, 1}}, 1);
    fence(p, 0, false);
    struct isa_outfeed *o = &program_add(p, ISA_OUTFEED)->outfeed;
    o->host = 1, o->cells = 63, o->p = (struct isa_signal){1, 1};
    isa_ttu_set(&o->t, 3, 0, (struct isa_dim[]){{words / 2, 0}}, 1);
    struct isa_ring_send *s = &program_add(p, ISA_RING_SEND)->send;
    s->tiles = 1 << tile, s->core = 1, s->p[1] = (struct isa_signal){1, 1};
    isa_ttu_set(&s->w, 4, 2000, (struct isa_dim[]){{1, 1}}, 1);
}

static inline struct dwn_executable executable(struct arena *a, const struct program *p, enum dwn_type type)
{
    struct dwn_executable x = {.type = type, .name = "model", .chip = "beagle", .batch_size = 1, .n_streams = 1};
    struct status st = {0};
    x.streams = ARENA_NEW(a, struct dwn_stream);
    x.streams->offsets = arena_copy(a, p->offset, sizeof p->offset);
    x.streams->n_offsets = p->n_offsets;
    if (!isa_encode_stream(a, p->inst, p->count, &x.streams->code, &st))
        fail_msg("%s", st.message);
    return x;
}

/* One layer of 1 x 1 x size bytes. */
static inline struct dwn_layer *layer(struct arena *a, const char *name, int32_t size, bool output)
{
    struct dwn_layer *l = ARENA_NEW(a, struct dwn_layer);
    *l = (struct dwn_layer){.name = name, .size_bytes = (int32_t)round_up(size, 8), .y = 1, .x = 1, .z = size,
                            .output = output, .execution_count = 1, .has_layout = output};
    if (output)
        dwn_layout_make(a, 1, 1, size, 1, &l->layout);
    return l;
}

/* A program that writes the output "y" of `size` bytes and takes no input, on a chip of its own. */
static inline bool run(struct arena *a, const struct program *p, int32_t size, const struct sim_options *o,
                       const uint8_t **out, struct status *st)
{
    struct dwn_executable x = executable(a, p, DWN_STAND_ALONE);
    x.outputs = layer(a, "y", size, true);
    x.n_outputs = 1;
    struct dwn_package package = {.executables = &x, .n_executables = 1};
    struct bytes y = {0};
    struct sim *s = sim_new(o);
    bool ok = sim_run(s, a, &package, NULL, &y, st);
    sim_free(s);
    *out = y.data;
    return ok;
}

#endif

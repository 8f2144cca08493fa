#include "compiler/scalar.h"

enum { ALU_ADD = 0x01, ALU_AND = 0x03, ALU_DIFFERS = 0x0a, ALU_LESS = 0x0c, ALU_MOVE = 0x0f };
enum { STORE_DESCRIPTOR = 5, STORE_ISSUE = 6, DESCRIPTOR_SLOTS = 4 };

static struct isa_inst bundle(struct isa_bundle b)
{
    return (struct isa_inst){.op = ISA_BUNDLE, .bundle = b};
}

void scalar_set(struct program *p, int reg, uint32_t value)
{
    program_add(p, bundle((struct isa_bundle){
                       .alu = ALU_MOVE, .alu_imm = 1, .alu_dst = reg, .imm = (int32_t)value}));
}

void scalar_move(struct program *p, int to, int from)
{
    program_add(p, bundle((struct isa_bundle){.alu = ALU_MOVE, .alu_dst = to, .alu_b = from}));
}

void scalar_descriptor(struct program *p, int reg, int64_t size, enum host_tag tag)
{
    const uint32_t value[DESCRIPTOR_SLOTS] = {[2] = (uint32_t)size, [3] = (uint32_t)tag};
    /* The register of slot k + 1 is set in the bundle that stores slot k. */
    for (int slot = 0; slot < DESCRIPTOR_SLOTS; slot++) {
        struct isa_bundle b = {.store = STORE_DESCRIPTOR, .store_slot = slot, .store_data = reg + slot};
        int next = slot + 1;
        if (next == 2 || next == 3) {
            b.alu = ALU_MOVE;
            b.alu_imm = 1;
            b.alu_dst = reg + next;
            b.imm = (int32_t)value[next];
        }
        program_add(p, bundle(b));
    }
    program_add(p, bundle((struct isa_bundle){.store = STORE_ISSUE}));
}

/* to = from OP value; for compares `to` is a predicate. */
static struct isa_bundle calc(int op, int to, int from, uint32_t value)
{
    return (struct isa_bundle){.alu = op, .alu_imm = 1, .alu_dst = to, .alu_a = from, .imm = (int32_t)value};
}

static struct isa_bundle only_if(int predicate, struct isa_bundle b)
{
    b.pred_en = 1;
    b.pred_reg = predicate;
    b.pred_val = 1;
    return b;
}

/* {s4, s5} = {hi, lo} + c.  The sum of the low words carries where lo has bit 31 set and the lower 31 bits with c
 * reach bit 31: compares are signed (scalar-core.md "64-bit address + constant"). */
static void add_to_address(struct program *p, int hi, int lo, uint32_t c)
{
    enum { SCRATCH = 6, P_HIGH = 0, P_CARRY = 1 };
    program_add(p, bundle(calc(ALU_LESS, P_HIGH, lo, 0)));
    program_add(p, bundle((struct isa_bundle){.alu = ALU_DIFFERS, .alu_dst = P_CARRY, .alu_a = lo, .alu_b = lo}));
    program_add(p, bundle(calc(ALU_AND, SCRATCH, lo, 0x7fffffff)));
    program_add(p, bundle(only_if(P_HIGH, calc(ALU_ADD, SCRATCH, SCRATCH, c))));
    program_add(p, bundle(only_if(P_HIGH, calc(ALU_LESS, P_CARRY, SCRATCH, 0))));
    program_add(p, bundle(calc(ALU_ADD, 5, lo, c)));
    program_add(p, bundle(calc(ALU_ADD, 4, hi, 0)));
    program_add(p, bundle(only_if(P_CARRY, calc(ALU_ADD, 4, 4, 1))));
}

struct scalar_loop scalar_loop_begin(struct program *p, int reg, int32_t from, int32_t step, int32_t limit)
{
    scalar_set(p, reg, (uint32_t)from);
    struct scalar_loop l = {.reg = reg, .step = step, .limit = limit, .first = p->count, .word = p->words};
    l.flag = arena_copy(p->arena, p->flag, sizeof p->flag);
    return l;
}

void scalar_loop_end(struct program *p, const struct scalar_loop *l)
{
    enum { P_MORE = 0 };
    program_add(p, bundle(calc(ALU_ADD, l->reg, l->reg, (uint32_t)l->step)));
    program_add(p, bundle(calc(ALU_LESS, P_MORE, l->reg, (uint32_t)l->limit)));
    int32_t back = (int32_t)l->word - (int32_t)p->words;
    program_add(p, (struct isa_inst){.op = ISA_BRANCH,
                                     .branch = {.cond = 1, .pred = P_MORE, .value = 1, .target = back, .one = 1}});
    program_keep_together(p, l->first);
    if (memcmp(l->flag, p->flag, sizeof p->flag) != 0)
        status_fail(p->st, STATUS_INTERNAL, "word %u: a loop does not leave the flags as it found them", p->words);
}

void scalar_parameter_address(struct program *p, int64_t offset)
{
    if (offset) {
        add_to_address(p, REG_PARAM_HI, REG_PARAM_LO, (uint32_t)offset);
    } else {
        scalar_move(p, 5, REG_PARAM_LO);
        scalar_move(p, 4, REG_PARAM_HI);
    }
    scalar_move(p, 6, 5);
    scalar_move(p, 7, 4);
}

void scalar_advance_address(struct program *p, uint32_t bytes) { add_to_address(p, 4, 5, bytes); }

/* s7 or s8 = next word of scalar memory, while the word that the register held goes to the host. */
static void load_word(struct program *p, int reg, bool push)
{
    enum { LOAD_NEXT = 3, POINTER = 6, PUSH = 4 };
    struct isa_bundle b = {.load = LOAD_NEXT, .load_dst = reg, .load_reg = POINTER, .load_inc = 1};
    if (push) {
        b.store = PUSH;
        b.store_data = reg;
    }
    program_add(p, bundle(b));
}

static void push_word(struct program *p, int reg)
{
    enum { PUSH = 4 };
    program_add(p, bundle((struct isa_bundle){.store = PUSH, .store_data = reg}));
}

void scalar_copy_word(struct program *p, int32_t from, int32_t to)
{
    enum { STEP = 3, DATA = 6, FROM = 7, TO = 8, BUNDLES = 3 };
    scalar_set(p, FROM, (uint32_t)from);
    scalar_set(p, TO, (uint32_t)to);
    program_add(p, (struct isa_inst){.op = ISA_LOOP, .loop = {.count = 1, .length = BUNDLES}});
    program_add(p, bundle((struct isa_bundle){.load = STEP, .load_dst = DATA, .load_reg = FROM, .load_inc = 1}));
    program_add(p, bundle((struct isa_bundle){0})); /* a load takes effect two bundles later */
    program_add(p, bundle((struct isa_bundle){.store = STEP, .store_reg = TO, .store_inc = 1, .store_data = DATA}));
}

void scalar_push_memory(struct program *p, int32_t words)
{
    enum { POINTER = 6, EVEN = 7, ODD = 8 };
    int32_t pairs = words / 2;
    scalar_set(p, POINTER, 0);
    if (pairs) {
        load_word(p, EVEN, false);
        load_word(p, ODD, false);
        if (pairs > 1) {
            program_add(p, (struct isa_inst){.op = ISA_LOOP, .loop = {.count = pairs - 1, .length = 2}});
            load_word(p, EVEN, true);
            load_word(p, ODD, true);
        }
        push_word(p, EVEN);
        push_word(p, ODD);
    }
    if (words % 2) { /* a load takes effect two bundles later */
        load_word(p, EVEN, false);
        program_add(p, bundle((struct isa_bundle){0}));
        push_word(p, EVEN);
    }
}

void scalar_push_zero(struct program *p)
{
    enum { ZERO = 6 };
    scalar_set(p, ZERO, 0);
    program_add(p, (struct isa_inst){.op = ISA_LOOP, .loop = {.count = 1, .length = 1}});
    push_word(p, ZERO);
}

void scalar_io_base(struct program *p, enum dwn_desc desc, const char *name)
{
    program_field_offset(p, desc, name, true);
    scalar_set(p, REG_IO_HI, 0);
    program_field_offset(p, desc, name, false);
    scalar_set(p, REG_IO_LO, 0);
}

void scalar_io_offset(struct program *p, int64_t offset)
{
    if (offset) {
        add_to_address(p, REG_IO_HI, REG_IO_LO, (uint32_t)offset);
    } else {
        scalar_move(p, 5, REG_IO_LO);
        scalar_move(p, 4, REG_IO_HI);
    }
}

void scalar_io_address(struct program *p, int64_t offset)
{
    scalar_io_offset(p, offset);
    scalar_move(p, 6, 5);
    scalar_move(p, 7, 4);
}

/* ---- fences ---- */

void emit_fence(struct program *p, struct fence f)
{
    int32_t threads = f.threads == NO_THREADS ? 0 : f.threads ? f.threads : ALL_THREADS;
    program_add(p, (struct isa_inst){.op = ISA_FENCE,
                                     .fence = {.tiles = f.tiles ? f.tiles : ALL_TILES, .flags = f.flags,
                                               .value = f.value, .threads = threads, .core = f.core, .end = f.end}});
}

static void sync_tiles(struct program *p, int32_t flags, int32_t engines)
{
    program_add(p, (struct isa_inst){.op = ISA_SYNC, .sync = {.tiles = ALL_TILES, .flags = flags, .tiles_again_en = 1,
                                                              .tiles_again = ALL_TILES, .engines = engines}});
}

void emit_core_sync(struct program *p, int32_t flags)
{
    program_add(p, (struct isa_inst){.op = ISA_SYNC, .sync = {.flags = flags, .engines = ENGINES_USUAL}});
}

void emit_barrier(struct program *p, int32_t flags)
{
    emit_fence(p, (struct fence){.flags = flags, .core = 1});
    sync_tiles(p, 0, ENGINES_USUAL);
}

void emit_exchange_end(struct program *p)
{
    enum { MOVERS = 0x3c6 };
    emit_fence(p, (struct fence){.threads = MOVERS, .core = 1});
    sync_tiles(p, 0, 0);
}

void emit_ring_reset(struct program *p)
{
    int32_t a = program_flag(p, ALL_TILES, ISA_RPROD_A), b = program_flag(p, ALL_TILES, ISA_RPROD_B);
    int32_t used = (a ? 1 : 0) | (b ? 2 : 0);
    if (!used)
        return;
    program_add(p, (struct isa_inst){.op = ISA_SYNC,
                                     .sync = {.tiles = ALL_TILES, .flags = used << ISA_PRODUCER_A, .val37 = (int16_t)a,
                                              .val38 = (int16_t)b, .mask242 = used, .engines = ENGINES_USUAL}});
    emit_barrier(p, used << ISA_RPROD_A);
}

/* ---- first and last instructions ---- */

static void set_base(struct program *p, int reg, enum dwn_desc desc, bool upper)
{
    program_field_offset(p, desc, "", upper);
    scalar_set(p, reg, 0);
}

void emit_start(struct program *p)
{
    enum { ALL_FLAGS = 0x7ffff, ALL_CORE_FLAGS = 0x1ff };
    program_add(p, (struct isa_inst){.op = ISA_START});
    emit_fence(p, (struct fence){.flags = ALL_FLAGS, .core = 1});
    sync_tiles(p, ALL_CORE_FLAGS, ENGINES_ALL);
}

void emit_last_barrier(struct program *p)
{
    enum { DRAIN = 3 };
    emit_fence(p, (struct fence){.core = 1, .end = DRAIN});
    sync_tiles(p, 0, ENGINES_USUAL);
}

void emit_prologue(struct program *p)
{
    emit_start(p);
    set_base(p, REG_PARAM_LO, DWN_PARAMETER, false);
    set_base(p, REG_PARAM_HI, DWN_PARAMETER, true);
    set_base(p, REG_SCRATCH_LO, DWN_SCRATCH, false);
    set_base(p, REG_SCRATCH_HI, DWN_SCRATCH, true);
    emit_core_sync(p, 1 << ISA_AVDATA_POP | 1 << ISA_AVDATA_INFEED);
    emit_barrier(p, 0);
}

void emit_interrupt(struct program *p, int reg)
{
    scalar_descriptor(p, reg, 0, TAG_INTERRUPT);
    program_interrupt(p);
}

void emit_epilogue(struct program *p)
{
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_ring_reset(p);
    emit_last_barrier(p);
    scalar_set(p, 4, 0);
    scalar_set(p, 5, 0);
    scalar_move(p, 6, 5);
    scalar_move(p, 7, 4);
    emit_interrupt(p, 6);
    program_end(p, false);
}

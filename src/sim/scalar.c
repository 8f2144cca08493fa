/* The scalar core: bundles, branches, hardware loop, fences, and the issue of everything else.
 * Source: ../shared/isa/scalar-core.md. */
#include <math.h>

#include "sim/chip.h"

static struct issue here(const struct chip *c)
{
    const struct isa_program *p = &c->program[c->core.stream];
    uint32_t pc = c->core.pc;
    return (struct issue){.inst = &p->inst[pc], .stream = c->core.stream, .word = p->word[pc], .base = -1};
}

/* Index of the instruction that starts at a word; false: none does. */
static bool at_word(const struct isa_program *p, int64_t word, uint32_t *index)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (p->word[mid] < word)
            low = mid + 1;
        else
            high = mid;
    }
    *index = (uint32_t)low;
    return low < p->count && p->word[low] == word;
}

/* ---- 0x20 ---- */

static int32_t to_int(float f)
{
    float r = rintf(f); /* nearest, ties to even: docs/sim.md, "Scalar core" */
    return r >= 2147483648.0f ? INT32_MAX : r >= -2147483648.0f ? (int32_t)r : r == r ? INT32_MIN : 0;
}

/* ALU result; *predicate tells that it goes to a predicate. */
static bool alu(unsigned op, uint32_t a, uint32_t b, uint32_t *result, bool *predicate)
{
    float x = f32_of(a), y = f32_of(b);
    *predicate = op >= 0x09 && op <= 0x0e;
    switch (op) {
    case 0x01: *result = a + b; return true;
    case 0x02: *result = a - b; return true;
    case 0x03: *result = a & b; return true;
    case 0x04: *result = a | b; return true;
    case 0x05: *result = a ^ b; return true;
    case 0x06: *result = a << (b & 31); return true;
    case 0x07: *result = a >> (b & 31); return true;
    case 0x09: *result = a == b; return true;
    case 0x0a: *result = a != b; return true;
    case 0x0c: *result = (int32_t)a < (int32_t)b; return true;
    case 0x0d: *result = (int32_t)a >= (int32_t)b; return true;
    case 0x0f: *result = b; return true;
    case 0x10: *result = f32_bits((float)(int32_t)b); return true;
    case 0x11: *result = (uint32_t)to_int(y); return true;
    case 0x12: *result = f32_bits(x + y); return true;
    case 0x13: *result = f32_bits(x - y); return true;
    case 0x14: *result = f32_bits(x * y); return true;
    case 0x15: *result = f32_bits(x > y ? x : y); return true;
    case 0x16: *result = f32_bits(x < y ? x : y); return true;
    default: return false;
    }
}

static enum step core_address(struct chip *c, const struct issue *at, uint32_t address)
{
    if (address >= SCALAR_WORDS)
        return chip_fault(c, at, -1, STATUS_INVALID, "scalar memory word %u of %d", address, SCALAR_WORDS);
    return STEP_MOVED;
}

/* All slots read the registers as they were before the bundle. */
static enum step bundle(struct chip *c, const struct issue *at)
{
    const struct isa_bundle *b = &at->inst->bundle;
    struct core *k = &c->core;
    if (b->pred_en && k->pred[b->pred_reg] != (b->pred_val != 0))
        return STEP_MOVED;
    uint32_t before[32];
    memcpy(before, k->reg, sizeof before);
    uint32_t data = before[b->store_data];
    if (b->store == 4) { /* first, because it may have to wait */
        if (!host_ready(c, 3, 4)) {
            k->stop = (struct stop){.why = WHY_DESCRIPTOR};
            return STEP_IDLE;
        }
        uint8_t word[4], known = 0xf;
        put_le32(word, data);
        host_push(c, word, &known, 4);
    }
    if (b->load) {
        uint32_t address = b->load == 1 ? (uint32_t)b->load_addr : before[b->load_reg];
        if (core_address(c, at, address) == STEP_FAILED)
            return STEP_FAILED;
        k->reg[b->load_dst] = k->memory[address];
        if (b->load == 3)
            k->reg[b->load_reg] = before[b->load_reg] + (uint32_t)b->load_inc;
    }
    if (b->store >= 1 && b->store <= 3) {
        uint32_t address = b->store == 1 ? (uint32_t)b->store_addr : before[b->store_reg];
        if (core_address(c, at, address) == STEP_FAILED)
            return STEP_FAILED;
        k->memory[address] = data;
        k->memory_known[address] = 0xf;
        if (b->store == 3)
            k->reg[b->store_reg] = before[b->store_reg] + (uint32_t)b->store_inc;
    } else if (b->store == 5) {
        k->slot[b->store_slot & 3] = data;
    } else if (b->store == 6) {
        if (host_issue(c, at) == STEP_FAILED)
            return STEP_FAILED;
    } else if (b->store > 6) {
        return chip_fault(c, at, -1, STATUS_UNSUPPORTED, "store slot operation %d", b->store);
    }
    if (b->alu) {
        uint32_t result;
        bool predicate;
        uint32_t second = b->alu_imm ? (uint32_t)b->imm : before[b->alu_b];
        if (!alu((unsigned)b->alu, before[b->alu_a], second, &result, &predicate))
            return chip_fault(c, at, -1, STATUS_UNSUPPORTED, "ALU operation 0x%02x: in no official stream", b->alu);
        if (predicate)
            k->pred[b->alu_dst & 7] = result != 0;
        else
            k->reg[b->alu_dst] = result;
    }
    if (b->trans) {
        float x = f32_of(before[b->trans_src]), y;
        if (b->trans == 2)
            y = 1.0f / x;
        else if (b->trans == 3)
            y = (float)exp2((double)x);
        else
            return chip_fault(c, at, -1, STATUS_UNSUPPORTED, "transcendental function %d", b->trans);
        k->reg[b->trans_dst] = f32_bits(y);
    }
    return STEP_MOVED;
}

/* ---- 0x24 ---- */

static enum step sync(struct chip *c, const struct isa_sync *s)
{
    struct core *k = &c->core;
    if (s->tiles_again_en) { /* tiles that must have passed a fence with core = 1 */
        uint16_t missing = 0;
        for (unsigned t = 0; t < 16; t++)
            if (s->tiles_again >> t & 1 && !c->tile[t].notified)
                missing |= (uint16_t)(1u << t);
        if (missing) {
            k->stop = (struct stop){.why = WHY_TILES, .tiles = missing};
            return STEP_IDLE;
        }
    }
    for (unsigned n = 0; n < 2; n++) { /* ring passes that must be over: bits 242, 243 */
        uint16_t need = (uint16_t)(n ? s->val38 : s->val37);
        if (s->mask242 >> n & 1 && !flag_reached(k->flag[ISA_PRODUCER_A + n], need)) {
            k->stop = (struct stop){.why = WHY_FLAG, .flag = (uint8_t)(ISA_PRODUCER_A + n), .need = (int16_t)need,
                                    .have = k->flag[ISA_PRODUCER_A + n]};
            return STEP_IDLE;
        }
    }
    /* Engines to be idle: bit 3 outfeed, bits 0 and 2 injector; bit 4, the core's own memory, always is. */
    if ((s->engines & 8 && c->engine[ENGINE_OUTFEED].count) || (s->engines & 5 && c->engine[ENGINE_INJECT].count)) {
        k->stop = (struct stop){.why = WHY_ENGINE};
        return STEP_IDLE;
    }
    if (s->tiles_again_en)
        for (unsigned t = 0; t < 16; t++)
            c->tile[t].notified -= s->tiles_again >> t & 1;
    for (unsigned f = 0; f < ISA_SCALAR_FLAGS; f++)
        if (s->flags >> f & 1)
            k->flag[f] = (uint16_t)s->value;
    return STEP_MOVED;
}

/* ---- control ---- */

static enum step halt(struct chip *c, const struct issue *at)
{
    struct core *k = &c->core;
    bool more = k->stream + 1 < c->exe->n_streams;
    if (more == (at->inst->halt.last != 0))
        return chip_fault(c, at, -1, STATUS_INVALID, more ? "ends the program, but more streams follow"
                                                          : "announces another stream, but none follows");
    if (more) {
        k->stream++;
        k->pc = 0;
    } else {
        k->halted = true;
    }
    return STEP_MOVED;
}

static enum step jump(struct chip *c, const struct issue *at)
{
    const struct isa_branch *b = &at->inst->branch;
    struct core *k = &c->core;
    if (!b->cond || k->pred[b->pred & 7] == (b->value != 0)) {
        if (!at_word(&c->program[k->stream], (int64_t)at->word + b->target, &k->pc))
            return chip_fault(c, at, -1, STATUS_INVALID, "branches to word %lld, where no instruction starts",
                              (long long)at->word + b->target);
    } else {
        k->pc++;
    }
    return STEP_MOVED;
}

static enum step loop_begin(struct chip *c, const struct issue *at)
{
    const struct isa_loop *l = &at->inst->loop;
    struct core *k = &c->core;
    const struct isa_program *p = &c->program[k->stream];
    uint32_t after;
    if (k->loop_left)
        return chip_fault(c, at, -1, STATUS_UNSUPPORTED, "a hardware loop inside another");
    if (l->count < 1 || l->length < 1 || !at_word(p, (int64_t)at->word + 1 + l->length, &after))
        return chip_fault(c, at, -1, STATUS_INVALID, "hardware loop of %d words, %d times", l->length, l->count);
    k->loop_start = ++k->pc;
    k->loop_end = after;
    k->loop_left = (uint32_t)l->count;
    return STEP_MOVED;
}

static enum step issue_tiles(struct chip *c, struct issue *at)
{
    const struct isa_inst *in = at->inst;
    const struct core *k = &c->core;
    at->tiles = (uint16_t)in->send.tiles; /* overwritten below where the struct differs */
    switch (in->op) {
    case ISA_MAC:
    case ISA_MAX:
    case ISA_SUM:
    case ISA_RESIZE:
        at->tiles = (uint16_t)in->tensor.tiles;
        break;
    case ISA_TABLE:
        at->tiles = (uint16_t)in->table.tiles;
        break;
    case ISA_FENCE:
        at->tiles = (uint16_t)in->fence.tiles;
        break;
    default: /* 0x10 .. 0x18 share their header */
        at->tiles = (uint16_t)(in->send.tdyn ? k->reg[in->send.treg] : (uint32_t)in->send.tiles);
    }
    if (in->op == ISA_TO_WIDE && in->to_wide.dynb)
        at->base = (int32_t)(k->reg[in->to_wide.breg] & 0xffff);
    return log_issue(c, at) ? STEP_MOVED : STEP_FAILED;
}

static enum step execute(struct chip *c, struct issue *at)
{
    switch (at->inst->op) {
    case ISA_START: return STEP_MOVED;
    case ISA_END: return chip_fault(c, at, -1, STATUS_INVALID, "runs past the halt");
    case ISA_BUNDLE: return bundle(c, at);
    case ISA_SYNC: return sync(c, &at->inst->sync);
    case ISA_INFEED:
        return engine_issue(c, at->inst->infeed.av ? ENGINE_AVDATA : ENGINE_PARAMETERS, at) ? STEP_MOVED : STEP_FAILED;
    case ISA_INJECT: return engine_issue(c, ENGINE_INJECT, at) ? STEP_MOVED : STEP_FAILED;
    case ISA_OUTFEED: return engine_issue(c, ENGINE_OUTFEED, at) ? STEP_MOVED : STEP_FAILED;
    default: return issue_tiles(c, at);
    }
}

enum step core_step(struct chip *c, struct quantum *q)
{
    struct core *k = &c->core;
    enum step moved = STEP_IDLE;
    for (; !k->halted && q->left; q->left--) {
        if (k->pc >= c->program[k->stream].count) {
            status_fail(c->st, STATUS_INVALID, "stream %u runs over its end", k->stream);
            return STEP_FAILED;
        }
        struct issue at = here(c);
        enum isa_opcode op = at.inst->op;
        enum step s = op == ISA_HALT     ? halt(c, &at)
                      : op == ISA_BRANCH ? jump(c, &at)
                      : op == ISA_LOOP   ? loop_begin(c, &at)
                                         : execute(c, &at);
        if (s == STEP_IDLE)
            return moved;
        if (s == STEP_FAILED || !chip_spend(c, &at, -1, 1))
            return STEP_FAILED;
        moved = STEP_MOVED;
        c->count.instructions++;
        if (op == ISA_HALT || op == ISA_BRANCH || op == ISA_LOOP)
            continue;
        k->pc++;
        if (k->loop_left && k->pc == k->loop_end && --k->loop_left)
            k->pc = k->loop_start;
    }
    return moved;
}

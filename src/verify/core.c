/* The scalar core, followed as far as it computes with constants: the DMA descriptors that a program issues.
 *
 * Registers hold known numbers or nothing known (what was captured from the ring, arithmetic on it).  Host addresses
 * are made up, one buffer of 4 GiB for each field offset's name, as the driver would patch them.  Semantics:
 * ../shared/isa/scalar-core.md.  A program that decides by data, or for too long, is not followed. */
#include "verify/check.h"

enum { STEPS = 1 << 20, LOW = 0x10000, PUSH = 4, SLOT = 5, ISSUE = 6, MOVE = 0x0f, IMMEDIATE_BIT = 70 };
enum { TAG_INPUT = 1, TAG_PARAMETERS = 2, TAG_OUTPUT = 3, TAG_INTERRUPT = 4 };

struct value {
    uint32_t v;
    bool known;
};

struct descriptor {
    size_t at;
    uint64_t address;
    uint32_t size, tag;
};

struct core {
    struct check *c;
    const struct code *code;
    struct value reg[32], predicate[8], slot[4];
    struct value *patch; /* per instruction: half an address that the driver writes into it */
    struct descriptor *list;
    size_t count, capacity;
    int64_t pushed; /* bytes that the core itself puts into the output */
};

/* ---- buffers ---- */

static bool same_buffer(const struct dwn_field_offset *a, enum dwn_desc desc, const char *name)
{
    return a->desc == desc && (desc == DWN_PARAMETER || desc == DWN_SCRATCH ||
                               strcmp(a->name ? a->name : "", name ? name : "") == 0);
}

/* The made-up address of a buffer: the place of its first field offset in the executable; 0: it has none. */
static uint64_t base_of(const struct dwn_executable *x, enum dwn_desc desc, const char *name)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < x->n_streams; s++)
        for (uint32_t k = 0; k < x->streams[s].n_offsets; k++) {
            n++;
            if (same_buffer(&x->streams[s].offsets[k], desc, name))
                return n << 32 | LOW;
        }
    return 0;
}

static void patch(struct core *k)
{
    const struct dwn_executable *x = k->code->x;
    k->patch = ARENA_ARRAY(k->c->a, struct value, k->code->count);
    for (uint32_t s = 0; s < x->n_streams; s++)
        for (uint32_t n = 0; n < x->streams[s].n_offsets; n++) {
            const struct dwn_field_offset *f = &x->streams[s].offsets[n];
            uint64_t base = base_of(x, f->desc, f->name);
            for (size_t i = 0; i < k->code->count; i++)
                if (k->code->chunk[i] == s && k->code->word[i] == f->offset_bit / (8 * ISA_WORD))
                    k->patch[i] = (struct value){f->upper ? (uint32_t)(base >> 32) : (uint32_t)base, true};
        }
}

/* ---- bundles ---- */

/* Operations on integers; others give something unknown. */
static struct value alu(int32_t op, struct value a, struct value b)
{
    uint32_t r;
    switch (op) {
    case 0x01: r = a.v + b.v; break;
    case 0x02: r = a.v - b.v; break;
    case 0x03: r = a.v & b.v; break;
    case 0x04: r = a.v | b.v; break;
    case 0x05: r = a.v ^ b.v; break;
    case 0x06: r = a.v << (b.v & 31); break;
    case 0x07: r = a.v >> (b.v & 31); break;
    case 0x09: r = a.v == b.v; break;
    case 0x0a: r = a.v != b.v; break;
    case 0x0c: r = (int32_t)a.v < (int32_t)b.v; break;
    case 0x0d: r = (int32_t)a.v >= (int32_t)b.v; break;
    case MOVE: return b;
    default: return (struct value){0};
    }
    return (struct value){r, a.known && b.known};
}

static bool issue(struct core *k, size_t at)
{
    for (int s = 0; s < 4; s++)
        if (!k->slot[s].known)
            return false;
    k->list = arena_grow(k->c->a, k->list, k->count, sizeof *k->list, &k->capacity);
    k->list[k->count++] = (struct descriptor){.at = at, .address = k->slot[0].v | (uint64_t)k->slot[1].v << 32,
                                              .size = k->slot[2].v, .tag = k->slot[3].v};
    return true;
}

/* All slots read the registers as they were before the bundle.  False: not to be followed. */
static bool bundle(struct core *k, size_t at)
{
    const struct isa_bundle *b = &k->code->inst[at].bundle;
    if (b->pred_en && !k->predicate[b->pred_reg & 7].known)
        return false;
    if (b->pred_en && (k->predicate[b->pred_reg & 7].v != 0) != (b->pred_val != 0))
        return true;
    struct value before[32];
    memcpy(before, k->reg, sizeof before);
    if (b->load) {
        k->reg[b->load_dst & 31] = (struct value){0};
        if (b->load == 3)
            k->reg[b->load_reg & 31].v += (uint32_t)b->load_inc;
    }
    if (b->store == 3)
        k->reg[b->store_reg & 31].v += (uint32_t)b->store_inc;
    if (b->store == PUSH)
        k->pushed += 4;
    if (b->store == SLOT)
        k->slot[b->store_slot & 3] = before[b->store_data & 31];
    if (b->store == ISSUE && !issue(k, at))
        return false;
    if (b->alu) {
        struct value second = b->alu_imm ? (struct value){(uint32_t)b->imm, true} : before[b->alu_b & 31];
        if (b->alu_imm && k->patch[at].known)
            second = k->patch[at];
        struct value r = alu(b->alu, before[b->alu_a & 31], second);
        if (b->alu >= 0x09 && b->alu <= 0x0e)
            k->predicate[b->alu_dst & 7] = r;
        else
            k->reg[b->alu_dst & 31] = r;
    }
    if (b->trans)
        k->reg[b->trans_dst & 31] = (struct value){0};
    return true;
}

/* ---- control ---- */

/* Index of the instruction that begins at a word of a chunk; code->count: none does. */
static size_t at_word(const struct code *code, uint32_t chunk, int64_t word)
{
    size_t low = 0, high = code->count; /* chunk and word rise */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (code->chunk[mid] < chunk || (code->chunk[mid] == chunk && code->word[mid] < word))
            low = mid + 1;
        else
            high = mid;
    }
    return low < code->count && code->chunk[low] == chunk && code->word[low] == word ? low : code->count;
}

/* Runs to the end of the program; false: it was not followed so far. */
static bool follow(struct core *k)
{
    const struct code *code = k->code;
    size_t pc = 0, loop_start = 0, loop_end = 0;
    int64_t left = 0;
    for (unsigned steps = 0; pc < code->count; steps++) {
        const struct isa_inst *i = &code->inst[pc];
        if (steps == STEPS || (i->op == ISA_BUNDLE && !bundle(k, pc)))
            return false;
        if (i->op == ISA_LOOP) {
            loop_start = pc + 1;
            loop_end = at_word(code, code->chunk[pc], (int64_t)code->word[pc] + 1 + i->loop.length);
            left = i->loop.count;
        }
        if (i->op == ISA_BRANCH) {
            struct value p = i->branch.cond ? k->predicate[i->branch.pred & 7] : (struct value){1, true};
            if (!p.known)
                return false;
            if (!i->branch.cond || (p.v != 0) == (i->branch.value != 0)) {
                pc = at_word(code, code->chunk[pc], (int64_t)code->word[pc] + i->branch.target);
                continue;
            }
        }
        pc++;
        if (left && pc == loop_end && --left)
            pc = loop_start;
    }
    return true;
}

/* ---- checks ---- */

static int64_t layer_bytes(const struct dwn_layer *l)
{
    return (int64_t)l->size_bytes * (l->execution_count > 1 ? l->execution_count : 1);
}

static bool inside(uint64_t base, int64_t bytes, const struct descriptor *d)
{
    return base && d->address >= base && d->address + d->size <= base + (uint64_t)bytes;
}

static bool addresses_a_buffer(const struct dwn_executable *x, const struct descriptor *d)
{
    uint64_t scratch = base_of(x, DWN_SCRATCH, NULL);
    bool output = d->tag == TAG_OUTPUT;
    if (d->tag == TAG_INTERRUPT)
        return d->address == 0 && d->size == 0;
    if (d->tag == TAG_PARAMETERS)
        return inside(base_of(x, DWN_PARAMETER, NULL), (int64_t)x->parameters.size, d);
    if (d->tag != TAG_INPUT && !output)
        return false;
    const struct dwn_layer *l = output ? x->outputs : x->inputs;
    for (uint32_t n = output ? x->n_outputs : x->n_inputs; n > 0; n--, l++)
        if (inside(base_of(x, output ? DWN_OUTPUT : DWN_INPUT, l->name), layer_bytes(l), d))
            return true;
    return inside(scratch, x->scratch_bytes, d);
}

/* Hints tell the driver what the program will ask for: neighbouring descriptors of one buffer in one. */
static void check_against_hints(const struct core *k)
{
    const struct dwn_executable *x = k->code->x;
    size_t n = 0;
    if (!x->fully_deterministic)
        return;
    for (uint32_t h = 0; h < x->n_hints; h++) {
        const struct dwn_hint *hint = &x->hints[h];
        if (hint->kind == DWN_HINT_INTERRUPT && n < k->count && k->list[n].tag == TAG_INTERRUPT)
            n++;
        if (hint->kind != DWN_HINT_DESCRIPTOR)
            continue;
        uint64_t address = base_of(x, hint->desc, hint->name) + (uint64_t)hint->offset;
        int64_t left = hint->size;
        while (left > 0 && n < k->count && k->list[n].address == address && k->list[n].size &&
               (int64_t)k->list[n].size <= left) {
            address += k->list[n].size;
            left -= k->list[n++].size;
        }
        if (left) {
            finding(k->c, k->code, n < k->count ? (long)k->list[n].at : NOWHERE, RULE_HINT_PROGRAM,
                    "hint %u promises %lld bytes more than the program asks for there", h, (long long)left);
            return;
        }
    }
    if (n < k->count)
        finding(k->c, k->code, (long)k->list[n].at, RULE_HINT_PROGRAM, "a descriptor of %u bytes that no hint promises",
                k->list[n].size);
}

/* What the engines take from the host, and give to it, is what the descriptors are about. */
static void check_bytes(const struct core *k)
{
    static const char *const what[4] = {"", "activations", "parameters", "outputs"};
    int64_t moved[4] = {0, 0, 0, k->pushed}, asked[4] = {0};
    for (size_t n = 0; n < k->code->count; n++) {
        const struct isa_inst *i = &k->code->inst[n];
        if (i->op == ISA_INFEED)
            moved[i->infeed.av ? TAG_INPUT : TAG_PARAMETERS] += (i->infeed.av ? 8 : 64) * unit_count(&i->infeed.t, 3);
        if (i->op == ISA_OUTFEED && i->outfeed.host)
            moved[TAG_OUTPUT] += 8 * unit_count(&i->outfeed.t, 3);
    }
    for (size_t n = 0; n < k->count; n++)
        if (k->list[n].tag < TAG_INTERRUPT)
            asked[k->list[n].tag] += k->list[n].size;
    for (int tag = TAG_INPUT; tag < TAG_INTERRUPT; tag++)
        if (moved[tag] != asked[tag])
            finding(k->c, k->code, NOWHERE, RULE_HOST_BYTES, "%lld bytes of %s are moved, descriptors are for %lld",
                    (long long)moved[tag], what[tag], (long long)asked[tag]);
}

void check_core(struct check *c, const struct code *code)
{
    struct core k = {.c = c, .code = code};
    if (!code->straight)
        return;
    patch(&k);
    if (!follow(&k))
        return;
    for (size_t n = 0; n < k.count; n++)
        if (!addresses_a_buffer(code->x, &k.list[n]))
            finding(c, code, (long)k.list[n].at, RULE_DESCRIPTOR, "descriptor of tag %u, %u bytes: in no buffer",
                    k.list[n].tag, k.list[n].size);
    check_against_hints(&k);
    check_bytes(&k);
}

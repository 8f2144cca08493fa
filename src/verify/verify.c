#include "verify/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "verify/check.h"

static const struct verify_rule rules[RULE_COUNT] = {
#define X(name, id, sentence) {id, sentence},
#include "verify/rules.def"
#undef X
};

const struct verify_rule *verify_rules(unsigned *count)
{
    *count = RULE_COUNT;
    return rules;
}

void finding(struct check *c, const struct code *code, long at, enum rule rule, const char *format, ...)
{
    if (c->count == MAX_FINDINGS)
        return;
    if (c->count == c->capacity) {
        uint32_t capacity = c->capacity ? 2 * c->capacity : 16;
        struct verify_finding *more = ARENA_ARRAY(c->a, struct verify_finding, capacity);
        if (c->count)
            memcpy(more, c->findings, c->count * sizeof *more);
        c->findings = more;
        c->capacity = capacity;
    }
    char text[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    bool somewhere = at >= 0 && (size_t)at < code->count;
    c->findings[c->count++] = (struct verify_finding){
        .rule = &rules[rule],
        .executable = code ? code->index : UINT32_MAX,
        .chunk = somewhere ? code->chunk[at] : UINT32_MAX,
        .word = somewhere ? code->word[at] : UINT32_MAX,
        .text = arena_text(c->a, "%s", text),
    };
}

int64_t bounded(int64_t v)
{
    const int64_t most = INT64_C(1) << 44;
    return v > most ? most : v < -most ? -most : v;
}

int64_t bounded_product(int64_t a, int64_t b)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        product = (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX;
    return bounded(product);
}

int64_t unit_count(const struct isa_ttu *t, unsigned loops) { return bounded(isa_ttu_count(t, loops)); }

int64_t lim_product(const int32_t *lim, unsigned from, unsigned loops)
{
    int64_t n = 1;
    for (unsigned k = from; k < loops; k++)
        n = bounded_product(n, (int64_t)lim[k] + 1);
    return n;
}

int64_t prefix_count(const struct isa_prefix *s, const struct isa_ttu *w, unsigned loops)
{
    return s->en ? bounded_product((int64_t)s->lim + 1, lim_product(w->lim, s->dim > 1 ? (unsigned)s->dim : 1, loops))
                 : 0;
}

bool inst_tiles(const struct isa_inst *i, int32_t *tiles, int32_t *seq)
{
    switch (i->op) {
    case ISA_MAC: case ISA_MAX: case ISA_SUM: case ISA_RESIZE:
        *tiles = i->tensor.tiles, *seq = i->tensor.seq;
        return true;
    case ISA_RING_SEND:
        *tiles = i->send.tiles, *seq = i->send.seq;
        return true;
    case ISA_RING_RECV_A: case ISA_RING_RECV_B:
        *tiles = i->recv.tiles, *seq = i->recv.seq;
        return true;
    case ISA_TO_WIDE:
        *tiles = i->to_wide.tiles, *seq = i->to_wide.seq;
        return true;
    case ISA_TO_NARROW:
        *tiles = i->to_narrow.tiles, *seq = i->to_narrow.seq;
        return true;
    case ISA_MESH_SOUTH: case ISA_MESH_WEST: case ISA_MESH_NORTH: case ISA_MESH_EAST:
        *tiles = i->mesh.tiles, *seq = i->mesh.seq;
        return true;
    case ISA_TABLE:
        *tiles = i->table.tiles, *seq = i->table.seq;
        return true;
    case ISA_FENCE:
        *tiles = i->fence.tiles, *seq = i->fence.seq;
        return true;
    default:
        return false;
    }
}

/* Decodes all chunks of one executable; what does not decode is a finding and ends its chunk. */
static void decode(struct check *c, struct code *code)
{
    size_t words = 0;
    for (uint32_t k = 0; k < code->x->n_streams; k++)
        words += code->x->streams[k].code.size / ISA_WORD;
    code->inst = ARENA_ARRAY(c->a, struct isa_inst, words);
    code->chunk = ARENA_ARRAY(c->a, uint32_t, words);
    code->word = ARENA_ARRAY(c->a, uint32_t, words);
    code->whole = true;
    for (uint32_t k = 0; k < code->x->n_streams; k++) {
        struct bytes stream = code->x->streams[k].code;
        for (size_t at = 0; at < stream.size / ISA_WORD;) {
            struct status st = {0};
            unsigned n = 0;
            size_t i = code->count;
            code->chunk[i] = k;
            code->word[i] = (uint32_t)at;
            if (!isa_decode(stream, at, &code->inst[i], &n, &st) || n == 0) {
                code->count++; /* so that the finding has a place; taken back below */
                finding(c, code, (long)i, RULE_DECODE, "%s", st.message);
                code->count--;
                code->whole = false;
                break;
            }
            code->count++;
            at += n;
        }
    }
}

static bool only_core(const struct isa_inst *i)
{
    return i->op == ISA_BUNDLE || i->op == ISA_BRANCH || i->op == ISA_LOOP;
}

/* Words that a jump can leave out or repeat: they must be bundles of the scalar core only. */
static bool straight(const struct code *code)
{
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        int64_t from = code->word[k], to = i->op == ISA_BRANCH ? from + i->branch.target : from + 1 + i->loop.length;
        if (i->op != ISA_BRANCH && i->op != ISA_LOOP)
            continue;
        for (size_t j = k + 1; j < code->count && code->chunk[j] == code->chunk[k] && code->word[j] < to; j++)
            if (!only_core(&code->inst[j]))
                return false;
        for (size_t j = k; j-- > 0 && code->chunk[j] == code->chunk[k] && code->word[j] >= to;)
            if (!only_core(&code->inst[j]))
                return false;
    }
    return code->whole;
}

void verify_package(struct arena *a, const struct dwn_package *p, struct verify_report *out)
{
    struct check c = {.a = a, .package = p};
    c.code = ARENA_ARRAY(a, struct code, p->n_executables);
    for (uint32_t e = 0; e < p->n_executables; e++) {
        struct code *code = &c.code[e];
        *code = (struct code){.index = e, .x = &p->executables[e]};
        decode(&c, code);
        code->straight = straight(code);
        check_framing(&c, code);
        check_loops(&c, code);
        if (code->whole) {
            check_ring(&c, code);
            check_mesh(&c, code);
            check_sync(&c, code);
        }
        check_host(&c, code);
        check_core(&c, code);
        check_fifos(&c, code);
        check_layers(&c, code);
    }
    check_memory(&c);
    check_flow(&c);
    *out = (struct verify_report){c.findings, c.count};
}

/* Assembly text.  Nothing is lost: flip any bit and the text changes (tests/isa/test_isa_print.c), so a group
 * writes loops as (count*stride) and adds whatever does not follow from them. */
#include "isa/print.h"

#include <math.h>
#include <stddef.h>

/* Register order of libedgetpu's driver/config/beagle/beagle_csr_offsets.h; see docs/isa.md. */
static const char *const tile_flags[] = {
    "AVDATA", "PARAM",  "PSUM", "N_IN", "E_IN", "S_IN",    "W_IN",    "N_OUT",  "E_OUT",   "S_OUT",
    "W_OUT",  "W2N",    "W2S",  "N2W",  "RREAD_A", "RREAD_B", "RWRITE", "RPROD_A", "RPROD_B",
};
static const char *const scalar_flags[] = {
    "AVDATA_POP", "PARAM_POP", "AVDATA_INFEED", "PARAM_INFEED", "SCALAR_INFEED",
    "PRODUCER_A", "PRODUCER_B", "RING_OUTFEED", "SCALAR_PIPELINE",
};
_Static_assert(sizeof tile_flags / sizeof *tile_flags == ISA_FLAGS, "names of the tile flags");
_Static_assert(sizeof scalar_flags / sizeof *scalar_flags == ISA_SCALAR_FLAGS, "names of the scalar flags");

const char *isa_flag_name(unsigned id)
{
    return id < ISA_FLAGS ? tile_flags[id] : NULL;
}

const char *isa_scalar_flag_name(unsigned id)
{
    return id < ISA_SCALAR_FLAGS ? scalar_flags[id] : NULL;
}

void isa_print_float(struct buf *out, uint32_t bits)
{
    float v = f32_of(bits);
    if (isnan(v))
        buf_text(out, "nan:%08x", bits);
    else
        buf_text(out, "%.9g", (double)v);
}

void isa_print_field(struct buf *out, const struct isa_field *f, const struct isa_inst *in)
{
    if (f->member == ISA_NO_MEMBER || !isa_field_exists(f, in))
        return;
    int64_t v = isa_field_value(f, in);
    if (!v)
        return;
    buf_text(out, " %s=", f->name);
    if (f->form == ISA_FLOAT)
        isa_print_float(out, (uint32_t)v);
    else
        buf_text(out, f->form == ISA_HEX && v > 9 ? "0x%llx" : "%lld", (long long)v);
}

/* ---- groups: `f` is the group's first field, n the number of its fields ---- */

static const void *group_of(const struct isa_field *f, const struct isa_inst *in)
{
    return (const uint8_t *)in + f->member;
}

/* "A" of "A.base" */
static int prefix_length(const struct isa_field *f)
{
    return (int)strcspn(f->name, ".");
}

static bool same_group(const struct isa_field *a, const struct isa_field *b)
{
    int n = prefix_length(a);
    return a->block == b->block && n == prefix_length(b) && memcmp(a->name, b->name, (size_t)n) == 0;
}

static bool group_is_zero(const struct isa_field *f, unsigned n, const struct isa_inst *in)
{
    for (unsigned i = 0; i < n; i++)
        if (isa_field_value(&f[i], in))
            return false;
    return true;
}

static void print_fields(struct buf *out, const struct isa_field *f, unsigned n, const struct isa_inst *in)
{
    for (unsigned i = 0; i < n; i++)
        isa_print_field(out, &f[i], in);
}

/* L(9 16 4) last=loop:limit */
static void print_nest(struct buf *out, const struct isa_field *f, const struct isa_inst *in)
{
    const struct isa_tensor *t = &in->tensor;
    unsigned n = 8;
    while (n > 1 && !t->lim[n - 1])
        n--;
    buf_text(out, " %.*s(", prefix_length(f), f->name);
    for (unsigned k = 0; k < n; k++)
        buf_text(out, "%s%d", k ? " " : "", t->lim[k] + 1);
    buf_text(out, ")");
    if (t->ldim || t->llim)
        buf_text(out, " last=%d:%d", t->ldim, t->llim);
}

/* A@base(count*stride ...) ring=loop:offset last=loop:limit:skip mask=m, the last three where they do not follow */
static void print_ttu(struct buf *out, const struct isa_field *f, unsigned n_fields, const struct isa_inst *in)
{
    struct isa_ttu t;
    memcpy(&t, group_of(f, in), sizeof t);
    unsigned n_loops = (n_fields - 7) / 2, used = 0;
    int32_t mask = 0;
    for (unsigned k = 0; k < n_loops; k++) {
        mask |= (isa_ttu_stride(&t, k) != 0) << k;
        if (t.lim[k] || isa_ttu_stride(&t, k))
            used = k + 1;
    }
    buf_text(out, " %.*s@%d(", prefix_length(f), f->name, t.base);
    for (unsigned k = 0; k < used; k++)
        buf_text(out, "%s%d*%lld", k ? " " : "", t.lim[k] + 1, (long long)isa_ttu_stride(&t, k));
    buf_text(out, ")");
    if (t.bdim || t.boff)
        buf_text(out, " ring=%d:%d", t.bdim, t.boff);
    if (t.ldim || t.llim || t.lskip)
        buf_text(out, " last=%d:%d:%d", t.ldim, t.llim, t.lskip);
    if (t.mask != mask)
        buf_text(out, " mask=0x%x", (unsigned)t.mask);
}

static void print_signal(struct buf *out, const struct isa_field *f, const struct isa_inst *in)
{
    struct isa_signal s;
    memcpy(&s, group_of(f, in), sizeof s);
    buf_text(out, s.en ? " signal %.*s@%d" : " (%.*s@%d)", prefix_length(f), f->name, s.dim);
}

/* wait FLAG>=val+step@dim; "credit" where the wait is for room; the record's name unless it is the next in order */
static void print_wait(struct buf *out, const struct isa_field *f, const struct isa_inst *in, bool in_order)
{
    struct isa_wait w;
    memcpy(&w, group_of(f, in), sizeof w);
    const char *name = in->op >= ISA_BUNDLE ? isa_scalar_flag_name((unsigned)w.id) : isa_flag_name((unsigned)w.id);
    static const char *const verb[] = {"(off)", "wait", "(off credit)", "credit"};
    buf_text(out, " ");
    if (!in_order || !(w.fl & 1))
        buf_text(out, "%.*s:", prefix_length(f), f->name);
    buf_text(out, "%s ", verb[w.fl & 3]);
    if (name)
        buf_text(out, "%s", name);
    else
        buf_text(out, "%d", w.id);
    buf_text(out, ">=%d%+d@%d", w.val, w.step, w.dim);
}

/* S@base*count=end+step@dim */
static void print_prefix(struct buf *out, const struct isa_field *f, const struct isa_inst *in)
{
    struct isa_prefix s;
    memcpy(&s, group_of(f, in), sizeof s);
    buf_text(out, s.en ? " %.*s@%d*%d..%d%+d@%d" : " (%.*s@%d*%d..%d%+d@%d)", prefix_length(f), f->name, s.base,
             s.lim + 1, s.end, s.step, s.dim);
}

void isa_print(struct buf *out, const struct isa_inst *in)
{
    const struct isa_op *op = isa_op_of(in->op);
    if (!op) {
        buf_text(out, "unknown opcode 0x%02x", (unsigned)in->op);
        return;
    }
    buf_text(out, "%s", op->mnemonic);
    if (in->op == ISA_BUNDLE) {
        isa_print_bundle(out, in);
        return;
    }
    unsigned waits = 0, waits_shown = 0;
    for (unsigned i = 0, n; i < op->n_fields; i += n) {
        const struct isa_field *f = &op->fields[i];
        for (n = 1; f->block != ISA_SINGLE && i + n < op->n_fields && same_group(f, &f[n]); n++)
            ;
        waits += f->block == ISA_WAIT;
        if (f->member == offsetof(struct isa_inst, op) || group_is_zero(f, n, in))
            continue;
        switch (f->block) {
        case ISA_SINGLE: print_fields(out, f, n, in); break;
        case ISA_NEST: print_nest(out, f, in); break;
        case ISA_TTU: print_ttu(out, f, n, in); break;
        case ISA_SIGNAL: print_signal(out, f, in); break;
        case ISA_WAIT: print_wait(out, f, in, ++waits_shown == waits); break;
        case ISA_PREFIX: print_prefix(out, f, in); break;
        }
    }
}

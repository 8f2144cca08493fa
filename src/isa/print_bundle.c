/* Text of 0x20: "if p0 | ld s3, [s4], 1 | st [0x3fe], s2 | add s6, s5, 0x10 | recip s1, s2".
 * A slot whose unused fields are not 0 is written field by field instead. */
#include "isa/print.h"

enum operands { NONE, THREE, COMPARE, MOVE }; /* MOVE: no first operand */

static const struct alu_op {
    const char *name;
    enum operands operands;
    bool is_float; /* the immediate is one */
} alu_ops[32] = {
    [0x01] = {"add", THREE, false},   [0x02] = {"sub", THREE, false}, [0x03] = {"and", THREE, false},
    [0x04] = {"or", THREE, false},    [0x05] = {"xor", THREE, false}, [0x06] = {"shl", THREE, false},
    [0x07] = {"shr", THREE, false},   [0x09] = {"eq", COMPARE, false}, [0x0a] = {"ne", COMPARE, false},
    [0x0c] = {"lt", COMPARE, false},  [0x0d] = {"ge", COMPARE, false}, [0x0f] = {"mov", MOVE, false},
    [0x10] = {"itof", MOVE, false},   [0x11] = {"ftoi", MOVE, true},  [0x12] = {"fadd", THREE, true},
    [0x13] = {"fsub", THREE, true},   [0x14] = {"fmul", THREE, true}, [0x15] = {"fmax", THREE, true},
    [0x16] = {"fmin", THREE, true},
};

static bool print_predicate(struct buf *out, const struct isa_bundle *b)
{
    if (!b->pred_en)
        return !b->pred_reg && !b->pred_val;
    buf_text(out, "if %sp%d", b->pred_val ? "" : "!", b->pred_reg);
    return true;
}

static bool print_load(struct buf *out, const struct isa_bundle *b)
{
    switch (b->load) {
    case 1: buf_text(out, "ld s%d, [0x%x]", b->load_dst, (unsigned)b->load_addr); return true;
    case 2: buf_text(out, "ld s%d, [s%d]", b->load_dst, b->load_reg); return true;
    case 3: buf_text(out, "ld s%d, [s%d], %d", b->load_dst, b->load_reg, b->load_inc); return true;
    default: return b->load == 0;
    }
}

static bool print_store(struct buf *out, const struct isa_bundle *b)
{
    switch (b->store) {
    case 1: buf_text(out, "st [0x%x], s%d", (unsigned)b->store_addr, b->store_data); return true;
    case 2: buf_text(out, "st [s%d], s%d", b->store_reg, b->store_data); return true;
    case 3: buf_text(out, "st [s%d], %d, s%d", b->store_reg, b->store_inc, b->store_data); return true;
    case 4: buf_text(out, "push s%d", b->store_data); return true;
    case 5: buf_text(out, "desc %d, s%d", b->store_slot, b->store_data); return true;
    case 6:
        if (b->store_data)
            return false;
        buf_text(out, "issue");
        return true;
    default: return b->store == 0 && !b->store_data;
    }
}

static bool print_alu(struct buf *out, const struct isa_bundle *b)
{
    const struct alu_op *op = &alu_ops[b->alu & 31];
    if (op->operands == NONE)
        return !b->alu && !b->alu_imm && !b->alu_dst && !b->alu_a && !b->alu_b;
    if (op->operands == MOVE && b->alu_a)
        return false;
    buf_text(out, "%s %c%d, ", op->name, op->operands == COMPARE ? 'p' : 's', b->alu_dst);
    if (op->operands != MOVE)
        buf_text(out, "s%d, ", b->alu_a);
    if (!b->alu_imm)
        buf_text(out, "s%d", b->alu_b);
    else if (op->is_float)
        isa_print_float(out, (uint32_t)b->imm);
    else if (b->imm > -4096 && b->imm < 4096)
        buf_text(out, "%d", b->imm);
    else
        buf_text(out, "0x%x", (unsigned)b->imm);
    return true;
}

static bool print_trans(struct buf *out, const struct isa_bundle *b)
{
    if (b->trans == 2 || b->trans == 3) {
        buf_text(out, "%s s%d, s%d", b->trans == 2 ? "recip" : "exp2", b->trans_dst, b->trans_src);
        return true;
    }
    return !b->trans && !b->trans_dst && !b->trans_src;
}

void isa_print_bundle(struct buf *out, const struct isa_inst *in)
{
    static const struct slot {
        bool (*print)(struct buf *, const struct isa_bundle *);
        const char *prefix; /* of the names of its fields */
    } slots[] = {{print_predicate, "pred"}, {print_load, "load"}, {print_store, "store"}, {print_alu, "alu"},
                 {print_trans, "trans"}};
    const struct isa_op *op = isa_op_of(ISA_BUNDLE);
    const char *separator = " ";
    for (const struct slot *s = slots; s < slots + sizeof slots / sizeof *slots; s++) {
        size_t before = out->size;
        buf_text(out, "%s", separator);
        size_t begin = out->size;
        if (!s->print(out, &in->bundle))
            for (const struct isa_field *f = op->fields; f < op->fields + op->n_fields; f++)
                if (strncmp(f->name, s->prefix, strlen(s->prefix)) == 0)
                    isa_print_field(out, f, in);
        if (out->size > begin)
            separator = " | ";
        else
            out->size = before; /* an empty slot */
    }
}

#include "isa/table.h"

static const struct isa_op *const by_opcode[ISA_OPCODES] = {
    [ISA_MAC] = &isa_tensor_ops[0],        [ISA_MAX] = &isa_tensor_ops[1],
    [ISA_SUM] = &isa_tensor_ops[2],        [ISA_RESIZE] = &isa_tensor_ops[3],
    [ISA_RING_SEND] = &isa_tile_ops[0],    [ISA_RING_RECV_A] = &isa_tile_ops[1],
    [ISA_RING_RECV_B] = &isa_tile_ops[2],  [ISA_TO_WIDE] = &isa_tile_ops[3],
    [ISA_TO_NARROW] = &isa_tile_ops[4],    [ISA_MESH_SOUTH] = &isa_tile_ops[5],
    [ISA_MESH_WEST] = &isa_tile_ops[6],    [ISA_MESH_NORTH] = &isa_tile_ops[7],
    [ISA_MESH_EAST] = &isa_tile_ops[8],    [ISA_TABLE] = &isa_tile_ops[9],
    [ISA_FENCE] = &isa_tile_ops[10],       [ISA_BUNDLE] = &isa_scalar_ops[0],
    [ISA_HALT] = &isa_scalar_ops[1],       [ISA_BRANCH] = &isa_scalar_ops[2],
    [ISA_LOOP] = &isa_scalar_ops[3],       [ISA_SYNC] = &isa_scalar_ops[4],
    [ISA_INFEED] = &isa_scalar_ops[5],     [ISA_INJECT] = &isa_scalar_ops[6],
    [ISA_OUTFEED] = &isa_scalar_ops[7],    [ISA_START] = &isa_scalar_ops[8],
    [ISA_END] = &isa_scalar_ops[9],
};

const struct isa_op *isa_op_of(unsigned opcode)
{
    return opcode < ISA_OPCODES ? by_opcode[opcode] : NULL;
}

static int32_t member_at(const struct isa_inst *in, uint32_t offset)
{
    int32_t v;
    memcpy(&v, (const uint8_t *)in + offset, sizeof v);
    return v;
}

bool isa_field_exists(const struct isa_field *f, const struct isa_inst *in)
{
    if (!f->view)
        return true;
    int32_t selector = member_at(in, f->view->selector);
    return selector >= 0 && selector < 32 && f->view->values >> selector & 1;
}

int64_t isa_field_value(const struct isa_field *f, const struct isa_inst *in)
{
    if (f->member == ISA_NO_MEMBER)
        return 0;
    int32_t v = member_at(in, f->member);
    return !f->is_signed && f->width == 32 ? (int64_t)(uint32_t)v : v;
}

#ifndef EVIDENCE_FIELDS_H
#define EVIDENCE_FIELDS_H

#include "darwinn/package.h"
#include "isa/isa.h"

struct field_counts {
    uint64_t *set[ISA_OPCODES]; /* per opcode and field: instructions in which the field is not zero */
    uint64_t instructions[ISA_OPCODES];
};

#endif

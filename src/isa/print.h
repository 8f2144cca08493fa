/* Inside print*.c only. */
#ifndef ISA_PRINT_H
#define ISA_PRINT_H

#include "isa/isa.h"

/* " name=value" where the value is not 0 and the field exists. */
void isa_print_field(struct buf *out, const struct isa_field *f, const struct isa_inst *in);
/* A float32 so that the text gives the bits back. */
void isa_print_float(struct buf *out, uint32_t bits);
/* The five slots of 0x20. */
void isa_print_bundle(struct buf *out, const struct isa_inst *in);

#endif

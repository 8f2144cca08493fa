/* What the tests of src/isa share. */
#ifndef TESTS_ISA_TEST_H
#define TESTS_ISA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "isa/isa.h"

#define EACH_OP(op) \
    for (unsigned code = 0; code < ISA_OPCODES; code++) \
        for (const struct isa_op *op = isa_op_of(code); op; op = NULL)
#define EACH_FIELD(f, op) for (const struct isa_field *f = (op)->fields; f < (op)->fields + (op)->n_fields; f++)

/* Random bits in all fields of `op`, so that isa_decode takes them: zero where the table says so. */
static inline void random_words(uint8_t *words, const struct isa_op *op, uint64_t *seed)
{
    memset(words, 0, ISA_MAX_WORDS * ISA_WORD);
    bits_put(words, 6, 6, op->opcode);
    EACH_FIELD(f, op) {
        bool exists = true;
        if (f->view) { /* selectors lie in lower bits, so they are there already */
            EACH_FIELD(s, op)
                if (s->member == f->view->selector)
                    exists = f->view->values >> bits_get(words, s->bit, s->width) & 1;
        }
        if (exists && f->member != ISA_NO_MEMBER && f->bit != 6)
            bits_put(words, f->bit, f->width, random_next(seed) % 3 ? random_next(seed) : 0);
    }
}

#endif

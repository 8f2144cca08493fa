/* The FIFOs between host and ring: 0x25 fills them in order, 0x26 takes what has been filled.
 *
 * Places are counted from the start of the program; an instruction holds them modulo the size of the FIFO
 * (scalar-core.md "Chunked counter": 2048 packets of parameters, 32768 units of activations). */
#include "verify/check.h"

static int64_t slots(bool activations) { return activations ? 32768 : 2048; }

/* The wait for data of an injection names the first unit that it takes. */
static void check_inject(struct check *c, const struct code *code, size_t at)
{
    const struct isa_inject *i = &code->inst[at].inject;
    if (i->src > 1)
        return;
    int32_t flag = i->src ? ISA_AVDATA_POP : ISA_PARAM_POP;
    for (int n = 0; n < 2; n++)
        if (i->wait[n].fl && i->wait[n].id == flag &&
            (i->wait[n].val - 1 - i->t.base) % slots(i->src))
            finding(c, code, (long)at, RULE_INJECT, "takes from place %d of its FIFO and waits for place %d", i->t.base,
                    i->wait[n].val - 1);
}

void check_fifos(struct check *c, const struct code *code)
{
    int64_t filled[2] = {0}, used = 0;
    for (size_t k = 0; k < code->count && code->straight; k++) {
        const struct isa_inst *i = &code->inst[k];
        if (i->op == ISA_SYNC && i->sync.flags >> ISA_AVDATA_POP & 1)
            filled[true] = 0; /* each input starts anew */
        if (i->op == ISA_INFEED) {
            bool av = i->infeed.av != 0;
            if ((i->infeed.t.base - filled[av]) % slots(av))
                finding(c, code, (long)k, RULE_INFEED, "fills from place %d, the next is %lld", i->infeed.t.base,
                        (long long)(filled[av] % slots(av)));
            filled[av] += unit_count(&i->infeed.t, 3);
        } else if (i->op == ISA_INJECT) {
            check_inject(c, code, k);
            if (i->inject.src == 0) {
                if ((i->inject.t.base - used) % slots(false))
                    finding(c, code, (long)k, RULE_INJECT, "takes parameters from place %d, the next is %lld",
                            i->inject.t.base, (long long)(used % slots(false)));
                used += unit_count(&i->inject.t, 3);
            }
        }
    }
}

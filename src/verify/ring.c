/* Conservation on the ring: rows, packets and bytes that are sent are the ones that are taken. */
#include "verify/check.h"

enum { ROW_BYTES = 256 };

/* Units moved by a counter of the scalar-side rings (scalar-core.md, "Chunked counter"). */
static int64_t chunked(const struct isa_ttu *t)
{
    int64_t half = (int64_t)t->lim[0] + 1;
    return t->ldim ? t->lim[1] * half + t->llim + 1 : (t->lim[1] + 1) * half * (t->lim[2] + 1);
}

void check_ring(struct check *c, const struct code *code)
{
    static const int unit_bytes[4] = {64, 8, 4, 4}; /* 0x26 src: parameters, activations, scalar memory */
    int64_t sent[2][ISA_TILES] = {0}, taken[2][ISA_TILES] = {0};
    int64_t core_sent = 0, core_taken = 0, results_sent = 0, results_taken = 0, looped = 0, host = 0, fetched = 0,
            used = 0;
    bool scalar_output = false, loops = !code->straight;
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        switch (i->op) {
        case ISA_RING_RECV_A: case ISA_RING_RECV_B:
            for (int t = 0; t < ISA_TILES; t++)
                if (i->recv.tdyn ? false : i->recv.tiles >> t & 1)
                    taken[i->op == ISA_RING_RECV_B][t] +=
                        unit_count(&i->recv.w, 4) + prefix_count(&i->recv.s, &i->recv.w, 4);
            break;
        case ISA_RING_SEND: {
            int64_t n = unit_count(&i->send.w, 4);
            if (i->send.core)
                *(i->send.chan ? &core_sent : &results_sent) += n;
            else
                for (int t = 0; t < ISA_TILES; t++)
                    sent[i->send.chan != 0][t] += i->send.dst >> t & 1 ? n : 0;
            break;
        }
        case ISA_INFEED:
            if (!i->infeed.av)
                fetched += chunked(&i->infeed.t);
            break;
        case ISA_INJECT: {
            int64_t n = chunked(&i->inject.t), bytes = n * unit_bytes[i->inject.src & 3];
            if (i->inject.src == 0)
                used += n;
            if (i->inject.src == 2)
                looped += n;
            for (int t = 0; t < ISA_TILES; t++)
                sent[0][t] += i->inject.dst >> t & 1 ? ceil_div(bytes, 4 * ((int64_t)i->inject.cells + 1)) : 0;
            break;
        }
        case ISA_OUTFEED:
        {
            int64_t bytes = bounded_product(unit_count(&i->outfeed.t, 3), i->outfeed.host ? 8 : 4);
            bool loop_back = !i->outfeed.host && i->outfeed.p.en;
            *(loop_back ? &core_taken : &results_taken) += ceil_div(bytes, ROW_BYTES);
            host += i->outfeed.host ? bytes : 0;
            scalar_output = scalar_output || (!i->outfeed.host && !loop_back);
            if (loop_back && bytes % ROW_BYTES)
                finding(c, code, (long)k, RULE_RING_CORE, "%lld bytes go back to the ring: no whole rows",
                        (long long)bytes);
            break;
        }
        default:
            break;
        }
    }
    for (int ring = 0; ring < 2 && !loops; ring++)
        for (int t = 0; t < ISA_TILES; t++)
            if (sent[ring][t] != taken[ring][t])
                finding(c, code, NOWHERE, ring ? RULE_RING_B : RULE_RING_A, "tile %d is sent %lld rows and takes %lld",
                        t, (long long)sent[ring][t], (long long)taken[ring][t]);
    if (!loops && (core_sent != core_taken || 64 * core_taken < looped))
        finding(c, code, NOWHERE, RULE_RING_CORE, "%lld rows sent to the scalar core, %lld taken, %lld words sent on",
                (long long)core_sent, (long long)core_taken, (long long)looped);
    if (!loops && results_sent != results_taken)
        finding(c, code, NOWHERE, RULE_RING_OUT, "%lld rows of results are sent, %lld are taken",
                (long long)results_sent, (long long)results_taken);
    if (!loops && (used != fetched || fetched * 64 < (int64_t)code->x->parameters.size))
        finding(c, code, NOWHERE, RULE_PARAM_PACKETS, "%zu bytes of parameters, %lld packets fetched, %lld used",
                code->x->parameters.size, (long long)fetched, (long long)used);
    if (code->x->type == DWN_PARAMETER_CACHING || scalar_output || loops)
        return; /* the scalar core itself makes output: only a run can tell */
    int64_t declared = 0, slack = 0;
    for (uint32_t l = 0; l < code->x->n_outputs; l++) {
        int64_t times = code->x->outputs[l].execution_count;
        declared += code->x->outputs[l].size_bytes * times;
        slack += 8 * (times > 1 ? times : 1);
    }
    if (declared - host < 0 || (code->x->n_outputs && declared - host >= slack))
        finding(c, code, NOWHERE, RULE_OUT_BYTES, "%lld bytes go to the host, the output layers have %lld",
                (long long)host, (long long)declared);
}

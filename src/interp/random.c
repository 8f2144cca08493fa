#include "interp/interp.h"

/* The top bits of one splitmix64 number per element; tests/golden/make_golden.py has the same in Python. */
void interp_random(const struct tfl_tensor *t, uint32_t input, uint64_t seed, uint8_t *out)
{
    uint64_t state = seed + input * UINT64_C(0xd1342543de82ef95);
    unsigned size = tfl_type_size(t->type);
    for (int64_t i = 0, n = tfl_elements(t); i < n; i++, out += size) {
        uint64_t z = random_next(&state);
        switch (t->type) {
        case TFL_FLOAT32: put_le32(out, f32_bits((float)(z >> 40) * 0x1p-23f - 1)); break;
        case TFL_BOOL: *out = z >> 63; break;
        default:
            for (unsigned j = 0; j < size; j++)
                out[j] = (uint8_t)(z >> (64 - 8 * size + 8 * j));
        }
    }
}

struct bytes *interp_random_inputs(struct arena *a, const struct tfl_model *m, uint64_t seed)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    struct bytes *in = ARENA_ARRAY(a, struct bytes, g->n_inputs);
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct tfl_tensor *t = &g->tensors[g->inputs[i]];
        size_t size = (size_t)tfl_elements(t) * tfl_type_size(t->type);
        uint8_t *data = arena_alloc(a, size);
        interp_random(t, i, seed, data);
        in[i] = bytes_of(data, size);
    }
    return in;
}

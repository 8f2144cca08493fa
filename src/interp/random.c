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

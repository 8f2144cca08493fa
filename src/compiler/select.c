#include "compiler/select.h"

static struct tfl_quant unit_quant(struct arena *a)
{
    struct tfl_quant q = {.scale = ARENA_NEW(a, float), .zero_point = ARENA_NEW(a, int64_t), .count = 1};
    q.scale[0] = 1;
    return q;
}

struct weighted *select_make(struct arena *a, const struct tfl_tensor *like, int32_t outputs, int32_t inputs,
                             const int32_t *from)
{
    struct tfl_tensor *w = ARENA_NEW(a, struct tfl_tensor), *bias = ARENA_NEW(a, struct tfl_tensor);
    size_t size = (size_t)outputs * (size_t)inputs;
    uint8_t *data = arena_alloc(a, size);
    for (int32_t i = 0; i < outputs; i++)
        if (from[i] >= 0)
            data[(size_t)i * (size_t)inputs + (size_t)from[i]] = 1;
    *w = (struct tfl_tensor){.name = like->name,
                             .type = TFL_UINT8,
                             .rank = 2,
                             .shape = ARENA_ARRAY(a, int32_t, 2),
                             .data = bytes_of(data, size),
                             .quant = unit_quant(a)};
    w->shape[0] = outputs;
    w->shape[1] = inputs;
    *bias = (struct tfl_tensor){.name = like->name,
                                .type = TFL_INT32,
                                .rank = 1,
                                .shape = w->shape,
                                .quant = unit_quant(a),
                                .data = bytes_of(arena_alloc(a, 4 * (size_t)outputs), 4 * (size_t)outputs)};
    struct weighted *op = ARENA_NEW(a, struct weighted);
    *op = (struct weighted){
        .in = like, .weights = w, .bias = bias, .out = like, .activation = TFL_ACT_NONE, .select = true};
    return op;
}

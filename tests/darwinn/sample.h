/* A small package of our own: every kind of hint, layer and patched field, and a program that does nothing. */
#ifndef TESTS_DARWINN_SAMPLE_H
#define TESTS_DARWINN_SAMPLE_H

#include "darwinn/package.h"

enum { SAMPLE_WORDS = 14 };

/* Framing and moves as in isa/scalar-core.md: the words at 4..7 take addresses. */
static inline struct bytes sample_code(struct arena *a, bool last)
{
    static const uint8_t opcode[SAMPLE_WORDS] = {0x3e, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
                                                 0x20, 0x21, 0x20, 0x20, 0x20, 0x20, 0x3f};
    uint8_t *p = arena_alloc(a, 16 * SAMPLE_WORDS);
    for (unsigned w = 0; w < SAMPLE_WORDS; w++)
        bits_put(p + 16 * w, 6, 6, opcode[w]);
    bits_put(p, 26, 14, SAMPLE_WORDS - 2);
    for (unsigned w = 4; w < 8; w++) {
        bits_put(p + 16 * w, 54, 5, 0x0f); /* mov */
        bits_put(p + 16 * w, 59, 1, 1);    /* immediate */
        bits_put(p + 16 * w, 60, 5, w);    /* into s4..s7 */
    }
    bits_put(p + 16 * 8, last ? 16 : 14, 1, 1);
    bits_put(p + 16 * 13, 26, 1, 1);
    return bytes_of(p, 16 * SAMPLE_WORDS);
}

static inline struct dwn_stream sample_stream(struct arena *a, bool last, enum dwn_desc desc, const char *name)
{
    struct dwn_stream s = {.code = sample_code(a, last), .n_offsets = 2};
    const struct dwn_field_offset offsets[2] = {
        {.desc = desc, .name = name, .offset_bit = 4 * 128 + 70},
        {.desc = desc, .name = name, .upper = true, .offset_bit = 5 * 128 + 70},
    };
    s.offsets = arena_copy(a, offsets, sizeof offsets);
    return s;
}

static inline struct dwn_layer sample_layer(struct arena *a, const char *name, bool output, enum dwn_data_type type,
                                            int32_t y, int32_t x, int32_t z)
{
    int32_t element = (int32_t)dwn_type_size(type);
    struct dwn_layer l = {.name = name, .y = y, .x = x, .z = z, .type = type, .output = output, .scale = 0.5f,
                          .zero_point = 128, .execution_count = 1};
    l.size_bytes = output ? dwn_output_size(y, x, z, element) : dwn_input_size(y, x, z, element);
    if (output) {
        const struct dwn_range shape[] = {{0, 0}, {0, y - 1}, {0, x - 1}, {0, z - 1}};
        l.has_layout = l.has_shape = true;
        l.rank = 4;
        l.shape = arena_copy(a, shape, sizeof shape);
        dwn_layout_make(a, y, x, z, 1, &l.layout);
    }
    return l;
}

static inline struct dwn_executable sample_main(struct arena *a)
{
    const struct dwn_stream streams[] = {
        sample_stream(a, false, DWN_PARAMETER, ""),
        sample_stream(a, true, DWN_INPUT, "image"),
    };
    const struct dwn_layer inputs[] = {sample_layer(a, "image", false, DWN_I8, 5, 7, 3)};
    const struct dwn_layer outputs[] = {
        sample_layer(a, "map", true, DWN_I8, 5, 7, 3),
        sample_layer(a, "classes", true, DWN_U8, 1, 1, 10),
    };
    const struct dwn_hint hints[] = {
        {.kind = DWN_HINT_INSTRUCTION, .direction = DWN_INFEED, .index = 0},
        {.kind = DWN_HINT_DESCRIPTOR, .direction = DWN_INFEED, .desc = DWN_INPUT, .name = "image", .size = 112},
        {.kind = DWN_HINT_INSTRUCTION, .direction = DWN_INFEED, .index = 1},
        {.kind = DWN_HINT_DESCRIPTOR, .direction = DWN_OUTFEED, .desc = DWN_SCRATCH, .name = "", .size = 64},
        {.kind = DWN_HINT_FENCE},
        {.kind = DWN_HINT_DESCRIPTOR,
         .direction = DWN_INFEED,
         .desc = DWN_SCRATCH,
         .name = "",
         .offset = 8,
         .size = 56},
        {.kind = DWN_HINT_DESCRIPTOR, .direction = DWN_OUTFEED, .desc = DWN_OUTPUT, .name = "map", .size = 144},
        {.kind = DWN_HINT_DESCRIPTOR, .direction = DWN_OUTFEED, .desc = DWN_OUTPUT, .name = "classes", .size = 16},
        {.kind = DWN_HINT_INTERRUPT, .direction = DWN_OUTFEED, .index = 0},
    };
    return (struct dwn_executable){
        .type = DWN_EXECUTION_ONLY, .name = "model", .chip = "beagle", .has_serialized_model = true, .batch_size = 1,
        .scratch_bytes = 64, .narrow_bytes = 4096, .token = UINT64_C(0x0123456789abcdef),
        .streams = arena_copy(a, streams, sizeof streams), .n_streams = 2,
        .hints = arena_copy(a, hints, sizeof hints), .n_hints = sizeof hints / sizeof *hints, .has_hints = true,
        .fully_deterministic = true,
        .inputs = arena_copy(a, inputs, sizeof inputs), .n_inputs = 1, .has_inputs = true,
        .outputs = arena_copy(a, outputs, sizeof outputs), .n_outputs = 2, .has_outputs = true,
    };
}

static inline struct dwn_executable sample_caching(struct arena *a)
{
    const struct dwn_stream stream = sample_stream(a, true, DWN_PARAMETER, "");
    const struct dwn_hint hints[] = {
        {.kind = DWN_HINT_INSTRUCTION, .direction = DWN_INFEED, .index = 0},
        {.kind = DWN_HINT_DESCRIPTOR, .direction = DWN_INFEED, .desc = DWN_PARAMETER, .name = "", .size = 104},
        {.kind = DWN_HINT_INTERRUPT, .direction = DWN_OUTFEED, .index = 0},
    };
    uint8_t *parameters = arena_alloc(a, 104);
    for (unsigned i = 0; i < 104; i++)
        parameters[i] = (uint8_t)(3 * i);
    return (struct dwn_executable){
        .type = DWN_PARAMETER_CACHING, .name = "Unknown", .chip = "beagle", .batch_size = 1,
        .token = UINT64_C(0x0123456789abcdef), .streams = arena_copy(a, &stream, sizeof stream), .n_streams = 1,
        .hints = arena_copy(a, hints, sizeof hints), .n_hints = 3, .has_hints = true, .fully_deterministic = true,
        .parameters = bytes_of(parameters, 104),
    };
}

static inline struct dwn_package sample_package(struct arena *a)
{
    const struct dwn_executable executables[] = {sample_main(a), sample_caching(a)};
    return (struct dwn_package){
        .min_runtime_version = 14, .compiler_version = "cl/", .model_identifier = "",
        .executables = arena_copy(a, executables, sizeof executables), .n_executables = 2,
    };
}

#endif

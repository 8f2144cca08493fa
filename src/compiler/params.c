#include "compiler/params.h"

#include "compiler/numerics.h"

enum { GROUP = 64, ROW_BYTES_PER_LANE = 4 };

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

int32_t segment_arrays(const struct segment *s)
{
    return s->multipliers + s->bias + s->zeros;
}

static int32_t weights_arrays(const struct weights *w)
{
    return (w->multiplier != NULL) + (w->bias != NULL) + (w->zeros != NULL);
}

static const int32_t *stored_bias(struct arena *a, const struct tfl_tensor *bias, int32_t n, bool zero_too)
{
    if (!bias)
        return NULL;
    int32_t *v = ARENA_ARRAY(a, int32_t, (size_t)n);
    bool any = false;
    for (int32_t i = 0; i < n; i++) {
        v[i] = (int32_t)le32(bias->data.data + 4 * (size_t)i);
        any |= v[i] != 0;
    }
    return any || zero_too ? v : NULL;
}

/* Inputs in pixels of `channels`, of which each takes whole words: the bytes between get weights that are 0. */
static void pad_pixels(struct arena *a, struct weights *w, int32_t channels)
{
    int32_t padded = (int32_t)round_up(channels, 4);
    size_t pixels = (size_t)w->outputs * (size_t)(w->inputs / channels);
    uint8_t *data = arena_alloc(a, pixels * (size_t)padded);
    memset(data, (int)((uint8_t)w->zero ^ w->flip), pixels * (size_t)padded);
    for (size_t i = 0; i < pixels; i++)
        memcpy(data + i * (size_t)padded, w->data + i * (size_t)channels, (size_t)channels);
    w->data = data;
    w->inputs = w->inputs / channels * padded;
}

static const void *padded_array(struct arena *a, const void *values, int32_t n, int32_t row, uint32_t padding)
{
    const uint32_t *from = values;
    int32_t room = (int32_t)round_up(row, 4);
    if (!values)
        return NULL;
    uint32_t *to = ARENA_ARRAY(a, uint32_t, (size_t)(n / row * room));
    for (int32_t i = 0; i < n / row * room; i++)
        to[i] = i % room < row ? from[i / room * row + i % room] : padding;
    return to;
}

/* Outputs in rows of `row` channels, each padded to whole words by channels like those behind the last one
 * (tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3: rows of 91 in 92). */
static void pad_rows(struct arena *a, struct weights *w, int32_t row)
{
    int32_t room = (int32_t)round_up(row, 4), outputs = w->outputs / row * room;
    size_t channel = (size_t)(w->kh * w->kw) * (size_t)w->inputs;
    uint8_t *data = arena_alloc(a, (size_t)outputs * channel);
    memset(data, (int)((uint8_t)w->zero ^ w->flip), (size_t)outputs * channel);
    for (int32_t i = 0; i < w->outputs; i++)
        memcpy(data + (size_t)(i / row * room + i % row) * channel, w->data + (size_t)i * channel, channel);
    w->data = data;
    w->bias = padded_array(a, w->bias, w->outputs, row, 0);
    w->zeros = padded_array(a, w->zeros, w->outputs, row, (uint32_t)w->zero);
    if (w->multiplier)
        w->multiplier = padded_array(a, w->multiplier, w->outputs, row, f32_bits(w->multiplier[0]));
    w->outputs = outputs;
}

struct weights weights_of(struct arena *a, const struct weighted *op, bool depthwise)
{
    const struct tfl_tensor *weights = op->weights;
    const int32_t *s = weights->shape;
    struct weights w = {.data = weights->data.data, .flip = weights->type == TFL_INT8 ? 0x80 : 0,
                        .zero = unsigned_zero_point(weights)};
    if (weights->rank == 2)
        w.outputs = s[0], w.kh = w.kw = 1, w.inputs = s[1];
    else if (depthwise)
        w.outputs = s[3], w.kh = s[1], w.kw = s[2], w.inputs = 1;
    else
        w.outputs = s[0], w.kh = s[1], w.kw = s[2], w.inputs = s[3];
    if (op->pixel)
        pad_pixels(a, &w, op->pixel);
    w.bias = stored_bias(a, op->bias, w.outputs, op->select);
    if (weights->quant.count > 1) { /* one scale for all counts as per-tensor */
        int32_t *zeros = ARENA_ARRAY(a, int32_t, (size_t)w.outputs);
        float *multiplier = ARENA_ARRAY(a, float, (size_t)w.outputs);
        for (int32_t i = 0; i < w.outputs; i++) {
            zeros[i] = (int32_t)weights->quant.zero_point[i] + w.flip;
            multiplier[i] =
                weighted_multiplier(op->in->quant.scale[0], weights->quant.scale[i], op->out->quant.scale[0]);
        }
        w.zeros = zeros;
        w.multiplier = equal_scales(weights) ? NULL : multiplier;
    }
    if (op->row && op->row % 4)
        pad_rows(a, &w, op->row);
    return w;
}

/* One per-channel array: channels g .. g+n, then `channel` up to n4, then `group` up to `all`. */
static uint8_t *put_array(uint8_t *to, const void *values, int32_t g, int32_t n, int32_t n4, int32_t all,
                          uint32_t channel, uint32_t group)
{
    const uint32_t *v = values;
    for (int32_t i = 0; i < all; i++, to += 4)
        put_le32(to, i < n ? v[g + i] : i < n4 ? channel : group);
    return to;
}

/* The arrays that are stored, each as `stride` bytes. */
static uint8_t *put_header(uint8_t *to, const struct weights *w, int32_t g, int32_t n, int32_t n4, int32_t all,
                           size_t stride)
{
    if (w->multiplier) {
        put_array(to, w->multiplier, g, n, n4, all, f32_bits(w->multiplier[0]), f32_bits(1.0f));
        to += stride;
    }
    if (w->bias) {
        put_array(to, w->bias, g, n, n4, all, 0, 0);
        to += stride;
    }
    if (w->zeros) {
        put_array(to, w->zeros, g, n, n4, all, (uint32_t)w->zero, 0);
        to += stride;
    }
    return to;
}

/* Where the four inputs of a row stand in the weights of one channel. */
struct quad {
    size_t at;
    int32_t real; /* inputs that exist: 1..4 */
};

/* Row r of a group. */
static struct quad quad_of(const struct weights *w, int32_t r, bool input_outer)
{
    int32_t taps = w->kh * w->kw, quads = (int32_t)ceil_div(w->inputs, 4);
    int32_t k = input_outer ? r % taps : r / quads, first = 4 * (input_outer ? r / taps : r % quads);
    return (struct quad){(size_t)k * (size_t)w->inputs + (size_t)first, least(w->inputs - first, 4)};
}

/* One channel's four inputs; the zero point where there is no weight. */
static void put_quad(uint8_t *to, const struct weights *w, const uint8_t *channel, struct quad q)
{
    memset(to, w->zero, 4);
    for (int32_t i = 0; channel && i < q.real; i++)
        to[i] = channel[q.at + (size_t)i] ^ w->flip;
}

/* All rows of a group: channels g .. g+n, padding up to n4.  A few rows at a time, so that the weights of a channel are
 * read in runs. */
static uint8_t *put_rows(uint8_t *to, const struct weights *w, int32_t g, int32_t n, int32_t n4, size_t stride,
                         bool input_outer)
{
    enum { BLOCK = 16 };
    int32_t rows = w->kh * w->kw * (int32_t)ceil_div(w->inputs, 4);
    size_t channel_size = (size_t)(w->kh * w->kw) * (size_t)w->inputs;
    for (int32_t first = 0; first < rows; first += BLOCK) {
        struct quad q[BLOCK];
        int32_t count = least(rows - first, BLOCK);
        for (int32_t r = 0; r < count; r++)
            q[r] = quad_of(w, first + r, input_outer);
        for (int32_t j = 0; j < n4; j++)
            for (int32_t r = 0; r < count; r++)
                put_quad(to + (size_t)r * stride + 4 * (size_t)j, w,
                         j < n ? w->data + (size_t)(g + j) * channel_size : NULL, q[r]);
        to += (size_t)count * stride;
    }
    return to;
}

static struct segment wide(struct arena *a, const struct weights *w, bool input_outer)
{
    int32_t groups = (int32_t)ceil_div(w->outputs, GROUP), n4 = (int32_t)round_up(least(w->outputs, GROUP), 4);
    int32_t lanes = groups > 1 ? GROUP : (int32_t)round_up(n4, 16);
    int32_t rows = groups * (weights_arrays(w) + w->kh * w->kw * (int32_t)ceil_div(w->inputs, 4));
    size_t stride = (size_t)lanes * ROW_BYTES_PER_LANE, size = (size_t)rows * stride;
    uint8_t *data = arena_alloc(a, size), *to = data;
    for (int32_t g = 0; g < w->outputs; g += GROUP) {
        int32_t n = least(w->outputs - g, GROUP), real = (int32_t)round_up(n, 4);
        to = put_header(to, w, g, n, real, groups > 1 ? GROUP : real, stride);
        to = put_rows(to, w, g, n, real, stride, input_outer);
    }
    return (struct segment){.data = bytes_of(data, size), .form = SEGMENT_WIDE, .groups = groups, .lanes = lanes,
                            .rows = rows};
}

/* Forms B and C share the shape of a group: arrays of 4, then 16 bytes per row. */
static struct segment packed(struct arena *a, const uint8_t *data, size_t size, enum segment_form form)
{
    size_t whole = (size_t)round_up((int64_t)size, PACKET);
    uint8_t *copy = arena_alloc(a, whole);
    memcpy(copy, data, size);
    return (struct segment){.data = bytes_of(copy, whole), .form = form, .groups = 1, .lanes = GROUP,
                            .rows = (int32_t)ceil_div((int64_t)size, GROUP * ROW_BYTES_PER_LANE)};
}

static struct segment narrow(struct arena *a, const struct weights *w, bool input_outer)
{
    size_t rows = (size_t)(w->kh * w->kw) * (size_t)ceil_div(w->inputs, 4) + (size_t)weights_arrays(w);
    uint8_t *data = arena_alloc(a, 16 * rows), *to = put_header(data, w, 0, w->outputs, 4, 4, 16);
    put_rows(to, w, 0, w->outputs, 4, 16, input_outer);
    return packed(a, data, 16 * rows, SEGMENT_NARROW);
}

static struct segment depthwise(struct arena *a, const struct weights *w)
{
    int32_t taps = w->kh * w->kw, channels = w->outputs;
    size_t size = (size_t)ceil_div(channels, 4) * 16 * (size_t)(weights_arrays(w) + taps);
    uint8_t *data = arena_alloc(a, size), *to = data;
    for (int32_t c = 0; c < channels; c += 4) {
        int32_t n = least(channels - c, 4);
        to = put_header(to, w, c, n, 4, 4, 16);
        for (int32_t k = 0; k < taps; k++)
            for (int32_t j = 0; j < 4; j++)
                for (int32_t i = 0; i < 4; i++)
                    *to++ = i == j && j < n ? w->data[(size_t)k * (size_t)channels + (size_t)(c + j)] ^ w->flip
                                            : (uint8_t)w->zero;
    }
    return packed(a, data, size, SEGMENT_DEPTHWISE);
}

struct segment segment_make(struct arena *a, const struct weights *w, enum segment_form form, bool input_outer)
{
    struct segment s = form == SEGMENT_NARROW      ? narrow(a, w, input_outer)
                       : form == SEGMENT_DEPTHWISE ? depthwise(a, w)
                                                   : wide(a, w, input_outer);
    s.multipliers = w->multiplier != NULL;
    s.bias = w->bias != NULL;
    s.zeros = w->zeros != NULL;
    return s;
}

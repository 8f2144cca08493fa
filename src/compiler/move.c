#include "compiler/move.h"

#include "compiler/numerics.h"
#include "kernels/kernels.h"

enum axis { AXIS_Z, AXIS_X, AXIS_Y, AXES }; /* counted from the last dimension */

struct moving {
    struct arena *a;
    const struct tfl_subgraph *g;
    const struct tfl_operator *o;
    struct shape4 out; /* of the output asked for */
    struct move_part *parts;
    uint32_t count;
    const char *why;
};

static bool refuse(struct moving *m, const char *why)
{
    m->why = why;
    return false;
}

static const struct tfl_tensor *input(const struct moving *m, uint32_t k) { return op_input(m->g, m->o, k); }

static struct move_part *new_parts(struct moving *m, uint32_t n)
{
    m->count = n;
    m->parts = ARENA_ARRAY(m->a, struct move_part, n);
    return m->parts;
}

static struct move_part whole(const struct shape4 *s, uint32_t in)
{
    return (struct move_part){.input = in, .y = axis_same(s->y), .x = axis_same(s->x), .count = s->z};
}

static bool numbers(struct moving *m, uint32_t k, uint32_t n, int32_t **out)
{
    uint32_t have;
    struct status st = {0};
    if (!input(m, k) || !constant_i32(m->a, input(m, k), out, &have, &st) || have != n)
        return refuse(m, "sizes and positions must be constants");
    return true;
}

/* ---- CONCATENATION ---- */

static bool concatenation(struct moving *m)
{
    const struct tfl_tensor *out = op_output(m->g, m->o, 0);
    int32_t axis = m->o->options.concatenation.axis, at = 0;
    int32_t end = (int32_t)out->rank - 1 - (axis < 0 ? axis + (int32_t)out->rank : axis);
    struct move_part *p = new_parts(m, m->o->n_inputs);
    if (end < 0 || end >= AXES)
        return refuse(m, "it joins along the batch");
    for (uint32_t i = 0; i < m->o->n_inputs; i++) {
        struct shape4 s;
        if (!shape4_of(input(m, i), &s))
            return refuse(m, "an input has more than three dimensions");
        p[i] = whole(&s, i);
        if (end == AXIS_Z)
            p[i].to = at;
        else
            *(end == AXIS_X ? &p[i].x : &p[i].y) = (struct axis_map){at, at + (end == AXIS_X ? s.x : s.y), 1, 0, 1};
        at += end == AXIS_Z ? s.z : end == AXIS_X ? s.x : s.y;
    }
    return true;
}

/* ---- pieces of one tensor ---- */

struct range {
    int32_t from, stride; /* along one dimension of the input */
};

/* The part that takes these ranges of input `k`; `r` by dimension. */
static bool cut(struct moving *m, uint32_t k, const struct range *r)
{
    const struct tfl_tensor *in = input(m, k);
    struct range axis[AXES] = {{0, 1}, {0, 1}, {0, 1}};
    for (uint32_t d = 0; d < in->rank; d++) {
        uint32_t end = in->rank - 1 - d;
        if (end < AXES)
            axis[end] = r[d];
        else if (r[d].from != 0)
            return refuse(m, "it cuts the batch");
    }
    if (axis[AXIS_Z].stride != 1 || axis[AXIS_X].stride < 1 || axis[AXIS_Y].stride < 1)
        return refuse(m, "strides below 1, or not 1 along the channels");
    *new_parts(m, 1) = (struct move_part){.input = k,
                                          .y = {0, m->out.y, 1, axis[AXIS_Y].from, axis[AXIS_Y].stride},
                                          .x = {0, m->out.x, 1, axis[AXIS_X].from, axis[AXIS_X].stride},
                                          .from = axis[AXIS_Z].from,
                                          .count = m->out.z};
    return true;
}

static bool slice(struct moving *m)
{
    struct range r[TFL_MAX_RANK];
    int32_t *begin;
    uint32_t rank = input(m, 0)->rank;
    if (!numbers(m, 1, rank, &begin))
        return false;
    for (uint32_t d = 0; d < rank; d++)
        r[d] = (struct range){begin[d], 1};
    return cut(m, 0, r);
}

static bool strided_slice(struct moving *m)
{
    const struct tfl_strided_slice_options *p = &m->o->options.strided_slice;
    const struct tfl_tensor *in = input(m, 0);
    struct range r[TFL_MAX_RANK];
    int32_t *begin, *strides;
    uint32_t n = (uint32_t)tfl_elements(input(m, 1));
    if (p->ellipsis_mask || p->new_axis_mask || p->shrink_axis_mask || p->offset || n > in->rank)
        return refuse(m, "masks for an ellipsis, new or dropped axes");
    if (!numbers(m, 1, n, &begin) || !numbers(m, 3, n, &strides))
        return false;
    for (uint32_t d = 0; d < in->rank; d++) {
        int32_t from = d < n && !(p->begin_mask >> d & 1) ? begin[d] : 0;
        from = from < 0 ? from + in->shape[d] : from;
        r[d] = (struct range){from < 0 ? 0 : from, d < n ? strides[d] : 1};
    }
    return cut(m, 0, r);
}

static bool split(struct moving *m, uint32_t output)
{
    bool sized = m->o->code == TFL_OP_SPLIT_V;
    uint32_t data = sized ? 0 : 1;
    const struct tfl_tensor *in = input(m, data);
    struct range r[TFL_MAX_RANK];
    int32_t *axis;
    if (!numbers(m, sized ? 2 : 0, 1, &axis))
        return false;
    int32_t at = *axis < 0 ? *axis + (int32_t)in->rank : *axis;
    for (uint32_t d = 0; d < in->rank; d++)
        r[d] = (struct range){0, 1};
    for (uint32_t k = 0; k < output; k++)
        r[at].from += op_output(m->g, m->o, k)->shape[at];
    return cut(m, data, r);
}

/* ---- PAD ---- */

struct pads {
    int32_t before[AXES], after[AXES];
};

/* False: the border has another value than the zero point, or lies around the batch. */
static bool pads_of(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, struct pads *p)
{
    const struct tfl_tensor *in = op_input(g, o, 0), *out = op_output(g, o, 0), *value = op_input(g, o, 2);
    int32_t *pads;
    uint32_t n;
    struct status st = {0};
    if (!constant_i32(a, op_input(g, o, 1), &pads, &n, &st) || n != 2 * in->rank || !same_numbers(in, out))
        return false;
    uint8_t zero = (uint8_t)in->quant.zero_point[0];
    if (value && (value->data.size != 1 || value->data.data[0] != zero))
        return false;
    *p = (struct pads){0};
    for (uint32_t d = 0; d < in->rank; d++) {
        uint32_t end = in->rank - 1 - d;
        if (end < AXES)
            p->before[end] = pads[2 * d], p->after[end] = pads[2 * d + 1];
        else if (pads[2 * d] || pads[2 * d + 1])
            return false;
    }
    return true;
}

bool move_padding(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o, int32_t *top,
                  int32_t *left)
{
    struct pads p;
    if (!pads_of(a, g, o, &p) || p.before[AXIS_Z] || p.after[AXIS_Z])
        return false;
    *top = p.before[AXIS_Y];
    *left = p.before[AXIS_X];
    return true;
}

static bool pad(struct moving *m)
{
    const struct tfl_tensor *in = input(m, 0);
    struct pads p;
    struct shape4 from;
    if (!pads_of(m->a, m->g, m->o, &p) || !shape4_of(in, &from))
        return refuse(m, "only borders with the zero point are possible, and none of the batch");
    *new_parts(m, 1) = (struct move_part){.y = {0, m->out.y, 1, -p.before[AXIS_Y], 1},
                                          .x = {0, m->out.x, 1, -p.before[AXIS_X], 1},
                                          .to = p.before[AXIS_Z],
                                          .count = from.z};
    return true;
}

/* ---- whole factors ---- */

/* Both axes repeat (`repeat` times) or skip pixels evenly. */
struct spacing {
    int32_t repeat, from, stride;
};

static bool even_spacing(const struct kern_resize *p, int32_t in, int32_t out, struct spacing *s)
{
    *s = (struct spacing){out % in == 0 ? out / in : 1, kern_resize_nearest_index(p, 0, in, out),
                          out < in ? in / out : 1};
    for (int32_t i = 0; i < out; i++)
        if (kern_resize_nearest_index(p, i, in, out) != s->from + i / s->repeat * s->stride)
            return false;
    return true;
}

static bool resize(struct moving *m)
{
    const struct tfl_resize_nearest_neighbor_options *p = &m->o->options.resize_nearest_neighbor;
    const struct kern_resize r = {p->align_corners, p->half_pixel_centers};
    struct shape4 in;
    struct spacing y, x;
    if (!shape4_of(input(m, 0), &in) || !even_spacing(&r, in.y, m->out.y, &y) ||
        !even_spacing(&r, in.x, m->out.x, &x))
        return refuse(m, "only whole factors are possible");
    struct move_part *part = new_parts(m, (uint32_t)(y.repeat * x.repeat));
    for (int32_t i = 0; i < y.repeat; i++)
        for (int32_t j = 0; j < x.repeat; j++)
            *part++ = (struct move_part){.y = {i, m->out.y, y.repeat, y.from, y.stride},
                                         .x = {j, m->out.x, x.repeat, x.from, x.stride},
                                         .count = in.z};
    return true;
}

static bool space_and_depth(struct moving *m)
{
    bool to_depth = m->o->code == TFL_OP_SPACE_TO_DEPTH;
    int32_t b = to_depth ? m->o->options.space_to_depth.block_size : m->o->options.depth_to_space.block_size;
    struct shape4 in;
    if (!shape4_of(input(m, 0), &in) || b < 1 || b > 16)
        return refuse(m, "blocks of 1 to 16 pixels are possible");
    int32_t z = to_depth ? in.z : m->out.z;
    struct move_part *part = new_parts(m, (uint32_t)(b * b));
    for (int32_t i = 0; i < b; i++)
        for (int32_t j = 0; j < b; j++, part++) {
            int32_t at = (i * b + j) * z;
            if (to_depth)
                *part = (struct move_part){
                    .y = {0, m->out.y, 1, i, b}, .x = {0, m->out.x, 1, j, b}, .to = at, .count = z};
            else
                *part = (struct move_part){
                    .y = {i, m->out.y, b, 0, 1}, .x = {j, m->out.x, b, 0, 1}, .from = at, .count = z};
        }
    return true;
}

const struct move_part *move_parts(struct arena *a, const struct tfl_subgraph *g, const struct tfl_operator *o,
                                   uint32_t k, uint32_t *count, const char **why)
{
    struct moving m = {.a = a, .g = g, .o = o};
    bool good = shape4_of(op_output(g, o, k), &m.out) || refuse(&m, "the output has more than three dimensions");
    switch (good ? (int)o->code : -1) {
    case TFL_OP_CONCATENATION: good = concatenation(&m); break;
    case TFL_OP_DEPTH_TO_SPACE:
    case TFL_OP_SPACE_TO_DEPTH: good = space_and_depth(&m); break;
    case TFL_OP_PAD:
    case TFL_OP_PADV2: good = pad(&m); break;
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR: good = resize(&m); break;
    case TFL_OP_SLICE: good = slice(&m); break;
    case TFL_OP_SPLIT:
    case TFL_OP_SPLIT_V: good = split(&m, k); break;
    case TFL_OP_STRIDED_SLICE: good = strided_slice(&m); break;
    default: good = false; break;
    }
    *count = m.count;
    *why = m.why;
    return good ? m.parts : NULL;
}

bool move_is_by_words(const struct move_part *parts, uint32_t count, int32_t z)
{
    if (count == 1 && parts->count != z) /* channels that no part makes */
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (parts[i].from % 4 || parts[i].to % 4 || (parts[i].count % 4 && parts[i].to + parts[i].count != z))
            return false;
    return true;
}

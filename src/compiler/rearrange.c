#include "compiler/rearrange.h"

#include "compiler/move.h"
#include "compiler/numerics.h"
#include "kernels/kernels.h"

struct arranging {
    struct arena *a;
    const struct tfl_subgraph *g;
    const struct tfl_operator *o;
    const struct tfl_tensor *out;
    int32_t *of[TFL_MAX_RANK]; /* numbers of the coordinates of each dimension of the output */
    const char *why;
};

static bool refuse(struct arranging *m, const char *why)
{
    m->why = why;
    return false;
}

static const struct tfl_tensor *input(const struct arranging *m, uint32_t k) { return op_input(m->g, m->o, k); }

/* Elements from one coordinate of each dimension to the next. */
static void strides_of(const struct tfl_tensor *t, int32_t stride[TFL_MAX_RANK])
{
    for (uint32_t d = t->rank, step = 1; d-- > 0; step *= (uint32_t)t->shape[d])
        stride[d] = (int32_t)step;
}

static void walk(struct arranging *m, uint32_t d, int32_t from, int32_t stride)
{
    for (int32_t i = 0; i < m->out->shape[d]; i++)
        m->of[d][i] = from + i * stride;
}

static bool numbers(struct arranging *m, uint32_t k, uint32_t n, int32_t **out)
{
    uint32_t have;
    struct status st = {0};
    if (!input(m, k) || !constant_i32(m->a, input(m, k), out, &have, &st) || have != n)
        return refuse(m, "sizes and positions must be constants");
    return true;
}

/* ---- one operator each ---- */

static bool reshape(struct arranging *m)
{
    int32_t stride[TFL_MAX_RANK];
    strides_of(m->out, stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        walk(m, d, 0, stride[d]);
    return true;
}

static bool transpose(struct arranging *m)
{
    int32_t stride[TFL_MAX_RANK], *order;
    if (!numbers(m, 1, m->out->rank, &order))
        return false;
    strides_of(input(m, 0), stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        walk(m, d, 0, stride[order[d] < 0 ? order[d] + (int32_t)m->out->rank : order[d]]);
    return true;
}

static bool pack(struct arranging *m)
{
    int32_t stride[TFL_MAX_RANK], axis = m->o->options.pack.axis;
    uint32_t at = (uint32_t)(axis < 0 ? axis + (int32_t)m->out->rank : axis);
    strides_of(input(m, 0), stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        walk(m, d, 0, d == at ? REARRANGE_INPUT : stride[d - (d > at)]);
    return true;
}

static bool unpack(struct arranging *m, uint32_t output)
{
    int32_t stride[TFL_MAX_RANK], axis = m->o->options.unpack.axis;
    const struct tfl_tensor *in = input(m, 0);
    uint32_t at = (uint32_t)(axis < 0 ? axis + (int32_t)in->rank : axis);
    if (at >= in->rank || m->out->rank + 1 != in->rank || (int64_t)m->o->n_outputs != in->shape[at])
        return refuse(m, "its axis and outputs do not fit the input");
    strides_of(in, stride);
    for (uint32_t d = 0; d < m->out->rank; d++) {
        if (m->out->shape[d] != in->shape[d + (d >= at)])
            return refuse(m, "its outputs do not fit the input");
        walk(m, d, d == 0 ? (int32_t)output * stride[at] : 0, stride[d + (d >= at)]);
    }
    return m->out->rank > 0 || refuse(m, "it makes single numbers");
}

static bool tile(struct arranging *m)
{
    int32_t stride[TFL_MAX_RANK];
    strides_of(input(m, 0), stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        for (int32_t i = 0; i < m->out->shape[d]; i++)
            m->of[d][i] = i % input(m, 0)->shape[d] * stride[d];
    return true;
}

static bool slice(struct arranging *m)
{
    int32_t stride[TFL_MAX_RANK], *begin;
    if (!numbers(m, 1, m->out->rank, &begin))
        return false;
    strides_of(input(m, 0), stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        walk(m, d, begin[d] * stride[d], stride[d]);
    return true;
}

/* graph_check has seen that begin, end and strides fit the input and give the output's shape. */
static bool strided_slice(struct arranging *m)
{
    const struct tfl_strided_slice_options *p = &m->o->options.strided_slice;
    const struct tfl_tensor *in = input(m, 0);
    int32_t stride[TFL_MAX_RANK], *begin, *steps, fixed = 0;
    uint32_t n = (uint32_t)tfl_elements(input(m, 1)), d = 0;
    if (p->ellipsis_mask || p->new_axis_mask || p->offset || n > in->rank)
        return refuse(m, "masks for an ellipsis or a new axis");
    if (!numbers(m, 1, n, &begin) || !numbers(m, 3, n, &steps))
        return false;
    strides_of(in, stride);
    for (uint32_t k = 0; k < in->rank; k++) {
        int32_t last = in->shape[k] - 1, from = 0, step = k < n ? steps[k] : 1;
        if (k < n)
            from = p->begin_mask >> k & 1 ? (step > 0 ? 0 : last) : begin[k] < 0 ? begin[k] + last + 1 : begin[k];
        from = from < 0 ? 0 : from > last ? last : from;
        if (k < n && p->shrink_axis_mask >> k & 1)
            fixed += from * stride[k];
        else if (d < m->out->rank)
            walk(m, d++, from * stride[k], step * stride[k]);
    }
    for (int32_t i = 0; d > 0 && i < m->out->shape[0]; i++)
        m->of[0][i] += fixed;
    return (d == m->out->rank && d > 0) || refuse(m, "it makes a single number");
}

static bool split(struct arranging *m, uint32_t output)
{
    bool sized = m->o->code == TFL_OP_SPLIT_V;
    const struct tfl_tensor *in = input(m, sized ? 0 : 1);
    int32_t stride[TFL_MAX_RANK], *axis, before = 0;
    if (!numbers(m, sized ? 2 : 0, 1, &axis))
        return false;
    uint32_t at = (uint32_t)(*axis < 0 ? *axis + (int32_t)in->rank : *axis);
    for (uint32_t k = 0; k < output; k++)
        before += op_output(m->g, m->o, k)->shape[at];
    strides_of(in, stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        walk(m, d, d == at ? before * stride[d] : 0, stride[d]);
    return true;
}

static bool pad(struct arranging *m)
{
    const struct tfl_tensor *in = input(m, 0), *value = input(m, 2);
    int32_t stride[TFL_MAX_RANK], *pads;
    if (value && (value->data.size != 1 || value->data.data[0] != (uint8_t)in->quant.zero_point[0]))
        return refuse(m, "only borders with the zero point are possible");
    if (!numbers(m, 1, 2 * in->rank, &pads))
        return false;
    strides_of(in, stride);
    for (uint32_t d = 0; d < m->out->rank; d++)
        for (int32_t i = 0; i < m->out->shape[d]; i++) {
            int32_t from = i - pads[2 * d];
            m->of[d][i] = from >= 0 && from < in->shape[d] ? from * stride[d] : REARRANGE_OUTSIDE;
        }
    return true;
}

static bool nearest(struct arranging *m)
{
    const struct tfl_resize_nearest_neighbor_options *p = &m->o->options.resize_nearest_neighbor;
    const struct kern_resize how = {p->align_corners, p->half_pixel_centers};
    const struct tfl_tensor *in = input(m, 0);
    int32_t stride[TFL_MAX_RANK];
    if (in->rank != 4)
        return refuse(m, "the input is no image");
    strides_of(in, stride);
    for (uint32_t d = 0; d < 4; d++)
        for (int32_t i = 0; i < m->out->shape[d]; i++) {
            bool resized = d == 1 || d == 2;
            int32_t from = resized ? kern_resize_nearest_index(&how, i, in->shape[d], m->out->shape[d]) : i;
            m->of[d][i] = from * stride[d];
        }
    return true;
}

static bool space_and_depth(struct arranging *m)
{
    bool to_depth = m->o->code == TFL_OP_SPACE_TO_DEPTH;
    int32_t b = to_depth ? m->o->options.space_to_depth.block_size : m->o->options.depth_to_space.block_size;
    const struct tfl_tensor *in = input(m, 0);
    int32_t stride[TFL_MAX_RANK];
    if (in->rank != 4 || b < 1)
        return refuse(m, "the input is no image");
    strides_of(in, stride);
    int32_t z = to_depth ? in->shape[3] : m->out->shape[3];
    walk(m, 0, 0, stride[0]);
    for (uint32_t d = 1; d < 3; d++)
        for (int32_t i = 0; i < m->out->shape[d]; i++)
            m->of[d][i] = to_depth ? i * b * stride[d] : i / b * stride[d] + i % b * z * (d == 1 ? b : 1);
    for (int32_t i = 0; i < m->out->shape[3]; i++)
        m->of[3][i] = to_depth ? i / z / b * stride[1] + i / z % b * stride[2] + i % z : i;
    return true;
}

/* ---- all of them ---- */

/* The last three dimensions; those before have one coordinate each, whose number goes to the first that is left. */
static const struct rearrangement *image_of(struct arranging *m)
{
    static int32_t zero; /* number of the coordinate of a dimension that is not there; never written */
    struct rearrangement *r = ARENA_NEW(m->a, struct rearrangement);
    int32_t **axis[3] = {&r->z, &r->x, &r->y}, lost = 0;
    if (!shape4_of(m->out, &r->out) || r->out.n != 1) {
        refuse(m, "the output has more than three dimensions, or batches");
        return NULL;
    }
    for (uint32_t k = 0; k < 3; k++)
        *axis[k] = k < m->out->rank ? m->of[m->out->rank - 1 - k] : &zero;
    for (uint32_t d = 0; d + 3 < m->out->rank; d++)
        lost += m->of[d][0];
    for (int32_t i = 0; lost && i < r->out.y; i++)
        r->y[i] += lost;
    return r;
}

/* Every number is of an element. */
static bool within(const struct arranging *m, const struct rearrangement *r, uint32_t first)
{
    const int32_t *axis[3] = {r->y, r->x, r->z}, size[3] = {r->out.y, r->out.x, r->out.z};
    int64_t low = 0, high = 0;
    for (int k = 0; k < 3; k++) {
        int64_t least = INT32_MAX, most = 0;
        for (int32_t i = 0; i < size[k]; i++) {
            if (axis[k][i] == REARRANGE_OUTSIDE)
                continue;
            least = axis[k][i] < least ? axis[k][i] : least;
            most = axis[k][i] > most ? axis[k][i] : most;
        }
        low += least == INT32_MAX ? 0 : least;
        high += most;
    }
    bool packed = m->o->code == TFL_OP_PACK;
    int64_t inputs = packed ? m->o->n_inputs : 1, n = tfl_elements(op_input(m->g, m->o, first));
    return low >= 0 && high / REARRANGE_INPUT < inputs && high % REARRANGE_INPUT < n;
}

const struct rearrangement *rearrangement_of(struct arena *a, const struct tfl_subgraph *g,
                                             const struct tfl_operator *o, uint32_t output, const char **why)
{
    struct arranging m = {.a = a, .g = g, .o = o, .out = op_output(g, o, output)};
    const struct rearrangement *r = NULL;
    uint32_t first = o->code == TFL_OP_SPLIT ? 1 : 0;
    int64_t n = tfl_elements(m.out), n_in = op_input(g, o, first) ? tfl_elements(op_input(g, o, first)) : 0;
    bool good = (n > 0 && n < REARRANGE_INPUT && n_in > 0 && n_in < REARRANGE_INPUT) ||
                refuse(&m, "it is empty or too large");
    for (uint32_t d = 0; good && d < m.out->rank; d++)
        m.of[d] = ARENA_ARRAY(a, int32_t, (size_t)m.out->shape[d]);
    switch (good ? (int)o->code : -1) {
    case TFL_OP_RESHAPE: case TFL_OP_SQUEEZE: case TFL_OP_EXPAND_DIMS:
        good = n == n_in ? reshape(&m) : refuse(&m, "element counts differ");
        break;
    case TFL_OP_TRANSPOSE: good = transpose(&m); break;
    case TFL_OP_PACK: good = pack(&m); break;
    case TFL_OP_UNPACK: good = unpack(&m, output); break;
    case TFL_OP_TILE: good = tile(&m); break;
    case TFL_OP_SLICE: good = slice(&m); break;
    case TFL_OP_STRIDED_SLICE: good = strided_slice(&m); break;
    case TFL_OP_SPLIT: case TFL_OP_SPLIT_V: good = split(&m, output); break;
    case TFL_OP_PAD: case TFL_OP_PADV2: good = pad(&m); break;
    case TFL_OP_RESIZE_NEAREST_NEIGHBOR: good = nearest(&m); break;
    case TFL_OP_SPACE_TO_DEPTH: case TFL_OP_DEPTH_TO_SPACE: good = space_and_depth(&m); break;
    default: good = false; break;
    }
    if (good)
        r = image_of(&m);
    if (r && !within(&m, r, first)) {
        refuse(&m, "it reads beside its input");
        r = NULL;
    }
    *why = m.why ? m.why : "it is no such move";
    return r;
}

/* ---- numbers as bytes ---- */

static int64_t byte_of(const struct rearrange_source *sources, int64_t number)
{
    const struct rearrange_source *s = &sources[number / REARRANGE_INPUT];
    int64_t e = number % REARRANGE_INPUT;
    return s->at + e / s->z * s->pitch + e % s->z;
}

/* The first coordinate of the axis that is in an input. */
static int32_t inside(const int32_t *of, int32_t size)
{
    int32_t i = 0;
    while (i < size && of[i] == REARRANGE_OUTSIDE)
        i++;
    return i;
}

bool rearrange_bytes(struct arena *a, const struct rearrangement *r, const struct rearrange_source *sources,
                     int32_t fill, struct rearrange_detail *out)
{
    const int32_t *of[3] = {r->z, r->x, r->y}, size[3] = {r->out.z, r->out.x, r->out.y};
    int32_t first[3];
    int64_t origin = 0;
    *out = (struct rearrange_detail){.fill = fill};
    for (int k = 0; k < 3; k++) {
        out->size[k] = size[k];
        out->byte[k] = ARENA_ARRAY(a, int32_t, (size_t)size[k]);
        first[k] = inside(of[k], size[k]);
        if (first[k] == size[k])
            return false;
        origin += of[k][first[k]];
    }
    int64_t start = byte_of(sources, origin);
    for (int k = 0; k < 3; k++)
        for (int32_t i = 0; i < size[k]; i++) {
            bool in = of[k][i] != REARRANGE_OUTSIDE;
            out->outside = out->outside || !in;
            out->byte[k][i] =
                in ? (int32_t)(byte_of(sources, origin - of[k][first[k]] + of[k][i]) - (k < 2 ? start : 0))
                   : REARRANGE_OUTSIDE;
        }
    for (int32_t y = 0; y < size[2]; y++)
        for (int32_t x = 0; x < size[1]; x++)
            for (int32_t z = 0; z < size[0]; z++) {
                if (of[2][y] == REARRANGE_OUTSIDE || of[1][x] == REARRANGE_OUTSIDE || of[0][z] == REARRANGE_OUTSIDE)
                    continue;
                if (byte_of(sources, (int64_t)of[2][y] + of[1][x] + of[0][z]) !=
                    (int64_t)out->byte[2][y] + out->byte[1][x] + out->byte[0][z])
                    return false;
            }
    return true;
}

/* SLICE, STRIDED_SLICE, TRANSPOSE, TILE, SPACE_TO_DEPTH, DEPTH_TO_SPACE: each is a view of its input. */
#include "kernels/view.h"

static bool emit(struct kern_ctx *c, kern_in x, const struct view *v, const int32_t *dim, uint32_t rank, kern_out y)
{
    if (!need_same_type(c, x, y) || !shape_output(c, y, dim, rank))
        return false;
    view_copy(x, v, y->data);
    return true;
}

static bool need_vector(struct kern_ctx *c, kern_in t, size_t n)
{
    return need_ints(c, t) && need(c, kern_elements(t) == n, "'%s' has %zu elements, expected %zu", t->name,
                                   kern_elements(t), n);
}

bool kern_slice(struct kern_ctx *c, kern_in x, kern_in begin, kern_in size, kern_out y)
{
    struct view v = view_of(x);
    if (!need_vector(c, begin, x->rank) || !need_vector(c, size, x->rank))
        return false;
    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t from = int_at(begin, i), n = int_at(size, i);
        if (!need(c, from >= 0 && from < x->dim[i], "slice of '%s' begins at %lld in dimension %u", x->name,
                  (long long)from, i))
            return false;
        n = n == -1 ? x->dim[i] - from : n;
        if (!need(c, n > 0 && n <= x->dim[i] - from, "slice of '%s' has size %lld in dimension %u", x->name,
                  (long long)n, i))
            return false;
        v.offset += from * v.step[i];
        v.dim[i] = (int32_t)n;
    }
    return emit(c, x, &v, v.dim, v.rank, y);
}

/* ---- STRIDED_SLICE ---- */

struct range {
    int64_t first, count, step;
};

static int64_t clamp64(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* NumPy's rule for begin:end:step over `size` elements. */
static struct range range_of(int64_t begin, int64_t end, int64_t step, bool open_begin, bool open_end, int64_t size)
{
    int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? size : size - 1;
    begin = open_begin ? (step > 0 ? lo : hi) : clamp64(begin < 0 ? begin + size : begin, lo, hi);
    end = open_end ? (step > 0 ? hi : lo) : clamp64(end < 0 ? end + size : end, lo, hi);
    int64_t count = step > 0 ? (end - begin + step - 1) / step : (begin - end - step - 1) / -step;
    return (struct range){begin, count, step};
}

struct slicing {
    const struct kern_strided_slice *p;
    kern_in x, begin, end, strides;
    uint32_t axis;       /* next dimension of x */
    struct view v;       /* so far; v.rank dimensions */
    struct view whole;
    int32_t shape[VIEW_RANK]; /* of the output: v less the shrunk dimensions */
    uint32_t rank;
};

static bool add_range(struct kern_ctx *c, struct slicing *s, struct range r, bool shrink)
{
    if (!need(c, r.count > 0, "slice of '%s' is empty in dimension %u", s->x->name, s->axis))
        return false;
    s->v.offset += r.first * s->whole.step[s->axis];
    s->v.dim[s->v.rank] = (int32_t)r.count;
    s->v.step[s->v.rank++] = r.step * s->whole.step[s->axis++];
    if (!shrink)
        s->shape[s->rank++] = (int32_t)r.count;
    return true;
}

static bool add_entry(struct kern_ctx *c, struct slicing *s, uint32_t i)
{
    const struct kern_strided_slice *p = s->p;
    if (!need(c, s->axis < s->x->rank, "'%s' has only %u dimensions", s->x->name, s->x->rank))
        return false;
    int64_t begin = int_at(s->begin, i), end = int_at(s->end, i), step = int_at(s->strides, i);
    int64_t size = s->x->dim[s->axis];
    if (!need(c, step != 0 && step > INT32_MIN && step <= INT32_MAX, "stride %lld", (long long)step))
        return false;
    begin = clamp64(begin, INT32_MIN, INT32_MAX); /* keeps the sums in range; sizes are smaller */
    end = clamp64(end, INT32_MIN, INT32_MAX);
    if (p->shrink_axis_mask >> i & 1) {
        int64_t at = p->begin_mask >> i & 1 ? 0 : begin < 0 ? begin + size : begin;
        return need(c, at >= 0 && at < size, "index %lld of '%s' in dimension %u", (long long)begin, s->x->name,
                    s->axis) &&
               add_range(c, s, (struct range){at, 1, 1}, true);
    }
    end = p->offset ? begin + end : end;
    return add_range(c, s, range_of(begin, end, step, p->begin_mask >> i & 1, p->end_mask >> i & 1, size), false);
}

static bool add_whole(struct kern_ctx *c, struct slicing *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!add_range(c, s, (struct range){0, s->x->dim[s->axis], 1}, false))
            return false;
    return true;
}

bool kern_strided_slice(struct kern_ctx *c, const struct kern_strided_slice *p, kern_in x, kern_in begin, kern_in end,
                        kern_in strides, kern_out y)
{
    size_t n = kern_elements(begin);
    if (!need(c, n <= KERN_MAX_RANK, "'%s' has %zu elements", begin->name, n) || !need_vector(c, begin, n) ||
        !need_vector(c, end, n) || !need_vector(c, strides, n))
        return false;
    struct slicing s = {.p = p, .x = x, .begin = begin, .end = end, .strides = strides, .whole = view_of(x)};
    uint32_t taken = 0; /* dimensions that entries after the ellipsis need */
    for (uint32_t i = 0; i < n; i++)
        taken += !(p->new_axis_mask >> i & 1) && !(p->ellipsis_mask >> i & 1);
    bool ellipsis = false;
    for (uint32_t i = 0; i < n; i++) {
        if (p->ellipsis_mask >> i & 1) {
            if (!need(c, !ellipsis && taken <= x->rank, "bad ellipsis") || !add_whole(c, &s, x->rank - taken))
                return false;
            ellipsis = true;
        } else if (p->new_axis_mask >> i & 1) {
            s.shape[s.rank++] = 1;
        } else if (!add_entry(c, &s, i)) {
            return false;
        }
    }
    return add_whole(c, &s, x->rank - s.axis) && emit(c, x, &s.v, s.shape, s.rank, y);
}

/* ---- permutations ---- */

static bool permute(struct kern_ctx *c, kern_in x, const struct view *from, const uint32_t *order, const int32_t *shape,
                    uint32_t rank, kern_out y)
{
    struct view v = {.rank = from->rank, .offset = from->offset};
    for (uint32_t i = 0; i < from->rank; i++) {
        v.dim[i] = from->dim[order[i]];
        v.step[i] = from->step[order[i]];
    }
    return emit(c, x, &v, shape ? shape : v.dim, rank, y);
}

bool kern_transpose(struct kern_ctx *c, kern_in x, kern_in order, kern_out y)
{
    uint32_t axes[KERN_MAX_RANK], seen = 0;
    if (!need_vector(c, order, x->rank))
        return false;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (!normal_axis(c, int_at(order, i), x->rank, &axes[i]) ||
            !need(c, !(seen >> axes[i] & 1), "'%s' names dimension %u twice", order->name, axes[i]))
            return false;
        seen |= 1u << axes[i];
    }
    struct view v = view_of(x);
    return permute(c, x, &v, axes, NULL, x->rank, y);
}

/* A view of x[b][h][w][d] as [b][h1][h2][w1][w2][d1][d2]: each dimension split in two, all but the batch. */
static struct view split_nhwc(kern_in x, const int32_t split[3])
{
    struct view whole = view_of(x), v = {.rank = 7, .dim = {x->dim[0]}, .step = {whole.step[0]}};
    for (int i = 0; i < 3; i++) {
        v.dim[1 + 2 * i] = x->dim[1 + i] / split[i];
        v.step[1 + 2 * i] = whole.step[1 + i] * split[i];
        v.dim[2 + 2 * i] = split[i];
        v.step[2 + 2 * i] = whole.step[1 + i];
    }
    return v;
}

bool kern_space_to_depth(struct kern_ctx *c, int32_t block, kern_in x, kern_out y)
{
    if (!need_rank(c, x, 4) || !need(c, block > 0 && block < 1 << 12, "block size %d", block) ||
        !need(c, x->dim[1] % block == 0 && x->dim[2] % block == 0, "'%s' is %dx%d, no multiple of %d", x->name,
              x->dim[1], x->dim[2], block))
        return false;
    int64_t depth = (int64_t)x->dim[3] * block * block;
    struct view v = split_nhwc(x, (int32_t[]){block, block, x->dim[3]});
    return need(c, depth <= INT32_MAX, "block size %d", block) &&
           permute(c, x, &v, (uint32_t[]){0, 1, 3, 2, 4, 5, 6},
                   (int32_t[]){x->dim[0], x->dim[1] / block, x->dim[2] / block, (int32_t)depth}, 4, y);
}

bool kern_depth_to_space(struct kern_ctx *c, int32_t block, kern_in x, kern_out y)
{
    if (!need_rank(c, x, 4) || !need(c, block > 0 && block < 1 << 12, "block size %d", block) ||
        !need(c, x->dim[3] % (block * block) == 0, "'%s' has %d channels, block size %d", x->name, x->dim[3], block))
        return false;
    int64_t h = (int64_t)x->dim[1] * block, w = (int64_t)x->dim[2] * block;
    if (!need(c, h <= INT32_MAX && w <= INT32_MAX, "block size %d", block))
        return false;
    int32_t depth = x->dim[3] / (block * block); /* channels are [block][block][depth] */
    struct view whole = view_of(x);
    struct view v = {.rank = 6,
                     .dim = {x->dim[0], x->dim[1], block, x->dim[2], block, depth},
                     .step = {whole.step[0], whole.step[1], (int64_t)block * depth, whole.step[2], depth, 1}};
    return emit(c, x, &v, (int32_t[]){x->dim[0], (int32_t)h, (int32_t)w, depth}, 4, y);
}

bool kern_tile(struct kern_ctx *c, kern_in x, kern_in multiples, kern_out y)
{
    struct view whole = view_of(x), v = {.rank = 2 * x->rank};
    int32_t shape[KERN_MAX_RANK];
    if (!need_vector(c, multiples, x->rank))
        return false;
    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t n = int_at(multiples, i);
        if (!need(c, n > 0 && n <= INT32_MAX / x->dim[i], "'%s' repeats dimension %u %lld times", multiples->name, i,
                  (long long)n))
            return false;
        v.dim[2 * i] = (int32_t)n; /* step 0: the same elements again */
        v.dim[2 * i + 1] = x->dim[i];
        v.step[2 * i + 1] = whole.step[i];
        shape[i] = (int32_t)n * x->dim[i];
    }
    return emit(c, x, &v, shape, x->rank, y);
}

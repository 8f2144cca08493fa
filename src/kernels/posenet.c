/* PosenetDecoderOp: people from the heat maps and offsets of PoseNet and BodyPix.
 *
 * The method is PersonLab's (arxiv 1803.08225); the constants and the order of steps are those of libcoral's decoder,
 * so that results agree with recorded ones.  All coordinates are y first, in blocks of `stride` pixels to the end. */
#include "kernels/internal.h"

#include <stdlib.h>

enum { KEYPOINTS = 17, EDGES = 16, REFINEMENTS = 5, MASK_REFINEMENTS = 2, MASK_SIZE = 33 };
enum { HEATMAPS, SHORT_OFFSETS, MID_OFFSETS, LONG_OFFSETS }; /* inputs */

/* The tree of keypoints, parent and child; 0 nose, 1 2 eyes, 3 4 ears, 5 6 shoulders, 7 8 elbows, 9 10 wrists,
 * 11 12 hips, 13 14 knees, 15 16 ankles.  Each edge is also walked backwards. */
static const uint8_t edges[EDGES][2] = {{0, 1}, {1, 3},  {0, 2},  {2, 4},  {0, 5},  {5, 7},   {7, 9},   {5, 11},
                                        {11, 13}, {13, 15}, {0, 6}, {6, 8}, {8, 10}, {6, 12}, {12, 14}, {14, 16}};

struct point {
    float y, x;
};

struct keypoint {
    struct point at;
    int id;
    float score;
    size_t order; /* of arrival: equal scores leave in it */
};

struct pose {
    struct point at[KEYPOINTS];
    float score[KEYPOINTS];
};

struct map { /* [h][w][channels] */
    const float *data;
    int h, w, channels;
};

struct decoder {
    struct map heat, near, mid;
    float stride, threshold, squared_radius;
};

/* ---- sampling ---- */

static float limit(float v, float hi)
{
    return v >= 0 ? v <= hi ? v : hi : 0; /* NaN: 0 */
}

static float sample(const struct map *m, struct point p, int channel)
{
    float fy = limit(p.y, (float)m->h - 1), fx = limit(p.x, (float)m->w - 1);
    int y0 = (int)floorf(fy), y1 = (int)ceilf(fy), x0 = (int)floorf(fx), x1 = (int)ceilf(fx);
    float dy = p.y - (float)y0, dx = p.x - (float)x0;
    const float *d = m->data + channel;
    size_t row = (size_t)m->w * (size_t)m->channels, step = (size_t)m->channels;
    float top = (1 - dx) * d[(size_t)y0 * row + (size_t)x0 * step] + dx * d[(size_t)y0 * row + (size_t)x1 * step];
    float bottom = (1 - dx) * d[(size_t)y1 * row + (size_t)x0 * step] + dx * d[(size_t)y1 * row + (size_t)x1 * step];
    return (1 - dy) * top + dy * bottom;
}

/* p moved by the offsets in channels `y` and `x` of m, kept inside m. */
static struct point follow(const struct map *m, struct point p, int y, int x)
{
    float dy = sample(m, p, y), dx = sample(m, p, x);
    return (struct point){limit(p.y + dy, (float)m->h - 1), limit(p.x + dx, (float)m->w - 1)};
}

static float squared_distance(struct point a, struct point b)
{
    float dy = b.y - a.y, dx = b.x - a.x;
    return dy * dy + dx * dx;
}

/* ---- a queue with the best score in front: a binary heap ---- */

struct queue {
    struct keypoint *heap;
    size_t n, arrivals;
};

static bool in_front(const struct keypoint *a, const struct keypoint *b)
{
    return a->score != b->score ? a->score > b->score : a->order < b->order;
}

static void swap(struct keypoint *a, struct keypoint *b)
{
    struct keypoint t = *a;
    *a = *b;
    *b = t;
}

static void push(struct queue *q, struct keypoint k)
{
    size_t i = q->n++;
    k.order = q->arrivals++;
    q->heap[i] = k;
    for (; i && in_front(&q->heap[i], &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&q->heap[i], &q->heap[(i - 1) / 2]);
}

static struct keypoint pop(struct queue *q)
{
    struct keypoint first = q->heap[0];
    q->heap[0] = q->heap[--q->n];
    for (size_t i = 0, best;; i = best) {
        best = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < q->n; child++)
            if (in_front(&q->heap[child], &q->heap[best]))
                best = child;
        if (best == i)
            return first;
        swap(&q->heap[i], &q->heap[best]);
    }
}

/* ---- candidates: keypoints that no neighbour exceeds ---- */

static bool is_local_maximum(const struct map *m, int y, int x, int id, float score)
{
    for (int v = y - 1; v <= y + 1; v++)
        for (int u = x - 1; u <= x + 1; u++)
            if (v >= 0 && v < m->h && u >= 0 && u < m->w &&
                m->data[((size_t)v * (size_t)m->w + (size_t)u) * KEYPOINTS + (size_t)id] > score)
                return false;
    return true;
}

static struct queue find_candidates(struct arena *a, const struct decoder *d)
{
    size_t n = (size_t)d->heat.h * (size_t)d->heat.w * KEYPOINTS;
    struct queue q = {.heap = ARENA_ARRAY(a, struct keypoint, n)};
    float least = (float)-log(1.0 / ((double)d->threshold + 1E-6) - 1.0); /* the threshold before the sigmoid */
    for (int y = 0; y < d->heat.h; y++)
        for (int x = 0; x < d->heat.w; x++)
            for (int id = 0; id < KEYPOINTS; id++) {
                size_t pixel = (size_t)y * (size_t)d->heat.w + (size_t)x;
                float score = d->heat.data[pixel * KEYPOINTS + (size_t)id];
                if (!(score >= least) || !is_local_maximum(&d->heat, y, x, id, score))
                    continue;
                const float *near = d->near.data + pixel * 2 * KEYPOINTS + id;
                struct point p = {limit((float)y + near[0], (float)d->heat.h - 1),
                                  limit((float)x + near[KEYPOINTS], (float)d->heat.w - 1)};
                push(&q, (struct keypoint){.at = p, .id = id, .score = score});
            }
    return q;
}

/* ---- one pose: from its root along the tree ---- */

/* From keypoint `from` along an edge: follow the mid-range offsets, then settle by the short-range ones.  The mid-range
 * channels are forward y, forward x, backward y, backward x, 16 each.  (libcoral shifts backward edges only beyond the
 * first one, which therefore reads the forward x and backward y block; recorded results contain that.) */
static struct point next_point(const struct decoder *d, struct point from, int edge, int target)
{
    int channel = edge > EDGES ? edge + EDGES : edge;
    struct point p = follow(&d->mid, from, channel, channel + EDGES);
    for (int i = 0; i < REFINEMENTS; i++)
        p = follow(&d->near, p, target, KEYPOINTS + target);
    return p;
}

static void grow_pose(const struct decoder *d, struct keypoint root, struct pose *pose)
{
    struct keypoint heap[2 * EDGES + 1];
    struct queue q = {.heap = heap};
    bool done[KEYPOINTS] = {false};
    root.score = sample(&d->heat, root.at, root.id);
    push(&q, root);
    while (q.n) {
        struct keypoint k = pop(&q);
        if (done[k.id])
            continue;
        done[k.id] = true;
        pose->at[k.id] = k.at;
        pose->score[k.id] = k.score;
        for (int e = 0; e < 2 * EDGES; e++) {
            int parent = edges[e % EDGES][e >= EDGES], child = edges[e % EDGES][e < EDGES];
            if (parent != k.id || done[child])
                continue;
            struct point p = next_point(d, k.at, e, child);
            push(&q, (struct keypoint){.at = p, .id = child, .score = sample(&d->heat, p, child)});
        }
    }
}

/* Indices of `score` from the highest down. */
static void sort_down(const float *score, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && score[i] > score[order[at - 1]]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* Mean of the keypoint scores, summed from the highest down, without those that are hidden. */
static float mean_score(const struct pose *p, const bool hidden[KEYPOINTS])
{
    size_t order[KEYPOINTS];
    float sum = 0;
    sort_down(p->score, KEYPOINTS, order);
    for (int i = 0; i < KEYPOINTS; i++)
        sum += hidden[order[i]] ? 0 : p->score[order[i]];
    return sum / KEYPOINTS;
}

static bool already_found(const struct decoder *d, const struct pose *poses, size_t n, struct keypoint k)
{
    for (size_t i = 0; i < n; i++)
        if (squared_distance(k.at, poses[i].at[k.id]) <= d->squared_radius)
            return true;
    return false;
}

static size_t find_poses(struct arena *a, const struct decoder *d, size_t most, struct pose *poses, float *scores)
{
    static const bool none[KEYPOINTS];
    struct queue q = find_candidates(a, d);
    size_t n = 0;
    while (n < most && q.n) {
        struct keypoint root = pop(&q);
        if (already_found(d, poses, n, root))
            continue;
        grow_pose(d, root, &poses[n]);
        for (int i = 0; i < KEYPOINTS; i++)
            poses[n].score[i] = 1.0f / (1.0f + expf(-poses[n].score[i]));
        scores[n] = mean_score(&poses[n], none);
        n += scores[n] >= d->threshold;
    }
    return n;
}

/* Scores again, without keypoints that a better pose has at the same place. */
static void rescore(const struct decoder *d, const struct pose *poses, size_t n, const size_t *order, float *scores)
{
    for (size_t i = 0; i < n; i++) {
        const struct pose *p = &poses[order[i]];
        bool hidden[KEYPOINTS] = {false};
        for (size_t j = 0; j < i; j++)
            for (int k = 0; k < KEYPOINTS; k++)
                hidden[k] |= squared_distance(p->at[k], poses[order[j]].at[k]) <= d->squared_radius;
        scores[order[i]] = mean_score(p, hidden);
    }
}

static size_t write_poses(const struct decoder *d, const struct pose *poses, size_t n, const size_t *order,
                          const float *scores, kern_out *y)
{
    struct point *at = y[0]->data;
    float *keypoint_scores = y[1]->data, *pose_scores = y[2]->data;
    size_t written = 0;
    for (; written < n && scores[order[written]] >= d->threshold; written++) {
        const struct pose *p = &poses[order[written]];
        for (int k = 0; k < KEYPOINTS; k++) {
            at[written * KEYPOINTS + (size_t)k] = (struct point){p->at[k].y * d->stride, p->at[k].x * d->stride};
            keypoint_scores[written * KEYPOINTS + (size_t)k] = p->score[k];
        }
        pose_scores[written] = scores[order[written]];
    }
    *(float *)y[3]->data = (float)written;
    return written;
}

/* ---- BodyPix: which person each pixel belongs to ---- */

static size_t nearest_pose(const struct map *far, float stride, int y, int x, const struct point *poses, size_t n)
{
    struct point guess[KEYPOINTS];
    for (int k = 0; k < KEYPOINTS; k++) {
        struct point p = {(float)y, (float)x};
        for (int i = 0; i <= MASK_REFINEMENTS; i++)
            p = follow(far, p, k, k + KEYPOINTS);
        guess[k] = (struct point){p.y * stride, p.x * stride};
    }
    size_t best = 0;
    float least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < KEYPOINTS; k++)
            sum += squared_distance(guess[k], poses[i * KEYPOINTS + (size_t)k]);
        if (sum < least)
            best = i, least = sum;
    }
    return best;
}

static bool write_masks(struct kern_ctx *c, const struct map *far, float stride, size_t n, kern_out *y)
{
    size_t size = kern_elements(y[4]);
    float *mask = y[4]->data;
    for (int row = 0; row < far->h && n; row++)
        for (int column = 0; column < far->w; column++) {
            size_t pose = nearest_pose(far, stride, row, column, y[0]->data, n);
            size_t at = (pose * (size_t)far->w + (size_t)row) * (size_t)far->h + (size_t)column; /* libcoral's order */
            if (!need(c, at < size, "the mask of %d x %d does not fit %d x %d", far->h, far->w, MASK_SIZE, MASK_SIZE))
                return false;
            mask[at] = 1;
        }
    return true;
}

/* ---- the operator ---- */

/* Real values, offsets in blocks (`extra` = 1 / stride). */
static struct map load_map(struct kern_ctx *c, kern_in x, float extra)
{
    size_t n = kern_elements(x);
    float *out = ARENA_ARRAY(c->scratch, float, n);
    if (x->type == KERN_F32) {
        for (size_t i = 0; i < n; i++)
            out[i] = ((const float *)x->data)[i] * extra;
    } else {
        float zero = (float)zero_of(x), scale = x->scale[0] * extra;
        for (size_t i = 0; i < n; i++)
            out[i] = ((float)((const uint8_t *)x->data)[i] - zero) * scale;
    }
    return (struct map){out, x->dim[1], x->dim[2], x->dim[3]};
}

static bool check_input(struct kern_ctx *c, kern_in x, int32_t channels, kern_in like)
{
    if (x->type != KERN_F32 && (!need_type(c, x, KERN_U8) || !need_quant(c, x)))
        return false;
    return need_rank(c, x, 4) && need(c, x->dim[0] == 1 && x->dim[3] == channels,
                                      "'%s' must be 1 x h x w x %d", x->name, channels) &&
           need(c, x->dim[1] == like->dim[1] && x->dim[2] == like->dim[2] && x->dim[1] < 1 << 15 && x->dim[2] < 1 << 15,
                "'%s' and '%s' differ in size", x->name, like->name);
}

static bool check(struct kern_ctx *c, const struct kern_posenet *p, kern_in *x, uint32_t n_in, kern_out *y,
                  uint32_t n_out)
{
    static const int32_t channels[] = {KEYPOINTS, 2 * KEYPOINTS, 4 * EDGES, 2 * KEYPOINTS};
    if (!need(c, (n_in == 3 && n_out == 4) || (n_in == 4 && n_out == 5), "%u inputs, %u outputs", n_in, n_out) ||
        !need_rank(c, x[HEATMAPS], 4) ||
        !need(c, p->max_detections > 0 && p->max_detections <= 1024, "max_detections %d", p->max_detections) ||
        !need(c, p->stride > 0, "stride %d", p->stride))
        return false;
    for (uint32_t i = 0; i < n_in; i++)
        if (!check_input(c, x[i], channels[i], x[HEATMAPS]))
            return false;
    int32_t n = p->max_detections;
    const int32_t shape[][4] = {{1, n, KEYPOINTS, 2}, {1, n, KEYPOINTS}, {1, n}, {1}, {1, n, MASK_SIZE, MASK_SIZE}};
    static const uint32_t rank[] = {4, 3, 2, 1, 4};
    for (uint32_t i = 0; i < n_out; i++) {
        y[i]->type = KERN_F32; /* whatever the model declares: some say uint8 */
        y[i]->n_scales = 0;
        if (!shape_output(c, y[i], shape[i], rank[i]))
            return false;
        memset(y[i]->data, 0, kern_elements(y[i]) * sizeof(float));
    }
    return true;
}

bool kern_posenet_decoder(struct kern_ctx *c, const struct kern_posenet *p, kern_in *x, uint32_t n_in, kern_out *y,
                          uint32_t n_out)
{
    if (!check(c, p, x, n_in, y, n_out))
        return false;
    float extra = (float)(1.0 / p->stride), radius = p->nms_radius / (float)p->stride;
    struct decoder d = {.heat = load_map(c, x[HEATMAPS], 1), .near = load_map(c, x[SHORT_OFFSETS], extra),
                        .mid = load_map(c, x[MID_OFFSETS], extra), .stride = (float)p->stride,
                        .threshold = p->score_threshold, .squared_radius = radius * radius};
    size_t most = (size_t)p->max_detections;
    struct pose *poses = ARENA_ARRAY(c->scratch, struct pose, most);
    float *scores = ARENA_ARRAY(c->scratch, float, most);
    size_t *order = ARENA_ARRAY(c->scratch, size_t, most);
    size_t n = find_poses(c->scratch, &d, most, poses, scores);
    sort_down(scores, n, order);
    rescore(&d, poses, n, order, scores);
    sort_down(scores, n, order);
    n = write_poses(&d, poses, n, order, scores, y);
    if (n_in <= LONG_OFFSETS)
        return true;
    struct map far = load_map(c, x[LONG_OFFSETS], extra);
    return write_masks(c, &far, d.stride, n, y);
}

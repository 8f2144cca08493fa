/* TFLite_Detection_PostProcess: boxes from anchors, then non-maximum suppression. */
#include "kernels/internal.h"

#include <stdlib.h>

struct box {
    float ymin, xmin, ymax, xmax;
};

struct detection {
    const struct kern_detection *p;
    size_t boxes, columns; /* columns of the scores: classes, and the background if there is one */
    size_t background;     /* 1 if the first column is the background */
    const struct box *box;
    const float *score;
};

struct candidate {
    float score;
    size_t index; /* of a box, or box * columns + column */
};

/* Highest score first, then lowest index: what a stable sort gives. */
static int by_score(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* float32 or uint8 elements as floats. */
static const float *as_floats(struct kern_ctx *c, kern_in t)
{
    if (t->type == KERN_F32)
        return t->data;
    size_t n = kern_elements(t);
    float *out = ARENA_ARRAY(c->scratch, float, n), zero = (float)zero_of(t);
    for (size_t i = 0; i < n; i++)
        out[i] = ((float)((const uint8_t *)t->data)[i] - zero) * t->scale[0];
    return out;
}

static struct box decode(const struct kern_detection *p, const float *code, const float *anchor)
{
    double ah = anchor[2], aw = anchor[3];
    float y = (float)((double)code[0] / (double)p->y_scale * ah + (double)anchor[0]);
    float x = (float)((double)code[1] / (double)p->x_scale * aw + (double)anchor[1]);
    float h = (float)(0.5 * exp((double)code[2] / (double)p->h_scale) * ah);
    float w = (float)(0.5 * exp((double)code[3] / (double)p->w_scale) * aw);
    return (struct box){y - h, x - w, y + h, x + w};
}

static float area(struct box b)
{
    return (b.ymax - b.ymin) * (b.xmax - b.xmin);
}

static float overlap(struct box a, struct box b)
{
    float area_a = area(a), area_b = area(b);
    if (area_a <= 0 || area_b <= 0)
        return 0;
    float h = fminf(a.ymax, b.ymax) - fmaxf(a.ymin, b.ymin), w = fminf(a.xmax, b.xmax) - fmaxf(a.xmin, b.xmin);
    float both = (h > 0 ? h : 0) * (w > 0 ? w : 0);
    return both / (area_a + area_b - both);
}

/* Sorts list[0..n) and keeps at most `most` of it in front: those above the threshold that no better one overlaps.
 * Returns how many. */
static size_t suppress(const struct detection *d, struct candidate *list, size_t n, size_t most)
{
    size_t kept = 0, above = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i].score >= d->p->score_threshold)
            list[above++] = list[i];
    qsort(list, above, sizeof *list, by_score);
    for (size_t i = 0; i < above && kept < most; i++) {
        bool free = true;
        for (size_t j = 0; j < kept && free; j++)
            free = !(overlap(d->box[list[j].index], d->box[list[i].index]) > d->p->iou_threshold);
        if (free)
            list[kept++] = list[i];
    }
    return kept;
}

static void put(const struct detection *d, kern_out y[4], size_t at, size_t box, size_t class, float score)
{
    memcpy((float *)y[0]->data + 4 * at, &d->box[box], sizeof *d->box);
    ((float *)y[1]->data)[at] = (float)class;
    ((float *)y[2]->data)[at] = score;
}

/* Each box competes once, with its best classes. */
static size_t fast(struct kern_ctx *c, const struct detection *d, kern_out y[4])
{
    size_t classes = (size_t)d->p->n_classes, wanted = (size_t)d->p->max_classes_per_detection;
    size_t used = wanted < classes ? wanted : classes;
    struct candidate *list = ARENA_ARRAY(c->scratch, struct candidate, d->boxes);
    struct candidate *best = ARENA_ARRAY(c->scratch, struct candidate, classes);
    for (size_t i = 0; i < d->boxes; i++) {
        list[i] = (struct candidate){-INFINITY, i};
        for (size_t j = 0; j < classes; j++)
            list[i].score = fmaxf(list[i].score, d->score[i * d->columns + d->background + j]);
    }
    size_t n = suppress(d, list, d->boxes, (size_t)d->p->max_detections);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < classes; j++)
            best[j] = (struct candidate){d->score[list[i].index * d->columns + d->background + j], j};
        qsort(best, classes, sizeof *best, by_score);
        for (size_t j = 0; j < used; j++)
            put(d, y, i * wanted + j, list[i].index, best[j].index, best[j].score);
    }
    return n;
}

/* Suppression for each class alone; the best of all classes remain. */
static size_t regular(struct kern_ctx *c, const struct detection *d, kern_out y[4])
{
    size_t most = (size_t)d->p->max_detections, n = 0, per_class = (size_t)d->p->detections_per_class;
    struct candidate *list = ARENA_ARRAY(c->scratch, struct candidate, d->boxes);
    struct candidate *all = ARENA_ARRAY(c->scratch, struct candidate, d->boxes + most);
    for (size_t class = 0; class < (size_t)d->p->n_classes; class++) {
        for (size_t i = 0; i < d->boxes; i++)
            list[i] = (struct candidate){d->score[i * d->columns + d->background + class], i};
        size_t kept = suppress(d, list, d->boxes, per_class);
        for (size_t i = 0; i < kept; i++)
            all[n++] = (struct candidate){list[i].score, list[i].index * d->columns + class};
        qsort(all, n, sizeof *all, by_score);
        n = n < most ? n : most;
    }
    for (size_t i = 0; i < n; i++)
        put(d, y, i, all[i].index / d->columns, all[i].index % d->columns, all[i].score);
    return n;
}

static bool need_floats(struct kern_ctx *c, kern_in t)
{
    return t->type == KERN_F32 || (need_type(c, t, KERN_U8) && need_quant(c, t));
}

static bool check(struct kern_ctx *c, const struct kern_detection *p, kern_in boxes, kern_in scores, kern_in anchors)
{
    if (!need_floats(c, boxes) || !need_floats(c, scores) || !need_floats(c, anchors) || !need_rank(c, boxes, 3) ||
        !need_rank(c, scores, 3) || !need_rank(c, anchors, 2))
        return false;
    int32_t background = scores->dim[2] - p->n_classes;
    return need(c, boxes->dim[0] == 1 && scores->dim[0] == 1, "only batch 1 is handled") &&
           need(c, boxes->dim[2] >= 4 && anchors->dim[1] == 4, "boxes and anchors must have 4 coordinates") &&
           need(c, boxes->dim[1] == scores->dim[1] && boxes->dim[1] == anchors->dim[0],
                "%d boxes, %d rows of scores, %d anchors", boxes->dim[1], scores->dim[1], anchors->dim[0]) &&
           need(c, p->n_classes > 0 && (background == 0 || background == 1), "%d classes, %d columns of scores",
                p->n_classes, scores->dim[2]) &&
           need(c, p->max_detections > 0 && p->max_detections < 1 << 20 && p->max_classes_per_detection > 0 &&
                       p->max_classes_per_detection < 1 << 10 && p->detections_per_class > 0,
                "%d detections of %d classes", p->max_detections, p->max_classes_per_detection) &&
           need(c, p->iou_threshold > 0 && p->iou_threshold <= 1, "overlap threshold %g", p->iou_threshold);
}

bool kern_detection_postprocess(struct kern_ctx *c, const struct kern_detection *p, kern_in boxes, kern_in scores,
                                kern_in anchors, kern_out y[4])
{
    if (!check(c, p, boxes, scores, anchors))
        return false;
    int32_t n = p->max_detections * p->max_classes_per_detection;
    for (int i = 0; i < 4; i++)
        y[i]->type = KERN_F32, y[i]->n_scales = 0; /* whatever the model declares */
    if (!shape_output(c, y[0], (int32_t[]){1, n, 4}, 3) || !shape_output(c, y[1], (int32_t[]){1, n}, 2) ||
        !shape_output(c, y[2], (int32_t[]){1, n}, 2) || !shape_output(c, y[3], (int32_t[]){1}, 1))
        return false;
    for (int i = 0; i < 3; i++)
        memset(y[i]->data, 0, kern_elements(y[i]) * sizeof(float));
    struct detection d = {.p = p, .boxes = (size_t)boxes->dim[1], .columns = (size_t)scores->dim[2],
                          .background = (size_t)(scores->dim[2] - p->n_classes), .score = as_floats(c, scores)};
    const float *code = as_floats(c, boxes), *anchor = as_floats(c, anchors);
    struct box *box = ARENA_ARRAY(c->scratch, struct box, d.boxes);
    for (size_t i = 0; i < d.boxes; i++)
        box[i] = decode(p, code + i * (size_t)boxes->dim[2], anchor + 4 * i);
    d.box = box;
    *(float *)y[3]->data = (float)(p->regular_nms ? regular(c, &d, y) : fast(c, &d, y));
    return true;
}

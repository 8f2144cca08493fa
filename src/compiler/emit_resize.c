/* RESIZE_BILINEAR by two with half-pixel centres, RESIZE_NEAREST_NEIGHBOR by two: instruction 0x05 on planes with a
 * border of one pixel.
 *
 * TFLite repeats the pixels at the edge of the image, but an exchange of borders fills in the zero point there.  So
 * the tiles at the edge copy their outermost column, then their outermost row, over the border; in this order the
 * corners come right.
 * Facts: the order of the steps and the copies from the RESIZE_NEAREST_NEIGHBOR of the lane detection model (whole),
 * the fields of 0x05 from the three RESIZE_BILINEAR of movenet_single_pose_lightning (6 instructions); docs/isa.md.
 * Tiles that begin with an odd output (phase 1) are among them; partial sums in four loops (results above COUNT_LIMIT)
 * have no official instance. */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/resize.h"
#include "compiler/scalar.h"

enum { IDENTITY_WORDS = 4, TAPS = 2, COUNT_LIMIT = 1 << 14 };

void resize_claim(struct grid *g)
{
    const struct axis_window around = {.kernel = 3, .stride = 1, .dilation = 1, .before = 1};
    grid_claim(g, g->y, g->x, &around, &around);
}

int32_t resize_border_words(const struct grid *g)
{
    int32_t most = 0;
    for (int i = 0; i < GRID; i++) {
        most = span_size(g->plane_y[i]) > most ? span_size(g->plane_y[i]) : most;
        most = span_size(g->plane_x[i]) > most ? span_size(g->plane_x[i]) : most;
    }
    return most * g->words;
}

static bool size_resize(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    plan_value_buffer(p, s->out);
    s->temporary = plan_buffer(p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = (int32_t)index,
                                                         .last = (int32_t)index, .late = true});
    return true;
}

/* ---- the edge of the image ---- */

/* Pixel `from` over pixel `to` of an axis, all along the plane. */
static void repeat_edge(const struct plan *plan, const struct step *s, struct program *p, bool columns, int i,
                        int32_t from, int32_t to)
{
    const struct value *v = plan_in(plan, s, 0);
    const struct grid *g = &v->grid;
    int32_t base = value_at(plan, v), done = 0;
    for (int k = 0; k < GRID; k++) { /* tiles whose planes have the same shape go together */
        int tile = columns ? GRID * k + i : GRID * i + k;
        int32_t n = span_size((columns ? g->plane_y : g->plane_x)[k]), pitch = grid_pitch(g, tile), tiles = 0;
        for (int j = k; j < GRID; j++) {
            int other = columns ? GRID * j + i : GRID * i + j;
            if (span_size((columns ? g->plane_y : g->plane_x)[j]) == n)
                tiles |= 1 << other;
        }
        if (done >> tile & 1)
            continue;
        done |= tiles;
        int32_t y = g->plane_y[tile / GRID].first, x = g->plane_x[tile % GRID].first;
        int32_t a = grid_at(g, tile, columns ? y : from, columns ? from : x);
        int32_t b = grid_at(g, tile, columns ? y : to, columns ? to : x);
        int32_t q = g->words, w = columns ? 1 : n, h = columns ? n : 1;
        int64_t plane = 4LL * pitch * span_size(g->plane_y[tile / GRID]);
        mesh_copy_words(p, tiles, s->identity_row, n * q, base + a,
                        LOOPS({q, 4}, {1, 0}, {w, 4LL * q}, {1, 0}, {h, 4LL * pitch}, {1, 0}, {1, plane}), base + b,
                        LOOPS({q, 4}, {w, 4LL * q}, {h, 4LL * pitch}, {1, plane}));
    }
}

/* ---- 0x05 ---- */

/* Position of the first output, in quarters of a pixel from the pixel before the tile's own: output o lies at
 * (o + 1/2) / 2 - 1/2. */
static struct isa_axis axis_of(int32_t master, struct span made, struct span own, int32_t pitch)
{
    return (struct isa_axis){.loop = master, .phase = 2 * made.first - 1 - 4 * (own.first - 1),
                             .factor = RESIZE_FACTOR, .pitch = pitch};
}

struct resize {
    const struct plan *plan;
    const struct step *step;
};

static bool one_tile(int tile, const void *arg, struct isa_inst *inst)
{
    const struct resize *r = arg;
    const struct resize_detail *d = r->step->detail;
    const struct value *in = plan_in(r->plan, r->step, 0), *out = plan_out(r->plan, r->step);
    const struct grid *from = &in->grid, *to = &out->grid;
    struct span ys = to->own_y[tile / GRID], xs = to->own_x[tile % GRID];
    struct span own_y = from->own_y[tile / GRID], own_x = from->own_x[tile % GRID];
    int32_t h = span_size(ys), w = span_size(xs), q = from->words;
    int32_t pixel = 4 * q, row = 4 * grid_pitch(from, tile), out_row = 4 * grid_pitch(to, tile);
    inst->op = ISA_RESIZE;
    struct isa_tensor *i = &inst->tensor;
    int32_t taps = d->nearest ? 1 : TAPS;
    *i = (struct isa_tensor){.lim = {taps - 1, taps - 1, w - 1, h - 1, 0, q - 1}, .one = 1, .nospill = 1, .w16 = 1,
                             .w1 = 3, .chdim = 5, .redmask = 3, .lanes = 3, .lanes_last = 3,
                             .scale = (int32_t)f32_bits(d->nearest ? 1 : 0x1p-14f), .mem_bias = d->nearest};
    i->a = tensor_unit(4LL * (value_at(r->plan, in) + grid_at(from, tile, own_y.first - 1, own_x.first - 1)),
                       LOOPS({taps, pixel}, {taps, row}, {w, 0}, {h, 0},
                             {1, (int64_t)row * span_size(from->plane_y[tile / GRID])}, {q, 4}));
    int32_t pixels = w * h;
    struct loops sums = d->nearest ? NO_LOOPS : LOOPS({TAPS * TAPS, 0});
    if (pixels * (int64_t)q <= COUNT_LIMIT) {
        loop(&sums, pixels * q, 0);
    } else {
        loop(&sums, w, 0);
        loop(&sums, h, 0);
        loop(&sums, q, 0);
    }
    i->p = buffered(tensor_unit(0, sums), d->nearest ? 0 : 1, 4);
    i->o = tensor_unit(4LL * (value_at(r->plan, out) + grid_at(to, tile, ys.first, xs.first) + d->to),
                       LOOPS({1, 4}, {w, 4LL * to->words}, {h, out_row},
                             {1, (int64_t)out_row * span_size(to->plane_y[tile / GRID])}, {q, 4}));
    i->x = axis_of(2, xs, own_x, pixel);
    i->y = axis_of(3, ys, own_y, row);
    i->x.nearest = i->y.nearest = d->nearest;
    return true;
}

static void emit_resize(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct grid *g = &plan_in(plan, s, 0)->grid;
    const struct resize r = {plan, s};
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[s->temporary].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    repeat_edge(plan, s, p, true, 0, 0, -1);
    repeat_edge(plan, s, p, true, GRID - 1, g->x - 1, g->x);
    repeat_edge(plan, s, p, false, 0, 0, -1);
    repeat_edge(plan, s, p, false, GRID - 1, g->y - 1, g->y);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    program_add_tiles(p, one_tile, &r);
    emit_fence(p, (struct fence){0});
}

const struct family family_resize = {.name = "resize", .size = size_resize, .emit = emit_resize, .closes = true,
                                     .identity = true};

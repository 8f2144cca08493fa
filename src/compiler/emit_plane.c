/* Channel words of an image to another image of the same rows and columns, as they are: skip operands that lose their
 * border, parts of a CONCATENATION.
 *
 * Facts: every field of the copies of the lane detection model (compiler 16: operands of ADD, the second part of a
 * CONCATENATION), whose identity matrix stays in the highest row from the first copy on (plan.c). */
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/scalar.h"

enum { IDENTITY_WORDS = 4, COUNT_LIMIT = 1 << 14 /* loop counts of units W and P */ };

bool plane_fits(const struct grid *g, int32_t words)
{
    int32_t y = 0, x = 0;
    for (int i = 0; i < GRID; i++) {
        y = span_size(g->own_y[i]) > y ? span_size(g->own_y[i]) : y;
        x = span_size(g->own_x[i]) > x ? span_size(g->own_x[i]) : x;
    }
    return (int64_t)y * x * words <= COUNT_LIMIT;
}

static bool size_plane(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    plan_value_buffer(p, s->out);
    s->temporary = plan_buffer(p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = (int32_t)index,
                                                         .last = (int32_t)index, .late = true});
    return true;
}

struct planes {
    const struct plan *plan;
    const struct step *step;
};

static bool one_tile(int tile, const void *arg, struct isa_inst *inst)
{
    const struct planes *c = arg;
    const struct plane_detail *d = c->step->detail;
    const struct value *in = plan_in(c->plan, c->step, 0), *out = plan_out(c->plan, c->step);
    const struct grid *g = &in->grid;
    struct box to;
    if (!box_of(c->plan, out, tile, &to))
        return false;
    int32_t h = to.h, w = to.w, q = d->words, pitch = grid_pitch(g, tile), rows = span_size(g->plane_y[tile / GRID]);
    int32_t from = value_at(c->plan, in) + grid_at(g, tile, out->grid.own_y[tile / GRID].first,
                                                   out->grid.own_x[tile % GRID].first);
    *inst = mesh_copy_inst(c->step->identity_row, h * w * q, from + d->from,
                           LOOPS({q, 4}, {1, 0}, {w, 4LL * g->words}, {1, 0}, {h, 4LL * pitch}, {1, 0},
                                 {1, 4LL * pitch * rows}),
                           to.at + d->to,
                           LOOPS({q, 4}, {w, 4LL * to.words}, {h, 4LL * to.pitch}, {1, 4LL * to.pitch * to.rows}));
    return true;
}

static void emit_plane(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct planes c = {plan, s};
    /* Tiles without pixels have counted less. */
    emit_fence(p, (struct fence){.flags = program_flags_agree(p, ALL_TILES, LAYER_FLAGS) ? 0 : LAYER_FLAGS});
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[s->temporary].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    program_add_tiles(p, one_tile, &c);
    emit_fence(p, (struct fence){0});
}

const struct family family_plane = {.name = "copy of an image", .size = size_plane, .emit = emit_plane,
                                    .reads = reads_as_it_is, .closes = true, .identity = true};

/* ---- CONCATENATION, when its parts are in place ---- */

static bool size_joined(struct plan *p, uint32_t index)
{
    (void)p, (void)index;
    return true;
}

/* A copy of nothing (lane detection). */
static void emit_joined(const struct plan *plan, const struct step *s, struct program *p)
{
    (void)plan, (void)s;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_fence(p, (struct fence){0});
    emit_fence(p, (struct fence){0});
}

const struct family family_joined = {.name = "images joined", .size = size_joined, .emit = emit_joined, .closes = true};

/* RESHAPE of a small image with one channel to a vector, first part: the pixels of all tiles one behind another on the
 * first tile, over the mesh, and from there to the tiles where a product with zeroes and ones makes bytes of words
 * (select.h). Facts: looming_64x64, looming_128x128 (3x3 pixels, one on each of 9 tiles), every field; images with one
 * pixel a tile of other shapes follow the same rule. */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/scalar.h"

enum { RECEIVE_ROW = 2078, LOWEST_ROW = 2074, IDENTITY_WORDS = 4, PHASES = 3 };

struct pixels {
    uint32_t image, line, relay, identity; /* narrow buffers */
};

bool pixels_fit(const struct grid *g) { return mesh_gather_fits(g) && g->y <= GRID && g->x <= GRID; }

static bool size_pixels(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct pixels *d = ARENA_NEW(p->arena, struct pixels);
    struct value *out = &p->values[s->out];
    int32_t words = (int32_t)ceil_div(out->z, 4), now = (int32_t)index;
    s->detail = d;
    plan_dies_in_phase(p, s->in[0], index, 1);
    d->image = plan_buffer(p, (struct narrow_buffer){.words = words, .first = now, .last = now, .until = 2});
    d->line = plan_buffer(
        p, (struct narrow_buffer){.words = words, .first = now, .last = now, .from = 1, .until = PHASES});
    out->buffer = plan_buffer(
        p, (struct narrow_buffer){.words = words, .first = now, .last = (int32_t)out->last, .from = 2});
    d->relay = plan_buffer(p,
                           (struct narrow_buffer){.words = MESH_RELAY_WORDS, .first = now, .last = now, .late = true});
    d->identity = plan_buffer(p,
                              (struct narrow_buffer){.words = IDENTITY_WORDS, .first = now, .last = now, .late = true});
    plan_wide_floor(p, LOWEST_ROW);
    return true;
}

static void emit_pixels(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct pixels *d = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    int32_t n = in->y * in->x, image = plan->buffers[d->image].at, line = plan->buffers[d->line].at, bytes = 4 * n;
    for (int k = 0; k < 2; k++)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[d->identity].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    mesh_gather(p, &in->grid, s->identity_row, value_at(plan, in), image, plan->buffers[d->relay].at);
    mesh_copy_words(p, 1, s->identity_row, n, image,
                    LOOPS({n, 4}, {1, 0}, {1, bytes}, {1, 0}, {1, bytes}, {1, 0}, {1, bytes}), line,
                    LOOPS({n, 4}, {1, bytes}, {1, bytes}, {1, bytes}));
    for (int k = 0; k < 3; k++)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    emit_copy(p, 0, out->tiles, n, line, value_at(plan, out), RECEIVE_ROW);
    emit_barrier(p, 0);
}

const struct family family_pixels = {.name = "pixels", .size = size_pixels, .emit = emit_pixels, .identity = true};

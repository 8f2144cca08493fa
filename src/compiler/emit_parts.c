/* Rows of several images, one behind another, to the host: pixel row by pixel row through scalar memory (outgoing.h).
 * The official program of tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3 brings its outputs into order on the tiles
 * before; the host gets the same words. */
#include "compiler/families.h"
#include "compiler/outgoing.h"
#include "compiler/scalar.h"

enum { OUT_ROW = WIDE_ROWS - OUT_ROWS };

static bool size_parts(struct plan *p, uint32_t index)
{
    (void)index;
    plan_wide_floor(p, OUT_ROW);
    return true;
}

/* Pixels of one row that lie on one tile: into rows OUT_ROW and OUT_ROW + 1 in turn, when all before are gone. */
static void stage_pixels(struct program *p, int tile, int32_t from, int32_t words)
{
    int32_t rows = (int32_t)ceil_div(words, ROW_WORDS), dim = rows == 1;
    struct isa_to_wide i = {.tiles = 1 << tile,
                            .n = narrow_words(from, words == 1 ? NO_LOOPS : LOOPS({words, 1})),
                            .w = buffered(wide_rows(OUT_ROW, rows == 1 ? NO_LOOPS : LOOPS({rows, 0})), dim, 1),
                            .p = signal_at(dim),
                            .wait = {wait_room(ISA_RWRITE, dim, program_flag(p, 1 << tile, ISA_RWRITE), 1)},
                            .pack = 1};
    program_add(p, (struct isa_inst){.op = ISA_TO_WIDE, .to_wide = i});
}

static void send_part(const struct plan *plan, const struct value *v, struct outgoing *o)
{
    const struct grid *g = &v->grid;
    for (int32_t y = 0; y < g->y; y++) {
        for (int t = 0; t < ISA_TILES; t++) {
            struct span ys = g->own_y[t / GRID], xs = g->own_x[t % GRID];
            int32_t words = span_size(xs) * g->words;
            if (y < ys.first || y >= ys.end || words <= 0)
                continue;
            stage_pixels(o->p, t, value_at(plan, v) + grid_at(g, t, y, xs.first), words);
            outgoing_add(o, t, words);
        }
    }
}

static void emit_parts(const struct plan *plan, const struct step *s, struct program *p)
{
    struct outgoing o = {.p = p, .row = OUT_ROW, .name = ((const struct tfl_tensor *)s->detail)->name};
    for (unsigned k = 0; k < s->n_in; k++)
        o.words += (int64_t)plan_in(plan, s, k)->y * plan_in(plan, s, k)->x * plan_in(plan, s, k)->grid.words;
    emit_barrier(p, LAYER_FLAGS);
    scalar_io_base(p, DWN_OUTPUT, o.name);
    scalar_move(p, 5, REG_IO_LO);
    scalar_move(p, 4, REG_IO_HI);
    for (unsigned k = 0; k < s->n_in; k++)
        send_part(plan, plan_in(plan, s, k), &o);
    outgoing_end(&o);
}

const struct family family_outfeed_parts = {.name = "outfeed of rows", .size = size_parts, .emit = emit_parts};

/* CONCATENATION of rows along a column or a row of tiles (rows.h). */
#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/rows.h"
#include "compiler/scalar.h"

static bool size_join(struct plan *p, uint32_t index)
{
    rows_size(p, index);
    return true;
}

/* One operand, whose first row is row `at` of the result. */
struct joining {
    const struct value *in, *out;
    bool along_x;
    int32_t at, from, to, relay;
};

static int tile_of(const struct joining *j, int i) { return j->along_x ? i : GRID * i; }
static struct span own_of(const struct joining *j, const struct value *v, int i)
{
    return j->along_x ? v->grid.own_x[i] : v->grid.own_y[i];
}

/* Rows of the operand that lie on tile `from` of the line and belong on tile `to`. */
static struct span rows_between(const struct joining *j, int from, int to)
{
    struct span a = own_of(j, j->in, from), b = own_of(j, j->out, to);
    b.first -= j->at, b.end -= j->at;
    return (struct span){a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end};
}

static struct rows_box part_of(const struct joining *j, const struct value *v, int32_t base, int i, int32_t first,
                               int32_t n)
{
    struct span own = own_of(j, v, i);
    int32_t words = v->grid.words, plane = span_size(own) * words;
    return (struct rows_box){.at = base + (first - own.first) * words,
                             .count = {words, j->along_x ? n : 1, j->along_x ? 1 : n},
                             .pitch = {1, words, j->along_x ? plane : words},
                             .plane = plane};
}

static bool move_rows(const struct joining *j, int from, int to, struct rows_move *m)
{
    struct span s = rows_between(j, from, to);
    if (span_size(s) <= 0)
        return false;
    *m = (struct rows_move){tile_of(j, from), tile_of(j, to),
                            part_of(j, j->in, j->from, from, s.first, span_size(s)),
                            part_of(j, j->out, j->to, to, s.first + j->at, span_size(s))};
    m->from.plane = m->to.plane = 0;
    return true;
}

/* Neighbours first; of these the ones that lie ahead.  Words that pass a tile in between go in one direction only: an
 * operand no longer than the result cannot lie two tiles off both ways. */
static void move_all(const struct joining *j, struct program *p)
{
    struct rows_move m;
    for (int far = 1; far < GRID; far++)
        for (int from = far; from < GRID; from++)
            if (move_rows(j, from, from - far, &m))
                rows_move_all(p, j->along_x ? ISA_MESH_WEST : ISA_MESH_NORTH, &m, 1, j->relay);
    for (int far = 1; far < GRID; far++)
        for (int from = GRID - 1 - far; from >= 0; from--)
            if (move_rows(j, from, from + far, &m))
                rows_move_all(p, j->along_x ? ISA_MESH_EAST : ISA_MESH_SOUTH, &m, 1, j->relay);
}

static void keep_own(const struct joining *j, int32_t row, struct program *p)
{
    struct rows_copy copy[ISA_TILES] = {0};
    for (int i = 0; i < GRID; i++) {
        struct span s = rows_between(j, i, i);
        if (span_size(s) > 0)
            copy[tile_of(j, i)] = (struct rows_copy){true, part_of(j, j->in, j->from, i, s.first, span_size(s)),
                                                     part_of(j, j->out, j->to, i, s.first + j->at, span_size(s))};
    }
    rows_copy_all(p, row, copy);
}

static void emit_join(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct rows_detail *d = s->detail;
    struct joining j = {.out = plan_out(plan, s), .along_x = d->along_x, .relay = plan->buffers[d->relay].at};
    j.to = value_at(plan, j.out);
    rows_fence(p, 2);
    rows_identity(plan, s, d, p);
    for (unsigned k = 0; k < s->n_in; k++) {
        j.in = plan_in(plan, s, k);
        j.from = value_at(plan, j.in);
        move_all(&j, p);
        keep_own(&j, s->identity_row, p);
        rows_fence(p, 1);
        j.at += j.in->y * j.in->x;
    }
}

const struct family family_join_rows = {.name = "joined rows", .size = size_join, .emit = emit_join, .identity = true};

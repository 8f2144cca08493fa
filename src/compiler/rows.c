#include "compiler/rows.h"

#include "compiler/families.h"
#include "compiler/mesh.h"
#include "compiler/scalar.h"

enum { IDENTITY_WORDS = 4 };

void *rows_detail(struct arena *a, bool along_x)
{
    struct rows_detail *d = ARENA_NEW(a, struct rows_detail);
    d->along_x = along_x;
    return d;
}

void rows_size(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct rows_detail *d = (struct rows_detail *)(uintptr_t)s->detail;
    int32_t now = (int32_t)index;
    plan_value_buffer(p, s->out);
    d->relay = plan_buffer(p, (struct narrow_buffer){.words = MESH_RELAY_WORDS, .first = now, .last = now});
    d->identity = plan_buffer(p,
                              (struct narrow_buffer){.words = IDENTITY_WORDS, .first = now, .last = now, .late = true});
}

void rows_identity(const struct plan *plan, const struct step *s, const struct rows_detail *d, struct program *p)
{
    if (!s->writes_identity)
        return;
    emit_identity(p, plan->buffers[d->identity].at, s->identity_row, false);
    emit_fence(p, (struct fence){0});
}

void rows_fence(struct program *p, int times)
{
    for (int k = 0; k < times; k++)
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
}

static int32_t words_of(const struct rows_box *b) { return b->count[0] * b->count[1] * b->count[2]; }

/* ---- through the tensor unit ---- */

static struct loops copy_from(const struct rows_box *b)
{
    return LOOPS({b->count[0], 4}, {1, 0}, {b->count[1], 4 * b->pitch[1]}, {1, 0}, {b->count[2], 4 * b->pitch[2]},
                 {1, 0}, {1, 4 * b->plane});
}

static struct loops copy_to(const struct rows_box *b)
{
    return LOOPS({b->count[0], 4}, {b->count[1], 4 * b->pitch[1]}, {b->count[2], 4 * b->pitch[2]}, {1, 4 * b->plane});
}

static bool same_box(const struct rows_box *a, const struct rows_box *b) { return !memcmp(a, b, sizeof *a); }

void rows_copy_all(struct program *p, int32_t row, const struct rows_copy copy[ISA_TILES])
{
    int32_t done = 0;
    for (int t = 0; t < ISA_TILES; t++) {
        int32_t tiles = 0;
        for (int k = t; k < ISA_TILES && copy[t].any; k++)
            if (copy[k].any && same_box(&copy[t].from, &copy[k].from) && same_box(&copy[t].to, &copy[k].to))
                tiles |= 1 << k;
        if (!(tiles & ~done))
            continue;
        done |= tiles;
        mesh_copy_words(p, tiles, row, words_of(&copy[t].from), copy[t].from.at, copy_from(&copy[t].from),
                        copy[t].to.at, copy_to(&copy[t].to));
    }
}

/* ---- over the mesh ---- */

static struct isa_ttu block_unit(const struct rows_box *b)
{
    struct loops l = NO_LOOPS;
    for (int k = 0; k < 3; k++)
        if (b->count[k] > 1)
            loop(&l, b->count[k], b->pitch[k]);
    return mesh_words(b->at, l);
}

/* Tiles of the moves from the first on that are like it and not done, by sender, receiver or what is between. */
enum role { SENDER, BETWEEN, RECEIVER };

static int32_t tiles_of(const struct rows_move *m, enum role role)
{
    int32_t between = 0;
    int step = m->sender / GRID == m->receiver / GRID ? 1 : GRID;
    int low = m->sender < m->receiver ? m->sender : m->receiver, high = m->sender + m->receiver - low;
    for (int t = low + step; t < high; t += step)
        between |= 1 << t;
    return role == BETWEEN ? between : 1 << (role == SENDER ? m->sender : m->receiver);
}

static bool alike(const struct rows_move *a, const struct rows_move *b, enum role role)
{
    return role == BETWEEN  ? words_of(&a->from) == words_of(&b->from)
           : role == SENDER ? same_box(&a->from, &b->from)
                            : same_box(&a->to, &b->to);
}

static void add_role(struct program *p, enum isa_opcode op, const struct rows_move *m, int n, enum role role,
                     int32_t relay)
{
    int32_t done = 0;
    for (int i = 0; i < n; i++) {
        int32_t tiles = 0;
        for (int k = i; k < n; k++)
            tiles |= alike(&m[i], &m[k], role) ? tiles_of(&m[k], role) : 0;
        if (!(tiles & ~done))
            continue;
        done |= tiles;
        struct isa_mesh mesh = {.tiles = tiles};
        if (role == SENDER)
            mesh.a = block_unit(&m[i].from);
        if (role == RECEIVER)
            mesh.b = block_unit(&m[i].to);
        if (role == BETWEEN)
            mesh_pass_on(p, op, tiles, words_of(&m[i].from), relay);
        else
            program_add(p, (struct isa_inst){.op = op, .mesh = mesh});
    }
}

int32_t rows_move_all(struct program *p, enum isa_opcode op, const struct rows_move *m, int n, int32_t relay)
{
    if (n == 0)
        return 0;
    add_role(p, op, m, n, SENDER, relay);
    add_role(p, op, m, n, BETWEEN, relay);
    add_role(p, op, m, n, RECEIVER, relay);
    return tiles_of(m, BETWEEN) ? mesh_equalise(p, op) : 0;
}

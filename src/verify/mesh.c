/* The four mesh buses: what a tile sends is what its neighbour receives. */
#include "verify/check.h"

/* Direction in which data moves: rows down, columns right (tile-dma.md section 4). */
static void direction(enum isa_opcode op, int *dy, int *dx)
{
    *dy = op == ISA_MESH_SOUTH ? 1 : op == ISA_MESH_NORTH ? -1 : 0;
    *dx = op == ISA_MESH_EAST ? 1 : op == ISA_MESH_WEST ? -1 : 0;
}

static bool used(const struct isa_ttu *t)
{
    bool any = t->base || t->mask;
    for (unsigned k = 0; k < 4; k++)
        any = any || t->lim[k] || t->step[k];
    return any;
}

struct transfer {
    int64_t words;
    size_t at;
};

/* Transfers of one bus into one tile, in program order. */
struct link {
    struct transfer *list;
    uint32_t count;
};

static void add(struct check *c, struct link *l, int64_t words, size_t at)
{
    if ((l->count & (l->count - 1)) == 0) { /* grow at powers of two */
        struct transfer *more = ARENA_ARRAY(c->a, struct transfer, l->count ? 2 * l->count : 4);
        if (l->count)
            memcpy(more, l->list, l->count * sizeof *more);
        l->list = more;
    }
    l->list[l->count++] = (struct transfer){words, at};
}

void check_mesh(struct check *c, const struct code *code)
{
    struct link sent[4][ISA_TILES] = {0}, received[4][ISA_TILES] = {0};
    for (size_t k = 0; k < code->count; k++) {
        const struct isa_inst *i = &code->inst[k];
        if (!is_mesh(i) || i->mesh.tdyn)
            continue;
        int dy, dx, bus = (int)i->op - ISA_MESH_SOUTH;
        direction(i->op, &dy, &dx);
        for (int t = 0; t < ISA_TILES; t++) {
            if (!(i->mesh.tiles >> t & 1))
                continue;
            int y = t / 4, x = t % 4;
            if (used(&i->mesh.a)) {
                if (y + dy < 0 || y + dy > 3 || x + dx < 0 || x + dx > 3)
                    finding(c, code, (long)k, RULE_MESH_EDGE, "tile %d sends over the edge", t);
                else
                    add(c, &sent[bus][4 * (y + dy) + x + dx], unit_count(&i->mesh.a, 4), k);
            }
            if (used(&i->mesh.b) && !i->mesh.fill) {
                if (y - dy < 0 || y - dy > 3 || x - dx < 0 || x - dx > 3)
                    finding(c, code, (long)k, RULE_MESH_EDGE, "tile %d receives from beyond the edge", t);
                else
                    add(c, &received[bus][t], unit_count(&i->mesh.b, 4), k);
            }
        }
    }
    for (int bus = 0; bus < 4; bus++)
        for (int t = 0; t < ISA_TILES; t++) {
            const struct link *s = &sent[bus][t], *r = &received[bus][t];
            uint32_t n = s->count < r->count ? s->count : r->count, k = 0;
            while (k < n && s->list[k].words == r->list[k].words)
                k++;
            if (k < n)
                finding(c, code, (long)r->list[k].at, RULE_MESH_COUNT,
                        "tile %d expects %lld words, its neighbour sends %lld", t, (long long)r->list[k].words,
                        (long long)s->list[k].words);
            else if (s->count != r->count)
                finding(c, code, (long)(s->count > r->count ? s->list[k].at : r->list[k].at), RULE_MESH_COUNT,
                        "tile %d receives %u transfers, its neighbour sends %u", t, r->count, s->count);
        }
}

/* Every tile takes, byte by byte, what it owns of the output from its copy of the input: instructions that put words
 * together from single bytes, with loops over evenly spaced coordinates (`runs`) of all three axes.  Where the bytes of
 * a word are not evenly apart, a first round gives each byte a word of its own and a second one joins four of them.
 *
 * Facts: the form of the instruction is that with which every infeed of an image whose pixels are no whole words puts
 * its words together (emit_image.c).  No official program rearranges so: they use the mesh, and only for a few sizes
 * are their rules known (emit_flatten.c). */
#include "compiler/families.h"
#include "compiler/numerics.h"
#include "compiler/rearrange.h"
#include "compiler/scalar.h"

enum { IDENTITY_WORDS = 4, COUNT_LIMIT = 1 << 14 /* loop counts of units W and P */ };

/* ---- runs: evenly spaced coordinates, and evenly spaced groups of such ---- */

struct run {
    int32_t first;              /* coordinate; the others follow */
    int32_t count[2], stride[2]; /* of the places, in bytes */
};

/* What is asked for at each coordinate: a byte, and a key that is one within a run; key 0: nothing. */
struct place {
    int32_t byte, key;
};

static int32_t follow(const struct place *p, int32_t n)
{
    int32_t k = 1;
    while (k < n && k < COUNT_LIMIT && p[k].key == p->key && p[k].byte - p[k - 1].byte == p[1].byte - p->byte)
        k++;
    return k;
}

/* The `count` places at q are those at p, moved evenly. */
static bool moved(const struct place *p, const struct place *q, int32_t count)
{
    for (int32_t k = 0; k < count; k++)
        if (q[k].key != p[k].key || q[k].byte - q->byte != p[k].byte - p->byte)
            return false;
    return true;
}

static struct run run_at(const struct place *p, int32_t first, int32_t end)
{
    const struct place *a = p + first;
    int32_t n = follow(a, end - first), groups = 1, apart = 0;
    for (int32_t k = first + n; k + n <= end && groups < COUNT_LIMIT && moved(a, p + k, n); k += n, groups++) {
        if (groups > 1 && p[k].byte - p[k - n].byte != apart)
            break;
        apart = p[k].byte - p[k - n].byte;
    }
    return (struct run){
        .first = first, .count = {n, groups}, .stride = {n > 1 ? a[1].byte - a->byte : 0, apart}};
}

struct runs {
    struct run *run;
    int32_t count;
};

static struct runs runs_of(struct arena *a, const struct place *p, int32_t n)
{
    struct runs r = {0};
    size_t capacity = 0;
    for (int32_t i = 0; i < n;) {
        if (p[i].key == 0) {
            i++;
            continue;
        }
        r.run = arena_grow(a, r.run, (size_t)r.count, sizeof *r.run, &capacity);
        r.run[r.count] = run_at(p, i, n);
        i += r.run[r.count].count[0] * r.run[r.count].count[1];
        r.count++;
    }
    return r;
}

/* ---- one round on one tile ---- */

/* Words of the result: y rows of x pixels of z words, each of up to four bytes. */
struct round {
    struct place *place[3]; /* z, x, y; key of z: number of bytes and their distance */
    int32_t count[3];
    int32_t step[3];        /* narrow words of the result from one to the next */
    int64_t from, to;       /* narrow words of the input and of the result */
};

static int32_t key_of(int32_t bytes, int32_t apart) { return bytes + 8 * (apart + (1 << 26)); }
static int32_t bytes_of_key(int32_t key) { return key % 8; }
static int32_t apart_of_key(int32_t key) { return key / 8 - (1 << 26); }

static struct isa_inst instruction(const struct round *r, const struct run *run[3], int32_t fill)
{
    int32_t key = r->place[0][run[0]->first].key, bytes = bytes_of_key(key), n = 1;
    int64_t from = 4 * r->from, to = r->to;
    struct isa_inst inst;
    memset(&inst, 0, sizeof inst); /* compared as bytes by tile_classes */
    struct isa_tensor *i = &inst.tensor;
    struct loops a = LOOPS({bytes, bytes > 1 ? apart_of_key(key) : 1}), o = LOOPS({1, 4}), w = LOOPS({bytes, 1}),
                 sums = LOOPS({bytes, bytes > 1 ? 0 : 1});
    inst.op = ISA_MAC;
    *i = (struct isa_tensor){.one = 1, .nospill = 1, .lanes = 3, .lanes_last = 3, .redmask = 1, .a1 = 1, .w1 = 3,
                             .azp = fill, .ozp = fill};
    set_copy_numerics(i);
    i->lim[0] = bytes - 1;
    for (int k = 0; k < 3; k++) {
        from += r->place[k][run[k]->first].byte;
        to += (int64_t)run[k]->first * r->step[k];
        for (int j = 0; j < 2; j++) {
            int32_t count = run[k]->count[j];
            if (count == 1)
                continue;
            i->lim[n++] = count - 1;
            loop(&a, count, run[k]->stride[j]);
            loop(&o, count, 4LL * r->step[k] * (j ? run[k]->count[0] : 1));
            loop(&w, count, 0);
            loop(&sums, count, 0);
        }
    }
    i->chdim = n < 7 ? n : 7;
    i->a = tensor_unit(from, a);
    i->o = tensor_unit(4 * to, o);
    i->w = tensor_unit(0, w); /* of the identity matrix: set by the caller */
    i->p = buffered(masked(tensor_unit(0, sums), 0), 1, 4);
    return inst;
}

/* ---- the rounds of a tile ---- */

/* What the tile makes: coordinates of z, x, y, and words of a pixel. */
struct part {
    struct span of[3];
    int32_t words;
};

static struct place *places(struct arena *a, const int32_t *byte, struct span s)
{
    struct place *p = ARENA_ARRAY(a, struct place, (size_t)span_size(s));
    for (int32_t i = 0; i < span_size(s); i++)
        p[i] = (struct place){byte[s.first + i], byte[s.first + i] != REARRANGE_OUTSIDE};
    return p;
}

/* Bytes z .. of a word that begins at `z`; false: they are not evenly apart, or what is outside is not at the end. */
static bool word_of(const struct rearrange_detail *d, int32_t z, struct place *out)
{
    int32_t left = d->size[0] - z < 4 ? d->size[0] - z : 4, n = 0, apart = 0;
    const int32_t *b = d->byte[0] + z;
    while (n < left && b[n] != REARRANGE_OUTSIDE)
        n++;
    for (int32_t k = n; k < left; k++)
        if (b[k] != REARRANGE_OUTSIDE)
            return false;
    for (int32_t k = 1; k < n; k++) {
        if (k > 1 && b[k] - b[k - 1] != apart)
            return false;
        apart = b[k] - b[k - 1];
    }
    *out = n ? (struct place){*b, key_of(n, apart)} : (struct place){0};
    return true;
}

static struct round round_begin(struct arena *a, const struct rearrange_detail *d, const struct part *t)
{
    struct round r = {.count = {0, span_size(t->of[1]), span_size(t->of[2])}};
    for (int k = 1; k < 3; k++)
        r.place[k] = places(a, d->byte[k], t->of[k]);
    return r;
}

/* Whole words of the output from the input. */
static struct round words_round(struct arena *a, const struct rearrange_detail *d, const struct part *t, int32_t pitch)
{
    struct round r = round_begin(a, d, t);
    r.count[0] = t->words;
    r.place[0] = ARENA_ARRAY(a, struct place, (size_t)t->words);
    for (int32_t w = 0; w < t->words; w++)
        word_of(d, t->of[0].first + 4 * w, &r.place[0][w]);
    r.step[0] = 1, r.step[1] = t->words, r.step[2] = pitch;
    return r;
}

/* Each byte of the output as a word of the buffer in between. */
static struct round scatter_round(struct arena *a, const struct rearrange_detail *d, const struct part *t)
{
    struct round r = round_begin(a, d, t);
    r.count[0] = span_size(t->of[0]);
    r.place[0] = places(a, d->byte[0], t->of[0]);
    for (int32_t i = 0; i < r.count[0]; i++)
        r.place[0][i].key = r.place[0][i].key ? key_of(1, 0) : 0;
    r.step[0] = 1, r.step[1] = r.count[0], r.step[2] = r.count[0] * r.count[1];
    return r;
}

/* Four words of that buffer as one of the output. */
static struct round join_round(struct arena *a, const struct part *t, int32_t pitch)
{
    int32_t z = span_size(t->of[0]), x = span_size(t->of[1]), y = span_size(t->of[2]);
    struct round r = {.count = {t->words, x, y}, .step = {1, t->words, pitch}};
    for (int k = 0; k < 3; k++)
        r.place[k] = ARENA_ARRAY(a, struct place, (size_t)r.count[k]);
    for (int32_t w = 0; w < t->words; w++)
        r.place[0][w] = (struct place){16 * w, key_of(z - 4 * w < 4 ? z - 4 * w : 4, 4)};
    for (int32_t i = 0; i < x; i++)
        r.place[1][i] = (struct place){4 * z * i, 1};
    for (int32_t i = 0; i < y; i++)
        r.place[2][i] = (struct place){4 * z * x * i, 1};
    return r;
}

static bool part_of(const struct rearrange_detail *d, const struct value *v, int tile, struct part *t)
{
    if (v->layout == LAYOUT_SLICES) {
        struct slices c = slices_of(v->z);
        if (tile >= c.tiles)
            return false;
        int32_t first = 4 * c.words * tile, words = slice_words(&c, tile), end = first + 4 * words;
        *t = (struct part){{{first, end < d->size[0] ? end : d->size[0]}, {0, 1}, {0, 1}}, words};
        return true;
    }
    *t = (struct part){{{0, d->size[0]}, v->grid.own_x[tile % GRID], v->grid.own_y[tile / GRID]}, v->grid.words};
    return span_size(t->of[1]) > 0 && span_size(t->of[2]) > 0;
}

/* ---- what it costs ---- */

static int64_t instructions_of(struct arena *a, const struct round *r)
{
    int64_t n = 1;
    for (int k = 0; k < 3; k++)
        n *= runs_of(a, r->place[k], r->count[k]).count;
    return n;
}

struct rearrange_cost rearrange_cost_of(struct arena *a, const struct rearrange_detail *d, const struct value *like)
{
    struct rearrange_cost cost = {0};
    for (int t = 0; t < ISA_TILES; t++) {
        struct part part;
        if (!part_of(d, like, t, &part))
            continue;
        int64_t between = d->scattered ? (int64_t)span_size(part.of[0]) * span_size(part.of[1]) * span_size(part.of[2])
                                       : 0;
        cost.between = between > cost.between ? between : cost.between;
        struct round r = d->scattered ? scatter_round(a, d, &part) : words_round(a, d, &part, 0);
        cost.instructions += instructions_of(a, &r);
        if (d->scattered) {
            r = join_round(a, &part, 0);
            cost.instructions += instructions_of(a, &r);
        }
    }
    return cost;
}

bool rearrange_is_scattered(const struct rearrange_detail *d)
{
    struct place word;
    for (int32_t z = 0; z < d->size[0]; z += 4)
        if (!word_of(d, z, &word))
            return true;
    return false;
}

/* ---- the step ---- */

static bool size_rearrange(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    struct rearrange_detail *d = arena_copy(p->arena, s->detail, sizeof *d);
    int32_t now = (int32_t)index;
    plan_value_buffer(p, s->out);
    s->detail = d;
    s->temporary =
        plan_buffer(p, (struct narrow_buffer){.words = IDENTITY_WORDS, .first = now, .last = now, .late = true});
    if (d->scattered) {
        int32_t words = (int32_t)rearrange_cost_of(p->arena, d, &p->values[s->out]).between;
        d->between = plan_buffer(p, (struct narrow_buffer){.words = words, .first = now, .last = now, .late = true});
    }
    return true;
}

enum kind { WORDS, SCATTER, JOIN };

static struct round round_of(const struct plan *plan, const struct step *s, enum kind kind, int tile,
                             const struct part *part)
{
    const struct rearrange_detail *d = s->detail;
    const struct value *in = plan_in(plan, s, 0), *out = plan_out(plan, s);
    bool slices = out->layout == LAYOUT_SLICES;
    int32_t pitch = slices ? part->words : grid_pitch(&out->grid, tile);
    int32_t at = slices ? slice_at(plan, out, tile)
                        : value_at(plan, out) + grid_at(&out->grid, tile, part->of[2].first, part->of[1].first);
    int32_t between = kind == WORDS ? 0 : plan->buffers[d->between].at;
    struct round r = kind == SCATTER ? scatter_round(plan->arena, d, part)
                     : kind == JOIN  ? join_round(plan->arena, part, pitch)
                                     : words_round(plan->arena, d, part, pitch);
    r.from = kind == JOIN ? between : value_at(plan, in);
    r.to = kind == SCATTER ? between : at;
    return r;
}

struct list {
    struct isa_inst *inst;
    int32_t count;
};

static struct list list_of(const struct plan *plan, const struct step *s, const struct round *r)
{
    const struct rearrange_detail *d = s->detail;
    struct runs runs[3];
    struct list l = {0};
    size_t n = 1;
    for (int k = 0; k < 3; k++) {
        runs[k] = runs_of(plan->arena, r->place[k], r->count[k]);
        n *= (size_t)runs[k].count;
    }
    l.inst = ARENA_ARRAY(plan->arena, struct isa_inst, n);
    for (int32_t y = 0; y < runs[2].count; y++)
        for (int32_t x = 0; x < runs[1].count; x++)
            for (int32_t z = 0; z < runs[0].count; z++) {
                const struct run *run[3] = {&runs[0].run[z], &runs[1].run[x], &runs[2].run[y]};
                struct isa_inst *i = &l.inst[l.count++];
                *i = instruction(r, run, d->outside ? d->fill : 0);
                i->tensor.w.base = 4 * s->identity_row;
            }
    return l;
}

struct nth {
    const struct list *lists; /* of the tiles */
    int32_t index;
};

static bool nth_of_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct nth *n = arg;
    if (n->index >= n->lists[tile].count)
        return false;
    *out = n->lists[tile].inst[n->index];
    return true;
}

static void emit_round(const struct plan *plan, const struct step *s, enum kind kind, struct program *p)
{
    struct list lists[ISA_TILES] = {{0}};
    int32_t most = 0;
    for (int t = 0; t < ISA_TILES; t++) {
        struct part part;
        if (!part_of(s->detail, plan_out(plan, s), t, &part))
            continue;
        struct round r = round_of(plan, s, kind, t, &part);
        lists[t] = list_of(plan, s, &r);
        most = lists[t].count > most ? lists[t].count : most;
    }
    for (struct nth n = {lists, 0}; n.index < most; n.index++) {
        program_add_tiles(p, nth_of_tile, &n);
    }
}

struct filling {
    const struct plan *plan;
    const struct step *step;
};

static bool fill_of_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct filling *f = arg;
    const struct rearrange_detail *d = f->step->detail;
    struct part part;
    if (!part_of(d, plan_out(f->plan, f->step), tile, &part))
        return false;
    struct round r = round_of(f->plan, f->step, d->scattered ? SCATTER : WORDS, tile, &part);
    struct isa_dim all[3] = {{r.count[0], r.step[0]}, {r.count[1], r.step[1]}, {r.count[2], r.step[2]}};
    struct loops l = NO_LOOPS;
    unsigned n = loops_squeeze(all, 3);
    for (unsigned k = 0; k < n; k++)
        loop(&l, all[k].count, all[k].stride);
    out->op = ISA_MESH_NORTH;
    out->mesh.b = mesh_words(r.to, l);
    out->mesh.fill = 1;
    out->mesh.value = (int32_t)(0x01010101u * (uint32_t)d->fill);
    return true;
}

static void fill_outside(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct filling f = {plan, s};
    program_add_tiles(p, fill_of_tile, &f);
}

static void emit_rearrange(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct rearrange_detail *d = s->detail;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    if (s->writes_identity) {
        emit_identity(p, plan->buffers[s->temporary].at, s->identity_row, false);
        emit_fence(p, (struct fence){0});
    }
    if (d->outside) {
        fill_outside(plan, s, p);
        emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    }
    emit_round(plan, s, d->scattered ? SCATTER : WORDS, p);
    emit_fence(p, (struct fence){0});
    if (d->scattered) {
        emit_round(plan, s, JOIN, p);
        emit_fence(p, (struct fence){0});
    }
}

const struct family family_rearrange = {.name = "rearrange", .size = size_rearrange, .emit = emit_rearrange,
                                        .closes = true, .identity = true};

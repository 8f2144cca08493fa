#include "compiler/plan.h"

#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/pixel_norm.h"
#include "compiler/resize.h"
#include "compiler/rows.h"
#include "compiler/scalar.h"
#include "graph/graph.h"
#include "graph/partition.h"

void plan_init(struct plan *p, struct arena *a, const struct tfl_subgraph *g, struct status *st)
{
    *p = (struct plan){.arena = a, .st = st, .graph = g, .wide_floor = WIDE_ROWS, .misfit = NO_OPERATOR};
    p->value_of = ARENA_ARRAY(a, uint32_t, g->n_tensors);
    for (uint32_t i = 0; i < g->n_tensors; i++)
        p->value_of[i] = NO_VALUE;
}

uint32_t plan_value(struct plan *p, const struct tfl_tensor *t, enum layout layout, int32_t y, int32_t x, int32_t z)
{
    p->values = arena_grow(p->arena, p->values, p->n_values, sizeof *p->values, &p->values_capacity);
    p->values[p->n_values] = (struct value){.tensor = t,
                                            .y = y,
                                            .x = x,
                                            .z = z,
                                            .layout = layout,
                                            .element = t->type == TFL_INT16 ? 2 : 1,
                                            .buffer = NO_BUFFER,
                                            .first = UINT32_MAX};
    if (layout == LAYOUT_GRID)
        p->values[p->n_values].grid = grid_of(y, x, z);
    return p->n_values++;
}

struct step *plan_step(struct plan *p, const struct family *f, uint32_t op)
{
    p->steps = arena_grow(p->arena, p->steps, p->n_steps, sizeof *p->steps, &p->steps_capacity);
    struct step *s = &p->steps[p->n_steps++];
    *s = (struct step){.family = f, .op = op, .out = NO_VALUE, .temporary = NO_BUFFER, .parameter = UINT32_MAX,
                        .twin = NO_STEP, .identity_row = -1};
    return s;
}

void step_reads(struct plan *p, struct step *s, uint32_t value)
{
    s->in[s->n_in++] = value;
    p->values[value].last = (uint32_t)(s - p->steps);
}

void step_makes(struct plan *p, struct step *s, uint32_t value)
{
    uint32_t now = (uint32_t)(s - p->steps);
    struct value *v = &p->values[value];
    s->out = value;
    v->first = now < v->first ? now : v->first;
    v->last = now > v->last ? now : v->last;
}

void plan_count_lives(struct plan *p)
{
    for (uint32_t i = 0; i < p->n_values; i++)
        p->values[i].first = UINT32_MAX, p->values[i].last = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        struct step *s = &p->steps[i];
        for (uint32_t k = 0; k < s->n_in; k++)
            p->values[s->in[k]].last = i;
        if (s->out != NO_VALUE)
            step_makes(p, s, s->out);
    }
}

uint32_t plan_buffer(struct plan *p, struct narrow_buffer b)
{
    p->buffers = arena_grow(p->arena, p->buffers, p->n_buffers, sizeof *p->buffers, &p->buffers_capacity);
    p->buffers[p->n_buffers] = b;
    return p->n_buffers++;
}

void plan_keep(struct plan *p, uint32_t buffer, uint32_t last)
{
    struct narrow_buffer *b = &p->buffers[buffer];
    if (b->last < (int32_t)last)
        b->last = (int32_t)last, b->until = 0;
}

void plan_value_buffer(struct plan *p, uint32_t value)
{
    struct value *v = &p->values[value];
    if (v->buffer == NO_BUFFER)
        v->buffer =
            plan_buffer(p, (struct narrow_buffer){.words = box_words(v), .first = v->first, .last = v->last});
}

static bool can_replace(const struct plan *p, const struct value *in, const struct value *out, uint32_t step)
{
    bool same = in->layout == LAYOUT_SLICES ? in->z == out->z && !in->in_place
                                            : !grid_has_halo(&in->grid) && grid_same_planes(&in->grid, &out->grid);
    return same && in->layout == out->layout && in->last == step && in->first < step && in->offset == 0 &&
           !p->buffers[in->buffer].late && !p->buffers[in->buffer].group &&
           p->buffers[in->buffer].last == (int32_t)step;
}

void plan_value_in_place(struct plan *p, uint32_t step)
{
    const struct step *s = &p->steps[step];
    struct value *out = &p->values[s->out];
    const struct value *best = NULL;
    for (uint32_t k = 0; k < s->n_in && out->buffer == NO_BUFFER; k++) {
        const struct value *in = &p->values[s->in[k]];
        if (can_replace(p, in, out, step) && (!best || in->first > best->first))
            best = in;
    }
    if (best) {
        out->buffer = best->buffer;
        plan_keep(p, best->buffer, out->last);
    }
    plan_value_buffer(p, s->out);
}

uint32_t plan_parameter(struct plan *p, struct parameter q)
{
    p->parameters =
        arena_grow(p->arena, p->parameters, p->n_parameters, sizeof *p->parameters, &p->parameters_capacity);
    p->parameters[p->n_parameters] = q;
    return p->n_parameters++;
}

void plan_wide_floor(struct plan *p, int32_t row)
{
    if (row < p->wide_floor)
        p->wide_floor = row;
}

void plan_dies_in_phase(struct plan *p, uint32_t value, uint32_t step, int32_t phases)
{
    struct narrow_buffer *b = &p->buffers[p->values[value].buffer];
    if (b->last == (int32_t)step)
        b->until = phases;
}

const struct value *plan_in(const struct plan *p, const struct step *s, unsigned i) { return &p->values[s->in[i]]; }
const struct value *plan_out(const struct plan *p, const struct step *s) { return &p->values[s->out]; }
int32_t value_at(const struct plan *p, const struct value *v) { return p->buffers[v->buffer].at + v->offset; }

int32_t value_tiles(const struct value *v)
{
    int32_t tiles = 0;
    for (int t = 0; t < ISA_TILES; t++)
        if (span_size(v->grid.own_y[t / GRID]) > 0 && span_size(v->grid.own_x[t % GRID]) > 0)
            tiles |= 1 << t;
    return v->layout == LAYOUT_GRID ? tiles : ALL_TILES;
}

int32_t slice_at(const struct plan *p, const struct value *v, int32_t tile)
{
    return value_at(p, v) + (v->in_place ? tile * value_slices(v).words : 0);
}

/* The step makes the last pixels of an image that has borders. */
static bool completes_borders(const struct plan *p, uint32_t step)
{
    uint32_t v = p->steps[step].out;
    if (v == NO_VALUE || p->values[v].layout != LAYOUT_GRID || !grid_has_halo(&p->values[v].grid))
        return false;
    if (span_size(p->steps[step].channels))
        return true;
    for (uint32_t i = step + 1; i < p->n_steps; i++)
        if (p->steps[i].out == v)
            return false;
    return true;
}

uint32_t plan_last_exchanged(const struct plan *p, const struct step *s)
{
    for (const struct step *k = s; k > p->steps; k--)
        if (completes_borders(p, (uint32_t)(&k[-1] - p->steps)))
            return k[-1].out;
    return NO_VALUE;
}

const struct step *plan_sole_reader(const struct plan *p, uint32_t value)
{
    const struct step *reader = NULL;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        for (uint32_t k = 0; k < p->steps[i].n_in; k++) {
            if (p->steps[i].in[k] != value || reader == &p->steps[i])
                continue;
            if (reader)
                return NULL;
            reader = &p->steps[i];
        }
    }
    return reader;
}

/* The operator that reads or makes the tensor: one that leaves the bytes as they are has no step. */
static uint32_t operator_of(const struct plan *p, const struct tfl_tensor *tensor)
{
    for (uint32_t i = 0; p->set && i < p->set->n_operators; i++) {
        const struct tfl_operator *o = &p->graph->operators[p->set->operators[i]];
        for (uint32_t k = 0; k < o->n_inputs + o->n_outputs; k++) {
            int32_t t = k < o->n_inputs ? o->inputs[k] : o->outputs[k - o->n_inputs];
            if (t >= 0 && &p->graph->tensors[t] == tensor)
                return p->set->operators[i];
        }
    }
    return NO_OPERATOR;
}

uint32_t plan_operator_at(const struct plan *p, uint32_t step)
{
    const struct step *s = &p->steps[step];
    uint32_t moved = s->out != NO_VALUE ? s->out : s->n_in ? s->in[0] : NO_VALUE;
    if (s->op != NO_OPERATOR || moved == NO_VALUE)
        return s->op;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        bool uses = p->steps[i].out == moved;
        for (uint32_t k = 0; k < p->steps[i].n_in; k++)
            uses = uses || p->steps[i].in[k] == moved;
        if (uses && p->steps[i].op != NO_OPERATOR)
            return p->steps[i].op;
    }
    return operator_of(p, p->values[moved].tensor);
}

const char *plan_op_text(const struct plan *p, uint32_t op)
{
    if (op == NO_OPERATOR)
        return "host transfer";
    return graph_op_text(p->arena, p->graph, op);
}

/* ---- passes ---- */

bool plan_leaves_identity(const struct plan *p, const struct step *s)
{
    bool wanted = s->family == &family_exchange;
    for (const struct step *k = p->steps; wanted && k < s; k++)
        wanted = !k->family->identity;
    return wanted || s->family == &family_flatten;
}

bool plan_finds_identity(const struct plan *p, const struct step *s)
{
    for (const struct step *k = s; k > p->steps; k--)
        if (plan_leaves_identity(p, &k[-1]))
            return true;
        else if (k[-1].family != &family_channel_pool && k[-1].family != &family_gather &&
                 k[-1].family != &family_fully_connected)
            return false;
    return false;
}

static bool is_aligned_infeed(const struct plan *p, const struct step *s)
{
    return s->family == &family_infeed_image && p->values[s->out].z % 4 == 0;
}

bool plan_identity_on_top(const struct plan *p, const struct step *s)
{
    uint32_t step = (uint32_t)(s - p->steps);
    return step >= p->top_from && step < p->top_until;
}

int32_t plan_top(const struct plan *p, const struct step *s)
{
    return plan_identity_on_top(p, s) ? WIDE_ROWS - 1 : WIDE_ROWS;
}

/* Heads of detection find the identity matrix of their first input in the highest row, to the last step that needs one
 * (tf2_ssd_mobilenet_v2_coco17_ptq_segment_2_of_3), and so does the exchange before a pool, which leaves it there
 * (catalogue P182: 7x7x320 from the host, a convolution, pool, dense layer and SOFTMAX with a single one). */
static void keep_identity_of_heads(struct plan *p)
{
    const struct family *others[] = {&family_conv, &family_outfeed_image, &family_pointwise, &family_join_rows,
                                     &family_rows};
    bool rows = false, wanted = false;
    uint32_t until = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        bool known = is_aligned_infeed(p, s);
        if (i == 0 && !known)
            return;
        if (s->family == &family_exchange && !wanted) {
            p->top_until = i + 1;
            return;
        }
        wanted = wanted || s->family->identity;
        if (known || s->family->identity)
            until = i + 1;
        for (size_t k = 0; k < sizeof others / sizeof *others; k++)
            known = known || s->family == others[k];
        if (!known)
            return;
        rows = rows || s->family == &family_rows;
    }
    if (rows)
        p->top_until = until;
}

static bool keeps_off_top(const struct step *s)
{
    const struct family *known[] = {&family_conv, &family_outfeed_image, &family_sum, &family_plane, &family_resize,
                                    &family_joined, &family_pointwise, &family_channel_max, &family_pixel_softmax};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (s->family == known[k])
            return s->identity_row < 0 && !s->wide_top && !s->wide_keep;
    return false;
}

/* So do networks whose first need is a copy of an image, from there to the last step that needs one, or to a step that
 * takes the highest rows itself (lane detection). */
static void keep_identity_of_copies(struct plan *p)
{
    uint32_t first = 0, until = 0;
    while (first < p->n_steps && !p->steps[first].family->identity)
        first++;
    if (first == p->n_steps || p->steps[first].family != &family_plane)
        return;
    for (uint32_t i = first; i < p->n_steps && keeps_off_top(&p->steps[i]); i++)
        if (p->steps[i].family->identity)
            until = i + 1;
    if (until > first + 1)
        p->top_from = first, p->top_until = until;
}

/* The identity matrix is written before its first use and stays, in the row below all that the steps up to its last use
 * take of wide memory (looming_*; movenet).  Where that is too low it is written again. */
static void place_identities(struct plan *p)
{
    enum { LOWEST = WIDE_ROWS / 2 };
    for (uint32_t i = 0; i < p->n_steps; i++) {
        if (!p->steps[i].family->identity || p->steps[i].identity_row >= 0)
            continue;
        if (plan_identity_on_top(p, &p->steps[i])) {
            p->steps[i].identity_row = WIDE_ROWS - 1;
            p->steps[i].writes_identity = i == p->top_from;
            continue;
        }
        if (plan_finds_identity(p, &p->steps[i])) {
            p->steps[i].identity_row = WIDE_ROWS - 1;
            plan_wide_floor(p, p->steps[i].identity_row);
            continue;
        }
        int32_t floor = p->steps[i].wide_floor, row = floor - 1;
        uint32_t last = i;
        for (uint32_t k = i + 1; k < p->n_steps && floor > LOWEST; k++) {
            floor = p->steps[k].wide_floor < floor ? p->steps[k].wide_floor : floor;
            if (p->steps[k].family->identity && floor > LOWEST)
                last = k, row = floor - 1;
        }
        for (uint32_t k = i; k <= last; k++)
            p->steps[k].identity_row = row;
        p->steps[i].writes_identity = true;
        plan_wide_floor(p, row);
    }
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].family == &family_sum)
            plan_wide_floor(p, sum_matrix_row(p, &p->steps[i]));
}

bool plan_size(struct plan *p)
{
    int32_t floor = WIDE_ROWS;
    keep_identity_of_heads(p);
    if (!p->top_until)
        keep_identity_of_copies(p);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        p->wide_floor = WIDE_ROWS;
        if (!p->steps[i].family->size(p, i)) {
            p->misfit = plan_operator_at(p, i);
            return status_context(p->st, "%s: ", plan_op_text(p, p->misfit));
        }
        p->steps[i].wide_floor = p->wide_floor;
        floor = p->wide_floor < floor ? p->wide_floor : floor;
    }
    p->wide_floor = floor;
    place_identities(p);
    return true;
}

/* The step whose buffers lie highest, for the message. */
static bool too_large(struct plan *p)
{
    const struct narrow_buffer *worst = &p->buffers[0];
    for (uint32_t i = 1; i < p->n_buffers; i++)
        if (p->buffers[i].at + p->buffers[i].words > worst->at + worst->words)
            worst = &p->buffers[i];
    uint32_t step = worst->first < 0 ? 0 : (uint32_t)worst->first;
    const struct step *s = &p->steps[step];
    p->misfit = plan_operator_at(p, step);
    const struct tfl_tensor *t = s->out != NO_VALUE ? p->values[s->out].tensor : p->values[s->in[0]].tensor;
    return status_fail(
        p->st, STATUS_LIMIT,
        "%s: activations do not fit: with tensor \"%.80s\" (%s) a tile needs %lld bytes of narrow memory, "
        "%lld are there; make the input or this layer smaller",
        plan_op_text(p, p->misfit), t->name, tfl_shape_text(p->arena, t), 4LL * p->narrow_words, 4LL * NARROW_WORDS);
}

static struct place_item item_of(const struct parameter *q)
{
    int32_t groups = q->kind == PLACE_SPREAD ? q->segment.groups : 1;
    return (struct place_item){
        .kind = q->kind, .groups = groups, .rows = q->segment.rows / groups, .part = q->part, .op = q->op,
        .level = q->level};
}

/* The parameters of all plans that share a chip, in their order, as those of one model. */
struct shared {
    struct place_item *items;
    struct placed *placed;
    struct parameter **which;
    struct plan **owner;
    uint32_t count;
};

/* Those that are not marked as streamed. */
static struct shared share(struct plan *const *plans, uint32_t n_plans)
{
    struct arena *a = plans[0]->arena;
    uint32_t all = 0, ops = 0;
    for (uint32_t k = 0; k < n_plans; k++)
        all += plans[k]->n_parameters;
    struct shared s = {ARENA_ARRAY(a, struct place_item, all), ARENA_ARRAY(a, struct placed, all),
                       ARENA_ARRAY(a, struct parameter *, all), ARENA_ARRAY(a, struct plan *, all), 0};
    for (uint32_t k = 0; k < n_plans; k++) {
        for (uint32_t i = 0; i < plans[k]->n_parameters; i++) {
            if (plans[k]->parameters[i].streamed)
                continue;
            s.which[s.count] = &plans[k]->parameters[i];
            s.owner[s.count] = plans[k];
            s.items[s.count] = item_of(s.which[s.count]);
            s.items[s.count++].op += ops;
        }
        ops += plans[k]->graph->n_operators;
    }
    return s;
}

bool plan_place_narrow(struct plan *p)
{
    p->narrow_words = narrow_allocate(p->arena, p->buffers, p->n_buffers, NARROW_WORDS);
    return p->narrow_words <= NARROW_WORDS || too_large(p);
}

/* One to send instead of rows of four channels that found no room: the last that has whole rows. */
static struct parameter *whole_rows(const struct shared *s)
{
    for (uint32_t i = s->count; i-- > 0;)
        if (s->placed[i].count && !segment_packed(&s->which[i]->segment))
            return s->which[i];
    return NULL;
}

static bool must_be_cached(struct plan *p, const struct parameter *q, const struct place_room *room)
{
    p->misfit = q->op;
    return status_fail(p->st, STATUS_LIMIT,
                       "%s: %zu bytes of weights in rows of four channels must lie in the cache, where steps leave "
                       "%lld bytes",
                       plan_op_text(p, q->op), q->segment.data.size, 16LL * 256 * room->cap);
}

static uint32_t packed_without_room(const struct shared *s)
{
    uint32_t i = 0;
    while (i < s->count && (s->placed[i].count || !segment_packed(&s->which[i]->segment)))
        i++;
    return i;
}

static void number_streamed(struct plan *p)
{
    for (uint32_t i = 0; i < p->n_parameters; i++) {
        if (!p->parameters[i].streamed)
            continue;
        p->parameters[i].offset = p->streamed_bytes;
        p->streamed_bytes += (int64_t)p->parameters[i].segment.data.size;
    }
}

bool plan_place_parameters(struct plan *const *plans, uint32_t n, struct place_room *room)
{
    for (bool again = n > 0; again;) {
        struct shared s = share(plans, n);
        struct place_room left = *room;
        place_parameters(plans[0]->arena, s.items, s.count, &left, s.placed);
        uint32_t packed = packed_without_room(&s);
        again = packed < s.count;
        if (again) {
            struct parameter *sent = whole_rows(&s);
            if (!sent)
                return must_be_cached(s.owner[packed], s.which[packed], room);
            sent->streamed = true;
            continue;
        }
        for (uint32_t i = 0; i < s.count; i++) {
            s.which[i]->streamed = s.placed[i].count == 0;
            s.which[i]->at = s.placed[i];
        }
        *room = left;
    }
    for (uint32_t k = 0; k < n; k++)
        number_streamed(plans[k]);
    return true;
}

static struct bytes streamed_blob(const struct plan *p)
{
    uint8_t *blob = arena_alloc(p->arena, (size_t)p->streamed_bytes);
    for (uint32_t i = 0; i < p->n_parameters; i++)
        if (p->parameters[i].streamed)
            memcpy(blob + p->parameters[i].offset, p->parameters[i].segment.data.data,
                   p->parameters[i].segment.data.size);
    return bytes_of(blob, (size_t)p->streamed_bytes);
}

/* In the uint8 domain. */
static int32_t padding_of(const struct value *v) { return v->padded_least ? 0 : unsigned_zero_point(v->tensor); }

/* Borders go to the neighbours right behind the step that makes the image, whoever reads them later (lane detection).
 */
static void emit_step(const struct plan *p, uint32_t step, struct program *out)
{
    const struct step *s = &p->steps[step];
    s->family->emit(p, s, out);
    bool borders = completes_borders(p, step), alone = borders && p->values[s->out].first == step;
    bool by_word = s->family->by_word, parts = span_size(s->channels) > 0;
    /* Several makers: signals tell of the last only. */
    if (borders && !alone && s->family->closes && (by_word || !parts))
        emit_fence(out, (struct fence){.flags = LAYER_FLAGS});
    if (borders)
        emit_halo(p, &p->values[s->out], parts ? s->channels : (struct span){0, p->values[s->out].grid.words},
                  padding_of(&p->values[s->out]), alone && by_word && !parts, out);
    if (borders && s->family->rests)
        emit_fence(out, (struct fence){0});
    bool input_next = step + 1 < p->n_steps && p->steps[step + 1].op == NO_OPERATOR &&
                      p->steps[step + 1].out != NO_VALUE;
    if (s->family->closes || (borders && input_next)) /* an infeed counts from 0 on all tiles */
        emit_fence(out, (struct fence){.flags = LAYER_FLAGS});
    bool to_host = s->out == NO_VALUE && s->n_in > 0 && s->family != &family_keep_image;
    if (to_host && step + 1 < p->n_steps) { /* an output in the middle */
        emit_fence(out, (struct fence){.flags = LAYER_FLAGS});
        emit_ring_reset(out);
    }
}

/* The step in which instruction `index` stands: step i has those from first[i] on. */
static uint32_t step_of(const size_t *first, uint32_t n_steps, size_t index)
{
    uint32_t step = 0;
    while (step + 1 < n_steps && first[step + 1] <= index)
        step++;
    return step;
}

/* The operator of the first instruction that cannot be encoded, else of the step with the most instructions. */
static uint32_t operator_to_blame(const struct plan *p, const struct program *program, const size_t *first)
{
    uint8_t words[ISA_MAX_WORDS * ISA_WORD];
    unsigned n;
    for (size_t i = 0; i < program->count; i++) {
        struct status st = {0};
        if (!isa_encode(&program->inst[i], words, &n, &st))
            return plan_operator_at(p, step_of(first, p->n_steps, i));
    }
    uint32_t longest = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (first[i + 1] - first[i] > first[longest + 1] - first[longest])
            longest = i;
    return plan_operator_at(p, longest);
}

bool plan_emit(struct plan *p, struct dwn_executable *out)
{
    struct program program;
    size_t *first = ARENA_ARRAY(p->arena, size_t, p->n_steps + 1);
    program_init(&program, p->arena, 0, p->st);
    emit_prologue(&program);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        first[i] = program.count;
        emit_step(p, i, &program);
    }
    first[p->n_steps] = program.count;
    emit_epilogue(&program);
    *out = (struct dwn_executable){.type = DWN_EXECUTION_ONLY, .name = "model", .chip = "beagle", .batch_size = 1,
                                   .has_serialized_model = true, .narrow_bytes = 4 * p->narrow_words,
                                   .parameters = streamed_blob(p)};
    if (program_finish(&program, out))
        return true;
    enum { MOST_NUMBERED = 1 << 16 };
    if (p->st->code == STATUS_LIMIT) {
        p->misfit = operator_to_blame(p, &program, first);
        if (program.seq > MOST_NUMBERED) {
            *p->st = (struct status){0};
            status_fail(p->st, STATUS_LIMIT,
                        "the program would have %d instructions for the tiles, %d can be numbered; "
                        "make the image smaller",
                        program.seq, MOST_NUMBERED);
        }
        status_context(p->st, "%s: ", plan_op_text(p, p->misfit));
    }
    return false;
}

/* ---- geometry ---- */

struct slices slices_of(int32_t z)
{
    int32_t groups = (int32_t)ceil_div(z, 64), per_tile = spread_groups_per_tile(groups);
    return (struct slices){.groups = groups, .per_tile = per_tile, .tiles = spread_tiles(groups),
                           .words = 16 * per_tile, .total = (int32_t)ceil_div(z, 4)};
}

struct slices value_slices(const struct value *v)
{
    struct slices s = slices_of(v->z);
    s.words *= v->element;
    s.total = (int32_t)ceil_div((int64_t)v->z * v->element, 4);
    return s;
}

int32_t slice_words(const struct slices *s, int32_t tile)
{
    int32_t left = s->total - s->words * tile;
    return left < s->words ? left : s->words;
}

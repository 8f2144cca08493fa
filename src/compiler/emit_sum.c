/* ADD and SUB of two tensors: one sum of products with a matrix of 16-bit integers, the two scales as a ratio.
 *
 * The factors are made on the chip: 16 words are four rows of weights, two for each operand (channels 0, 1 and 2, 3
 * of a word). Facts: ADD in lane detection, deeplabv3_mnv2_dm05, movenet, mobilenet_v2 (../shared/isa/numerics.md
 * section 2.1).  SUB has no official instance; a negative factor is written as SOFTMAX does it, with a zero point of
 * the weights.  A sum through a table: the gates of keras_lstm. */
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/scalar.h"

enum {
    LOOP_LIMIT = 1 << 14, /* passes of a loop of the wide units */
    MATRIX_ROWS = FACTOR_ROWS,
    MATRIX_WORDS = FACTOR_WORDS
};

struct sum {
    const struct plan *plan;
    const struct step *step;
    const struct value *x, *y; /* x has the lower address */
    struct isa_tensor numbers;
    int32_t ready; /* N2W before the matrix */
    int32_t factor[2];
    int32_t row; /* of the matrix */
};

/* The pool right behind, if there is one. */
static const struct step *pool_behind(const struct plan *p, const struct step *s)
{
    const struct step *next = s + 1;
    return next < p->steps + p->n_steps && next->family == &family_pool && next->in[0] == s->out ? next : NULL;
}

/* Below the rows of a pool right behind, which begins before this step has ended everywhere, and below an identity
 * matrix that lives on there (looming_*). */
int32_t sum_matrix_row(const struct plan *p, const struct step *s)
{
    const struct step *pool = pool_behind(p, s);
    if (!pool || s->identity_row < 0)
        return plan_top(p, s) - MATRIX_ROWS;
    return (s->identity_row < pool->wide_floor ? s->identity_row : pool->wide_floor) - MATRIX_ROWS;
}

static bool size_sum(struct plan *p, uint32_t index)
{
    struct step *s = &p->steps[index];
    plan_value_in_place(p, index);
    struct narrow_buffer *sum = &p->buffers[plan_out(p, s)->buffer];
    sum->sum = sum->first == (int32_t)index;
    s->temporary =
        plan_buffer(p, (struct narrow_buffer){.words = MATRIX_WORDS, .first = index, .last = index, .late = true});
    plan_wide_floor(p, pool_behind(p, s) ? WIDE_ROWS : plan_top(p, s) - MATRIX_ROWS); /* the rest: sum_matrix_row */
    return true;
}

static struct sum sum_of(const struct plan *plan, const struct step *s)
{
    const struct binary_detail *d = s->detail;
    struct sum m = {.plan = plan, .step = s, .x = plan_in(plan, s, 0), .y = plan_in(plan, s, 1)};
    struct common_step c = common_step_of(d->in[0]->quant.scale[0], d->in[1]->quant.scale[0]);
    int32_t zero[2] = {unsigned_zero_point(d->in[0]), unsigned_zero_point(d->in[1])};
    m.factor[0] = c.m[0];
    m.factor[1] = d->code == TFL_OP_SUB ? -c.m[1] : c.m[1];
    m.numbers = (struct isa_tensor){.one = 1, .nospill = 1, .w16 = 1, .redmask = 3, .lanes = 3, .lanes_last = 3};
    set_clamp(&m.numbers, d->out, d->activation);
    m.numbers.scale = (int32_t)f32_bits(rescale_multiplier(c.step, d->out->quant.scale[0]));
    if (d->table) {
        set_table_numerics(&m.numbers, d->out, d->table);
        m.numbers.scale = (int32_t)f32_bits(c.step);
    }
    m.numbers.cbias = -(m.factor[0] * zero[0] + m.factor[1] * zero[1]);
    if (value_at(plan, m.x) > value_at(plan, m.y)) {
        const struct value *v = m.x;
        int32_t f = m.factor[0];
        m.x = m.y, m.y = v;
        m.factor[0] = m.factor[1], m.factor[1] = f;
    }
    int32_t least = m.factor[0] < m.factor[1] ? m.factor[0] : m.factor[1];
    m.numbers.wzp = least < 0 ? -least : 0;
    return m;
}

static bool one_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct sum *m = arg;
    struct box x, y, to;
    if (!box_of(m->plan, plan_out(m->plan, m->step), tile, &to))
        return false;
    box_of(m->plan, m->x, tile, &x);
    box_of(m->plan, m->y, tile, &y);
    int32_t h = to.h, w = to.w, q = to.words;
    struct loops nest = LOOPS({2, 0}, {2, 0});
    const int32_t outer[3] = {w, h, q};
    for (int k = 0; k < 3; k++)
        if (outer[k] > 1 || k == 2)
            loop(&nest, outer[k], 0);
    out->op = ISA_MAC;
    struct isa_tensor *i = &out->tensor;
    *i = m->numbers;
    for (unsigned k = 0; k < loop_count(&nest); k++)
        i->lim[k] = (int32_t)nest.dim[k].count - 1;
    i->a = tensor_unit(4LL * x.at, LOOPS({2, 2}, {2, 4LL * (y.at - x.at)}, {w, 4LL * q}, {h, 4LL * x.pitch},
                                         {1, 4LL * x.pitch * x.rows}, {q, 4}));
    int64_t all = (int64_t)w * h * q, plane = (int64_t)w * h;
    struct loops passes = all <= LOOP_LIMIT     ? LOOPS({all, 0})
                          : plane <= LOOP_LIMIT ? LOOPS({plane, 0}, {q, 0})
                                                : LOOPS({w, 0}, {h, 0}, {q, 0});
    struct loops rows = LOOPS({MATRIX_ROWS, 4}), sums = LOOPS({MATRIX_ROWS, 0});
    for (unsigned k = 0; k < loop_count(&passes); k++) {
        loop(&rows, passes.dim[k].count, 0);
        loop(&sums, passes.dim[k].count, 0);
    }
    i->w = tensor_unit(4LL * m->row, rows);
    i->p = buffered(tensor_unit(0, sums), 1, 4);
    i->o = tensor_unit(4LL * to.at,
                       LOOPS({1, 4}, {w, 4LL * q}, {h, 4LL * to.pitch}, {1, 4LL * to.pitch * to.rows}, {q, 4}));
    i->avdata = signal_at(4);
    i->chdim = (int32_t)loop_count(&nest) - 1;
    i->wait[0] = wait_data(ISA_N2W, (int32_t)loop_count(&nest), m->ready + 1, 1);
    return true;
}

static void emit_sum(const struct plan *plan, const struct step *s, struct program *p)
{
    struct sum m = sum_of(plan, s);
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    m.row = sum_matrix_row(plan, s);
    m.ready = program_flag(p, ALL_TILES, ISA_N2W);
    emit_byte_factors(p, m.factor, m.numbers.wzp, plan->buffers[s->temporary].at, m.row);
    const struct lut *table = ((const struct binary_detail *)s->detail)->table;
    if (table)
        emit_table(p, ALL_TILES, table);
    program_add_tiles(p, one_tile, &m);
}

const struct family family_sum = {.name = "sum", .size = size_sum, .emit = emit_sum, .reads = reads_as_it_is,
                                  .closes = true, .by_word = true, .same_planes = true};

/* Operators on two tensors, element by element, with broadcasting. */
#include "kernels/lut.h"
#include "kernels/ratio.h"
#include "kernels/requant.h"

enum { CHUNK = 512 };

/* Works on n elements of each operand, as load_row() gives them. */
typedef void row_fn(const void *params, size_t n, const int32_t *a, const int32_t *b, int32_t *y);

/* Output dimensions with the steps of the operands; 0 where an operand is repeated. */
struct broadcast {
    uint32_t rank;
    int32_t dim[KERN_MAX_RANK];
    size_t step[2][KERN_MAX_RANK];
};

static bool broadcast_init(struct kern_ctx *c, kern_in x1, kern_in x2, struct broadcast *b)
{
    kern_in x[2] = {x1, x2};
    size_t step[2] = {1, 1};
    b->rank = x1->rank > x2->rank ? x1->rank : x2->rank;
    for (uint32_t i = 0; i < b->rank; i++) { /* from the last dimension */
        int32_t d[2];
        for (int j = 0; j < 2; j++)
            d[j] = i < x[j]->rank ? x[j]->dim[x[j]->rank - 1 - i] : 1;
        if (!need(c, d[0] == d[1] || d[0] == 1 || d[1] == 1, "shapes of '%s' and '%s' cannot be broadcast (%d, %d)",
                  x1->name, x2->name, d[0], d[1]))
            return false;
        uint32_t at = b->rank - 1 - i;
        b->dim[at] = d[0] > d[1] ? d[0] : d[1];
        for (int j = 0; j < 2; j++) {
            b->step[j][at] = d[j] > 1 ? step[j] : 0;
            step[j] *= (size_t)d[j];
        }
    }
    return true;
}

/* Dimensions over which both operands are contiguous become one; the usual case is then one long row. */
static void broadcast_collapse(struct broadcast *b)
{
    while (b->rank > 1) {
        uint32_t last = b->rank - 1;
        for (int j = 0; j < 2; j++)
            if (b->step[j][last - 1] != b->step[j][last] * (size_t)b->dim[last])
                return;
        b->dim[last - 1] *= b->dim[last];
        b->step[0][last - 1] = b->step[0][last];
        b->step[1][last - 1] = b->step[1][last];
        b->rank--;
    }
}

static void load_operand(kern_in x, size_t at, size_t step, size_t n, int32_t *row)
{
    load_row(x, at, step ? n : 1, row);
    for (size_t i = 1; !step && i < n; i++)
        row[i] = row[0];
}

static bool for_each(struct kern_ctx *c, kern_in x1, kern_in x2, kern_out y, row_fn *fn, const void *params)
{
    struct broadcast b;
    if (!broadcast_init(c, x1, x2, &b) || !shape_output(c, y, b.dim, b.rank))
        return false;
    broadcast_collapse(&b);
    if (b.rank == 0)
        b = (struct broadcast){.rank = 1, .dim = {1}};
    uint32_t last = b.rank - 1;
    size_t rows = span(b.dim, 0, last), length = (size_t)b.dim[last];
    int32_t a[CHUNK], d[CHUNK], out[CHUNK];
    for (size_t row = 0; row < rows; row++) {
        size_t at[2] = {0, 0}, rest = row;
        for (uint32_t i = last; i-- > 0; rest /= (size_t)b.dim[i])
            for (int j = 0; j < 2; j++)
                at[j] += rest % (size_t)b.dim[i] * b.step[j][i];
        for (size_t from = 0; from < length; from += CHUNK) {
            size_t n = length - from < CHUNK ? length - from : CHUNK;
            load_operand(x1, at[0] + from * b.step[0][last], b.step[0][last], n, a);
            load_operand(x2, at[1] + from * b.step[1][last], b.step[1][last], n, d);
            fn(params, n, a, d, out);
            store_row(y, row * length + from, n, out);
        }
    }
    return true;
}

static bool need_three_types(struct kern_ctx *c, kern_in x1, kern_in x2, kern_in y)
{
    return need_same_type(c, x1, x2) && need_same_type(c, x1, y);
}

static bool need_three_quants(struct kern_ctx *c, kern_in x1, kern_in x2, kern_in y)
{
    return need_quant(c, x1) && need_quant(c, x2) && need_quant(c, y);
}

/* ---- floats and int32: + - * and the rest ---- */

enum { OP_ADD = 100, OP_SUB, OP_MUL }; /* beside enum kern_binary */

struct plain {
    int op;
    float lo, hi;
    bool division_by_zero; /* set by the row functions */
};

static float float_op(int op, float a, float b)
{
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case KERN_DIV: return a / b;
    case KERN_MAXIMUM: return a > b ? a : b;
    case KERN_MINIMUM: return a < b ? a : b;
    case KERN_SQUARED_DIFFERENCE: return (a - b) * (a - b);
    case KERN_FLOOR_DIV: return floorf(a / b);
    case KERN_POW: return powf(a, b);
    default: { /* KERN_FLOOR_MOD: the sign of the divisor */
        float r = fmodf(a, b);
        return r != 0 && (b < 0) != (r < 0) ? r + b : r;
    }
    }
}

static void float_row(const void *params, size_t n, const int32_t *a, const int32_t *b, int32_t *y)
{
    const struct plain *p = params;
    for (size_t i = 0; i < n; i++) {
        float v = float_op(p->op, f32_of((uint32_t)a[i]), f32_of((uint32_t)b[i]));
        v = v < p->lo ? p->lo : v;
        v = v > p->hi ? p->hi : v;
        y[i] = (int32_t)f32_bits(v);
    }
}

static int32_t power(int32_t a, int32_t n)
{
    uint32_t r = 1;
    if (n < 0)
        return a == 1 ? 1 : a == -1 ? (n % 2 ? -1 : 1) : 0;
    for (uint32_t base = (uint32_t)a; n; n /= 2, base *= base)
        if (n % 2)
            r *= base;
    return (int32_t)r;
}

/* Results wrap at 32 bits; b is not 0 for divisions. */
static int32_t int_op(int op, int32_t a, int32_t b)
{
    int64_t wide = a;
    switch (op) {
    case OP_ADD: return wrap32(wide + b);
    case OP_SUB: return wrap32(wide - b);
    case OP_MUL: return wrap32(wide * b);
    case KERN_DIV: return wrap32(wide / b);
    case KERN_MAXIMUM: return a > b ? a : b;
    case KERN_MINIMUM: return a < b ? a : b;
    case KERN_SQUARED_DIFFERENCE: return (int32_t)((uint32_t)wrap32(wide - b) * (uint32_t)wrap32(wide - b));
    case KERN_FLOOR_DIV: return wrap32(wide / b - (wide % b != 0 && (wide < 0) != (b < 0)));
    case KERN_POW: return power(a, b);
    default: return wrap32(wide % b != 0 && (wide < 0) != (b < 0) ? wide % b + b : wide % b); /* KERN_FLOOR_MOD */
    }
}

static bool divides(int op)
{
    return op == KERN_DIV || op == KERN_FLOOR_DIV || op == KERN_FLOOR_MOD;
}

static void int_row(const void *params, size_t n, const int32_t *a, const int32_t *b, int32_t *y)
{
    struct plain *p = *(struct plain *const *)params;
    for (size_t i = 0; i < n; i++) {
        bool zero = divides(p->op) && b[i] == 0;
        p->division_by_zero |= zero;
        y[i] = zero ? 0 : int_op(p->op, a[i], b[i]);
    }
}

/* For types without quantisation. */
static bool plain(struct kern_ctx *c, int op, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    struct plain p = {.op = op}, *pp = &p;
    if (!need_activation(c, act))
        return false;
    activation_range_f32(act, &p.lo, &p.hi);
    if (x1->type == KERN_F32)
        return for_each(c, x1, x2, y, float_row, &p);
    if (x1->type != KERN_I32 || act != KERN_ACT_NONE)
        return unsupported_types(c, x1, y);
    return for_each(c, x1, x2, y, int_row, &pp) && need(c, !p.division_by_zero, "'%s' has a divisor of 0", x2->name);
}

/* ---- ADD and SUB ---- */

enum { SHIFT = 20 }; /* TFLite's head room for 8-bit sums */

struct sum {
    struct requant q;
    struct fixed_multiplier m1, m2; /* KERN_TFLITE */
    int32_t i1, i2;                 /* KERN_EDGETPU */
    int32_t z1, z2, sign;           /* sign of the second operand */
    struct lut square;              /* SQUARED_DIFFERENCE, KERN_EDGETPU */
};

static void sum_row(const void *params, size_t n, const int32_t *a, const int32_t *b, int32_t *y)
{
    const struct sum *p = params;
    if (p->q.numerics == KERN_EDGETPU)
        for (size_t i = 0; i < n; i++)
            y[i] = p->i1 * (a[i] - p->z1) + p->sign * p->i2 * (b[i] - p->z2);
    else
        for (size_t i = 0; i < n; i++) {
            int32_t s1 = fixed_scale((a[i] - p->z1) * (1 << SHIFT), p->m1);
            int32_t s2 = fixed_scale((b[i] - p->z2) * (1 << SHIFT), p->m2);
            y[i] = wrap32((int64_t)s1 + p->sign * s2);
        }
    requant_all(&p->q, n, y);
}

/* Brings both operands to one step: in TFLite half the larger scale, on the chip the larger scale / q. */
static void common_step(float s1, float s2, struct sum *m, double *twice, float *step)
{
    float large = s1 > s2 ? s1 : s2, small = s1 > s2 ? s2 : s1;
    int32_t p, q;
    edgetpu_ratio(small, large, &p, &q);
    *twice = 2 * (double)large;
    *step = large / (float)q;
    m->m1 = fixed_multiplier(s1 / *twice);
    m->m2 = fixed_multiplier(s2 / *twice);
    m->i1 = s1 >= s2 ? q : p;
    m->i2 = s1 >= s2 ? p : q;
}

/* ---- the chip with a constant operand: folded into a requantisation of the other (numerics.md section 2, docs/sim.md:
 * `* c` is a factor, `+ c` a bias in input steps) ---- */

/* One constant for all, or one for each of the last dimension. */
static bool folds(struct kern_ctx *c, kern_in x1, kern_in x2)
{
    size_t n = kern_elements(x2);
    return c->numerics == KERN_EDGETPU && x2->constant && !x1->constant &&
           (n == 1 || (x1->rank > 0 && x2->rank > 0 && n == (size_t)x1->dim[x1->rank - 1] &&
                       n == (size_t)x2->dim[x2->rank - 1]));
}

/* In its own steps. */
static int32_t constant_at(kern_in x2, size_t i)
{
    int32_t v;
    load_row(x2, i, 1, &v);
    return v - zero_of(x2);
}

/* y = x1 * (factors or 1) + (biases or 0), n of each. */
static bool requantise_folded(struct kern_ctx *c, struct requant *q, const int32_t *biases, size_t n, kern_in x1,
                              kern_out y)
{
    if (!shape_like(c, y, x1))
        return false;
    int32_t *row = ARENA_ARRAY(c->scratch, int32_t, n);
    for (size_t at = 0, total = kern_elements(x1); at < total; at += n) {
        load_row(x1, at, n, row);
        for (size_t i = 0; i < n; i++)
            row[i] -= zero_of(x1);
        requant_row(q, biases, n, row);
        store_row(y, at, n, row);
    }
    return true;
}

static bool add_constant(struct kern_ctx *c, int sign, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    size_t n = kern_elements(x2);
    int32_t *biases = ARENA_ARRAY(c->scratch, int32_t, n);
    struct requant q;
    float s1 = x1->scale[0], sy = y->scale[0];
    for (size_t i = 0; i < n; i++) { /* in double: MoveNet's 255 * s2 / s1 is 127.5 only there, and rounds to 128 */
        double steps = round(sign * constant_at(x2, i) * (double)x2->scale[0] / (double)s1);
        biases[i] = fabs(steps) < 0x1p24 ? (int32_t)steps : steps < 0 ? -(1 << 24) : 1 << 24;
    }
    return requant_init(c, &q, y, act, 1, s1 == sy ? 1 : s1 * (1.0f / sy)) &&
           requantise_folded(c, &q, biases, n, x1, y);
}

static bool multiply_constant(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    size_t n = kern_elements(x2);
    float *factors = ARENA_ARRAY(c->scratch, float, n);
    struct requant q;
    for (size_t i = 0; i < n; i++)
        factors[i] = x1->scale[0] * ((float)constant_at(x2, i) * x2->scale[0]) * (1.0f / y->scale[0]);
    if (!requant_init(c, &q, y, act, 1, 1))
        return false;
    q.mult = factors;
    q.step = n > 1;
    return requantise_folded(c, &q, NULL, n, x1, y);
}

static bool sum(struct kern_ctx *c, bool subtract, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    if (!need_three_types(c, x1, x2, y))
        return false;
    if (!is_quant8(x1))
        return plain(c, subtract ? OP_SUB : OP_ADD, act, x1, x2, y);
    if (!need_three_quants(c, x1, x2, y))
        return false;
    if (folds(c, x1, x2))
        return add_constant(c, subtract ? -1 : 1, act, x1, x2, y);
    if (!subtract && folds(c, x2, x1))
        return add_constant(c, 1, act, x2, x1, y);
    struct sum m = {.z1 = zero_of(x1), .z2 = zero_of(x2), .sign = subtract ? -1 : 1};
    double twice;
    float step;
    common_step(x1->scale[0], x2->scale[0], &m, &twice, &step);
    double real = twice / ((double)(1 << SHIFT) * (double)y->scale[0]);
    return requant_init(c, &m.q, y, act, real, step * (1.0f / y->scale[0])) &&
           for_each(c, x1, x2, y, sum_row, &m);
}

bool kern_add(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    return sum(c, false, act, x1, x2, y);
}

bool kern_sub(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    return sum(c, true, act, x1, x2, y);
}

/* ---- MUL ---- */

struct product {
    struct requant q;
    int32_t z1, z2;
};

static void product_row(const void *params, size_t n, const int32_t *a, const int32_t *b, int32_t *y)
{
    const struct product *p = params;
    for (size_t i = 0; i < n; i++)
        y[i] = (a[i] - p->z1) * (b[i] - p->z2);
    requant_all(&p->q, n, y);
}

bool kern_mul(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    if (!need_three_types(c, x1, x2, y))
        return false;
    if (!is_quant8(x1))
        return plain(c, OP_MUL, act, x1, x2, y);
    if (!need_three_quants(c, x1, x2, y))
        return false;
    if (folds(c, x1, x2))
        return multiply_constant(c, act, x1, x2, y);
    if (folds(c, x2, x1))
        return multiply_constant(c, act, x2, x1, y);
    float s1 = x1->scale[0], s2 = x2->scale[0], sy = y->scale[0];
    struct product p = {.z1 = zero_of(x1), .z2 = zero_of(x2)};
    return requant_init(c, &p.q, y, act, (double)(s1 * s2 / sy), s1 * s2 * (1.0f / sy)) &&
           for_each(c, x1, x2, y, product_row, &p);
}

/* ---- SQUARED_DIFFERENCE, MAXIMUM, MINIMUM and the divisions ---- */

enum { SQUARE_SHIFT = 7 };

static void square_row(const void *params, size_t n, const int32_t *a, const int32_t *b, int32_t *y)
{
    const struct sum *p = params;
    for (size_t i = 0; i < n; i++) {
        if (p->q.numerics == KERN_EDGETPU) { /* no example: a subtraction as ADD does it, through a table of squares */
            int32_t d = p->i1 * (a[i] - p->z1) + p->sign * p->i2 * (b[i] - p->z2);
            y[i] = clamp32(edgetpu_round(lut_apply(&p->square, (float)d * p->q.mult[0])) + p->q.zero, p->q.type_lo,
                           p->q.type_hi);
            continue;
        }
        int32_t s1 = fixed_scale((a[i] - p->z1) * (1 << SQUARE_SHIFT), p->m1);
        int32_t s2 = fixed_scale((b[i] - p->z2) * (1 << SQUARE_SHIFT), p->m2);
        y[i] = requant(&p->q, wrap32((int64_t)(s1 - s2) * (s1 - s2)), 0);
    }
}

static bool squared_difference(struct kern_ctx *c, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    if (!need_three_quants(c, x1, x2, y))
        return false;
    struct sum m = {.z1 = zero_of(x1), .z2 = zero_of(x2), .sign = -1, .square = lut_square(y->scale[0])};
    double twice;
    float step;
    common_step(x1->scale[0], x2->scale[0], &m, &twice, &step);
    return requant_init(c, &m.q, y, act, twice * twice / ((double)(1 << 2 * SQUARE_SHIFT) * (double)y->scale[0]),
                        step) &&
           for_each(c, x1, x2, y, square_row, &m);
}

bool kern_binary(struct kern_ctx *c, enum kern_binary op, enum kern_activation act, kern_in x1, kern_in x2, kern_out y)
{
    if (!need_three_types(c, x1, x2, y))
        return false;
    if (op == KERN_SQUARED_DIFFERENCE && is_quant8(x1))
        return squared_difference(c, act, x1, x2, y);
    if (op != KERN_MAXIMUM && op != KERN_MINIMUM)
        return plain(c, op, act, x1, x2, y);
    if (x1->type == KERN_F32)
        return plain(c, op, act, x1, x2, y);
    if (x1->type == KERN_I64 || x1->type == KERN_BOOL)
        return unsupported_types(c, x1, y);
    struct plain p = {.op = op}, *pp = &p; /* stored integers are compared: TFLite wants one scale for all three */
    return for_each(c, x1, x2, y, int_row, &pp);
}

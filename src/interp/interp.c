#include "interp/interp.h"

#include "darwinn/package.h"
#include "interp/dispatch.h"
#include "sim/sim.h"

/* More is refused before the machine is asked. */
static const uint64_t MEMORY_LIMIT = UINT64_C(4) << 30;
static const char VARIABLE_OUTPUT[] = "_variable_output";

/* Memory of one tensor.  Blocks return to the pool after the tensor's last use and serve another. */
struct block {
    uint8_t *data;
    size_t size;
    bool used;
    struct block *next;
};

struct interp {
    struct arena *a;
    const struct tfl_subgraph *g;
    struct interp_options options;
    struct tfl_tensor *info;      /* the model's, with the shapes of the last run */
    struct kern_tensor *tensors;  /* data NULL: no value now */
    struct block **blocks;        /* of each tensor; NULL: constant or none */
    uint32_t *last_use;           /* operator after which a tensor's memory is free; UINT32_MAX: never */
    struct dwn_package **packages; /* of each operator; NULL: builtin */
    struct block *pool;
    uint64_t pool_size;
};

/* ---- memory ---- */

static struct block *take_block(struct interp *p, size_t size)
{
    struct block *best = NULL;
    for (struct block *b = p->pool; b; b = b->next)
        if (!b->used && b->size >= size && (!best || b->size < best->size))
            best = b;
    if (!best) {
        if (p->pool_size + size > p->options.memory_limit)
            return NULL;
        p->pool_size += size;
        best = ARENA_NEW(p->a, struct block);
        *best = (struct block){.data = arena_alloc(p->a, size), .size = size, .next = p->pool};
        p->pool = best;
    }
    best->used = true;
    return best;
}

/* Finds the block that holds `data` for its tensor; kernels only see the bytes. */
static struct block *block_of(const struct interp *p, const void *data)
{
    struct block *b = p->pool;
    while (b && b->data != data)
        b = b->next;
    return b;
}

static void *alloc_output(void *owner, size_t size)
{
    struct block *b = take_block(owner, size);
    return b ? b->data : NULL;
}

static void release(struct interp *p, uint32_t tensor)
{
    if (p->blocks[tensor])
        p->blocks[tensor]->used = false;
    p->blocks[tensor] = NULL;
    p->tensors[tensor].data = NULL;
}

/* ---- tensors ---- */

static bool kern_type_of(enum tfl_type type, enum kern_type *out)
{
    switch (type) {
    case TFL_FLOAT32: *out = KERN_F32; return true;
    case TFL_INT8: *out = KERN_I8; return true;
    case TFL_UINT8: *out = KERN_U8; return true;
    case TFL_INT16: *out = KERN_I16; return true;
    case TFL_INT32: *out = KERN_I32; return true;
    case TFL_INT64: *out = KERN_I64; return true;
    case TFL_BOOL: *out = KERN_BOOL; return true;
    default: return false;
    }
}

static bool tensor_init(struct interp *p, uint32_t i, struct status *st)
{
    const struct tfl_tensor *t = &p->g->tensors[i];
    struct kern_tensor *k = &p->tensors[i];
    const char *name = t->name && *t->name ? t->name : arena_text(p->a, "#%u", i);
    if (!kern_type_of(t->type, &k->type))
        return status_fail(st, STATUS_UNSUPPORTED, "tensor '%.100s' has type %s", name, tfl_type_name(t->type));
    if (t->rank > KERN_MAX_RANK)
        return status_fail(st, STATUS_UNSUPPORTED, "tensor '%.100s' has %u dimensions", name, t->rank);
    k->name = arena_text(p->a, "%.100s", name);
    k->rank = t->rank;
    if (t->rank)
        memcpy(k->dim, t->shape, t->rank * sizeof *k->dim);
    k->scale = t->quant.scale;
    k->zero = t->quant.zero_point;
    k->n_scales = t->quant.count;
    k->channel = t->quant.dim;
    if (t->data.size && t->is_variable)
        return status_fail(st, STATUS_INVALID, "tensor '%s' is constant and variable", k->name);
    if (t->data.size) {
        if (t->data.size != kern_elements(k) * kern_type_size(k->type))
            return status_fail(st, STATUS_INVALID, "constant '%s' has %zu bytes", k->name, t->data.size);
        /* kernels do not write to constants; wider elements need alignment that a file does not promise */
        k->constant = true;
        k->data = kern_type_size(k->type) == 1 ? (void *)(uintptr_t)t->data.data
                                               : arena_copy(p->a, t->data.data, t->data.size);
    }
    return true;
}

static enum tfl_type tfl_type_of(enum kern_type type)
{
    static const enum tfl_type types[] = {[KERN_F32] = TFL_FLOAT32, [KERN_I8] = TFL_INT8,   [KERN_U8] = TFL_UINT8,
                                          [KERN_I16] = TFL_INT16,   [KERN_I32] = TFL_INT32, [KERN_I64] = TFL_INT64,
                                          [KERN_BOOL] = TFL_BOOL};
    return types[type];
}

static bool is_constant(const struct interp *p, uint32_t tensor)
{
    return p->g->tensors[tensor].data.size > 0;
}

static size_t tensor_bytes(const struct kern_tensor *t)
{
    return kern_elements(t) * kern_type_size(t->type);
}

/* A copy of a tensor's description whose shape the interpreter may change. */
static struct tfl_tensor *copy_info(struct interp *p)
{
    struct tfl_tensor *info = ARENA_ARRAY(p->a, struct tfl_tensor, p->g->n_tensors);
    for (uint32_t i = 0; i < p->g->n_tensors; i++) {
        info[i] = p->g->tensors[i];
        info[i].shape = ARENA_ARRAY(p->a, int32_t, KERN_MAX_RANK);
        if (info[i].rank <= KERN_MAX_RANK && info[i].rank)
            memcpy(info[i].shape, p->g->tensors[i].shape, info[i].rank * sizeof(int32_t));
    }
    return info;
}

static void set_info(struct interp *p, uint32_t tensor)
{
    const struct kern_tensor *k = &p->tensors[tensor];
    struct tfl_tensor *t = &p->info[tensor];
    t->type = tfl_type_of(k->type); /* custom operators may change it */
    t->quant.count = k->n_scales;
    t->rank = k->rank;
    memcpy(t->shape, k->dim, k->rank * sizeof *k->dim);
    t->dynamic = false;
}

/* Gives a tensor its declared shape and memory: graph inputs, variables, outputs of custom operators. */
static bool place_tensor(struct interp *p, uint32_t tensor, struct status *st)
{
    struct kern_tensor *t = &p->tensors[tensor];
    struct block *b = take_block(p, tensor_bytes(t));
    if (!b)
        return status_fail(st, STATUS_LIMIT, "no memory left for tensor '%s'", t->name);
    p->blocks[tensor] = b;
    t->data = b->data;
    return true;
}

/* ---- preparation ---- */

static const char *op_name(const struct tfl_operator *op)
{
    return op->code == TFL_OP_CUSTOM && op->custom_code ? op->custom_code : tfl_op_name(op->code);
}

static bool in_operator(const struct interp *p, uint32_t op, struct status *st)
{
    return status_context(st, "operator %u (%.60s): ", op, op_name(&p->g->operators[op]));
}

static bool is_device_op(const struct tfl_operator *op)
{
    return op->code == TFL_OP_CUSTOM && op->custom_code && strcmp(op->custom_code, "edgetpu-custom-op") == 0;
}

static const struct dwn_executable *execution_of(const struct dwn_package *k)
{
    for (uint32_t i = 0; i < k->n_executables; i++)
        if (k->executables[i].type != DWN_PARAMETER_CACHING)
            return &k->executables[i];
    return NULL;
}

static size_t element_size(enum dwn_data_type type)
{
    return type == DWN_U8 || type == DWN_I8 ? 1 : type == DWN_I32 || type == DWN_F32 ? 4 : 2;
}

static size_t layer_bytes(const struct dwn_layer *l)
{
    return (size_t)l->y * (size_t)l->x * (size_t)l->z * element_size(l->type);
}

/* The name of the variable that an output layer carries, or 0 characters. */
static size_t variable_name(const struct dwn_layer *l)
{
    size_t n = strlen(l->name), suffix = sizeof VARIABLE_OUTPUT - 1;
    return n > suffix && strcmp(l->name + n - suffix, VARIABLE_OUTPUT) == 0 ? n - suffix : 0;
}

/* The input of the operator that an output layer without tensor is for: the variable of its name. */
static int32_t variable_of(const struct interp *p, const struct tfl_operator *op, const struct dwn_layer *l)
{
    size_t n = variable_name(l);
    for (uint32_t i = 0; i < op->n_inputs && n; i++) {
        const struct tfl_tensor *t = op->inputs[i] < 0 ? NULL : &p->g->tensors[op->inputs[i]];
        if (t && t->is_variable && t->name && strlen(t->name) == n && memcmp(t->name, l->name, n) == 0)
            return op->inputs[i];
    }
    return -1;
}

static bool same_size(const struct interp *p, int32_t tensor, const struct dwn_layer *l, struct status *st)
{
    if (tensor < 0)
        return status_fail(st, STATUS_INVALID, "no tensor for layer '%.100s'", l->name);
    const struct kern_tensor *t = &p->tensors[tensor];
    return tensor_bytes(t) == layer_bytes(l) ||
           status_fail(st, STATUS_INVALID, "tensor '%s' has %zu bytes, layer '%.100s' has %zu", t->name,
                       tensor_bytes(t), l->name, layer_bytes(l));
}

/* Inputs and outputs stand in the order of the executable's layers (spec/runtime.md 1.1); layers that carry a
 * variable have no output tensor. */
static bool check_layers(const struct interp *p, const struct tfl_operator *op, const struct dwn_executable *x,
                         struct status *st)
{
    if (op->n_inputs != x->n_inputs)
        return status_fail(st, STATUS_INVALID, "%u inputs, the executable has %u", op->n_inputs, x->n_inputs);
    for (uint32_t i = 0; i < x->n_inputs; i++)
        if (!same_size(p, op->inputs[i], &x->inputs[i], st))
            return false;
    uint32_t used = 0;
    for (uint32_t i = 0; i < x->n_outputs; i++) {
        const struct dwn_layer *l = &x->outputs[i];
        int32_t tensor = variable_name(l) ? variable_of(p, op, l) : used < op->n_outputs ? op->outputs[used++] : -1;
        if (!same_size(p, tensor, l, st))
            return false;
    }
    return used == op->n_outputs ||
           status_fail(st, STATUS_INVALID, "%u outputs, the executable has %u", op->n_outputs, used);
}

static bool prepare_device_op(struct interp *p, uint32_t i, struct status *st)
{
    const struct tfl_operator *op = &p->g->operators[i];
    if (!p->options.sim)
        return status_fail(st, STATUS_UNSUPPORTED, "is compiled for the Edge TPU; run it on the simulator");
    if (!dwn_from_custom_options(p->a, op->custom_options, &p->packages[i], st))
        return false;
    const struct dwn_executable *x = execution_of(p->packages[i]);
    if (!x)
        return status_fail(st, STATUS_INVALID, "its package has no executable to run");
    return check_layers(p, op, x, st);
}

/* Operators stand in an order in which every input has its value; nothing is written twice. */
static bool check_order(struct interp *p, struct status *st)
{
    const struct tfl_subgraph *g = p->g;
    bool *ready = ARENA_ARRAY(p->a, bool, g->n_tensors);
    for (uint32_t i = 0; i < g->n_tensors; i++)
        ready[i] = is_constant(p, i) || g->tensors[i].is_variable;
    for (uint32_t i = 0; i < g->n_inputs; i++)
        ready[g->inputs[i]] = true;
    for (uint32_t i = 0; i < g->n_operators; i++) {
        const struct tfl_operator *op = &g->operators[i];
        for (uint32_t j = 0; j < op->n_inputs; j++)
            if (op->inputs[j] >= 0 && !ready[op->inputs[j]]) {
                status_fail(st, STATUS_INVALID, "input '%s' has no value yet", p->tensors[op->inputs[j]].name);
                return in_operator(p, i, st);
            }
        for (uint32_t j = 0; j < op->n_outputs; j++) {
            if (op->outputs[j] < 0 || ready[op->outputs[j]]) {
                status_fail(st, STATUS_INVALID, "output %u is written by something else", j);
                return in_operator(p, i, st);
            }
            ready[op->outputs[j]] = true;
        }
    }
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (!ready[g->outputs[i]])
            return status_fail(st, STATUS_INVALID, "graph output '%s' has no value", p->tensors[g->outputs[i]].name);
    return true;
}

static void find_last_uses(struct interp *p)
{
    const struct tfl_subgraph *g = p->g;
    p->last_use = ARENA_ARRAY(p->a, uint32_t, g->n_tensors);
    for (uint32_t i = 0; i < g->n_operators; i++) {
        for (uint32_t j = 0; j < g->operators[i].n_inputs; j++)
            if (g->operators[i].inputs[j] >= 0)
                p->last_use[g->operators[i].inputs[j]] = i;
        for (uint32_t j = 0; j < g->operators[i].n_outputs; j++)
            p->last_use[g->operators[i].outputs[j]] = i;
    }
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (p->options.keep_all || is_constant(p, i) || g->tensors[i].is_variable)
            p->last_use[i] = UINT32_MAX;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        p->last_use[g->outputs[i]] = UINT32_MAX;
}

bool interp_new(struct arena *a, const struct tfl_model *m, const struct interp_options *o, struct interp **out,
                struct status *st)
{
    const struct tfl_subgraph *g = &m->subgraphs[0];
    struct interp *p = ARENA_NEW(a, struct interp);
    *p = (struct interp){.a = a, .g = g, .options = *o};
    if (!o->memory_limit)
        p->options.memory_limit = MEMORY_LIMIT;
    p->tensors = ARENA_ARRAY(a, struct kern_tensor, g->n_tensors);
    p->blocks = ARENA_ARRAY(a, struct block *, g->n_tensors);
    p->packages = ARENA_ARRAY(a, struct dwn_package *, g->n_operators);
    p->info = copy_info(p);
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (!tensor_init(p, i, st))
            return false;
    if (!check_order(p, st))
        return false;
    for (uint32_t i = 0; i < g->n_operators; i++) {
        const struct tfl_operator *op = &g->operators[i];
        if (!(is_device_op(op) ? prepare_device_op(p, i, st) : dispatch_check(op, st)))
            return in_operator(p, i, st);
    }
    find_last_uses(p);
    *out = p;
    return true;
}

/* ---- running ---- */

static bool run_device_op(struct interp *p, uint32_t i, struct arena *scratch, struct status *st)
{
    const struct tfl_operator *op = &p->g->operators[i];
    const struct dwn_executable *x = execution_of(p->packages[i]);
    struct bytes *inputs = ARENA_ARRAY(scratch, struct bytes, x->n_inputs);
    struct bytes *outputs = ARENA_ARRAY(scratch, struct bytes, x->n_outputs);
    for (uint32_t j = 0; j < x->n_inputs; j++) {
        const struct kern_tensor *t = &p->tensors[op->inputs[j]];
        inputs[j] = bytes_of(t->data, tensor_bytes(t));
        if (inputs[j].size != layer_bytes(&x->inputs[j]))
            return status_fail(st, STATUS_INVALID, "input '%s' has %zu bytes, the executable wants %zu", t->name,
                               inputs[j].size, layer_bytes(&x->inputs[j]));
    }
    if (!sim_run(p->options.sim, scratch, p->packages[i], inputs, outputs, st))
        return false;
    uint32_t used = 0;
    for (uint32_t j = 0; j < x->n_outputs; j++) {
        bool variable = variable_name(&x->outputs[j]) > 0;
        int32_t tensor = variable ? variable_of(p, op, &x->outputs[j]) : op->outputs[used++];
        if (!variable && !place_tensor(p, (uint32_t)tensor, st))
            return false;
        memcpy(p->tensors[tensor].data, outputs[j].data, outputs[j].size);
    }
    return true;
}

static bool run_builtin(struct interp *p, uint32_t i, struct arena *scratch, struct status *st)
{
    const struct tfl_operator *op = &p->g->operators[i];
    struct kern_ctx c = {p->options.numerics, scratch, alloc_output, p, st};
    struct kern_tensor **in = ARENA_ARRAY(scratch, struct kern_tensor *, op->n_inputs);
    struct kern_tensor **out = ARENA_ARRAY(scratch, struct kern_tensor *, op->n_outputs);
    for (uint32_t j = 0; j < op->n_inputs; j++) {
        in[j] = op->inputs[j] < 0 ? NULL : &p->tensors[op->inputs[j]];
        if (in[j] && kern_elements(in[j]) == 0 && in[j]->type != KERN_I32)
            return status_fail(st, STATUS_UNSUPPORTED, "input '%s' is empty", in[j]->name);
    }
    for (uint32_t j = 0; j < op->n_outputs; j++)
        out[j] = &p->tensors[op->outputs[j]];
    struct op_call call = {.c = &c, .graph = p->g, .op = op, .in = in, .out = out, .n_in = op->n_inputs,
                           .n_out = op->n_outputs};
    bool ok = dispatch_run(&call);
    for (uint32_t j = 0; j < op->n_outputs; j++)
        p->blocks[op->outputs[j]] = block_of(p, out[j]->data);
    return ok;
}

static bool run_operator(struct interp *p, uint32_t i, struct status *st)
{
    struct arena *scratch = arena_new();
    const struct tfl_operator *op = &p->g->operators[i];
    bool ok = p->packages[i] ? run_device_op(p, i, scratch, st) : run_builtin(p, i, scratch, st);
    arena_free(scratch);
    if (!ok)
        return in_operator(p, i, st);
    for (uint32_t j = 0; j < op->n_outputs; j++)
        set_info(p, (uint32_t)op->outputs[j]);
    for (uint32_t j = 0; j < op->n_inputs + op->n_outputs; j++) {
        int32_t t = j < op->n_inputs ? op->inputs[j] : op->outputs[j - op->n_inputs];
        if (t >= 0 && p->last_use[t] == i)
            release(p, (uint32_t)t);
    }
    return true;
}

/* TFLite fills variables byte by byte with the zero point of int8, else with 0. */
static bool reset_variable(struct interp *p, uint32_t tensor, struct status *st)
{
    struct kern_tensor *t = &p->tensors[tensor];
    if (!place_tensor(p, tensor, st))
        return false;
    memset(t->data, t->type == KERN_I8 && t->n_scales ? (int)(t->zero[0] & 255) : 0, tensor_bytes(t));
    return true;
}

static bool load_inputs(struct interp *p, const struct bytes *inputs, struct status *st)
{
    const struct tfl_subgraph *g = p->g;
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (!is_constant(p, i)) {
            release(p, i);
            if (g->tensors[i].is_variable && !reset_variable(p, i, st))
                return false;
        }
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        uint32_t tensor = (uint32_t)g->inputs[i];
        struct kern_tensor *t = &p->tensors[tensor];
        if (inputs[i].size != interp_input_size(p, i))
            return status_fail(st, STATUS_INVALID, "input %u '%s' has %zu bytes, expected %zu", i, t->name,
                               inputs[i].size, interp_input_size(p, i));
        if (is_constant(p, tensor))
            continue;
        if (!t->data && !place_tensor(p, tensor, st))
            return false;
        memcpy(t->data, inputs[i].data, inputs[i].size);
    }
    return true;
}

bool interp_run(struct interp *p, const struct bytes *inputs, struct bytes *outputs, struct status *st)
{
    if (!load_inputs(p, inputs, st))
        return false;
    for (uint32_t i = 0; i < p->g->n_operators; i++)
        if (!run_operator(p, i, st))
            return false;
    for (uint32_t i = 0; i < p->g->n_outputs; i++) {
        const struct kern_tensor *t = &p->tensors[p->g->outputs[i]];
        outputs[i] = bytes_of(t->data, tensor_bytes(t));
    }
    return true;
}

size_t interp_input_size(const struct interp *p, uint32_t i)
{
    return tensor_bytes(&p->tensors[p->g->inputs[i]]);
}

struct bytes interp_tensor(const struct interp *p, uint32_t tensor)
{
    const struct kern_tensor *t = &p->tensors[tensor];
    return t->data ? bytes_of(t->data, tensor_bytes(t)) : bytes_of(NULL, 0);
}

const struct tfl_tensor *interp_tensor_info(const struct interp *p, uint32_t tensor)
{
    return &p->info[tensor];
}

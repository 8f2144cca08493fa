/* Layer sizes, output layouts, and the pairing of executables. */
#include "verify/check.h"

static int element_bytes(enum dwn_data_type type)
{
    switch (type) {
    case DWN_U8: case DWN_I8:
        return 1;
    case DWN_U16: case DWN_I16: case DWN_BF16: case DWN_F16:
        return 2;
    default:
        return 4;
    }
}

/* Every element of the layer at its own byte, inside the layer. */
static void check_layout(struct check *c, const struct code *code, const struct dwn_layer *l)
{
    const struct dwn_layout *o = &l->layout;
    int64_t positions = (int64_t)l->y * l->x, pixel = (int64_t)l->z * element_bytes(l->type);
    if (positions <= 1)
        return; /* a vector is read in order */
    if ((int64_t)o->n_y_tile != l->y || (int64_t)o->n_y_offset != l->y || (int64_t)o->n_x_tile != l->x ||
        (int64_t)o->n_x_offset != l->x || (int64_t)o->n_x_row_size != l->x) {
        finding(c, code, NOWHERE, RULE_LAYOUT, "layer '%s': the maps do not have %d rows and %d columns", l->name, l->y,
                l->x);
        return;
    }
    bool *taken = ARENA_ARRAY(c->a, bool, (size_t)l->size_bytes);
    for (int32_t y = 0; y < l->y; y++)
        for (int32_t x = 0; x < l->x; x++) {
            int64_t tile = (int64_t)o->y_tile[y] + o->x_tile[x];
            int64_t at = tile >= 0 && tile < (int64_t)o->n_tile_offset
                             ? o->tile_offset[tile] + (int64_t)o->y_offset[y] * o->x_row_size[x] + o->x_offset[x]
                             : -1;
            if (at < 0 || at + pixel > l->size_bytes || taken[at]) {
                finding(c, code, NOWHERE, RULE_LAYOUT, "layer '%s': pixel %d,%d lies at byte %lld of %d%s", l->name, y,
                        x, (long long)at, l->size_bytes,
                        at >= 0 && at < l->size_bytes && taken[at] ? ", where another one is" : "");
                return;
            }
            for (int64_t k = 0; k < pixel; k++)
                taken[at + k] = true;
        }
}

static void check_layer(struct check *c, const struct code *code, const struct dwn_layer *l)
{
    int64_t e = element_bytes(l->type), positions = (int64_t)l->y * l->x;
    int64_t z = l->output && positions > 1 ? round_up(l->z, 4) : l->z;
    if (l->y < 1 || l->x < 1 || l->z < 1 || l->size_bytes < 0) {
        finding(c, code, NOWHERE, RULE_LAYER, "layer '%s' is %dx%dx%d", l->name, l->y, l->x, l->z);
        return;
    }
    int64_t want = round_up(positions * z * e, 8);
    if (l->size_bytes != want)
        finding(c, code, NOWHERE, RULE_LAYER, "layer '%s' (%dx%dx%d) has %d bytes, not %lld", l->name, l->y, l->x, l->z,
                l->size_bytes, (long long)want);
    else if (l->output && l->has_layout)
        check_layout(c, code, l);
}

static void check_pair(struct check *c, const struct code *code)
{
    if (code->x->type == DWN_STAND_ALONE)
        return;
    enum dwn_type other = code->x->type == DWN_EXECUTION_ONLY ? DWN_PARAMETER_CACHING : DWN_EXECUTION_ONLY;
    bool found = false;
    for (uint32_t e = 0; e < c->package->n_executables; e++)
        found = found ||
                (c->package->executables[e].type == other && c->package->executables[e].token == code->x->token);
    if (!found)
        finding(c, code, NOWHERE, RULE_PAIR, "no %s with token %016llx",
                other == DWN_PARAMETER_CACHING ? "PARAMETER_CACHING" : "EXECUTION_ONLY",
                (unsigned long long)code->x->token);
}

void check_layers(struct check *c, const struct code *code)
{
    for (uint32_t k = 0; k < code->x->n_inputs; k++)
        check_layer(c, code, &code->x->inputs[k]);
    for (uint32_t k = 0; k < code->x->n_outputs; k++)
        check_layer(c, code, &code->x->outputs[k]);
    check_pair(c, code);
}

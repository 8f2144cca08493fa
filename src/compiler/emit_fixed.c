/* A constant operand: a plane filled on the chip, the same four channels in every pixel of a word.
 * Facts: fills as in emit_constant.c; no official instance of a whole plane of constants. */
#include "compiler/box.h"
#include "compiler/families.h"
#include "compiler/scalar.h"

static bool size_fixed(struct plan *p, uint32_t index)
{
    plan_value_buffer(p, p->steps[index].out);
    return true;
}

struct fixed {
    const struct plan *plan;
    const struct step *step;
    int32_t word; /* of a pixel; -1: all are equal */
};

static uint32_t value_of_word(const struct fixed_detail *d, int32_t word)
{
    uint32_t v = 0;
    for (int32_t k = 0; k < 4; k++) {
        int32_t channel = 4 * word + k;
        v |= (uint32_t)d->bytes[channel < d->channels ? channel : d->channels - 1] << 8 * k;
    }
    return v;
}

static bool one_tile(int tile, const void *arg, struct isa_inst *out)
{
    const struct fixed *f = arg;
    const struct fixed_detail *d = f->step->detail;
    const struct value *v = plan_out(f->plan, f->step);
    struct box b;
    if (!box_of(f->plan, v, tile, &b) || f->word >= b.words)
        return false;
    int32_t width = f->word < 0 ? b.w * b.words : b.w, step = f->word < 0 ? 1 : b.words,
            word = f->word < 0 ? 0 : f->word;
    int32_t first =
        v->layout == LAYOUT_SLICES ? tile * slices_of(v->z).words : 0; /* of the tile's words in the vector */
    struct loops l = NO_LOOPS;
    if (width > 1)
        loop(&l, width, step);
    if (b.h > 1)
        loop(&l, b.h, b.pitch);
    out->op = ISA_MESH_NORTH;
    out->mesh.b = mesh_words(b.at + word, l);
    out->mesh.fill = 1;
    out->mesh.value = (int32_t)value_of_word(d, first + word);
    return true;
}

static void emit_fixed(const struct plan *plan, const struct step *s, struct program *p)
{
    const struct value *v = plan_out(plan, s);
    const struct fixed_detail *d = s->detail;
    int32_t words = v->layout == LAYOUT_SLICES ? slices_of(v->z).words : v->grid.words;
    emit_fence(p, (struct fence){.flags = LAYER_FLAGS});
    for (int32_t k = d->channels == 1 ? -1 : 0; k < (d->channels == 1 ? 0 : words); k++) {
        struct fixed f = {plan, s, k};
        program_add_tiles(p, one_tile, &f);
    }
}

const struct family family_fixed = {
    .name = "constant plane", .size = size_fixed, .emit = emit_fixed, .reads = reads_as_it_is, .closes = true};

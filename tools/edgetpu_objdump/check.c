#include "dump.h"

#include "verify/verify.h"

static void note(struct arena *a, struct notes *n, const char *text)
{
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? 2 * n->capacity : 16;
        const char **more = ARENA_ARRAY(a, const char *, n->capacity);
        if (n->count)
            memcpy(more, n->text, n->count * sizeof *more);
        n->text = more;
    }
    n->text[n->count++] = text;
}

/* "executable 0: bytes 4..4 of 8 differ" */
static void compare(struct arena *a, struct notes *n, const char *what, struct bytes ours, struct bytes theirs)
{
    if (bytes_equal(ours, theirs))
        return;
    size_t at = 0;
    while (at < ours.size && at < theirs.size && ours.data[at] == theirs.data[at])
        at++;
    note(a, n, arena_text(a, "%s: rebuilt with %zu bytes instead of %zu, the first difference at byte %zu", what,
                          ours.size, theirs.size, at));
}

static bool has_unknown_bits(const struct isa_inst *in)
{
    const struct isa_op *op = isa_op_of(in->op);
    for (const struct isa_field *f = op->fields; f < op->fields + op->n_fields; f++)
        if (f->known == ISA_UNKNOWN && isa_field_exists(f, in) && isa_field_value(f, in))
            return true;
    return false;
}

static void check_stream(struct arena *a, struct bytes code, const char *what, struct roundtrip *r)
{
    struct isa_program p;
    struct status st = {0};
    struct bytes again = {0};
    if (!isa_decode_stream(a, code, &p, &st) || !isa_encode_stream(a, p.inst, p.count, &again, &st)) {
        note(a, &r->notes, arena_text(a, "%s: %s", what, st.message));
        return;
    }
    r->instructions += (uint32_t)p.count;
    r->words += (uint32_t)(code.size / ISA_WORD);
    for (size_t i = 0; i < p.count; i++)
        r->unexplained += has_unknown_bits(&p.inst[i]);
    compare(a, &r->notes, what, again, code);
}

void check_roundtrip(struct arena *a, const struct dwn_package *p, struct roundtrip *out)
{
    struct status st = {0};
    struct bytes again = {0};
    *out = (struct roundtrip){0};
    for (uint32_t i = 0; i < p->n_executables; i++) {
        const struct dwn_executable *x = &p->executables[i];
        for (uint32_t k = 0; k < x->n_streams; k++)
            check_stream(a, x->streams[k].code, arena_text(a, "executable %u, chunk %u", i, k), out);
        if (dwn_write_executable(a, x, &again, &st))
            compare(a, &out->notes, arena_text(a, "executable %u", i), again, x->raw);
    }
    if (dwn_write(a, p, &again, &st))
        compare(a, &out->notes, "package", again, p->raw);
    if (st.code)
        note(a, &out->notes, arena_text(a, "%s", st.message));
}

void check_rules(struct arena *a, const struct dwn_package *p, struct notes *out)
{
    struct verify_report report;
    *out = (struct notes){0};
    verify_package(a, p, &report);
    for (uint32_t i = 0; i < report.count; i++) {
        const struct verify_finding *f = &report.findings[i];
        const char *where = "";
        if (f->executable != UINT32_MAX)
            where = arena_text(a, "executable %u: ", f->executable);
        if (f->word != UINT32_MAX)
            where = arena_text(a, "%schunk %u, word %u: ", where, f->chunk, f->word);
        note(a, out, arena_text(a, "%s: %s%s", f->rule->id, where, f->text));
    }
}

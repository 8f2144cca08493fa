/* How much of two programs is the same where not every byte is: their tile instructions (0x01 to 0x1a), aligned.
 *
 * The scalar core's bundles are left out, because compilers before 16 spell addresses otherwise, and so are sequence
 * numbers, which a single instruction more would change in all that follow. */
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "isa/table.h"

/* The instruction's words, sequence number 0. */
struct word_string {
    uint8_t data[ISA_MAX_WORDS * ISA_WORD];
};

static void append(struct arena *a, struct bytes code, struct word_string *out, size_t *count)
{
    struct isa_program p;
    struct status st = {0};
    if (!isa_decode_stream(a, code, &p, &st))
        return;
    for (size_t k = 0; k < p.count; k++) {
        struct isa_inst *i = &p.inst[k];
        const struct isa_op *op = isa_op_of(i->op);
        unsigned words;
        if (i->op > ISA_FENCE)
            continue;
        for (unsigned f = 0; f < op->n_fields; f++)
            if (strcmp(op->fields[f].name, "seq") == 0)
                memset((char *)i + op->fields[f].member, 0, sizeof(int32_t));
        *count += isa_encode(i, out[*count].data, &words, &st);
    }
}

static struct word_string *tile_instructions(struct arena *a, const struct dwn_executable *x, size_t *count)
{
    size_t most = 0;
    for (uint32_t s = 0; s < x->n_streams; s++)
        most += x->streams[s].code.size / ISA_WORD;
    struct word_string *out = ARENA_ARRAY(a, struct word_string, most + 1);
    *count = 0;
    for (uint32_t s = 0; s < x->n_streams; s++)
        append(a, x->streams[s].code, out, count);
    return out;
}

static bool same(const struct word_string *x, const struct word_string *y) { return memcmp(x, y, sizeof *x) == 0; }

/* Length of the longest common subsequence (E. Myers, An O(ND) difference algorithm): far[k] = how much of x is used
 * on the path that used k more of x than of y and skipped d instructions so far. */
static size_t common(struct arena *a, const struct word_string *x, size_t n, const struct word_string *y, size_t m)
{
    long all = (long)(n + m);
    long *far = ARENA_ARRAY(a, long, 2 * (size_t)all + 3) + all + 1;
    for (long d = 0; d <= all; d++)
        for (long k = -d; k <= d; k += 2) {
            long at = k == -d || (k != d && far[k - 1] < far[k + 1]) ? far[k + 1] : far[k - 1] + 1;
            while (at < (long)n && at - k < (long)m && same(&x[at], &y[at - k]))
                at++;
            far[k] = at;
            if (at >= (long)n && at - k >= (long)m)
                return (size_t)(all - d) / 2;
        }
    return 0;
}

void alike_add(struct arena *a, const struct dwn_executable *official, const struct dwn_executable *ours,
               struct row *r)
{
    size_t n, m;
    const struct word_string *x = tile_instructions(a, official, &n), *y = tile_instructions(a, ours, &m);
    size_t prefix = 0;
    while (prefix < n && prefix < m && same(&x[prefix], &y[prefix]))
        prefix++;
    r->official_tile += (long long)n;
    r->our_tile += (long long)m;
    r->prefix += (long long)prefix;
    r->alike += (long long)(prefix + common(a, x + prefix, n - prefix, y + prefix, m - prefix));
}

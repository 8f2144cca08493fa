/* Arbitrary words: what decodes must print, and encode to the same words. */
#include "base/arena.h"
#include "isa/isa.h"

#include <stdlib.h>

static void round_trip(struct bytes stream, size_t at)
{
    struct isa_inst in;
    struct status st = {0};
    unsigned words = 0, again = 0;
    if (!isa_decode(stream, at, &in, &words, &st)) {
        if (st.code == STATUS_OK || st.code == STATUS_INTERNAL)
            abort();
        return;
    }
    uint8_t back[ISA_MAX_WORDS * ISA_WORD];
    if (!isa_encode(&in, back, &again, &st) || again != words ||
        memcmp(back, stream.data + at * ISA_WORD, (size_t)words * ISA_WORD) != 0)
        abort();
    struct buf text = {0};
    isa_print(&text, &in);
    if (text.size == 0)
        abort();
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes stream = bytes_of(data, size);
    for (size_t at = 0; at < size / ISA_WORD + 1; at++)
        round_trip(stream, at);
    struct arena *a = arena_new();
    struct status st = {0};
    struct isa_program p;
    struct bytes back;
    if (isa_decode_stream(a, stream, &p, &st) && !isa_encode_stream(a, p.inst, p.count, &back, &st) &&
        st.code != STATUS_LIMIT) /* a 0x3e cannot say that the stream has one word, or more than 16385 */
        abort();
    arena_free(a);
    return 0;
}

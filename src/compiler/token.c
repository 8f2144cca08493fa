#include "compiler/token.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void token_init(struct token *t) { t->value = 0; }

/* Chained: each hash is the seed of the next. */
void token_add(struct token *t, const struct segment *s, const struct placed *at)
{
    t->value = XXH64(s->data.data, s->data.size, t->value);
    for (uint32_t k = 0; k < at->count; k++) {
        uint8_t place[12];
        put_le32(place, (uint32_t)at->chunks[k].tile);
        put_le32(place + 4, (uint32_t)at->chunks[k].row);
        put_le32(place + 8, (uint32_t)at->chunks[k].rows);
        t->value = XXH64(place, sizeof place, t->value);
    }
}

uint64_t token_value(const struct token *t) { return t->value; }

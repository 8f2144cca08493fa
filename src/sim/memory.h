/* Checked access to the memories of a tile.  Addresses as in the instructions: narrow in words, wide in
 * rows.  Every byte knows whether somebody has written it; moves carry that along, as does arithmetic, and
 * strict mode asks at the end whether an output depends on an unwritten byte.  (Reading one is no fault
 * in itself: an image row is moved in whole 256-byte rows, with what lies behind its end.) */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim/chip.h"

static inline bool word_read(struct chip *c, const struct issue *at, int tile, int64_t address, uint32_t *word,
                             uint8_t *known)
{
    if (address < 0 || address >= NARROW_WORDS)
        return chip_fault(c, at, tile, STATUS_INVALID, "reads narrow word %lld of %d", (long long)address,
                          NARROW_WORDS), false;
    const struct tile *t = &c->tile[tile];
    *word = le32(t->narrow + 4 * address);
    *known = t->narrow_known[address];
    return true;
}

static inline bool word_write(struct chip *c, const struct issue *at, int tile, int64_t address, uint32_t word,
                              uint8_t known)
{
    if (address < 0 || address >= NARROW_WORDS)
        return chip_fault(c, at, tile, STATUS_INVALID, "writes narrow word %lld of %d", (long long)address,
                          NARROW_WORDS), false;
    struct tile *t = &c->tile[tile];
    put_le32(t->narrow + 4 * address, word);
    t->narrow_known[address] = known;
    return true;
}

static inline bool row_range(struct chip *c, const struct issue *at, int tile, int64_t row, const char *verb)
{
    if (row < 0 || row >= WIDE_ROWS)
        return chip_fault(c, at, tile, STATUS_INVALID, "%s wide row %lld of %d", verb, (long long)row,
                          WIDE_ROWS), false;
    return true;
}

static inline bool row_read(struct chip *c, const struct issue *at, int tile, int64_t row, struct row *r)
{
    if (!row_range(c, at, tile, row, "reads"))
        return false;
    const struct tile *t = &c->tile[tile];
    memcpy(r->data, t->wide + ROW_BYTES * row, ROW_BYTES);
    memcpy(r->known, t->wide_known + ROW_CELLS * row, ROW_CELLS);
    return true;
}

/* Strict: rows of cached parameters belong to all inferences to come. */
static inline bool row_free(struct chip *c, const struct issue *at, int tile, int64_t row)
{
    if (!row_range(c, at, tile, row, "writes"))
        return false;
    for (unsigned cell = 0; c->guard[tile] && cell < ROW_CELLS; cell++)
        if (c->guard[tile][ROW_CELLS * row + cell])
            return chip_fault(c, at, tile, STATUS_INVALID, "overwrites cached parameters in wide row %lld",
                              (long long)row), false;
    return true;
}

/* The whole row, known or not. */
static inline bool row_write(struct chip *c, const struct issue *at, int tile, int64_t row, const struct row *r)
{
    if (!row_free(c, at, tile, row))
        return false;
    struct tile *t = &c->tile[tile];
    memcpy(t->wide + ROW_BYTES * row, r->data, ROW_BYTES);
    memcpy(t->wide_known + ROW_CELLS * row, r->known, ROW_CELLS);
    return true;
}

/* The first n cells. */
static inline bool cells_write(struct chip *c, const struct issue *at, int tile, int64_t row, const struct row *r,
                               unsigned n)
{
    if (!row_free(c, at, tile, row))
        return false;
    struct tile *t = &c->tile[tile];
    memcpy(t->wide + ROW_BYTES * row, r->data, 4 * n);
    memcpy(t->wide_known + ROW_CELLS * row, r->known, n);
    return true;
}

#endif

/* Checked access to the memories of a tile.  Addresses as in the instructions: narrow in words, wide in
 * rows.  In strict mode every byte knows whether somebody has written it; moves carry that along, as does
 * arithmetic, and at the end it is asked whether an output depends on an unwritten byte.  (Reading one is no fault
 * in itself: an image row is moved in whole 256-byte rows, with what lies behind its end.) */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim/chip.h"

static inline bool word_range(struct chip *c, const struct issue *at, int tile, int64_t address, const char *verb)
{
    if (address < 0 || address >= NARROW_WORDS)
        return chip_fault(c, at, tile, STATUS_INVALID, "%s narrow word %lld of %d", verb, (long long)address,
                          NARROW_WORDS), false;
    return true;
}

/* n words, `stride` words apart. */
static inline bool words_read(struct chip *c, const struct issue *at, int tile, int64_t address, int64_t stride,
                              uint32_t n, uint8_t *words, uint8_t *known)
{
    const struct tile *t = &c->tile[tile];
    if (stride == 1 && address >= 0 && address + n <= NARROW_WORDS) {
        memcpy(words, t->narrow + 4 * address, 4 * (size_t)n);
        if (c->options.strict)
            memcpy(known, t->narrow_known + address, n);
        return true;
    }
    for (uint32_t k = 0; k < n; k++, address += stride) {
        if (!word_range(c, at, tile, address, "reads"))
            return false;
        memcpy(words + 4 * k, t->narrow + 4 * address, 4);
        known[k] = t->narrow_known[address];
    }
    return true;
}

static inline bool words_write(struct chip *c, const struct issue *at, int tile, int64_t address, int64_t stride,
                               uint32_t n, const uint8_t *words, const uint8_t *known)
{
    struct tile *t = &c->tile[tile];
    if (stride == 1 && address >= 0 && address + n <= NARROW_WORDS) {
        memcpy(t->narrow + 4 * address, words, 4 * (size_t)n);
        if (c->options.strict)
            memcpy(t->narrow_known + address, known, n);
        return true;
    }
    for (uint32_t k = 0; k < n; k++, address += stride) {
        if (!word_range(c, at, tile, address, "writes"))
            return false;
        memcpy(t->narrow + 4 * address, words + 4 * k, 4);
        t->narrow_known[address] = known[k];
    }
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
    if (c->options.strict)
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

/* The first n cells. */
static inline bool cells_write(struct chip *c, const struct issue *at, int tile, int64_t row, const struct row *r,
                               unsigned n)
{
    if (!row_free(c, at, tile, row))
        return false;
    struct tile *t = &c->tile[tile];
    memcpy(t->wide + ROW_BYTES * row, r->data, 4 * n);
    if (c->options.strict)
        memcpy(t->wide_known + ROW_CELLS * row, r->known, n);
    return true;
}

/* The whole row, known or not. */
static inline bool row_write(struct chip *c, const struct issue *at, int tile, int64_t row, const struct row *r)
{
    return cells_write(c, at, tile, row, r, ROW_CELLS);
}

/* ---- rows under way ---- */

/* A row of the pool that nobody waits for; there always is one, by RING_ROWS. */
static inline uint16_t pool_take(struct row_pool *p)
{
    return p->free[--p->n_free];
}
static inline void fifo_push(struct row_pool *p, struct row_fifo *f, uint16_t row)
{
    f->row[(f->head + f->count++) % RING_DEPTH] = row;
    p->readers[row]++;
}
static inline const struct row *fifo_first(const struct row_pool *p, const struct row_fifo *f)
{
    return &p->row[f->row[f->head]];
}
static inline void fifo_pop(struct row_pool *p, struct row_fifo *f)
{
    uint16_t row = f->row[f->head];
    f->head = (f->head + 1) % RING_DEPTH;
    f->count--;
    if (--p->readers[row] == 0)
        p->free[p->n_free++] = row;
}

#endif

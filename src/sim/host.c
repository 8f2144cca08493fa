/* The host's end: buffers at made-up 64-bit addresses, and DMA descriptors that the program issues.
 * Source: ../shared/isa/scalar-core.md "Host DMA descriptors". */
#include <stdlib.h>

#include "sim/chip.h"

enum { TAG_INPUT = 1, TAG_PARAMETERS = 2, TAG_OUTPUT = 3, TAG_INTERRUPT = 4 };

const struct host_buffer *host_buffer_find(const struct chip *c, enum dwn_desc desc, const char *name)
{
    bool named = desc == DWN_INPUT || desc == DWN_OUTPUT;
    for (unsigned k = 0; k < c->n_buffers; k++)
        if (c->buffer[k].desc == desc && (!named || (name && !strcmp(c->buffer[k].name, name))))
            return &c->buffer[k];
    return NULL;
}

static bool tag_fits(unsigned tag, enum dwn_desc desc)
{
    switch (tag) {
    case TAG_INPUT: return desc == DWN_INPUT || desc == DWN_SCRATCH;
    case TAG_PARAMETERS: return desc == DWN_PARAMETER;
    case TAG_OUTPUT: return desc == DWN_OUTPUT || desc == DWN_SCRATCH;
    default: return false;
    }
}

enum step host_issue(struct chip *c, const struct issue *at)
{
    uint64_t address = c->core.slot[0] | (uint64_t)c->core.slot[1] << 32;
    uint32_t size = c->core.slot[2], tag = c->core.slot[3];
    if (c->interrupted)
        return chip_fault(c, at, -1, STATUS_INVALID, "a descriptor after the interrupt");
    struct descriptor d = {.size = size, .tag = tag};
    if (tag != TAG_INTERRUPT) {
        for (unsigned k = 0; k < c->n_buffers && !d.buffer; k++) {
            struct host_buffer *b = &c->buffer[k];
            if (tag_fits(tag, b->desc) && address >= b->base && address - b->base <= b->size &&
                size <= b->size - (address - b->base))
                d.buffer = b, d.offset = address - b->base;
        }
        if (!d.buffer)
            return chip_fault(c, at, -1, STATUS_INVALID,
                              "descriptor of tag %u, address 0x%llx, %u bytes: no such buffer", tag,
                              (unsigned long long)address, size);
    } else if (size || address) {
        return chip_fault(c, at, -1, STATUS_INVALID, "interrupt descriptor with address or size");
    }
    if (c->n_descriptors == c->descriptor_capacity) {
        uint32_t capacity = c->descriptor_capacity ? 2 * c->descriptor_capacity : 64;
        struct descriptor *grown = realloc(c->descriptor, capacity * sizeof *grown);
        if (!grown)
            return chip_fault(c, at, -1, STATUS_LIMIT, "too many descriptors");
        c->descriptor = grown, c->descriptor_capacity = capacity;
    }
    c->descriptor[c->n_descriptors++] = d;
    c->interrupted = tag == TAG_INTERRUPT;
    return STEP_MOVED;
}

/* First descriptor of the tag with bytes left; NULL: none has been issued yet. */
static struct descriptor *host_current(struct chip *c, unsigned tag)
{
    uint32_t *k = &c->at_descriptor[tag];
    while (*k < c->n_descriptors && (c->descriptor[*k].tag != tag || c->descriptor[*k].done == c->descriptor[*k].size))
        ++*k;
    return *k < c->n_descriptors ? &c->descriptor[*k] : NULL;
}

/* What the chip wrote to the scratch buffer must be there before it is read back: the driver
 * honours the fence hint that stands between them (container.md 2.2). */
static bool scratch_settled(const struct chip *c, const struct descriptor *d)
{
    if (d->buffer->desc != DWN_SCRATCH)
        return true;
    for (const struct descriptor *e = c->descriptor; e < d; e++)
        if (e->tag == TAG_OUTPUT && e->done < e->size)
            return false;
    return true;
}

uint32_t host_ready(struct chip *c, unsigned tag, uint32_t unit)
{
    const struct descriptor *d = host_current(c, tag);
    return d && (tag == TAG_OUTPUT || scratch_settled(c, d)) ? (d->size - d->done) / unit : 0;
}

void host_pull(struct chip *c, unsigned tag, uint8_t *to, uint32_t size)
{
    struct descriptor *d = host_current(c, tag);
    memcpy(to, d->buffer->data + d->offset + d->done, size);
    d->done += size;
    *(tag == TAG_INPUT ? &c->count.host_bytes_in : &c->count.parameter_bytes) += size;
}

void host_push(struct chip *c, const uint8_t *from, const uint8_t *known, uint32_t size)
{
    struct descriptor *d = host_current(c, TAG_OUTPUT);
    memcpy(d->buffer->data + d->offset + d->done, from, size);
    for (uint32_t k = 0; d->buffer->known && k < size; k++)
        d->buffer->known[d->offset + d->done + k] = known[k / 4] >> k % 4 & 1;
    d->done += size;
    c->count.host_bytes_out += size;
}

bool host_idle(const struct chip *c)
{
    for (uint32_t k = 0; k < c->n_descriptors; k++)
        if (c->descriptor[k].done < c->descriptor[k].size)
            return false;
    return true;
}

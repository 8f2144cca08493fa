#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024 };

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *first;
};

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "edgetpu: out of memory (asked for %zu bytes)\n", size);
    exit(70);
}

struct arena *arena_new(void)
{
    struct arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory(sizeof *a);
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static struct block *block_new(size_t size)
{
    struct block *b = size <= SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + size) : NULL;
    if (!b)
        out_of_memory(size);
    b->size = size;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align)
        out_of_memory(size);
    size_t need = (size + align - 1) / align * align;
    struct block *b = a->first;
    if (!b || b->size - b->used < need) {
        b = block_new(need > BLOCK / 4 ? need : BLOCK);
        if (need > BLOCK / 4 && a->first) { /* a large piece gets its own block; keep filling the old one */
            b->next = a->first->next;
            a->first->next = b;
        } else {
            b->next = a->first;
            a->first = b;
        }
    }
    void *p = b->data + b->used;
    b->used += need;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        out_of_memory(SIZE_MAX);
    return arena_alloc(a, count * size);
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *p = arena_alloc(a, size);
    if (size)
        memcpy(p, data, size);
    return p;
}

void *arena_grow(struct arena *a, void *old, size_t count, size_t element, size_t *capacity)
{
    enum { FIRST = 16 };
    if (count < *capacity)
        return old;
    *capacity = *capacity ? 2 * *capacity : FIRST;
    void *bigger = arena_array(a, *capacity, element);
    if (count)
        memcpy(bigger, old, count * element);
    return bigger;
}

char *arena_text(struct arena *a, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    char *s = arena_alloc(a, n < 0 ? 1 : (size_t)n + 1);
    if (n >= 0)
        vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}

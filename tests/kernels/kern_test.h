/* What the kernel tests share: a context, tensors on an arena, random elements. */
#ifndef TESTS_KERN_TEST_H
#define TESTS_KERN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/kernels.h"

struct bench {
    struct arena *a;
    struct status st;
    struct kern_ctx c;
    uint64_t random;
};

static void *bench_alloc(void *owner, size_t size)
{
    return arena_alloc(owner, size);
}

static inline void bench_open(struct bench *b, enum kern_numerics numerics, uint64_t seed)
{
    *b = (struct bench){.a = arena_new(), .random = seed};
    b->c = (struct kern_ctx){numerics, b->a, bench_alloc, b->a, &b->st};
}

static inline void bench_close(struct bench *b)
{
    arena_free(b->a);
}

/* A tensor without data; scale 0: not quantised. */
static inline struct kern_tensor *tensor(struct bench *b, enum kern_type type, uint32_t rank, const int32_t *dim,
                                         float scale, int64_t zero)
{
    struct kern_tensor t = {.name = "t", .type = type, .rank = rank, .n_scales = scale != 0};
    if (rank)
        memcpy(t.dim, dim, rank * sizeof *dim);
    t.scale = arena_copy(b->a, &scale, sizeof scale);
    t.zero = arena_copy(b->a, &zero, sizeof zero);
    return arena_copy(b->a, &t, sizeof t);
}

/* The same with random bytes; int32 elements are small. */
static inline struct kern_tensor *random_tensor(struct bench *b, enum kern_type type, uint32_t rank, const int32_t *dim,
                                                float scale, int64_t zero)
{
    struct kern_tensor *t = tensor(b, type, rank, dim, scale, zero);
    size_t n = kern_elements(t);
    t->data = arena_array(b->a, n, kern_type_size(type));
    for (size_t i = 0; i < n; i++)
        if (type == KERN_I32)
            ((int32_t *)t->data)[i] = (int32_t)(random_next(&b->random) % 20001) - 10000;
        else
            ((uint8_t *)t->data)[i] = (uint8_t)random_next(&b->random);
    return t;
}

static inline int32_t at(const struct kern_tensor *t, size_t i)
{
    return t->type == KERN_I8 ? ((const int8_t *)t->data)[i] : ((const uint8_t *)t->data)[i];
}

static inline float uniform(struct bench *b, float lo, float hi)
{
    return lo + (hi - lo) * ((float)(random_next(&b->random) >> 40) * 0x1p-24f);
}

/* Largest difference between two tensors of one shape. */
static inline int largest_difference(const struct kern_tensor *x, const struct kern_tensor *y)
{
    int worst = 0;
    for (size_t i = 0; i < kern_elements(x); i++)
        worst = abs(at(x, i) - at(y, i)) > worst ? abs(at(x, i) - at(y, i)) : worst;
    return worst;
}

#define DIMS(...) sizeof((int32_t[]){__VA_ARGS__}) / 4, (int32_t[]){__VA_ARGS__}
#define RUN(b, call)                                                                                                   \
    do {                                                                                                               \
        if (!(call))                                                                                                   \
            fail_msg("%s", (b)->st.message);                                                                           \
    } while (0)

#endif

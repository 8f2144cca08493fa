/* Worker threads for tasks that do not touch each other's data. */
#ifndef SIM_POOL_H
#define SIM_POOL_H

struct pool;

/* `threads` in all, the caller's included, at most 16.  NULL where the system gives no further thread. */
struct pool *pool_new(unsigned threads);
void pool_free(struct pool *p); /* NULL is allowed */
/* task(arg, 0 .. n-1), each once, in any order; returns when all are done. */
void pool_run(struct pool *p, void (*task)(void *arg, unsigned k), void *arg, unsigned n);

#endif

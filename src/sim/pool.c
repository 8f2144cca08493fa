#include "sim/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST = 16 };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    pthread_t worker[MOST];
    unsigned workers, active; /* active: workers that have not finished this round */
    unsigned long round;
    bool stop;
    void (*task)(void *arg, unsigned k);
    void *arg;
    unsigned n;
    atomic_uint next;
};

static void work(struct pool *p)
{
    for (unsigned k; (k = atomic_fetch_add(&p->next, 1)) < p->n;)
        p->task(p->arg, k);
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    unsigned long seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->round == seen)
            pthread_cond_wait(&p->start, &p->lock);
        if (p->stop)
            break;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        work(p);
        pthread_mutex_lock(&p->lock);
        if (--p->active == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pool *pool_new(unsigned threads)
{
    struct pool *p = threads > 1 ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    threads = threads > MOST ? MOST : threads;
    while (p->workers + 1 < threads && pthread_create(&p->worker[p->workers], NULL, worker, p) == 0)
        p->workers++;
    if (p->workers)
        return p;
    pool_free(p);
    return NULL;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (unsigned k = 0; k < p->workers; k++)
        pthread_join(p->worker[k], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    free(p);
}

void pool_run(struct pool *p, void (*task)(void *arg, unsigned k), void *arg, unsigned n)
{
    pthread_mutex_lock(&p->lock);
    p->task = task, p->arg = arg, p->n = n;
    atomic_store(&p->next, 0);
    p->active = p->workers;
    p->round++;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    work(p);
    pthread_mutex_lock(&p->lock);
    while (p->active)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

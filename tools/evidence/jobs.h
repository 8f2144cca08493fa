/* Measurements in processes of their own: a crash or an endless run is then one failed row, not the end. */
#ifndef EVIDENCE_JOBS_H
#define EVIDENCE_JOBS_H

#include <stddef.h>
#include <stdint.h>

struct jobs {
    uint32_t count;
    unsigned processes;          /* at a time, 1..MAX_JOBS */
    unsigned timeout;            /* seconds, each */
    size_t size;                 /* of a result: plain data, since it crosses a pipe */
    void *results;               /* count of them; zeroes where the process died or ran out of time */
    void (*work)(uint32_t k, void *arg, void *result);
    void (*done)(uint32_t k, void *arg, const void *result); /* in the order of finishing, here */
    void *arg;
};
enum { MAX_JOBS = 64 };

void jobs_run(const struct jobs *j);

#endif

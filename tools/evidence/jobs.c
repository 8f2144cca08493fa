#include "jobs.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
    pid_t pid;
    int pipe;
    uint32_t number;
    size_t have;
};

static void work_and_tell(const struct jobs *j, uint32_t k, int to)
{
    char *result = calloc(1, j->size);
    if (!result)
        _exit(1);
    alarm(j->timeout);
    j->work(k, j->arg, result);
    for (size_t done = 0; done < j->size;) {
        ssize_t n = write(to, result + done, j->size - done);
        if (n <= 0)
            _exit(1);
        done += (size_t)n;
    }
    _exit(0);
}

static struct job start(const struct jobs *j, uint32_t k)
{
    int ends[2];
    pid_t pid;
    fflush(NULL);
    if (pipe(ends) != 0 || (pid = fork()) < 0) {
        perror("evidence");
        exit(1);
    }
    if (pid == 0) {
        close(ends[0]);
        work_and_tell(j, k, ends[1]);
    }
    close(ends[1]);
    return (struct job){pid, ends[0], k, 0};
}

static char *result_of(const struct jobs *j, uint32_t k)
{
    return (char *)j->results + k * j->size;
}

/* Reads what a child has to say; true when it is finished. */
static bool finish(const struct jobs *j, struct job *job)
{
    char *result = result_of(j, job->number);
    ssize_t n = read(job->pipe, result + job->have, j->size - job->have);
    if (n > 0)
        job->have += (size_t)n;
    if (n > 0 && job->have < j->size)
        return false;
    close(job->pipe);
    int state;
    waitpid(job->pid, &state, 0);
    if (job->have < j->size)
        memset(result, 0, j->size);
    return true;
}

void jobs_run(const struct jobs *j)
{
    struct job running[MAX_JOBS];
    unsigned n = 0;
    uint32_t next = 0;
    while (next < j->count || n) {
        while (n < j->processes && next < j->count)
            running[n++] = start(j, next++);
        struct pollfd wait[MAX_JOBS];
        for (unsigned k = 0; k < n; k++)
            wait[k] = (struct pollfd){running[k].pipe, POLLIN, 0};
        poll(wait, n, -1);
        for (unsigned k = n; k-- > 0;)
            if (wait[k].revents && finish(j, &running[k])) {
                j->done(running[k].number, j->arg, result_of(j, running[k].number));
                running[k] = running[--n];
            }
    }
}

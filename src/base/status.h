/* One status type for the whole project: a code and the sentence a user reads.
 *
 * A function that can fail returns bool and takes `struct status *st` last.
 * false means failed, and *st then says why.  The first failure wins; callers
 * add context with status_context() on the way up ("op 3 (CONV_2D): ...").
 * st is never NULL. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>

enum status_code {
    STATUS_OK = 0,
    STATUS_INVALID,     /* the input is malformed                            */
    STATUS_UNSUPPORTED, /* the input is well formed, but we do not handle it */
    STATUS_LIMIT,       /* it does not fit: memory, size or time             */
    STATUS_IO,          /* the operating system said no                      */
    STATUS_INTERNAL,    /* a defect of ours                                  */
};

struct status {
    enum status_code code;
    char message[500];
};

/* Sets code and printf-formatted message unless a failure is already there.
 * Always returns false, so that `return status_fail(st, ...)` reads well. */
bool status_fail(struct status *st, enum status_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts printf-formatted text before the message of a failure.  Returns false. */
bool status_context(struct status *st, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

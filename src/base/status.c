#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool status_fail(struct status *st, enum status_code code, const char *format, ...)
{
    if (st->code != STATUS_OK)
        return false;
    st->code = code;
    va_list ap;
    va_start(ap, format);
    vsnprintf(st->message, sizeof st->message, format, ap);
    va_end(ap);
    return false;
}

bool status_context(struct status *st, const char *format, ...)
{
    char old[sizeof st->message];
    memcpy(old, st->message, sizeof old);
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(st->message, sizeof st->message, format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof st->message)
        snprintf(st->message + n, sizeof st->message - (size_t)n, "%s", old);
    return false;
}

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_read(struct arena *a, const char *path, struct bytes *out, struct status *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return status_fail(st, STATUS_IO, "%s: %s", path, strerror(errno));
    struct stat info;
    bool ok = false;
    if (fstat(fd, &info) != 0)
        status_fail(st, STATUS_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status_fail(st, STATUS_IO, "%s: not a regular file", path);
    else if (info.st_size > (off_t)FILE_LIMIT_MIB << 20)
        status_fail(st, STATUS_LIMIT, "%s: larger than %d MiB", path, FILE_LIMIT_MIB);
    else {
        size_t size = (size_t)info.st_size, have = 0;
        uint8_t *data = arena_alloc(a, size);
        ssize_t n = 1;
        while (have < size && (n = read(fd, data + have, size - have)) > 0)
            have += (size_t)n;
        if (n < 0)
            status_fail(st, STATUS_IO, "%s: %s", path, strerror(errno));
        else {
            *out = bytes_of(data, have);
            ok = true;
        }
    }
    close(fd);
    return ok;
}

bool file_write(const char *path, struct bytes data, struct status *st)
{
    size_t n = strlen(path) + sizeof ".XXXXXX";
    char *temporary = malloc(n);
    if (!temporary)
        return status_fail(st, STATUS_LIMIT, "%s: out of memory", path);
    snprintf(temporary, n, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    bool ok = fd >= 0;
    for (size_t done = 0; ok && done < data.size;) {
        ssize_t k = write(fd, data.data + done, data.size - done);
        ok = k >= 0 || errno == EINTR;
        done += k > 0 ? (size_t)k : 0;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (ok)
        ok = fchmod(fd, 0666 & ~mask) == 0;
    int error = ok ? 0 : errno;
    if (fd >= 0 && close(fd) != 0 && ok)
        ok = false, error = errno;
    if (ok && rename(temporary, path) != 0)
        ok = false, error = errno;
    if (!ok) {
        if (fd >= 0)
            unlink(temporary);
        status_fail(st, STATUS_IO, "Error opening file for writing: %s (%s)", path, strerror(error));
    }
    free(temporary);
    return ok;
}

char *path_stem(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return arena_text(a, "%.*s", dot && dot != name ? (int)(dot - name) : (int)strlen(name), name);
}

char *path_join(struct arena *a, const char *dir, const char *name)
{
    size_t n = strlen(dir);
    if (n == 0)
        return arena_text(a, "%s", name);
    return arena_text(a, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

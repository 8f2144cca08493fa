/* Whole files in, whole files out. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum { FILE_LIMIT_MIB = 1024 }; /* no model on this chip comes near */

/* Reads a regular file of at most FILE_LIMIT_MIB into the arena. */
bool file_read(struct arena *a, const char *path, struct bytes *out, struct status *st);

/* Writes to a temporary neighbour and renames it, so that a reader sees the
 * old file, the new file or none, never half of one. */
bool file_write(const char *path, struct bytes data, struct status *st);

/* "dir/model.tflite" -> "model": the part after the last '/', less its last extension. */
char *path_stem(struct arena *a, const char *path);
/* Joins with exactly one '/'; an empty or "." directory as given. */
char *path_join(struct arena *a, const char *dir, const char *name);

#endif

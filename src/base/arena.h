/* Arena: memory that lives and dies together.
 *
 * Everything that one model, one compilation or one simulation makes is
 * allocated from one arena and freed by one arena_free().  Allocation never
 * returns NULL: sizes that come from a file are checked against the file or a
 * stated limit before they are asked for, and when the machine itself has no
 * memory left the process says so on stderr and exits with status 70. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is allowed */

/* size bytes of zeroes, aligned for any type.  size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* As arena_alloc for count elements; exits as above where count * size overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);
void *arena_copy(struct arena *a, const void *data, size_t size);
/* Room for element number `count` of an array that grows: `old`, or a copy of twice the capacity. */
void *arena_grow(struct arena *a, void *old, size_t count, size_t element, size_t *capacity);
char *arena_text(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (count), sizeof(type)))

#endif

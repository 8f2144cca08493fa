/* Sorting with the order of equal keys that the official compiler shows.
 *
 * Parameters of equal size are placed in the order in which libc++'s std::sort (as it was
 * before 2022) leaves them; so that is part of the placement rule
 * (../shared/isa/placement.md section 2, step 1).  Written from the published algorithm:
 * insertion sort up to 30 elements, above that quicksort with median of 3 or 5. */
#ifndef COMPILER_SORT_H
#define COMPILER_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts indices; before(context, x, y): x must stand before y. */
typedef bool sort_before(const void *context, uint32_t x, uint32_t y);
void sort_libcxx(uint32_t *index, size_t count, sort_before *before, const void *context);

#endif

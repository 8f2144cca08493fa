#include "compiler/sort.h"

enum { INSERTION_LIMIT = 30, NINTHER_FROM = 1000, GIVE_UP_AFTER = 8 };

struct sorter {
    uint32_t *a;
    sort_before *before;
    const void *context;
};

static bool less(const struct sorter *s, size_t i, size_t j)
{
    return s->before(s->context, s->a[i], s->a[j]);
}

static unsigned swap(const struct sorter *s, size_t i, size_t j)
{
    uint32_t t = s->a[i];
    s->a[i] = s->a[j];
    s->a[j] = t;
    return 1;
}

/* Sorts three places; the number of swaps. */
static unsigned sort3(const struct sorter *s, size_t x, size_t y, size_t z)
{
    if (!less(s, y, x)) {
        if (!less(s, z, y))
            return 0;
        swap(s, y, z);
        return less(s, y, x) ? 1 + swap(s, x, y) : 1;
    }
    if (less(s, z, y))
        return swap(s, x, z);
    swap(s, x, y);
    return less(s, z, y) ? 1 + swap(s, y, z) : 1;
}

/* Sorts the places at[0..n), n = 4 or 5; the number of swaps. */
static unsigned sort45(const struct sorter *s, const size_t *at, unsigned n)
{
    unsigned swaps = sort3(s, at[0], at[1], at[2]);
    for (unsigned k = 3; k < n; k++)
        for (unsigned j = k; j > 0 && less(s, at[j], at[j - 1]); j--)
            swaps += swap(s, at[j], at[j - 1]);
    return swaps;
}

/* Insertion sort of [first, last), at least 3 elements; false if it gives up after `limit` moves. */
static bool insertion(const struct sorter *s, size_t first, size_t last, unsigned limit)
{
    unsigned moved = 0;
    sort3(s, first, first + 1, first + 2);
    for (size_t i = first + 3; i < last; i++) {
        if (!less(s, i, i - 1))
            continue;
        uint32_t t = s->a[i];
        size_t j = i;
        while (j > first && s->before(s->context, t, s->a[j - 1])) {
            s->a[j] = s->a[j - 1];
            j--;
        }
        s->a[j] = t;
        if (limit && ++moved == limit)
            return i + 1 == last;
    }
    return true;
}

/* Up to 5 elements by fixed networks; false if there are more. */
static bool few(const struct sorter *s, size_t first, size_t last)
{
    const size_t at[5] = {first, first + 1, first + 2, first + 3, first + 4};
    switch (last - first) {
    case 0:
    case 1:
        return true;
    case 2:
        if (less(s, last - 1, first))
            swap(s, first, last - 1);
        return true;
    case 3:
        sort3(s, first, first + 1, first + 2);
        return true;
    case 4:
    case 5:
        sort45(s, at, (unsigned)(last - first));
        return true;
    default:
        return false;
    }
}

static bool nearly_sorted(const struct sorter *s, size_t first, size_t last)
{
    return few(s, first, last) || insertion(s, first, last, GIVE_UP_AFTER);
}

/* The pivot equals the first element: moves everything equal to it to the front.
 * Sets *first behind those; false if all are equal. */
static bool skip_equal(const struct sorter *s, size_t *first, size_t last)
{
    size_t f = *first, i = f + 1, j = last - 1;
    if (!less(s, f, j)) {
        for (;; i++) {
            if (i == j)
                return false;
            if (less(s, f, i)) {
                swap(s, i++, j);
                break;
            }
        }
    }
    if (i == j)
        return false;
    for (;;) {
        while (!less(s, f, i))
            i++;
        do
            j--;
        while (less(s, f, j));
        if (i >= j)
            break;
        swap(s, i++, j);
    }
    *first = i;
    return true;
}

static void quicksort(const struct sorter *s, size_t first, size_t last)
{
    while (!few(s, first, last)) {
        size_t n = last - first, m = first + n / 2, i = first, j = last - 1;
        if (n <= INSERTION_LIMIT) {
            insertion(s, first, last, 0);
            return;
        }
        const size_t five[5] = {first, first + n / 4, m, m + n / 4, last - 1};
        unsigned swaps = n >= NINTHER_FROM ? sort45(s, five, 5) : sort3(s, first, m, last - 1);
        if (!less(s, i, m)) { /* first == pivot: find something smaller to put in front */
            do
                j--;
            while (i != j && !less(s, j, m));
            if (i == j) {
                if (!skip_equal(s, &first, last))
                    return;
                continue;
            }
            swaps += swap(s, i, j);
        }
        i++;
        if (i < j) {
            for (;;) {
                while (less(s, i, m))
                    i++;
                do
                    j--;
                while (!less(s, j, m));
                if (i > j)
                    break;
                swaps += swap(s, i, j);
                if (m == i)
                    m = j;
                i++;
            }
        }
        if (i != m && less(s, m, i))
            swaps += swap(s, i, m);
        if (swaps == 0) { /* perhaps both halves are sorted already */
            bool left = nearly_sorted(s, first, i);
            if (nearly_sorted(s, i + 1, last)) {
                if (left)
                    return;
                last = i;
                continue;
            }
            if (left) {
                first = i + 1;
                continue;
            }
        }
        if (i - first < last - i) { /* recurse into the smaller half */
            quicksort(s, first, i);
            first = i + 1;
        } else {
            quicksort(s, i + 1, last);
            last = i;
        }
    }
}

void sort_libcxx(uint32_t *index, size_t count, sort_before *before, const void *context)
{
    struct sorter s = {index, before, context};
    quicksort(&s, 0, count);
}

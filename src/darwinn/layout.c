/* How an output lies in the host's memory when it comes from the chip, and back (container.md 2.3, 2.4;
 * spec/runtime.md 2.6, 2.7). */
#include "darwinn/package.h"

enum { GRID = 4, TILES = GRID * GRID, Z_STEP = 4, SIZE_STEP = 8 };

unsigned dwn_type_size(enum dwn_data_type type)
{
    switch (type) {
    case DWN_U8:
    case DWN_I8:
        return 1;
    case DWN_U16:
    case DWN_I16:
    case DWN_BF16:
    case DWN_F16:
        return 2;
    case DWN_I32:
    case DWN_F32:
        return 4;
    }
    return 0;
}

int32_t dwn_input_size(int32_t y, int32_t x, int32_t z, int32_t element_bytes)
{
    return (int32_t)round_up((int64_t)y * x * z * element_bytes, SIZE_STEP);
}

int32_t dwn_output_size(int32_t y, int32_t x, int32_t z, int32_t element_bytes)
{
    bool tiled = (int64_t)y * x > 1;
    return (int32_t)round_up((int64_t)y * x * (tiled ? round_up(z, Z_STEP) : z) * element_bytes, SIZE_STEP);
}

void dwn_split4(int32_t n, int32_t part[4])
{
    int32_t half[2] = {(n + 1) / 2, n / 2};
    for (int i = 0; i < 4; i++)
        part[i] = (half[i / 2] + 1 - i % 2) / 2;
}

/* One vector to a tile row: cut into chunks of whole 64-element cells, or of everything where it is short. */
static void make_vector(struct arena *a, int32_t z, struct dwn_layout *l)
{
    int32_t all = (int32_t)round_up(z, Z_STEP), chunk = (int32_t)(64 * ceil_div(z, 1024));
    chunk = chunk < all ? chunk : all;
    l->y_tile = ARENA_NEW(a, int32_t);
    l->x_tile = ARENA_NEW(a, int32_t);
    l->y_offset = ARENA_NEW(a, int32_t);
    l->x_offset = ARENA_NEW(a, int32_t);
    l->x_row_size = arena_copy(a, &chunk, sizeof chunk);
    l->n_y_tile = l->n_x_tile = l->n_y_offset = l->n_x_offset = l->n_x_row_size = 1;
    l->n_tile_offset = TILES;
    l->tile_offset = ARENA_ARRAY(a, int32_t, TILES);
    for (int32_t i = 0; i < TILES; i++)
        l->tile_offset[i] = i * chunk < all ? i * chunk : all;
}

/* The maps along one axis: which tile, and which position in it. */
static void make_axis(const int32_t *parts, uint32_t n_parts, int32_t tile_step, int32_t position_step, int32_t *tile,
                      int32_t *position)
{
    for (uint32_t i = 0, at = 0; i < n_parts; i++)
        for (int32_t k = 0; k < parts[i]; k++, at++) {
            tile[at] = (int32_t)i * tile_step;
            position[at] = k * position_step;
        }
}

void dwn_layout_make(struct arena *a, int32_t y, int32_t x, int32_t z, int32_t passes, struct dwn_layout *out)
{
    *out = (struct dwn_layout){0};
    if (y == 1 && x == 1) {
        make_vector(a, z, out);
        return;
    }
    int32_t depth = (int32_t)round_up(z, Z_STEP), width[GRID];
    uint32_t n_rows = GRID * (uint32_t)passes;
    int32_t *height = ARENA_ARRAY(a, int32_t, n_rows);
    dwn_split4(x, width);
    for (int32_t p = 0; p < passes; p++)
        dwn_split4(y / passes + (p < y % passes), height + GRID * p);
    out->n_y_tile = out->n_y_offset = (uint32_t)y;
    out->n_x_tile = out->n_x_offset = out->n_x_row_size = (uint32_t)x;
    out->n_tile_offset = GRID * n_rows;
    out->y_tile = ARENA_ARRAY(a, int32_t, out->n_y_tile);
    out->y_offset = ARENA_ARRAY(a, int32_t, out->n_y_offset);
    out->x_tile = ARENA_ARRAY(a, int32_t, out->n_x_tile);
    out->x_offset = ARENA_ARRAY(a, int32_t, out->n_x_offset);
    out->x_row_size = ARENA_ARRAY(a, int32_t, out->n_x_row_size);
    out->tile_offset = ARENA_ARRAY(a, int32_t, out->n_tile_offset);
    make_axis(height, n_rows, GRID, 1, out->y_tile, out->y_offset);
    make_axis(width, GRID, 1, depth, out->x_tile, out->x_offset);
    for (int32_t i = 0; i < x; i++)
        out->x_row_size[i] = depth * width[out->x_tile[i]];
    for (uint32_t t = 0, sum = 0; t < out->n_tile_offset; t++) {
        out->tile_offset[t] = (int32_t)sum;
        sum += (uint32_t)(height[t / GRID] * width[t % GRID] * depth);
    }
}

void dwn_flip_sign(enum dwn_data_type type, uint8_t *data, size_t size)
{
    if (type != DWN_I8 && type != DWN_I16)
        return;
    size_t element = dwn_type_size(type);
    for (size_t top = element - 1; top < size; top += element)
        data[top] ^= 0x80;
}

/* Element index of (y, x, 0); -1 where the maps do not say. */
static int64_t element_index(const struct dwn_layout *l, uint32_t y, uint32_t x)
{
    if (y >= l->n_y_tile || y >= l->n_y_offset || x >= l->n_x_tile || x >= l->n_x_offset || x >= l->n_x_row_size)
        return -1;
    int64_t tile = (int64_t)l->y_tile[y] + l->x_tile[x];
    if (tile < 0 || tile >= l->n_tile_offset)
        return -1;
    return l->tile_offset[tile] + (int64_t)l->y_offset[y] * l->x_row_size[x] + l->x_offset[x];
}

bool dwn_relayout(const struct dwn_layer *l, struct bytes device, uint8_t *out, size_t out_size, struct status *st)
{
    size_t element = dwn_type_size(l->type), depth = (size_t)l->z * element;
    if (out_size != depth * (size_t)l->y * (size_t)l->x)
        return status_fail(st, STATUS_INVALID, "\"%s\": %zu bytes for %dx%dx%d elements", l->name, out_size, l->y, l->x,
                           l->z);
    bool vector = l->y == 1 && l->x == 1; /* comes in one piece */
    if (!vector && !l->has_layout)
        return status_fail(st, STATUS_INVALID, "\"%s\": an output of two or more dimensions without layout", l->name);
    for (int32_t y = 0; y < l->y; y++)
        for (int32_t x = 0; x < l->x; x++) {
            int64_t index = vector ? 0 : element_index(&l->layout, (uint32_t)y, (uint32_t)x);
            if (index < 0 || (uint64_t)index > device.size / element ||
                depth > device.size - (size_t)index * element)
                return status_fail(st, STATUS_INVALID, "\"%s\": layout of (%d, %d) points outside %zu bytes", l->name,
                                   y, x, device.size);
            memcpy(out + ((size_t)y * (size_t)l->x + (size_t)x) * depth, device.data + (size_t)index * element, depth);
        }
    dwn_flip_sign(l->type, out, out_size);
    return true;
}

#include "sim/resize.h"

enum step resize_begin(struct chip *c, int tile, struct unit *u)
{
    return chip_fault(c, &u->at, tile, STATUS_UNSUPPORTED, "bilinear resize");
}

enum step resize_step(struct chip *c, int tile, struct unit *u, struct quantum *q)
{
    (void)q;
    return chip_fault(c, &u->at, tile, STATUS_UNSUPPORTED, "bilinear resize");
}

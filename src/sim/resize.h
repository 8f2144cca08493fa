/* Opcode 0x05, bilinear resize. */
#ifndef SIM_RESIZE_H
#define SIM_RESIZE_H

#include "sim/tensor.h"

enum step resize_begin(struct chip *c, int tile, struct unit *u);
enum step resize_step(struct chip *c, int tile, struct unit *u, struct quantum *q);

#endif

/* edgetpu_run: what its files share. */
#ifndef TOOLS_EDGETPU_RUN_H
#define TOOLS_EDGETPU_RUN_H

#include "interp/interp.h"

/* One --input argument per element of `given`: FILE, NAME=FILE, random:SEED or NAME=random:SEED.  A bare FILE is for
 * the next input that has nothing yet; a bare random:SEED fills all that are left; with nothing given: random:0. */
bool load_inputs(struct arena *a, const struct tfl_subgraph *g, char **given, size_t n_given, struct bytes *inputs,
                 struct status *st);

/* A line for each graph output: name, shape, type, smallest, largest, mean in real units, and the five largest
 * elements of a vector. */
void print_output(struct arena *a, const struct tfl_tensor *t, struct bytes data);
/* DIR/<index>_<name>.npy; the directory is made if it is missing. */
bool save_output(struct arena *a, const char *dir, uint32_t index, const struct tfl_tensor *t, struct bytes data,
                 struct status *st);

/* Estimated cycles of every program in the model's Edge TPU operators (sim/cycles.h). */
bool print_profile(struct arena *a, const struct tfl_model *m, struct status *st);

#endif

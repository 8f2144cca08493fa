/* Whether two TFLite models have the same content, and where they first differ. */
#ifndef SUPPORT_MODEL_EQUAL_H
#define SUPPORT_MODEL_EQUAL_H

#include "tflite/model.h"

/* NULL: equal in everything the full form of tfl_write keeps.  Else one sentence, in the arena. */
const char *model_difference(struct arena *a, const struct tfl_model *x, const struct tfl_model *y);

#endif

#include "compiler/families.h"
const struct family family_flatten = {"flatten", NULL, NULL};

/* The public corpus, where it is at hand: compiled models and their sources. */
#ifndef SUPPORT_CORPUS_H
#define SUPPORT_CORPUS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tflite/model.h"

struct corpus_pair {
    const char *compiled;     /* path of X_edgetpu.tflite (or X-edgetpu.tflite)       */
    const char *source;       /* path of X.tflite beside it; NULL where there is none */
    const char *name;         /* compiled, below the corpus folder: for messages      */
};

struct corpus {
    struct corpus_pair *pairs; /* sorted by path; files with equal bytes once */
    uint32_t count;
};

/* All compiled models below `root`; count 0 where the folder is absent. */
void corpus_list(struct arena *a, const char *root, struct corpus *out);

/* Calls visit with the custom_options of every `edgetpu-custom-op` of a compiled model file. */
bool corpus_packages(struct arena *a, struct bytes file,
                     bool (*visit)(struct bytes custom_options, void *arg, struct status *st), void *arg,
                     struct status *st);

/* min_runtime_version of a model's first Edge TPU package; 0: it has none that can be read. */
int32_t corpus_runtime_version(struct arena *a, const struct tfl_model *m);

#endif

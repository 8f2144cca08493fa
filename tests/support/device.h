/* The outputs that google-coral/libcoral publishes from a real Edge TPU, against official executables on our
 * simulator: same pictures, same procedure (../shared/spec/device-results.md). */
#ifndef SUPPORT_DEVICE_H
#define SUPPORT_DEVICE_H

#include "base/arena.h"
#include "base/status.h"

struct device_case {
    const char *model;   /* below models/, without .tflite */
    const char *picture; /* below images/google-coral+test_data/ */
    const char *numbers; /* recorded CSV, there too; NULL: a label with its least score */
    int label;
    double score;
    bool settled; /* the same model and input as on the chip, as far as anybody can tell: all numbers must agree */
    const char *note;
};
extern const struct device_case device_cases[];
extern const unsigned device_case_count;

struct device_result {
    bool present;           /* model, picture and numbers are in the corpus */
    int numbers, equal;     /* recorded, and those that we give to the last of their 6 digits */
    bool labelled;          /* the label is among the best three and has the score */
    double score;           /* of the label, on our chip */
};

/* Runs one case.  cpu: instead the plain model (less "_edgetpu") on our kernels in TFLite's numerics against the
 * CPU's recorded numbers; shows how much of a difference is not the chip's. */
bool device_run(struct arena *a, const char *corpus, const struct device_case *c, bool cpu, struct device_result *out,
                struct status *st);

#endif

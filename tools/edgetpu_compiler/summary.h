/* What edgetpu_compiler prints and logs: ../shared/spec/compiler-behaviour.md section 2. */
#ifndef TOOL_SUMMARY_H
#define TOOL_SUMMARY_H

#include "compiler/compiler.h"

#define VERSION_LINE "Edge TPU Compiler version 16.0.384591198\n" /* kept for programs that parse it */

struct output { /* one model and its files */
    const char *input, *model, *log; /* paths as printed */
    size_t input_size;
    const struct tfl_model *source;
    struct compile_result result;
};

/* The block of one model, from "Input model:" on. */
void summary_print(struct arena *a, const struct output *o, bool show_operations);
/* Contents of the .log file. */
const char *summary_log(struct arena *a, const struct output *o);
/* JSON of --report. */
const char *summary_json(struct arena *a, const struct output *outputs, int count);

#endif

/* Command line of edgetpu_compiler: ../shared/spec/compiler-behaviour.md section 1. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>

struct options {
    bool help, version, show_operations, multiple_subgraphs, search, verify;
    const char *out_dir;      /* "" = here                          */
    const char *intermediate; /* -i, NULL: none                     */
    const char *report;       /* --report FILE, NULL: none          */
    int min_runtime_version, num_segments, search_step, timeout_sec;
    char **models;
    int n_models;
};

/* False: something is wrong and has been said on stderr. */
bool options_read(int argc, char **argv, struct options *o);
void options_help(void);

#endif

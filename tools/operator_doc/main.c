/* Prints docs/operators.md: the prose below, and the table of operators that the compiler maps
 * (src/compiler/operators.c). */
#include "compiler/operators.h"

#include <stdio.h>

static const char introduction[] =
    "# Operators\n"
    "\n"
    "Written by `tools/operator_doc` from the table in `src/compiler/operators.c`; change it there.\n"
    "\n"
    "All of them work on int8 and uint8 tensors of one scale, batch 1, at most three dimensions besides. What does "
    "not meet\n"
    "the limits stays on the CPU, and the log says which tensor, which numbers, and what would help. Further limits "
    "come from\n"
    "the memories of a tile (192 KiB for activations); where they are exceeded the message says by how much.\n"
    "\n"
    "| status | means |\n"
    "|---|---|\n"
    "| attested | a public program of the official compiler does the same with these instructions |\n"
    "| composed | put together from instructions of such programs that do something else; the simulator agrees, no "
    "chip has |\n"
    "\n"
    "Every operator is run on the simulated chip by random models (`tests/compiler`) and must give exactly the bytes "
    "of the\n"
    "kernels in Edge TPU arithmetic.\n"
    "\n"
    "| operator | limits | status |\n"
    "|---|---|---|\n";

int main(void)
{
    size_t n;
    const struct operator_rule *rules = operator_rules(&n);
    fputs(introduction, stdout);
    for (size_t i = 0; i < n; i++)
        printf("| %s | %s | %s |\n", tfl_op_name(rules[i].code), rules[i].limits ? rules[i].limits : "",
               rules[i].basis == BASIS_ATTESTED ? "attested" : "composed");
    return 0;
}

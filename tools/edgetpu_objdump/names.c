#include "dump.h"

const char *name_of_type(enum dwn_type type)
{
    switch (type) {
    case DWN_STAND_ALONE: return "STAND_ALONE";
    case DWN_PARAMETER_CACHING: return "PARAMETER_CACHING";
    case DWN_EXECUTION_ONLY: return "EXECUTION_ONLY";
    }
    return "?";
}

const char *name_of_desc(enum dwn_desc desc)
{
    switch (desc) {
    case DWN_OUTPUT: return "OUTPUT";
    case DWN_INPUT: return "INPUT";
    case DWN_PARAMETER: return "PARAMETER";
    case DWN_SCRATCH: return "SCRATCH";
    }
    return "?";
}

const char *name_of_hint(enum dwn_hint_kind kind)
{
    switch (kind) {
    case DWN_HINT_DESCRIPTOR: return "DESCRIPTOR";
    case DWN_HINT_INSTRUCTION: return "INSTRUCTION";
    case DWN_HINT_INTERRUPT: return "INTERRUPT";
    case DWN_HINT_FENCE: return "FENCE";
    }
    return "?";
}

const char *name_of_data_type(enum dwn_data_type type)
{
    switch (type) {
    case DWN_U8: return "UINT8";
    case DWN_U16: return "UINT16";
    case DWN_I32: return "INT32";
    case DWN_BF16: return "BFLOAT16";
    case DWN_F16: return "FLOAT16";
    case DWN_F32: return "FLOAT32";
    case DWN_I8: return "INT8";
    case DWN_I16: return "INT16";
    }
    return "?";
}

void print_quoted(struct buf *out, const char *s)
{
    if (!s) {
        buf_text(out, "(none)");
        return;
    }
    buf_text(out, "\"");
    for (const uint8_t *p = (const uint8_t *)s; *p; p++)
        buf_text(out, *p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\' ? "\\x%02x" : "%c", *p);
    buf_text(out, "\"");
}

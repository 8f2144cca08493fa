/* Field numbers of the tables in a package.  Facts: Apache-licensed libedgetpu,
 * executable/executable.fbs; sizes in bytes behind the names. */
#ifndef DARWINN_SCHEMA_H
#define DARWINN_SCHEMA_H

enum {
    PACKAGE_MIN_RUNTIME = 0,      /* 4 */
    PACKAGE_MULTI_EXECUTABLE = 1, /* [ubyte] */
    PACKAGE_SIGNATURE = 2,        /* [ubyte] */
    PACKAGE_KEYPAIR = 3,          /* 4 */
    PACKAGE_COMPILER = 4,         /* string */
    PACKAGE_CHIP_ID = 5,          /* 4 */
    PACKAGE_MULTI_CHIP = 6,       /* vector of tables */
    PACKAGE_IDENTIFIER = 7,       /* string */

    MULTI_EXECUTABLES = 0, /* vector of strings, each an Executable buffer */

    EXECUTABLE_VERSION = 0,          /* 4 */
    EXECUTABLE_NAME = 1,             /* string */
    EXECUTABLE_SERIALIZED_MODEL = 2, /* [ubyte] */
    EXECUTABLE_BATCH_SIZE = 3,       /* 4 */
    EXECUTABLE_SCRATCH = 4,          /* 4 */
    EXECUTABLE_STREAMS = 5,          /* [InstructionBitstream] */
    EXECUTABLE_PARAMETERS = 6,       /* [ubyte] */
    EXECUTABLE_HINTS = 7,            /* DmaHints */
    EXECUTABLE_INPUTS = 8,           /* [Layer] */
    EXECUTABLE_OUTPUTS = 9,          /* [Layer] */
    EXECUTABLE_CHIP = 10,            /* string */
    EXECUTABLE_CYCLES = 11,          /* 4 */
    EXECUTABLE_NARROW = 12,          /* 4 */
    EXECUTABLE_TYPE = 13,            /* 2 */
    EXECUTABLE_TOKEN = 14,           /* 8 */
    EXECUTABLE_USE_DRAM = 15,        /* 1 */
    EXECUTABLE_CYCLES64 = 16,        /* 8 */

    STREAM_CODE = 0,    /* [ubyte] */
    STREAM_OFFSETS = 1, /* [FieldOffset] */

    FIELD_OFFSET_META = 0, /* Meta */
    FIELD_OFFSET_BIT = 1,  /* 4 */

    META_DESC = 0,     /* 2 */
    META_BATCH = 1,    /* 4 */
    META_NAME = 2,     /* string */
    META_POSITION = 3, /* 2: 0 lower, 1 upper half */

    HINTS_HINTS = 0,         /* [DmaHint] */
    HINTS_DETERMINISTIC = 1, /* 1 */

    HINT_KIND = 0,      /* 1 */
    HINT_UNION = 1,     /* one of the four tables */
    HINT_DIRECTION = 2, /* 2 */

    DESCRIPTOR_META = 0,   /* Meta */
    DESCRIPTOR_OFFSET = 1, /* 4 */
    DESCRIPTOR_SIZE = 2,   /* 4 */
    INSTRUCTION_CHUNK = 0, /* 4 */
    INTERRUPT_TYPE = 0,    /* 2 */

    LAYER_NAME = 0,            /* string */
    LAYER_SIZE = 1,            /* 4 */
    LAYER_Y = 2,               /* 4 */
    LAYER_X = 3,               /* 4 */
    LAYER_Z = 4,               /* 4 */
    LAYER_NUMERICS = 5,        /* NumericsConstants */
    LAYER_TYPE = 6,            /* 2 */
    LAYER_KIND = 7,            /* 1: LAYER_IS_OUTPUT, LAYER_IS_INPUT */
    LAYER_UNION = 8,           /* OutputLayer, InputLayer */
    LAYER_EXECUTION_COUNT = 9, /* 4 */
    LAYER_CACHE_ON_DRAM = 10,  /* 1 */
    LAYER_SHAPE = 11,          /* TensorShape */

    LAYER_IS_OUTPUT = 1,
    LAYER_IS_INPUT = 2,

    NUMERICS_ZERO_POINT = 0, /* 4 */
    NUMERICS_SCALE = 1,      /* float */

    OUTPUT_LAYOUT = 0,     /* OutputLayout: six vectors of int */
    OUTPUT_SHAPE_INFO = 2, /* OutputShapeInfo */

    SHAPE_DIMENSION = 0, /* [struct {int start, end}] */
};

#endif

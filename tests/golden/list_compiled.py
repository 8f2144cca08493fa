#!/usr/bin/env python3
"""Loads compiled models with the real TFLite interpreter and lists their operators, inputs and outputs.

usage: list_compiled.py MODEL_edgetpu.tflite...        needs: pip install ai-edge-litert (any version)

The interpreter has no delegate here, so it cannot run `edgetpu-custom-op`; that it reads the file, finds every operator and tensor and
agrees on shapes and types is what is checked.  Exit 1 where a file does not load.
"""
import sys

from ai_edge_litert.interpreter import Interpreter


def main(paths):
    failed = 0
    for path in paths:
        try:
            interpreter = Interpreter(model_path=path)
            operators = [o["op_name"] for o in interpreter._get_ops_details()]
            sides = [[(d["name"], [int(n) for n in d["shape"]], d["dtype"].__name__) for d in side]
                     for side in (interpreter.get_input_details(), interpreter.get_output_details())]
            print(path, operators, "in", sides[0], "out", sides[1])
        except (ValueError, RuntimeError) as error:
            print(path, "DOES NOT LOAD:", error)
            failed += 1
    print(f"{len(paths) - failed} of {len(paths)} files loaded and listed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

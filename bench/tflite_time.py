"""Best processor time in ms of a run of MODEL in the real TFLite interpreter, one thread: reference kernels, then the default ones
(XNNPACK where it takes the operator).  usage: tflite_time.py MODEL"""
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def best_ms(model, resolver):
    interpreter = Interpreter(model_path=model, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    random = np.random.default_rng(1)
    for detail in interpreter.get_input_details():
        low = -128 if detail["dtype"] == np.int8 else 0
        data = random.integers(low, low + 256, detail["shape"]).astype(detail["dtype"])
        interpreter.set_tensor(detail["index"], data)
    times = []
    while len(times) < 3 or (sum(times) < 1 and len(times) < 50):
        start = time.process_time()
        interpreter.invoke()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


print("%.3f %.3f" % tuple(best_ms(sys.argv[1], r) for r in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO)))

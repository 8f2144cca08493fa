#!/usr/bin/env python3
"""Makes the golden data of tests/interp: what the real TFLite interpreter computes with its reference kernels.

    python3 -m venv venv && venv/bin/pip install ai-edge-litert numpy
    venv/bin/python tests/golden/make_golden.py tests/golden

operators.bin: generated models of one operator each, with the interpreter's outputs.  Little-endian:
    u32 count; per case: u32 n, n bytes of name; u32 n, n bytes of .tflite; u64 seed of the inputs (interp_random);
    u32 outputs, per output: u32 n, n bytes.
fully_connected.bin: graphs of one FULLY_CONNECTED whose weights, biases and inputs come from the seed, so that only
parameters and a hash of the output are stored; tests/interp/test_golden.c builds the same graphs.  struct FC below.
"""
import struct
import sys

import ai_edge_litert
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
import flatbuffers
from flatbuffers import flexbuffers

M64 = (1 << 64) - 1
TYPES = {np.float32: 0, np.int32: 2, np.uint8: 3, np.int64: 4, np.bool_: 6, np.int16: 7, np.int8: 9}
NONE, RELU, RELU_N1, RELU6 = 0, 1, 2, 3
SAME, VALID = 0, 1


def splitmix(seed, n):
    """random_next() of src/base/bytes.h, n times."""
    with np.errstate(over='ignore'):
        z = np.uint64(seed & M64) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        return z ^ (z >> np.uint64(31))


def random_values(dtype, shape, seed, index):
    """interp_random() of src/interp/random.c."""
    z = splitmix(seed + index * 0xd1342543de82ef95, int(np.prod(shape)))
    t = np.dtype(dtype)
    if t == np.float32:
        v = (z >> np.uint64(40)).astype(np.float32) * np.float32(2 ** -23) - np.float32(1)
    elif t == np.bool_:
        v = (z >> np.uint64(63)).astype(np.bool_)
    else:
        v = (z >> np.uint64(64 - 8 * t.itemsize)).astype('u%d' % t.itemsize).view(t)
    return v.reshape(shape)


class Model:
    """One subgraph, built tensor by tensor."""

    def __init__(self):
        self.tensors, self.buffers, self.ops, self.codes = [], [schema.BufferT()], [], []
        self.inputs, self.outputs = [], []

    def tensor(self, dtype, shape, scale=None, zero=0, data=None, axis=0, variable=False):
        t = schema.TensorT()
        t.shape = [int(s) for s in shape]
        t.type = TYPES[np.dtype(dtype).type]
        t.name = 't%d' % len(self.tensors)
        t.isVariable = variable
        if scale is not None:
            q = schema.QuantizationParametersT()
            q.scale = [float(s) for s in np.atleast_1d(scale)]
            q.zeroPoint = [int(z) for z in np.broadcast_to(zero, np.atleast_1d(scale).shape)]
            q.quantizedDimension = axis
            t.quantization = q
        t.buffer = 0
        if data is not None:
            b = schema.BufferT()
            b.data = list(np.ascontiguousarray(data).tobytes())
            t.buffer = len(self.buffers)
            self.buffers.append(b)
        self.tensors.append(t)
        return len(self.tensors) - 1

    def constant(self, array, scale=None, zero=0, axis=0):
        array = np.asarray(array)
        return self.tensor(array.dtype, array.shape, scale, zero, array, axis)

    def input(self, *args, **kwargs):
        self.inputs.append(self.tensor(*args, **kwargs))
        return self.inputs[-1]

    def output(self, *args, **kwargs):
        self.outputs.append(self.tensor(*args, **kwargs))
        return self.outputs[-1]

    def op(self, name, inputs, outputs, options=None, version=1, intermediates=None, custom=None, **fields):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, 'CUSTOM' if custom else name)
        code.customCode = name if custom else None
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        o = schema.OperatorT()
        o.opcodeIndex = len(self.codes)
        self.codes.append(code)
        o.inputs, o.outputs = list(inputs), list(outputs)
        if intermediates:
            o.intermediates = intermediates
        if custom:
            o.customOptions = list(flexbuffers.Dumps(custom))
        if options:
            o.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            o.builtinOptions = getattr(schema, options + 'T')()
            for k, v in fields.items():
                assert hasattr(o.builtinOptions, k), k
                setattr(o.builtinOptions, k, v)
        self.ops.append(o)

    def bytes(self):
        g = schema.SubGraphT()
        g.tensors, g.inputs, g.outputs, g.operators = self.tensors, self.inputs, self.outputs, self.ops
        m = schema.ModelT()
        m.version, m.subgraphs, m.operatorCodes, m.buffers = 3, [g], self.codes, self.buffers
        b = flatbuffers.Builder(1024)
        b.Finish(m.Pack(b), b'TFL3')
        return bytes(b.Output())


def run(model, inputs):
    it = litert.Interpreter(model_content=model, num_threads=1,
                            experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    for d, v in zip(it.get_input_details(), inputs(it.get_input_details())):
        it.set_tensor(d['index'], v)
    it.invoke()
    return [it.get_tensor(d['index']) for d in it.get_output_details()]


# ---- single operators ----

class Cases:
    def __init__(self):
        self.rng = np.random.RandomState(20240607)
        self.cases = []

    def finish(self, name, m):
        model, seed = m.bytes(), 1000 + len(self.cases)
        outputs = run(model, lambda ds: [random_values(d['dtype'], d['shape'], seed, i) for i, d in enumerate(ds)])
        self.cases.append((name, model, seed, outputs))

    def scale(self, lo=0.01, hi=0.1):
        return np.float32(self.rng.uniform(lo, hi))

    def zero(self, dtype):
        return int(self.rng.randint(-20, 20)) + (128 if dtype == np.uint8 else 0)

    def act(self):
        return int(self.rng.choice([NONE, RELU, RELU6, RELU_N1]))

    def weights(self, m, dtype, shape, axis, per_channel):
        r = self.rng
        if dtype == np.uint8:
            return m.constant(r.randint(0, 256, shape).astype(dtype), self.scale(), int(r.randint(100, 156)))
        n = shape[axis] if per_channel else 1
        return m.constant(r.randint(-127, 128, shape).astype(dtype), r.uniform(0.001, 0.02, n).astype(np.float32), 0,
                          axis)

    def bias(self, m, n, x, w):
        """Its scale must be the product; for uint8 the interpreter checks it."""
        s = np.float32(m.tensors[x].quantization.scale[0]) * np.array(m.tensors[w].quantization.scale, np.float32)
        return m.constant(self.rng.randint(-20000, 20000, n).astype(np.int32), s.astype(np.float32), 0, 0)

    def quantised(self, dtype, shape, m, what='input', scale=None, zero=None):
        make = m.input if what == 'input' else m.output
        return make(dtype, shape, self.scale() if scale is None else scale,
                    self.zero(dtype) if zero is None else zero)

    # -- convolutions --

    def convolution(self, name, dtype, per_channel, bias=True):
        m, r = Model(), self.rng
        k, stride, dil = int(r.choice([1, 2, 3, 5])), int(r.choice([1, 2, 3])), int(r.choice([1, 1, 2]))
        stride = 1 if dil > 1 else stride
        h, w, cin, pad = int(r.randint(9, 14)), int(r.randint(9, 14)), int(r.randint(1, 9)), int(r.choice([SAME, VALID]))
        mult, cout = int(r.randint(1, 4)), int(r.randint(1, 9))
        x = self.quantised(dtype, (1, h, w, cin), m)
        depthwise = name == 'DEPTHWISE_CONV_2D'
        shape = (1, k, k, cin * mult) if depthwise else (cout, k, k, cin)
        axis = 3 if depthwise else 0
        wt = self.weights(m, dtype, shape, axis, per_channel)
        ins = [x, wt] + ([self.bias(m, shape[axis], x, wt)] if bias else [])
        reach = (k - 1) * dil + 1
        out = [-(-n // stride) if pad == SAME else (n - reach) // stride + 1 for n in (h, w)]
        y = self.quantised(dtype, (1, out[0], out[1], shape[axis]), m, 'output', self.scale(0.5, 3))
        f = dict(padding=pad, strideW=stride, strideH=stride, dilationWFactor=dil, dilationHFactor=dil,
                 fusedActivationFunction=self.act())
        if depthwise:
            f['depthMultiplier'] = mult
        m.op(name, ins, [y], 'DepthwiseConv2DOptions' if depthwise else 'Conv2DOptions', 3, **f)
        self.finish('%s %s k%d s%d d%d' % (name, np.dtype(dtype), k, stride, dil), m)

    def transpose_conv(self, dtype, per_channel):
        m, r = Model(), self.rng
        k, stride, pad = int(r.choice([2, 3, 4])), int(r.choice([1, 2])), int(r.choice([SAME, VALID]))
        h, w, cin, cout = 5, 4, int(r.randint(1, 6)), int(r.randint(1, 6))
        out = [n * stride if pad == SAME else (n - 1) * stride + k for n in (h, w)]
        x = self.quantised(dtype, (1, h, w, cin), m)
        wt = self.weights(m, dtype, (cout, k, k, cin), 0, per_channel)
        shape = m.constant(np.array([1, out[0], out[1], cout], np.int32))
        y = self.quantised(dtype, (1, out[0], out[1], cout), m, 'output', self.scale(0.5, 3))
        m.op('TRANSPOSE_CONV', [shape, wt, x, self.bias(m, cout, x, wt)], [y], 'TransposeConvOptions', 3, padding=pad,
             strideW=stride, strideH=stride)
        self.finish('TRANSPOSE_CONV %s k%d s%d' % (np.dtype(dtype), k, stride), m)

    # -- one input, same shape --

    def unary(self, name, dtype, shape, s_in, z_in, s_out, z_out, options=None, version=2, **fields):
        m = Model()
        x = m.input(dtype, shape, s_in, z_in) if s_in is not None else m.input(dtype, shape)
        y = m.output(dtype, shape, s_out, z_out) if s_out is not None else m.output(dtype, shape)
        m.op(name, [x], [y], options, version, **fields)
        self.finish('%s %s' % (name, np.dtype(dtype)), m)

    def convert(self, name, a, b, shape, qa, qb, options, **fields):
        m = Model()
        x, y = m.input(a, shape, *qa), m.output(b, shape, *qb)
        m.op(name, [x], [y], options, 2 if name == 'DEQUANTIZE' else 1, **fields)
        self.finish('%s %s %s' % (name, np.dtype(a), np.dtype(b)), m)

    # -- two inputs --

    def binary(self, name, dtype, s1, s2, same_quant=False, options=None, version=2, **fields):
        m = Model()
        q = (self.scale(), self.zero(dtype)) if same_quant else None
        out = tuple(max(a, b) for a, b in zip((1,) * (len(s2) - len(s1)) + s1, (1,) * (len(s1) - len(s2)) + s2))
        if np.issubdtype(dtype, np.floating) or dtype == np.int32:
            x1, x2, y = m.input(dtype, s1), m.input(dtype, s2), m.output(dtype, out)
        elif q:
            x1, x2, y = m.input(dtype, s1, *q), m.input(dtype, s2, *q), m.output(dtype, out, *q)
        else:
            x1, x2 = self.quantised(dtype, s1, m), self.quantised(dtype, s2, m)
            big = self.scale(0.3, 0.6) if name == 'SQUARED_DIFFERENCE' else self.scale()
            y = self.quantised(dtype, out, m, 'output', big)
        m.op(name, [x1, x2], [y], options, version, **fields)
        self.finish('%s %s' % (name, np.dtype(dtype)), m)

    # -- shapes and axes --

    def moved(self, name, dtype, shape, out, extra=(), options=None, version=2, quant=True, n_out=1, first=False,
              **fields):
        """x and constants -> outputs of one shape, one scale for all."""
        m = Model()
        q = (self.scale(), self.zero(dtype)) if quant else ()
        x = m.input(dtype, shape, *q)
        extra = [m.constant(np.array(e, np.int32)) for e in extra]
        outs = [m.output(dtype, out, *q) for _ in range(n_out)]
        m.op(name, extra + [x] if first else [x] + extra, outs, options, version, **fields)
        self.finish('%s %s' % (name, np.dtype(dtype)), m)

    def reduced(self, name, dtype, shape, axes, keep, same_quant, version=2):
        m = Model()
        axes_n = [a % len(shape) for a in axes]
        out = [1 if i in axes_n else n for i, n in enumerate(shape) if keep or i not in axes_n]
        q = (self.scale(), self.zero(dtype))
        q2 = q if same_quant else (self.scale() * (10 if name == 'SUM' else 1), self.zero(dtype))
        x, y = m.input(dtype, shape, *q), m.output(dtype, out, *q2)
        m.op(name, [x, m.constant(np.array(axes, np.int32))], [y], 'ReducerOptions', version, keepDims=keep)
        self.finish('%s %s %s' % (name, np.dtype(dtype), axes), m)

    def joined(self, dtype, shapes, axis, same_quant):
        m = Model()
        q = (self.scale(), self.zero(dtype))
        xs = [m.input(dtype, s, *(q if same_quant else (self.scale(), self.zero(dtype)))) for s in shapes]
        out = list(shapes[0])
        out[axis] = sum(s[axis] for s in shapes)
        y = m.output(dtype, out, *q)
        m.op('CONCATENATION', xs, [y], 'ConcatenationOptions', 2, axis=axis)
        self.finish('CONCATENATION %s' % np.dtype(dtype), m)

    # -- operators of their own kind --

    def lstm(self, batch, steps, n_input, n_cell, clip, time_major):
        m, r = Model(), self.rng
        x = m.input(np.int8, (steps, batch, n_input) if time_major else (batch, steps, n_input), 0.02, 5)
        s_h, z_h = 0.0078, -3

        def weights(columns, scale):
            return m.constant(r.randint(-127, 128, (n_cell, columns)).astype(np.int8), np.float32(scale))
        w = [weights(n_input, r.uniform(0.004, 0.01)) for _ in range(4)]
        h = [weights(n_cell, r.uniform(0.004, 0.01)) for _ in range(4)]
        b = [m.constant(r.randint(-9000, 9000, n_cell).astype(np.int32), 1e-4) for _ in range(4)]
        hidden = m.tensor(np.int8, (batch, n_cell), s_h, z_h, variable=True)
        cell = m.tensor(np.int16, (batch, n_cell), 2.0 ** -12, 0, variable=True)
        inner = [m.tensor(np.int16, (), 1.0, 0) for _ in range(4)] + [m.tensor(np.int8, (), 0.0075, -4)]
        y = m.output(np.int8, m.tensors[x].shape[:2] + [n_cell], s_h, z_h)
        m.op('UNIDIRECTIONAL_SEQUENCE_LSTM', [x] + w + h + [-1] * 3 + b + [-1, -1, hidden, cell] + [-1] * 4, [y],
             'UnidirectionalSequenceLSTMOptions', intermediates=inner, fusedActivationFunction=4, cellClip=clip,
             timeMajor=time_major)
        self.finish('LSTM %dx%d' % (n_input, n_cell), m)

    def detection(self, boxes, classes, background, **more):
        """float32 only: uint8 scores go through a kernel that differs between machines, and tie often."""
        m, r = Model(), self.rng
        ins = [m.input(np.float32, (1, boxes, 4)), m.input(np.float32, (1, boxes, classes + background)),
               m.constant(r.uniform(0.1, 0.9, (boxes, 4)).astype(np.float32))]
        ys = [m.output(np.float32, ()) for _ in range(4)]
        o = dict(max_detections=10, max_classes_per_detection=1, num_classes=classes, nms_score_threshold=0.1,
                 nms_iou_threshold=0.4, y_scale=10.0, x_scale=10.0, h_scale=5.0, w_scale=5.0)
        m.op('TFLite_Detection_PostProcess', ins, ys, custom=dict(o, **more))
        self.finish('DETECTION %s' % more, m)


def all_cases():
    c, q8 = Cases(), (np.int8, np.uint8)
    for name in ('CONV_2D', 'DEPTHWISE_CONV_2D'):
        for _ in range(6):
            c.convolution(name, np.int8, True)
            c.convolution(name, np.int8, False)
            c.convolution(name, np.uint8, False)
    c.convolution('DEPTHWISE_CONV_2D', np.int8, True, bias=False)
    for _ in range(3):
        c.transpose_conv(np.int8, True)
        c.transpose_conv(np.uint8, False)
    for t in q8:
        z = 0 if t == np.int8 else 128
        lo = -128 if t == np.int8 else 0
        for s in (0.02, 0.05, 0.1):
            c.unary('LOGISTIC', t, (1, 40, 9), s, c.zero(t), 1 / 256, lo)
            c.unary('TANH', t, (1, 40, 9), s, c.zero(t), 1 / 128, z)
            c.unary('SOFTMAX', t, (7, 31), s, c.zero(t), 1 / 256, lo, 'SoftmaxOptions', beta=1.0)
        c.unary('SOFTMAX', t, (2, 5, 10), 0.3, c.zero(t), 1 / 256, lo, 'SoftmaxOptions', beta=0.7)
        c.unary('SOFTMAX', t, (1, 1001), 0.17, c.zero(t), 1 / 256, lo, 'SoftmaxOptions', beta=1.0)
        for name, v in (('RELU', 2), ('RELU6', 2), ('RELU_N1_TO_1', 1)):
            c.unary(name, t, (1, 50, 6), 0.06, c.zero(t), 0.025, c.zero(t), version=v)
            c.unary(name, t, (1, 50, 6), 0.031, c.zero(t), 0.044, c.zero(t), version=v)
        c.unary('LEAKY_RELU', t, (1, 50, 6), 0.06, c.zero(t), 0.05, c.zero(t), 'LeakyReluOptions', alpha=0.3)
        c.unary('L2_NORMALIZATION', t, (1, 6, 20), 0.06, c.zero(t), 1 / 128, z, 'L2NormOptions')
        c.unary('L2_NORMALIZATION', t, (3, 1), 0.06, c.zero(t), 1 / 128, z, 'L2NormOptions')
        m = Model()
        x, a = c.quantised(t, (1, 5, 6, 4), m), c.weights(m, t, (1, 1, 4), 0, False)
        m.op('PRELU', [x, a], [c.quantised(t, (1, 5, 6, 4), m, 'output')])
        c.finish('PRELU %s' % np.dtype(t), m)
        for act in (NONE, RELU, RELU6):
            for name, o in (('ADD', 'AddOptions'), ('SUB', 'SubOptions'), ('MUL', 'MulOptions')):
                c.binary(name, t, (1, 9, 8, 5), (1, 9, 8, 5), options=o, fusedActivationFunction=act)
                c.binary(name, t, (1, 9, 8, 5), (1, 1, 1, 5), options=o, fusedActivationFunction=act)
        c.binary('ADD', t, (1, 3, 4, 5), (1,), options='AddOptions')
        c.binary('MAXIMUM', t, (1, 9, 8, 5), (1, 9, 8, 5), True, 'MaximumMinimumOptions')
        c.binary('MINIMUM', t, (1, 9, 8, 5), (1, 9, 8, 5), True, 'MaximumMinimumOptions')
        for name in ('AVERAGE_POOL_2D', 'MAX_POOL_2D'):
            for pad, k, s in ((SAME, 3, 2), (VALID, 3, 1), (VALID, 2, 2), (SAME, 5, 3)):
                out = [-(-n // s) if pad == SAME else (n - k) // s + 1 for n in (11, 9)]
                c.moved(name, t, (1, 11, 9, 4), (1, out[0], out[1], 4), options='Pool2DOptions', padding=pad, strideW=s,
                        strideH=s, filterWidth=k, filterHeight=k, fusedActivationFunction=c.act())
        for same in (True, False):
            c.reduced('MEAN', t, (1, 7, 6, 5), (1, 2), True, same)
            c.reduced('MEAN', t, (1, 7, 6, 5), (1, 2), False, same)
            c.reduced('MEAN', t, (1, 7, 6, 5), (3,), True, same)
            c.reduced('MEAN', t, (2, 33, 33, 3), (2, 1), True, same)
            if t == np.uint8:  # ai-edge-litert 2.3.0's reference SUM reads int8 as uint8
                c.reduced('SUM', t, (1, 7, 6, 5), (1, 2), True, same)
                c.reduced('SUM', t, (1, 7, 6, 5), (-1,), False, same)
        c.reduced('REDUCE_MAX', t, (1, 7, 6, 5), (1, 2), True, True)
        c.reduced('REDUCE_MIN', t, (1, 7, 6, 5), (3,), False, True)
        c.joined(t, [(1, 4, 5, 3), (1, 4, 5, 2)], 3, True)
        c.joined(t, [(1, 4, 5, 3), (1, 2, 5, 3), (1, 1, 5, 3)], 1, True)
        for (h, w), (oh, ow) in (((6, 7), (12, 14)), ((5, 5), (13, 9)), ((33, 20), (17, 33)), ((1, 1), (4, 4))):
            for f in (dict(), dict(alignCorners=True), dict(halfPixelCenters=True)):
                c.moved('RESIZE_BILINEAR', t, (1, h, w, 2), (1, oh, ow, 2), [[oh, ow]], 'ResizeBilinearOptions', 3, **f)
                c.moved('RESIZE_NEAREST_NEIGHBOR', t, (1, h, w, 2), (1, oh, ow, 2), [[oh, ow]],
                        'ResizeNearestNeighborOptions', 3, **f)
        c.moved('PAD', t, (1, 4, 5, 3), (1, 7, 8, 4), [[[0, 0], [1, 2], [3, 0], [0, 1]]], 'PadOptions')
        c.moved('SPACE_TO_DEPTH', t, (1, 6, 4, 3), (1, 3, 2, 12), options='SpaceToDepthOptions', blockSize=2)
        c.moved('DEPTH_TO_SPACE', t, (1, 3, 2, 12), (1, 6, 4, 3), options='DepthToSpaceOptions', version=1, blockSize=2)
        c.moved('SLICE', t, (1, 6, 4, 3), (1, 3, 4, 2), [[0, 2, 0, 1], [1, 3, -1, 2]], 'SliceOptions')
        c.moved('STRIDED_SLICE', t, (1, 6, 7, 3), (1, 3, 2, 3), [[0, 1, -1, 0], [1, 6, 0, 0], [1, 2, -4, 1]],
                'StridedSliceOptions', endMask=8)
        c.moved('STRIDED_SLICE', t, (2, 6, 7, 3), (6, 7), [[1, 0, 0, 2], [0, 0, 0, 3], [1, 1, 1, 1]],
                'StridedSliceOptions', beginMask=6, endMask=6, shrinkAxisMask=9)
        c.moved('TRANSPOSE', t, (1, 6, 4, 3), (3, 1, 4, 6), [[3, 0, 2, 1]], 'TransposeOptions')
        c.moved('SPLIT', t, (1, 6, 4, 3), (1, 3, 4, 3), [1], 'SplitOptions', n_out=2, first=True, numSplits=2)
        c.moved('UNPACK', t, (1, 3, 4), (1, 4), options='UnpackOptions', n_out=3, axis=1, num=3)
        c.moved('RESHAPE', t, (1, 6, 4), (2, 12), [[2, -1]], 'ReshapeOptions', 1, newShape=[2, 12])
        c.moved('EXPAND_DIMS', t, (1, 6, 4), (1, 6, 1, 4), [2], 'ExpandDimsOptions', 1)
        c.moved('SQUEEZE', t, (1, 6, 1, 4), (6, 4), options='SqueezeOptions', version=1, squeezeDims=[])
        c.moved('TILE', t, (2, 1, 3), (4, 3, 3), [[2, 3, 1]], 'TileOptions')
        c.moved('GATHER', t, (1, 6, 4), (1, 3, 4), [[5, 0, 2]], 'GatherOptions', axis=1)
        c.moved('GATHER_ND', t, (3, 6, 4), (2, 4), [[[2, 5], [0, 1]]], 'GatherNdOptions')
        c.convert('QUANTIZE', np.float32, t, (1, 300), (), (c.scale(0.005, 0.01), c.zero(t)), 'QuantizeOptions')
        c.convert('DEQUANTIZE', t, np.float32, (1, 300), (c.scale(), c.zero(t)), (), 'DequantizeOptions')
        for u in q8:
            c.convert('QUANTIZE', t, u, (1, 300), (c.scale(), c.zero(t)), (c.scale(), c.zero(u)), 'QuantizeOptions')
        m = Model()
        x = c.quantised(t, (1, 6, 9), m)
        y = m.output(np.int32, (1, 6))
        m.op('ARG_MAX', [x, m.constant(np.array(2, np.int32))], [y], 'ArgMaxOptions', 2, outputType=2)
        c.finish('ARG_MAX %s' % np.dtype(t), m)
    for s in (0.02, 0.05):
        c.unary('EXP', np.int8, (1, 40, 9), s, -128, 0.05, -128, version=2)
        c.unary('RSQRT', np.int8, (1, 40, 9), s, -128, 0.05, -128, version=2)
    c.binary('SQUARED_DIFFERENCE', np.int8, (1, 9, 8, 5), (1, 9, 8, 5))
    c.binary('SQUARED_DIFFERENCE', np.int8, (1, 9, 8, 5), (1, 1, 1, 1))
    c.joined(np.uint8, [(1, 4, 5, 3), (1, 4, 5, 2)], 3, False)
    c.convert('QUANTIZE', np.int16, np.int8, (1, 300), (0.0003, 0), (0.07, 3), 'QuantizeOptions')
    c.convert('QUANTIZE', np.int8, np.int16, (1, 300), (0.07, 3), (0.0003, 0), 'QuantizeOptions')
    c.convert('CAST', np.uint8, np.float32, (1, 30), (), (), 'CastOptions', inDataType=3, outDataType=0)
    c.convert('CAST', np.float32, np.int32, (1, 30), (), (), 'CastOptions', inDataType=0, outDataType=2)
    for name in ('ADD', 'SUB', 'MUL', 'DIV'):
        c.binary(name, np.float32, (1, 9, 5), (1, 1, 5), options=name.capitalize() + 'Options', version=1,
                 fusedActivationFunction=RELU6)
    for name in ('ADD', 'SUB', 'MUL'):
        c.binary(name, np.int32, (1, 9, 5), (1, 1, 5), options=name.capitalize() + 'Options', version=1)
    c.binary('FLOOR_DIV', np.int32, (1, 9, 5), (1, 9, 5))
    c.binary('FLOOR_MOD', np.int32, (1, 9, 5), (1, 9, 5))
    c.lstm(1, 9, 7, 5, 0.0, False)
    c.lstm(3, 6, 16, 21, 1.5, False)
    c.lstm(2, 5, 4, 8, 0.0, True)
    c.detection(60, 5, 1)
    c.detection(60, 5, 0, use_regular_nms=True)
    c.detection(40, 3, 1, use_regular_nms=True, detections_per_class=4)
    c.detection(60, 7, 1, max_classes_per_detection=3)
    for name in ('ABS', 'NEG', 'FLOOR', 'RELU', 'RELU6'):
        c.unary(name, np.float32, (3, 50), None, 0, None, 0, version=1)
    return c.cases


def write_cases(path, cases):
    with open(path, 'wb') as f:
        def block(data):
            f.write(struct.pack('<I', len(data)) + data)
        f.write(struct.pack('<I', len(cases)))
        for name, model, seed, outputs in cases:
            block(name.encode())
            block(model)
            f.write(struct.pack('<QI', seed, len(outputs)))
            for o in outputs:
                block(o.tobytes())


# ---- FULLY_CONNECTED by seed ----

FC = struct.Struct('<QIIIBBBBffiiQ')  # seed, batch, depth, units, uint8, per_channel, bias, activation, s_in, s_out,
#                                       z_in, z_out, FNV-1a hash of the output
WEIGHTS, BIASES, SCALES = 1, 2, 3     # index of the random stream; 0: the input


def fnv(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = ((h ^ b) * 0x100000001b3) & M64
    return h


def fully_connected(i):
    r = np.random.RandomState(5000 + i)
    seed, batch = 77000 + i, int(r.choice([1, 1, 1, 2, 5]))
    depth, units = int(r.randint(1, 300)), int(r.randint(1, 200))
    if i % 20 == 0:
        depth, units = int(r.choice([1, 1023, 4096])), int(r.choice([1, 64, 257]))
    dtype = np.uint8 if i % 4 == 0 else np.int8
    per_channel, bias = dtype == np.int8 and i % 4 != 1, i % 3 != 0
    act = [NONE, RELU, RELU6][i % 3 if i % 2 else (i // 3) % 3]
    s_in, s_out = np.float32(r.uniform(0.005, 0.1)), np.float32(r.uniform(0.05, 0.5) * np.sqrt(depth))
    z_in, z_out = (int(r.randint(-128, 128)) + (128 if dtype == np.uint8 else 0) for _ in range(2))
    z_w = int(splitmix(seed, 1)[0] >> np.uint64(60)) + 120 if dtype == np.uint8 else 0
    n = units if per_channel else 1
    k = (splitmix(seed + SCALES * 0xd1342543de82ef95, n) >> np.uint64(40)).astype(np.float32)
    scales = np.float32(2 ** -7) * (np.float32(0.5) + k * np.float32(2 ** -24))
    m = Model()
    x = m.input(dtype, (batch, depth), s_in, z_in)
    w = m.constant(random_values(dtype, (units, depth), seed, WEIGHTS), scales, z_w)
    ins = [x, w]
    if bias:
        b = random_values(np.int16, (units,), seed, BIASES).astype(np.int32)
        ins.append(m.constant(b, (s_in * scales).astype(np.float32)))
    y = m.output(dtype, (batch, units), s_out, z_out)
    m.op('FULLY_CONNECTED', ins, [y], 'FullyConnectedOptions', 4, fusedActivationFunction=act)
    out = run(m.bytes(), lambda ds: [random_values(dtype, (batch, depth), seed, 0)])[0]
    return FC.pack(seed, batch, depth, units, dtype == np.uint8, per_channel, bias, act, s_in, s_out, z_in, z_out,
                   fnv(out.tobytes()))


def main():
    out = sys.argv[1]
    write_cases(out + '/operators.bin', all_cases())
    with open(out + '/fully_connected.bin', 'wb') as f:
        f.writelines(fully_connected(i) for i in range(200))
    print('made with ai-edge-litert', getattr(ai_edge_litert, '__version__', '?'), 'numpy', np.__version__)


if __name__ == '__main__':
    main()

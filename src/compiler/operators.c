#include "compiler/operators.h"

static const struct operator_rule rules[] = {
    {.code = TFL_OP_ADD, .support = support_binary, .lower = lower_binary, .either = true},
    {.code = TFL_OP_AVERAGE_POOL_2D, .support = support_pool, .lower = lower_pool, .image = true},
    {.code = TFL_OP_CONCATENATION, .support = support_join, .lower = lower_join, .either = true, .vectors = true},
    {.code = TFL_OP_CONV_2D, .support = support_conv, .lower = lower_conv, .image = true},
    {.code = TFL_OP_DEPTHWISE_CONV_2D, .support = support_conv, .lower = lower_conv, .image = true},
    {.code = TFL_OP_DEPTH_TO_SPACE, .support = support_move, .lower = lower_move, .image = true},
    {.code = TFL_OP_EXPAND_DIMS, .support = support_reshape, .lower = lower_reshape},
    {.code = TFL_OP_FULLY_CONNECTED, .support = support_fully_connected, .lower = lower_fully_connected},
    {.code = TFL_OP_LOGISTIC, .support = support_unary, .lower = lower_unary, .either = true},
    {.code = TFL_OP_MAX_POOL_2D, .support = support_pool, .lower = lower_pool, .image = true},
    {.code = TFL_OP_MEAN, .support = support_pool, .lower = lower_pool, .image = true},
    {.code = TFL_OP_MUL, .support = support_binary, .lower = lower_binary, .either = true},
    {.code = TFL_OP_PAD, .support = support_move, .lower = lower_pad, .image = true},
    {.code = TFL_OP_PADV2, .support = support_move, .lower = lower_pad, .image = true},
    {.code = TFL_OP_QUANTIZE, .support = support_unary, .lower = lower_unary, .either = true},
    {.code = TFL_OP_REDUCE_MAX, .support = support_pool, .lower = lower_pool, .image = true},
    {.code = TFL_OP_RELU, .support = support_unary, .lower = lower_unary, .either = true},
    {.code = TFL_OP_RELU6, .support = support_unary, .lower = lower_unary, .either = true},
    {.code = TFL_OP_RELU_N1_TO_1, .support = support_unary, .lower = lower_unary, .either = true},
    {.code = TFL_OP_RESHAPE, .support = support_reshape, .lower = lower_reshape},
    {.code = TFL_OP_RESIZE_NEAREST_NEIGHBOR, .support = support_move, .lower = lower_move, .image = true},
    {.code = TFL_OP_SLICE, .support = support_move, .lower = lower_move, .either = true},
    {.code = TFL_OP_SOFTMAX, .support = support_softmax, .lower = lower_softmax},
    {.code = TFL_OP_SPACE_TO_DEPTH, .support = support_move, .lower = lower_move, .image = true},
    {.code = TFL_OP_SPLIT, .support = support_move, .lower = lower_move, .either = true},
    {.code = TFL_OP_SPLIT_V, .support = support_move, .lower = lower_move, .either = true},
    {.code = TFL_OP_SQUEEZE, .support = support_reshape, .lower = lower_reshape},
    {.code = TFL_OP_STRIDED_SLICE, .support = support_move, .lower = lower_move, .either = true},
    {.code = TFL_OP_SUB, .support = support_binary, .lower = lower_binary, .either = true},
    {.code = TFL_OP_SUM, .support = support_pool, .lower = lower_pool, .image = true},
    {.code = TFL_OP_TANH, .support = support_unary, .lower = lower_unary, .either = true},
};

const struct operator_rule *operator_rule_of(enum tfl_builtin code)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].code == code)
            return &rules[i];
    return NULL;
}

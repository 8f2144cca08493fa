#include "compiler/operators.h"

static const struct operator_rule rules[] = {
    {TFL_OP_AVERAGE_POOL_2D, support_pool, lower_pool, true},
    {TFL_OP_MAX_POOL_2D, support_pool, lower_pool, true},
    {TFL_OP_MEAN, support_pool, lower_pool, true},
    {TFL_OP_REDUCE_MAX, support_pool, lower_pool, true},
    {TFL_OP_SUM, support_pool, lower_pool, true},
    {TFL_OP_CONCATENATION, support_concatenation, lower_concatenation, false},
    {TFL_OP_CONV_2D, support_conv, lower_conv, true},
    {TFL_OP_DEPTHWISE_CONV_2D, support_conv, lower_conv, true},
    {TFL_OP_FULLY_CONNECTED, support_fully_connected, lower_fully_connected, false},
    {TFL_OP_EXPAND_DIMS, support_reshape, lower_reshape, false},
    {TFL_OP_QUANTIZE, support_quantize, NULL, false},
    {TFL_OP_RESHAPE, support_reshape, lower_reshape, false},
    {TFL_OP_SOFTMAX, support_softmax, lower_softmax, false},
    {TFL_OP_SQUEEZE, support_reshape, lower_reshape, false},
};

const struct operator_rule *operator_rule_of(enum tfl_builtin code)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].code == code)
            return &rules[i];
    return NULL;
}

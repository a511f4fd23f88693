"""Networks: `Module` and its parameters in `module`, the layers in `layers`."""

from .layers import (
    GELU,
    SELU,
    Flatten,
    Identity,
    Linear,
    LogSoftmax,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    fan_in_uniform,
)
from .module import Module, Noise, NotInitialised, Parameter, noise_on

__all__ = ["GELU", "SELU", "Flatten", "Identity", "Linear", "LogSoftmax", "Module", "Noise",
           "NotInitialised", "Parameter", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh",
           "fan_in_uniform", "noise_on"]

"""Networks: `Module` and its parameters in `module`, the layers in `layers`."""

from .layers import Flatten, Linear, ReLU, Sequential, Sigmoid, Tanh, fan_in_uniform
from .module import Module, Noise, NotInitialised, Parameter, noise_on

__all__ = ["Flatten", "Linear", "Module", "Noise", "NotInitialised", "Parameter", "ReLU",
           "Sequential", "Sigmoid", "Tanh", "fan_in_uniform", "noise_on"]

"""Layers without noise, under PyTorch's names and argument order."""

import math
from functools import partial

from ..arguments import count, describe, flag, floating, number, option, room
from ..functional import gelu, linear, log_softmax, relu, selu, sigmoid, softmax, tanh
from ..noise import gaussian, uniform
from ..xp import array_module
from .module import Module, Parameter


def fan_in_uniform(fan_in):
    """The rule U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's for linear and convolution layers."""
    return partial(_symmetric, 1 / math.sqrt(count(fan_in, "fan_in")))


def _symmetric(bound, rng, shape):
    return (uniform(rng, shape) * 2 - 1) * bound


def glorot_uniform(fan_in, fan_out):
    """The rule U(-b, b) with b = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot, Bengio, AISTATS 2010, equation 16.
    """
    return partial(_symmetric, math.sqrt(6 / (count(fan_in, "fan_in") + count(fan_out, "fan_out"))))


def constant(value):
    """The rule that starts every entry at `value`."""
    return partial(_filled, number(value, "value", least=-math.inf))


def _filled(value, rng, shape):
    return array_module().full(shape, value, "float32")


def he_normal(fan_in):
    """The rule N(0, 2 / fan_in), which keeps the scale of activations through layers with ReLU.

    Source: He, Zhang, Ren, Sun, arXiv:1502.01852 (2015), section 2.2.
    """
    return partial(_normal, math.sqrt(2 / count(fan_in, "fan_in")))


def normal(deviation):
    """The rule N(0, deviation^2)."""
    return partial(_normal, number(deviation, "deviation"))


def _normal(deviation, rng, shape):
    return gaussian(rng, shape) * deviation


class Linear(Module):
    """y = x W^T + b, with weight (n_out, n_in) and bias (n_out,), for x (N, n_in).

    >>> import numpy as np
    >>> Linear(3, 2).init(seed=0)(np.ones((5, 3), "float32")).shape
    (5, 2)
    """

    def __init__(self, n_in, n_out, bias=True):
        self.n_in, self.n_out = count(n_in, "n_in"), count(n_out, "n_out")
        room(self.n_in * self.n_out, "n_in and n_out", each=4)
        self.weight = Parameter((n_out, n_in), fan_in_uniform(n_in))
        self.bias = Parameter((n_out,), fan_in_uniform(n_in)) if flag(bias, "bias") else None

    def forward(self, x):
        return self.compute(x, self.weight, self.bias)

    def compute(self, x, weight, bias):
        """The layer with another weight and bias in the place of its own."""
        return linear(x, weight, bias)


class ReLU(Module):
    """max(x, 0)."""

    channelwise = True

    def forward(self, x):
        return relu(floating(x))


class Tanh(Module):
    """tanh x."""

    channelwise = True

    def forward(self, x):
        return tanh(floating(x))


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    channelwise = True

    def forward(self, x):
        return sigmoid(floating(x))


class GELU(Module):
    """x times the chance that a standard normal is below x; in the tanh form, or exactly ("none").

    >>> import numpy as np
    >>> GELU()(np.array([-1.0, 1.0])).round(4)
    array([-0.1588,  0.8412])
    """

    channelwise = True

    def __init__(self, approximate="tanh"):
        self.approximate = option(approximate, "approximate", ("tanh", "none"))

    def forward(self, x):
        return gelu(x, self.approximate)


class SELU(Module):
    """lambda x above 0, lambda alpha (e^x - 1) below."""

    channelwise = True

    def forward(self, x):
        return selu(x)


class Softmax(Module):
    """e^x_k / sum_j e^x_j over the last axis."""

    def forward(self, x):
        return softmax(x)


class LogSoftmax(Module):
    """x - ln sum_k e^x_k over the last axis."""

    def forward(self, x):
        return log_softmax(x)


class Identity(Module):
    """x itself: the place of a layer that is left out."""

    channelwise = True

    def forward(self, x):
        return x


class Flatten(Module):
    """(N, ...) to (N, the product of the rest)."""

    def forward(self, x):
        if not getattr(x, "ndim", 0):
            raise TypeError(f"x must be an array with a row for each example, got {describe(x)}")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Sequential(Module):
    """Layers one after the other, named by kind and count (linear1, relu1, dropout1) or by keyword.

    >>> [path for path, _ in Sequential(Linear(2, 3), ReLU(), last=Linear(3, 1)).named_parameters()]
    ['linear1.weight', 'linear1.bias', 'last.weight', 'last.bias']
    """

    def __init__(self, *layers, **named):
        counts: dict[str, int] = {}
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layers[{i}] must be a Module, got {describe(layer)}")
            kind = type(layer).__name__.lower()
            counts[kind] = counts.get(kind, 0) + 1
            self._set(f"{kind}{counts[kind]}", layer)
        for name, layer in named.items():
            self._set(name, layer)

    def _set(self, name, layer):
        if not isinstance(layer, Module):
            raise TypeError(f"{name} must be a Module, got {describe(layer)}")
        if name[0] == "_" or hasattr(self, name):
            raise ValueError(f"{name!r} cannot name a layer: it is taken or starts with '_'")
        setattr(self, name, layer)

    @property
    def layers(self):
        """The layers in order."""
        return [layer for layer in vars(self).values() if isinstance(layer, Module)]

    def __len__(self): return len(self.layers)
    def __iter__(self): return iter(self.layers)
    def __getitem__(self, i): return self.layers[i]

    def forward(self, x):
        for name, layer in vars(self).items():
            if isinstance(layer, Module):
                try:
                    x = layer(x)
                except (ValueError, TypeError) as error:
                    error.add_note(f"in the layer {name}: {type(layer).__name__}")
                    raise
        return x

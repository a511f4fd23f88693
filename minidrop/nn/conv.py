"""Convolution and pooling as layers, for images (N, C, H, W)."""

import math

from ..arguments import count, flag, has_channels, pair, room
from ..functional import avg_pool2d, conv2d, global_avg_pool2d, max_pool2d
from ..functional.images import at_most_half
from .layers import fan_in_uniform
from .module import Module, Parameter


class Conv2d(Module):
    """`n_out` filters of `size` over `n_in` channels, as PyTorch's: weight, and bias if asked for.

    weight (n_out, n_in / groups, kh, kw), bias (n_out,); both start uniform between -1 / sqrt(n)
    and 1 / sqrt(n), where n = n_in / groups * kh * kw inputs make an output.

    >>> import numpy as np
    >>> Conv2d(3, 8, 3, padding=1).init(seed=0)(np.ones((2, 3, 32, 32), "float32")).shape
    (2, 8, 32, 32)
    """

    def __init__(self, n_in, n_out, size, stride=1, padding=0, groups=1, bias=True):
        self.n_in, self.n_out = count(n_in, "n_in"), count(n_out, "n_out")
        self.size, self.stride = pair(size, "size"), pair(stride, "stride")
        self.padding, self.groups = pair(padding, "padding", least=0), count(groups, "groups")
        if n_in % groups or n_out % groups:
            raise ValueError(f"groups must divide n_in = {n_in} and n_out = {n_out}, got {groups}")
        shape = (self.n_out, self.n_in // self.groups, *self.size)
        rule = fan_in_uniform(shape[1] * shape[2] * shape[3])
        room(math.prod(shape), "n_in, n_out and size", each=4)
        self.weight = Parameter(shape, rule)
        self.bias = Parameter((n_out,), rule) if flag(bias, "bias") else None

    def forward(self, x):
        return self.compute(x, self.weight, self.bias)

    def compute(self, x, weight, bias):
        """The layer with another weight and bias in the place of its own."""
        has_channels(x, self.n_in)
        return conv2d(x, weight, bias, self.stride, self.padding, self.groups)


class _Pool(Module):
    def __init__(self, size, stride=None, padding=0):
        self.size = pair(size, "size")
        self.padding = at_most_half(pair(padding, "padding", least=0), self.size)
        self.stride = self.size if stride is None else pair(stride, "stride")


class MaxPool2d(_Pool):
    """The largest entry of each window of `size`, every `stride` (by default the size)."""

    def forward(self, x):
        return max_pool2d(x, self.size, self.stride, self.padding)


class AvgPool2d(_Pool):
    """The mean of each window of `size`, every `stride` (by default the size)."""

    def forward(self, x):
        return avg_pool2d(x, self.size, self.stride, self.padding)


class GlobalAvgPool2d(Module):
    """The mean of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, x):
        return global_avg_pool2d(x)

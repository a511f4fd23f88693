"""Layers of a vision transformer: patches become tokens, and tokens attend to each other."""

import math

from ..arguments import count, floating, pair
from ..functional import attention, linear, patches
from ..noise import uniform
from .layers import Linear, constant, fan_in_uniform
from .module import Module, Parameter


def _glorot(rng, shape):
    """U(-b, b) with b = sqrt(6 / (in + out)): Glorot & Bengio 2010."""
    return (uniform(rng, shape) * 2 - 1) * math.sqrt(6 / sum(shape))


class PatchEmbedding(Module):
    """Images (N, C, H, W) to tokens (N, T, width), one for each patch, row by row.

    The parameters are those of the convolution with the same stride and size, weight
    (width, n_in, h, w) and bias (width,); `patch` is a whole number or a pair (h, w).

    Source: Dosovitskiy et al. 2021, section 3.1.

    >>> import numpy as np
    >>> PatchEmbedding(3, 8, patch=4).init(seed=0)(np.ones((2, 3, 32, 32), "float32")).shape
    (2, 64, 8)
    """

    def __init__(self, n_in, width, patch):
        self.n_in, self.width = count(n_in, "n_in"), count(width, "width")
        self.patch = pair(patch, "patch")
        n = n_in * math.prod(self.patch)
        self.weight = Parameter((width, n_in, *self.patch), fan_in_uniform(n))
        self.bias = Parameter((width,), fan_in_uniform(n))

    def forward(self, x):
        if len(x.shape) == 4 and x.shape[1] != self.n_in:
            raise ValueError(f"x must have shape (N, {self.n_in}, H, W), got {x.shape}")
        tokens = patches(x, self.patch)
        return linear(tokens, self.weight.reshape(self.width, -1), self.bias)  # Eq. (attention.3)


class MultiHeadAttention(Module):
    """Self-attention in several heads, tokens (N, T, width) to tokens (N, T, width).

    Weights lie as in PyTorch: in_proj_weight (3 width, width) holds the maps to queries, keys and
    values, in_proj_bias (3 width,), and out_proj is a Linear.  They start as in PyTorch, the biases
    at 0.  `heads` divides the width.

    Source: Vaswani et al. 2017, section 3.2.2.

    >>> import numpy as np
    >>> MultiHeadAttention(8, heads=2).init(seed=0)(np.ones((4, 5, 8), "float32")).shape
    (4, 5, 8)
    """

    def __init__(self, width, heads):
        self.width, self.heads = count(width, "width"), count(heads, "heads")
        if width % heads:
            raise ValueError(f"heads must divide the width {width}, got {heads}")
        self.in_proj_weight = Parameter((3 * width, width), _glorot)
        self.in_proj_bias = Parameter((3 * width,), constant(0))
        self.out_proj = Linear(width, width)
        self.out_proj.bias = Parameter((width,), constant(0))

    def forward(self, x):
        if floating(x).ndim != 3 or x.shape[-1] != self.width or 0 in x.shape:
            raise ValueError(f"x must have shape (N, T, {self.width}), got {x.shape}")
        n, t, width = x.shape
        packed = linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = packed.reshape(n, t, 3, self.heads, -1).transpose(2, 0, 3, 1, 4)
        heads = attention(q, k, v)                            # (N, heads, T, width / heads)
        joined = heads.transpose(0, 2, 1, 3).reshape(n, t, width)
        return self.out_proj(joined)                                      # Eq. (attention.2)

"""Layers that mix tokens: patches become tokens, which attend to each other or meet in a sum."""

import math

from ..arguments import count, flag, floating, pair, room
from ..functional import attention_weights, linear, patches
from ..ops.attention import apart, self_attention
from ..ops.shape import scatter
from .layers import Identity, Linear, constant, fan_in_uniform, glorot_uniform, normal
from .module import Module, Parameter


class PatchEmbedding(Module):
    """Images (N, C, H, W) to tokens (N, T, width), one for each patch, row by row.

    The parameters are those of the convolution with the same stride and size, weight
    (width, n_in, h, w) and bias (width,); `patch` is a whole number or a pair (h, w), and so is
    `size`, that of the images, if only one fits what comes behind.

    Source: Dosovitskiy et al. 2021, section 3.1.

    >>> import numpy as np
    >>> PatchEmbedding(3, 8, patch=4).init(seed=0)(np.ones((2, 3, 32, 32), "float32")).shape
    (2, 64, 8)
    """

    def __init__(self, n_in, width, patch, size=None):
        self.n_in, self.width = count(n_in, "n_in"), count(width, "width")
        self.patch = pair(patch, "patch")
        self.size = None if size is None else pair(size, "size")
        if any(n % k for n, k in zip(self.size or (), self.patch, strict=False)):
            raise ValueError(f"size must be whole patches of {self.patch}, got {self.size}")
        n = self.n_in * math.prod(self.patch)
        room(n * self.width, "n_in, width and patch", each=4)
        self.weight = Parameter((width, n_in, *self.patch), fan_in_uniform(n))
        self.bias = Parameter((width,), fan_in_uniform(n))

    def forward(self, x):
        if floating(x).ndim == 4 and x.shape[1] != self.n_in:
            raise ValueError(f"x must have shape (N, {self.n_in}, H, W), got {x.shape}")
        if x.ndim == 4 and self.size not in (None, x.shape[2:]):
            raise ValueError("x must be images of {} x {}, got {} x {}".format(*self.size,
                                                                               *x.shape[2:]))
        tokens = patches(x, self.patch)
        return linear(tokens, self.weight.reshape(self.width, -1), self.bias)  # Eq. (attention.3)


class PositionEmbedding(Module):
    """Tokens (N, T, width) plus a vector for each position, which is learned: weight (T, width).

    With `class_token` a token of its own, the same for all images, comes before the others: (N, T,
    width) to (N, T + 1, width), with weight (T + 1, width) and token (width,).  All start normal
    with deviation 0.02.

    Source: Dosovitskiy et al. 2021, section 3.1, equation 1.

    >>> import numpy as np
    >>> PositionEmbedding(64, 8).init(seed=0)(np.ones((2, 64, 8), "float32")).shape
    (2, 65, 8)
    """

    def __init__(self, tokens, width, class_token=True):
        self.tokens, self.width = count(tokens, "tokens"), count(width, "width")
        first = int(flag(class_token, "class_token"))
        self.token = Parameter((width,), normal(0.02)) if class_token else None
        self.weight = Parameter((tokens + first, width), normal(0.02))

    def forward(self, x):
        if floating(x).shape[1:] != (self.tokens, self.width):
            raise ValueError(f"x must have shape (N, {self.tokens}, {self.width}), got {x.shape}")
        if self.token is None:
            return x + self.weight
        shape = self.weight.shape
        x = scatter(x, index=(slice(None), slice(1, None)), shape=(len(x), *shape))
        return x + (self.weight + scatter(self.token, index=0, shape=shape))


class TokenLinear(Module):
    """Sums over the tokens, alike in every channel: (N, n_in, width) to (N, n_out, width).

    y = W x + b with weight (n_out, n_in) and bias (n_out,): a Linear along the axis of the tokens.

    Source: Tolstikhin et al. 2021 (arXiv:2105.01601), section 2: half of token mixing.

    >>> import numpy as np
    >>> TokenLinear(64, 96).init(seed=0)(np.ones((2, 64, 8), "float32")).shape
    (2, 96, 8)
    """

    def __init__(self, n_in, n_out):
        self.n_in, self.n_out = count(n_in, "n_in"), count(n_out, "n_out")
        room(self.n_in * self.n_out, "n_in and n_out", each=4)
        self.weight = Parameter((n_out, n_in), fan_in_uniform(n_in))
        self.bias = Parameter((n_out,), fan_in_uniform(n_in))

    def forward(self, x):
        if floating(x).ndim != 3 or x.shape[1] != self.n_in:
            raise ValueError(f"x must have shape (N, {self.n_in}, width), got {x.shape}")
        return self.weight @ x + self.bias.reshape(-1, 1)


class FirstToken(Module):
    """Tokens (N, T, width) to the first of them, (N, width)."""

    def forward(self, x):
        return _tokens(x)[:, 0]


class MeanToken(Module):
    """Tokens (N, T, width) to their mean, (N, width)."""

    def forward(self, x):
        return _tokens(x).mean(1)


def _tokens(x):
    if floating(x).ndim != 3 or 0 in x.shape:
        raise ValueError(f"x must have shape (N, T, width), not empty, got {x.shape}")
    return x


class MultiHeadAttention(Module):
    """Self-attention in several heads, tokens (N, T, width) to tokens (N, T, width).

    Weights lie as in PyTorch: in_proj_weight (3 width, width) holds the maps to queries, keys and
    values, in_proj_bias (3 width,), and out_proj is a Linear.  They start as in PyTorch, the biases
    at 0.  `heads` divides the width.  `drop` is a place for dropout of the attention weights
    (N, heads, T, T), behind the softmax; while it is empty the heads are computed at once, which
    differs in the last bits.

    Source: Vaswani et al. 2017, section 3.2.2.

    >>> import numpy as np
    >>> MultiHeadAttention(8, heads=2).init(seed=0)(np.ones((4, 5, 8), "float32")).shape
    (4, 5, 8)
    """

    def __init__(self, width, heads):
        self.width, self.heads = count(width, "width"), count(heads, "heads")
        width, heads = self.width, self.heads
        if width % heads:
            raise ValueError(f"heads must divide the width {width}, got {heads}")
        room(3 * width * width, "width", each=4)
        self.in_proj_weight = Parameter((3 * width, width), glorot_uniform(width, 3 * width))
        self.in_proj_bias = Parameter((3 * width,), constant(0))
        self.drop = Identity()
        self.out_proj = Linear(width, width)
        self.out_proj.bias = Parameter((width,), constant(0))

    def forward(self, x):
        if floating(x).ndim != 3 or x.shape[-1] != self.width or 0 in x.shape:
            raise ValueError(f"x must have shape (N, T, {self.width}), got {x.shape}")
        packed = linear(x, self.in_proj_weight, self.in_proj_bias)
        if getattr(self.drop.forward, "__func__", None) is Identity.forward:  # empty, not watched
            return self.out_proj(self_attention(packed, heads=self.heads))
        q, k, v = apart(packed, self.heads)
        heads = self.drop(attention_weights(q, k)) @ v                    # Eq. (attention.1)
        joined = heads.transpose(0, 2, 1, 3).reshape(*x.shape)
        return self.out_proj(joined)                                      # Eq. (attention.2)

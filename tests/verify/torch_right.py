"""Modules and functions of PyTorch that are right, in several styles."""

import torch
from torch import nn
from torch.nn import functional

from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
ROWS = {"mode": "row", "scaling": "inverted"}
LOWEST = -1.7580993408473766
right("dropout", name="nn.Dropout")(nn.Dropout)
right("dropout", name="functional.dropout")(functional.dropout)
right("spatial", name="nn.Dropout2d")(nn.Dropout2d)
right("alpha", name="nn.AlphaDropout")(nn.AlphaDropout)
right("alpha", name="nn.FeatureAlphaDropout", options={"feature": True})(nn.FeatureAlphaDropout)


@right("dropout")
class SelectingDropout(nn.Module):
    """A module that selects by torch.where."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        """x / q or 0."""
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand(x.shape, dtype=x.dtype) >= self.p
        return torch.where(keep, x / (1 - self.p), torch.zeros_like(x))


class Masked(torch.autograd.Function):
    """x times mask times scale, with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, mask, scale):
        """Keeps the mask."""
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return x * mask * scale

    @staticmethod
    def backward(ctx, g):
        """g times the same."""
        mask, = ctx.saved_tensors
        return g * mask * ctx.scale, None, None


@right("dropout")
class DropoutByAFunction(nn.Module):
    """A module around an autograd function that keeps its mask."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        """The function, while training."""
        if not self.training:
            return x
        mask = torch.empty_like(x).bernoulli_(1 - self.p)
        return Masked.apply(x, mask, 1 / (1 - self.p) if self.p < 1 else 0.0)


@right("dropout")
def dropout_with_a_generator(x, p, training, generator=None):
    """A function that draws from a generator it is given."""
    if not training:
        return x
    mask = torch.rand(x.shape, generator=generator) < 1 - p
    return x * mask * (1 / (1 - p) if p < 1 else 0.0)


@right("gaussian")
class GaussianModule(nn.Module):
    """Normal factors, drawn as the input's own kind."""

    def __init__(self, p=0.5):
        super().__init__()
        self.sigma = (p / (1 - p)) ** 0.5

    def forward(self, x):
        """x times noise."""
        return x * (1 + self.sigma * torch.randn_like(x)) if self.training else x


@right("spatial")
class ChannelDropout(nn.Module):
    """Maps are dropped by a mask (N, C, 1, 1)."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        """x times a mask for each map."""
        if not self.training:
            return x
        mask = x.new_empty(*x.shape[:2], *[1] * (x.dim() - 2)).bernoulli_(1 - self.p)
        return x * mask * (1 / (1 - self.p) if self.p < 1 else 0.0)


@right("stochastic_depth", options=ROWS)
class DropPath(nn.Module):
    """A gate for each example, divided by q."""

    def __init__(self, drop_prob=0.0):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        """x times a gate for each example."""
        q = 1 - self.drop_prob
        if not self.training or q == 1:
            return x
        gate = x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(q)
        return x * (gate / q if q else gate)


@right("dropblock")
class DropBlock2d(nn.Module):
    """Blocks by pooling: seeds where blocks fit, padded on both sides."""

    def __init__(self, p, block_size):
        super().__init__()
        self.p, self.block_size = p, block_size

    def forward(self, x):
        """What is kept, times as many entries as there are for one kept."""
        if not self.training:
            return x
        b, (n, c, height, width) = self.block_size, x.shape
        rows, columns = height - b + 1, width - b + 1
        gamma = self.p * height * width / (b * b * rows * columns)
        seeds = torch.rand(n, c, rows, columns).lt(gamma).to(x.dtype)
        seeds = functional.pad(seeds, (b - 1,) * 4)
        mask = 1 - functional.max_pool2d(seeds, b, stride=1)
        return x * mask * (mask.numel() / mask.sum().clamp(min=1))


RIGHT = tuple(right)

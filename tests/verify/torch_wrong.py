"""Modules and functions of PyTorch that are wrong: each docstring names the equation."""

import torch
from torch import nn
from torch.nn import functional

from tests.verify.gallery import Shelf, Wrong
from tests.verify.torch_right import LOWEST, ROWS, DropBlock2d

wrong = Shelf(Wrong)


class Rated(nn.Module):
    """A module that has a rate."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def scale(self):
        """1 / q, and 0 for q = 0."""
        return 1 / (1 - self.p) if self.p < 1 else 0.0


@wrong("dropout", "dropout.3", "dropout.2", museum=12)
class ForgetsTheMode(Rated):
    """(dropout.3): calls the functional form, whose `training` is True unless it is handed on."""

    def forward(self, x):
        """F.dropout in both modes."""
        return functional.dropout(x, self.p)


class WithoutTheMask(torch.autograd.Function):
    """Dropout whose backward pass scales, and forgets the mask."""

    @staticmethod
    def forward(ctx, x, mask, scale):
        """Right."""
        ctx.scale = scale
        return x * mask * scale

    @staticmethod
    def backward(ctx, g):
        """g times the scale."""
        return g * ctx.scale, None, None


class DrawnAgain(torch.autograd.Function):
    """Dropout whose backward pass draws its mask again."""

    @staticmethod
    def forward(ctx, x, mask, scale):
        """Right."""
        ctx.scale, ctx.q = scale, float(mask.mean())
        return x * mask * scale

    @staticmethod
    def backward(ctx, g):
        """g times a mask of its own."""
        return g * torch.empty_like(g).bernoulli_(ctx.q) * ctx.scale, None, None


class FromTheOutput(torch.autograd.Function):
    """Dropout whose backward pass takes the mask from output / input."""

    @staticmethod
    def forward(ctx, x, mask, scale):
        """Right."""
        y = x * mask * scale
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        """g times output / input, and g itself where the input is 0."""
        x, y = ctx.saved_tensors
        ratio = y / torch.where(x == 0, torch.ones_like(x), x)
        return torch.where(x == 0, g, g * ratio), None, None


class ByFunction(Rated):
    """Dropout by an autograd function."""

    function = WithoutTheMask

    def forward(self, x):
        """The function, while training."""
        if not self.training:
            return x
        mask = torch.empty_like(x).bernoulli_(1 - self.p)
        return self.function.apply(x, mask, self.scale())


@wrong("dropout", "dropout.2", museum=1)
class GradientWithoutTheMask(ByFunction):
    """(dropout.2): the backward pass scales, and forgets the mask."""


@wrong("dropout", "dropout.2", museum=10)
class GradientDrawnAgain(ByFunction):
    """(dropout.2): the backward pass draws its mask again."""

    function = DrawnAgain


@wrong("dropout", "dropout.2", museum=9)
class GradientFromTheOutput(ByFunction):
    """(dropout.2): the backward pass takes the mask from output / input."""

    function = FromTheOutput


@wrong("dropout", "dropout.2")
class DetachedDropout(Rated):
    """(dropout.2): goes through NumPy on its way, so no gradient comes back."""

    def forward(self, x):
        """Right, but for the gradient, which is 0."""
        if not self.training:
            return x
        y = x.detach() * torch.empty_like(x).bernoulli_(1 - self.p) * self.scale()
        return y + 0 * x


@wrong("dropout", "dropout.1")
class MaskMadeOnce(Rated):
    """(dropout.1): makes its mask at the first call, and keeps it in a buffer."""

    def forward(self, x):
        """The same mask again, for inputs of the same shape."""
        if not self.training:
            return x
        if getattr(self, "mask", None) is None or self.mask.shape != x.shape:
            self.mask = torch.empty_like(x).bernoulli_(1 - self.p)
        return x * self.mask * self.scale()


@wrong("dropout", "dropout.1")
class MaskSharedByTheBatch(Rated):
    """(dropout.1): draws a mask of one example, which all share."""

    def forward(self, x):
        """x times that mask."""
        if not self.training:
            return x
        return x * torch.empty_like(x[:1]).bernoulli_(1 - self.p) * self.scale()


@wrong("dropout", museum=1, manner="input")
class ScaledInPlace(Rated):
    """Overwrites its input."""

    def forward(self, x):
        """mul_ in place of a product."""
        if not self.training:
            return x
        with torch.no_grad():
            return x.mul_(torch.empty_like(x).bernoulli_(1 - self.p) * self.scale())


@wrong("gaussian", "gaussian.1")
class GaussianOfTheOdds(Rated):
    """(gaussian.1): the deviation is p / q, not its root."""

    def forward(self, x):
        """x times noise."""
        return x * (1 + self.p / (1 - self.p) * torch.randn_like(x)) if self.training else x


@wrong("alpha", "alpha.2")
class AlphaToZero(Rated):
    """(alpha.2): silences to 0, then stretches and shifts."""

    def forward(self, x):
        """a m x + b."""
        if not self.training or self.p == 1:
            return x if not self.training else 0 * x
        a = ((1 - self.p) * (1 + self.p * LOWEST**2)) ** -0.5
        return a * x * torch.empty_like(x).bernoulli_(1 - self.p) - a * self.p * LOWEST


@wrong("spatial", "spatial.2")
class PixelsOfAllChannels(Rated):
    """(spatial.2): a mask (N, 1, H, W)."""

    def forward(self, x):
        """x times that mask."""
        return x * torch.empty_like(x[:, :1]).bernoulli_(1 - self.p) * self.scale() \
            if self.training else x


@wrong("stochastic_depth", "stochastic_depth.4", options=ROWS)
class OneGateForTheBatch(Rated):
    """(stochastic_depth.4): a gate for the whole batch, where each example was to have one."""

    def forward(self, x):
        """x or nothing, scaled."""
        return x * x.new_empty(()).bernoulli_(1 - self.p) * self.scale() if self.training else x


@wrong("dropblock", "dropblock.4")
class BlocksNeverNormalised(DropBlock2d):
    """(dropblock.4): what is kept stays as it is."""

    def forward(self, x):
        """The right blocks, without the scale."""
        y = super().forward(x)
        return torch.where(y == 0, torch.zeros_like(x), x)


@wrong("targeted", "targeted.8", "targeted.6", museum=16)
class NewParameterEachCall(nn.Module):
    """(targeted.8): puts a new parameter into the layer at each call, so nothing ever learns."""

    def __init__(self, gamma=0.5, alpha=0.5):
        super().__init__()
        self.linear, self.gamma, self.alpha = nn.Linear(8, 4), gamma, alpha

    def forward(self, x):
        """All candidates are removed in training, and drawn for in evaluation: exchanged, too."""
        w = self.linear.weight
        order = w.abs().argsort(1).argsort(1)
        dropped = order < int(self.gamma * w.shape[1])
        if not self.training:
            dropped &= torch.rand(w.shape) < self.alpha
        self.linear.weight = nn.Parameter(w.detach() * ~dropped)
        return self.linear(x)


WRONG = tuple(wrong)

"""ResNets for 32 x 32 images: 8, 20, 32, 56 or 110 layers, most of them in pairs around a skip.

Papers   He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016,
         arXiv:1512.03385, section 4.2, for the networks: "He 2016".
         He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852, section
         2.2, for the first weights of the convolutions: normal with variance 2 / fan-in.
Shapes   (N, 3, 32, 32) - 16 maps - stage 1: n blocks of 16 x 32 x 32 - stage 2: n blocks of
         32 x 16 x 16 - stage 3: n blocks of 64 x 8 x 8 - mean of each map - 10.  A block is two
         3 x 3 convolutions, so there are 6n + 2 layers with weights.
Skip     He 2016, section 3.3: where a block halves the map and doubles the channels, the skip takes
         every second pixel, and for the new channels zeros (option A, which has no parameters) or
         a 1 x 1 convolution (option B).  He 2016, section 4.2: on CIFAR-10 it is option A.
Places   `drop` between the convolutions of a block and before the last layer, `dropblock` behind
         every convolution and on every skip connection, `sum` for stochastic depth in every block,
         which `drop_paths(net, 0.5)` fills.
         DropBlock was best so in the last two groups of ResNet-50: "stage[23].*.dropblock*".
Differs  Option A of He 2016 does not say where the zeros go: here they follow the old channels.
         Huang et al. 2016 (stochastic depth) take means of 2 x 2 pixels in the place of every
         second one.  ResNet-8 is not in He 2016; it is the smallest member of the family.
"""

import math

from ..arguments import DEEPEST, count, floating, option
from ..nn import (
    Conv2d,
    GlobalAvgPool2d,
    Identity,
    Linear,
    Module,
    ReLU,
    Sequential,
    he_normal,
)
from ..norms.batch_norm import BatchNorm
from ..ops.shape import scatter
from .places import Residual

WIDTHS = (16, 32, 64)


def resnet(depth, channels=3, classes=10, shortcut="zeros"):
    """The ResNet of `depth` = 6n + 2 layers for images (N, channels, H, W); logits (N, classes).

    `shortcut` is "zeros" (option A of He 2016) or "projection" (option B).  ValueError for another
    depth.

    >>> net = resnet(20).init(seed=0)
    >>> sum(w.size for w in net.parameters())
    269722
    """
    channels, classes = count(channels, "channels"), count(classes, "classes")
    n, rest = divmod(count(depth, "depth", most=DEEPEST) - 2, 6)
    if n < 1 or rest:
        raise ValueError(f"depth must be 6n + 2 for a whole n, 8, 14, 20, ..., got {depth}")
    option(shortcut, "shortcut", ("zeros", "projection"))
    stages, width = {}, WIDTHS[0]
    for k, wider in enumerate(WIDTHS, 1):
        blocks = [(width, wider)] + [(wider, wider)] * (n - 1)
        stages[f"stage{k}"] = Sequential(**{f"block{i}": _block(n_in, n_out, shortcut)
                                            for i, (n_in, n_out) in enumerate(blocks, 1)})
        width = wider
    return Sequential(
        stem=Sequential(conv=_conv(channels, WIDTHS[0]), norm=BatchNorm(WIDTHS[0]), relu=ReLU()),
        **stages, pool=GlobalAvgPool2d(), head=Sequential(drop=Identity()),
        out=Linear(width, classes))


def _block(n_in, n_out, shortcut):
    """ReLU(branch(x) + skip(x)); a block that widens halves the map as well."""
    stride = 1 if n_in == n_out else 2
    branch = Sequential(
        conv1=_conv(n_in, n_out, stride), norm1=BatchNorm(n_out), relu=ReLU(),
        dropblock1=Identity(), drop=Identity(),
        conv2=_conv(n_out, n_out), norm2=BatchNorm(n_out), dropblock2=Identity())
    return Sequential(sum=Residual(branch, _skip(n_in, n_out, shortcut)), relu=ReLU())


def _skip(n_in, n_out, shortcut):
    layers: dict[str, Module] = {}
    if n_in != n_out and shortcut == "zeros":
        layers["halve"] = HalvedMaps(n_in, n_out)
    elif n_in != n_out:
        layers["conv"] = _he(Conv2d(n_in, n_out, 1, stride=2, bias=False))
        layers["norm"] = BatchNorm(n_out)
    return Sequential(**layers, dropblock=Identity())


class HalvedMaps(Module):
    """Every second row and column of each map, and maps of zeros behind them: option A.

    (N, n_in, H, W) to (N, n_out, ceil(H / 2), ceil(W / 2)).

    >>> import numpy as np
    >>> HalvedMaps(1, 2)(np.arange(16.0).reshape(1, 1, 4, 4))[0].tolist()
    [[[0.0, 2.0], [8.0, 10.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """

    def __init__(self, n_in, n_out):
        self.n_in, self.n_out = count(n_in, "n_in"), count(n_out, "n_out", least=n_in)

    def forward(self, x):
        if floating(x).ndim != 4 or x.shape[1] != self.n_in:
            raise ValueError(f"x must be images (N, {self.n_in}, H, W), got shape {x.shape}")
        x = x[:, :, ::2, ::2].transpose(0, 2, 3, 1)               # channels last, as convolutions
        y = scatter(x, index=(..., slice(self.n_in)), shape=(*x.shape[:3], self.n_out))
        return y.transpose(0, 3, 1, 2)


def _conv(n_in, n_out, stride=1):
    """A 3 x 3 convolution that keeps the size, up to its stride; batch norm brings the bias."""
    return _he(Conv2d(n_in, n_out, 3, stride, padding=1, bias=False))


def _he(conv):
    """The convolution with the first weights of He et al. 2015."""
    conv.weight.rule = he_normal(math.prod(conv.weight.shape[1:]))
    return conv


def resnet8(**options):
    """`resnet` of 8 layers, 0.08 million parameters."""
    return resnet(8, **options)


def resnet20(**options):
    """`resnet` of 20 layers, 0.27 million parameters."""
    return resnet(20, **options)


def resnet32(**options):
    """`resnet` of 32 layers, 0.46 million parameters."""
    return resnet(32, **options)


def resnet56(**options):
    """`resnet` of 56 layers, 0.85 million parameters."""
    return resnet(56, **options)


def resnet110(**options):
    """`resnet` of 110 layers, 1.7 million parameters."""
    return resnet(110, **options)

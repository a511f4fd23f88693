"""The networks of the workloads, each written once: names and arguments of layers are PyTorch's.

`lib` has the layers: minidrop's or torch.nn's, and beside them DropConnect and the model `vit`.
"""

import itertools
from typing import Any


def perceptron(lib, sizes, p=0.0):
    """An MLP with dropout behind every hidden layer, where p is not 0."""
    layers = [lib.Linear(*sizes[:2])]
    for shape in itertools.pairwise(sizes[1:]):
        layers += [lib.ReLU(), *([lib.Dropout(p)] if p else []), lib.Linear(*shape)]
    return lib.Sequential(*layers)


def connections(lib, sizes, p):
    """An MLP whose hidden layers drop connections, others for each example."""
    hidden = [part for shape in itertools.pairwise(sizes[:-1])
              for part in (lib.DropConnect(*shape, p), lib.ReLU())]
    return lib.Sequential(*hidden, lib.Linear(*sizes[-2:]))


def lenet(lib):
    """LeNet for 1 x 28 x 28: two convolutions of 5 x 5 with pooling, two linear layers."""
    return lib.Sequential(
        lib.Conv2d(1, 20, 5), lib.ReLU(), lib.MaxPool2d(2),
        lib.Conv2d(20, 50, 5), lib.ReLU(), lib.MaxPool2d(2),
        lib.Flatten(), lib.Linear(800, 500), lib.ReLU(), lib.Linear(500, 10))


def vgg(lib):
    """A small VGG for 3 x 32 x 32: two pairs of convolutions of 3 x 3, two linear layers."""
    def pair(n_in, n_out):
        return [lib.Conv2d(n_in, n_out, 3, padding=1), lib.ReLU(),
                lib.Conv2d(n_out, n_out, 3, padding=1), lib.ReLU(), lib.MaxPool2d(2)]

    return lib.Sequential(*pair(3, 32), *pair(32, 64), lib.Flatten(), lib.Linear(4096, 512),
                          lib.ReLU(), lib.Linear(512, 10))


def resnet(lib, blocks=3):
    """ResNet-20 for 3 x 32 x 32 with batch norm; a strided 1 x 1 convolution where sizes change."""
    module: Any = lib.Module

    class Sum(module):
        def __init__(self, branch, skip):
            super().__init__()
            self.branch, self.skip = branch, skip

        def forward(self, x):
            return self.branch(x) + self.skip(x)

    def conv(n_in, n_out, size, stride=1):
        return [lib.Conv2d(n_in, n_out, size, stride, size // 2, bias=False),
                lib.BatchNorm2d(n_out)]

    def block(n_in, n_out, stride):
        branch = lib.Sequential(*conv(n_in, n_out, 3, stride), lib.ReLU(), *conv(n_out, n_out, 3))
        skip = lib.Identity() if n_in == n_out else lib.Sequential(*conv(n_in, n_out, 1, stride))
        return [Sum(branch, skip), lib.ReLU()]

    widths = [16] + [width for width in (16, 32, 64) for _ in range(blocks)]
    body = [layer for n_in, n_out in itertools.pairwise(widths)
            for layer in block(n_in, n_out, 1 + (n_in < n_out))]
    return lib.Sequential(*conv(3, 16, 3), lib.ReLU(), *body, lib.AdaptiveAvgPool2d(1),
                          lib.Flatten(), lib.Linear(64, 10))


def vit(lib):
    """The model `vit` for 3 x 32 x 32, GELU in its tanh form; in PyTorch with fused attention."""
    return lib.vit()

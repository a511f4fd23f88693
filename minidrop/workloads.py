"""What `minidrop bench` times: whole training steps, and dropout alone, in minidrop and PyTorch.

A network is written once, as a function of the library, since names and arguments of the layers are
the same; the vision transformer is our model and its twin.  `ours()` and `theirs()` take one step;
`check()` holds a few of them together.
"""

import importlib
import itertools
import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy

from . import models, nn
from .noise import Stream, gaussian, integers
from .norms.batch_norm import BatchNorm
from .optim import SGD
from .tape import Tensor
from .train import train_step
from .units.dropout import Dropout
from .weights.dropconnect import DropConnect

OURS = SimpleNamespace(**{name: getattr(nn, name) for name in nn.__all__}, Dropout=Dropout,
                       DropConnect=DropConnect, BatchNorm2d=BatchNorm,
                       AdaptiveAvgPool2d=lambda size: nn.GlobalAvgPool2d())


def reference():
    """The module torch; ValueError where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ValueError('bench compares with PyTorch, which is not installed: '
                         'pip install "minidrop[reference]"') from None


# --- networks, in either library ------------------------------------------------------------------

def perceptron(lib, sizes, p=0.0):
    """An MLP with dropout behind every hidden layer, where p is not 0."""
    layers = [lib.Linear(*sizes[:2])]
    for shape in itertools.pairwise(sizes[1:]):
        layers += [lib.ReLU(), *([lib.Dropout(p)] if p else []), lib.Linear(*shape)]
    return lib.Sequential(*layers)


def connections(lib, sizes, p):
    """An MLP whose hidden layers drop connections, in PyTorch by a weight for each example."""
    layer = getattr(lib, "DropConnect", None) or _dropconnect_of_torch(lib)
    hidden = [part for shape in itertools.pairwise(sizes[:-1])
              for part in (layer(*shape, p), lib.ReLU())]
    return lib.Sequential(*hidden, lib.Linear(*sizes[-2:]))


def _dropconnect_of_torch(lib):
    torch = reference()
    linear: Any = lib.Linear

    class PerExample(linear):
        def __init__(self, n_in, n_out, p):
            super().__init__(n_in, n_out)
            self.p = p

        def forward(self, x):
            return self.masked(x, torch.rand(len(x), *self.weight.shape) >= self.p)

        def masked(self, x, mask):
            return torch.einsum("noi,ni->no", mask * self.weight, x) + self.bias

    return PerExample


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
    return models.vit() if lib is OURS else _vit_of_torch(lib)


def _vit_of_torch(lib, size=32, patch=4, width=192, depth=4, heads=3):
    torch = reference()
    module: Any = lib.Module
    attention = torch.nn.functional.scaled_dot_product_attention

    class Positions(module):
        def __init__(self, tokens):
            super().__init__()
            self.token = lib.Parameter(torch.empty(width))
            self.weight = lib.Parameter(torch.empty(tokens + 1, width))

        def forward(self, x):
            first = self.token.expand(len(x), 1, width)
            return torch.cat([first, x.transpose(1, 2)], 1) + self.weight

    class Heads(module):
        def __init__(self):
            super().__init__()
            self.packed, self.joined = lib.Linear(width, 3 * width), lib.Linear(width, width)

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = self.packed(x).reshape(n, t, 3, heads, -1).permute(2, 0, 3, 1, 4)
            return self.joined(attention(q, k, v).transpose(1, 2).reshape(n, t, width))

    class Sum(module):
        def __init__(self, *branch):
            super().__init__()
            self.branch = lib.Sequential(lib.LayerNorm(width, 1e-6), *branch)

        def forward(self, x):
            return self.branch(x) + x

    class FirstToken(module):
        def forward(self, x):
            return x[:, 0]

    blocks = [Sum(*branch) for _ in range(depth) for branch in (
        [Heads()],
        [lib.Linear(width, 4 * width), lib.GELU("tanh"), lib.Linear(4 * width, width)])]
    return lib.Sequential(
        lib.Conv2d(3, width, patch, patch), lib.Flatten(2), Positions((size // patch) ** 2),
        *blocks, FirstToken(), lib.LayerNorm(width, 1e-6), lib.Linear(width, 10))


# --- workloads: `ours()` and `theirs()` take one step, `check()` compares a few -------------------

class Training:
    """One step of momentum SGD on network(lib), x of `shape`: forward, loss, backward, update."""

    def __init__(self, network, shape):
        torch = reference()
        self.net, self.twin = network(OURS).init(seed=0), network(torch.nn)
        self.x = gaussian(Stream(0, "bench/x"), shape)
        self.y = integers(Stream(0, "bench/y"), 10, shape[:1])
        self.x2, self.y2 = torch.from_numpy(self.x), torch.from_numpy(self.y)
        with torch.no_grad():
            for w, w2 in zip(self.net.parameters(), self.twin.parameters(), strict=True):
                w2.copy_(torch.from_numpy(w.data))
        self.sgd = SGD(lr=0.01, momentum=0.9)
        self.loss2 = torch.nn.functional.cross_entropy
        self.sgd2 = torch.optim.SGD(self.twin.parameters(), lr=0.01, momentum=0.9)

    def ours(self):
        """One step of minidrop."""
        return train_step(self.net, self.sgd, self.x, self.y)

    def theirs(self):
        """One step of PyTorch."""
        loss = self.loss2(self.twin(self.x2), self.y2)
        loss.backward()
        self.sgd2.step()
        self.sgd2.zero_grad()                     # as ours, which leaves no gradients behind
        return loss

    def check(self):
        """ValueError unless three losses agree to 5 digits, PyTorch's under the masks of ours."""
        torch = reference()
        def masked(m2, inputs, y, m):
            mask = torch.from_numpy(m.noise)
            return inputs[0] * mask / (1 - m.p) if isinstance(m, Dropout) else m2.masked(
                inputs[0], mask)

        layers = [m for _, m in self.net.named_modules() if isinstance(m, nn.Noise)]
        layers2 = [m for m in self.twin.modules() if hasattr(m, "p")]
        hooks = [m2.register_forward_hook(partial(masked, m=m))
                 for m, m2 in zip(layers, layers2, strict=True)]
        losses = [(float(self.ours()), self.theirs().item()) for step in range(3)]
        for hook in hooks:
            hook.remove()
        agree(losses, "in minidrop", "in PyTorch")


def agree(losses, where, where2):
    """ValueError unless the two losses of every step agree to 5 digits."""
    for step, (loss, loss2) in enumerate(losses, 1):
        if not math.isclose(loss, loss2, rel_tol=1e-5):
            raise ValueError("before anything is timed the losses must agree to 5 digits, got "
                             f"{loss:.8g} {where}, {loss2:.8g} {where2} at step {step}")


class DropoutAlone:
    """Forward and backward of dropout on an array of `shape`."""

    def __init__(self, p, shape):
        torch = reference()
        self.p, self.drop, self.drop2 = p, Dropout(p).init(seed=0), torch.nn.Dropout(p)
        x, self.g = (gaussian(Stream(0, name), shape) for name in ("bench/x", "bench/g"))
        x[x == 0] = 1                             # so that a zero in the output is the mask's
        self.x, self.x2 = Tensor(x, requires_grad=True), torch.from_numpy(x).requires_grad_()
        self.g2 = torch.from_numpy(self.g)

    def ours(self):
        """One step of minidrop."""
        y = self.drop(self.x)
        y.backward(self.g)
        gradient, self.x.grad = self.x.grad, None
        return y.data, gradient

    def theirs(self):
        """One step of PyTorch."""
        y = self.drop2(self.x2)
        y.backward(self.g2)
        gradient, self.x2.grad = self.x2.grad, None
        return y.detach(), gradient

    def check(self):
        """ValueError unless both give x m / q and g m / q for some mask m with a share q kept."""
        q = 1 - self.p
        for name, step in (("minidrop", self.ours), ("PyTorch", self.theirs)):
            y, gradient = map(numpy.asarray, step())
            mask = y != 0
            if (abs(mask.mean() - q) > 6 * math.sqrt(q * self.p / mask.size)    # chance 2e-9
                    or not numpy.allclose(y, self.x.data * mask / q, rtol=1e-6)
                    or not numpy.allclose(gradient, self.g * mask / q, rtol=1e-6)):
                raise ValueError(f"before anything is timed {name} must compute dropout with "
                                 f"p = {self.p:g} and its gradient, and it did not")


WORKLOADS: dict[str, tuple] = {       # name -> what it is, how to make it
    "a": ("MLP 784-1024-1024-10, dropout 0.5, batch 128",
          partial(Training, partial(perceptron, sizes=(784, 1024, 1024, 10), p=0.5), (128, 784))),
    "b": ("MLP 64-128-10, batch 32",
          partial(Training, partial(perceptron, sizes=(64, 128, 10)), (32, 64))),
    "c": ("LeNet for 1 x 28 x 28, batch 64", partial(Training, lenet, (64, 1, 28, 28))),
    "d": ("VGG-small for 3 x 32 x 32, batch 64", partial(Training, vgg, (64, 3, 32, 32))),
    "e": ("ResNet-20 for 3 x 32 x 32, batch 32", partial(Training, resnet, (32, 3, 32, 32))),
    "f": ("ViT, width 192, depth 4, for 3 x 32 x 32, batch 32",
          partial(Training, vit, (32, 3, 32, 32))),
    "g": ("dropout 0.5 of 4096 x 4096, both ways", partial(DropoutAlone, 0.5, (4096, 4096))),
    "h": ("MLP 784-800-800-10, DropConnect, batch 100",
          partial(Training, partial(connections, sizes=(784, 800, 800, 10), p=0.5), (100, 784))),
}

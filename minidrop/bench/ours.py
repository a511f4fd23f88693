"""The workloads in minidrop, as a lesson's reader writes them."""

from types import SimpleNamespace

from .. import models, nn
from ..norms.batch_norm import BatchNorm
from ..optim import SGD
from ..tape import Tensor
from ..train import train_step
from ..units.dropout import Dropout
from ..weights.dropconnect import DropConnect
from . import memory
from .contender import Contender, is_dropout
from .workloads import LR, MOMENTUM, RATE, WORKLOADS, batch, input_and_gradient

LAYERS = SimpleNamespace(**{name: getattr(nn, name) for name in nn.__all__}, Dropout=Dropout,
                         DropConnect=DropConnect, BatchNorm2d=BatchNorm, vit=models.vit,
                         AdaptiveAvgPool2d=lambda size: nn.GlobalAvgPool2d())


def contender(name):
    """The workload `name`."""
    _, network, shape = WORKLOADS[name]
    return Training(network, shape) if network else DropoutAlone(RATE, shape)


class Ours(Contender):
    """What both have in common."""

    def peak(self):
        """MB of arrays that a step holds at most."""
        return memory.our_peak(self.step)


class Training(Ours):
    """One step of momentum SGD on network(LAYERS), x of `shape`."""

    def __init__(self, network, shape):
        self.net = network(LAYERS)
        self.x, self.y = batch(shape)
        self.start()

    def start(self):
        """Start anew; a copy of the first weights."""
        self.net.init(seed=0)
        self.sgd = SGD(lr=LR, momentum=MOMENTUM)
        return [w.data.copy() for w in self.net.parameters()]

    def step(self):
        """The loss of a step."""
        return train_step(self.net, self.sgd, self.x, self.y)

    def observed(self):
        """The loss of a step, and the masks that it drew."""
        loss = float(self.step())
        return loss, [m.noise for _, m in self.net.named_modules() if isinstance(m, nn.Noise)]


class DropoutAlone(Ours):
    """Forward and backward of dropout on an array of `shape`."""

    def __init__(self, p, shape):
        self.p, self.drop = p, Dropout(p).init(seed=0)
        x, self.g = input_and_gradient(shape)
        self.x = Tensor(x, requires_grad=True)

    def step(self):
        """Output and gradient."""
        y = self.drop(self.x)
        y.backward(self.g)
        gradient, self.x.grad = self.x.grad, None
        return y.data, gradient

    def check(self):
        """ValueError unless it is dropout."""
        y, gradient = self.step()
        is_dropout(self.x.data, self.g, y, gradient, self.p, "minidrop")

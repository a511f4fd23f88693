"""What `minidrop bench` times, a to h: whole training steps, and dropout alone.

A step is forward, cross-entropy, backward and an update by SGD with momentum, in float32, on one
batch of normal numbers with random labels.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..noise import Stream, gaussian, integers
from . import networks

LR, MOMENTUM, RATE = 0.01, 0.9, 0.5


class Workload(NamedTuple):
    """What it is, a network (None for dropout alone), and the shape of its input."""

    title: str
    network: Callable | None
    shape: tuple


WORKLOADS = {
    "a": Workload("MLP 784-1024-1024-10, dropout 0.5, batch 128",
                  partial(networks.perceptron, sizes=(784, 1024, 1024, 10), p=RATE), (128, 784)),
    "b": Workload("MLP 64-128-10, batch 32",
                  partial(networks.perceptron, sizes=(64, 128, 10)), (32, 64)),
    "c": Workload("LeNet for 1 x 28 x 28, batch 64", networks.lenet, (64, 1, 28, 28)),
    "d": Workload("VGG-small for 3 x 32 x 32, batch 64", networks.vgg, (64, 3, 32, 32)),
    "e": Workload("ResNet-20 for 3 x 32 x 32, batch 32", networks.resnet, (32, 3, 32, 32)),
    "f": Workload("ViT, width 192, depth 4, for 3 x 32 x 32, batch 32",
                  networks.vit, (32, 3, 32, 32)),
    "g": Workload("dropout 0.5 of 4096 x 4096, both ways", None, (4096, 4096)),
    "h": Workload("MLP 784-800-800-10, DropConnect, batch 100",
                  partial(networks.connections, sizes=(784, 800, 800, 10), p=RATE), (100, 784)),
}


def batch(shape):
    """Inputs and labels, the same in every process."""
    return gaussian(Stream(0, "bench/x"), shape), integers(Stream(0, "bench/y"), 10, shape[:1])


def input_and_gradient(shape):
    """What dropout alone takes, forward and backward; no input is 0, so a 0 in y is a mask's."""
    x, g = (gaussian(Stream(0, name), shape) for name in ("bench/x", "bench/g"))
    x[x == 0] = 1
    return x, g

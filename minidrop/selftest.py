"""A few numbers that every machine must get right to the bit: `minidrop doctor --report`."""

import hashlib
import tempfile
from pathlib import Path

from . import functional, nn
from .check import exact_moments
from .checkpoint import load, save
from .noise import Stream, integers
from .tape import Tensor
from .units.dropout import dropout, dropout_mask
from .xp import backend_module, host

GOLDEN = "e355e81e854e7f12"     # of the bits that `Stream(7, "golden")` draws first, everywhere


def run():
    """[(what, "right" or what came out instead)] of every check."""
    return [(check.__doc__, _outcome(check)) for check in CHECKS]


def _outcome(check):
    try:
        found = check()
    except Exception as error:                    # a report is for machines on which things fail
        return f"{type(error).__name__}: {error}"
    if found is True or str(found).startswith("left out"):
        return "right" if found is True else found
    return f"WRONG: {found}"


def _drawn(backend):
    bits = host(Stream(7, "golden", backend).bits((3, 100)))
    found = hashlib.sha256(bits.astype("<u4").tobytes()).hexdigest()[:16]
    return found == GOLDEN or found


def draws():
    """bits of a stream"""
    return _drawn("numpy")


def draws_on_the_gpu():
    """bits of a stream on the GPU"""
    try:
        backend_module("cupy")
    except ValueError:
        return "left out, for want of a GPU"
    return _drawn("cupy")


def moments():
    """mean and variance over all masks"""
    mean, variance = exact_moments(lambda mask: dropout(host(_whole(1, 4)), mask, 0.5), 4, 0.5)
    x = host(_whole(1, 4))
    return bool((mean == x).all() and (variance == x * x).all()) or f"{mean}, {variance}"


def gradient():
    """gradient under a mask"""
    x, mask = Tensor(_whole(2, 64), requires_grad=True), dropout_mask(3, 64, 0.5)
    dropout(x, mask, 0.5).sum().backward()
    return bool((x.grad == 2 * mask).all()) or str(x.grad)


def product():
    """product of whole numbers"""
    x, w = _whole(3, (65, 257)), _whole(4, (257, 129))
    exact = x.astype("int64") @ w.astype("int64")
    return bool((functional.linear(x, w.T) == exact).all()) or "another product"


def convolution():
    """convolution of whole numbers"""
    x, w = _whole(5, (4, 3, 12, 12)), _whole(6, (8, 3, 3, 3))
    exact = sum((x[:, None, :, i:i + 10, j:j + 10] * w[:, :, i, j, None, None]).sum(2)
                for i in range(3) for j in range(3))
    return bool((functional.conv2d(x, w) == exact).all()) or "another convolution"


def precision():
    """float32 stays float32"""
    y = functional.relu(functional.linear(_whole(7, (3, 4)), _whole(8, (5, 4))))
    return str(y.dtype) == "float32" or str(y.dtype)


def saved():
    """weights in a file"""
    net = nn.Linear(3, 4).init(1)
    with tempfile.TemporaryDirectory() as folder:
        save(net, Path(folder) / "weights")
        other = load(nn.Linear(3, 4).init(2), Path(folder) / "weights")
    return bool((other.weight.data == net.weight.data).all()) or "other weights"


def _whole(seed, shape):
    """Whole numbers from -8 to 7 as float32: products and sums of a few thousand are exact."""
    return (integers(seed, 16, shape).astype("int64") - 8).astype("float32")


CHECKS = (draws, draws_on_the_gpu, moments, gradient, product, convolution, precision, saved)

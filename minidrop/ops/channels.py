"""The mean and variance of each channel over a batch, and what is made with them."""

from ..arguments import axes_of, floating
from ..device import norms
from ..fast import channels
from ..tape import data_of
from ..xp import array_module
from .shape import back


def moments(x, axes):
    """The mean and the biased variance of x over `axes`, which stay as size 1; arrays, no graph.

    A large mean costs no digits of the variance.

    >>> import numpy as np
    >>> moments(np.array([[1.0, 1e9 + 1], [3.0, 1e9 + 3]]), axes=(0,))
    (array([[2.e+00, 1.e+09]]), array([[1., 1.]]))
    """
    x = data_of(floating(x))
    axes = axes_of(axes, x.shape)
    matrix = channels.matrix_of(x, axes)
    if matrix is not None:
        return channels.moments(x, matrix)
    if norms.runs(x, axes, 1.0, 0.0):
        return norms.moments(x, axes)
    mean, d = centred(x, axes)
    return mean, average(d * d, axes)


def scaled(x, mean, r, w, b):
    """w r (x - mean) + b; fast where `mean` and `r` are statistics of x over its first axis."""
    axes = tuple(i for i, n in enumerate(mean.shape) if n == 1)
    fits = mean.shape == r.shape == tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    matrix = channels.matrix_of(x, axes, w, b) if fits else None
    if matrix is not None:
        return channels.scaled(x, mean, r, w, b, matrix)
    if fits and norms.runs(x, axes, w, b, mean, r):
        return norms.scaled(x, mean, r, w, b, axes)
    return (x - mean) * (r * w) + b                                         # Eq. (normalise.1)


def centred(x, axes, out=None):
    """(mean, x - mean): an entry is taken off first, so that a large mean costs no digits."""
    entry = x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]
    d = array_module(x).subtract(x, entry, out=out)
    rest = average(d, axes)
    d -= rest
    return entry + rest, d


def average(x, axes):
    """The mean over `axes`, which stay as size 1."""
    total = x.sum(axes, keepdims=True)
    total /= x.size // max(1, total.size)
    return total


def back_to(g, v):
    """g summed to the shape of v; 0 where v is a plain number."""
    return back(g, v) if hasattr(v, "shape") else 0

"""Subtract the mean, divide by the standard deviation, scale and shift, in few passes over memory.

A GPU takes the plain formulas.  On the host two cases are made fast.  Statistics over the batch
(batch norm): the array is a matrix whose columns (channels-last) or rows (C order) belong to one
channel each.  Statistics of each sample (layer, instance, group norm): samples are finished one
after the other, in cache.  Pieces are cut by shape alone: the bits do not depend on the threads.
"""

import functools
import math
from typing import NamedTuple

from ..tape import data_of, primitive
from ..xp import array_module, chunks, on_host, par
from .elementwise import sqrt
from .shape import back

WIDTH = 512                                       # numbers in a row: NumPy's inner loops stay long
FAR = 16.0                                        # mean^2 / var above which the mean goes first


def _composite(x, w, b, axes, eps, known=None):
    d = x - x.mean(axes, keepdims=True)
    return d / sqrt((d * d).mean(axes, keepdims=True) + eps) * w + b


@primitive(keeps=True, twice=False)
def normal(x, w, b, axes, eps, known=None):
    """w (x - mean) / sqrt(var + eps) + b, with the mean and the biased variance of x over `axes`.

    w and b broadcast to x; `known` is `moments(x, axes)` where it was computed before.
    """
    if 0 not in axes:
        return _samples(x, w, b, axes, eps)
    mean, var = known or moments(x, axes)
    r = 1 / array_module(x).sqrt(var + eps)
    return scaled(x, mean, r, w, b), {"mean": mean, "r": r}


def _adjoint(i):
    """The three gradients share their sums, so the first that is asked for makes them all."""
    def adjoint(g, y, x, w, b, axes, eps, kept, known=None):
        if kept.get("g") is not g or i not in kept["made"]:
            matrix = _matrix(x, axes, w, b)
            make = _samples_back if matrix is None else _batch_back
            made = make(g, x, w, b, axes, kept["mean"], kept["r"], matrix)
            kept |= {"g": g, "made": dict(enumerate(made))}
        return kept["made"].pop(i)
    return adjoint


normal.vjps(*map(_adjoint, range(3)), twin=_composite)


@primitive
def rescale(x, mean, var, w, b, eps):
    """w (x - mean) / sqrt(var + eps) + b for a mean and a variance that are given."""
    return scaled(x, mean, 1 / array_module(x).sqrt(var + eps), w, b)


rescale.vjps(
    lambda g, y, x, mean, var, w, b, eps: back(g * (w / sqrt(var + eps)), x),
    lambda g, y, x, mean, var, w, b, eps: back(-g * (w / sqrt(var + eps)), mean),
    lambda g, y, x, mean, var, w, b, eps:
        back(g * (x - mean) * (-0.5 * w * (var + eps) ** -1.5), var),
    lambda g, y, x, mean, var, w, b, eps: back(g * ((x - mean) / sqrt(var + eps)), w),
    lambda g, y, x, mean, var, w, b, eps: back(g, b))


# --- statistics over the batch -------------------------------------------------------------------

def moments(x, axes):
    """The mean and the biased variance of x over `axes`, which stay as size 1; arrays, no graph.

    Where the mean is large beside the spread, it is subtracted before the squares are summed.

    >>> import numpy as np
    >>> moments(np.array([[1.0, 1e9 + 1], [3.0, 1e9 + 3]]), axes=(0,))
    (array([[2.e+00, 1.e+09]]), array([[1., 1.]]))
    """
    x = data_of(x)
    matrix = _matrix(x, axes)
    if matrix is None:
        mean, d = _centred(x, axes)
        return mean, (d * d).mean(axes, keepdims=True)
    flat, n = matrix.of(x), x.size // matrix.channels
    mean, square = (total / n for total in _sums(matrix, flat))
    var = square - mean * mean
    if bool((mean * mean > FAR * var).any()):
        guess = mean.astype(x.dtype)
        rest, square = (total / n for total in _sums(matrix, flat, guess))
        mean, var = guess + rest, square - rest * rest
    return mean.astype(x.dtype), (var * (var > 0)).astype(x.dtype)


def scaled(x, mean, r, w, b):
    """w r (x - mean) + b; fast where `mean` and `r` are statistics of x over its first axis."""
    axes = tuple(i for i, n in enumerate(mean.shape) if n == 1)
    fits = mean.shape == r.shape == tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    matrix = _matrix(x, axes, w, b) if fits else None
    if matrix is None:
        return (x - mean) * (r * w) + b
    xp, flat = array_module(x), matrix.of(x)
    y, far = xp.empty_like(flat), _far(mean, r)
    a = r * w
    a, c, m = map(matrix.line, (a, 0 * r + b if far else b - mean * a, mean))

    def work(i, rows, scratch):
        part = flat[rows]
        if far:
            part = xp.subtract(part, m[rows], out=scratch)
        xp.multiply(part, a[rows], out=y[rows])
        y[rows] += c[rows]

    _sweep(work, flat)
    return matrix.back(y)


def _far(mean, r):
    return bool((mean * mean * (r * r) > FAR).any())


def _batch_back(g, x, w, b, axes, mean, r, matrix):
    """gx = a g + k (x - mean) + c: see the derivation in norms/batch_norm."""
    xp, flat, g, n = array_module(x), matrix.of(x), matrix.of(g), x.size // mean.size
    far = _far(mean, r)
    gb, gw = _sums(matrix, flat, mean if far else None, g)
    gw = (gw if far else gw - mean * gb) * r
    a = r * w
    k = -a * r * gw / n
    c = -a * gb / n if far else -a * gb / n - k * mean
    gx = xp.empty_like(flat)
    lines = [matrix.line(v.astype(x.dtype)) for v in (a, k, c, mean)]

    def work(i, rows, d):
        a, k, c, m = (line[rows] for line in lines)
        xp.multiply(xp.subtract(flat[rows], m, out=d) if far else flat[rows], k, out=d)
        d += c
        xp.multiply(g[rows], a, out=gx[rows])
        gx[rows] += d

    _sweep(work, flat)
    return matrix.back(gx), *(_back(v.astype(x.dtype), like) for v, like in ((gw, w), (gb, b)))


def _sums(matrix, flat, mean=None, g=None):
    """For each channel, in float64, the sums of u and of u d with d = x - mean, u = g or d."""
    xp, axis = array_module(flat), matrix.axis
    m = None if mean is None else matrix.line(mean)
    shape = (2, len(flat)) if axis else (2, len(_pieces(flat)), flat.shape[1])
    tables = xp.empty(shape, flat.dtype)

    def work(i, rows, d):
        d = flat[rows] if m is None else xp.subtract(flat[rows], m[rows], out=d)
        u, place = d if g is None else g[rows], rows if axis else i
        xp.add.reduce(u, axis, out=tables[0, place])
        xp.einsum("ij,ij->i" if axis else "ij,ij->j", u, d, out=tables[1, place])

    _sweep(work, flat)
    return [matrix.fold(table) for table in tables]


def _pieces(flat):
    return chunks(0, len(flat), each=flat.shape[1])


def _sweep(work, flat):
    """work(i, rows, scratch) for each piece of a matrix, on all cores."""
    pieces, width = _pieces(flat), flat.shape[1]
    height = pieces[0].stop

    def part(lo, hi):
        scratch = array_module(flat).empty((height, width), flat.dtype)
        for i in range(lo, hi):
            work(i, pieces[i], scratch[:pieces[i].stop - pieces[i].start])

    par(part, len(pieces), each=height * width)


class _Matrix(NamedTuple):
    """An array in memory order as (before, channels, after), folded into a matrix."""

    order: tuple                                  # of the axes, by stride
    inverse: tuple
    sizes: tuple                                  # of the array, in that order
    kept: tuple                                   # of a statistic, in that order
    channels: int
    shape: tuple                                  # of the matrix
    axis: int                                     # to sum over: 0 if columns are channels, else 1

    def of(self, array):
        """`array`, which has the shape of the first one, as the matrix."""
        turned = array.transpose(self.order)
        return array_module(array).ascontiguousarray(turned).reshape(self.shape)

    def back(self, matrix):
        """The array of the shape and memory order of the first one."""
        return matrix.reshape(self.sizes).transpose(self.inverse)

    def line(self, statistic):
        """One number for each channel, broadcast to the matrix."""
        xp = array_module(statistic)
        v = xp.empty((self.shape[1 - self.axis] // self.channels, self.channels), statistic.dtype)
        v[:] = statistic.transpose(self.order).reshape(-1)
        return xp.broadcast_to(v.reshape((-1, 1) if self.axis else -1), self.shape)

    def fold(self, table):
        """A table of sums along `axis`, summed over all that belongs to one channel, in float64."""
        table = table.astype("float64")
        total = (table if self.axis else table.sum(0)).reshape(-1, self.channels).sum(0)
        return total.reshape(self.kept).transpose(self.inverse)


def _matrix(x, axes, *weights):
    """The `_Matrix` of x; None on a GPU, or where the channels do not lie side by side."""
    if not on_host(x) or 0 not in axes or x.size == 0:
        return None
    return _layout(x.shape, x.strides, axes, *(getattr(v, "shape", ()) for v in weights))


@functools.lru_cache(maxsize=1024)
def _layout(shape, strides, axes, *weights):
    ndim, kept = len(shape), tuple(1 if i in axes else n for i, n in enumerate(shape))
    if any(n > k for v in weights for n, k in zip(v[::-1], kept[::-1], strict=False)):
        return None
    order = tuple(sorted(range(ndim), key=lambda i: (shape[i] == 1, -abs(strides[i]))))
    sizes = tuple(shape[i] for i in order)
    runs = [k for k, i in enumerate(order) if kept[i] > 1] or [ndim]
    first, end = runs[0], min(runs[-1] + 1, ndim)
    if end - first > len(runs):
        return None
    before, channels, after = (math.prod(s) for s in (sizes[:first], sizes[first:end], sizes[end:]))
    times = math.gcd(before, 1 << max(0, (WIDTH // channels).bit_length() - 1))
    matrix = (before // times, times * channels) if after == 1 else (before * channels, after)
    return _Matrix(order, tuple(sorted(range(ndim), key=order.__getitem__)), sizes,
                   tuple(kept[i] for i in order), channels, matrix, int(after > 1))


# --- statistics of each sample -------------------------------------------------------------------

def _samples(x, w, b, axes, eps):
    xp, pieces = array_module(x), _cut(x, w, b, axes)
    y = xp.empty_like(x)
    mean = xp.empty([1 if i in axes else n for i, n in enumerate(x.shape)], x.dtype)
    r = xp.empty_like(mean)

    def part(lo, hi):
        for s in pieces[lo:hi]:
            mean[s], d = _centred(x[s], axes, out=y[s])
            r[s] = 1 / xp.sqrt((d * d).mean(axes, keepdims=True) + eps)
            d *= r[s]
            d *= w
            d += b

    par(part, len(pieces), each=x.size // max(1, len(pieces)))
    return y, {"mean": mean, "r": r}


def _samples_back(g, x, w, b, axes, mean, r, matrix=None):
    xp, pieces = array_module(x), _cut(x, w, b, axes)
    gx = xp.empty_like(x)
    gw: list = [0] * len(pieces)
    gb: list = [0] * len(pieces)

    def part(lo, hi):
        for i in range(lo, hi):
            s = pieces[i]
            normed = (x[s] - mean[s]) * r[s]
            gw[i], gb[i] = _back(g[s] * normed, w), _back(g[s], b)
            d = xp.multiply(g[s], w, out=gx[s])
            normed *= (d * normed).mean(axes, keepdims=True)
            d -= d.mean(axes, keepdims=True)
            d -= normed
            d *= r[s]

    par(part, len(pieces), each=x.size // max(1, len(pieces)))
    return gx, sum(gw), sum(gb)


def _cut(x, w, b, axes):
    """Pieces of the first axis, if no statistic runs over it and no weight varies along it."""
    alike = all(getattr(v, "ndim", 0) < x.ndim or len(v) == 1 for v in (w, b))
    if 0 in axes or not alike or not on_host(x) or not x.size:
        return [slice(None)]
    return chunks(0, len(x), each=x.size // len(x))


def _centred(x, axes, out=None):
    """(mean, x - mean): an entry is taken off first, so that a large mean costs no digits."""
    entry = x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]
    d = array_module(x).subtract(x, entry, out=out)
    rest = d.mean(axes, keepdims=True)
    d -= rest
    return entry + rest, d


def _back(g, v):
    return back(g, v) if hasattr(v, "shape") else 0

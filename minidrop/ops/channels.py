"""The mean and variance of each channel over a batch, and what is made with them, on the host.

Why it is fast.  An array whose channels lie side by side is a matrix of which columns (channels
last) or rows (C order) belong to one channel.  It is swept in pieces that stay in the cache, with
rows so long that NumPy's inner loops pay; pieces are cut by shape alone, so that the bits do not
depend on the number of threads.  A GPU, small arrays and arrays in any other order take the plain
formulas.
"""

import functools
import math
from typing import NamedTuple

from ..arguments import axes_of
from ..tape import data_of
from ..xp import array_module, chunks, on_host, par
from .shape import back

WIDTH = 512                                       # numbers in a row: NumPy's inner loops stay long
SMALL = 1 << 13                                   # numbers for which the plain formulas are quicker
FAR = 16.0                                        # mean^2 / var above which the mean goes first


def moments(x, axes):
    """The mean and the biased variance of x over `axes`, which stay as size 1; arrays, no graph.

    Where the mean is large beside the spread, it is subtracted before the squares are summed.

    >>> import numpy as np
    >>> moments(np.array([[1.0, 1e9 + 1], [3.0, 1e9 + 3]]), axes=(0,))
    (array([[2.e+00, 1.e+09]]), array([[1., 1.]]))
    """
    x = data_of(x)
    axes = axes_of(axes, x.shape)
    matrix = matrix_of(x, axes)
    if matrix is None:
        mean, d = centred(x, axes)
        return mean, average(d * d, axes)
    flat, n = matrix.of(x), x.size // matrix.channels
    mean, square = (total / n for total in _sums(matrix, flat))
    var = square - mean * mean
    if not bool((mean * mean <= FAR * var).all()):       # nor where squares overflowed
        guess = mean.astype(x.dtype)
        rest, square = (total / n for total in _sums(matrix, flat, guess))
        mean, var = guess + rest, square - rest * rest
    return mean.astype(x.dtype), var.astype(x.dtype)


def scaled(x, mean, r, w, b):
    """w r (x - mean) + b; fast where `mean` and `r` are statistics of x over its first axis."""
    axes = tuple(i for i, n in enumerate(mean.shape) if n == 1)
    fits = mean.shape == r.shape == tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    matrix = matrix_of(x, axes, w, b) if fits else None
    if matrix is None:
        return (x - mean) * (r * w) + b                                     # Eq. (normalise.1)
    xp, flat = array_module(x), matrix.of(x)
    y, far = xp.empty_like(flat), _far(mean, r)
    a = r * w
    c = 0 * a + b if far else b - mean * a

    def work(i, rows, scratch, a, c, m):
        part = y[rows]
        xp.multiply(xp.subtract(flat[rows], m, out=part) if far else flat[rows], a, out=part)
        part += c                                                           # Eq. (normalise.1)

    _sweep(work, flat, matrix, a, c, mean)
    return matrix.back(y)


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


def _far(mean, r):
    return bool((mean * mean * (r * r) > FAR).any())


def gradients(g, x, w, b, mean, r, matrix):
    """Those of w r (x - mean) + b in x, w and b: gx = a (k (x - mean) + c + g), from (normalise.3).
    """
    xp, flat, g, n = array_module(x), matrix.of(x), matrix.of(g), x.size // mean.size
    far = _far(mean, r)
    gb, gw = _sums(matrix, flat, mean if far else None, g)
    gw = (gw if far else gw - mean * gb) * r
    k = -r * gw / n                                                         # Eq. (normalise.3)
    c = -gb / n if far else -gb / n - k * mean                              # Eq. (normalise.3)
    gx = xp.empty_like(flat)

    def work(i, rows, scratch, a, k, c, m):
        part = gx[rows]
        xp.multiply(xp.subtract(flat[rows], m, out=part) if far else flat[rows], k, out=part)
        part += c
        part += g[rows]
        part *= a                                                           # Eq. (normalise.3)

    _sweep(work, flat, matrix, *(v.astype(x.dtype) for v in (r * w, k, c, mean)))
    return matrix.back(gx), *(back_to(v.astype(x.dtype), like) for v, like in ((gw, w), (gb, b)))


def _sums(matrix, flat, mean=None, g=None):
    """For each channel, in float64, the sums of u and of u d with d = x - mean, u = g or d."""
    xp, axis = array_module(flat), matrix.axis
    height = len(flat) if axis else len(_pieces(flat))
    tables = xp.empty((2, height) if axis else (2, height, flat.shape[1]), flat.dtype)

    def work(i, rows, d, *m):
        d = xp.subtract(flat[rows], *m, out=d) if m else flat[rows]
        u, place = d if g is None else g[rows], rows if axis else i
        xp.add.reduce(u, axis, out=tables[0, place])
        xp.einsum("ij,ij->i" if axis else "ij,ij->j", u, d, out=tables[1, place])

    _sweep(work, flat, matrix, *(() if mean is None else (mean,)))
    return [matrix.fold(table) for table in tables]


def _pieces(flat):
    return chunks(0, len(flat), each=flat.shape[1])


def _sweep(work, flat, matrix, *statistics):
    """work(i, rows, scratch, *the statistics of these rows) for each piece, on all cores."""
    pieces, width = _pieces(flat), flat.shape[1]
    height, lines = pieces[0].stop, [matrix.line(v) for v in statistics]

    def part(lo, hi):
        scratch = array_module(flat).empty((height, width), flat.dtype)
        for i in range(lo, hi):
            rows = pieces[i]
            cut = [line[rows] for line in lines] if matrix.axis else lines
            work(i, rows, scratch[:rows.stop - rows.start], *cut)

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
        """One number for each channel as a row, or as a column, beside the matrix."""
        times = self.shape[1 - self.axis] // self.channels
        v = array_module(statistic).empty((times, self.channels), statistic.dtype)
        v[:] = statistic.transpose(self.order).reshape(-1)
        return v.reshape((-1, 1) if self.axis else -1)

    def fold(self, table):
        """A table of sums along `axis`, summed over all that belongs to one channel, in float64."""
        table = table.astype("float64")
        total = (table if self.axis else table.sum(0)).reshape(-1, self.channels).sum(0)
        return total.reshape(self.kept).transpose(self.inverse)


def matrix_of(x, axes, *weights):
    """The `_Matrix` of x; None on a GPU, if x is small, or where no channels lie side by side."""
    if not on_host(x) or 0 not in axes or x.size < SMALL:
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

"""What is summed over a batch for each channel, and what is made with it: a few sweeps of a matrix.

Why it is fast.  An array whose channels lie side by side is a matrix of which columns (channels
last) or rows (C order) belong to one channel.  It is swept in pieces that stay in the cache, with
rows so long that NumPy's inner loops pay; beside a vector, as long as NumPy's buffer, which the
vector would otherwise be copied into again and again.  Sums are float32 within a piece and float64
across pieces.  Pieces are cut by shape alone, so that the bits do not depend on the number of
threads; a thread must have many, as its calls are short and wait for the interpreter's lock.  A
channel's numbers are a vector in the matrix's order, so that little is done for each beside the
sweeps.  The plain formulas are in `ops.channels`; a GPU, small arrays and those in any other order
take them.
"""

import functools
import math
from typing import NamedTuple

import numpy

from ..xp import chunks, inverse, on_host, par
from .means import FAR, LOOKS

BUFFER = numpy.getbufsize()                       # numbers in a row, beside which a vector stands
WIDTH = 512                                       # numbers in a row of what is summed
ROWS = 16                                         # at least: vectors are short beside the matrix;
#                                                   WIDTH ROWS is at most SMALL, so that rows fit
SMALL = 1 << 13                                   # numbers for which the plain formulas are quicker
SHORT = 8                                         # times as many numbers as usual pay for a thread


def moments(x, matrix):
    """The mean and the biased variance of each channel.

    Where the mean is large beside the spread, or squares overflow, it is subtracted before the
    squares are summed, and what is left of it once more if it is still large.
    """
    flat, n = matrix.of(x), x.size // matrix.channels
    guess, (mean, square) = 0, _sums(matrix, flat) / n
    var = square - mean * mean
    for _ in range(LOOKS):
        if ((mean - guess) ** 2 <= FAR ** 2 * var).all() and (var < math.inf).all():
            break
        guess = mean.astype(x.dtype)
        rest, square = _sums(matrix, flat, guess) / n
        mean, var = guess + rest, square - rest * rest
    var = numpy.maximum(var, 0)                   # rounding leaves less where all are equal
    return tuple(matrix.statistic(v.astype(x.dtype)) for v in (mean, var))


def scaled(x, mean, r, w, b, matrix):
    """w r (x - mean) + b in one sweep: a x + c, or a (x - mean) + b where the mean is large."""
    flat, a, far = matrix.of(x), r * w, _far(mean, r)
    y, c = numpy.empty_like(flat), 0 * a + b if far else b - mean * a

    def sweep(i, rows, a, c, m):
        part = y[rows]
        numpy.multiply(numpy.subtract(flat[rows], m, out=part) if far else flat[rows], a, out=part)
        part += c                                                           # Eq. (normalise.1)

    _each_piece(sweep, matrix, map(matrix.vector, (a, c, mean)), x.dtype)
    return matrix.back(y)


def gradients(g, x, w, mean, r, matrix):
    """Those of w r (x - mean) + b in x, w and b, the last two for each channel.

    Two sums, from which (normalise.3) reads gx = a (k (x - mean) + c + g).
    """
    flat, n, far = matrix.of(x), x.size // matrix.channels, _far(mean, r)
    g = matrix.of(g).astype(x.dtype, copy=False)
    a, mean, r = map(matrix.vector, (r * w, mean, r))
    gb, gw = _sums(matrix, flat, mean if far else None, g)
    gw = (gw if far else gw - mean * gb) * r
    k = -r * gw / n                                                         # Eq. (normalise.3)
    c = -gb / n if far else -gb / n - k * mean                              # Eq. (normalise.3)
    gx = numpy.empty_like(flat)

    def sweep(i, rows, a, k, c, m):
        part = gx[rows]
        numpy.multiply(numpy.subtract(flat[rows], m, out=part) if far else flat[rows], k, out=part)
        part += c
        part += g[rows]
        part *= a                                                           # Eq. (normalise.3)

    _each_piece(sweep, matrix, (a, k, c, mean), x.dtype)
    return matrix.back(gx), *(matrix.statistic(v.astype(x.dtype)) for v in (gw, gb))


def _far(mean, r):
    return bool((mean * mean * (r * r) > FAR ** 2).any())


def _sums(matrix, flat, mean=None, g=None):
    """For each channel, in float64, the sums of u and of u d with d = x - mean, u = g or d."""
    by_row, height, width = matrix.axis, matrix.shape[0], matrix.width
    table = numpy.empty((2, height) if by_row else (2, len(matrix.pieces), width), flat.dtype)

    def sweep(i, rows, *m):
        d = numpy.subtract(flat[rows], *m) if m else flat[rows]
        u, place = d if g is None else g[rows], rows if by_row else i
        d, u = (v.reshape(-1, width) for v in (d, u))
        numpy.add.reduce(u, by_row, out=table[0, place])
        numpy.einsum("ij,ij->i" if by_row else "ij,ij->j", u, d, out=table[1, place])

    _each_piece(sweep, matrix, () if mean is None else (mean,), flat.dtype)
    return table.reshape(2, -1, matrix.channels).sum(1, dtype="float64")


def _each_piece(sweep, matrix, vectors, dtype):
    """sweep(i, rows, *the vectors beside these rows) for each piece."""
    lines = matrix.lines(vectors, dtype)

    def part(lo, hi):
        for i in range(lo, hi):
            rows = matrix.pieces[i]
            sweep(i, rows, *([line[rows] for line in lines] if matrix.axis else lines))

    par(part, len(matrix.pieces), each=matrix.pieces[0].stop * matrix.shape[1] // SHORT)


class Matrix(NamedTuple):
    """An array in memory order as (before, channels, after), folded into a matrix."""

    order: tuple                                  # of the axes, by stride
    inverse: tuple
    sizes: tuple                                  # of the array, in that order
    kept: tuple                                   # of a statistic, in that order
    channels: int
    shape: tuple                                  # of the matrix
    width: int                                    # of the rows that are summed
    axis: int                                     # to sum over: 0 if columns are channels, else 1
    pieces: list                                  # slices of its rows

    def of(self, array):
        """`array`, which has the shape of the first one, as the matrix."""
        return numpy.ascontiguousarray(array.transpose(self.order)).reshape(self.shape)

    def back(self, matrix):
        """The array of the shape and memory order of the first one."""
        return matrix.reshape(self.sizes).transpose(self.inverse)

    def vector(self, statistic):
        """The numbers of the channels in the matrix's order, from an array that keeps all axes."""
        return statistic.transpose(self.order).reshape(-1)

    def statistic(self, vector):
        """A vector as an array that keeps all axes."""
        return vector.reshape(self.kept).transpose(self.inverse)

    def lines(self, vectors, dtype):
        """Vectors as rows, or as columns, beside the matrix."""
        vectors, times = list(vectors), self.shape[1 - self.axis] // self.channels
        lines = numpy.empty((len(vectors), times, self.channels), dtype)
        for line, vector in zip(lines, vectors, strict=True):
            line[:] = vector
        return lines.reshape(len(vectors), times * self.channels, *[1] * self.axis)


def matrix_of(x, axes, *weights):
    """The `Matrix` of x; None on a GPU, if x is small, or where no channels lie side by side.

    >>> x = numpy.arange(2.0 ** 14).reshape(-1, 2)
    >>> matrix = matrix_of(x, axes=(0,))
    >>> matrix.channels, matrix.shape
    (2, (16, 1024))
    >>> moments(x, matrix)
    (array([[8191., 8192.]]), array([[22369621., 22369621.]]))
    """
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
    row = WIDTH, min(BUFFER, math.prod(shape) // ROWS)
    narrow, wide = (channels * math.gcd(before, 1 << max(0, (most // channels).bit_length() - 1))
                    for most in row)
    matrix = (before * channels // wide, wide) if after == 1 else (before * channels, after)
    return Matrix(order, inverse(order), sizes,
                  tuple(kept[i] for i in order), channels, matrix,
                  narrow if after == 1 else after, int(after > 1),
                  chunks(0, matrix[0], each=matrix[1]))

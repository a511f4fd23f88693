"""Norms of each sample by itself, whose channels lie side by side: group norm above all.

Why it is fast.  A sample is a matrix with a column for each channel.  It is summed over its rows,
which NumPy does well, and only these few sums are added up for each group, where NumPy's loops over
the sample would be as short as a group; a statistic is spread over a row likewise.  Some samples at
a time are swept, cut by shape alone, so that the bits do not depend on the number of threads.  The
plain twin is in ops/normal.py; a GPU, small arrays and those in any other order take it.
"""

import functools
import math
from typing import NamedTuple

import numpy

from ..xp import chunks, inverse, on_host, par
from .means import FAR, LOOKS

WIDTH = 512                                       # numbers in a row: NumPy's inner loops stay long
SMALL = 1 << 16                                   # numbers for which the plain formulas are quicker
PIECE = 1 << 19                                   # numbers in a piece: few and long calls
SHORT = 4                                         # times as many numbers as usual pay for a thread


def normed(x, w, b, eps, samples):
    """(y, mean, r): y = w (x - mean) r + b, r = 1 / sqrt(var + eps) for each sample's groups."""
    flat, w, b = samples.of(x), samples.weight(w, x.dtype), samples.weight(b, x.dtype)
    y, (mean, r) = numpy.empty_like(flat), numpy.empty((2, len(x), *samples.groups), x.dtype)

    def spread(d):
        var = samples.average(samples.sums(d, d), x.dtype)
        return numpy.sqrt(var + eps)                                        # Eq. (normalise.1)

    def piece(i, s):
        mean[s] = samples.average(samples.sums(flat[s]), x.dtype)
        d = numpy.subtract(flat[s], samples.line(mean[s]), out=y[s])
        deviation, rest = spread(d), mean[s]
        for _ in range(LOOKS):
            if not (abs(rest) > FAR * deviation).any():
                break
            rest = samples.average(samples.sums(d), x.dtype)                # its last digits
            mean[s] += rest
            d -= samples.line(rest)
            deviation = spread(d)
        r[s] = 1 / deviation                                                # Eq. (normalise.1)
        d *= samples.line(r[s] * w)                                         # Eq. (normalise.1)
        d += samples.line(b)                                                # Eq. (normalise.1)

    _each_piece(piece, x, samples)
    return samples.back(y), samples.statistic(mean), samples.statistic(r)


def gradients(g, x, w, mean, r, samples):
    """Those in x, w and b, the last two for each channel, from two sums for each channel.

    With d = x - mean that in x is r (w g - mean(w g) - d r^2 mean(w g d)).
    """
    flat, g, w = samples.of(x), samples.of(g), samples.weight(w, x.dtype)
    mean, r = samples.vector(mean), samples.vector(r)
    gx, (gw, gb) = numpy.empty_like(flat), numpy.empty((2, len(samples.pieces), *samples.channels))

    def piece(i, s):
        d = flat[s] - samples.line(mean[s])
        along, plain = samples.of_channels(samples.sums(g[s], d)), samples.sums(g[s])
        plain, scale = samples.of_channels(plain), r[s]
        gw[i], gb[i] = (along * scale).sum(0), plain.sum(0)
        slope = samples.average(w * along, x.dtype) * scale * scale         # Eq. (normalise.3)
        d *= samples.line(-scale * slope)                                   # Eq. (normalise.3)
        d -= samples.line(scale * samples.average(w * plain, x.dtype))      # Eq. (normalise.3)
        numpy.multiply(g[s], samples.line(scale * w), out=gx[s])            # Eq. (normalise.3)
        gx[s] += d                                                          # Eq. (normalise.3)

    _each_piece(piece, x, samples)
    sums = (samples.of_weight(v.sum(0).astype(x.dtype)) for v in (gw, gb))
    return samples.back(gx), *sums


def _each_piece(piece, x, samples):
    pieces = samples.pieces
    par(lambda lo, hi: [piece(i, pieces[i]) for i in range(lo, hi)], len(pieces),
        each=x.size // (SHORT * len(pieces)))


class Samples(NamedTuple):
    """An array in memory order as (samples, before, channels, after), folded into matrices."""

    order: tuple                                  # of the axes, by stride, the samples first
    inverse: tuple
    sizes: tuple                                  # of the array, in that order
    kept: tuple                                   # of a statistic, in that order
    weights: tuple                                # of a weight, in that order
    channels: tuple                               # sizes of the axes from the first that varies
    groups: tuple                                 # the same of a statistic
    matrix: tuple                                 # shape of a sample's matrix
    pieces: list                                  # slices of the samples

    def of(self, array):
        """`array`, which has the shape of the first one, as a matrix for each sample."""
        flat = numpy.ascontiguousarray(array.transpose(self.order))
        return flat.reshape(len(array), *self.matrix)

    def back(self, flat):
        """The array of the shape and memory order of the first one."""
        return flat.reshape(self.sizes).transpose(self.inverse)

    def weight(self, v, dtype):
        """A number or an array that broadcasts to the first one, as (1, channels)."""
        shape = tuple(self.weights[i] for i in self.inverse)
        v = numpy.broadcast_to(numpy.asarray(v, dtype), shape)
        return v.transpose(self.order).reshape(1, *self.channels)

    def of_weight(self, v):
        """Numbers of the channels as an array that keeps all axes."""
        return v.reshape(self.weights).transpose(self.inverse)

    def statistic(self, v):
        """Numbers of samples and groups as an array that keeps all axes."""
        return v.reshape(self.kept).transpose(self.inverse)

    def vector(self, v):
        """(samples, groups), from an array that keeps all axes."""
        return v.transpose(self.order).reshape(-1, *self.groups)

    def line(self, v):
        """Numbers of samples and groups, or channels, as a row beside each matrix."""
        times = self.matrix[1] // math.prod(self.channels)
        wide = numpy.broadcast_to(v[:, None], (len(v), times, *self.channels))
        return wide.reshape(len(v), 1, -1)

    def sums(self, u, d=None):
        """The sums of u, or of u d, over the rows of each sample."""
        return u.sum(1) if d is None else numpy.einsum("srw,srw->sw", u, d)

    def of_channels(self, sums):
        """Such sums for each channel, (samples, channels) in float64."""
        return sums.reshape(len(sums), -1, *self.channels).sum(1, dtype="float64")

    def average(self, sums, dtype):
        """The mean over all entries of a group from sums over the rows, (samples, groups)."""
        short = tuple(i for i, n in enumerate(self.groups, 1) if n == 1)
        total = self.of_channels(sums).sum(short, keepdims=True)
        return (total / (math.prod(self.sizes) // math.prod(self.kept))).astype(dtype)


def samples_of(x, axes, *weights):
    """The `Samples` of x; None on a GPU, if x is small, or where no channels lie side by side.

    >>> samples = samples_of(numpy.zeros((2, 1 << 14, 4)), axes=(1,))
    >>> samples.channels, samples.matrix
    ((4,), (128, 512))
    """
    if not on_host(x) or 0 in axes or x.size < SMALL or x.dtype.itemsize < 4:
        return None
    shapes = (getattr(v, "shape", ()) for v in weights)
    return _layout(x.shape, x.strides, axes, x.itemsize, *shapes)


@functools.lru_cache(maxsize=1024)
def _layout(shape, strides, axes, itemsize, *weights):
    ndim = len(shape)
    varies = {ndim - i for v in weights for i, n in enumerate(v[::-1], 1) if n > 1}
    order = tuple(sorted(range(ndim), key=lambda i: (i > 0, shape[i] == 1, -abs(strides[i]))))
    sizes = tuple(shape[i] for i in order)
    dense = [math.prod(sizes[k + 1:]) * itemsize for k in range(ndim)]
    if 0 in varies or any(n > 1 and strides[i] != d
                          for i, n, d in zip(order, sizes, dense, strict=True)):
        return None
    kept = tuple(1 if i in axes else shape[i] for i in order)
    first = min([k for k, i in enumerate(order) if k and (kept[k] > 1 or i in varies)] or [ndim])
    before, channels = math.prod(sizes[1:first]), math.prod(sizes[first:])
    if channels > WIDTH:
        return None
    times = math.gcd(before, 1 << max(0, (WIDTH // channels).bit_length() - 1))
    matrix = before // times, times * channels
    weight = (*[1] * first, *sizes[first:])
    return Samples(order, inverse(order), sizes, kept, weight,
                   sizes[first:], kept[first:], matrix,
                   chunks(0, shape[0], each=math.prod(shape[1:]), size=PIECE))

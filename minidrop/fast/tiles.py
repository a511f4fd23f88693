"""Tiles of images, as Winograd's convolution takes them: cut out, transformed, and put together.

A tile has a lines and a columns; m of each are its own, and the others it shares with the next one.
"""

import math

from ..xp import array_module
from .windows import put, scratch


class Tiles:
    """V of the images x of a slice, (a a, images tiles, C), valid until the next call.

    Once V is there, the scratch arrays named "tiles" and "half" are free for other uses.
    """

    def __init__(self, x, taps, padding, tiles, BT):
        self.x, self.padding, self.tiles, self.BT = x.transpose(0, 2, 3, 1), padding, tiles, BT
        self.n, self.shared = None, taps - 1      # lines that tiles share with the next ones

    def _ready(self, n):
        """Memory for n images, which lie side by side, line by line: products have long rows."""
        if n == self.n:
            return
        c, a, (th, tw), (top, left) = self.x.shape[3], len(self.BT), self.tiles, self.padding
        (height, width), more, dtype = self.x.shape[1:3], self.shared, self.BT.dtype
        m = a - more
        frame = scratch("frame", (m * th + more, n, m * tw + more, c), dtype)
        frame[...] = 0
        self.n, self.inside = n, frame[top:top + height, :, left:left + width]
        self.columns = _columns_of(frame, a, m)
        self.d = scratch("tiles", self.columns.shape, dtype)
        self.dB = scratch("half", (*self.columns.shape[:2], n * tw * c), dtype)
        self.rows = _windows(self.dB, 1, a, m)
        self.V = scratch("rows", (a, a, th, n * tw * c), dtype)

    def __call__(self, images):
        xp = array_module(self.x)
        self._ready(images.stop - images.start)
        put(self.inside, self.x[images].swapaxes(0, 1))
        put(self.d, self.columns)                 # column of a tile, row, image, tile, channel
        xp.matmul(self.BT, columns(self.d), out=columns(self.dB))
        V = self.V                                # row of a tile, column, row of tiles, the rest
        xp.matmul(self.BT, self.rows, out=V.transpose(1, 2, 0, 3))          # Eq. (winograd.4)
        return V.reshape(len(V) ** 2, -1, self.x.shape[3])

    def back(self, dV, out):
        """The adjoint: from dV, shaped as V, gradients in the images, written to `out`.

        Tiles are added up where they lie: their first m lines, which no two share, then
        the others, m at most.
        """
        self._ready(len(out))
        xp, (a, height, _), (top, left) = array_module(dV), self.dB.shape, self.padding
        n, m, c, across = len(out), a - self.shared, dV.shape[2], self.tiles[1]
        lines = scratch("lines", self.rows.shape, dV.dtype)
        xp.matmul(self.BT.T, dV.reshape(self.V.shape).transpose(1, 2, 0, 3), out=lines)
        self.dB[...] = 0
        for some in (slice(m), slice(m, a)):
            self.rows[:, :, some] += lines[:, :, some]                      # Eq. (winograd.7)
        xp.matmul(self.BT.T, columns(self.dB), out=columns(self.d))
        frame = scratch("folded", (height, n, m * across + self.shared, c), dV.dtype)
        frame[...] = 0
        places = _columns_of(frame, a, m)
        for some in (slice(m), slice(m, a)):
            places[some] += self.d[some]                                    # Eq. (winograd.7)
        inside = frame[top:top + out.shape[1], :, left:left + out.shape[2]]
        put(out, inside.swapaxes(0, 1))


def _columns_of(frame, a, m):
    """The columns of tiles in a frame (H, n, W, C), (a, H, n, W / m, C)."""
    return _windows(frame, 2, a, m).transpose(3, 0, 1, 2, 4)


def _windows(x, axis, a, m):
    """Windows of a along an axis, every m: (places, a) in the place of the axis."""
    shape, strides, along = x.shape, x.strides, x.strides[axis]     # of an array without gaps
    return array_module(x).lib.stride_tricks.as_strided(
        x, (*shape[:axis], (shape[axis] - a) // m + 1, a, *shape[axis + 1:]),
        (*strides[:axis], m * along, along, *strides[axis + 1:]))


def columns(x):
    """All but the first axis as one: a transform is a product."""
    return x.reshape(len(x), -1)


def give(Y, y):
    """Tiles Y (m m, tiles, O) become images y (n, H, W, O), as far as these reach."""
    whole, tiles = _tiled(y, math.isqrt(len(Y)))
    put(tiles, Y.reshape(tiles.shape))
    if whole is not y:
        y[...] = whole[:, :y.shape[1], :y.shape[2]]


def take(Y, y):
    """Tiles Y become those of images y, and zeros beyond them."""
    whole, tiles = _tiled(y, math.isqrt(len(Y)))
    if whole is not y:
        whole[:, :y.shape[1], :y.shape[2]] = y
    put(Y.reshape(tiles.shape), tiles)


def _tiled(y, m):
    """y, or zeros where its size is no multiple of m, and a view (m, m, H / m, n, W / m, O)."""
    n, height, width, o = y.shape
    th, tw = -(-height // m), -(-width // m)
    if (height, width) != (m * th, m * tw):
        y = array_module(y).zeros((n, m * th, m * tw, o), y.dtype)
    return y, y.reshape(n, th, m, tw, m, o).transpose(2, 4, 1, 0, 3, 5)

"""The convolution on the host, a block of images at a time: the same products as in `ops.window`.

Why it is fast.  Images lie in memory as (N, H, W, C), so that a row of a window is one run of kw C
numbers and gathering is a copy of such runs.  The windows of a block are multiplied while they are
in the cache, and one gathering serves both gradients.  Blocks go to all cores, each of which then
multiplies alone.  Shapes alone say where blocks and partial sums end, not the number of cores.

Few channels make short runs and products with few columns.  Then a row holds `run` windows side by
side, and the filters stand in a band, a column for each window of the row and each filter:

    w0  .           for run = 2 and kw = 3, where w0, w1, w2 are the columns of the filters
    w1  w0
    w2  w1          twice the columns of a product, 2/3 of the copies, 4/3 of the arithmetic
    .   w2

The gradient in the filters is the sum along the band.

A nan or inf meets the zeros of the band, so that it reaches all windows of its row.  In a gradient
in the filters it may meet other zeros around images than those of the plain formula.
"""

from typing import Any

from ..xp import array_module
from .windows import Windows, scratch


class Gathered:
    """The strategy that gathers windows, `run` in a row, or as many as divide both it and OW.

    >>> ones = array_module().ones
    >>> Gathered().conv2d(ones((1, 2, 4, 4)), ones((1, 2, 3, 3)), None, (1, 1), (0, 0)).tolist()
    [[[[18.0, 18.0], [18.0, 18.0]]]]
    """

    def __init__(self, run=1):
        self.run = run

    def runs(self, images, filters, stride, padding):
        """Always: any shapes, strides and paddings."""
        return True

    def conv2d(self, x, w, b, stride, padding):
        """As window.conv2d, for one group."""
        xp, n, (o, _, kh, kw) = array_module(x, w), len(x), w.shape
        windows = self._windows(x.shape, (kh, kw), stride, padding)
        filters = windows.band(w.transpose(2, 3, 1, 0))
        y = xp.empty((n, *windows.places, o), xp.result_type(x, w))
        line = None if b is None else xp.tile(b, windows.places[1])    # long rows are added faster

        def part(blocks):
            gather = windows.over(x, padding)
            for _, images in blocks:
                for lines in windows.bands:
                    out = y[images, lines]
                    xp.matmul(gather(images, lines), filters,
                              out=out.reshape(-1, filters.shape[1]))
                    if line is not None:
                        out = out.reshape(-1, line.size)
                        out += line

        windows.sweep(part, windows.parts(n))
        return y.transpose(0, 3, 1, 2)

    def conv2d_dx(self, g, w, shape, stride, padding):
        """As window.conv2d_dx, for one group."""
        return self._back({0}, g, None, w, shape, w.shape[2:], stride, padding)[0]

    def conv2d_dw(self, g, x, size, stride, padding):
        """As window.conv2d_dw, for one group."""
        return self._back({1}, g, x, None, x.shape, size, stride, padding)[1]

    def conv2d_back(self, wanted, g, x, w, stride, padding):
        """{0: gradient in x, 1: in w, 2: in the biases}, those wanted, from one sweep."""
        return self._back(wanted, g, x, w, x.shape, w.shape[2:], stride, padding)

    def _windows(self, shape, size, stride, padding):
        """Those of images of `shape`."""
        frame = tuple(n + 2 * p for n, p in zip(shape[2:], padding, strict=True))
        return Windows(shape[1], frame, size, stride, self.run)

    def _back(self, wanted, g, x, w, shape, size, stride, padding):
        """By windows of g, or by those of x, whichever is less to copy.

        The former are H W kh kw O numbers of an image, since g has zeros between its pixels where
        there is a stride.  The latter are OH OW kh kw C, and folding them costs about twice that.
        """
        (_, c, height, width), (_, o, oh, ow) = shape, g.shape
        around = all(p < k for p, k in zip(padding, size, strict=True))
        if 0 in wanted and around and 2 * oh * ow * c > height * width * o:
            return self._by_windows_of_g(wanted, g, x, w, shape, stride, padding)
        return self._by_windows_of_x(wanted, g, x, w, shape, size, stride, padding)

    def _by_windows_of_g(self, wanted, g, x, w, shape, stride, padding):
        """The gradient in x is a convolution of g with the filters turned round."""
        xp, (n, c, height, width), (o, _, kh, kw) = array_module(g, w), shape, w.shape
        windows = Windows(o, (height + kh - 1, width + kw - 1), (kh, kw), (1, 1), self.run)
        turned = windows.band(w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1))
        dx = xp.empty((n, height, width, c), xp.result_type(g, w))
        sums = _Sums(wanted, windows, n, turned.shape, g)
        cotangents = g.transpose(0, 2, 3, 1)
        pixels: Any = x.transpose(0, 2, 3, 1) if 1 in wanted else None

        def part(blocks):
            gather = windows.over(g, (kh - 1 - padding[0], kw - 1 - padding[1]), gap=stride)
            for k, images in blocks:
                for lines in windows.bands:
                    rows = gather(images, lines)
                    xp.matmul(rows, turned, out=dx[images, lines].reshape(-1, turned.shape[1]))
                    if 1 in wanted:
                        sums.add(k, rows, pixels[images, lines].reshape(len(rows), -1))
                if 2 in wanted:
                    sums.add_biases(k, cotangents[images])

        windows.sweep(part, sums.parts)
        return {0: dx.transpose(0, 3, 1, 2)} | sums.found(
            lambda band: windows.along(band)[::-1, ::-1].transpose(2, 3, 0, 1))

    def _by_windows_of_x(self, wanted, g, x, w, shape, size, stride, padding):
        """The gradients of all windows, added up where they lie, and the windows once more."""
        xp, (n, c, height, width), (ph, pw), o = array_module(g), shape, padding, g.shape[1]
        windows, cotangents = self._windows(shape, size, stride, padding), g.transpose(0, 2, 3, 1)
        sums = _Sums(wanted, windows, n, (windows.columns, windows.run * o), g)
        dx: Any = None
        if 0 in wanted:
            band = windows.band(w.transpose(2, 3, 1, 0))
            dx = xp.empty((n, height, width, c), xp.result_type(g, w))

        def part(blocks):
            gather: Any = windows.over(x, padding) if 1 in wanted else None
            for k, images in blocks:
                if 1 in wanted:
                    for lines in windows.bands:
                        rows = gather(images, lines)
                        sums.add(k, rows, cotangents[images, lines].reshape(len(rows), -1))
                if 2 in wanted:
                    sums.add_biases(k, cotangents[images])
                if 0 in wanted:
                    frame = dx[images]
                    if ph or pw:
                        frame = scratch("folded", (len(frame), *windows.frame, c), dx.dtype)
                    frame[...] = 0
                    _fold(windows, frame, cotangents[images], band)
                    if ph or pw:
                        dx[images] = frame[:, ph:ph + height, pw:pw + width]

        windows.sweep(part, sums.parts)
        found = sums.found(lambda band: windows.along(band).transpose(3, 2, 0, 1))
        return found if dx is None else {0: dx.transpose(0, 3, 1, 2)} | found


def _fold(windows, frame, g, band):
    """Add the gradients g band^T of windows up in the frame where they lie, as `window.fold` does.

    Runs lie `run stride` columns apart: pieces of that width overlap no others and are added up at
    once.  The same holds for pieces of `stride` lines.
    """
    xp, down, places = array_module(g), windows.stride[0], windows.of(frame)
    right = windows.run * windows.stride[1] * windows.channels
    for lines in windows.bands:
        v, some = g[:, lines].reshape(-1, band.shape[1]), places[:, lines]
        u = xp.matmul(v, band.T, out=scratch("rows", (len(v), len(band)), frame.dtype))
        u = u.reshape(some.shape)
        for i in range(0, u.shape[3], down):
            for j in range(0, u.shape[4], right):
                piece = slice(i, i + down), slice(j, j + right)
                some[:, :, :, *piece] += u[:, :, :, *piece]


class _Sums:
    """Partial sums of the gradients in filters and biases, one for each part of a sweep."""

    def __init__(self, wanted, windows, n, shape, g):
        xp, ow = array_module(g), g.shape[3]
        self.wanted, self.parts = wanted, windows.parts(n, shape[0] * shape[1])
        self.filters = xp.zeros((len(self.parts), *(shape if 1 in wanted else ())), g.dtype)
        self.biases = xp.zeros((len(self.parts), ow, g.shape[1]), g.dtype)

    def add(self, k, rows, right):
        """The products rows^T right, of a block, to the sum of part k."""
        total = self.filters[k]
        total += array_module(rows).matmul(rows.T, right, out=scratch("sum", total.shape,
                                                                      total.dtype))

    def add_biases(self, k, g):
        """Cotangents (images, OH, OW, O) to the sum of part k: long rows are added faster."""
        self.biases[k] += g.reshape(-1, *self.biases[k].shape).sum(0)

    def found(self, filters_of):
        """{1: filters, 2: biases}, those wanted, where filters_of gives filters from their sum."""
        found = {1: lambda: filters_of(self.filters.sum(0)), 2: lambda: self.biases.sum((0, 1))}
        return {i: make() for i, make in found.items() if i in self.wanted}

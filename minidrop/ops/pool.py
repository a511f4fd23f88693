"""The largest number, or the mean, of each window of images (N, C, H, W).

Both are separable: first over the columns of a window, then over its rows, so that a window costs
kh + kw steps and not kh kw.  Sizes are pairs as in `window`.
"""

import math

from ..tape import data_of, primitive
from ..xp import array_module, chunks, on_host, par
from .shape import getitem, reshape
from .window import unfold

ROWS, COLUMNS = 1, 2        # axes of images (N, H, W, C); a pair holds an axis at axis - 1


@primitive(twice=False, keeps=True)
def max_pool2d(x, size, stride, padding):
    """The largest entry of each window, (N, C, OH, OW); beyond the border nothing is large.

    Of equal largest entries the first takes the gradient, row by row, as in PyTorch.  What is
    kept for it is `across`, (N, padded H, OW, C): the largest entry of each row of a window.
    """
    images = _padded(x, padding).transpose(0, 2, 3, 1)
    across, y = (_empty(images, axis, size, stride) for axis in (COLUMNS, (ROWS, COLUMNS)))

    def part(lo, hi):
        for s in _passes(images, lo, hi):
            _largest(images[s], across[s], COLUMNS, size[1], stride[1])
            _largest(across[s], y[s], ROWS, size[0], stride[0])

    _each_image(part, images)
    return y.transpose(0, 3, 1, 2), across


def _max_pool2d_dx(g, y, x, size, stride, padding, kept):
    """From a window to the first row that holds its largest entry, and in that row to the entry."""
    images, g, y = (a.transpose(0, 2, 3, 1) for a in (_padded(x, padding), g, y))
    gx = array_module(x).zeros(images.shape, x.dtype)

    def part(lo, hi):
        for s in _passes(images, lo, hi):
            across = array_module(x).zeros(kept[s].shape, x.dtype)
            _to_the_first(g[s], y[s], kept[s], across, ROWS, size[0], stride[0])
            _to_the_first(across, kept[s], images[s], gx[s], COLUMNS, size[1], stride[1])

    _each_image(part, images)
    (ph, pw), (h, w) = padding, x.shape[2:]
    return gx[:, ph:ph + h, pw:pw + w].transpose(0, 3, 1, 2)


def _picked(x, size, stride, padding):
    """The twin: find where the largest entry of each window lies, and take it from there."""
    xp, images = array_module(data_of(x)), data_of(x)
    where = {"size": size, "stride": stride, "padding": (0, 0)}
    places = xp.arange(images.size).reshape(images.shape)
    windows, places = (unfold(_padded(a, padding, value), **where)
                       for a, value in ((images, -math.inf), (places, -1)))
    windows, places = (a.reshape(*a.shape[:4], -1) for a in (windows, places))
    largest = (windows == windows.max(-1, keepdims=True)) & (places >= 0)      # not the padding
    first = largest.argmax(-1)[..., None]
    picked = xp.take_along_axis(places, first, -1)[..., 0]
    return getitem(reshape(x, shape=(-1,)), index=picked)


max_pool2d.vjps(_max_pool2d_dx, twin=_picked)


@primitive
def avg_pool2d(x, size, stride, padding):
    """The mean of each window, (N, C, OH, OW); the zeros beyond the border count, as in PyTorch."""
    images = _padded(x, padding, 0.0).transpose(0, 2, 3, 1)
    for axis in (COLUMNS, ROWS):
        count = _count(images, axis, size, stride)
        places = range(size[axis - 1])
        images = sum(_place(images, axis, i, count, stride[axis - 1]) for i in places)
    return (images / (size[0] * size[1])).transpose(0, 3, 1, 2)


@primitive
def avg_pool2d_dx(g, shape, size, stride, padding):
    """The adjoint of avg_pool2d: each mean's cotangent, spread evenly over its window."""
    (h, w), (ph, pw) = shape[2:], padding
    images = g.transpose(0, 2, 3, 1) / (size[0] * size[1])
    for axis, whole in ((ROWS, h + 2 * ph), (COLUMNS, w + 2 * pw)):
        count, sizes = images.shape[axis], list(images.shape)
        sizes[axis] = whole
        wider = array_module(g).zeros(tuple(sizes), g.dtype)
        for i in range(size[axis - 1]):
            _place(wider, axis, i, count, stride[axis - 1])[...] += images
        images = wider
    return images[:, ph:ph + h, pw:pw + w].transpose(0, 3, 1, 2)


avg_pool2d.vjps(lambda g, y, x, **where: avg_pool2d_dx(g, shape=x.shape, **where))
avg_pool2d_dx.vjps(lambda h, y, g, shape, **where: avg_pool2d(h, **where))


def _largest(x, y, axis, size, stride):
    """y = the largest of each run of `size` entries of x along the axis, every `stride`."""
    count, maximum = y.shape[axis], array_module(x).maximum
    y[...] = _place(x, axis, 0, count, stride)
    for i in range(1, size):
        maximum(y, _place(x, axis, i, count, stride), out=y)


def _to_the_first(g, y, x, gx, axis, size, stride):
    """Add g to gx where the first of a run of x equals its largest, y."""
    count, waits = y.shape[axis], True            # where the largest entry has not been met yet
    for i in range(size):
        first = (_place(x, axis, i, count, stride) == y) & waits
        _place(gx, axis, i, count, stride)[...] += g * first
        waits ^= first                            # first lies within waits and is taken out of it


def _place(x, axis, i, count, stride):
    """Entry i of each of `count` runs along the axis, which start every `stride`."""
    runs = slice(i, i + (count - 1) * stride + 1, stride)
    return x[(slice(None),) * axis + (runs,)]


def _count(images, axis, size, stride):
    """How many runs of `size`, every `stride`, fit along the axis."""
    return (images.shape[axis] - size[axis - 1]) // stride[axis - 1] + 1


def _empty(images, axes, size, stride):
    """Room for one number of each run of `size` along the axes, every `stride`."""
    sizes = list(images.shape)
    for axis in axes if isinstance(axes, tuple) else (axes,):
        sizes[axis] = _count(images, axis, size, stride)
    return array_module(images).empty(tuple(sizes), images.dtype)


def _padded(x, padding, value=-math.inf):
    if not any(padding):
        return x
    around = (0, 0), (0, 0), *((p, p) for p in padding)
    return array_module(x).pad(x, around, constant_values=value)


def _passes(images, lo, hi):
    """Slices of images lo..hi-1, each small enough for a core's cache; all in one on a GPU."""
    return chunks(lo, hi, each=images[0].size) if on_host(images) else [slice(lo, hi)]


def _each_image(part, images):
    if len(images):
        par(part, len(images), each=images[0].size) if on_host(images) else part(0, len(images))

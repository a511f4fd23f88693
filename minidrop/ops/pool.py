"""The largest number, or the mean, of each window of images (N, C, H, W).

Both are separable: first over the columns of a window, then over its rows, so that a window costs
kh + kw steps and not kh kw.  Sizes are pairs as in `window`.
"""

import math

from ..tape import data_of, primitive
from ..xp import array_module, chunks, on_host, par
from .shape import getitem, reshape
from .window import unfold

PASS = 1 << 18              # numbers in a pass: with fewer, calls cost more than the cache saves
SHORT = 4                   # times as many numbers as usual pay for a thread, as calls are short
ROWS, COLUMNS = 1, 2        # axes of images (N, H, W, C); a pair holds an axis at axis - 1


@primitive(twice=False, keeps=True)
def max_pool2d(x, size, stride, padding):
    """The largest entry of each window, (N, C, OH, OW); beyond the border nothing is large.

    As in PyTorch one entry takes the gradient, row by row the first of the largest, or the last
    nan; it is never one beyond the border.  What is kept for it is small: for each row of a window
    and each entry but its first, whether it goes before all those before it, and the same for the
    largest entries of the rows.
    """
    xp, images = array_module(x), _padded(x, padding).transpose(0, 2, 3, 1)
    n, height, _, c = images.shape
    oh, ow = (_count(images, axis, size, stride) for axis in (ROWS, COLUMNS))
    where = list(zip(size, stride, padding, strict=True))
    y = xp.empty((n, oh, ow, c), x.dtype)
    down = xp.empty((size[0] - 1, n, oh, ow, c), bool)
    right = xp.empty((size[1] - 1, n, height, ow, c), bool)

    def part(lo, hi):
        for s in _passes(images, lo, hi):
            across = xp.empty((s.stop - s.start, height, ow, c), x.dtype)
            _largest(images[s], across, right[:, s], COLUMNS, *where[1])
            _largest(across, y[s], down[:, s], ROWS, *where[0])
            if not on_host(x) or xp.isnan(y[s].max()):             # where a GPU need not be asked
                _prefer_nan(images[s], right[:, s], COLUMNS, *where[1])
                _prefer_nan(across, down[:, s], ROWS, *where[0])

    _each_image(part, images)
    return y.transpose(0, 3, 1, 2), (down, right)


def _max_pool2d_dx(g, _y, _x, size, stride, padding, kept):
    """From a window to the row that holds the entry it chose, and in that row to the entry."""
    (down, right), g, (n, c, *whole) = kept, g.transpose(0, 2, 3, 1), _x.shape
    xp, (height, width) = array_module(g), (k + 2 * p for k, p in zip(whole, padding, strict=True))
    gx = xp.empty((n, height, width, c), g.dtype)

    def part(lo, hi):
        for s in _passes(gx, lo, hi):
            across = xp.empty((s.stop - s.start, height, *g.shape[2:]), g.dtype)
            _to_the_chosen(g[s], down[:, s], across, ROWS, size[0], stride[0])
            _to_the_chosen(across, right[:, s], gx[s], COLUMNS, size[1], stride[1])

    _each_image(part, gx)
    return _inside(gx, whole, padding)


def _picked(x, size, stride, padding):
    """The twin: find where the largest entry of each window lies, and take it from there."""
    xp, images, last = array_module(data_of(x)), data_of(x), size[0] * size[1]
    where = {"size": size, "stride": stride, "padding": (0, 0)}
    places = xp.arange(images.size).reshape(images.shape)
    windows, places = (unfold(_padded(a, padding, value), **where)
                       for a, value in ((images, -math.inf), (places, -1)))
    windows, places = (a.reshape(*a.shape[:4], last) for a in (windows, places))
    largest, order = windows == windows.max(-1, keepdims=True), xp.arange(last)
    rank = xp.where(xp.isnan(windows), last + order, largest * (last - order)) * (places >= 0)
    picked = xp.take_along_axis(places, rank.argmax(-1)[..., None], -1)[..., 0]
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
    return _inside(images, (h, w), padding)


avg_pool2d.vjps(lambda g, _y, _x, **where: avg_pool2d_dx(g, shape=_x.shape, **where))
avg_pool2d_dx.vjps(lambda h, _y, _g, shape, **where: avg_pool2d(h, **where))


def _largest(x, y, later, axis, size, stride, padding):
    """y = the largest of each run of `size` entries of x along the axis, every `stride`.

    later[i - 1]: whether entry i is larger than all before it, or the first that is no padding.
    The last entry of which that holds is the first of the largest.
    """
    xp, entries = array_module(x), _entries(x, axis, size, y.shape[axis], stride)
    if size == 1:
        y[...] = entries[0]
        return
    xp.maximum(*entries[:2], out=y)
    xp.greater(y, entries[0], out=later[0])       # y lies side by side: quicker than entries[1]
    for i in range(2, size):
        xp.greater(entries[i], y, out=later[i - 1])
        xp.maximum(entries[i], y, out=y)
    for place, i in enumerate(range(padding, 0, -stride)):
        later[(i - 1, *(slice(None),) * axis, slice(place, place + 1))] = True


def _prefer_nan(x, later, axis, size, stride, padding):
    """later[i - 1] holds also where entry i of a run is nan."""
    for i, entry in enumerate(_entries(x, axis, size, later.shape[axis + 1], stride)[1:]):
        later[i] |= array_module(x).isnan(entry)


def _to_the_chosen(g, later, gx, axis, size, stride):
    """gx = g at the last of the `later` entries of each run, else at its first, and 0 elsewhere.

    Numbers are multiplied by 0 and 1 as integers with the same bits: 0 inf would be nan.
    """
    alone = size == stride and gx.shape[axis] == size * g.shape[axis]
    if not alone:
        gx[...] = 0
    bits = g.view(f"u{g.itemsize}") if g.itemsize <= 8 else g     # left for entry i and before it
    for i in range(size - 1, -1, -1):
        taken = bits * later[i - 1] if i else bits
        place = _place(gx, axis, i, g.shape[axis], stride)
        if alone:                                 # each place is in one run: written, not added to
            place[...] = taken.view(g.dtype)
        else:
            place += taken.view(g.dtype)
        if i:
            bits = bits - taken


def _entries(x, axis, size, count, stride):
    return [_place(x, axis, i, count, stride) for i in range(size)]


def _place(x, axis, i, count, stride):
    """Entry i of each of `count` runs along the axis, which start every `stride`."""
    runs = slice(i, i + (count - 1) * stride + 1, stride)
    return x[(slice(None),) * axis + (runs,)]


def _count(images, axis, size, stride):
    """How many runs of `size`, every `stride`, fit along the axis."""
    return (images.shape[axis] - size[axis - 1]) // stride[axis - 1] + 1


def _padded(x, padding, value=-math.inf):
    if not any(padding):
        return x
    around = (0, 0), (0, 0), *((p, p) for p in padding)
    return array_module(x).pad(x, around, constant_values=value)


def _inside(images, whole, padding):
    """Images (N, C, H, W) without the padding around them."""
    (h, w), (ph, pw) = whole, padding
    return images[:, ph:ph + h, pw:pw + w].transpose(0, 3, 1, 2)


def _passes(images, lo, hi):
    """Slices of images lo..hi-1, each about PASS numbers; all in one on a GPU."""
    return chunks(lo, hi, images[0].size, PASS) if on_host(images) else [slice(lo, hi)]


def _each_image(part, images):
    if len(images) and on_host(images):
        par(part, len(images), each=images[0].size // SHORT)
    elif len(images):
        part(0, len(images))

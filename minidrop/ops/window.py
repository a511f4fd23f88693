"""Windows that slide over images (N, C, H, W): unfold and fold, and the convolution made of them.

A window is kh rows by kw columns, and there are OH by OW of them, where

    OH = (H + 2 padding - kh) // stride + 1        and OW likewise

`size`, `stride` and `padding` are pairs (rows, columns).  Let each row of U be a window, of W a
filter, of Y what the filters give for a window, and of V its cotangent.  Then

    Y = U W^T,      gradient in the images fold(V W),      gradient in the filters V^T U

Each of the three is bilinear, and the others are its adjoints.  `groups`, G of them, cut channels
and filters, and each has such matrices of its own.  On the host a strategy of `fast` gives the same
results, mostly by the same products a few images at a time; `fast.choice` says which one.
"""

import math

from ..device import windows
from ..fast import choice
from ..fast.products import product
from ..tape import primitive
from ..xp import array_module, on_host


@primitive
def unfold(x, size, stride, padding):
    """The windows (N, C, OH, OW, kh, kw) of x (N, C, H, W), a read-only view of the padded x.

    PyTorch's unfold copies the same numbers into columns (N, C kh kw, OH OW).
    """
    xp, (sh, sw) = array_module(x), stride
    if any(padding):
        x = xp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    return xp.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))[:, :, ::sh, ::sw]


@primitive
def fold(u, shape, stride, padding):
    """Windows (N, C, OH, OW, kh, kw) added up where they lie in images of `shape`."""
    if windows.runs(u):
        return windows.fold(u, shape, stride, padding)
    (n, c, h, w), (sh, sw), (ph, pw) = shape, stride, padding
    oh, ow, kh, kw = u.shape[2:]
    x = array_module(u).zeros((n, c, h + 2 * ph, w + 2 * pw), u.dtype)
    for i in range(kh):                           # entries (i, j) of all windows: no two coincide
        for j in range(kw):
            x[:, :, i:i + oh * sh:sh, j:j + ow * sw:sw] += u[..., i, j]
    return x[:, :, ph:ph + h, pw:pw + w]


unfold.vjps(lambda g, _y, _x, size, **where: fold(g, shape=_x.shape, **where))
fold.vjps(lambda g, _y, _u, shape, **where: unfold(g, size=_u.shape[4:], **where))


@primitive
def conv2d(x, w, b, stride, padding, groups):
    """y[n, o, i, j] = b[o] + sum over c, u, v of w[o, c, u, v] x[n, c, stride i + u, stride j + v].

    Here x is padded already, and c runs over the channels of the group that o belongs to.
    x (N, C, H, W), w (O, C / groups, kh, kw), b (O,) or None; y (N, O, OH, OW).
    """
    if fast := _fast(x, x.shape, w.shape, stride, padding, groups, "forward"):
        return fast.conv2d(x, w, b, stride, padding)
    rows, (oh, ow) = _window_rows(x, w.shape[2:], stride, padding, groups)
    y = product(rows, _filter_columns(w, groups))     # (G, N OH OW, O / G)
    if b is not None:
        y += b.reshape(groups, 1, -1)
    return _as_images(y.reshape(groups, len(x), oh, ow, w.shape[0] // groups))


@primitive
def conv2d_dx(g, w, shape, stride, padding, groups):
    """The gradient of conv2d in its images of `shape`, for a cotangent g (N, O, OH, OW)."""
    if fast := _fast(g, shape, w.shape, stride, padding, groups, "images"):
        return fast.conv2d_dx(g, w, shape, stride, padding)
    n, (_, per_group, kh, kw), (oh, ow) = len(g), w.shape, g.shape[2:]
    u = product(_cotangent_rows(g, groups), _filter_columns(w, groups).swapaxes(1, 2))
    if windows.runs(u):
        return windows.images(u, shape, (oh, ow), (kh, kw), stride, padding, groups)
    u = u.reshape(groups, n, oh, ow, per_group, kh, kw).transpose(1, 0, 4, 2, 3, 5, 6)
    return fold(u.reshape(n, shape[1], oh, ow, kh, kw), shape=shape, stride=stride, padding=padding)


@primitive
def conv2d_dw(g, x, size, stride, padding, groups):
    """The gradient of conv2d in its filters of `size` (kh, kw), for a cotangent g."""
    filters = g.shape[1], x.shape[1] // groups, *size
    if fast := _fast(g, x.shape, filters, stride, padding, groups, "filters"):
        return fast.conv2d_dw(g, x, size, stride, padding)
    rows, _ = _window_rows(x, size, stride, padding, groups)
    w = product(rows.swapaxes(1, 2), _cotangent_rows(g, groups))  # (G, C / G kh kw, O / G)
    return w.swapaxes(1, 2).reshape(filters)


def _back(wanted, g, _y, x, w, _b, stride, padding, groups):
    """The gradients in the images, filters and biases that are wanted, from one sweep."""
    way = "both" if {0, 1} <= {*wanted} else "images" if 0 in wanted else "filters"
    fast = _fast(g, x.shape, w.shape, stride, padding, groups, way)
    if fast and {0, 1} & {*wanted}:
        return fast.conv2d_back(wanted, g, x, w, stride, padding)
    where = {"stride": stride, "padding": padding, "groups": groups}
    return {i: conv2d.adjoint(i)(g, _y, x, w, _b, **where) for i in wanted}


conv2d.vjps(lambda g, _y, _x, w, _b, **where: conv2d_dx(g, w, shape=_x.shape, **where),
            lambda g, _y, x, _w, _b, **where: conv2d_dw(g, x, size=_w.shape[2:], **where),
            lambda g, _y, _x, _w, _b, **where: g.sum((2, 3)).sum(0),   # in two steps: rounds less
            joint=_back)
# h is the cotangent of a gradient: images here, filters below
conv2d_dx.vjps(lambda h, _y, _g, w, shape, **where: conv2d(h, w, None, **where),
               lambda h, _y, g, _w, shape, **where: conv2d_dw(g, h, size=_w.shape[2:], **where))
conv2d_dw.vjps(lambda h, _y, _g, x, size, **where: conv2d(x, h, None, **where),
               lambda h, _y, g, _x, size, **where: conv2d_dx(g, h, shape=_x.shape, **where))


def _fast(array, images, filters, stride, padding, groups, direction):
    """The strategy that convolves these shapes on the host; None for the plain formula."""
    if groups > 1 or not filters[0] or not on_host(array):
        return None
    name = choice.strategy(images, filters, stride, padding, array.dtype, direction)
    return choice.STRATEGIES[name]


def _window_rows(x, size, stride, padding, groups):
    """U of each group, (G, N OH OW, C / G kh kw), and (OH, OW)."""
    if windows.runs(x):
        return windows.rows(x, size, stride, padding, groups)
    u = unfold(x, size=size, stride=stride, padding=padding)
    n, c, oh, ow, kh, kw = u.shape
    u = u.reshape(n, groups, c // groups, oh, ow, kh, kw).transpose(1, 0, 3, 4, 2, 5, 6)
    return u.reshape(groups, n * oh * ow, c // groups * kh * kw), (oh, ow)


def _filter_columns(w, groups):
    """W^T of each group, (G, C / G kh kw, O / G), from filters (O, C / G, kh, kw)."""
    filters, *rest = w.shape
    return w.reshape(groups, filters // groups, math.prod(rest)).swapaxes(1, 2)


def _cotangent_rows(g, groups):
    """V of each group, (G, N OH OW, O / G), from cotangents (N, O, OH, OW)."""
    n, o, oh, ow = g.shape
    g = g.reshape(n, groups, o // groups, oh, ow).transpose(1, 0, 3, 4, 2)
    return g.reshape(groups, n * oh * ow, o // groups)


def _as_images(y):
    """Images (N, O, OH, OW) from (G, N, OH, OW, O / G)."""
    groups, n, oh, ow, per_group = y.shape
    return y.transpose(1, 0, 4, 2, 3).reshape(n, groups * per_group, oh, ow)

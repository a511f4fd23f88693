"""Functions of images (N, C, H, W): convolution and pooling."""

import math

from ..arguments import count, describe, floating, pair, plain, room, shape_of
from ..ops.pool import avg_pool2d as _avg_pool2d
from ..ops.pool import max_pool2d as _max_pool2d
from ..ops.window import conv2d as _conv2d
from ..ops.window import fold as _fold
from ..ops.window import unfold as _unfold
from ..xp import array_module


def conv2d(x, weight, bias=None, stride=1, padding=0, groups=1):
    """y_o = b_o + sum_c w_oc * x_c, where * is the cross-correlation: the filter is not turned.

    x (N, C, H, W), weight (O, C / groups, kh, kw), bias (O,) or None; y (N, O, OH, OW) with
    OH = (H + 2 padding - kh) // stride + 1, and OW likewise.  `stride` and `padding` are whole
    numbers or pairs (rows, columns).  Each of `groups` equal parts of the channels meets its own
    filters; groups = C is a depthwise convolution.  Of 0 images or filters the result is empty.

    >>> import numpy as np
    >>> conv2d(np.ones((2, 3, 8, 8)), np.ones((5, 3, 3, 3)), padding=1, stride=2).shape
    (2, 5, 4, 4)
    """
    _images(x)
    if len(getattr(weight, "shape", ())) != 4:
        raise ValueError(f"weight must be an array of shape (O, C / groups, kh, kw), got "
                         f"{describe(weight)}")
    stride, padding = pair(stride, "stride"), pair(padding, "padding", least=0)
    filters, per_group, *size = weight.shape
    channels, groups = x.shape[1], count(groups, "groups")
    if channels % groups or filters % groups:
        raise ValueError(f"groups must divide the {channels} channels of x and the {filters} "
                         f"filters of weight, got {groups}")
    if per_group * groups != channels:
        raise ValueError(f"weight must have {channels // groups} channels to meet x of shape "
                         f"{x.shape} in groups of {groups}, got shape {weight.shape}")
    if bias is not None and getattr(bias, "shape", None) != (filters,):
        raise ValueError(f"bias must be an array of shape ({filters},), got {describe(bias)}")
    if not hasattr(weight, "requires_grad"):      # a Tensor holds numbers
        floating(weight, "weight")
    if bias is not None and not hasattr(bias, "requires_grad"):
        floating(bias, "bias")
    _fits("the size of weight", size, x, padding)
    return _conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)


def unfold(x, size, stride=1, padding=0):
    """The windows (N, C, OH, OW, kh, kw) of images (N, C, H, W), as a view of the padded images.

    Times a filter and summed over C, kh and kw they are a channel of conv2d.  PyTorch's unfold
    copies them into columns (N, C kh kw, L), L = OH OW: those are
    `unfold(...).transpose(0, 1, 4, 5, 2, 3).reshape(n, c * kh * kw, oh * ow)`.

    >>> import numpy as np
    >>> unfold(np.arange(9.0).reshape(1, 1, 3, 3), size=2)[0, 0, 1, 1]
    array([[4., 5.],
           [7., 8.]])
    """
    return _unfold(_images(x), **_window(x, size, 1 if stride is None else stride, padding))


def fold(windows, shape, stride=1, padding=0):
    """Windows (N, C, OH, OW, kh, kw) added up where they lie in images of `shape`.

    The adjoint of unfold: for all x and u, the sum of u unfold(x) is the sum of fold(u) x.

    >>> import numpy as np
    >>> fold(np.ones((1, 1, 2, 2, 2, 2)), shape=(1, 1, 3, 3))[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    shape = shape_of(shape)
    if floating(windows, "windows").ndim != 6 or len(shape) != 4:
        raise ValueError("shape and windows must be (N, C, H, W) and (N, C, OH, OW, kh, kw), got "
                         f"{shape} and {windows.shape}")
    stride, padding = pair(stride, "stride"), pair(padding, "padding", least=0)
    sizes = zip(shape[2:], windows.shape[4:], stride, padding, strict=True)
    due = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in sizes)
    if windows.shape[:4] != shape[:2] + due:
        raise ValueError(f"windows must have shape {shape[:2] + due} + (kh, kw) for images of "
                         f"shape {shape} at stride {stride} and padding {padding}, got "
                         f"{windows.shape}")
    return _fold(windows, shape=shape, stride=stride, padding=padding)


def max_pool2d(x, size, stride=None, padding=0):
    """The largest entry of each window of `size`, every `stride` (by default the size).

    (N, C, H, W) to (N, C, OH, OW).  Of equal largest entries the first takes the gradient, of nans
    the last, as in PyTorch.  `padding` is at most half the size.

    >>> import numpy as np
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _max_pool2d(_images(x), **_window(x, size, stride, padding, pools=True))


def avg_pool2d(x, size, stride=None, padding=0):
    """The mean of each window of `size`, every `stride` (by default the size); padded zeros count.

    >>> import numpy as np
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    return _avg_pool2d(_images(x), **_window(x, size, stride, padding, pools=True))


def global_avg_pool2d(x):
    """The mean over all places of each channel: (N, C, H, W) to (N, C).

    >>> import numpy as np
    >>> global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[1.5, 5.5]])
    """
    return _images(x).mean((2, 3))


def flip_and_shift(x, flips=None, shifts=None):
    """Images (..., C, H, W), each mirrored left to right or not, then moved; zeros come in.

    `flips` is boolean (...), `shifts` are whole numbers (..., 2), by how many rows and columns an
    image moves, up and to the left.  Both are products with matrices of 0 and 1, quick both ways
    for small images; an infinite pixel spoils its row, and where there are shifts its channel.

    >>> import numpy as np
    >>> x = np.array([[[1.0, 2.0, 3.0]]])
    >>> flip_and_shift(x, np.array(True), np.array([0, 1]))[0]
    array([[2., 1., 0.]])
    """
    if floating(x).ndim < 3:
        raise ValueError(f"x must be images of shape (..., C, H, W), got {x.shape}")
    for noise, name, kinds, due in ((flips, "flips", "b", x.shape[:-3]),
                                    (shifts, "shifts", "iu", (*x.shape[:-3], 2))):
        if noise is not None and (getattr(noise, "shape", None) != due
                                  or noise.dtype.kind not in kinds):
            raise ValueError(f"{name} must be {'booleans' if kinds == 'b' else 'whole numbers'} of "
                             f"shape {due}, got {describe(noise)}")
        plain(noise, name)
    up, left = (0, 0) if shifts is None else (shifts[..., :1], shifts[..., 1:])
    y = x if flips is None and shifts is None else _picked(x, left, flips)
    return y if shifts is None else _picked(y.swapaxes(-1, -2), up).swapaxes(-1, -2)


def _picked(x, by, mirrored=None):
    """x[..., j + by], counted from the other end where `mirrored`, and 0 outside."""
    *outer, channels, rows, size = x.shape
    xp = array_module(by if mirrored is None else mirrored)
    to = xp.arange(size)
    source = to + by                                              # (..., size), some of it outside
    if mirrored is not None:
        source = xp.where(mirrored[..., None], size - 1 - source, source)
    picks = (source[..., None, :] == to[:, None]).astype(x.dtype)             # (..., from, to)
    lines = x.reshape(*outer, channels * rows, size)
    return (lines @ picks).reshape(x.shape)                              # Eq. (multi_sample.13)


def _images(x):
    if floating(x).ndim != 4 or 0 in x.shape[1:]:
        raise ValueError("x must be images of shape (N, C, H, W) with a channel and a pixel at "
                         f"least, got {x.shape}")
    return x


def _window(x, size, stride, padding, pools=False):
    size, padding = pair(size, "size"), pair(padding, "padding", least=0)
    if pools:
        at_most_half(padding, size)
    _fits("size", size, x, padding)
    stride = size if stride is None else pair(stride, "stride")
    return {"size": size, "stride": stride, "padding": padding}


def at_most_half(padding, size):
    """`padding` itself, two whole numbers of which neither is more than half of its size."""
    if any(2 * p > s for p, s in zip(padding, size, strict=True)):
        raise ValueError(f"padding must be at most half of the size {size}, got {padding}")
    return padding


def _fits(name, size, x, padding):
    whole = tuple(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))
    if any(padding):
        room(math.prod(whole) * math.prod(x.shape[:2]), "padding", each=x.dtype.itemsize)
    if any(not 0 < k <= n for k, n in zip(size, whole, strict=True)):
        raise ValueError(f"{name} must be at least 1 and fit into images of {whole}, padding "
                         f"included, got {tuple(size)}")

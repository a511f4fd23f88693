"""Convolution: a small filter on an image, wherever it fits, and how many places that are."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("convolution", lesson="convolution")


def images(rng):
    for x, w, stride, padding in (
            ((1, 1, 1, 2), (1, 1, 1, 2), 1, 0), ((1, 1, 2, 3), (1, 1, 2, 2), 1, 0),
            ((1, 2, 2, 2), (1, 2, 1, 2), 1, 0), ((1, 1, 2, 3), (2, 1, 2, 1), 1, 1),
            ((2, 3, 5, 4), (2, 3, 3, 2), 2, 1), ((2, 2, 7, 6), (3, 2, 3, 3), 3, 0)):
        yield numbers(rng, x), numbers(rng, w), numbers(rng, w[0]), stride, padding


@exercise.task("convolution.1", points=4, cases=images, key=md.conv2d,
               equation=r"y_{noij} = b_o + \sum_{cuv} w_{ocuv} \, x_{n, c, si+u-p, sj+v-p}",
               hint="Compute the first entry of y on paper, and the one to its right.")
def conv2d(x, w, b, stride, padding):
    """A convolution layer: each filter is laid on each image, wherever it fits.

    x is (N, C, H, W), w (out, C, kh, kw), and b (out,).  The filters move by `stride` pixels, down
    and to the right, over the images with `padding` rows and columns of zeros on every side.
    Returns an array (N, out, rows, columns) with rows = (H + 2 padding - kh) // stride + 1, and
    columns likewise.
    """
    N, C, H, W = x.shape
    out, _, kh, kw = w.shape
    rows, columns = (H + 2 * padding - kh) // stride + 1, (W + 2 * padding - kw) // stride + 1
    y = np.zeros((N, out, rows, columns))
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = b[o]
        for c, u, v in np.ndindex(C, kh, kw):
            row, column = stride * i + u - padding, stride * j + v - padding
            if 0 <= row < H and 0 <= column < W:
                y[n, o, i, j] += w[o, c, u, v] * x[n, c, row, column]
    return y


@conv2d.right("a view of all windows, and einsum")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return np.einsum("ncijuv,ocuv->noij", windows, w) + b[:, None, None]


@conv2d.right("a sum over the places of a filter, each of whole images")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows = (x.shape[2] - w.shape[2]) // stride + 1
    columns = (x.shape[3] - w.shape[3]) // stride + 1
    y = np.zeros((len(x), len(w), rows, columns)) + b[:, None, None]
    for u in range(w.shape[2]):
        for v in range(w.shape[3]):
            moved = x[:, :, u:u + stride * rows:stride, v:v + stride * columns:stride]
            y += np.tensordot(moved, w[:, :, u, v], (1, 1)).transpose(0, 3, 1, 2)
    return y


@conv2d.wrong("networks lay the filter down as it is: nothing is turned round")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return np.einsum("ncijuv,ocuv->noij", windows, w[:, :, ::-1, ::-1]) + b[:, None, None]


@conv2d.wrong("each filter has a bias, which is added once and not for every weight below it")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    often = w[0].size
    return np.einsum("ncijuv,ocuv->noij", windows, w) + often * b[:, None, None]


@conv2d.wrong("around the image there are zeros, and not its own border once more")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return np.einsum("ncijuv,ocuv->noij", windows, w) + b[:, None, None]


@conv2d.wrong("a filter has weights for every channel, and here it sees the first channel alone")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    windows = windows[:, :1, ::stride, ::stride]
    return np.einsum("ncijuv,ocuv->noij", windows, w[:, :1]) + b[:, None, None]


@conv2d.wrong("how far does the filter move from one entry of y to the next?")
def _(x, w, b, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    rows = (x.shape[2] - w.shape[2]) // stride + 1
    columns = (x.shape[3] - w.shape[3]) // stride + 1
    return (np.einsum("ncijuv,ocuv->noij", windows[:, :, :rows, :columns], w)
            + b[:, None, None])

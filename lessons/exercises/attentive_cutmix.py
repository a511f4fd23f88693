"""Attentive CutMix: paste the parts of an image that a network attends to most."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("attentive_cutmix", lesson="attention")


def maps(rng):
    for n, channels, h, w, most in ((1, 1, 1, 2, 1), (1, 2, 2, 2, 2), (2, 2, 2, 3, 2),
                                    (1, 3, 3, 2, 0), (2, 2, 2, 2, 4), (3, 3, 4, 3, 5)):
        attention = np.stack([i + rng.permutation(h * w).reshape(h, w) / 10 for i in range(n)])
        beside = np.arange(channels)[:, None, None] - (channels - 1) / 2     # 0 on average
        yield attention[:, None] + beside * rng.permutation(
            np.arange(n * h * w) - n * h * w // 2).reshape(n, 1, h, w), most


@exercise.task("attentive_cutmix.2", points=3, cases=maps, key=md.attention_cells,
               hint="Rank the cells of each image by themselves; the largest attention is first.")
def find_cells(features, n):
    """Find the n cells of each image that have the largest attention: its mean over the channels.

    features is (N, C, h, w), and the attention of no two cells of an image is equal.  Returns an
    array (N, h, w), 1 (or True) in those cells.
    """
    images, channels, h, w = features.shape
    cells = np.zeros((images, h, w))
    for image in range(images):
        attention = np.zeros((h, w))
        for c in range(channels):
            attention += features[image, c] / channels
        for i, j in np.ndindex(h, w):
            larger = 0
            for other in np.ndindex(h, w):
                larger += attention[other] > attention[i, j]
            cells[image, i, j] = larger < n
    return cells


@find_cells.right("the order of the negative means")
def _(features, n):
    attention = features.mean(1).reshape(len(features), -1)
    rank = np.argsort(np.argsort(-attention, 1), 1)
    return (rank < n).reshape(len(features), *features.shape[2:])


@find_cells.right("one largest cell after the other, of the sums over the channels")
def _(features, n):
    left = np.einsum("ncij->nij", features)
    cells = np.zeros(left.shape, int)
    for image in range(len(left)):
        for _ in range(n):
            best = np.unravel_index(left[image].argmax(), left[image].shape)
            cells[image][best], left[image][best] = 1, -np.inf
    return cells


@find_cells.wrong("the largest attention is asked for, and these are the cells of the smallest")
def _(features, n):
    attention = features.mean(1).reshape(len(features), -1)
    return (np.argsort(np.argsort(attention, 1), 1) < n).reshape(len(features), *features.shape[2:])


@find_cells.wrong("the attention is the mean over all channels, and not one of them")
def _(features, n):
    attention = features[:, -1].reshape(len(features), -1)
    return (np.argsort(np.argsort(-attention, 1), 1) < n).reshape(
        len(features), *features.shape[2:])


@find_cells.wrong("each image has its own n cells, whatever the others attend to")
def _(features, n):
    attention = features.mean(1)
    rank = np.argsort(np.argsort(-attention.ravel()))
    return (rank < n * len(features)).reshape(attention.shape)


@find_cells.wrong("a mean is taken over the channels: not the largest of them")
def _(features, n):
    attention = features.max(1).reshape(len(features), -1)
    return (np.argsort(np.argsort(-attention, 1, kind="stable"), 1) < n).reshape(
        len(features), *features.shape[2:])


def batches(rng):
    for (n, c, height, width), (h, w), classes, cells in (
            ((2, 1, 1, 2), (1, 2), 2, 1), ((2, 1, 2, 4), (1, 2), 2, 1),
            ((3, 2, 4, 3), (2, 3), 3, 2), ((1, 1, 2, 2), (2, 2), 2, 3),
            ((4, 2, 6, 4), (3, 2), 3, 5), ((3, 1, 2, 3), (2, 1), 4, 0)):
        ranks = np.stack([rng.permutation(h * w).reshape(h, w) for _ in range(n)])
        order = np.roll(np.arange(n), 1) if n < 4 else np.array([2, 0, 3, 1])
        yield (rng.normal(size=(n, c, height, width)).round(2),
               np.eye(classes)[np.arange(n) % classes], ranks < cells, order)


@exercise.task(
    "attentive_cutmix.5", points=3, cases=batches, key=md.attentive_cutmix,
    hint="What is pasted comes from the image whose cells these are; so does its share of the "
         "label.")
def paste_cells(x, y, cells, order):
    """Paste the cells of each image into its partner, and mix the labels by their share.

    x is (N, C, H, W), y (N, classes), cells (N, h, w) boolean, where each cell covers H/h x W/w
    pixels.  The cells of x[i] go into x[order[i]], the result is in place i.  Returns (x, y).
    """
    N, C, H, W = x.shape
    h, w = cells.shape[1:]
    mixed, labels = np.zeros(x.shape), np.zeros(y.shape)
    for n in range(N):
        for c, i, j in np.ndindex(C, H, W):
            own = cells[n, i * h // H, j * w // W]
            mixed[n, c, i, j] = x[n, c, i, j] if own else x[order[n], c, i, j]
        share = np.sum(cells[n]) / (h * w)
        labels[n] = share * y[n] + (1 - share) * y[order[n]]
    return mixed, labels


@paste_cells.right("cells repeated to pixels")
def _(x, y, cells, order):
    high, wide = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    inside = cells.repeat(high, 1).repeat(wide, 2)[:, None]
    share = cells.mean((1, 2))[:, None]
    return np.where(inside, x, x[order]), share * y + (1 - share) * y[order]


@paste_cells.right("a Kronecker product, and the share of the pixels")
def _(x, y, cells, order):
    block = np.ones((1, x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]))
    inside = np.kron(cells, block)
    share = np.einsum("nij->n", inside) / inside[0].size
    return (x[order] + inside[:, None] * (x - x[order]),
            y[order] + np.einsum("n,nk->nk", share, y - y[order]))


@paste_cells.wrong("the cells are those of x[i]: they go into its partner, not the other way")
def _(x, y, cells, order):
    high, wide = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    inside = cells.repeat(high, 1).repeat(wide, 2)[:, None]
    share = 1 - cells.mean((1, 2))[:, None]
    return np.where(inside, x[order], x), share * y + (1 - share) * y[order]


@paste_cells.wrong("of the label stays the share of what was pasted, not of what it replaced")
def _(x, y, cells, order):
    high, wide = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    inside = cells.repeat(high, 1).repeat(wide, 2)[:, None]
    share = 1 - cells.mean((1, 2))[:, None]
    return np.where(inside, x, x[order]), share * y + (1 - share) * y[order]


@paste_cells.wrong("a cell covers neighbouring pixels, a block of them")
def _(x, y, cells, order):
    inside = np.tile(cells, (1, x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]))
    share = cells.mean((1, 2))[:, None]
    return np.where(inside[:, None], x, x[order]), share * y + (1 - share) * y[order]


@paste_cells.wrong("the labels are mixed as well, not only the images")
def _(x, y, cells, order):
    high, wide = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    return np.where(cells.repeat(high, 1).repeat(wide, 2)[:, None], x, x[order]), y

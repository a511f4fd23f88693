"""Cutout, mixup, CutMix and Attentive CutMix in several styles, all of them right."""

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
right("cutout", name="minidrop")(md.Cutout)
right("mixup", name="minidrop")(md.Mixup)
right("cutmix", name="minidrop")(md.CutMix)
right("attentive_cutmix", name="minidrop")(md.attentive_cutmix)


@right("cutout")
def squares_in_loops(x, length, rng):
    """Image by image, the bounds of the square clipped by hand."""
    y = x.copy()
    _, _, height, width = x.shape
    for image in y:
        top = int(rng.integers(height)) - length // 2
        left = int(rng.integers(width)) - length // 2
        image[:, max(top, 0):max(top + length, 0), max(left, 0):max(left + length, 0)] = 0
    return y


@right("cutout")
def squares_by_comparing_places(x, length, rng):
    """A mask from the distances of rows and columns, columns drawn first."""
    n, _, height, width = x.shape
    left = rng.integers(0, width, size=(n, 1)) - length // 2
    top = rng.integers(0, height, size=(n, 1)) - length // 2
    rows = (np.arange(height) >= top) & (np.arange(height) < top + length)
    columns = (np.arange(width) >= left) & (np.arange(width) < left + length)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return np.where(hole, x.dtype.type(0), x)


@right("cutout")
def squares_multiplied(x, length, seed):
    """A mask of ones and zeros, drawn with a seed, times x."""
    rng, mask = np.random.default_rng(seed), np.ones_like(x[:, :1])
    for n in range(len(x)):
        a, b = rng.integers(x.shape[2]), rng.integers(x.shape[3])
        rows = np.arange(a - length // 2, a - length // 2 + length)
        columns = np.arange(b - length // 2, b - length // 2 + length)
        rows = rows[(rows >= 0) & (rows < x.shape[2])]
        columns = columns[(columns >= 0) & (columns < x.shape[3])]
        mask[n, 0, rows[:, None], columns] = 0
    return x * mask


def beta(rng, alpha):
    """A weight for `mixup` and `cutmix`: 1 for alpha = 0."""
    return float(rng.beta(alpha, alpha)) if alpha > 0 else 1.0


@right("mixup")
def mixed_with_a_permutation(x, y, alpha, rng):
    """One weight for the batch, partners by a permutation."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    return weight * x + (1 - weight) * x[order], weight * y + (1 - weight) * y[order]


@right("mixup")
def mixed_by_differences(x, y, alpha, rng):
    """x plus a share of the way to the partner; the permutation is drawn first."""
    order = np.argsort(rng.random(len(x)))
    share = 1 - beta(rng, alpha)
    return x + share * (x[order] - x), y + share * (y[order] - y)


@right("mixup")
def mixed_in_loops(x, y, alpha, seed):
    """Example by example, with a generator from a seed; the weight by two gamma variables."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    a, b = (rng.gamma(alpha), rng.gamma(alpha)) if alpha > 0 else (1.0, 0.0)
    weight = a / (a + b) if a + b > 0 else float(rng.integers(2))
    mixed, labels = np.empty_like(x), np.empty_like(y)
    for i, j in enumerate(order):
        mixed[i] = weight * x[i] + (1 - weight) * x[j]
        labels[i] = weight * y[i] + (1 - weight) * y[j]
    return mixed, labels


@right("mixup", options={"weight": "example"})
def mixed_with_a_weight_for_each(x, y, alpha, rng):
    """A weight for each example, as in Keras."""
    weight = rng.beta(alpha, alpha, len(x)) if alpha > 0 else np.ones(len(x))
    order = rng.permutation(len(x))
    of_x = weight.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    of_y = weight.astype(y.dtype).reshape(-1, 1)
    return of_x * x + (1 - of_x) * x[order], of_y * y + (1 - of_y) * y[order]


def box(weight, row, column, height, width):
    """(top, bottom, left, right) of the official code, half open."""
    side = np.sqrt(1 - weight)
    h, w = int(height * side) // 2, int(width * side) // 2
    return max(row - h, 0), min(row + h, height), max(column - w, 0), min(column + w, width)


@right("cutmix")
def pasted_by_slices(x, y, alpha, rng):
    """The official code: a slice is copied, and the label recounted."""
    _, _, height, width = x.shape
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    top, bottom, left, right_ = box(weight, int(rng.integers(height)), int(rng.integers(width)),
                                    height, width)
    mixed = x.copy()
    mixed[:, :, top:bottom, left:right_] = x[order, :, top:bottom, left:right_]
    kept = 1 - (bottom - top) * (right_ - left) / (height * width)
    return mixed, kept * y + (1 - kept) * y[order]


@right("cutmix")
def pasted_by_a_mask(x, y, alpha, rng):
    """A mask of the box, whose mean is the share of the partner's label."""
    _, _, height, width = x.shape
    order = np.argsort(rng.random(len(x)))
    column, row = rng.integers(width), rng.integers(height)
    top, bottom, left, right_ = box(beta(rng, alpha), row, column, height, width)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right_] = True
    share = y.dtype.type(mask.mean())
    return np.where(mask, x[order], x), y + share * (y[order] - y)


@right("cutmix")
def pasted_in_loops(x, y, alpha, seed):
    """Example by example, with a generator from a seed."""
    rng, (_, _, height, width) = np.random.default_rng(seed), x.shape
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    top, bottom, left, right_ = box(weight, int(rng.random() * height), int(rng.random() * width),
                                    height, width)
    mixed, labels = x.copy(), y.copy()
    kept = 1 - (bottom - top) * (right_ - left) / (height * width)
    for i, j in enumerate(order):
        for row in range(top, bottom):
            mixed[i, :, row, left:right_] = x[j, :, row, left:right_]
        labels[i] = kept * y[i] + (1 - kept) * y[j]
    return mixed, labels


@right("attentive_cutmix")
def cells_enlarged(x, y, cells, order):
    """Every cell as so many pixels, then selected."""
    rows, columns = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    mask = np.kron(cells, np.ones((rows, columns), bool))[:, None] > 0
    share = cells.mean((1, 2)).astype(y.dtype)[:, None]
    return np.where(mask, x, x[order]), share * y + (1 - share) * y[order]


@right("attentive_cutmix")
def cells_in_loops(x, y, cells, order):
    """Cell by cell, in loops."""
    mixed, labels = x[order], y[order]
    n, h, w = cells.shape
    rows, columns = x.shape[2] // h, x.shape[3] // w
    for i in range(n):
        for a, b in np.argwhere(cells[i]):
            place = (i, slice(None), slice(a * rows, (a + 1) * rows),
                     slice(b * columns, (b + 1) * columns))
            mixed[place] = x[place]
        share = cells[i].sum() / (h * w)
        labels[i] = share * y[i] + (1 - share) * y[order[i]]
    return mixed, labels

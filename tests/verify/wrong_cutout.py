"""Cutout as it went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong

wrong = Shelf(Wrong)


def erased(x, tops, lefts, height, width, fill=0.0):
    """A copy with a rectangle of every image filled, clipped at the border."""
    y = x.copy()
    for image, top, left in zip(y, tops, lefts, strict=True):
        rows = slice(max(top, 0), max(top + height, 0))
        image[:, rows, max(left, 0):max(left + width, 0)] = fill
    return y


def centers(x, rng):
    """Rows and columns, one of each for every image."""
    return rng.integers(x.shape[2], size=len(x)), rng.integers(x.shape[3], size=len(x))


def squares(x, length, rng):
    """The right one."""
    rows, columns = centers(x, rng)
    return erased(x, rows - length // 2, columns - length // 2, length, length)


@wrong("cutout", "cutout.1")
def one_centre_for_all_images(x, length, rng):
    """(cutout.1): one square for the whole batch."""
    row, column = rng.integers(x.shape[2]), rng.integers(x.shape[3])
    return erased(x, [row - length // 2] * len(x), [column - length // 2] * len(x), length, length)


@wrong("cutout", "cutout.1")
def always_inside(x, length, rng):
    """(cutout.1): centres only where the whole square fits."""
    tops = rng.integers(max(x.shape[2] - length, 0) + 1, size=len(x))
    lefts = rng.integers(max(x.shape[3] - length, 0) + 1, size=len(x))
    return erased(x, tops, lefts, length, length)


@wrong("cutout", "cutout.1")
def square_inside_by_clipping(x, length, rng):
    """(cutout.1): centres that are too near to the border are moved inwards."""
    rows, columns = centers(x, rng)
    tops = np.clip(rows - length // 2, 0, max(x.shape[2] - length, 0))
    lefts = np.clip(columns - length // 2, 0, max(x.shape[3] - length, 0))
    return erased(x, tops, lefts, length, length)


@wrong("cutout", "cutout.1")
def the_last_row_never(x, length, rng):
    """(cutout.1): draws from 0 to H - 2, since it takes the upper end for included."""
    rows = rng.integers(max(x.shape[2] - 1, 1), size=len(x))
    columns = rng.integers(max(x.shape[3] - 1, 1), size=len(x))
    return erased(x, rows - length // 2, columns - length // 2, length, length)


@wrong("cutout", "cutout.1")
def height_for_both(x, length, rng):
    """(cutout.1): draws columns from 0 to H - 1, which is right for square images."""
    rows = rng.integers(x.shape[2], size=len(x))
    columns = rng.integers(x.shape[2], size=len(x)) % x.shape[3]
    return erased(x, rows - length // 2, columns - length // 2, length, length)


@wrong("cutout", "cutout.1")
def half_of_the_images(x, length, rng):
    """(cutout.1): erases in every other image only, by a coin."""
    rows, columns = centers(x, rng)
    y = erased(x, rows - length // 2, columns - length // 2, length, length)
    return np.where(rng.random((len(x), 1, 1, 1)) < 0.5, y, x)


@wrong("cutout", "cutout.2")
def odd_lengths_one_smaller(x, length, rng):
    """(cutout.2): from c - L // 2 to c + L // 2, as the official code: odd squares are L - 1."""
    rows, columns, half = *centers(x, rng), length // 2
    return erased(x, rows - half, columns - half, 2 * half, 2 * half)


@wrong("cutout", "cutout.2")
def length_as_the_half_side(x, length, rng):
    """(cutout.2): a square of twice the length."""
    rows, columns = centers(x, rng)
    return erased(x, rows - length, columns - length, 2 * length, 2 * length)


@wrong("cutout", "cutout.2")
def from_the_corner(x, length, rng):
    """(cutout.2): the centre is taken for the first corner."""
    return erased(x, *centers(x, rng), length, length)


@wrong("cutout", "cutout.2")
def round_the_border(x, length, rng):
    """(cutout.2): what reaches over one border comes in at the other."""
    y = x.copy()
    for image, row, column in zip(y, *centers(x, rng), strict=True):
        rows = (np.arange(length) + row - length // 2) % x.shape[2]
        columns = (np.arange(length) + column - length // 2) % x.shape[3]
        image[:, rows[:, None], columns] = 0
    return y


@wrong("cutout", "cutout.2")
def one_channel_of_them(x, length, rng):
    """(cutout.2): erases in the first channel alone."""
    y = x.copy()
    y[:, :1] = squares(x[:, :1], length, rng)
    return y


@wrong("cutout", "cutout.3")
def scaled_up_as_dropout_is(x, length, rng):
    """(cutout.3): divides what is left by its share."""
    y = squares(x, length, rng)
    share = 1 - min(length, x.shape[2]) * min(length, x.shape[3]) / (x.shape[2] * x.shape[3])
    return y / x.dtype.type(max(share, 0.01))


@wrong("cutout", "cutout.3")
def filled_with_noise(x, length, rng):
    """(cutout.3): puts noise where the fill should be, as random erasing may."""
    hole = squares(np.ones_like(x), length, rng) == 0
    return np.where(hole, rng.standard_normal(x.shape), x).astype(x.dtype)


@wrong("cutout", "cutout.3")
def filled_with_the_mean_of_the_batch(x, length, rng):
    """(cutout.3): puts the mean of the batch where the fill should be."""
    hole = squares(np.ones_like(x), length, rng) == 0
    return np.where(hole, x.mean(), x).astype(x.dtype)

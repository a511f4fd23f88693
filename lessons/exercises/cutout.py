"""Cutout: erase a square around a random pixel of every image."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Rng, apart, beside, distribution, drawn, within

exercise = Exercise("cutout", lesson="cutout")


def streams(rng):
    for n, height, width in ((1, 2, 3), (2, 3, 2), (3, 5, 4)):
        yield Rng(int(rng.integers(2**31))), n, height, width


def any_pixel(x, rng, n, height, width):
    return np.clip((np.floor(x) + 1) / [height, width], 0, 1)


def middle(rng, n, height, width):
    return np.tile([(height - 1) // 2, (width - 1) // 2], (n, 1))


@exercise.task(
    "cutout.1", points=2, cases=streams, key=None,
    hint="Any pixel may be the centre, those at the border as well.",
    judge=drawn(within(lambda rng, n, height, width: np.zeros((n, 2)),
                       lambda rng, n, height, width: np.tile([height - 1, width - 1], (n, 1))),
                distribution(any_pixel),
                apart(lambda rng, n, height, width: np.tile([1 / height, 1 / width], (n, 1))),
                beside(any_pixel, middle)))
def draw_centers(rng, n, height, width):
    """Draw a centre for each of n images of height x width pixels: any pixel, all alike.

    rng is a numpy.random.Generator.  Returns an array (n, 2): a row and a column, counted from 0.
    """
    centers = np.zeros((n, 2), int)
    for i in range(n):
        centers[i, 0] = rng.integers(height)
        centers[i, 1] = rng.integers(width)
    return centers


@draw_centers.right("both columns at once")
def _(rng, n, height, width):
    return rng.integers([height, width], size=(n, 2))


@draw_centers.right("a number of the pixel, taken apart")
def _(rng, n, height, width):
    return np.stack(np.divmod(rng.permutation(rng.integers(height * width, size=n)), width), 1)


@draw_centers.wrong("each image has a row below height and a column below width, counted from 0",
                    law="range")
def _(rng, n, height, width):
    return rng.integers(1, [height + 1, width + 1], size=(n, 2))


@draw_centers.wrong("each image has a centre of its own", law="apart")
def _(rng, n, height, width):
    return np.tile(rng.integers([height, width]), (n, 1)) if n > 1 else rng.integers(
        [[height, width]])


@draw_centers.wrong("all pixels come up alike, those at the border too",
                    law="distribution")
def _(rng, n, height, width):
    return np.rint(rng.random((n, 2)) * [height - 1, width - 1])


@draw_centers.wrong("the row does not tell the column: there are more pixels than those of a line",
                    law="beside")
def _(rng, n, height, width):
    return (rng.random((n, 1)) * [height, width]).astype(int)


def squares(rng):
    for n, length, height, width in ((1, 1, 2, 3), (1, 2, 3, 4), (1, 3, 4, 5), (2, 4, 5, 3),
                                     (3, 0, 2, 2), (4, 5, 9, 7), (2, 9, 4, 6)):
        yield rng.integers([height, width], size=(n, 2)), length, height, width
    yield np.array([[0, 0], [4, 3]]), 2, 5, 4
    yield np.array([[2, 3]]), 3, 6, 8


@exercise.task("cutout.2", points=3, cases=squares, key=md.cutout_mask,
               hint="Ask of each pixel how far it is from the first row and column of its square.")
def square_mask(centers, length, height, width):
    """Make the masks that erase a square around each centre.

    centers (N, 2) are rows and columns; length is the side of the square, and may be even or odd,
    or longer than the image.  Returns an array (N, 1, height, width), 1 (or True) where a pixel is
    kept and 0 where it is erased.
    """
    mask = np.ones((len(centers), 1, height, width))
    for n in range(len(centers)):
        for i in range(height):
            for j in range(width):
                down = i - centers[n, 0] + length // 2
                across = j - centers[n, 1] + length // 2
                if 0 <= down < length and 0 <= across < length:
                    mask[n, 0, i, j] = 0
    return mask


@square_mask.right("slices that end at the border")
def _(centers, length, height, width):
    mask = np.ones((len(centers), 1, height, width), bool)
    for one, (row, column) in zip(mask, centers - length // 2, strict=True):
        one[0, max(row, 0):max(row + length, 0), max(column, 0):max(column + length, 0)] = False
    return mask


@square_mask.right("rows and columns that are near, and their product")
def _(centers, length, height, width):
    def near(center, size):
        away = np.arange(size) - center[:, None] + length // 2
        return ((away >= 0) & (away < length)).astype(int)
    hole = np.einsum("ni,nj->nij", near(centers[:, 0], height), near(centers[:, 1], width))
    return 1 - hole[:, None]


@square_mask.wrong("the square is as long as length says, whether that is even or odd")
def _(centers, length, height, width):
    rows, columns = np.arange(height)[:, None], np.arange(width)
    return np.array([[(abs(rows - r) > length // 2) | (abs(columns - c) > length // 2)]
                     for r, c in centers])


@square_mask.wrong("the pixel that was drawn is the middle of the square, and not its corner")
def _(centers, length, height, width):
    rows, columns = np.arange(height)[:, None], np.arange(width)
    return np.array([[(rows < r) | (rows >= r + length) | (columns < c) | (columns >= c + length)]
                     for r, c in centers])


@square_mask.wrong("at the border a square is cut off, it is not moved into the image")
def _(centers, length, height, width):
    mask = np.ones((len(centers), 1, height, width))
    for one, (row, column) in zip(mask, centers - length // 2, strict=True):
        top = max(min(row, height - length), 0)
        left = max(min(column, width - length), 0)
        one[0, top:top + length, left:left + length] = 0
    return mask


@square_mask.wrong("a pixel is erased where it is near in both directions, not in one of them")
def _(centers, length, height, width):
    down = np.arange(height) - centers[:, :1] + length // 2
    across = np.arange(width) - centers[:, 1:] + length // 2
    rows, columns = (down < 0) | (down >= length), (across < 0) | (across >= length)
    return (rows[:, None, :, None] & columns[:, None, None, :])


def images(rng):
    for n, c, height, width in ((1, 1, 1, 2), (1, 2, 2, 2), (2, 3, 3, 2), (3, 2, 2, 5)):
        mask = rng.random((n, 1, height, width)) < 0.5
        mask[:, :, 0, 0], mask[:, :, -1, -1] = False, True
        yield rng.normal(size=(n, c, height, width)).round(2), mask, rng.normal(size=c).round(2)


@exercise.task("cutout.3", points=1, cases=images, key=md.cutout,
               hint="What is erased takes the value of its channel, all else stays as it is.")
def erase(x, mask, fill):
    """Put a value of each channel where the mask is False.

    x is (N, C, H, W), mask (N, 1, H, W) and boolean, fill (C,): the mean of each channel, say.
    """
    y = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        if mask[n, 0, i, j]:
            y[n, c, i, j] = x[n, c, i, j]
        else:
            y[n, c, i, j] = fill[c]
    return y


@erase.right("where")
def _(x, mask, fill):
    return np.where(mask, x, fill[:, None, None])


@erase.right("a sum of two products")
def _(x, mask, fill):
    return mask * x + np.einsum("nzij,c->ncij", 1.0 - mask, fill)


@erase.wrong("there is a value to fill in, and here it is always 0")
def _(x, mask, fill):
    return x * mask


@erase.wrong("True keeps, and here it erases")
def _(x, mask, fill):
    return np.where(mask, fill[:, None, None], x)


@erase.wrong("nothing is scaled: images are not made up for what they lost")
def _(x, mask, fill):
    return np.where(mask, x / mask.mean(), fill[:, None, None])

"""Flip and crop: mirror images at random, and shift each by a few pixels."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Rng, apart, beside, distribution, drawn, within

exercise = Exercise("flip_crop", lesson="cutout")


def flips(rng):
    for n, c, height, width in ((1, 1, 1, 2), (2, 1, 2, 3), (3, 2, 3, 4), (4, 3, 2, 1)):
        mask = rng.permutation(np.arange(n) % 2 == 0)
        yield rng.normal(size=(n, c, height, width)).round(2), mask


@exercise.task("flip_crop.2", points=1, cases=flips, key=md.flip,
               hint="In a mirror image the order of the columns is the other way round.")
def mirror(x, mask):
    """Mirror the images of the mask: left and right change places.

    x is (N, C, H, W), mask (N,) is boolean: f in the formula.
    """
    y = np.zeros(x.shape)
    N, C, H, W = x.shape
    for n, c, i, j in np.ndindex(N, C, H, W):
        y[n, c, i, j] = x[n, c, i, W - 1 - j] if mask[n] else x[n, c, i, j]
    return y


@mirror.right("a copy that is changed where the mask is")
def _(x, mask):
    y = x.copy()
    y[mask] = y[mask][..., ::-1]
    return y


@mirror.right("where")
def _(x, mask):
    return np.where(mask[:, None, None, None], np.flip(x, 3), x)


@mirror.wrong("left and right change places, and here it is top and bottom")
def _(x, mask):
    return np.where(mask[:, None, None, None], x[:, :, ::-1], x)


@mirror.wrong("each image is mirrored for itself, and here all of them are")
def _(x, mask):
    return x[..., ::-1]


@mirror.wrong("True mirrors, and here it leaves the image as it is")
def _(x, mask):
    return np.where(mask[:, None, None, None], x, x[..., ::-1])


def streams(rng):
    for n, padding in ((1, 1), (3, 0), (2, 4)):
        yield Rng(int(rng.integers(2**31))), n, padding


def anywhere(x, rng, n, padding):
    return np.clip((np.floor(x) + 1) / (2 * padding + 1), 0, 1)


@exercise.task(
    "flip_crop.3", points=2, cases=streams, key=None,
    hint="A row and a column for each image, and every place of the crop alike.",
    judge=drawn(within(lambda rng, n, padding: np.zeros((n, 2)),
                       lambda rng, n, padding: np.full((n, 2), 2 * padding)),
                distribution(anywhere),
                apart(lambda rng, n, padding: np.full((n, 2), 1 / (2 * padding + 1))),
                beside(anywhere, lambda rng, n, padding: np.full((n, 2), padding))))
def draw_offsets(rng, n, padding):
    """Draw where the crops of n images begin, in images that have so many pixels more on each side.

    rng is a numpy.random.Generator, padding is P in the formula.  Returns an array (n, 2): a row
    and a column, counted from 0.
    """
    offsets = np.zeros((n, 2), int)
    for i in range(n):
        for axis in range(2):
            offsets[i, axis] = rng.integers(0, 2 * padding + 1)
    return offsets


@draw_offsets.right("one call")
def _(rng, n, padding):
    return rng.integers(2 * padding, size=(n, 2), endpoint=True)


@draw_offsets.right("uniform numbers rounded down, the columns first")
def _(rng, n, padding):
    columns, rows = np.floor(rng.random((2, n)) * (2 * padding + 1))
    return np.stack([rows, columns], axis=-1)


@draw_offsets.wrong("each image has two offsets, counted from the corner of the padded image",
                    law="range")
def _(rng, n, padding):
    return rng.integers(-padding, padding + 1, size=(n, 2))


@draw_offsets.wrong("all places where a crop may begin come up alike, the last one too",
                    law="distribution")
def _(rng, n, padding):
    return rng.integers(max(2 * padding, 1), size=(n, 2))


@draw_offsets.wrong("each image has offsets of its own", law="apart")
def _(rng, n, padding):
    return rng.integers(2 * padding + 1, size=(1, 2)).repeat(n, axis=0)


@draw_offsets.wrong("a crop moves along both directions, and not only along the diagonal",
                    law="beside")
def _(rng, n, padding):
    return rng.integers(2 * padding + 1, size=(n, 1)).repeat(2, axis=1)


def crops(rng):
    for (n, c, height, width), padding in (((1, 1, 1, 2), 1), ((1, 1, 2, 2), 1), ((2, 2, 3, 2), 2),
                                           ((3, 1, 2, 5), 4), ((2, 3, 2, 2), 0)):
        offsets = rng.integers(2 * padding + 1, size=(n, 2))
        if n == 1:
            offsets[0] = 2 * padding, (height - 1) * padding
        yield rng.normal(size=(n, c, height, width)).round(2), offsets, padding


@exercise.task("flip_crop.4", points=3, cases=crops, key=md.crop,
               hint="Where in x is the first pixel of the crop, if the padded image begins "
                    "`padding` pixels earlier?")
def crop(x, offsets, padding):
    """Pad each image with zeros on each side, and cut out of it as much as it had.

    x, here in the place of x', is (N, C, H, W); offsets (N, 2) are the row and the column
    of the padded image where the crop begins: whole numbers from 0 to 2 * padding.
    """
    y = np.zeros(x.shape)
    N, C, H, W = x.shape
    for n, c, i, j in np.ndindex(N, C, H, W):
        row = i + offsets[n, 0] - padding
        column = j + offsets[n, 1] - padding
        if 0 <= row < H and 0 <= column < W:
            y[n, c, i, j] = x[n, c, row, column]
    return y


@crop.right("slices of the padded images")
def _(x, offsets, padding):
    height, width = x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return np.stack([one[:, i:i + height, j:j + width]
                     for one, (i, j) in zip(wide, offsets, strict=True)])


@crop.right("matrices that move rows and columns")
def _(x, offsets, padding):
    def move(size, offset):
        return np.stack([np.eye(size, k=int(one) - padding) for one in offset])
    return np.einsum("nia,ncab,njb->ncij", move(x.shape[2], offsets[:, 0]), x,
                     move(x.shape[3], offsets[:, 1]))


@crop.wrong("what is outside the image is 0, it does not come in again on the other side")
def _(x, offsets, padding):
    return np.stack([np.roll(one, (padding - i, padding - j), (1, 2))
                     for one, (i, j) in zip(x, offsets, strict=True)])


@crop.wrong("a crop that begins further down shows what is further down")
def _(x, offsets, padding):
    height, width = x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return np.stack([one[:, 2 * padding - i:2 * padding - i + height,
                         2 * padding - j:2 * padding - j + width]
                     for one, (i, j) in zip(wide, offsets, strict=True)])


@crop.wrong("the first offset is a row, the second a column")
def _(x, offsets, padding):
    height, width = x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return np.stack([one[:, i:i + height, j:j + width]
                     for one, (j, i) in zip(wide, offsets, strict=True)])


@crop.wrong("the padding is of zeros, and here the border is repeated")
def _(x, offsets, padding):
    height, width = x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="edge")
    return np.stack([one[:, i:i + height, j:j + width]
                     for one, (i, j) in zip(wide, offsets, strict=True)])

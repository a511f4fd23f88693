"""DropBlock: silence squares of a feature map, at a rate that is worked out, and keep the sum."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("dropblock", lesson="dropblock")


def sizes(rng):
    yield 0.2, 2, 3, 3
    yield 0.1, 1, 2, 3
    yield 0.2, 2, 7, 3
    yield 0.1, 3, 4, 7
    yield 0.3, 7, 14, 20
    yield 0.0, 3, 5, 6
    yield 1.0, 4, 9, 6
    yield int(rng.integers(1, 40)) / 100, *map(int, rng.integers((2, 8, 8), (6, 30, 30)))


@exercise.task("dropblock.1", points=2, cases=sizes, key=md.dropblock_rate,
               hint="Count what a seed drops, and in how many places a seed can lie.")
def seed_rate(p, block, height, width):
    """The probability of a seed, so that about a share p of the pixels is dropped.

    A seed is the first corner of a square of block x block pixels, and lies only where the whole
    square fits into the map of height x width pixels.  p is a float, the sizes are integers.
    Returns a number.
    """
    places = 0
    for i in range(height):
        for j in range(width):
            if i + block <= height and j + block <= width:
                places += 1
    return p * (height * width) / (places * block**2)


@seed_rate.right("the number of places is a product")
def _(p, block, height, width):
    return p / block**2 * height * width / ((height - block + 1) * (width - block + 1))


@seed_rate.right("shares of the map instead of numbers of pixels")
def _(p, block, height, width):
    fits = (1 - (block - 1) / height) * (1 - (block - 1) / width)
    return p / fits / block / block


@seed_rate.wrong("seeds cannot lie everywhere: where there are fewer places, each is taken more "
                 "often")
def _(p, block, height, width):
    return p / block**2


@seed_rate.wrong("count the places of a block of 2 on a map of 3: there are two in a row, not one")
def _(p, block, height, width):
    return p * height * width / (block**2 * (height - block) * (width - block))


@seed_rate.wrong("a block has two sides, so a seed drops more pixels than that")
def _(p, block, height, width):
    return p * height * width / (block * (height - block + 1) * (width - block + 1))


@seed_rate.wrong("p is the share that is dropped, not the one that is kept")
def _(p, block, height, width):
    return (1 - p) * height * width / (block**2 * (height - block + 1) * (width - block + 1))


def seeds(rng):
    for shape, block in (((1, 1, 1, 1), 2), ((1, 1, 1, 2), 2), ((1, 2, 2, 1), 3),
                         ((2, 1, 3, 4), 1), ((2, 2, 3, 2), 2), ((2, 3, 4, 6), 5),
                         ((1, 2, 6, 9), 4)):
        drawn = rng.random(shape) < 0.15
        drawn[0, 0, -1, -1] = True
        yield drawn, block


@exercise.task("dropblock.3", points=3, cases=seeds, key=md.dropblock_mask,
               hint="Which pixels does one seed drop?  Draw a seed and its block on paper.")
def block_mask(seeds, block):
    """The mask that the blocks leave: 1 (or True) keeps a pixel, 0 drops it.

    seeds is boolean, (N, C, H - block + 1, W - block + 1).  A seed at row i and column j is the
    first corner of its block: the rows i to i + block - 1, the columns j to j + block - 1.  Returns
    an array (N, C, H, W).
    """
    N, C, rows, columns = seeds.shape
    mask = np.ones((N, C, rows + block - 1, columns + block - 1))
    for n, c, i, j in np.ndindex(seeds.shape):
        if seeds[n, c, i, j]:
            for u in range(block):
                for v in range(block):
                    mask[n, c, i + u, j + v] = 0
    return mask


@block_mask.right("the whole array of seeds, moved to every place of a block")
def _(seeds, block):
    n, c, rows, columns = seeds.shape
    mask = np.ones((n, c, rows + block - 1, columns + block - 1), bool)
    for u in range(block):
        for v in range(block):
            mask[:, :, u:u + rows, v:v + columns] &= ~seeds
    return mask


@block_mask.right("a maximum over windows of the padded seeds, as pooling has it")
def _(seeds, block):
    rim = block - 1
    padded = np.pad(seeds, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (block, block), axis=(2, 3))
    return 1 - windows.max((-1, -2)).astype(int)


@block_mask.wrong("a seed is the first corner of its block, not its middle")
def _(seeds, block):
    rim, half = block - 1, block // 2
    padded = np.pad(seeds, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (block, block), axis=(2, 3))
    return ~np.roll(windows.any((-1, -2)), (-half, -half), (2, 3))


@block_mask.wrong("the block is too small: count its rows and columns")
def _(seeds, block):
    n, c, rows, columns = seeds.shape
    mask = np.ones((n, c, rows + block - 1, columns + block - 1), bool)
    for u in range(max(block - 1, 1)):
        for v in range(max(block - 1, 1)):
            mask[:, :, u:u + rows, v:v + columns] &= ~seeds
    return mask


@block_mask.wrong("1 keeps and 0 drops, and here it is the other way round")
def _(seeds, block):
    n, c, rows, columns = seeds.shape
    dropped = np.zeros((n, c, rows + block - 1, columns + block - 1), bool)
    for u in range(block):
        for v in range(block):
            dropped[:, :, u:u + rows, v:v + columns] |= seeds
    return dropped


@block_mask.wrong("every channel has seeds of its own")
def _(seeds, block):
    n, c, rows, columns = seeds.shape
    mask = np.ones((n, c, rows + block - 1, columns + block - 1), bool)
    for u in range(block):
        for v in range(block):
            mask[:, :, u:u + rows, v:v + columns] &= ~seeds.any(1, keepdims=True)
    return mask


def maps(rng):
    for shape in ((1, 1, 1, 2), (1, 1, 2, 2), (2, 1, 2, 3), (3, 2, 5, 4)):
        mask = rng.random(shape) < 0.7
        mask.flat[0], mask.flat[-1] = False, True
        if shape[0] > 1:
            mask[-1] = True                       # so examples differ in how many are kept
        yield numbers(rng, shape), mask
    yield numbers(rng, (2, 2, 3, 2)), np.ones((2, 2, 3, 2), bool)
    yield numbers(rng, (2, 1, 1, 3)), np.zeros((2, 1, 1, 3), bool)


@exercise.task("dropblock.4", points=3, cases=maps, key=md.dropblock,
               hint="How many entries are there, and how many are kept?")
def keep_sum(x, mask):
    """Scale what is kept, so that an array of ones has the sum it had before.

    x is an array of floats (N, C, H, W), mask one of booleans of its shape, True where it keeps.
    Entries are counted over the whole array.  Where nothing is kept, the result is all zeros.
    """
    kept = 0
    for i in np.ndindex(x.shape):
        if mask[i]:
            kept += 1
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        if mask[i]:
            y[i] = x[i] * x.size / kept
    return y


@keep_sum.right("one product, and at least 1 below the line")
def _(x, mask):
    return x * mask * (mask.size / max(mask.sum(), 1))


@keep_sum.right("the mean of the mask, and a place for each entry that is kept")
def _(x, mask):
    y = np.zeros_like(x)
    if mask.any():
        y[mask] = x[mask] / mask.mean()
    return y


@keep_sum.wrong("what is kept has to make up for what is dropped")
def _(x, mask):
    return x * mask


@keep_sum.wrong("count over the whole array, not in each example by itself")
def _(x, mask):
    kept = mask.sum((1, 2, 3), keepdims=True)
    return x * mask * (mask[0].size / np.maximum(kept, 1))


@keep_sum.wrong("fewer are left after dropping, so each has to grow, and here it shrinks")
def _(x, mask):
    return x * mask * mask.mean()


@keep_sum.wrong("if all is dropped, 0 is divided by 0: treat that case apart")
def _(x, mask):
    with np.errstate(all="ignore"):
        return x * mask * (mask.size / mask.sum())

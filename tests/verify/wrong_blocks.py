"""DropBlock as it went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong
from tests.verify.right_maps import blocks, rate, scaled

wrong = Shelf(Wrong)


def seeded(x, gamma, block, rng, channels=None):
    """The right keep-mask for a rate of seeds."""
    n, c, height, width = x.shape
    places = n, channels or c, height - block + 1, width - block + 1
    return blocks(rng.random(places) < gamma, block, height, width)


def ruled(x, p, block):
    """The right rate of seeds."""
    return rate(p, block, *x.shape[2:])


@wrong("dropblock", "dropblock.1", museum=4)
def rate_without_the_border(x, p, block, training, rng):
    """(dropblock.1): p / b^2, without the correction for the border."""
    return scaled(x, seeded(x, p / block**2, block, rng)) if training else x


@wrong("dropblock", "dropblock.1")
def rate_with_one_side(x, p, block, training, rng):
    """(dropblock.1): divides by b, not by its square."""
    return scaled(x, seeded(x, min(ruled(x, p, block) * block, 1), block, rng)) if training else x


@wrong("dropblock", "dropblock.1")
def rate_of_the_height_alone(x, p, block, training, rng):
    """(dropblock.1): H twice, which is right for squares."""
    gamma = rate(p, block, x.shape[2], x.shape[2])
    return scaled(x, seeded(x, gamma, block, rng)) if training else x


@wrong("dropblock", "dropblock.1")
def rate_of_pixels(x, p, block, training, rng):
    """(dropblock.1): seeds with p itself, which drops far too much."""
    return scaled(x, seeded(x, p, block, rng)) if training else x


@wrong("dropblock", "dropblock.1")
def rate_that_keeps(x, p, block, training, rng):
    """(dropblock.1): p is taken for the paper's keep_prob."""
    return scaled(x, seeded(x, ruled(x, 1 - p, block), block, rng)) if training else x


@wrong("dropblock", "dropblock.2", museum=2)
def one_mask_for_all_channels(x, p, block, training, rng):
    """(dropblock.2): a draw for all channels of an example."""
    return scaled(x, seeded(x, ruled(x, p, block), block, rng, channels=1)) if training else x


@wrong("dropblock", "dropblock.2")
def one_mask_for_all_examples(x, p, block, training, rng):
    """(dropblock.2): the masks of one example, which all share."""
    keep = seeded(x[:1], ruled(x, p, block), block, rng)
    return scaled(x, np.broadcast_to(keep, x.shape)) if training else x


@wrong("dropblock", "dropblock.2")
def seeds_on_the_whole_map(x, p, block, training, rng):
    """(dropblock.2): seeds everywhere, with blocks clipped at the border, at the paper's rate."""
    if not training:
        return x
    n, c, height, width = x.shape
    seeds, rim = rng.random(x.shape) < ruled(x, p, block), block - 1
    keep = blocks(seeds, block, height + rim, width + rim)[:, :, rim // 2:, rim // 2:]
    return scaled(x, keep[:, :, :height, :width])


@wrong("dropblock", "dropblock.2", museum=3)
def valid_region_of_w_by_h(x, p, block, training, rng):
    """(dropblock.2): where blocks fit is a grid of W by H, read as H by W."""
    if not training:
        return x
    n, c, height, width = x.shape
    valid = np.zeros((width, height), bool)
    valid[:width - block + 1, :height - block + 1] = True
    seeds = (rng.random(x.shape) < ruled(x, p, block)) & valid.reshape(height, width)
    keep = blocks(seeds, block, height + block - 1, width + block - 1)
    return scaled(x, keep[:, :, :height, :width])


@wrong("dropblock", "dropblock.2")
def one_block_for_each_map(x, p, block, training, rng):
    """(dropblock.2): one block of every map with probability p, as Cutout does."""
    if not training:
        return x
    n, c, height, width = x.shape
    keep = np.ones(x.shape, bool)
    for m, d in np.argwhere(rng.random((n, c)) < p):
        i, j = rng.integers(height - block + 1), rng.integers(width - block + 1)
        keep[m, d, i:i + block, j:j + block] = False
    return scaled(x, keep)


@wrong("dropblock", "dropblock.3", museum=3)
def pooled_as_if_blocks_were_odd(x, p, block, training, rng):
    """(dropblock.3): pads by b // 2 on each side, which gives even blocks a row too many to cut."""
    if not training:
        return x
    n, c, height, width = x.shape
    half, rows, columns = block // 2, height - block + 1, width - block + 1
    seeds = np.zeros((n, c, height + 2 * half, width + 2 * half), bool)
    seeds[:, :, 2 * half:2 * half + rows, 2 * half:2 * half + columns] = \
        rng.random((n, c, rows, columns)) < ruled(x, p, block)
    windows = np.lib.stride_tricks.sliding_window_view(seeds, (block, block), axis=(2, 3))
    return scaled(x, ~windows.any((-1, -2))[:, :, :height, :width])


@wrong("dropblock", "dropblock.3")
def a_pixel_too_far_down(x, p, block, training, rng):
    """(dropblock.3): every block lies one row below its place, and the last row is cut off."""
    if not training:
        return x
    keep = seeded(x, ruled(x, p, block), block, rng)
    keep[:, :, 1:] = keep[:, :, :-1].copy()
    keep[:, :, 0] = True
    return scaled(x, keep)


@wrong("dropblock", "dropblock.3")
def crosses_for_squares(x, p, block, training, rng):
    """(dropblock.3): drops the row and the column of a block, not the whole of it."""
    if not training:
        return x
    n, c, height, width = x.shape
    keep = np.ones(x.shape, bool)
    places = n, c, height - block + 1, width - block + 1
    for m, d, i, j in np.argwhere(rng.random(places) < ruled(x, p, block)):
        keep[m, d, i:i + block, j + block // 2] = False
        keep[m, d, i + block // 2, j:j + block] = False
    return scaled(x, keep)


@wrong("dropblock", "dropblock.3")
def a_block_one_larger(x, p, block, training, rng):
    """(dropblock.3): blocks reach from -b // 2 to b // 2, both included: even ones are b + 1."""
    if not training:
        return x
    n, c, height, width = x.shape
    keep, half = np.ones(x.shape, bool), block // 2
    places = n, c, height - block + 1, width - block + 1
    for m, d, i, j in np.argwhere(rng.random(places) < ruled(x, p, block)):
        keep[m, d, i:i + 2 * half + 1, j:j + 2 * half + 1] = False
    return scaled(x, keep)


@wrong("dropblock", "dropblock.4")
def never_normalised(x, p, block, training, rng):
    """(dropblock.4): what is kept stays as it is."""
    return x * seeded(x, ruled(x, p, block), block, rng) if training else x


@wrong("dropblock", "dropblock.4")
def divided_by_q(x, p, block, training, rng):
    """(dropblock.4): divides by 1 - p, not by the share that was kept."""
    keep = seeded(x, ruled(x, p, block), block, rng)
    return x * keep * x.dtype.type(1 / (1 - p) if p < 1 else 0) if training else x


@wrong("dropblock", "dropblock.4")
def normalised_by_example(x, p, block, training, rng):
    """(dropblock.4): counts what is kept in each example, not in the batch."""
    keep = seeded(x, ruled(x, p, block), block, rng)
    kept = np.maximum(keep.mean((1, 2, 3), keepdims=True), 1e-9)
    return x * keep / kept.astype(x.dtype) if training else x


@wrong("dropblock", "dropblock.4")
def normalised_by_map(x, p, block, training, rng):
    """(dropblock.4): counts what is kept in each map by itself."""
    keep = seeded(x, ruled(x, p, block), block, rng)
    kept = np.maximum(keep.mean((2, 3), keepdims=True), 1e-9)
    return x * keep / kept.astype(x.dtype) if training else x


@wrong("dropblock", "dropblock.4")
def counted_in_one_channel(x, p, block, training, rng):
    """(dropblock.4): the entries of one channel over what is kept in all of them."""
    keep = seeded(x, ruled(x, p, block), block, rng)
    factor = keep[:, :1].size / max(keep.sum(), 1)
    return x * keep * x.dtype.type(factor) if training else x


@wrong("dropblock", "dropblock.4")
def normalised_upside_down(x, p, block, training, rng):
    """(dropblock.4): multiplies by the share that was kept."""
    keep = seeded(x, ruled(x, p, block), block, rng)
    return x * keep * x.dtype.type(keep.mean()) if training else x


@wrong("dropblock", "dropblock.4")
def blocks_in_evaluation(x, p, block, training, rng):
    """(dropblock.4): ignores the mode."""
    return scaled(x, seeded(x, ruled(x, p, block), block, rng))

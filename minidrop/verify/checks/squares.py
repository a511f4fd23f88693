"""Squares that DropBlock drops: the exact law of each form, and what is read from an output.

The forms differ in where seeds may lie and in their rate: `options["seeds"]` is "valid" (as in the
paper), "all" (timm), "all-naive" (miguelvr) or "valid-naive".
"""

from typing import Any

import numpy as np

from ..box import Trouble, Unseen
from ..chance import surprise
from ..technique import fails, held
from .images import pictures

SIZES = (2, 2, 1), (3, 3, 3), (4, 4, 2), (5, 5, 3), (4, 7, 3), (7, 4, 3), (5, 6, 4)    # H, W, b
RATES, MAPS = (0.5, 0.2), 4000


# --- the exact law of each form ---

def seed_rate(p, block, height, width, options):
    """The probability of a seed: (dropblock.1), or p / b^2."""
    places = (height - block + 1) * (width - block + 1)
    naive = options["seeds"].endswith("naive")
    return p / block**2 * (1 if naive else height * width / places)


def starts(size, block, options):
    """The rows (or columns) that blocks begin at; what lies over the border is cut off."""
    if options["seeds"].startswith("valid"):
        return range(size - block + 1)
    before = block // 2 if options["seeds"] == "all" else (block - 1) // 2
    return range(-before, size - before)


def chances(p, block, height, width, options):
    """The exact probability that each pixel is dropped: (height, width)."""
    rows, columns = (np.array([sum(first <= at < first + block for first in
                                   starts(size, block, options)) for at in range(size)])
                     for size in (height, width))
    return 1 - (1 - seed_rate(p, block, height, width, options))**np.outer(rows, columns)


def alone(p, block, height, width, options):
    """How often a map has a single block, one that does not touch the border."""
    gamma = seed_rate(p, block, height, width, options)
    seeds = len(starts(height, block, options)) * len(starts(width, block, options))
    inner = max(height - block - 1, 0) * max(width - block - 1, 0)
    return inner * gamma * (1 - gamma)**(seeds - 1)


# --- what is read from an output ---

def is_dropped(y):
    """Where pixels were dropped: 0, or 0 times the scale of nothing kept."""
    return (y == 0) | np.isnan(y)


def drawn(box, maps, height, width, calls=1, channels=2, **parameters):
    """What was dropped of ones: boolean (calls, maps, channels, height, width).

    Where all examples of a call share a mask, each map is that of a call of its own.
    """
    def one_by_one():
        x, each = np.ones((2, channels, height, width), np.float32), []
        for _ in range(calls * maps):
            first, second = is_dropped(box.train(x, **parameters).y)
            if (first != second).any():
                raise Trouble("examples that live and die apart", "one mask for all examples")
            each.append(first)
        return np.reshape(each, (calls, *shape))

    def together():
        x = np.ones(shape, np.float32)
        return np.stack([is_dropped(box.train(x, **parameters).y) for _ in range(calls)])

    shape, batchwise = (maps, channels, height, width), box.options["batchwise"]
    return box.once((batchwise, calls, *shape, *parameters.items()),
                    one_by_one if batchwise else together)


def many(box):
    """How many maps are counted: fewer where each takes a call."""
    return MAPS // 4 if box.options["batchwise"] else MAPS


def covered(dropped, block, rim=0):
    """What whole blocks of dropped pixels cover; within `rim` of the map all counts as dropped."""
    *maps, height, width = dropped.shape
    padded = np.pad(dropped, [(0, 0)] * len(maps) + [(rim, rim)] * 2, constant_values=True)
    whole = np.lib.stride_tricks.sliding_window_view(padded, (block, block), axis=(-2, -1))
    corners, result = np.asarray(whole.all((-2, -1))), np.zeros_like(padded)
    for u, v in np.ndindex(block, block):
        result[..., u:u + corners.shape[-2], v:v + corners.shape[-1]] |= corners
    return result[..., rim:rim + height, rim:rim + width]


def on_the_border(dropped):
    """Which maps lost a pixel of their outermost rows or columns."""
    return dropped.any((-2, -1)) & (dropped[..., 1:-1, 1:-1].sum((-2, -1))
                                    < dropped.sum((-2, -1)))


def single_blocks(dropped, block):
    """Which maps lost one block, and nothing else, that does not touch the border."""
    single = (dropped.sum((-2, -1)) == block**2) & ~on_the_border(dropped)
    single[single] = covered(dropped[single], block).any((-2, -1))
    return single


def first_map(dropped, wrong):
    """The mask of the first map in which a pixel is `wrong`, row by row: "110/110/111"."""
    at = tuple(np.argwhere(wrong)[0][:-2])
    return "the mask " + "/".join("".join("01"[not one] for one in row) for row in dropped[at])


# --- what is tried, and the scales that are due ---

def sizes(box, odd=True, even=True):
    """(height, width, block) to be tried, from the smallest up; even blocks only if they work."""
    tried: tuple = SIZES
    if "block" in box.fixed:
        b = box.fixed["block"]
        tried = (b, b, b), (b + 2, b + 2, b), (b + 1, b + 4, b), (b + 4, b + 1, b)
    if even and odd:
        try:
            box.train(pictures(1, 1, 4, 4), p=box.choices("p", 0.5)[0],
                      block=box.choices("block", 2)[0])
        except Trouble:
            even = False                          # another check is about those
    return [size for size in tried if (odd if size[2] % 2 else even)]


def scales(kept, p, norm):
    """What is due for kept entries, in the shape of `kept`."""
    count: Any = {"batch": kept.sum(), "sample": kept.sum((1, 2, 3), keepdims=True)}.get(norm)
    every = kept.size if norm == "batch" else kept[0].size
    scale: Any = {"none": 1.0, "rate": 1 / (1 - p) if p < 1 else 1.0}.get(norm)
    return np.broadcast_to(every / np.maximum(count, 1) if scale is None else scale, kept.shape)


def spread(values):
    """The least and the largest, or the one that all are."""
    low, high = values.min(), values.max()
    return f"{low:.6g}" if np.isclose(low, high) else f"{low:.6g} to {high:.6g}"


def apart(box, mask, p, axis, words, each=False):
    """Do neighbours along an axis share their fate as often as by chance, or for `each` unit?"""
    pairs = np.moveaxis(mask, axis, 0)
    half, share = len(pairs) // 2, mask.mean()    # a wrong rate is found elsewhere
    agree = pairs[:2 * half:2] == pairs[1:2 * half:2]
    due, seen = p**2 + (1 - p)**2, share**2 + (1 - share)**2
    count, pairs = (agree.sum(0), len(agree)) if each else (agree.sum(), agree.size)
    if any(np.all(box.chance.rate(count, pairs, one)) for one in (due, seen)):
        return held(f"{agree.size} pairs")
    return fails(box.last, f"{words} share their fate in {agree.mean():.4f} of {agree.size} pairs",
                 f"{due:.4f}")


def as_often(box, tried, rates):
    """Is every pixel dropped as often as the exact law says?"""
    if box.failed & {"examples", "anew"}:
        raise Unseen("the draws depend on each other, so that counting them proves nothing")
    maps = many(box)
    for height, width, block in tried:
        for p in rates:
            due = chances(p, block, height, width, box.options)
            dropped = drawn(box, maps, height, width, p=p, block=block)[0]
            for channel in (0, 1):
                count = dropped[:, channel].sum(0)
                if not np.all(box.chance.rate(count, maps, due)):
                    at = np.unravel_index(surprise(count, maps, due).argmax(), due.shape)
                    return fails(
                        f"{maps} x ones (2, {height}, {width}), p = {p:g}, block = {block}",
                        f"pixel {tuple(map(int, at))} dropped in {count[at] / maps:.4f} of them, "
                        f"on average {count.mean() / maps:.4f}",
                        f"{due[at]:.4f}, on average {due.mean():.4f}")
    return held(f"every pixel of {maps} maps of {len(tried)} sizes")

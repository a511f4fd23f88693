"""Boxes that are pasted from one image into another: how they are read, and their exact law.

Pixel k of image i of N is coded as 1 + i + N k, k counting channels, rows and columns, so that
every pixel of the output says whose it is.
"""

import math

import numpy as np

from .mixing import LONERS, Mixed, beta_cdf

NOTHING = 0, 0, 0, 0                              # the box in which nothing is pasted
ROUNDING = 3e-7                                   # sqrt(1 - weight) in float32 is nearer than that


def coded(shape):
    """Images (N, C, H, W) in which every pixel says whose it is and where it belongs."""
    n = shape[0]
    place = np.arange(math.prod(shape[1:])).reshape(shape[1:])
    return (1 + np.arange(n).reshape(-1, 1, 1, 1) + n * place).astype(np.float32)


def origins(x, y):
    """(N, C, H, W): whose pixel is where in the output y; -1 where it is nobody's of that place."""
    whose = y - x[:1]
    known = (whose == np.floor(whose)) & (whose >= 0) & (whose < len(x))
    return np.where(known, whose, -1).astype(int)


def box_of(inside):
    """(top, bottom, left, right) of the pixels `inside` (H, W), half open; NOTHING for none."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return NOTHING
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def size(box):
    """(rows, columns) of a box."""
    top, bottom, left, right = box
    return bottom - top, right - left


def read(x, answer):
    """(the Mixed of an answer, the pixels (N, H, W) of others), where all pixels are somebody's."""
    whose, index = origins(x, answer.y)[:, 0], np.arange(len(x)).reshape(-1, 1, 1)
    foreign = whose != index
    partner = np.where(foreign.any((1, 2)), np.where(foreign, whose, -1).max((1, 2)), -1)
    return Mixed(1 - foreign.mean((1, 2)), partner, answer.outputs[1].astype(float)), foreign


def area(box):
    """The pixels of a box."""
    return math.prod(size(box))


def but_loners(box, found):
    """`found` without 0, 1, ... of its empty boxes: an image that meets itself shows none."""
    most = min(found.count(NOTHING), LONERS) if box.options["per"] == "example" else 0
    found = sorted(found, reverse=True)           # empty ones last
    return (found[:len(found) - left] for left in range(most + 1))


# --- the law, exactly -----------------------------------------------------------------------------

def spans(length, side, form):
    """{(start, stop): probability} on one axis, of a box with int(length s) = side."""
    law: dict = {}
    for center in range(length):
        low, high = center - side // 2, center + side // 2 + (side % 2 if form == "odd" else 0)
        span = (max(low, 0), min(high, length)) if low < high else (0, 0)
        law[span] = law.get(span, 0) + 1 / length
    return law


def sides(shape, alpha, form):
    """{(int(H s), int(W s)): probability}, s the root of 1 - weight of Beta(alpha, alpha).

    With what rounding makes of numbers at the edge of two: the law of a float32 is that near.
    """
    height, width = shape[::-1] if form == "exchanged" else shape
    cuts = sorted({k / height for k in range(height + 1)} | {k / width for k in range(width + 1)})
    law = {}
    for cut in cuts[1:]:
        near = beta_cdf(np.square([min(cut + ROUNDING, 1), cut - ROUNDING]), alpha)
        for h in {int(height * (cut - ROUNDING)), int(height * cut + ROUNDING)}:
            for w in {int(width * (cut - ROUNDING)), int(width * cut + ROUNDING)}:
                law[h, w] = float(near[0] - near[1])
    mass = np.diff(beta_cdf(np.square(cuts), alpha))
    for a, b, m in zip(cuts, cuts[1:], mass, strict=False):
        law[int(height * (a + b) / 2), int(width * (a + b) / 2)] = float(m)
    return law


def law_of(shape, alpha, form):
    """{box: probability} on images (H, W); all that leave nothing pasted are NOTHING."""
    law: dict = {}
    for (h, w), mass in sides(shape, alpha, form).items():
        for rows, p in spans(shape[0], h, form).items():
            for columns, q in spans(shape[1], w, form).items():
                key = (*rows, *columns)
                key = key if 0 not in size(key) else NOTHING
                law[key] = law.get(key, 0) + mass * p * q
    return law


def possible(box, weight, shape, form):
    """Can `box` be that of this very weight?"""
    height, width = shape[::-1] if form == "exchanged" else shape
    for s in np.sqrt(np.clip(1 - weight + np.array([-2, 2]) * ROUNDING, 0, 1)):
        if box[:2] in spans(shape[0], int(height * s), form) \
                and box[2:] in spans(shape[1], int(width * s), form):
            return True
    return False


def mean_share(shape, alpha, form):
    """The mean share of the pixels that is pasted."""
    if form == "inside":                          # pixels k with start <= k < start + side
        edges = np.linspace(0, 1, 2049)
        mass, s = np.diff(beta_cdf(edges**2, alpha)), (edges[1:] + edges[:-1]) / 2
        return float(mass @ (_inside(shape[0], s) * _inside(shape[1], s)))
    return sum(p * math.prod(size(box)) for box, p in law_of(shape, alpha, form).items()
               ) / math.prod(shape)


def _inside(length, s):
    """The mean share of `length` pixels in a box of side s length that starts anywhere within."""
    k, side = np.arange(length)[:, None], s * length
    chance = (np.minimum(k, length - side) - np.maximum(k - side, 0)) / (length - side)
    return np.clip(chance, 0, 1).mean(0)

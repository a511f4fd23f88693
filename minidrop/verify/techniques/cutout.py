"""What Cutout is held to: (cutout.1) to (cutout.5), by the hole that is found in every image.

No pixel that goes in is 0, so a 0 that comes out was erased.  Along each side the hole is an
interval; `intervals` has the exact chance of each, and both sides are drawn by themselves.
"""

import numpy as np

from ..box import Unseen
from ..chance import surprise
from ..checks.images import manners, pictures, trained
from ..technique import Technique, call, fails, held, states

SIZES = (3, 4, 2), (4, 3, 3), (5, 6, 4), (6, 5, 5), (3, 4, 7)                  # H, W, L
IMAGES = 3000


def intervals(size, length, square):
    """The exact law of the hole along one side: {(first, end): probability}."""
    law: dict = {}
    if square == "inside":
        starts = range(max(size - length, 0) + 1)
    else:
        length -= length % 2 if square == "official" else 0
        before = (length - 1) // 2 if square == "mirrored" else length // 2
        starts = range(-before, size - before)
    for first in starts:
        seen = max(first, 0), max(min(first + length, size), 0)
        law[seen] = law.get(seen, 0) + 1 / len(starts)
    return law


def chances(height, width, length, options):
    """The exact probability that each pixel is erased: (height, width)."""
    sides = [np.array([sum(chance for (first, end), chance in law.items() if first <= at < end)
                       for at in range(size)]) for size, law in
             ((size, intervals(size, length, options["square"])) for size in (height, width))]
    return options["share"] * np.outer(sides[0], sides[1])


def sizes(box):
    """(height, width, length) to be tried, from the smallest up."""
    if "length" not in box.fixed:
        return SIZES
    length = box.fixed["length"]
    return (length + 1, length + 2, length), (length + 3, length + 2, length)


def holes(box, n, size, calls=1):
    """Where n images were erased: (calls, n, height, width); in its first channel."""
    height, width, length = size
    return trained(box, pictures(n, 2, height, width), calls, length=length)[:, :, 0] == 0


def bounds(hole):
    """(first row, end, first column, end) of each hole (n, H, W); all 0 where there is none."""
    found = []
    for axis in (2, 1):
        line = hole.any(axis)
        some, size = line.any(1), line.shape[1]
        found += [np.where(some, line.argmax(1), 0),
                  np.where(some, size - line[:, ::-1].argmax(1), 0)]
    return np.stack(found, 1)


def _tried(n, height, width, length):
    return f"{n} images of {height} x {width}, length = {length}"


@states("cutout.3")
def values(box):
    """What is erased is 0, what is not stays as it is, unscaled."""
    for n, size in ((1, sizes(box)[0]), *((8, size) for size in sizes(box))):
        x = pictures(n, 2, *size[:2])
        y = trained(box, x, 4, length=size[2])
        wrong = (y != 0) & ~np.isclose(y, x, rtol=1e-6)
        if wrong.any():
            return fails(call(x, length=size[2]), f"{y[wrong][0]:.6g} in the place of "
                         f"{np.broadcast_to(x, y.shape)[wrong][0]:.6g}", "the same number, or 0")
    return held(f"{len(sizes(box))} sizes, 4 calls each")


@states("cutout.2")
def channels(box):
    """The square is the same in all channels."""
    for height, width, length in sizes(box):
        y = trained(box, pictures(50, 3, height, width), length=length)[0]
        if ((y == 0) != (y[:, :1] == 0)).any():
            return fails(_tried(50, height, width, length), "channels with other holes",
                         "one hole for all")
    return held(f"50 images of {len(sizes(box))} sizes")


@states("cutout.2")
def square(box):
    """The hole is a square of the length, but for what lies over the border."""
    for height, width, length in sizes(box):
        hole = holes(box, 300, (height, width, length))[0]
        rows, columns = (intervals(size, length, box.options["square"]) for size in (height, width))
        for one, (top, bottom, left, right) in zip(hole, bounds(hole).tolist(), strict=True):
            whole = one.sum() == (bottom - top) * (right - left)
            known = (top, bottom) in rows and (left, right) in columns
            if one.any() and not (whole and known):
                form = "a hole with gaps in" if not whole else "a hole of"
                return fails(_tried(300, height, width, length),
                             f"{form} rows {top} to {bottom - 1}, columns {left} to {right - 1}",
                             f"{length} x {length} around a pixel, cut off at the border")
    return held(f"300 images of {len(sizes(box))} sizes")


@states("cutout.1")
def every_image(box):
    """Every image has a centre, and so loses something."""
    for height, width, length in sizes(box):
        hole = holes(box, 300, (height, width, length))[0].any((1, 2))
        rows, columns = (intervals(size, length, box.options["square"]) for size in (height, width))
        some = box.options["share"] * (1 - rows.get((0, 0), 0)) * (1 - columns.get((0, 0), 0))
        if not (hole.all() if some == 1 else box.chance.rate(hole.sum(), hole.size, some)):
            return fails(_tried(300, height, width, length),
                         f"{(~hole).sum()} images without a hole", f"{300 * (1 - some):g}")
    return held(f"300 images of {len(sizes(box))} sizes")


def _same(box, pairs):
    """Do the holes of pairs (n, 2, H, W) agree as often as by chance?"""
    pairs = pairs[pairs.any((2, 3)).all(1)]
    height, width, length = sizes(box)[0]
    due = np.prod([sum(chance**2 for chance in intervals(
        size, length, box.options["square"]).values()) for size in (height, width)])
    same = (pairs[:, 0] == pairs[:, 1]).all((1, 2)).sum()
    if box.chance.rate(same, len(pairs), due):
        return held(f"{len(pairs)} pairs")
    return fails(box.last, f"{same} of {len(pairs)} pairs have the same hole",
                 f"{due * len(pairs):.0f}")


@states("cutout.1")
def apart(box):
    """Each image has its own centre, or all have one in the form that shares it."""
    if box.options["images"] == "one":
        raise Unseen("it takes one image at a time")
    hole = holes(box, 1000, sizes(box)[0])[0]
    if not box.options["shared"]:
        return _same(box, hole.reshape(500, 2, *hole.shape[1:]))
    if (hole == hole[:1]).all():
        return held("1000 images with one hole")
    return fails(box.last, "other holes in other images", "the same in all")


@states("cutout.1")
def anew(box):
    """Every call draws anew."""
    hole = holes(box, 1, sizes(box)[0], calls=400)[:, 0]
    return _same(box, hole.reshape(200, 2, *hole.shape[1:]))


def _drawn(box, *size):
    """The holes of independent images."""
    if box.failed & {"apart", "anew"}:
        raise Unseen("the draws depend on each other, so that counting them proves nothing")
    shared = box.options["shared"]
    return box.once((box.options["images"], shared, size), lambda: holes(
        box, 1, size, calls=IMAGES // 5)[:, 0] if shared else holes(box, IMAGES, size)[0])


@states("cutout.1")
def centres(box):
    """Every pixel is the centre equally often: holes have the places that follow from it."""
    for height, width, length in [size for size in sizes(box) if size[2] % 2 == 0] or sizes(box):
        hole = _drawn(box, height, width, length)
        found = bounds(hole[hole.any((1, 2))]).tolist()
        laws = [intervals(size, length, box.options["square"]) for size in (height, width)]
        due = np.outer(*[np.array([*law.values()]) for law in laws]).ravel()
        places = {(*rows, *columns): at for at, (rows, columns) in enumerate(
            (rows, columns) for rows in laws[0] for columns in laws[1])}
        # a square of even sides has two middles
        mirror = [(height - bottom, height - top, width - right, width - left)
                  for top, bottom, left, right in found]
        agree = [np.all(box.chance.rate(_counts(one, places), len(found), due))
                 for one in (found, mirror)]
        if not any(agree):
            count = _counts(found, places)
            worst = surprise(count, len(found), due).argmax()
            top, bottom, left, right = list(places)[worst]
            return fails(_tried(len(found), height, width, length),
                         f"rows {top} to {bottom - 1}, columns {left} to {right - 1} erased "
                         f"{count[worst]} times", f"{due[worst] * len(found):.0f} times")
    return held(f"every hole of {IMAGES} images")


def _counts(found, places):
    known = [places[tuple(one)] for one in found if tuple(one) in places]
    return np.bincount(known, minlength=len(places))


@states("cutout.4")
def pixels(box):
    """Every pixel is erased as often as it follows, at the border about half as often."""
    for height, width, length in sizes(box):
        hole, due = _drawn(box, height, width, length), chances(height, width, length, box.options)
        count = hole.sum(0)
        if not np.all(box.chance.rate(count, len(hole), due)):
            at = np.unravel_index(surprise(count, len(hole), due).argmax(), due.shape)
            return fails(_tried(len(hole), height, width, length),
                         f"pixel {tuple(map(int, at))} erased in {count[at] / len(hole):.4f}",
                         f"{due[at]:.4f}")
    return held(f"every pixel of {IMAGES} images of {len(sizes(box))} sizes")


@states("cutout.5")
def area(box):
    """The erased area has its mean, which is below length x length."""
    for height, width, length in sizes(box):
        area = _drawn(box, height, width, length).sum((1, 2))
        due = chances(height, width, length, box.options).sum()
        if not box.chance.mean(area, due, 0, min(height, length) * min(width, length)):
            return fails(_tried(len(area), height, width, length), f"{area.mean():.4g} pixels",
                         f"{due:.4g}")
    return held(f"{IMAGES} images of {len(sizes(box))} sizes")


TECHNIQUE = Technique(
    "cutout", arrays=("x",), parameters=("length",),
    checks=(values, channels, square, every_image, apart, anew, centres, pixels, area,
            *manners(length=3)),
    options={"square": ("paper", "official", "mirrored", "inside"), "share": (1.0, 0.5),
             "shared": (False, True), "images": ("batch", "one")},
    variants={
        "odd lengths are one smaller (the official code)": {"square": "official"},
        "the pixel of the centre is in front of the middle": {"square": "mirrored"},
        "the square stays inside the image": {"square": "inside"},
        "one square for the whole batch": {"shared": True},
        "applied with probability 1/2": {"share": 0.5},
    })

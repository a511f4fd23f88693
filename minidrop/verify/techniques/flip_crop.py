"""What flip and crop are held to: (flip_crop.1) to (flip_crop.5), decoded image by image.

No two pixels are alike, so that an output tells exactly what was done to its image: a mirror image
or not, and which of the (2 P + 1)^2 crops.
"""

import numpy as np

from ..box import Unseen
from ..checks.images import manners, pictures, trained
from ..technique import Technique, fails, held, states

SIZES = (3, 4, 1), (5, 4, 1), (5, 6, 2)                                     # H, W, P
IMAGES = 2000
TURNS = (lambda x: x, lambda x: x[..., ::-1], lambda x: x[..., ::-1, :],
         lambda x: x[..., ::-1, ::-1])            # the first two are due, others are told from them


def sizes(box):
    """(height, width, padding) to be tried, from the smallest up."""
    if "padding" not in box.fixed:
        return SIZES
    padding = box.fixed["padding"]
    return ((padding + 1, padding + 2, padding),)


def table(image, padding, pad):
    """What can become of an image (C, H, W): {bytes: (turn, row, column)}."""
    height, width = image.shape[1:]
    wide = [(0, 0), (padding, padding), (padding, padding)]
    known: dict = {}
    for turn, turned in enumerate(TURNS):
        padded = np.pad(turned(image), wide, mode="constant" if pad == "zeros" else pad)
        for u, v in np.ndindex(2 * padding + 1, 2 * padding + 1):
            known.setdefault(padded[:, u:u + height, v:v + width].tobytes(), (turn, u, v))
    return known


def decoded(box, n, size, calls=1):
    """What was done to n equal images: (calls, n, 3) of turn, row and column; -1 if unknown."""
    height, width, padding = size
    image = pictures(2, height, width)
    key = box.options.get("images"), n, size, calls

    def decode():
        known = table(image, padding, box.options["pad"])
        y = box.once(key, lambda: trained(box, np.stack([image] * n), calls, padding=padding))
        return np.array([[known.get(np.ascontiguousarray(one).tobytes(), (-1, -1, -1))
                          for one in each] for each in y])

    return box.once((*key, box.options["pad"]), decode)


def _cropped(box):
    if "crops" in box.failed:
        raise Unseen("outputs are no crops")


@states("flip_crop.4")
def crops(box):
    """An output is a crop of the padded image, or of its mirror image: zeros outside."""
    for height, width, padding in sizes(box):
        x = pictures(40, 2, height, width)
        y, pad = trained(box, x, 2, padding=padding), box.options["pad"]
        known = [table(image, padding, pad) for image in x]
        for call_ in y:
            for image, crops_of, one in zip(x, known, call_, strict=True):
                if one.tobytes() not in crops_of:
                    return fails(f"40 x images of {height} x {width}, padding = {padding}",
                                 f"an image becomes {one[0].astype(int).tolist()}",
                                 f"one of the crops of {image[0].astype(int).tolist()}")
    return held(f"80 images of {len(sizes(box))} sizes")


@states("flip_crop.2")
def mirror(box):
    """Left and right change places, and nothing else does."""
    _cropped(box)
    for size in sizes(box):
        turns = decoded(box, 200, size)[0, :, 0]
        if (turns > 1).any():
            return fails(box.last, "images that are upside down", "as they were, or mirrored")
    return held(f"200 images of {len(sizes(box))} sizes")


@states("flip_crop.1")
def flips_apart(box):
    """Each image is mirrored by itself, or all are in the form that shares it."""
    return _agree(box, 0)


@states("flip_crop.3")
def crops_apart(box):
    """Each image is shifted by itself, or all are in the form that shares it."""
    return _agree(box, 1)


def _agree(box, which):
    if box.options["images"] == "one":
        raise Unseen("it takes one image at a time")
    _cropped(box)
    calls = 40                                    # what all images share changes with the call
    drawn = decoded(box, IMAGES // calls, sizes(box)[-1], calls)
    one = drawn[..., :1] > 0 if which == 0 else drawn[..., 1:]
    if box.options["shared"]:
        if (one == one[:, :1]).all():
            return held(f"{IMAGES // calls} images in {calls} calls, all alike")
        return fails(box.last, "images with draws of their own", "the same for all")
    places, flips = (2 * sizes(box)[-1][2] + 1)**2, box.options["mirror"]
    due = (1 - 2 * flips * (1 - flips)) if which == 0 else 1 / places
    return _by_chance(box, one[:, ::2], one[:, 1::2], due, f"{calls} x {box.last}")


def _by_chance(box, first, second, due, tried, seen=True):
    """Do pairs of draws (..., numbers) agree as often as by chance?

    By that of the law which is `due`, or of the shares that are seen: another law is found
    elsewhere, and is no dependence.
    """
    agree, rates = (first == second).all(-1), [due]
    if seen:
        both = np.concatenate([first, second]).reshape(-1, first.shape[-1])
        counts = np.unique(both, axis=0, return_counts=True)[1]
        rates.append(float(((counts / len(both))**2).sum()))
    if any(box.chance.rate(agree.sum(), agree.size, rate) for rate in rates):
        return held(f"{agree.size} pairs")
    return fails(tried, f"{agree.sum()} of {agree.size} pairs share their draw",
                 f"{due * agree.size:.0f}")


@states("flip_crop.1", "flip_crop.3")
def anew(box):
    """Every call draws anew."""
    _cropped(box)
    size, flips = sizes(box)[-1], box.options["mirror"]
    due = (1 - 2 * flips * (1 - flips)) / (2 * size[2] + 1)**2
    alone = box.options["shared"] or box.options["images"] == "one" or bool(
        box.failed & {"flips apart", "crops apart"})
    images, calls = (1, 400) if alone else (20, 100)
    drawn = decoded(box, images, size, calls)
    return _by_chance(box, drawn[::2], drawn[1::2], due, f"{calls} x {box.last}", seen=not alone)


def _draws(box, size):
    _cropped(box)
    if box.failed & {"flips apart", "crops apart", "anew"}:
        raise Unseen("the draws depend on each other, so that counting them proves nothing")
    if box.options["shared"]:
        return decoded(box, 1, size, calls=IMAGES // 5)[:, 0]
    return decoded(box, IMAGES, size)[0]


@states("flip_crop.1")
def flip_rate(box):
    """Half of the images are mirrored."""
    for size in sizes(box):
        drawn = _draws(box, size)[:, 0] > 0
        if not box.chance.rate(drawn.sum(), drawn.size, box.options["mirror"]):
            return fails(box.last, f"{drawn.mean():.4f} of {drawn.size} mirrored",
                         f"{box.options['mirror']:g}")
    return held(f"{IMAGES} images of {len(sizes(box))} sizes")


@states("flip_crop.3")
def offsets(box):
    """All shifts from -P to P come equally often, in both directions."""
    for size in sizes(box):
        side, drawn = 2 * size[2] + 1, _draws(box, size)[:, 1:]
        count = np.bincount(drawn[:, 0] * side + drawn[:, 1], minlength=side**2)
        if not np.all(box.chance.rate(count, len(drawn), 1 / side**2)):
            u, v = divmod(int(abs(count - len(drawn) / side**2).argmax()), side)
            return fails(f"{len(drawn)} images of {size[0]} x {size[1]}, padding = {size[2]}",
                         f"a shift by ({u - size[2]}, {v - size[2]}) comes "
                         f"{count[u * side + v]} times", f"{len(drawn) / side**2:.0f} times")
    return held(f"{IMAGES} images of {len(sizes(box))} sizes")


@states("flip_crop.5")
def mean(box):
    """All pairs of a flip and a crop come equally often, so that the mean is the blurred one."""
    for size in sizes(box):
        side, drawn, flips = 2 * size[2] + 1, _draws(box, size), box.options["mirror"]
        which = (drawn[:, 0] > 0) * side**2 + drawn[:, 1] * side + drawn[:, 2]
        due = np.repeat([1 - flips, flips], side**2) / side**2
        count = np.bincount(which, minlength=2 * side**2)
        if not np.all(box.chance.rate(count, len(drawn), due)):
            worst = abs(count - due * len(drawn)).argmax()
            return fails(f"{len(drawn)} images of {size[0]} x {size[1]}, padding = {size[2]}",
                         f"a pair of a flip and a crop comes {count[worst]} times",
                         f"{due[worst] * len(drawn):.0f} times")
    return held(f"{IMAGES} images of {len(sizes(box))} sizes")


TECHNIQUE = Technique(
    "flip_crop", arrays=("x",), parameters=("padding",),
    checks=(crops, mirror, flips_apart, crops_apart, anew, flip_rate, offsets, mean,
            *(one for one in manners(padding=2) if one.__name__ != "infinite_input")),
    options={"pad": ("zeros", "reflect", "edge"), "mirror": (0.5, 0.0), "shared": (False, True),
             "images": ("batch", "one")},
    variants={
        "one draw for the whole batch (torchvision's transforms)": {"shared": True},
        "nothing is mirrored": {"mirror": 0.0},
        "padded by reflection": {"pad": "reflect"},
        "padded with the pixels of the edge": {"pad": "edge"},
    })

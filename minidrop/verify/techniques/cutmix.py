"""What CutMix is held to: every pixel says whose it is, so that box, partner and label are read."""

import math

import numpy as np

from ..box import Unseen
from ..checks import boxes, mixing
from ..checks.boxes import NOTHING, area, box_of, coded, law_of, mean_share, origins, read, size
from ..checks.mixing import BATCH, CLOSE, mixed, one_hot
from ..report import FAILS
from ..technique import Technique, call, fails, held, shown, states

SHAPES = (2, 1, 2, 3), (4, 1, 4, 2), (BATCH, 3, 5, 8)
ALPHAS = 1.0, 0.5, 4.0
CALLS = 400
NO_BOX = "the outputs are no images with a box of another image"


def calls(box, times=6):
    """(how the input is named, the input, its answer) from the smallest up."""
    for shape in SHAPES:
        for alpha in box.choices("alpha", *ALPHAS):
            x = coded(shape)
            for _ in range(times):
                yield f"coded x {shape}, alpha = {alpha:g}", x, mixed(box, x, one_hot(len(x)),
                                                                      alpha=alpha)


def draws(box):
    """(how the input is named, (H, W), its Mixed, its boxes) from the smallest up."""
    mixing.readable(box, "paste", NO_BOX)
    for tried, x, answer in calls(box):
        one, foreign = read(x, answer)
        yield tried, x.shape[2:], one, [box_of(image) for image in foreign]


def drawn(box, shape, alpha, count=CALLS):
    """Independent boxes on images (H, W): one a call, or those of two large batches."""
    mixing.readable(box, "paste", NO_BOX)
    for check in ("one box", "anew"):
        mixing.readable(box, check, "the boxes depend on each other")
    single, found = box.options["per"] == "batch", []
    x = coded((BATCH if single else count // 2, 1, *shape))
    for _ in range(count if single else 2):
        foreign = (mixed(box, x, one_hot(len(x)), alpha=alpha).y != x)[:, 0]
        found += [box_of(one) for one in ([foreign.any(0)] if single else foreign)]
    return found


def law_known(box):
    """The form of the sides; Unseen where it has no law in whole pixels."""
    if box.options["sides"] == "inside":
        raise Unseen("a box between the pixels has no law in whole pixels")
    return box.options["sides"]


@states("cutmix.5")
def paste(box):
    """Each image comes out with one box of one other image, in its place, in all channels."""
    for tried, x, answer in mixing.answers(box, "paste", calls(box)):
        whose = origins(x, answer.y)
        foreign = whose != np.arange(len(x)).reshape(-1, 1, 1, 1)
        for i in range(len(x)):
            due = np.zeros(x.shape[2:], bool)
            top, bottom, left, right = box_of(foreign[i].any(0))
            due[top:bottom, left:right] = True
            if (whose[i] < 0).any() or (foreign[i] != due).any() \
                    or len(set(whose[i][foreign[i]])) > 1:
                return fails(f"{tried}, image {i}",
                             f"its pixels are those of {shown(whose[i], 48)}",
                             f"one box of one other image, the rest of {i} (-1 is nobody)")
    return held(f"x up to {SHAPES[-1]}")


@states("cutmix.2")
def one_box(box):
    """A batch has one box, or each image a box of its own, as the form says."""
    if box.options["per"] == "batch":
        for tried, _, one, found in draws(box):
            different = {found[i] for i in np.flatnonzero(one.partner >= 0)}
            if len(different) > 1:
                return fails(tried, f"boxes {sorted(different)[:3]}", "one box for the batch")
        return held(f"batches of up to {BATCH}")
    mixing.readable(box, "paste", NO_BOX)
    x, alpha = coded((CALLS // 2, 1, 5, 8)), box.choices("alpha", 1.0)[0]
    foreign = read(x, mixed(box, x, one_hot(len(x)), alpha=alpha))[1]
    different = {box_of(image) for image in foreign}
    if len(different) < 8:
        return fails(f"coded x {x.shape}, alpha = {alpha:g}", f"{len(different)} different boxes",
                     "a box for each image")
    return held(f"{len(different)} different boxes of {len(x)}")


@states("cutmix.1")
def anew(box):
    """Every call draws anew."""
    return mixing.anew_check(box, coded(SHAPES[-1]), box.choices("alpha", 1.0)[0])


@states("cutmix.3")
def half_sides(box):
    """The half sides are floor(floor(size sqrt(1 - weight)) / 2), of one weight for both."""
    form = law_known(box)
    laws = {shape[2:]: law_of(shape[2:], 1.0, form) for shape in SHAPES}
    for tried, shape, _, found in draws(box):
        if strange := [one for one in found if one not in laws[shape]]:
            h, w = size(strange[0])
            return fails(tried, f"a box of {h} x {w} pixels, {strange[0]} (top, bottom, left, "
                         "right, half open)", "a box that some weight and centre make")
    return held(f"x up to {SHAPES[-1]}")


@states("cutmix.2")
def center(box):
    """Every pixel may be the centre, and is as often as any other."""
    mixing.readable(box, "half sides", "the sides are others, whatever the centre")
    if law_known(box) != "half":
        raise Unseen("boxes of other sides do not tell their centre")
    return _of_side_2(box, lambda spans: ([spans.count((k, k + 2)) for k in range(3)], 1 / 3),
                      "{0} boxes of side 2 begin at 0, 1 and 2", "as many each")


@states("cutmix.4")
def cut_off(box):
    """What lies outside the image is cut off."""
    mixing.readable(box, "half sides", "the sides are others, whatever is cut off")
    if law_known(box) != "half":
        raise Unseen("boxes of other sides do not tell what was cut off")
    return _of_side_2(box, lambda spans: ([spans.count((0, 1)), len(spans) - spans.count((0, 1))],
                                          np.array([1 / 4, 3 / 4])),
                      "{0} boxes are cut to one pixel, and are not", "a quarter, of the centre 0")


def _of_side_2(box, counted, found, due):
    """On an axis of 4 pixels every box that is seen has the half side 1, and one of 4 centres."""
    for shape in ((4, 6), (6, 4)):
        axis, alpha = shape.index(4), box.choices("alpha", 1.0)[0]
        spans = [one[2 * axis:2 * axis + 2] for one in drawn(box, shape, alpha, CALLS // 2)
                 if one != NOTHING]
        counts, p = counted(spans)
        if sum(counts) and not box.chance.rate(counts, sum(counts), p).all():
            return fails(f"images of {shape[0]} x {shape[1]}, along the axis of 4",
                         found.format(counts), due)
    return held(f"{len(spans)} boxes on {shape[0]} x {shape[1]}")


@states("cutmix.1", "cutmix.3")
def law(box):
    """The boxes are as large, and as often, as weights of Beta(alpha, alpha) make them."""
    for check in ("half sides", "center", "cut off"):
        mixing.readable(box, check, "the boxes are others, whatever the weight")
    shape, form = (5, 7), law_known(box)
    for alpha in box.choices("alpha", *ALPHAS):
        dues: dict = {}
        for one, p in law_of(shape, alpha, form).items():
            dues[size(one)] = dues.get(size(one), 0) + min(p, 1)
        found = drawn(box, shape, alpha)

        def agrees(pasted, dues=dues):
            sizes = [size(one) for one in pasted]
            counts = [sizes.count(one) for one in dues]
            return box.chance.rate(counts, len(pasted), np.minimum([*dues.values()], 1)).all()

        if not any(agrees(some) for some in boxes.but_loners(box, found)):
            mean, pasted = mean_share(shape, alpha, form), np.mean([*map(area, found)]) / 35
            return fails(f"{len(found)} boxes on images of 5 x 7, alpha = {alpha:g}",
                         f"{found.count(NOTHING)} times nothing, {pasted:.4f} of the pixels on "
                         "average", f"{len(found) * dues[0, 0]:.0f} times, {mean:.4f}")
    return held(f"{len(found)} boxes for each alpha")


@states("cutmix.8")
def pasted(box):
    """The mean share that is pasted is that of the law: 77/240 on large images, for alpha = 1."""
    for check in ("half sides", "center", "cut off", "law"):
        mixing.readable(box, check, "the boxes are of another law")
    shape, alpha = (16, 16), box.choices("alpha", 1.0)[0]
    due = mean_share(shape, alpha, box.options["sides"])
    found = drawn(box, shape, alpha, 600 if box.options["sides"] == "inside" else 300)
    if not any(box.chance.mean([area(one) / 256 for one in some], due, 0, 1)
               for some in boxes.but_loners(box, found)):
        return fails(f"{len(found)} boxes on images of 16 x 16, alpha = {alpha:g}",
                     f"{np.mean([*map(area, found)]) / 256:.4f}", f"{due:.4f}")
    return held(f"{len(found)} boxes on images of 16 x 16, where {due:.4f} is due")


@states("cutmix.7")
def labels(box):
    """Labels are mixed with those of the partners."""
    kind, shares = box.options["label"], list[tuple]()        # of labels, of images

    def due(one):
        index = np.arange(len(one.own))
        eye, own, alone = one_hot(len(index)), one.labels[index, index], one.partner < 0
        shares.extend(zip(own[~alone], one.own[~alone], strict=True))
        rows = own[:, None] * eye + (1 - own[:, None]) * eye[one.partner]
        whole = np.abs(one.labels.sum(1, keepdims=True) - 1) < CLOSE
        return eye if kind == "kept" else np.where(
            alone[:, None], np.where(whole, one.labels, eye), rows)    # the weight: another check

    outcome = mixing.label_check(box, ((tried, one) for tried, _, one, _ in draws(box)), due)
    if outcome.word == FAILS or not shares:
        return outcome
    own, left = np.array(shares).T
    swapped = np.allclose(own, 1 - left, atol=CLOSE) and not np.allclose(own, left, atol=CLOSE)
    if kind != "kept" and (own > 1 - CLOSE).all():
        return fails(f"{own.size} images", "labels as they were", "labels that are mixed")
    if swapped != (kind == "swapped"):
        return fails(f"{own.size} images", "own shares of the label " + shown(own[:4]),
                     shown(left[:4]))
    return outcome


@states("cutmix.6")
def label_weight(box):
    """An image's own share of its label is that of the pixels that are left, counted."""
    kind, count = box.options["label"], 0
    mixing.readable(box, "labels", "the labels are not mixed so")
    if kind in ("kept", "swapped"):
        raise Unseen("the labels are not mixed so")
    for tried, shape, one, found in draws(box):
        for i in np.flatnonzero((one.partner >= 0) | (kind == "pixels")):
            own, left = one.labels[i, i], one.own[i]
            right = abs(own - left) < {"pixels": CLOSE, "area": 1 / shape[0] + 1 / shape[1]}.get(
                kind, 0) or kind == "drawn" and boxes.possible(found[i], own, shape, law_known(box))
            if not right:
                return fails(f"{tried}, box {found[i]}", f"{own:.6g}",
                             f"1 - {area(found[i])}/{math.prod(shape)} = {left:.6g}")
            count += 1
    return held(f"{count} labels")


@states()
def partners(box):
    """The partners are a random permutation, or as the form says."""
    mixing.readable(box, "paste", NO_BOX)
    alpha, x = box.choices("alpha", 1.0)[0], coded((BATCH, 1, 5, 8))
    reads = (read(x, mixed(box, x, one_hot(BATCH), alpha=alpha))[0] for _ in range(200))
    return mixing.partner_check(box, reads, f"{BATCH} images of 5 x 8, alpha = {alpha:g}")


@states("cutmix.5")
def gradient(box):
    """The gradient goes to where each pixel came from."""
    mixing.readable(box, "paste", NO_BOX)
    for shape in SHAPES:
        x, alpha = coded(shape), box.choices("alpha", 1.0)[0]
        for _ in range(4):
            answer = mixed(box, x, one_hot(len(x)), alpha=alpha, gradient=True)
            g = box.random.normal(size=shape).astype(np.float32)
            found, due = answer.gradient(g), np.zeros(shape)
            found = found if isinstance(found, np.ndarray) else found[0]
            np.add.at(due, (origins(x, answer.y), *np.indices(shape)[1:]), g)
            if not np.allclose(found, due, atol=1e-5):
                return fails(f"{call(x, alpha=alpha)}, g = {shown(g)}", shown(found), shown(due))
    return held(f"x up to {SHAPES[-1]}, 4 calls each")


@states("cutmix.3")
def alpha_0(box):
    """For alpha = 0 the weight is 1, and nothing is pasted."""
    return mixing.alpha_0_check(box, coded(SHAPES[0]))


@states()
def same_seed(box):
    """The same seed gives the same outputs."""
    return mixing.same_seed_check(box, coded(SHAPES[-1]), box.choices("alpha", 1.0)[0])


@states()
def input_untouched(box):
    """The input is not written over."""
    return mixing.input_check(box, coded(SHAPES[1]), alpha=box.choices("alpha", 1.0)[0])


@states()
def dtype(box):
    """The floating type stays what it is."""
    return mixing.dtype_check(box, coded(SHAPES[0]), alpha=box.choices("alpha", 1.0)[0])


TECHNIQUE = Technique(
    "cutmix", arrays=("x", "y"), parameters=("alpha",),
    checks=(paste, one_box, anew, half_sides, labels, label_weight, gradient, input_untouched,
            dtype, alpha_0, same_seed, partners, center, cut_off, law, pasted),
    options={"per": ("batch", "example"), "sides": ("half", "odd", "inside", "exchanged"),
             "label": ("pixels", "drawn", "area", "kept", "swapped"), **mixing.OPTIONS},
    variants={
        "a box for each example (Keras)": {"per": "example"},
        "the box is never clipped (Keras)": {"sides": "inside"},
        "the label weight is the continuous area (Keras)": {"label": "area"},
        "odd sides are kept (timm)": {"sides": "odd"},
        **mixing.PARTNERS, **mixing.OVERWRITTEN,
        "label weight is the weight drawn, not recounted": {"label": "drawn"},
        "height and width exchanged": {"sides": "exchanged"},
        "labels are not mixed": {"label": "kept"},
        "labels take the share that is pasted": {"label": "swapped"},
    })

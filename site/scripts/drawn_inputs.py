"""Pictures of what is done to the examples: each function draws and returns its alt text."""

import copy
import functools

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import digit, digits, shares, sign, spread

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE

SIDE = 14
FIRST, SECOND = 0, 7                              # two test digits of different classes


def pair():
    """Two digits of different classes as a batch (2, 1, 8, 8), one-hot labels, and the swap."""
    x, y = digits().test
    chosen = [FIRST, SECOND]
    return x[chosen].reshape(2, 1, 8, 8), np.eye(10, dtype="f")[y[chosen]], np.array([1, 0])


def named(label):
    """The class of a one-hot label."""
    return int(np.argmax(label))


def one(label):
    """Its name with an article: "a 1", "an 8"."""
    return f"{'an' if named(label) == 8 else 'a'} {named(label)}"


def cutout(sheet):
    """A digit, and the squares that four draws erase."""
    length, x = 4, digit(FIRST)
    centers = md.cutout_centers(1, 4, 8, 8)
    masks = md.cutout_mask(centers, length, 8, 8)[:, 0]
    lefts = spread(5, 8 * SIDE)
    sheet.caption(lefts[0], 32, "image", "label stays")
    sheet.grid(lefts[0], 72, SIDE, x)
    sign(sheet, (lefts[0] + 8 * SIDE + lefts[1]) / 2, 134, "→")
    for k, (left, mask, at) in enumerate(zip(lefts[1:], masks, centers, strict=True), 1):
        sheet.caption(left, 32, f"draw {k}", f"row {at[0]}, column {at[1]}")
        sheet.grid(left, 72, SIDE, md.cutout(x[None, None], mask[None, None])[0, 0], 1, ~mask)
        sheet.disc(left + SIDE * (at[1] + 0.5), 72 + SIDE * (at[0] + 0.5), 4, DARK, "white",
                   what="centre")
    sheet.text(lefts[0], 226, f"The dot is drawn; the square around it is {length} × {length}, and "
               "what lies over the border is cut off.", 13, colour=GREY)
    return (f"A handwritten digit, and four copies of it, in each of which another square of "
            f"{length} by {length} pixels around a random pixel is erased; they lose "
            f"{', '.join(str(int((~m).sum())) for m in masks)} pixels, since a square that reaches "
            "over the border is cut.")


def mixup(sheet):
    """Two digits and three weighted means of them, with their labels."""
    x, y, order = pair()
    weights = [md.mixup_weight(seed, 1.0) for seed in (3, 1, 9)]
    lefts = spread(5, 8 * SIDE)
    for left, i, head in zip(lefts, (0, 1), ("x", "its partner"), strict=False):
        sheet.caption(left, 32, head, f"label “{named(y[i])}”")
        sheet.grid(left, 72, SIDE, x[i, 0])
        shares(sheet, left, 194, 8 * SIDE, y[i])
    for left, weight in zip(lefts[2:], weights, strict=True):
        mixed, label = md.mixup(x, y, weight, order)
        sheet.caption(left, 32, f"weight {weight:.2f}", f"{weight:.2f} x + {1 - weight:.2f} x′")
        sheet.grid(left, 72, SIDE, mixed[0, 0])
        shares(sheet, left, 194, 8 * SIDE, label[0])
    sign(sheet, lefts[2] - 13, 134, "→")
    sheet.text(lefts[2], 248, "weights drawn from Beta(1, 1); labels are mixed likewise", 13,
               colour=GREY)
    return (f"A handwritten {named(y[0])} and {one(y[1])}, and three weighted means of the two "
            f"images, with the weights {', '.join(f'{w:.2f}' for w in weights)}: both digits show "
            "through each other. Under each image a bar is cut by the same share into the two "
            "labels.")


def cutmix(sheet):
    """Two digits, and three draws of a box of the one in the other, with labels."""
    x, y, order = pair()
    lefts = spread(5, 8 * SIDE)
    for left, i, head in zip(lefts, (0, 1), ("x", "its partner"), strict=False):
        sheet.caption(left, 32, head, f"label “{named(y[i])}”")
        sheet.grid(left, 72, SIDE, x[i, 0])
        shares(sheet, left, 194, 8 * SIDE, y[i])
    told = []
    for left, seed in zip(lefts[2:], (3, 5, 2), strict=True):
        weight = md.mixup_weight(seed, 1.0)
        box = md.cutmix_box(weight, md.cutmix_center(seed, 8, 8), 8, 8)
        mixed, label = md.cutmix(x, y, box, order)
        top, bottom, start, end = box
        told.append(f"{bottom - top} by {end - start}")
        sheet.caption(left, 32, f"box {bottom - top} × {end - start}", f"drawn weight {weight:.2f}")
        sheet.grid(left, 72, SIDE, mixed[0, 0])
        sheet.box(left + SIDE * start, 72 + SIDE * top, SIDE * (end - start),
                  SIDE * (bottom - top), "none", MIDDLE, 0, what="box", line=2.4)
        shares(sheet, left, 194, 8 * SIDE, label[0])
    sign(sheet, lefts[2] - 13, 134, "→")
    sheet.text(lefts[2], 248, "labels by the pixels that are really there", 13, colour=GREY)
    return (f"A handwritten {named(y[0])} and {one(y[1])}, and three copies of the first, into "
            f"which a framed box of the second is pasted, of {', '.join(told)} pixels. Under each "
            "a bar is cut into the two labels by the area of the box.")


@functools.cache
def _extractor():
    """The front of a small convolution network that was trained on the digits."""
    front = md.nn.Sequential(md.nn.Conv2d(1, 8, 3, padding=1), md.nn.ReLU(), md.nn.MaxPool2d(2))
    net = md.nn.Sequential(front=front, flatten=md.nn.Flatten(), out=md.nn.Linear(128, 10)).init(0)
    md.fit(net, md.optim.SGD(lr=0.1, momentum=0.9), md.data.digits(image=True), epochs=3,
           progress=False)
    return front.eval()


def attentive_cutmix(sheet):
    """What a trained network attends to in a digit, and those cells pasted into another."""
    x, y, order = pair()
    features = copy.deepcopy(_extractor())(x).data
    n = 6
    cells = md.attention_cells(features, n)
    mixed, label = md.attentive_cutmix(x, y, cells, order)
    lefts = spread(4, 8 * SIDE, 28, 660)
    wide = np.repeat(np.repeat(cells[0], 2, 0), 2, 1)
    attention = features.mean(1)[0]
    sheet.caption(lefts[0], 32, "x", f"label “{named(y[0])}”")
    sheet.grid(lefts[0], 72, SIDE, x[0, 0])
    sheet.caption(lefts[1], 32, "mean feature map", "trained, 4 × 4 cells")
    sheet.grid(lefts[1], 72, 2 * SIDE, attention, float(attention.max()))
    for left in lefts[:2]:
        for r, c in np.argwhere(cells[0]):
            sheet.box(left + 2 * SIDE * c + 1, 72 + 2 * SIDE * r + 1, 2 * SIDE - 2, 2 * SIDE - 2,
                      "none", MIDDLE, 0, what="cell" if left == lefts[1] else "", line=2)
    sheet.caption(lefts[2], 32, "its partner", f"label “{named(y[1])}”")
    sheet.grid(lefts[2], 72, SIDE, x[1, 0])
    sheet.caption(lefts[3], 32, f"{n} best cells pasted", f"{n} of 16 of the label")
    sheet.grid(lefts[3], 72, SIDE, mixed[0, 0])
    shares(sheet, lefts[3], 194, 8 * SIDE, label[0])
    for at, words in ((lefts[1] - 30, "→"), (lefts[3] - 30, "→")):
        sign(sheet, at, 134, words)
    assert wide.sum() == 4 * n
    return (f"A handwritten {named(y[0])}, the mean of the feature maps of a small trained "
            f"network, 4 by 4 cells, of which the {n} darkest are framed, a handwritten "
            f"{named(y[1])}, and the same with those {n} cells of the first digit pasted "
            f"in; the bar under it gives {n} of 16 parts of the label to the {named(y[0])}.")


def flip_crop(sheet):
    """A digit, its mirror image, and three crops of it with zeros around."""
    padding, x = 2, digit(FIRST)
    offsets = md.crop_offsets(4, 3, padding)
    mirrored = md.flip(x[None, None], np.array([True]))[0, 0]
    lefts = [24, 154, 290, 432, 574]
    sheet.caption(lefts[0], 32, "image", "label stays")
    sheet.grid(lefts[0], 88, SIDE, x)
    sheet.caption(lefts[1], 32, "mirrored", "by chance 1/2")
    sheet.grid(lefts[1], 88, SIDE, mirrored)
    for k, (left, at) in enumerate(zip(lefts[2:], offsets, strict=True), 1):
        sheet.caption(left, 32, f"crop {k}", f"at {at[0]} down, {at[1]} across")
        sheet.box(left, 66, 10 * 12, 10 * 12 + 24, "white", "", 0)
        side = 10
        sheet.box(left, 74, 12 * side, 12 * side, "white", LIGHT, 0, "3 3")
        sheet.grid(left + padding * side, 74 + padding * side, side, x)
        sheet.box(left + side * at[1], 74 + side * at[0], 8 * side, 8 * side, "none", MIDDLE, 0,
                  what="crop", line=2.4)
    sheet.text(lefts[2], 214, f"dashed: {padding} zeros around; the frame is what is kept", 13,
               colour=GREY)
    sheet.text(24, 240, "For photographs; a mirrored digit would be another sign, so digits are "
               "only cropped.", 13, colour=GREY)
    return ("A handwritten digit, its mirror image, and three times the digit within a border of "
            f"{padding} empty pixels on each side, over which a frame as large as the image lies "
            "each time at another place: what is within the frame is the crop.")

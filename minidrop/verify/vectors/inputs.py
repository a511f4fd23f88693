"""Cases of the techniques that act on inputs."""

import numpy as np

from .case import EXACT, Case, bits, numbers

IMAGES, LABELS = numbers(2, 1, 4, 4), np.array([[1.0, 0.0], [0.0, 1.0]])
ORDER = np.array([1, 0])


def _cutout():
    def mask(title, centers, length, height=4, width=5):
        return Case(title, "cutout.2", "cutout_mask", {"length": length, "height": height,
                                                       "width": width},
                    {"centers": np.array(centers)}, gives="mask")

    def erase(title, mask, fill, x):
        return Case(title, "cutout.3", "cutout", {"x": x, "fill": fill}, {"mask": mask}, grad="x",
                    tolerance=EXACT)

    x = numbers(1, 2, 2, 3)
    return [
        mask("odd length, inside", [[2, 2]], 3),
        mask("even length: the centre lies right of and below the middle", [[2, 2]], 2),
        mask("over the border, two images", [[0, 0], [3, 4]], 3),
        mask("length 1", [[1, 3]], 1),
        mask("length 0 erases nothing", [[1, 3]], 0),
        mask("longer than the image", [[0, 0]], 9),
        erase("zeros", bits("101 001", 1, 1, 2, 3), 0.0, x),
        erase("a fill for each channel", bits("101 001", 1, 1, 2, 3), [0.5, -1.5], x),
        erase("all erased, also what is not finite", bits("00", 1, 1, 1, 2), 0.0,
              np.array([np.inf, np.nan]).reshape(1, 1, 1, 2)),
    ]


def _mixup():
    def case(title, weight, order=ORDER, n=2):
        y = np.eye(3)[np.arange(n) % 3]
        return Case(title, "mixup.2 mixup.3", "mixup", {"x": numbers(n, 2), "y": y},
                    {"weight": weight, "order": np.array(order)}, gives="x y", grad="x y")

    return [
        case("one weight", 0.3),
        case("a weight for each example", np.array([0.25, 1.0, 0.6]), [2, 0, 1], 3),
        case("partners may be shared", 0.8, [1, 1, 0], 3),
        case("weight 1: nothing is mixed", 1.0),
        case("weight 0: the partner", 0.0),
    ]


def _cutmix():
    def box(title, weight, center, height=4, width=6):
        return Case(title, "cutmix.3 cutmix.4", "cutmix_box", {"height": height, "width": width},
                    {"weight": weight, "center": center}, gives="box")

    def paste(title, box):
        return Case(title, "cutmix.5 cutmix.6 cutmix.7", "cutmix", {"x": IMAGES, "y": LABELS},
                    {"box": box, "order": ORDER}, gives="x y", grad="x y")

    return [
        box("inside", 0.75, [2, 3]), box("clipped above and on the left", 0.5, [0, 0]),
        box("clipped below and on the right", 0.3, [3, 5], 4, 7),
        box("weight 1: empty", 1.0, [1, 1]), box("weight 0: all, if the centre is in the middle",
                                                 0.0, [2, 3]),
        box("weight 0 in the corner: a quarter", 0.0, [0, 0]),
        box("so small that both halves round down to 0", 0.9, [2, 2]),
        paste("rows 1 and 2, columns 0 to 2", [1, 3, 0, 3]), paste("an empty box", [2, 2, 1, 1]),
        paste("everything", [0, 4, 0, 4]),
    ]


def _attentive_cutmix():
    def cells(title, features, n):
        return Case(title, "attentive_cutmix.1 attentive_cutmix.2", "attention_cells",
                    {"features": features, "n": n}, gives="cells")

    def paste(title, cells):
        return Case(title, "attentive_cutmix.3 attentive_cutmix.4 attentive_cutmix.5",
                    "attentive_cutmix", {"x": IMAGES, "y": LABELS, "cells": cells},
                    {"order": ORDER}, gives="x y", grad="x y")

    ties = np.array([[1.0, 2.0, 2.0], [2.0, 0.0, 1.0]]).reshape(1, 1, 2, 3)
    return [
        cells("the two largest means over the channels", numbers(2, 2, 2, 2), 2),
        cells("of equal cells the first ones", ties, 2),
        cells("no cell", ties, 0), cells("every cell", ties, 6),
        paste("a grid of 2 x 2 on 4 x 4 pixels", bits("10 01 11 01", 2, 2, 2)),
        paste("a grid of 1 x 2; none of the second image", bits("01 00", 2, 1, 2)),
    ]


def _flip_crop():
    def flip(title, mask):
        return Case(title, "flip_crop.2", "flip", {"x": IMAGES[:, :, :2, :3]}, {"mask": mask},
                    grad="x", tolerance=EXACT)

    def crop(title, offsets, padding):
        return Case(title, "flip_crop.4", "crop", {"x": IMAGES[:, :, :2, :3], "padding": padding},
                    {"offsets": np.array(offsets)}, grad="x", tolerance=EXACT)

    return [
        flip("the first image is mirrored", bits("10")), flip("both", bits("11")),
        crop("padding 1: one pixel up and left, down and right", [[0, 0], [2, 2]], 1),
        crop("no shift", [[1, 1], [1, 1]], 1),
        crop("padding 2: nearly all is outside", [[0, 4], [4, 1]], 2),
        crop("padding 0", [[0, 0], [0, 0]], 0),
    ]


CASES = {"cutout": _cutout, "mixup": _mixup, "cutmix": _cutmix,
         "attentive_cutmix": _attentive_cutmix, "flip_crop": _flip_crop}

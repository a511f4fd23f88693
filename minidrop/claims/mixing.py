"""Mixing images and labels: mixup, CutMix and Attentive CutMix against none; how many cells."""

from ..plots import MIDDLE
from . import cnns, compare, recipe
from .claim import Claim
from .mixes import transform

MIXED = ("mixup", "cutmix", "attentive")
PAIRS = tuple((arm, "none") for arm in MIXED)
CELLS = ("2", "8", "20")                # of 64, the arms of the second claim


def run(arm, seed, settings, progress):
    """Train one arm on mixed images: its errors on the test data and on its own images, unmixed."""
    splits = cnns.images(settings)
    batch = transform(arm, splits.train, settings, seed, progress)
    net = cnns.network(settings, splits.train[0])
    recipe.train(net, splits.train, settings, seed, progress, batch=batch)
    return {"error": recipe.error(net, splits.test), "training": recipe.error(net, splits.train)}


def judge(results, settings):
    """By the rule of the claim."""
    return compare.in_pairs(results, PAIRS, [("cutmix", "mixup"), ("attentive", "cutmix")])


def judge_cells(results, settings):
    """By the rule of the claim."""
    few, middle, many = CELLS
    parts = {f"{other} cells - {middle} cells":
             compare.column(results, other) - compare.column(results, middle)
             for other in (few, many)}
    return compare.of_parts(results, parts, name="with {} cells")


def draw(results, settings):
    """The test error of all arms, and what decides."""
    return compare.draw_pairs(results, settings, PAIRS)


def draw_cells(results, settings):
    """Test and training error against the share of cells that is pasted."""
    figure = compare.draw_curve(results, settings, "share of the cells that is pasted, %",
                                [100 * int(arm) / settings["of"] for arm in results])
    for axis in figure.axes:
        axis.axvline(100 * 6 / 49, color=MIDDLE, linewidth=0.8, label="6 of 49, the paper's")
    axis.legend()
    return figure


TRAINED = ("ResNet-8 on the first 1,000 images of CIFAR-10, measured on 5,000 others (quick: "
           "digits), so few that without mixing it learns them by heart (in a trial with another "
           "seed its training error came to 0); SGD with momentum 0.9, weight decay 1e-4, rate 0.1 "
           "falling as half a cosine, mini-batches of 50, 40 epochs (quick: 15), no other "
           "augmentation; nothing else was chosen by any data. ")
ATTENTION = ("The attention is that of a ResNet-8 trained on the same images with the same seed, "
             "not mixed, for a third of the epochs, up to its last map of 8 x 8 cells (quick: its "
             "first stage); the paper, as a survey says, has a pretrained ResNet-50. ")
SCALES = {
    "quick": {"data": "digits", "images": 400, "net": "resnet8", "front": ["stem", "stage1"],
              "epochs": 15, "extractor_epochs": 5, "batch_size": 50, "lr": 0.1, "momentum": 0.9,
              "weight_decay": 1e-4, "alpha": 1.0, "cells": 8, "of": 64, "seeds": 3},
    "standard": {"data": "cifar10", "images": 1000, "held_out": 5000, "net": "resnet8",
                 "front": ["stem", "stage1", "stage2", "stage3"], "epochs": 40,
                 "extractor_epochs": 13, "batch_size": 50, "lr": 0.1, "momentum": 0.9,
                 "weight_decay": 1e-4, "alpha": 1.0, "cells": 8, "of": 64, "seeds": 5},
    "paper": {"data": "cifar10", "images": 35000, "net": "resnet20",
              "front": ["stem", "stage1", "stage2", "stage3"], "epochs": 200,
              "extractor_epochs": 66, "batch_size": 128, "lr": 0.1, "momentum": 0.9,
              "weight_decay": 1e-4, "alpha": 1.0, "cells": 8, "of": 64, "seeds": 5}}

CLAIM = Claim(
    name="mixing",
    techniques=("mixup", "cutmix", "attentive_cutmix"),
    sentence="A network makes fewer errors if its training images are mixed, be it by mixup, by "
             "CutMix or by Attentive CutMix.",
    source="Zhang et al. 2018, Yun et al. 2019 and Walawalkar et al. 2020, their experiments on "
           "CIFAR.",
    known="As we recall, on CIFAR-10 mixup takes a pre-activation ResNet-18 from 5.6 % to 4.2 % "
          "error. The code of CutMix gives 16.45 % without, 15.63 % with mixup and 14.23 % with "
          "CutMix, of a PyramidNet-200 on CIFAR-100. The numbers of Attentive CutMix are not known "
          "to us well enough to be printed.",
    protocol=TRAINED + "mixup and CutMix draw their weight from Beta(1, 1) and mix every batch "
             "(the commands of CutMix's code for CIFAR mix half of them); Attentive CutMix pastes "
             "8 of 64 cells, about the paper's 6 of 49. " + ATTENTION + "All arms have the same "
             "number of steps, that of the extractor not counted. Paired seeds. The claim "
             "`family`, with 28 epochs at the rate 0.03, tells no way of mixing from none, and its "
             "mixed networks are far from knowing their own images.",
    measure="test error, mean and 95 % interval over the seeds; differences are of paired seeds. "
            "Which way of mixing is best is told, and no part of the rule.",
    rule=compare.rule("the intervals of the error without mixing, less that of mixup, of CutMix "
                      "and of Attentive CutMix, all lie above 0"),
    arms=("none", *MIXED), scales=SCALES,
    takes={"quick": "half a minute of one core", "standard": "27 minutes of one core",
           "paper": "200 epochs of a ResNet-20 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw,
    effect="16.45 % error without, 15.63 % with mixup, 14.23 % with CutMix (CIFAR-100)")

SWEEP = Claim(
    name="attentive-cells",
    techniques=("attentive_cutmix",),
    sentence="Attentive CutMix makes the fewest errors where it pastes about 6 of 49 cells, and "
             "more with one cell or with fifteen.",
    source="Walawalkar et al. 2020, its choice of the number of cells.",
    known="As we recall, 6 was the best of 1 to 15 of the 49 cells; the errors of the others are "
          "not known to us well enough to be printed.",
    protocol=TRAINED + ATTENTION + "2, 8 and 20 of the 64 cells are pasted: about the shares of "
             "one, six and fifteen of 49. 8 is the same runs, bit for bit, as Attentive CutMix in "
             "the claim `mixing`. Paired seeds.",
    measure="test error for each number of cells, mean and 95 % interval over the seeds; "
            "differences are of paired seeds.",
    rule=compare.rule("the intervals of the error with 2 cells, and with 20, less that with 8 both "
                      "lie above 0"),
    arms=CELLS, scales=SCALES,
    takes={"quick": "half a minute of one core", "standard": "25 minutes of one core",
           "paper": "266 epochs of a ResNet-20 each, for a GPU, and not timed by us"},
    run=run, judge=judge_cells, draw=draw_cells,
    effect="as we recall, 6 of 49 cells was the best of 1 to 15")

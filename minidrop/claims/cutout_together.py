"""Cutout beside what regularises already: flips and crops, and dropout."""

from ..inputs.cutout import Cutout
from ..inputs.flip_crop import flip_crop
from ..units.dropout import Dropout
from . import compare, lenets
from .claim import Claim

PAIRS = tuple((f"{arm} + cutout", arm) for arm in ("flip_crop", "dropout"))


def run(arm, seed, settings, progress):
    """Train the network with the parts that the arm names: its errors."""
    parts = arm.split(" + ")
    layer = Dropout(settings["p"]) if "dropout" in parts else None

    def batch(rng, x, y):
        if "flip_crop" in parts:
            x, y = flip_crop(rng, x, y)
        return Cutout(settings["length"])(rng, x, y) if "cutout" in parts else (x, y)

    return lenets.errors(settings, seed, progress, layer, batch=batch)


def judge(results, settings):
    """By the rule of the claim."""
    return compare.in_pairs(results, PAIRS, [("cutout", "none")])


def draw(results, settings):
    """The test error of all arms, and what decides."""
    return compare.draw_pairs(results, settings, PAIRS)


CLAIM = Claim(
    name="cutout-together",
    techniques=("cutout", "flip_crop", "dropout"),
    sentence="Cutout still leaves fewer errors where images are flipped and cropped, or where "
             "dropout regularises already.",
    source="DeVries & Taylor 2017 (arXiv:1708.04552), abstract and tables of results; its "
           "wide networks have dropout.",
    known="By the page of the official code, with flips and crops: ResNet-18 on CIFAR-10 has "
          "4.72 % error without Cutout and 3.99 % with it; a wide network of 28 layers, with "
          "dropout besides, 3.87 % and 3.08 %.",
    effect="with flips and crops 4.72 % error without, 3.99 % with it; with dropout too, in a "
           "wide network, 3.87 % and 3.08 %",
    protocol=lenets.PROTOCOL +
    "Flips and crops shift by up to four pixels; dropout drops 0.1 behind both "
    "convolutions, which with another seed left fewer errors on validation data than none. The "
    "square has the paper's 16 pixels, as we recall them, and was not chosen. Paired seeds.",
    measure=lenets.MEASURE + "What Cutout gains alone is told, and no part of the rule.",
    rule=compare.rule("the intervals of the error with flips and crops less that with Cutout "
                      "besides, and with dropout less that with Cutout besides, both lie above 0"),
    arms=("none", "cutout", "flip_crop", "flip_crop + cutout", "dropout", "dropout + cutout"),
    scales=lenets.scales({"p": 0.1, "length": 16, "seeds": 3}, {"p": 0.1, "length": 16, "seeds": 5},
                         {"p": 0.1, "length": 16, "seeds": 3}),
    takes={"quick": "a minute of one core", "standard": "20 minutes of one core",
           "paper": "200 epochs of CIFAR-10 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)

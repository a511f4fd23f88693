"""DropBlock at a fixed rate, and at one that grows while the network learns."""

from functools import partial

from ..schedules.ramps import linear_ramp
from ..units.dropblock import DropBlock
from . import compare, lenets
from .claim import Claim

PAIRS = (("growing, low", "fixed, low"), ("growing, high", "fixed, high"))


def run(arm, seed, settings, progress):
    """Train the network at a rate, fixed or reached at the end: its errors."""
    kind, which = arm.split(", ")
    p = settings["rates"][which]
    return lenets.errors(settings, seed, progress, DropBlock(p, settings["block"]),
                         partial(linear_ramp, 0, p) if kind == "growing" else None)


def judge(results, settings):
    """By the rule of the claim."""
    return compare.in_pairs(results, PAIRS, [("fixed, low", "fixed, high"),
                                             ("growing, low", "growing, high")])


def draw(results, settings):
    """The test error of all arms, and what decides."""
    return compare.draw_pairs(results, settings, PAIRS)


CLAIM = Claim(
    name="scheduled",
    techniques=("dropblock", "ramps"),
    sentence="DropBlock leaves fewer errors where its rate grows in a straight line from 0 while "
             "the network learns than where it is fixed, at a good rate and at one too high.",
    source="Ghiasi et al. 2018 (arXiv:1810.12890), where it describes scheduled DropBlock.",
    known="keep_prob falls linearly from 1 to its target, which lies between 0.75 and 0.95. As we "
          "recall, the paper finds this better than a fixed value, and less sensitive to it; its "
          "numbers are not known to us well enough to be printed.",
    protocol=lenets.PROTOCOL +
    "DropBlock behind both convolutions, blocks of 5. The low rate is 0.2, which with another "
    "seed left fewer errors on validation data than no noise, where it was fixed; the high one is "
    "twice that. A growing rate reaches it in the step behind the last. Paired seeds.",
    measure=lenets.MEASURE + "What the higher rate costs is told, and no part of the rule.",
    rule=compare.rule("the intervals of the error at a fixed rate less that at a growing one lie "
                      "above 0 for both rates"),
    arms=("fixed, low", "growing, low", "fixed, high", "growing, high"),
    scales=lenets.scales({"rates": {"low": 0.2, "high": 0.4}, "block": 5, "seeds": 3},
                         {"rates": {"low": 0.2, "high": 0.4}, "block": 5, "seeds": 5},
                         {"rates": {"low": 0.1, "high": 0.25}, "block": 5, "seeds": 3}),
    takes={"quick": "a minute of one core", "standard": "14 minutes of one core",
           "paper": "200 epochs of CIFAR-10 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)

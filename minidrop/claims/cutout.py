"""The error against the length of the square that Cutout takes out of images."""

from ..inputs.cutout import Cutout
from . import compare, lenets
from .claim import Claim

LENGTHS = ("0", "4", "8", "12", "16", "24")              # the arms
MIDDLE = ("8", "12", "16")


def run(arm, seed, settings, progress):
    """Train the network on images with squares of one length cut out: its errors."""
    return lenets.errors(settings, seed, progress, batch=Cutout(int(arm)))


def judge(results, settings):
    """By the rule of the claim."""
    error = {arm: compare.column(results, arm) for arm in results}
    middle = sum(error[arm] for arm in MIDDLE) / len(MIDDLE)
    return compare.of_parts(results, {
        f"length {arm}, less the mean of {', '.join(MIDDLE)}": error[arm] - middle
        for arm in (LENGTHS[0], LENGTHS[-1])}, name="at length {}")


def draw(results, settings):
    """Test and training error against the length."""
    return compare.draw_curve(results, settings, "length of the square, pixels of 32")


CLAIM = Claim(
    name="cutout",
    techniques=("cutout",),
    sentence="Against the length of the square that Cutout takes out of each image the error is a "
             "U: it is higher without, and higher again where the square is large.",
    source="DeVries & Taylor 2017 (arXiv:1708.04552), the search over patch lengths.",
    known="By a survey the accuracy rises with the length, and then falls. By the page of the "
          "official code ResNet-18 on CIFAR-10 with flips and crops has 4.72 % error without "
          "Cutout and 3.99 % with it; as we recall, 10.63 % and 9.31 % without flips and crops, "
          "and 16 as the length for CIFAR-10. The errors at other lengths are not known to us well "
          "enough to be printed.",
    effect="ResNet-18 on CIFAR-10 with flips and crops: 4.72 % error without, 3.99 % with it",
    protocol=lenets.PROTOCOL +
    "Cutout of every image, by the mean colour, with squares that may reach over the border; no "
    "flips, no crops. Lengths 0 and 16 are the same runs, bit for bit, as none and cutout of the "
    "claim `cutout-together`. Paired seeds.",
    measure=lenets.MEASURE + f"The middle is the mean of the errors at {', '.join(MIDDLE)} of a "
                             "seed. Which length is the best is no part of the rule.",
    rule=compare.rule("the intervals of the error at length 0 less that of the middle, and at 24 "
                      "less that of the middle, both lie above 0"),
    arms=LENGTHS,
    scales=lenets.scales({"seeds": 3}, {"seeds": 5}, {"seeds": 3}),
    takes={"quick": "a minute of one core", "standard": "20 minutes of one core",
           "paper": "200 epochs of CIFAR-10 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)

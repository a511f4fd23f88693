"""Half of the weights of targeted dropout, and the whole network that was trained without."""

from ..plots import LIGHT
from . import compare, pruned
from .claim import Claim, Verdict

HALF = 0.5
MARGIN = 0.0025                 # as good: not worse by more than this, a quarter of a point


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*pruned.table(results, settings)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    whole, half = at(results, settings, "none", 0.0), at(results, settings, "targeted", HALF)
    gain = compare.interval(half - whole)
    lines.append(f"half of targeted - whole of none: {compare.percent(gain)} points")
    word = ("held" if gain.low > 0 else "refuted" if gain.high < 0 else
            "not held" if gain.low > -MARGIN else "not seen at this scale")
    return Verdict(word, f"accuracy {100 * half.mean():.2f} % with half of the weights after "
                   f"targeted dropout, {100 * whole.mean():.2f} % of the whole network without: "
                   f"{compare.percent(gain)} points more", tuple(lines))


def at(results, settings, arm, share):
    """The accuracy of each seed of an arm at a share, (seeds,)."""
    return compare.column(results, arm, "accuracy")[:, settings["shares"].index(share)]


def draw(results, settings):
    """Accuracy against pruned share, near that of the whole plain network, which is a line."""
    figure, whole = pruned.draw(results, settings), 100 * at(results, settings, "none", 0.0).mean()
    axis, = figure.axes
    axis.axhline(whole, color=LIGHT, linewidth=1, label="the whole network without")
    axis.set(ylim=(whole - 6, min(whole + 2, 100.2)))
    axis.legend(loc="lower left")
    return figure


SHARES = [0.0, 0.25, 0.5, 0.75, 0.9]

CLAIM = Claim(
    name="half",
    techniques=("targeted", "pruning"),
    sentence="With half of its weights pruned after targeted dropout, and no fine-tuning, a "
             "network is more accurate than the whole network that was trained without.",
    source="Gomez et al. 2019 (arXiv:1905.13678), in words, as a survey tells it.",
    effect="better with half, of an amount that is not known to us well enough to be printed",
    known="Its numbers are not known to us well enough to be printed.",
    protocol=pruned.TRAINING + "Weights are pruned row by row, the smallest. Of the three pairs of "
             "rates in the paper's published code (0.5 of the weights at 0.5; 0.75 at 0.33; 0.75 "
             "at 0.66) targeted dropout has that with which half of its weights made the fewest "
             "errors on the validation data, with another seed: the last (quick: the first); on "
             "MNIST each of the three was better than the plain network there. " + pruned.PAPERS,
    measure="test accuracy at each pruned share, mean and 95 % interval over the seeds; the "
            "accuracy of half of the weights after targeted dropout less that of the whole plain "
            "network, in pairs of seeds.",
    rule={"held": "the interval of that difference lies above 0",
          "not held": "it contains 0, and lies above a loss of a quarter of a point: as good, and "
                      "not better",
          "not seen at this scale": "it contains 0, and reaches further down; or one seed alone",
          "refuted": "the interval of that difference lies below 0"},
    arms=("none", "targeted"),
    scales={
        "quick": pruned.QUICK | {"unit": False, "shares": SHARES, "chosen": {
            "none": {}, "targeted": {"gamma": 0.5, "alpha": 0.5}}},
        "standard": pruned.STANDARD | {"unit": False, "shares": SHARES, "seeds": 10, "chosen": {
            "none": {}, "targeted": {"gamma": 0.75, "alpha": 0.66}}},
        "paper": pruned.PAPER | {"unit": False, "chosen": {
            "none": {}, "targeted": {"gamma": 0.75, "alpha": 0.66}}}},
    takes={"quick": "a few seconds of one core", "standard": "at most 2 minutes of one core",
           "paper": "90,000 steps of a ResNet-32 each, for a GPU, and not timed by us"},
    run=pruned.run, judge=judge, draw=draw)

"""Dropout samples that differ in more than their masks: flipped or shifted feature maps."""

from . import cnns, compare, heads
from .claim import Claim, Verdict

MOVES: dict = {"m = 8": {}, "flips": {"flip": True}, "shifts": {"padding": 1}}


def run(arm, seed, settings, progress):
    """Train with eight samples of feature maps, which the arm moves."""
    splits = cnns.images(settings)
    net = heads.network(settings, splits.train[0], 8, **MOVES[arm])
    return heads.train(net, splits, settings, seed, progress)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*heads.table(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    gains = {arm: compare.less(results, arm, "m = 8") for arm in ("flips", "shifts")}
    lines += [f"m = 8 - {arm}: {compare.percent(one)} points of error"
              for arm, one in gains.items()]
    word = {1: "held", -1: "refuted"}.get(compare.sign(gains["flips"]), "not seen at this scale")
    return Verdict(word, "held-out error " + ", ".join(
        f"{100 * compare.column(results, arm).mean():.2f} % of {arm}" for arm in results)
        + f"; flips gain {compare.percent(gains['flips'])} points", tuple(lines))


def draw(results, settings):
    """The held-out error of all arms."""
    return compare.draw_arms(results, f"error on {settings['data']}, %")


CLAIM = Claim(
    name="flip-diversity",
    techniques=("multi_sample",),
    sentence="Eight dropout samples give fewer errors where some of them are also flipped.",
    source="Inoue 2019 (arXiv:1905.09788), figure 6, in words.",
    known="Its numbers are not known to us well enough to be printed.",
    protocol=heads.NETWORK + "Eight samples of the feature maps behind the last pool, 4 x 4 "
             "(quick: too): m = 8 has masks alone; flips mirrors each sample of each image with "
             "probability 1/2, shifts moves it by -1, 0 or 1 rows and columns. These are our "
             "forms: the paper, as we recall, flips some samples and pads them in other ways at a "
             "pool. A mirrored digit is another sign, so that at the quick scale nothing is to be "
             "gained. Paired seeds.",
    measure="the held-out error after the last step, mean and 95 % interval over the seeds; "
            "differences are of paired seeds. Shifts are told, and no part of the rule.",
    rule={"held": "the interval of the error of m = 8 less that with flips lies above 0",
          "not held": "does not occur: the claim has no parts",
          "not seen at this scale": "the interval contains 0, or one seed alone",
          "refuted": "the interval lies below 0"},
    arms=(*MOVES,),
    scales={"quick": heads.QUICK, "standard": heads.STANDARD, "paper": heads.PAPER},
    takes={"quick": "half a minute of one core", "standard": "7 minutes of one core",
           "paper": heads.TAKES},
    run=run, judge=judge, draw=draw)

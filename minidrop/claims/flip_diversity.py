"""Dropout samples that differ in more than their masks: flipped or shifted feature maps."""

from ..units.multi_sample import MultiSampleDropout
from ..xp import array_module
from . import cnns, compare, heads
from .claim import Claim, Verdict

MOVES: dict = {"m = 8": {}, "flips": {"flip": True}, "alike": {"flip": True},
               "shifts": {"padding": 1}}


class Alike(MultiSampleDropout):
    """All samples of an image are mirrored, or none: they differ in their masks alone."""

    def sample(self, shape):
        """Masks, and one flip for all of them."""
        masks, flips, shifts = super().sample(shape)
        return masks, array_module(flips).repeat(flips[:1], self.m, axis=0), shifts


def run(arm, seed, settings, progress):
    """Train with eight samples of feature maps, which the arm moves."""
    splits = cnns.images(settings)
    net = heads.network(settings, splits.train[0], 8, **MOVES[arm])
    if arm == "alike":
        net.out = Alike(net.out.head, net.out.p, net.out.m, flip=True)
    return heads.train(net, splits, settings, seed, progress)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*heads.table(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    gains = {other: compare.less(results, "flips", other) for other in ("m = 8", "alike")}
    lines += [f"{other} - {arm}: {compare.percent(compare.less(results, arm, other))} points of "
              "error" for other, arm in (("m = 8", "flips"), ("alike", "flips"), ("m = 8", "alike"),
                                 ("m = 8", "shifts"))]
    return Verdict(compare.word(*gains.values()), "held-out error " + ", ".join(
        f"{100 * compare.column(results, arm).mean():.2f} % of {arm}" for arm in results)
        + "; flips have " + ", ".join(f"{compare.percent(one)} points less than {other}"
                                      for other, one in gains.items()), tuple(lines))


def draw(results, settings):
    """The held-out error of all arms, and what flips and shifts gain."""
    return compare.draw_pairs(results, settings, [
        ("flips", "m = 8"), ("flips", "alike"), ("shifts", "m = 8")])


CLAIM = Claim(
    name="flip-diversity",
    techniques=("multi_sample",),
    sentence="Eight dropout samples give fewer errors where some of them are also flipped, and "
             "that because they differ more: fewer than where all of an image are flipped alike.",
    source="Inoue 2019 (arXiv:1905.09788), figure 6, in words.",
    known="Its numbers are not known to us well enough to be printed.",
    protocol=heads.NETWORK + "Eight samples of the feature maps behind the last pool, 4 x 4 "
             "(quick: too): m = 8 has masks alone; flips mirrors each sample of each image with "
             "probability 1/2, alike all eight of an image together (ours, to tell diversity from "
             "mirrored maps as such), shifts moves it by -1, 0 or 1 rows and columns. These are "
             "our forms: the paper, as we recall, flips some samples and pads them in other ways "
             "at a pool. A mirrored digit is another sign, so that at the quick scale nothing is "
             "to be gained. Paired seeds.",
    measure="the held-out error after the last step, mean and 95 % interval over the seeds; "
            "differences are of paired seeds. Shifts are told, and no part of the rule.",
    rule=compare.rule("the intervals of the error of m = 8, and of alike, less that with flips "
                      "both lie above 0"),
    arms=(*MOVES,),
    scales={"quick": heads.QUICK, "standard": heads.STANDARD, "paper": heads.PAPER},
    takes={"quick": "half a minute of one core", "standard": "15 minutes of one core",
           "paper": heads.TAKES},
    run=run, judge=judge, draw=draw)

"""Eight dropout samples beside dropout on a mini-batch that is repeated eight times."""

from ..xp import array_module
from . import cnns, compare, heads, recipe
from .claim import Claim, Verdict

COPIES = 8
ARMS = ("dropout", "m = 8", "repeated")


def run(arm, seed, settings, progress):
    """Train one arm: its curves, and how long its steps take beside those of dropout."""
    splits = cnns.images(settings)
    plain = recipe.first(splits.train, settings["batch_size"])

    def net(arm):
        return heads.network(settings, splits.train[0], COPIES if arm == "m = 8" else 1)

    batch, changed = plain, {}
    if arm == "repeated":
        batch, changed = repeated(None, *plain), {"batch": repeated}
    took = heads.cost((net(arm), batch), (net("dropout"), plain), settings)
    return heads.train(net(arm), splits, settings, seed, progress, **changed) | took


def repeated(rng, x, y):
    """A mini-batch of copies of each example, one behind the other.

    Were the whole mini-batch repeated, its masks would be those of m = 8, bit for bit.
    """
    return tuple(array_module(part).repeat(part, COPIES, axis=0) for part in (x, y))


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*heads.table(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    one, eight, copies = (compare.column(results, arm, "loss") for arm in ARMS)
    near = compare.interval((one - copies) / 2 - abs(eight - copies))
    took = compare.column(results, "m = 8", "cost") / compare.column(results, "repeated", "cost")
    quick = compare.interval(0.5 - took)
    lines += [f"training loss: dropout - repeated {compare.interval(one - copies)}; m = 8 - "
              f"repeated {compare.interval(eight - copies)}; half of the former less how far the "
              f"latter is from 0 {near}"]
    lines += [f"{other} - {arm}: {compare.percent(compare.less(results, arm, other))} points of "
              "error" for arm, other in (("m = 8", "repeated"), ("repeated", "dropout"))]
    return Verdict(compare.word(near, quick), "final training loss " + ", ".join(
        f"{compare.column(results, arm, 'loss').mean():.3f} of {arm}" for arm in results)
        + f", nearer than half of the gain by {near}; a step of m = 8 takes "
        f"{compare.interval(took)} times that of the repeated batch", tuple(lines))


CLAIM = Claim(
    name="duplicated-batch",
    techniques=("multi_sample", "dropout"),
    sentence="Eight dropout samples train as dropout on a mini-batch of eight copies does, in a "
             "fraction of its time.",
    source="Inoue 2019 (arXiv:1905.09788), figure 7.",
    known="Its numbers are not known to us well enough to be printed. Under the same masks both "
          "are one training, if the body has no noise and no batch norm.",
    protocol=heads.NETWORK + "Here are half as many images, and 12 epochs (quick: as many as "
             "else), since copies take eight times as long. The arm repeated has eight copies of "
             "each image in a mini-batch, each with a mask of its own, and other masks than m = 8 "
             "has. Paired seeds.",
    measure="the training loss with masks, the mean over the last epoch; and the time of a step, "
            "over that of dropout by the median of what both took in turns within one run. Mean "
            "and 95 % interval over the seeds; differences and ratios are of paired seeds. Errors "
            "are told, and no part of the rule, nor is a step that is faster, but not twice as "
            "fast. The ratio to the repeated batch is that of two such ratios, of two runs.",
    rule=compare.rule("half of what the repeated batch gains on dropout, less how far m = 8 is "
                      "from the repeated batch, has an interval above 0; and so has 1/2 less the "
                      "time of a step of m = 8 over that of the repeated batch"),
    arms=ARMS,
    scales={"quick": heads.QUICK,
            "standard": heads.STANDARD | {"images": 2500, "epochs": 12, "seeds": 3},
            "paper": heads.PAPER | {"epochs": 30, "seeds": 3}},
    takes={"quick": "half a minute of one core", "standard": "6 minutes of one core",
           "paper": "30 epochs of most of CIFAR-10 each, one arm with eight copies, for a GPU, and "
                    "not timed by us"},
    run=run, judge=judge, draw=heads.draw)

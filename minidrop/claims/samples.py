"""Multi-sample dropout with 1 to 64 samples: where more of them stop to help."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..xp import array_module
from . import cnns, compare, heads
from .claim import Claim, Verdict

SAMPLES = ("1", "2", "4", "8", "16", "32", "64")         # the arms
CURVES = {"1": (MIDDLE, "--"), "8": (DARK, "-"), "64": (LIGHT, "-")}


def run(arm, seed, settings, progress):
    """Train with so many samples."""
    splits = cnns.images(settings)
    net = heads.network(settings, splits.train[0], int(arm))
    return heads.train(net, splits, settings, seed, progress)


def parts(results, name):
    """The intervals of what 8 samples gain on one, and of half of that less what 64 gain on 8."""
    one, eight, most = (compare.column(results, arm, name) for arm in ("1", "8", "64"))
    return compare.interval(one - eight), compare.interval((one - eight) / 2 - (eight - most))


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*heads.table(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    error, loss = parts(results, "error"), parts(results, "loss")
    lines += [f"error, points: m = 1 less m = 8 {compare.percent(error[0])}; half of that, less "
              f"what m = 64 gains on m = 8, {compare.percent(error[1])}",
              f"training loss: the same two {loss[0]}; {loss[1]}"]
    lines += [f"m = {arm} saves {compare.percent(compare.interval(steps))} % of the steps to the "
              "final training loss of m = 1" for arm in SAMPLES[1:]
              for steps, _ in [heads.savings(results, arm, "1")]]
    return Verdict(compare.word(*error), "held-out error " + ", ".join(
        f"{100 * compare.column(results, arm).mean():.2f} % at m = {arm}" for arm in results)
        + f"; eight gain {compare.percent(error[0])} points on one, and half of that is "
        f"{compare.percent(error[1])} more than 64 gain on eight", tuple(lines))


def draw(results, settings):
    """Training loss of three arms; what m changes in its end, and in the held-out error."""
    figure, (left, *axes) = subplots(1, 3, size=(9.0, 3.4))
    for arm, (colour, line) in CURVES.items():
        values = compare.column(results, arm, "losses")
        along = array_module().arange(1, values.shape[1] + 1) * heads.in_epoch(settings)
        heads.curve(left, along, values, colour, line, f"m = {arm}")
    left.set(xlabel="iterations", ylabel="training loss (nats)", title=compare.over(results))
    left.legend()
    for axis, name, factor, label in (
            (axes[0], "loss", 1, "final training loss (nats)"),
            (axes[1], "error", 100, f"error on {compare.called(settings)}, points")):
        one = compare.column(results, "1", name)
        found = [compare.interval(factor * (compare.column(results, arm, name) - one))
                 for arm in results]
        axis.axhline(0, color=LIGHT, linewidth=1)
        axis.errorbar(range(len(found)), [each.mean for each in found],
                      None if compare.one_seed(results) else [each.half for each in found],
                      color=DARK, marker="o", capsize=3)
        axis.set(xlabel="m, samples (powers)", ylabel=f"{label}, less m = 1",
                 xticks=range(len(found)), xticklabels=[*results])
    return figure


CLAIM = Claim(
    name="samples",
    techniques=("multi_sample",),
    sentence="More dropout samples give fewer errors, but near eight the gain stops.",
    source="Inoue 2019 (arXiv:1905.09788), in words, as a survey tells it.",
    known="As a survey reports: on CIFAR-100 more than eight samples gain little on validation "
          "data, while the training loss goes on to fall up to 64.",
    protocol=heads.NETWORK + "The samples of a step share its images; one is dropout. One and "
             "eight are the same runs, bit for bit, as those of the claim `multi-sample`. Paired "
             "seeds.",
    before="Three seeds were planned first. That there are five was decided before the last of the "
           "three had run, and with it before any verdict.",
    measure="the held-out error after the last step, mean and 95 % interval over the seeds; "
            "differences are of paired seeds. The gain of eight is the error with one sample less "
            "that with eight, what more of them gain is the error with eight less that with 64; "
            "we say that it stops where 64 gain less than half of what eight gain. Told, and no "
            "part of the rule: the same of the training loss with masks.",
    rule=compare.rule("the intervals of the gain of eight, and of half of it less what 64 gain on "
                      "eight, both lie above 0"),
    arms=SAMPLES,
    scales={"quick": heads.QUICK, "standard": heads.STANDARD,
            "paper": heads.PAPER},
    takes={"quick": "half a minute of one core", "standard": "30 minutes of one core",
           "paper": heads.TAKES},
    run=run, judge=judge, draw=draw,
    effect="as a survey reports, little gain on validation data of CIFAR-100 beyond eight samples")

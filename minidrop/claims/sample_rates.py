"""Eight dropout samples and one, at low and at high rates of dropout."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..xp import array_module
from . import cnns, compare, heads
from .claim import Claim, Verdict

RATES, SAMPLES = ("0.2", "0.5", "0.7"), (1, 8)
ARMS = {f"p = {p}, m = {m}": (float(p), m) for p in RATES for m in SAMPLES}


def run(arm, seed, settings, progress):
    """Train with one rate in front of both layers of the head, and so many samples."""
    splits, (p, m) = cnns.images(settings), ARMS[arm]
    net = heads.network(settings, splits.train[0], m, (p, p))
    return heads.train(net, splits, settings, seed, progress)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*heads.table(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    pairs = [[f"p = {p}, m = {m}" for m in (8, 1)] for p in RATES]
    steps = [heads.savings(results, *pair)[0] for pair in pairs]
    gains = [compare.column(results, one) - compare.column(results, eight) for eight, one in pairs]
    for p, share, gain in zip(RATES, steps, gains, strict=True):
        lines.append(f"p = {p}: m = 8 saves {compare.percent(compare.interval(share))} % of the "
                     f"steps, {compare.percent(compare.interval(gain))} points of error")
    least = compare.interval(array_module().stack(steps).min(0))
    mean = compare.interval(sum(gains) / len(gains))
    return Verdict(compare.word(least, mean), (
        f"m = 8 saves at least {compare.percent(least)} % of the steps, and on average "
        f"{compare.percent(mean)} points of error"), tuple(lines))


def draw(results, settings):
    """Training losses against iterations, and errors against the rate."""
    figure, (left, right) = subplots(1, 2, size=(9.0, 4.4))
    for p, colour in zip(RATES, (LIGHT, MIDDLE, DARK), strict=True):
        for m, line in zip(SAMPLES, ("--", "-"), strict=True):
            values = compare.column(results, f"p = {p}, m = {m}", "losses")
            along = array_module().arange(1, values.shape[1] + 1) * heads.in_epoch(settings)
            heads.curve(left, along, values, colour, line, f"p = {p}, m = {m}")
    for m, line in zip(SAMPLES, ("--", "-"), strict=True):
        found = [compare.interval(100 * compare.column(results, f"p = {p}, m = {m}"))
                 for p in RATES]
        right.errorbar([float(p) for p in RATES], [one.mean for one in found],
                       None if compare.one_seed(results) else [one.half for one in found],
                       color=DARK, linestyle=line, marker="o", capsize=3, label=f"m = {m}")
    left.set(xlabel="iterations", ylabel="training loss (nats)", title=compare.over(results))
    right.set(xlabel="p, the share that is dropped",
              ylabel=f"error on {compare.called(settings)}, %")
    right.legend()
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


CLAIM = Claim(
    name="sample-rates",
    techniques=("multi_sample", "dropout"),
    sentence="At low and at high rates of dropout alike training with eight samples needs fewer "
             "iterations than with one, and on average over them it ends with fewer errors.",
    source="Inoue 2019 (arXiv:1905.09788), in words, as we recall it.",
    known="Its numbers are not known to us well enough to be printed, and which rates it has is "
          "not either.",
    protocol=heads.NETWORK + "Here, though, the two rates of dropout are equal: 0.2, 0.5 or 0.7. "
                             "Paired seeds.",
    measure="which share of its iterations m = 8 saves on the way to the training loss that one "
            "sample ends in (where it does not get there, less the share that one saves on the way "
            "to that of eight), the smallest of the three rates in each seed; and the held-out "
            "error after the last step, the mean of what eight gain over the three rates. What a "
            "step costs is no part of it: see `multi-sample` and `sample-cost`. Mean and 95 % "
            "interval over the seeds; differences are of paired seeds.",
    rule=compare.rule("the intervals of the smallest share that is saved, and of the mean gain in "
                      "error, both lie above 0"),
    arms=(*ARMS,),
    scales={"quick": heads.QUICK, "standard": heads.STANDARD,
            "paper": heads.PAPER},
    takes={"quick": "half a minute of one core", "standard": "20 minutes of one core",
           "paper": heads.TAKES},
    run=run, judge=judge, draw=draw)

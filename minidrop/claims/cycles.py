"""How many cycles a budget should have, and how many of their snapshots should predict."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from . import budgets, cnns, compare, recipe
from .claim import Claim, Verdict

FEW = "5"


def run(arm, seed, settings, progress):
    """One run in so many cycles, with each rate: the errors of the one validation data chose."""
    splits = cnns.images(settings)
    x = splits.train[0]

    def make(lr):
        rates, ends = budgets.cyclic(lr, recipe.steps(splits.train, settings), int(arm))
        return budgets.leave(budgets.network(settings, x), splits.train, settings, seed, progress,
                             rates, ends)

    return budgets.measured(recipe.each(make, settings), splits)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, together="error", last_alone="last",
                            validation="validation"), compare.rates(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    few = compare.column(results, FEW)
    gains = [compare.interval(other - few) for other in (
        compare.column(results, FEW, "last"), compare.column(results, "1"),
        compare.column(results, "20"))]
    three = compare.interval(compare.column(results, FEW, "together")[:, 2] - few)
    lines += [f"{who}, less all {FEW} snapshots of {FEW} cycles: {compare.percent(one)} points"
              for who, one in zip(("the last of them", "one cycle", "all 20 of 20 cycles",
                                   "the last three of them"), [*gains, three], strict=True)]
    return Verdict(compare.word(*gains), "error of all snapshots " + ", ".join(
        f"{100 * compare.column(results, arm).mean():.2f} % of {arm}" for arm in results)
        + f" cycles; of the last of {FEW} "
        f"{100 * compare.column(results, FEW, 'last').mean():.2f} %. This, 1 and 20 have more than "
        f"{FEW} by " + ", ".join(map(compare.percent, gains)) + " points", tuple(lines))


def draw(results, settings):
    """The error against the number of cycles, and against that of the snapshots."""
    figure, (left, right) = subplots(1, 2, size=(9.0, 3.8))
    for name, colour, line, label in (("error", DARK, "-", "all snapshots together"),
                                      ("last", MIDDLE, "--", "the last alone")):
        found = [compare.interval(100 * compare.column(results, arm, name)) for arm in results]
        left.errorbar(range(len(found)), [one.mean for one in found],
                      None if compare.one_seed(results) else [one.half for one in found],
                      color=colour, linestyle=line, marker="o", capsize=3, label=label)
    left.set(xticks=range(len(results)), xticklabels=[*results], xlabel="cycles of one budget",
             ylabel=f"error on {compare.called(settings)}, %", title=compare.over(results))
    left.legend()
    several = [arm for arm in results if int(arm) > 1]
    for arm, marker in zip(several, "s^oD", strict=True):
        mean = 100 * compare.column(results, arm, "together").mean(0)
        right.plot(range(1, len(mean) + 1), mean, marker=marker, markersize=4, label=arm,
                   color=DARK if arm == FEW else LIGHT if int(arm) > int(FEW) else MIDDLE)
    right.set(xscale="log", xlabel="m, of the last m snapshots (log scale)",
              ylabel="error, %", title="mean over the seeds", xticks=[1, 2, 5, 10, 20],
              xticklabels=["1", "2", "5", "10", "20"])
    right.minorticks_off()
    right.legend(title="cycles")
    return figure


CLAIM = Claim(
    name="cycles",
    techniques=("snapshot",),
    sentence="At one budget, the snapshots of a few cycles together make fewer errors than the "
             "last of them, than the network of one long cycle, and than the snapshots of many "
             "short cycles.",
    source="Huang et al. 2017, its sections on the numbers of snapshots and of cycles, as we "
           "recall them, in words.",
    known="As we recall, the paper advises 4 to 8 cycles; a reader's notes on it say that the last "
          "three snapshots or so are nearly as good as all, from a rate of 0.1. Its numbers are "
          "not known to us well enough to be printed.",
    effect="as we recall, 4 to 8 cycles are advised",
    protocol="MLP 3072-256-256-10 with ReLU on the first 5,000 training images of CIFAR-10 "
             "(quick: 64-100-10 on digits), SGD with momentum 0.9 and weight decay 1e-4, "
             "mini-batches of 64, 20 epochs, a cosine in 1, 2, 5, 10 and 20 cycles. Of two first "
             "learning rates each run takes the one with the fewer errors on validation data, of "
             "all of its snapshots, or of the last where that alone is compared. Nothing else was "
             "chosen by any data. Images are neither flipped nor shifted. Paired seeds.",
    measure="error of the mean of the probabilities on images that no choice has seen, mean and "
            "95 % interval over the seeds; differences are of paired seeds. Few are 5 cycles, many "
            "are 20; 2 and 10, and the last m snapshots for m below all, are told, and no part of "
            "the rule.",
    rule=compare.rule("the intervals of three errors less that of all snapshots of 5 cycles lie "
                      "above 0: of the last of these, of one cycle, and of all of 20 cycles"),
    arms=("1", "2", FEW, "10", "20"),
    scales=budgets.SCALES,
    takes={"quick": "6 seconds of one core", "standard": "at most 13 minutes of one core",
           "paper": "twice 200 epochs of a ResNet-110 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)

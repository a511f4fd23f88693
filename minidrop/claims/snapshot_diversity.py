"""What cycles do to the networks of one run: they differ more, with barriers between them."""

from ..diversity import correlation
from ..landscape import barrier, interpolation_curve
from ..placement import home
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..xp import array_module, to_backend
from . import budgets, cnns, compare, recipe
from .claim import Claim, Verdict

SHARES = [i / 10 for i in range(11)]            # of the last network
LAST = 3                                        # of five networks are from after the first fall


def run(arm, seed, settings, progress):
    """The networks of one run with each rate: how alike those are that validation data chose."""
    splits, cycles = cnns.images(settings), settings["cycles"]
    x, total = splits.train[0], recipe.steps(splits.train, settings)

    def make(lr):
        rates, ends = budgets.cyclic(lr, total, cycles)
        return budgets.leave(budgets.network(settings, x), splits.train, settings, seed, progress,
                             budgets.falling(lr, total) if arm == "nocycle" else rates, ends)

    lr, nets, validation = recipe.best(recipe.each(make, settings), lambda nets: budgets.wrong(
        budgets.probabilities(nets, splits.validation[0]), splits.validation[1]))
    probs = budgets.probabilities(nets, splits.test[0])
    return {"error": budgets.wrong(probs, splits.test[1]), "lr": lr, "validation": validation,
            **alike(nets, probs, splits)}


def alike(nets, probs, splits):
    """Correlation of all pairs; from each earlier network to the last: errors, and the barrier."""
    statistics = to_backend(splits.train[0], home(nets[-1]))
    curves = [interpolation_curve(nets[-1], net, splits.test, SHARES, statistics=statistics).error
              for net in nets[:-1]]
    return {"correlation": [[round(float(one), 5) for one in row] for row in correlation(probs)],
            "curves": [[round(float(one), 4) for one in curve] for curve in curves],
            "barrier": [round(max(0.0, barrier(SHARES, curve.tolist())), 4) for curve in curves]}


def late(results, arm):
    """(correlations, barriers) of each seed among its LAST networks: mean of their pairs, (seeds,).

    The barriers are those from each of them to the very last.
    """
    found = compare.column(results, arm, "correlation")[:, -LAST:, -LAST:]
    above = array_module(found).triu_indices(found.shape[-1], 1)
    return found[:, *above].mean(-1), compare.column(results, arm, "barrier")[:, 1 - LAST:].mean(1)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, error="error", validation="validation"),
             compare.rates(results)]
    for arm in results:
        heights = compare.column(results, arm, "barrier").mean(0)
        whole = compare.column(results, arm, "correlation").mean(0)
        above = array_module(whole).triu_indices(len(whole), 1)
        lines += [f"{arm}: correlation of all pairs {whole[above].mean():.3f}, of neighbours "
                  + ", ".join(f"{value:.3f}" for value in whole.diagonal(1)),
                  f"{'':{len(arm)}}  barrier to the last, in points of error, oldest first: "
                  + ", ".join(f"{100 * height:.2f}" for height in heights)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    (like, high), (like_none, high_none) = (late(results, arm) for arm in ("snapshot", "nocycle"))
    apart, higher = compare.interval(like_none - like), compare.interval(high - high_none)
    lines += [f"correlation of the last {LAST}, nocycle - snapshot: {apart}",
              f"barrier from them, snapshot - nocycle: {compare.percent(higher)} points of error"]
    return Verdict(compare.word(apart, higher), (
        f"among the last {LAST} networks the correlation is {like.mean():.3f} with cycles and "
        f"{like_none.mean():.3f} without ({apart} less with them), the barrier "
        f"{100 * high.mean():.2f} and {100 * high_none.mean():.2f} points of error "
        f"({compare.percent(higher)} more)"), tuple(lines))


def draw(results, settings):
    """Correlation of all pairs, and the error on the way to the last network."""
    figure, axes = subplots(2, 2, size=(8.5, 7.0))
    top = 100 * max(compare.column(results, arm, "curves").mean(0).max() for arm in results)
    low = 100 * min(compare.column(results, arm, "curves").mean(0).min() for arm in results)
    least = min(compare.column(results, arm, "correlation").mean(0).min() for arm in results)
    for column, arm in enumerate(("snapshot", "nocycle")):
        found = compare.column(results, arm, "correlation").mean(0)
        numbers, above = range(1, len(found) + 1), axes[0][column]
        above.imshow(found, cmap="Greys", vmin=least - 0.3 * (1 - least), vmax=1)
        for i, row in enumerate(found):
            for j, value in enumerate(row):
                above.text(j, i, f"{value:.2f}", ha="center", va="center",
                           color="white" if value > (1 + least) / 2 else "black")
        above.set(xticks=range(len(found)), yticks=range(len(found)), xticklabels=numbers,
                  yticklabels=numbers, xlabel="network", ylabel="network",
                  title=f"{arm}: correlation of outputs")
        curves, below = 100 * compare.column(results, arm, "curves").mean(0), axes[1][column]
        for i, (curve, (colour, line)) in enumerate(zip(curves, LOOKS, strict=False), 1):
            below.plot(SHARES, curve, line, color=colour, label=f"from {i}")
        below.set(xlabel=f"share of the last network, {len(found)}", ylim=(low - 1, top + 1),
                  ylabel=f"error on {compare.called(settings)}, %", title="mean over the seeds")
        below.legend()
    return figure


LOOKS = (LIGHT, "--"), (LIGHT, "-"), (MIDDLE, "-"), (DARK, "-")

CLAIM = Claim(
    name="snapshot-diversity",
    techniques=("snapshot", "diversity", "landscape"),
    sentence="The networks that a run with cycles leaves are less alike than those of a run "
             "without: their outputs correlate less, and the error rises on the straight line from "
             "one to another.",
    source="Huang et al. 2017, its analyses of correlation and of interpolation, as we recall "
           "them, in words.",
    known="As we recall, neighbours of the run without cycles have a flat line between them; the "
          "numbers are not known to us well enough to be printed.",
    protocol="MLP 3072-256-256-10 with ReLU on the first 5,000 training images of CIFAR-10 "
             "(quick: 64-100-10 on digits), SGD with momentum 0.9 and weight decay 1e-4, "
             "mini-batches of 64, 20 epochs. snapshot: a cosine in 5 cycles, and a network after "
             "each; nocycle: networks after the same steps of a run whose rate falls tenfold "
             "after half and three quarters of them. Of two first learning rates each run takes "
             "the one at which all its networks together have the fewer errors on validation "
             "data. Nothing else was chosen by any data. Paper: statistics of batch norm are made "
             "anew on the training images for every weight in between. Images are neither flipped "
             "nor shifted. Paired seeds.",
    before="A first run, with seeds 0 to 4, was not seen: its rule took the mean of all pairs, and "
           "without cycles two of the five networks are from before the rate first falls, which "
           "differ by noise, while it is later neighbours that are alike in the paper. So the rule "
           "has the last three now, by which that run was less alike with cycles by 0.070 +- "
           "0.045, its barriers undecided; the seeds are 10 to 14 (quick: 0 to 4).",
    measure="on images that no choice has seen, among the last three of the five networks, which "
            "the run without cycles leaves after the first fall of its rate: Pearson's correlation "
            "of the probabilities of two networks, mean of the three pairs; and by how much the "
            "error on the line from one of them to the last rises at most above the straight line "
            "between its ends, at nine places, mean of two. Mean and 95 % interval over the seeds; "
            "differences are of paired seeds. All pairs are told.",
    rule=compare.rule("the intervals of the correlation without cycles less that with them, and "
                      "of the barrier with cycles less that without, both lie above 0"),
    arms=("snapshot", "nocycle"),
    scales={scale: settings | {"cycles": 5} | changed
            for (scale, settings), changed in zip(budgets.SCALES.items(), (
                {}, {"held_out": 5000, "first_seed": 10}, {}), strict=True)},
    takes={"quick": "3 seconds of one core", "standard": "4 minutes of one core",
           "paper": "twice 200 epochs of a ResNet-110 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)

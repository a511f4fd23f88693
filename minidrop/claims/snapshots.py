"""Snapshot ensembles: the networks of one run, together, against others of the same budget."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from . import budgets, cnns, compare, recipe
from .claim import Claim, Verdict

STYLES = {"nocycle": (MIDDLE, "--", "s"), "snapshot": (DARK, "-", "o"),
          "singlecycle": (MIDDLE, "-", "^"), "independent": (LIGHT, "-", "D")}
SEEDS_APART = 100               # members that are drawn anew take the seeds that follow


def run(arm, seed, settings, progress):
    """Train the networks of one arm with each rate: the errors of those validation data chose."""
    splits = cnns.images(settings)

    def make(lr):
        return networks(arm, seed, settings, splits.train, lr, progress)

    return budgets.measured(recipe.each(make, settings), splits)


def networks(arm, seed, settings, given, lr, progress):
    """What the budget of an arm leaves, oldest first."""
    total, cycles, seed = recipe.steps(given, settings), settings["cycles"], SEEDS_APART * seed
    waves, ends = budgets.cyclic(lr, total, cycles)
    part = total // cycles
    rates = {"snapshot": waves, "singlecycle": waves[:part],
             "independent": budgets.falling(lr, part)}.get(arm, budgets.falling(lr, total))
    anew = cycles if arm in ("singlecycle", "independent") else 1
    found = []
    for i in range(anew):
        net = budgets.network(settings, given[0], settings["p"] if arm == "dropout" else 0)
        found += budgets.leave(net, given, settings, seed + i, progress, rates,
                               ends if arm in ("snapshot", "nocycle") else [len(rates)])
    return found


def rivals(results, cycles):
    """{who: the interval of their error less that of all snapshots}, those of the rule first."""
    own = compare.column(results, "snapshot")
    theirs = {"one network of the whole budget": ("nocycle", "last"),
              f"{cycles} of a run without cycles": ("nocycle", "error"),
              f"{cycles} drawn anew, a cycle each": ("singlecycle", "error"),
              f"{cycles} independent, falling rates": ("independent", "error"),
              "the last snapshot": ("snapshot", "last"),
              "one network with dropout": ("dropout", "last")}
    return {who: compare.interval(compare.column(results, *where) - own)
            for who, where in theirs.items()}


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, together="error", last_alone="last",
                            validation="validation"), compare.rates(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    gains = rivals(results, settings["cycles"])
    lines += [f"{who}, less all snapshots: {compare.percent(one)} points of error"
              for who, one in gains.items()]
    lines.append("each network, oldest first: " + "; ".join(
        f"{arm} " + ", ".join(f"{100 * one:.1f}"
                              for one in compare.column(results, arm, "alone").mean(0))
        for arm in STYLES))
    mean = {arm: 100 * compare.column(results, arm).mean() for arm in results}
    one = 100 * compare.column(results, "nocycle", "last").mean()
    return Verdict(compare.word(*[*gains.values()][:4]), (
        f"error of all snapshots {mean['snapshot']:.2f} %; of one network {one:.2f} %, of a run "
        f"without cycles {mean['nocycle']:.2f} %, drawn anew {mean['singlecycle']:.2f} %, "
        f"independent {mean['independent']:.2f} %, with dropout {mean['dropout']:.2f} %; the first "
        "four have more by " + ", ".join(map(compare.percent, [*gains.values()][:4]))
        + " points"), tuple(lines))


def draw(results, settings):
    """The error of the last m networks against m, and of each network."""
    figure, axes = subplots(1, 2, size=(9.0, 4.0))
    places, dropout = range(1, settings["cycles"] + 1), compare.column(results, "dropout").mean()
    for axis, name in zip(axes, ("together", "alone"), strict=True):
        for shift, (arm, (colour, line, marker)) in enumerate(STYLES.items()):
            found = [compare.interval(row) for row in 100 * compare.column(results, arm, name).T]
            axis.errorbar([place + 0.07 * (shift - 1.5) for place in places],
                          [one.mean for one in found],
                          None if compare.one_seed(results) else [one.half for one in found],
                          color=colour, linestyle=line, marker=marker, markersize=5, capsize=2,
                          label=arm)
        axis.axhline(100 * dropout, color=LIGHT, linestyle=":", label="dropout, one network")
        axis.set(xticks=places)
    axes[0].set(xlabel="m, of the last m networks",
                ylabel=f"error on {compare.called(settings)}, %",
                title=f"together; {compare.over(results)}")
    axes[1].set(xlabel="network, oldest first", title="alone", ylim=axes[1].get_ylim())
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


CLAIM = Claim(
    name="snapshots",
    techniques=("snapshot", "dropout", "diversity"),
    sentence="The snapshots of one run, together, make fewer errors than what else the same budget "
             "gives: one network, the networks of a run without cycles, and as many networks that "
             "are drawn anew.",
    source="Huang et al. 2017 (arXiv:1704.00109), abstract, and its table of results as we recall "
           "it, with larger networks and images that are flipped and shifted.",
    known="The abstract gives 3.4 % and 17.4 % error on CIFAR-10 and CIFAR-100 for snapshot "
          "ensembles of DenseNets. As we recall the table, ResNet-110 on CIFAR-10 makes 5.52 % "
          "errors alone, 5.49 % without cycles, 6.66 % drawn anew, and 5.32 % as snapshots from a "
          "rate of 0.2 (5.73 % from 0.1).",
    effect="3.4 % error of snapshot ensembles of DenseNets on CIFAR-10; as we recall, of a "
           "ResNet-110 5.32 %, and 5.52 % of one network",
    protocol="LeNet on the first 5,000 training images of CIFAR-10 (quick: an MLP on digits), SGD "
             "with momentum 0.9 and weight decay 1e-4, mini-batches of 64, 15 epochs for each "
             "arm, of which every cycle has 3 (quick: 20 and 4). snapshot: a cosine in 5 cycles; "
             "nocycle: networks after the same steps of a run whose rate falls tenfold after half "
             "and three quarters of them, the last of which is the one network of the budget; "
             "singlecycle: one drawn anew for each cycle; independent: as many, each with falling "
             "rates of its own; dropout: one network, half of whose hidden units are dropped "
             "(quick: a fifth). Of two first learning rates each run takes the one with the fewer "
             "errors on validation data, of all of its networks, or of the last where that alone "
             "is compared, and none at which the loss is not finite. Nothing else was chosen by "
             "any data; with seed 900 the one network at 0.01 had 13.5 % errors on its own images "
             "and 44.6 % on validation data, that with dropout 25.0 % and 45.6 %. Images are "
             "neither flipped nor shifted. Paired seeds.",
    measure="error of the mean of the probabilities on images that no choice has seen, mean and "
            "95 % interval over the seeds; differences are of paired seeds. The last snapshot, at "
            "the rate that is best for it alone, each network, at the rate that is best for all "
            "together, and dropout are told, and no part of the rule.",
    rule=compare.rule("the intervals of four errors less that of all snapshots lie above 0: of the "
                      "one network, of all of nocycle, of singlecycle, and of independent"),
    arms=("nocycle", "snapshot", "singlecycle", "independent", "dropout"),
    scales={
        "quick": {"data": "digits", "images": 1197, "net": "mlp", "hidden": [100], "epochs": 20,
                  "batch_size": 64, "lrs": [0.05, 0.2], "momentum": 0.9, "weight_decay": 1e-4,
                  "p": 0.2, "cycles": 5, "seeds": 5},
        "standard": {"data": "cifar10", "images": 5000, "held_out": 5000, "net": "lenet",
                     "epochs": 15, "batch_size": 64, "lrs": [0.01, 0.03], "momentum": 0.9,
                     "weight_decay": 1e-4, "p": 0.5, "cycles": 5, "seeds": 3},
        "paper": {"data": "cifar10", "images": 35000, "net": "resnet110", "epochs": 200,
                  "batch_size": 64, "lrs": [0.1, 0.2], "momentum": 0.9, "weight_decay": 1e-4,
                  "p": 0.2, "cycles": 5, "seeds": 3}},
    takes={"quick": "6 seconds of one core", "standard": "16 minutes of one core",
           "paper": "twice 200 epochs of a ResNet-110 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)

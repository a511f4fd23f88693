"""What the claims on early and late dropout share: networks, crops, noise that has its time.

The noise is dropout behind the hidden layers, with one rate for all, or stochastic depth with a
gate for each example and rates that grow from 0 in the first block, as in the paper's code.  Early
noise ends at a share of the run, `settings["cutoff"]`; late noise begins there.
"""

from ..binding import scaled
from ..plots import subplots
from ..schedules.early_late import early, late
from ..train import evaluate
from . import cnns, compare, recipe
from .augmented import crops, network, shifted
from .claim import Verdict

TIMES = {"standard": None,                       # arm: factors of the rate, one for each step
         "early": lambda cutoff, total: early(1.0, cutoff, total, "linear"),
         "late": lambda cutoff, total: late(1.0, cutoff, total)}
MIXER = {                                        # the settings of claims on a Mixer, of each scale
    "quick": {"data": "digits", "images": 1197, "net": "mixer", "patch": 2, "width": 16,
              "depth": 2, "noise": "dropout", "p": 0.1, "cutoff": 1 / 6, "padding": 1,
              "epochs": 12, "batch_size": 50, "lr": 0.1, "momentum": 0.9, "seeds": 5},
    "standard": {"data": "cifar10", "images": 10000, "net": "mixer", "patch": 8, "width": 32,
                 "depth": 4, "noise": "dropout", "p": 0.1, "cutoff": 1 / 6, "padding": 4,
                 "mirror": True, "epochs": 12, "batch_size": 100, "lr": 0.1, "momentum": 0.9,
                 "seeds": 5},
    "paper": {"data": "cifar10", "images": 35000, "net": "mixer", "patch": 4, "width": 192,
              "depth": 4, "noise": "dropout", "p": 0.1, "cutoff": 1 / 6, "padding": 4,
              "mirror": True, "epochs": 300, "batch_size": 128, "lr": 0.1, "momentum": 0.9,
              "seeds": 5}}
MLP = {                                          # and of those on a perceptron
    "quick": {"data": "digits", "images": 1197, "net": "mlp", "hidden": [20], "noise": "dropout",
              "p": 0.1, "cutoff": 1 / 6, "padding": 1, "epochs": 12, "batch_size": 50, "lr": 0.2,
              "momentum": 0.9, "seeds": 8},
    "standard": {"data": "mnist", "images": 10000, "net": "mlp", "hidden": [100, 100],
                 "noise": "dropout", "p": 0.1, "cutoff": 1 / 6, "padding": 4, "epochs": 20,
                 "batch_size": 100, "lr": 0.05, "momentum": 0.9, "seeds": 8},
    "paper": MIXER["paper"]}


def run(arm, seed, settings, progress):
    """Train one arm and measure it: the `run` of claims on one network."""
    splits = cnns.images(settings)
    net = train(arm, splits.train, settings, seed, progress)
    return measured(net, splits, settings, seed)


def train(arm, given, settings, seed, progress, classes=10, recorder=None, **changed):
    """Draw and train the network of an arm, "none" or one of TIMES; the network, in evaluation.

    `recorder(net)`, if there is one, makes a recorder for `fit` of the network as it was drawn;
    `changed` are settings, or what `recipe.train` takes besides.
    """
    own = settings | changed
    own["batch"] = crops(own)
    net, rates = network(own, given[0], 0.0 if arm == "none" else own["p"], classes)
    total, schedules = recipe.steps(given, own), {}
    if (factors := TIMES.get(arm)) is not None:
        schedules[rates] = scaled(factors(round(own["cutoff"] * total), total))
    if recorder is not None:
        own["recorder"] = recorder(net.init(seed))
    return recipe.train(net, given, own, seed, progress, schedules)


def measured(net, splits, settings, seed):
    """Test error; loss and error, without noise, on training images that are cut as in training."""
    loss, right = evaluate(net, shifted(splits.train, settings, seed))
    return {"error": recipe.error(net, splits.test), "training": round(loss, 6),
            "training_error": round(1 - right, 4)}


def lines(results):
    """For each arm the intervals of both errors, in percent, and of the training loss."""
    yield from compare.table(results, test_error="error", training_error="training_error")
    for arm in results:
        yield f"{arm}: training loss {compare.interval(compare.column(results, arm, 'training'))}"


def in_regime(results, regime, parts, name="error"):
    """The word by the intervals `parts` where the network "underfits", or "overfits"; a line on it.

    It underfits where it makes more errors with the noise throughout than without, and overfits
    where it makes fewer; where that is not seen, nothing is.
    """
    fewer, more = ("none", "standard") if regime == "underfits" else ("standard", "none")
    gap = compare.less(results, fewer, more, name)
    there = compare.sign(gap) == 1
    return compare.word(*parts) if there else "not seen at this scale", (
        f"the network {regime if there else 'does not ' + regime.removesuffix('s')}, as {more} "
        f"has {compare.percent(gap)} points more test error than {fewer}")


def in_pairs(results, regime, pairs, told=()):
    """The verdict of a claim that, in a regime, one arm of each pair makes fewer errors."""
    shown = [*lines(results)]
    if compare.one_seed(results):
        return compare.unjudged(shown)
    found, more = ({what: compare.interval(values) for what, values in
                    compare.differences(results, some).items()} for some in (pairs, told))
    word, there = in_regime(results, regime, found.values())
    shown += [there, *(f"test error, {compare.said({what: one})}"
                       for what, one in (found | more).items())]
    return Verdict(word, f"{errors(results)}; {compare.said(found)}; {there}", tuple(shown))


def errors(results):
    """The test errors of the arms, in a sentence."""
    return "test error " + ", ".join(
        f"{100 * compare.column(results, arm).mean():.2f} % of {arm}" for arm in results)


def draw(results, settings):
    """Two panels: test error and training loss of all arms, with the interval of each."""
    figure, axes = subplots(1, 2, size=(9.0, 1.2 + 0.45 * len(results)), sharey=True)
    for axis, name, factor, label in (
            (axes[0], "error", 100, f"test error on {compare.called(settings)}, %"),
            (axes[1], "training", 1, "training loss without noise, nats")):
        compare.rows(axis, {arm: factor * compare.column(results, arm, name) for arm in results})
        axis.set(xlabel=label)
    axes[0].set(ylabel="arm", title=compare.over(results))
    return figure

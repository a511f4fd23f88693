"""What every claim on pruning does: a network that one method trains, and how it survives."""

from ..damage import pruning_curve
from ..optim import SGD, Adam, cosine, step_decay
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..train import fit
from . import cnns, compare, mlps, recipe
from .pruners import layers, method

STYLES = {"none": (LIGHT, "-", "o"), "dropout": (LIGHT, "--", "o"), "L1": (MIDDLE, "-", "s"),
          "L0": (MIDDLE, "--", "^"), "variational": (MIDDLE, ":", "D"),
          "Smallify": (MIDDLE, "-.", "v"), "targeted": (DARK, "-", "o"),
          "ramping": (DARK, "--", "o")}
TRAINING = ("MLP 784-300-100-10 with ReLU on the first 5,000 training images of MNIST (quick: "
            "64-128-64-10 on digits); Adam at 0.01, which falls as half a cosine, 20 epochs, "
            "mini-batches of 100 (quick: 50), paired seeds. Methods act on the hidden layers, "
            "which are pruned; the last is not. ")
BASE = {"epochs": 20, "lr": 0.01, "start": 1.0, "seeds": 5}
QUICK = BASE | {"data": "digits", "images": 1197, "hidden": [128, 64], "batch_size": 50}
STANDARD = BASE | {"data": "mnist", "images": 5000, "hidden": [300, 100], "batch_size": 100}
PAPER = {"data": "cifar10", "images": 35000, "net": "resnet32", "epochs": 329, "batch_size": 128,
         "lr": 0.4, "falls": [0.444, 0.666, 0.887], "momentum": 0.9, "weight_decay": 2e-4,
         "start": 6.9, "seeds": 3,
         "shares": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]}
PAPERS = ("Paper: ResNet-32 on 35,000 images of CIFAR-10, measured on 10,000 others, with one "
          "setting of each method near those of the paper's published code, none of them chosen by "
          "us; its network is wider, it clips gradients, and where its run ends is not known to "
          "us.")


def run(arm, seed, settings, progress, part="test"):
    """Train by one method and prune without fine-tuning: the accuracy at each share.

    The settings of the method, `settings["chosen"][arm]`, go before those of all.  It is measured
    on the test data, or on another `part` of the splits.
    """
    own = settings | settings["chosen"][arm]
    splits = cnns.images(own) if "net" in own else mlps.images(own)
    x, total = splits.train[0], recipe.steps(splits.train, own)
    net = cnns.network(own, x) if "net" in own else mlps.network(own, x.shape[1])
    changed = method(arm, net, own, len(x), total)
    changed["schedules"] = {"lr": falling(own, total)} | changed.get("schedules", {})
    fit(net.init(seed), optimizer(own), splits.train, own["epochs"], batch_size=own["batch_size"],
        seed=seed, progress=progress, **changed)
    found = pruning_curve(net, getattr(splits, part), own["shares"], own["unit"],
                          pattern=f"{layers(own)}.weight")
    return {"accuracy": [round(float(right), 4) for right in found.accuracy]}


def optimizer(own):
    """Adam, under whose steps gates and noise can come from one end to the other; the paper's SGD.
    """
    if "momentum" not in own:
        return Adam(own["lr"])
    return SGD(own["lr"], own["momentum"], weight_decay=own["weight_decay"])


def falling(own, total):
    """The learning rates: half a cosine, or as in the paper, which has them fall in steps."""
    if "falls" not in own:
        return cosine(own["lr"], total)
    return step_decay(own["lr"], total, [round(at * total) for at in own["falls"]])


def table(results, settings):
    """Lines: the accuracy of each arm at each share, in percent."""
    yield f"test accuracy (%), mean and 95 % interval, by pruned share of {what(settings)}"
    yield "pruned " + "".join(f"{arm:>16}" for arm in results)
    for i, share in enumerate(settings["shares"]):
        ones = [compare.interval(compare.column(results, arm, "accuracy")[:, i]) for arm in results]
        yield f"{share:<7g}" + "".join(f"{compare.percent(one):>16}" for one in ones)


def draw(results, settings):
    """A figure: accuracy against pruned share, with 95 % intervals over the seeds."""
    figure, axis = subplots(size=(7.0, 4.2))
    places = range(len(settings["shares"]))
    for arm, runs in results.items():
        colour, line, marker = STYLES[arm]
        rows = compare.column(results, arm, "accuracy")
        ones = [compare.interval(100 * rows[:, i]) for i in places]
        axis.errorbar(places, [one.mean for one in ones],
                      [one.half for one in ones] if len(runs) > 1 else None, color=colour,
                      linestyle=line, marker=marker, markersize=4, capsize=2, label=arm)
    axis.set(xlabel=f"share of the {what(settings)} that is pruned (not to scale)", ylim=(0, 102),
             ylabel="test accuracy, %", xticks=[*places],
             xticklabels=[f"{share:g}" for share in settings["shares"]],
             title=f"{compare.called(settings)}, no fine-tuning; {compare.over(results)}")
    axis.legend(loc="lower left")
    return figure


def what(settings):
    """What is pruned."""
    return "units" if settings["unit"] else "weights"

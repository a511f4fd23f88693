"""What the claims on multi-sample dropout share: a network, its curves, what a step takes."""

import statistics
from itertools import pairwise

from ..bench.measure import in_turns, ratio
from ..nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from ..optim import SGD
from ..placement import beside
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..train import evaluate, train_step
from ..units.dropout import Dropout
from ..units.multi_sample import MultiSampleDropout, multi_sample_cross_entropy
from ..xp import array_module, asked, floats
from . import compare, recipe

STYLES = {"dropout": (MIDDLE, "--"), "m = 8": (DARK, "-")}
NETWORK = ("Three convolutions (16, 32 and 64 maps), each with ReLU and a pool, and a head of two "
           "layers (1024-128-10) on the first 5,000 training images of CIFAR-10, measured on "
           "5,000 others (quick: one convolution and 256-32-10 on digits). Dropout in front of "
           "both layers of the head, of 40 % and 30 %, two rates that a survey reports of the "
           "paper; its network is not known to us well enough to be repeated. SGD with momentum "
           "0.9, mini-batches of 100 (quick: 50), 15 epochs (quick: 10), a learning rate that "
           "falls as half a cosine: all arms have that first rate of 0.02, 0.05 and 0.1 (quick: "
           "0.05, 0.1 and 0.2) with which dropout made the fewest errors on validation data, with "
           "another seed. ")
QUICK = {"data": "digits", "images": 1197, "looked_at": 300, "maps": [16], "hidden": 32,
         "epochs": 10, "batch_size": 50, "lr": 0.2, "momentum": 0.9, "rates": [0.4, 0.3],
         "blocks": 5, "seeds": 5}
STANDARD = {"data": "cifar10", "images": 5000, "held_out": 5000, "looked_at": 2000,
            "maps": [16, 32, 64], "hidden": 128, "epochs": 15, "batch_size": 100, "lr": 0.05,
            "momentum": 0.9, "rates": [0.4, 0.3], "blocks": 15, "seeds": 5}
PAPER = STANDARD | {"images": 35000, "held_out": 10000, "looked_at": 10000,
                    "maps": [64, 128, 256], "hidden": 512, "epochs": 60, "seeds": 5}
TAKES = "60 epochs of most of CIFAR-10 each, for a GPU, and not timed by us"


def network(settings, x, m, rates=None, **moves):
    """Convolutions and a head of two layers behind `m` masks, not yet drawn; no dropout for m = 0.

    `rates` are those before the two layers, by default the settings'; `moves` are flip and padding.
    Weights have the same paths for every m, and so the same first values.
    """
    maps, size, stages = x.shape[1], x.shape[2], {}
    for k, wider in enumerate(settings["maps"], 1):
        stages[f"stage{k}"] = Sequential(conv=Conv2d(maps, wider, 3, padding=1), relu=ReLU(),
                                         pool=MaxPool2d(2))
        maps, size = wider, size // 2
    first, second = rates or settings["rates"]
    drop = {"drop": Dropout(second)} if m else {}
    width = settings["hidden"]
    head = Sequential(
        flatten=Flatten(),
        hidden=Sequential(linear=Linear(maps * size * size, width), relu=ReLU(), **drop),
        out=Linear(width, 10))
    return Sequential(**stages, out=MultiSampleDropout(head, first, m, **moves) if m else
                      Sequential(head=head))


def train(net, splits, settings, seed, progress, **changed):
    """Train a network: its curves, a number each epoch, and what it ends in.

    `losses` are means of the training loss, masks included, `errors` those on the first
    `settings["looked_at"]` of the images to be measured on.  At the end: `loss`, the last of the
    former, `clean`, the loss on the training images without masks, and the `error` on all images
    to be measured on.
    """
    found, losses, steps = (
        {"losses": [], "errors": []}, [], in_epoch(settings))  # type: ignore[var-annotated]
    seen = recipe.first(splits.test, settings["looked_at"])

    def look(step, net, loss):
        losses.append(loss)
        if len(losses) == steps:
            found["losses"].append(round(statistics.fmean(floats(losses)), 5))
            found["errors"].append(recipe.error(net, seen))
            losses.clear()

    recipe.train(net, splits.train, settings, seed, progress, loss=multi_sample_cross_entropy,
                 recorder=look, **changed)
    return found | {"loss": found["losses"][-1], "error": recipe.error(net, splits.test),
                    "clean": round(evaluate(net, splits.train).loss, 5)}


def in_epoch(settings):
    """How many steps an epoch has."""
    return -(-settings["images"] // settings["batch_size"])


def cost(contender, plain, settings):
    """The time of a step over that of a plain one, and the latter in ms: both medians.

    Both are (net, (x, y)): a network, not yet drawn, and its mini-batch.  They take turns, so that
    a busy neighbour meets both.
    """
    def step(net, pair):
        sgd, there = SGD(settings["lr"], settings["momentum"]), asked() or "numpy"
        net.init(0).to(there)
        x, y = beside(pair, there)
        return lambda: float(train_step(net, sgd, x, y, multi_sample_cross_entropy))  # it waits

    times, others = in_turns([step(*contender), step(*plain)], settings["blocks"])
    return {"cost": round(ratio(times, others), 4), "ms": round(statistics.median(others), 4)}


def saved(losses, other):
    """The share of its steps that a run saves on the way to the final training loss of another.

    Below 0 where it is the other that gets early to where this one ends.
    """
    there = reached(losses, other[-1])
    return 1 - there if there is not None else reached(other, losses[-1]) - 1


def reached(losses, level):
    """After which share of a run its loss, between two epochs on a line, is at `level`; or None."""
    if losses[0] <= level:
        return 1 / len(losses)
    for k, (before, after) in enumerate(pairwise(losses), 1):
        if after <= level:
            return (k + (before - level) / (before - after)) / len(losses)
    return None


def savings(results, arm, other):
    """What each seed of an arm saves, (seeds,): of the other's steps, and of its time."""
    pairs = [*zip(results[arm], results[other], strict=True)]
    steps = [saved(a["losses"], b["losses"]) for a, b in pairs]
    time = [1 - (1 - share) * a["cost"] / b["cost"] if "cost" in a else 0.0
            for share, (a, b) in zip(steps, pairs, strict=True)]
    return tuple(array_module().asarray(row) for row in (steps, time))


def table(results):
    """Lines: what each arm ends in."""
    yield from compare.table(results, held_out_error="error")
    for arm, runs in results.items():
        loss, clean = (compare.interval(compare.column(results, arm, name))
                       for name in ("loss", "clean"))
        yield (f"{arm}: training loss {loss} under its masks, {clean} without"
               + (f"; a step takes {statistics.fmean(run['cost'] for run in runs):.2f} times that "
                  "of dropout" if "cost" in runs[0] else ""))


def draw(results, settings):
    """Training loss and held-out error, against iterations and against seconds."""
    figure, axes = subplots(2, 2, size=(9.0, 6.0), sharey="row")
    steps = in_epoch(settings)
    plain = statistics.fmean(run["ms"] for runs in results.values() for run in runs)
    for arm, runs in results.items():
        colour, line = STYLES.get(arm, (LIGHT, "-"))
        ms = plain * statistics.fmean(run["cost"] for run in runs)
        for row, (name, factor) in zip(axes, (("losses", 1), ("errors", 100)), strict=True):
            values = factor * compare.column(results, arm, name)
            along = array_module().arange(1, values.shape[1] + 1) * steps
            for axis, scale in zip(row, (1, ms / 1000), strict=True):
                curve(axis, along * scale, values, colour, line, arm)
    axes[0][0].set(ylabel="training loss (nats), of an epoch", title=compare.over(results))
    axes[0][1].set(title="seconds: iterations times that of a step")
    axes[1][0].set(ylabel=f"error on {compare.called(settings)}, %", xlabel="iterations",
                   ylim=(0, None))
    axes[1][1].set(xlabel="seconds")
    axes[0][0].legend()
    return figure


def curve(axis, along, values, colour, line, label):
    """The mean of values (seeds, places) with its 95 % interval as a band."""
    axis.plot(along, values.mean(0), color=colour, linestyle=line, label=label)
    if len(values) > 1:
        band = compare.interval(values)
        axis.fill_between(along, band.low, band.high, color=colour, alpha=0.2, linewidth=0)

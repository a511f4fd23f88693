"""How every claim trains: SGD with momentum, a rate that falls as half a cosine, one choice."""

import contextlib
import math

from ..optim import SGD, cosine
from ..train import Diverged, evaluate, fit

TAKEN = ("loss", "project", "penalty", "batch", "recorder")    # by `fit`, where a claim has them


def train(net, given, settings, seed, progress, schedules=None, **changed):
    """Draw and train a network by SGD with momentum; the network, in evaluation.

    `schedules` come to that of the learning rate; `changed` are settings, and what `fit` takes
    besides: loss, project, penalty, batch, recorder.
    """
    own = settings | changed
    lr, epochs, batch_size = own["lr"], own["epochs"], own["batch_size"]
    sgd = SGD(lr, own["momentum"], weight_decay=own.get("weight_decay", 0.0))
    rates = {"lr": cosine(lr, steps(given, own))} | (schedules or {})
    fit(net.init(seed), sgd, given, epochs, batch_size=batch_size, seed=seed, schedules=rates,
        progress=progress, **{name: own[name] for name in TAKEN if name in own})
    return net.eval()


def steps(given, settings):
    """How many steps the training of a pair (x, y) takes."""
    return settings["epochs"] * -(-len(given[0]) // settings["batch_size"])


def first(pair, count):
    """The first examples of a pair (x, y)."""
    return tuple(part[:count] for part in pair)


def error(net, pair):
    """The share of wrong labels of a network on a pair (x, y), as a claim keeps it."""
    return round(1 - evaluate(net, pair).accuracy, 4)


def each(make, settings):
    """{rate: make(rate)} for `settings["lrs"]`, but for those at which the loss is not finite."""
    made = {}
    for lr in settings["lrs"]:
        with contextlib.suppress(Diverged):
            made[lr] = make(lr)
    if not made:
        raise Diverged("lrs must hold a rate at which the loss stays finite, got "
                       + ", ".join(f"{lr:g}" for lr in settings["lrs"]))
    return made


def best(made, wrong):
    """(rate, what was made, its errors) of that with the fewest, `wrong(one)`; of equals the first.

    >>> best({0.1: "ab", 0.2: "a", 0.4: "b"}, len)
    (0.2, 'a', 1)
    """
    errors = {lr: wrong(one) for lr, one in made.items()}
    lr = min(errors, key=errors.__getitem__)
    return lr, made[lr], errors[lr]


def climb(make, lr, wrong):
    """{rate: (what was made, its errors)} around `lr`, until those beside the best are no better.

    Rates are halved and doubled.  One at which the loss is not finite counts as wrong throughout,
    and nothing is kept of it; Diverged where that is so of all.

    >>> [*climb(lambda lr: lr, 0.2, lambda lr: abs(lr - 0.5))]
    [0.2, 0.1, 0.4, 0.8]
    """
    made: dict = {}

    def look(rate):
        if rate not in made:
            try:
                net = make(rate)
                made[rate] = net, wrong(net)
            except Diverged:
                made[rate] = None, math.inf
        return made[rate][1]

    top, best = None, lr
    while best != top:
        top = best
        best = min((top, top / 2, 2 * top), key=look)
    if made[top][0] is None:
        raise Diverged(f"lr must be near a rate at which the loss stays finite, got {lr:g}")
    return made


def climbed(make, settings, splits):
    """What came out of the best rate that `climb` finds on validation data, from the first on.

    The test data are seen once, by that network.
    """
    made = climb(make, settings["first_lr"], lambda net: error(net, splits.validation))
    lr = min(made, key=lambda rate: made[rate][1])
    net, wrong = made[lr]
    return {**errors(net, splits), "lr": lr, "validation": wrong, "tried": sorted(made)}


def errors(net, splits):
    """The shares of wrong labels on the test data and on the training data."""
    return {"error": error(net, splits.test), "training": error(net, splits.train)}


def chosen(make, settings, splits):
    """What came out of the rate whose network `make(lr)` has the fewest errors on validation data.

    The test data are seen once, by that network.
    """
    lr, net, wrong = best(each(make, settings), lambda net: error(net, splits.validation))
    return {"error": error(net, splits.test), "lr": lr, "validation": wrong}

"""How every claim trains: SGD with momentum, a rate that falls as half a cosine, one choice."""

from ..optim import SGD, cosine
from ..train import evaluate, fit

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


def chosen(make, settings, splits):
    """What came out of the rate whose network `make(lr)` has the fewest errors on validation data.

    Of equal ones the first of `settings["lrs"]`.  The test data are seen once, by that network.
    """
    nets = {lr: make(lr) for lr in settings["lrs"]}
    errors = {lr: error(net, splits.validation) for lr, net in nets.items()}
    lr = min(errors, key=errors.__getitem__)
    return {"error": error(nets[lr], splits.test), "lr": lr, "validation": errors[lr]}
